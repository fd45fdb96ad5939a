/*
 * Owns the words for everything that can go wrong between us and a server
 * before an answer is there.  Each cause that an administrator can tell
 * apart and act upon has a sentence of its own.
 */

#include "transfer/transfer_private.h"

#include <string.h>
#include <strings.h>


#define ERROR_NO_MEMORY                                                       \
    "This machine has none left, or nginx's unit or container allows too "    \
    "little (LimitAS=, MemoryMax=, ulimit -v): allow more, or make the "      \
    "batches smaller (batch_size)."


static int error_asks_certificate(const msync_transfer_attempt_t *t,
    msync_err_t *err);
static int error_timeout(const msync_transfer_attempt_t *t,
    const char *where, msync_err_t *err);
static int error_unconnected(const msync_transfer_attempt_t *t,
    const char *where, msync_err_t *err);
static int error_lost(const msync_transfer_attempt_t *t, CURLcode code,
    const char *where, msync_err_t *err);
static int error_no_memory(const char *where, msync_err_t *err);
static int error_out_of_memory(const msync_transfer_attempt_t *t,
    const char *where, msync_err_t *err);
static int error_body(const msync_transfer_attempt_t *t, CURLcode code,
    const char *where, msync_err_t *err);
static int error_chunked(const char *where, msync_err_t *err);
static int error_header(const char *where, msync_err_t *err);
static bool error_may_want_tls(const msync_transfer_attempt_t *t);
static int error_by_code(const msync_transfer_attempt_t *t, CURLcode code,
    const char *where, msync_err_t *err);


int
msync_transfer_error(const msync_transfer_attempt_t *t, CURLcode code,
    msync_err_t *err)
{
    char  where[MSYNC_TRANSFER_WHERE];

    (void) msync_transfer_where(t->url, where, sizeof(where));
    (void) error_by_code(t, code, where, err);
    msync_transfer_error_environment(t, err);

    return MSYNC_ERROR;
}


static int
error_by_code(const msync_transfer_attempt_t *t, CURLcode code,
    const char *where, msync_err_t *err)
{
    long  status = 0;

    switch (code) {

    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return msync_transfer_error_name(t, where, err);

    case CURLE_PROXY:
        return msync_transfer_error_proxy(t, code, err);

    case CURLE_COULDNT_CONNECT:
        (void) curl_easy_getinfo(t->http->easy, CURLINFO_HTTP_CONNECTCODE,
                                 &status);
        return status >= 300
               ? msync_transfer_error_proxy(t, code, err)
               : msync_transfer_error_connect(t, where, err);

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
    case CURLE_SSL_CLIENTCERT:
        return msync_transfer_error_tls(t, where, err);

    case CURLE_PEER_FAILED_VERIFICATION:
        return msync_transfer_error_certificate(t, where, err);

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
                             msync_transfer_detail(t, code));

    default:
        return error_body(t, code, where, err);
    }
}


int
msync_transfer_error_plain(const msync_transfer_attempt_t *t, msync_err_t *err)
{
    char                where[MSYNC_TRANSFER_WHERE];
    size_t              i;

    /* nginx, Apache, Go */

    static const char  *words[] = {
        "plain HTTP request was sent to HTTPS port",
        "speaking plain HTTP to an SSL-enabled server port",
        "sent an HTTP request to an HTTPS server"
    };

    if (t->res->status != 400) {
        return MSYNC_OK;
    }

    if (strncasecmp(t->url, "http:", 5) != 0) {
        return error_asks_certificate(t, err);
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


/* nginx says in an answer that it wants one */

static int
error_asks_certificate(const msync_transfer_attempt_t *t, msync_err_t *err)
{
    char         where[MSYNC_TRANSFER_WHERE];
    const char  *words = "No required SSL certificate was sent";

    if (strstr(t->res->body, words) == NULL) {
        return MSYNC_OK;
    }

    msync_transfer_response_clear(t->res);

    return msync_transfer_error_alert(msync_transfer_where(t->url, where,
                                                           sizeof(where)),
                                      words, err);
}


static int
error_timeout(const msync_transfer_attempt_t *t, const char *where,
    msync_err_t *err)
{
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
                      "the way pass ICMP. |It is tried again by itself, in "
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
                               "seconds, so slow is the line",
                             !msync_transfer_is_proxied(t) ? where
                             : t->silent ? "The proxy" : "the proxy",
                             (double) t->timeout / 1000
                             * (t->silent ? 1 : MSYNC_TRANSFER_WHOLE));
        err->scope = MSYNC_SCOPE_RECORD;
        return MSYNC_ERROR;
    }

    return error_unconnected(t, where, err);
}


