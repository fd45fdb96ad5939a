/*
 * Who owns a zone, as a table of states and events.
 *
 * A binary upgrade is a QUIT without an ACCEPT: the new binary has a zone of
 * its own.  Where it is taken back, the old master's next worker 0 finds the
 * zone OVER.  A crash of a worker is not noticed before the next one begins.
 */

#include "ngx_http_msync_owner.h"


#define NEW       NGX_HTTP_MSYNC_OWNER_NEW
#define AWAITED   NGX_HTTP_MSYNC_OWNER_AWAITED
#define OWNED     NGX_HTTP_MSYNC_OWNER_OWNED
#define RELOADED  NGX_HTTP_MSYNC_OWNER_RELOADED
#define BETWEEN   NGX_HTTP_MSYNC_OWNER_BETWEEN
#define OVER      NGX_HTTP_MSYNC_OWNER_OVER
#define MOVED     NGX_HTTP_MSYNC_OWNER_MOVED

#define TERM      NGX_HTTP_MSYNC_OWNER_TERM
#define FOLLOWS   NGX_HTTP_MSYNC_OWNER_FOLLOWS
#define HELPER    NGX_HTTP_MSYNC_OWNER_HELPER
#define RESUMED   NGX_HTTP_MSYNC_OWNER_RESUMED
#define CRASHED   NGX_HTTP_MSYNC_OWNER_CRASHED
#define RELOAD    NGX_HTTP_MSYNC_OWNER_RELOAD


/* what cannot be, as the end of a worker 0 that never began, changes nothing */

const ngx_http_msync_owner_cell_t
ngx_http_msync_owner_table[NGX_HTTP_MSYNC_OWNER_STATES]
                          [NGX_HTTP_MSYNC_OWNER_EVENTS] =
{
    /* NEW */
    {
        { AWAITED,  0 },                                /* ACCEPT */
        { OWNED,    TERM },                             /* BEGIN */
        { NEW,      0 },                                /* QUIT */
        { NEW,      0 },                                /* QUIT_OLDER */
        { MOVED,    0 },                                /* MOVE */
        { NEW,      0 },                                /* HELLO */
        { NEW,      0 }                                 /* END */
    },

    /* AWAITED */
    {
        { AWAITED,  0 },
        { OWNED,    TERM },
        { AWAITED,  0 },
        { AWAITED,  0 },
        { MOVED,    0 },
        { AWAITED,  0 },
        { AWAITED,  0 }
    },

    /* OWNED */
    {
        { RELOADED, 0 },
        { OWNED,    TERM|HELPER|CRASHED },
        { OVER,     0 },
        { OWNED,    0 },
        { MOVED,    0 },
        { OWNED,    0 },
        { OWNED,    0 }
    },

    /* RELOADED */
    {
        { RELOADED, 0 },
        { OWNED,    TERM|HELPER|RELOAD },
        { BETWEEN,  0 },
        { RELOADED, 0 },
        { MOVED,    0 },
        { RELOADED, 0 },
        { RELOADED, 0 }
    },

    /* BETWEEN */
    {
        { BETWEEN,  0 },
        { OWNED,    TERM|FOLLOWS|RELOAD },
        { BETWEEN,  0 },
        { BETWEEN,  0 },
        { MOVED,    0 },
        { BETWEEN,  0 },
        { BETWEEN,  0 }
    },

    /* OVER */
    {
        { BETWEEN,  RESUMED },
        { OWNED,    TERM|FOLLOWS|RESUMED },
        { OVER,     0 },
        { OVER,     0 },
        { MOVED,    0 },
        { OVER,     0 },
        { OVER,     0 }
    },

    /* MOVED: for good, the one that has taken its place is served */
    {
        { MOVED,    0 },
        { MOVED,    TERM|HELPER },
        { MOVED,    0 },
        { MOVED,    0 },
        { MOVED,    0 },
        { MOVED,    0 },
        { MOVED,    0 }
    }
};


unsigned
ngx_http_msync_owner_event(ngx_http_msync_owner_t *owner, unsigned event)
{
    unsigned                            effects;
    const ngx_http_msync_owner_cell_t  *cell;

    cell = &ngx_http_msync_owner_table[owner->state][event];

    owner->state = cell->next;
    effects = cell->effects;

    if ((effects & HELPER) && owner->helper) {
        effects |= FOLLOWS;
    }

    if (effects & TERM) {
        owner->term++;
        owner->helper = 0;
    }

    return effects & ~(unsigned) HELPER;
}


void
ngx_http_msync_owner_inherit(ngx_http_msync_owner_t *owner,
    const ngx_http_msync_owner_t *before)
{
    owner->term = before->term;
    owner->reporter = before->reporter;

    if (before->helper || before->state == BETWEEN || before->state == OVER) {
        owner->state = BETWEEN;
    }
}


void
ngx_http_msync_owner_quit(ngx_http_msync_owner_t *owner, uint64_t term)
{
    (void) ngx_http_msync_owner_event(owner, term == owner->term
                                             ? NGX_HTTP_MSYNC_OWNER_QUIT
                                             : NGX_HTTP_MSYNC_OWNER_QUIT_OLDER);
}


unsigned
ngx_http_msync_owner_takes(const ngx_http_msync_owner_t *owner)
{
    return owner->state != OVER && owner->state != MOVED;
}


uint64_t
ngx_http_msync_owner_helper(uint64_t term, uint32_t n)
{
    return term << 32 | n;
}


/*
 * Of two workers during a reload the older one may hear of its own helper
 * later: that one's end would leave the site without a helper.
 */

unsigned
ngx_http_msync_owner_hello(ngx_http_msync_owner_t *owner, uint64_t helper)
{
    (void) ngx_http_msync_owner_event(owner, NGX_HTTP_MSYNC_OWNER_HELLO);

    if (helper <= owner->helper) {
        return 0;
    }

    owner->helper = helper;

    return 1;
}


unsigned
ngx_http_msync_owner_end(ngx_http_msync_owner_t *owner, uint64_t helper)
{
    (void) ngx_http_msync_owner_event(owner, NGX_HTTP_MSYNC_OWNER_END);

    if (helper != owner->helper) {
        return 0;
    }

    owner->helper = 0;

    return 1;
}


unsigned
ngx_http_msync_owner_hears(const ngx_http_msync_owner_t *owner, uint64_t term)
{
    return term >= owner->reporter >> 32;
}
