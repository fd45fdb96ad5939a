/*
 * Foreign keys by which the application lets a delete take other rows along, or
 * empty their references: ON DELETE CASCADE, SET NULL, SET DEFAULT, as many a
 * framework declares by itself where it rebuilds a table.
 *
 * Promises: a delete of central's changes no other row of its tables, for
 * central would not know of that; what the application's own tables lose by
 * it is the application's matter.
 */

#include "store/store_private.h"


static sqlite3_stmt *cascade_keys(msync_store_t *store, msync_err_t *err);
static int cascade_look(msync_store_t *store, msync_err_t *err);
static int cascade_has_row(msync_store_t *store, const msync_table_t *table,
    const msync_table_t *other, const char *id, sqlite3_stmt *keys,
    bool *has, msync_err_t *err);


/* those of the table ?1 to the table ?2, NULL: to any */

static sqlite3_stmt *
cascade_keys(msync_store_t *store, msync_err_t *err)
{
    return msync_store_stmt(store, MSYNC_STMT_CASCADES, "SELECT 1, \"from\", "
               "\"to\" FROM pragma_foreign_key_list(?1) WHERE on_delete NOT "
               "IN ('NO ACTION', 'RESTRICT') AND (?2 IS NULL OR \"table\" = "
               "?2 COLLATE NOCASE)", err);
}


/* whether there is any, which is asked of each schema once */

static int
cascade_look(msync_store_t *store, msync_err_t *err)
{
    size_t         i;
    sqlite3_stmt  *keys;

    if (store->cascades_seen == store->triggers_seen) {
        return MSYNC_OK;
    }

    keys = cascade_keys(store, err);
    if (keys == NULL) {
        return MSYNC_ERROR;
    }

    store->cascades = false;

    for (i = 0; !store->cascades && i < store->catalogue->n; i++) {
        sqlite3_bind_text(keys, 1, store->catalogue->tables[i].sql, -1,
                          SQLITE_STATIC);
        sqlite3_bind_null(keys, 2);

        if (msync_store_found(store, keys, &store->cascades,
                              "reading foreign keys", err) != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }
    }

    store->cascades_seen = store->triggers_seen;
    return MSYNC_OK;
}


/* `keys` is at one of them */

static int
cascade_has_row(msync_store_t *store, const msync_table_t *table,
    const msync_table_t *other, const char *id, sqlite3_stmt *keys,
    bool *has, msync_err_t *err)
{
    const char  *from = (const char *) sqlite3_column_text(keys, 1);
    const char  *to = (const char *) sqlite3_column_text(keys, 2);
    const char  *key = table->fields[table->key].name;

    return msync_store_found_own(store,
               sqlite3_mprintf("SELECT 1 FROM \"%w\" AS o, \"%w\" AS t WHERE "
                               "o.\"%w\" = t.\"%w\" AND t.\"%w\" = %Q "
                               "AND (%d OR o.\"%w\" <> %Q)", other->sql,
                               table->sql, from, to ? to : key, key, id,
                               other != table,
                               other->fields[other->key].name, id), has, err);
}


int
msync_store_check_cascade(msync_store_t *store, const msync_table_t *table,
    const char *id, msync_err_t *err)
{
    int                   code, rc;
    bool                  has = false;
    size_t                i;
    sqlite3_stmt         *keys = NULL;
    const msync_table_t  *other = NULL;

    /* such keys do nothing then */
    if (store->filling) {
        return MSYNC_OK;
    }

    rc = cascade_look(store, err);

    if (rc == MSYNC_OK && store->cascades) {
        keys = cascade_keys(store, err);
        rc = keys != NULL ? MSYNC_OK : MSYNC_ERROR;
    }

    for (i = 0; keys != NULL && rc == MSYNC_OK && !has
                && i < store->catalogue->n; i++)
    {
        other = &store->catalogue->tables[i];
        sqlite3_bind_text(keys, 1, other->sql, -1, SQLITE_STATIC);
        sqlite3_bind_text(keys, 2, table->sql, -1, SQLITE_STATIC);

        while (rc == MSYNC_OK && !has
               && (code = sqlite3_step(keys)) == SQLITE_ROW)
        {
            rc = cascade_has_row(store, table, other, id, keys, &has, err);
        }

        if (rc == MSYNC_OK && !has && code != SQLITE_DONE) {
            rc = msync_store_fault(store, "reading foreign keys", err);
        }

        sqlite3_reset(keys);
    }

    if (rc != MSYNC_OK) {
        err->scope = MSYNC_SCOPE_RUN;
        return MSYNC_ERROR;
    }

    if (has) {
        msync_err_set(err, MSYNC_ERR_INTEGRATION_ERROR, "a foreign key of the "
                      "application's (ON DELETE) would change \"%s\" with it",
                      other->sql);
        err->scope = MSYNC_SCOPE_RECORD;

        return MSYNC_ERROR;
    }

    return MSYNC_OK;
}


sqlite3_stmt *
msync_store_prepare_keys(msync_store_t *store, const msync_table_t *table,
    msync_err_t *err)
{
    sqlite3_stmt  *stmt;

    stmt = msync_store_prepare(store, "SELECT m.name, f.\"from\", f.\"to\" "
                               "FROM sqlite_master AS m, "
                               "pragma_foreign_key_list(m.name) AS f WHERE "
                               "m.type = 'table' AND f.\"table\" = ?1 COLLATE "
                               "NOCASE", err);
    if (stmt != NULL) {
        sqlite3_bind_text(stmt, 1, table->sql, -1, SQLITE_STATIC);
    }

    return stmt;
}
