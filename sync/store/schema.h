/*
 * The schema: what it is made of and whether it still is.
 */

#ifndef MSYNC_STORE_SCHEMA_H
#define MSYNC_STORE_SCHEMA_H

#include "store/store.h"

/* the SQL that makes the schema, for the `schema` command; msync_free it */
char *msync_store_schema(const msync_catalogue_t *catalogue);

/*
 * The tables file of the catalogue that the database was last opened with to
 * write, owned by the caller; "" for the built-in catalogue alone, NULL where
 * that is not known.
 */
int msync_store_tables_file(msync_store_t *store, char **path,
    msync_err_t *err);

/* an error, with what to do, where a database has nothing of msync's yet */
int msync_store_expect_schema(msync_store_t *store, msync_err_t *err);

#endif /* MSYNC_STORE_SCHEMA_H */
