/*
 * A site of v5 and v6 becomes one of v7.
 */

#ifndef MSYNC_STORE_UPGRADE_H
#define MSYNC_STORE_UPGRADE_H

#include "store/store.h"

/*
 * Inside a transaction: from its commit on the site speaks v7 at `url`, NULL:
 * at the address that it has, which led from `former`.  What was not sent goes
 * by v7, which brings what stands behind `cursor`, 0: everything.
 */
int msync_store_upgrade(msync_store_t *store, const char *former,
    const char *url, int64_t cursor, msync_err_t *err);

/* where v7 is spoken, if the address `url` has led there; owned by the caller,
 * NULL: there itself */
int msync_store_v7_address(msync_store_t *store, const char *url,
    char **address, msync_err_t *err);

#endif /* MSYNC_STORE_UPGRADE_H */
