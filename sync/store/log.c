/*
 * The sync log: one row a run, with Open mSupply's column names.
 *
 * Promises: a run that ended has finished_datetime, well or not; one that
 * was interrupted has none until the next start of a helper closes it.  Equal
 * failures since the last success are one row, also where others come between
 * them, so a week without a line pushes neither the last success nor another
 * failure out.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/store_private.h"
#include "base/clock.h"
#include "store/kv.h"

/* the order of msync_step_e */
static const struct {
    const char  *name;
    bool         counts;           /* has _progress_total and _done */
} columns[MSYNC_STEP_MAX] = {
    { "prepare_initial", false },
    { "push_v6",         true },
    { "push",            true },
    { "wait_for_integration", false },
    { "pull_central",    true },
    { "pull_remote",     true },
    { "pull_v6",         true },
    { "pull",            true },
    { "integration",     true }
};

#define FIRST_STEP_COLUMN  9       /* behind id … sync_version */

/* a run that went well and asked central; one that only tries failed records
 * does not ask */
#define SQL_SUCCESS  "finished_datetime IS NOT NULL AND error_code IS NULL "   \
                     "AND (pull_central_started_datetime IS NOT NULL OR "      \
                     "pull_started_datetime IS NOT NULL)"

/* makes of the sync_log of an earlier version one with the columns of v7 */
#define SQL_FORMER   "WITH sync_log AS (SELECT *, NULL AS sync_version, NULL " \
                     "AS wait_for_integration_started_datetime, NULL AS "      \
                     "wait_for_integration_finished_datetime, NULL AS "        \
                     "pull_started_datetime, NULL AS pull_finished_datetime, " \
                     "NULL AS pull_progress_total, NULL AS "                   \
                     "pull_progress_done FROM main.sync_log) "

#define LOG_CLOCK_SET  2000        /* ms that the wall clock has gone on more or
                                      less than the other: somebody set it */
#define LOG_CLOCK_YEAR  INT64_C(1767225600000)     /* 2026: a clock that is
                                      behind has not been set */
#define LOG_CLOCK_LATE  86400000   /* ms that one may be behind at first, where
                                      it went on when the machine was off */
#define LOG_LOOK_BACK  32          /* failures that are compared with a new one,
                                      also after a month without success */

/* the run that a new failure is equal to */
typedef struct {
    const msync_log_entry_t  *failure;
    int64_t                   id;              /* 0: none yet */
    int64_t                   repeated;
    int64_t                   first_started;
} log_equal_t;


static void log_add_columns(sqlite3_str *sql, const char *suffix);
static char *log_print_time(int64_t ms, char text[32]);
static int64_t log_read_time(sqlite3_stmt *stmt, int column);
static int64_t log_read_count(sqlite3_stmt *stmt, int column);
static void log_read_entry(sqlite3_stmt *stmt, msync_log_entry_t *entry);
static bool log_is_counted(msync_store_t *store);
static bool log_knows_v7(msync_store_t *store);
static int log_read_entries(msync_store_t *store, const char *tail,
    unsigned limit, msync_log_pt each, void *data, msync_log_entry_t *entry,
    msync_err_t *err);
static int log_run_unsynced(msync_store_t *store, sqlite3_stmt *stmt,
    msync_err_t *err);
static void log_bind_time(sqlite3_stmt *stmt, int at, int64_t ms);
static void log_bind_count(sqlite3_stmt *stmt, int at,
    const msync_step_log_t *step, int64_t count);
static sqlite3_stmt *log_update(msync_store_t *store, msync_err_t *err);
static int log_fault_of_restored(msync_err_t *err);
static void log_shift(int64_t *time, int64_t step,
    const msync_log_entry_t *entry);
static void log_find_equal(void *data, const msync_log_entry_t *before);
static int log_merge(msync_store_t *store, msync_log_entry_t *entry,
    msync_err_t *err);
static int log_close_interrupted(msync_store_t *store, const char *cause,
    int *n, msync_err_t *err);


/* the columns in the order that log_read_entry and log_update count on */

