/*
 * The parameters of a site, as its helper is told them.
 */

#include "ngx_http_msync.h"


static u_char *ngx_http_msync_parameter_string(u_char *p, u_char *last,
    char *name, ngx_str_t *value);
static u_char *ngx_http_msync_parameter_number(u_char *p, u_char *last,
    char *name, int64_t value);
static u_char *ngx_http_msync_parameter_member(u_char *p, u_char *last,
    char *name, ngx_str_t *value);


/* the object of conf.h, without what is not set; NULL: it does not fit */

u_char *
ngx_http_msync_parameters(ngx_http_msync_site_t *s, u_char *p, u_char *last)
{
    char        moved[MSYNC_MOVED_MAX];
    ngx_str_t   known;
    ngx_uint_t  level;

    static ngx_str_t  off = ngx_string("false");
    static ngx_str_t  on = ngx_string("true");

    /* the debug levels of nginx are bits above its plain ones */

    level = ngx_min(ngx_cycle->log->log_level, NGX_LOG_DEBUG);
    level = ngx_max(level, NGX_LOG_ERR);

    ngx_http_msync_zone_moved(s, moved);

    known.len = ngx_strlen(moved);
    known.data = known.len ? (u_char *) moved : NULL;

    *p++ = '{';

    p = ngx_http_msync_parameter_string(p, last, "site", &s->name);
    p = ngx_http_msync_parameter_string(p, last, "database", &s->database);
    p = ngx_http_msync_parameter_string(p, last, "url", &s->url);
    p = ngx_http_msync_parameter_string(p, last, "username", &s->username);
    p = ngx_http_msync_parameter_string(p, last, "password_file",
                                        &s->password_file);
    p = ngx_http_msync_parameter_string(p, last, "password_sha256",
                                        &s->password_sha256);
    p = ngx_http_msync_parameter_string(p, last, "tables", &s->tables);
    p = ngx_http_msync_parameter_string(p, last, "ssl_trusted_certificate",
                                        &s->ssl_trusted_certificate);
    p = ngx_http_msync_parameter_string(p, last, "proxy", &s->proxy);

    if (s->ssl_verify != NGX_CONF_UNSET) {
        p = ngx_http_msync_parameter_member(p, last, "ssl_verify",
                                            s->ssl_verify ? &on : &off);
    }

    p = ngx_http_msync_parameter_number(p, last, "interval", s->interval);
    p = ngx_http_msync_parameter_number(p, last, "push", s->push);
    p = ngx_http_msync_parameter_number(p, last, "remote_pull", s->remote_pull);
    p = ngx_http_msync_parameter_number(p, last, "central_pull",
                                        s->central_pull);
    p = ngx_http_msync_parameter_number(p, last, "connect_timeout",
                                        (ngx_msec_int_t) s->connect_timeout);
    p = ngx_http_msync_parameter_number(p, last, "read_timeout",
                                        (ngx_msec_int_t) s->read_timeout);
    p = ngx_http_msync_parameter_number(p, last, "max_response",
                                        s->max_response);
    p = ngx_http_msync_parameter_number(p, last, "limit_rate", s->limit_rate);
    p = ngx_http_msync_parameter_string(p, last, "hardware_id",
                                        &s->hardware_id);
    p = ngx_http_msync_parameter_string(p, last, "hardware_id_file",
                                        &s->hardware_id_file);
    p = ngx_http_msync_parameter_string(p, last, "protocol", &s->protocol);
    p = ngx_http_msync_parameter_number(p, last, "changelog_keep",
                                        s->changelog_keep);
    p = ngx_http_msync_parameter_number(p, last, "log_level", level);
    p = ngx_http_msync_parameter_string(p, last, "ended", &s->helper.ended_by);
    p = ngx_http_msync_parameter_string(p, last, "moved", &known);
    p = ngx_http_msync_parameter_number(p, last, "reloaded",
                                        s->helper.reloaded);

    if (p) {
        p[-1] = '}';
    }

    return p;
}


static u_char *
ngx_http_msync_parameter_string(u_char *p, u_char *last, char *name,
    ngx_str_t *value)
{
    if (p == NULL || value->data == NULL) {
        return p;
    }

    /* a character takes six octets at most */

    if ((size_t) (last - p) < ngx_strlen(name) + 6 * value->len + 8) {
        return NULL;
    }

    p = ngx_sprintf(p, "\"%s\":\"", name);
    p = (u_char *) ngx_escape_json(p, value->data, value->len);

    return ngx_cpymem(p, "\",", 2);
}


static u_char *
ngx_http_msync_parameter_number(u_char *p, u_char *last, char *name,
    int64_t value)
{
    u_char     number[NGX_INT64_LEN];
    ngx_str_t  text;

    if (value == NGX_CONF_UNSET) {
        return p;
    }

    text.data = number;
    text.len = ngx_sprintf(number, "%L", value) - number;

    return ngx_http_msync_parameter_member(p, last, name, &text);
}


static u_char *
ngx_http_msync_parameter_member(u_char *p, u_char *last, char *name,
    ngx_str_t *value)
{
    if (p == NULL || (size_t) (last - p) < ngx_strlen(name) + value->len + 8) {
        return NULL;
    }

    return ngx_sprintf(p, "\"%s\":%V,", name, value);
}
