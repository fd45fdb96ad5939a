/*
 * Settings from the page.
 *
 * Promises: nothing is saved that central has not accepted; the hash never
 * goes to a host that the administrator did not give the password for; the
 * password is wiped from memory as soon as its hash is known; a text is taken
 * as it was meant or not at all.
 */

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "serve/document.h"
#include "serve/settings_private.h"
#include "serve/status.h"
#include "protocol/protocol.h"
#include "base/clock.h"
#include "store/kv.h"
#include "store/upgrade.h"

#define FIELDS_MAX  32                 /* blamed in one answer, which has to
                                          fit into a frame */

typedef struct {
    const msync_settings_t  *settings;
    msync_request_e          request;
    msync_conf_t            *conf;         /* owned, the settings asked for */
    cJSON                   *fields;       /* owned, name: reason */
    bool                     more;         /* there are more than have room */
    bool                     password;     /* a password was given */
    bool                     changed;      /* what central must check */
    int64_t                  asked;        /* monotonic ms, when central was
                                              asked */
    msync_err_t              err;
} request_t;


static void settings_blame(request_t *req, const char *field,
    const char *reason);
static void settings_free_text(char **text);
static char *settings_text_of(const msync_json_slice_t *value);
static void settings_take_url(request_t *req, const msync_json_slice_t *value);
static bool settings_is_user_id(const char *text);
static void settings_take_username(request_t *req,
    const msync_json_slice_t *value);
static void settings_take_password(request_t *req,
    const msync_json_slice_t *value);
static void settings_take_interval(request_t *req,
    const msync_json_slice_t *value);
static void settings_take_members(request_t *req, const char *body,
    size_t length);
static void settings_check_complete(request_t *req);
static void settings_need(request_t *req, const char *field, bool there);
static msync_conf_t *settings_copy_conf(const msync_conf_t *from);
static bool settings_is_past(int64_t since, int64_t most);
static int settings_while_asking(void *data, msync_err_t *err);
static int settings_ask_central(request_t *req, msync_v5_site_t *site);
static int settings_ask_site(request_t *req, msync_transfer_t *http,
    msync_v5_site_t *site);
static int settings_ask_v7(request_t *req, msync_transfer_t *http,
    msync_v5_site_t *site);
static int settings_answer_test(const msync_v5_site_t *site, char **reply);
static int settings_save_all(request_t *req, const msync_v5_site_t *site);
static int settings_save(request_t *req, const msync_v5_site_t *site,
    char **reply);
static int settings_refuse_fields(const request_t *req, char **reply);
static int settings_answer_request(request_t *req, char **reply);


static void
settings_blame(request_t *req, const char *field, const char *reason)
{
    cJSON_DeleteItemFromObject(req->fields, field);

    if (cJSON_GetArraySize(req->fields) == FIELDS_MAX) {
        req->more = true;
        return;
    }

    cJSON_AddStringToObject(req->fields, field, reason);
}


static void
settings_free_text(char **text)
{
    if (*text != NULL) {
        explicit_bzero(*text, strlen(*text));
    }

    msync_free(text);
}


/*
 * A string's value, for settings_free_text(); NULL when it is none, has U+0000
 * or something that is no character: that comes as U+FFFD and would be
 * another text than was meant.
 */

static char *
settings_text_of(const msync_json_slice_t *value)
{
    char    *text;
    bool     is_text;
    size_t   length;

    if (value->type != MSYNC_JSON_STRING) {
        return NULL;
    }

    text = msync_alloc(value->length);
    is_text = msync_json_text_into(value, text, &length)
              && strstr(text, "\xef\xbf\xbd") == NULL;

    if (!is_text) {
        explicit_bzero(text, value->length);
        msync_free(&text);
    }

    return text;
}


