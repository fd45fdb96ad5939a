/*
 * Opening and closing, and the wait for a lock.
 *
 * Promises: the database is in WAL mode with foreign keys on; a lock of the
 * application is waited for as long as the caller wants.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/disk_private.h"
#include "store/schema_private.h"
#include "store/store_private.h"
#include "base/clock.h"
#include "base/log.h"

#define MSYNC_BUSY_WAIT   30000    /* ms that another writer may hold us up */
#define BUSY_PAUSE_MAX    100      /* ms between two tries to get the lock */
#define PAGE_OCTETS       "8192"   /* of a new database: a record of 741
                                      octets fills 4096 badly, and a first
                                      sync is a tenth faster */
#define PROGRESS_STEPS    10000    /* of SQLite's machine: some milliseconds */


static msync_hook_pt  reader_hook;          /* NULL: none */
static void  *reader_data;
static msync_hook_pt  opening_hook;         /* NULL: none */
static void  *opening_data;
static int64_t  warn_locked = MSYNC_BUSY_WAIT;     /* ms */


static int store_on_progress(void *data);
static int store_on_busy(void *data, int tries);
static int store_configure(msync_store_t *store, msync_err_t *err);
static int store_begin_writing(msync_store_t *store, int64_t version,
    msync_err_t *err);


/* in the middle of a statement, which this ends; the error is told behind it */

static int
store_on_progress(void *data)
{
    msync_err_t     ignored;
    msync_store_t  *store = data;

    return store->reader_hook(store->reader_data, &ignored) != MSYNC_OK;
}


/*
 * Another program writes: an application in the middle of a long transaction
 * is no fault, so whoever has something else to hear meanwhile decides how
 * long to wait.
 */

static int
store_on_busy(void *data, int tries)
{
    long             pause;
    int64_t          now, waited;
    msync_store_t   *store = data;
    struct timespec  ts;

    now = msync_clock_monotonic();

    if (tries == 0) {
        store->busy_began = now;
        store->busy_told = false;

        if (!store->busy_left) {
            store->busy_since = now;
        }
    }

    store->busy_left = false;       /* as it is when this call gets it */
    waited = now - store->busy_began;

    if (waited >= MSYNC_BUSY_WAIT && store->hook == NULL) {
        store->busy_left = true;
        return 0;
    }

    if (waited >= warn_locked && !store->busy_told) {
        store->busy_told = true;
        msync_log(MSYNC_LOG_WARN, "another program has kept the database "
                  "locked for %d seconds; waiting for it",
                  (int) (msync_store_locked_for(store) / 1000));
    }

    msync_err_clear(&store->busy_err);

    if ((store->reader_hook != NULL
         && store->reader_hook(store->reader_data, &store->busy_err)
            != MSYNC_OK)
        || (store->hook != NULL
            && store->hook(store->hook_data, &store->busy_err) != MSYNC_OK))
    {
        store->busy_left = true;
        return 0;
    }

    pause = tries < BUSY_PAUSE_MAX ? tries + 1 : BUSY_PAUSE_MAX;
    ts.tv_sec = 0;
    ts.tv_nsec = pause * 1000000;
    (void) nanosleep(&ts, NULL);

    return 1;
}


void
msync_store_hook_opening(msync_hook_pt hook, void *data)
{
    opening_hook = hook;
    opening_data = data;
}


void
msync_store_set_hook(msync_store_t *store, msync_hook_pt hook,
    void *data)
{
    store->hook = hook;
    store->hook_data = data;
}


int64_t
msync_store_locked_for(const msync_store_t *store)
{
    return msync_clock_monotonic() - store->busy_since;
}


void
msync_store_look_at_lock(msync_store_t *store)
{
    if (!store->busy_left || msync_store_in_transaction(store)) {
        return;
    }

    sqlite3_busy_handler(store->db, NULL, NULL);

    if (sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL)
        == SQLITE_OK)
    {
        (void) sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
        store->busy_left = false;
    }

    sqlite3_busy_handler(store->db, store_on_busy, store);
}


void
msync_store_hook_readers(msync_hook_pt hook, void *data)
{
    reader_hook = hook;
    reader_data = data;
}


void
msync_store_warn_locked(int64_t after)
{
    warn_locked = after;
}


static int
store_configure(msync_store_t *store, msync_err_t *err)
{
    sqlite3_extended_result_codes(store->db, 0);

    return msync_store_exec(store, "PRAGMA foreign_keys = ON;"
                            "PRAGMA trusted_schema = ON;"
                            "PRAGMA page_size = " PAGE_OCTETS ";"
                            "PRAGMA temp_store = MEMORY;", err) == MSYNC_OK
           ? msync_store_bulk(store, false, err) : MSYNC_ERROR;
}


