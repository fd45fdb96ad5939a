/*
 * Owns the session with the central servers: the connections that outlive a
 * request, the credentials, the pauses and the counters.  Promises that the
 * caller's hook is heard at least once a second whatever the network does,
 * and that credentials go nowhere but to the host of the request's URL.
 */

#include "transfer/transfer_private.h"
#include "base/clock.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>


#define HTTP_HOOK_MS     1000
#define HTTP_SHORT       65536     /* octets of an answer searched for the
                                      hash */


static atomic_uint  transfer_refused;      /* by threads that resolve, too */


static void *transfer_given(void *memory, size_t size);
static void *transfer_malloc(size_t size);
static void *transfer_calloc(size_t n, size_t size);
static void *transfer_realloc(void *memory, size_t size);
static char *transfer_strdup(const char *text);
static int transfer_check_certificate(const char *path, msync_err_t *err);
static int transfer_request(msync_transfer_t *http,
    const msync_transfer_request_t *req, msync_transfer_response_t *res,
    msync_err_t *err);
static int transfer_pace(msync_transfer_t *http,
    const msync_transfer_counters_t *before, int64_t began, msync_err_t *err);
static int transfer_attempt(msync_transfer_attempt_t *t,
    const msync_transfer_request_t *req, msync_err_t *err);
static int transfer_check(const msync_transfer_request_t *req,
    msync_err_t *err);
static void transfer_blank(const char *secret,
    msync_transfer_response_t *res);
static bool transfer_is_redirect(int status);
static void transfer_add_redirect(const char *from, const char *to,
    msync_err_t *err);


/* counts what libcurl was refused: whoever asks for no octets, as realloc() may
 * to free them, was refused nothing */

static void *
transfer_given(void *memory, size_t size)
{
    if (memory == NULL && size > 0) {
        transfer_refused++;
    }

    return memory;
}


static void *
transfer_malloc(size_t size)
{
    return transfer_given(malloc(size), size);
}


static void *
transfer_calloc(size_t n, size_t size)
{
    return transfer_given(calloc(n, size), n && size);
}


static void *
transfer_realloc(void *memory, size_t size)
{
    return transfer_given(realloc(memory, size), size);
}


static char *
transfer_strdup(const char *text)
{
    return transfer_given(strdup(text), 1);
}


unsigned
msync_transfer_lacked(void)
{
    return transfer_refused;
}


/* a pipe would be waited for until somebody writes into it */

static int
transfer_check_certificate(const char *path, msync_err_t *err)
{
    struct stat  st;

    if (access(path, R_OK) == -1 || stat(path, &st) == -1) {
        return msync_err_set(err, MSYNC_ERR_TLS_ERROR, "The file of trusted "
                             "certificates \"%s\" cannot be read: %s", path,
                             strerror(errno));
    }

    return S_ISREG(st.st_mode) ? MSYNC_OK
           : msync_err_set(err, MSYNC_ERR_TLS_ERROR, "The file of trusted "
                           "certificates \"%s\" is not a regular file", path);
}


msync_transfer_t *
msync_transfer_create(const msync_conf_t *conf, const char *hardware_id, int fd,
    msync_hook_pt hook, void *data, msync_err_t *err)
{
    msync_transfer_t  *http;

    if (conf->ssl_trusted_certificate
        && transfer_check_certificate(conf->ssl_trusted_certificate, err)
           != MSYNC_OK)
    {
        return NULL;
    }

    http = msync_calloc(1, sizeof(*http));

    http->username = msync_strdup(conf->username ? conf->username : "");
    http->hardware_id = msync_strdup(hardware_id);
    memcpy(http->hash, conf->password_sha256, sizeof(http->hash));
    http->verify = conf->ssl_verify;
    http->connect_timeout = conf->connect_timeout;
    http->read_timeout = conf->read_timeout;
    http->max_response = conf->max_response;
    http->limit_rate = conf->limit_rate;
    http->fd = fd;
    http->hook = hook;
    http->data = data;
    http->base = MSYNC_TRANSFER_BASE;
    http->busy = MSYNC_TRANSFER_BUSY;

    if (conf->ssl_trusted_certificate) {
        http->certificate = msync_strdup(conf->ssl_trusted_certificate);
    }

    /* "" keeps libcurl from looking for a proxy in the environment */

    http->proxy = msync_strdup(conf->proxy ? conf->proxy : "");

    if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, transfer_malloc, free,
                             transfer_realloc, transfer_strdup,
                             transfer_calloc)
        == CURLE_OK)
    {
        http->multi = curl_multi_init();
        http->easy = curl_easy_init();
    }

    if (http->multi == NULL || http->easy == NULL) {
        msync_transfer_free(&http);
        (void) msync_err_set(err, MSYNC_ERR_UNKNOWN,
                             "libcurl cannot be started: not enough memory");
    }

    return http;
}


