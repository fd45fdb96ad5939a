/*
 * Renders the documents of docs/openapi.yaml with cJSON.
 *
 * Promises: names and shapes are those of Open mSupply's GraphQL API; no
 * document holds a password or its hash.
 */

#include <stdlib.h>
#include <string.h>

#include "serve/document.h"
#include "serve/status.h"
#include "base/clock.h"
#include "store/buffer.h"
#include "store/changelog.h"
#include "store/dismiss.h"
#include "store/kv.h"
#include "store/log.h"
#include "store/send.h"

#define WARNING_DAYS  1            /* Open mSupply's defaults */
#define ERROR_DAYS    3

#define LIST_HEAD     64           /* octets around a list's members */

typedef struct {
    cJSON   *array;                /* borrowed */
    size_t   left;
} list_t;

static const char  *const step_names[MSYNC_STEP_MAX] = {
    "prepareInitial", "pushV6", "push", "waitForIntegration", "pullCentral",
    "pullRemote", "pullV6", "pull", "integration"
};


static void status_add_time(cJSON *json, const char *name, int64_t ms);
static void status_add_span(cJSON *json, int64_t started, int64_t finished,
    bool duration);
static void status_add_summary(cJSON *json, const char *name,
    const msync_log_entry_t *entry);
static void status_add_step(cJSON *json, msync_step_e which,
    const msync_step_log_t *step);
static bool status_has_step(msync_step_e which, bool v7);
static void status_add_error(cJSON *json, msync_variant_e variant,
    const char *text);
static cJSON *status_of_run(const msync_log_entry_t *entry,
    const msync_log_entry_t *success, bool running, bool stopped);
static void status_add_to_list(list_t *list, cJSON *item);
static void status_add_run(void *data, const msync_log_entry_t *entry);
static void status_add_failed(void *data, const msync_failed_t *failed);
static void status_add_text(cJSON *json, const char *name, const char *text);


static void
status_add_time(cJSON *json, const char *name, int64_t ms)
{
    char  text[32];

    if (ms == 0) {
        cJSON_AddNullToObject(json, name);

    } else {
        cJSON_AddStringToObject(json, name, msync_clock_format(ms, text));
    }
}


static void
status_add_span(cJSON *json, int64_t started, int64_t finished, bool duration)
{
    int64_t  end;

    status_add_time(json, "started", started);
    status_add_time(json, "finished", finished);

    if (duration) {
        end = finished ? finished : msync_clock_wall();
        cJSON_AddNumberToObject(json, "durationInSeconds",
                                end > started ? (end - started) / 1000 : 0);
    }
}


static void
status_add_summary(cJSON *json, const char *name,
    const msync_log_entry_t *entry)
{
    if (entry->id == 0) {
        cJSON_AddNullToObject(json, name);

    } else {
        status_add_span(cJSON_AddObjectToObject(json, name), entry->started,
                        entry->finished, true);
    }
}


static void
status_add_step(cJSON *json, msync_step_e which, const msync_step_log_t *step)
{
    bool    counts;
    cJSON  *object;

    if (step->started == 0) {
        cJSON_AddNullToObject(json, step_names[which]);
        return;
    }

    object = cJSON_AddObjectToObject(json, step_names[which]);
    counts = which != MSYNC_STEP_PREPARE;
    status_add_span(object, step->started, step->finished, !counts);

    if (counts) {
        if (step->total < 0 || which == MSYNC_STEP_WAIT) {
            cJSON_AddNullToObject(object, "total");
            cJSON_AddNullToObject(object, "done");

        } else {
            cJSON_AddNumberToObject(object, "total", step->total);
            cJSON_AddNumberToObject(object, "done", step->done);
        }
    }
}


/* whether a run has that step, by what it speaks */

static bool
status_has_step(msync_step_e which, bool v7)
{
    switch (which) {

    case MSYNC_STEP_PUSH:
    case MSYNC_STEP_INTEGRATE:
        return true;

    case MSYNC_STEP_WAIT:
    case MSYNC_STEP_PULL:
        return v7;

    default:
        return !v7;
    }
}


