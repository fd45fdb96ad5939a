/*
 * The first sync: tables that are empty are filled.
 *
 * Promises: that a database is being filled is written in the transaction that
 * takes the first index away, and forgotten when every index is there and
 * every reference of central's rows leads to a row; a row of the application,
 * or one with a change of this site, is never taken away.
 */

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "store/store_private.h"

#define CACHE_KIB         2048         /* page cache of an initialised site */
#define CACHE_BULK_KIB    24576        /* and of a first sync */
#define CHECKPOINT        8192000      /* octets of the log before it is
                                          emptied */
#define CHECKPOINT_BULK   131072000
#define LOG_OCTETS        16777216     /* more is not kept between runs */

#define LARGE             300000       /* rows of a table whose index is sorted
                                          in a quarter of a second; it also
                                          fits into the helper's memory */
#define HOLD              100          /* ms of a transaction that makes
                                          indexes, unless one takes longer */
#define MOVE              1000         /* rows of one that takes some away */
#define PASSES            16           /* over all references; more than the
                                          catalogue has generations */

/* rows of one table that refer to nothing */
typedef struct {
    int64_t  *rowids;                  /* owned */
    size_t    n;
    size_t    size;
} orphans_t;

static int bulk_note_log(void *data, sqlite3 *db, const char *name,
    int pages);
static int bulk_set_cache(msync_store_t *store, int kib, msync_err_t *err);
static int bulk_can_fill(msync_store_t *store, bool *can, msync_err_t *err);
static int bulk_has_orphans(msync_store_t *store, const msync_table_t *table,
    bool *has, msync_err_t *err);
static int bulk_is_empty(msync_store_t *store, const msync_table_t *table,
    bool *empty, msync_err_t *err);
static int bulk_drop_indexes(msync_store_t *store, msync_err_t *err);
static int bulk_make_all(msync_store_t *store, msync_hook_pt hook, void *data,
    msync_err_t *err);
static int bulk_make_indexes(msync_store_t *store, const msync_table_t *table,
    msync_err_t *err);
static int bulk_check_references(msync_store_t *store, msync_hook_pt hook,
    void *data, int64_t *moved, msync_err_t *err);
static int bulk_find_orphans(msync_store_t *store, const msync_table_t *table,
    orphans_t *orphans, msync_err_t *err);
static int bulk_move_orphans(msync_store_t *store, const msync_table_t *table,
    const orphans_t *orphans, int64_t *moved, msync_err_t *err);
static int bulk_move_orphan(msync_store_t *store, const msync_table_t *table,
    int64_t rowid, int64_t *moved, msync_err_t *err);
static int bulk_move_row(msync_store_t *store, const msync_table_t *table,
    const char *id, int64_t *moved, msync_err_t *err);
static int bulk_scalar(msync_store_t *store, char *sql, int64_t *value,
    msync_err_t *err);


