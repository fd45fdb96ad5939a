/*
 * What REPLACE does: rows that go without a DELETE, and those that are made
 * again as they were.
 *
 * INSERT OR REPLACE, and what else resolves a conflict so, removes the rows
 * in its way, and SQLite runs no DELETE trigger for that unless
 * recursive_triggers is on.  A row of the same key goes to central as what it
 * has become; one that is in the way by another UNIQUE would stay there for
 * ever.  Nothing tells a REPLACE from other statements before it is done, so
 * the rows in the way are noted in msync_replaced before a row is written, and
 * those that are gone afterwards are deletes.  INSERT OR IGNORE leaves notes
 * of rows that stay, which the next one clears.  An UPDATE that gives a row
 * the key of another one may end without either: what refers to that one, and
 * goes with it, may be the row itself.
 *
 * A row that is in the way by the key, and equal to what takes its place, is
 * noted as an UPSERT: that is no change.  With recursive_triggers on it has its
 * DELETE in the changelog before it is there again, which is taken back then.
 *
 * Promises: a row that is removed has one DELETE in the changelog, whatever
 * recursive_triggers says; a table without another UNIQUE and without a
 * reference to itself has no triggers for that.  A UNIQUE of expressions is not
 * looked at, which a check tells.
 */

#include <string.h>

#include "store/conflict_private.h"
#include "store/schema_private.h"

typedef enum {
    REPLACE_BEFORE_INSERT = 0,
    REPLACE_AFTER_INSERT,
    REPLACE_BEFORE_UPDATE,
    REPLACE_AFTER_UPDATE,
    REPLACE_AFTER_DELETE,
    REPLACE_MAX
} replace_e;

static const struct {
    const char  *name;             /* after msync_TABLE_ */
    const char  *event;
    const char  *row;              /* whose id is not in its own way, or has
                                      its own DELETE in the changelog */
    bool         before;
} replace_triggers[REPLACE_MAX] = {
    { "BEFORE_INSERT", "BEFORE INSERT", "NEW", true },
    { "AFTER_INSERT",  "AFTER INSERT",  NULL,  false },
    { "BEFORE_UPDATE", "BEFORE UPDATE", "OLD", true },
    { "AFTER_UPDATE",  "AFTER UPDATE",  "OLD", false },
    { "AFTER_DELETE",  "AFTER DELETE",  "OLD", false }
};


static bool replace_is_needed(const msync_conflicts_t *conflicts,
    replace_e which);
static void replace_add_equal_is(sqlite3_str *sql, const msync_table_t *table,
    const char *row);
static void replace_add_equal(sqlite3_str *sql, const msync_table_t *table);
static void replace_add_note(sqlite3_str *sql, const msync_table_t *table,
    const char *own, const char *way, const char *row);
static void replace_add_notes(sqlite3_str *sql, const msync_table_t *table,
    const msync_conflicts_t *conflicts, const char *row);
static void replace_add_deletes(sqlite3_str *sql, const msync_table_t *table,
    const char *row, bool rest);
static char *replace_sql(const msync_table_t *table,
    const msync_conflicts_t *conflicts, replace_e which);
static void replace_check_trigger(const msync_look_t *look,
    const msync_table_t *table, const msync_conflicts_t *conflicts,
    replace_e which);
static int replace_mend(msync_store_t *store, const msync_table_t *table,
    sqlite3_str *sql, msync_err_t *err);


static bool
replace_is_needed(const msync_conflicts_t *conflicts, replace_e which)
{
    return which == REPLACE_BEFORE_INSERT || conflicts->n > 0
           || conflicts->to_itself;
}


static void
replace_add_equal_is(sqlite3_str *sql, const msync_table_t *table,
    const char *row)
{
    sqlite3_str_appendf(sql, "row_action = 'UPSERT' AND table_name = %Q AND "
                        "record_id = %s.\"%w\"", table->name, row,
                        table->fields[table->key].name);
}


void
msync_store_put_is_equal(sqlite3_str *sql, const msync_table_t *table)
{
    sqlite3_str_appendall(sql, "EXISTS (SELECT 1 FROM msync_replaced WHERE ");
    replace_add_equal_is(sql, table, "NEW");
    sqlite3_str_appendall(sql, ")");
}


void
msync_store_put_deleted(sqlite3_str *sql, const msync_table_t *table)
{
    sqlite3_str_appendall(sql, "  UPDATE msync_replaced SET cursor = "
                          "CASE WHEN changes() > 0 THEN last_insert_rowid() "
                          "END WHERE ");
    replace_add_equal_is(sql, table, "OLD");
    sqlite3_str_appendall(sql, ";\n");
}


