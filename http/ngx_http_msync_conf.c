/*
 * The checks of what stands in a msync_site block: everything that can be
 * known to be wrong is refused by "nginx -t", with the name of its parameter.
 * A secret is never repeated in a message.
 */

#include "ngx_http_msync.h"


#define NGX_HTTP_MSYNC_BATCH_MAX     100000
#define NGX_HTTP_MSYNC_INTERVAL_MAX  (366 * 24 * 60 * 60)      /* s */
#define NGX_HTTP_MSYNC_TIMEOUT_MAX   (24 * 60 * 60 * 1000)     /* ms */
#define NGX_HTTP_MSYNC_RESPONSE_MIN  1024
#define NGX_HTTP_MSYNC_URL_MAX       1024
#define NGX_HTTP_MSYNC_USERNAME_MAX  256
#define NGX_HTTP_MSYNC_NAME_MAX      64
#define NGX_HTTP_MSYNC_SHA256_HEX    64
#define NGX_HTTP_MSYNC_ZONE          (256 * 1024)


static char *ngx_http_msync_check_zone(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_msync_check_interval(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_msync_check_timeout(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_msync_check_response(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_msync_check_url(ngx_conf_t *cf, void *post, void *data);
static char *ngx_http_msync_check_proxy(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_msync_check_username(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_msync_check_sha256(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_msync_check_path(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_msync_check_file(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_msync_check_password(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_msync_file_info(ngx_conf_t *cf, ngx_str_t *path,
    ngx_file_info_t *fi);
static ngx_int_t ngx_http_msync_parse_authority(u_char *p, u_char *last);
static ngx_uint_t ngx_http_msync_same_file(ngx_str_t *one, ngx_str_t *two);


ngx_conf_post_t  ngx_http_msync_zone_post = { ngx_http_msync_check_zone };
ngx_conf_post_t  ngx_http_msync_interval_post =
    { ngx_http_msync_check_interval };
ngx_conf_post_t  ngx_http_msync_timeout_post =
    { ngx_http_msync_check_timeout };
ngx_conf_post_t  ngx_http_msync_response_post =
    { ngx_http_msync_check_response };
ngx_conf_post_t  ngx_http_msync_url_post = { ngx_http_msync_check_url };
ngx_conf_post_t  ngx_http_msync_proxy_post = { ngx_http_msync_check_proxy };
ngx_conf_post_t  ngx_http_msync_username_post =
    { ngx_http_msync_check_username };
ngx_conf_post_t  ngx_http_msync_sha256_post = { ngx_http_msync_check_sha256 };
ngx_conf_post_t  ngx_http_msync_path_post = { ngx_http_msync_check_path };
ngx_conf_post_t  ngx_http_msync_file_post = { ngx_http_msync_check_file };
ngx_conf_post_t  ngx_http_msync_password_post =
    { ngx_http_msync_check_password };


static char *
ngx_http_msync_check_zone(ngx_conf_t *cf, void *post, void *data)
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
ngx_http_msync_check_interval(ngx_conf_t *cf, void *post, void *data)
{
    time_t  *interval = data;

    if (*interval > NGX_HTTP_MSYNC_INTERVAL_MAX) {
        return "must be at most 366d";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_msync_check_timeout(ngx_conf_t *cf, void *post, void *data)
{
    ngx_msec_t  *timeout = data;

    if (*timeout == 0 || *timeout > NGX_HTTP_MSYNC_TIMEOUT_MAX) {
        return "must be between 1ms and 24h";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_msync_check_response(ngx_conf_t *cf, void *post, void *data)
{
    off_t  *size = data;

    if (*size < NGX_HTTP_MSYNC_RESPONSE_MIN) {
        return "must be at least 1k";
    }

    return NGX_CONF_OK;
}


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
        if (n < 1 || n > NGX_HTTP_MSYNC_BATCH_MAX) {
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
                       &value[i], &cmd->name, NGX_HTTP_MSYNC_BATCH_MAX);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_msync_check_url(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t  *url = data;

    u_char  *p, *last, *slash;

    if (url->len > NGX_HTTP_MSYNC_URL_MAX) {
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

    if (ngx_http_msync_parse_authority(p, slash ? slash : last) != NGX_OK) {
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
ngx_http_msync_check_proxy(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t  *proxy = data;

    u_char      *p, *last, *at;
    ngx_uint_t   i;

    static ngx_str_t  schemes[] = {
        ngx_string("http://"),
        ngx_string("https://"),
        ngx_string("socks4://"),
        ngx_string("socks4a://"),
        ngx_string("socks5://"),
        ngx_string("socks5h://"),
        ngx_null_string
    };

    for (i = 0; schemes[i].len; i++) {

        if (ngx_strncasecmp(proxy->data, schemes[i].data, schemes[i].len)
            != 0)
        {
            continue;
        }

        p = proxy->data + schemes[i].len;
        last = proxy->data + proxy->len;

        at = ngx_strlchr(p, last, '@');
        if (at) {
            p = at + 1;
        }

        if (last > p && last[-1] == '/') {
            last--;
        }

        if (ngx_http_msync_parse_authority(p, last) != NGX_OK) {
            return "has an invalid host or port";
        }

        return NGX_CONF_OK;
    }

    return "must begin with \"http://\", \"https://\" or \"socks5://\"";
}


/* host, host:port or [address]:port, as both url and proxy have it */

static ngx_int_t
ngx_http_msync_parse_authority(u_char *p, u_char *last)
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
ngx_http_msync_check_username(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t  *name = data;

    u_char  *p, *last;

    if (name->len == 0) {
        return "must not be empty";
    }

    if (name->len > NGX_HTTP_MSYNC_USERNAME_MAX) {
        return "is too long";
    }

    p = name->data;
    last = p + name->len;

    while (p < last) {
        if (*p < 0x20 || *p == 0x7f) {
            return "must not have control characters";
        }

        /* RFC 7617: a user-id holds no colon */

        if (*p == ':') {
            return "must not have a colon";
        }

        if (*p < 0x80) {
            p++;

        } else if (ngx_utf8_decode(&p, last - p) > 0x10ffff) {
            return "is not UTF-8";
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_msync_check_sha256(ngx_conf_t *cf, void *post, void *data)
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

    if (hex->len != NGX_HTTP_MSYNC_SHA256_HEX) {
        return "must be 64 hexadecimal digits";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_msync_check_path(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t  *path = data;

    if (path->len == 0) {
        return "must not be empty";
    }

    if (ngx_conf_full_name(cf->cycle, path, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_msync_check_file(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t  *path = data;

    ngx_file_info_t  fi;

    return ngx_http_msync_file_info(cf, path, &fi);
}


static char *
ngx_http_msync_check_password(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t  *path = data;

    char             *rv;
    ngx_str_t        *value;
    ngx_file_info_t   fi;

    rv = ngx_http_msync_file_info(cf, path, &fi);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    value = cf->args->elts;

    if (ngx_file_access(&fi) & S_IRWXO) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" file \"%V\" is open to others, its mode "
                           "should be 0640 or 0600", &value[0], path);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_msync_file_info(ngx_conf_t *cf, ngx_str_t *path, ngx_file_info_t *fi)
{
    char       *rv;
    ngx_str_t  *value;

    value = cf->args->elts;

    rv = ngx_http_msync_check_path(cf, NULL, path);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    if (ngx_file_info(path->data, fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"%V\" " ngx_file_info_n " \"%V\" failed",
                           &value[0], path);
        return NGX_CONF_ERROR;
    }

    if (!ngx_is_file(fi)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" \"%V\" is not a regular file",
                           &value[0], path);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_msync_check_name(ngx_conf_t *cf, ngx_http_msync_main_conf_t *mcf,
    ngx_http_msync_site_t *site)
{
    u_char  *p, *last;

    p = site->name.data;
    last = p + site->name.len;

    if (site->name.len == 0 || site->name.len > NGX_HTTP_MSYNC_NAME_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the name of a msync_site has 1 to %d characters",
                           NGX_HTTP_MSYNC_NAME_MAX);
        return NGX_CONF_ERROR;
    }

    /* variables carry the name */

    for ( /* void */ ; p < last; p++) {
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')
              || (*p >= '0' && *p <= '9') || *p == '_'))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid msync_site \"%V\", only letters, "
                               "digits and underscores are allowed",
                               &site->name);
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_http_msync_find_site(mcf, &site->name)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate msync_site \"%V\"", &site->name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* what can be judged only when the whole block has been read */

char *
ngx_http_msync_check_site(ngx_conf_t *cf, ngx_http_msync_main_conf_t *mcf,
    ngx_http_msync_site_t *site)
{
    ngx_uint_t               i;
    ngx_http_msync_site_t  **other;

    if (site->database.data == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no \"database\" is defined for site \"%V\"",
                           &site->name);
        return NGX_CONF_ERROR;
    }

    if (site->password_file.data && site->password_sha256.data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "both \"password_file\" and \"password_sha256\" "
                           "are defined for site \"%V\"", &site->name);
        return NGX_CONF_ERROR;
    }

    other = mcf->sites.elts;

    for (i = 0; i < mcf->sites.nelts; i++) {
        if (ngx_http_msync_same_file(&other[i]->database, &site->database)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"database\" \"%V\" of site \"%V\" is the one "
                               "of site \"%V\" already",
                               &site->database, &site->name, &other[i]->name);
            return NGX_CONF_ERROR;
        }
    }

    if (site->zone_size == NGX_CONF_UNSET_SIZE) {
        site->zone_size = NGX_HTTP_MSYNC_ZONE;
    }

    if (site->helper_path.data == NULL) {
        ngx_str_set(&site->helper_path, MSYNC_HELPER_PATH);
    }

    return NGX_CONF_OK;
}


static ngx_uint_t
ngx_http_msync_same_file(ngx_str_t *one, ngx_str_t *two)
{
    ngx_file_info_t  a, b;

    if (one->len == two->len
        && ngx_strncmp(one->data, two->data, one->len) == 0)
    {
        return 1;
    }

    /* other ways to write the name: known once the file exists */

    if (ngx_file_info(one->data, &a) == NGX_FILE_ERROR
        || ngx_file_info(two->data, &b) == NGX_FILE_ERROR)
    {
        return 0;
    }

    return (a.st_dev == b.st_dev && ngx_file_uniq(&a) == ngx_file_uniq(&b));
}
