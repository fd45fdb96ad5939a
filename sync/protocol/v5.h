/*
 * API v5: what mSupply central (the legacy server) speaks.  The emulator of
 * t/central/lib/Central/V5.pm has each call with its answers.
 */

#ifndef MSYNC_V5_H
#define MSYNC_V5_H

#include "transfer/transfer.h"
#include "protocol/peer.h"

#define MSYNC_V5_VERSION    14
#define MSYNC_V5_INIT_WAIT  1800000   /* ms */
#define MSYNC_V5_UPGRADE_WAIT  30000  /* ms without an octet */
#define MSYNC_V5_EMPTY_MAX  10000     /* empty batches in a row that are no
                                         end: then no progress is made */

typedef struct msync_v5_s  msync_v5_t;

/* the answer of GET site; strings owned, freed by msync_v5_site_clear */
typedef struct {
    char     *uuid;
    char     *code;
    char     *name;
    char     *initialisation_status;  /* "new", "started", "completed" … */
    char     *v6_url;                 /* "" if not configured */
    char     *sync_version;           /* "v7", or another word; NULL: the
                                         server knows nothing of v7 */
    bool      is_v6_central;          /* this site is Open mSupply central
                                         itself */
    int64_t   site_id;
    int64_t   central_site_id;        /* 0: not said */
} msync_v5_site_t;

typedef enum {
    MSYNC_V5_IDLE = 0,
    MSYNC_V5_SYNC_IS_RUNNING,
    MSYNC_V5_INTEGRATING,
    MSYNC_V5_INITIALISING,
    MSYNC_V5_OTHER_STATUS             /* one that is not known here */
} msync_v5_status_e;

/* url is copied, http borrowed; the calls below wait for the answer and return
 * MSYNC_OK or MSYNC_ERROR */
msync_v5_t *msync_v5_create(msync_transfer_t *http, const char *url);
void msync_v5_free(msync_v5_t **v5);

/* GET site; there is nothing to clear after MSYNC_ERROR */
int msync_v5_site(msync_v5_t *v5, msync_v5_site_t *site, msync_err_t *err);
void msync_v5_site_clear(msync_v5_site_t *site);

/*
 * POST initialise; waits as long as the server needs (MSYNC_V5_INIT_WAIT ms
 * without an octet).  It is sent once: a lost connection is CONNECTION_ERROR
 * or TIMEOUT, and the server may be at work.  *queue_length: the records that
 * wait there for this site.
 */
int msync_v5_initialise(msync_v5_t *v5, int64_t *queue_length,
    msync_err_t *err);

/*
 * GET v7_url_and_upgrade: makes the site one of sync v7 over there and says
 * where that is spoken; *url is owned by the caller.  It may be asked again.
 */
int msync_v5_upgrade(msync_v5_t *v5, char **url, msync_err_t *err);

/* GET site_status: what the server does for this site */
int msync_v5_site_status(msync_v5_t *v5, msync_v5_status_e *status,
    msync_err_t *err);

/* pull: central_records; cursors are kept */
void msync_v5_central_peer(msync_v5_t *v5, msync_peer_t *peer);

/* push and pull: queued_records; the pull is acknowledged, no cursor */
void msync_v5_remote_peer(msync_v5_t *v5, msync_peer_t *peer);

#endif /* MSYNC_V5_H */
