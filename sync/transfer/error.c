/*
 * Owns the words for everything that can go wrong between us and a server
 * before an answer is there.  Each cause that an administrator can tell
 * apart and act upon has a sentence of its own.
 */

#include "transfer/transfer_private.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>


/* of OpenSSL's x509_vfy.h, as CURLINFO_SSL_VERIFYRESULT gives them */

#define HTTP_CERT_NOT_YET_VALID   9
#define HTTP_CERT_EXPIRED         10
#define HTTP_CERT_NO_ISSUER       20
#define HTTP_CERT_NO_CHAIN        21

#define HTTP_CLOCKS_APART         3600          /* s */
#define HTTP_WHERE                (MSYNC_HOST_MAX + 16)


static int error_timeout(const msync_transfer_attempt_t *t,
    const char *where, msync_err_t *err);
static int error_lost(const msync_transfer_attempt_t *t, CURLcode code,
    const char *where, msync_err_t *err);
static int error_body(const msync_transfer_attempt_t *t, CURLcode code,
    const char *where, msync_err_t *err);
static int error_handshake(const msync_transfer_attempt_t *t,
    const char *where, msync_err_t *err);
static int error_certificate(const msync_transfer_attempt_t *t,
    const char *where, msync_err_t *err);
static int error_validity(const msync_transfer_attempt_t *t,
    const char *where, bool expired, msync_err_t *err);
static int error_proxy(const msync_transfer_attempt_t *t,
    msync_err_t *err);
static int error_sign_in(const msync_transfer_attempt_t *t,
    msync_err_t *err);
static bool error_may_want_tls(const msync_transfer_attempt_t *t);
static const char *error_detail(const msync_transfer_attempt_t *t,
    CURLcode code);
static const char *error_clock(int64_t now, char *buf, size_t size);


int
msync_transfer_error(const msync_transfer_attempt_t *t, CURLcode code,
    msync_err_t *err)
{
    char  where[HTTP_WHERE];

    (void) msync_transfer_where(t->url, where, sizeof(where));

    switch (code) {

    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return msync_transfer_error_name(t, where, err);

    case CURLE_PROXY:
        return error_proxy(t, err);

    case CURLE_COULDNT_CONNECT:
        return msync_transfer_error_connect(t, where, err);

    case CURLE_OPERATION_TIMEDOUT:
        return error_timeout(t, where, err);

    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return error_lost(t, code, where, err);

    case CURLE_SSL_CONNECT_ERROR:
        return error_handshake(t, where, err);

    case CURLE_PEER_FAILED_VERIFICATION:
        return error_certificate(t, where, err);

    case CURLE_SSL_CACERT_BADFILE:
        return msync_err_set(err, MSYNC_ERR_TLS_ERROR,
                             "The trusted certificates%s%s%s cannot be read; "
                             "check ssl_trusted_certificate",
                             t->http->certificate ? " \"" : "",
                             t->http->certificate ? t->http->certificate : "",
                             t->http->certificate ? "\"" : "");

    case CURLE_URL_MALFORMAT:
        return msync_err_set(err, MSYNC_ERR_INVALID_URL,
                             "The address of the server is not valid: %s",
                             error_detail(t, code));

    default:
        return error_body(t, code, where, err);
    }
}


int
msync_transfer_error_plain(const msync_transfer_attempt_t *t, msync_err_t *err)
{
    char                where[HTTP_WHERE];
    size_t              i;

    /* nginx, Apache, Go */

    static const char  *words[] = {
        "plain HTTP request was sent to HTTPS port",
        "speaking plain HTTP to an SSL-enabled server port",
        "sent an HTTP request to an HTTPS server"
    };

    if (t->res->status != 400 || strncasecmp(t->url, "http:", 5) != 0) {
        return MSYNC_OK;
    }

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {

        if (strstr(t->res->body, words[i])) {
            msync_transfer_response_clear(t->res);
            return msync_err_set(err, MSYNC_ERR_TLS_ERROR,
                                 "%s speaks only TLS on that port: the "
                                 "address must begin with https://, not "
                                 "http://",
                                 msync_transfer_where(t->url, where,
                                                  sizeof(where)));
        }
    }

    return MSYNC_OK;
}


