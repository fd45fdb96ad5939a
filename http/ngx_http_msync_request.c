/*
 * The endpoints: which one a request is for, whether it may be used from
 * there, and those that want something of the helper.
 */

#include "ngx_http_msync.h"


#define NGX_HTTP_MSYNC_READ  (NGX_HTTP_GET|NGX_HTTP_HEAD)


typedef struct {
    ngx_str_t                  name;
    ngx_uint_t                 methods;
    ngx_http_msync_method_pt   handler;
    ngx_uint_t                 data;
    char                      *allow;
} ngx_http_msync_method_t;


static ngx_int_t ngx_http_msync_request_dispatch(ngx_http_request_t *r,
    ngx_str_t *name);
static ngx_int_t ngx_http_msync_request_not_allowed(ngx_http_request_t *r,
    char *allow);
static void ngx_http_msync_request_endpoint(ngx_http_request_t *r,
    ngx_str_t *name);
static ngx_http_msync_site_t *ngx_http_msync_request_site(
    ngx_http_request_t *r);
static ngx_uint_t ngx_http_msync_request_cross_site(ngx_http_request_t *r);
static ngx_uint_t ngx_http_msync_request_same_origin(ngx_http_request_t *r,
    ngx_str_t *origin);
static void ngx_http_msync_request_split(ngx_str_t *host, ngx_str_t *port);
static ngx_int_t ngx_http_msync_request_command(ngx_http_request_t *r,
    ngx_http_msync_site_t *site, ngx_uint_t command);
static ngx_int_t ngx_http_msync_request_want(ngx_http_request_t *r,
    ngx_http_msync_site_t *site, ngx_uint_t command);
static ngx_int_t ngx_http_msync_request_patient(ngx_http_request_t *r,
    ngx_str_t *patient);
static ngx_int_t ngx_http_msync_request_ask(ngx_http_request_t *r,
    ngx_http_msync_site_t *site, ngx_uint_t request);
static ngx_int_t ngx_http_msync_request_patients(ngx_http_request_t *r,
    ngx_http_msync_site_t *site, ngx_uint_t request);
static ngx_int_t ngx_http_msync_request_errors(ngx_http_request_t *r,
    ngx_http_msync_site_t *site, ngx_uint_t data);
static ngx_int_t ngx_http_msync_request_refuse(ngx_http_request_t *r,
    ngx_http_msync_site_t *site);


static ngx_http_msync_method_t  ngx_http_msync_methods[] = {

    { ngx_string("status"), NGX_HTTP_MSYNC_READ,
      ngx_http_msync_get_status, 0, "GET, HEAD" },

    { ngx_string("events"), NGX_HTTP_MSYNC_READ,
      ngx_http_msync_get_events, 0, "GET, HEAD" },

    { ngx_string("trigger"), NGX_HTTP_POST,
      ngx_http_msync_request_command, MSYNC_COMMAND_TRIGGER, "POST" },

    { ngx_string("cancel"), NGX_HTTP_POST,
      ngx_http_msync_request_command, MSYNC_COMMAND_CANCEL, "POST" },

    { ngx_string("pause"), NGX_HTTP_POST,
      ngx_http_msync_request_command, MSYNC_COMMAND_PAUSE, "POST" },

    { ngx_string("resume"), NGX_HTTP_POST,
      ngx_http_msync_request_command, MSYNC_COMMAND_RESUME, "POST" },

    { ngx_string("retry"), NGX_HTTP_POST,
      ngx_http_msync_request_command, MSYNC_COMMAND_RETRY, "POST" },

    { ngx_string("settings"), NGX_HTTP_MSYNC_READ,
      ngx_http_msync_get_document, MSYNC_DOCUMENT_SETTINGS,
      "GET, HEAD, PUT" },

    { ngx_string("settings"), NGX_HTTP_PUT,
      ngx_http_msync_request_ask, MSYNC_REQUEST_SETTINGS,
      "GET, HEAD, PUT" },

    { ngx_string("test"), NGX_HTTP_POST,
      ngx_http_msync_request_ask, MSYNC_REQUEST_TEST, "POST" },

    { ngx_string("initialise"), NGX_HTTP_POST,
      ngx_http_msync_request_ask, MSYNC_REQUEST_INITIALISE, "POST" },

    { ngx_string("history"), NGX_HTTP_MSYNC_READ,
      ngx_http_msync_get_document, MSYNC_DOCUMENT_HISTORY, "GET, HEAD" },

    { ngx_string("errors"), NGX_HTTP_MSYNC_READ,
      ngx_http_msync_request_errors, 0, "GET, HEAD" },

    { ngx_string("errors/dismiss"), NGX_HTTP_POST,
      ngx_http_msync_request_ask, MSYNC_REQUEST_DISMISS, "POST" },

    { ngx_string("send"), NGX_HTTP_POST,
      ngx_http_msync_request_ask, MSYNC_REQUEST_SEND, "POST" },

    { ngx_string("patients"), NGX_HTTP_MSYNC_READ,
      ngx_http_msync_request_patients, MSYNC_REQUEST_PATIENTS, "GET, HEAD" },

    { ngx_string("metrics"), NGX_HTTP_MSYNC_READ,
      ngx_http_msync_get_metrics, 0, "GET, HEAD" },

    { ngx_string("openapi.yaml"), NGX_HTTP_MSYNC_READ,
      ngx_http_msync_get_openapi, 0, "GET, HEAD" },

    { ngx_null_string, 0, NULL, 0, NULL }
};


