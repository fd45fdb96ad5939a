/*
 * Owns what there is to know of a proxy on the way: which sign-ins it offers,
 * which of them this program does, and the words for what it refuses.
 */

#include "transfer/transfer_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>


#define PROXY_CANNOT                                                    \
    "The central server, its name or the way from the proxy to it may be at " \
    "fault: check the address in the settings, and ask the administrator of " \
    "the proxy. |It is tried again by itself."

#define PROXY_REFUSES                                                   \
    "Ask the administrator of the proxy to let this machine through to the "  \
    "address and the port of the central server. |It is tried again by itself."


static int proxy_cached(const msync_transfer_attempt_t *t, msync_err_t *err);
static int proxy_size(const msync_transfer_attempt_t *t, msync_err_t *err);
static int proxy_sign_in(const msync_transfer_attempt_t *t,
    const char *status, msync_err_t *err);
static int proxy_status(const msync_transfer_attempt_t *t, long status,
    msync_err_t *err);
static int proxy_socks(const msync_transfer_attempt_t *t, msync_err_t *err);
static int proxy_closed(msync_err_t *err);
static bool proxy_has_password(const msync_transfer_t *http);


void
msync_transfer_proxy_offers(msync_transfer_attempt_t *t, const char *value)
{
    bool    quoted = false, parameter;
    size_t  n;

    /* "Basic realm="a", Digest realm="b"": a word without "=" is a scheme */

    while (*value) {
        n = strcspn(value, " \t\r\n,=\"");

        if (n == 0 || quoted) {
            quoted ^= value[n] == '"';
            value += value[n] ? n + 1 : n;
            continue;
        }

        parameter = value[n] == '=';

        if (!parameter && t->proxy_scheme[0] == '\0') {
            (void) snprintf(t->proxy_scheme, sizeof(t->proxy_scheme), "%.*s",
                            (int) n, value);
        }

        if (parameter) {
            /* says nothing about the ways */

        } else if (n == 5 && strncasecmp(value, "Basic", n) == 0) {
            t->proxy_auth |= MSYNC_PROXY_PASSWORD;

        } else if (n == 6 && strncasecmp(value, "Digest", n) == 0) {
            t->proxy_auth |= MSYNC_PROXY_DIGEST;

        } else if ((n == 4 && strncasecmp(value, "NTLM", n) == 0)
                   || (n == 9 && strncasecmp(value, "Negotiate", n) == 0)
                   || (n == 8 && strncasecmp(value, "Kerberos", n) == 0))
        {
            t->proxy_auth |= MSYNC_PROXY_DOMAIN;
        }

        value += parameter ? n + 1 : n;
    }
}


bool
msync_transfer_proxy_digest(const msync_transfer_attempt_t *t)
{
    if ((t->proxy_auth & (MSYNC_PROXY_PASSWORD | MSYNC_PROXY_DIGEST))
            != MSYNC_PROXY_DIGEST
        || t->http->proxy_digest || !proxy_has_password(t->http))
    {
        return false;
    }

    t->http->proxy_digest = true;

    return true;
}


bool
msync_transfer_is_proxied(const msync_transfer_attempt_t *t)
{
    return strncasecmp(t->url, "http:", 5) == 0
           && strncasecmp(t->http->proxy, "http", 4) == 0;
}


/* "Via" and "X-Cache" are in answers of the server, too, that a proxy has
 * passed on; these are not */

void
msync_transfer_proxy_header(msync_transfer_attempt_t *t, const char *line)
{
    size_t       i;
    const char  *server;

    static const char *const  names[] = {
        "squid", "tinyproxy", "privoxy", "3proxy", "ccproxy", "wingate",
        "mitmproxy", "fortiproxy", "bluecoat", "zscaler",
        "mcafee web gateway"
    };

    if (strncasecmp(line, "HTTP/", 5) == 0) {
        t->by_proxy = t->by_size = false;
        t->age = 0;

    } else if (strncasecmp(line, "Age:", 4) == 0) {
        t->age = strtol(line + 4, NULL, 10);

    } else if (strncasecmp(line, "X-Squid-Error:", 14) == 0
               || (strncasecmp(line, "Proxy-Status:", 13) == 0
                   && strcasestr(line + 13, "error=") != NULL))
    {
        t->by_proxy = true;
        t->by_size = strstr(line, "ERR_TOO_BIG") != NULL;

    } else if (strncasecmp(line, "Server:", 7) == 0) {
        server = line + 7 + strspn(line + 7, " \t");

        for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
            if (strncasecmp(server, names[i], strlen(names[i])) == 0) {
                t->by_proxy = true;
            }
        }
    }
}


