/*
 * Owns the calls of API v5 that carry records, as two peers.  Promises that
 * a cursor never goes back, that a pull which makes no progress ends with an
 * error, and that recordData passes through octet by octet.
 */

#include "protocol/v5_private.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


/* an answer with records, while it is read */

typedef struct {
    msync_wire_records_t  records;
    int64_t               cursor;    /* highest ID so far */
    int64_t               max;       /* maxCursor, -1: not said */
    int64_t               queue;     /* queueLength */
    size_t                named;     /* records with a syncOutId */
    bool                  seen;      /* data or one of the figures was there */
} v5_answer_t;

/* the answer to a push, while it is read */

typedef struct {
    bool  seen;                  /* `integrationStarted` was there */
    bool  started;
} v5_started_t;


static int v5_central_pull(msync_peer_t *peer, int64_t cursor, int64_t had,
    unsigned limit, msync_batch_t *batch, msync_err_t *err);
static int v5_central_end(msync_v5_t *v5, int64_t cursor,
    const v5_answer_t *answer, msync_err_t *err);
static int v5_remote_pull(msync_peer_t *peer, int64_t cursor, int64_t had,
    unsigned limit, msync_batch_t *batch, msync_err_t *err);
static int v5_remote_end(msync_v5_t *v5, const v5_answer_t *answer,
    msync_err_t *err);
static const char *v5_first_named(const msync_batch_t *batch);
static int v5_remote_ack(msync_peer_t *peer, const msync_batch_t *batch,
    msync_err_t *err);
static int v5_remote_push(msync_peer_t *peer, const msync_batch_t *batch,
    msync_err_t *err);
static int v5_post(msync_v5_t *v5, const msync_batch_t *batch, bool *started,
    msync_err_t *err);
static int v5_busy(msync_peer_t *peer, bool *busy, msync_err_t *err);
static int v5_records(msync_v5_t *v5, const char *path, v5_answer_t *answer,
    msync_err_t *err);
static bool v5_answer_member(void *data, msync_json_t *json,
    const char *key);
static bool v5_record(void *data, msync_record_t *record, msync_json_t *json);
static bool v5_record_member(void *data, msync_json_t *json,
    const char *key);
static bool v5_started_member(void *data, msync_json_t *json,
    const char *key);


void
msync_v5_central_peer(msync_v5_t *v5, msync_peer_t *peer)
{
    memset(peer, 0, sizeof(*peer));

    peer->name = MSYNC_V5_NAME;
    peer->side = MSYNC_LEGACY;
    peer->pull_cursor = MSYNC_KEY_PULL_CENTRAL_CURSOR;
    peer->data = v5;
    peer->pull = v5_central_pull;
    peer->busy = v5_busy;
}


void
msync_v5_remote_peer(msync_v5_t *v5, msync_peer_t *peer)
{
    memset(peer, 0, sizeof(*peer));

    peer->name = MSYNC_V5_NAME;
    peer->side = MSYNC_LEGACY;
    peer->push_cursor = MSYNC_KEY_PUSH_CURSOR;
    peer->push_end = true;
    peer->data = v5;
    peer->push = v5_remote_push;
    peer->pull = v5_remote_pull;
    peer->ack = v5_remote_ack;
    peer->busy = v5_busy;
}


static int
v5_central_pull(msync_peer_t *peer, int64_t cursor, int64_t had,
    unsigned limit, msync_batch_t *batch, msync_err_t *err)
{
    char          path[MSYNC_V5_PATH_MAX];
    v5_answer_t   answer;

    (void) had;

    memset(&answer, 0, sizeof(answer));
    answer.records.batch = batch;
    answer.records.limit = msync_wire_limit(limit);
    answer.cursor = cursor;
    answer.max = -1;

    (void) snprintf(path, sizeof(path),
                    "central_records?cursor=%" PRId64 "&limit=%u", cursor,
                    limit);

    if (v5_records(peer->data, path, &answer, err) != MSYNC_OK
        || v5_central_end(peer->data, cursor, &answer, err) != MSYNC_OK)
    {
        msync_batch_clear(batch);
        return MSYNC_ERROR;
    }

    batch->had = batch->next;

    return MSYNC_OK;
}