static void
settings_take_url(request_t *req, const msync_json_slice_t *value)
{
    char        *text;
    msync_err_t  err;
    const char  *old = req->settings->conf->url;

    text = settings_text_of(value);

    if (text == NULL
        || msync_conf_set_url(req->conf, text, &err) != MSYNC_OK)
    {
        settings_blame(req, "url",
                       text != NULL ? err.text : "must be an address");

    } else if (old == NULL || strcmp(old, req->conf->url) != 0) {
        req->changed = true;
    }

    settings_free_text(&text);
}


/* RFC 7617: a user-id holds neither a colon nor control characters */

static bool
settings_is_user_id(const char *text)
{
    const char  *p;

    for (p = text; *p != '\0'; p++) {
        if (*p == ':' || iscntrl((unsigned char) *p)) {
            return false;
        }
    }

    return p != text && p - text <= MSYNC_USERNAME_MAX;
}


static void
settings_take_username(request_t *req, const msync_json_slice_t *value)
{
    char        *text;
    const char  *old = req->settings->conf->username;

    text = settings_text_of(value);

    if (text == NULL || !settings_is_user_id(text)) {
        settings_blame(req, "username", "must be the site name, without a "
                       "colon and control characters");
        settings_free_text(&text);
        return;
    }

    if (old == NULL || strcmp(old, text) != 0) {
        req->changed = true;
    }

    free(req->conf->username);
    req->conf->username = text;
}


static void
settings_take_password(request_t *req, const msync_json_slice_t *value)
{
    char    *text;
    size_t   length;

    if (value->type == MSYNC_JSON_NULL) {
        return;
    }

    text = settings_text_of(value);
    length = text != NULL ? strlen(text) : 0;

    if (length == 0 || length > MSYNC_PASSWORD_MAX) {
        settings_blame(req, "password", "must be the site's password");

    } else {
        msync_conf_hash(text, length, req->conf->password_sha256);
        req->conf->password_blank = msync_conf_has_blank(text, length);
        req->password = true;
        req->changed = true;
    }

    settings_free_text(&text);
}


static void
settings_take_interval(request_t *req, const msync_json_slice_t *value)
{
    double  seconds;

    seconds = value->type == MSYNC_JSON_NUMBER ? msync_json_real(value) : -1;

    if (seconds < 0 || seconds > MSYNC_INTERVAL_MAX
        || seconds != floor(seconds))
    {
        settings_blame(req, "intervalSeconds", "must be a whole number of "
                       "seconds up to 366 days, 0 for no schedule");
        return;
    }

    req->conf->interval = (long) seconds;
}


static void
settings_take_members(request_t *req, const char *body, size_t length)
{
    char                key[MSYNC_JSON_KEY_MAX];
    msync_json_t        json;
    msync_json_slice_t  value;

    msync_json_init(&json, body, length);
    (void) msync_json_enter(&json, MSYNC_JSON_OBJECT);

    while (msync_json_member(&json, key) && msync_json_skip(&json, &value)) {
        if (strcmp(key, "url") == 0) {
            settings_take_url(req, &value);

        } else if (strcmp(key, "username") == 0) {
            settings_take_username(req, &value);

        } else if (strcmp(key, "password") == 0) {
            settings_take_password(req, &value);

        } else if (strcmp(key, "intervalSeconds") == 0) {
            settings_take_interval(req, &value);

        } else {
            settings_blame(req, key, "is not a setting");
        }
    }
}


static void
settings_check_complete(request_t *req)
{
    const msync_conf_t  *old = req->settings->conf;

    /* the hash never goes to a new host by itself */
    if (old->url != NULL && req->conf->url != NULL && !req->password
        && !msync_conf_same_origin(old->url, req->conf->url))
    {
        settings_blame(req, "password", "is needed again, because the "
                       "server's address changes");
    }

    if (!req->changed && req->request == MSYNC_REQUEST_SETTINGS) {
        return;
    }

    settings_need(req, "url", req->conf->url != NULL);
    settings_need(req, "username", req->conf->username != NULL);
    settings_need(req, "password", req->conf->password_sha256[0] != '\0');
}