ngx_int_t
ngx_http_msync_api_handler(ngx_http_request_t *r)
{
    ngx_str_t  name;

    ngx_http_msync_request_endpoint(r, &name);

    return ngx_http_msync_request_dispatch(r, &name);
}


ngx_int_t
ngx_http_msync_status_handler(ngx_http_request_t *r)
{
    static ngx_str_t  name = ngx_string("status");

    return ngx_http_msync_request_dispatch(r, &name);
}


ngx_int_t
ngx_http_msync_trigger_handler(ngx_http_request_t *r)
{
    static ngx_str_t  name = ngx_string("trigger");

    return ngx_http_msync_request_dispatch(r, &name);
}


ngx_int_t
ngx_http_msync_events_handler(ngx_http_request_t *r)
{
    static ngx_str_t  name = ngx_string("events");

    return ngx_http_msync_request_dispatch(r, &name);
}


ngx_int_t
ngx_http_msync_metrics_handler(ngx_http_request_t *r)
{
    static ngx_str_t  name = ngx_string("metrics");

    return ngx_http_msync_request_dispatch(r, &name);
}


static ngx_int_t
ngx_http_msync_request_dispatch(ngx_http_request_t *r, ngx_str_t *name)
{
    ngx_http_msync_method_t  *m, *found;

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "msync endpoint \"%V\", method %ui", name, r->method);

    found = NULL;

    for (m = ngx_http_msync_methods; m->name.len; m++) {

        if (m->name.len != name->len
            || ngx_strncmp(m->name.data, name->data, name->len) != 0)
        {
            continue;
        }

        found = m;

        if (r->method & m->methods) {
            break;
        }
    }

    if (found == NULL) {
        return ngx_http_msync_send_error(r, NGX_HTTP_NOT_FOUND, "NOT_FOUND",
                                         "There is no such endpoint.");
    }

    if (m->name.len == 0) {
        return ngx_http_msync_request_not_allowed(r, found->allow);
    }

    if (!(r->method & NGX_HTTP_MSYNC_READ)
        && ngx_http_msync_request_cross_site(r))
    {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "msync refused a request from another site");

        return ngx_http_msync_send_error(r, NGX_HTTP_FORBIDDEN, "FORBIDDEN",
                                "The request comes from a page elsewhere. "
                                "Where it does not, a proxy in front of this "
                                "nginx has changed the Host of the request; "
                                "one of nginx needs: "
                                "proxy_set_header Host $http_host;");
    }

    /* POST and PUT are never answered with 304 or 412, for they were done */

    if (!(r->method & NGX_HTTP_MSYNC_READ)) {
        r->disable_not_modified = 1;
    }

    return m->handler(r, ngx_http_msync_request_site(r), m->data);
}


