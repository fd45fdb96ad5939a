/*
 * The zone of a site: the documents that every worker serves and the plain
 * fields beside them.
 *
 * A zone is made by the master and kept over reloads.  It is never changed
 * in its init handler when it lives already, because the configuration that
 * is being read may still be refused.
 *
 * A document is replaced by a new piece of memory where there is room, so
 * that a worker which dies half-way leaves the old one whole.
 */

#include "ngx_http_msync.h"


#define NGX_HTTP_MSYNC_ZONE_MAGIC   0x6d73796e
#define NGX_HTTP_MSYNC_ZONE_LAYOUT  1


static ngx_int_t ngx_http_msync_init_zone(ngx_shm_zone_t *shm_zone,
    void *data);
static ngx_uint_t ngx_http_msync_zone_fits(ngx_http_msync_shctx_t *sh);
static ngx_int_t ngx_http_msync_zone_create(ngx_http_msync_site_t *site);
static void ngx_http_msync_zone_inherit(ngx_http_msync_site_t *site,
    ngx_shm_zone_t *shm_zone);
static void ngx_http_msync_zone_adopt(ngx_http_msync_site_t *site,
    ngx_http_msync_shctx_t *old);
static void ngx_http_msync_zone_compose(ngx_http_msync_site_t *site,
    ngx_uint_t state, u_char *tail, size_t len);
static u_char *ngx_http_msync_zone_error(ngx_http_msync_shctx_t *sh,
    u_char *p);
static u_char *ngx_http_msync_zone_will(ngx_http_msync_site_t *site,
    u_char *p);
static ngx_uint_t ngx_http_msync_zone_same(ngx_http_msync_site_t *site,
    u_char *rest, u_char *last);
static void ngx_http_msync_zone_count(ngx_http_msync_site_t *site,
    msync_status_frame_t *fields);
static ngx_int_t ngx_http_msync_zone_set(ngx_http_msync_site_t *site,
    ngx_http_msync_text_t *text, char *what, u_char *data, size_t len);


/* a status document: the helper's part fits a frame, the rest is ours */

#define NGX_HTTP_MSYNC_STATUS_MAX                                             \
    (MSYNC_FRAME_MAX + 1024 + 6 * NGX_HTTP_MSYNC_REASON_MAX)


static char  *ngx_http_msync_states[] = MSYNC_STATE_NAMES;
static char  *ngx_http_msync_documents[] = { "history", "errors", "settings" };


char *
ngx_http_msync_add_zone(ngx_conf_t *cf, ngx_http_msync_site_t *site)
{
    ngx_str_t  name;

    name.len = sizeof("msync:") - 1 + site->name.len;

    name.data = ngx_pnalloc(cf->pool, name.len);
    if (name.data == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_sprintf(name.data, "msync:%V", &site->name);

    site->shm_zone = ngx_shared_memory_add(cf, &name, site->zone_size,
                                           &ngx_http_msync_module);
    if (site->shm_zone == NULL) {
        return NGX_CONF_ERROR;
    }

    site->shm_zone->init = ngx_http_msync_init_zone;
    site->shm_zone->data = site;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_msync_init_zone(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_http_msync_site_t *osite = data;

    ngx_http_msync_site_t  *site;

    site = shm_zone->data;

    site->shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (osite || shm_zone->shm.exists) {

        site->sh = site->shpool->data;

        if (ngx_http_msync_zone_fits(site->sh)) {
            return NGX_OK;
        }

        ngx_log_error(NGX_LOG_WARN, shm_zone->shm.log, 0,
                      "zone of msync_site \"%V\" was left by another version "
                      "of the module, it is begun anew", &site->name);
    }

    /* an exhausted zone is reported with the parameter that cures it */

    site->shpool->log_nomem = 0;

    if (ngx_http_msync_zone_create(site) != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "\"zone\" of msync_site \"%V\" is too small",
                      &site->name);
        return NGX_ERROR;
    }

    if (osite == NULL) {
        ngx_http_msync_zone_inherit(site, shm_zone);
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_msync_zone_fits(ngx_http_msync_shctx_t *sh)
{
    return sh->magic == NGX_HTTP_MSYNC_ZONE_MAGIC
           && sh->layout == NGX_HTTP_MSYNC_ZONE_LAYOUT
           && sh->size == sizeof(ngx_http_msync_shctx_t);
}


static ngx_int_t
ngx_http_msync_zone_create(ngx_http_msync_site_t *site)
{
    ngx_time_t              *tp;
    ngx_http_msync_shctx_t  *sh;

    sh = ngx_slab_calloc(site->shpool, sizeof(ngx_http_msync_shctx_t));
    if (sh == NULL) {
        return NGX_ERROR;
    }

    tp = ngx_timeofday();

    sh->magic = NGX_HTTP_MSYNC_ZONE_MAGIC;
    sh->layout = NGX_HTTP_MSYNC_ZONE_LAYOUT;
    sh->size = sizeof(ngx_http_msync_shctx_t);
    sh->generation = (uint64_t) tp->sec * 1000 + tp->msec;
    sh->gone = ngx_current_msec;

    site->sh = sh;
    site->shpool->data = sh;

    ngx_http_msync_zone_stopped(site, NULL);

    return sh->status.data ? NGX_OK : NGX_ERROR;
}


/*
 * A zone of another size is another zone: what was promised in the old one
 * is carried over.
 */

static void
ngx_http_msync_zone_inherit(ngx_http_msync_site_t *site,
    ngx_shm_zone_t *shm_zone)
{
    ngx_uint_t               i;
    ngx_shm_zone_t          *zone;
    ngx_list_part_t         *part;
    ngx_http_msync_site_t   *old;

    part = (ngx_list_part_t *) &ngx_cycle->shared_memory.part;
    zone = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return;
            }

            part = part->next;
            zone = part->elts;
            i = 0;
        }

        if (zone[i].tag != shm_zone->tag
            || zone[i].data == NULL
            || zone[i].shm.name.len != shm_zone->shm.name.len
            || ngx_strncmp(zone[i].shm.name.data, shm_zone->shm.name.data,
                           shm_zone->shm.name.len)
               != 0)
        {
            continue;
        }

        old = zone[i].data;

        if (old->sh && ngx_http_msync_zone_fits(old->sh)) {
            ngx_shmtx_lock(&old->shpool->mutex);
            ngx_http_msync_zone_adopt(site, old->sh);
            ngx_shmtx_unlock(&old->shpool->mutex);
        }

        return;
    }
}


