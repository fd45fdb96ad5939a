/*
 * Merging two rows of a table into one.
 *
 * Promises: a merge is done whole or not at all; afterwards no row refers to
 * the loser, and nothing that exists once for a pair exists twice.  Who was
 * merged into whom is remembered: what comes later and still names the loser,
 * from a site that did not know yet, is led to the record that was kept.
 */

#include <string.h>

#include "store/store_private.h"

static int merge_change(msync_store_t *store, const msync_table_t *table,
    char *change, char *where, const char *from, const char *to,
    msync_err_t *err);
static int merge_tidy_joins(msync_store_t *store, const msync_table_t *other,
    const msync_field_t *field, const char *from, const char *to,
    msync_err_t *err);
static int merge_repoint(msync_store_t *store, const msync_table_t *table,
    const char *from, const char *to, msync_err_t *err);
static int merge_remember(msync_store_t *store, const msync_table_t *table,
    const char *lose, const char *keep, msync_err_t *err);
static void merge_explain(msync_store_t *store, const msync_table_t *table,
    const char *lose, int code, msync_err_t *err);
static bool merge_refers(msync_store_t *store, const msync_table_t *table,
    const char *lose, sqlite3_stmt *keys, msync_err_t *err);


/* tables that join a merged table to another: one row a pair */
static const struct {
    const char  *table;
    const char  *merged;           /* the field that is repointed */
    const char  *other;
} merge_joins[] = {
    { "name_store_join",       "name_ID",       "store_ID" },
    { "name_tag_join",         "name_ID",       "name_tag_ID" },
    { "list_master_name_join", "name_ID",       "list_master_ID" },
    { "item_store_join",       "item_ID",       "store_ID" },
    { "list_master_line",      "item_ID",       "item_master_ID" },
    { "item_warning_link",     "item_ID",       "warning_ID" },
    { "clinician_store_join",  "prescriber_ID", "store_ID" }
};


/*
 * A statement of ?1 and ?2, `from` and `to`, about the rows `l` of a table of
 * which `where` is true, and of none then, unless a trigger of the
 * application's ignores some.  Takes both texts over.
 */

static int
merge_change(msync_store_t *store, const msync_table_t *table, char *change,
    char *where, const char *from, const char *to, msync_err_t *err)
{
    int            rc;
    bool           left = false;
    sqlite3_stmt  *stmt = NULL;

    where = msync_store_need(where);
    change = msync_store_need(change);

    rc = msync_store_run_about(store, sqlite3_mprintf("%s WHERE %s", change,
                                                      where), from, to, err);

    if (rc == MSYNC_OK && store->triggered) {
        stmt = msync_store_prepare_own(store,
                   sqlite3_mprintf("SELECT 1 FROM \"%w\" AS l WHERE %s "
                                   "LIMIT 1", table->sql, where),
                   err);
        rc = stmt ? MSYNC_OK : MSYNC_ERROR;
    }

    if (stmt != NULL) {
        sqlite3_bind_text(stmt, 1, from, -1, SQLITE_STATIC);
        sqlite3_bind_text(stmt, 2, to, -1, SQLITE_STATIC);
        rc = msync_store_found(store, stmt, &left, table->name, err);
        sqlite3_finalize(stmt);
    }

    sqlite3_free(change);
    sqlite3_free(where);

    return rc == MSYNC_OK && left ? msync_store_fault_of_ignored(err) : rc;
}


/* the loser's row of a pair that the other has, too */

