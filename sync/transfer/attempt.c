/*
 * Owns one transfer: what libcurl is told, how the answer is gathered within
 * its limits, and when a silent server is given up.
 */

#include "transfer/transfer_private.h"

#include "channel/control.h"
#include "base/clock.h"
#include "confine/confine.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>


#define HTTP_BUFFER      131072L
#define HTTP_BUFFER_MIN  1024L                /* libcurl takes no less */
#define HTTP_KEEPALIVE   60L                  /* s */
#define HTTP_LINE_MAX    512                  /* of a header, with the NUL */
#define HTTP_PRECIOUS    5000                 /* ms that the hook waits */


static void attempt_error(msync_transfer_attempt_t *t, CURLcode code,
    msync_err_t *err);
static CURLcode attempt_options(msync_transfer_attempt_t *t,
    const msync_transfer_request_t *req);
static long attempt_buffer(const msync_transfer_t *http);
static CURLcode attempt_options_session(CURL *easy,
    const msync_transfer_t *http);
static CURLcode attempt_options_request(const msync_transfer_t *http,
    const msync_transfer_request_t *req);
static struct curl_slist *attempt_headers(const msync_transfer_t *http,
    const msync_transfer_request_t *req);
static CURLcode attempt_run(msync_transfer_attempt_t *t, msync_err_t *err);
static CURLcode attempt_result(CURLM *multi);
static void attempt_count(msync_transfer_attempt_t *t);
static void attempt_describe(msync_transfer_attempt_t *t);
static size_t attempt_on_header(char *data, size_t size, size_t n, void *arg);
static void attempt_header(msync_transfer_attempt_t *t, const char *data,
    size_t n);
static void attempt_status(msync_transfer_attempt_t *t, const char *line);
static int attempt_on_ready(void *arg, char *to, char *from, int port,
    int local);
static int attempt_on_progress(void *arg, curl_off_t expected, curl_off_t in,
    curl_off_t planned, curl_off_t out);
static int attempt_on_octets(CURL *easy, curl_infotype type, char *data,
    size_t n, void *arg);


int
msync_transfer_attempt(msync_transfer_attempt_t *t,
    const msync_transfer_request_t *req, msync_err_t *err)
{
    CURLcode             code;
    msync_transfer_t        *http;
    struct curl_slist   *headers;

    http = t->http;
    t->timeout = req->timeout ? req->timeout : http->read_timeout;
    t->error[0] = t->called[0] = '\0';
    t->moved = 0;
    t->packed = t->ready = t->kept = t->broke = t->heard = false;
    t->early = t->cookie = false;
    t->lacked = msync_transfer_lacked();

    curl_easy_reset(http->easy);
    headers = attempt_headers(http, req);

    code = headers ? attempt_options(t, req) : CURLE_OUT_OF_MEMORY;

    if (code == CURLE_OK) {
        code = curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, headers);
    }

    if (code == CURLE_OK) {
        code = attempt_run(t, err);
        code = t->torn || t->unclean || t->early ? CURLE_GOT_NOTHING : code;
        attempt_count(t);
        msync_transfer_kept(t, req, code);
    }

    msync_transfer_taken(t, code);

    if (code == CURLE_OK) {
        attempt_describe(t);
        msync_log(MSYNC_LOG_DEBUG, "%s %s: %d, %zu octets", req->method,
                  t->url, t->res->status, t->res->length);

    } else {
        if (!t->hooked) {
            attempt_error(t, code, err);
        }

        /* A server, or what opens encrypted connections in between, may offer
         * HTTP/2 and break each exchange of it, or say that it wants HTTP/1.1.
         * libcurl does not tell which version a connection spoke that broke,
         * so whatever breaks is tried by the older one, which costs nothing
         * where it was not the reason. */

        http->http1 |= t->sent && msync_transfer_is_broken(code);

        if (t->precious && t->res->body != NULL) {
            attempt_describe(t);

        } else {
            msync_transfer_response_clear(t->res);
        }

        t->size = 0;
    }

    /* libcurl zeroes nothing; the handle forgets them at least.  One that
     * failed to resolve a name refuses its next transfer (libcurl 7.88), so
     * after a failure there is a new one: the connections are the multi
     * handle's and stay. */

    curl_easy_reset(http->easy);

    if (code != CURLE_OK) {
        curl_easy_cleanup(http->easy);
        http->easy = curl_easy_init();

        if (http->easy == NULL) {
            msync_out_of_memory();
        }
    }

    curl_slist_free_all(headers);

    return code == CURLE_OK ? MSYNC_OK : MSYNC_ERROR;
}