static void
log_add_columns(sqlite3_str *sql, const char *suffix)
{
    int  i;

    sqlite3_str_appendf(sql, "started_datetime%s, finished_datetime%s, "
                        "error_code%s, error_message%s, "
                        "duration_in_seconds%s, sync_version%s", suffix,
                        suffix, suffix, suffix, suffix, suffix);

    for (i = 0; i < MSYNC_STEP_MAX; i++) {
        sqlite3_str_appendf(sql, ", %s_started_datetime%s, "
                            "%s_finished_datetime%s", columns[i].name,
                            suffix, columns[i].name, suffix);

        if (columns[i].counts) {
            sqlite3_str_appendf(sql, ", %s_progress_total%s, "
                                "%s_progress_done%s", columns[i].name,
                                suffix, columns[i].name, suffix);
        }
    }
}


/* with milliseconds: a duration is the difference of two of these */

static char *
log_print_time(int64_t ms, char text[32])
{
    size_t  length;

    msync_clock_format(ms, text);
    length = strlen(text) - 1;
    snprintf(text + length, 32 - length, ".%03dZ", (int) (ms % 1000));

    return text;
}


static int64_t
log_read_time(sqlite3_stmt *stmt, int column)
{
    long         ms = 0;
    const char  *text, *rest;
    struct tm    tm;

    text = (const char *) sqlite3_column_text(stmt, column);
    if (text == NULL) {
        return 0;
    }

    memset(&tm, 0, sizeof(tm));

    rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    if (rest == NULL) {
        return 0;
    }

    /* ".123Z" */
    if (*rest == '.') {
        ms = strtol(rest + 1, NULL, 10);
    }

    return (int64_t) timegm(&tm) * 1000 + (ms > 0 && ms < 1000 ? ms : 0);
}


static int64_t
log_read_count(sqlite3_stmt *stmt, int column)
{
    return sqlite3_column_type(stmt, column) == SQLITE_NULL
           ? -1 : sqlite3_column_int64(stmt, column);
}


static void
log_read_entry(sqlite3_stmt *stmt, msync_log_entry_t *entry)
{
    int                i, column = FIRST_STEP_COLUMN;
    const char        *text;
    msync_step_log_t  *step;

    memset(entry, 0, sizeof(msync_log_entry_t));

    entry->id = sqlite3_column_int64(stmt, 0);
    entry->repeated = sqlite3_column_int64(stmt, 1);
    entry->first_started = log_read_time(stmt, 2);
    entry->started = log_read_time(stmt, 3);
    entry->finished = log_read_time(stmt, 4);

    text = (const char *) sqlite3_column_text(stmt, 5);
    if (text != NULL) {
        entry->variant = msync_err_by_name(text);
    }

    text = (const char *) sqlite3_column_text(stmt, 6);
    snprintf(entry->text, sizeof(entry->text), "%s", text ? text : "");

    text = (const char *) sqlite3_column_text(stmt, 8);
    entry->v7 = text != NULL && strcmp(text, MSYNC_SYNC_V7) == 0;

    for (i = 0; i < MSYNC_STEP_MAX; i++) {
        step = &entry->steps[i];
        step->started = log_read_time(stmt, column++);
        step->finished = log_read_time(stmt, column++);
        step->total = -1;

        if (columns[i].counts) {
            step->total = log_read_count(stmt, column++);
            step->done = sqlite3_column_int64(stmt, column++);
        }
    }
}


/* whoever only reads may find the log of an earlier version */

static bool
log_is_counted(msync_store_t *store)
{
    return msync_store_has_column(store, "sync_log", "repeated");
}


static bool
log_knows_v7(msync_store_t *store)
{
    return msync_store_has_column(store, "sync_log", "sync_version");
}


/* reads rows that `tail` selects; each may be NULL, entry the last one */

static int
log_read_entries(msync_store_t *store, const char *tail, unsigned limit,
    msync_log_pt each, void *data, msync_log_entry_t *entry,
    msync_err_t *err)
{
    int            code, rc = MSYNC_OK;
    sqlite3_str   *sql;
    sqlite3_stmt  *stmt;

    sql = sqlite3_str_new(store->db);
    sqlite3_str_appendall(sql, log_knows_v7(store) ? "" : SQL_FORMER);
    sqlite3_str_appendall(sql, log_is_counted(store)
                          ? "SELECT id, repeated, first_started_datetime, "
                          : "SELECT id, 1, NULL, ");
    log_add_columns(sql, "");
    sqlite3_str_appendf(sql, " FROM sync_log %s ORDER BY id DESC LIMIT %u",
                        tail, limit);

    stmt = msync_store_prepare_own(store, sqlite3_str_finish(sql), err);

    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        log_read_entry(stmt, entry);

        if (each != NULL) {
            each(data, entry);
        }
    }

    if (code != SQLITE_DONE) {
        rc = msync_store_fault(store, "sync_log", err);
    }

    sqlite3_finalize(stmt);
    return rc;
}


