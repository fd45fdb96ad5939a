/*
 * Looks for patients at central, for an application that wants to fetch one.
 *
 * Promises: nothing of what is asked for or found is logged or stored; central
 * is asked with the token of the latest run and for no other one.
 */

#include <string.h>

#include <cjson/cJSON.h>

#include "base/clock.h"
#include "protocol/protocol.h"
#include "serve/document.h"
#include "serve/patients_private.h"
#include "store/kv.h"
#include "store/upgrade.h"

#define PATIENTS_BUSY  5000            /* ms that a site may be locked */

typedef struct {
    const msync_settings_t  *settings;
    int64_t                  asked;    /* monotonic ms */
} patients_t;


static int patients_ask(patients_t *patients,
    const msync_v7_wanted_t *wanted, char **reply, msync_err_t *err);
static int patients_search(patients_t *patients, msync_v7_setup_t *setup,
    const msync_v7_wanted_t *wanted, char **reply, msync_err_t *err);
static int patients_while_asking(void *data, msync_err_t *err);
static int patients_no_token(void *data, msync_err_t *err);
static char *patients_print(msync_v7_found_t *found, size_t n, bool more);
static const char *patients_text(const cJSON *body, const char *name);
static int patients_status(const msync_err_t *err);


int
msync_patients_answer(const msync_settings_t *settings, const char *body,
    size_t length, char **reply)
{
    int                 status = 200;
    cJSON              *json;
    msync_err_t         err;
    patients_t          patients = { settings, msync_clock_monotonic() };
    msync_speaks_e      speaks;
    msync_v7_wanted_t   wanted = { 0 };

    if (!msync_conf_complete(settings->conf)) {
        return msync_document_refuse(409, "NOT_CONFIGURED",
                                     "The site has no settings yet: enter "
                                     "them on its page.", reply);
    }

    if (msync_store_speaks(settings->store, &speaks, &err) != MSYNC_OK) {
        *reply = msync_document_error(&err);
        return 500;
    }

    if (speaks != MSYNC_SPEAKS_V7) {
        return msync_document_refuse(409, "PROTOCOL_V6", "This site speaks "
                                     "the protocol v6, which cannot look for "
                                     "patients at central; fetch one by its "
                                     "id instead.", reply);
    }

    json = cJSON_ParseWithLength(body, length);
    wanted.name = patients_text(json, "name");
    wanted.code = patients_text(json, "code");

    if (wanted.name == NULL && wanted.code == NULL) {
        status = msync_document_refuse(400, "INVALID_REQUEST", "A name or a "
                                       "code is needed, or a part of one.",
                                       reply);

    } else if (patients_ask(&patients, &wanted, reply, &err) != MSYNC_OK) {
        *reply = msync_document_refusal(&err, "");
        status = patients_status(&err);
    }

    cJSON_Delete(json);

    return status;
}


static const char *
patients_text(const cJSON *body, const char *name)
{
    const char  *text;

    text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, name));

    return text != NULL && *text != '\0' ? text : NULL;
}


static int
patients_status(const msync_err_t *err)
{
    switch (err->variant) {

    case MSYNC_ERR_TIMEOUT:
    case MSYNC_ERR_CONNECTION_ERROR:
        return 504;

    case MSYNC_ERR_SITE_LOCK_ERROR:
        return 503;

    case MSYNC_ERR_DATABASE_ERROR:
        return 500;

    default:
        return 422;
    }
}


static int
patients_ask(patients_t *patients, const msync_v7_wanted_t *wanted,
    char **reply, msync_err_t *err)
{
    int                      rc = MSYNC_ERROR;
    char                    *token = NULL, *url = NULL;
    msync_v7_setup_t         setup = { 0 };
    const msync_settings_t  *settings = patients->settings;

    if (msync_store_get_string(settings->store, MSYNC_KEY_TOKEN, &token, err)
        == MSYNC_OK
        && msync_store_v7_address(settings->store, settings->conf->url, &url,
                                  err) == MSYNC_OK)
    {
        setup.url = url != NULL ? url : settings->conf->url;
        setup.conf = settings->conf;
        setup.hardware_id = settings->hardware_id;
        setup.token = token;
        setup.callbacks.data = patients;
        setup.callbacks.asking = patients_no_token;
        rc = patients_search(patients, &setup, wanted, reply, err);
    }

    if (token != NULL) {
        explicit_bzero(token, strlen(token));
    }

    msync_free(&token);
    msync_free(&url);

    return rc;
}


static int
patients_search(patients_t *patients, msync_v7_setup_t *setup,
    const msync_v7_wanted_t *wanted, char **reply, msync_err_t *err)
{
    int                      rc;
    bool                     more;
    size_t                   n;
    msync_v7_t              *v7;
    msync_v7_found_t        *found;
    msync_transfer_t        *http;
    const msync_settings_t  *settings = patients->settings;

    http = msync_transfer_create(settings->conf, settings->hardware_id,
                                 settings->fd, patients_while_asking,
                                 patients, err);
    if (http == NULL) {
        return MSYNC_ERROR;
    }

    msync_transfer_set_busy(http, PATIENTS_BUSY);
    setup->http = http;

    v7 = msync_v7_create(setup);
    found = msync_calloc(MSYNC_V7_FOUND_MAX, sizeof(msync_v7_found_t));
    rc = msync_v7_search(v7, wanted, found, &n, &more, err);

    if (rc == MSYNC_OK) {
        *reply = patients_print(found, n, more);
    }

    msync_free(&found);
    msync_v7_free(&v7);
    msync_transfer_free(&http);

    return rc;
}


static int
patients_while_asking(void *data, msync_err_t *err)
{
    patients_t              *patients = data;
    const msync_settings_t  *settings = patients->settings;

    if (msync_clock_monotonic() - patients->asked >= MSYNC_SETTINGS_WAIT) {
        return msync_err_set(err, MSYNC_ERR_TIMEOUT,
                             "Open mSupply central gave no whole answer in "
                             "time");
    }

    return settings->hook != NULL ? settings->hook(settings->hook_data, err)
                                  : MSYNC_OK;
}


/* central gives a token once: only a run asks for it */

static int
patients_no_token(void *data, msync_err_t *err)
{
    (void) data;

    (void) msync_err_set(err, MSYNC_ERR_TOKEN_NOT_FOUND,
                         "this site has no token that central knows");
    err->advice = "The next synchronisation asks for another one.";

    return MSYNC_ERROR;
}


/* clears what was found */

static char *
patients_print(msync_v7_found_t *found, size_t n, bool more)
{
    size_t       i, j;
    cJSON       *json, *list, *one;
    const char  *text;

    static const char *const  names[MSYNC_V7_FOUND_TEXTS] = {
        "id", "name", "code", "firstName", "lastName", "phone", "email",
        "dateOfBirth"
    };

    json = cJSON_CreateObject();
    list = cJSON_AddArrayToObject(json, "patients");

    for (i = 0; i < n; i++) {
        one = cJSON_CreateObject();

        for (j = 0; j < MSYNC_V7_FOUND_TEXTS; j++) {
            text = found[i].texts[j];

            if (*text != '\0' || j == MSYNC_V7_FOUND_ID) {
                cJSON_AddStringToObject(one, names[j], text);
            } else {
                cJSON_AddNullToObject(one, names[j]);
            }
        }

        cJSON_AddItemToArray(list, one);
        msync_v7_found_clear(&found[i]);
    }

    cJSON_AddBoolToObject(json, "more", more);

    return msync_document_print(json);
}
