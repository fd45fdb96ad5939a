/*
 * Answers: headers, JSON bodies and errors, for requests that are answered at
 * once and for those that have waited.
 */

#include "ngx_http_msync.h"


/*
 * These return what a content handler returns, NGX_HTTP_INTERNAL_SERVER_ERROR
 * where memory is lacking; a body has to live as long as the request.
 */

ngx_int_t
ngx_http_msync_send_json(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *body)
{
    r->headers_out.status = status;

    /* nginx has no words for this one */

    if (status == 422) {
        ngx_str_set(&r->headers_out.status_line, "422 Unprocessable Content");
    }

    ngx_http_msync_set_json(r);

    if (ngx_http_msync_set_cache_control(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_msync_send_body(r, body);
}


/* variant and text are ours, so there is nothing to escape */

ngx_int_t
ngx_http_msync_send_error(ngx_http_request_t *r, ngx_uint_t status,
    char *variant, char *text)
{
    size_t     len;
    ngx_str_t  body;

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "msync error: %ui %s: %s", status, variant, text);

    len = sizeof("{\"error\":{\"variant\":\"\",\"fullError\":\"\"}}")
          + ngx_strlen(variant) + ngx_strlen(text);

    body.data = ngx_pnalloc(r->pool, len);
    if (body.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    body.len = ngx_sprintf(body.data,
                           "{\"error\":{\"variant\":\"%s\","
                           "\"fullError\":\"%s\"}}", variant, text)
               - body.data;

    return ngx_http_msync_send_json(r, status, &body);
}


ngx_int_t
ngx_http_msync_send_too_large(ngx_http_request_t *r)
{
    return ngx_http_msync_send_error(r, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
                                     "BODY_TOO_LARGE",
                                     "A body has at most 64 kilobytes.");
}


/* 503, which a client may ask again: Retry-After says when */

ngx_int_t
ngx_http_msync_send_unavailable(ngx_http_request_t *r, char *variant,
    char *text)
{
    if (ngx_http_msync_set_retry_after(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_msync_send_error(r, NGX_HTTP_SERVICE_UNAVAILABLE, variant,
                                     text);
}


/* no helper will ever do it, for this process and its zone are on their way
 * out */

ngx_int_t
ngx_http_msync_send_no_helper(ngx_http_request_t *r)
{
    return ngx_http_msync_send_unavailable(r, "HELPER_STOPPED",
                                           "nginx ends, or changes its "
                                           "configuration.");
}


/* the headers but the length are set; the body outlives the request */

ngx_int_t
ngx_http_msync_send_body(ngx_http_request_t *r, ngx_str_t *body)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    r->headers_out.content_length_n = body->len;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = body->data;
    b->last = body->data + body->len;
    b->memory = body->len ? 1 : 0;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


/*
 * NGX_DECLINED when nothing of the request is left to come, so that all that
 * is read from the client is its end; a body that is on its way would be read
 * for as long as nginx lingers, and then be the end of the answer.
 */

ngx_int_t
ngx_http_msync_no_body(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    /* not by r->discard_body, which freenginx sets when nothing is to come */

    if (r->read_event_handler == ngx_http_discarded_request_body_handler) {
        return ngx_http_msync_send_error(r, NGX_HTTP_BAD_REQUEST,
                                         "INVALID_REQUEST",
                                         "The body has not come at once.");
    }

    return NGX_DECLINED;
}


void
ngx_http_msync_set_json(ngx_http_request_t *r)
{
    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    ngx_str_set(&r->headers_out.charset, "utf-8");
}


/* name and value have to live as long as the request; NGX_ERROR: no memory,
 * as of the others */

ngx_int_t
ngx_http_msync_set_header(ngx_http_request_t *r, char *name, char *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value.data = (u_char *) value;
    h->value.len = ngx_strlen(value);

    return NGX_OK;
}


ngx_int_t
ngx_http_msync_set_retry_after(ngx_http_request_t *r)
{
    return ngx_http_msync_set_header(r, "Retry-After", "5");
}


/* where `expires` and `add_header` of the location find it */

ngx_int_t
ngx_http_msync_set_cache_control(ngx_http_request_t *r)
{
    ngx_table_elt_t  *cc;

    cc = ngx_list_push(&r->headers_out.headers);
    if (cc == NULL) {
        return NGX_ERROR;
    }

    cc->hash = 1;
    ngx_str_set(&cc->key, "Cache-Control");
    ngx_str_set(&cc->value, "no-cache");

#if (nginx_version >= 1023000)

    cc->next = NULL;
    r->headers_out.cache_control = cc;

    return NGX_OK;

#else
    {
    ngx_table_elt_t  **ccp;

    if (ngx_array_init(&r->headers_out.cache_control, r->pool, 1,
                       sizeof(ngx_table_elt_t *))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ccp = ngx_array_push(&r->headers_out.cache_control);
    if (ccp == NULL) {
        return NGX_ERROR;
    }

    *ccp = cc;

    return NGX_OK;
    }
#endif
}


ngx_int_t
ngx_http_msync_set_etag(ngx_http_request_t *r, ngx_str_t *value)
{
    ngx_table_elt_t  *etag;

    etag = ngx_list_push(&r->headers_out.headers);
    if (etag == NULL) {
        return NGX_ERROR;
    }

    etag->hash = 1;
#if (nginx_version >= 1023000)
    etag->next = NULL;
#endif
    ngx_str_set(&etag->key, "ETag");
    etag->value = *value;

    r->headers_out.etag = etag;

    return NGX_OK;
}


/* the first header of that name; *n is how many there are */

ngx_str_t *
ngx_http_msync_find_header(ngx_http_request_t *r, char *name, ngx_uint_t *n)
{
    size_t            len;
    ngx_str_t        *value;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    len = ngx_strlen(name);
    value = NULL;
    *n = 0;

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return value;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len == len
            && ngx_strncasecmp(h[i].key.data, (u_char *) name, len) == 0
            && (*n)++ == 0)
        {
            value = &h[i].value;
        }
    }
}


/* ends a request that has waited, outside of its own events */

void
ngx_http_msync_finalize(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_connection_t  *c;

    c = r->connection;

    ngx_http_finalize_request(r, rc);

    ngx_http_run_posted_requests(c);
}
