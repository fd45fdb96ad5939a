/*
 * What becomes of the rows that central did not send when all came anew.
 *
 * One that is left on the list gets a reason why it stays, or `data`: it was
 * removed, and looked like this.
 *
 * Whether a row to which only others of the list refer stays, follows from
 * what becomes of those: a chain of them, or a circle, goes as a whole.
 *
 * Promises: no row is removed that central sent, that this site has made or
 * changed as far as the changelog knows, that anything refers to, or of whose
 * table central seems to send nothing at all.
 */

#include <string.h>

#include "base/log.h"
#include "store/absent_private.h"

#define SLICE  500                 /* rows that are read at once */
#define HOLD   200                 /* ms of a transaction */
#define FEW    10                  /* rows of a table that central may have
                                      deleted all */

#define REASON_REFERRED  "other records refer to it"
#define REASON_CHANGED   "it was made or changed here, \"msync send\" sends "  \
                         "it to central again"
#define REASON_NOTHING   "central sent no record of this table at all"

typedef enum {
    ABSENT_EACH = 0,               /* each row by itself: one that is referred
                                      to is undecided then */
    ABSENT_LOOK,                   /* which of the undecided rows stay */
    ABSENT_REMOVE                  /* the undecided rows that do not */
} absent_phase_e;

typedef struct {
    msync_store_t        *store;       /* borrowed, as are the other pointers */
    const msync_table_t  *table;
    msync_referrers_t     referrers;
    absent_phase_e        phase;
    unsigned              sides;       /* servers from which everything has
                                          come */
    bool                  nothing;     /* central does not send the table */
    bool                  decided;     /* it was decided that a row stays */
    msync_hook_pt         hook;
    void                 *data;
    msync_absent_t       *result;
} absent_t;


static int absent_tables(absent_t *absent, msync_err_t *err);
static int absent_undecided(absent_t *absent, msync_err_t *err);
static int absent_table_of(absent_t *absent, msync_err_t *err);
static int absent_table(absent_t *absent, msync_err_t *err);
static int absent_find_nothing(absent_t *absent, msync_err_t *err);
static int absent_read(absent_t *absent, const char *after,
    msync_absent_row_t rows[SLICE], size_t *n, msync_err_t *err);
static int absent_slice(absent_t *absent, msync_absent_row_t *rows, size_t n,
    msync_err_t *err);
static int absent_begin(absent_t *absent, msync_absent_row_t *rows, size_t n,
    int64_t *version, msync_err_t *err);
static int absent_undone(absent_t *absent, const msync_absent_row_t *row,
    const msync_err_t *fault, msync_err_t *err);
static int absent_row(absent_t *absent, const msync_absent_row_t *row,
    msync_err_t *err);
static int absent_referred(absent_t *absent, const msync_absent_row_t *row,
    msync_err_t *err);
static int absent_is_of_central(absent_t *absent, const char *id, bool *is,
    msync_err_t *err);
static int absent_remove(absent_t *absent, const char *id, msync_err_t *err);
static int absent_give_reason(absent_t *absent, const msync_absent_row_t *row,
    const char *reason, msync_err_t *err);
static int absent_note(absent_t *absent, const msync_absent_row_t *row,
    const char *reason, msync_err_t *err);
static int absent_run(absent_t *absent, const char *sql, const char *id,
    const char *text, msync_err_t *err);


int
msync_store_absent_end(msync_store_t *store, unsigned sides,
    msync_hook_pt hook, void *data, msync_absent_t *result,
    msync_err_t *err)
{
    int       rc;
    absent_t  absent = { 0 };

    memset(result, 0, sizeof(msync_absent_t));
    absent.store = store;
    absent.sides = sides;
    absent.hook = hook;
    absent.data = data;
    absent.result = result;

    rc = absent_tables(&absent, err);

    if (rc == MSYNC_OK) {
        rc = absent_undecided(&absent, err);
    }

    if (rc == MSYNC_OK) {
        rc = msync_store_exec(store, "DELETE FROM msync_absent WHERE data IS "
                              "NULL AND reason IS NULL", err);
    }

    if (result->removed + result->listed > 0) {
        msync_log(MSYNC_LOG_WARN, "everything came anew: %llu rows that "
                  "central does not have any more were removed, %llu stay, "
                  "see \"msync check\"",
                  (unsigned long long) result->removed,
                  (unsigned long long) result->listed);
    }

    return rc;
}


static int
absent_undecided(absent_t *absent, msync_err_t *err)
{
    absent->phase = ABSENT_LOOK;

    do {
        absent->decided = false;

        if (absent_tables(absent, err) != MSYNC_OK) {
            return MSYNC_ERROR;
        }
    } while (absent->decided);

    absent->phase = ABSENT_REMOVE;

    return absent_tables(absent, err);
}


