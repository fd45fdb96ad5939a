/*
 * Server-sent events.
 *
 * A stream has one buffer, which points into the document that all streams
 * share, so a message costs no memory.  A client that has not yet read the
 * last message is left out and is told the newest document when it has.  One
 * timer a site keeps the pace, one a process sends the comments.
 */

#include "ngx_http_msync.h"


#define NGX_HTTP_MSYNC_PACE  100                     /* ms between events */
#define NGX_HTTP_MSYNC_BEAT  15000                   /* ms between comments */


/* there may be thousands of them: nothing that a stream has no use for */

typedef struct {
    ngx_queue_t               queue;
    ngx_http_request_t       *request;
    ngx_http_msync_site_t    *site;
    ngx_buf_t                 buf;
    ngx_chain_t               link;
    ngx_http_msync_doc_t     *doc;       /* held while the buffer is sent */
    uint64_t                  generation;
    ngx_uint_t                pending;
} ngx_http_msync_stream_t;


static ngx_int_t ngx_http_msync_events_header(ngx_http_request_t *r);
static ngx_http_msync_stream_t *ngx_http_msync_events_create(
    ngx_http_request_t *r, ngx_http_msync_site_t *site);
static void ngx_http_msync_events_cleanup(void *data);
static uint64_t ngx_http_msync_events_known(ngx_http_request_t *r);
static ngx_int_t ngx_http_msync_events_update(ngx_http_msync_stream_t *s);
static ngx_int_t ngx_http_msync_events_send(ngx_http_msync_stream_t *s,
    ngx_str_t *text);
static ngx_int_t ngx_http_msync_events_flush(ngx_http_msync_stream_t *s,
    ngx_chain_t *out);
static void ngx_http_msync_events_write(ngx_http_request_t *r);
static void ngx_http_msync_events_fail(ngx_http_msync_stream_t *s);
static void ngx_http_msync_events_tell(ngx_event_t *ev);
static void ngx_http_msync_events_beat(ngx_event_t *ev);


/* at once, so that the headers leave; browsers come back after a second */

static ngx_str_t  ngx_http_msync_hello = ngx_string(": msync\nretry: 1000\n\n");
static ngx_str_t  ngx_http_msync_comment = ngx_string(":\n\n");


ngx_int_t
ngx_http_msync_get_events(ngx_http_request_t *r, ngx_http_msync_site_t *site,
    ngx_uint_t data)
{
    ngx_int_t                 rc;
    ngx_http_msync_stream_t  *s;

    if (r != r->main) {
        return ngx_http_msync_send_error(r, NGX_HTTP_BAD_REQUEST,
                                         "INVALID_REQUEST",
                                         "A subrequest cannot be a stream.");
    }

    rc = ngx_http_msync_no_body(r);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    rc = ngx_http_msync_events_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    s = ngx_http_msync_events_create(r, site);
    if (s == NULL) {
        return NGX_ERROR;
    }

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_msync_events_write;

    if (ngx_http_msync_events_send(s, &ngx_http_msync_hello) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!s->pending && ngx_http_msync_events_update(s) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_exiting) {

        /* the stream ends at once: no message may follow its last buffer */

        ngx_http_msync_dequeue(r, &s->queue);

        return ngx_http_send_special(r, NGX_HTTP_LAST);
    }

    r->main->count++;

    return NGX_DONE;
}


static ngx_int_t
ngx_http_msync_events_header(ngx_http_request_t *r)
{
    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = -1;

    ngx_str_set(&r->headers_out.content_type, "text/event-stream");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    if (ngx_http_msync_set_cache_control(r) != NGX_OK
        || ngx_http_msync_set_header(r, "X-Accel-Buffering", "no") != NGX_OK)
    {
        return NGX_ERROR;
    }

#if (NGX_HTTP_GZIP)

    /* a compressor of its own for each stream would hold events back */

    r->gzip_tested = 1;
    r->gzip_ok = 0;

#endif

    return ngx_http_send_header(r);
}


