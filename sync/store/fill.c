/*
 * The first sync: tables that are empty are filled.
 *
 * Promises: that a database is being filled is written in the transaction that
 * takes the first index away, and forgotten when every index is there and
 * every reference of central's rows leads to a row; a row of the application,
 * or one with a change of this site, is never taken away.
 */

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "store/schema_private.h"
#include "store/store_private.h"

#define LARGE   300000         /* rows of a table whose index is sorted in a
                                  quarter of a second; it also fits into the
                                  helper's memory */
#define OTHERS  150000         /* rows of such a table while others write: an
                                  index that grows makes short transactions
                                  long, so it is sorted as late as they can wait
                                  for it */
#define HOLD    100            /* ms of a transaction that makes indexes,
                                  unless one takes longer */
#define MOVE    1000           /* rows of a transaction that takes some away */
#define PASSES  16             /* looks at all references; more than the
                                  catalogue has generations */

/* rows of one table that refer to nothing */
typedef struct {
    int64_t  *rowids;                  /* owned */
    size_t    n;
    size_t    size;
} fill_orphans_t;

static int fill_can_fill(msync_store_t *store, bool *can, msync_err_t *err);
static int fill_is_empty(msync_store_t *store, const msync_table_t *table,
    bool *empty, msync_err_t *err);
static int fill_drop_indexes(msync_store_t *store, msync_err_t *err);
static int fill_read_last(msync_store_t *store, const msync_table_t *table,
    int64_t *last, msync_err_t *err);
static int fill_make_all(msync_store_t *store, msync_hook_pt hook, void *data,
    msync_err_t *err);
static int fill_look_at_index(msync_store_t *store,
    const msync_table_t *table, const msync_field_t *field, bool *missing,
    bool *used, msync_err_t *err);
static int fill_check_references(msync_store_t *store, msync_hook_pt hook,
    void *data, int64_t *moved, msync_err_t *err);
static int fill_find_orphans(msync_store_t *store, const msync_table_t *table,
    fill_orphans_t *orphans, msync_err_t *err);
static int fill_move_orphans(msync_store_t *store, const msync_table_t *table,
    fill_orphans_t *orphans, int64_t *moved, msync_err_t *err);
static int fill_move_orphan(msync_store_t *store, const msync_table_t *table,
    int64_t rowid, int64_t *moved, msync_err_t *err);
