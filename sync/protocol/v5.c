/*
 * Owns the calls of API v5 that carry no records, and what all of them have
 * in common: paths, the patience with a busy server, and errors by code.
 */

#include "protocol/v5_private.h"
#include "conf/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


/* the one text that is wanted of an answer */
typedef struct {
    const char  *key;
    char        *value;                /* owned, NULL: not there */
} v5_text_t;


static int v5_check(msync_transfer_response_t *res, msync_err_t *err);
static msync_transfer_verdict_e v5_judge(const msync_transfer_response_t *res,
    int failed);
static msync_transfer_verdict_e v5_judge_get(
    const msync_transfer_response_t *res);
static msync_transfer_verdict_e v5_judge_post(
    const msync_transfer_response_t *res);
static msync_transfer_verdict_e v5_judge_once(
    const msync_transfer_response_t *res);
static bool v5_site_member(void *data, msync_json_t *json, const char *key);
static bool v5_text_member(void *data, msync_json_t *json, const char *key);
static bool v5_queue_member(void *data, msync_json_t *json, const char *key);
static int v5_site_check(msync_v5_site_t *site, msync_err_t *err);


msync_v5_t *
msync_v5_create(msync_transfer_t *http, const char *url)
{
    msync_v5_t  *v5;

    v5 = msync_calloc(1, sizeof(*v5));

    v5->http = http;
    v5->url = msync_strdup(url);

    return v5;
}


void
msync_v5_free(msync_v5_t **v5)
{
    if (*v5) {
        msync_free(&(*v5)->url);
        msync_free(&(*v5)->acked);
    }

    msync_free(v5);
}