static ngx_http_msync_stream_t *
ngx_http_msync_events_create(ngx_http_request_t *r,
    ngx_http_msync_site_t *site)
{
    ngx_pool_cleanup_t          *cln;
    ngx_http_msync_stream_t     *s;
    ngx_http_msync_main_conf_t  *mcf;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_msync_stream_t));
    if (cln == NULL) {
        return NULL;
    }

    s = cln->data;

    ngx_memzero(s, sizeof(ngx_http_msync_stream_t));

    s->request = r;
    s->site = site;
    s->link.buf = &s->buf;
    s->generation = ngx_http_msync_events_known(r);

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "msync %V: stream, generation %uL is known",
                   &site->name, s->generation);

    cln->handler = ngx_http_msync_events_cleanup;

    ngx_http_set_ctx(r, s, ngx_http_msync_module);

    ngx_http_msync_enqueue(r, &s->queue, &site->streams);

    mcf = ngx_http_get_module_main_conf(r, ngx_http_msync_module);

    if (!mcf->beat.timer_set) {
        mcf->beat.handler = ngx_http_msync_events_beat;
        mcf->beat.data = mcf;
        mcf->beat.log = ngx_cycle->log;
        mcf->beat.cancelable = 1;

        ngx_add_timer(&mcf->beat, NGX_HTTP_MSYNC_BEAT);
    }

    return s;
}


static void
ngx_http_msync_events_cleanup(void *data)
{
    ngx_http_msync_stream_t *s = data;

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, s->request->connection->log, 0,
                   "msync %V: stream ends after generation %uL",
                   &s->site->name, s->generation);

    ngx_http_msync_dequeue(s->request, &s->queue);

    if (s->doc) {
        ngx_http_msync_doc_release(s->doc);
        s->doc = NULL;
    }
}


/* the generation that a browser which comes back has seen already */

static uint64_t
ngx_http_msync_events_known(ngx_http_request_t *r)
{
    off_t        id;
    ngx_str_t   *value;
    ngx_uint_t   n;

    value = ngx_http_msync_find_header(r, "Last-Event-ID", &n);

    if (value == NULL) {
        return 0;
    }

    id = ngx_atoof(value->data, value->len);

    return (id == NGX_ERROR) ? 0 : (uint64_t) id;
}


static ngx_int_t
ngx_http_msync_events_update(ngx_http_msync_stream_t *s)
{
    ngx_http_msync_doc_t  *doc;

    doc = ngx_http_msync_status(s->site);

    if (doc == NULL || doc->generation == s->generation) {
        return NGX_OK;
    }

    doc->refs++;

    s->doc = doc;
    s->generation = doc->generation;

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, s->request->connection->log, 0,
                   "msync %V: stream event, generation %uL, %uz bytes",
                   &s->site->name, s->generation, doc->event.len);

    return ngx_http_msync_events_send(s, &doc->event);
}


static ngx_int_t
ngx_http_msync_events_send(ngx_http_msync_stream_t *s, ngx_str_t *text)
{
    ngx_buf_t  *b;

    b = &s->buf;

    ngx_memzero(b, sizeof(ngx_buf_t));

    b->start = text->data;
    b->pos = text->data;
    b->last = text->data + text->len;
    b->end = b->last;
    b->memory = 1;
    b->flush = 1;
    b->tag = (ngx_buf_tag_t) &ngx_http_msync_module;

    s->link.next = NULL;

    return ngx_http_msync_events_flush(s, &s->link);
}


static ngx_int_t
ngx_http_msync_events_flush(ngx_http_msync_stream_t *s, ngx_chain_t *out)
{
    ngx_event_t               *wev;
    ngx_connection_t          *c;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = s->request;
    c = r->connection;
    wev = c->write;

    if (ngx_http_output_filter(r, out) == NGX_ERROR) {
        return NGX_ERROR;
    }

    s->pending = (s->buf.pos != s->buf.last || r->buffered || c->buffered);

    if (s->pending) {
        clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

        if (!wev->delayed) {
            ngx_add_timer(wev, clcf->send_timeout);
        }

        return ngx_handle_write_event(wev, 0);
    }

    if (wev->timer_set && !wev->delayed) {
        ngx_del_timer(wev);
    }

    if (s->doc) {
        ngx_http_msync_doc_release(s->doc);
        s->doc = NULL;
    }

    return NGX_OK;
}