static int
merge_tidy_joins(msync_store_t *store, const msync_table_t *other,
    const msync_field_t *field, const char *from, const char *to,
    msync_err_t *err)
{
    size_t  i;

    for (i = 0; i < sizeof(merge_joins) / sizeof(*merge_joins); i++) {
        if (strcmp(merge_joins[i].table, other->name) != 0
            || strcmp(merge_joins[i].merged, field->name) != 0
            || msync_table_field(other, merge_joins[i].other) == NULL)
        {
            continue;
        }

        return merge_change(store, other,
                   sqlite3_mprintf("DELETE FROM \"%w\" AS l", other->sql),
                   sqlite3_mprintf("l.\"%w\" = ?1 AND EXISTS (SELECT 1 FROM "
                                   "\"%w\" k WHERE k.\"%w\" = ?2 AND "
                                   "k.\"%w\" = l.\"%w\")", field->name,
                                   other->sql, field->name,
                                   merge_joins[i].other,
                                   merge_joins[i].other),
                   from, to, err);
    }

    return MSYNC_OK;
}


static int
merge_repoint(msync_store_t *store, const msync_table_t *table,
    const char *from, const char *to, msync_err_t *err)
{
    size_t                i, j;
    const msync_field_t  *field;
    const msync_table_t  *other;

    for (i = 0; i < store->catalogue->n; i++) {
        other = &store->catalogue->tables[i];

        for (j = 0; j < other->n; j++) {
            field = &other->fields[j];

            if (field->target != table) {
                continue;
            }

            if (merge_tidy_joins(store, other, field, from, to, err) != MSYNC_OK
                || merge_change(store, other,
                       sqlite3_mprintf("UPDATE \"%w\" AS l SET \"%w\" = ?2",
                                       other->sql, field->name),
                       sqlite3_mprintf("l.\"%w\" = ?1", field->name), from,
                       to, err) != MSYNC_OK)
            {
                return MSYNC_ERROR;
            }
        }
    }

    return MSYNC_OK;
}


/* a chain of merges leads to its end at once */

static int
merge_remember(msync_store_t *store, const msync_table_t *table,
    const char *lose, const char *keep, msync_err_t *err)
{
    static const char *const  steps[] = {
        "UPDATE msync_merged SET kept_id = ?2 WHERE kept_id = ?1 AND "
        "table_name = %Q",
        "DELETE FROM msync_merged WHERE record_id IN (?1, ?2) AND "
        "table_name = %Q",
        "INSERT INTO msync_merged (record_id, kept_id, "
        "table_name) VALUES (?1, ?2, %Q)"
    };

    size_t  i;

    for (i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
        if (msync_store_run_about(store,
                                  sqlite3_mprintf(steps[i], table->name),
                                  lose, keep, err) != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }
    }

    return MSYNC_OK;
}


int
msync_store_merged_any(msync_store_t *store, bool *any, msync_err_t *err)
{
    return msync_store_found(store,
        msync_store_stmt(store, MSYNC_STMT_MERGED_ANY,
                         "SELECT 1 FROM msync_merged LIMIT 1", err),
        any, "looking for merges", err);
}


int
msync_store_merged(msync_store_t *store, const msync_table_t *table,
    const char *id, char **kept, msync_err_t *err)
{
    sqlite3_stmt  *stmt;

    *kept = NULL;

    stmt = msync_store_stmt(store, MSYNC_STMT_MERGED,
                            "SELECT kept_id FROM msync_merged WHERE "
                            "table_name = ?1 AND record_id = ?2", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, table->name, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, id, -1, SQLITE_STATIC);

    return msync_store_text(store, stmt, kept, "looking for a merge", err);
}


int
msync_store_follow_merges(msync_store_t *store, msync_row_t *row,
    msync_err_t *err)
{
    char                 *kept;
    size_t                i;
    msync_value_t        *value;
    const msync_field_t  *field;

    for (i = 0; i < row->table->n; i++) {
        field = &row->table->fields[i];
        value = &row->values[i];

        if (i == row->table->key || field->target == NULL
            || !field->target->merge || value->kind != MSYNC_VALUE_TEXT)
        {
            continue;
        }

        if (msync_store_merged(store, field->target, value->text, &kept, err)
            != MSYNC_OK)
        {
            err->scope = MSYNC_SCOPE_RUN;
            return MSYNC_ERROR;
        }

        if (kept != NULL) {
            value->length = strlen(kept);
            value->text = msync_row_text(row, kept, value->length);
            msync_free(&kept);
        }
    }

    return MSYNC_OK;
}


