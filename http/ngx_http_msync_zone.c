/*
 * The zone of a site: how it is made and handed on, and the texts in it.
 *
 * A zone is made by the master and kept over reloads.  It is never changed
 * in its init handler when it lives already, because the configuration that
 * is being read may still be refused.
 *
 * The status is replaced by a new piece of memory where there is room, so
 * that a worker which dies half-way leaves the old one whole.  A list that
 * fits is written over the one before: pieces of ever other sizes would leave
 * only gaps, and whoever comes after that worker is told the lists again.
 */

#include "ngx_http_msync.h"

#include <ngx_md5.h>


#define NGX_HTTP_MSYNC_ZONE_MAGIC   0x6d73796e
#define NGX_HTTP_MSYNC_ZONE_LAYOUT  6


static ngx_int_t ngx_http_msync_zone_init(ngx_shm_zone_t *shm_zone,
    void *data);
static ngx_uint_t ngx_http_msync_zone_fits(ngx_http_msync_shctx_t *sh);
static ngx_int_t ngx_http_msync_zone_create(ngx_http_msync_site_t *site);
static void ngx_http_msync_zone_adopt(ngx_http_msync_site_t *site,
    ngx_http_msync_shctx_t *old);
static void ngx_http_msync_zone_repeat(ngx_http_msync_site_t *site);
static void ngx_http_msync_zone_database(ngx_http_msync_site_t *site,
    u_char *database);
static ngx_uint_t ngx_http_msync_zone_of_another(ngx_http_msync_site_t *site);
static void ngx_http_msync_zone_forget(ngx_http_msync_site_t *site);
static void ngx_http_msync_zone_clear(ngx_http_msync_site_t *site,
    ngx_http_msync_text_t *text);
static uint64_t ngx_http_msync_zone_now(void);


/* asks for the zone of a site, which nginx makes when all is read */

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

    site->shm_zone->init = ngx_http_msync_zone_init;
    site->shm_zone->data = site;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_msync_zone_init(ngx_shm_zone_t *shm_zone, void *data)
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

        /* What is in it is not freed: the workers of before still use it.  Nor
         * does that add up: a module that nginx loads anew is at another
         * address, which is the tag of its zones, so it gets new ones. */
    }

    /* an exhausted zone is reported with the parameter that cures it */

    site->shpool->log_nomem = 0;

    if (ngx_http_msync_zone_create(site) != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "\"zone\" of msync_site \"%V\" is too small",
                      &site->name);
        return NGX_ERROR;
    }

    site->created = 1;

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
    ngx_http_msync_shctx_t  *sh;

    sh = ngx_slab_calloc(site->shpool, sizeof(ngx_http_msync_shctx_t));
    if (sh == NULL) {
        return NGX_ERROR;
    }

    sh->magic = NGX_HTTP_MSYNC_ZONE_MAGIC;
    sh->layout = NGX_HTTP_MSYNC_ZONE_LAYOUT;
    sh->size = sizeof(ngx_http_msync_shctx_t);
    sh->generation = ngx_http_msync_zone_now();
    sh->ended = ngx_current_msec;

    ngx_http_msync_zone_database(site, sh->database);

    site->sh = sh;
    site->shpool->data = sh;

    ngx_http_msync_report_stopped(site, NULL);

    return sh->status.data ? NGX_OK : NGX_ERROR;
}


/*
 * A zone of another size is another zone: what was promised in the old one,
 * which the master still has, is carried over.  From then on the old one
 * promises nothing.
 */