/* what was blamed already is not missing, but wrong */

static void
settings_need(request_t *req, const char *field, bool there)
{
    if (!there
        && cJSON_GetObjectItemCaseSensitive(req->fields, field) == NULL)
    {
        settings_blame(req, field, "is needed");
    }
}


/* a copy of the settings in force, to be changed */

static msync_conf_t *
settings_copy_conf(const msync_conf_t *from)
{
    msync_conf_t  *conf;

    conf = msync_conf_create();
    conf->url = msync_strdup(from->url);
    conf->username = msync_strdup(from->username);
    strcpy(conf->password_sha256, from->password_sha256);
    conf->password_blank = from->password_blank;
    conf->interval = from->interval;
    conf->ssl_verify = from->ssl_verify;
    conf->ssl_trusted_certificate
        = msync_strdup(from->ssl_trusted_certificate);
    conf->proxy = msync_strdup(from->proxy);
    conf->connect_timeout = from->connect_timeout < MSYNC_SETTINGS_WAIT
                            ? from->connect_timeout : MSYNC_SETTINGS_WAIT;
    conf->read_timeout = from->read_timeout < MSYNC_SETTINGS_WAIT
                         ? from->read_timeout : MSYNC_SETTINGS_WAIT;

    return conf;
}


static bool
settings_is_past(int64_t since, int64_t most)
{
    return msync_clock_monotonic() - since >= most;
}


static int
settings_while_asking(void *data, msync_err_t *err)
{
    request_t               *req = data;
    const msync_settings_t  *settings = req->settings;

    if (settings_is_past(req->asked, MSYNC_SETTINGS_WAIT)
        || settings_is_past(settings->came, MSYNC_SETTINGS_LATE))
    {
        return msync_err_set(err, MSYNC_ERR_TIMEOUT,
                             "mSupply central gave no whole answer in time, "
                             "so the settings could not be checked");
    }

    return settings->hook != NULL ? settings->hook(settings->hook_data, err)
                                  : MSYNC_OK;
}


/* asks central whether these settings are right */

static int
settings_ask_central(request_t *req, msync_v5_site_t *site)
{
    int                rc = MSYNC_ERROR;
    char              *uuid = NULL;
    msync_transfer_t  *http;

    http = msync_transfer_create(req->conf, req->settings->hardware_id,
                                 req->settings->fd, settings_while_asking, req,
                                 &req->err);
    if (http == NULL) {
        return MSYNC_ERROR;
    }

    /* somebody waits, and can ask again */
    msync_transfer_set_busy(http, 0);
    req->asked = msync_clock_monotonic();

    rc = settings_ask_site(req, http, site);

    if (rc != MSYNC_OK
        || msync_store_get_string(req->settings->store, MSYNC_KEY_SITE_UUID,
                                  &uuid, &req->err) != MSYNC_OK)
    {
        rc = MSYNC_ERROR;

    } else if (uuid != NULL && site->uuid != NULL
               && strcmp(uuid, site->uuid) != 0)
    {
        rc = msync_err_set(&req->err, MSYNC_ERR_SITE_UUID_IS_BEING_CHANGED,
                           "This database belongs to the site %s, and \"%s\" "
                           "is another site", uuid, req->conf->username);
    }

    msync_free(&uuid);
    msync_transfer_free(&http);

    return rc;
}


/* by v5, or by v7 where that is what the site, or the server, speaks */

