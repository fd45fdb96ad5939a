/*
 * Owns the pull of API v6, whose cursors two generations of servers mean
 * differently.  Promises that no record is lost at either, that a cursor never
 * goes back, that a pull which makes no progress ends with an error, and that
 * recordData passes through octet by octet.
 */

#include "protocol/v6_private.h"
#include "base/log.h"

#include <inttypes.h>
#include <string.h>


/* a pull's answer, while it is read */

typedef struct {
    msync_wire_records_t  records;
    int64_t               had;       /* of the last record that came before */
    int64_t               end;       /* end_cursor, -1: not there */
    int64_t               total;     /* -1: not there */
    size_t                again;     /* records that were had, left out */
    bool                  last;
    bool                  said;      /* is_last_batch was there */
} v6_answer_t;


static int v6_ask(msync_v6_t *v6, int64_t cursor, unsigned limit,
    v6_answer_t *answer, msync_err_t *err);
static int v6_answer_check(const v6_answer_t *answer, msync_err_t *err);
static int v6_pull_end(msync_v6_t *v6, int64_t cursor,
    const v6_answer_t *answer, msync_err_t *err);
static int v6_pull_next(msync_v6_t *v6, int64_t cursor,
    const v6_answer_t *answer, msync_err_t *err);
static int64_t v6_pull_remaining(const msync_v6_t *v6,
    const v6_answer_t *answer);
static bool v6_answer_top(void *data, msync_json_t *json, const char *key);
static bool v6_answer_member(void *data, msync_json_t *json,
    const char *key);
static bool v6_record(void *data, msync_record_t *record, msync_json_t *json);
static bool v6_entry_member(void *data, msync_json_t *json,
    const char *key);
static bool v6_record_member(void *data, msync_json_t *json,
    const char *key);


/*
 * Former releases kept the cursor behind the end of the last answer.  At a
 * server that is inclusive, which gives the record of the cursor that is asked
 * with, nothing before it is lacking.  At one that is exclusive, which begins
 * behind that record, such a question has passed over a record at each end of
 * an answer, so everything is asked for again, once.  Which of the two it is
 * shows when its first record is asked for twice.
 */

