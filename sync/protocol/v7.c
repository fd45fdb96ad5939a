/*
 * Owns the calls of API v7 but for the pull, and the life of the token:
 * promises that central is asked for one only where there is none or where it
 * does not take the one that there is, at most once in a session, that the
 * question is never sent twice, and that the token is stored before it is
 * used.
 */

#include "protocol/v7_private.h"

#include "base/log.h"
#include "catalogue/v7.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define V7_PATH_MAX  64

/* an answer of get_token or site_status while it is read */
typedef struct {
    char             *token;     /* owned, NULL: not there */
    msync_v7_site_t   site;
} v7_identity_t;


static int v7_send(msync_v7_t *v7, const msync_v7_call_t *call,
    msync_transfer_response_t *res, msync_err_t *err);
static int v7_post(msync_transfer_t *http, const char *url, const char *path,
    msync_transfer_request_t *request, msync_transfer_response_t *res,
    msync_err_t *err);
static int v7_renew(msync_v7_t *v7, msync_err_t *err);
static int v7_get_token(msync_v7_t *v7, msync_err_t *err);
static void v7_put_identity(const msync_v7_t *v7, msync_json_out_t *body);
static int v7_take_token(msync_v7_t *v7, const msync_transfer_response_t *res,
    msync_err_t *err);
static int v7_take_part(msync_v7_t *v7, const msync_transfer_response_t *res,
    msync_err_t *err);
static int v7_keep_token(msync_v7_t *v7, v7_identity_t *answer,
    msync_err_t *err);
static int v7_read_identity(const msync_transfer_response_t *res,
    v7_identity_t *answer, msync_err_t *err);
static bool v7_is_token(const char *token);
static bool v7_identity_member(void *data, msync_json_t *json,
    const char *key);
static void v7_forget(char **secret);
static int v7_push(msync_peer_t *peer, const msync_batch_t *batch,
    msync_err_t *err);
static void v7_put_batch(const msync_v7_t *v7, msync_json_out_t *out,
    const msync_batch_t *batch);
static void v7_put_record(const msync_v7_t *v7, msync_json_out_t *out,
    const msync_record_t *record);
static void v7_put_or_null(msync_json_out_t *out, const char *text,
    const char *value);
static bool v7_count_top(void *data, msync_json_t *json, const char *key);
static int v7_busy(msync_peer_t *peer, bool *busy, msync_err_t *err);


msync_v7_t *
msync_v7_create(const msync_v7_setup_t *setup)
{
    msync_v7_t  *v7;

    v7 = msync_calloc(1, sizeof(*v7));
    v7->setup = *setup;
    v7->setup.token = NULL;
    v7->token = msync_strdup(setup->token);
    v7->site.site_id = v7->site.central_site_id = -1;

    return v7;
}


void
msync_v7_free(msync_v7_t **v7)
{
    if (*v7) {
        v7_forget(&(*v7)->token);
    }

    msync_free(v7);
}


static void
v7_forget(char **secret)
{
    if (*secret) {
        explicit_bzero(*secret, strlen(*secret));
    }

    msync_free(secret);
}


void
msync_v7_peer(msync_v7_t *v7, msync_peer_t *peer)
{
    memset(peer, 0, sizeof(*peer));

    peer->name = MSYNC_V7_NAME;
    peer->side = MSYNC_V7;
    peer->push_cursor = MSYNC_KEY_PUSH_V7_CURSOR;
    peer->pull_cursor = MSYNC_KEY_PULL_V7_CURSOR;
    peer->push_open = MSYNC_KEY_PUSH_V7_OPEN;
    peer->push_always = true;
    peer->data = v7;
    peer->push = v7_push;
    peer->pull = msync_v7_pull;
    peer->busy = v7_busy;
}


bool
msync_v7_may_be_spoken(const msync_err_t *err)
{
    return err->variant == MSYNC_ERR_INVALID_RESPONSE
           || (err->variant == MSYNC_ERR_HTTP_ERROR
               && (err->http_status == 404 || err->http_status == 405));
}