/* a name that is not found, or a certificate that nobody trusts, may be so only
 * by files that this process could read before they were replaced */

static void
attempt_error(msync_transfer_attempt_t *t, CURLcode code, msync_err_t *err)
{
    (void) msync_transfer_error(t, code, err);

    if (t->sent || !msync_confine_is_stale()) {
        return;
    }

    t->hooked = true;
    (void) msync_err_set(err, MSYNC_ERR_HELPER_STOPPED,
                         "a file of name service or of the trusted "
                         "certificates was replaced while this program ran, "
                         "which only a new one can read");
}


#define http_set(rc, easy, option, value)                                     \
    do {                                                                      \
        CURLcode  set_rc = curl_easy_setopt(easy, option, value);             \
        (rc) = (rc) != CURLE_OK ? (rc) : set_rc;                              \
    } while (0)


static CURLcode
attempt_options(msync_transfer_attempt_t *t,
    const msync_transfer_request_t *req)
{
    CURL          *easy;
    CURLcode       rc;
    msync_transfer_t  *http;

    http = t->http;
    easy = http->easy;

    t->heavy = req->heavy;
    t->length = (curl_off_t) req->body_length;
    t->precious = req->precious;

    rc = attempt_options_session(easy, http);

    if (rc == CURLE_OK) {
        rc = attempt_options_request(http, req);
    }

    if (rc == CURLE_OK) {
        rc = msync_transfer_choose(t, req);
    }

    if (rc == CURLE_OK) {
        rc = msync_transfer_take(t, req);
    }

    http_set(rc, easy, CURLOPT_URL, t->url);
    http_set(rc, easy, CURLOPT_ERRORBUFFER, t->error);
    http_set(rc, easy, CURLOPT_HEADERFUNCTION, attempt_on_header);
    http_set(rc, easy, CURLOPT_HEADERDATA, t);
    http_set(rc, easy, CURLOPT_PREREQFUNCTION, attempt_on_ready);
    http_set(rc, easy, CURLOPT_PREREQDATA, t);
    http_set(rc, easy, CURLOPT_OPENSOCKETFUNCTION, msync_transfer_open_socket);
    http_set(rc, easy, CURLOPT_OPENSOCKETDATA, t);
    http_set(rc, easy, CURLOPT_NOPROGRESS, 0L);
    http_set(rc, easy, CURLOPT_XFERINFOFUNCTION, attempt_on_progress);
    http_set(rc, easy, CURLOPT_XFERINFODATA, t);

    /* the only figures of libcurl that count each octet once */

    http_set(rc, easy, CURLOPT_VERBOSE, 1L);
    http_set(rc, easy, CURLOPT_DEBUGFUNCTION, attempt_on_octets);
    http_set(rc, easy, CURLOPT_DEBUGDATA, t);

    if (req->auth) {
        http_set(rc, easy, CURLOPT_HTTPAUTH, (long) CURLAUTH_BASIC);
        http_set(rc, easy, CURLOPT_USERNAME, http->username);
        http_set(rc, easy, CURLOPT_PASSWORD, http->hash);
    }

    return rc;
}


/* libcurl looks at the rate once in a hundred buffers: small ones keep it
 * even within an answer, `transfer_pace` keeps it from one to the next */

static long
attempt_buffer(const msync_transfer_t *http)
{
    if (http->limit_rate <= 0 || http->limit_rate / 100 >= HTTP_BUFFER) {
        return HTTP_BUFFER;
    }

    return http->limit_rate / 100 < HTTP_BUFFER_MIN
           ? HTTP_BUFFER_MIN : (long) (http->limit_rate / 100);
}