int
msync_store_bulk(msync_store_t *store, bool on, msync_err_t *err)
{
    char     sql[128];
    int64_t  page;

    /* an application may have made the database, with pages of any size */
    if (bulk_scalar(store, sqlite3_mprintf("PRAGMA page_size"), &page, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    page = page > 0 ? page : 512;

    /* what a first sync needed of the disk is given back, when the log begins
     * anew the next time; what is deleted is overwritten, for it may be a
     * patient's */
    snprintf(sql, sizeof(sql), "PRAGMA wal_autocheckpoint = %lld;"
             "PRAGMA journal_size_limit = %d;PRAGMA secure_delete = ON",
             (long long) (CHECKPOINT / page), on ? -1 : LOG_OCTETS);

    store->log_max = on ? (int) (CHECKPOINT_BULK / page) : 0;

    if (store->filling && !on) {
        store->filling = false;

        if (msync_store_exec(store, "PRAGMA foreign_keys = ON", err)
            != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }
    }

    if (bulk_set_cache(store, on ? CACHE_BULK_KIB : CACHE_KIB, err)
        != MSYNC_OK
        || msync_store_exec(store, sql, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (on) {
        (void) sqlite3_wal_hook(store->db, bulk_note_log, store);
    }

    return MSYNC_OK;
}


/* SQLite would empty the log while the commit seems to last */

static int
bulk_note_log(void *data, sqlite3 *db, const char *name, int pages)
{
    msync_store_t  *store = data;

    (void) db;
    (void) name;
    store->log_pages = pages;

    return SQLITE_OK;
}


void
msync_store_checkpoint(msync_store_t *store)
{
    if (store->log_max > 0 && store->log_pages >= store->log_max) {
        store->log_pages = 0;
        (void) sqlite3_wal_checkpoint_v2(store->db, "main",
                                         SQLITE_CHECKPOINT_PASSIVE, NULL,
                                         NULL);
    }
}


static int
bulk_set_cache(msync_store_t *store, int kib, msync_err_t *err)
{
    char  sql[64];

    sqlite3_db_release_memory(store->db);
    snprintf(sql, sizeof(sql), "PRAGMA cache_size = -%d", kib);

    return msync_store_exec(store, sql, err);
}


bool
msync_store_is_filling(const msync_store_t *store)
{
    return store->filling;
}


int
msync_store_fill_begun(msync_store_t *store, bool *begun, msync_err_t *err)
{
    int64_t  value = 0;

    /* a new database, or one that somebody has damaged */
    if (msync_store_has_column(store, "key_value_store", "value_int")
        && msync_store_get_int(store, MSYNC_KEY_FILLING, &value, err)
           != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    *begun = value != 0;
    return MSYNC_OK;
}


int
msync_store_fill_begin(msync_store_t *store, msync_err_t *err)
{
    bool  begun, can = true;

    if (msync_store_fill_begun(store, &begun, err) != MSYNC_OK
        || (!begun && bulk_can_fill(store, &can, err) != MSYNC_OK))
    {
        return MSYNC_ERROR;
    }

    if (!can) {
        return MSYNC_OK;
    }

    if (!begun) {
        if (msync_store_begin(store, err) != MSYNC_OK) {
            return MSYNC_ERROR;
        }

        if (bulk_drop_indexes(store, err) != MSYNC_OK
            || msync_store_set_int(store, MSYNC_KEY_FILLING, 1, err)
               != MSYNC_OK)
        {
            msync_store_rollback(store);
            return MSYNC_ERROR;
        }

        if (msync_store_commit(store, err) != MSYNC_OK) {
            return MSYNC_ERROR;
        }
    }

    if (msync_store_exec(store, "PRAGMA foreign_keys = OFF", err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    store->filling = true;
    return MSYNC_OK;
}


/*
 * A row that refers to nothing before anything has come is the application's,
 * and could not be told from central's in the end; a row is found again by its
 * rowid.
 */

static int
bulk_can_fill(msync_store_t *store, bool *can, msync_err_t *err)
{
    bool           orphans;
    size_t         i;
    int64_t        wr;
    const char    *name;

    for (i = 0, *can = true; *can && i < store->catalogue->n; i++) {
        name = store->catalogue->tables[i].sql;

        if (bulk_scalar(store, sqlite3_mprintf("SELECT wr FROM "
                            "pragma_table_list(%Q) WHERE schema = 'main'",
                            name), &wr, err) != MSYNC_OK
            || bulk_has_orphans(store, &store->catalogue->tables[i], &orphans,
                                err) != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }

        *can = !wr && !orphans;
    }

    return MSYNC_OK;
}


static int
bulk_has_orphans(msync_store_t *store, const msync_table_t *table, bool *has,
    msync_err_t *err)
{
    int64_t  value;

    if (bulk_scalar(store, sqlite3_mprintf("SELECT EXISTS (SELECT 1 FROM "
                        "pragma_foreign_key_check(%Q))", table->sql),
                    &value, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    *has = value != 0;
    return MSYNC_OK;
}


static int
bulk_is_empty(msync_store_t *store, const msync_table_t *table, bool *empty,
    msync_err_t *err)
{
    int64_t  value;

    if (bulk_scalar(store, sqlite3_mprintf("SELECT EXISTS (SELECT 1 FROM "
                        "\"%w\")", table->sql), &value, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    *empty = value == 0;
    return MSYNC_OK;
}


static int
bulk_drop_indexes(msync_store_t *store, msync_err_t *err)
{
    bool          empty;
    size_t        i;
    sqlite3_str  *sql = sqlite3_str_new(NULL);

    for (i = 0; i < store->catalogue->n; i++) {
        if (bulk_is_empty(store, &store->catalogue->tables[i], &empty, err)
            != MSYNC_OK)
        {
            sqlite3_free(sqlite3_str_finish(sql));
            return MSYNC_ERROR;
        }

        if (empty) {
            msync_store_put_indexes(sql, &store->catalogue->tables[i], false);
        }
    }

    return msync_store_exec_str(store, sql, err);
}


/* asks once; takes over the text */

static int
bulk_scalar(msync_store_t *store, char *sql, int64_t *value,
    msync_err_t *err)
{
    int            rc;
    sqlite3_stmt  *stmt;

    stmt = msync_store_prepare_own(store, sql, err);
    rc = msync_store_scalar(store, stmt, value, "reading a table", err);
    sqlite3_finalize(stmt);

    return rc;
}


/* an index of a reference that is never used costs a scan of the whole table
 * in the end, and nothing when it is made before; most references are such */

int
msync_store_fill_indexes(msync_store_t *store, const msync_table_t *table,
    msync_err_t *err)
{
    size_t        i;
    int64_t       last, used;
    sqlite3_str  *sql;

    if (!store->filling) {
        return MSYNC_OK;
    }

    if (bulk_scalar(store, sqlite3_mprintf("SELECT max(rowid) FROM \"%w\"",
                                           table->sql), &last, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (last >= LARGE) {
        return bulk_make_indexes(store, table, err);
    }

    sql = sqlite3_str_new(NULL);

    for (i = 0; i < table->n; i++) {
        if (!msync_store_has_index(table, i)) {
            continue;
        }

        if (bulk_scalar(store, sqlite3_mprintf("SELECT EXISTS (SELECT 1 FROM "
                            "\"%w\" AS t WHERE t.\"%w\" IS NOT NULL)",
                            table->sql, table->fields[i].name), &used, err)
            != MSYNC_OK)
        {
            sqlite3_free(sqlite3_str_finish(sql));
            return MSYNC_ERROR;
        }

        if (!used) {
            msync_store_put_index(sql, table, &table->fields[i],
                                  "IF NOT EXISTS ");
            sqlite3_str_appendall(sql, ";");
        }
    }

    return msync_store_exec_str(store, sql, err);
}


int
msync_store_fill_end(msync_store_t *store, msync_hook_pt hook, void *data,
    int64_t *moved, msync_err_t *err)
{
    bool  begun;

    *moved = 0;

    if (msync_store_fill_begun(store, &begun, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (begun) {
        if (bulk_make_all(store, hook, data, err) != MSYNC_OK
            || bulk_check_references(store, hook, data, moved, err)
               != MSYNC_OK
            || msync_store_begin(store, err) != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }

        if (msync_store_buffer_wake_all(store, err) != MSYNC_OK
            || msync_store_unset(store, MSYNC_KEY_FILLING, err) != MSYNC_OK
            || msync_store_commit(store, err) != MSYNC_OK)
        {
            msync_store_rollback(store);
            return MSYNC_ERROR;
        }
    }

    store->filling = false;

    return msync_store_exec(store, "PRAGMA foreign_keys = ON", err);
}


/* one index at a time, for the application waits for each */

static int
bulk_make_all(msync_store_t *store, msync_hook_pt hook, void *data,
    msync_err_t *err)
{
    size_t                i, j;
    sqlite3_str          *sql;
    const msync_table_t  *table;

    for (i = 0; i < store->catalogue->n; i++) {
        table = &store->catalogue->tables[i];

        for (j = 0; j < table->n; j++) {
            if (!msync_store_has_index(table, j)) {
                continue;
            }

            if (!msync_store_in_transaction(store)
                && msync_store_begin(store, err) != MSYNC_OK)
            {
                return MSYNC_ERROR;
            }

            sql = sqlite3_str_new(NULL);
            msync_store_put_index(sql, table, &table->fields[j],
                                  "IF NOT EXISTS ");

            if (msync_store_exec_str(store, sql, err) != MSYNC_OK
                || (msync_store_held(store) >= HOLD
                    && (msync_store_commit(store, err) != MSYNC_OK
                        || msync_store_rest(store, err) != MSYNC_OK
                        || (hook != NULL && hook(data, err) != MSYNC_OK))))
            {
                msync_store_rollback(store);
                return MSYNC_ERROR;
            }
        }
    }

    return msync_store_in_transaction(store)
           ? msync_store_commit(store, err) : MSYNC_OK;
}


static int
bulk_make_indexes(msync_store_t *store, const msync_table_t *table,
    msync_err_t *err)
{
    sqlite3_str  *sql = sqlite3_str_new(NULL);

    msync_store_put_indexes(sql, table, true);

    return msync_store_exec_str(store, sql, err);
}


/* a row that goes back into the buffer may be the parent of another one */

static int
bulk_check_references(msync_store_t *store, msync_hook_pt hook, void *data,
    int64_t *moved, msync_err_t *err)
{
    int        rc;
    size_t     i;
    int64_t    before, passes = 0;
    orphans_t  orphans = { 0 };

    do {
        before = *moved;

        for (i = 0; i < store->catalogue->n; i++) {
            rc = bulk_find_orphans(store, &store->catalogue->tables[i],
                                   &orphans, err);

            if (rc == MSYNC_OK && orphans.n > 0) {
                rc = bulk_move_orphans(store, &store->catalogue->tables[i],
                                       &orphans, moved, err);
            }

            free(orphans.rowids);
            orphans = (orphans_t) { 0 };

            if (rc != MSYNC_OK
                || (hook != NULL && hook(data, err) != MSYNC_OK))
            {
                return MSYNC_ERROR;
            }
        }
    } while (*moved > before && ++passes < PASSES);

    return MSYNC_OK;
}


static int
bulk_find_orphans(msync_store_t *store, const msync_table_t *table,
    orphans_t *orphans, msync_err_t *err)
{
    int            code, rc = MSYNC_OK;
    sqlite3_stmt  *stmt;

    stmt = msync_store_prepare_own(store,
               sqlite3_mprintf("SELECT rowid FROM "
                               "pragma_foreign_key_check(%Q)", table->sql),
               err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        if (orphans->n == orphans->size) {
            orphans->size = orphans->size ? orphans->size * 2 : 64;
            orphans->rowids = realloc(orphans->rowids, orphans->size
                                                       * sizeof(int64_t));
            if (orphans->rowids == NULL) {
                msync_out_of_memory();
            }
        }

        orphans->rowids[orphans->n++] = sqlite3_column_int64(stmt, 0);
    }

    if (code != SQLITE_DONE) {
        rc = msync_store_fault(store, "looking at references", err);
    }

    sqlite3_finalize(stmt);
    return rc;
}


static int
bulk_move_orphans(msync_store_t *store, const msync_table_t *table,
    const orphans_t *orphans, int64_t *moved, msync_err_t *err)
{
    size_t  i;

    for (i = 0; i < orphans->n; i++) {
        if (i % MOVE == 0
            && ((i > 0 && (msync_store_commit(store, err) != MSYNC_OK
                           || msync_store_rest(store, err) != MSYNC_OK))
                || msync_store_begin_integration(store, err) != MSYNC_OK))
        {
            return MSYNC_ERROR;
        }

        if (bulk_move_orphan(store, table, orphans->rowids[i], moved, err)
            != MSYNC_OK)
        {
            msync_store_rollback(store);
            return MSYNC_ERROR;
        }
    }

    return msync_store_commit(store, err);
}


/*
 * One that the application has made or changed stays.  Several references of a
 * row may lead nowhere: then it has been moved already.
 */

static int
bulk_move_orphan(msync_store_t *store, const msync_table_t *table,
    int64_t rowid, int64_t *moved, msync_err_t *err)
{
    int            rc = MSYNC_OK;
    char          *id = NULL;
    sqlite3_stmt  *stmt;

    stmt = msync_store_prepare_own(store,
               sqlite3_mprintf("SELECT t.\"%w\" FROM \"%w\" AS t WHERE "
                               "t.rowid = %lld AND NOT EXISTS (SELECT 1 FROM "
                               "changelog AS c WHERE c.record_id = t.\"%w\" "
                               "AND c.table_name = %Q)",
                               table->fields[table->key].name, table->sql,
                               (long long) rowid,
                               table->fields[table->key].name, table->name),
               err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    if (sqlite3_step(stmt) == SQLITE_ROW
        && sqlite3_column_type(stmt, 0) == SQLITE_TEXT)
    {
        id = msync_strdup((const char *) sqlite3_column_text(stmt, 0));
    }

    sqlite3_finalize(stmt);

    if (id != NULL) {
        rc = bulk_move_row(store, table, id, moved, err);
    }

    msync_free(&id);
    return rc;
}


/* what cannot be moved, for a trigger of the application says no, stays;
 * "msync check" finds it */

static int
bulk_move_row(msync_store_t *store, const msync_table_t *table,
    const char *id, int64_t *moved, msync_err_t *err)
{
    int              rc;
    msync_batch_t    batch = { 0 };
    msync_record_t  *record;

    record = msync_batch_add(&batch);
    record->table = msync_strdup(table->name);
    record->id = msync_strdup(id);
    record->action = MSYNC_ACTION_UPSERT;

    rc = msync_store_row_read(store, table, id, &record->data,
                              &record->data_length, err);

    if (rc == MSYNC_OK) {
        rc = msync_store_row_delete(store, table, id, err);
    }

    if (rc == MSYNC_OK) {
        ++*moved;
        rc = msync_store_buffer_put(store, &batch,
                                    table->pull & MSYNC_LEGACY
                                    ? MSYNC_LEGACY : MSYNC_OMSUPPLY, err);

    } else if (rc == MSYNC_ERROR && err->scope == MSYNC_SCOPE_RECORD) {
        msync_log(MSYNC_LOG_WARN, "%s \"%s\" refers to a record that has not "
                  "come, and stays: %s", table->name, id, err->text);

        rc = msync_store_in_transaction(store)
             ? MSYNC_OK : msync_store_begin_integration(store, err);

    } else if (rc == MSYNC_DONE) {
        rc = MSYNC_OK;
    }

    msync_batch_clear(&batch);
    return rc;
}


/* the last one of each record counts, as it would have replaced the others */

static const char  bulk_deduplicate[] =
"CREATE INDEX msync_duplicates ON sync_buffer"
" (record_id, table_name, " MSYNC_SQL_MERGE ", id);"
"DELETE FROM sync_buffer WHERE id NOT IN (SELECT max(id) FROM sync_buffer"
" INDEXED BY msync_duplicates GROUP BY record_id, table_name, "
MSYNC_SQL_MERGE ");"
"DROP INDEX msync_duplicates;";


int
msync_store_end_loose(msync_store_t *store, msync_err_t *err)
{
    int64_t  loose = 0;

    if (msync_store_get_int(store, MSYNC_KEY_LOOSE, &loose, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (loose == 0) {
        return MSYNC_OK;
    }

    return msync_store_exec(store, "DROP INDEX IF EXISTS sync_buffer_ahead;"
                            "UPDATE sync_buffer SET integration_datetime = "
                            "NULL WHERE integration_datetime IS NOT NULL",
                            err) == MSYNC_OK
           && msync_store_exec(store, bulk_deduplicate, err) == MSYNC_OK
           ? msync_store_unset(store, MSYNC_KEY_LOOSE, err) : MSYNC_ERROR;
}