/* what of the application's own keeps the two records apart */

static void
merge_explain(msync_store_t *store, const msync_table_t *table,
    const char *lose, int code, msync_err_t *err)
{
    bool           found = false;
    msync_err_t    ignored;
    sqlite3_stmt  *keys;

    if (code == SQLITE_CONSTRAINT_UNIQUE
        || code == SQLITE_CONSTRAINT_PRIMARYKEY)
    {
        (void) msync_err_context(err, "two rows would be one to a key of the "
                                 "application, which has to change or remove "
                                 "one of them");
        return;
    }

    if (code != SQLITE_CONSTRAINT_FOREIGNKEY) {
        return;
    }

    keys = msync_store_prepare_keys(store, table, &ignored);

    while (!found && keys != NULL && sqlite3_step(keys) == SQLITE_ROW) {
        found = merge_refers(store, table, lose, keys, err);
    }

    sqlite3_finalize(keys);
}


/* whether the foreign key that `keys` is at still leads to the loser; err says
 * so then */

static bool
merge_refers(msync_store_t *store, const msync_table_t *table,
    const char *lose, sqlite3_stmt *keys, msync_err_t *err)
{
    bool           found = false;
    const char    *other, *from, *to, *key;
    msync_err_t    ignored;
    sqlite3_stmt  *stmt;

    key = table->fields[table->key].name;
    other = (const char *) sqlite3_column_text(keys, 0);
    from = (const char *) sqlite3_column_text(keys, 1);
    to = (const char *) sqlite3_column_text(keys, 2);

    stmt = msync_store_prepare_own(store,
        sqlite3_mprintf("SELECT 1 FROM \"%w\" AS o, \"%w\" AS t WHERE "
                        "t.\"%w\" = ?1 AND o.\"%w\" = t.\"%w\"", other,
                        table->sql, key, from, to ? to : key), &ignored);

    if (stmt != NULL) {
        sqlite3_bind_text(stmt, 1, lose, -1, SQLITE_STATIC);
        (void) msync_store_found(store, stmt, &found, other, &ignored);
    }

    if (found) {
        (void) msync_err_set(err, MSYNC_ERR_INTEGRATION_ERROR,
                             "column \"%.64s\" of the application's table "
                             "\"%.64s\" refers to the record that goes "
                             "(mergeIdToDelete); let it refer to the one that "
                             "stays", from, other);
        err->scope = MSYNC_SCOPE_RECORD;
    }

    sqlite3_finalize(stmt);
    return found;
}


int
msync_store_row_merge(msync_store_t *store, const msync_table_t *table,
    const char *lose, const char *keep, msync_err_t *err)
{
    int   rc, code = SQLITE_CONSTRAINT_FOREIGNKEY;
    bool  violated;

    if (msync_store_savepoint(store, &violated, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    rc = merge_repoint(store, table, lose, keep, err);

    if (rc == MSYNC_OK) {
        rc = table->on_delete == MSYNC_DELETE_SOFT
             ? msync_store_row_soft_delete(store, table, lose, err)
             : msync_store_row_delete(store, table, lose, err);
    }

    if (rc == MSYNC_OK) {
        rc = merge_remember(store, table, lose, keep, err);
    }

    /* a delete that others stand against has been undone already */
    if (rc != MSYNC_OK && !err->note) {
        code = sqlite3_extended_errcode(store->db);
    }

    rc = msync_store_savepoint_end(store, violated, rc, err);

    if (rc != MSYNC_OK && err->scope == MSYNC_SCOPE_RECORD
        && msync_store_in_transaction(store))
    {
        merge_explain(store, table, lose, code, err);
    }

    /* references of the application's own still name the loser */
    err->note = false;

    return rc;
}