static void
ngx_http_msync_zone_adopt(ngx_http_msync_site_t *site,
    ngx_http_msync_shctx_t *old)
{
    ngx_uint_t               i;
    ngx_http_msync_shctx_t  *sh;

    sh = site->sh;

    sh->generation = ngx_max(sh->generation, old->generation + 1);
    sh->fields = old->fields;
    sh->totals = old->totals;
    sh->counted = old->counted;
    sh->starts = old->starts;
    sh->spawns = old->spawns;
    sh->reported = old->reported;
    sh->reason_len = old->reason_len;
    ngx_memcpy(sh->reason, old->reason, old->reason_len);

    sh->sequence = old->sequence;
    ngx_memcpy(sh->wanted, old->wanted, sizeof(sh->wanted));
    ngx_memcpy(sh->done, old->done, sizeof(sh->done));
    ngx_memcpy(sh->patients, old->patients, sizeof(sh->patients));

    if (old->helper == 0) {
        sh->gone = old->gone;
    }

    if (old->will.len) {
        (void) ngx_http_msync_zone_set(site, &sh->will, "status",
                                       old->will.data, old->will.len);
    }

    for (i = 0; i < MSYNC_DOCUMENT_MAX; i++) {
        if (old->documents[i].len) {
            ngx_http_msync_zone_document(site, i, old->documents[i].data,
                                         old->documents[i].len);
        }
    }

    ngx_http_msync_zone_compose(site, sh->fields.state,
                                old->status.data + old->status_tail,
                                old->status.len - old->status_tail);
}


/* the latest worker 0 owns the site, an older one is on its way out */

void
ngx_http_msync_zone_own(ngx_http_msync_site_t *site)
{
    ngx_http_msync_shctx_t  *sh;

    sh = site->sh;

    ngx_shmtx_lock(&site->shpool->mutex);

    site->owner = ++sh->owners;

    /* one that crashed could not say that its helper has gone */

    if (sh->helper) {
        sh->helper = 0;
        sh->gone = ngx_current_msec;
    }

    ngx_shmtx_unlock(&site->shpool->mutex);
}


ngx_uint_t
ngx_http_msync_zone_owned(ngx_http_msync_site_t *site)
{
    ngx_uint_t  owned;

    ngx_shmtx_lock(&site->shpool->mutex);

    owned = (site->owner == site->sh->owners);

    ngx_shmtx_unlock(&site->shpool->mutex);

    return owned;
}


uint64_t
ngx_http_msync_zone_spawn(ngx_http_msync_site_t *site)
{
    uint64_t  spawn;

    ngx_shmtx_lock(&site->shpool->mutex);

    spawn = ++site->sh->spawns;

    ngx_shmtx_unlock(&site->shpool->mutex);

    return spawn;
}