/* a line of the log that a power cut takes is no loss; within a transaction
 * it is part of that */

static int
log_run_unsynced(msync_store_t *store, sqlite3_stmt *stmt, msync_err_t *err)
{
    if (msync_store_in_transaction(store)) {
        return msync_store_run(store, stmt, "sync_log", err);
    }

    if (msync_store_begin_unsynced(store, err) != MSYNC_OK) {
        sqlite3_reset(stmt);
        return MSYNC_ERROR;
    }

    if (msync_store_run(store, stmt, "sync_log", err) != MSYNC_OK) {
        msync_store_rollback(store);
        return MSYNC_ERROR;
    }

    return msync_store_commit(store, err);
}


int
msync_store_log_begin(msync_store_t *store, msync_log_entry_t *entry,
    msync_err_t *err)
{
    int            i;
    char           now[32];
    sqlite3_stmt  *stmt;

    memset(entry, 0, sizeof(msync_log_entry_t));
    entry->started = msync_clock_wall();
    entry->began = msync_clock_monotonic();
    entry->repeated = 1;

    for (i = 0; i < MSYNC_STEP_MAX; i++) {
        entry->steps[i].total = -1;
    }

    stmt = msync_store_prepare(store, "INSERT INTO sync_log "
                               "(started_datetime) VALUES (?1)", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, log_print_time(entry->started, now), -1,
                      SQLITE_STATIC);

    if (log_run_unsynced(store, stmt, err) != MSYNC_OK) {
        sqlite3_finalize(stmt);
        return MSYNC_ERROR;
    }

    sqlite3_finalize(stmt);
    entry->id = sqlite3_last_insert_rowid(store->db);

    return MSYNC_OK;
}


static void
log_bind_time(sqlite3_stmt *stmt, int at, int64_t ms)
{
    char  text[32];

    if (ms == 0) {
        sqlite3_bind_null(stmt, at);

    } else {
        sqlite3_bind_text(stmt, at, log_print_time(ms, text), -1,
                          SQLITE_TRANSIENT);
    }
}


static void
log_bind_count(sqlite3_stmt *stmt, int at, const msync_step_log_t *step,
    int64_t count)
{
    if (step->total < 0) {
        sqlite3_bind_null(stmt, at);

    } else {
        sqlite3_bind_int64(stmt, at, count);
    }
}


static sqlite3_stmt *
log_update(msync_store_t *store, msync_err_t *err)
{
    sqlite3_str    *sql;
    sqlite3_stmt  **stmt = &store->stmts[MSYNC_STMT_LOG_UPDATE];

    if (*stmt != NULL) {
        return *stmt;
    }

    sql = sqlite3_str_new(store->db);
    sqlite3_str_appendall(sql, "UPDATE sync_log SET ");
    log_add_columns(sql, " = ?");
    sqlite3_str_appendall(sql, " WHERE id = ?");

    *stmt = msync_store_prepare_own(store, sqlite3_str_finish(sql), err);

    return *stmt;
}


