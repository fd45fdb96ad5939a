/*
 * Removing what is not needed.
 *
 * A change has no time of its own, for the application's triggers write it and
 * a column more would cost each of their statements.  msync_changelog_mark
 * says instead how far the changelog was on a day, in UTC, when a run ended.
 * The clock may have been wrong on it, so what lies between two marks counts
 * for a week at most.
 *
 * Promises: a change that one of the servers has not taken stays, and so does
 * the deletion of a row whose children's changes wait, for it says which store
 * these are of; cursors are never given again.
 */

#include "base/clock.h"
#include "store/store_private.h"
#include "store/tidy.h"

#define SLICE        500           /* rows of one transaction */
#define WAITING_MAX  10000         /* a changelog of which so much waits is left
                                      as it is: sending comes first */
#define DAY          86400000      /* ms */
#define WEEK         7             /* days */

/* a change up to ?1 that is before both push cursors, ?2; and of these the
 * deletions that have nothing to say any more */
#define TIDY_CHANGES                                                          \
    "FROM changelog WHERE cursor <= ?1 AND cursor < ?2 AND (row_action <> "   \
    "'DELETE' OR record_id NOT IN (SELECT c.parent_id FROM changelog AS c "   \
    "WHERE c.cursor >= ?2 AND c.parent_id IS NOT NULL))"

/* what versions up to 4 left in the buffer when it had become a row */
#define TIDY_RECORDS                                                          \
    "FROM sync_buffer WHERE integration_datetime IS NOT NULL"

static int tidy_limit(msync_store_t *store, long keep, int64_t *until,
    int64_t *before, bool *marked, msync_err_t *err);
static int tidy_until(msync_store_t *store, long keep, int64_t *until,
    msync_err_t *err);
static int tidy_look(msync_store_t *store, int64_t until, int64_t before,
    int64_t *changes, int64_t *records, msync_err_t *err);
static int tidy_write(msync_store_t *store, int64_t until, int64_t before,
    bool changes, bool records, msync_err_t *err);
static int tidy_mark(msync_store_t *store, msync_err_t *err);
static int tidy_ask(msync_store_t *store, msync_stmt_e which,
    const char *sql, int64_t until, int64_t before, int64_t *value,
    msync_err_t *err);