void
msync_transfer_free(msync_transfer_t **http)
{
    size_t             i;
    msync_transfer_t  *h;

    h = *http;
    *http = NULL;

    if (h == NULL) {
        return;
    }

    curl_easy_cleanup(h->easy);
    (void) curl_multi_cleanup(h->multi);
    curl_global_cleanup();

    for (i = 0; i < MSYNC_TRANSFER_SERVERS; i++) {
        msync_free(&h->servers[i].url);
        msync_free(&h->known[i]);
    }

    explicit_bzero(h->proxy, strlen(h->proxy));

    msync_free(&h->username);
    msync_free(&h->hardware_id);
    msync_free(&h->certificate);
    msync_free(&h->proxy);

    explicit_bzero(h, sizeof(*h));
    free(h);
}


int
msync_transfer_request(msync_transfer_t *http,
    const msync_transfer_request_t *req,
    msync_transfer_response_t *res, msync_err_t *err)
{
    int                       rc;
    bool                      gzip;
    char                     *body;
    msync_transfer_request_t  packed;

    memset(res, 0, sizeof(*res));

    if (transfer_check(req, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    gzip = msync_transfer_gzip(http, req, &packed, &body);
    rc = transfer_request(http, &packed, res, err);

    if (gzip && rc == MSYNC_OK && res->status == 415) {
        msync_transfer_gzip_refused(http, req->url);
        msync_transfer_response_clear(res);

        /* by a new connection too, where it is asked for again */
        http->doubted = http->asked;
        rc = transfer_request(http, req, res, err);
    }

    free(body);

    return rc;
}


/* sends a request until it went well, or is not to be sent again */

static int
transfer_request(msync_transfer_t *http, const msync_transfer_request_t *req,
    msync_transfer_response_t *res, msync_err_t *err)
{
    int                        rc;
    bool                       late;
    long                       pause;
    int64_t                    began;
    msync_transfer_retry_t     retry;
    msync_transfer_counters_t  before;
    msync_transfer_attempt_t   t;

    http->asked = http->doubted;
    http->doubted = NULL;
    late = http->asked != NULL;

    memset(&retry, 0, sizeof(retry));
    retry.started = msync_clock_monotonic();

    for ( ;; ) {
        memset(&t, 0, sizeof(t));
        t.http = http;
        t.url = req->url;
        t.res = res;
        t.fresh = late;

        began = msync_clock_monotonic();
        before = http->counters;
        rc = transfer_attempt(&t, req, err);

        if (rc == MSYNC_OK
            && transfer_pace(http, &before, began, err) != MSYNC_OK)
        {
            if (!req->precious) {
                msync_transfer_response_clear(res);
            }

            return MSYNC_ERROR;
        }

        late = t.late;

        if (late && !t.hooked) {
            msync_transfer_response_clear(res);
            msync_err_clear(err);
            continue;
        }

        if (rc != MSYNC_OK && (t.more || t.pieces || t.named
                               || msync_transfer_proxy_digest(&t)))
        {
            continue;
        }

        if (!msync_transfer_again(&retry, req, &t, rc, err, &pause)) {
            return rc;
        }

        msync_transfer_response_clear(res);

        if (msync_transfer_pause(http, pause, err) != MSYNC_OK) {
            return MSYNC_ERROR;
        }
    }
}


void
msync_transfer_response_clear(msync_transfer_response_t *res)
{
    free(res->body);
    memset(res, 0, sizeof(*res));
}


int
msync_transfer_pause(msync_transfer_t *http, long ms, msync_err_t *err)
{
    int64_t  until, now;

    until = msync_clock_monotonic() + ms;

    for ( ;; ) {
        now = msync_clock_monotonic();

        if (now >= until) {
            return MSYNC_OK;
        }

        if (msync_transfer_wait(http, (long) (until - now), err) != MSYNC_OK) {
            return MSYNC_ERROR;
        }
    }
}


int
msync_transfer_wait(msync_transfer_t *http, long ms, msync_err_t *err)
{
    int                  rc;
    bool                 rang;
    int64_t              left;
    msync_err_t          why;
    struct curl_waitfd   extra;

    left = http->hook_due - msync_clock_monotonic();

    if (http->hook && left < ms) {
        ms = left > 0 ? (long) left : 0;
    }

    extra.fd = http->fd;
    extra.events = CURL_WAIT_POLLIN;
    extra.revents = 0;

    rc = (int) curl_multi_poll(http->multi, &extra, http->fd != -1 ? 1 : 0,
                               (int) (ms < HTTP_HOOK_MS ? ms : HTTP_HOOK_MS),
                               NULL);

    if (rc != CURLM_OK) {
        return msync_err_set(err, MSYNC_ERR_UNKNOWN,
                             "Waiting for the network failed: %s",
                             curl_multi_strerror((CURLMcode) rc));
    }

    rang = (extra.revents & CURL_WAIT_POLLIN) != 0;

    if (http->hook == NULL
        || (!rang && http->hook_due > msync_clock_monotonic()))
    {
        return MSYNC_OK;
    }

    http->hook_due = msync_clock_monotonic() + HTTP_HOOK_MS;

    msync_err_clear(&why);

    if (http->hook(http->data, &why) == MSYNC_OK) {
        return MSYNC_OK;
    }

    if (why.variant == MSYNC_ERR_NONE) {
        return msync_err_set(err, MSYNC_ERR_CANCELLED, "Cancelled");
    }

    *err = why;

    return MSYNC_ERROR;
}


void
msync_transfer_set_base(msync_transfer_t *http, long ms)
{
    http->base = ms;
}


void
msync_transfer_set_known(msync_transfer_t *http, const char *url)
{
    size_t  i;

    for (i = 0; i < MSYNC_TRANSFER_SERVERS; i++) {
        if (http->known[i] == NULL) {
            http->known[i] = msync_strdup(url);
            return;
        }

        if (msync_conf_same_origin(http->known[i], url)) {
            return;
        }
    }
}


bool
msync_transfer_is_known(const msync_transfer_t *http, const char *url)
{
    size_t  i;

    for (i = 0; i < MSYNC_TRANSFER_SERVERS && http->known[i]; i++) {
        if (msync_conf_same_origin(http->known[i], url)) {
            return true;
        }
    }

    return false;
}


void
msync_transfer_set_busy(msync_transfer_t *http, long ms)
{
    http->busy = ms;
}


void
msync_transfer_get_counters(const msync_transfer_t *http,
    msync_transfer_counters_t *counters)
{
    *counters = http->counters;
}


const char *
msync_transfer_where(const char *url, char *buf, size_t size)
{
    bool                  usual;
    const char           *open, *close;
    msync_conf_origin_t   origin;

    if (msync_conf_origin(url, &origin) != NULL) {
        (void) snprintf(buf, size, "the server");
        return buf;
    }

    usual = (origin.port == (origin.tls ? 443U : 80U));
    open = strchr(origin.host, ':') ? "[" : "";
    close = *open ? "]" : "";

    if (usual) {
        (void) snprintf(buf, size, "%s%s%s", open, origin.host, close);
    } else {
        (void) snprintf(buf, size, "%s%s%s:%u", open, origin.host, close,
                        origin.port);
    }

    return buf;
}


/*
 * Waits until the octets since `before` are no more than limit_rate allows
 * for the time since `began`.
 */

static int
transfer_pace(msync_transfer_t *http, const msync_transfer_counters_t *before,
    int64_t began, msync_err_t *err)
{
    int64_t  in, out, due;

    if (http->limit_rate <= 0) {
        return MSYNC_OK;
    }

    in = (int64_t) (http->counters.bytes_received - before->bytes_received);
    out = (int64_t) (http->counters.bytes_sent - before->bytes_sent);
    due = (in > out ? in : out) * 1000 / http->limit_rate
          - (msync_clock_monotonic() - began);

    return due > 0 ? msync_transfer_pause(http, (long) due, err) : MSYNC_OK;
}


/* one attempt, redirects included */

static int
transfer_attempt(msync_transfer_attempt_t *t,
    const msync_transfer_request_t *req, msync_err_t *err)
{
    int        rc;
    char      *url, *next;
    unsigned   n;

    url = msync_strdup(req->url);

    for (n = 0; /* void */ ; n++) {
        t->url = url;
        rc = msync_transfer_attempt(t, req, err);

        if (rc != MSYNC_OK || !transfer_is_redirect(t->res->status)) {
            break;
        }

        next = msync_transfer_redirect(t, req, n, err);
        msync_transfer_response_clear(t->res);
        msync_free(&t->redirect);
        t->size = 0;

        if (next == NULL) {
            rc = MSYNC_ERROR;
            break;
        }

        msync_free(&url);
        url = next;
    }

    if (rc == MSYNC_OK) {
        transfer_blank(t->http->hash, t->res);
        transfer_blank(req->bearer, t->res);
        rc = msync_transfer_error_plain(t, err);
    }

    if (rc == MSYNC_OK) {
        rc = msync_transfer_error_answer(t, err);
    }

    if (rc == MSYNC_OK) {
        msync_transfer_set_known(t->http, url);
        msync_transfer_compare_clocks(t);
    }

    if (rc != MSYNC_OK && !t->hooked
        && !msync_conf_same_origin(req->url, url))
    {
        transfer_add_redirect(req->url, url, err);
    }

    t->url = req->url;
    msync_free(&t->redirect);
    msync_free(&url);

    return rc;
}


/* the address that does not work is not the one of the settings then */

static void
transfer_add_redirect(const char *from, const char *to, msync_err_t *err)
{
    char  what[2 * MSYNC_TRANSFER_WHERE + 32], where[MSYNC_TRANSFER_WHERE];
    char  there[MSYNC_TRANSFER_WHERE];

    (void) snprintf(what, sizeof(what), "%s redirects to %s%s",
                    msync_transfer_where(from, where, sizeof(where)),
                    strncasecmp(to, "https:", 6) == 0 ? "https://" : "http://",
                    msync_transfer_where(to, there, sizeof(there)));
    (void) msync_err_context(err, what);
}


static int
transfer_check(const msync_transfer_request_t *req, msync_err_t *err)
{
    const char           *why;
    msync_conf_origin_t   origin;

    why = msync_conf_origin(req->url, &origin);
    if (why) {
        return msync_err_set(err, MSYNC_ERR_INVALID_URL,
                             "The address of the server %s", why);
    }

    return MSYNC_OK;
}


/* a server that quotes the request must not bring a secret into a text */

static void
transfer_blank(const char *secret, msync_transfer_response_t *res)
{
    char    *p;
    size_t   left, length;

    length = secret ? strlen(secret) : 0;

    if (length == 0 || (res->status < 400 && res->length > HTTP_SHORT)) {
        return;
    }

    p = res->body;
    left = res->length;

    while ((p = memmem(p, left, secret, length)) != NULL) {
        memset(p, '*', length);
        p += length;
        left = res->length - (size_t) (p - res->body);
    }
}


static bool
transfer_is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307
           || status == 308;
}
