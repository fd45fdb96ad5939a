/*
 * Who owns a zone: the worker 0 whose helper serves the site.
 *
 * Several may live at a time, because the one of before ends while the next
 * one begins.  All of this is in shared memory and changed under its mutex;
 * nothing here knows nginx, so that every cell of the table is tested alone.
 */

#ifndef NGX_HTTP_MSYNC_OWNER_H
#define NGX_HTTP_MSYNC_OWNER_H

#include <stdint.h>


typedef enum {
    NGX_HTTP_MSYNC_OWNER_NEW = 0,  /* made, its configuration may be refused */
    NGX_HTTP_MSYNC_OWNER_AWAITED,  /* the first worker 0 is to come */
    NGX_HTTP_MSYNC_OWNER_OWNED,    /* the latest worker 0 works */
    NGX_HTTP_MSYNC_OWNER_RELOADED, /* it works, a later one is to come */
    NGX_HTTP_MSYNC_OWNER_BETWEEN,  /* it shuts down, a later one is to come */
    NGX_HTTP_MSYNC_OWNER_OVER,     /* it shuts down, and none is to come */
    NGX_HTTP_MSYNC_OWNER_MOVED,    /* another zone has taken its place */
    NGX_HTTP_MSYNC_OWNER_STATES
} ngx_http_msync_owner_state_e;


typedef enum {
    NGX_HTTP_MSYNC_OWNER_ACCEPT = 0,   /* the master takes a configuration */
    NGX_HTTP_MSYNC_OWNER_BEGIN,        /* a worker 0 begins */
    NGX_HTTP_MSYNC_OWNER_QUIT,         /* the latest one shuts down */
    NGX_HTTP_MSYNC_OWNER_QUIT_OLDER,   /* an earlier one shuts down */
    NGX_HTTP_MSYNC_OWNER_MOVE,         /* a zone of another size takes over */
    NGX_HTTP_MSYNC_OWNER_HELLO,        /* a helper runs */
    NGX_HTTP_MSYNC_OWNER_END,          /* a helper has ended */
    NGX_HTTP_MSYNC_OWNER_EVENTS
} ngx_http_msync_owner_event_e;


/* what an event means, beside the next state */

/* a new worker 0 owns the zone */
#define NGX_HTTP_MSYNC_OWNER_TERM     0x01

/* a helper of before may not be over */
#define NGX_HTTP_MSYNC_OWNER_FOLLOWS  0x02

/* a helper that is there now may not be over: its worker crashed, or is about
 * to end it */
#define NGX_HTTP_MSYNC_OWNER_HELPER   0x04

/* another zone was served meanwhile, so the generation has to go on from it */
#define NGX_HTTP_MSYNC_OWNER_RESUMED  0x08

/* the worker 0 of before has crashed */
#define NGX_HTTP_MSYNC_OWNER_CRASHED  0x10

/* somebody has reloaded nginx */
#define NGX_HTTP_MSYNC_OWNER_RELOAD   0x20


typedef struct {
    unsigned  next;                    /* ngx_http_msync_owner_state_e */
    unsigned  effects;
} ngx_http_msync_owner_cell_t;


/* a helper's id has its worker's term in the upper half, so later is greater */

typedef struct {
    uint32_t  state;                   /* ngx_http_msync_owner_state_e */
    uint64_t  term;                    /* worker 0s that there have been */
    uint64_t  helper;                  /* the one that runs, 0: none */
    uint64_t  reporter;                /* the one that has reported last */
} ngx_http_msync_owner_t;


extern const ngx_http_msync_owner_cell_t
    ngx_http_msync_owner_table[NGX_HTTP_MSYNC_OWNER_STATES]
                              [NGX_HTTP_MSYNC_OWNER_EVENTS];


/* returns the effects; TERM and FOLLOWS mean what is so */
unsigned ngx_http_msync_owner_event(ngx_http_msync_owner_t *owner,
    unsigned event);

/* a zone that was just made takes the place of another one, whose helper may
 * not be over: the worker 0 of before shuts down, as in a reload */
void ngx_http_msync_owner_inherit(ngx_http_msync_owner_t *owner,
    const ngx_http_msync_owner_t *before);

/* the worker 0 of that term shuts down */
void ngx_http_msync_owner_quit(ngx_http_msync_owner_t *owner, uint64_t term);

/* whether a command or a request that is put into the zone would be done */
unsigned ngx_http_msync_owner_takes(const ngx_http_msync_owner_t *owner);

/* the n-th helper of a worker */
uint64_t ngx_http_msync_owner_helper(uint64_t term, uint32_t n);

/* return whether it is another one that runs now, or none */
unsigned ngx_http_msync_owner_hello(ngx_http_msync_owner_t *owner,
    uint64_t helper);
unsigned ngx_http_msync_owner_end(ngx_http_msync_owner_t *owner,
    uint64_t helper);

/* whether what a helper of that worker says counts: no later one's has
 * reported */
unsigned ngx_http_msync_owner_hears(const ngx_http_msync_owner_t *owner,
    uint64_t term);


#endif /* NGX_HTTP_MSYNC_OWNER_H */