static int
settings_ask_site(request_t *req, msync_transfer_t *http, msync_v5_site_t *site)
{
    int             rc;
    bool            unknown;
    msync_v5_t     *v5;
    msync_speaks_e  speaks;

    if (msync_store_speaks(req->settings->store, &speaks, &req->err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    unknown = speaks == MSYNC_SPEAKS_UNKNOWN && !req->settings->initialised;

    if (req->settings->conf->protocol == MSYNC_PROTOCOL_V7
        || (req->settings->conf->protocol == MSYNC_PROTOCOL_AUTO
            && speaks == MSYNC_SPEAKS_V7))
    {
        return settings_ask_v7(req, http, site);
    }

    v5 = msync_v5_create(http, req->conf->url);
    rc = msync_v5_site(v5, site, &req->err);
    msync_v5_free(&v5);

    return rc != MSYNC_OK && unknown
           && req->settings->conf->protocol == MSYNC_PROTOCOL_AUTO
           && msync_v7_may_be_spoken(&req->err)
           ? settings_ask_v7(req, http, site) : rc;
}


/*
 * Name and password are not looked at: central would give the site a token
 * for them, once.  The address of mSupply central, by which a site became one
 * of v7, leads on to where that is spoken.  What v5 has said remains what is
 * wrong where no v7 is spoken either.
 */

static int
settings_ask_v7(request_t *req, msync_transfer_t *http, msync_v5_site_t *site)
{
    int          rc;
    bool         spoken = false;
    char        *address;
    msync_err_t  fault;

    if (msync_store_v7_address(req->settings->store, req->conf->url, &address,
                               &req->err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    rc = msync_v7_is_spoken(http, address ? address : req->conf->url, &spoken,
                            &fault);
    msync_free(&address);

    if (rc != MSYNC_OK || !spoken) {
        if (req->err.variant == MSYNC_ERR_NONE) {
            req->err = fault;
        }

        return MSYNC_ERROR;
    }

    msync_err_clear(&req->err);
    site->site_id = -1;
    site->name = msync_strdup(req->conf->username);

    /* known from an earlier run, if there was one */
    return msync_store_get_int(req->settings->store, MSYNC_KEY_SITE_ID,
                               &site->site_id, &req->err);
}


static int
settings_answer_test(const msync_v5_site_t *site, char **reply)
{
    cJSON  *json;

    json = cJSON_CreateObject();

    if (site->site_id >= 0) {
        cJSON_AddNumberToObject(json, "siteId", site->site_id);
    } else {
        cJSON_AddNullToObject(json, "siteId");
    }

    cJSON_AddStringToObject(json, "siteName", site->name);

    if (site->initialisation_status != NULL) {
        cJSON_AddStringToObject(json, "initialisationStatus",
                                site->initialisation_status);
    } else {
        cJSON_AddNullToObject(json, "initialisationStatus");
    }

    *reply = msync_document_print(json);

    return 200;
}


/* asks for the first sync in the same transaction; nothing is committed that
 * nobody waits for any more */

static int
settings_save_all(request_t *req, const msync_v5_site_t *site)
{
    msync_err_t     *err = &req->err;
    msync_site_t     self;
    msync_effect_t   effect;
    msync_store_t   *store = req->settings->store;

    if (msync_store_save_settings(store, req->conf, err) != MSYNC_OK
        || msync_store_unset(store, MSYNC_KEY_ASKED_PAUSE, err) != MSYNC_OK
        || (site->name != NULL
            && msync_store_set_string(store, MSYNC_KEY_SITE_NAME, site->name,
                                      err) != MSYNC_OK)
        || msync_store_site_get(store, &self, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (req->request == MSYNC_REQUEST_INITIALISE) {
        msync_site_event(&self, MSYNC_EVENT_TRIGGER, MSYNC_EVENT_DONE,
                         &effect);

        if (msync_store_site_set(store, &effect.next, err) != MSYNC_OK) {
            return MSYNC_ERROR;
        }
    }

    if (settings_is_past(req->settings->came, MSYNC_SETTINGS_LATE)) {
        return msync_err_set(err, MSYNC_ERR_TIMEOUT, "the settings could not "
                             "be saved in time");
    }

    return MSYNC_OK;
}


static int
settings_save(request_t *req, const msync_v5_site_t *site, char **reply)
{
    int             rc;
    msync_store_t  *store = req->settings->store;

    rc = msync_store_begin(store, &req->err);

    if (rc == MSYNC_OK) {
        rc = settings_save_all(req, site);

        if (rc != MSYNC_OK) {
            msync_store_rollback(store);

        } else {
            rc = msync_store_commit(store, &req->err);
        }
    }

    if (rc != MSYNC_OK) {
        *reply = msync_document_error(&req->err);
        return req->err.variant == MSYNC_ERR_TIMEOUT ? 504 : 500;
    }

    if (req->request == MSYNC_REQUEST_INITIALISE) {
        *reply = msync_strdup("{\"triggered\": true}");
        return 202;
    }

    *reply = msync_status_settings(store, req->conf,
                                   req->settings->hardware_id, &req->err);
    if (*reply == NULL) {
        *reply = msync_document_error(&req->err);
        return 500;
    }

    return 200;
}


/* the `fields` tell what is not right with each */

static int
settings_refuse_fields(const request_t *req, char **reply)
{
    cJSON  *json;

    json = cJSON_CreateObject();
    msync_document_add_error(json, "INVALID_REQUEST", req->more
                             ? "Some settings are not right, more than are "
                               "named here; nothing was saved."
                             : "Some settings are not right; nothing was "
                               "saved.");
    cJSON_AddItemToObject(json, "fields", cJSON_Duplicate(req->fields, true));
    *reply = msync_document_print(json);

    return 400;
}


static int
settings_answer_request(request_t *req, char **reply)
{
    int              status;
    msync_v5_site_t  site;

    if (settings_is_past(req->settings->came, MSYNC_SETTINGS_LATE)) {
        return msync_document_refuse(504, "TIMEOUT", "The settings could not "
                                     "be checked in time and nothing was "
                                     "saved; try again in a moment.", reply);
    }

    if (req->request == MSYNC_REQUEST_INITIALISE
        && req->settings->initialised)
    {
        return msync_document_refuse(409, "ALREADY_INITIALISED", "This site is "
                                     "initialised already; change its settings "
                                     "instead.", reply);
    }

    if (cJSON_GetArraySize(req->fields) > 0) {
        return settings_refuse_fields(req, reply);
    }

    memset(&site, 0, sizeof(site));

    if ((req->changed || req->request != MSYNC_REQUEST_SETTINGS)
        && settings_ask_central(req, &site) != MSYNC_OK)
    {
        msync_conf_advise(req->conf, &req->err);
        *reply = msync_document_refusal(&req->err,
                                        req->request == MSYNC_REQUEST_TEST
                                        ? "" : "Nothing was saved.");
        msync_v5_site_clear(&site);

        /* a central server that says nothing has not refused */
        return req->err.variant == MSYNC_ERR_TIMEOUT ? 504 : 422;
    }

    status = req->request == MSYNC_REQUEST_TEST
             ? settings_answer_test(&site, reply)
             : settings_save(req, &site, reply);
    msync_v5_site_clear(&site);

    return status;
}


int
msync_settings_answer(const msync_settings_t *settings,
    msync_request_e request, char *body, size_t length, char **reply)
{
    int        status;
    bool       object;
    request_t  req;

    memset(&req, 0, sizeof(req));
    req.settings = settings;
    req.request = request;
    req.conf = settings_copy_conf(settings->conf);
    req.fields = cJSON_CreateObject();

    object = msync_json_is_object(body, length);

    if (object) {
        settings_take_members(&req, body, length);
        settings_check_complete(&req);
    }

    explicit_bzero(body, length);

    status = object
             ? settings_answer_request(&req, reply)
             : msync_document_refuse(400, "INVALID_REQUEST", "The body is not "
                                     "a JSON object in UTF-8.", reply);

    msync_conf_free(&req.conf);
    cJSON_Delete(req.fields);

    return status;
}
