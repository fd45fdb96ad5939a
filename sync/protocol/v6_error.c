/*
 * Owns the errors of API v6: an enum that comes as a bare string or as an
 * object with one member, in an answer whose status is usually 200.
 */

#include "protocol/v6_private.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>


/* one error as it was read */

typedef struct {
    msync_wire_enum_t   said;          /* "integrationInProgress" */
    char               *code;          /* owned, of a legacyServerError */
    int64_t             versions[2];   /* lowest, highest; what follows them
                                          is what it was asked with */
    size_t              n;
} v6_error_t;


static bool v6_error_read(const msync_transfer_response_t *res,
    v6_error_t *error);
static bool v6_error_carried(void *data, msync_json_t *json,
    const char *key);
static bool v6_error_legacy(void *data, msync_json_t *json, const char *key);
static bool v6_error_versions(v6_error_t *error, msync_json_t *json);
static void v6_error_clear(v6_error_t *error);
static int v6_error_set(const v6_error_t *error, msync_err_t *err);
static int v6_error_version(const v6_error_t *error, msync_err_t *err);
static int v6_error_message(const v6_error_t *error, msync_err_t *err);
static bool v6_error_is_text(const v6_error_t *error);
static msync_transfer_verdict_e v6_error_judge(const v6_error_t *error);


int
msync_v6_error(const msync_transfer_response_t *res, msync_err_t *err)
{
    int         rc;
    v6_error_t  error;

    rc = MSYNC_OK;

    if (v6_error_read(res, &error)) {
        rc = v6_error_set(&error, err);

        if (err->http_status == 0) {
            err->http_status = res->status;
        }

        err->retry_after = res->retry_after;
    }

    v6_error_clear(&error);

    return rc;
}


msync_transfer_verdict_e
msync_v6_judge(const msync_transfer_response_t *res)
{
    v6_error_t                error;
    msync_transfer_verdict_e  verdict;

    verdict = MSYNC_TRANSFER_USUAL;

    if (v6_error_read(res, &error)) {
        verdict = v6_error_judge(&error);
    }

    v6_error_clear(&error);

    return verdict;
}


/* what Open mSupply central met at the legacy server is judged as if that one
 * had said it */

static msync_transfer_verdict_e
v6_error_judge(const v6_error_t *error)
{
    const char   *text;
    msync_err_t   err;

    text = msync_wire_enum_text(&error->said);

    if (msync_wire_enum_is(&error->said, "integrationInProgress")
        || (error->code && msync_wire_is_busy(error->code)))
    {
        return MSYNC_TRANSFER_BUSY_NOW;
    }

    if (msync_wire_enum_is(&error->said, "cannotConnectToLegacyServer")) {
        return MSYNC_TRANSFER_AGAIN;
    }

    if (!v6_error_is_text(error)) {
        return MSYNC_TRANSFER_FINAL;
    }

    if (msync_wire_code_within(text, "", &err) != MSYNC_OK) {
        return err.scope == MSYNC_SCOPE_RUN
               && err.variant == MSYNC_ERR_CENTRAL_ERROR
               ? MSYNC_TRANSFER_BUSY_NOW : MSYNC_TRANSFER_FINAL;
    }

    return msync_transfer_may_pass(msync_wire_status_within(text))
           || msync_wire_is_out_of_reach(text)
           ? MSYNC_TRANSFER_AGAIN : MSYNC_TRANSFER_FINAL;
}


/* true when there is an error; it must be cleared in any case */

static bool
v6_error_read(const msync_transfer_response_t *res, v6_error_t *error)
{
    memset(error, 0, sizeof(*error));

    return msync_wire_enum_read(res, "error", v6_error_carried,
                                &error->said);
}


static bool
v6_error_carried(void *data, msync_json_t *json, const char *key)
{
    v6_error_t          *error = data;
    msync_json_slice_t   value;

    (void) key;

    switch (msync_json_peek(json)) {

    case MSYNC_JSON_OBJECT:
        return msync_wire_members(json, v6_error_legacy, error);

    case MSYNC_JSON_ARRAY:
        return v6_error_versions(error, json);

    default:
        break;
    }

    if (!msync_json_skip(json, &value)) {
        return false;
    }

    free(error->said.text);
    error->said.text = msync_json_text(&value, MSYNC_WIRE_SHORT);

    return true;
}


