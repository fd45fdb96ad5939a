/*
 * The documents: status, kept ready in each process, and the longer ones,
 * copied out of the zone.
 *
 * A copy of the status is shared by all requests and streams that are being
 * sent it, and freed after the last one.  Only when the zone has something
 * new a request takes the lock.
 */

#include "ngx_http_msync.h"


static ngx_http_msync_doc_t *ngx_http_msync_status_doc_create(
    ngx_http_msync_site_t *site);
static ngx_int_t ngx_http_msync_status_doc_hold(ngx_http_request_t *r,
    ngx_http_msync_doc_t *doc);
static ngx_int_t ngx_http_msync_status_doc_send(ngx_http_request_t *r,
    ngx_http_msync_doc_t *doc);
static time_t ngx_http_msync_status_wait_max(ngx_http_request_t *r);
static ngx_int_t ngx_http_msync_status_poll(ngx_http_request_t *r,
    ngx_http_msync_site_t *site, uint64_t since, ngx_msec_t wait);
static void ngx_http_msync_status_poll_timeout(ngx_event_t *ev);
static void ngx_http_msync_status_poll_answer(ngx_http_msync_waiter_t *waiter);


/* the newest status, borrowed until the next call; NULL: no memory */

ngx_http_msync_doc_t *
ngx_http_msync_status(ngx_http_msync_site_t *site)
{
    ngx_http_msync_doc_t  *doc;

    if (site->doc && site->doc_version == site->sh->status_version) {
        return site->doc;
    }

    doc = ngx_http_msync_status_doc_create(site);

    if (doc) {
        if (site->doc) {
            ngx_http_msync_doc_release(site->doc);
        }

        site->doc = doc;
    }

    return doc;
}


/* of a process that ends */

void
ngx_http_msync_status_exit(ngx_http_msync_site_t *site)
{
    if (site->doc) {
        ngx_http_msync_doc_release(site->doc);
        site->doc = NULL;
    }
}


static ngx_http_msync_doc_t *
ngx_http_msync_status_doc_create(ngx_http_msync_site_t *site)
{
    u_char                  *p;
    size_t                   len;
    ngx_http_msync_doc_t    *doc;
    ngx_http_msync_shctx_t  *sh;

    sh = site->sh;

    ngx_shmtx_lock(&site->shpool->mutex);

    len = sizeof(ngx_http_msync_doc_t) + sh->status.len + NGX_INT64_LEN + 2
          + sizeof("event: status\nid: \ndata: \n\n") + NGX_INT64_LEN;

    doc = ngx_alloc(len, ngx_cycle->log);

    if (doc) {
        doc->refs = 1;
        doc->generation = sh->generation;

        p = (u_char *) doc + sizeof(ngx_http_msync_doc_t);

        doc->etag.data = p;
        p = ngx_sprintf(p, "\"%uL\"", sh->generation);
        doc->etag.len = p - doc->etag.data;

        doc->event.data = p;
        p = ngx_sprintf(p, "event: status\nid: %uL\ndata: ", sh->generation);

        doc->body.data = p;
        doc->body.len = sh->status.len;
        p = ngx_cpymem(p, sh->status.data, sh->status.len);

        *p++ = LF;
        *p++ = LF;
        doc->event.len = p - doc->event.data;

        site->fields = sh->fields;
        site->doc_version = sh->status_version;
    }

    ngx_shmtx_unlock(&site->shpool->mutex);

    return doc;
}


/* until the request is freed */

static ngx_int_t
ngx_http_msync_status_doc_hold(ngx_http_request_t *r, ngx_http_msync_doc_t *doc)
{
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_msync_doc_release;
    cln->data = doc;

    doc->refs++;

    return NGX_OK;
}


/* gives up one of the `refs`; the handler of a cleanup as well */

void
ngx_http_msync_doc_release(void *data)
{
    ngx_http_msync_doc_t *doc = data;

    if (--doc->refs == 0) {
        ngx_free(doc);
    }
}


static ngx_int_t
ngx_http_msync_status_doc_send(ngx_http_request_t *r, ngx_http_msync_doc_t *doc)
{
    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "msync status: generation %uL, %uz bytes",
                   doc->generation, doc->body.len);

    r->headers_out.status = NGX_HTTP_OK;

    ngx_http_msync_set_json(r);

    if (ngx_http_msync_status_doc_hold(r, doc) != NGX_OK
        || ngx_http_msync_set_etag(r, &doc->etag) != NGX_OK
        || ngx_http_msync_set_cache_control(r) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_msync_send_body(r, &doc->body);
}


ngx_int_t
ngx_http_msync_get_status(ngx_http_request_t *r, ngx_http_msync_site_t *site,
    ngx_uint_t data)
{
    off_t                  since;
    time_t                 wait;
    ngx_str_t              value;
    ngx_http_msync_doc_t  *doc;

    doc = ngx_http_msync_status(site);
    if (doc == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_arg(r, (u_char *) "since", 5, &value) != NGX_OK) {
        return ngx_http_msync_status_doc_send(r, doc);
    }

    /* who asks for changes is told the status, whatever he has cached */

    r->disable_not_modified = 1;

    since = ngx_atoof(value.data, value.len);
    wait = ngx_http_msync_status_wait_max(r);

    if (since < 0 || (uint64_t) since != doc->generation || wait == 0
        || ngx_exiting)
    {
        return ngx_http_msync_status_doc_send(r, doc);
    }

    return ngx_http_msync_status_poll(r, site, since, wait * 1000);
}