static int fill_move_row(msync_store_t *store, const msync_table_t *table,
    const char *id, int64_t *moved, msync_err_t *err);


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
    if (msync_store_has_settings(store)
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
        || (!begun && fill_can_fill(store, &can, err) != MSYNC_OK))
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

        if (fill_drop_indexes(store, err) != MSYNC_OK
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
fill_can_fill(msync_store_t *store, bool *can, msync_err_t *err)
{
    bool         rowless, orphans;
    size_t       i;
    const char  *name;

    for (i = 0, *can = true; *can && i < store->catalogue->n; i++) {
        name = store->catalogue->tables[i].sql;

        if (msync_store_found_own(store,
                sqlite3_mprintf("SELECT wr FROM pragma_table_list(%Q) WHERE "
                                "schema = 'main'", name), &rowless, err)
            != MSYNC_OK
            || msync_store_found_own(store,
                   sqlite3_mprintf("SELECT EXISTS (SELECT 1 FROM "
                                   "pragma_foreign_key_check(%Q))", name),
                   &orphans, err) != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }

        *can = !rowless && !orphans;
    }

    return MSYNC_OK;
}


static int
fill_is_empty(msync_store_t *store, const msync_table_t *table, bool *empty,
    msync_err_t *err)
{
    return msync_store_found_own(store,
               sqlite3_mprintf("SELECT NOT EXISTS (SELECT 1 FROM \"%w\")",
                               table->sql), empty, err);
}


static int
fill_drop_indexes(msync_store_t *store, msync_err_t *err)
{
    bool          empty;
    size_t        i;
    sqlite3_str  *sql = sqlite3_str_new(NULL);

    for (i = 0; i < store->catalogue->n; i++) {
        if (fill_is_empty(store, &store->catalogue->tables[i], &empty, err)
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


/* the last rowid, which says how large a table is at most; the application may
 * have made one WITHOUT ROWID since it was begun to be filled */

static int
fill_read_last(msync_store_t *store, const msync_table_t *table, int64_t *last,
    msync_err_t *err)
{
    *last = LARGE;

    return sqlite3_table_column_metadata(store->db, "main", table->sql,
                                         "rowid", NULL, NULL, NULL, NULL, NULL)
           == SQLITE_OK
           ? msync_store_number_own(store,
                 sqlite3_mprintf("SELECT max(rowid) FROM \"%w\"", table->sql),
                 last, err)
           : MSYNC_OK;
}


/* an index of a reference that is never used costs a scan of the whole table
 * in the end, and nothing when it is made before; most references are such */

int
msync_store_fill_indexes(msync_store_t *store, const msync_table_t *table,
    bool *made, msync_err_t *err)
{
    bool          missing, used, sorted = false;
    size_t        i;
    int64_t       last, large;
    sqlite3_str  *sql;

    *made = false;

    if (!store->filling) {
        return MSYNC_OK;
    }

    if (fill_read_last(store, table, &last, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    large = msync_store_is_shared(store) ? OTHERS : LARGE;
    sql = sqlite3_str_new(NULL);

    for (i = 0; i < table->n; i++) {
        if (!msync_store_has_index(table, i)) {
            continue;
        }

        if (fill_look_at_index(store, table, &table->fields[i], &missing,
                               &used, err) != MSYNC_OK)
        {
            sqlite3_free(sqlite3_str_finish(sql));
            return MSYNC_ERROR;
        }

        /* an index that takes a while has its own transaction */
        if (missing && (!used || (last >= large && !sorted))) {
            msync_store_put_index(sql, table, &table->fields[i],
                                  "IF NOT EXISTS ");
            sqlite3_str_appendall(sql, ";\n");
            *made = true;
            sorted |= used;
        }
    }

    return msync_store_exec_str(store, sql, err);
}


/* `used` is looked for only where it is missing */

static int
fill_look_at_index(msync_store_t *store, const msync_table_t *table,
    const msync_field_t *field, bool *missing, bool *used, msync_err_t *err)
{
    *used = true;

    if (msync_store_found_own(store,
            sqlite3_mprintf("SELECT NOT EXISTS (SELECT 1 FROM sqlite_master "
                            "WHERE type = 'index' AND name = 'msync_%q_%q')",
                            table->sql, field->name), missing, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    return *missing
           ? msync_store_found_own(store,
                 sqlite3_mprintf("SELECT EXISTS (SELECT 1 FROM \"%w\" AS t "
                                 "WHERE t.\"%w\" IS NOT NULL)", table->sql,
                                 field->name), used, err)
           : MSYNC_OK;
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
        if (fill_make_all(store, hook, data, err) != MSYNC_OK
            || fill_check_references(store, hook, data, moved, err)
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


/* one index at a time, for the application waits for each; a loss of power may
 * take some of them, and the next run makes those, for the tables count as
 * filled only with the commit behind the last one, which waits for the disk */

static int
fill_make_all(msync_store_t *store, msync_hook_pt hook, void *data,
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
                && msync_store_begin_unsynced(store, err) != MSYNC_OK)
            {
                return MSYNC_ERROR;
            }

            sql = sqlite3_str_new(NULL);
            msync_store_put_index(sql, table, &table->fields[j],
                                  "IF NOT EXISTS ");

            if (msync_store_exec_str(store, sql, err) != MSYNC_OK
                || ((msync_store_held(store) >= HOLD
                     || msync_store_held(store) >= msync_store_hold(store))
                    && (msync_store_commit(store, err) != MSYNC_OK
                        || msync_store_yield(store, err) != MSYNC_OK
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


/* a row that goes back into the buffer may be the parent of another one */

static int
fill_check_references(msync_store_t *store, msync_hook_pt hook, void *data,
    int64_t *moved, msync_err_t *err)
{
    int             rc;
    size_t          i;
    int64_t         before, passes = 0;
    fill_orphans_t  orphans = { 0 };

    do {
        before = *moved;

        for (i = 0; i < store->catalogue->n; i++) {
            rc = fill_find_orphans(store, &store->catalogue->tables[i],
                                   &orphans, err);

            if (rc == MSYNC_OK && orphans.n > 0) {
                rc = fill_move_orphans(store, &store->catalogue->tables[i],
                                       &orphans, moved, err);
            }

            free(orphans.rowids);
            orphans = (fill_orphans_t) { 0 };

            if (rc != MSYNC_OK
                || (hook != NULL && hook(data, err) != MSYNC_OK))
            {
                return MSYNC_ERROR;
            }
        }
    } while (*moved > before && ++passes < PASSES);

    return MSYNC_OK;
}


/* those of a table that has no rowid any more stay, which a check tells */

static int
fill_find_orphans(msync_store_t *store, const msync_table_t *table,
    fill_orphans_t *orphans, msync_err_t *err)
{
    int            code, rc = MSYNC_OK;
    sqlite3_stmt  *stmt;

    stmt = msync_store_prepare_own(store,
               sqlite3_mprintf("SELECT rowid FROM pragma_foreign_key_check"
                               "(%Q) WHERE rowid IS NOT NULL", table->sql),
               err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        if (orphans->n == orphans->size) {
            orphans->size = orphans->size ? orphans->size * 2 : 64;
            orphans->rowids = msync_realloc(orphans->rowids, orphans->size,
                                            sizeof(int64_t));
        }

        orphans->rowids[orphans->n++] = sqlite3_column_int64(stmt, 0);
    }

    if (code != SQLITE_DONE) {
        rc = msync_store_fault(store, "looking at references", err);
    }

    sqlite3_finalize(stmt);
    return rc;
}


/* where a trigger of the application's that keeps a row rolls all back,
 * the others of the transaction are moved once more, without that row */

static int
fill_move_orphans(msync_store_t *store, const msync_table_t *table,
    fill_orphans_t *orphans, int64_t *moved, msync_err_t *err)
{
    size_t   i = 0, first = 0;
    int64_t  before = *moved;

    while (i < orphans->n) {
        if (i == first
            && msync_store_begin_integration(store, err) != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }

        if (fill_move_orphan(store, table, orphans->rowids[i], moved, err)
            != MSYNC_OK)
        {
            msync_store_rollback(store);
            return MSYNC_ERROR;
        }

        if (!msync_store_in_transaction(store)) {
            memmove(orphans->rowids + i, orphans->rowids + i + 1,
                    (--orphans->n - i) * sizeof(int64_t));
            *moved = before;
            i = first;
            continue;
        }

        if (++i == orphans->n || i - first == MOVE) {
            if (msync_store_commit(store, err) != MSYNC_OK
                || (i < orphans->n
                    && msync_store_yield(store, err) != MSYNC_OK))
            {
                return MSYNC_ERROR;
            }

            first = i;
            before = *moved;
        }
    }

    return MSYNC_OK;
}


/*
 * One that the application has made or changed stays.  Several references of a
 * row may lead nowhere: then it has been moved already.
 */

static int
fill_move_orphan(msync_store_t *store, const msync_table_t *table,
    int64_t rowid, int64_t *moved, msync_err_t *err)
{
    int            rc;
    char          *id;
    const char    *key = table->fields[table->key].name;
    sqlite3_stmt  *stmt;

    stmt = msync_store_prepare_own(store,
               sqlite3_mprintf("SELECT t.\"%w\" FROM \"%w\" AS t WHERE "
                               "t.rowid = %lld AND typeof(t.\"%w\") = 'text' "
                               "AND NOT EXISTS (SELECT 1 FROM changelog AS c "
                               "WHERE c.record_id = t.\"%w\" AND "
                               "c.table_name = %Q)", key, table->sql,
                               (long long) rowid, key, key, table->name),
               err);
    rc = msync_store_text(store, stmt, &id, "looking at references", err);
    sqlite3_finalize(stmt);

    if (id != NULL) {
        rc = fill_move_row(store, table, id, moved, err);
    }

    msync_free(&id);
    return rc;
}


/* what cannot be moved, for a trigger of the application says no, stays;
 * "msync check" finds it */

static int
fill_move_row(msync_store_t *store, const msync_table_t *table,
    const char *id, int64_t *moved, msync_err_t *err)
{
    int              rc;
    unsigned         side;
    msync_batch_t    batch = { 0 };
    msync_record_t  *record;

    record = msync_batch_add(&batch);
    record->table = msync_strdup(table->name);
    record->id = msync_strdup(id);
    record->action = MSYNC_ACTION_UPSERT;

    rc = msync_store_side_of(store, table, &side, err);

    if (rc == MSYNC_OK) {
        rc = msync_store_row_read(store, table, id, side, false, record, err);
    }

    if (rc == MSYNC_OK) {
        rc = msync_store_row_delete(store, table, id, err);
    }

    if (rc == MSYNC_OK) {
        ++*moved;
        rc = msync_store_buffer_put(store, &batch, side, err);

    } else if (rc == MSYNC_ERROR && err->scope == MSYNC_SCOPE_RECORD) {
        msync_log(MSYNC_LOG_WARN, "%s \"%s\" refers to a record that has not "
                  "come, and stays: %s", table->name, id, err->text);
        rc = MSYNC_OK;

    } else if (rc == MSYNC_DONE) {
        rc = MSYNC_OK;
    }

    msync_batch_clear(&batch);
    return rc;
}