static void
status_add_error(cJSON *json, msync_variant_e variant, const char *text)
{
    if (variant == MSYNC_ERR_NONE) {
        cJSON_AddNullToObject(json, "error");

    } else {
        msync_document_add_error(json, msync_err_variant(variant), text);
    }
}


static cJSON *
status_of_run(const msync_log_entry_t *entry, const msync_log_entry_t *success,
    bool running, bool stopped)
{
    int     i;
    cJSON  *json;

    json = cJSON_CreateObject();
    cJSON_AddBoolToObject(json, "isSyncing", running && !stopped);

    if (running && stopped) {
        status_add_error(json, MSYNC_ERR_HELPER_STOPPED,
                         msync_err_advice(MSYNC_ERR_HELPER_STOPPED));
    } else {
        status_add_error(json, entry->variant, entry->text);
    }

    cJSON_AddNumberToObject(json, "warningThreshold", WARNING_DAYS);
    cJSON_AddNumberToObject(json, "errorThreshold", ERROR_DAYS);
    status_add_summary(json, "summary", entry);

    if (success != NULL) {
        status_add_summary(json, "lastSuccessfulSync", success);
    }

    for (i = 0; i < MSYNC_STEP_MAX; i++) {
        if (status_has_step(i, entry->v7)) {
            status_add_step(json, i, &entry->steps[i]);
        }
    }

    return json;
}


int
msync_status_read(msync_store_t *store, msync_status_t *status,
    msync_err_t *err)
{
    int64_t         doubted;
    msync_speaks_e  speaks;

    if (msync_store_site_get(store, &status->site, err) != MSYNC_OK
        || msync_store_speaks(store, &speaks, err) != MSYNC_OK
        || msync_store_queue(store, msync_store_push_cursor(speaks),
                             &status->queue, err) != MSYNC_OK
        || msync_store_doubted(store, &doubted, err) != MSYNC_OK
        || msync_store_failures(store, &status->failed, err) != MSYNC_OK
        || msync_store_dismissed(store, &status->dismissed, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    status->queue += doubted;
    status->v7 = speaks == MSYNC_SPEAKS_V7;

    return MSYNC_OK;
}


msync_state_e
msync_status_state(const msync_status_t *status)
{
    return msync_site_shows(&status->site, status->running,
                            status->entry.id != 0
                            && status->entry.variant != MSYNC_ERR_NONE);
}


char *
msync_status_document(const msync_status_t *status, bool stopped)
{
    char   *text;
    cJSON  *json;

    json = cJSON_CreateObject();

    cJSON_AddStringToObject(json, "initialisationStatus",
                            msync_site_initialisation(&status->site));
    cJSON_AddNumberToObject(json, "numberOfRecordsInPushQueue",
                            status->queue);
    cJSON_AddNumberToObject(json, "integrationErrors", status->failed);
    cJSON_AddNumberToObject(json, "intervalSeconds", status->interval);
    status_add_time(json, "nextSync", stopped ? 0 : status->next_sync);
    status_add_time(json, "databaseLockedSince",
                    stopped ? 0 : status->locked_since);

    if (stopped || status->log_octets == 0) {
        cJSON_AddNullToObject(json, "databaseLogBytes");

    } else {
        cJSON_AddNumberToObject(json, "databaseLogBytes",
                                status->log_octets);
    }

    cJSON_AddNumberToObject(json, "recordsNeverSent", status->never_sent);
    cJSON_AddStringToObject(json, "protocol", status->v7 ? "v7" : "v6");

    if (status->entry.id == 0) {
        cJSON_AddNullToObject(json, "syncStatus");

    } else {
        cJSON_AddItemToObject(json, "syncStatus",
                              status_of_run(&status->entry, &status->success,
                                            status->running, stopped));
    }

    /* the module puts the opening brace and its own members before it */
    text = msync_document_print(json);
    memmove(text, text + 1, strlen(text));

    return text;
}


/* takes over the item; what does not fit any more is left out */

static void
status_add_to_list(list_t *list, cJSON *item)
{
    char    *text;
    size_t   length;

    text = cJSON_PrintUnformatted(item);
    length = text ? strlen(text) + 1 : SIZE_MAX;
    free(text);

    if (length > list->left) {
        list->left = 0;
        cJSON_Delete(item);
        return;
    }

    list->left -= length;
    cJSON_AddItemToArray(list->array, item);
}


static void
status_add_run(void *data, const msync_log_entry_t *entry)
{
    cJSON  *json;

    json = status_of_run(entry, NULL, entry->finished == 0, false);
    cJSON_AddNumberToObject(json, "id", entry->id);

    if (entry->repeated > 1) {
        cJSON_AddNumberToObject(json, "repeated", entry->repeated);
        status_add_time(json, "firstStarted", entry->first_started);
    }

    status_add_to_list(data, json);
}


char *
msync_status_history(msync_store_t *store, msync_err_t *err)
{
    cJSON   *json;
    list_t   runs;

    json = cJSON_CreateObject();
    runs.array = cJSON_AddArrayToObject(json, "runs");
    runs.left = MSYNC_LIST_MAX - LIST_HEAD;

    if (msync_store_log_history(store, MSYNC_HISTORY_RUNS, status_add_run,
                                &runs, err)
        != MSYNC_OK)
    {
        cJSON_Delete(json);
        return NULL;
    }

    return msync_document_print(json);
}


static void
status_add_failed(void *data, const msync_failed_t *failed)
{
    cJSON  *json;

    json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "tableName", failed->table);
    cJSON_AddStringToObject(json, "recordId", failed->record_id);
    cJSON_AddStringToObject(json, "action", failed->action);

    if (failed->field != NULL) {
        cJSON_AddStringToObject(json, "field", failed->field);
    }

    cJSON_AddStringToObject(json, "error", failed->error);

    if (failed->since != NULL) {
        cJSON_AddStringToObject(json, "since", failed->since);
    } else {
        cJSON_AddNullToObject(json, "since");
    }

    cJSON_AddNumberToObject(json, "tries", failed->tries);
    cJSON_AddBoolToObject(json, "dismissed", failed->dismissed);
    status_add_to_list(data, json);
}


char *
msync_status_errors(msync_store_t *store, bool dismissed, msync_err_t *err)
{
    int       rc;
    cJSON    *json;
    list_t    errors;
    int64_t   total;

    rc = dismissed ? msync_store_dismissed(store, &total, err)
                   : msync_store_failures(store, &total, err);

    if (rc != MSYNC_OK) {
        return NULL;
    }

    json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "total", total);
    errors.array = cJSON_AddArrayToObject(json, "errors");
    errors.left = MSYNC_LIST_FAILED - LIST_HEAD;

    if (msync_store_buffer_errors(store, dismissed, MSYNC_ERRORS_MAX,
                                  status_add_failed, &errors, err)
        != MSYNC_OK)
    {
        cJSON_Delete(json);
        return NULL;
    }

    return msync_document_print(json);
}