/* the seconds of "wait", of a number however long NGX_HTTP_MSYNC_WAIT_MAX at
 * most; 0: there is none, or something else */

static time_t
ngx_http_msync_status_wait_max(ngx_http_request_t *r)
{
    size_t     i;
    time_t     wait;
    ngx_str_t  value;

    if (ngx_http_arg(r, (u_char *) "wait", 4, &value) != NGX_OK) {
        return 0;
    }

    wait = 0;

    for (i = 0; i < value.len; i++) {

        if (value.data[i] < '0' || value.data[i] > '9') {
            return 0;
        }

        wait = wait * 10 + (value.data[i] - '0');
        wait = ngx_min(wait, NGX_HTTP_MSYNC_WAIT_MAX);
    }

    return wait;
}


static ngx_int_t
ngx_http_msync_status_poll(ngx_http_request_t *r, ngx_http_msync_site_t *site,
    uint64_t since, ngx_msec_t wait)
{
    ngx_int_t                 rc;
    ngx_http_msync_waiter_t  *waiter;

    rc = ngx_http_msync_no_body(r);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    waiter = ngx_http_msync_waiter(r, site);
    if (waiter == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "msync status: wait %M for another generation than %uL",
                   wait, since);

    waiter->since = since;
    waiter->timer.handler = ngx_http_msync_status_poll_timeout;

    ngx_http_msync_wait(waiter, &site->polls);
    ngx_add_timer(&waiter->timer, wait);

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    r->main->count++;

    return NGX_DONE;
}


static void
ngx_http_msync_status_poll_timeout(ngx_event_t *ev)
{
    ngx_http_msync_status_poll_answer(ev->data);
}


static void
ngx_http_msync_status_poll_answer(ngx_http_msync_waiter_t *waiter)
{
    ngx_int_t              rc;
    ngx_http_request_t    *r;
    ngx_http_msync_doc_t  *doc;

    r = waiter->request;

    ngx_http_set_log_request(r->connection->log, r);

    ngx_http_msync_unwait(waiter);

    doc = ngx_http_msync_status(waiter->site);

    rc = doc ? ngx_http_msync_status_doc_send(r, doc)
             : NGX_HTTP_INTERNAL_SERVER_ERROR;

    ngx_http_msync_finalize(r, rc);
}


/* answers the long polls that wait for another generation than there is, or
 * all of them */

void
ngx_http_msync_polls_wake(ngx_http_msync_site_t *site, ngx_uint_t all)
{
    ngx_queue_t              *q;
    ngx_http_msync_doc_t     *doc;
    ngx_http_msync_waiter_t  *waiter;

    q = ngx_queue_head(&site->polls);

    while (q != ngx_queue_sentinel(&site->polls)) {

        waiter = ngx_queue_data(q, ngx_http_msync_waiter_t, queue);

        doc = ngx_http_msync_status(site);

        if (!all && doc && doc->generation == waiter->since) {
            q = ngx_queue_next(q);
            continue;
        }

        /* this answer may end others, which leave the queue as well: the walk
         * begins anew */

        ngx_http_msync_status_poll_answer(waiter);

        q = ngx_queue_head(&site->polls);
    }
}


/* history, errors, settings */

ngx_int_t
ngx_http_msync_get_document(ngx_http_request_t *r,
    ngx_http_msync_site_t *site, ngx_uint_t document)
{
    char                    variant[MSYNC_VARIANT_MAX];
    ngx_str_t               body, etag;
    ngx_http_msync_text_t  *text;

    etag.data = ngx_pnalloc(r->pool, NGX_INT64_LEN + 2);
    if (etag.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text = &site->sh->documents[document];

    ngx_shmtx_lock(&site->shpool->mutex);

    etag.len = ngx_sprintf(etag.data, "\"%uL\"", text->generation) - etag.data;

    body.len = text->len;
    body.data = ngx_pnalloc(r->pool, body.len + 1);

    if (body.data && body.len) {
        ngx_memcpy(body.data, text->data, body.len);
    }

    ngx_memcpy(variant, site->sh->fields.error, MSYNC_VARIANT_MAX);

    ngx_shmtx_unlock(&site->shpool->mutex);

    if (body.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* one that runs may have no database, and says why */

    if (body.len == 0) {
        return ngx_http_msync_send_unavailable(r, variant[0] ? variant
                                                  : "HELPER_STOPPED",
                                       "No helper has told this document yet; "
                                       "what is wrong the status says.");
    }

    if (ngx_http_msync_set_etag(r, &etag) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_msync_send_json(r, NGX_HTTP_OK, &body);
}
