/*
 * Much is written: the page cache, and when the log is emptied; and what the
 * buffer of an earlier version's first sync needs before it is one of today's.
 */

#include <stdio.h>

#include "store/schema_private.h"
#include "store/store_private.h"

#define CACHE_KIB         2048         /* page cache of an initialised site */
#define CACHE_BULK_KIB    24576        /* page cache of a first sync */
#define CHECKPOINT        8192000      /* octets of the log before it is
                                          emptied */
#define CHECKPOINT_BULK   131072000
#define CHECKPOINT_SHARED 500          /* pages: at 1,000 SQLite makes another
                                          program's commit empty it */
#define LOG_OCTETS        16777216     /* octets of the log between two runs */

static int bulk_note_log(void *data, sqlite3 *db, const char *name,
    int pages);
static int bulk_set_cache(msync_store_t *store, int kib, msync_err_t *err);


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


/* SQLite's own hook, in whose place this one is, empties the log inside the
 * commit, which would count as a longer one: see msync_store_checkpoint() */

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
    int  max = msync_store_is_shared(store) ? CHECKPOINT_SHARED
                                            : store->log_max;

    if (store->log_max > 0 && store->log_pages >= max) {
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


/* what tells a merge from another one of the same record, "" if it is none */
#define BULK_MERGE                                                            \
    "(CASE action WHEN 'MERGE' THEN ifnull(data, '') ELSE '' END)"

/* the last one of each record counts, as it would have replaced the others */

static const char  bulk_deduplicate[] =
"CREATE INDEX msync_duplicates ON sync_buffer"
" (record_id, table_name, " BULK_MERGE ", id);"
"DELETE FROM sync_buffer WHERE id NOT IN (SELECT max(id) FROM sync_buffer"
" INDEXED BY msync_duplicates GROUP BY record_id, table_name, "
BULK_MERGE ");"
"DROP INDEX msync_duplicates;";


int
msync_store_adopt_buffer(msync_store_t *store, msync_err_t *err)
{
    int64_t  marked = 0;

    if (msync_store_get_int(store, MSYNC_KEY_FIRST_SYNC, &marked, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (marked == 0) {
        return msync_store_unset(store, MSYNC_KEY_FIRST_SYNC, err);
    }

    return msync_store_exec(store, "DROP INDEX IF EXISTS sync_buffer_ahead;"
                            "UPDATE sync_buffer SET integration_datetime = "
                            "NULL WHERE integration_datetime IS NOT NULL",
                            err) == MSYNC_OK
           && msync_store_exec(store, bulk_deduplicate, err) == MSYNC_OK
           ? msync_store_unset(store, MSYNC_KEY_FIRST_SYNC, err) : MSYNC_ERROR;
}
