/*
 * Owns the words for errors that servers answer with, and for answers that
 * are not what a central server says at all.
 */

#include "protocol/wire_private.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>


#define WIRE_EXCERPT    200                   /* octets of an odd answer */
#define WIRE_CUT_OFF_ADVICE                                                   \
    "|Nothing is lost and it is tried again by itself; smaller batches may "   \
    "pass. If it lasts, show this text to the administrator of the central "  \
    "server."
#define WIRE_BEGINNING  60                    /* of what is no answer */


/* the legacy server's codes; Open mSupply passes them on in CamelCase */

static const struct {
    const char       *code;
    const char       *camel;
    msync_variant_e   variant;
    const char       *text;
} wire_codes[] = {
    { "site_name_not_found", "SiteNameNotFound",
      MSYNC_ERR_SITE_NAME_NOT_FOUND, "knows no site of this name" },
    { "site_incorrect_password", "SiteIncorrectPassword",
      MSYNC_ERR_INCORRECT_PASSWORD, "says that the password is wrong" },
    { "site_incorrect_hardware_id", "SiteIncorrectHardwareId",
      MSYNC_ERR_HARDWARE_ID_MISMATCH,
      "says that this site belongs to another machine (hardware id)" },
    { "site_has_no_store", "SiteHasNoStore",
      MSYNC_ERR_SITE_HAS_NO_STORE, "says that this site has no store" },
    { "site_auth_timeout", "SiteAuthTimeout",
      MSYNC_ERR_SITE_AUTH_TIMEOUT,
      "does not let this site sign in again so soon" },
    { "api_version_incompatible", "ApiVersionIncompatible",
      MSYNC_ERR_API_VERSION_INCOMPATIBLE,
      "speaks another version of the interface" },
    { "sync_is_running", "SyncIsRunning", MSYNC_ERR_CENTRAL_ERROR,
      "is still busy with this site" },
    { "integration_in_progress", "IntegrationInProgress",
      MSYNC_ERR_CENTRAL_ERROR, "is still integrating what was sent" }
};

#define WIRE_CODES  (sizeof(wire_codes) / sizeof(wire_codes[0]))

/* wire_codes from here on say that the server is at work */

#define WIRE_BUSY   6


typedef struct {
    char  *code;
    char  *message;
    bool   found;
} wire_error_t;

/* an enum while it is read */

typedef struct {
    const char            *key;
    msync_wire_member_pt   carried;
    msync_wire_enum_t     *error;
} wire_enum_t;


static bool wire_enum_top(void *data, msync_json_t *json, const char *key);
static bool wire_enum_name(void *data, msync_json_t *json, const char *key);
static bool wire_error_top(void *data, msync_json_t *json, const char *key);
static bool wire_error_member(void *data, msync_json_t *json,
    const char *key);
static size_t wire_code_find(const char *code);
static int wire_code_set(size_t i, const char *message, const char *who,
    msync_err_t *err);
static const char *wire_status_words(int status);
static size_t wire_blank(const msync_transfer_response_t *res);
static bool wire_is_page(const msync_transfer_response_t *res);
static void wire_not_json(const msync_transfer_response_t *res,
    const char *who, msync_err_t *err);
static int wire_challenge(const msync_transfer_response_t *res,
    const char *who, msync_err_t *err);
static int wire_status(const msync_transfer_response_t *res, const char *who,
    msync_err_t *err);
static void wire_note_status(int status, msync_err_t *err);


bool
msync_wire_enum_read(const msync_transfer_response_t *res, const char *key,
    msync_wire_member_pt carried, msync_wire_enum_t *error)
{
    wire_enum_t  reader = { key, carried, error };

    return msync_wire_is_object(res, wire_enum_top, &reader) && error->found;
}


