/*
 * What each terminal command does.
 *
 * Promises: reading commands never take the lock and never write; a command
 * that syncs says who holds the lock and what to do instead.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "cli/cli_private.h"
#include "confine/confine.h"
#include "channel/control.h"
#include "serve/status.h"
#include "base/clock.h"
#include "store/backup.h"
#include "store/buffer.h"
#include "store/changelog.h"
#include "store/check.h"
#include "store/dismiss.h"
#include "store/kv.h"
#include "store/lock.h"
#include "store/refused.h"
#include "store/send.h"
#include "store/schema.h"


int
msync_cli_fail(const msync_err_t *err)
{
    char  text[MSYNC_ERR_TEXT_MAX + 512];

    fprintf(stderr, "msync: %s: %s\n", msync_err_variant(err->variant),
            msync_err_full(err, text, sizeof(text)));
    return 1;
}


static void
print_json(const char *text)
{
    fputs(text, stdout);
    fputc('\n', stdout);
}


int
msync_cli_open(msync_cli_t *cli, unsigned flags, msync_err_t *err)
{
    cli->store = msync_store_open(cli->conf->database, cli->catalogue, flags,
                                  err);
    return cli->store ? MSYNC_OK : MSYNC_ERROR;
}


/* takes the lock, or says who has it */

int
msync_cli_lock(msync_cli_t *cli, const char *endpoint, msync_err_t *err)
{
    int   rc;
    long  holder = 0;

    rc = msync_store_lock(cli->conf->database, &cli->lock, &holder, err);

    if (rc == MSYNC_AGAIN) {
        fprintf(stderr, "msync: process %ld syncs this database (nginx's "
                "helper, most likely); use the page or POST to its \"%s\" "
                "endpoint, or stop nginx first\n", holder, endpoint);
        return MSYNC_ERROR;
    }

    if (rc != MSYNC_OK) {
        msync_cli_fail(err);
    }

    return rc;
}


/* what is said on the command line wins over what was saved */

static int
load_settings(msync_cli_t *cli, msync_err_t *err)
{
    msync_conf_t  *conf = cli->conf;

    if (msync_store_load_settings(cli->store, conf, err) != MSYNC_OK
        || (cli->url != NULL
            && msync_conf_set_url(conf, cli->url, err) != MSYNC_OK))
    {
        return MSYNC_ERROR;
    }

    if (cli->username != NULL) {
        free(conf->username);
        conf->username = msync_strdup(cli->username);
    }

    if (cli->password_file != NULL) {
        free(conf->password_file);
        conf->password_file = msync_strdup(cli->password_file);
        return msync_conf_read_password(conf, err);
    }

    return MSYNC_OK;
}