int
msync_v5_site(msync_v5_t *v5, msync_v5_site_t *site, msync_err_t *err)
{
    int                        rc;
    msync_transfer_response_t  res;

    memset(site, 0, sizeof(*site));
    site->site_id = -1;

    if (msync_v5_call(v5, "GET", "site", NULL, &res, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    rc = msync_wire_object(&res, MSYNC_V5_NAME, v5_site_member, site, err);
    msync_transfer_response_clear(&res);

    if (rc == MSYNC_OK) {
        rc = v5_site_check(site, err);
    }

    if (rc != MSYNC_OK) {
        msync_v5_site_clear(site);
    }

    return rc;
}


void
msync_v5_site_clear(msync_v5_site_t *site)
{
    msync_free(&site->uuid);
    msync_free(&site->code);
    msync_free(&site->name);
    msync_free(&site->initialisation_status);
    msync_free(&site->v6_url);
    msync_free(&site->sync_version);

    memset(site, 0, sizeof(*site));
}


int
msync_v5_initialise(msync_v5_t *v5, int64_t *queue_length, msync_err_t *err)
{
    int                        rc;
    msync_transfer_request_t   request;
    msync_transfer_response_t  res;

    memset(&request, 0, sizeof(request));
    request.method = "POST";
    request.body = "{}";
    request.body_length = 2;
    request.timeout = MSYNC_V5_INIT_WAIT;
    request.once = true;

    if (msync_v5_send(v5, &request, "initialise", &res, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    *queue_length = -1;

    rc = msync_wire_object(&res, MSYNC_V5_NAME, v5_queue_member,
                           queue_length, err);
    msync_transfer_response_clear(&res);

    /* an answer of something else does not mean that central has prepared */
    return rc == MSYNC_OK && *queue_length < 0
           ? msync_wire_lacks(MSYNC_V5_NAME, "queueLength", err) : rc;
}


int
msync_v5_upgrade(msync_v5_t *v5, char **url, msync_err_t *err)
{
    int                         rc;
    v5_text_t                   answer = { "v7Url", NULL };
    msync_transfer_request_t    request;
    msync_transfer_response_t   res;

    *url = NULL;

    memset(&request, 0, sizeof(request));
    request.method = "GET";
    request.timeout = MSYNC_V5_UPGRADE_WAIT;
    request.judge = v5_judge_once;

    if (msync_v5_send(v5, &request, "v7_url_and_upgrade", &res, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    rc = msync_wire_object(&res, MSYNC_V5_NAME, v5_text_member, &answer, err);
    msync_transfer_response_clear(&res);

    if (rc != MSYNC_OK) {
        msync_free(&answer.value);

    } else if (answer.value == NULL) {
        rc = msync_wire_lacks(MSYNC_V5_NAME, answer.key, err);
    }

    if (rc == MSYNC_OK) {
        *url = msync_conf_bare_url(answer.value);
        msync_free(&answer.value);
    }

    return rc;
}


int
msync_v5_site_status(msync_v5_t *v5, msync_v5_status_e *status,
    msync_err_t *err)
{
    int                         rc;
    size_t                      i;
    v5_text_t                   answer = { "code", NULL };
    msync_transfer_response_t   res;
    static const char          *codes[] = {
        "idle", "sync_is_running", "integration_in_progress",
        "initialisation_in_progress"
    };

    if (msync_v5_call(v5, "GET", "site_status", NULL, &res, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    rc = msync_wire_object(&res, MSYNC_V5_NAME, v5_text_member, &answer, err);
    msync_transfer_response_clear(&res);

    if (answer.value == NULL) {
        return rc == MSYNC_OK
               ? msync_wire_lacks(MSYNC_V5_NAME, answer.key, err) : rc;
    }

    if (rc == MSYNC_OK) {
        for (i = 0; i < MSYNC_V5_OTHER_STATUS; i++) {
            if (strcmp(answer.value, codes[i]) == 0) {
                break;
            }
        }

        *status = (msync_v5_status_e) i;
    }

    free(answer.value);

    return rc;
}


int
msync_v5_call(msync_v5_t *v5, const char *method, const char *path,
    const msync_json_out_t *body, msync_transfer_response_t *res,
    msync_err_t *err)
{
    msync_transfer_request_t  request;

    memset(&request, 0, sizeof(request));
    request.method = method;

    if (body) {
        request.body = body->data;
        request.body_length = body->length;
    }

    return msync_v5_send(v5, &request, path, res, err);
}


int
msync_v5_send(msync_v5_t *v5, const msync_transfer_request_t *request,
    const char *path, msync_transfer_response_t *res, msync_err_t *err)
{
    int                       rc;
    char                      url[MSYNC_URL_MAX + MSYNC_V5_PATH_MAX];
    msync_transfer_request_t  full;

    (void) snprintf(url, sizeof(url), "%s/sync/v5/%s", v5->url, path);

    full = *request;
    full.url = url;
    full.auth = true;
    full.version = MSYNC_V5_VERSION;

    if (full.judge == NULL) {
        full.judge = strcmp(request->method, "GET") == 0 ? v5_judge_get
                                                         : v5_judge_post;
    }

    rc = msync_transfer_request(v5->http, &full, res, err);

    return rc == MSYNC_OK ? v5_check(res, err) : rc;
}


/* frees the answer when it is an error */

static int
v5_check(msync_transfer_response_t *res, msync_err_t *err)
{
    char  *code, *message;

    if (msync_wire_error(res, &code, &message)) {
        (void) msync_wire_code(code, message, MSYNC_V5_NAME, err);
        free(code);
        free(message);

        err->http_status = res->status;
        err->retry_after = res->retry_after;

        /* whoever asks again and again is locked out */
        if (res->status == 401 && err->variant == MSYNC_ERR_CENTRAL_ERROR) {
            err->remedy = MSYNC_REMEDY_FINAL;
            err->advice = "Check the site name and the password in the "
                          "settings. If they are right, something on the way "
                          "takes the header Authorization out of requests: "
                          "ask whoever runs the proxy or the firewall to let "
                          "it pass.";
        }

    } else if (res->status < 200 || res->status >= 300 || res->challenged) {
        (void) msync_wire_unusable(res, MSYNC_V5_NAME, NULL, 0, err);

    } else {
        return MSYNC_OK;
    }

    msync_transfer_response_clear(res);

    return MSYNC_ERROR;
}


/*
 * What central has answered itself, with an error of the protocol, stands:
 * the request is sent again only where central was busy, or where it failed
 * at it, which statuses from `failed` on say.
 */

static msync_transfer_verdict_e
v5_judge(const msync_transfer_response_t *res, int failed)
{
    char                      *code, *message;
    msync_transfer_verdict_e   verdict;

    if (res->status < 400 || !msync_wire_error(res, &code, &message)) {
        return MSYNC_TRANSFER_USUAL;
    }

    verdict = MSYNC_TRANSFER_FINAL;

    if (msync_wire_is_busy(code)) {
        verdict = MSYNC_TRANSFER_BUSY_NOW;

    } else if (!msync_wire_is_known(code)
               && (res->status == 408 || res->status == 429
                   || res->status >= failed))
    {
        verdict = MSYNC_TRANSFER_USUAL;
    }

    free(code);
    free(message);

    return verdict;
}


static msync_transfer_verdict_e
v5_judge_get(const msync_transfer_response_t *res)
{
    return v5_judge(res, 500);
}


/* a 500 may be what one of the records does to central: it is not sent again,
 * the record is looked for (push_refused.c) */

static msync_transfer_verdict_e
v5_judge_post(const msync_transfer_response_t *res)
{
    return v5_judge(res, 501);
}


/* whatever is answered stands: the next run asks again */

static msync_transfer_verdict_e
v5_judge_once(const msync_transfer_response_t *res)
{
    (void) res;

    return MSYNC_TRANSFER_FINAL;
}


static bool
v5_site_member(void *data, msync_json_t *json, const char *key)
{
    size_t               i;
    msync_v5_site_t     *site = data;
    msync_json_slice_t   value;

    struct {
        const char  *key;
        char       **field;
    } texts[] = {
        { "id", &site->uuid },
        { "code", &site->code },
        { "name", &site->name },
        { "initialisationStatus", &site->initialisation_status },
        { "omSupplyCentralServerUrl", &site->v6_url },
        { "syncVersion", &site->sync_version }
    };

    if (!msync_json_skip(json, &value)) {
        return false;
    }

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (strcmp(key, texts[i].key) == 0) {
            free(*texts[i].field);
            *texts[i].field = msync_json_text(&value, MSYNC_WIRE_TEXT_MAX);
            return true;
        }
    }

    if (strcmp(key, "siteId") == 0) {
        return msync_wire_number(json, &value, &site->site_id);
    }

    if (strcmp(key, "mSupplyCentralSiteId") == 0) {
        return msync_wire_number(json, &value, &site->central_site_id);
    }

    if (strcmp(key, "isOmSupplyCentralServer") == 0) {
        site->is_v6_central = (value.type == MSYNC_JSON_TRUE);
    }

    return true;
}


/* an answer without an id or a site is an error; texts that may be missing
 * become "" */

static int
v5_site_check(msync_v5_site_t *site, msync_err_t *err)
{
    char   *address;
    size_t  i;
    char  **texts[] = {
        &site->code, &site->name, &site->initialisation_status, &site->v6_url
    };

    if (site->uuid == NULL || *site->uuid == '\0') {
        return msync_wire_lacks(MSYNC_V5_NAME, "id", err);
    }

    if (site->site_id < 0) {
        return msync_wire_lacks(MSYNC_V5_NAME, "siteId", err);
    }

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (*texts[i] == NULL) {
            *texts[i] = msync_strdup("");
        }
    }

    address = msync_conf_bare_url(site->v6_url);
    msync_free(&site->v6_url);
    site->v6_url = address;

    return MSYNC_OK;
}


static bool
v5_text_member(void *data, msync_json_t *json, const char *key)
{
    v5_text_t           *text = data;
    msync_json_slice_t   value;

    if (!msync_json_skip(json, &value)) {
        return false;
    }

    if (strcmp(key, text->key) == 0) {
        free(text->value);
        text->value = msync_json_text(&value, MSYNC_WIRE_TEXT_MAX);
    }

    return true;
}


static bool
v5_queue_member(void *data, msync_json_t *json, const char *key)
{
    msync_json_slice_t  value;

    if (!msync_json_skip(json, &value)) {
        return false;
    }

    return strcmp(key, "queueLength") != 0
           || msync_wire_number(json, &value, data);
}
