/*
 * The first sync: an empty database is filled at once.
 *
 * An index that grows with each record of random ids costs more than the
 * record, one made of what is there costs a sort.  So those that a first
 * sync does not need are away while it runs: the buffer's, whose duplicates
 * are removed when it comes back, and those of references, which only
 * deletes and merges look at.
 *
 * Marking each record of the buffer when its row is there would write the
 * whole buffer twice.  So an upsert is marked ahead, with the time at which
 * it was received, and sync_buffer_ahead lists those; that the first sync is
 * at work (MSYNC_KEY_LOOSE) says that they wait.  One that cannot become a
 * row loses its mark, and all do when the indexes come back early.
 *
 * Promises: what is away, and that marks are ahead, is written in the
 * transaction that changes it, so a kill at any point leaves a database that
 * knows; nothing but a first sync ever works like this.
 */

#include <stdio.h>

#include "store/store_private.h"

/* MSYNC_KEY_LOOSE */
#define LOOSE_REFERENCES  1
#define LOOSE_BUFFER      2            /* and those of references */

#define CACHE_KIB         2048         /* page cache of an initialised site */
#define CACHE_BULK_KIB    49152        /* and of a first sync */
#define CHECKPOINT        8192000      /* octets of the log before it is
                                          emptied */
#define CHECKPOINT_BULK   131072000
#define LOG_OCTETS        16777216     /* more is not kept between runs */


/*
 * SQLite sorts in memory, and the helper's is bounded: what is larger grows
 * with its index.
 */
#define SORT_MAX          500000       /* rows */
#define CACHE_SORT_KIB    2048         /* beside them */

/* the last one of each record counts, as it would have replaced the others */

static const char  deduplicate[] =
"CREATE INDEX msync_duplicates ON sync_buffer"
" (record_id, table_name, " MSYNC_SQL_MERGE ", id);"
"DELETE FROM sync_buffer WHERE id NOT IN (SELECT max(id) FROM sync_buffer"
" INDEXED BY msync_duplicates GROUP BY record_id, table_name, "
MSYNC_SQL_MERGE ");"
"DROP INDEX msync_duplicates;";


static int
set_cache(msync_store_t *store, int kib, msync_err_t *err)
{
    char  sql[64];

    sqlite3_db_release_memory(store->db);
    snprintf(sql, sizeof(sql), "PRAGMA cache_size = -%d", kib);

    return msync_store_exec(store, sql, err);
}


