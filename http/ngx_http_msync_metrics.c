/*
 * Metrics of one site or of all: a family after the other, each with all its
 * sites.
 *
 * Who says what it accepts, and not OpenMetrics, gets the text format of
 * Prometheus, which every tool reads, "promtool check metrics" too.  It names
 * a counter by its sample and knows neither units nor sets of states.
 */

#include "ngx_http_msync.h"


/* octets of a sample at most, and of what is said of its family before it */

#define NGX_HTTP_MSYNC_SAMPLE_MAX  256


typedef struct {
    ngx_str_t              *site;
    msync_status_frame_t    fields;
    msync_status_frame_t    totals;
    uint64_t                starts;
    ngx_uint_t              up;
    ngx_uint_t              v7;
} ngx_http_msync_sample_t;


typedef struct {
    char                   *name;
    char                   *type;
    char                   *unit;        /* NULL: none */
    char                   *help;
    u_char               *(*write)(u_char *p, char *name,
                                   ngx_http_msync_sample_t *s,
                                   ngx_uint_t offset);
    ngx_uint_t              offset;
} ngx_http_msync_family_t;


static void ngx_http_msync_metrics_sample(ngx_http_msync_site_t *site,
    ngx_http_msync_sample_t *s);
static ngx_uint_t ngx_http_msync_metrics_plain(ngx_http_request_t *r);
static ngx_int_t ngx_http_msync_metrics_header(ngx_http_request_t *r,
    ngx_uint_t plain);
static u_char *ngx_http_msync_metrics_write(u_char *p,
    ngx_http_msync_sample_t *samples, ngx_uint_t n, ngx_uint_t plain);
static u_char *ngx_http_msync_metric_up(u_char *p, char *name,
    ngx_http_msync_sample_t *s, ngx_uint_t offset);
static u_char *ngx_http_msync_metric_state(u_char *p, char *name,
    ngx_http_msync_sample_t *s, ngx_uint_t offset);
static u_char *ngx_http_msync_metric_protocol(u_char *p, char *name,
    ngx_http_msync_sample_t *s, ngx_uint_t offset);
static u_char *ngx_http_msync_metric_error(u_char *p, char *name,
    ngx_http_msync_sample_t *s, ngx_uint_t offset);
static u_char *ngx_http_msync_metric_time(u_char *p, char *name,
    ngx_http_msync_sample_t *s, ngx_uint_t offset);
static u_char *ngx_http_msync_metric_disk(u_char *p, char *name,
    ngx_http_msync_sample_t *s, ngx_uint_t offset);
static u_char *ngx_http_msync_metric_duration(u_char *p, char *name,
    ngx_http_msync_sample_t *s, ngx_uint_t offset);
static u_char *ngx_http_msync_metric_gauge(u_char *p, char *name,
    ngx_http_msync_sample_t *s, ngx_uint_t offset);
static u_char *ngx_http_msync_metric_starts(u_char *p, char *name,
    ngx_http_msync_sample_t *s, ngx_uint_t offset);
static u_char *ngx_http_msync_metric_counter(u_char *p, char *name,
    ngx_http_msync_sample_t *s, ngx_uint_t offset);


#define ngx_http_msync_gauge(field)                                           \
    ngx_http_msync_metric_gauge, offsetof(msync_status_frame_t, field)

#define ngx_http_msync_counter(field)                                         \
    ngx_http_msync_metric_counter, offsetof(msync_status_frame_t, field)