static CURLcode
attempt_options_session(CURL *easy, const msync_transfer_t *http)
{
    long      verify;
    CURLcode  rc;

    rc = CURLE_OK;
    verify = http->verify ? 1L : 0L;

    http_set(rc, easy, CURLOPT_NOSIGNAL, 1L);
    http_set(rc, easy, CURLOPT_PROTOCOLS_STR, "http,https");
    http_set(rc, easy, CURLOPT_HTTP_VERSION,
             http->http1 ? (long) CURL_HTTP_VERSION_1_1
             : (long) CURL_HTTP_VERSION_2TLS);
    http_set(rc, easy, CURLOPT_SSL_ENABLE_ALPN, http->unnamed ? 0L : 1L);
    http_set(rc, easy, CURLOPT_USERAGENT, "msync/" MSYNC_VERSION);
    http_set(rc, easy, CURLOPT_BUFFERSIZE, attempt_buffer(http));
    http_set(rc, easy, CURLOPT_TCP_KEEPALIVE, 1L);
    http_set(rc, easy, CURLOPT_TCP_KEEPIDLE, HTTP_KEEPALIVE);
    http_set(rc, easy, CURLOPT_TCP_KEEPINTVL, HTTP_KEEPALIVE);
    http_set(rc, easy, CURLOPT_CONNECTTIMEOUT_MS, http->connect_timeout);

    /* a name server that never answers must not hold up a cancel */

    http_set(rc, easy, CURLOPT_QUICK_EXIT, 1L);

    http_set(rc, easy, CURLOPT_PROXY, http->proxy);
    http_set(rc, easy, CURLOPT_PROXYAUTH, (long) (http->proxy_digest
             ? CURLAUTH_DIGEST : CURLAUTH_BASIC));
    http_set(rc, easy, CURLOPT_NOPROXY, "");

    http_set(rc, easy, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
    http_set(rc, easy, CURLOPT_SSL_VERIFYPEER, verify);
    http_set(rc, easy, CURLOPT_SSL_VERIFYHOST, 2 * verify);
    http_set(rc, easy, CURLOPT_PROXY_SSL_VERIFYPEER, verify);
    http_set(rc, easy, CURLOPT_PROXY_SSL_VERIFYHOST, 2 * verify);

    if (http->certificate) {
        http_set(rc, easy, CURLOPT_CAINFO, http->certificate);
        http_set(rc, easy, CURLOPT_PROXY_CAINFO, http->certificate);
    }

    http_set(rc, easy, CURLOPT_MAXFILESIZE_LARGE,
             (curl_off_t) http->max_response);
    http_set(rc, easy, CURLOPT_MAX_RECV_SPEED_LARGE,
             (curl_off_t) http->limit_rate);
    http_set(rc, easy, CURLOPT_MAX_SEND_SPEED_LARGE,
             (curl_off_t) http->limit_rate);

    return rc;
}


static CURLcode
attempt_options_request(const msync_transfer_t *http,
    const msync_transfer_request_t *req)
{
    CURL      *easy = http->easy;
    CURLcode   rc = CURLE_OK;

    if (strcmp(req->method, "GET") == 0) {
        http_set(rc, easy, CURLOPT_HTTPGET, 1L);

    } else {
        http_set(rc, easy, CURLOPT_POST, 1L);
        http_set(rc, easy, CURLOPT_POSTFIELDSIZE_LARGE,
                 (curl_off_t) req->body_length);
        http_set(rc, easy, CURLOPT_POSTFIELDS, req->body ? req->body : "");

        if (strcmp(req->method, "POST") != 0) {
            http_set(rc, easy, CURLOPT_CUSTOMREQUEST, req->method);
        }
    }

    return rc;
}


static struct curl_slist *
attempt_headers(const msync_transfer_t *http,
    const msync_transfer_request_t *req)
{
    char                lines[12][HTTP_LINE_MAX];
    size_t              i, n;
    struct curl_slist  *headers, *grown;

    n = 0;

    (void) strcpy(lines[n++], "Accept: application/json");
    (void) strcpy(lines[n++], "Cache-Control: no-cache");
    (void) strcpy(lines[n++], "Expect:");

    if (req->body) {
        (void) strcpy(lines[n++], "Content-Type: application/json");
    }

    if (req->gzip) {
        (void) strcpy(lines[n++], "Content-Encoding: gzip");
    }

    if (req->auth) {
        (void) snprintf(lines[n++], HTTP_LINE_MAX, "msupply-site-uuid: %s",
                        http->hardware_id);
        (void) strcpy(lines[n++], "app-name: " MSYNC_APP_NAME);
        (void) strcpy(lines[n++], "app-version: " MSYNC_APP_VERSION);
        (void) snprintf(lines[n++], HTTP_LINE_MAX, "version: %d",
                        req->version);
    }

    if (req->bearer) {
        (void) snprintf(lines[n++], HTTP_LINE_MAX, "Authorization: Bearer %s",
                        req->bearer);
        (void) snprintf(lines[n++], HTTP_LINE_MAX, "hardware-id: %s",
                        http->hardware_id);
        (void) strcpy(lines[n++], "app-version: " MSYNC_V7_APP_VERSION);
    }

    headers = NULL;

    for (i = 0; i < n; i++) {
        grown = curl_slist_append(headers, lines[i]);

        if (grown == NULL) {
            curl_slist_free_all(headers);
            headers = NULL;
            break;
        }

        headers = grown;
    }

    explicit_bzero(lines, sizeof(lines));

    return headers;
}


static CURLcode
attempt_run(msync_transfer_attempt_t *t, msync_err_t *err)
{
    int              running, fd = t->http->fd;
    CURLM           *multi;
    int64_t          left;
    CURLcode         code;
    msync_hook_pt    hook = t->http->hook;

    multi = t->http->multi;
    t->active = t->began = msync_clock_monotonic();

    if (curl_multi_add_handle(multi, t->http->easy) != CURLM_OK) {
        return CURLE_OUT_OF_MEMORY;
    }

    for ( ;; ) {
        if (curl_multi_perform(multi, &running) != CURLM_OK) {
            code = CURLE_OUT_OF_MEMORY;
            break;
        }

        if (running == 0) {
            code = attempt_result(multi);
            break;
        }

        /* until the request is sent the connect timeout rules */

        left = t->active + t->timeout - msync_clock_monotonic();

        if (left > t->end - msync_clock_monotonic()) {
            left = t->end - msync_clock_monotonic();
            t->slow = t->sent && left <= 0;
        }

        if (!t->sent) {
            left = INT32_MAX;

        } else if (left <= 0) {
            t->silent = !t->slow;
            code = CURLE_OPERATION_TIMEDOUT;
            break;
        }

        if (msync_transfer_wait(t->http, (long) left, err) != MSYNC_OK) {
            t->hooked = true;

            /* it is heard no more until the answer has come */

            if (t->precious && t->sent) {
                t->http->hook = NULL;
                t->http->fd = -1;
                t->end = msync_clock_monotonic() + HTTP_PRECIOUS;
                continue;
            }

            code = CURLE_ABORTED_BY_CALLBACK;
            break;
        }
    }

    if (code == CURLE_OPERATION_TIMEDOUT) {
        msync_transfer_look_at_line(t);
    }

    (void) curl_multi_remove_handle(multi, t->http->easy);

    t->http->hook = hook;
    t->http->fd = fd;
    t->hooked &= code != CURLE_OK;

    return code;
}


static CURLcode
attempt_result(CURLM *multi)
{
    int       left;
    CURLMsg  *msg;

    while ((msg = curl_multi_info_read(multi, &left)) != NULL) {
        if (msg->msg == CURLMSG_DONE) {
            return msg->data.result;
        }
    }

    return CURLE_RECV_ERROR;
}


static void
attempt_count(msync_transfer_attempt_t *t)
{
    long  connects;

    connects = 0;
    (void) curl_easy_getinfo(t->http->easy, CURLINFO_NUM_CONNECTS, &connects);

    t->http->counters.requests++;
    t->http->counters.connects += (uint64_t) connects;
}


static void
attempt_describe(msync_transfer_attempt_t *t)
{
    long                    status;
    char                   *type, *to;
    CURL                   *easy;
    curl_off_t              after, came;
    msync_transfer_response_t  *res;

    easy = t->http->easy;
    res = t->res;
    type = to = NULL;
    status = after = came = 0;

    (void) curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    (void) curl_easy_getinfo(easy, CURLINFO_SIZE_DOWNLOAD_T, &came);
    (void) curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
    (void) curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &after);
    (void) curl_easy_getinfo(easy, CURLINFO_REDIRECT_URL, &to);

    if (to) {
        t->redirect = msync_transfer_without_user(to);
    }

    res->status = (int) status;
    res->retry_after = (long) after;
    res->packed = t->packed ? (int64_t) came : 0;
    res->proxied = msync_transfer_is_proxied(t);

    if (type) {
        (void) snprintf(res->content_type, sizeof(res->content_type), "%s",
                        type);
    }

    if (res->body == NULL) {
        res->body = msync_strdup("");
    }
}