void
ngx_http_msync_zone_started(ngx_http_msync_site_t *site)
{
    ngx_shmtx_lock(&site->shpool->mutex);

    site->sh->helper = site->helper.spawn;
    site->sh->starts++;
    site->sh->status_version++;

    ngx_shmtx_unlock(&site->shpool->mutex);
}


void
ngx_http_msync_zone_ended(ngx_http_msync_site_t *site)
{
    ngx_http_msync_shctx_t  *sh;

    sh = site->sh;

    ngx_shmtx_lock(&site->shpool->mutex);

    /* there may be a later one already */

    if (sh->helper == site->helper.spawn) {
        sh->helper = 0;
        sh->gone = ngx_current_msec;
        sh->status_version++;
    }

    ngx_shmtx_unlock(&site->shpool->mutex);
}


/* why there is no helper: told to users while the site is stopped */

void
ngx_http_msync_zone_reason(ngx_http_msync_site_t *site, char *reason)
{
    ngx_uint_t               stopped;
    ngx_http_msync_shctx_t  *sh;

    sh = site->sh;

    ngx_shmtx_lock(&site->shpool->mutex);

    sh->reason_len = ngx_min(ngx_strlen(reason), NGX_HTTP_MSYNC_REASON_MAX);
    ngx_memcpy(sh->reason, reason, sh->reason_len);

    stopped = (sh->fields.state == MSYNC_STATE_STOPPED);

    ngx_shmtx_unlock(&site->shpool->mutex);

    if (stopped) {
        ngx_http_msync_zone_stopped(site, NULL);
    }
}


/* no helper has run for so long that nothing can be promised */

ngx_uint_t
ngx_http_msync_zone_gone(ngx_http_msync_site_t *site)
{
    ngx_uint_t  gone;

    ngx_shmtx_lock(&site->shpool->mutex);

    gone = (site->sh->helper == 0
            && (ngx_msec_int_t) (ngx_current_msec - site->sh->gone)
               > NGX_HTTP_MSYNC_GONE);

    ngx_shmtx_unlock(&site->shpool->mutex);

    return gone;
}


/* until a helper has looked into the database, the configuration counts */

ngx_uint_t
ngx_http_msync_zone_configured(ngx_http_msync_site_t *site)
{
    ngx_uint_t  configured;

    ngx_shmtx_lock(&site->shpool->mutex);

    if (site->sh->reported) {
        configured = (site->sh->fields.flags & MSYNC_STATUS_CONFIGURED) != 0;

    } else {
        configured = (site->url.data && site->username.data
                      && (site->password_file.data
                          || site->password_sha256.data));
    }

    ngx_shmtx_unlock(&site->shpool->mutex);

    return configured;
}


void
ngx_http_msync_zone_status(ngx_http_msync_site_t *site,
    msync_status_frame_t *fields, u_char *doc, u_char *will)
{
    ngx_uint_t               news;
    ngx_http_msync_shctx_t  *sh;

    sh = site->sh;

    ngx_shmtx_lock(&site->shpool->mutex);

    /* a later worker 0 has a helper that knows better */

    if (site->owner < sh->reporter) {
        ngx_shmtx_unlock(&site->shpool->mutex);
        return;
    }

    sh->reporter = site->owner;
    sh->reported = 1;
    sh->reason_len = 0;

    news = (ngx_memcmp(&sh->fields, fields, sizeof(msync_status_frame_t)) != 0);

    if (news) {
        ngx_http_msync_zone_count(site, fields);
        sh->fields = *fields;
        sh->status_version++;
    }

    if (sh->will.len != fields->will_length
        || ngx_memcmp(sh->will.data, will, fields->will_length) != 0)
    {
        (void) ngx_http_msync_zone_set(site, &sh->will, "status", will,
                                       fields->will_length);
    }

    ngx_shmtx_unlock(&site->shpool->mutex);

    ngx_http_msync_zone_compose(site, fields->state, doc, fields->doc_length);
}


/* no helper reports: the last one's will is served, with the reason */

