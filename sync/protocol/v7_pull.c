/*
 * Owns the pull of API v7, the patients and the records of one of them.
 * Promises that a cursor never goes back, that a pull which makes no progress
 * ends with an error, that data passes through octet by octet, and that a
 * record leaves with this program's name of its table where there is one.
 */

#include "protocol/v7_private.h"
#include "catalogue/v7.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


/* a pull's answer, while it is read */

typedef struct {
    const msync_catalogue_t  *catalogue;
    msync_wire_records_t      records;
    int64_t                   end;        /* lastCursorInBatch, -1: not
                                             there, as the next two */
    int64_t                   remaining;
    int64_t                   max;
} v7_answer_t;

/* the patients of an answer, while it is read */

typedef struct {
    msync_v7_found_t  *found;
    size_t             n;
    bool               more;
    bool               list;     /* the answer had a list */
} v7_patients_t;


static void v7_answer_init(v7_answer_t *answer, const msync_v7_t *v7,
    msync_batch_t *batch);
static int v7_ask(msync_v7_t *v7, const char *path, msync_json_out_t *body,
    v7_answer_t *answer, msync_err_t *err);
static int v7_pull_end(int64_t cursor, const v7_answer_t *answer,
    msync_err_t *err);
static bool v7_answer_member(void *data, msync_json_t *json,
    const char *key);
static bool v7_record(void *data, msync_record_t *record, msync_json_t *json);
static bool v7_record_member(void *data, msync_json_t *json,
    const char *key);
static void v7_record_name(v7_answer_t *answer, msync_record_t *record);
static void v7_record_merge(v7_answer_t *answer);
static int v7_patient_pull(msync_peer_t *peer, int64_t cursor, int64_t had,
    unsigned limit, msync_batch_t *batch, msync_err_t *err);
static int v7_patient_busy(msync_peer_t *peer, bool *busy,
    msync_err_t *err);
static void v7_put_filter(msync_json_out_t *body, const char *name,
    const char *how, const char *value);
static bool v7_found_top(void *data, msync_json_t *json, const char *key);
static bool v7_found_member(void *data, msync_json_t *json,
    const char *key);


int
msync_v7_pull(msync_peer_t *peer, int64_t cursor, int64_t had,
    unsigned limit, msync_batch_t *batch, msync_err_t *err)
{
    char               where[64];
    msync_v7_t        *v7 = peer->data;
    v7_answer_t        answer;
    msync_json_out_t   body;

    (void) had;

    v7_answer_init(&answer, v7, batch);
    answer.records.limit = msync_wire_limit(limit);

    memset(&body, 0, sizeof(body));
    msync_json_put_text(&body, "{\"cursor\":");
    msync_json_put_integer(&body, cursor);
    msync_json_put_text(&body, ",\"batchSize\":");
    msync_json_put_integer(&body, limit);
    msync_json_put_text(&body, ",\"isInitialising\":");
    msync_json_put_text(&body, v7->setup.initialised ? "false}" : "true}");

    if (v7_ask(v7, "pull", &body, &answer, err) != MSYNC_OK
        || v7_pull_end(cursor, &answer, err) != MSYNC_OK)
    {
        msync_batch_clear(batch);

        /* one of central's rows is at fault; smaller batches bring those before
         * it */

        if (err->variant == MSYNC_ERR_CENTRAL_DATABASE_ERROR) {
            err->scope = MSYNC_SCOPE_RECORD;
            (void) snprintf(where, sizeof(where), "the records behind the "
                            "cursor %" PRId64, cursor);
            (void) msync_err_context(err, where);
        }

        return MSYNC_ERROR;
    }

    return MSYNC_OK;
}


static void
v7_answer_init(v7_answer_t *answer, const msync_v7_t *v7,
    msync_batch_t *batch)
{
    memset(answer, 0, sizeof(*answer));
    answer->catalogue = v7->setup.catalogue;
    answer->records.batch = batch;
    answer->end = answer->remaining = answer->max = -1;
}


/* frees the body; the batch is the caller's to clear after an error */