static size_t
attempt_on_header(char *data, size_t size, size_t n, void *arg)
{
    msync_transfer_attempt_t  *t = arg;

    n *= size;
    t->active = msync_clock_monotonic();
    t->heard = true;

    /* behind the body come trailers, which say nothing of it */

    if (t->res->length == 0) {
        msync_transfer_gzip_header(t, data, n);
        attempt_header(t, data, n);
    }

    return t->early ? 0 : n;
}


/* takes a line of an answer's head, also of a proxy that was asked for a way to
 * the server */

static void
attempt_header(msync_transfer_attempt_t *t, const char *data, size_t n)
{
    char  line[HTTP_LINE_MAX];

    /* the beginning of a long one, a challenge or a cookie, tells enough */
    n = n < sizeof(line) ? n : sizeof(line) - 1;

    memcpy(line, data, n);
    line[n] = '\0';

    msync_transfer_proxy_header(t, line);

    if (strncasecmp(line, "Proxy-Authenticate:", 19) == 0) {
        msync_transfer_proxy_offers(t, line + 19);

    } else if (strncasecmp(line, "HTTP/", 5) == 0) {
        attempt_status(t, line + 5);

    } else if (strncasecmp(line, "Set-Cookie:", 11) == 0) {
        t->cookie = true;

    /* those of Cloudflare and of Amazon, whatever the status */
    } else if (strncasecmp(line, "cf-mitigated:", 13) == 0
               || strncasecmp(line, "x-amzn-waf-action:", 18) == 0)
    {
        t->res->challenged = true;

    } else if (strncasecmp(line, "Date:", 5) == 0) {
        t->date = msync_transfer_read_date(line + 5);
    }
}


