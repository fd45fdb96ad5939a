/*
 * Owns the calls of API v6 as a peer.  Promises that a cursor never goes
 * back, that a pull which makes no progress ends with an error, and that
 * recordData passes through octet by octet.
 */

#include "protocol/v6_private.h"

#include "channel/control.h"
#include "protocol/v5.h"
#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define V6_CALL_MAX  32

struct msync_v6_s {
    msync_transfer_t      *http;     /* borrowed */
    char              *url;      /* owned, without final slashes */
    char              *patient;  /* owned, NULL: none */
    msync_json_out_t   settings; /* "syncV5Settings":{…}, a secret */
    bool               initialised;
    bool               inclusive;  /* a record of before came once more */
    bool               pushed;     /* since the end there was looked at */
    unsigned           empty;    /* answers without a new record in a row */
};


/* a pull's answer, while it is read */

typedef struct {
    msync_batch_t  *batch;
    size_t          limit;
    int64_t         had;         /* of the last record that came before */
    int64_t         end;         /* end_cursor, -1: not there */
    int64_t         total;       /* -1: not there */
    size_t          again;       /* records that were had, left out */
    bool            last;
    bool            said;        /* is_last_batch was there */
} v6_answer_t;


static void v6_settings(msync_v6_t *v6, const msync_conf_t *conf,
    const char *hardware_id);
static void v6_put_pair(msync_json_out_t *out, const char *text,
    const char *value);
static int v6_call(msync_v6_t *v6, const char *call, msync_json_out_t *body,
    msync_transfer_response_t *res, msync_err_t *err);
static int v6_push(msync_peer_t *peer, const msync_batch_t *batch,
    msync_err_t *err);
static void v6_put_batch(msync_json_out_t *out, const msync_batch_t *batch);
static int v6_adopt(msync_peer_t *peer, int64_t *cursor, msync_err_t *err);
static int v6_pull(msync_peer_t *peer, int64_t cursor, int64_t had,
    unsigned limit, msync_batch_t *batch, msync_err_t *err);
static int v6_ask(msync_v6_t *v6, int64_t cursor, unsigned limit,
    v6_answer_t *answer, msync_err_t *err);
static int v6_answer_check(const v6_answer_t *answer, msync_err_t *err);
static int v6_pull_end(msync_v6_t *v6, int64_t cursor,
    const v6_answer_t *answer, msync_err_t *err);
static int v6_pull_next(msync_v6_t *v6, int64_t cursor,
    const v6_answer_t *answer, msync_err_t *err);
static int64_t v6_pull_remaining(msync_v6_t *v6,
    const v6_answer_t *answer);
static int v6_busy(msync_peer_t *peer, bool *busy, msync_err_t *err);
static bool v6_answer_top(void *data, msync_json_t *json, const char *key);
static bool v6_answer_member(void *data, msync_json_t *json,
    const char *key);
static bool v6_answer_records(v6_answer_t *answer, msync_json_t *json);
static bool v6_entry(msync_record_t *record, msync_json_t *json);
static bool v6_record_member(void *data, msync_json_t *json,
    const char *key);
static bool v6_count_top(void *data, msync_json_t *json, const char *key);
static bool v6_count_member(void *data, msync_json_t *json,
    const char *key);
static bool v6_busy_top(void *data, msync_json_t *json, const char *key);
static bool v6_busy_member(void *data, msync_json_t *json, const char *key);
static bool v6_data(void *data, msync_json_t *json, const char *key,
    msync_wire_member_pt member);


