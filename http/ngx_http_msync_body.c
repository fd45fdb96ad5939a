/*
 * Bodies of requests, and those that the helper answers: the body goes into a
 * slot of the zone, and the answer comes back in it.  Bodies hold passwords:
 * they are read into memory, never into a file, and every copy is zeroed after
 * use.
 */

#include "ngx_http_msync.h"

#if (NGX_HTTP_V2)
#include <ngx_http_v2_module.h>
#endif


static void ngx_http_msync_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_msync_body_read(ngx_http_request_t *r,
    ngx_str_t *body);
static ngx_int_t ngx_http_msync_body_take(ngx_http_request_t *r,
    ngx_str_t *body);
static ngx_uint_t ngx_http_msync_body_is_object(ngx_str_t *body);
static void ngx_http_msync_body_cleanup(void *data);
#if (NGX_HTTP_V2)
static void ngx_http_msync_body_forget(ngx_http_request_t *r);
static void ngx_http_msync_body_forget_first(ngx_connection_t *c);
static void ngx_http_msync_body_wipe(ngx_event_t *ev);
static void ngx_http_msync_body_wipe_first(ngx_event_t *ev);
static void ngx_http_msync_body_wipe_now(void *data);
#endif
static u_char *ngx_http_msync_body_argument(ngx_http_request_t *r,
    char *name, u_char *p, u_char *last);
static void ngx_http_msync_body_answer_timeout(ngx_event_t *ev);
static ngx_int_t ngx_http_msync_body_send_answer(ngx_http_request_t *r,
    ngx_uint_t status, ngx_str_t *answer);


/*
 * Reads the body, NGX_HTTP_MSYNC_BODY_MAX octets at most, then calls `handler`,
 * which finds it in its waiter.  Returns what a content handler returns.
 */

ngx_int_t
ngx_http_msync_read_body(ngx_http_request_t *r, ngx_http_msync_site_t *site,
    ngx_http_msync_method_pt handler, ngx_uint_t data)
{
    ngx_int_t                 rc;
    ngx_pool_cleanup_t       *cln;
    ngx_http_msync_waiter_t  *waiter;

    waiter = ngx_http_msync_waiter(r, site);
    if (waiter == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    waiter->handler = handler;
    waiter->data = data;
    waiter->body.data = ngx_palloc(r->pool, NGX_HTTP_MSYNC_BODY_MAX);

    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (waiter->body.data == NULL || cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_msync_body_cleanup;
    cln->data = &waiter->body;

    ngx_http_set_ctx(r, waiter, ngx_http_msync_module);

    /* the size is limited here, and buffers are zeroed before reuse */

    r->request_body_no_buffering = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_msync_body_handler);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    return NGX_DONE;
}


static void
ngx_http_msync_body_handler(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_http_msync_waiter_t  *waiter;

    waiter = ngx_http_get_module_ctx(r, ngx_http_msync_module);

    rc = ngx_http_msync_body_read(r, &waiter->body);

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "msync %V: body of %uz bytes: %i",
                   &waiter->site->name, waiter->body.len, rc);

    if (rc == NGX_AGAIN) {
        r->read_event_handler = ngx_http_msync_body_handler;
        return;
    }

    r->read_event_handler = ngx_http_block_reading;

#if (NGX_HTTP_V2)
    if (r->stream) {
        ngx_http_msync_body_forget(r);
    }
#endif

    if (rc == NGX_OK) {
        rc = waiter->handler(r, waiter->site, waiter->data);

    } else if (rc == NGX_HTTP_REQUEST_ENTITY_TOO_LARGE) {

        /* what follows is not read, so no other request can */

        r->keepalive = 0;

        rc = ngx_http_msync_send_too_large(r);
    }

    ngx_http_msync_body_cleanup(&waiter->body);

    if (rc != NGX_DONE) {
        ngx_http_finalize_request(r, rc);
    }
}


/* NGX_OK: all is there; NGX_AGAIN: more will come; else the HTTP status */