static bool
wire_enum_top(void *data, msync_json_t *json, const char *key)
{
    wire_enum_t         *reader = data;
    msync_wire_enum_t   *error = reader->error;
    msync_json_type_e    type = msync_json_peek(json);
    msync_json_slice_t   value;

    if (strcmp(key, reader->key) != 0 || type == MSYNC_JSON_NULL) {
        return msync_json_skip(json, NULL);
    }

    error->found = true;

    if (type == MSYNC_JSON_OBJECT) {
        return msync_wire_members(json, wire_enum_name, reader);
    }

    if (!msync_json_skip(json, &value)) {
        return false;
    }

    free(error->name);
    error->name = msync_json_text(&value, MSYNC_WIRE_TEXT_MAX);

    return true;
}


static bool
wire_enum_name(void *data, msync_json_t *json, const char *key)
{
    wire_enum_t  *reader = data;

    free(reader->error->name);
    reader->error->name = msync_strdup(key);

    return reader->carried(reader->error, json, key);
}


bool
msync_wire_enum_is(const msync_wire_enum_t *error, const char *name)
{
    return error->name && strcmp(error->name, name) == 0;
}


const char *
msync_wire_enum_text(const msync_wire_enum_t *error)
{
    return error->text ? error->text : "";
}


void
msync_wire_enum_clear(msync_wire_enum_t *error)
{
    msync_free(&error->name);
    msync_free(&error->text);
}


bool
msync_wire_error(const msync_transfer_response_t *res, char **code,
    char **message)
{
    wire_error_t  error;

    *code = NULL;
    *message = NULL;
    memset(&error, 0, sizeof(error));

    if (!msync_wire_is_object(res, wire_error_top, &error) || !error.found) {
        free(error.code);
        free(error.message);
        return false;
    }

    *code = error.code ? error.code : msync_strdup("");
    *message = error.message ? error.message : msync_strdup("");

    return true;
}


bool
msync_wire_is_busy(const char *code)
{
    size_t  i = wire_code_find(code);

    return i >= WIRE_BUSY && i < WIRE_CODES;
}


bool
msync_wire_is_known(const char *code)
{
    return wire_code_find(code) < WIRE_CODES;
}


int
msync_wire_code(const char *code, const char *message, const char *who,
    msync_err_t *err)
{
    size_t  i = wire_code_find(code);

    if (i < WIRE_CODES) {
        return wire_code_set(i, message, who, err);
    }

    if (*code == '\0') {
        return msync_err_set(err, MSYNC_ERR_CENTRAL_ERROR,
                             "%s reports an error: %s", who,
                             *message ? message : "it does not say which");
    }

    return msync_err_set(err, MSYNC_ERR_CENTRAL_ERROR,
                         "%s reports the error \"%s\"%s%s", who, code,
                         *message ? ": " : "", message);
}


int
msync_wire_code_within(const char *text, const char *who, msync_err_t *err)
{
    size_t  i;

    for (i = 0; i < WIRE_CODES; i++) {
        if (strstr(text, wire_codes[i].camel)
            || strstr(text, wire_codes[i].code))
        {
            return wire_code_set(i, text, who, err);
        }
    }

    return MSYNC_OK;
}


int
msync_wire_status_within(const char *text)
{
    size_t       i;
    const char  *p;

    static const struct {
        const char  *phrase;
        int          status;
    } phrases[] = {
        { "408 Request Time", 408 },
        { "429 Too Many", 429 },
        { "500 Internal Server", 500 },
        { "502 Bad Gateway", 502 },
        { "503 Service Unav", 503 },
        { "504 Gateway Time", 504 }
    };

    /* as it writes the ones that have no name, too */

    p = strstr(text, "status: '");

    if (p && isdigit((unsigned char) p[9])) {
        return (int) strtol(p + 9, NULL, 10);
    }

    for (i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
        if (strstr(text, phrases[i].phrase)) {
            return phrases[i].status;
        }
    }

    return 0;
}


bool
msync_wire_is_out_of_reach(const char *text)
{
    size_t              i;
    static const char  *words[] = {
        "Connection problem", "error sending request", "onnection refused",
        "onnection reset", "timed out", "dns error",
        "Cannot retrieve response body", "error decoding response body"
    };

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strstr(text, words[i])) {
            return true;
        }
    }

    return false;
}


