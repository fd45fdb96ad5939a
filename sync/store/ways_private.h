/*
 * What is in the way of a row.
 */

#ifndef MSYNC_STORE_WAYS_PRIVATE_H
#define MSYNC_STORE_WAYS_PRIVATE_H

#include "store/store_private.h"

#define MSYNC_WAYS_MAX  64

/* conditions on a row of the table that is in the way of NEW, in a trigger */
typedef struct {
    char    *texts[MSYNC_WAYS_MAX];        /* owned */
    size_t   n;
    bool     unseen;               /* there is one that is not among them */
    bool     to_itself;            /* a row that goes takes others of the
                                      table along */
} msync_ways_t;

/* those that are there now; is to be cleared after an error, too */
int msync_store_ways_read(msync_store_t *store, const msync_table_t *table,
    msync_ways_t *ways, msync_err_t *err);
void msync_store_ways_clear(msync_ways_t *ways);

#endif /* MSYNC_STORE_WAYS_PRIVATE_H */