static ngx_int_t
ngx_http_msync_body_read(ngx_http_request_t *r, ngx_str_t *body)
{
    ngx_int_t  rc;

    for ( ;; ) {
        rc = ngx_http_msync_body_take(r, body);

        if (rc != NGX_OK || !r->reading_body) {
            return rc;
        }

        rc = ngx_http_read_unbuffered_request_body(r);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            return rc;
        }

        if (rc == NGX_AGAIN && r->request_body->bufs == NULL) {
            return NGX_AGAIN;
        }
    }
}


/*
 * Appends what has been read.  In a subrequest, or when nginx shall keep the
 * body for one, the buffers are somebody else's too; those may also be in a
 * file.
 */

static ngx_int_t
ngx_http_msync_body_take(ngx_http_request_t *r, ngx_str_t *body)
{
    off_t         size;
    u_char       *p;
    ngx_buf_t    *b;
    ngx_uint_t    shared;
    ngx_chain_t  *cl;

    if (r->request_body == NULL) {
        return NGX_OK;
    }

    shared = (r != r->main || r->preserve_body);

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;
        size = ngx_buf_size(b);
        p = body->data + body->len;

        if (size > (off_t) (NGX_HTTP_MSYNC_BODY_MAX - body->len)) {
            return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
        }

        if (ngx_buf_in_memory(b)) {
            ngx_memcpy(p, b->pos, size);

            if (!shared) {
                ngx_explicit_memzero(b->pos, size);
                b->pos = b->last;
            }

        } else if (size
                   && ngx_read_file(b->file, p, size, b->file_pos)
                      != (ssize_t) size)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        body->len += size;
    }

    if (!shared) {
        r->request_body->bufs = NULL;
    }

    return NGX_OK;
}


/* the helper reads JSON; what cannot be an object need not wait for it */

static ngx_uint_t
ngx_http_msync_body_is_object(ngx_str_t *body)
{
    u_char  *p, *last;

    last = body->data + body->len;

    for (p = body->data; p < last; p++) {
        if (*p != ' ' && *p != '\t' && *p != CR && *p != LF) {
            return (*p == '{');
        }
    }

    return 0;
}


static void
ngx_http_msync_body_cleanup(void *data)
{
    ngx_str_t *body = data;

    ngx_explicit_memzero(body->data, body->len);

    body->len = 0;
}


#if (NGX_HTTP_V2)

/*
 * All connections with HTTP/2 read into one buffer of the worker, which may be
 * read from at the moment, and is used by nobody between two events.
 */

static void
ngx_http_msync_body_forget(ngx_http_request_t *r)
{
    static ngx_event_t  wipe;

    wipe.handler = ngx_http_msync_body_wipe;
    wipe.data = ngx_http_get_module_main_conf(r, ngx_http_v2_module);
    wipe.log = ngx_cycle->log;

    ngx_post_event(&wipe, &ngx_posted_events);

    ngx_http_msync_body_forget_first(r->stream->connection->connection);
}


/*
 * Without TLS, what comes with the preface is parsed where the connection has
 * read it, and stays there for as long as that lives.
 */

static void
ngx_http_msync_body_forget_first(ngx_connection_t *c)
{
    ngx_event_t         *wipe;
    ngx_pool_cleanup_t  *cln;

    if (c->buffer == NULL || c->buffer->start == NULL
        || c->buffer->last == c->buffer->start)
    {
        return;
    }

    cln = ngx_pool_cleanup_add(c->pool, sizeof(ngx_event_t));
    if (cln == NULL) {
        return;
    }

    wipe = cln->data;
    ngx_memzero(wipe, sizeof(ngx_event_t));

    wipe->handler = ngx_http_msync_body_wipe_first;
    wipe->data = c;
    wipe->log = ngx_cycle->log;

    /* the connection may end before the event comes */

    cln->handler = ngx_http_msync_body_wipe_now;

    ngx_post_event(wipe, &ngx_posted_events);
}