/* nothing was sent, so no size of a batch and no read timeout is to blame */

static int
error_unconnected(const msync_transfer_attempt_t *t, const char *where,
    msync_err_t *err)
{
    double      limit;
    curl_off_t  lookup;

    limit = (double) t->http->connect_timeout / 1000;

    lookup = 0;
    (void) curl_easy_getinfo(t->http->easy, CURLINFO_NAMELOOKUP_TIME_T,
                             &lookup);

    if (lookup == 0) {
        (void) msync_err_set(err, MSYNC_ERR_TIMEOUT,
                             "The look-up of the name of %s (DNS) took longer "
                             "than %.3g seconds",
                             *t->http->proxy ? "the proxy" : where, limit);
        err->advice = "Check the network of this machine and the name servers "
                      "in /etc/resolv.conf; where one of them is only slow, a "
                      "longer connect_timeout helps. |It is tried again by "
                      "itself.";
        return MSYNC_ERROR;
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
                      "interface (to 1400, or 1280). |It is tried again by "
                      "itself.";
        return MSYNC_ERROR;
    }

    if (t->several) {
        (void) msync_err_set(err, MSYNC_ERR_TIMEOUT,
                             "No connection to %s: none of the addresses of "
                             "that name answers", where);
    } else {
        (void) msync_err_set(err, MSYNC_ERR_TIMEOUT,
                             "No connection to %s within %.3g seconds%s",
                             where, limit,
                             *t->http->proxy ? " through the proxy" : "");
    }

    err->advice = MSYNC_TRANSFER_UNANSWERED;
    return MSYNC_ERROR;
}


static int
error_lost(const msync_transfer_attempt_t *t, CURLcode code,
    const char *where, msync_err_t *err)
{
    long         status = 0;
    const char  *whom = msync_transfer_is_proxied(t) ? "the proxy" : where;

    (void) curl_easy_getinfo(t->http->easy, CURLINFO_HTTP_CONNECTCODE,
                             &status);

    if (!t->sent && (status >= 300 || strstr(t->error, "CONNECT"))) {
        return msync_transfer_error_proxy(t, code, err);
    }

    if (!t->sent) {
        return msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                             "The connection to %s was closed while it was "
                             "being made (%s)", where,
                             msync_transfer_detail(t, code));
    }

    /* with TLS 1.3 a server looks for a certificate of ours only then */

    if (msync_transfer_error_alert(where, t->error, err) != MSYNC_OK
        && err->variant == MSYNC_ERR_TLS_ERROR)
    {
        return MSYNC_ERROR;
    }

    if (strstr(t->error, "chunk")) {
        return error_chunked(where, err);
    }

    if (strstr(t->error, "response headers")) {
        return error_header(where, err);
    }

    status = 0;
    (void) curl_easy_getinfo(t->http->easy, CURLINFO_RESPONSE_CODE, &status);

    /* behind a status below 200 more was to follow */

    if (status < 200) {
        (void) msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                             "%s closed the connection without an answer%s",
                             whom == where ? where : "The proxy",
                             error_may_want_tls(t)
                             ? "; if it wants https, the address must begin "
                               "with https://" : "");
    } else {
        (void) msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                             "The connection to %s was lost in the middle of "
                             "the answer, after %zu octets", whom,
                             t->res->length);
    }

    err->scope = MSYNC_SCOPE_RECORD;
    return MSYNC_ERROR;
}


static int
error_chunked(const char *where, msync_err_t *err)
{
    return msync_err_set(err, MSYNC_ERR_INVALID_RESPONSE,
                         "The answer of %s is put together in a wrong way "
                         "(chunked): the server, or something in between "
                         "(a proxy, a firewall), damages it", where);
}