int
msync_v6_adopt(msync_peer_t *peer, int64_t *cursor, msync_err_t *err)
{
    bool            none;
    int64_t         first;
    msync_v6_t     *v6;
    v6_answer_t     answer;
    msync_batch_t   batch;

    v6 = peer->data;
    memset(&batch, 0, sizeof(batch));
    memset(&answer, 0, sizeof(answer));
    answer.records.batch = &batch;

    if (v6_ask(v6, 0, 1, &answer, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    first = answer.end;
    none = (batch.n == 0);

    if (!none && v6_ask(v6, first, 1, &answer, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (batch.n == 0 || answer.end != first) {
        msync_log(MSYNC_LOG_NOTICE, MSYNC_V6_NAME " %s: everything of it is "
                  "asked for again, once", none ? "sends no record"
                                           : "gives records behind a cursor");
        *cursor = 0;

    } else {
        *cursor = *cursor > 0 ? *cursor - 1 : 0;
    }

    msync_batch_clear(&batch);

    return MSYNC_OK;
}


int
msync_v6_pull(msync_peer_t *peer, int64_t cursor, int64_t had, unsigned limit,
    msync_batch_t *batch, msync_err_t *err)
{
    v6_answer_t   answer;
    msync_v6_t   *v6 = peer->data;

    memset(&answer, 0, sizeof(answer));
    answer.records.batch = batch;
    answer.had = v6->skipped && v6->seen > had ? v6->seen : had;

    if (v6_ask(v6, cursor, limit, &answer, err) != MSYNC_OK
        || v6_pull_end(v6, cursor, &answer, err) != MSYNC_OK)
    {
        msync_batch_clear(batch);
        return MSYNC_ERROR;
    }

    if (v6->skipped) {
        v6->seen = batch->had;
        batch->had = had;
    }

    return MSYNC_OK;
}


/* `batch` and `had` are the caller's; the batch is empty after an error */

static int
v6_ask(msync_v6_t *v6, int64_t cursor, unsigned limit, v6_answer_t *answer,
    msync_err_t *err)
{
    int                         rc;
    msync_json_out_t            body;
    msync_transfer_response_t   res;

    msync_batch_clear(answer->records.batch);
    answer->records.limit = msync_wire_limit(limit);
    answer->records.n = 0;
    answer->end = -1;
    answer->total = -1;
    answer->again = 0;
    answer->last = answer->said = false;

    memset(&body, 0, sizeof(body));
    msync_json_put_text(&body, "{\"cursor\":");
    msync_json_put_integer(&body, cursor);
    msync_json_put_text(&body, ",\"batchSize\":");
    msync_json_put_integer(&body, limit);

    if (v6->patient) {
        msync_wire_put_pair(&body, ",\"fetchPatientId\":", v6->patient);
        msync_json_put_text(&body, ",");
    } else {
        msync_json_put_text(&body, ",\"isInitialised\":");
        msync_json_put_text(&body, v6->initialised ? "true," : "false,");
    }

    if (msync_v6_call(v6, v6->patient ? "patient-pull" : "pull", false, &body,
                      &res, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    rc = msync_wire_object(&res, MSYNC_V6_NAME, v6_answer_top, answer, err);
    msync_transfer_response_clear(&res);

    if (rc == MSYNC_OK) {
        rc = v6_answer_check(answer, err);
    }

    if (rc != MSYNC_OK) {
        msync_batch_clear(answer->records.batch);
    }

    return rc;
}


static int
v6_answer_check(const v6_answer_t *answer, msync_err_t *err)
{
    if (answer->end < 0) {
        return msync_wire_lacks(MSYNC_V6_NAME, "end_cursor", err);
    }

    if (!answer->said) {
        return msync_wire_lacks(MSYNC_V6_NAME, "is_last_batch", err);
    }

    return MSYNC_OK;
}


/*
 * What is kept is the cursor of the last record that came.  The end of an
 * answer without records may lie behind records that it has missed: a server
 * looks for these first and for its end later.  So that end only leads on
 * from one answer to the next.
 */

static int
v6_pull_end(msync_v6_t *v6, int64_t cursor, const v6_answer_t *answer,
    msync_err_t *err)
{
    int64_t         highest;
    msync_batch_t  *batch;

    batch = answer->records.batch;
    msync_batch_sort(batch);

    highest = batch->n > 0 ? batch->records[batch->n - 1].cursor : 0;
    batch->had = highest > answer->had ? highest : answer->had;
    batch->last = answer->last;

    /* without a record it is the end of all that the server has; one that
     * begins behind the cursor may name the one before it, which says
     * nothing */

    batch->max = answer->end + 1 == cursor ? -1 : answer->end;
    batch->short_of = (batch->n + answer->again == 0);

    v6->inclusive |= answer->again > 0;
    batch->remaining = v6_pull_remaining(v6, answer);

    return v6_pull_next(v6, cursor, answer, err);
}


/* where to go on, and whether it goes on at all */

static int
v6_pull_next(msync_v6_t *v6, int64_t cursor, const v6_answer_t *answer,
    msync_err_t *err)
{
    msync_batch_t  *batch;

    batch = answer->records.batch;
    batch->next = answer->end > batch->had ? answer->end : batch->had;

    v6->empty = (batch->n == 0 && !answer->last) ? v6->empty + 1 : 0;

    if (answer->last && v6->inclusive && v6->pushed
        && batch->n + answer->again > 0)
    {
        /* what was sent is lost with a backup that is put back over there;
         * only an answer without records says where the server ends */

        v6->pushed = false;
        batch->last = false;
        batch->next = batch->had + 1;

    } else if (answer->last || batch->next > cursor
               || batch->had > answer->had)
    {
        batch->next = batch->next > cursor ? batch->next : cursor;
        v6->skipped |= !answer->last && batch->n + answer->again == 0;

    } else if (answer->again > 0) {

        /* nothing but the record of the cursor: behind it there may be more */

        batch->next = cursor + 1;

    } else if (batch->n == 0) {

        /* servers of 3.0 say so of a patient whose records were all sent */

        batch->next = cursor;
        batch->last = true;

    } else {
        return msync_err_set(err, MSYNC_ERR_INVALID_RESPONSE,
                             MSYNC_V6_NAME " makes no progress: asked for "
                             "records from %" PRId64 " on, it sent %zu up to "
                             "%" PRId64 " and says that more follow", cursor,
                             batch->n, answer->end);
    }

    if (v6->empty > MSYNC_V6_EMPTY_MAX) {
        return msync_err_set(err, MSYNC_ERR_INVALID_RESPONSE,
                             MSYNC_V6_NAME " makes no progress: it says that "
                             "more records follow but sent none in %d "
                             "answers", MSYNC_V6_EMPTY_MAX);
    }

    return MSYNC_OK;
}


/*
 * Servers of 2.x give the record of the cursor that was asked for once more
 * and count records; those of 3.0, with the same version numbers, begin behind
 * it and count the distance of cursors.  As long as it is not known which of
 * the two it is, what came is all that is known to come.
 */

static int64_t
v6_pull_remaining(const msync_v6_t *v6, const v6_answer_t *answer)
{
    int64_t  n, left;

    n = (int64_t) answer->records.batch->n;
    left = answer->total - (int64_t) answer->again;

    return v6->inclusive && left > n ? left : n;
}


static bool
v6_answer_top(void *data, msync_json_t *json, const char *key)
{
    return msync_v6_data(data, json, key, v6_answer_member);
}


static bool
v6_answer_member(void *data, msync_json_t *json, const char *key)
{
    v6_answer_t         *answer = data;
    msync_json_slice_t   value;

    if (strcmp(key, "records") == 0) {
        return msync_wire_records(&answer->records, json, v6_record, answer);
    }

    if (!msync_json_skip(json, &value)) {
        return false;
    }

    if (strcmp(key, "end_cursor") == 0) {
        return msync_wire_number(json, &value, &answer->end);
    }

    if (strcmp(key, "total_records") == 0) {
        return msync_wire_number(json, &value, &answer->total);
    }

    if (strcmp(key, "is_last_batch") == 0) {
        answer->last = (value.type == MSYNC_JSON_TRUE);
        answer->said = answer->last || value.type == MSYNC_JSON_FALSE;
    }

    return true;
}


static bool
v6_record(void *data, msync_record_t *record, msync_json_t *json)
{
    v6_answer_t    *answer = data;
    msync_batch_t  *batch = answer->records.batch;

    if (!msync_wire_record(record, json, v6_entry_member, record)) {
        return false;
    }

    msync_wire_record_end(record);

    if (record->cursor == -1) {

        /* one without a cursor stays where it came */

        record->cursor = batch->n > 1 ? record[-1].cursor : answer->had;

    } else if (answer->had > 0 && record->cursor <= answer->had) {
        msync_batch_drop(batch);
        answer->again++;
    }

    return true;
}


/* {"cursor", "record": {…}} */

static bool
v6_entry_member(void *data, msync_json_t *json, const char *key)
{
    msync_record_t      *record = data;
    msync_json_slice_t   value;

    if (strcmp(key, "record") == 0) {
        return msync_wire_record(record, json, v6_record_member, record);
    }

    return msync_json_skip(json, &value)
           && (strcmp(key, "cursor") != 0
               || msync_wire_number(json, &value, &record->cursor));
}


static bool
v6_record_member(void *data, msync_json_t *json, const char *key)
{
    msync_json_slice_t  value;

    return msync_json_skip(json, &value)
           && msync_wire_record_member(data, json, key, &value);
}