static int
v5_central_end(msync_v5_t *v5, int64_t cursor, const v5_answer_t *answer,
    msync_err_t *err)
{
    msync_batch_t  *batch;

    batch = answer->records.batch;
    msync_batch_sort(batch);
    batch->max = answer->max;
    batch->short_of = answer->max < cursor;
    batch->next = answer->cursor;
    batch->remaining = (int64_t) batch->n;

    if (batch->n > 0) {
        v5->empty = 0;

        if (batch->next <= cursor) {
            return msync_err_set(err, MSYNC_ERR_INVALID_RESPONSE,
                                 MSYNC_V5_NAME " makes no progress: asked for "
                                 "central records after %" PRId64 ", it sent "
                                 "%zu that are not", cursor, batch->n);
        }

        if (answer->max > batch->next
            && __builtin_add_overflow(batch->remaining,
                                      answer->max - batch->next,
                                      &batch->remaining))
        {
            batch->remaining = INT64_MAX;
        }

        return MSYNC_OK;
    }

    if (answer->max <= cursor) {
        v5->empty = 0;
        batch->last = true;
        return MSYNC_OK;
    }

    if (++v5->empty > MSYNC_V5_EMPTY_MAX) {
        v5->empty = 0;
        return msync_err_set(err, MSYNC_ERR_INVALID_RESPONSE,
                             MSYNC_V5_NAME " makes no progress: it has "
                             "central records up to %" PRId64 " but sent none "
                             "after %" PRId64 " in %d answers", answer->max,
                             cursor, MSYNC_V5_EMPTY_MAX);
    }

    /* only one: a record may have come in since the batch was looked up */

    batch->next = cursor + 1;
    batch->remaining = answer->max - cursor;

    return MSYNC_OK;
}


static int
v5_remote_pull(msync_peer_t *peer, int64_t cursor, int64_t had,
    unsigned limit, msync_batch_t *batch, msync_err_t *err)
{
    char          path[MSYNC_V5_PATH_MAX];
    v5_answer_t   answer;

    memset(&answer, 0, sizeof(answer));
    answer.records.batch = batch;
    answer.records.limit = msync_wire_limit(limit);
    answer.max = -1;

    (void) snprintf(path, sizeof(path), "queued_records?limit=%u", limit);

    if (v5_records(peer->data, path, &answer, err) != MSYNC_OK
        || v5_remote_end(peer->data, &answer, err) != MSYNC_OK)
    {
        msync_batch_clear(batch);
        return MSYNC_ERROR;
    }

    batch->max = -1;
    batch->next = cursor;
    batch->had = had;
    batch->last = (answer.named == 0);
    batch->remaining = answer.queue > (int64_t) batch->n
                       ? answer.queue : (int64_t) batch->n;

    return MSYNC_OK;
}


static int
v5_remote_end(msync_v5_t *v5, const v5_answer_t *answer, msync_err_t *err)
{
    const char           *first;
    const msync_batch_t  *batch;

    batch = answer->records.batch;

    if (batch->n == 0) {
        return MSYNC_OK;
    }

    /* stored, but central will not hear of it: nothing else is behind them */

    if (answer->named == 0) {
        msync_log(MSYNC_LOG_WARN, MSYNC_V5_NAME " sent %zu records without a "
                  "syncOutId, so they cannot be acknowledged and will come "
                  "again", batch->n);
        return MSYNC_OK;
    }

    first = v5_first_named(batch);

    if (first && v5->acked && strcmp(first, v5->acked) == 0) {
        (void) msync_err_set(err, MSYNC_ERR_INVALID_RESPONSE,
                             MSYNC_V5_NAME " makes no progress: it sent "
                             "records again that it was told are stored here "
                             "(syncOutId %s)", first);
        err->advice = "Make sure that a cache on the way, such as nginx with "
                      "proxy_cache, keeps nothing below /sync/; else ask the "
                      "administrator of the central server to look at its "
                      "log. |It is tried again by itself.";
        return MSYNC_ERROR;
    }

    return MSYNC_OK;
}


