/*
 * The description of the endpoints, docs/openapi.yaml as it stood in the tree
 * when the module was built.
 */

#include "ngx_http_msync.h"


/*
 * MSYNC_OPENAPI_PATH is defined by the file `config`.  The symbols are hidden:
 * during an upgrade two versions of the module may be in one process.
 */

__asm__(".pushsection .rodata\n"
        ".globl ngx_http_msync_openapi\n"
        ".globl ngx_http_msync_openapi_len\n"
        ".hidden ngx_http_msync_openapi\n"
        ".hidden ngx_http_msync_openapi_len\n"
        "ngx_http_msync_openapi:\n"
        ".incbin \"" MSYNC_OPENAPI_PATH "\"\n"
        ".Lngx_http_msync_openapi_end:\n"
        ".balign 4\n"
        "ngx_http_msync_openapi_len:\n"
        ".long .Lngx_http_msync_openapi_end - ngx_http_msync_openapi\n"
        ".popsection\n");

#define ngx_http_msync_hidden  __attribute__((visibility("hidden")))

extern ngx_http_msync_hidden u_char          ngx_http_msync_openapi[];
extern ngx_http_msync_hidden const uint32_t  ngx_http_msync_openapi_len;


ngx_int_t
ngx_http_msync_get_openapi(ngx_http_request_t *r, ngx_http_msync_site_t *site,
    ngx_uint_t data)
{
    ngx_str_t  body, etag;

    body.data = ngx_http_msync_openapi;
    body.len = ngx_http_msync_openapi_len;

    etag.data = ngx_pnalloc(r->pool, NGX_INT32_LEN + 2);
    if (etag.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    etag.len = ngx_sprintf(etag.data, "\"%08xD\"",
                           ngx_crc32_long(body.data, body.len))
               - etag.data;

    r->headers_out.status = NGX_HTTP_OK;

    ngx_str_set(&r->headers_out.content_type, "application/yaml");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    if (ngx_http_msync_set_etag(r, &etag) != NGX_OK
        || ngx_http_msync_set_cache_control(r) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_msync_send_body(r, &body);
}
