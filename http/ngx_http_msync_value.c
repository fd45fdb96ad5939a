/*
 * The checks of single values in a msync_site block, by the limits that the
 * helper has as well: what it would refuse is refused by "nginx -t", with the
 * name of its parameter.  A secret is never repeated in a message.
 */

#include "ngx_http_msync.h"


static char *ngx_http_msync_value_zone(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_msync_value_interval(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_msync_value_timeout(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_msync_value_response(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_msync_value_rate(ngx_conf_t *cf, void *post, void *data);
static char *ngx_http_msync_value_changelog_keep(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_msync_value_hardware_id(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_msync_value_url(ngx_conf_t *cf, void *post, void *data);
static char *ngx_http_msync_value_proxy(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_msync_value_username(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_msync_value_sha256(ngx_conf_t *cf, void *post,
    void *data);
static ngx_int_t ngx_http_msync_value_authority(u_char *p, u_char *last);


ngx_conf_post_t  ngx_http_msync_zone_post = { ngx_http_msync_value_zone };
ngx_conf_post_t  ngx_http_msync_interval_post =
    { ngx_http_msync_value_interval };
ngx_conf_post_t  ngx_http_msync_timeout_post =
    { ngx_http_msync_value_timeout };
ngx_conf_post_t  ngx_http_msync_response_post =
    { ngx_http_msync_value_response };
ngx_conf_post_t  ngx_http_msync_rate_post = { ngx_http_msync_value_rate };
ngx_conf_post_t  ngx_http_msync_changelog_keep_post =
    { ngx_http_msync_value_changelog_keep };
ngx_conf_post_t  ngx_http_msync_hardware_id_post =
    { ngx_http_msync_value_hardware_id };
ngx_conf_post_t  ngx_http_msync_url_post = { ngx_http_msync_value_url };
ngx_conf_post_t  ngx_http_msync_proxy_post = { ngx_http_msync_value_proxy };
ngx_conf_post_t  ngx_http_msync_username_post =
    { ngx_http_msync_value_username };
ngx_conf_post_t  ngx_http_msync_sha256_post = { ngx_http_msync_value_sha256 };


static char *
ngx_http_msync_value_zone(ngx_conf_t *cf, void *post, void *data)
{
    size_t  *size = data;

    if (*size < 8 * ngx_pagesize) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"zone\" is too small, at least %uz is needed",
                           (size_t) (8 * ngx_pagesize));
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_msync_value_interval(ngx_conf_t *cf, void *post, void *data)
{
    time_t  *interval = data;

    if (*interval > MSYNC_INTERVAL_MAX) {
        return "must be at most 366d";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_msync_value_timeout(ngx_conf_t *cf, void *post, void *data)
{
    ngx_msec_t  *timeout = data;

    if (*timeout == 0 || *timeout > MSYNC_TIMEOUT_MAX) {
        return "must be between 1ms and 24h";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_msync_value_response(ngx_conf_t *cf, void *post, void *data)
{
    off_t  *size = data;

    if (*size < MSYNC_RESPONSE_MIN || *size > MSYNC_RESPONSE_MAX) {
        return "must be between 1k and 1g";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_msync_value_rate(ngx_conf_t *cf, void *post, void *data)
{
    off_t  *rate = data;

    if (*rate > MSYNC_RATE_MAX) {
        return "must be at most 1024g";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_msync_value_changelog_keep(ngx_conf_t *cf, void *post, void *data)
{
    time_t  *keep = data;

    if (*keep > MSYNC_CHANGELOG_KEEP_MAX) {
        return "must be at most 3660d";
    }

    return NGX_CONF_OK;
}


/* `batch_size` and `protocol`, as handlers of their directives */

char *
ngx_http_msync_batch_size(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_msync_site_t *site = conf;

    size_t       len;
    u_char      *p;
    ngx_int_t    n, *field;
    ngx_str_t   *value;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "push=", 5) == 0) {
            field = &site->push;
            len = 5;

        } else if (ngx_strncmp(value[i].data, "remote_pull=", 12) == 0) {
            field = &site->remote_pull;
            len = 12;

        } else if (ngx_strncmp(value[i].data, "central_pull=", 13) == 0) {
            field = &site->central_pull;
            len = 13;

        } else {
            goto invalid;
        }

        if (*field != NGX_CONF_UNSET) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" parameter \"%*s\" is duplicate",
                               &cmd->name, len - 1, value[i].data);
            return NGX_CONF_ERROR;
        }

        p = value[i].data + len;

        n = ngx_atoi(p, value[i].len - len);
        if (n < 1 || n > MSYNC_BATCH_MAX) {
            goto invalid;
        }

        *field = n;
    }

    return NGX_CONF_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" of \"%V\" directive, "
                       "push=, remote_pull= and central_pull= take a number "
                       "between 1 and %d",
                       &value[i], &cmd->name, MSYNC_BATCH_MAX);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_msync_value_url(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t  *url = data;

    u_char  *p, *last, *slash;

    if (url->len > MSYNC_URL_MAX) {
        return "is too long";
    }

    p = url->data;
    last = p + url->len;

    if (ngx_strncasecmp(p, (u_char *) "https://", 8) == 0) {
        p += 8;

    } else if (ngx_strncasecmp(p, (u_char *) "http://", 7) == 0) {
        p += 7;

    } else {
        return "must begin with \"https://\" or \"http://\"";
    }

    slash = ngx_strlchr(p, last, '/');

    if (ngx_http_msync_value_authority(p, slash ? slash : last) != NGX_OK) {
        return "has an invalid host or port";
    }

    for ( /* void */ ; p < last; p++) {
        if (*p <= ' ' || *p >= 0x7f || *p == '?' || *p == '#' || *p == '\\') {
            return "must not have spaces, a query or a fragment";
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_msync_value_proxy(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t  *proxy = data;

    u_char      *p, *last, *at;
    ngx_uint_t   i;

    static char  *schemes[] = MSYNC_PROXY_SCHEMES;

    if (proxy->len > MSYNC_URL_MAX) {
        return "is too long";
    }

    for (i = 0; i < sizeof(schemes) / sizeof(char *); i++) {

        if (ngx_strncasecmp(proxy->data, (u_char *) schemes[i],
                            ngx_strlen(schemes[i]))
            != 0)
        {
            continue;
        }

        p = proxy->data + ngx_strlen(schemes[i]);
        last = proxy->data + proxy->len;

        for (at = p; at < last; at++) {
            if (*at <= ' ' || *at == 0x7f) {
                return "must not have spaces or control characters";
            }
        }

        at = ngx_strlchr(p, last, '@');
        if (at) {
            p = at + 1;
        }

        if (last > p && last[-1] == '/') {
            last--;
        }

        if (ngx_http_msync_value_authority(p, last) != NGX_OK) {
            return "has an invalid host or port";
        }

        return NGX_CONF_OK;
    }

    return "must begin with " MSYNC_PROXY_SCHEMES_TEXT;
}


/* host, host:port or [address]:port, as both url and proxy have it */

static ngx_int_t
ngx_http_msync_value_authority(u_char *p, u_char *last)
{
    u_char     *end;
    ngx_int_t   port;

    if (p < last && *p == '[') {
        end = ngx_strlchr(p, last, ']');
        if (end == NULL || end == p + 1) {
            return NGX_ERROR;
        }

        end++;

    } else {
        for (end = p; end < last && *end != ':'; end++) {
            if (!((*end >= 'a' && *end <= 'z')
                  || (*end >= 'A' && *end <= 'Z')
                  || (*end >= '0' && *end <= '9')
                  || *end == '-' || *end == '.' || *end == '_'))
            {
                return NGX_ERROR;
            }
        }

        if (end == p) {
            return NGX_ERROR;
        }
    }

    if (end == last) {
        return NGX_OK;
    }

    if (*end++ != ':') {
        return NGX_ERROR;
    }

    port = ngx_atoi(end, last - end);

    return (port < 1 || port > 65535) ? NGX_ERROR : NGX_OK;
}


static char *
ngx_http_msync_value_username(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t  *name = data;

    /* RFC 7617: a user-id holds no colon */

    if (ngx_strlchr(name->data, name->data + name->len, ':') != NULL) {
        return "must not have a colon";
    }

    return ngx_http_msync_check_text(name, MSYNC_USERNAME_MAX);
}


char *
ngx_http_msync_check_text(ngx_str_t *text, size_t max)
{
    u_char    *p, *last;
    uint32_t   code;

    if (text->len == 0) {
        return "must not be empty";
    }

    if (text->len > max) {
        return "is too long";
    }

    p = text->data;
    last = p + text->len;

    while (p < last) {
        if (*p < 0x20 || *p == 0x7f) {
            return "must not have control characters";
        }

        if (*p < 0x80) {
            p++;
            continue;
        }

        code = ngx_utf8_decode(&p, last - p);

        /* nginx takes surrogates, which are no characters */

        if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
            return "is not UTF-8";
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_msync_value_sha256(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t  *hex = data;

    size_t      i;

    ngx_strlow(hex->data, hex->data, hex->len);

    for (i = 0; i < hex->len; i++) {
        if (!((hex->data[i] >= '0' && hex->data[i] <= '9')
              || (hex->data[i] >= 'a' && hex->data[i] <= 'f')))
        {
            return "must be 64 hexadecimal digits";
        }
    }

    if (hex->len != MSYNC_SHA256_HEX) {
        return "must be 64 hexadecimal digits";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_msync_value_hardware_id(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t  *id = data;

    size_t  i;
    u_char  c;

    for (i = 0; i < id->len; i++) {
        c = id->data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9')
              || c == '-' || c == '_' || c == '.' || c == ':'))
        {
            return "may have letters, digits and - _ . : only";
        }
    }

    if (id->len == 0 || id->len > MSYNC_HARDWARE_ID_MAX) {
        return "must have 1 to 64 characters";
    }

    return NGX_CONF_OK;
}


char *
ngx_http_msync_protocol(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_msync_site_t *site = conf;

    ngx_str_t   *value;
    ngx_uint_t   i;

    static char  *words[] = MSYNC_PROTOCOLS;

    if (site->protocol.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 0; i < sizeof(words) / sizeof(char *); i++) {
        if (ngx_strcmp(value[1].data, words[i]) == 0) {
            break;
        }
    }

    if (i == sizeof(words) / sizeof(char *)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" in \"%V\" directive, it must "
                           "be \"auto\", \"v6\" or \"v7\"", &value[1],
                           &cmd->name);
        return NGX_CONF_ERROR;
    }

    site->protocol = value[1];

    return NGX_CONF_OK;
}


/* whether the parameter `protocol` says v7; with "auto" only the helper knows
 * what is spoken */

ngx_uint_t
ngx_http_msync_must_v7(ngx_http_msync_site_t *site)
{
    return (site->protocol.len == 2
            && ngx_strncmp(site->protocol.data, "v7", 2) == 0);
}