static int
error_timeout(const msync_transfer_attempt_t *t, const char *where,
    msync_err_t *err)
{
    double      limit;
    curl_off_t  lookup;

    limit = (double) t->http->connect_timeout / 1000;

    if (t->unheard) {
        (void) msync_err_set(err, MSYNC_ERR_TIMEOUT,
                             "%s was reached, but what was sent to it did not "
                             "arrive within %.3g seconds: large packets are "
                             "lost on the way (MTU), the line is cut, or the "
                             "server takes no more", where,
                             (double) t->timeout / 1000);
        err->advice = "If small exchanges with this server pass and large ones "
                      "never do, lower the MTU of this machine's network "
                      "interface (to 1400, or 1280), or let the firewall on "
                      "the way pass ICMP. It is tried again by itself, in "
                      "smaller pieces.";
        err->scope = MSYNC_SCOPE_RECORD;
        return MSYNC_ERROR;
    }

    if (t->silent || t->slow) {
        (void) msync_err_set(err, MSYNC_ERR_TIMEOUT,
                             t->silent
                             ? "%s took the request but then was silent for "
                               "%.3g seconds"
                             : "The exchange with %s was not done after %.3g "
                               "seconds, so slow is the line", where,
                             (double) t->timeout / 1000
                             * (t->silent ? 1 : MSYNC_TRANSFER_WHOLE));
        err->scope = MSYNC_SCOPE_RECORD;
        return MSYNC_ERROR;
    }

    lookup = 0;
    (void) curl_easy_getinfo(t->http->easy, CURLINFO_NAMELOOKUP_TIME_T,
                             &lookup);

    if (lookup == 0) {
        return msync_err_set(err, MSYNC_ERR_TIMEOUT,
                             "The look-up of the name of %s (DNS) took longer "
                             "than %.3g seconds",
                             *t->http->proxy ? "the proxy" : where, limit);
    }

    if (t->half_made) {
        (void) msync_err_set(err, MSYNC_ERR_TIMEOUT,
                             "%s was reached, but encryption was not agreed on "
                             "within %.3g seconds: a firewall holds it up, or "
                             "large packets are lost on the way (MTU)", where,
                             limit);
        err->advice = "If other encrypted sites work from this machine, the "
                      "trouble is with this server or its firewall; if none "
                      "does, lower the MTU of this machine's network "
                      "interface (to 1400, or 1280). It is tried again by "
                      "itself.";
        return MSYNC_ERROR;
    }

    return msync_err_set(err, MSYNC_ERR_TIMEOUT,
                         "No connection to %s within %.3g seconds%s", where,
                         limit, *t->http->proxy ? " through the proxy" : "");
}


static int
error_lost(const msync_transfer_attempt_t *t, CURLcode code,
    const char *where, msync_err_t *err)
{
    long  status;

    status = 0;
    (void) curl_easy_getinfo(t->http->easy, CURLINFO_HTTP_CONNECTCODE,
                             &status);

    if (!t->sent && status >= 300) {
        return error_proxy(t, err);
    }

    if (!t->sent) {
        return msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                             "The connection to %s was closed while it was "
                             "being made (%s)", where,
                             error_detail(t, code));
    }

    status = 0;
    (void) curl_easy_getinfo(t->http->easy, CURLINFO_RESPONSE_CODE, &status);

    if (status == 0) {
        (void) msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                             "%s closed the connection without an answer%s",
                             where,
                             error_may_want_tls(t)
                             ? "; if it wants https, the address must begin "
                               "with https://" : "");
    } else {
        (void) msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                             "The connection to %s was lost in the middle of "
                             "the answer, after %zu octets", where,
                             t->res->length);
    }

    err->scope = MSYNC_SCOPE_RECORD;
    return MSYNC_ERROR;
}


/* an answer came that cannot be used, and what is left */