static int
store_begin_writing(msync_store_t *store, int64_t version, msync_err_t *err)
{
    int  persist = 1;

    /* who is confined removes no files: the log is emptied instead */
    (void) sqlite3_file_control(store->db, "main", SQLITE_FCNTL_PERSIST_WAL,
                                &persist);

    /* FULL: what was acknowledged to central must survive a power cut */
    if (msync_store_exec(store, "PRAGMA journal_mode = WAL;"
                         "PRAGMA synchronous = FULL;", err) != MSYNC_OK
        || msync_store_open_wal(store, err) != MSYNC_OK
        || msync_store_migrate(store, version, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    msync_store_know_disk(store);
    return MSYNC_OK;
}


msync_store_t *
msync_store_open(const char *path, const msync_catalogue_t *catalogue,
    unsigned flags, msync_err_t *err)
{
    int             mode, reason;
    int64_t         version;
    msync_store_t  *store;

    if (msync_store_find_file(path, flags & MSYNC_STORE_CREATE, err)
        != MSYNC_OK)
    {
        return NULL;
    }

    msync_store_set_up();

    store = msync_calloc(1, sizeof(msync_store_t));
    store->path = msync_strdup(path);
    store->catalogue = catalogue;
    store->lock = -1;
    store->tables = msync_calloc(catalogue->n + 1,
                                 sizeof(msync_table_stmts_t));
    store->changes_filter = msync_store_changes_filter(catalogue, false);
    msync_store_waiting_set_up(store);

    /* a reader needs to write the shared memory of the log, too */
    mode = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;

    if (sqlite3_open_v2(path, &store->db, mode, NULL) != SQLITE_OK) {
        reason = store->db ? sqlite3_system_errno(store->db) : ENOMEM;
        msync_err_set(err, MSYNC_ERR_DATABASE_ERROR, "cannot open %s: %s",
                      path, reason ? strerror(reason)
                                   : sqlite3_errmsg(store->db));
        err->advice = msync_store_disk_advice(reason);
        msync_store_close(&store);
        return NULL;
    }

    store->hook = opening_hook;
    store->hook_data = opening_data;
    sqlite3_busy_handler(store->db, store_on_busy, store);

    if ((flags & MSYNC_STORE_READ_ONLY) && reader_hook != NULL) {
        store->reader_hook = reader_hook;
        store->reader_data = reader_data;
        sqlite3_progress_handler(store->db, PROGRESS_STEPS, store_on_progress,
                                 store);
    }

    if (msync_store_identify(store, &version, err) != MSYNC_OK
        || store_configure(store, err) != MSYNC_OK
        || ((flags & MSYNC_STORE_CREATE)
            ? store_begin_writing(store, version, err)
            : msync_store_open_wal(store, err)) != MSYNC_OK)
    {
        msync_err_context(err, path);
        msync_store_close(&store);
        return NULL;
    }

    return store;
}


int
msync_store_write(msync_store_t *store, msync_err_t *err)
{
    int64_t  version;

    store->reader_hook = NULL;
    sqlite3_progress_handler(store->db, 0, NULL, NULL);

    return msync_store_identify(store, &version, err) == MSYNC_OK
           ? store_begin_writing(store, version, err) : MSYNC_ERROR;
}


void
msync_store_close(msync_store_t **store_pt)
{
    size_t          i;
    msync_store_t  *store = *store_pt;

    if (store == NULL) {
        return;
    }

    for (i = 0; i < MSYNC_STMT_MAX; i++) {
        sqlite3_finalize(store->stmts[i]);
    }

    for (i = 0; i < store->catalogue->n; i++) {
        sqlite3_finalize(store->tables[i].select);
        sqlite3_finalize(store->tables[i].insert);
        sqlite3_finalize(store->tables[i].update);
        sqlite3_finalize(store->tables[i].exists);
        sqlite3_finalize(store->tables[i].kept);
    }

    for (i = 0; i < store->nlookups; i++) {
        sqlite3_finalize(store->lookups[i].stmt);
    }

    msync_store_detach_log(store);
    sqlite3_close(store->db);
    free(store->path);
    free(store->lookups);
    free(store->tables);
    free(store->changes_filter);

    for (i = 0; i < MSYNC_STORE_PUSH_CURSORS; i++) {
        free(store->waiting[i].stores);
    }

    msync_free(store_pt);
}


int
msync_store_data_version(msync_store_t *store, int64_t *version,
    msync_err_t *err)
{
    return msync_store_scalar(store,
                              msync_store_stmt(store,
                                               MSYNC_STMT_DATA_VERSION,
                                               "PRAGMA data_version", err),
                              version, "data version", err);
}


int
msync_store_schema_version(msync_store_t *store, int64_t *version,
    msync_err_t *err)
{
    return msync_store_scalar(store,
                              msync_store_stmt(store,
                                               MSYNC_STMT_SCHEMA_VERSION,
                                               "PRAGMA schema_version", err),
                              version, "schema version", err);
}
