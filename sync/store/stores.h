/*
 * The stores that are active on this site, and their patients.
 */

#ifndef MSYNC_STORE_STORES_H
#define MSYNC_STORE_STORES_H

#include "store/store.h"

/* whether a patient is here, as a row, under the id of the one that it was
 * merged into, or as a record that waits in the buffer, a delete too */
int msync_store_has_patient(msync_store_t *store, const char *patient,
    bool *has, msync_err_t *err);

/* whether a store is active on this site; NULL is none */
int msync_store_is_ours(msync_store_t *store, const char *id, bool *ours,
    msync_err_t *err);

typedef struct {
    char  *store;                /* owned, as is the id */
    char  *id;                   /* of the name_store_join */
} msync_store_join_t;

/*
 * The join of a patient to a store that is active on this site: the one that
 * is there, else one that is to be made for its first store, with the same id
 * whenever it is asked for.  SITE_HAS_NO_STORE where there is none.
 */
int msync_store_patient_join(msync_store_t *store, const char *patient,
    msync_store_join_t *join, msync_err_t *err);
void msync_store_join_clear(msync_store_join_t *join);

#endif /* MSYNC_STORE_STORES_H */