static void
status_add_text(cJSON *json, const char *name, const char *text)
{
    if (text == NULL || *text == '\0') {
        cJSON_AddNullToObject(json, name);

    } else {
        cJSON_AddStringToObject(json, name, text);
    }
}


char *
msync_status_settings(msync_store_t *store, const msync_conf_t *conf,
    const char *hardware_id, msync_err_t *err)
{
    char     *name = NULL;
    cJSON    *json;
    int64_t   site = -1;

    if (store != NULL
        && (msync_store_get_string(store, MSYNC_KEY_SITE_NAME, &name, err)
            != MSYNC_OK
            || msync_store_get_int(store, MSYNC_KEY_SITE_ID, &site, err)
               != MSYNC_OK))
    {
        return NULL;
    }

    json = cJSON_CreateObject();
    status_add_text(json, "url", conf->url);
    status_add_text(json, "username", conf->username);
    cJSON_AddNumberToObject(json, "intervalSeconds", conf->interval);
    cJSON_AddBoolToObject(json, "passwordSet",
                          conf->password_sha256[0] != '\0');
    status_add_text(json, "hardwareId", hardware_id);

    if (site >= 0) {
        cJSON_AddNumberToObject(json, "siteId", site);
    } else {
        cJSON_AddNullToObject(json, "siteId");
    }

    status_add_text(json, "siteName", name);
    msync_free(&name);

    return msync_document_print(json);
}