static void
ngx_http_msync_body_wipe(ngx_event_t *ev)
{
    ngx_http_v2_main_conf_t  *h2mcf;

    h2mcf = ev->data;

    if (h2mcf->recv_buffer) {
        ngx_explicit_memzero(h2mcf->recv_buffer, h2mcf->recv_buffer_size);
    }
}


static void
ngx_http_msync_body_wipe_first(ngx_event_t *ev)
{
    ngx_connection_t *c = ev->data;

    /* all of it was parsed in the event that read it */

    if (c->buffer && c->buffer->start) {
        ngx_explicit_memzero(c->buffer->start,
                             c->buffer->end - c->buffer->start);
        c->buffer->pos = c->buffer->start;
        c->buffer->last = c->buffer->start;
    }
}


static void
ngx_http_msync_body_wipe_now(void *data)
{
    ngx_event_t *wipe = data;

    if (wipe->posted) {
        ngx_delete_posted_event(wipe);
        ngx_http_msync_body_wipe_first(wipe);
    }
}

#endif


/* puts the body, for a msync_request_e, into a slot and waits for the helper's
 * answer, NGX_HTTP_MSYNC_REPLY_WAIT at most; for read_body() */

ngx_int_t
ngx_http_msync_ask(ngx_http_request_t *r, ngx_http_msync_site_t *site,
    ngx_uint_t request)
{
    ngx_int_t                 rc;
    ngx_http_msync_waiter_t  *waiter;

    waiter = ngx_http_get_module_ctx(r, ngx_http_msync_module);

    if (!ngx_http_msync_body_is_object(&waiter->body)) {
        return ngx_http_msync_send_error(r, NGX_HTTP_BAD_REQUEST,
                                         "INVALID_REQUEST",
                                         "The body is not a JSON object.");
    }

    rc = ngx_http_msync_slot_open(site, request, &waiter->body, &waiter->id);

    if (rc == NGX_ERROR) {
        return ngx_http_msync_send_unavailable(r, "ZONE_FULL",
                                "The shared memory of this site is full: "
                                "try again, or increase the parameter zone "
                                "of its msync_site block in nginx.conf.");
    }

    if (rc == NGX_ABORT) {
        return ngx_http_msync_send_no_helper(r);
    }

    if (rc != NGX_OK) {
        return ngx_http_msync_send_unavailable(r, "TOO_MANY_REQUESTS",
                                "Too many requests are being answered.");
    }

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "msync %V: request %uL waits for the helper",
                   &site->name, waiter->id);

    /* a worker that shuts down stays for this */

    waiter->timer.cancelable = 0;
    waiter->timer.handler = ngx_http_msync_body_answer_timeout;

    ngx_http_msync_wait(waiter, &site->answers);
    ngx_add_timer(&waiter->timer, NGX_HTTP_MSYNC_REPLY_WAIT);

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    ngx_http_msync_ring();

    return NGX_DONE;
}


/* the same with a body that is made here: the arguments of the query are the
 * members of an object */

ngx_int_t
ngx_http_msync_ask_patients(ngx_http_request_t *r,
    ngx_http_msync_site_t *site, ngx_uint_t request)
{
    u_char                   *p, *last;
    ngx_uint_t                i;
    ngx_http_msync_waiter_t  *waiter;

    static char  *names[] = { "name", "code" };

    waiter = ngx_http_get_module_ctx(r, ngx_http_msync_module);

    p = waiter->body.data;
    last = p + NGX_HTTP_MSYNC_BODY_MAX;

    *p++ = '{';

    for (i = 0; i < sizeof(names) / sizeof(char *); i++) {
        p = ngx_http_msync_body_argument(r, names[i], p, last);

        if (p == NULL) {
            return ngx_http_msync_send_error(r, NGX_HTTP_BAD_REQUEST,
                                             "INVALID_REQUEST",
                                             "An argument is too long.");
        }
    }

    *p++ = '}';

    waiter->body.len = p - waiter->body.data;

    return ngx_http_msync_ask(r, site, request);
}


