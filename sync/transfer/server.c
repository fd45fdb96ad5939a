/*
 * Owns what a session has learnt of each server: whether it takes compressed
 * requests, and whether it closes connections that it says it keeps.
 */

#include "transfer/transfer_private.h"
#include "base/clock.h"

#include <string.h>


#define SERVER_CLOSES  3           /* connections in a row that were kept and
                                      broke, before no other is kept */
#define SERVER_IDLE    4L          /* s: what was not used for so long may have
                                      been closed over there, or on the way */


static bool server_is_late(const msync_transfer_attempt_t *t, CURLcode code);
static bool server_is_cheap(const msync_transfer_request_t *req);


msync_transfer_server_t *
msync_transfer_server(msync_transfer_t *http, const char *url, bool add)
{
    size_t                    i;
    msync_transfer_server_t  *server;

    for (i = 0; i < MSYNC_TRANSFER_SERVERS; i++) {
        server = &http->servers[i];

        if (server->url == NULL) {
            if (add) {
                server->url = msync_strdup(url);
                return server;
            }

            return NULL;
        }

        if (msync_conf_same_origin(server->url, url)) {
            return server;
        }
    }

    return NULL;
}


bool
msync_transfer_is_broken(CURLcode code)
{
    return code == CURLE_HTTP2 || code == CURLE_HTTP2_STREAM
           || code == CURLE_GOT_NOTHING || code == CURLE_RECV_ERROR
           || code == CURLE_SEND_ERROR || code == CURLE_PARTIAL_FILE
           || code == CURLE_WEIRD_SERVER_REPLY;
}


void
msync_transfer_connected(msync_transfer_attempt_t *t)
{
    long  connects = 1;

    /* libcurl sends it once more where a kept connection broke */

    if (t->ready) {
        t->broke = t->kept;
        return;
    }

    (void) curl_easy_getinfo(t->http->easy, CURLINFO_NUM_CONNECTS, &connects);
    t->ready = true;
    t->kept = (connects == 0);
}


/*
 * What became of the connection and not of the request: something was there
 * before it went out, or an answer before all of it had arrived; what came is
 * no HTTP, or 408, to which no server has given the time, or 421, by which a
 * server says that it was not meant; or nothing arrived at the other end, as
 * where somebody on the way has forgotten the connection.
 */

static bool
server_is_late(const msync_transfer_attempt_t *t, CURLcode code)
{
    long  status = 0;

    (void) curl_easy_getinfo(t->http->easy, CURLINFO_RESPONSE_CODE, &status);

    if (code == CURLE_OK
        && msync_transfer_status((int) status) == MSYNC_STATUS_ELSEWHERE)
    {
        return !t->fresh;
    }

    if (!t->kept || t->unclean || t->dead || t->early) {
        return t->unclean || t->dead || t->early;
    }

    if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_WEIRD_SERVER_REPLY)
    {
        return !t->heard;
    }

    return code == CURLE_OK && status == 408
           && msync_clock_monotonic() - t->began < SERVER_IDLE * 1000;
}


/*
 * A kept connection that broke under a large request says nothing: the line
 * may not carry so much.  One that broke under a small one was closed over
 * there, or on the way.
 */

void
msync_transfer_kept(msync_transfer_attempt_t *t,
    const msync_transfer_request_t *req, CURLcode code)
{
    msync_transfer_server_t  *server;

    t->named = !t->http->unnamed
               && strstr(t->error, "no application protocol") != NULL;
    t->http->unnamed |= t->named;

    t->broke |= t->kept && t->sent && !t->heard
                && msync_transfer_is_broken(code);

    t->late = server_is_late(t, code);
    server = msync_transfer_server(t->http, t->url,
                                   t->kept || t->broke || t->unheard);
    t->http->answered = t->kept ? server : NULL;

    if (server == NULL) {
        t->http->counters.broke += t->broke;
        return;
    }

    server->stuck |= t->fresh && t->unheard;
    t->late &= !t->dead || !server->stuck;

    if (t->late) {
        server->closed += t->kept;

    } else if (t->broke) {
        t->http->counters.broke++;

        if (server_is_cheap(req)) {
            server->closed++;
        }

    } else if (t->kept && code == CURLE_OK) {
        server->closed = 0;
    }
}


bool
msync_transfer_doubts(msync_transfer_t *http, bool grave)
{
    msync_transfer_server_t  *server = http->answered;

    if (server == NULL || (server->believed && !grave)) {

        if (server == NULL && http->asked != NULL) {
            http->asked->believed = true;
            http->asked->strange = 0;
        }

        return false;
    }

    server->strange++;
    http->doubted = server;

    return true;
}


/* libcurl sends by a new one itself what a kept one broke under, but for what
 * is large or may come once only */

CURLcode
msync_transfer_choose(msync_transfer_attempt_t *t,
    const msync_transfer_request_t *req)
{
    bool                      large;
    unsigned                  closed;
    msync_transfer_server_t  *server;

    large = req->heavy && !server_is_cheap(req);
    server = msync_transfer_server(t->http, req->url, false);
    closed = server != NULL ? server->closed : 0;

    if (server != NULL && server->strange > closed) {
        closed = server->strange;
    }

    if (req->once || t->fresh || closed >= SERVER_CLOSES
        || (large && closed > 0))
    {
        return curl_easy_setopt(t->http->easy, CURLOPT_FRESH_CONNECT, 1L);
    }

    return large ? curl_easy_setopt(t->http->easy, CURLOPT_MAXAGE_CONN,
                                    SERVER_IDLE)
                 : CURLE_OK;
}


static bool
server_is_cheap(const msync_transfer_request_t *req)
{
    return req->body_length <= MSYNC_TRANSFER_CHEAP;
}
