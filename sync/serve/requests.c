/*
 * Requests that are about records: dismiss, send.
 *
 * Promises: a body is taken as it was meant or not at all; nothing of it, and
 * no error of the database, is repeated but names of tables.  One that takes
 * long is answered all the same, while somebody waits, and then goes on, in the
 * next helper where this one ends.
 */

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "serve/document.h"
#include "serve/requests_private.h"
#include "serve/settings_private.h"
#include "store/dismiss.h"
#include "store/kv.h"
#include "store/send.h"

#define REQUESTS_DISMISS_FORM                                                 \
    "The body has to be {\"tableName\", \"recordId\"}, {\"tableName\", "      \
    "\"error\"} or {\"all\": true}."
#define REQUESTS_SEND_FORM                                                    \
    "The body has to be {\"tables\": [NAME, ...]} or {\"all\": true}."

struct msync_records_s {
    const msync_serve_request_t  *request;
    const char                   *name;    /* what is counted */
    int64_t                       n;       /* records or rows that are done so
                                              far */
    int64_t                       never_sent;      /* never sent before this
                                                      request */
    bool                          saved;   /* the database has it until it is
                                              done */
    bool                          answered;
};


static int requests_do(msync_serve_t *serve, const cJSON *body,
    char **reply);
static int requests_save(msync_serve_t *serve, msync_err_t *err);
static void requests_forget(msync_serve_t *serve);
static int requests_dismiss(msync_serve_t *serve, const cJSON *body,
    char **reply);
static bool requests_which(const cJSON *body, msync_dismiss_t *which);
static int requests_send(msync_serve_t *serve, const cJSON *body,
    char **reply);
static bool requests_tables(const cJSON *body, const char ***tables,
    size_t *n);
static int requests_between(void *data, msync_err_t *err);
static void requests_tell(msync_serve_t *serve);
static int requests_failed(const msync_records_t *records,
    const msync_err_t *err);
static char *requests_count(const msync_records_t *records, bool goes_on);


int
msync_requests_answer(msync_serve_t *serve,
    const msync_serve_request_t *request, char **reply)
{
    int               status;
    cJSON            *json;
    msync_records_t   records = { .request = request };

    /* cJSON alone passes over what follows, and octets that are no UTF-8 */
    json = msync_json_is_object(request->body, request->length)
           ? cJSON_ParseWithLength(request->body, request->length) : NULL;
    records.never_sent = serve->status.never_sent;
    records.saved = records.answered = request->id == 0;
    serve->records = &records;
    serve->give_up = records.answered ? 0 : request->came + MSYNC_SETTINGS_LATE;

    status = json != NULL ? requests_do(serve, json, reply)
             : msync_document_refuse(400, "INVALID_REQUEST", "The body is not "
                                     "a JSON object in UTF-8.", reply);

    requests_forget(serve);
    serve->give_up = 0;
    serve->records = NULL;
    cJSON_Delete(json);

    if (status < 300 || records.answered) {
        msync_serve_refresh(serve);
        msync_serve_send_lists(serve);
        msync_serve_report(serve, true);
    }

    return records.answered ? 0 : status;
}


void
msync_requests_resume(msync_serve_t *serve)
{
    char                   *reply = NULL;
    int64_t                 which = MSYNC_REQUEST_MAX;
    msync_err_t             err;
    msync_serve_request_t   request = { 0 };

    if (msync_store_get_string(serve->store, MSYNC_KEY_RECORDS, &request.body,
                               &err) != MSYNC_OK
        || msync_store_get_int(serve->store, MSYNC_KEY_RECORDS, &which, &err)
           != MSYNC_OK)
    {
        msync_log_err(&err, "what was asked of records");

    } else if (request.body != NULL && !serve->closed) {
        request.came = msync_clock_monotonic();
        request.request = (msync_request_e) which;
        request.length = strlen(request.body);
        (void) msync_requests_answer(serve, &request, &reply);
    }

    msync_free(&request.body);
    msync_free(&reply);
}


static int
requests_do(msync_serve_t *serve, const cJSON *body, char **reply)
{
    return serve->records->request->request == MSYNC_REQUEST_SEND
           ? requests_send(serve, body, reply)
           : requests_dismiss(serve, body, reply);
}


/* from here on it goes on, whatever becomes of this helper */

static int
requests_save(msync_serve_t *serve, msync_err_t *err)
{
    msync_records_t              *records = serve->records;
    const msync_serve_request_t  *request = records->request;

    if (records->saved) {
        return MSYNC_OK;
    }

    if (msync_store_begin(serve->store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (msync_store_set_string(serve->store, MSYNC_KEY_RECORDS, request->body,
                               err) != MSYNC_OK
        || msync_store_set_int(serve->store, MSYNC_KEY_RECORDS,
                               request->request, err) != MSYNC_OK)
    {
        msync_store_rollback(serve->store);
        return MSYNC_ERROR;
    }

    records->saved = msync_store_commit(serve->store, err) == MSYNC_OK;

    return records->saved ? MSYNC_OK : MSYNC_ERROR;
}


/* it is done, or has failed */

static void
requests_forget(msync_serve_t *serve)
{
    msync_err_t  err;

    if (serve->records->saved && !serve->closed
        && msync_store_unset(serve->store, MSYNC_KEY_RECORDS, &err)
           != MSYNC_OK)
    {
        msync_log_err(&err, "what was asked of records");
    }
}


static int
requests_dismiss(msync_serve_t *serve, const cJSON *body, char **reply)
{
    msync_err_t       err;
    msync_dismiss_t   which;
    msync_records_t  *records = serve->records;

    if (!requests_which(body, &which)) {
        return msync_document_refuse(400, "INVALID_REQUEST",
                                     REQUESTS_DISMISS_FORM, reply);
    }

    records->name = "dismissed";

    if (requests_save(serve, &err) != MSYNC_OK
        || msync_store_dismiss(serve->store, &which, requests_between, serve,
                               &records->n, &err) != MSYNC_OK)
    {
        *reply = msync_document_error(&err);
        return requests_failed(records, &err);
    }

    *reply = requests_count(records, false);
    return 200;
}


/* false when the members are not those of one of the three forms */

static bool
requests_which(const cJSON *body, msync_dismiss_t *which)
{
    const cJSON  *member;

    memset(which, 0, sizeof(msync_dismiss_t));

    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(body, "all"))) {
        return cJSON_GetArraySize(body) == 1;
    }

    cJSON_ArrayForEach(member, body) {
        if (!cJSON_IsString(member)) {
            return false;
        }

        if (strcmp(member->string, "tableName") == 0) {
            which->table = member->valuestring;

        } else if (strcmp(member->string, "recordId") == 0) {
            which->record_id = member->valuestring;

        } else if (strcmp(member->string, "error") == 0) {
            which->error = member->valuestring;

        } else {
            return false;
        }
    }

    return which->table != NULL
           && (which->record_id == NULL) != (which->error == NULL);
}


