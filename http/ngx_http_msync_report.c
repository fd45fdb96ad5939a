/*
 * What is known of a site: the helper's reports, kept in the zone as documents
 * that every worker serves and plain fields beside them.
 *
 * Only reports of the latest worker 0 that has reported count.  When there is
 * no helper, the document that the last one left for that is served, with the
 * reason.
 */

#include "ngx_http_msync.h"


/* a status document: the helper's part fits a frame, the rest is ours */

#define NGX_HTTP_MSYNC_STATUS_MAX                                             \
    (MSYNC_FRAME_MAX + 1024 + 6 * NGX_HTTP_MSYNC_REASON_MAX)


static u_char *ngx_http_msync_report_error(ngx_http_msync_shctx_t *sh,
    u_char *p);
static u_char *ngx_http_msync_report_stopped_tail(
    ngx_http_msync_site_t *site, u_char *p);
static ngx_uint_t ngx_http_msync_report_same(ngx_http_msync_site_t *site,
    u_char *rest, u_char *last);
static void ngx_http_msync_report_count(ngx_http_msync_site_t *site,
    msync_status_frame_t *fields, ngx_uint_t another);


char  *ngx_http_msync_states[] = MSYNC_STATE_NAMES;

static char  *ngx_http_msync_documents[] = { "history", "errors",
                                             "dismissed errors", "settings" };


/* what the helper of this process has said, with the two pieces of JSON of
 * control.h */

void
ngx_http_msync_report_status(ngx_http_msync_site_t *site,
    msync_status_frame_t *fields, u_char *doc, u_char *stopped)
{
    ngx_uint_t               news, another;
    ngx_http_msync_shctx_t  *sh;

    sh = site->sh;

    ngx_shmtx_lock(&site->shpool->mutex);

    /* a later worker 0 has a helper that knows better */

    if (!ngx_http_msync_owner_hears(&sh->owner, site->term)) {
        ngx_shmtx_unlock(&site->shpool->mutex);
        return;
    }

    another = (sh->owner.reporter != site->helper.id);

    sh->owner.reporter = site->helper.id;
    sh->reported = 1;
    sh->reason_len = 0;

    site->helper.unheard = 0;

    news = (another
            || ngx_memcmp(&sh->fields, fields, sizeof(msync_status_frame_t))
               != 0);

    if (news) {
        ngx_http_msync_report_count(site, fields, another);
        sh->fields = *fields;
        sh->status_version++;
    }

    if (fields->stopped_length
        && (sh->stopped.len != fields->stopped_length
            || ngx_memcmp(sh->stopped.data, stopped, sh->stopped.len) != 0))
    {
        (void) ngx_http_msync_zone_set(site, &sh->stopped, "status", stopped,
                                       fields->stopped_length);
    }

    ngx_shmtx_unlock(&site->shpool->mutex);

    ngx_http_msync_report_compose(site, fields->state, doc, fields->doc_length);
}


/* keeps a document that the helper of this process has sent, by its
 * msync_document_e */

void
ngx_http_msync_report_document(ngx_http_msync_site_t *site,
    ngx_uint_t document, u_char *data, size_t len)
{
    ngx_http_msync_text_t   *text;
    ngx_http_msync_shctx_t  *sh;

    sh = site->sh;
    text = &sh->documents[document];

    ngx_shmtx_lock(&site->shpool->mutex);

    if (ngx_http_msync_owner_hears(&sh->owner, site->term)
        && (text->len != len || ngx_memcmp(text->data, data, len) != 0))
    {
        (void) ngx_http_msync_zone_set(site, text,
                                       ngx_http_msync_documents[document],
                                       data, len);
    }

    ngx_shmtx_unlock(&site->shpool->mutex);
}


/* why there is no helper: told to users while the site is stopped */

void
ngx_http_msync_report_reason(ngx_http_msync_site_t *site, char *reason)
{
    ngx_uint_t               stopped;
    ngx_http_msync_shctx_t  *sh;

    sh = site->sh;

    stopped = 0;

    ngx_shmtx_lock(&site->shpool->mutex);

    if (site->term == sh->owner.term) {
        sh->reason_len = ngx_min(ngx_strlen(reason), NGX_HTTP_MSYNC_REASON_MAX);
        ngx_memcpy(sh->reason, reason, sh->reason_len);

        stopped = (sh->fields.state == MSYNC_STATE_STOPPED);
    }

    ngx_shmtx_unlock(&site->shpool->mutex);

    if (stopped) {
        ngx_http_msync_report_stopped(site, NULL);
    }
}


