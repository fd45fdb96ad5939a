/*
 * Owns the errors of API v7: {"Err": …} in an answer whose status is usually
 * 200, a bare string or an object with one member; and what a server says
 * that is not central.
 */

#include "protocol/v7_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


/* one error as it was read */

typedef struct {
    msync_wire_enum_t   said;          /* its text is JSON if it is none */
    char                central[64];   /* versions of a SyncVersionMismatch */
    char                remote[64];
    int64_t             expected;      /* ids of a SiteIdMismatch */
    int64_t             given;
} v7_error_t;

/* a version while it is read */

typedef struct {
    int64_t   part[3];
    char     *pre_release;       /* owned */
} v7_version_t;


static bool v7_error_read(const msync_transfer_response_t *res,
    v7_error_t *error);
static bool v7_error_carried(void *data, msync_json_t *json,
    const char *key);
static bool v7_error_detail(void *data, msync_json_t *json,
    const char *key);
static void v7_error_version(const msync_json_slice_t *value, char *text,
    size_t size);
static bool v7_error_version_member(void *data, msync_json_t *json,
    const char *key);
static int v7_error_set(const v7_error_t *error, msync_err_t *err);
static int v7_error_other(const v7_error_t *error, msync_err_t *err);
static msync_transfer_verdict_e v7_error_judge(
    const msync_transfer_response_t *res, msync_transfer_verdict_e busy);


/* the errors that say all with their names, and with what they carry */

static const struct {
    const char       *name;
    msync_variant_e   variant;
    bool              carries;
    const char       *says;
} v7_errors[] = {
    { "NotACentralServer", MSYNC_ERR_NOT_A_CENTRAL_SERVER, false,
      "The Open mSupply server at this address is not the central one" },
    { "Authentication", MSYNC_ERR_AUTHENTICATION, false,
      MSYNC_V7_NAME " does not let this site in" },
    { "InvalidSiteNameOrPassword", MSYNC_ERR_INVALID_SITE_NAME_OR_PASSWORD,
      false,
      MSYNC_V7_NAME " knows no site with this name and password" },
    { "TokenAlreadyAllocated", MSYNC_ERR_TOKEN_ALREADY_ALLOCATED, false,
      MSYNC_V7_NAME " has given the token of this site already" },
    { "TokenNotFound", MSYNC_ERR_TOKEN_NOT_FOUND, false,
      MSYNC_V7_NAME " does not know the token of this site" },
    { "HardwareIdMismatch", MSYNC_ERR_HARDWARE_ID_MISMATCH, false,
      MSYNC_V7_NAME " says that this site belongs to another machine "
      "(hardware id)" },
    { "MissingAuthHeader", MSYNC_ERR_MISSING_AUTH_HEADER, true,
      MSYNC_V7_NAME " did not get a header of the request" },
    { "SiteLockError", MSYNC_ERR_SITE_LOCK_ERROR, false,
      MSYNC_V7_NAME " is still integrating what this site has sent" },
    { "SiteIdNotSet", MSYNC_ERR_SITE_ID_NOT_SET, false,
      MSYNC_V7_NAME " does not know its own site" },
    { "GetCurrentSiteIdError", MSYNC_ERR_GET_CURRENT_SITE_ID_ERROR, true,
      MSYNC_V7_NAME " cannot tell its own site" },
    { "SiteIsNotV7", MSYNC_ERR_SITE_IS_NOT_V7, false,
      MSYNC_V7_NAME " does not take this site for one that speaks sync "
      "v7" },
    { "RequestSiteAuthError", MSYNC_ERR_REQUEST_SITE_AUTH_ERROR, true,
      MSYNC_V7_NAME " could not check this site at mSupply central" },
    { "DatabaseError", MSYNC_ERR_CENTRAL_DATABASE_ERROR, true,
      MSYNC_V7_NAME " reports an error of its own database" },
    { "SyncRecordSerializeError", MSYNC_ERR_SYNC_RECORD_SERIALIZE_ERROR, true,
      MSYNC_V7_NAME " cannot write one of its records" },
    { "RecordNotFound", MSYNC_ERR_RECORD_NOT_FOUND, true,
      MSYNC_V7_NAME " does not find one of its records" },
    { "IntegrationTimeoutReached", MSYNC_ERR_INTEGRATION_TIMEOUT_REACHED, false,
      MSYNC_V7_NAME " is still integrating what was sent" },
    { "ConnectionError", MSYNC_ERR_CONNECTION_ERROR, true,
      MSYNC_V7_NAME " cannot reach mSupply central to check this site" }
};


