/*
 * Records of a batch, as the tests of the store and of the protocols make
 * them.
 */

#ifndef MSYNC_TEST_BATCH_H
#define MSYNC_TEST_BATCH_H

#include <string.h>

#include "catalogue/record.h"


/* adds an upsert to a batch, or a delete where there is no data */

static inline msync_record_t *
batch_add(msync_batch_t *batch, const char *table, const char *id,
    const char *data)
{
    msync_record_t  *record;

    record = msync_batch_add(batch);
    record->table = msync_strdup(table);
    record->id = msync_strdup(id);
    record->action = data ? MSYNC_ACTION_UPSERT : MSYNC_ACTION_DELETE;
    record->data = msync_strdup(data);
    record->data_length = data ? strlen(data) : 0;

    return record;
}

#endif /* MSYNC_TEST_BATCH_H */