/* no helper reports: the document that the last one left for that is served,
 * with the reason */

void
ngx_http_msync_report_stopped(ngx_http_msync_site_t *site, char *reason)
{
    ngx_http_msync_shctx_t  *sh;

    sh = site->sh;

    ngx_shmtx_lock(&site->shpool->mutex);

    if (site->term < sh->owner.term) {
        ngx_shmtx_unlock(&site->shpool->mutex);
        return;
    }

    sh->fields.state = MSYNC_STATE_STOPPED;

    if (reason && sh->reason_len == 0) {
        sh->reason_len = ngx_strlen(reason);
        ngx_memcpy(sh->reason, reason, sh->reason_len);
    }

    if (sh->reason_len) {
        ngx_cpystrn((u_char *) sh->fields.error, (u_char *) "HELPER_STOPPED",
                    MSYNC_VARIANT_MAX);
    }

    sh->status_version++;

    ngx_shmtx_unlock(&site->shpool->mutex);

    ngx_http_msync_report_compose(site, MSYNC_STATE_STOPPED, NULL, 0);
}


/* a helper is there and does nothing: until it is heard of again, the site is
 * shown as one without, and then as before; one that has not reported yet has
 * another reason meanwhile */

void
ngx_http_msync_report_silent(ngx_http_msync_site_t *site, char *reason)
{
    ngx_str_t                tail;
    ngx_http_msync_shctx_t  *sh;

    sh = site->sh;
    tail.data = NULL;

    ngx_shmtx_lock(&site->shpool->mutex);

    if (site->term == sh->owner.term && sh->status.len
        && sh->fields.state != MSYNC_STATE_STOPPED)
    {
        tail.len = sh->status.len - sh->status_tail;
        tail.data = ngx_alloc(tail.len, ngx_cycle->log);
    }

    if (tail.data) {
        ngx_memcpy(tail.data, sh->status.data + sh->status_tail, tail.len);
        site->helper.heard = sh->fields;
    }

    ngx_shmtx_unlock(&site->shpool->mutex);

    if (tail.data) {
        site->helper.heard_tail = tail;

        ngx_http_msync_report_reason(site, reason);
        ngx_http_msync_report_stopped(site, NULL);

    } else {
        site->helper.unheard = 1;

        ngx_http_msync_report_reason(site, reason);
    }
}


/* the one that was silent is heard of again; nothing where none was */

void
ngx_http_msync_report_heard(ngx_http_msync_site_t *site)
{
    ngx_http_msync_shctx_t   *sh;
    ngx_http_msync_helper_t  *h;

    sh = site->sh;
    h = &site->helper;

    if (h->unheard) {
        h->unheard = 0;
        ngx_http_msync_report_reason(site, h->waiting[0] ? h->waiting
                                           : NGX_HTTP_MSYNC_UNREPORTED);
        return;
    }

    if (h->heard_tail.data == NULL) {
        return;
    }

    ngx_shmtx_lock(&site->shpool->mutex);

    if (site->term < sh->owner.term) {
        ngx_shmtx_unlock(&site->shpool->mutex);
        return;
    }

    sh->fields = h->heard;
    sh->reason_len = 0;
    sh->status_version++;

    ngx_shmtx_unlock(&site->shpool->mutex);

    ngx_http_msync_report_compose(site, h->heard.state, h->heard_tail.data,
                                  h->heard_tail.len);
    ngx_http_msync_report_forget(site);
}


/* frees what was kept of a helper while it was silent */

void
ngx_http_msync_report_forget(ngx_http_msync_site_t *site)
{
    if (site->helper.heard_tail.data) {
        ngx_free(site->helper.heard_tail.data);
        site->helper.heard_tail.data = NULL;
    }
}


/*
 * Puts the status document together; a tail that is NULL stands for the one of
 * a site without a helper.  The generation grows only when something else in
 * the document has changed.
 */