msync_v6_t *
msync_v6_create(msync_transfer_t *http, const char *url,
    const msync_conf_t *conf,
    const char *hardware_id, bool initialised, const char *patient)
{
    size_t               n;
    msync_v6_t          *v6;
    msync_conf_origin_t  ours, theirs;

    v6 = msync_calloc(1, sizeof(*v6));

    for (n = strlen(url); n > 0 && url[n - 1] == '/'; n--) {
        /* void */
    }

    v6->http = http;
    v6->url = msync_strndup(url, n);
    v6->patient = patient ? msync_strdup(patient) : NULL;
    v6->initialised = initialised;

    v6_settings(v6, conf, hardware_id);

    if (msync_conf_origin(conf->url, &ours) == NULL
        && msync_conf_origin(url, &theirs) == NULL
        && ours.tls && !theirs.tls)
    {
        msync_log(MSYNC_LOG_WARN, "the address that mSupply central gives "
                  "for " MSYNC_V6_NAME " begins with http://: this site's "
                  "data and credentials go there without encryption");
    }

    return v6;
}


void
msync_v6_free(msync_v6_t **v6)
{
    if (*v6) {
        msync_json_out_free(&(*v6)->settings);
        msync_free(&(*v6)->url);
        msync_free(&(*v6)->patient);
    }

    msync_free(v6);
}


void
msync_v6_peer(msync_v6_t *v6, msync_peer_t *peer)
{
    memset(peer, 0, sizeof(*peer));

    peer->name = MSYNC_V6_NAME;
    peer->side = MSYNC_OMSUPPLY;
    peer->push_cursor = "SYNC_PUSH_CURSOR_V6";
    peer->pull_cursor = v6->patient ? NULL : "SYNC_PULL_CURSOR_V6";
    peer->data = v6;
    peer->push = v6_push;
    peer->pull = v6_pull;
    peer->adopt = v6_adopt;
    peer->busy = v6_busy;
}


static void
v6_settings(msync_v6_t *v6, const msync_conf_t *conf, const char *hardware_id)
{
    char               version[16];
    msync_json_out_t  *out;

    out = &v6->settings;
    (void) snprintf(version, sizeof(version), "%d", MSYNC_V5_VERSION);

    v6_put_pair(out, "\"syncV5Settings\":{\"serverUrl\":", conf->url);
    v6_put_pair(out, ",\"username\":", conf->username);
    v6_put_pair(out, ",\"passwordSha256\":", conf->password_sha256);
    v6_put_pair(out, ",\"siteUuid\":", hardware_id);
    v6_put_pair(out, ",\"appVersion\":", MSYNC_VERSION);
    v6_put_pair(out, ",\"appName\":", MSYNC_APP_NAME);
    v6_put_pair(out, ",\"syncVersion\":", version);
    msync_json_put_text(out, "}");
}


static void
v6_put_pair(msync_json_out_t *out, const char *text, const char *value)
{
    msync_json_put_text(out, text);
    msync_json_put_string(out, value ? value : "");
}


/* completes the body and frees it */

static int
v6_call(msync_v6_t *v6, const char *call, msync_json_out_t *body,
    msync_transfer_response_t *res, msync_err_t *err)
{
    int                    rc;
    char                   url[MSYNC_URL_MAX + V6_CALL_MAX];
    const char            *why;
    msync_conf_origin_t    origin;
    msync_transfer_request_t   request;

    msync_json_put(body, v6->settings.data, v6->settings.length);
    msync_json_put_text(body, ",\"syncV6Version\":");
    msync_json_put_integer(body, MSYNC_V6_VERSION);
    msync_json_put_text(body, "}");

    why = strlen(v6->url) > MSYNC_URL_MAX
          ? "is too long" : msync_conf_check_url(v6->url, &origin);

    if (why) {
        msync_json_out_free(body);
        return msync_err_set(err, MSYNC_ERR_INVALID_URL,
                             "The address that mSupply central gives for "
                             MSYNC_V6_NAME " %s; it is corrected there", why);
    }

    (void) snprintf(url, sizeof(url), "%s/central/sync/%s", v6->url, call);

    memset(&request, 0, sizeof(request));
    request.method = "POST";
    request.url = url;
    request.body = body->data;
    request.body_length = body->length;
    request.judge = msync_v6_judge;

    rc = msync_transfer_request(v6->http, &request, res, err);
    msync_json_out_free(body);

    if (rc != MSYNC_OK) {
        return rc;
    }

    rc = msync_v6_error(res, err);

    if (rc == MSYNC_OK && (res->status < 200 || res->status >= 300)) {
        rc = msync_wire_unusable(res, MSYNC_V6_NAME, NULL, 0, err);
    }

    if (rc != MSYNC_OK) {
        msync_transfer_response_clear(res);
    }

    return rc;
}


