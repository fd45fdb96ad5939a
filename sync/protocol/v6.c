/*
 * Owns the calls of API v6 as a peer, but for the pull.  Promises that
 * recordData passes through octet by octet.
 */

#include "protocol/v6_private.h"

#include "protocol/v5.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>


#define V6_CALL_MAX  32


static void v6_settings(msync_v6_t *v6, const msync_conf_t *conf,
    const char *hardware_id);
static int v6_push(msync_peer_t *peer, const msync_batch_t *batch,
    msync_err_t *err);
static void v6_put_batch(msync_json_out_t *out, const msync_batch_t *batch);
static int v6_busy(msync_peer_t *peer, bool *busy, msync_err_t *err);
static bool v6_count_top(void *data, msync_json_t *json, const char *key);
static bool v6_count_member(void *data, msync_json_t *json,
    const char *key);
static bool v6_busy_top(void *data, msync_json_t *json, const char *key);
static bool v6_busy_member(void *data, msync_json_t *json, const char *key);


msync_v6_t *
msync_v6_create(msync_transfer_t *http, const char *url,
    const msync_conf_t *conf,
    const char *hardware_id, bool initialised, const char *patient)
{
    msync_v6_t          *v6;
    msync_conf_origin_t  ours, theirs;

    v6 = msync_calloc(1, sizeof(*v6));

    v6->http = http;
    v6->url = msync_conf_bare_url(url);
    v6->patient = msync_strdup(patient);
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
    peer->push_cursor = MSYNC_KEY_PUSH_V6_CURSOR;
    peer->push_open = MSYNC_KEY_PUSH_V6_OPEN;
    peer->pull_cursor = v6->patient ? NULL : MSYNC_KEY_PULL_V6_CURSOR;
    peer->data = v6;
    peer->push = v6_push;
    peer->pull = msync_v6_pull;
    peer->adopt = msync_v6_adopt;
    peer->busy = v6_busy;
}


static void
v6_settings(msync_v6_t *v6, const msync_conf_t *conf, const char *hardware_id)
{
    char               version[16];
    msync_json_out_t  *out;

    out = &v6->settings;
    (void) snprintf(version, sizeof(version), "%d", MSYNC_V5_VERSION);

    msync_wire_put_pair(out, "\"syncV5Settings\":{\"serverUrl\":", conf->url);
    msync_wire_put_pair(out, ",\"username\":", conf->username);
    msync_wire_put_pair(out, ",\"passwordSha256\":", conf->password_sha256);
    msync_wire_put_pair(out, ",\"siteUuid\":", hardware_id);
    msync_wire_put_pair(out, ",\"appVersion\":", MSYNC_APP_VERSION);
    msync_wire_put_pair(out, ",\"appName\":", MSYNC_APP_NAME);
    msync_wire_put_pair(out, ",\"syncVersion\":", version);
    msync_json_put_text(out, "}");
}


int
msync_v6_call(msync_v6_t *v6, const char *call, bool heavy,
    msync_json_out_t *body, msync_transfer_response_t *res, msync_err_t *err)
{
    int                       rc;
    char                      url[MSYNC_URL_MAX + V6_CALL_MAX];
    const char               *why;
    msync_conf_origin_t       origin;
    msync_transfer_request_t  request;

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
    request.heavy = heavy;
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
    int                         rc;
    int64_t                     count;
    msync_v6_t                 *v6;
    msync_json_out_t            body;
    msync_transfer_response_t   res;

    v6 = peer->data;
    memset(&body, 0, sizeof(body));
    msync_json_put_text(&body, "{\"batch\":");
    v6_put_batch(&body, batch);
    msync_json_put_text(&body, ",");

    if (msync_v6_call(v6, "push", batch->n > 0, &body, &res, err) != MSYNC_OK) {
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

    return rc == MSYNC_OK && !msync_wire_compare(v6->http, batch, count)
           ? v6_push(peer, batch, err) : rc;
}


static void
v6_put_batch(msync_json_out_t *out, const msync_batch_t *batch)
{
    size_t   i;
    int64_t  n = (int64_t) batch->n;

    msync_json_put_text(out, "{\"end_cursor\":");
    msync_json_put_integer(out, msync_wire_end(batch));
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


static int
v6_busy(msync_peer_t *peer, bool *busy, msync_err_t *err)
{
    int                        rc, state;
    msync_json_out_t           body;
    msync_transfer_response_t  res;

    memset(&body, 0, sizeof(body));
    msync_json_put_text(&body, "{");

    if (msync_v6_call(peer->data, "site_status", false, &body, &res, err)
        != MSYNC_OK)
    {
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


bool
msync_v6_data(void *data, msync_json_t *json, const char *key,
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
v6_count_top(void *data, msync_json_t *json, const char *key)
{
    return msync_v6_data(data, json, key, v6_count_member);
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
    return msync_v6_data(data, json, key, v6_busy_member);
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