void
ngx_http_msync_report_compose(ngx_http_msync_site_t *site, ngx_uint_t state,
    u_char *tail, size_t len)
{
    u_char                  *doc, *rest, *part, *p;
    ngx_http_msync_shctx_t  *sh;

    doc = ngx_alloc(NGX_HTTP_MSYNC_STATUS_MAX, ngx_cycle->log);
    if (doc == NULL) {
        return;
    }

    sh = site->sh;

    ngx_shmtx_lock(&site->shpool->mutex);

    rest = ngx_sprintf(doc, "{\"site\":\"%V\",\"generation\":%uL",
                       &site->name, sh->generation + 1);

    p = ngx_sprintf(rest, ",\"state\":\"%s\",", ngx_http_msync_states[state]);

    if (state == MSYNC_STATE_STOPPED && sh->reason_len) {
        p = ngx_http_msync_report_error(sh, p);
    }

    part = p;
    p = tail ? ngx_cpymem(p, tail, len)
             : ngx_http_msync_report_stopped_tail(site, p);

    if (!ngx_http_msync_report_same(site, rest, p)
        && ngx_http_msync_zone_set(site, &sh->status, "status", doc, p - doc)
           == NGX_OK)
    {
        sh->generation++;
        sh->status.generation = sh->generation;
        sh->status_tail = part - doc;
        sh->status_version++;

        ngx_log_debug3(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, 0,
                       "msync %V: generation %uL is \"%s\"",
                       &site->name, sh->generation,
                       ngx_http_msync_states[state]);
    }

    ngx_shmtx_unlock(&site->shpool->mutex);

    ngx_free(doc);
}


static u_char *
ngx_http_msync_report_error(ngx_http_msync_shctx_t *sh, u_char *p)
{
    p = ngx_sprintf(p, "\"error\":{\"variant\":\"HELPER_STOPPED\","
                       "\"fullError\":\"");

    p = (u_char *) ngx_escape_json(p, sh->reason, sh->reason_len);

    return ngx_cpymem(p, "\"},", 3);
}


/* what the last helper has left for this, else what is true of any site of
 * which nothing is known */

static u_char *
ngx_http_msync_report_stopped_tail(ngx_http_msync_site_t *site, u_char *p)
{
    time_t  interval;

    if (site->sh->stopped.len) {
        return ngx_cpymem(p, site->sh->stopped.data, site->sh->stopped.len);
    }

    interval = site->interval == NGX_CONF_UNSET ? MSYNC_INTERVAL
                                                : site->interval;

    return ngx_sprintf(p, "\"initialisationStatus\":\"PRE_INITIALISATION\","
                          "\"numberOfRecordsInPushQueue\":0,"
                          "\"integrationErrors\":0,"
                          "\"intervalSeconds\":%T,"
                          "\"nextSync\":null,"
                          "\"databaseLockedSince\":null,"
                          "\"databaseLogBytes\":null,"
                          "\"recordsNeverSent\":0,"
                          "\"protocol\":\"%s\","
                          "\"syncStatus\":null}", interval,
                       ngx_http_msync_must_v7(site) ? "v7" : "v6");
}


/* whether the document is the one of before, but for its generation */

static ngx_uint_t
ngx_http_msync_report_same(ngx_http_msync_site_t *site, u_char *rest,
    u_char *last)
{
    u_char                 *p, *end;
    ngx_http_msync_text_t  *old;

    old = &site->sh->status;

    /* a generation that has jumped makes it another one */

    if (old->len == 0 || old->generation != site->sh->generation) {
        return 0;
    }

    end = old->data + old->len;

    p = old->data + sizeof("{\"site\":\"\",\"generation\":") - 1
        + site->name.len;

    while (p < end && *p != ',') {
        p++;
    }

    return (end - p == last - rest && ngx_memcmp(p, rest, last - rest) == 0);
}


/* the counters of a helper begin at 0, those of the site go on */

static void
ngx_http_msync_report_count(ngx_http_msync_site_t *site,
    msync_status_frame_t *fields, ngx_uint_t another)
{
    msync_status_frame_t     last;
    ngx_http_msync_shctx_t  *sh;

    sh = site->sh;

    if (another) {
        ngx_memzero(&last, sizeof(msync_status_frame_t));

    } else {
        last = sh->fields;
    }

    sh->totals.runs += fields->runs - last.runs;
    sh->totals.runs_failed += fields->runs_failed - last.runs_failed;
    sh->totals.records_pushed += fields->records_pushed - last.records_pushed;
    sh->totals.records_pulled += fields->records_pulled - last.records_pulled;
    sh->totals.records_integrated += fields->records_integrated
                                     - last.records_integrated;
    sh->totals.requests += fields->requests - last.requests;
    sh->totals.bytes_sent += fields->bytes_sent - last.bytes_sent;
    sh->totals.bytes_received += fields->bytes_received - last.bytes_received;
}