static int
v6_push(msync_peer_t *peer, const msync_batch_t *batch, msync_err_t *err)
{
    int                     rc;
    int64_t                 count;
    msync_v6_t             *v6;
    msync_json_out_t        body;
    msync_transfer_response_t   res;

    v6 = peer->data;
    memset(&body, 0, sizeof(body));
    msync_json_put_text(&body, "{\"batch\":");
    v6_put_batch(&body, batch);
    msync_json_put_text(&body, ",");

    if (v6_call(v6, "push", &body, &res, err) != MSYNC_OK) {

        if (err->http_status == 400 || err->http_status == 413
            || err->http_status == 422)
        {
            err->scope = MSYNC_SCOPE_RECORD;
        }

        return MSYNC_ERROR;
    }

    count = -1;
    rc = msync_wire_object(&res, MSYNC_V6_NAME, v6_count_top, &count, err);
    msync_transfer_response_clear(&res);

    if (rc == MSYNC_OK && count < 0) {
        rc = msync_wire_lacks(MSYNC_V6_NAME, "records_pushed", err);
    }

    if (rc == MSYNC_OK && batch->n > 0) {
        v6->pushed = true;
    }

    if (rc == MSYNC_OK && count != (int64_t) batch->n) {
        msync_log(MSYNC_LOG_WARN, MSYNC_V6_NAME " was sent %zu records and "
                  "says that it took %" PRId64, batch->n, count);
    }

    return rc;
}


static void
v6_put_batch(msync_json_out_t *out, const msync_batch_t *batch)
{
    size_t   i;
    int64_t  end, n;

    n = (int64_t) batch->n;
    end = batch->next > 0 ? batch->next - 1 : 0;

    if (n > 0 && end < batch->records[n - 1].cursor) {
        end = batch->records[n - 1].cursor;
    }

    msync_json_put_text(out, "{\"end_cursor\":");
    msync_json_put_integer(out, end);
    msync_json_put_text(out, ",\"total_records\":");
    msync_json_put_integer(out, batch->remaining > n ? batch->remaining : n);
    msync_json_put_text(out, ",\"is_last_batch\":");
    msync_json_put_text(out, batch->last ? "true" : "false");
    msync_json_put_text(out, ",\"records\":[");

    for (i = 0; i < batch->n; i++) {
        msync_json_put_text(out, i ? ",{\"cursor\":" : "{\"cursor\":");
        msync_json_put_integer(out, batch->records[i].cursor);
        msync_json_put_text(out, ",\"record\":{");
        msync_wire_put_record(out, &batch->records[i]);
        msync_json_put_text(out, "}}");
    }

    msync_json_put_text(out, "]}");
}


/*
 * Former releases kept the cursor behind the end of the last answer.  A server
 * that is inclusive has nothing before it that is lacking.  At one that is
 * exclusive such a question has passed over a record at each end of an
 * answer, so everything is asked for again, once.  Which of the two it is
 * shows when its first record is asked for twice.
 */