int
msync_v7_is_spoken(msync_transfer_t *http, const char *url, bool *spoken,
    msync_err_t *err)
{
    msync_transfer_request_t    request;
    msync_transfer_response_t   res;

    *spoken = false;

    memset(&request, 0, sizeof(request));
    request.body = "null";
    request.body_length = 4;
    request.judge = msync_v7_judge;

    if (v7_post(http, url, "site_status", &request, &res, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    /* what is wanted is a refusal: nothing of the site was said */
    if (msync_v7_error(&res, err) == MSYNC_OK) {
        (void) msync_err_set(err, MSYNC_ERR_INVALID_RESPONSE,
                             "The server at this address does not speak sync "
                             "v7");
    }

    *spoken = err->variant == MSYNC_ERR_MISSING_AUTH_HEADER;
    msync_transfer_response_clear(&res);

    return MSYNC_OK;
}


int
msync_v7_call(msync_v7_t *v7, const msync_v7_call_t *call,
    msync_transfer_response_t *res, msync_err_t *err)
{
    if (v7->token == NULL && v7_get_token(v7, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (v7_send(v7, call, res, err) == MSYNC_OK) {
        return MSYNC_OK;
    }

    return v7_renew(v7, err) == MSYNC_OK ? v7_send(v7, call, res, err)
                                         : MSYNC_ERROR;
}


static int
v7_send(msync_v7_t *v7, const msync_v7_call_t *call,
    msync_transfer_response_t *res, msync_err_t *err)
{
    int                        rc;
    msync_transfer_request_t   request;

    memset(&request, 0, sizeof(request));
    request.body = call->body ? call->body->data : "null";
    request.body_length = call->body ? call->body->length : 4;
    request.bearer = v7->token;
    request.heavy = call->heavy;
    request.judge = call->waits ? msync_v7_judge_waiting : msync_v7_judge;

    rc = v7_post(v7->setup.http, v7->setup.url, call->path, &request,
                 res, err);
    if (rc != MSYNC_OK) {
        return rc;
    }

    rc = msync_v7_error(res, err);

    if (rc != MSYNC_OK) {
        msync_transfer_response_clear(res);
    }

    return rc;
}


static int
v7_post(msync_transfer_t *http, const char *url, const char *path,
    msync_transfer_request_t *request, msync_transfer_response_t *res,
    msync_err_t *err)
{
    char  full[MSYNC_URL_MAX + V7_PATH_MAX];

    (void) snprintf(full, sizeof(full), "%s/central/sync_v7/%s", url, path);
    request->method = "POST";
    request->url = full;

    return msync_transfer_request(http, request, res, err);
}


/*
 * What get_token mends: a token that central does not know, for it was wiped
 * there, and a site that central does not take for one of v7 yet.  That it
 * does even where it says that the site has a token.
 */

static int
v7_renew(msync_v7_t *v7, msync_err_t *err)
{
    bool  unknown = err->variant == MSYNC_ERR_TOKEN_NOT_FOUND;

    if (v7->renewed || (!unknown && err->variant != MSYNC_ERR_SITE_IS_NOT_V7))
    {
        return MSYNC_ERROR;
    }

    msync_log(MSYNC_LOG_NOTICE, "%s: this site asks for a token", err->text);

    if (v7_get_token(v7, err) == MSYNC_OK) {
        return MSYNC_OK;
    }

    if (unknown || err->variant != MSYNC_ERR_TOKEN_ALREADY_ALLOCATED) {
        return MSYNC_ERROR;
    }

    msync_err_clear(err);
    return MSYNC_OK;
}


static int
v7_get_token(msync_v7_t *v7, msync_err_t *err)
{
    int                          rc;
    msync_json_out_t             body;
    msync_transfer_request_t     request;
    msync_transfer_response_t    res;
    const msync_v7_callbacks_t  *callbacks = &v7->setup.callbacks;

    if (callbacks->asking(callbacks->data, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    v7->renewed = true;
    memset(&body, 0, sizeof(body));
    v7_put_identity(v7, &body);

    memset(&request, 0, sizeof(request));
    request.body = body.data;
    request.body_length = body.length;
    request.once = request.precious = true;
    request.judge = msync_v7_judge;

    rc = v7_post(v7->setup.http, v7->setup.url, "get_token", &request,
                 &res, err);
    msync_json_out_free(&body);

    if (rc != MSYNC_OK) {
        rc = v7_take_part(v7, &res, err);

    } else if ((rc = msync_v7_error(&res, err)) == MSYNC_OK) {
        rc = v7_take_token(v7, &res, err);

    } else if (res.status < 500) {
        callbacks->refused(callbacks->data, err);
    }

    if (res.body != NULL) {
        explicit_bzero(res.body, res.length);
    }

    msync_transfer_response_clear(&res);

    return rc;
}


static void
v7_put_identity(const msync_v7_t *v7, msync_json_out_t *body)
{
    char           version[128], *p;
    unsigned long  major, minor, patch;

    major = strtoul(MSYNC_V7_APP_VERSION, &p, 10);
    minor = strtoul(p + 1, &p, 10);
    patch = strtoul(p + 1, NULL, 10);

    (void) snprintf(version, sizeof(version),
                    "{\"version\":{\"major\":%lu,\"minor\":%lu,\"patch\":%lu,"
                    "\"pre_release\":null},\"name\":", major, minor, patch);

    msync_wire_put_pair(body, version, v7->setup.conf->username);
    msync_wire_put_pair(body, ",\"passwordSha256\":",
                        v7->setup.conf->password_sha256);
    msync_wire_put_pair(body, ",\"hardwareId\":", v7->setup.hardware_id);
    msync_json_put_text(body, "}");
}


static int
v7_take_token(msync_v7_t *v7, const msync_transfer_response_t *res,
    msync_err_t *err)
{
    int             rc;
    v7_identity_t   answer;

    rc = v7_read_identity(res, &answer, err);

    if (rc == MSYNC_OK && !v7_is_token(answer.token)) {
        rc = msync_wire_lacks(MSYNC_V7_NAME, "token", err);
    }

    if (rc != MSYNC_OK) {
        v7_forget(&answer.token);
        return MSYNC_ERROR;
    }

    return v7_keep_token(v7, &answer, err);
}


/* of an answer that was torn, for `err`: central gives the token once, and the
 * rest of the answer is asked for again in any case */

static int
v7_take_part(msync_v7_t *v7, const msync_transfer_response_t *res,
    msync_err_t *err)
{
    msync_err_t     torn;
    v7_identity_t   answer;

    answer.token = NULL;

    if (res->body != NULL) {
        (void) v7_read_identity(res, &answer, &torn);
    }

    if (!v7_is_token(answer.token)) {
        v7_forget(&answer.token);
        return msync_err_context(err, "asking for the token of this site");
    }

    msync_log(MSYNC_LOG_NOTICE, "%s; the token had come", err->text);
    msync_err_clear(err);

    return v7_keep_token(v7, &answer, err);
}


/* takes over what the answer has */

static int
v7_keep_token(msync_v7_t *v7, v7_identity_t *answer, msync_err_t *err)
{
    if (v7->setup.callbacks.given(v7->setup.callbacks.data, answer->token,
                                  &answer->site, err) != MSYNC_OK)
    {
        v7_forget(&answer->token);
        return MSYNC_ERROR;
    }

    v7_forget(&v7->token);
    v7->token = answer->token;
    v7->site = answer->site;

    return MSYNC_OK;
}


/* what it has, be it torn; forget the token, if any */

static int
v7_read_identity(const msync_transfer_response_t *res, v7_identity_t *answer,
    msync_err_t *err)
{
    memset(answer, 0, sizeof(v7_identity_t));
    answer->site.site_id = answer->site.central_site_id = -1;

    return msync_v7_object(res, v7_identity_member, answer, err);
}


/* what can stand in a header; RFC 6750, and somewhat more */

static bool
v7_is_token(const char *token)
{
    const char  *p;

    for (p = token; p && *p != '\0'; p++) {
        if (*p <= ' ' || *p > '~') {
            return false;
        }
    }

    return p && p != token;
}


int
msync_v7_object(const msync_transfer_response_t *res,
    msync_wire_member_pt member, void *data, msync_err_t *err)
{
    bool          found = false;
    char          key[MSYNC_JSON_KEY_MAX];
    msync_json_t  json;

    msync_json_init(&json, res->body, res->length);

    if (!msync_json_enter(&json, MSYNC_JSON_OBJECT)) {
        return msync_wire_unusable(res, MSYNC_V7_NAME, json.error,
                                   msync_json_offset(&json), err);
    }

    while (msync_json_member(&json, key)) {
        if (strcmp(key, "Ok") == 0
            && msync_json_peek(&json) == MSYNC_JSON_OBJECT)
        {
            found = true;

            if (!msync_wire_members(&json, member, data)) {
                break;
            }

        } else if (!msync_json_skip(&json, NULL)) {
            break;
        }
    }

    if (!msync_json_end(&json)) {
        return msync_wire_unusable(res, MSYNC_V7_NAME, json.error,
                                   msync_json_offset(&json), err);
    }

    return found ? MSYNC_OK : msync_wire_lacks(MSYNC_V7_NAME, "Ok", err);
}


static bool
v7_identity_member(void *data, msync_json_t *json, const char *key)
{
    v7_identity_t       *answer = data;
    msync_json_slice_t   value;

    if (!msync_json_skip(json, &value)) {
        return false;
    }

    if (strcmp(key, "siteId") == 0) {
        return msync_wire_number(json, &value, &answer->site.site_id);
    }

    if (strcmp(key, "centralSiteId") == 0) {
        return msync_wire_number(json, &value,
                                 &answer->site.central_site_id);
    }

    if (strcmp(key, "token") == 0) {
        v7_forget(&answer->token);
        answer->token = msync_json_text(&value, MSYNC_V7_TOKEN_MAX);
    }

    return true;
}


const msync_v7_site_t *
msync_v7_site(const msync_v7_t *v7)
{
    return &v7->site;
}


static int
v7_busy(msync_peer_t *peer, bool *busy, msync_err_t *err)
{
    int                         rc;
    msync_v7_t                 *v7 = peer->data;
    v7_identity_t               answer;
    msync_v7_call_t             call = { 0 };
    msync_transfer_response_t   res;

    call.path = "site_status";
    *busy = false;

    if (msync_v7_call(v7, &call, &res, err) != MSYNC_OK) {

        if (err->variant != MSYNC_ERR_SITE_LOCK_ERROR) {
            return MSYNC_ERROR;
        }

        msync_err_clear(err);
        *busy = true;
        return MSYNC_OK;
    }

    rc = v7_read_identity(&res, &answer, err);
    msync_transfer_response_clear(&res);
    v7_forget(&answer.token);

    if (rc == MSYNC_OK && answer.site.site_id < 0) {
        rc = msync_wire_lacks(MSYNC_V7_NAME, "siteId", err);
    }

    if (rc == MSYNC_OK) {
        v7->site = answer.site;
    }

    return rc;
}


static int
v7_push(msync_peer_t *peer, const msync_batch_t *batch, msync_err_t *err)
{
    int                         rc;
    int64_t                     count = -1;
    msync_v7_t                 *v7 = peer->data;
    msync_json_out_t            body;
    msync_v7_call_t             call = { 0 };
    msync_transfer_response_t   res;

    memset(&body, 0, sizeof(body));
    v7_put_batch(v7, &body, batch);

    call.path = "push";
    call.body = &body;
    call.heavy = batch->n > 0;
    rc = msync_v7_call(v7, &call, &res, err);
    msync_json_out_free(&body);

    if (rc != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    rc = msync_wire_object(&res, MSYNC_V7_NAME, v7_count_top, &count, err);
    msync_transfer_response_clear(&res);

    if (rc == MSYNC_OK && count < 0) {
        rc = msync_wire_lacks(MSYNC_V7_NAME, "Ok", err);
    }

    return rc == MSYNC_OK
           && !msync_wire_compare(v7->setup.http, batch, count)
           ? v7_push(peer, batch, err) : rc;
}


/* only whether `remaining` is 0 counts there: that begins to integrate */

static void
v7_put_batch(const msync_v7_t *v7, msync_json_out_t *out,
    const msync_batch_t *batch)
{
    size_t   i;
    int64_t  end, left, n = (int64_t) batch->n;

    end = msync_wire_end(batch);
    left = batch->last ? 0 : batch->remaining > n ? batch->remaining - n : 1;

    msync_json_put_text(out, "{\"siteId\":");
    msync_json_put_integer(out, v7->site.site_id);
    msync_json_put_text(out, ",\"lastCursorInBatch\":");
    msync_json_put_integer(out, end);
    msync_json_put_text(out, ",\"remaining\":");
    msync_json_put_integer(out, left);
    msync_json_put_text(out, ",\"maxCursor\":");
    msync_json_put_integer(out, end + left);
    msync_json_put_text(out, ",\"records\":[");

    for (i = 0; i < batch->n; i++) {
        msync_json_put_text(out, i ? "," : "");
        v7_put_record(v7, out, &batch->records[i]);
    }

    msync_json_put_text(out, "]}");
}


static void
v7_put_record(const msync_v7_t *v7, msync_json_out_t *out,
    const msync_record_t *record)
{
    const char           *name = NULL;
    const msync_table_t  *table;

    table = msync_catalogue_find(v7->setup.catalogue, record->table);

    if (table) {
        name = msync_v7_name(table, record->data);
    }

    msync_json_put_text(out, "{\"cursor\":");
    msync_json_put_integer(out, record->cursor);
    msync_wire_put_pair(out, ",\"recordId\":", record->id);
    msync_wire_put_pair(out, ",\"tableName\":", name ? name : record->table);
    msync_json_put_text(out, record->action == MSYNC_ACTION_DELETE
                             ? ",\"action\":\"Delete\",\"data\":"
                             : ",\"action\":\"Upsert\",\"data\":");

    if (record->data) {
        msync_json_put(out, record->data, record->data_length);
    } else {
        msync_json_put_text(out, "null");
    }

    v7_put_or_null(out, ",\"storeId\":", record->store);
    v7_put_or_null(out, ",\"transferStoreId\":", record->transfer_store);
    v7_put_or_null(out, ",\"patientId\":", record->patient);
    msync_json_put_text(out, "}");
}


static void
v7_put_or_null(msync_json_out_t *out, const char *text, const char *value)
{
    msync_json_put_text(out, text);

    if (value) {
        msync_json_put_string(out, value);
    } else {
        msync_json_put_text(out, "null");
    }
}


static bool
v7_count_top(void *data, msync_json_t *json, const char *key)
{
    msync_json_slice_t  value;

    return msync_json_skip(json, &value)
           && (strcmp(key, "Ok") != 0
               || msync_wire_number(json, &value, data));
}
