/*
 * Owns the patience of the session: what is sent again, after which pause,
 * and where a redirect may lead.
 */

#include "transfer/transfer_private.h"
#include "base/clock.h"
#include "base/log.h"

#include <string.h>
#include <strings.h>
#include <sys/random.h>


static bool retry_wants_cookie(const msync_transfer_attempt_t *t);
static bool retry_failed(const msync_transfer_retry_t *retry,
    const msync_transfer_request_t *req, const msync_transfer_attempt_t *t,
    const msync_err_t *err);
static bool retry_busy(msync_transfer_retry_t *retry,
    const msync_transfer_attempt_t *t, long *pause);
static long retry_asked(const msync_transfer_attempt_t *t);
static long retry_backoff(const msync_transfer_retry_t *retry,
    const msync_transfer_t *http);
static long retry_pause(const msync_transfer_t *http, long first,
    long most, unsigned n);
static long retry_random(long below);
static bool retry_is_http(const char *url);
static bool retry_redirect_allowed(const char *from, const char *to);


bool
msync_transfer_again(msync_transfer_retry_t *retry,
    const msync_transfer_request_t *req,
    const msync_transfer_attempt_t *t, int rc, const msync_err_t *err,
    long *pause)
{
    char                      where[MSYNC_TRANSFER_WHERE];
    msync_transfer_verdict_e  verdict;

    retry->attempts++;

    if (rc != MSYNC_OK) {
        if (retry->attempts >= MSYNC_TRANSFER_ATTEMPTS
            || !retry_failed(retry, req, t, err))
        {
            return false;
        }

        *pause = retry_backoff(retry, t->http);
        msync_log(MSYNC_LOG_WARN, "%s; trying again in %ld ms", err->text,
                  *pause);
        return true;
    }

    if (req->heavy) {
        return false;
    }

    verdict = req->judge ? req->judge(t->res) : MSYNC_TRANSFER_USUAL;

    if (verdict == MSYNC_TRANSFER_FINAL
        || t->res->retry_after > MSYNC_TRANSFER_RETRY_AFTER)
    {
        return false;
    }

    if (verdict == MSYNC_TRANSFER_BUSY_NOW) {
        retry->attempts--;
        return retry_busy(retry, t, pause);
    }

    if (retry->attempts >= MSYNC_TRANSFER_ATTEMPTS || req->once
        || (verdict != MSYNC_TRANSFER_AGAIN
            && !msync_transfer_may_pass(t->res->status)))
    {
        return false;
    }

    *pause = retry_backoff(retry, t->http) + retry_asked(t);

    msync_log(MSYNC_LOG_WARN, "%s answered with HTTP status %d; trying again "
              "in %ld ms", msync_transfer_where(req->url, where, sizeof(where)),
              t->res->status, *pause);

    return true;
}


char *
msync_transfer_redirect(const msync_transfer_attempt_t *t,
    const msync_transfer_request_t *req, unsigned n, msync_err_t *err)
{
    char  from[MSYNC_TRANSFER_WHERE], to[MSYNC_TRANSFER_WHERE];

    (void) msync_transfer_where(t->url, from, sizeof(from));

    if (t->redirect == NULL) {
        (void) msync_err_set(err, MSYNC_ERR_HTTP_ERROR,
                             "%s answered with a redirect (HTTP status %d) "
                             "that leads nowhere", from, t->res->status);

    } else if (!retry_is_http(t->redirect)) {
        (void) msync_err_set(err, MSYNC_ERR_HTTP_ERROR,
                             "%s answered with a redirect to an address of "
                             "another kind, \"%.*s:\", which a central server "
                             "does not do: a sign-in page of the network or a "
                             "wrong setting of a proxy answers in its place",
                             from, (int) strcspn(t->redirect, ":"),
                             t->redirect);

    } else if (!retry_redirect_allowed(t->url, t->redirect)) {
        (void) msync_transfer_where(t->redirect, to, sizeof(to));
        (void) msync_err_set(err, MSYNC_ERR_HTTP_ERROR,
                             "%s redirects to another server, %s, which was "
                             "not followed: either the central server has "
                             "moved and its address must be corrected, or a "
                             "sign-in page of the network answers in its "
                             "place", from, to);

    } else if (retry_wants_cookie(t)
               && (strcmp(req->method, "GET") != 0
                   || n >= MSYNC_TRANSFER_REDIRECTS))
    {
        (void) msync_err_set(err, MSYNC_ERR_HTTP_ERROR,
                             "%s redirects to the address that was asked and "
                             "sets a cookie: it, or a balancer before it, "
                             "answers only who sends that back, which no site "
                             "does", from);
        err->advice = "Let the administrator of the central server exempt its "
                      "synchronisation (paths that begin with \"/sync/\" and "
                      "\"/central/\") from the cookie. |It is tried again by "
                      "itself.";

    } else if (strcmp(req->method, "GET") != 0) {
        (void) msync_err_set(err, MSYNC_ERR_HTTP_ERROR,
                             "%s redirects to another address of its own "
                             "(%s), which is not followed when data is sent; "
                             "correct the address of the central server", from,
                             strncasecmp(t->redirect, "https:", 6) == 0
                             ? "https" : "http");

    } else if (n >= MSYNC_TRANSFER_REDIRECTS) {
        (void) msync_err_set(err, MSYNC_ERR_HTTP_ERROR,
                             "%s redirected %u times without coming to an "
                             "end", from, n + 1);

    } else {
        return msync_strdup(t->redirect);
    }

    err->http_status = t->res->status;

    return NULL;
}


