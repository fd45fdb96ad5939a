/*
 * A consistent copy of the database.
 */

#ifndef MSYNC_STORE_BACKUP_H
#define MSYNC_STORE_BACKUP_H

#include "store/store.h"

/* a consistent copy into a file that must not exist yet, with the rights of
 * the database; it has its name when it is whole */
int msync_store_backup(msync_store_t *store, const char *path,
    msync_err_t *err);

#endif /* MSYNC_STORE_BACKUP_H */
