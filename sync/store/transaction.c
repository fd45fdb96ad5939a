/*
 * Transactions, and what holds only within one.
 *
 * Promises: whatever a transaction switched, commits that are not waited for
 * and triggers that are silent, is switched back when it ends, however it
 * ends.
 */

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/schema_private.h"
#include "store/store_private.h"

#define OTHERS    10000    /* ms for which whoever has written may go on */
#define YIELD_MAX 1000000  /* us without a transaction, for others */
#define SHORT     1        /* ms of a transaction while others write: who waits
                              for SQLite's lock looks again after 1, 3, 8, and
                              18 ms */
#define WRITE     250      /* us of one of rows before its commit: on a machine
                              with few processors it is also what others wait
                              for one of them */
#define TURN      1500     /* us of the turn that they have behind it, in which
                              whoever waits looks again at least once */
#define BRIEF     4000     /* us of one that counts as short on a machine that
                              is slow or busy */


static int transaction_begin_silent(msync_store_t *store, msync_err_t *err);
static int transaction_begin(msync_store_t *store, msync_err_t *err);
static int transaction_set_unsynced(msync_store_t *store, bool unsynced,
    msync_err_t *err);
static void transaction_put_tables(sqlite3_str *sql,
    const msync_catalogue_t *catalogue, bool pushed);
static sqlite3_stmt *transaction_foreign_triggers(msync_store_t *store,
    msync_err_t *err);
static void transaction_warn(msync_store_t *store, sqlite3_stmt *trigger);
static int transaction_switch_triggers(msync_store_t *store, msync_err_t *err);
static int transaction_look_for_triggers(msync_store_t *store,
    msync_err_t *err);
static void transaction_end_integration(msync_store_t *store);
static int transaction_commit(msync_store_t *store, msync_err_t *err);
static void transaction_checkpoint(msync_store_t *store);
static bool transaction_was_short(const msync_store_t *store);


static int
transaction_begin(msync_store_t *store, msync_err_t *err)
{
    int  rc;

    store->batch_start = msync_clock_wall();
    store->nours = 0;

    /* IMMEDIATE: wait for the write lock here, where waiting is possible,
     * and not in the middle, where SQLite must refuse */
    rc = msync_store_run(store,
                         msync_store_stmt(store, MSYNC_STMT_BEGIN,
                                          "BEGIN IMMEDIATE", err),
                         "beginning a transaction", err);
    store->began = msync_clock_monotonic_us();
    store->busy_left &= rc != MSYNC_OK;

    return rc;
}


/* of commits; PRAGMA does nothing inside a transaction */

