/*
 * What a step needs of a central server, whatever protocol it speaks.
 *
 * A peer is a table of calls filled by v5.c or v6.c; calls that a protocol
 * does not have are NULL.  All calls wait for the answer (http.c keeps the
 * control channel alive meanwhile) and return MSYNC_OK or MSYNC_ERROR.
 */

#ifndef MSYNC_PEER_H
#define MSYNC_PEER_H

#include "err.h"

typedef enum {
    MSYNC_ACTION_UPSERT = 0,
    MSYNC_ACTION_DELETE,
    MSYNC_ACTION_MERGE,
    MSYNC_ACTION_UNKNOWN         /* kept and reported, never integrated */
} msync_action_e;

/* where a table is pushed to or pulled from, a mask */
#define MSYNC_LEGACY    1
#define MSYNC_OMSUPPLY  2

/*
 * One record on its way, all strings owned by the batch.  Pulled records
 * always have a table, "" when what came could not be used, an id, which is
 * made of the data where none came, and data that is well-formed JSON.
 */
typedef struct {
    char            *table;      /* wire name */
    char            *id;         /* recordId */
    msync_action_e   action;
    char            *data;       /* recordData as JSON text, NULL: none */
    size_t           data_length;
    int64_t          cursor;     /* the server's, or ours when pushed */
    char            *out_id;     /* v5 syncOutId, NULL: none, cannot be
                                    acknowledged */
} msync_record_t;

typedef struct {
    msync_record_t  *records;
    size_t           n;
    int64_t          next;       /* cursor to ask for next */
    int64_t          remaining;  /* records left, this batch included */
    int64_t          max;        /* the server's highest cursor, -1: not
                                    said; below the cursor asked for on an
                                    empty batch: it was restored */
    bool             last;       /* nothing follows */
} msync_batch_t;

typedef struct msync_peer_s  msync_peer_t;

struct msync_peer_s {
    const char  *name;           /* for logs and errors: "mSupply central" */
    unsigned     side;           /* MSYNC_LEGACY or MSYNC_OMSUPPLY */
    const char  *push_cursor;    /* key_value_store ids, NULL: none is kept */
    const char  *pull_cursor;
    const char  *pull_max;       /* … of the highest cursor seen there */
    /* each push ends with an empty last batch, even when nothing waited */
    bool         push_end;
    void        *data;           /* borrowed, the protocol's own */

    /*
     * Sends a batch (its "remaining" counts this batch too; "last" ends the
     * push and starts integration over there).  An empty last batch is
     * allowed.  The scope MSYNC_SCOPE_RECORD says that the server refuses
     * what is in the batch, or its size: a smaller one may pass.
     */
    int  (*push)(msync_peer_t *peer, const msync_batch_t *batch,
             msync_err_t *err);

    /*
     * Brings at most "limit" records from "cursor" on into an empty batch,
     * which the caller frees; it is empty again after MSYNC_ERROR.  "next"
     * and "last" are always set; when "last", n may still be > 0.
     */
    int  (*pull)(msync_peer_t *peer, int64_t cursor, unsigned limit,
             msync_batch_t *batch, msync_err_t *err);

    /* tells that the batch is committed here; NULL: not needed */
    int  (*ack)(msync_peer_t *peer, const msync_batch_t *batch,
             msync_err_t *err);

    /* whether the server is still integrating what was pushed */
    int  (*busy)(msync_peer_t *peer, bool *busy, msync_err_t *err);
};

/* adds an empty record and returns it, valid until the next add */
msync_record_t *msync_batch_add(msync_batch_t *batch);

/* puts the records into the order of their cursors; equal ones stay as they
 * came */
void msync_batch_sort(msync_batch_t *batch);

/* frees what the batch owns and zeroes it; not the batch itself */
void msync_batch_clear(msync_batch_t *batch);

#endif /* MSYNC_PEER_H */
