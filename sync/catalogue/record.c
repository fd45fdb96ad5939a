/*
 * Owns the memory of a batch.  Records are kept in one array that doubles,
 * so that a batch costs a handful of allocations beside its strings.
 */

#include "catalogue/record.h"

#include <stdlib.h>
#include <string.h>


#define RECORD_BATCH_MIN  16       /* records, a power of two */


typedef struct {
    int64_t  cursor;
    size_t   at;
} record_place_t;


static int record_place_compare(const void *a, const void *b);


msync_record_t *
msync_batch_add(msync_batch_t *batch)
{
    msync_record_t  *records;

    /* full whenever n is a power of two from RECORD_BATCH_MIN on */

    if (batch->n == 0) {
        batch->records = msync_calloc(RECORD_BATCH_MIN, sizeof(*records));

    } else if (batch->n >= RECORD_BATCH_MIN
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
msync_batch_drop(msync_batch_t *batch)
{
    msync_record_t  *record = &batch->records[--batch->n];

    msync_record_clear(record);
    memset(record, 0, sizeof(*record));

    if (batch->n == 0) {
        free(batch->records);
        batch->records = NULL;
    }
}


void
msync_batch_clear(msync_batch_t *batch)
{
    size_t  i;

    for (i = 0; i < batch->n; i++) {
        msync_record_clear(&batch->records[i]);
    }

    free(batch->records);
    memset(batch, 0, sizeof(*batch));
}


void
msync_batch_sort(msync_batch_t *batch)
{
    size_t           i;
    record_place_t  *places;
    msync_record_t  *records;

    for (i = 1; i < batch->n; i++) {
        if (batch->records[i].cursor < batch->records[i - 1].cursor) {
            break;
        }
    }

    if (i >= batch->n) {
        return;
    }

    places = msync_calloc(batch->n, sizeof(*places));
    records = msync_calloc(batch->n, sizeof(*records));
    memcpy(records, batch->records, batch->n * sizeof(*records));

    for (i = 0; i < batch->n; i++) {
        places[i].cursor = records[i].cursor;
        places[i].at = i;
    }

    qsort(places, batch->n, sizeof(*places), record_place_compare);

    for (i = 0; i < batch->n; i++) {
        batch->records[i] = records[places[i].at];
    }

    free(records);
    free(places);
}


static int
record_place_compare(const void *a, const void *b)
{
    const record_place_t  *x = a, *y = b;

    if (x->cursor != y->cursor) {
        return x->cursor < y->cursor ? -1 : 1;
    }

    return x->at < y->at ? -1 : 1;
}


void
msync_record_clear(msync_record_t *record)
{
    msync_free(&record->table);
    msync_free(&record->id);
    msync_free(&record->data);
    msync_free(&record->out_id);
    msync_free(&record->store);
    msync_free(&record->transfer_store);
    msync_free(&record->patient);
}
