/*
 * Requests that are about records: dismiss, send.
 *
 * Promises: a body is taken as it was meant or not at all; nothing of it, and
 * no error of the database, is repeated but names of tables.
 */

#include <stdlib.h>
#include <string.h>

#include "serve/document.h"
#include "serve/requests.h"
#include "store/dismiss.h"
#include "store/send.h"

#define REQUESTS_DISMISS_FORM                                                 \
    "The body has to be {\"tableName\", \"recordId\"}, {\"tableName\", "      \
    "\"error\"} or {\"all\": true}."
#define REQUESTS_SEND_FORM                                                    \
    "The body has to be {\"tables\": [NAME, ...]} or {\"all\": true}."


static int requests_dismiss(msync_store_t *store, const cJSON *body,
    char **reply);
static bool requests_which(const cJSON *body, msync_dismiss_t *which);
static int requests_send(msync_store_t *store, const cJSON *body,
    char **reply);
static bool requests_tables(const cJSON *body, const char ***tables,
    size_t *n);
static int requests_failed(const msync_err_t *err);
static int requests_count(int status, const char *name, int64_t n,
    char **reply);


int
msync_requests_answer(msync_store_t *store, msync_request_e request,
    const char *body, size_t length, char **reply)
{
    int     status;
    cJSON  *json;

    json = cJSON_ParseWithLength(body, length);

    if (!cJSON_IsObject(json)) {
        status = msync_document_refuse(400, "INVALID_REQUEST", "The body is "
                                       "not a JSON object.", reply);

    } else {
        status = request == MSYNC_REQUEST_SEND
                 ? requests_send(store, json, reply)
                 : requests_dismiss(store, json, reply);
    }

    cJSON_Delete(json);

    return status;
}


static int
requests_dismiss(msync_store_t *store, const cJSON *body, char **reply)
{
    int64_t          n;
    msync_err_t      err;
    msync_dismiss_t  which;

    if (!requests_which(body, &which)) {
        return msync_document_refuse(400, "INVALID_REQUEST",
                                     REQUESTS_DISMISS_FORM, reply);
    }

    if (msync_store_dismiss(store, &which, &n, &err) != MSYNC_OK) {
        *reply = msync_document_error(&err);
        return requests_failed(&err);
    }

    return requests_count(200, "dismissed", n, reply);
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
requests_send(msync_store_t *store, const cJSON *body, char **reply)
{
    int            status;
    char           text[MSYNC_ERR_TEXT_MAX];
    size_t         n;
    int64_t        queued;
    const char    *unknown, **tables;
    msync_err_t    err;

    if (!requests_tables(body, &tables, &n)) {
        return msync_document_refuse(400, "INVALID_REQUEST",
                                     REQUESTS_SEND_FORM, reply);
    }

    unknown = NULL;

    if (msync_store_send(store, tables, n, &queued, &unknown, &err)
        == MSYNC_OK)
    {
        status = requests_count(202, "queued", queued, reply);

    } else if (unknown != NULL) {
        status = msync_document_refuse(400, "INVALID_REQUEST",
                                       msync_err_full(&err, text, sizeof(text)),
                                       reply);

    } else {
        status = requests_failed(&err);
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


/* the database was locked until nobody waited any more, or does not work */

static int
requests_failed(const msync_err_t *err)
{
    return err->variant == MSYNC_ERR_TIMEOUT ? 504 : 500;
}


static int
requests_count(int status, const char *name, int64_t n, char **reply)
{
    cJSON  *json;

    json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, name, n);
    *reply = msync_document_print(json);

    return status;
}