static int
error_body(const msync_transfer_attempt_t *t, CURLcode code,
    const char *where, msync_err_t *err)
{
    long  status;

    if (t->too_large || code == CURLE_FILESIZE_EXCEEDED) {
        return msync_err_set(err, MSYNC_ERR_RESPONSE_TOO_LARGE,
                             "The answer of %s is larger than the %lld octets "
                             "that are allowed", where,
                             (long long) t->http->max_response);
    }

    if (t->no_memory) {
        return msync_err_set(err, MSYNC_ERR_RESPONSE_TOO_LARGE,
                             "There is not enough memory for the answer of "
                             "%s", where);
    }

    switch (code) {

    case CURLE_BAD_CONTENT_ENCODING:
        return msync_err_set(err, MSYNC_ERR_INVALID_RESPONSE,
                             "The answer of %s is compressed in a damaged or "
                             "unknown way", where);

    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
        return msync_err_set(err, MSYNC_ERR_INVALID_RESPONSE,
                             "%s does not answer with HTTP%s", where,
                             error_may_want_tls(t)
                             ? "; check the port, and if it wants https, "
                               "begin the address with https://"
                             : "; check the port of the address");

    case CURLE_OUT_OF_MEMORY:
        status = 0;
        (void) curl_easy_getinfo(t->http->easy, CURLINFO_RESPONSE_CODE,
                                 &status);

        /* libcurl says the same of a header beyond what it holds */
        if (status != 0) {
            return msync_err_set(err, MSYNC_ERR_INVALID_RESPONSE,
                                 "The answer of %s has a header that is too "
                                 "long, or there is no memory for it",
                                 where);
        }

        return msync_err_set(err, MSYNC_ERR_UNKNOWN,
                             "There is not enough memory for a request");

    default:
        return msync_err_set(err, MSYNC_ERR_UNKNOWN,
                             "The request to %s failed: %s", where,
                             error_detail(t, code));
    }
}


static int
error_handshake(const msync_transfer_attempt_t *t, const char *where,
    msync_err_t *err)
{
    size_t              i;
    const char         *detail;
    static const char  *plain[] = {
        "wrong version number", "unknown protocol", "http request",
        "packet length too long", "record layer failure"
    };
    static const char  *torn[] = {
        "unexpected eof", "SSL_ERROR_SYSCALL", "Connection reset",
        "Broken pipe"
    };

    detail = error_detail(t, CURLE_SSL_CONNECT_ERROR);

    for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        if (strstr(detail, plain[i])) {
            return msync_err_set(err, MSYNC_ERR_TLS_ERROR,
                                 "%s does not speak TLS on that port: the "
                                 "address begins with https://, but the "
                                 "server speaks plain HTTP there", where);
        }
    }

    for (i = 0; i < sizeof(torn) / sizeof(torn[0]); i++) {
        if (strstr(detail, torn[i])) {
            return msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                                 "%s closed the connection while encryption "
                                 "was being agreed on; a firewall may cut "
                                 "encrypted connections", where);
        }
    }

    return msync_err_set(err, MSYNC_ERR_TLS_ERROR,
                         "No encrypted connection to %s: %s", where, detail);
}


static int
error_certificate(const msync_transfer_attempt_t *t, const char *where,
    msync_err_t *err)
{
    long         result;
    const char  *detail;

    result = 0;
    (void) curl_easy_getinfo(t->http->easy, CURLINFO_SSL_VERIFYRESULT,
                             &result);

    detail = error_detail(t, CURLE_PEER_FAILED_VERIFICATION);

    if (result == HTTP_CERT_EXPIRED || result == HTTP_CERT_NOT_YET_VALID) {
        return error_validity(t, where, result == HTTP_CERT_EXPIRED, err);
    }

    if (result == HTTP_CERT_NO_ISSUER || result == HTTP_CERT_NO_CHAIN) {
        (void) msync_err_set(err, MSYNC_ERR_TLS_ERROR,
                             "The certificate of %s cannot be traced to an "
                             "authority that is trusted here: the server does "
                             "not send the certificates in between "
                             "(intermediate), or its authority is not known "
                             "here", where);
        err->advice = "Browsers find a missing intermediate certificate by "
                      "themselves, programs do not: ask the administrator of "
                      "the server to install the whole chain. Where the "
                      "authority is your own, name a file with its "
                      "certificate in ssl_trusted_certificate. No data was "
                      "sent.";
        return MSYNC_ERROR;
    }

    /* libcurl compares the names itself and has no number for it */

    if (strstr(detail, "subject name")) {
        return msync_err_set(err, MSYNC_ERR_TLS_ERROR,
                             "The certificate of the server that answers for "
                             "%s is made for another name: the address is "
                             "wrong, or another machine answers in its place, "
                             "such as the sign-in page of a network (captive "
                             "portal)", where);
    }

    return msync_err_set(err, MSYNC_ERR_TLS_ERROR,
                         "The certificate of %s is not trusted (%s): its "
                         "authority is missing in ssl_trusted_certificate, or "
                         "a firewall opens encrypted connections", where,
                         detail);
}


/* whose clock is wrong, where the server's own can be learnt */