int
msync_v7_error(const msync_transfer_response_t *res, msync_err_t *err)
{
    int         rc = MSYNC_OK;
    v7_error_t  error;

    if (v7_error_read(res, &error)) {
        rc = v7_error_set(&error, err);

    } else if (res->status == 405 && !res->challenged) {
        rc = msync_err_set(err, MSYNC_ERR_NOT_A_CENTRAL_SERVER,
                           "The server at this address is not an Open mSupply "
                           "central server");

    } else if (res->status < 200 || res->status >= 300) {
        rc = msync_wire_unusable(res, MSYNC_V7_NAME, NULL, 0, err);
    }

    msync_wire_enum_clear(&error.said);

    if (rc != MSYNC_OK) {
        err->http_status = err->http_status ? err->http_status : res->status;
        err->retry_after = res->retry_after;
    }

    return rc;
}


msync_transfer_verdict_e
msync_v7_judge(const msync_transfer_response_t *res)
{
    return v7_error_judge(res, MSYNC_TRANSFER_FINAL);
}


msync_transfer_verdict_e
msync_v7_judge_waiting(const msync_transfer_response_t *res)
{
    return v7_error_judge(res, MSYNC_TRANSFER_BUSY_NOW);
}


static msync_transfer_verdict_e
v7_error_judge(const msync_transfer_response_t *res,
    msync_transfer_verdict_e busy)
{
    v7_error_t                 error;
    msync_transfer_verdict_e   verdict = MSYNC_TRANSFER_USUAL;

    if (v7_error_read(res, &error)) {
        verdict = msync_wire_enum_is(&error.said, "SiteLockError") ? busy
                  : msync_transfer_may_pass(
                        msync_wire_status_within(
                            msync_wire_enum_text(&error.said)))
                  ? MSYNC_TRANSFER_AGAIN : MSYNC_TRANSFER_FINAL;
    }

    msync_wire_enum_clear(&error.said);

    return verdict;
}


/* true when there is an error; it must be cleared in any case */

static bool
v7_error_read(const msync_transfer_response_t *res, v7_error_t *error)
{
    memset(error, 0, sizeof(*error));

    return msync_wire_enum_read(res, "Err", v7_error_carried, &error->said);
}


static bool
v7_error_carried(void *data, msync_json_t *json, const char *key)
{
    size_t               length;
    v7_error_t          *error = data;
    msync_json_t         within;
    msync_json_slice_t   value;

    (void) key;

    if (!msync_json_skip(json, &value)) {
        return false;
    }

    free(error->said.text);
    error->said.text = value.type == MSYNC_JSON_STRING
                       ? msync_json_text(&value, MSYNC_WIRE_SHORT)
                       : msync_json_raw(&value, &length);

    if (value.type == MSYNC_JSON_OBJECT) {
        msync_json_init(&within, value.data, value.length);
        (void) msync_wire_members(&within, v7_error_detail, error);
    }

    return true;
}


static bool
v7_error_detail(void *data, msync_json_t *json, const char *key)
{
    v7_error_t          *error = data;
    msync_json_slice_t   value;

    if (!msync_json_skip(json, &value)) {
        return false;
    }

    if (strcmp(key, "central") == 0) {
        v7_error_version(&value, error->central, sizeof(error->central));

    } else if (strcmp(key, "remote") == 0) {
        v7_error_version(&value, error->remote, sizeof(error->remote));

    } else if (strcmp(key, "expected") == 0) {
        (void) msync_json_integer(&value, &error->expected);

    } else if (strcmp(key, "found") == 0) {
        (void) msync_json_integer(&value, &error->given);
    }

    return true;
}


