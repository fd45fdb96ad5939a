/*
 * The conflicts of a row, as SQLite calls them: other rows that it would not
 * let stand beside it.
 */

#ifndef MSYNC_STORE_CONFLICT_PRIVATE_H
#define MSYNC_STORE_CONFLICT_PRIVATE_H

#include "store/store_private.h"

#define MSYNC_CONFLICTS_MAX  64

/* conditions on a row of the table that is in the way of NEW, in a trigger */
typedef struct {
    char    *texts[MSYNC_CONFLICTS_MAX];   /* owned */
    size_t   n;
    bool     unseen;               /* the table has a UNIQUE that is not among
                                      them */
    bool     to_itself;            /* a row that goes takes others of the
                                      table along */
} msync_conflicts_t;

/* reads the conflicts that rows of the table can have now; to be cleared after
 * an error, too */
int msync_store_conflicts_read(msync_store_t *store, const msync_table_t *table,
    msync_conflicts_t *conflicts, msync_err_t *err);
void msync_store_conflicts_clear(msync_conflicts_t *conflicts);

#endif /* MSYNC_STORE_CONFLICT_PRIVATE_H */