int
msync_transfer_error_answer(const msync_transfer_attempt_t *t,
    msync_err_t *err)
{
    int  status = t->res->status;

    if (t->age > 0) {
        return proxy_cached(t, err);
    }

    if (status != 407
        && (!t->by_proxy || !msync_transfer_is_proxied(t)
            || (status != 403 && status < 500)))
    {
        return MSYNC_OK;
    }

    msync_transfer_response_clear(t->res);

    return t->by_size ? proxy_size(t, err) : proxy_status(t, status, err);
}


/* each question is about what is new: an answer of before would say that
 * nothing is, for as long as it is kept */

static int
proxy_cached(const msync_transfer_attempt_t *t, msync_err_t *err)
{
    char  where[MSYNC_TRANSFER_WHERE];

    msync_transfer_response_clear(t->res);

    (void) msync_err_set(err, MSYNC_ERR_INVALID_RESPONSE,
                         "An answer of %s came that is %ld seconds old: a "
                         "cache in between keeps answers and gives them out "
                         "again", msync_transfer_where(t->url, where,
                                                       sizeof(where)),
                         t->age);
    err->advice = "Ask whoever runs the proxy or the network to let requests "
                  "to the central servers pass without a cache. |It is tried "
                  "again by itself.";
    return MSYNC_ERROR;
}


static int
proxy_size(const msync_transfer_attempt_t *t, msync_err_t *err)
{
    char  where[MSYNC_TRANSFER_WHERE];

    (void) msync_err_set(err, MSYNC_ERR_RESPONSE_TOO_LARGE,
                         "The answer of %s is larger than the proxy lets "
                         "through", msync_transfer_where(t->url, where,
                                                         sizeof(where)));
    err->advice = "Make the batches smaller (batch_size), or ask the "
                  "administrator of the proxy to allow larger answers. |It is "
                  "tried again by itself.";
    return MSYNC_ERROR;
}


/* `status`: how it said so, for the text */

static int
proxy_sign_in(const msync_transfer_attempt_t *t, const char *status,
    msync_err_t *err)
{
    bool  known;

    known = t->proxy_auth & (MSYNC_PROXY_PASSWORD | MSYNC_PROXY_DIGEST);

    if (t->proxy_auth == MSYNC_PROXY_DOMAIN) {
        (void) msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                             "The proxy wants the sign-in of a Windows domain "
                             "(NTLM or Kerberos), which this program does not "
                             "do%s", status);
        err->advice = "Ask the administrator of the proxy to let this machine "
                      "through to the central servers without a sign-in, or "
                      "to take a name and password (Basic); or run a helper "
                      "such as cntlm on this machine and name it in the proxy "
                      "setting.";

    } else if (!known && t->proxy_scheme[0]) {
        (void) msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                             "The proxy wants a sign-in of the kind \"%s\", "
                             "which this program does not do%s",
                             t->proxy_scheme, status);
        err->advice = "Ask the administrator of the proxy to let this machine "
                      "through to the central servers without a sign-in, or "
                      "to take a name and password (Basic or Digest).";

    } else if (proxy_has_password(t->http)) {
        (void) msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                             "The proxy does not take the user name and "
                             "password of the proxy setting%s", status);
        err->advice = "Correct them there; in http://USER:PASSWORD@HOST:PORT "
                      "a character of theirs such as @, :, / or % is written "
                      "as %40, %3A, %2F or %25. |It is tried again by itself.";

    } else {
        (void) msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                             "The proxy wants a user name and password%s; "
                             "write them into the proxy setting: "
                             "%s://USER:PASSWORD@HOST:PORT", status,
                             *status ? "http" : "socks5h");
    }

    err->remedy = MSYNC_REMEDY_FINAL;
    return MSYNC_ERROR;
}


int
msync_transfer_error_proxy(const msync_transfer_attempt_t *t, CURLcode code,
    msync_err_t *err)
{
    long  status;

    status = 0;
    (void) curl_easy_getinfo(t->http->easy, CURLINFO_HTTP_CONNECTCODE,
                             &status);

    if (status >= 300) {
        return proxy_status(t, status, err);
    }

    return code == CURLE_PROXY ? proxy_socks(t, err) : proxy_closed(err);
}


