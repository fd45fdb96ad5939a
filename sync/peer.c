/*
 * Owns the memory of a batch.  Records are kept in one array that doubles,
 * so that a batch costs a handful of allocations beside its strings.
 */

#include "peer.h"

#include <stdlib.h>
#include <string.h>


#define PEER_BATCH_MIN  16       /* records, a power of two */


static void peer_record_clear(msync_record_t *record);


msync_record_t *
msync_batch_add(msync_batch_t *batch)
{
    msync_record_t  *records;

    /* full whenever n is a power of two from PEER_BATCH_MIN on */

    if (batch->n == 0) {
        batch->records = msync_calloc(PEER_BATCH_MIN, sizeof(*records));

    } else if (batch->n >= PEER_BATCH_MIN
               && (batch->n & (batch->n - 1)) == 0)
    {
        records = msync_calloc(batch->n, 2 * sizeof(*records));
        memcpy(records, batch->records, batch->n * sizeof(*records));
        free(batch->records);
        batch->records = records;
    }

    return &batch->records[batch->n++];
}


void
msync_batch_clear(msync_batch_t *batch)
{
    size_t  i;

    for (i = 0; i < batch->n; i++) {
        peer_record_clear(&batch->records[i]);
    }

    free(batch->records);
    memset(batch, 0, sizeof(*batch));
}


static void
peer_record_clear(msync_record_t *record)
{
    msync_free(&record->table);
    msync_free(&record->id);
    msync_free(&record->data);
    msync_free(&record->out_id);
}