static int
error_validity(const msync_transfer_attempt_t *t, const char *where,
    bool expired, msync_err_t *err)
{
    char         here[64], there[64];
    int64_t      now, date;
    const char  *what = expired ? "has expired" : "is not valid yet";

    now = msync_clock_wall() / 1000;
    date = msync_transfer_ask_date(t->http, t->url);
    (void) error_clock(now, here, sizeof(here));

    if (date == 0) {
        return msync_err_set(err, MSYNC_ERR_TLS_ERROR,
                             "The certificate of %s %s, or the clock of this "
                             "machine is wrong: it says %s", where, what,
                             here);
    }

    (void) error_clock(date, there, sizeof(there));

    if (date - now > HTTP_CLOCKS_APART || now - date > HTTP_CLOCKS_APART) {
        (void) msync_err_set(err, MSYNC_ERR_TLS_ERROR,
                             "The certificate of %s %s by the clock of this "
                             "machine, which says %s, while the server's says "
                             "%s: one of them is wrong, most likely this "
                             "machine's", where, what, here, there);
        err->advice = "Set the clock of this machine, and let it be kept "
                      "right (timedatectl set-ntp true). If it is right, the "
                      "server's is wrong. No data was sent.";
        return MSYNC_ERROR;
    }

    (void) msync_err_set(err, MSYNC_ERR_TLS_ERROR,
                         "The certificate of %s %s; the clocks of this machine "
                         "and of the server agree on %s", where, what, here);
    err->advice = "Ask the administrator of the server to renew its "
                  "certificate. No data was sent.";
    return MSYNC_ERROR;
}


int
msync_transfer_error_sign_in(const msync_transfer_attempt_t *t,
    msync_err_t *err)
{
    if (t->res->status != 407) {
        return MSYNC_OK;
    }

    msync_transfer_response_clear(t->res);
    (void) error_sign_in(t, err);
    err->http_status = 407;

    return MSYNC_ERROR;
}


static int
error_sign_in(const msync_transfer_attempt_t *t, msync_err_t *err)
{
    if (t->proxy_auth == MSYNC_PROXY_DOMAIN) {
        (void) msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                             "The proxy wants the sign-in of a Windows domain "
                             "(NTLM or Kerberos), which this program does not "
                             "do (HTTP status 407)");
        err->advice = "Ask the administrator of the proxy to let this machine "
                      "through to the central servers without a sign-in, or "
                      "to take a name and password (Basic); or run a helper "
                      "such as cntlm on this machine and name it in the proxy "
                      "setting.";

    } else {
        (void) msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                             "The proxy wants a user name and password (HTTP "
                             "status 407); write them into the proxy setting: "
                             "http://USER:PASSWORD@HOST:PORT");
    }

    err->remedy = MSYNC_REMEDY_FINAL;
    return MSYNC_ERROR;
}


static int
error_proxy(const msync_transfer_attempt_t *t, msync_err_t *err)
{
    long  status;

    status = 0;
    (void) curl_easy_getinfo(t->http->easy, CURLINFO_HTTP_CONNECTCODE,
                             &status);

    if (status == 407) {
        (void) error_sign_in(t, err);

    } else if (status >= 300) {
        (void) msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                             "The proxy refuses to connect to the central "
                             "server (HTTP status %ld)", status);

    } else {
        (void) msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                             "The proxy refuses the connection: %s",
                             error_detail(t, CURLE_PROXY));
    }

    /* a proxy's 5xx is its own trouble with the way to central */

    if (status < 500) {
        err->remedy = MSYNC_REMEDY_FINAL;
    }

    err->http_status = (int) status;

    return MSYNC_ERROR;
}


/* a server that has answered before speaks what the address says */

static bool
error_may_want_tls(const msync_transfer_attempt_t *t)
{
    return strncasecmp(t->url, "http:", 5) == 0
           && !msync_transfer_is_known(t->http, t->url);
}


static const char *
error_detail(const msync_transfer_attempt_t *t, CURLcode code)
{
    return t->error[0] ? t->error : curl_easy_strerror(code);
}


static const char *
error_clock(int64_t now, char *buf, size_t size)
{
    time_t     seconds = (time_t) now;
    struct tm  tm;

    if (gmtime_r(&seconds, &tm) == NULL
        || strftime(buf, size, "%Y-%m-%d %H:%M UTC", &tm) == 0)
    {
        (void) snprintf(buf, size, "nothing");
    }

    return buf;
}