static ngx_int_t
ngx_http_msync_request_not_allowed(ngx_http_request_t *r, char *allow)
{
    char    *text;
    size_t   len;

    len = sizeof("Methods of this endpoint: .") + ngx_strlen(allow);

    text = ngx_pnalloc(r->pool, len);
    if (text == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_sprintf((u_char *) text, "Methods of this endpoint: %s.%Z", allow);

    if (ngx_http_msync_set_header(r, "Allow", allow) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_msync_send_error(r, NGX_HTTP_NOT_ALLOWED,
                                     "METHOD_NOT_ALLOWED", text);
}


/*
 * What follows the location, or the last segment where that cannot be said, as
 * of a regular expression; one endpoint has two segments.
 */

static void
ngx_http_msync_request_endpoint(ngx_http_request_t *r, ngx_str_t *name)
{
    u_char                    *p, *last;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    p = r->uri.data;
    last = p + r->uri.len;

    if (r->uri.len >= clcf->name.len
        && ngx_strncmp(p, clcf->name.data, clcf->name.len) == 0)
    {
        p += clcf->name.len;

        if (p < last && *p == '/') {
            p++;
        }

    } else {
        p = last;

        while (p > r->uri.data && p[-1] != '/') {
            p--;
        }

        if (last - p == 7 && ngx_strncmp(p, "dismiss", 7) == 0
            && p - r->uri.data >= 8 && ngx_strncmp(p - 8, "/errors/", 8) == 0)
        {
            p -= 7;
        }
    }

    name->data = p;
    name->len = last - p;
}


static ngx_http_msync_site_t *
ngx_http_msync_request_site(ngx_http_request_t *r)
{
    ngx_http_msync_loc_conf_t  *mlcf;

    mlcf = ngx_http_get_module_loc_conf(r, ngx_http_msync_module);

    return mlcf->endpoint->site;
}


/*
 * Browsers say where a request comes from; other programs say nothing and
 * have no user's cookies or address to misuse.
 */

static ngx_uint_t
ngx_http_msync_request_cross_site(ngx_http_request_t *r)
{
    ngx_str_t   *value;
    ngx_uint_t   n;

    value = ngx_http_msync_find_header(r, "Sec-Fetch-Site", &n);

    if (value) {
        return n > 1
               || !((value->len == 11
                     && ngx_strncmp(value->data, "same-origin", 11) == 0)
                    || (value->len == 4
                        && ngx_strncmp(value->data, "none", 4) == 0));
    }

    value = ngx_http_msync_find_header(r, "Origin", &n);

    return value && (n > 1 || !ngx_http_msync_request_same_origin(r, value));
}


/* is scheme://host:port of Origin that of Host, default ports left out? */

static ngx_uint_t
ngx_http_msync_request_same_origin(ngx_http_request_t *r, ngx_str_t *origin)
{
    size_t      len;
    ngx_str_t   host, from, port, from_port;

    if (ngx_strncasecmp(origin->data, (u_char *) "https://", 8) == 0) {
        len = 8;
        ngx_str_set(&port, "443");

    } else if (ngx_strncasecmp(origin->data, (u_char *) "http://", 7) == 0) {
        len = 7;
        ngx_str_set(&port, "80");

    } else {
        return 0;
    }

    from.data = origin->data + len;
    from.len = origin->len - len;

    if (r->headers_in.host) {
        host = r->headers_in.host->value;

    } else if (r->host_end) {

        /* ":authority" of HTTP/3 */

        host.data = r->host_start;
        host.len = r->host_end - r->host_start;

    } else {
        return 0;
    }

    from_port = port;

    ngx_http_msync_request_split(&from, &from_port);
    ngx_http_msync_request_split(&host, &port);

    return host.len && host.len == from.len
           && ngx_strncasecmp(host.data, from.data, host.len) == 0
           && port.len == from_port.len
           && ngx_strncmp(port.data, from_port.data, port.len) == 0;
}


/*
 * Takes the port off where there is one, and the dot behind a full name, which
 * some proxies take off themselves.
 */

static void
ngx_http_msync_request_split(ngx_str_t *host, ngx_str_t *port)
{
    u_char  *p, *last;

    last = host->data + host->len;

    for (p = last; p > host->data && p[-1] >= '0' && p[-1] <= '9'; p--) {
        /* void */
    }

    if (p < last && p - host->data > 1 && p[-1] == ':') {
        port->data = p;
        port->len = last - p;
        host->len = p - 1 - host->data;
    }

    if (host->len > 1 && host->data[host->len - 1] == '.') {
        host->len--;
    }
}


/* a body is not needed, but what is too long is refused all the same */

static ngx_int_t
ngx_http_msync_request_command(ngx_http_request_t *r,
    ngx_http_msync_site_t *site, ngx_uint_t command)
{
    if (r->headers_in.content_length_n > NGX_HTTP_MSYNC_BODY_MAX) {
        return ngx_http_msync_send_too_large(r);
    }

    /* a body without a length, also of HTTP/2 and 3: its length is known at
     * its end */

    if (r->headers_in.chunked) {
        return ngx_http_msync_read_body(r, site, ngx_http_msync_request_want,
                                        command);
    }

    return ngx_http_msync_request_want(r, site, command);
}


static ngx_int_t
ngx_http_msync_request_want(ngx_http_request_t *r, ngx_http_msync_site_t *site,
    ngx_uint_t command)
{
    u_char      id[MSYNC_PATIENT_MAX];
    ngx_int_t   rc;
    ngx_str_t   patient;

    static ngx_str_t  triggered = ngx_string("{\"triggered\": true}");
    static ngx_str_t  accepted = ngx_string("{\"accepted\": true}");

    patient.data = id;
    patient.len = 0;

    if (command == MSYNC_COMMAND_TRIGGER) {

        if (!ngx_http_msync_zone_configured(site)) {
            return ngx_http_msync_send_error(r, NGX_HTTP_CONFLICT,
                                             "NOT_CONFIGURED",
                                             "The site has no settings yet: "
                                             "enter them on its page.");
        }

        if (ngx_http_msync_request_patient(r, &patient) != NGX_OK) {
            return ngx_http_msync_send_error(r, NGX_HTTP_BAD_REQUEST,
                                             "INVALID_REQUEST",
                                             "This is no id of a patient.");
        }
    }

    rc = ngx_http_msync_request_refuse(r, site);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    rc = ngx_http_msync_queue_command(site, command,
                                      patient.len ? &patient : NULL);

    if (rc == NGX_BUSY) {
        return ngx_http_msync_send_error(r, NGX_HTTP_TOO_MANY_REQUESTS,
                                         "TOO_MANY_REQUESTS",
                                         "Enough patients are waiting.");
    }

    if (rc == NGX_ABORT) {
        return ngx_http_msync_send_no_helper(r);
    }

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "msync %V: command %ui is wanted", &site->name, command);

    ngx_http_msync_ring();

    return ngx_http_msync_send_json(r, NGX_HTTP_ACCEPTED,
                                    command == MSYNC_COMMAND_TRIGGER
                                    ? &triggered : &accepted);
}


/* the id asked for, into patient->data; its length is 0 without one */

static ngx_int_t
ngx_http_msync_request_patient(ngx_http_request_t *r, ngx_str_t *patient)
{
    u_char     *p, *dst, *src, text[3 * MSYNC_PATIENT_MAX];
    ngx_str_t   value;

    if (ngx_http_arg(r, (u_char *) "fetchPatientId", 14, &value) != NGX_OK) {
        return NGX_OK;
    }

    if (value.len == 0 || value.len > sizeof(text)) {
        return NGX_ERROR;
    }

    dst = text;
    src = value.data;
    ngx_unescape_uri(&dst, &src, value.len, 0);

    for (p = text; p < dst; p++) {
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')
              || (*p >= '0' && *p <= '9')
              || *p == '-' || *p == '_' || *p == '.' || *p == ':'))
        {
            return NGX_ERROR;
        }
    }

    patient->len = dst - text;

    if (patient->len > MSYNC_PATIENT_MAX) {
        return NGX_ERROR;
    }

    ngx_memcpy(patient->data, text, patient->len);

    return NGX_OK;
}