static int
v6_adopt(msync_peer_t *peer, int64_t *cursor, msync_err_t *err)
{
    int64_t         first;
    msync_v6_t     *v6;
    v6_answer_t     answer;
    msync_batch_t   batch;

    v6 = peer->data;
    memset(&batch, 0, sizeof(batch));
    memset(&answer, 0, sizeof(answer));
    answer.batch = &batch;

    if (v6_ask(v6, 0, 1, &answer, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    first = answer.end;

    if (batch.n > 0 && v6_ask(v6, first, 1, &answer, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (batch.n == 0 || answer.end != first) {
        msync_log(MSYNC_LOG_NOTICE, MSYNC_V6_NAME " gives records behind a "
                  "cursor: everything of it is asked for again, once");
        *cursor = 0;

    } else {
        *cursor = *cursor > 0 ? *cursor - 1 : 0;
    }

    msync_batch_clear(&batch);

    return MSYNC_OK;
}


static int
v6_pull(msync_peer_t *peer, int64_t cursor, int64_t had, unsigned limit,
    msync_batch_t *batch, msync_err_t *err)
{
    v6_answer_t  answer;

    memset(&answer, 0, sizeof(answer));
    answer.batch = batch;
    answer.had = had;

    if (v6_ask(peer->data, cursor, limit, &answer, err) != MSYNC_OK
        || v6_pull_end(peer->data, cursor, &answer, err) != MSYNC_OK)
    {
        msync_batch_clear(batch);
        return MSYNC_ERROR;
    }

    return MSYNC_OK;
}


/* "batch" and "had" are the caller's; the batch is empty after an error */

static int
v6_ask(msync_v6_t *v6, int64_t cursor, unsigned limit, v6_answer_t *answer,
    msync_err_t *err)
{
    int                         rc;
    msync_json_out_t            body;
    msync_transfer_response_t   res;

    msync_batch_clear(answer->batch);
    answer->limit = msync_wire_limit(limit);
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
        v6_put_pair(&body, ",\"fetchPatientId\":", v6->patient);
        msync_json_put_text(&body, ",");
    } else {
        msync_json_put_text(&body, ",\"isInitialised\":");
        msync_json_put_text(&body, v6->initialised ? "true," : "false,");
    }

    if (v6_call(v6, v6->patient ? "patient-pull" : "pull", &body, &res, err)
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
        msync_batch_clear(answer->batch);
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

    batch = answer->batch;
    msync_batch_sort(batch);

    highest = batch->n > 0 ? batch->records[batch->n - 1].cursor : 0;
    batch->had = highest > answer->had ? highest : answer->had;
    batch->last = answer->last;

    /* without a record it is the end of all that the server has; one that
     * begins behind the cursor may name the one before it */

    batch->max = answer->end + 1 == cursor ? cursor : answer->end;
    batch->short_of = (batch->n + answer->again == 0);

    batch->remaining = v6_pull_remaining(v6, answer);

    return v6_pull_next(v6, cursor, answer, err);
}


/* where to go on, and whether it goes on at all */

static int
v6_pull_next(msync_v6_t *v6, int64_t cursor, const v6_answer_t *answer,
    msync_err_t *err)
{
    msync_batch_t  *batch;

    batch = answer->batch;
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

    } else if (answer->last || batch->next > cursor) {
        batch->next = batch->next > cursor ? batch->next : cursor;

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
v6_pull_remaining(msync_v6_t *v6, const v6_answer_t *answer)
{
    int64_t  n, left;

    n = (int64_t) answer->batch->n;
    left = answer->total - (int64_t) answer->again;
    v6->inclusive |= answer->again > 0;

    return v6->inclusive && left > n ? left : n;
}


static int
v6_busy(msync_peer_t *peer, bool *busy, msync_err_t *err)
{
    int                     rc, state;
    msync_json_out_t        body;
    msync_transfer_response_t   res;

    memset(&body, 0, sizeof(body));
    msync_json_put_text(&body, "{");

    if (v6_call(peer->data, "site_status", &body, &res, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    state = -1;
    rc = msync_wire_object(&res, MSYNC_V6_NAME, v6_busy_top, &state, err);
    msync_transfer_response_clear(&res);

    if (rc == MSYNC_OK && state < 0) {
        rc = msync_wire_lacks(MSYNC_V6_NAME, "is_integrating", err);
    }

    *busy = (state == 1);

    return rc;
}


/* the members of "data" */

static bool
v6_data(void *data, msync_json_t *json, const char *key,
    msync_wire_member_pt member)
{
    if (strcmp(key, "data") == 0
        && msync_json_peek(json) == MSYNC_JSON_OBJECT)
    {
        return msync_wire_members(json, member, data);
    }

    return msync_json_skip(json, NULL);
}


static bool
v6_answer_top(void *data, msync_json_t *json, const char *key)
{
    return v6_data(data, json, key, v6_answer_member);
}


static bool
v6_answer_member(void *data, msync_json_t *json, const char *key)
{
    v6_answer_t         *answer = data;
    msync_json_slice_t   value;

    if (strcmp(key, "records") == 0) {
        return v6_answer_records(answer, json);
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
v6_answer_records(v6_answer_t *answer, msync_json_t *json)
{
    msync_record_t  *record;

    if (!msync_json_enter(json, MSYNC_JSON_ARRAY)) {
        return false;
    }

    while (msync_json_item(json)) {

        if (answer->batch->n == answer->limit) {
            return msync_json_fail(json, "it has far more records than were "
                                   "asked for");
        }

        record = msync_batch_add(answer->batch);
        record->action = MSYNC_ACTION_UNKNOWN;
        record->cursor = -1;

        if (!v6_entry(record, json)) {
            return false;
        }

        msync_wire_record_end(record);

        if (record->cursor == -1) {

            /* one without a cursor stays where it came */

            record->cursor = answer->batch->n > 1 ? record[-1].cursor
                                                  : answer->had;

        } else if (answer->had > 0 && record->cursor <= answer->had) {
            msync_batch_drop(answer->batch);
            answer->again++;
        }
    }

    return json->error == NULL;
}


/* {"cursor", "record": {…}} */

static bool
v6_entry(msync_record_t *record, msync_json_t *json)
{
    char                 key[MSYNC_JSON_KEY_MAX];
    msync_json_slice_t   value;

    if (msync_json_peek(json) != MSYNC_JSON_OBJECT) {
        return msync_wire_record_odd(record, json);
    }

    (void) msync_json_enter(json, MSYNC_JSON_OBJECT);

    while (msync_json_member(json, key)) {

        if (strcmp(key, "record") == 0) {

            if (msync_json_peek(json) != MSYNC_JSON_OBJECT
                ? !msync_wire_record_odd(record, json)
                : !msync_wire_members(json, v6_record_member, record))
            {
                return false;
            }

            continue;
        }

        if (!msync_json_skip(json, &value)) {
            return false;
        }

        if (strcmp(key, "cursor") == 0
            && !msync_wire_number(json, &value, &record->cursor))
        {
            return false;
        }
    }

    return json->error == NULL;
}


static bool
v6_record_member(void *data, msync_json_t *json, const char *key)
{
    msync_json_slice_t  value;

    return msync_json_skip(json, &value)
           && msync_wire_record_member(data, json, key, &value);
}


static bool
v6_count_top(void *data, msync_json_t *json, const char *key)
{
    return v6_data(data, json, key, v6_count_member);
}


static bool
v6_count_member(void *data, msync_json_t *json, const char *key)
{
    msync_json_slice_t  value;

    if (!msync_json_skip(json, &value)) {
        return false;
    }

    return strcmp(key, "records_pushed") != 0
           || msync_wire_number(json, &value, data);
}


static bool
v6_busy_top(void *data, msync_json_t *json, const char *key)
{
    return v6_data(data, json, key, v6_busy_member);
}


static bool
v6_busy_member(void *data, msync_json_t *json, const char *key)
{
    int                 *state = data;
    msync_json_slice_t   value;

    if (!msync_json_skip(json, &value)) {
        return false;
    }

    if (strcmp(key, "is_integrating") == 0) {
        *state = value.type == MSYNC_JSON_TRUE ? 1
                 : value.type == MSYNC_JSON_FALSE ? 0 : -1;
    }

    return true;
}