int
msync_store_log_update(msync_store_t *store, const msync_log_entry_t *entry,
    msync_err_t *err)
{
    int                      i, at = 7;
    sqlite3_stmt            *stmt;
    const msync_step_log_t  *step;

    stmt = log_update(store, err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    log_bind_time(stmt, 1, entry->started);
    log_bind_time(stmt, 2, entry->finished);
    sqlite3_bind_null(stmt, 3);
    sqlite3_bind_null(stmt, 4);
    sqlite3_bind_null(stmt, 5);

    if (entry->variant != MSYNC_ERR_NONE) {
        sqlite3_bind_text(stmt, 3, msync_err_variant(entry->variant), -1,
                          SQLITE_STATIC);
        sqlite3_bind_text(stmt, 4, entry->text, -1, SQLITE_STATIC);
    }

    if (entry->finished != 0) {
        sqlite3_bind_int64(stmt, 5, msync_store_log_seconds(entry));
    }

    sqlite3_bind_text(stmt, 6, entry->v7 ? MSYNC_SYNC_V7 : MSYNC_SYNC_V5_V6,
                      -1, SQLITE_STATIC);

    for (i = 0; i < MSYNC_STEP_MAX; i++) {
        step = &entry->steps[i];
        log_bind_time(stmt, at++, step->started);
        log_bind_time(stmt, at++, step->finished);

        if (columns[i].counts) {
            log_bind_count(stmt, at++, step, step->total);
            log_bind_count(stmt, at++, step, step->done);
        }
    }

    sqlite3_bind_int64(stmt, at, entry->id);

    if (log_run_unsynced(store, stmt, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    return entry->finished == 0 && sqlite3_changes(store->db) == 0
           ? log_fault_of_restored(err) : MSYNC_OK;
}


/* the cursors that this run knows are those of another state */

static int
log_fault_of_restored(msync_err_t *err)
{
    (void) msync_err_set(err, MSYNC_ERR_DATABASE_ERROR, "the database is not "
                         "the one that this run began with: a backup was "
                         "restored into it, or sync_log was emptied");
    err->advice = "|The next run goes on from what the database has now. "
                  "Where that lacks what was sent or has come since, it says "
                  "so, and all has to come anew: \"msync reinitialise\".";

    return MSYNC_ERROR;
}


/* the newest of them */

static void
log_find_equal(void *data, const msync_log_entry_t *before)
{
    log_equal_t  *equal = data;

    if (equal->id == 0 && before->finished != 0
        && before->variant == equal->failure->variant
        && msync_store_log_is_equal(before->text, equal->failure->text))
    {
        equal->id = before->id;
        equal->repeated = before->repeated;
        equal->first_started = before->first_started ? before->first_started
                                                     : before->started;
    }
}


/* counts the run since the last success that failed in the same way */

static int
log_merge(msync_store_t *store, msync_log_entry_t *entry, msync_err_t *err)
{
    char                tail[512], time[32];
    log_equal_t         equal = { .failure = entry };
    msync_log_entry_t   before;

    if (entry->variant == MSYNC_ERR_NONE) {
        return MSYNC_OK;
    }

    snprintf(tail, sizeof(tail), "WHERE id < %lld AND id > ifnull((SELECT "
             "max(id) FROM sync_log WHERE " SQL_SUCCESS "), 0)",
             (long long) entry->id);

    if (log_read_entries(store, tail, LOG_LOOK_BACK, log_find_equal, &equal,
                         &before, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (equal.id == 0) {
        return MSYNC_OK;
    }

    entry->repeated += equal.repeated;
    entry->first_started = equal.first_started;

    return msync_store_exec_own(store,
               sqlite3_mprintf("DELETE FROM sync_log WHERE id = %lld; UPDATE "
                               "sync_log SET repeated = %lld, "
                               "first_started_datetime = %Q WHERE id = %lld",
                               (long long) equal.id,
                               (long long) entry->repeated,
                               log_print_time(entry->first_started, time),
                               (long long) entry->id), err);
}


/* a time of before the wall clock was set is one of the clock as it is now */

static void
log_shift(int64_t *time, int64_t step, const msync_log_entry_t *entry)
{
    if (*time != 0 && (*time < entry->started || *time > entry->finished)) {
        *time += step;
    }
}


int64_t
msync_store_log_seconds(const msync_log_entry_t *entry)
{
    return entry->finished > entry->started
           ? (entry->finished - entry->started) / 1000 : 0;
}


void
msync_store_log_finish(msync_log_entry_t *entry)
{
    int      i;
    int64_t  step, took = msync_clock_monotonic() - entry->began;

    entry->finished = msync_clock_wall();
    step = entry->finished - entry->started - took;

    if (step > -LOG_CLOCK_SET && step < LOG_CLOCK_SET) {
        return;
    }

    entry->started += step;

    for (i = 0; i < MSYNC_STEP_MAX; i++) {
        log_shift(&entry->steps[i].started, step, entry);
        log_shift(&entry->steps[i].finished, step, entry);
    }
}


bool
msync_store_log_is_misdated(const msync_log_entry_t *entry)
{
    int64_t  now = msync_clock_wall();

    return now >= LOG_CLOCK_YEAR && entry->finished != 0
           && (entry->finished < LOG_CLOCK_YEAR
               || entry->finished - now > LOG_CLOCK_LATE);
}


int
msync_store_log_set_back(msync_store_t *store, msync_log_entry_t *entry,
    msync_err_t *err)
{
    int      i;
    int64_t  back = entry->finished - msync_clock_wall();

    entry->started -= back;
    entry->finished -= back;

    for (i = 0; i < MSYNC_STEP_MAX; i++) {
        entry->steps[i].started -= entry->steps[i].started ? back : 0;
        entry->steps[i].finished -= entry->steps[i].finished ? back : 0;
    }

    return msync_store_log_update(store, entry, err);
}


int
msync_store_log_end(msync_store_t *store, msync_log_entry_t *entry,
    msync_err_t *err)
{
    return msync_store_log_update(store, entry, err) == MSYNC_OK
           ? log_merge(store, entry, err) : MSYNC_ERROR;
}


static int
log_close_interrupted(msync_store_t *store, const char *cause, int *n,
    msync_err_t *err)
{
    int                rc;
    char               now[32];
    sqlite3_stmt      *stmt;
    msync_log_entry_t  entry;

    stmt = msync_store_prepare(store,
        "UPDATE sync_log SET finished_datetime = ?1, error_code = ?2, "
        "error_message = 'The run was interrupted' || ifnull(': ' || ?3, '') "
        "|| '; the next one goes on where it stopped.', "
        "duration_in_seconds = NULL WHERE finished_datetime IS NULL", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, log_print_time(msync_clock_wall(), now), -1,
                      SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2,
                      msync_err_variant(MSYNC_ERR_HELPER_STOPPED), -1,
                      SQLITE_STATIC);
    sqlite3_bind_text(stmt, 3, cause, -1, SQLITE_STATIC);

    rc = msync_store_run(store, stmt, "sync_log", err);
    *n = sqlite3_changes(store->db);
    sqlite3_finalize(stmt);

    if (rc != MSYNC_OK || *n == 0) {
        return rc;
    }

    return msync_store_log_last(store, &entry, err) == MSYNC_OK
           ? log_merge(store, &entry, err) : MSYNC_ERROR;
}


int
msync_store_log_close_interrupted(msync_store_t *store, const char *cause,
    int *n, msync_err_t *err)
{
    *n = 0;

    if (msync_store_begin(store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (log_close_interrupted(store, cause, n, err) != MSYNC_OK) {
        msync_store_rollback(store);
        return MSYNC_ERROR;
    }

    return msync_store_commit(store, err);
}


int
msync_store_log_last(msync_store_t *store, msync_log_entry_t *entry,
    msync_err_t *err)
{
    memset(entry, 0, sizeof(msync_log_entry_t));

    return log_read_entries(store, "WHERE " SQL_SUCCESS " OR error_code IS NOT "
                            "NULL OR finished_datetime IS NULL", 1, NULL, NULL,
                            entry, err);
}


int
msync_store_log_last_success(msync_store_t *store, msync_log_entry_t *entry,
    msync_err_t *err)
{
    memset(entry, 0, sizeof(msync_log_entry_t));

    return log_read_entries(store, "WHERE " SQL_SUCCESS, 1, NULL, NULL, entry,
                            err);
}


int
msync_store_log_history(msync_store_t *store, unsigned limit,
    msync_log_pt each, void *data, msync_err_t *err)
{
    char               tail[512];
    msync_log_entry_t  entry;

    /* the oldest of so many is the success where that is older still */
    snprintf(tail, sizeof(tail), "JOIN (SELECT ifnull((SELECT id FROM "
             "sync_log ORDER BY id DESC LIMIT 1 OFFSET %u), 0) AS oldest) "
             "WHERE id > oldest OR id = min(oldest, ifnull((SELECT max(id) "
             "FROM sync_log WHERE " SQL_SUCCESS "), oldest))", limit - 1);

    return log_read_entries(store, tail, limit, each, data, &entry, err);
}


/* ids are no count of the rows: of equal failures the last one is left */

int
msync_store_log_trim(msync_store_t *store, unsigned most, msync_err_t *err)
{
    return msync_store_exec_own(store,
               sqlite3_mprintf("DELETE FROM sync_log WHERE id <= (SELECT id "
                               "FROM sync_log ORDER BY id DESC LIMIT 1 OFFSET "
                               "%u) AND id IS NOT (SELECT max(id) FROM "
                               "sync_log WHERE " SQL_SUCCESS ")", most), err);
}
