/*
 * How a process learns that another one has changed a zone.
 *
 * One eventfd is made by the master and shared by all workers, those of the
 * configurations before and after a reload too.  Nobody reads it: each write
 * is an edge for every epoll that has it.  Its connection is idle for nginx,
 * which calls it when the worker has to exit.
 *
 * Where the event method is not epoll, a timer looks at the zones.
 */

#include "ngx_http_msync.h"

#include <sys/eventfd.h>


#define NGX_HTTP_MSYNC_TICK_WAITERS  250             /* ms */
#define NGX_HTTP_MSYNC_TICK_OWNER    1000            /* ms */


static void ngx_http_msync_doorbell_close(void *data);
static void ngx_http_msync_doorbell_handler(ngx_event_t *ev);
static void ngx_http_msync_doorbell_tick_handler(ngx_event_t *ev);
static void ngx_http_msync_doorbell_tick(ngx_http_msync_main_conf_t *mcf);
static void ngx_http_msync_doorbell_look(ngx_http_msync_main_conf_t *mcf);
static void ngx_http_msync_doorbell_shut_down(ngx_http_msync_main_conf_t *mcf);


/* of the current cycle of this process */

static ngx_socket_t  ngx_http_msync_doorbell = (ngx_socket_t) -1;


/* in the master, for the workers of a configuration that was accepted */

ngx_int_t
ngx_http_msync_doorbell_create(ngx_cycle_t *cycle)
{
    ngx_socket_t        *fd;
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(cycle->pool, sizeof(ngx_socket_t));
    if (cln == NULL) {
        return NGX_ERROR;
    }

    fd = cln->data;

    /* workers of the old and the new configuration share the zones */

    if (ngx_http_msync_doorbell == (ngx_socket_t) -1) {
        *fd = eventfd(0, EFD_NONBLOCK|EFD_CLOEXEC);

    } else {
        *fd = fcntl(ngx_http_msync_doorbell, F_DUPFD_CLOEXEC, 0);
    }

    if (*fd == (ngx_socket_t) -1) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                      "eventfd() for msync failed");
        return NGX_ERROR;
    }

    cln->handler = ngx_http_msync_doorbell_close;

    ngx_http_msync_doorbell = *fd;

    return NGX_OK;
}


static void
ngx_http_msync_doorbell_close(void *data)
{
    ngx_socket_t *fd = data;

    if (close(*fd) == -1) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      "close() eventfd failed");
    }

    if (ngx_http_msync_doorbell == *fd) {
        ngx_http_msync_doorbell = (ngx_socket_t) -1;
    }
}


/* in a worker that begins */

ngx_int_t
ngx_http_msync_doorbell_listen(ngx_cycle_t *cycle,
    ngx_http_msync_main_conf_t *mcf)
{
    ngx_event_t       *rev;
    ngx_connection_t  *c;

    c = ngx_get_connection(ngx_http_msync_doorbell, cycle->log);
    if (c == NULL) {
        return NGX_ERROR;
    }

    c->idle = 1;
    c->data = mcf;

    rev = c->read;
    rev->handler = ngx_http_msync_doorbell_handler;
    rev->log = cycle->log;

    /* not a client: nginx need not wait for it nor complain about it */

    rev->channel = 1;
    c->write->channel = 1;

    mcf->tick.handler = ngx_http_msync_doorbell_tick_handler;
    mcf->tick.data = mcf;
    mcf->tick.log = cycle->log;
    mcf->tick.cancelable = 1;

    if (ngx_event_flags & NGX_USE_EPOLL_EVENT) {
        return ngx_add_event(rev, NGX_READ_EVENT, NGX_CLEAR_EVENT);
    }

    ngx_http_msync_doorbell_tick(mcf);

    return NGX_OK;
}


/* the zone of a site was changed: wakes every worker, this one too; it never
 * waits */

void
ngx_http_msync_ring(void)
{
    uint64_t  one;

    one = 1;

    if (write(ngx_http_msync_doorbell, &one, sizeof(uint64_t)) == -1) {
        ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                      "write() to eventfd failed");
    }
}


static void
ngx_http_msync_doorbell_handler(ngx_event_t *ev)
{
    ngx_connection_t            *c;
    ngx_http_msync_main_conf_t  *mcf;

    c = ev->data;

    if (c->close) {
        c->close = 0;
        c->idle = 0;

        ngx_http_msync_doorbell_shut_down(c->data);
        return;
    }

    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, ev->log, 0, "msync doorbell");

    /* without a master process that of c->data may be an earlier one */

    mcf = ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                              ngx_http_msync_module);
    if (mcf) {
        ngx_http_msync_doorbell_look(mcf);
    }
}


static void
ngx_http_msync_doorbell_tick_handler(ngx_event_t *ev)
{
    ngx_http_msync_doorbell_look(ev->data);
    ngx_http_msync_doorbell_tick(ev->data);
}