static ngx_http_msync_family_t  ngx_http_msync_families[] = {

    { "msync_helper_up", "gauge", NULL,
      "Whether a helper is running.",
      ngx_http_msync_metric_up, 0 },

    { "msync_helper_starts", "counter", "starts",
      "Helpers that were started.",
      ngx_http_msync_metric_starts, 0 },

    { "msync_state", "stateset", NULL,
      "What the site is doing.",
      ngx_http_msync_metric_state, 0 },

    { "msync_protocol", "stateset", NULL,
      "What the site speaks, v6 standing for v5 and v6.",
      ngx_http_msync_metric_protocol, 0 },

    { "msync_error", "gauge", NULL,
      "1 for the error of the last run, absent without one.",
      ngx_http_msync_metric_error, 0 },

    { "msync_queue_records", "gauge", "records",
      "Records waiting to be sent.",
      ngx_http_msync_gauge(queue) },

    { "msync_integration_errors", "gauge", "errors",
      "Records that could not be integrated.",
      ngx_http_msync_gauge(integration_errors) },

    { "msync_dismissed_records", "gauge", "records",
      "Records that failed and were dismissed, not among the errors.",
      ngx_http_msync_gauge(dismissed) },

    { "msync_never_sent_records", "gauge", "records",
      "Rows from before msync that were never at the centre.",
      ngx_http_msync_gauge(never_sent) },

    { "msync_database_wal_bytes", "gauge", "bytes",
      "Size of the write-ahead log of the database.",
      ngx_http_msync_gauge(wal_bytes) },

    { "msync_database_wal_pending_bytes", "gauge", "bytes",
      "What of the write-ahead log is not in the database yet.",
      ngx_http_msync_gauge(wal_pending) },

    { "msync_disk_free_bytes", "gauge", "bytes",
      "What can still be written to the disk of the database.",
      ngx_http_msync_metric_disk, offsetof(msync_status_frame_t, disk_free) },

    { "msync_disk_size_bytes", "gauge", "bytes",
      "Size of the disk of the database.",
      ngx_http_msync_metric_disk, offsetof(msync_status_frame_t, disk_size) },

    { "msync_database_locked_timestamp_seconds", "gauge", "seconds",
      "Since when another program keeps the database locked, absent if none.",
      ngx_http_msync_metric_time,
      offsetof(msync_status_frame_t, locked_since) },

    { "msync_interval_seconds", "gauge", "seconds",
      "Time between scheduled runs, 0 without a schedule.",
      ngx_http_msync_gauge(interval) },

    { "msync_last_success_timestamp_seconds", "gauge", "seconds",
      "When the last successful run ended, absent before the first.",
      ngx_http_msync_metric_time,
      offsetof(msync_status_frame_t, last_success) },

    { "msync_last_duration_seconds", "gauge", "seconds",
      "How long the last successful run took.",
      ngx_http_msync_metric_duration, 0 },

    { "msync_runs", "counter", "runs",
      "Runs that have ended.",
      ngx_http_msync_counter(runs) },

    { "msync_runs_failed", "counter", NULL,
      "Runs that have ended with an error.",
      ngx_http_msync_counter(runs_failed) },

    { "msync_records_pushed", "counter", NULL,
      "Records sent to the central servers.",
      ngx_http_msync_counter(records_pushed) },

    { "msync_records_pulled", "counter", NULL,
      "Records received from the central servers.",
      ngx_http_msync_counter(records_pulled) },

    { "msync_records_integrated", "counter", NULL,
      "Received records that became rows.",
      ngx_http_msync_counter(records_integrated) },

    { "msync_requests", "counter", "requests",
      "Requests to the central servers.",
      ngx_http_msync_counter(requests) },

    { "msync_sent_bytes", "counter", "bytes",
      "Bytes sent to the central servers.",
      ngx_http_msync_counter(bytes_sent) },

    { "msync_received_bytes", "counter", "bytes",
      "Bytes received from the central servers.",
      ngx_http_msync_counter(bytes_received) },

    { NULL, NULL, NULL, NULL, NULL, 0 }
};