void
msync_store_put_take_back(sqlite3_str *sql, const msync_table_t *table)
{
    sqlite3_str_appendall(sql, "  UPDATE changelog SET table_name = '' "
                          "WHERE cursor = (SELECT cursor FROM "
                          "msync_replaced WHERE ");
    replace_add_equal_is(sql, table, "NEW");
    sqlite3_str_appendall(sql, ");\n");
}


/* notes a row that is as NEW; notes of before are of rows that stayed, and the
 * one of this key will be there */

static void
replace_add_equal(sqlite3_str *sql, const msync_table_t *table)
{
    const char  *key = table->fields[table->key].name;

    sqlite3_str_appendf(sql, "  DELETE FROM msync_replaced WHERE table_name = "
                        "%Q AND (row_action = 'UPSERT' OR record_id = "
                        "NEW.\"%w\");\n"
                        "  INSERT INTO msync_replaced (table_name, record_id, "
                        "row_action)\n  SELECT %Q, NEW.\"%w\", 'UPSERT' FROM "
                        "\"%w\" AS t\n  WHERE t.\"%w\" = NEW.\"%w\" AND NOT ",
                        table->name, key, table->name, key, table->sql, key,
                        key);
    msync_store_put_differs(sql, table, NULL);
    sqlite3_str_appendall(sql, ";\n");
}


static void
replace_add_note(sqlite3_str *sql, const msync_table_t *table, const char *own,
    const char *way, const char *row)
{
    const char  *key = table->fields[table->key].name;

    sqlite3_str_appendall(sql, "  INSERT INTO msync_replaced ("
                          MSYNC_SQL_CHANGE ")\n  SELECT ");
    msync_store_put_change(sql, table, own, "DELETE");
    sqlite3_str_appendf(sql, " FROM %s\n  WHERE %s AND %s.\"%w\" IS NOT NULL "
                        "AND %s.\"%w\" IS NOT %s.\"%w\" COLLATE BINARY", own,
                        way, own, key, own, key, row, key);

    if (table->push_field != NULL) {
        sqlite3_str_appendf(sql, " AND %s.\"%w\" = %Q", own,
                            table->push_field, table->push_value);
    }

    sqlite3_str_appendall(sql, ";\n");
}


/* notes the rows in the way of NEW */

static void
replace_add_notes(sqlite3_str *sql, const msync_table_t *table,
    const msync_conflicts_t *conflicts, const char *row)
{
    char        *own, *way;
    size_t       i;
    const char  *key = table->fields[table->key].name;

    own = msync_store_need(sqlite3_mprintf("\"%w\"", table->sql));
    way = msync_store_need(sqlite3_mprintf("%s.\"%w\" = NEW.\"%w\"", own,
                                           key, key));

    for (i = 0; i < conflicts->n; i++) {
        replace_add_note(sql, table, own, conflicts->texts[i], row);
    }

    /* an INSERT always ends with the row of its key */
    if (strcmp(row, "OLD") == 0) {
        replace_add_note(sql, table, own, way, row);
    }

    sqlite3_free(way);
    sqlite3_free(own);
}


/*
 * Those that were noted and are gone.  One that a foreign key of the
 * application's takes along is deleted while others are still to be removed:
 * their notes stay.
 */

static void
replace_add_deletes(sqlite3_str *sql, const msync_table_t *table,
    const char *row, bool rest)
{
    const char  *key = table->fields[table->key].name;

    if (row != NULL) {
        sqlite3_str_appendf(sql, "  DELETE FROM msync_replaced WHERE "
                            "row_action = 'DELETE' AND table_name = %Q AND "
                            "record_id = %s.\"%w\";\n", table->name, row,
                            key);
    }

    sqlite3_str_appendf(sql, "  INSERT INTO changelog (" MSYNC_SQL_CHANGE ")\n"
                        "  SELECT DISTINCT " MSYNC_SQL_CHANGE " FROM "
                        "msync_replaced\n  WHERE row_action = 'DELETE' AND "
                        "table_name = %Q AND NOT EXISTS (SELECT 1 FROM \"%w\" "
                        "AS t WHERE t.\"%w\" = msync_replaced.record_id "
                        "COLLATE BINARY);\n  DELETE FROM msync_replaced WHERE "
                        "row_action = 'DELETE' AND table_name = %Q",
                        table->name, table->sql, key, table->name);

    if (rest) {
        sqlite3_str_appendf(sql, " AND NOT EXISTS (SELECT 1 FROM \"%w\" AS t "
                            "WHERE t.\"%w\" = msync_replaced.record_id)",
                            table->sql, key);
    }

    sqlite3_str_appendall(sql, ";\n");
}


/* SQL that makes the trigger, as sqlite_master keeps it; the caller frees */