static void
ngx_http_msync_events_write(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_event_t              *wev;
    ngx_connection_t         *c;
    ngx_http_msync_stream_t  *s;

    c = r->connection;
    wev = c->write;
    s = ngx_http_get_module_ctx(r, ngx_http_msync_module);

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, c->log, 0,
                   "msync stream write: pending:%ui timedout:%d",
                   s->pending, wev->timedout);

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT, "client timed out");
        c->timedout = 1;

        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    rc = c->error ? NGX_ERROR : NGX_OK;

    if (rc == NGX_OK && s->pending) {
        rc = ngx_http_msync_events_flush(s, NULL);
    }

    if (rc == NGX_OK && !s->pending) {
        rc = ngx_http_msync_events_update(s);
    }

    if (rc != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
    }
}


/*
 * Inside a loop over streams one must not end: with HTTP/2 others of its
 * connection might end with it.
 */

static void
ngx_http_msync_events_fail(ngx_http_msync_stream_t *s)
{
    ngx_connection_t  *c;

    c = s->request->connection;

    c->error = 1;

    ngx_post_event(c->write, &ngx_posted_events);
}


/* the status may have changed: tells it now, or when the pace allows it */

void
ngx_http_msync_events_wake(ngx_http_msync_site_t *site)
{
    ngx_msec_t  elapsed;

    if (ngx_queue_empty(&site->streams) || site->tell.timer_set) {
        return;
    }

    site->tell.handler = ngx_http_msync_events_tell;
    site->tell.data = site;
    site->tell.log = ngx_cycle->log;
    site->tell.cancelable = 1;

    elapsed = ngx_current_msec - site->told;

    if (elapsed < NGX_HTTP_MSYNC_PACE) {
        ngx_add_timer(&site->tell, NGX_HTTP_MSYNC_PACE - elapsed);
        return;
    }

    ngx_http_msync_events_tell(&site->tell);
}


static void
ngx_http_msync_events_tell(ngx_event_t *ev)
{
    ngx_queue_t              *q;
    ngx_http_msync_site_t    *site;
    ngx_http_msync_stream_t  *s;

    site = ev->data;
    site->told = ngx_current_msec;

    for (q = ngx_queue_head(&site->streams);
         q != ngx_queue_sentinel(&site->streams);
         q = ngx_queue_next(q))
    {
        s = ngx_queue_data(q, ngx_http_msync_stream_t, queue);

        if (!s->pending && ngx_http_msync_events_update(s) != NGX_OK) {
            ngx_http_msync_events_fail(s);
        }
    }
}


static void
ngx_http_msync_events_beat(ngx_event_t *ev)
{
    ngx_uint_t                    i, n;
    ngx_queue_t                  *q, *streams;
    ngx_http_msync_site_t       **site;
    ngx_http_msync_stream_t      *s;
    ngx_http_msync_main_conf_t   *mcf;

    mcf = ev->data;
    site = mcf->sites.elts;
    n = 0;

    for (i = 0; i < mcf->sites.nelts; i++) {
        streams = &site[i]->streams;

        for (q = ngx_queue_head(streams);
             q != ngx_queue_sentinel(streams);
             q = ngx_queue_next(q))
        {
            s = ngx_queue_data(q, ngx_http_msync_stream_t, queue);
            n++;

            if (!s->pending
                && ngx_http_msync_events_send(s, &ngx_http_msync_comment)
                   != NGX_OK)
            {
                ngx_http_msync_events_fail(s);
            }
        }
    }

    if (n) {
        ngx_add_timer(ev, NGX_HTTP_MSYNC_BEAT);
    }
}


/* the worker shuts down; the browsers come back to another one */

void
ngx_http_msync_events_close(ngx_http_msync_site_t *site)
{
    ngx_int_t                 rc;
    ngx_queue_t              *q;
    ngx_http_request_t       *r;
    ngx_http_msync_stream_t  *s;

    while (!ngx_queue_empty(&site->streams)) {
        q = ngx_queue_head(&site->streams);
        s = ngx_queue_data(q, ngx_http_msync_stream_t, queue);
        r = s->request;

        ngx_http_set_log_request(r->connection->log, r);

        ngx_http_msync_dequeue(s->request, &s->queue);

        rc = s->pending ? NGX_HTTP_CLOSE
                        : ngx_http_send_special(r, NGX_HTTP_LAST);

        ngx_http_msync_finalize(r, rc);
    }
}