void
ngx_http_msync_zone_inherit(ngx_http_msync_site_t *site)
{
    ngx_str_t               *name;
    ngx_uint_t               i;
    ngx_shm_zone_t          *zone;
    ngx_list_part_t         *part;
    ngx_http_msync_site_t   *old;

    if (!site->created) {
        return;
    }

    name = &site->shm_zone->shm.name;

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

        if (zone[i].tag != site->shm_zone->tag
            || zone[i].data == NULL
            || zone[i].shm.name.len != name->len
            || ngx_strncmp(zone[i].shm.name.data, name->data, name->len) != 0)
        {
            continue;
        }

        old = zone[i].data;

        if (old->sh && old->shpool != site->shpool
            && ngx_http_msync_zone_fits(old->sh))
        {
            ngx_shmtx_lock(&old->shpool->mutex);

            ngx_http_msync_zone_adopt(site, old->sh);
            (void) ngx_http_msync_owner_event(&old->sh->owner,
                                              NGX_HTTP_MSYNC_OWNER_MOVE);

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

    ngx_memcpy(sh->database, old->database, sizeof(sh->database));

    sh->generation = ngx_max(sh->generation, old->generation + 1);
    sh->fields = old->fields;
    sh->totals = old->totals;
    sh->starts = old->starts;
    sh->reported = old->reported;
    sh->reason_len = old->reason_len;
    ngx_memcpy(sh->reason, old->reason, old->reason_len);

    sh->sequence = old->sequence;
    ngx_memcpy(sh->wanted, old->wanted, sizeof(sh->wanted));
    ngx_memcpy(sh->done, old->done, sizeof(sh->done));
    ngx_memcpy(sh->patients, old->patients, sizeof(sh->patients));

    if (old->owner.helper == 0) {
        sh->ended = old->ended;
    }

    if (old->stopped.len) {
        (void) ngx_http_msync_zone_set(site, &sh->stopped, "status",
                                       old->stopped.data, old->stopped.len);
    }

    for (i = 0; i < MSYNC_DOCUMENT_MAX; i++) {
        if (old->documents[i].len) {
            ngx_http_msync_report_document(site, i, old->documents[i].data,
                                           old->documents[i].len);
        }
    }

    /* not before: of the master, which is no worker 0, nothing is heard then */

    ngx_http_msync_owner_inherit(&sh->owner, &old->owner);

    ngx_http_msync_report_compose(site, sh->fields.state,
                                  old->status.data + old->status_tail,
                                  old->status.len - old->status_tail);
}


/* a worker 0 is sure to come, however late: called by the master */

void
ngx_http_msync_zone_accept(ngx_http_msync_site_t *site)
{
    ngx_uint_t               effects;
    ngx_http_msync_shctx_t  *sh;

    sh = site->sh;

    ngx_shmtx_lock(&site->shpool->mutex);

    effects = ngx_http_msync_owner_event(&sh->owner,
                                         NGX_HTTP_MSYNC_OWNER_ACCEPT);

    if (effects & NGX_HTTP_MSYNC_OWNER_RESUMED) {
        sh->generation = ngx_max(sh->generation, ngx_http_msync_zone_now());
    }

    ngx_shmtx_unlock(&site->shpool->mutex);

    if (effects & NGX_HTTP_MSYNC_OWNER_RESUMED) {
        ngx_http_msync_zone_repeat(site);
    }
}


/*
 * The status as it is, for its generation has jumped and stands in it, too.  It
 * is read without the mutex: the worker 0 of before, which shuts down, has let
 * go of its helper and writes no more, and no other one has begun.
 */

static void
ngx_http_msync_zone_repeat(ngx_http_msync_site_t *site)
{
    ngx_http_msync_shctx_t  *sh;

    sh = site->sh;

    ngx_http_msync_report_compose(site, sh->fields.state,
                                  sh->status.data + sh->status_tail,
                                  sh->status.len - sh->status_tail);
}


/*
 * This worker 0 owns the site, an older one is on its way out.  Returns the
 * effects of the event BEGIN, see ngx_http_msync_owner.h.
 */

ngx_uint_t
ngx_http_msync_zone_begin(ngx_http_msync_site_t *site)
{
    ngx_uint_t               another, helper, effects;
    ngx_http_msync_shctx_t  *sh;

    sh = site->sh;

    ngx_shmtx_lock(&site->shpool->mutex);

    helper = (sh->owner.helper != 0);

    effects = ngx_http_msync_owner_event(&sh->owner,
                                         NGX_HTTP_MSYNC_OWNER_BEGIN);
    site->term = sh->owner.term;

    /* one that crashed could not say that its helper has ended */

    if (helper) {
        sh->ended = ngx_current_msec;
    }

    if (effects & NGX_HTTP_MSYNC_OWNER_RESUMED) {
        sh->generation = ngx_max(sh->generation, ngx_http_msync_zone_now());
    }

    another = ngx_http_msync_zone_of_another(site);

    if (another) {
        ngx_http_msync_zone_forget(site);
    }

    ngx_shmtx_unlock(&site->shpool->mutex);

    if (another) {
        ngx_http_msync_report_stopped(site, NULL);
        ngx_http_msync_ring();

    } else if (effects & NGX_HTTP_MSYNC_OWNER_RESUMED) {
        ngx_http_msync_zone_repeat(site);
    }

    return effects;
}


static void
ngx_http_msync_zone_database(ngx_http_msync_site_t *site, u_char *database)
{
    ngx_md5_t  md5;

    ngx_md5_init(&md5);
    ngx_md5_update(&md5, site->database.data, site->database.len);
    ngx_md5_final(database, &md5);
}


/* whether what is known is of another database than the site has now */

static ngx_uint_t
ngx_http_msync_zone_of_another(ngx_http_msync_site_t *site)
{
    u_char  database[16];

    ngx_http_msync_zone_database(site, database);

    return ngx_memcmp(site->sh->database, database, sizeof(database)) != 0;
}


/*
 * The site has another database now, which may be out of reach: what was known
 * is of the one before, and so is what its helper may still report.
 */

static void
ngx_http_msync_zone_forget(ngx_http_msync_site_t *site)
{
    ngx_uint_t               i;
    ngx_http_msync_shctx_t  *sh;

    sh = site->sh;

    ngx_http_msync_zone_database(site, sh->database);
    ngx_http_msync_zone_clear(site, &sh->stopped);

    for (i = 0; i < MSYNC_DOCUMENT_MAX; i++) {
        ngx_http_msync_zone_clear(site, &sh->documents[i]);
    }

    ngx_memzero(&sh->fields, sizeof(sh->fields));
    ngx_memzero(&sh->patients, sizeof(sh->patients));

    sh->owner.reporter = ngx_http_msync_owner_helper(site->term, 0);
    sh->reported = 0;
    sh->reason_len = 0;
}


/* the generation stays, so that no ETag comes again */

static void
ngx_http_msync_zone_clear(ngx_http_msync_site_t *site,
    ngx_http_msync_text_t *text)
{
    if (text->data) {
        ngx_slab_free_locked(site->shpool, text->data);
    }

    text->data = NULL;
    text->len = 0;
    text->size = 0;
    text->refused = 0;
}


/* this worker 0 shuts down: requests that wait may have no answer to come */

void
ngx_http_msync_zone_quit(ngx_http_msync_site_t *site)
{
    ngx_shmtx_lock(&site->shpool->mutex);

    ngx_http_msync_owner_quit(&site->sh->owner, site->term);
    site->sh->answer_version++;

    ngx_shmtx_unlock(&site->shpool->mutex);
}


/* whether this worker 0 owns the zone: no later one has begun */

ngx_uint_t
ngx_http_msync_zone_owned(ngx_http_msync_site_t *site)
{
    ngx_uint_t  owned;

    ngx_shmtx_lock(&site->shpool->mutex);

    owned = (site->term == site->sh->owner.term);

    ngx_shmtx_unlock(&site->shpool->mutex);

    return owned;
}


/* the helper of this process has said HELLO */

void
ngx_http_msync_zone_started(ngx_http_msync_site_t *site)
{
    ngx_http_msync_shctx_t  *sh;

    sh = site->sh;

    ngx_shmtx_lock(&site->shpool->mutex);

    if (ngx_http_msync_owner_hello(&sh->owner, site->helper.id)) {
        sh->status_version++;
    }

    sh->starts++;

    ngx_shmtx_unlock(&site->shpool->mutex);
}


/* the helper of this process has ended, in whatever way */

void
ngx_http_msync_zone_ended(ngx_http_msync_site_t *site)
{
    ngx_http_msync_shctx_t  *sh;

    sh = site->sh;

    ngx_shmtx_lock(&site->shpool->mutex);

    if (ngx_http_msync_owner_end(&sh->owner, site->helper.id)) {
        sh->ended = ngx_current_msec;
        sh->status_version++;
    }

    ngx_shmtx_unlock(&site->shpool->mutex);
}


/* how far the database has come, as the last helper has said: into
 * MSYNC_MOVED_MAX octets, "" where none has */

void
ngx_http_msync_zone_moved(ngx_http_msync_site_t *site, char *moved)
{
    ngx_shmtx_lock(&site->shpool->mutex);

    ngx_memcpy(moved, site->sh->fields.moved, MSYNC_MOVED_MAX);

    ngx_shmtx_unlock(&site->shpool->mutex);
}


/* whether no helper has run for so long that nothing can be promised */

ngx_uint_t
ngx_http_msync_zone_stopped(ngx_http_msync_site_t *site)
{
    ngx_uint_t  stopped;

    ngx_shmtx_lock(&site->shpool->mutex);

    stopped = (site->sh->owner.helper == 0
               && (ngx_msec_int_t) (ngx_current_msec - site->sh->ended)
                  > NGX_HTTP_MSYNC_STOPPED);

    ngx_shmtx_unlock(&site->shpool->mutex);

    return stopped;
}


/*
 * Whether a trigger is taken: there are settings.  Until a helper has looked
 * into the database, which may have such as were saved on the page, nobody
 * knows, and what is asked for waits.
 */

ngx_uint_t
ngx_http_msync_zone_configured(ngx_http_msync_site_t *site)
{
    ngx_uint_t  configured;

    ngx_shmtx_lock(&site->shpool->mutex);

    configured = (!site->sh->reported
                  || (site->sh->fields.flags & MSYNC_STATUS_CONFIGURED));

    ngx_shmtx_unlock(&site->shpool->mutex);

    return configured;
}


/*
 * Replaces a text; called with the mutex held.  What is of whole pages, or
 * does not fit beside the old text, is written over it, and where that is too
 * short the old text stays, NGX_ERROR.
 */

ngx_int_t
ngx_http_msync_zone_set(ngx_http_msync_site_t *site,
    ngx_http_msync_text_t *text, char *what, u_char *data, size_t len)
{
    u_char  *p;

    p = (text->size > ngx_pagesize && len <= text->size)
        ? NULL : ngx_slab_alloc_locked(site->shpool, len);

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

    text->len = len;
    text->refused = 0;
    text->generation = ngx_max(text->generation + 1,
                               ngx_http_msync_zone_now());

    return NGX_OK;
}


/* where generations begin: more than there were changes before */

static uint64_t
ngx_http_msync_zone_now(void)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    return (uint64_t) tp->sec * 1000 + tp->msec;
}