static int
requests_send(msync_serve_t *serve, const cJSON *body, char **reply)
{
    int               status;
    char              text[MSYNC_ERR_TEXT_MAX];
    size_t            n;
    const char       *unknown, **tables;
    msync_err_t       err;
    msync_records_t  *records = serve->records;

    if (!requests_tables(body, &tables, &n)) {
        return msync_document_refuse(400, "INVALID_REQUEST",
                                     REQUESTS_SEND_FORM, reply);
    }

    records->name = "queued";
    unknown = NULL;

    if (requests_save(serve, &err) == MSYNC_OK
        && msync_store_send(serve->store, tables, n, requests_between, serve,
                            &records->n, &unknown, &err) == MSYNC_OK)
    {
        status = 202;
        *reply = requests_count(records, false);

    } else if (unknown != NULL) {
        status = msync_document_refuse(400, "INVALID_REQUEST",
                                       msync_err_full(&err, text, sizeof(text)),
                                       reply);

    } else {
        status = requests_failed(records, &err);
        *reply = msync_document_error(&err);
    }

    free(tables);

    return status;
}


/* n = 0: all; false when the members are not those of one of the two forms */

static bool
requests_tables(const cJSON *body, const char ***tables, size_t *n)
{
    const cJSON  *list, *name;

    *tables = NULL;
    *n = 0;

    if (cJSON_GetArraySize(body) != 1) {
        return false;
    }

    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(body, "all"))) {
        return true;
    }

    list = cJSON_GetObjectItemCaseSensitive(body, "tables");

    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) == 0) {
        return false;
    }

    *tables = msync_calloc(cJSON_GetArraySize(list), sizeof(char *));

    cJSON_ArrayForEach(name, list) {
        if (!cJSON_IsString(name)) {
            free(*tables);
            return false;
        }

        (*tables)[(*n)++] = name->valuestring;
    }

    return true;
}


/*
 * Between two transactions: pings are answered, and whoever waits for this, or
 * behind it, is told before nginx gives up.
 */

static int
requests_between(void *data, msync_err_t *err)
{
    int64_t         now = msync_clock_monotonic();
    msync_err_t     busy;
    msync_serve_t  *serve = data;

    if (msync_serve_hear(serve, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (now - serve->records->request->came >= MSYNC_SETTINGS_WAIT
        && !serve->records->answered)
    {
        (void) msync_requests_goes_on(serve);
    }

    if (now - serve->reported >= SERVE_WATCH_PAUSE) {
        requests_tell(serve);
    }

    (void) msync_err_set(&busy, MSYNC_ERR_TIMEOUT, "records are being queued "
                         "or dismissed, so nothing else could be done in time");
    busy.advice = "Nothing was changed; try again in some minutes.";
    msync_serve_refuse_late(serve, &busy);

    return MSYNC_OK;
}


bool
msync_requests_goes_on(msync_serve_t *serve)
{
    char             *body;
    msync_records_t  *records = serve->records;

    if (records == NULL || !records->saved) {
        return false;
    }

    if (!records->answered) {
        records->answered = true;
        body = requests_count(records, true);
        msync_serve_reply(serve, records->request->id, 202, body);
        msync_free(&body);
    }

    serve->give_up = 0;
    return true;
}


/* what is left is not counted anew, for that takes seconds of a million */

static void
requests_tell(msync_serve_t *serve)
{
    const msync_records_t  *records = serve->records;

    if (records->request->request == MSYNC_REQUEST_SEND
        && records->n <= records->never_sent)
    {
        serve->status.never_sent = records->never_sent - records->n;
    }

    msync_serve_refresh(serve);
    msync_serve_report(serve, true);
}


/* the database was locked until nobody waited any more, or does not work */

static int
requests_failed(const msync_records_t *records, const msync_err_t *err)
{
    if (records->answered && err->variant != MSYNC_ERR_HELPER_STOPPED) {
        msync_log_err(err, "queueing or dismissing the rest");
    }

    return err->variant == MSYNC_ERR_TIMEOUT ? 504 : 500;
}


static char *
requests_count(const msync_records_t *records, bool goes_on)
{
    cJSON  *json;

    json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, records->name, records->n);

    if (goes_on) {
        cJSON_AddTrueToObject(json, "goesOn");
    }

    return msync_document_print(json);
}