void
ngx_http_msync_zone_stopped(ngx_http_msync_site_t *site, char *reason)
{
    ngx_http_msync_shctx_t  *sh;

    sh = site->sh;

    ngx_shmtx_lock(&site->shpool->mutex);

    if (site->owner < sh->owners) {
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

    ngx_http_msync_zone_compose(site, MSYNC_STATE_STOPPED, NULL, 0);
}


void
ngx_http_msync_zone_document(ngx_http_msync_site_t *site,
    ngx_uint_t document, u_char *data, size_t len)
{
    ngx_http_msync_text_t   *text;
    ngx_http_msync_shctx_t  *sh;

    sh = site->sh;
    text = &sh->documents[document];

    ngx_shmtx_lock(&site->shpool->mutex);

    if (site->owner >= sh->reporter
        && (text->len != len || ngx_memcmp(text->data, data, len) != 0))
    {
        (void) ngx_http_msync_zone_set(site, text,
                                       ngx_http_msync_documents[document],
                                       data, len);
    }

    ngx_shmtx_unlock(&site->shpool->mutex);
}


/*
 * Puts the status document together.  Without a tail the will is taken.  The
 * generation grows only when something else in the document has changed.
 */

static void
ngx_http_msync_zone_compose(ngx_http_msync_site_t *site, ngx_uint_t state,
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
        p = ngx_http_msync_zone_error(sh, p);
    }

    part = p;
    p = tail ? ngx_cpymem(p, tail, len) : ngx_http_msync_zone_will(site, p);

    if (!ngx_http_msync_zone_same(site, rest, p)
        && ngx_http_msync_zone_set(site, &sh->status, "status", doc, p - doc)
           == NGX_OK)
    {
        sh->generation++;
        sh->status.generation = sh->generation;
        sh->status_tail = part - doc;
        sh->status_version++;
    }

    ngx_shmtx_unlock(&site->shpool->mutex);

    ngx_free(doc);
}


static u_char *
ngx_http_msync_zone_error(ngx_http_msync_shctx_t *sh, u_char *p)
{
    p = ngx_sprintf(p, "\"error\":{\"variant\":\"HELPER_STOPPED\","
                       "\"fullError\":\"");

    p = (u_char *) ngx_escape_json(p, sh->reason, sh->reason_len);

    return ngx_cpymem(p, "\"},", 3);
}


static u_char *
ngx_http_msync_zone_will(ngx_http_msync_site_t *site, u_char *p)
{
    time_t  interval;

    if (site->sh->will.len) {
        return ngx_cpymem(p, site->sh->will.data, site->sh->will.len);
    }

    interval = site->interval == NGX_CONF_UNSET ? NGX_HTTP_MSYNC_INTERVAL
                                                : site->interval;

    return ngx_sprintf(p, "\"initialisationStatus\":\"PRE_INITIALISATION\","
                          "\"numberOfRecordsInPushQueue\":0,"
                          "\"integrationErrors\":0,"
                          "\"intervalSeconds\":%T,"
                          "\"nextSync\":null,"
                          "\"syncStatus\":null}", interval);
}


/* is all the same behind the generation? */

static ngx_uint_t
ngx_http_msync_zone_same(ngx_http_msync_site_t *site, u_char *rest,
    u_char *last)
{
    u_char                 *p, *end;
    ngx_http_msync_text_t  *old;

    old = &site->sh->status;

    if (old->len == 0) {
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
ngx_http_msync_zone_count(ngx_http_msync_site_t *site,
    msync_status_frame_t *fields)
{
    msync_status_frame_t     last;
    ngx_http_msync_shctx_t  *sh;

    sh = site->sh;

    if (sh->counted == site->helper.spawn) {
        last = sh->fields;

    } else {
        ngx_memzero(&last, sizeof(msync_status_frame_t));
        sh->counted = site->helper.spawn;
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


/*
 * Replaces a text; called with the mutex held.  What does not fit beside the
 * old text is written over it, and where that is too short as well the old
 * text stays.
 */

static ngx_int_t
ngx_http_msync_zone_set(ngx_http_msync_site_t *site,
    ngx_http_msync_text_t *text, char *what, u_char *data, size_t len)
{
    u_char      *p;
    ngx_time_t  *tp;

    p = ngx_slab_alloc_locked(site->shpool, len);

    if (p) {
        ngx_memcpy(p, data, len);

        if (text->data) {
            ngx_slab_free_locked(site->shpool, text->data);
        }

        text->data = p;
        text->size = len;

    } else if (len <= text->size) {
        text->len = 0;
        ngx_memcpy(text->data, data, len);

    } else {
        if (!text->refused) {
            text->refused = 1;
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "msync %V: no room for %uz bytes of the %s document, "
                          "increase \"zone\" of msync_site \"%V\" "
                          "beyond %uz", &site->name, len, what, &site->name,
                          site->zone_size);
        }

        return NGX_ERROR;
    }

    tp = ngx_timeofday();

    text->len = len;
    text->refused = 0;
    text->generation = ngx_max(text->generation + 1,
                               (uint64_t) tp->sec * 1000 + tp->msec);

    return NGX_OK;
}