/* "3.0.0", "3.0.0-rc1" */

static void
v7_error_version(const msync_json_slice_t *value, char *text, size_t size)
{
    msync_json_t   json;
    v7_version_t   version = { { 0, 0, 0 }, NULL };

    msync_json_init(&json, value->data, value->length);

    if (value->type == MSYNC_JSON_OBJECT
        && msync_wire_members(&json, v7_error_version_member, &version))
    {
        (void) snprintf(text, size, "%" PRId64 ".%" PRId64 ".%" PRId64
                        "%s%.16s", version.part[0], version.part[1],
                        version.part[2], version.pre_release ? "-" : "",
                        version.pre_release ? version.pre_release : "");
    }

    msync_free(&version.pre_release);
}


static bool
v7_error_version_member(void *data, msync_json_t *json, const char *key)
{
    size_t                i;
    v7_version_t         *version = data;
    msync_json_slice_t    value;
    static const char    *names[] = { "major", "minor", "patch" };

    if (!msync_json_skip(json, &value)) {
        return false;
    }

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(key, names[i]) == 0) {
            (void) msync_json_integer(&value, &version->part[i]);
        }
    }

    if (strcmp(key, "pre_release") == 0) {
        free(version->pre_release);
        version->pre_release = msync_json_text(&value, MSYNC_WIRE_TEXT_MAX);
    }

    return true;
}


static int
v7_error_set(const v7_error_t *error, msync_err_t *err)
{
    size_t       i;
    const char  *text = msync_wire_enum_text(&error->said);

    if (msync_wire_enum_is(&error->said, "SyncVersionMismatch")) {
        return msync_err_set(err, MSYNC_ERR_SYNC_VERSION_MISMATCH,
                             MSYNC_V7_NAME " is of version %s and refuses "
                             "this site, which speaks like version %s",
                             error->central, error->remote);
    }

    if (msync_wire_enum_is(&error->said, "SiteIdMismatch")) {
        return msync_err_set(err, MSYNC_ERR_SITE_ID_MISMATCH,
                             MSYNC_V7_NAME " expects records of the site "
                             "%" PRId64 " and got those of %" PRId64,
                             error->expected, error->given);
    }

    for (i = 0; i < sizeof(v7_errors) / sizeof(v7_errors[0]); i++) {
        if (msync_wire_enum_is(&error->said, v7_errors[i].name)) {
            (void) msync_err_set(err, v7_errors[i].variant, "%s%s%s",
                                 v7_errors[i].says,
                                 v7_errors[i].carries ? ": " : "",
                                 v7_errors[i].carries ? text : "");

            if (err->variant == MSYNC_ERR_HARDWARE_ID_MISMATCH) {
                err->advice = "If this site has moved here for good, ask the "
                              "administrator of " MSYNC_V7_NAME " to clear "
                              "the site's hardware id and token there; never "
                              "run one site on two machines.";
            }

            return MSYNC_ERROR;
        }
    }

    return v7_error_other(error, err);
}


/* "Other" has what central met at mSupply central in its text */

static int
v7_error_other(const v7_error_t *error, msync_err_t *err)
{
    const char  *name, *text;

    name = error->said.name ? error->said.name : "without a name";
    text = msync_wire_enum_text(&error->said);

    if (strstr(text, "stores_not_migrated")) {
        return msync_err_set(err, MSYNC_ERR_REQUEST_SITE_AUTH_ERROR,
                             "mSupply central does not let this site change "
                             "to sync v7 yet: not all stores were moved to "
                             MSYNC_V7_NAME);
    }

    if (msync_wire_enum_is(&error->said, "Other")
        && msync_wire_legacy_error(text, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    return msync_err_set(err, MSYNC_ERR_CENTRAL_ERROR, MSYNC_V7_NAME
                         " reports the error \"%s\"%s%s", name,
                         *text ? ": " : "", text);
}