/* the first syncOutId of a batch, NULL: it has none */

static const char *
v5_first_named(const msync_batch_t *batch)
{
    size_t  i;

    for (i = 0; i < batch->n; i++) {
        if (batch->records[i].out_id) {
            return batch->records[i].out_id;
        }
    }

    return NULL;
}


static int
v5_remote_ack(msync_peer_t *peer, const msync_batch_t *batch,
    msync_err_t *err)
{
    int                        rc;
    size_t                     i, n;
    msync_v5_t                *v5;
    msync_json_out_t           out;
    msync_transfer_response_t  res;

    v5 = peer->data;
    memset(&out, 0, sizeof(out));
    msync_json_put_text(&out, "{\"syncIDs\":[");

    for (i = 0, n = 0; i < batch->n; i++) {

        if (batch->records[i].out_id) {
            msync_json_put_text(&out, n++ ? "," : "");
            msync_json_put_string(&out, batch->records[i].out_id);
        }
    }

    msync_json_put_text(&out, "]}");

    if (n == 0) {
        msync_json_out_free(&out);
        return MSYNC_OK;
    }

    rc = msync_v5_call(v5, "POST", "acknowledged_records", &out, &res, err);
    msync_json_out_free(&out);

    /* what a proxy or a firewall says of a body that is too large for it */
    if (rc != MSYNC_OK && err->variant == MSYNC_ERR_HTTP_ERROR
        && (err->http_status == 413 || err->http_status == 403))
    {
        err->scope = MSYNC_SCOPE_RECORD;
    }

    if (rc != MSYNC_OK) {
        return rc;
    }

    /* central says nothing here; a page is of somebody in between, and what
     * was not acknowledged comes again */
    if (msync_wire_is_markup(&res)) {
        rc = msync_wire_unusable(&res, MSYNC_V5_NAME, NULL, 0, err);
        msync_transfer_response_clear(&res);
        return rc;
    }

    msync_transfer_response_clear(&res);
    msync_free(&v5->acked);
    v5->acked = msync_strdup(v5_first_named(batch));

    return MSYNC_OK;
}