static void
attempt_status(msync_transfer_attempt_t *t, const char *line)
{
    const char  *status = line + strcspn(line, " ");

    /* the proxy has kept it, and libcurl may send it again */

    if (strncmp(status, " 407", 4) == 0) {
        t->sent = t->ready = false;
    }

    /* Whoever refuses a request need not hear its end.  HTTP/2 says which one
     * it answers, and has a talk of its own meanwhile. */

    t->early |= t->kept && *line == '1' && strncmp(status, " 2", 2) == 0
                && msync_transfer_is_under_way(t);
}


/* connected, the request goes out next */

static int
attempt_on_ready(void *arg, char *to, char *from, int port, int local)
{
    msync_transfer_attempt_t  *t = arg;

    (void) to;
    (void) from;
    (void) port;

    msync_transfer_connected(t);
    t->port = local;

    if (t->kept && !msync_transfer_look_before(t)) {
        t->unclean = true;
        return CURL_PREREQFUNC_ABORT;
    }

    /* libcurl would send it again by itself where a kept connection broke */

    if (t->sent && t->heavy) {
        t->torn = true;
        return CURL_PREREQFUNC_ABORT;
    }

    t->sent = true;
    t->active = msync_clock_monotonic();

    if (!t->hooked) {
        t->end = t->active + (int64_t) t->timeout * MSYNC_TRANSFER_WHOLE;
    }

    return CURL_PREREQFUNC_OK;
}


static int
attempt_on_progress(void *arg, curl_off_t expected, curl_off_t in,
    curl_off_t planned, curl_off_t out)
{
    msync_transfer_attempt_t  *t = arg;

    (void) expected;
    (void) planned;

    if (t->moved != in + out) {
        t->moved = in + out;
        t->active = msync_clock_monotonic();
    }

    return 0;
}


static int
attempt_on_octets(CURL *easy, curl_infotype type, char *data, size_t n,
    void *arg)
{
    msync_transfer_attempt_t  *t = arg;

    (void) easy;
    (void) data;

    if (type == CURLINFO_HEADER_OUT || type == CURLINFO_DATA_OUT) {
        t->http->counters.bytes_sent += n;

    } else if (type == CURLINFO_HEADER_IN || type == CURLINFO_DATA_IN) {
        t->http->counters.bytes_received += n;

    } else if (type == CURLINFO_SSL_DATA_OUT) {
        t->greeted = true;
    }

    return 0;
}