static int
read_status(msync_cli_t *cli, msync_status_t *status, msync_err_t *err)
{
    int64_t  paused = 0;

    memset(status, 0, sizeof(msync_status_t));

    if (load_settings(cli, err) != MSYNC_OK
        || msync_store_log_last(cli->store, &status->entry, err) != MSYNC_OK
        || msync_store_log_last_success(cli->store, &status->success, err)
           != MSYNC_OK
        || msync_store_queue(cli->store, MSYNC_KEY_PUSH_CURSOR,
                             &status->queue, err) != MSYNC_OK
        || msync_store_failures(cli->store, &status->failed, err)
           != MSYNC_OK
        || msync_store_dismissed(cli->store, &status->dismissed, err)
           != MSYNC_OK
        || msync_store_never_sent(cli->store, &status->never_sent, err)
           != MSYNC_OK
        || msync_store_get_int(cli->store, MSYNC_KEY_PAUSED, &paused, err)
           != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    status->interval = cli->conf->interval;
    status->paused = paused != 0;
    status->running = status->entry.id != 0 && status->entry.finished == 0;

    return MSYNC_OK;
}


int
msync_cli_status(msync_cli_t *cli)
{
    char            *text, time[32];
    msync_err_t      err;
    msync_status_t   status;

    static const char *const  states[] = MSYNC_STATE_NAMES;

    if (msync_cli_open(cli, MSYNC_STORE_READ_ONLY, &err) != MSYNC_OK
        || read_status(cli, &status, &err) != MSYNC_OK)
    {
        return msync_cli_fail(&err);
    }

    if (cli->json) {
        text = msync_status_document(&status, false);
        printf("{\"state\":\"%s\",%s\n", states[msync_status_state(&status)],
               text);
        msync_free(&text);
        return 0;
    }

    printf("state            %s\n", states[msync_status_state(&status)]);
    printf("records waiting  %lld\n", (long long) status.queue);
    printf("failed records   %lld\n", (long long) status.failed);
    printf("last success     %s\n", status.success.id
           ? msync_clock_format(status.success.finished, time) : "none");

    if (status.entry.variant != MSYNC_ERR_NONE) {
        printf("last error       %s: %s\n",
               msync_err_variant(status.entry.variant), status.entry.text);
    }

    return 0;
}


static void
show_run(void *data, const msync_log_entry_t *entry)
{
    char  time[32];

    (void) data;

    printf("%6lld  %s  %6llds  %s\n", (long long) entry->id,
           msync_clock_format(entry->started, time),
           (long long) (entry->finished
                        ? (entry->finished - entry->started) / 1000 : 0),
           entry->variant ? msync_err_variant(entry->variant)
                          : entry->finished ? "ok" : "running");
}


int
msync_cli_history(msync_cli_t *cli)
{
    char         *text;
    msync_err_t   err;

    if (msync_cli_open(cli, MSYNC_STORE_READ_ONLY, &err) != MSYNC_OK) {
        return msync_cli_fail(&err);
    }

    if (!cli->json) {
        return msync_store_log_history(cli->store, MSYNC_HISTORY_RUNS,
                                       show_run, NULL, &err) == MSYNC_OK
               ? 0 : msync_cli_fail(&err);
    }

    text = msync_status_history(cli->store, &err);
    if (text == NULL) {
        return msync_cli_fail(&err);
    }

    print_json(text);
    msync_free(&text);

    return 0;
}


int
msync_cli_schema(msync_cli_t *cli)
{
    char  *text;

    text = msync_store_schema(cli->catalogue);
    fputs(text, stdout);
    msync_free(&text);

    return 0;
}


static int
interrupted(void *data, msync_err_t *err)
{
    (void) data;

    return msync_cli_is_stopped() ? msync_err_set(err, MSYNC_ERR_CANCELLED,
                                "interrupted from the terminal")
                : MSYNC_OK;
}


int
msync_cli_open_writing(msync_cli_t *cli, msync_err_t *err)
{
    int  interrupted_runs;

    if (msync_cli_open(cli, MSYNC_STORE_CREATE, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    msync_store_set_hook(cli->store, interrupted, NULL);

    if (load_settings(cli, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    return msync_store_log_close_interrupted(cli->store, &interrupted_runs,
                                             err);
}


int
msync_cli_sync(msync_cli_t *cli)
{
    char               hardware_id[MSYNC_HARDWARE_ID_MAX + 1];
    msync_err_t        err;
    msync_run_t        run;
    msync_log_entry_t  entry;

    if (msync_cli_lock(cli, "trigger", &err) != MSYNC_OK) {
        return 1;
    }

    if (msync_cli_open_writing(cli, &err) != MSYNC_OK
        || msync_conf_hardware_id(cli->conf, hardware_id, &err) != MSYNC_OK)
    {
        return msync_cli_fail(&err);
    }

    if (!msync_conf_complete(cli->conf)) {
        fprintf(stderr, "msync: this site has no settings yet; give --url, "
                "--username and --password-file\n");
        return 1;
    }

    msync_confine(cli->conf->ssl_trusted_certificate);

    memset(&run, 0, sizeof(run));
    run.store = cli->store;
    run.catalogue = cli->catalogue;
    run.conf = cli->conf;
    run.hardware_id = hardware_id;
    run.fd = -1;
    run.hook = interrupted;
    run.report = msync_cli_progress;
    run.report_data = cli;

    if (msync_run(&run, &entry, &err) != MSYNC_OK) {
        msync_cli_end_line(cli);
        return msync_cli_fail(&err);
    }

    if (cli->json) {
        return msync_cli_status(cli);
    }

    return 0;
}


static void
add_finding(void *data, const char *text)
{
    cJSON_AddItemToArray(data, cJSON_CreateString(text));
}


int
msync_cli_check(msync_cli_t *cli)
{
    int          status;
    char        *text;
    cJSON       *findings, *finding;
    msync_err_t  err;

    findings = cJSON_CreateArray();

    if (msync_cli_open(cli, MSYNC_STORE_READ_ONLY, &err) != MSYNC_OK
        || msync_store_check(cli->store, add_finding, findings, &err)
           != MSYNC_OK)
    {
        cJSON_Delete(findings);
        return msync_cli_fail(&err);
    }

    status = cJSON_GetArraySize(findings) > 0;

    if (cli->json) {
        text = cJSON_PrintUnformatted(findings);
        printf("{\"findings\":%s}\n", text ? text : "[]");
        free(text);

    } else {
        cJSON_ArrayForEach(finding, findings) {
            fprintf(stderr, "msync: %s\n", finding->valuestring);
        }

        if (status == 0) {
            puts("nothing wrong was found");
        }
    }

    cJSON_Delete(findings);
    return status;
}


static void
say_reinitialise(const msync_cli_t *cli, int64_t unsent, bool restored)
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
            "until central's replace them. The next run pulls everything "
            "anew, which may take long. Unsent changes: %lld.%s\n",
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
count_unsent(msync_store_t *store, int64_t *n, int64_t *restored,
    msync_err_t *err)
{
    int64_t  refused;

    *restored = 0;

    if (msync_store_get_int(store, MSYNC_KEY_RESTORED, restored, err)
        != MSYNC_OK
        || msync_store_refused_count(store, &refused, err) != MSYNC_OK
        || msync_store_queue(store, *restored ? NULL : MSYNC_KEY_PUSH_CURSOR,
                             n, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    *n += *restored ? 0 : refused;
    return MSYNC_OK;
}


int
msync_cli_reinitialise(msync_cli_t *cli)
{
    int          rc;
    int64_t      unsent, restored;
    msync_err_t  err;

    if (cli->yes && msync_cli_lock(cli, "trigger", &err) != MSYNC_OK) {
        return 1;
    }

    rc = cli->yes ? msync_cli_open_writing(cli, &err)
                  : msync_cli_open(cli, MSYNC_STORE_READ_ONLY, &err);

    if (rc != MSYNC_OK
        || count_unsent(cli->store, &unsent, &restored, &err) != MSYNC_OK
        || (cli->yes && msync_store_reinitialise(cli->store, cli->discard,
                                                 &err) != MSYNC_OK))
    {
        return msync_cli_fail(&err);
    }

    say_reinitialise(cli, unsent, restored != 0);

    if (!cli->yes) {
        fprintf(stderr, "msync: nothing was done; say --yes to do it\n");
        return 1;
    }

    return 0;
}


int
msync_cli_backup(msync_cli_t *cli)
{
    char         *text;
    cJSON        *json;
    msync_err_t   err;

    if (msync_cli_open(cli, MSYNC_STORE_READ_ONLY, &err) != MSYNC_OK
        || msync_store_backup(cli->store, cli->arguments[0], &err) != MSYNC_OK)
    {
        return msync_cli_fail(&err);
    }

    if (cli->json) {
        json = cJSON_CreateObject();
        cJSON_AddStringToObject(json, "backup", cli->arguments[0]);
        text = cJSON_PrintUnformatted(json);
        print_json(text ? text : "{}");
        free(text);
        cJSON_Delete(json);
    }

    return 0;
}
