/*
 * What is different while much is written: the page cache and the log.
 */

#ifndef MSYNC_STORE_BULK_H
#define MSYNC_STORE_BULK_H

#include "store/store.h"

/* a larger page cache and log; off, this connection does not fill tables any
 * more either (fill.h) */
int msync_store_bulk(msync_store_t *store, bool on, msync_err_t *err);

#endif /* MSYNC_STORE_BULK_H */