int
msync_wire_legacy_error(const char *text, msync_err_t *err)
{
    int          status;
    const char  *words;

    if (msync_wire_code_within(text, MSYNC_WIRE_ASKED, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    status = msync_wire_status_within(text);

    if (status >= 300) {
        words = wire_status_words(status);
        (void) msync_err_set(err, MSYNC_ERR_HTTP_ERROR, MSYNC_WIRE_ASKED
                             " answered with HTTP status %d%s%s", status,
                             *words ? ": " : "", words);
        wire_note_status(status, err);
        return MSYNC_ERROR;
    }

    if (strstr(text, "Could not parse response body")) {
        return msync_err_set(err, MSYNC_ERR_INVALID_RESPONSE,
                             "Something else than an answer of mSupply "
                             "central came to " MSYNC_WIRE_OMSUPPLY ", which "
                             "asked it about this site: %.*s", WIRE_EXCERPT,
                             text);
    }

    return msync_wire_is_out_of_reach(text)
           ? msync_wire_out_of_reach(text, err) : MSYNC_OK;
}


int
msync_wire_out_of_reach(const char *text, msync_err_t *err)
{
    return msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR, MSYNC_WIRE_OMSUPPLY
                         " cannot reach mSupply central to check this site: "
                         "%s", text);
}


int
msync_wire_unusable(const msync_transfer_response_t *res, const char *who,
    const char *why, size_t offset, msync_err_t *err)
{
    if (res->challenged) {
        return wire_challenge(res, who, err);
    }

    if (res->status < 200 || res->status >= 300) {
        return wire_status(res, who, err);
    }

    if (res->length == 0 && res->packed > 0) {
        (void) msync_err_set(err, MSYNC_ERR_INVALID_RESPONSE,
                             "The answer of %s is cut off: it came compressed, "
                             "%lld octets from which nothing can be read, as "
                             "the server or something in between (a proxy, a "
                             "firewall) has sent it", who,
                             (long long) res->packed);
        err->advice = WIRE_CUT_OFF_ADVICE;

    } else if (strspn(res->body, " \t\r\n") == res->length) {
        (void) msync_err_set(err, MSYNC_ERR_INVALID_RESPONSE,
                             "%s answered with nothing where data was "
                             "expected", who);

    } else if (wire_is_page(res)) {
        (void) msync_err_set(err, MSYNC_ERR_INVALID_RESPONSE,
                             "A web page came in place of the data of %s: a "
                             "sign-in page of the network (captive portal) "
                             "stands in between, or the address is not that "
                             "of a central server", who);

    } else if (res->body[wire_blank(res)] != '{') {
        wire_not_json(res, who, err);

    } else if (offset == res->length) {
        (void) msync_err_set(err, MSYNC_ERR_INVALID_RESPONSE,
                             "The answer of %s is cut off: after %zu octets "
                             "it ends in the middle, as the server or "
                             "something in between (a proxy, a firewall) has "
                             "sent it", who, res->length);
        err->advice = WIRE_CUT_OFF_ADVICE;

    } else {
        (void) msync_err_set(err, MSYNC_ERR_INVALID_RESPONSE,
                             "The answer of %s is not what was expected: %s, "
                             "at octet %zu of %zu", who,
                             why ? why : "it is not JSON", offset,
                             res->length);
    }

    err->http_status = res->status;

    return MSYNC_ERROR;
}


int
msync_wire_lacks(const char *who, const char *name, msync_err_t *err)
{
    return msync_err_set(err, MSYNC_ERR_INVALID_RESPONSE,
                         "The answer of %s lacks \"%s\": it is not that of a "
                         "central server, or one of another version", who,
                         name);
}


static bool
wire_error_top(void *data, msync_json_t *json, const char *key)
{
    wire_error_t  *error = data;

    if (strcmp(key, "error") != 0
        || msync_json_peek(json) != MSYNC_JSON_OBJECT)
    {
        return msync_json_skip(json, NULL);
    }

    error->found = true;

    return msync_wire_members(json, wire_error_member, error);
}


static bool
wire_error_member(void *data, msync_json_t *json, const char *key)
{
    char               **field;
    wire_error_t        *error = data;
    msync_json_slice_t   value;

    if (!msync_json_skip(json, &value)) {
        return false;
    }

    field = strcmp(key, "code") == 0 ? &error->code
            : strcmp(key, "message") == 0 ? &error->message : NULL;

    if (field) {
        free(*field);
        *field = msync_json_text(&value, MSYNC_WIRE_TEXT_MAX);
    }

    return true;
}


/* in any case, with or without underscores; WIRE_CODES: none of these */

static size_t
wire_code_find(const char *code)
{
    size_t  i;

    for (i = 0; i < WIRE_CODES; i++) {
        if (strcasecmp(code, wire_codes[i].code) == 0
            || strcasecmp(code, wire_codes[i].camel) == 0)
        {
            break;
        }
    }

    return i;
}


static int
wire_code_set(size_t i, const char *message, const char *who,
    msync_err_t *err)
{
    (void) msync_err_set(err, wire_codes[i].variant, "%s %s%s%s%s", who,
                         wire_codes[i].text, *message ? " (\"" : "", message,
                         *message ? "\")" : "");

    /* busy with something else: it says nothing about what was sent */

    if (i >= WIRE_BUSY) {
        err->scope = MSYNC_SCOPE_RUN;
    }

    return MSYNC_ERROR;
}


/* by whatever status, also one of those that say that all went well */

static int
wire_challenge(const msync_transfer_response_t *res, const char *who,
    msync_err_t *err)
{
    (void) msync_err_set(err, MSYNC_ERR_HTTP_ERROR,
                         "A service before %s, such as Cloudflare, wants "
                         "proof that a browser asks (a challenge, HTTP status "
                         "%d), which no program gives", who, res->status);
    err->advice = "Ask the administrator of the central server to have the "
                  "paths /sync/ and /central/ passed there without a "
                  "challenge. |It is tried again by itself.";

    wire_note_status(res->status, err);
    err->retry_after = res->retry_after;

    return MSYNC_ERROR;
}


static int
wire_status(const msync_transfer_response_t *res, const char *who,
    msync_err_t *err)
{
    bool         excerpt;
    const char  *words;

    words = wire_status_words(res->status);
    excerpt = !wire_is_page(res)
              && strspn(res->body, " \t\r\n") != res->length;

    (void) msync_err_set(err, MSYNC_ERR_HTTP_ERROR,
                         "%s%s answered with HTTP status %d%s%s%s%.*s%s", who,
                         res->proxied ? ", or the proxy on the way to it,"
                         : "", res->status, *words ? ": " : "", words,
                         excerpt ? " (\"" : "",
                         excerpt ? WIRE_EXCERPT : 0, res->body,
                         excerpt ? "\")" : "");

    wire_note_status(res->status, err);
    err->retry_after = res->retry_after;

    return MSYNC_ERROR;
}


static void
wire_note_status(int status, msync_err_t *err)
{
    err->http_status = status;

    /* whoever asks again and again is locked out, or stays so */
    if (status == 401 || status == 403 || status == 407) {
        err->remedy = MSYNC_REMEDY_FINAL;
    }
}


static const char *
wire_status_words(int status)
{
    size_t  i;

    static const struct {
        int          status;
        const char  *words;
    } known[] = {
        { 304, "a cache on the way answers in the place of the server" },
        { 400, "the server or a proxy does not understand the request" },
        { 401, "access refused without a reason; a proxy may want a sign-in, "
          "or take that of this site (Authorization) out of requests" },
        { 402, "a payment is wanted first; the airtime may be used up" },
        { 403, "access refused without a reason; a proxy may want a sign-in" },
        { 404, "there is no synchronisation service at this address" },
        { 405, "this address does not take such requests; it is not that of a "
          "central server" },
        { 407, "the proxy wants a user name and password" },
        { 408, "the request took too long to arrive; the line is slow" },
        { 410, "there is no longer a synchronisation service at this address" },
        { 413, "the batch is larger than the server or a proxy allows" },
        { 421, "the server that answers knows nothing of this address" },
        { 425, "the request came too early for the server or a proxy, which "
          "wants it once more" },
        { 426, "the server wants another kind of connection; the address may "
          "have to begin with https://" },
        { 429, "too many requests" },
        { 431, "the head of the request is larger than the server or a proxy "
          "allows" },
        { 451, "a law or an order forbids this connection" },
        { 494, "the head of the request is larger than the server or a proxy "
          "allows" },
        { 497, "the server wants another kind of connection; the address may "
          "have to begin with https://" },
        { 500, "the server failed while it worked on the request" },
        { 501, "this address does not take such requests; it is not that of a "
          "central server" },
        { 502, "a proxy in front of the server cannot reach it; the server "
          "itself is down or starting" },
        { 503, "the server is overloaded or being maintained" },
        { 504, "a proxy in front of the server cannot reach it; the server "
          "itself is down or starting" },
        { 507, "the server has no room left on its disk" },
        { 508, "the server or a proxy leads the request round in a circle" },
        { 509, "the contract of the server allows no more octets for now" },
        { 511, "the network wants a sign-in first (captive portal)" },
        { 520, "a proxy in front of the server got no answer from it that it "
          "understands" },
        { 521, "a proxy in front of the server cannot reach it; the server "
          "itself is down, or its firewall keeps the proxy out" },
        { 522, "a proxy in front of the server cannot reach it; the server "
          "itself is down, or its firewall keeps the proxy out" },
        { 523, "a proxy in front of the server cannot reach it; the server "
          "itself is down, or its firewall keeps the proxy out" },
        { 524, "a proxy in front of the server waited too long for its answer; "
          "the server may still be at work" },
        { 525, "a proxy in front of the server does not trust the encryption "
          "of the server; its certificate has to be renewed" },
        { 526, "a proxy in front of the server does not trust the encryption "
          "of the server; its certificate has to be renewed" },
        { 527, "a proxy in front of the server cannot find or reach it" },
        { 529, "the server is overloaded or being maintained" },
        { 530, "a proxy in front of the server cannot find or reach it" },
        { 598, "a proxy in front of the server waited too long for its answer; "
          "the server may still be at work" },
        { 599, "a proxy in front of the server waited too long for its answer; "
          "the server may still be at work" }
    };

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].status == status) {
            return known[i].words;
        }
    }

    return "";
}