/* it leads to the very address, and a cookie came with it */

static bool
retry_wants_cookie(const msync_transfer_attempt_t *t)
{
    size_t  length = strcspn(t->url, "#");

    return t->cookie && strcspn(t->redirect, "#") == length
           && strncmp(t->url, t->redirect, length) == 0;
}


char *
msync_transfer_without_user(const char *url)
{
    char   *part, *text;
    CURLU  *parts;

    part = NULL;
    parts = curl_url();

    if (parts == NULL
        || curl_url_set(parts, CURLUPART_URL, url, 0) != CURLUE_OK
        || curl_url_set(parts, CURLUPART_USER, NULL, 0) != CURLUE_OK
        || curl_url_set(parts, CURLUPART_PASSWORD, NULL, 0) != CURLUE_OK
        || curl_url_get(parts, CURLUPART_URL, &part, 0) != CURLUE_OK)
    {
        part = NULL;
    }

    text = msync_strdup(part);

    curl_free(part);
    curl_url_cleanup(parts);

    return text;
}


static bool
retry_failed(const msync_transfer_retry_t *retry,
    const msync_transfer_request_t *req, const msync_transfer_attempt_t *t,
    const msync_err_t *err)
{
    if (t->hooked || err->remedy == MSYNC_REMEDY_FINAL
        || (err->variant != MSYNC_ERR_CONNECTION_ERROR
            && err->variant != MSYNC_ERR_TIMEOUT))
    {
        return false;
    }

    /* a server that says that it keeps connections, and closes them */
    if (req->heavy && t->broke && req->body_length <= MSYNC_TRANSFER_CHEAP) {
        return retry->attempts == 1;
    }

    if (!t->sent) {
        return msync_clock_monotonic() - retry->started < MSYNC_TRANSFER_DEAD;
    }

    return !req->once && !req->heavy && !t->slow
           && !(t->silent
                && retry->attempts >= MSYNC_TRANSFER_TIMEOUT_ATTEMPTS);
}


static bool
retry_busy(msync_transfer_retry_t *retry,
    const msync_transfer_attempt_t *t, long *pause)
{
    char  where[MSYNC_TRANSFER_WHERE];
    long  most;

    *pause = retry_pause(t->http, 2 * MSYNC_TRANSFER_BASE,
                         MSYNC_TRANSFER_BUSY_PAUSE, retry->busy);
    *pause = *pause / 2 + retry_random(*pause / 2 + 1);
    *pause += retry_asked(t);

    most = retry_pause(t->http, t->http->busy, t->http->busy, 0);

    if (retry->waited + *pause > most) {
        return false;
    }

    msync_log(MSYNC_LOG_NOTICE, "%s is busy with this site, asking again in "
              "%ld ms", msync_transfer_where(t->url, where, sizeof(where)),
              *pause);

    retry->waited += *pause;
    retry->busy++;

    return true;
}


/* what Retry-After asks for, ms */

static long
retry_asked(const msync_transfer_attempt_t *t)
{
    long  seconds;

    seconds = t->res->retry_after;

    if (seconds <= 0 || seconds > MSYNC_TRANSFER_RETRY_AFTER) {
        return 0;
    }

    return seconds * 2 * t->http->base;
}


/* exponential, with full jitter */

static long
retry_backoff(const msync_transfer_retry_t *retry,
    const msync_transfer_t *http)
{
    return retry_random(retry_pause(http, MSYNC_TRANSFER_BASE,
                                    MSYNC_TRANSFER_PAUSE_MAX,
                                    retry->attempts - 1));
}


/* `first` doubled n times, `most` at most, scaled by the base */

static long
retry_pause(const msync_transfer_t *http, long first, long most,
    unsigned n)
{
    while (n > 0 && first < most) {
        first *= 2;
        n--;
    }

    first = first < most ? first : most;

    return first * http->base / MSYNC_TRANSFER_BASE;
}


static long
retry_random(long below)
{
    uint32_t  n;

    if (below <= 0 || getrandom(&n, sizeof(n), 0) != sizeof(n)) {
        return below > 0 ? below : 0;
    }

    return (long) (n % (uint64_t) below);
}


static bool
retry_is_http(const char *url)
{
    return strncasecmp(url, "http:", 5) == 0
           || strncasecmp(url, "https:", 6) == 0;
}


/* whether a redirect stays at the scheme, host and port, or goes to https of
 * the host */

static bool
retry_redirect_allowed(const char *from, const char *to)
{
    msync_conf_origin_t  a, b;

    if (msync_conf_same_origin(from, to)) {
        return true;
    }

    if (msync_conf_origin(from, &a) != NULL
        || msync_conf_origin(to, &b) != NULL)
    {
        return false;
    }

    return !a.tls && b.tls && strcmp(a.host, b.host) == 0
           && (a.port == b.port || (a.port == 80 && b.port == 443));
}