static int
error_no_memory(const char *where, msync_err_t *err)
{
    (void) msync_err_set(err, MSYNC_ERR_RESPONSE_TOO_LARGE,
                         "There is not enough memory for the answer of %s",
                         where);
    err->advice = ERROR_NO_MEMORY;

    return MSYNC_ERROR;
}


static int
error_out_of_memory(const msync_transfer_attempt_t *t, const char *where,
    msync_err_t *err)
{
    long  status = 0;

    (void) curl_easy_getinfo(t->http->easy, CURLINFO_RESPONSE_CODE, &status);

    if (status == 0) {
        (void) msync_err_set(err, MSYNC_ERR_UNKNOWN,
                             "There is not enough memory for a request");
        err->advice = ERROR_NO_MEMORY;
        return MSYNC_ERROR;
    }

    /* libcurl says the same of a header beyond what it holds */
    return t->lacked != msync_transfer_lacked()
           ? error_no_memory(where, err) : error_header(where, err);
}


static int
error_header(const char *where, msync_err_t *err)
{
    return msync_err_set(err, MSYNC_ERR_INVALID_RESPONSE,
                         "The answer of %s has a header that is too long",
                         where);
}


/* an answer came that cannot be used, and what is left */

static int
error_body(const msync_transfer_attempt_t *t, CURLcode code,
    const char *where, msync_err_t *err)
{
    long  status = 0;

    if (t->too_large || code == CURLE_FILESIZE_EXCEEDED) {
        return msync_err_set(err, MSYNC_ERR_RESPONSE_TOO_LARGE,
                             "The answer of %s is larger than the %lld octets "
                             "that are allowed", where,
                             (long long) t->http->max_response);
    }

    /* libcurl takes zlib's want of memory for damage */
    if (t->no_memory || (t->lacked != msync_transfer_lacked()
                         && (code == CURLE_BAD_CONTENT_ENCODING
                             || code == CURLE_WRITE_ERROR)))
    {
        return error_no_memory(where, err);
    }

    switch (code) {

    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_WRITE_ERROR:          /* more follows the end of a gzip */
        return msync_err_set(err, MSYNC_ERR_INVALID_RESPONSE,
                             "The answer of %s is compressed in a damaged or "
                             "unknown way", where);

    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
        (void) curl_easy_getinfo(t->http->easy, CURLINFO_RESPONSE_CODE,
                                 &status);

        if (status != 0) {
            return msync_err_set(err, MSYNC_ERR_INVALID_RESPONSE,
                                 "The answer of %s has a header that is none "
                                 "(%s): the server, or something in between "
                                 "(a proxy, a firewall), damages it", where,
                                 msync_transfer_detail(t, code));
        }

        if (msync_transfer_is_proxied(t)) {
            return msync_err_set(err, MSYNC_ERR_INVALID_RESPONSE,
                                 "The proxy does not answer with HTTP; check "
                                 "the proxy setting and its port");
        }

        return msync_err_set(err, MSYNC_ERR_INVALID_RESPONSE,
                             "%s does not answer with HTTP%s", where,
                             error_may_want_tls(t)
                             ? "; check the port, and if it wants https, "
                               "begin the address with https://"
                             : "; check the port of the address");

    case CURLE_OUT_OF_MEMORY:
        return error_out_of_memory(t, where, err);

    default:
        if (strstr(t->error, "chunk")) {
            return error_chunked(where, err);
        }

        return msync_err_set(err, MSYNC_ERR_UNKNOWN,
                             "The request to %s failed: %s", where,
                             msync_transfer_detail(t, code));
    }
}


/* a server that has answered before speaks what the address says */

static bool
error_may_want_tls(const msync_transfer_attempt_t *t)
{
    return strncasecmp(t->url, "http:", 5) == 0
           && !msync_transfer_is_proxied(t)
           && !msync_transfer_is_known(t->http, t->url);
}


const char *
msync_transfer_detail(const msync_transfer_attempt_t *t, CURLcode code)
{
    return t->error[0] ? t->error : curl_easy_strerror(code);
}