static int
v7_ask(msync_v7_t *v7, const char *path, msync_json_out_t *body,
    v7_answer_t *answer, msync_err_t *err)
{
    int                         rc;
    msync_v7_call_t             call = { 0 };
    msync_transfer_response_t   res;

    call.path = path;
    call.body = body;
    rc = msync_v7_call(v7, &call, &res, err);
    msync_json_out_free(body);

    if (rc != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    rc = msync_v7_object(&res, v7_answer_member, answer, err);
    msync_transfer_response_clear(&res);

    if (rc != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (answer->end < 0) {
        return msync_wire_lacks(MSYNC_V7_NAME, "lastCursorInBatch", err);
    }

    return answer->remaining < 0
           ? msync_wire_lacks(MSYNC_V7_NAME, "remaining", err) : MSYNC_OK;
}


/*
 * Central reads its end before the records: nothing up to `lastCursorInBatch`
 * comes any more.  What it says of what is left is a distance of cursors.
 */

static int
v7_pull_end(int64_t cursor, const v7_answer_t *answer, msync_err_t *err)
{
    int64_t         highest;
    msync_batch_t  *batch = answer->records.batch;

    msync_batch_sort(batch);

    highest = batch->n > 0 ? batch->records[batch->n - 1].cursor : 0;
    highest = highest > answer->end ? highest : answer->end;

    batch->had = batch->next = highest > cursor ? highest : cursor;
    batch->max = answer->max;
    batch->short_of = answer->max >= 0 && answer->max < cursor;
    batch->last = answer->remaining == 0;
    batch->passed = batch->had - cursor;

    if (__builtin_add_overflow(batch->passed, answer->remaining,
                               &batch->remaining))
    {
        batch->remaining = INT64_MAX;
    }

    if (batch->last || batch->next > cursor) {
        return MSYNC_OK;
    }

    return msync_err_set(err, MSYNC_ERR_INVALID_RESPONSE,
                         MSYNC_V7_NAME " makes no progress: asked for records "
                         "behind %" PRId64 ", it sent %zu up to %" PRId64
                         " and says that more follow", cursor, batch->n,
                         answer->end);
}


static bool
v7_answer_member(void *data, msync_json_t *json, const char *key)
{
    v7_answer_t         *answer = data;
    msync_json_slice_t   value;

    if (strcmp(key, "records") == 0) {
        return msync_wire_records(&answer->records, json, v7_record, answer);
    }

    if (!msync_json_skip(json, &value)) {
        return false;
    }

    if (strcmp(key, "lastCursorInBatch") == 0) {
        return msync_wire_number(json, &value, &answer->end);
    }

    if (strcmp(key, "remaining") == 0) {
        return msync_wire_number(json, &value, &answer->remaining);
    }

    return strcmp(key, "maxCursor") != 0
           || msync_wire_number(json, &value, &answer->max);
}


static bool
v7_record(void *data, msync_record_t *record, msync_json_t *json)
{
    v7_answer_t  *answer = data;

    if (!msync_wire_record(record, json, v7_record_member, record)) {
        return false;
    }

    msync_wire_record_end(record);

    /* one without a cursor stays where it came */

    if (record->cursor == -1) {
        record->cursor = answer->records.batch->n > 1 ? record[-1].cursor : 0;
    }

    v7_record_name(answer, record);
    v7_record_merge(answer);

    return true;
}


static bool
v7_record_member(void *data, msync_json_t *json, const char *key)
{
    size_t               i;
    char               **place;
    msync_record_t      *record = data;
    msync_json_slice_t   value;

    static const struct {
        const char  *name;
        size_t       offset;
    } places[] = {
        { "storeId", offsetof(msync_record_t, store) },
        { "transferStoreId", offsetof(msync_record_t, transfer_store) },
        { "patientId", offsetof(msync_record_t, patient) }
    };

    if (!msync_json_skip(json, &value)) {
        return false;
    }

    if (strcmp(key, "cursor") == 0) {
        return msync_wire_number(json, &value, &record->cursor);
    }

    for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (strcmp(key, places[i].name) == 0) {
            place = (char **) ((char *) record + places[i].offset);
            free(*place);
            *place = msync_json_text(&value, MSYNC_WIRE_ID_MAX);
            return true;
        }
    }

    return msync_wire_record_member(record, json,
                                    strcmp(key, "data") == 0 ? "recordData"
                                                             : key, &value);
}


static void
v7_record_name(v7_answer_t *answer, msync_record_t *record)
{
    const msync_table_t  *table;

    table = msync_v7_find(answer->catalogue, record->table);

    if (table) {
        free(record->table);
        record->table = msync_strdup(table->name);
    }
}


/* central says of a merge in a message, of which it becomes a record beside */

static void
v7_record_merge(v7_answer_t *answer)
{
    char                 *keep, *lose;
    msync_record_t       *merge, *record;
    msync_json_out_t      data;
    const msync_table_t  *table;

    record = &answer->records.batch->records[answer->records.batch->n - 1];

    if (record->action != MSYNC_ACTION_UPSERT || record->data == NULL
        || strcmp(record->table, "message") != 0
        || !msync_v7_merge(answer->catalogue, record->data, &table, &keep,
                           &lose))
    {
        return;
    }

    memset(&data, 0, sizeof(data));
    msync_wire_put_pair(&data, "{\"mergeIdToKeep\":", keep);
    msync_wire_put_pair(&data, ",\"mergeIdToDelete\":", lose);
    msync_json_put_text(&data, "}");
    msync_free(&keep);
    msync_free(&lose);

    if (table == NULL) {
        msync_json_out_free(&data);
        return;
    }

    merge = msync_batch_add(answer->records.batch);
    record = merge - 1;

    merge->table = msync_strdup(table->name);
    merge->id = msync_strdup(record->id);
    merge->action = MSYNC_ACTION_MERGE;
    merge->cursor = record->cursor;
    merge->data = msync_strndup(data.data, data.length);
    merge->data_length = data.length;
    msync_json_out_free(&data);
}


void
msync_v7_patient_peer(msync_v7_patient_t *patient, msync_peer_t *peer)
{
    msync_v7_peer(patient->v7, peer);

    peer->push_cursor = peer->pull_cursor = NULL;
    peer->data = patient;
    peer->push = NULL;
    peer->pull = v7_patient_pull;
    peer->busy = v7_patient_busy;
}


static int
v7_patient_pull(msync_peer_t *peer, int64_t cursor, int64_t had,
    unsigned limit, msync_batch_t *batch, msync_err_t *err)
{
    v7_answer_t          answer;
    msync_json_out_t     body;
    msync_v7_patient_t  *patient = peer->data;

    (void) limit;

    /* all that there is comes in one answer, however much that is */

    v7_answer_init(&answer, patient->v7, batch);

    memset(&body, 0, sizeof(body));
    msync_wire_put_pair(&body, "{\"patientId\":", patient->patient);
    msync_wire_put_pair(&body, ",\"storeId\":", patient->store);
    msync_wire_put_pair(&body, ",\"nameStoreJoinId\":", patient->join);
    msync_json_put_text(&body, "}");

    if (v7_ask(patient->v7, "patient_data_for_site", &body, &answer, err)
        != MSYNC_OK)
    {
        msync_batch_clear(batch);

        /* central joins a patient to the store before it looks for one */

        if (err->variant == MSYNC_ERR_CENTRAL_DATABASE_ERROR
            && strstr(err->text, "ForeignKeyViolation") != NULL)
        {
            msync_err_set(err, MSYNC_ERR_RECORD_NOT_FOUND, MSYNC_V7_NAME
                          " has no patient \"%.128s\", most likely",
                          patient->patient);
            err->advice = "Look for the patient at central, who may have been "
                          "merged with another one or deleted.";
        }

        return MSYNC_ERROR;
    }

    msync_batch_sort(batch);
    batch->next = cursor;
    batch->had = had;
    batch->max = -1;
    batch->remaining = (int64_t) batch->n;
    batch->last = true;

    return MSYNC_OK;
}


static int
v7_patient_busy(msync_peer_t *peer, bool *busy, msync_err_t *err)
{
    msync_peer_t         site;
    msync_v7_patient_t  *patient = peer->data;

    msync_v7_peer(patient->v7, &site);

    return site.busy(&site, busy, err);
}


int
msync_v7_search(msync_v7_t *v7, const msync_v7_wanted_t *wanted,
    msync_v7_found_t *found, size_t *n, bool *more, msync_err_t *err)
{
    int                         rc;
    v7_patients_t               answer = { found, 0, false, false };
    msync_v7_call_t             call = { 0 };
    msync_json_out_t            body;
    msync_transfer_response_t   res;

    *n = 0;

    memset(&body, 0, sizeof(body));
    v7_put_filter(&body, "name", "like", wanted->name);
    v7_put_filter(&body, "first_name", "like", wanted->first);
    v7_put_filter(&body, "last_name", "like", wanted->last);
    v7_put_filter(&body, "code", "like", wanted->code);
    v7_put_filter(&body, "date_of_birth", "equal_to", wanted->born);
    msync_json_put_text(&body, body.length ? "}" : "{}");

    call.path = "patient_search";
    call.body = &body;
    call.waits = true;
    rc = msync_v7_call(v7, &call, &res, err);
    msync_json_out_free(&body);

    if (rc != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    rc = msync_wire_object(&res, MSYNC_V7_NAME, v7_found_top, &answer, err);
    msync_transfer_response_clear(&res);

    if (rc == MSYNC_OK && !answer.list) {
        rc = msync_wire_lacks(MSYNC_V7_NAME, "Ok", err);
    }

    if (rc != MSYNC_OK) {
        while (answer.n > 0) {
            msync_v7_found_clear(&found[--answer.n]);
        }
    }

    *n = answer.n;
    *more = answer.more;

    return rc;
}


static void
v7_put_filter(msync_json_out_t *body, const char *name, const char *how,
    const char *value)
{
    if (value == NULL || *value == '\0') {
        return;
    }

    msync_wire_put_pair(body, body->length ? "," : "{", name);
    msync_wire_put_pair(body, ":{", how);
    msync_wire_put_pair(body, ":", value);
    msync_json_put_text(body, "}");
}


static bool
v7_found_top(void *data, msync_json_t *json, const char *key)
{
    size_t             i;
    v7_patients_t     *answer = data;
    msync_v7_found_t  *one;

    if (strcmp(key, "Ok") != 0
        || msync_json_peek(json) != MSYNC_JSON_ARRAY)
    {
        return msync_json_skip(json, NULL);
    }

    answer->list = true;
    (void) msync_json_enter(json, MSYNC_JSON_ARRAY);

    while (msync_json_item(json)) {

        if (answer->n == MSYNC_V7_FOUND_MAX) {
            answer->more = true;

            if (!msync_json_skip(json, NULL)) {
                return false;
            }

            continue;
        }

        one = &answer->found[answer->n++];
        memset(one, 0, sizeof(*one));

        if (!msync_wire_members(json, v7_found_member, one)) {
            return false;
        }

        for (i = 0; i < MSYNC_V7_FOUND_TEXTS; i++) {
            one->texts[i] = one->texts[i] ? one->texts[i] : msync_strdup("");
        }
    }

    return json->error == NULL;
}


static bool
v7_found_member(void *data, msync_json_t *json, const char *key)
{
    size_t                i;
    msync_v7_found_t     *one = data;
    msync_json_slice_t    value;

    static const char    *names[MSYNC_V7_FOUND_TEXTS] = {
        "ID", "name", "code", "first", "last", "phone", "email",
        "date_of_birth"
    };

    if (!msync_json_skip(json, &value)) {
        return false;
    }

    for (i = 0; i < MSYNC_V7_FOUND_TEXTS; i++) {
        if (strcmp(key, names[i]) == 0) {
            free(one->texts[i]);
            one->texts[i] = msync_json_text(&value, MSYNC_WIRE_TEXT_MAX);
        }
    }

    return true;
}


void
msync_v7_found_clear(msync_v7_found_t *found)
{
    size_t  i;

    for (i = 0; i < MSYNC_V7_FOUND_TEXTS; i++) {
        msync_free(&found->texts[i]);
    }
}