static int
transaction_set_unsynced(msync_store_t *store, bool unsynced, msync_err_t *err)
{
    if (store->unsynced == unsynced) {
        return MSYNC_OK;
    }

    if (msync_store_exec(store, unsynced ? "PRAGMA synchronous = NORMAL"
                                         : "PRAGMA synchronous = FULL", err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    store->unsynced = unsynced;
    return MSYNC_OK;
}


int
msync_store_begin(msync_store_t *store, msync_err_t *err)
{
    return transaction_set_unsynced(store, false, err) == MSYNC_OK
           ? transaction_begin(store, err) : MSYNC_ERROR;
}


int
msync_store_begin_unsynced(msync_store_t *store, msync_err_t *err)
{
    msync_err_t  ignored;

    if (transaction_set_unsynced(store, true, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (transaction_begin(store, err) != MSYNC_OK) {
        (void) transaction_set_unsynced(store, false, &ignored);
        return MSYNC_ERROR;
    }

    return MSYNC_OK;
}


int
msync_store_silence(msync_store_t *store, bool silent, msync_err_t *err)
{
    sqlite3_stmt  *stmt;

    stmt = msync_store_stmt(store, MSYNC_STMT_FLAG,
                            "INSERT INTO msync_flag (id, integrating) VALUES "
                            "(1, ?1) ON CONFLICT (id) DO UPDATE SET "
                            "integrating = excluded.integrating", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_int(stmt, 1, silent);
    return msync_store_run(store, stmt, "silencing the changelog", err);
}


static void
transaction_put_tables(sqlite3_str *sql, const msync_catalogue_t *catalogue,
    bool pushed)
{
    size_t  i;

    sqlite3_str_appendall(sql, "(''");

    for (i = 0; i < catalogue->n; i++) {
        if (!pushed || catalogue->tables[i].push != 0) {
            sqlite3_str_appendf(sql, ", %Q", catalogue->tables[i].sql);
        }
    }

    sqlite3_str_appendall(sql, ")");
}


/* finds a trigger that is none of ours, first those of our tables */

static sqlite3_stmt *
transaction_foreign_triggers(msync_store_t *store, msync_err_t *err)
{
    size_t          i;
    sqlite3_str    *sql;
    sqlite3_stmt  **stmt = &store->stmts[MSYNC_STMT_TRIGGERS];

    if (*stmt != NULL) {
        return *stmt;
    }

    sql = sqlite3_str_new(NULL);
    sqlite3_str_appendall(sql, "SELECT tbl_name COLLATE NOCASE IN ");
    transaction_put_tables(sql, store->catalogue, false);
    sqlite3_str_appendall(sql, ", name, tbl_name FROM sqlite_master "
        "WHERE type = 'trigger' AND name COLLATE NOCASE NOT IN (");

    for (i = 0; i < MSYNC_GUARD_MAX; i++) {
        sqlite3_str_appendf(sql, "%s%Q", i == 0 ? "" : ", ",
                            msync_store_guards[i]);
    }

    sqlite3_str_appendall(sql, ") AND "
        "(substr(name, 1, length(tbl_name) + 7) "
        "COLLATE NOCASE <> 'msync_' || tbl_name || '_' OR tbl_name COLLATE "
        "NOCASE NOT IN ");
    transaction_put_tables(sql, store->catalogue, true);
    sqlite3_str_appendall(sql, ") ORDER BY 1 DESC LIMIT 1");
    *stmt = msync_store_prepare_own(store, sqlite3_str_finish(sql), err);

    return *stmt;
}


/* the flag that silences the changelog is for the whole transaction */

static void
transaction_warn(msync_store_t *store, sqlite3_stmt *trigger)
{
    if (!store->warned && sqlite3_column_int(trigger, 0) != 0) {
        store->warned = true;
        msync_log(MSYNC_LOG_WARN, "the application's trigger \"%s\" is on the "
                  "table \"%s\": what it changes while records of central "
                  "are integrated is not sent to central",
                  (const char *) sqlite3_column_text(trigger, 1),
                  (const char *) sqlite3_column_text(trigger, 2));
    }
}


/*
 * A trigger that only finds out that it has to be silent still costs a fifth
 * of a row: SQLite keeps what a statement with triggers may have to undo.
 * Those of the application have their work to do, so where it has any, all
 * stay; nobody can make one while the transaction is open.
 */

static int
transaction_switch_triggers(msync_store_t *store, msync_err_t *err)
{
    int64_t  version;

    if (msync_store_schema_version(store, &version, err) != MSYNC_OK
        || (version != store->triggers_seen
            && transaction_look_for_triggers(store, err) != MSYNC_OK))
    {
        return MSYNC_ERROR;
    }

    store->triggers_seen = version;

    (void) sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_TRIGGER,
                             store->triggered, NULL);
    return MSYNC_OK;
}


static int
transaction_look_for_triggers(msync_store_t *store, msync_err_t *err)
{
    int            code;
    sqlite3_stmt  *trigger;

    trigger = transaction_foreign_triggers(store, err);
    if (trigger == NULL) {
        return MSYNC_ERROR;
    }

    code = sqlite3_step(trigger);
    store->triggered = code == SQLITE_ROW;

    if (code == SQLITE_ROW) {
        transaction_warn(store, trigger);

    } else if (code != SQLITE_DONE) {
        msync_store_fault(store, "reading the schema", err);
    }

    sqlite3_reset(trigger);

    return code == SQLITE_ROW || code == SQLITE_DONE ? MSYNC_OK : MSYNC_ERROR;
}


int
msync_store_ignored(msync_store_t *store, msync_err_t *err)
{
    return store->triggered && sqlite3_changes(store->db) == 0
           ? msync_store_fault_of_ignored(err) : MSYNC_OK;
}


int
msync_store_fault_of_ignored(msync_err_t *err)
{
    (void) msync_err_set(err, MSYNC_ERR_INTEGRATION_ERROR, "a trigger of the "
                         "application's ignores it (RAISE(IGNORE))");
    err->scope = MSYNC_SCOPE_RECORD;

    return MSYNC_ERROR;
}


static void
transaction_end_integration(msync_store_t *store)
{
    if (store->integrating) {
        (void) sqlite3_db_config(store->db, SQLITE_DBCONFIG_ENABLE_TRIGGER,
                                 1, NULL);
        store->integrating = false;
    }
}


int
msync_store_begin_integration(msync_store_t *store, msync_err_t *err)
{
    return msync_store_begin(store, err) == MSYNC_OK
           ? transaction_begin_silent(store, err) : MSYNC_ERROR;
}


int
msync_store_begin_integration_unsynced(msync_store_t *store,
    msync_err_t *err)
{
    return msync_store_begin_unsynced(store, err) == MSYNC_OK
           ? transaction_begin_silent(store, err) : MSYNC_ERROR;
}


static int
transaction_begin_silent(msync_store_t *store, msync_err_t *err)
{
    /* from here on a rollback switches the triggers on again */
    store->integrating = true;

    if (msync_store_silence(store, true, err) != MSYNC_OK
        || transaction_switch_triggers(store, err) != MSYNC_OK
        || msync_store_any_never_sent(store, &store->never_sent, err)
           != MSYNC_OK)
    {
        msync_store_rollback(store);
        return MSYNC_ERROR;
    }

    return MSYNC_OK;
}


int
msync_store_commit(msync_store_t *store, msync_err_t *err)
{
    if (transaction_commit(store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    transaction_end_integration(store);
    transaction_checkpoint(store);

    return transaction_set_unsynced(store, false, err);
}


/* triggers that are off stay so, for SQLite compiles each statement anew when
 * they are switched, which takes longer than a short transaction */

int
msync_store_begin_next(msync_store_t *store, msync_err_t *err)
{
    if (transaction_commit(store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    transaction_checkpoint(store);

    if (msync_store_yield(store, err) != MSYNC_OK
        || transaction_begin(store, err) != MSYNC_OK)
    {
        msync_store_rollback(store);
        return MSYNC_ERROR;
    }

    return transaction_begin_silent(store, err);
}


static int
transaction_commit(msync_store_t *store, msync_err_t *err)
{
    if ((store->integrating
         && msync_store_silence(store, false, err) != MSYNC_OK)
        || msync_store_run(store,
                           msync_store_stmt(store, MSYNC_STMT_COMMIT,
                                            "COMMIT", err),
                           "committing", err)
           != MSYNC_OK)
    {
        msync_store_rollback(store);
        return MSYNC_ERROR;
    }

    store->held = msync_clock_monotonic_us() - store->began;
    msync_store_write_marks(store);

    return MSYNC_OK;
}


/* behind a short one msync_store_yield does it: whoever waits for the lock
 * writes now, and would wait for the disk as well */

static void
transaction_checkpoint(msync_store_t *store)
{
    if (!msync_store_is_shared(store) || !transaction_was_short(store)) {
        msync_store_checkpoint(store);
    }
}


static bool
transaction_was_short(const msync_store_t *store)
{
    return store->held <= BRIEF;
}


int64_t
msync_store_held(const msync_store_t *store)
{
    return (msync_clock_monotonic_us() - store->began) / 1000;
}


int64_t
msync_store_held_last(const msync_store_t *store)
{
    return store->held;
}


int
msync_store_others_write(msync_store_t *store, bool *others,
    msync_err_t *err)
{
    int64_t  version, now = msync_clock_monotonic();

    if (msync_store_data_version(store, &version, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (version != store->seen_version) {
        store->others_until = store->seen_version != 0 ? now + OTHERS : 0;
        store->seen_version = version;
    }

    *others = now < store->others_until;
    return MSYNC_OK;
}


/* an application that writes waits for each transaction that it comes upon;
 * where nobody writes, few that are long cost less than many that are short */

int64_t
msync_store_hold(const msync_store_t *store)
{
    return msync_store_is_shared(store) ? SHORT : MSYNC_STORE_HOLD;
}


bool
msync_store_is_shared(const msync_store_t *store)
{
    return msync_clock_monotonic() < store->others_until;
}


bool
msync_store_is_overdue(const msync_store_t *store)
{
    return msync_store_is_shared(store)
           && msync_clock_monotonic_us() - store->began >= WRITE;
}


/*
 * SQLite's lock is not fair: whoever waits for it looks again after pauses
 * that grow to a tenth of a second, and finds it taken where the next
 * transaction begins at once.
 */

int
msync_store_yield(msync_store_t *store, msync_err_t *err)
{
    bool             others;
    int64_t          pause;
    struct timespec  ts;

    if (msync_store_others_write(store, &others, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    pause = !others ? store->held / 5
            : transaction_was_short(store) ? TURN : store->held * 3;

    if (pause > YIELD_MAX) {
        pause = YIELD_MAX;
    }

    pause -= msync_clock_monotonic_us() - (store->began + store->held);

    if (pause > 0) {
        ts.tv_sec = pause / 1000000;
        ts.tv_nsec = pause % 1000000 * 1000;
        (void) nanosleep(&ts, NULL);
    }

    /* just before the next one, which can begin the log anew only where all
     * of it has been copied: whoever waited for the last one has written by
     * now */
    if (others) {
        msync_store_checkpoint(store);
    }

    return MSYNC_OK;
}


int
msync_store_turn(msync_store_t *store, msync_hook_pt hook, void *data,
    msync_err_t *err)
{
    return msync_store_yield(store, err) == MSYNC_OK
           && (hook == NULL || hook(data, err) == MSYNC_OK)
           ? MSYNC_OK : MSYNC_ERROR;
}


void
msync_store_rollback(msync_store_t *store)
{
    msync_err_t  ignored;

    transaction_end_integration(store);
    memset(&store->counted, 0, sizeof(msync_mark_t));

    if (!sqlite3_get_autocommit(store->db)) {
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    }

    (void) transaction_set_unsynced(store, false, &ignored);
}


bool
msync_store_in_transaction(const msync_store_t *store)
{
    return !sqlite3_get_autocommit(store->db);
}


/* SQLite tells whether there are any, not how many */

bool
msync_store_violates_deferred(msync_store_t *store)
{
    int  now = 0, high;

    (void) sqlite3_db_status(store->db, SQLITE_DBSTATUS_DEFERRED_FKS, &now,
                             &high, 0);
    return now != 0;
}


int
msync_store_savepoint(msync_store_t *store, bool *violated, msync_err_t *err)
{
    *violated = msync_store_violates_deferred(store);

    if (msync_store_exec(store, "SAVEPOINT msync_savepoint", err) != MSYNC_OK) {
        err->scope = MSYNC_SCOPE_RUN;
        return MSYNC_ERROR;
    }

    return MSYNC_OK;
}


int
msync_store_savepoint_end(msync_store_t *store, bool violated, int rc,
    msync_err_t *err)
{
    if (rc == MSYNC_OK && (violated || !msync_store_violates_deferred(store))) {
        rc = msync_store_exec(store, "RELEASE msync_savepoint", err);

        if (rc != MSYNC_OK) {
            err->scope = MSYNC_SCOPE_RUN;
        }

        return rc;
    }

    if (rc == MSYNC_OK) {
        msync_err_set(err, MSYNC_ERR_INTEGRATION_ERROR,
                      "FOREIGN KEY constraint failed");
        err->scope = MSYNC_SCOPE_RECORD;
    }

    /* a trigger may have undone the transaction, and this with it */
    if (err->scope == MSYNC_SCOPE_RECORD
        && msync_store_in_transaction(store)
        && msync_store_exec(store, "ROLLBACK TO msync_savepoint;"
                            "RELEASE msync_savepoint", err) != MSYNC_OK)
    {
        err->scope = MSYNC_SCOPE_RUN;
    }

    return MSYNC_ERROR;
}