static int
v5_remote_push(msync_peer_t *peer, const msync_batch_t *batch,
    msync_err_t *err)
{
    bool           started;
    msync_batch_t  end;

    if (batch->n > 0
        && v5_post(peer->data, batch, &started, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (!batch->last) {
        return MSYNC_OK;
    }

    memset(&end, 0, sizeof(end));

    if (v5_post(peer->data, &end, &started, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (!started) {
        return msync_err_set(err, MSYNC_ERR_INTEGRATION_ERROR,
                             MSYNC_V5_NAME " took the records but did not "
                             "start to integrate them");
    }

    return MSYNC_OK;
}


static int
v5_post(msync_v5_t *v5, const msync_batch_t *batch, bool *started,
    msync_err_t *err)
{
    int                        rc;
    size_t                     i;
    int64_t                    n;
    v5_started_t               answer;
    msync_json_out_t           out;
    msync_transfer_request_t   request;
    msync_transfer_response_t  res;

    n = (int64_t) batch->n;
    memset(&out, 0, sizeof(out));

    msync_json_put_text(&out, "{\"queueLength\":");
    msync_json_put_integer(&out, batch->remaining > n ? batch->remaining : n);
    msync_json_put_text(&out, ",\"data\":[");

    for (i = 0; i < batch->n; i++) {
        msync_json_put_text(&out, i ? ",{\"syncOutId\":\""
                                    : "{\"syncOutId\":\"");
        msync_json_put_integer(&out, batch->records[i].cursor);
        msync_json_put_text(&out, "\",");
        msync_wire_put_record(&out, &batch->records[i]);
        msync_json_put_text(&out, "}");
    }

    msync_json_put_text(&out, "]}");

    memset(&request, 0, sizeof(request));
    request.method = "POST";
    request.body = out.data;
    request.body_length = out.length;
    request.heavy = n > 0;

    rc = msync_v5_send(v5, &request, "queued_records", &res, err);
    msync_json_out_free(&out);

    if (rc != MSYNC_OK) {
        return rc;
    }

    memset(&answer, 0, sizeof(answer));
    rc = msync_wire_object(&res, MSYNC_V5_NAME, v5_started_member, &answer,
                           err);
    msync_transfer_response_clear(&res);

    /* whatever else is JSON and no error may be of somebody in between */
    if (rc == MSYNC_OK && !answer.seen) {
        rc = msync_wire_lacks(MSYNC_V5_NAME, "integrationStarted", err);
    }

    *started = answer.started;

    return rc;
}


static int
v5_busy(msync_peer_t *peer, bool *busy, msync_err_t *err)
{
    msync_v5_status_e  status;

    if (msync_v5_site_status(peer->data, &status, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    *busy = (status != MSYNC_V5_IDLE);

    return MSYNC_OK;
}


static int
v5_records(msync_v5_t *v5, const char *path, v5_answer_t *answer,
    msync_err_t *err)
{
    int                        rc;
    msync_transfer_response_t  res;

    if (msync_v5_call(v5, "GET", path, NULL, &res, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    rc = msync_wire_object(&res, MSYNC_V5_NAME, v5_answer_member, answer,
                           err);
    msync_transfer_response_clear(&res);

    if (rc == MSYNC_OK && !answer->seen) {
        rc = msync_wire_lacks(MSYNC_V5_NAME, "data", err);
    }

    return rc;
}


static bool
v5_answer_member(void *data, msync_json_t *json, const char *key)
{
    v5_answer_t         *answer = data;
    msync_json_slice_t   value;

    if (strcmp(key, "data") == 0) {
        answer->seen = true;

        if (msync_json_peek(json) != MSYNC_JSON_NULL) {
            return msync_wire_records(&answer->records, json, v5_record,
                                      answer);
        }
    }

    if (!msync_json_skip(json, &value)) {
        return false;
    }

    if (strcmp(key, "maxCursor") == 0) {
        answer->seen |= value.type != MSYNC_JSON_NULL;
        return msync_wire_number(json, &value, &answer->max);
    }

    if (strcmp(key, "queueLength") == 0) {
        answer->seen |= value.type != MSYNC_JSON_NULL;
        return msync_wire_number(json, &value, &answer->queue);
    }

    return true;
}


static bool
v5_record(void *data, msync_record_t *record, msync_json_t *json)
{
    v5_answer_t  *answer = data;

    /* one without an ID stays where it came */

    record->cursor = answer->cursor;

    if (!msync_wire_record(record, json, v5_record_member, answer)) {
        return false;
    }

    msync_wire_record_end(record);

    return true;
}


/* of the last record of the batch */

static bool
v5_record_member(void *data, msync_json_t *json, const char *key)
{
    v5_answer_t         *answer = data;
    msync_batch_t       *batch = answer->records.batch;
    msync_record_t      *record = &batch->records[batch->n - 1];
    msync_json_slice_t   value;

    if (!msync_json_skip(json, &value)
        || !msync_wire_record_member(record, json, key, &value))
    {
        return false;
    }

    if (strcmp(key, "ID") == 0) {

        if (!msync_wire_number(json, &value, &record->cursor)) {
            return false;
        }

        answer->cursor = record->cursor > answer->cursor ? record->cursor
                                                         : answer->cursor;

    } else if (strcmp(key, "syncOutId") == 0) {
        answer->named -= (record->out_id != NULL);
        free(record->out_id);
        record->out_id = msync_wire_id(&value);
        answer->named += (record->out_id != NULL);
    }

    return true;
}


static bool
v5_started_member(void *data, msync_json_t *json, const char *key)
{
    v5_started_t        *answer = data;
    msync_json_slice_t   value;

    if (!msync_json_skip(json, &value)) {
        return false;
    }

    if (strcmp(key, "integrationStarted") == 0) {
        answer->seen = true;
        answer->started = (value.type == MSYNC_JSON_TRUE);
    }

    return true;
}