ngx_int_t
ngx_http_msync_get_metrics(ngx_http_request_t *r, ngx_http_msync_site_t *site,
    ngx_uint_t data)
{
    size_t                        len;
    ngx_str_t                     body;
    ngx_uint_t                    i, n, plain;
    ngx_http_msync_site_t       **sites;
    ngx_http_msync_sample_t      *samples;
    ngx_http_msync_main_conf_t   *mcf;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_msync_module);

    sites = site ? &site : mcf->sites.elts;
    n = site ? 1 : mcf->sites.nelts;

    samples = ngx_palloc(r->pool, (n + 1) * sizeof(ngx_http_msync_sample_t));
    if (samples == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    for (i = 0; i < n; i++) {
        ngx_http_msync_metrics_sample(sites[i], &samples[i]);
    }

    len = (n + 1) * NGX_HTTP_MSYNC_SAMPLE_MAX
          * (sizeof(ngx_http_msync_families) / sizeof(ngx_http_msync_family_t)
             + MSYNC_STATE_MAX + 1);

    body.data = ngx_palloc(r->pool, len);
    if (body.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    plain = ngx_http_msync_metrics_plain(r);

    body.len = ngx_http_msync_metrics_write(body.data, samples, n, plain)
               - body.data;

    if (ngx_http_msync_metrics_header(r, plain) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_msync_send_body(r, &body);
}


static ngx_uint_t
ngx_http_msync_metrics_plain(ngx_http_request_t *r)
{
    ngx_str_t   *accept;
    ngx_uint_t   n;

    static u_char  openmetrics[] = "application/openmetrics-text";

    accept = ngx_http_msync_find_header(r, "Accept", &n);

    return accept
           && ngx_strlcasestrn(accept->data, accept->data + accept->len,
                               openmetrics, sizeof(openmetrics) - 2)
              == NULL;
}


static ngx_int_t
ngx_http_msync_metrics_header(ngx_http_request_t *r, ngx_uint_t plain)
{
    r->headers_out.status = NGX_HTTP_OK;
    r->disable_not_modified = 1;

    /* `gzip_types` has types without parameters */

    if (plain) {
        ngx_str_set(&r->headers_out.content_type,
                    "text/plain; version=0.0.4; charset=utf-8");
        r->headers_out.content_type_len = sizeof("text/plain") - 1;

    } else {
        ngx_str_set(&r->headers_out.content_type,
                    "application/openmetrics-text; version=1.0.0; "
                    "charset=utf-8");
        r->headers_out.content_type_len =
                                    sizeof("application/openmetrics-text") - 1;
    }

    r->headers_out.content_type_lowcase = NULL;

    if (ngx_http_msync_set_header(r, "Vary", "Accept") != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_msync_set_cache_control(r);
}


static void
ngx_http_msync_metrics_sample(ngx_http_msync_site_t *site,
    ngx_http_msync_sample_t *s)
{
    ngx_http_msync_shctx_t  *sh;

    sh = site->sh;

    s->site = &site->name;

    ngx_shmtx_lock(&site->shpool->mutex);

    s->fields = sh->fields;
    s->totals = sh->totals;
    s->starts = sh->starts;
    s->up = (sh->owner.helper != 0);

    ngx_shmtx_unlock(&site->shpool->mutex);

    s->v7 = (s->fields.flags & MSYNC_STATUS_V7)
            || ngx_http_msync_must_v7(site);
}


static u_char *
ngx_http_msync_metrics_write(u_char *p, ngx_http_msync_sample_t *samples,
    ngx_uint_t n, ngx_uint_t plain)
{
    char                     *type, *suffix;
    ngx_uint_t                i;
    ngx_http_msync_family_t  *f;

    for (f = ngx_http_msync_families; f->name; f++) {

        type = f->type;
        suffix = "";

        if (plain) {
            if (ngx_strcmp(type, "stateset") == 0) {
                type = "gauge";
            }

            if (ngx_strcmp(type, "counter") == 0) {
                suffix = "_total";
            }
        }

        p = ngx_sprintf(p, "# TYPE %s%s %s\n", f->name, suffix, type);

        if (f->unit && !plain) {
            p = ngx_sprintf(p, "# UNIT %s %s\n", f->name, f->unit);
        }

        p = ngx_sprintf(p, "# HELP %s%s %s\n", f->name, suffix, f->help);

        for (i = 0; i < n; i++) {
            p = f->write(p, f->name, &samples[i], f->offset);
        }
    }

    return plain ? p : ngx_sprintf(p, "# EOF\n");
}


static u_char *
ngx_http_msync_metric_up(u_char *p, char *name, ngx_http_msync_sample_t *s,
    ngx_uint_t offset)
{
    return ngx_sprintf(p, "%s{site=\"%V\"} %ui\n", name, s->site, s->up);
}


static u_char *
ngx_http_msync_metric_starts(u_char *p, char *name,
    ngx_http_msync_sample_t *s, ngx_uint_t offset)
{
    return ngx_sprintf(p, "%s_total{site=\"%V\"} %uL\n", name, s->site,
                       s->starts);
}


static u_char *
ngx_http_msync_metric_state(u_char *p, char *name, ngx_http_msync_sample_t *s,
    ngx_uint_t offset)
{
    ngx_uint_t  i;

    for (i = 0; i < MSYNC_STATE_MAX; i++) {
        p = ngx_sprintf(p, "%s{site=\"%V\",%s=\"%s\"} %d\n", name, s->site,
                        name, ngx_http_msync_states[i],
                        (int) (i == s->fields.state));
    }

    return p;
}


static u_char *
ngx_http_msync_metric_protocol(u_char *p, char *name,
    ngx_http_msync_sample_t *s, ngx_uint_t offset)
{
    ngx_uint_t  v7;

    for (v7 = 0; v7 <= 1; v7++) {
        p = ngx_sprintf(p, "%s{site=\"%V\",%s=\"%s\"} %d\n", name, s->site,
                        name, v7 ? "v7" : "v6", (int) (s->v7 == v7));
    }

    return p;
}


static u_char *
ngx_http_msync_metric_error(u_char *p, char *name, ngx_http_msync_sample_t *s,
    ngx_uint_t offset)
{
    if (s->fields.error[0] == '\0') {
        return p;
    }

    return ngx_sprintf(p, "%s{site=\"%V\",variant=\"%s\"} 1\n", name, s->site,
                       s->fields.error);
}


/* a moment: no sample where it has not come yet */

static u_char *
ngx_http_msync_metric_time(u_char *p, char *name,
    ngx_http_msync_sample_t *s, ngx_uint_t offset)
{
    int64_t  *value;

    value = (int64_t *) ((char *) &s->fields + offset);

    if (*value == 0) {
        return p;
    }

    return ngx_http_msync_metric_gauge(p, name, s, offset);
}


static u_char *
ngx_http_msync_metric_disk(u_char *p, char *name, ngx_http_msync_sample_t *s,
    ngx_uint_t offset)
{
    /* no sample before a helper has told it: 0 octets would mean a full disk */

    if (s->fields.disk_size == 0) {
        return p;
    }

    return ngx_http_msync_metric_gauge(p, name, s, offset);
}


static u_char *
ngx_http_msync_metric_duration(u_char *p, char *name,
    ngx_http_msync_sample_t *s, ngx_uint_t offset)
{
    int64_t  ms;

    if (s->fields.last_success == 0) {
        return p;
    }

    ms = ngx_max(s->fields.last_duration_ms, 0);

    return ngx_sprintf(p, "%s{site=\"%V\"} %L.%03L\n", name, s->site,
                       ms / 1000, ms % 1000);
}


static u_char *
ngx_http_msync_metric_gauge(u_char *p, char *name, ngx_http_msync_sample_t *s,
    ngx_uint_t offset)
{
    int64_t  *value;

    value = (int64_t *) ((char *) &s->fields + offset);

    return ngx_sprintf(p, "%s{site=\"%V\"} %L\n", name, s->site, *value);
}


static u_char *
ngx_http_msync_metric_counter(u_char *p, char *name,
    ngx_http_msync_sample_t *s, ngx_uint_t offset)
{
    uint64_t  *value;

    value = (uint64_t *) ((char *) &s->totals + offset);

    return ngx_sprintf(p, "%s_total{site=\"%V\"} %uL\n", name, s->site,
                       *value);
}
