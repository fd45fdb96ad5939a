/*
 * The commands about single records: errors, retry, dismiss, send.
 */

#include <stdio.h>

#include "cli/cli_private.h"
#include "serve/status.h"
#include "store/buffer.h"
#include "store/dismiss.h"
#include "store/refused.h"
#include "store/send.h"


static void records_show(void *data, const msync_failed_t *failed);
static int records_open(msync_cli_t *cli, const char *endpoint,
    msync_err_t *err);


int
msync_cli_errors(msync_cli_t *cli)
{
    msync_err_t  err;

    if (msync_cli_open(cli, MSYNC_STORE_READ_ONLY, &err) != MSYNC_OK) {
        return msync_cli_fail(&err);
    }

    if (!cli->json) {
        return msync_store_buffer_errors(cli->store, cli->dismissed,
                                         MSYNC_ERRORS_MAX, records_show, NULL,
                                         &err) == MSYNC_OK
               ? 0 : msync_cli_fail(&err);
    }

    return msync_cli_print(msync_status_errors(cli->store, cli->dismissed,
                                               &err), &err);
}


static void
records_show(void *data, const msync_failed_t *failed)
{
    (void) data;

    printf("%s %s %s: %s (since %s, %lld tries)\n", failed->action,
           failed->table, failed->record_id, failed->error,
           failed->since ? failed->since : "?", (long long) failed->tries);
}


int
msync_cli_retry(msync_cli_t *cli)
{
    int64_t            refused;
    msync_err_t        err;
    msync_run_t        run;
    msync_log_entry_t  entry;

    if (records_open(cli, "retry", &err) != MSYNC_OK) {
        return 1;
    }

    msync_cli_prepare(cli, &run, MSYNC_DOES_RETRY);
    run.offline = true;

    if (msync_run(&run, &entry, &err) != MSYNC_OK
        || msync_store_refused_count(cli->store, &refused, &err) != MSYNC_OK)
    {
        return msync_cli_fail(&err);
    }

    printf(cli->json ? "{\"integrated\":%lld,\"failed\":%lld,"
                       "\"toBeSent\":%lld}\n"
                     : "%lld integrated, %lld failed, %lld to be sent again "
                       "with the next sync\n",
           (long long) run.counters.integrated,
           (long long) run.counters.failed,
           (long long) refused);

    return 0;
}


const char *
msync_cli_dismiss_lacks(const msync_cli_t *cli)
{
    bool  record = cli->narguments == 2, error = cli->error != NULL;

    return (cli->narguments == 0 ? cli->all && !error
                                 : !cli->all && record != error)
           ? NULL
           : "say a TABLE and a RECORD, a TABLE and --error TEXT, or --all";
}


int
msync_cli_dismiss(msync_cli_t *cli)
{
    int64_t          n;
    msync_err_t      err;
    msync_dismiss_t  which;

    which.table = cli->arguments[0];
    which.record_id = cli->narguments == 2 ? cli->arguments[1] : NULL;
    which.error = cli->error;

    if (records_open(cli, "errors/dismiss", &err) != MSYNC_OK) {
        return 1;
    }

    if (msync_store_dismiss(cli->store, &which, msync_cli_interrupted, NULL,
                            &n, &err) != MSYNC_OK)
    {
        return msync_cli_fail(&err);
    }

    printf(cli->json ? "{\"dismissed\":%lld}\n"
                     : "%lld dismissed: kept, no more counted, back when the "
                       "record changes\n", (long long) n);

    return 0;
}


const char *
msync_cli_send_lacks(const msync_cli_t *cli)
{
    return cli->all == (cli->narguments > 0)
           ? "say which TABLEs, or --all" : NULL;
}


int
msync_cli_send(msync_cli_t *cli)
{
    int64_t       queued;
    const char   *unknown;
    msync_err_t   err;

    if (records_open(cli, "send", &err) != MSYNC_OK) {
        return 1;
    }

    if (msync_store_send(cli->store, cli->arguments, cli->narguments,
                         msync_cli_interrupted, NULL, &queued, &unknown, &err)
        != MSYNC_OK)
    {
        return msync_cli_fail(&err);
    }

    printf(cli->json ? "{\"queued\":%lld}\n"
                     : "%lld to be sent with the next sync\n",
           (long long) queued);

    return 0;
}


/* with the lock; says what is wrong */

static int
records_open(msync_cli_t *cli, const char *endpoint, msync_err_t *err)
{
    if (msync_cli_lock(cli, endpoint, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (msync_cli_open_writing(cli, err) != MSYNC_OK) {
        msync_cli_fail(err);
        return MSYNC_ERROR;
    }

    return MSYNC_OK;
}