static int
absent_tables(absent_t *absent, msync_err_t *err)
{
    bool      any = true;
    size_t    i;
    unsigned  pull;

    /* children before parents */
    for (i = absent->store->catalogue->n; i-- > 0; ) {
        absent->table = &absent->store->catalogue->tables[i];

        pull = absent->table->pull;
        pull &= absent->sides & MSYNC_V7 ? MSYNC_V7 : ~(unsigned) MSYNC_V7;

        if (pull == 0 || (pull & ~absent->sides)) {
            continue;
        }

        if (absent->phase != ABSENT_EACH
            && msync_store_found_own(absent->store,
                   sqlite3_mprintf("SELECT EXISTS (SELECT 1 FROM msync_absent "
                                   "WHERE table_name = %Q AND reason = %Q)",
                                   absent->table->name,
                                   MSYNC_ABSENT_UNDECIDED), &any, err)
               != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }

        if (any && absent_table_of(absent, err) != MSYNC_OK) {
            return MSYNC_ERROR;
        }
    }

    return MSYNC_OK;
}


static int
absent_table_of(absent_t *absent, msync_err_t *err)
{
    int  rc;

    absent->nothing = false;
    rc = msync_store_referrers_open(absent->store, absent->table,
                                    absent->phase != ABSENT_EACH,
                                    &absent->referrers, err);

    if (rc == MSYNC_OK && absent->phase == ABSENT_EACH) {
        rc = absent_find_nothing(absent, err);
    }

    if (rc == MSYNC_OK) {
        rc = absent_table(absent, err);
    }

    msync_store_referrers_close(&absent->referrers);
    return rc;
}


/* a later Open mSupply central stops sending a table without a word; that all
 * of many rows were deleted is nothing that mSupply central would do either */

static int
absent_find_nothing(absent_t *absent, msync_err_t *err)
{
    int64_t               few;
    const msync_table_t  *table = absent->table;
    const char           *key = table->fields[table->key].name;

    few = table->pull & MSYNC_OMSUPPLY ? 0 : FEW;

    return msync_store_found_own(absent->store,
        sqlite3_mprintf("SELECT (SELECT count(*) FROM msync_absent WHERE "
                        "table_name = %Q AND data IS NULL) > %lld AND NOT "
                        "EXISTS (SELECT 1 FROM \"%w\" AS t WHERE NOT EXISTS "
                        "(SELECT 1 FROM msync_absent AS a WHERE a.table_name "
                        "= %Q AND a.record_id = t.\"%w\" AND a.data IS NULL) "
                        "AND NOT EXISTS (SELECT 1 FROM changelog AS c WHERE "
                        "c.record_id = t.\"%w\" AND c.table_name = %Q))",
                        table->name, (long long) few, table->sql,
                        table->name, key, key, table->name),
        &absent->nothing, err);
}


static int
absent_table(absent_t *absent, msync_err_t *err)
{
    int                  rc;
    char                *after = msync_strdup("");
    size_t               i, n;
    msync_absent_row_t   rows[SLICE];

    do {
        rc = absent_read(absent, after, rows, &n, err);

        if (rc == MSYNC_OK && n > 0) {
            rc = absent_slice(absent, rows, n, err);
        }

        if (rc == MSYNC_OK && n > 0) {
            msync_free(&after);
            after = msync_strdup(rows[n - 1].id);
        }

        for (i = 0; i < n; i++) {
            msync_free(&rows[i].id);
        }

        if (rc != MSYNC_ERROR && absent->hook != NULL
            && absent->hook(absent->data, err) != MSYNC_OK)
        {
            rc = MSYNC_ERROR;
        }
    } while (rc != MSYNC_ERROR && n > 0);

    msync_free(&after);
    return rc;
}


/* what central has refused waits to be sent again, and is not missed there */

static int
absent_read(absent_t *absent, const char *after,
    msync_absent_row_t rows[SLICE], size_t *n, msync_err_t *err)
{
    int            code = SQLITE_DONE, rc = MSYNC_OK;
    sqlite3_stmt  *stmt;

    *n = 0;
    stmt = msync_store_stmt(absent->store, MSYNC_STMT_ABSENT_READ,
                            "SELECT record_id, changed FROM msync_absent "
                            "WHERE table_name = ?1 AND record_id > ?2 AND "
                            "data IS NULL AND reason IS ?4 AND NOT EXISTS "
                            "(SELECT 1 FROM msync_refused AS r WHERE "
                            "r.table_name = ?1 AND r.record_id = "
                            "msync_absent.record_id) ORDER BY record_id LIMIT "
                            "?3", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, absent->table->name, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, after, -1, SQLITE_STATIC);
    sqlite3_bind_int(stmt, 3, SLICE);
    sqlite3_bind_text(stmt, 4, absent->phase == ABSENT_EACH
                               ? NULL : MSYNC_ABSENT_UNDECIDED, -1,
                      SQLITE_STATIC);

    while (*n < SLICE && (code = sqlite3_step(stmt)) == SQLITE_ROW) {
        rows[*n].id = msync_strdup(
                          (const char *) sqlite3_column_text(stmt, 0));
        rows[*n].changed = sqlite3_column_int(stmt, 1) != 0;
        (*n)++;
    }

    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        rc = msync_store_fault(absent->store, "reading absent rows", err);
    }

    sqlite3_reset(stmt);
    return rc;
}


