/*
 * Records on their way between a central server and the site database, and
 * the batches that they travel in, whatever the protocol.
 */

#ifndef MSYNC_RECORD_H
#define MSYNC_RECORD_H

#include "base/err.h"

typedef enum {
    MSYNC_ACTION_UPSERT = 0,
    MSYNC_ACTION_DELETE,
    MSYNC_ACTION_MERGE,
    MSYNC_ACTION_UNKNOWN         /* kept and reported, never integrated */
} msync_action_e;

/* where a table is pushed to or pulled from, a mask */
#define MSYNC_LEGACY    1        /* mSupply central, API v5 */
#define MSYNC_OMSUPPLY  2        /* Open mSupply central, API v6 */
#define MSYNC_V7        4        /* Open mSupply central, sync v7 */

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
    /* what v7's envelope says of the row, NULL: nothing */
    char            *store;
    char            *transfer_store;
    char            *patient;
} msync_record_t;

typedef struct {
    msync_record_t  *records;
    size_t           n;
    int64_t          next;       /* cursor to ask for next in this step */
    int64_t          had;        /* the cursor that is written down with the
                                    batch: nothing up to it is wanted again */
    int64_t          remaining;  /* records left, this batch included; where
                                    `passed` is set, a distance */
    int64_t          passed;     /* what of it this batch is, in cursors; 0:
                                    its records count */
    int64_t          max;        /* the server's highest cursor, -1: not
                                    said */
    bool             short_of;   /* `max` is below one that the server had
                                    before, so it was restored */
    bool             last;       /* nothing follows */
} msync_batch_t;


/* adds an empty record and returns it, valid until the next add */
msync_record_t *msync_batch_add(msync_batch_t *batch);

/* takes the record that was added last out again */
void msync_batch_drop(msync_batch_t *batch);

/* puts the records into the order of their cursors; equal ones stay as they
 * came */
void msync_batch_sort(msync_batch_t *batch);

/* frees what a record owns, not the record itself */
void msync_record_clear(msync_record_t *record);

/* frees what the batch owns and zeroes it; not the batch itself */
void msync_batch_clear(msync_batch_t *batch);

#endif /* MSYNC_RECORD_H */