static bool
v6_error_legacy(void *data, msync_json_t *json, const char *key)
{
    char               **field;
    v6_error_t          *error = data;
    msync_json_slice_t   value;

    if (!msync_json_skip(json, &value)) {
        return false;
    }

    field = strcmp(key, "code") == 0 ? &error->code
            : strcmp(key, "message") == 0 ? &error->said.text : NULL;

    if (field) {
        free(*field);
        *field = msync_json_text(&value, MSYNC_WIRE_TEXT_MAX);
    }

    return true;
}


static bool
v6_error_versions(v6_error_t *error, msync_json_t *json)
{
    msync_json_slice_t  value;

    error->n = 0;

    if (!msync_json_enter(json, MSYNC_JSON_ARRAY)) {
        return false;
    }

    while (msync_json_item(json)) {

        if (!msync_json_skip(json, &value)) {
            return false;
        }

        if (error->n < 2
            && msync_json_integer(&value, &error->versions[error->n]))
        {
            error->n++;
        }
    }

    return json->error == NULL;
}


static void
v6_error_clear(v6_error_t *error)
{
    msync_wire_enum_clear(&error->said);
    msync_free(&error->code);
}


static int
v6_error_set(const v6_error_t *error, msync_err_t *err)
{
    const char  *text;

    text = msync_wire_enum_text(&error->said);

    if (msync_wire_enum_is(&error->said, "notACentralServer")) {
        return msync_err_set(err, MSYNC_ERR_CENTRAL_V6_NOT_CONFIGURED,
                             "The address that mSupply central has for "
                             MSYNC_V6_NAME " is that of an Open mSupply "
                             "server which is not the central one");
    }

    if (msync_wire_enum_is(&error->said, "integrationInProgress")) {
        (void) msync_err_set(err, MSYNC_ERR_CENTRAL_ERROR,
                             MSYNC_V6_NAME " is still integrating what was "
                             "sent");
        err->scope = MSYNC_SCOPE_RUN;
        return MSYNC_ERROR;
    }

    if (msync_wire_enum_is(&error->said, "syncVersionMismatch")) {
        return v6_error_version(error, err);
    }

    if (msync_wire_enum_is(&error->said, "cannotConnectToLegacyServer")) {
        return msync_wire_out_of_reach(text, err);
    }

    if (msync_wire_enum_is(&error->said, "legacyServerError")) {
        return msync_wire_code(error->code ? error->code : "", text,
                               MSYNC_WIRE_ASKED, err);
    }

    return v6_error_message(error, err);
}


static int
v6_error_version(const v6_error_t *error, msync_err_t *err)
{
    if (error->n < 2) {
        return msync_err_set(err, MSYNC_ERR_V6_API_VERSION_INCOMPATIBLE,
                             MSYNC_V6_NAME " does not speak version %d, which "
                             "this program speaks", MSYNC_V6_VERSION);
    }

    return msync_err_set(err, MSYNC_ERR_V6_API_VERSION_INCOMPATIBLE,
                         MSYNC_V6_NAME " speaks the versions %" PRId64 " to %"
                         PRId64 ", this program speaks version %d",
                         error->versions[0], error->versions[1],
                         MSYNC_V6_VERSION);
}


static int
v6_error_message(const v6_error_t *error, msync_err_t *err)
{
    const char  *name, *text, *says;

    name = error->said.name ? error->said.name : "without a name";
    text = msync_wire_enum_text(&error->said);

    if (v6_error_is_text(error)
        && msync_wire_legacy_error(text, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    says = msync_wire_enum_is(&error->said, "parsingSyncRecordError")
           ? "refuses a record with the error" : "reports the error";

    return msync_err_set(err, MSYNC_ERR_CENTRAL_ERROR,
                         MSYNC_V6_NAME " %s \"%s\"%s%s", says, name,
                         *text ? ": " : "", text);
}


/* errors that have in their text what Open mSupply central met at the legacy
 * server */

static bool
v6_error_is_text(const v6_error_t *error)
{
    return msync_wire_enum_is(&error->said, "otherServerError")
           || msync_wire_enum_is(&error->said, "otherLegacyServerError");
}
