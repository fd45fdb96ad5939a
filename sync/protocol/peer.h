/*
 * What a step needs of a central server, whatever protocol it speaks.
 *
 * A peer is a table of calls, filled by a function of v5.h, v6.h or v7.h; calls
 * that a protocol does not have are NULL.  All calls wait for the answer
 * (transfer/ keeps the control channel alive meanwhile) and return MSYNC_OK or
 * MSYNC_ERROR.  The run that uses a peer may add `pull_max` and `pull_mark`.
 */

#ifndef MSYNC_PEER_H
#define MSYNC_PEER_H

#include "catalogue/record.h"

/* key_value_store ids that a peer names; the other ids are in store/kv.h */
#define MSYNC_KEY_PUSH_CURSOR           "REMOTE_SYNC_PUSH_CURSOR"
#define MSYNC_KEY_PUSH_V6_CURSOR        "SYNC_PUSH_CURSOR_V6"
#define MSYNC_KEY_PUSH_V6_OPEN          "MSYNC_PUSH_V6_OPEN"
#define MSYNC_KEY_PUSH_V7_CURSOR        "SYNC_PUSH_CURSOR_V7"
#define MSYNC_KEY_PUSH_V7_OPEN          "MSYNC_PUSH_V7_OPEN"
#define MSYNC_KEY_PULL_CENTRAL_CURSOR   "CENTRAL_SYNC_PULL_CURSOR"
#define MSYNC_KEY_PULL_V6_CURSOR        "SYNC_PULL_CURSOR_V6"
#define MSYNC_KEY_PULL_V7_CURSOR        "SYNC_PULL_CURSOR_V7"

typedef struct msync_peer_s  msync_peer_t;

struct msync_peer_s {
    const char  *name;           /* for logs and errors: "mSupply central" */
    unsigned     side;           /* MSYNC_LEGACY, MSYNC_OMSUPPLY, MSYNC_V7 */
    const char  *push_cursor;    /* key_value_store ids, NULL: none is kept */
    const char  *pull_cursor;
    const char  *pull_max;       /* of the highest cursor seen there */
    const char  *pull_mark;      /* of a mark that the pull cursor is of the
                                    present kind, see `adopt` */
    const char  *push_open;      /* of whether what the server was given may
                                    wait there for a last batch; NULL: it never
                                    does */
    /* each push ends with an empty last batch, even when nothing waited */
    bool         push_end;
    /* each push has a last batch, an empty one where nothing waited, and to
     * wait until it is integrated is a step of its own */
    bool         push_always;
    void        *data;           /* borrowed, the protocol's own */

    /*
     * Sends a batch (its `remaining` counts this batch too; `last` ends the
     * push and starts integration over there).  An empty last batch is
     * allowed.  What a failure says of the records is told by its variant and
     * http_status; a CENTRAL_ERROR of the scope MSYNC_SCOPE_RUN: the server is
     * busy and did nothing.
     */
    int  (*push)(msync_peer_t *peer, const msync_batch_t *batch,
             msync_err_t *err);

    /*
     * Asks for `limit` records from `cursor` on, of which somewhat more may
     * come, into an empty batch, which the caller frees; it is empty again
     * after MSYNC_ERROR.  `had` is the cursor that is kept, of the last record
     * that came, 0: none did; `cursor` lies behind it where an empty answer led
     * on.  `next`, `had` and `last` of the batch are always set; when `last`, n
     * may still be > 0.
     */
    int  (*pull)(msync_peer_t *peer, int64_t cursor, int64_t had,
             unsigned limit, msync_batch_t *batch, msync_err_t *err);

    /*
     * Makes a cursor of the present kind of one that a former release has
     * kept, 0: everything is asked for again; NULL: there is one kind only.
     */
    int  (*adopt)(msync_peer_t *peer, int64_t *cursor, msync_err_t *err);

    /* tells that the batch is committed here; NULL: not needed.  An HTTP_ERROR
     * of the scope MSYNC_SCOPE_RECORD: a smaller batch may pass. */
    int  (*ack)(msync_peer_t *peer, const msync_batch_t *batch,
             msync_err_t *err);

    /* whether the server is still integrating what was pushed */
    int  (*busy)(msync_peer_t *peer, bool *busy, msync_err_t *err);
};

#endif /* MSYNC_PEER_H */