/* only where there is no doorbell, and only while somebody waits for it */

static void
ngx_http_msync_doorbell_tick(ngx_http_msync_main_conf_t *mcf)
{
    if ((ngx_event_flags & NGX_USE_EPOLL_EVENT) || ngx_terminate) {
        return;
    }

    if (mcf->waiters) {
        ngx_add_timer(&mcf->tick, NGX_HTTP_MSYNC_TICK_WAITERS);

    } else if (mcf->owner && !ngx_exiting) {
        ngx_add_timer(&mcf->tick, NGX_HTTP_MSYNC_TICK_OWNER);
    }
}


/* what is new in the zones, each of whose versions has its own readers */

static void
ngx_http_msync_doorbell_look(ngx_http_msync_main_conf_t *mcf)
{
    ngx_uint_t                i;
    ngx_atomic_uint_t         version;
    ngx_http_msync_site_t    *site, **sites;
    ngx_http_msync_shctx_t   *sh;

    sites = mcf->sites.elts;

    for (i = 0; i < mcf->sites.nelts; i++) {
        site = sites[i];
        sh = site->sh;

        version = sh->status_version;

        if (site->status_seen != version) {
            site->status_seen = version;
            ngx_http_msync_polls_wake(site, 0);
            ngx_http_msync_events_wake(site);
        }

        version = sh->answer_version;

        if (site->answer_seen != version) {
            site->answer_seen = version;
            ngx_http_msync_answers_wake(site);
        }

        version = sh->wanted_version;

        if (site->wanted_seen != version) {
            site->wanted_seen = version;
            ngx_http_msync_helper_pump(site);
        }
    }
}


/*
 * The worker shuts down gracefully: streams and long polls would keep it for
 * long, and the helper has to make place for that of the next worker 0.
 * Requests that wait for an answer go on waiting, if one can still come.
 */

static void
ngx_http_msync_doorbell_shut_down(ngx_http_msync_main_conf_t *mcf)
{
    ngx_uint_t               i;
    ngx_http_msync_site_t  **site;

    site = mcf->sites.elts;

    for (i = 0; i < mcf->sites.nelts; i++) {
        ngx_http_msync_helper_release(site[i]);
        ngx_http_msync_events_close(site[i]);
        ngx_http_msync_polls_wake(site[i], 1);
        ngx_http_msync_answers_wake(site[i]);
    }
}


/* what a request needs to wait; it is undone when the request is freed */

ngx_http_msync_waiter_t *
ngx_http_msync_waiter(ngx_http_request_t *r, ngx_http_msync_site_t *site)
{
    ngx_pool_cleanup_t       *cln;
    ngx_http_msync_waiter_t  *waiter;

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_msync_waiter_t));
    if (cln == NULL) {
        return NULL;
    }

    waiter = cln->data;

    ngx_memzero(waiter, sizeof(ngx_http_msync_waiter_t));

    waiter->request = r;
    waiter->site = site;
    waiter->timer.data = waiter;
    waiter->timer.log = r->connection->log;
    waiter->timer.cancelable = 1;

    cln->handler = ngx_http_msync_unwait;

    return waiter;
}


/* puts a request into a queue of its site, by its link */

void
ngx_http_msync_enqueue(ngx_http_request_t *r, ngx_queue_t *link,
    ngx_queue_t *queue)
{
    ngx_http_msync_main_conf_t  *mcf;

    ngx_queue_insert_tail(queue, link);

    mcf = ngx_http_get_module_main_conf(r, ngx_http_msync_module);

    if (mcf->waiters++ == 0) {
        ngx_http_msync_doorbell_tick(mcf);
    }
}


/* takes it out of that queue; nothing where it is in none */

void
ngx_http_msync_dequeue(ngx_http_request_t *r, ngx_queue_t *link)
{
    ngx_http_msync_main_conf_t  *mcf;

    if (link->next == NULL) {
        return;
    }

    ngx_queue_remove(link);
    link->next = NULL;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_msync_module);
    mcf->waiters--;
}


/* a request begins to wait in a queue of its site */

void
ngx_http_msync_wait(ngx_http_msync_waiter_t *waiter, ngx_queue_t *queue)
{
    ngx_http_msync_enqueue(waiter->request, &waiter->queue, queue);
}


/* ends the wait: timer, queue and slot; the handler of a cleanup as well */

void
ngx_http_msync_unwait(void *data)
{
    ngx_http_msync_waiter_t *waiter = data;

    if (waiter->timer.timer_set) {
        ngx_del_timer(&waiter->timer);
    }

    ngx_http_msync_dequeue(waiter->request, &waiter->queue);

    if (waiter->id) {
        ngx_http_msync_slot_close(waiter->site, waiter->id);
        waiter->id = 0;
    }
}