static int
proxy_status(const msync_transfer_attempt_t *t, long status, msync_err_t *err)
{
    if (status == 407) {
        (void) proxy_sign_in(t, " (HTTP status 407)", err);

    } else if (status == 511 || status < 400) {
        (void) msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                             "The proxy wants a sign-in on a page of its own "
                             "before it connects to the central server (HTTP "
                             "status %ld)", status);
        err->advice = "Sign in with a browser of this machine, or ask the "
                      "administrator of the proxy to let this machine "
                      "through. |It is tried again by itself.";

    } else if (status >= 500) {
        (void) msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                             "The proxy cannot connect to the central server "
                             "(HTTP status %ld)", status);
        err->advice = PROXY_CANNOT;

    } else {
        (void) msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                             "The proxy refuses to connect to the central "
                             "server (HTTP status %ld)", status);
        err->advice = PROXY_REFUSES;
    }

    /* a proxy's 5xx is its own trouble with the way to central */

    if (status < 500 || status == 511) {
        err->remedy = MSYNC_REMEDY_FINAL;
    }

    err->http_status = (int) status;

    return MSYNC_ERROR;
}


static int
proxy_socks(const msync_transfer_attempt_t *t, msync_err_t *err)
{
    long  why;

    why = CURLPX_OK;
    (void) curl_easy_getinfo(t->http->easy, CURLINFO_PROXY_ERROR, &why);

    switch (why) {

    case CURLPX_NO_AUTH:
    case CURLPX_USER_REJECTED:
        return proxy_sign_in(t, "", err);

    case CURLPX_REPLY_NOT_ALLOWED:
    case CURLPX_REQUEST_FAILED:
        (void) msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                             "The proxy refuses to connect to the central "
                             "server");
        err->advice = PROXY_REFUSES;
        err->remedy = MSYNC_REMEDY_FINAL;
        return MSYNC_ERROR;

    case CURLPX_REPLY_CONNECTION_REFUSED:
    case CURLPX_REPLY_GENERAL_SERVER_FAILURE:
    case CURLPX_REPLY_HOST_UNREACHABLE:
    case CURLPX_REPLY_NETWORK_UNREACHABLE:
    case CURLPX_REPLY_TTL_EXPIRED:
        (void) msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                             "The proxy cannot connect to the central server "
                             "(%s)", msync_transfer_detail(t, CURLE_PROXY));
        err->advice = PROXY_CANNOT;
        return MSYNC_ERROR;

    case CURLPX_CLOSED:
    case CURLPX_RECV_CONNECT:
    case CURLPX_RECV_REQACK:
    case CURLPX_BAD_VERSION:
        return proxy_closed(err);

    default:
        return msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                             "The proxy refuses the connection: %s",
                             msync_transfer_detail(t, CURLE_PROXY));
    }
}


static int
proxy_closed(msync_err_t *err)
{
    (void) msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                         "The proxy did not answer as one when it was asked "
                         "for the way to the central server, or closed the "
                         "connection");
    err->advice = "Check the proxy setting: its port must be that of a "
                  "proxy, and it begins with the scheme that the proxy speaks "
                  "(http://, https:// or socks5h://). The proxy may also "
                  "refuse without a word. |It is tried again by itself.";
    return MSYNC_ERROR;
}


void
msync_transfer_error_environment(const msync_transfer_attempt_t *t,
    msync_err_t *err)
{
    size_t              i;
    const char         *value;

    static const char  *names[] = {
        "https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY"
    };

    if (*t->http->proxy || t->sent || err->advice
        || (err->variant != MSYNC_ERR_CONNECTION_ERROR
            && err->variant != MSYNC_ERR_TIMEOUT))
    {
        return;
    }

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        value = getenv(names[i]);

        if (value && *value) {
            err->advice = "The environment of this program names a proxy, "
                          "which is not used here: if the way to the central "
                          "server leads through it, write it into the proxy "
                          "setting. |It is tried again by itself.";
            return;
        }
    }
}


static bool
proxy_has_password(const msync_transfer_t *http)
{
    return strchr(http->proxy, '@') != NULL;
}