int
msync_store_tidy(msync_store_t *store, long keep, bool *more,
    msync_err_t *err)
{
    bool     marked;
    int64_t  until, before, changes, records;

    *more = false;

    if (tidy_limit(store, keep, &until, &before, &marked, err) != MSYNC_OK
        || tidy_look(store, until, before, &changes, &records, err)
           != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (marked && changes == 0 && records == 0) {
        return MSYNC_OK;
    }

    /* a power cut may take it back */
    if (msync_store_begin_unsynced(store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (tidy_write(store, until, before, changes != 0, records != 0, err)
        != MSYNC_OK)
    {
        msync_store_rollback(store);
        return MSYNC_ERROR;
    }

    *more = changes != 0 || records != 0;

    return msync_store_commit(store, err);
}


/* `until` is the last change that is old enough, `before` the first one that
 * waits */

static int
tidy_limit(msync_store_t *store, long keep, int64_t *until, int64_t *before,
    bool *marked, msync_err_t *err)
{
    int64_t         legacy = 0, omsupply = 0, v7 = 0, last, today = 0;
    msync_speaks_e  speaks;

    if (msync_store_get_int(store, MSYNC_KEY_PUSH_CURSOR, &legacy, err)
        != MSYNC_OK
        || msync_store_get_int(store, MSYNC_KEY_PUSH_V6_CURSOR, &omsupply,
                               err) != MSYNC_OK
        || msync_store_get_int(store, MSYNC_KEY_PUSH_V7_CURSOR, &v7, err)
           != MSYNC_OK
        || msync_store_speaks(store, &speaks, err) != MSYNC_OK
        || tidy_ask(store, MSYNC_STMT_TIDY_LAST,
                    "SELECT seq FROM sqlite_sequence WHERE name = "
                    "'changelog'", 0, 0, &last, err) != MSYNC_OK
        || tidy_ask(store, MSYNC_STMT_TIDY_TODAY,
                    "SELECT EXISTS (SELECT 1 FROM msync_changelog_mark WHERE "
                    "day = ?1 OR cursor = ?2)", msync_clock_wall() / DAY,
                    last, &today, err) != MSYNC_OK
        || tidy_until(store, keep, until, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    *marked = today != 0;
    *before = speaks == MSYNC_SPEAKS_V7 ? v7
              : legacy < omsupply ? legacy : omsupply;

    if (last - *before > WAITING_MAX) {
        *until = 0;

    } else if (keep == 0) {
        *until = last;
    }

    return MSYNC_OK;
}


/* the latest mark that is older than `keep` */

static int
tidy_until(msync_store_t *store, long keep, int64_t *until, msync_err_t *err)
{
    int            code;
    int64_t        day, next, passed, now = msync_clock_wall();
    int64_t        age = 0, limit;
    sqlite3_stmt  *stmt;

    next = now / DAY;
    limit = next - (now - keep * INT64_C(1000)) / DAY;
    *until = 0;

    stmt = msync_store_stmt(store, MSYNC_STMT_TIDY_UNTIL,
                            "SELECT day, cursor FROM msync_changelog_mark "
                            "ORDER BY cursor DESC, day DESC", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        day = sqlite3_column_int64(stmt, 0);
        passed = next - day;
        age += passed < 0 ? 0 : passed > WEEK ? WEEK : passed;
        next = day;

        if (age > limit) {
            *until = sqlite3_column_int64(stmt, 1);
            code = SQLITE_DONE;
            break;
        }
    }

    sqlite3_reset(stmt);

    return code == SQLITE_DONE ? MSYNC_OK
           : msync_store_fault(store, "looking what is old", err);
}


static int
tidy_look(msync_store_t *store, int64_t until, int64_t before,
    int64_t *changes, int64_t *records, msync_err_t *err)
{
    *records = 0;

    if (tidy_ask(store, MSYNC_STMT_TIDY_CHANGES,
                 "SELECT EXISTS (SELECT 1 " TIDY_CHANGES ")", until, before,
                 changes, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    /* without an index this reads the buffer, and nobody writes them today */
    if (!store->no_former_records) {
        if (tidy_ask(store, MSYNC_STMT_TIDY_RECORDS,
                     "SELECT EXISTS (SELECT 1 " TIDY_RECORDS ")", 0, 0,
                     records, err) != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }

        store->no_former_records = *records == 0;
    }

    return MSYNC_OK;
}


static int
tidy_write(msync_store_t *store, int64_t until, int64_t before, bool changes,
    bool records, msync_err_t *err)
{
    int            rc = tidy_mark(store, err);
    sqlite3_stmt  *stmt;

    if (rc == MSYNC_OK && changes) {
        stmt = msync_store_stmt(store, MSYNC_STMT_TIDY_CHANGELOG,
            "DELETE FROM changelog WHERE cursor IN (SELECT cursor "
            TIDY_CHANGES " ORDER BY cursor LIMIT ?3)", err);

        if (stmt != NULL) {
            sqlite3_bind_int64(stmt, 1, until);
            sqlite3_bind_int64(stmt, 2, before);
            sqlite3_bind_int(stmt, 3, SLICE);
        }

        rc = msync_store_run(store, stmt, "trimming the changelog", err);
    }

    if (rc == MSYNC_OK && records) {
        stmt = msync_store_stmt(store, MSYNC_STMT_TIDY_BUFFER,
            "DELETE FROM sync_buffer WHERE id IN (SELECT id " TIDY_RECORDS
            " LIMIT ?1)", err);

        if (stmt != NULL) {
            sqlite3_bind_int(stmt, 1, SLICE);
        }

        rc = msync_store_run(store, stmt, "emptying the buffer", err);
    }

    return rc;
}


/* the first run of a day notes where the changelog was, and forgets days of
 * which nothing is left */

static int
tidy_mark(msync_store_t *store, msync_err_t *err)
{
    sqlite3_stmt  *stmt;

    stmt = msync_store_stmt(store, MSYNC_STMT_TIDY_MARK,
        "INSERT OR IGNORE INTO msync_changelog_mark (day, cursor) SELECT ?1, "
        "seq FROM sqlite_sequence WHERE name = 'changelog'", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_int64(stmt, 1, msync_clock_wall() / DAY);

    if (msync_store_run(store, stmt, "marking a day", err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    return msync_store_run(store,
        msync_store_stmt(store, MSYNC_STMT_TIDY_FORGET,
            "DELETE FROM msync_changelog_mark WHERE cursor < ifnull((SELECT "
            "min(cursor) FROM changelog), (SELECT seq FROM sqlite_sequence "
            "WHERE name = 'changelog'))", err),
        "forgetting days", err);
}


static int
tidy_ask(msync_store_t *store, msync_stmt_e which, const char *sql,
    int64_t until, int64_t before, int64_t *value, msync_err_t *err)
{
    sqlite3_stmt  *stmt;

    stmt = msync_store_stmt(store, which, sql, err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    if (sqlite3_bind_parameter_count(stmt) > 0) {
        sqlite3_bind_int64(stmt, 1, until);
    }

    if (sqlite3_bind_parameter_count(stmt) > 1) {
        sqlite3_bind_int64(stmt, 2, before);
    }

    return msync_store_scalar(store, stmt, value, "looking what is old", err);
}