static char *
replace_sql(const msync_table_t *table, const msync_conflicts_t *conflicts,
    replace_e which)
{
    char         *text;
    const char   *row = replace_triggers[which].row;
    sqlite3_str  *sql = sqlite3_str_new(NULL);

    sqlite3_str_appendf(sql, "CREATE TRIGGER \"msync_%w_%s\" %s ON \"%w\"\n"
                        "WHEN %s\nBEGIN\n", table->sql,
                        replace_triggers[which].name,
                        replace_triggers[which].event, table->sql,
                        replace_triggers[which].before
                        ? MSYNC_SQL_SPEAKING
                        : "EXISTS (SELECT 1 FROM msync_replaced WHERE "
                          "row_action = 'DELETE')");

    if (which == REPLACE_BEFORE_INSERT) {
        replace_add_equal(sql, table);
    }

    if (replace_triggers[which].before) {
        replace_add_notes(sql, table, conflicts, row);

    } else {
        replace_add_deletes(sql, table, row, which == REPLACE_AFTER_DELETE);
    }

    sqlite3_str_appendall(sql, "END");
    text = msync_store_need(sqlite3_str_finish(sql));

    return text;
}


static void
replace_check_trigger(const msync_look_t *look, const msync_table_t *table,
    const msync_conflicts_t *conflicts, replace_e which)
{
    char  *name, *sql = NULL;

    name = msync_store_need(
               sqlite3_mprintf("msync_%s_%s", table->sql,
                               replace_triggers[which].name));

    if (replace_is_needed(conflicts, which)) {
        sql = replace_sql(table, conflicts, which);
    }

    msync_store_check_object(look, NULL, "trigger", name, sql ? sql : "");
    sqlite3_free(name);
    sqlite3_free(sql);
}


int
msync_store_check_replace(const msync_look_t *look,
    const msync_table_t *table, msync_err_t *err)
{
    int           rc = MSYNC_OK;
    unsigned      which;
    msync_conflicts_t  conflicts = { 0 };

    if (msync_store_has_column(look->store, table->sql, NULL)) {
        rc = msync_store_conflicts_read(look->store, table, &conflicts, err);
    }

    for (which = 0; rc == MSYNC_OK && which < REPLACE_MAX; which++) {
        replace_check_trigger(look, table, &conflicts, which);
    }

    msync_store_conflicts_clear(&conflicts);
    return rc;
}


/* joins SQL that makes the triggers of a table */

static int
replace_mend(msync_store_t *store, const msync_table_t *table,
    sqlite3_str *sql, msync_err_t *err)
{
    int                 rc;
    char               *text;
    unsigned            which;
    msync_conflicts_t   conflicts;

    rc = msync_store_conflicts_read(store, table, &conflicts, err);

    for (which = 0; rc == MSYNC_OK && which < REPLACE_MAX; which++) {
        sqlite3_str_appendf(sql, "DROP TRIGGER IF EXISTS \"msync_%w_%s\";\n",
                            table->sql, replace_triggers[which].name);

        if (replace_is_needed(&conflicts, which)) {
            text = replace_sql(table, &conflicts, which);
            sqlite3_str_appendf(sql, "%s;\n", text);
            sqlite3_free(text);
        }
    }

    msync_store_conflicts_clear(&conflicts);
    return rc;
}


/* with each trigger that is made all statements have to be compiled again, so
 * those that read the conflicts are done before */

int
msync_store_mend_replace(msync_store_t *store, msync_err_t *err)
{
    int           rc = MSYNC_OK;
    size_t        i;
    sqlite3_str  *sql = sqlite3_str_new(store->db);

    for (i = 0; rc == MSYNC_OK && i < store->catalogue->n; i++) {
        if (store->catalogue->tables[i].push != 0) {
            rc = replace_mend(store, &store->catalogue->tables[i], sql, err);
        }
    }

    if (rc != MSYNC_OK) {
        sqlite3_free(sqlite3_str_finish(sql));
        return MSYNC_ERROR;
    }

    return msync_store_exec_str(store, sql, err);
}


int
msync_store_check_expressions(msync_store_t *store, msync_finding_pt each,
    void *data, msync_err_t *err)
{
    int                 rc = MSYNC_OK;
    char               *text;
    size_t              i;
    msync_conflicts_t   conflicts;

    const msync_table_t  *table;

    for (i = 0; rc == MSYNC_OK && i < store->catalogue->n; i++) {
        table = &store->catalogue->tables[i];

        if (table->push == 0) {
            continue;
        }

        rc = msync_store_conflicts_read(store, table, &conflicts, err);

        if (rc == MSYNC_OK && conflicts.unseen) {
            text = msync_store_need(sqlite3_mprintf(
                "table \"%s\": it has a UNIQUE index of an expression; a row "
                "that INSERT OR REPLACE removes by that is not deleted at "
                "central", table->sql));
            each(data, text);
            sqlite3_free(text);
        }

        msync_store_conflicts_clear(&conflicts);
    }

    return rc;
}
