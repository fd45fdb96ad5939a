/*
 * What the commands open: the database, its lock, and the settings.
 *
 * Promises: whoever holds the lock is named, with what does the same there.
 */

#include <stdio.h>
#include <stdlib.h>

#include "cli/cli_private.h"
#include "store/kv.h"
#include "store/lock.h"
#include "store/older.h"
#include "store/schema.h"


int
msync_cli_fail(const msync_err_t *err)
{
    char  text[MSYNC_ERR_TEXT_MAX + 512];

    fprintf(stderr, "msync: %s: %s\n", msync_err_variant(err->variant),
            msync_err_full(err, text, sizeof(text)));
    return 1;
}


int
msync_cli_print(char *document, const msync_err_t *err)
{
    if (document == NULL) {
        return msync_cli_fail(err);
    }

    puts(document);
    msync_free(&document);

    return 0;
}


int
msync_cli_open(msync_cli_t *cli, unsigned flags, msync_err_t *err)
{
    if (cli->store == NULL) {
        cli->store = msync_store_open(cli->conf->database, cli->catalogue,
                                      flags, err);
        return cli->store ? MSYNC_OK : MSYNC_ERROR;
    }

    if ((flags & MSYNC_STORE_CREATE)
        && msync_store_write(cli->store, err) != MSYNC_OK)
    {
        msync_err_context(err, cli->conf->database);
        return MSYNC_ERROR;
    }

    return MSYNC_OK;
}


int
msync_cli_expect_schema(msync_cli_t *cli, msync_err_t *err)
{
    return msync_cli_open(cli, MSYNC_STORE_READ_ONLY, err) == MSYNC_OK
           ? msync_store_expect_schema(cli->store, err) : MSYNC_ERROR;
}


int
msync_cli_open_writing(msync_cli_t *cli, msync_err_t *err)
{
    int   interrupted_runs;
    bool  older;

    if (msync_cli_open(cli, MSYNC_STORE_CREATE, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    msync_store_set_hook(cli->store, msync_cli_interrupted, NULL);

    /* the run says what comes of it */
    if (msync_cli_load_settings(cli, err) != MSYNC_OK
        || msync_store_load_marks(cli->store, cli->lock, NULL, err)
           != MSYNC_OK
        || msync_store_note_older(cli->store, &older, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    return msync_store_log_close_interrupted(cli->store, NULL,
                                             &interrupted_runs,
                                             err);
}


/* a hook of whatever waits */

int
msync_cli_interrupted(void *data, msync_err_t *err)
{
    (void) data;

    return msync_cli_is_stopped()
           ? msync_err_set(err, MSYNC_ERR_CANCELLED,
                           "interrupted from the terminal")
           : MSYNC_OK;
}


int
msync_cli_lock(msync_cli_t *cli, const char *endpoint, msync_err_t *err)
{
    int   rc;
    long  holder = 0;

    rc = msync_store_lock(cli->conf->database, &cli->lock, &holder, err);

    if (rc == MSYNC_AGAIN) {
        fprintf(stderr, "msync: process %ld syncs this database (nginx's "
                "helper, most likely); ", holder);

        if (endpoint != NULL) {
            fprintf(stderr, "use the page or POST to its \"%s\" endpoint, or ",
                    endpoint);
        }

        fprintf(stderr, "stop nginx first\n");
        return MSYNC_ERROR;
    }

    if (rc != MSYNC_OK) {
        msync_cli_fail(err);
    }

    return rc;
}


/* what is said on the command line wins over what was saved */

int
msync_cli_load_settings(msync_cli_t *cli, msync_err_t *err)
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