/* writes the argument of that name, where there is one, as a member of an
 * object; NULL: it does not fit */

static u_char *
ngx_http_msync_body_argument(ngx_http_request_t *r, char *name, u_char *p,
    u_char *last)
{
    u_char     *dst, *src;
    size_t      len;
    ngx_str_t   value;

    len = ngx_strlen(name);

    if (ngx_http_arg(r, (u_char *) name, len, &value) != NGX_OK) {
        return p;
    }

    /* an escaped character takes six octets at most */

    if ((size_t) (last - p) < len + 6 * value.len + 8) {
        return NULL;
    }

    /* at the end of the room, where nothing is written before it was read */

    src = value.data;
    dst = value.data = last - value.len;
    ngx_unescape_uri(&dst, &src, value.len, 0);

    p = ngx_sprintf(p, "%s\"%s\":\"", p[-1] == '{' ? "" : ",", name);
    p = (u_char *) ngx_escape_json(p, value.data, dst - value.data);
    *p++ = '"';

    return p;
}


static void
ngx_http_msync_body_answer_timeout(ngx_event_t *ev)
{
    ngx_int_t                 rc;
    ngx_http_request_t       *r;
    ngx_http_msync_waiter_t  *waiter;

    waiter = ev->data;
    r = waiter->request;

    ngx_http_set_log_request(r->connection->log, r);

    ngx_http_msync_unwait(waiter);

    /* one that has begun cannot be taken back */

    rc = ngx_http_msync_send_error(r, NGX_HTTP_GATEWAY_TIME_OUT,
                                "HELPER_STOPPED",
                                "The helper has not answered within 60 "
                                "seconds: it is busy, or its disk does not "
                                "answer. Whether this was done, or will be, "
                                "nobody knows yet: look at the status and the "
                                "settings before you ask again.");

    ngx_http_msync_finalize(r, rc);
}


/* some slots of the zone have answers: those of requests that wait in this
 * process go to their clients */

void
ngx_http_msync_answers_wake(ngx_http_msync_site_t *site)
{
    ngx_int_t                 rc;
    ngx_str_t                 answer;
    ngx_uint_t                status;
    ngx_queue_t              *q;
    ngx_http_request_t       *r;
    ngx_http_msync_waiter_t  *waiter;

    q = ngx_queue_head(&site->answers);

    while (q != ngx_queue_sentinel(&site->answers)) {

        waiter = ngx_queue_data(q, ngx_http_msync_waiter_t, queue);
        r = waiter->request;

        rc = ngx_http_msync_slot_read(site, waiter->id, r->pool, &status,
                                      &answer);
        if (rc == NGX_AGAIN) {
            q = ngx_queue_next(q);
            continue;
        }

        ngx_http_set_log_request(r->connection->log, r);

        ngx_log_debug3(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                       "msync %V: answer of request %uL: %i",
                       &site->name, waiter->id, rc);

        ngx_http_msync_unwait(waiter);

        if (rc == NGX_OK && answer.len) {
            rc = ngx_http_msync_body_send_answer(r, status, &answer);

        } else if (rc == NGX_ABORT) {
            rc = ngx_http_msync_send_no_helper(r);

        } else {
            rc = ngx_http_msync_send_error(r, NGX_HTTP_INTERNAL_SERVER_ERROR,
                                     "UNKNOWN", "The answer has been lost.");
        }

        ngx_http_msync_finalize(r, rc);

        q = ngx_queue_head(&site->answers);
    }
}


/* 503 is what a client may ask again, and it is told when */

static ngx_int_t
ngx_http_msync_body_send_answer(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *answer)
{
    if (status == NGX_HTTP_SERVICE_UNAVAILABLE
        && ngx_http_msync_set_retry_after(r) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_msync_send_json(r, status, answer);
}
