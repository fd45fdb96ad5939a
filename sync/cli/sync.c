/*
 * The commands that sync: sync, and reinitialise, which prepares one.
 *
 * Promises: neither writes without the lock; sync confines the process once all
 * is open.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli_private.h"
#include "confine/confine.h"
#include "store/changelog.h"
#include "store/kv.h"
#include "store/refused.h"
#include "store/send.h"


static int sync_hardware_id(const msync_cli_t *cli,
    char id[MSYNC_HARDWARE_ID_MAX + 1], msync_err_t *err);
static void sync_say_reinitialise(const msync_cli_t *cli, int64_t unsent,
    bool restored);
static int sync_count_unsent(msync_store_t *store, int64_t *n,
    bool *restored, msync_err_t *err);


/*
 * By the rights of whoever has the database: root sees names of the machine,
 * such as the firmware's, that nginx's helper does not, and central takes a
 * site with another id for another machine.
 */

static int
sync_hardware_id(const msync_cli_t *cli, char id[MSYNC_HARDWARE_ID_MAX + 1],
    msync_err_t *err)
{
    int          rc;
    bool         as_owner;
    struct stat  st;

    as_owner = geteuid() == 0 && stat(cli->conf->database, &st) == 0
               && st.st_uid != 0 && setegid(st.st_gid) == 0
               && seteuid(st.st_uid) == 0;

    rc = msync_conf_hardware_id(cli->conf, id, err);

    if (as_owner && (seteuid(0) == -1 || setegid(0) == -1)) {
        return msync_err_set(err, MSYNC_ERR_UNKNOWN, "the rights of root "
                             "cannot be taken back: %s", strerror(errno));
    }

    msync_cli_end_together();
    return rc;
}


int
msync_cli_sync(msync_cli_t *cli)
{
    char               hardware_id[MSYNC_HARDWARE_ID_MAX + 1];
    msync_err_t        err;
    msync_run_t        run;
    msync_log_entry_t  entry;

    /* a database without settings has to be one that msync has set up */
    if ((cli->url == NULL || cli->username == NULL
         || cli->password_file == NULL)
        && msync_cli_expect_schema(cli, &err) != MSYNC_OK)
    {
        return msync_cli_fail(&err);
    }

    if (msync_cli_lock(cli, "trigger", &err) != MSYNC_OK) {
        return 1;
    }

    if (msync_cli_open_writing(cli, &err) != MSYNC_OK
        || sync_hardware_id(cli, hardware_id, &err) != MSYNC_OK)
    {
        return msync_cli_fail(&err);
    }

    if (!msync_conf_complete(cli->conf)) {
        fprintf(stderr, "msync: this site has no settings yet; give --url, "
                "--username and --password-file\n");
        return 1;
    }

    msync_confine(cli->conf->ssl_trusted_certificate);

    msync_cli_prepare(cli, &run, MSYNC_DOES_SYNC);
    run.hardware_id = hardware_id;
    run.report = msync_cli_progress;
    run.report_data = cli;

    if (msync_run(&run, &entry, &err) != MSYNC_OK) {
        msync_cli_end_line(cli);

        /* its error is in the document too, with the steps that were done */
        if (cli->json) {
            (void) msync_cli_show_status(cli);
        }

        return msync_cli_fail(&err);
    }

    /* what is confined opens nothing again: neither the database nor the
     * password file */
    return cli->json ? msync_cli_show_status(cli) : 0;
}


void
msync_cli_prepare(msync_cli_t *cli, msync_run_t *run, msync_does_e does)
{
    memset(run, 0, sizeof(msync_run_t));
    run->store = cli->store;
    run->catalogue = cli->catalogue;
    run->conf = cli->conf;
    run->does = does;
    run->fd = -1;
    run->hook = msync_cli_interrupted;
}


static void
sync_say_reinitialise(const msync_cli_t *cli, int64_t unsent, bool restored)
{
    if (cli->json) {
        printf("{\"reinitialised\":%s,\"unsent\":%lld,\"discarded\":%s,"
               "\"centralRestored\":%s}\n", cli->yes ? "true" : "false",
               (long long) unsent,
               cli->yes && cli->discard ? "true" : "false",
               restored ? "true" : "false");
        return;
    }

    fprintf(cli->yes ? stdout : stderr,
            "This forgets what was pulled from central and %s; rows stay "
            "until central's replace them, and those that it does not send "
            "any more are removed then, or listed by \"msync check\". The "
            "next run pulls everything anew, which may take long. Unsent "
            "changes: %lld.%s\n",
            cli->discard ? "DISCARDS unsent changes"
                         : "keeps unsent changes, which are sent first",
            (long long) unsent,
            restored ? " Central was restored from a backup and may have "
                       "lost what this site had sent, so these are all "
                       "changes that were ever made here."
                     : "");
}


/* what central refused is unsent as well, and all that a restored central may
 * have lost */

static int
sync_count_unsent(msync_store_t *store, int64_t *n, bool *restored,
    msync_err_t *err)
{
    int64_t         refused, doubted;
    msync_site_t    site;
    msync_speaks_e  speaks;

    if (msync_store_site_get(store, &site, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    *restored = site.restored != 0;

    if (msync_store_refused_count(store, &refused, err) != MSYNC_OK
        || msync_store_doubted(store, &doubted, err) != MSYNC_OK
        || msync_store_speaks(store, &speaks, err) != MSYNC_OK
        || msync_store_queue(store, *restored ? NULL
                                    : msync_store_push_cursor(speaks), n, err)
           != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    *n += doubted + (*restored ? 0 : refused);
    return MSYNC_OK;
}


int
msync_cli_reinitialise(msync_cli_t *cli)
{
    int          rc;
    bool         restored;
    int64_t      unsent;
    msync_err_t  err;

    if (cli->yes && msync_cli_lock(cli, NULL, &err) != MSYNC_OK) {
        return 1;
    }

    rc = cli->yes ? msync_cli_open_writing(cli, &err)
                  : msync_cli_open(cli, MSYNC_STORE_READ_ONLY, &err);

    if (rc != MSYNC_OK
        || sync_count_unsent(cli->store, &unsent, &restored, &err) != MSYNC_OK
        || (cli->yes
            && msync_run_reinitialise(cli->store, cli->discard, &err)
               != MSYNC_OK))
    {
        return msync_cli_fail(&err);
    }

    sync_say_reinitialise(cli, unsent, restored);

    if (!cli->yes) {
        fprintf(stderr, "msync: nothing was done; say --yes to do it\n");
        return 1;
    }

    return 0;
}
