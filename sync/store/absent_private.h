/*
 * What refers to rows that central does not have any more.
 */

#ifndef MSYNC_STORE_ABSENT_PRIVATE_H
#define MSYNC_STORE_ABSENT_PRIVATE_H

#include "store/absent.h"
#include "store/store_private.h"

/* the reason of a row until it is known whether what refers to it stays */
#define MSYNC_ABSENT_UNDECIDED                                                \
    "other records that central does not have refer to it"

typedef struct {
    char  *id;                     /* owned */
    bool   changed;
    /* as msync_store_referrers_scan() finds, by references without an index */
    bool   by_others;
    bool   by_its_own;             /* by rows of its own table, which may be
                                      removed before it */
} msync_absent_row_t;

typedef struct {
    msync_store_t        *store;       /* borrowed, as is the table */
    const msync_table_t  *table;
    bool                  staying;     /* see msync_store_referrers_open */
    sqlite3_stmt         *each;        /* all are owned; whether ?1 is referred
                                          to, where references have an index */
    sqlite3_stmt         *its_own;     /* whether ?1 is by rows of its own
                                          table, without one */
    sqlite3_stmt         *scan;        /* which of ?2 to ?3 are by others,
                                          without one */
} msync_referrers_t;


/* Opens for rows of one table; `staying`: a reference from a row that is
 * undecided counts for nothing.  To be closed after an error, too. */
int msync_store_referrers_open(msync_store_t *store,
    const msync_table_t *table, bool staying, msync_referrers_t *referrers,
    msync_err_t *err);
void msync_store_referrers_close(msync_referrers_t *referrers);

/* n > 0 rows in the order of their ids, as msync_absent lists them; what is
 * found holds until another connection changes the database */
int msync_store_referrers_scan(msync_referrers_t *referrers,
    msync_absent_row_t *rows, size_t n, msync_err_t *err);

/* whether anything refers to a row that was scanned */
int msync_store_referrers_found(msync_referrers_t *referrers,
    const msync_absent_row_t *row, bool *found, msync_err_t *err);

#endif /* MSYNC_STORE_ABSENT_PRIVATE_H */