/* octets of space and of a byte order mark at the beginning */

static size_t
wire_blank(const msync_transfer_response_t *res)
{
    return strspn(res->body, " \t\r\n\xef\xbb\xbf");
}


bool
msync_wire_is_markup(const msync_transfer_response_t *res)
{
    return res->body[wire_blank(res)] == '<';
}


static bool
wire_is_page(const msync_transfer_response_t *res)
{
    return strncasecmp(res->content_type, "text/html", 9) == 0
           || msync_wire_is_markup(res);
}


/* an answer that does not begin as any of a central server: it has no
 * records, so its first line may be shown */

static void
wire_not_json(const msync_transfer_response_t *res, const char *who,
    msync_err_t *err)
{
    size_t       n = 0, octets = 0;
    const char  *text = res->body + wire_blank(res);

    while (octets < WIRE_BEGINNING && (unsigned char) text[octets] >= ' ') {
        n = msync_utf8_char(text + octets, strlen(text + octets));

        if (n == 0) {
            break;
        }

        octets += n;
    }

    if (octets >= WIRE_BEGINNING || (n != 0 && strchr("\r\n", text[octets])))
    {
        (void) msync_err_set(err, MSYNC_ERR_INVALID_RESPONSE,
                             "Something else came in place of the data of "
                             "%s; it begins with \"%.*s\"", who,
                             (int) octets, text);
        return;
    }

    (void) msync_err_set(err, MSYNC_ERR_INVALID_RESPONSE,
                         "Octets that are no text came in place of the data "
                         "of %s: they were damaged on the way, or come from "
                         "something else than a central server", who);
}
