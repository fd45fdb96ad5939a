/*
 * The commands that read only.
 *
 * Promises: they never take the lock and never write.
 */

#include <stdio.h>
#include <string.h>

#include "cli/cli_private.h"
#include "channel/control.h"
#include "serve/document.h"
#include "serve/status.h"
#include "base/clock.h"
#include "store/backup.h"
#include "store/check.h"
#include "store/disk.h"
#include "store/schema.h"
#include "store/send.h"


static int commands_read_status(msync_cli_t *cli, msync_status_t *status,
    msync_err_t *err);
static void commands_show_run(void *data, const msync_log_entry_t *entry);
static void commands_add_finding(void *data, const char *text);
static void commands_print(const char *name, cJSON *value);


int
msync_cli_status(msync_cli_t *cli)
{
    msync_err_t  err;

    if (msync_cli_open(cli, MSYNC_STORE_READ_ONLY, &err) != MSYNC_OK
        || msync_cli_load_settings(cli, &err) != MSYNC_OK)
    {
        return msync_cli_fail(&err);
    }

    return msync_cli_show_status(cli);
}


int
msync_cli_show_status(msync_cli_t *cli)
{
    char            *text, time[32];
    msync_err_t      err;
    msync_status_t   status;

    static const char *const  states[] = MSYNC_STATE_NAMES;

    if (commands_read_status(cli, &status, &err) != MSYNC_OK) {
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

    if (status.never_sent > 0) {
        printf("never sent       %lld, which \"msync send\" queues\n",
               (long long) status.never_sent);
    }

    printf("last success     %s\n", status.success.id
           ? msync_clock_format(status.success.finished, time) : "none");

    if (status.entry.variant != MSYNC_ERR_NONE) {
        printf("last error       %s: %s\n",
               msync_err_variant(status.entry.variant), status.entry.text);
    }

    return 0;
}


static int
commands_read_status(msync_cli_t *cli, msync_status_t *status, msync_err_t *err)
{
    memset(status, 0, sizeof(msync_status_t));

    if (msync_store_log_last(cli->store, &status->entry, err) != MSYNC_OK
        || msync_store_log_last_success(cli->store, &status->success, err)
           != MSYNC_OK
        || msync_status_read(cli->store, status, err) != MSYNC_OK
        || msync_store_never_sent(cli->store, &status->never_sent, err)
           != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    status->interval = cli->conf->interval;
    status->log_octets = msync_store_log_large(cli->store);
    status->running = status->entry.id != 0 && status->entry.finished == 0;

    return MSYNC_OK;
}


static void
commands_show_run(void *data, const msync_log_entry_t *entry)
{
    char  time[32];

    (void) data;

    printf("%6lld  %s  %6llds  %s\n", (long long) entry->id,
           msync_clock_format(entry->started, time),
           (long long) msync_store_log_seconds(entry),
           entry->variant ? msync_err_variant(entry->variant)
                          : entry->finished ? "ok" : "running");
}


int
msync_cli_history(msync_cli_t *cli)
{
    msync_err_t  err;

    if (msync_cli_open(cli, MSYNC_STORE_READ_ONLY, &err) != MSYNC_OK) {
        return msync_cli_fail(&err);
    }

    if (!cli->json) {
        return msync_store_log_history(cli->store, MSYNC_HISTORY_RUNS,
                                       commands_show_run, NULL, &err)
               == MSYNC_OK
               ? 0 : msync_cli_fail(&err);
    }

    return msync_cli_print(msync_status_history(cli->store, &err), &err);
}


static void
commands_add_finding(void *data, const char *text)
{
    cJSON_AddItemToArray(data, cJSON_CreateString(text));
}


int
msync_cli_check(msync_cli_t *cli)
{
    int          status;
    cJSON       *findings, *finding;
    msync_err_t  err;

    findings = cJSON_CreateArray();

    if (msync_cli_open(cli, MSYNC_STORE_READ_ONLY, &err) != MSYNC_OK
        || msync_store_check(cli->store, commands_add_finding, findings, &err)
           != MSYNC_OK)
    {
        cJSON_Delete(findings);
        return msync_cli_fail(&err);
    }

    status = cJSON_GetArraySize(findings) > 0;

    if (cli->json) {
        commands_print("findings", findings);

    } else {
        cJSON_ArrayForEach(finding, findings) {
            fprintf(stderr, "msync: %s\n", finding->valuestring);
        }

        if (status == 0) {
            puts("nothing wrong was found");
        }

        cJSON_Delete(findings);
    }

    return status;
}


int
msync_cli_schema(msync_cli_t *cli)
{
    char  *text;

    text = msync_store_schema(cli->catalogue);

    if (cli->json) {
        commands_print("schema", cJSON_CreateString(text));

    } else {
        fputs(text, stdout);
    }

    msync_free(&text);

    return 0;
}


/* an object with one member; takes over the value */

static void
commands_print(const char *name, cJSON *value)
{
    cJSON  *json;

    json = cJSON_CreateObject();
    cJSON_AddItemToObject(json, name, value);
    (void) msync_cli_print(msync_document_print(json), NULL);
}


int
msync_cli_backup(msync_cli_t *cli)
{
    msync_err_t  err;

    if (msync_cli_open(cli, MSYNC_STORE_READ_ONLY, &err) != MSYNC_OK
        || msync_store_backup(cli->store, cli->arguments[0], &err) != MSYNC_OK)
    {
        return msync_cli_fail(&err);
    }

    if (cli->json) {
        commands_print("backup", cJSON_CreateString(cli->arguments[0]));
    }

    return 0;
}