/* MSYNC_AGAIN: a trigger of the application has undone what was not committed,
 * its row stays */

static int
absent_slice(absent_t *absent, msync_absent_row_t *rows, size_t n,
    msync_err_t *err)
{
    size_t           i;
    int64_t          version = -1;
    msync_err_t      fault;
    msync_store_t   *store = absent->store;
    msync_absent_t   committed = *absent->result;

    if (absent_begin(absent, rows, n, &version, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    for (i = 0; i < n; i++) {
        msync_err_clear(&fault);

        if (absent_row(absent, &rows[i], &fault) != MSYNC_OK) {
            *absent->result = committed;
            return absent_undone(absent, &rows[i], &fault, err);
        }

        if (msync_store_held(store) < HOLD) {
            continue;
        }

        if (msync_store_commit(store, err) != MSYNC_OK
            || msync_store_yield(store, err) != MSYNC_OK
            || absent_begin(absent, rows, n, &version, err) != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }

        committed = *absent->result;
    }

    return msync_store_commit(store, err);
}


/* between two transactions the application may have made a row that refers to
 * one of these */

static int
absent_begin(absent_t *absent, msync_absent_row_t *rows, size_t n,
    int64_t *version, msync_err_t *err)
{
    int64_t         before = *version;
    msync_store_t  *store = absent->store;

    if (msync_store_begin_integration(store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (msync_store_data_version(store, version, err) != MSYNC_OK
        || (*version != before && msync_store_referrers_scan(
                                      &absent->referrers, rows, n, err)
                                  != MSYNC_OK))
    {
        msync_store_rollback(store);
        return MSYNC_ERROR;
    }

    return MSYNC_OK;
}


static int
absent_undone(absent_t *absent, const msync_absent_row_t *row,
    const msync_err_t *fault, msync_err_t *err)
{
    bool            undone;
    msync_store_t  *store = absent->store;

    undone = fault->scope == MSYNC_SCOPE_RECORD
             && !msync_store_in_transaction(store);
    msync_store_rollback(store);

    if (!undone) {
        *err = *fault;
        return MSYNC_ERROR;
    }

    if (msync_store_begin_integration(store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (absent_note(absent, row, fault->text, err) != MSYNC_OK) {
        msync_store_rollback(store);
        return MSYNC_ERROR;
    }

    return msync_store_commit(store, err) == MSYNC_OK ? MSYNC_AGAIN
                                                      : MSYNC_ERROR;
}


static int
absent_row(absent_t *absent, const msync_absent_row_t *row, msync_err_t *err)
{
    bool            found;
    msync_store_t  *store = absent->store;

    if (absent_is_of_central(absent, row->id, &found, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (!found) {
        return msync_store_absent_came(store, absent->table->name, row->id,
                                       err);
    }

    if (row->changed) {
        return absent_give_reason(absent, row, REASON_CHANGED, err);
    }

    if (absent->nothing) {
        return absent_note(absent, row, REASON_NOTHING, err);
    }

    if (msync_store_referrers_found(&absent->referrers, row, &found, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    return found ? absent_referred(absent, row, err)
           : absent->phase != ABSENT_LOOK
             ? absent_remove(absent, row->id, err) : MSYNC_OK;
}


static int
absent_referred(absent_t *absent, const msync_absent_row_t *row,
    msync_err_t *err)
{
    if (absent->phase == ABSENT_EACH) {
        return absent_run(absent, "UPDATE msync_absent SET reason = ?3 WHERE "
                          "table_name = ?1 AND record_id = ?2", row->id,
                          MSYNC_ABSENT_UNDECIDED, err);
    }

    absent->decided = true;
    return absent_give_reason(absent, row, REASON_REFERRED, err);
}


/* whether the row is there, and central had it: what waits to be sent, was
 * never sent or waits to become the row is no absent one */

static int
absent_is_of_central(absent_t *absent, const char *id, bool *is,
    msync_err_t *err)
{
    bool            unsent;
    int64_t         waits;
    sqlite3_stmt   *stmt;
    msync_store_t  *store = absent->store;

    /* each of the two partial indexes of the buffer finds its own actions */
    stmt = msync_store_stmt(store, MSYNC_STMT_ABSENT_WAITS,
                            "SELECT EXISTS (SELECT 1 FROM sync_buffer WHERE "
                            "record_id = ?1 AND table_name = ?2 AND action <> "
                            "'MERGE') OR EXISTS (SELECT 1 FROM sync_buffer "
                            "WHERE record_id = ?1 AND table_name = ?2 AND "
                            "action = 'MERGE') OR EXISTS (SELECT 1 FROM "
                            "msync_never_sent WHERE record_id = ?1 AND "
                            "table_name = ?2)", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, id, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, absent->table->name, -1, SQLITE_STATIC);

    if (msync_store_row_exists(store, absent->table, id, is, err) != MSYNC_OK
        || msync_store_scalar(store, stmt, &waits, "buffer", err) != MSYNC_OK
        || msync_store_unsent(store, absent->table, id, &unsent, err)
           != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    *is = *is && waits == 0 && !unsent;
    return MSYNC_OK;
}


/* what the row was is written down where central may never have taken it */

static int
absent_remove(absent_t *absent, const char *id, msync_err_t *err)
{
    int                   rc;
    unsigned              side;
    msync_absent_row_t    row = { .id = (char *) id };
    msync_record_t        record = { 0 };
    msync_err_t           fault;
    const msync_table_t  *table = absent->table;

    msync_err_clear(&fault);
    rc = msync_store_side_of(absent->store, table, &side, &fault);

    if (rc == MSYNC_OK && table->push != 0) {
        rc = msync_store_row_read(absent->store, table, id, side, false,
                                  &record, &fault);
    }

    if (rc == MSYNC_OK) {
        rc = msync_store_row_delete(absent->store, table, id, &fault);
    }

    if (rc == MSYNC_OK) {
        absent->result->removed++;
        rc = record.data != NULL
             ? absent_run(absent, "UPDATE msync_absent SET data = ?3, reason "
                          "= NULL WHERE table_name = ?1 AND record_id = ?2",
                          id, record.data, err)
             : msync_store_absent_came(absent->store, table->name, id, err);

    } else if (fault.scope == MSYNC_SCOPE_RECORD
               && msync_store_in_transaction(absent->store))
    {
        rc = absent_give_reason(absent, &row, fault.text, err);

    } else {
        *err = fault;
        rc = MSYNC_ERROR;
    }

    msync_record_clear(&record);
    return rc;
}


/* what central only marks when it deletes it is marked, unless a trigger of the
 * application's says no */

static int
absent_give_reason(absent_t *absent, const msync_absent_row_t *row,
    const char *reason, msync_err_t *err)
{
    msync_err_t           fault;
    const msync_table_t  *table = absent->table;

    msync_err_clear(&fault);

    if (table->push == 0 && table->on_delete == MSYNC_DELETE_SOFT
        && msync_store_row_soft_delete(absent->store, table, row->id, &fault)
           != MSYNC_OK)
    {
        if (fault.scope != MSYNC_SCOPE_RECORD
            || !msync_store_in_transaction(absent->store))
        {
            *err = fault;
            return MSYNC_ERROR;
        }

        reason = fault.text;
    }

    return absent_note(absent, row, reason, err);
}


static int
absent_note(absent_t *absent, const msync_absent_row_t *row,
    const char *reason, msync_err_t *err)
{
    const msync_table_t  *table = absent->table;

    absent->result->listed++;

    if (table->push != 0
        && absent_run(absent, "INSERT OR IGNORE INTO msync_never_sent "
                      "(table_name, record_id) VALUES (?1, ?2)", row->id,
                      NULL, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    return absent_run(absent, "UPDATE msync_absent SET reason = ?3 WHERE "
                      "table_name = ?1 AND record_id = ?2", row->id, reason,
                      err);
}


/* ?1 and ?2 are the table and the id of the row, ?3, where there is one, is the
 * text */

static int
absent_run(absent_t *absent, const char *sql, const char *id,
    const char *text, msync_err_t *err)
{
    int            rc;
    sqlite3_stmt  *stmt;

    stmt = msync_store_prepare(absent->store, sql, err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, absent->table->name, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, id, -1, SQLITE_STATIC);

    if (sqlite3_bind_parameter_count(stmt) > 2) {
        sqlite3_bind_text(stmt, 3, text, -1, SQLITE_STATIC);
    }

    rc = msync_store_run(absent->store, stmt, "an absent row", err);
    sqlite3_finalize(stmt);

    return rc;
}