int
msync_store_bulk(msync_store_t *store, bool on, msync_err_t *err)
{
    int            rc;
    char           sql[128];
    int64_t        page;
    sqlite3_stmt  *stmt;

    /* an application may have made the database, with pages of any size */
    stmt = msync_store_prepare(store, "PRAGMA page_size", err);
    rc = msync_store_scalar(store, stmt, &page, "page size", err);
    sqlite3_finalize(stmt);

    if (rc != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    /* What a first sync needed of the disk is given back, when the log begins
     * anew the next time.  What is deleted is overwritten, for it may be a
     * patient's; a first sync deletes only what it has more than once. */
    snprintf(sql, sizeof(sql), "PRAGMA wal_autocheckpoint = %lld;"
             "PRAGMA journal_size_limit = %d;PRAGMA secure_delete = %s",
             (long long) ((on ? CHECKPOINT_BULK : CHECKPOINT)
                          / (page > 0 ? page : 512)),
             on ? -1 : LOG_OCTETS, on ? "OFF" : "ON");

    return set_cache(store, on ? CACHE_BULK_KIB : CACHE_KIB, err) == MSYNC_OK
           ? msync_store_exec(store, sql, err) : MSYNC_ERROR;
}


/* asks once; takes over the statement */

static int
number(msync_store_t *store, sqlite3_stmt *stmt, int64_t *n,
    msync_err_t *err)
{
    int  rc;

    rc = msync_store_scalar(store, stmt, n, "sync buffer", err);
    sqlite3_finalize(stmt);

    return rc;
}


static int
set_loose(msync_store_t *store, int64_t loose, msync_err_t *err)
{
    if (msync_store_set_int(store, MSYNC_KEY_LOOSE, loose, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    store->loose = loose;
    return MSYNC_OK;
}


/* runs a change of indexes in a transaction of its own, unless there is one */

static int
change_indexes(msync_store_t *store, int64_t loose,
    int (*change)(msync_store_t *store, msync_err_t *err), msync_err_t *err)
{
    bool  open = msync_store_in_transaction(store);

    if (!open && msync_store_begin(store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (change(store, err) != MSYNC_OK
        || set_loose(store, loose, err) != MSYNC_OK
        || (!open && msync_store_commit(store, err) != MSYNC_OK))
    {
        if (!open) {
            msync_store_rollback(store);
        }
        return MSYNC_ERROR;
    }

    return MSYNC_OK;
}


static int
run_indexes(msync_store_t *store, const msync_table_t *table, bool make,
    msync_err_t *err)
{
    sqlite3_str  *sql = sqlite3_str_new(store->db);

    msync_store_put_indexes(sql, table, make);

    return msync_store_exec_str(store, sql, err);
}


static int
drop_all(msync_store_t *store, msync_err_t *err)
{
    size_t  i;

    for (i = 0; i < store->catalogue->n; i++) {
        if (run_indexes(store, &store->catalogue->tables[i], false, err)
            != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }
    }

    return msync_store_exec(store, "DROP INDEX IF EXISTS sync_buffer_key;"
                            "CREATE INDEX IF NOT EXISTS sync_buffer_ahead "
                            "ON sync_buffer (table_name, id) WHERE "
                            MSYNC_SQL_AHEAD, err);
}


static int
make_buffer(msync_store_t *store, msync_err_t *err)
{
    if (sqlite3_exec(store->db, MSYNC_STORE_BUFFER_INDEX, NULL, NULL, NULL)
        == SQLITE_OK)
    {
        return MSYNC_OK;
    }

    if (sqlite3_errcode(store->db) != SQLITE_CONSTRAINT) {
        return msync_store_fault(store, "sync buffer", err);
    }

    return msync_store_exec(store, deduplicate, err) == MSYNC_OK
           ? msync_store_exec(store, MSYNC_STORE_BUFFER_INDEX, err)
           : MSYNC_ERROR;
}


static int
make_references(msync_store_t *store, msync_err_t *err)
{
    size_t  i;

    if (msync_store_exec(store, "DROP INDEX IF EXISTS sync_buffer_ahead",
                         err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    for (i = 0; i < store->catalogue->n; i++) {
        if (run_indexes(store, &store->catalogue->tables[i], true, err)
            != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }
    }

    return MSYNC_OK;
}


int
msync_store_loosen(msync_store_t *store, msync_err_t *err)
{
    int64_t  filled;

    if (msync_store_know_loose(store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (store->loose != 0) {
        return MSYNC_OK;
    }

    if (number(store, msync_store_prepare(store, "SELECT EXISTS (SELECT 1 "
                                          "FROM sync_buffer)", err),
               &filled, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    return filled ? MSYNC_OK
                  : change_indexes(store, LOOSE_BUFFER, drop_all, err);
}


/* those of large tables grow with the rows that are about to come */

static int
make_large(msync_store_t *store, msync_err_t *err)
{
    int            rc = MSYNC_OK;
    size_t         i;
    int64_t        n;
    sqlite3_stmt  *stmt;

    stmt = msync_store_prepare(store, "SELECT count(*) FROM (SELECT 1 FROM "
                               "sync_buffer INDEXED BY sync_buffer_ahead "
                               "WHERE " MSYNC_SQL_AHEAD " AND table_name = "
                               "?1 LIMIT ?2)", err);

    for (i = 0; rc == MSYNC_OK && i < store->catalogue->n; i++) {
        if (stmt != NULL) {
            sqlite3_bind_text(stmt, 1, store->catalogue->tables[i].name, -1,
                              SQLITE_STATIC);
            sqlite3_bind_int(stmt, 2, SORT_MAX);
        }

        rc = msync_store_scalar(store, stmt, &n, "sync buffer", err);

        if (rc == MSYNC_OK && n == SORT_MAX) {
            rc = run_indexes(store, &store->catalogue->tables[i], true, err);
        }
    }

    sqlite3_finalize(stmt);
    return rc;
}


/* an index costs a scan of the whole table to find that a reference is never
 * used, and nothing when it is made before; most references are such */

int
msync_store_settle_empty(msync_store_t *store, const msync_table_t *table,
    msync_err_t *err)
{
    size_t         i;
    int64_t        used;
    sqlite3_str   *sql = sqlite3_str_new(store->db);
    sqlite3_stmt  *stmt;

    for (i = 0; i < table->n; i++) {
        if (!msync_store_has_index(table, i)) {
            continue;
        }

        stmt = msync_store_prepare_own(store,
            sqlite3_mprintf("SELECT EXISTS (SELECT 1 FROM \"%w\" AS t "
                            "WHERE t.\"%w\" IS NOT NULL)", table->sql,
                            table->fields[i].name), err);

        if (number(store, stmt, &used, err) != MSYNC_OK) {
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


/* sorts instead of keeping pages at hand */

static int
sort_indexes(msync_store_t *store, int64_t loose,
    int (*make)(msync_store_t *store, msync_err_t *err), msync_err_t *err)
{
    int          rc;
    msync_err_t  ignored;

    if (set_cache(store, CACHE_SORT_KIB, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    rc = change_indexes(store, loose, make, err);
    (void) set_cache(store, CACHE_BULK_KIB, &ignored);

    return rc;
}


int
msync_store_settle_buffer(msync_store_t *store, msync_err_t *err)
{
    return store->loose == LOOSE_BUFFER
           ? sort_indexes(store, LOOSE_REFERENCES, make_buffer, err)
           : MSYNC_OK;
}


int
msync_store_settle_large(msync_store_t *store, msync_err_t *err)
{
    return store->loose == LOOSE_REFERENCES
           ? change_indexes(store, LOOSE_REFERENCES, make_large, err)
           : MSYNC_OK;
}


int
msync_store_settle_references(msync_store_t *store, msync_err_t *err)
{
    return store->loose == LOOSE_REFERENCES
           ? sort_indexes(store, 0, make_references, err)
           : MSYNC_OK;
}


int
msync_store_end_early(msync_store_t *store, msync_err_t *err)
{
    if (store->loose == 0) {
        return MSYNC_OK;
    }

    return msync_store_exec(store, "UPDATE sync_buffer SET "
                            "integration_datetime = NULL WHERE "
                            MSYNC_SQL_AHEAD, err) == MSYNC_OK
           ? msync_store_settle_references(store, err) : MSYNC_ERROR;
}


bool
msync_store_is_loose(const msync_store_t *store)
{
    return store->loose != 0;
}


bool
msync_store_appends(msync_store_t *store, size_t n)
{
    store->appended += (int64_t) n;

    return store->loose == LOOSE_BUFFER && store->appended <= SORT_MAX;
}


int
msync_store_know_loose(msync_store_t *store, msync_err_t *err)
{
    int64_t  loose = 0, appended = 0;

    /* a database that is not ours yet has none of this */
    if (msync_store_has_column(store, "sync_buffer", "id")
        && (msync_store_get_int(store, MSYNC_KEY_LOOSE, &loose, err)
            != MSYNC_OK
            || (loose == LOOSE_BUFFER
                && number(store, msync_store_prepare(store,
                              "SELECT ifnull(max(id), 0) FROM sync_buffer",
                              err), &appended, err) != MSYNC_OK)))
    {
        return MSYNC_ERROR;
    }

    store->loose = loose;
    store->appended = appended;

    return MSYNC_OK;
}