/* NGX_DECLINED: there is no reason to refuse */

static ngx_int_t
ngx_http_msync_request_refuse(ngx_http_request_t *r,
    ngx_http_msync_site_t *site)
{
    if (ngx_http_msync_zone_stopped(site)) {
        return ngx_http_msync_send_unavailable(r, "HELPER_STOPPED",
                                               "No helper is running.");
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_msync_request_ask(ngx_http_request_t *r, ngx_http_msync_site_t *site,
    ngx_uint_t request)
{
    ngx_int_t  rc;

    if (r->headers_in.content_length_n > NGX_HTTP_MSYNC_BODY_MAX) {
        return ngx_http_msync_send_too_large(r);
    }

    rc = ngx_http_msync_request_refuse(r, site);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    return ngx_http_msync_read_body(r, site, ngx_http_msync_ask, request);
}


/* the arguments become the body, for this is asked of central */

static ngx_int_t
ngx_http_msync_request_patients(ngx_http_request_t *r,
    ngx_http_msync_site_t *site, ngx_uint_t request)
{
    ngx_int_t  rc;

    rc = ngx_http_msync_request_refuse(r, site);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    return ngx_http_msync_read_body(r, site, ngx_http_msync_ask_patients,
                                    request);
}


/* records that failed, or with "?dismissed=1" those that were dismissed */

static ngx_int_t
ngx_http_msync_request_errors(ngx_http_request_t *r,
    ngx_http_msync_site_t *site, ngx_uint_t data)
{
    ngx_str_t   value;
    ngx_uint_t  document;

    document = MSYNC_DOCUMENT_ERRORS;

    if (ngx_http_arg(r, (u_char *) "dismissed", 9, &value) == NGX_OK
        && value.len == 1 && value.data[0] == '1')
    {
        document = MSYNC_DOCUMENT_DISMISSED;
    }

    return ngx_http_msync_get_document(r, site, document);
}
