/*
 * Changes: the triggers that write the changelog, and which of its rows this
 * site may send.
 *
 * Promises: whatever connection changes a row of a table that is pushed, what
 * central has to know of it is written in the same transaction; what changes
 * nothing that central sees is not.  The triggers are silent while msync_flag
 * says that the helper integrates, which no other connection can ever see,
 * for it is taken back before the transaction ends.  A change that somebody
 * deletes or updates before central has it stays.  They name their own
 * table and msync's, no other one of the application: SQLite refuses to
 * rename or drop a table while a trigger names one that is not there.
 */

#include <string.h>

#include "catalogue/v7.h"
#include "store/kv.h"
#include "store/schema_private.h"
#include "store/store_private.h"

/* whether this site speaks v7 */
#define MSYNC_SQL_SPEAKS_V7  "(SELECT count(*) FROM key_value_store WHERE "    \
    "id = '" MSYNC_KEY_VERSION "' AND value_string = '" MSYNC_SYNC_V7 "')"

/* what decides of a change whether it is sent, and as what */
#define CHANGES_GUARDED(row)                                                  \
    row ".cursor, " row ".record_id, " row ".row_action, " row ".store_id, "  \
    row ".parent_id, " row ".is_sync_update"

/* what is behind the seconds, without what says nothing */
#define CHANGES_REST  "rtrim(substr(%s, 20), '0.:+ ZUTC')"

/* a moment that a framework writes in milliseconds, though it read a text; in a
 * column of TEXT they are one, too, which "+ 0" makes a number of again */
#define CHANGES_MILLISECONDS                                                  \
    "CASE WHEN b + 0 BETWEEN 1e11 AND 1e13 THEN datetime(b / 1000, "          \
    "'unixepoch') || rtrim(printf('.%03d', b % 1000), '.0') ELSE b END"

/* the same of a day, which then begins in UTC */
#define CHANGES_DAY                                                           \
    "CASE WHEN b + 0 AND b % 864e5 = 0 THEN ifnull(date(b / 1000, "           \
    "'unixepoch'), b) ELSE b END"

/* JavaScript keeps milliseconds of what Open mSupply has in digits of its own:
 * whether `a` has a zone, or `b` is not what is left of it */
#define CHANGES_MORE                                                          \
    "substr(a, 20) GLOB '*[^.0-9]*' OR substr(a, 1, 19) || "                  \
    "rtrim(substr(a, 20, 4), '0.') IS NOT b"

const char *const  msync_store_events[MSYNC_STORE_EVENTS] = {
    "INSERT", "UPDATE", "DELETE"
};

const char *const  msync_store_guards[MSYNC_GUARD_MAX] = {
    "msync_changelog_DELETE", "msync_changelog_UPDATE", "msync_changelog_NAME"
};


static void changes_add_condition(sqlite3_str *sql, const msync_table_t *table,
    const char *row, bool key_changed);
static void changes_add(sqlite3_str *sql, const msync_table_t *table,
    const char *row, const char *action, bool key_changed, bool unequal);
static bool changes_is_time(msync_type_e type);
static bool changes_is_number(msync_type_e type);
static void changes_add_value(sqlite3_str *sql, msync_type_e type,
    const char *name, const char *otherwise);
static void changes_add_column(sqlite3_str *sql, const char *row,
    const char *name);
static void changes_add_columns(sqlite3_str *sql, const msync_table_t *table,
    const char *row, bool left);
static void changes_add_differ(sqlite3_str *sql, const msync_table_t *table,
    const char *row, msync_type_e type);
static void changes_add_not_queued(sqlite3_str *sql,
    const msync_table_t *table);
static void changes_add_unsent(sqlite3_str *sql,
    const msync_catalogue_t *catalogue, unsigned side, const char *cursor);
static void changes_add_rows(sqlite3_str *sql, const msync_table_t *table);
static void changes_add_parent(sqlite3_str *sql, const msync_table_t *table);
static void changes_add_names(sqlite3_str *sql,
    const msync_catalogue_t *catalogue, bool deletes, bool v7, bool v5_v6);
static void changes_add_store(sqlite3_str *sql,
    const msync_catalogue_t *catalogue);


/* the expressions of a change of `row`, in the order of MSYNC_SQL_CHANGE */

void
msync_store_put_change(sqlite3_str *sql, const msync_table_t *table,
    const char *row, const char *action)
{
    sqlite3_str_appendf(sql, "%Q, %s.\"%w\", %Q, ", table->name, row,
                        table->fields[table->key].name, action);

    if (table->store_via != NULL) {
        sqlite3_str_appendf(sql, "NULL, NULLIF(%s.\"%w\", '')", row,
                            table->store_via->name);

    } else if (table->store_field != NULL) {
        sqlite3_str_appendf(sql, "NULLIF(%s.\"%w\", ''), NULL", row,
                            table->store_field->name);

    } else {
        sqlite3_str_appendall(sql, "NULL, NULL");
    }
}


/* joins the conditions on a change that concerns central */

static void
changes_add_condition(sqlite3_str *sql, const msync_table_t *table,
    const char *row, bool key_changed)
{
    const char  *key = table->fields[table->key].name;

    /* a table of the application may have rows without a key */
    sqlite3_str_appendf(sql, "\n  WHERE %s.\"%w\" IS NOT NULL", row, key);

    if (key_changed) {
        sqlite3_str_appendf(sql, " AND OLD.\"%w\" IS NOT NEW.\"%w\" COLLATE "
                            "BINARY", key, key);
    }

    if (table->push_field != NULL) {
        sqlite3_str_appendf(sql, " AND %s.\"%w\" = %Q", row,
                            table->push_field, table->push_value);
    }
}


/*
 * The change of `row`, OLD or NEW; `key_changed`: only where the UPDATE gave it
 * another key; `unequal`: but where it replaced a row that is equal.  A trigger
 * of the application's that ran before this one may have put a deleted row
 * back, and that is in the changelog already.
 */

static void
changes_add(sqlite3_str *sql, const msync_table_t *table, const char *row,
    const char *action, bool key_changed, bool unequal)
{
    const char  *key = table->fields[table->key].name;

    sqlite3_str_appendall(sql, "  INSERT INTO changelog (" MSYNC_SQL_CHANGE
                          ")\n  SELECT ");
    msync_store_put_change(sql, table, row, action);
    changes_add_condition(sql, table, row, key_changed);

    if (!key_changed && strcmp(action, "DELETE") == 0) {
        sqlite3_str_appendf(sql, " AND NOT EXISTS (SELECT 1 FROM \"%w\" WHERE "
                            "\"%w\" = OLD.\"%w\")", table->sql, key, key);
    }

    if (unequal) {
        sqlite3_str_appendall(sql, "\n  AND NOT ");
        msync_store_put_is_equal(sql, table);

        if (msync_table_is_once(table)) {
            changes_add_not_queued(sql, table);
        }
    }

    sqlite3_str_appendall(sql, ";\n");
}


static bool
changes_is_time(msync_type_e type)
{
    return type == MSYNC_TYPE_DATE || type == MSYNC_TYPE_DATETIME
           || type == MSYNC_TYPE_TIME;
}


static bool
changes_is_number(msync_type_e type)
{
    return type == MSYNC_TYPE_NUMBER || type == MSYNC_TYPE_INTEGER
           || type == MSYNC_TYPE_BOOLEAN;
}


/*
 * A value such that two of one meaning are equal.  Frameworks that read a
 * moment and write it back put a blank in the place of the "T", as many digits
 * of a second as they like, UTC behind it, midnight behind a day, and Rails a
 * day before a time: 2026-05-01T08:00:00.5 is 2026-05-01 08:00:00.500000 +0000
 * UTC.  Another zone is compared as it is, and what has not that form as
 * `otherwise` says.
 */

static void
changes_add_value(sqlite3_str *sql, msync_type_e type, const char *name,
    const char *otherwise)
{
    switch (type) {

    case MSYNC_TYPE_DATE:
        sqlite3_str_appendf(sql, "CASE WHEN %s GLOB '????" "-??" "-??[ T]"
                            "00:00:00*' THEN substr(%s, 1, 10) || " CHANGES_REST
                            " ELSE %s END", name, name, name, otherwise);
        break;

    case MSYNC_TYPE_DATETIME:
        sqlite3_str_appendf(sql, "CASE WHEN %s GLOB '????" "-??" "-??[ T]"
                            "??:??:??*' THEN replace(substr(%s, 1, 19), "
                            "'T', ' ') || " CHANGES_REST " ELSE %s END", name,
                            name, name, otherwise);
        break;

    default:                       /* MSYNC_TYPE_TIME */
        sqlite3_str_appendf(sql, "CASE WHEN %s GLOB '????" "-??" "-??[ T]"
                            "??:??:??*' THEN substr(%s, 12, 8) || "
                            CHANGES_REST " WHEN %s GLOB '??:??:??*' THEN "
                            "substr(%s, 1, 8) || rtrim(substr(%s, 9), '0.') "
                            "ELSE %s END", name, name, name, name, name, name,
                            otherwise);
    }
}


/*
 * A column of `row`, NULL: of the only table of a SELECT.  Every program that
 * opens the database reads all triggers, so they are short.  A name alone that
 * is no column is a text to SQLite, but then NEW has none either, an error.
 */

static void
changes_add_column(sqlite3_str *sql, const char *row, const char *name)
{
    sqlite3_str_appendf(sql, "%s%s\"%w\"", row ? row : "", row ? "." : "",
                        name);
}


/*
 * The columns on the wire whose values are compared as they are.  The
 * application may have declared some with a collation by which "a" equals "A";
 * to central these are two, but for numbers.  A comparison goes by the
 * collation of its left side.
 */

static void
changes_add_columns(sqlite3_str *sql, const msync_table_t *table,
    const char *row, bool left)
{
    size_t                i;
    const msync_field_t  *field;

    sqlite3_str_appendall(sql, "(");

    for (i = 0; i < table->n; i++) {
        field = &table->fields[i];

        if (!field->local_only && !changes_is_time(field->type)) {
            changes_add_column(sql, row, field->name);
            sqlite3_str_appendall(sql, left && !changes_is_number(field->type)
                                       ? " COLLATE BINARY, " : ", ");
        }
    }

    changes_add_column(sql, row, "msync_extra");
    sqlite3_str_appendall(sql, ")");
}


/* joins whether those of one kind that are compared by their meaning differ */

static void
changes_add_differ(sqlite3_str *sql, const msync_table_t *table,
    const char *row, msync_type_e type)
{
    bool                  any = false;
    size_t                i;
    const msync_field_t  *field;

    for (i = 0; i < table->n; i++) {
        field = &table->fields[i];

        if (field->local_only || field->type != type) {
            continue;
        }

        sqlite3_str_appendall(sql, any ? " UNION ALL SELECT "
                              : "\n  OR EXISTS (SELECT 1 FROM (SELECT ");
        changes_add_column(sql, row, field->name);
        sqlite3_str_appendf(sql, "%s, NEW.\"%w\"%s", any ? "" : " AS a",
                            field->name, any ? "" : " AS b");
        any = true;
    }

    if (!any) {
        return;
    }

    sqlite3_str_appendall(sql, ") WHERE a IS NOT b AND ");

    if (type == MSYNC_TYPE_DATETIME) {
        sqlite3_str_appendall(sql, "EXISTS (SELECT 1 FROM (SELECT ");
        changes_add_value(sql, type, "a", "a");
        sqlite3_str_appendall(sql, " AS a, ");
        changes_add_value(sql, type, "b", CHANGES_MILLISECONDS);
        sqlite3_str_appendall(sql, " AS b) WHERE a IS NOT b AND ("
                              CHANGES_MORE ")))");
        return;
    }

    changes_add_value(sql, type, "a", "a");
    sqlite3_str_appendall(sql, " IS NOT ");
    changes_add_value(sql, type, "b",
                      type == MSYNC_TYPE_DATE ? CHANGES_DAY : "b");
    sqlite3_str_appendall(sql, ")");
}


void
msync_store_put_differs(sqlite3_str *sql, const msync_table_t *table,
    const char *row)
{
    sqlite3_str_appendall(sql, "(");
    changes_add_columns(sql, table, row, true);
    sqlite3_str_appendall(sql, "\n  IS NOT ");
    changes_add_columns(sql, table, "NEW", false);
    changes_add_differ(sql, table, row, MSYNC_TYPE_DATE);
    changes_add_differ(sql, table, row, MSYNC_TYPE_DATETIME);
    changes_add_differ(sql, table, row, MSYNC_TYPE_TIME);
    sqlite3_str_appendall(sql, ")");
}


/* what central takes once has waited since it came, or is there: an edit, or a
 * REPLACE, either goes with it or nobody takes it */

static void
changes_add_not_queued(sqlite3_str *sql, const msync_table_t *table)
{
    sqlite3_str_appendf(sql, "\n  AND ifnull((SELECT row_action FROM changelog "
                        "WHERE record_id = NEW.\"%w\" AND table_name = %Q "
                        "ORDER BY cursor DESC LIMIT 1), '') <> 'UPSERT'",
                        table->fields[table->key].name, table->name);
}


void
msync_store_put_trigger(sqlite3_str *sql, const msync_table_t *table,
    const char *event)
{
    bool  is_delete = strcmp(event, "DELETE") == 0;
    bool  is_update = strcmp(event, "UPDATE") == 0;

    sqlite3_str_appendf(sql, "CREATE TRIGGER \"msync_%w_%s\" AFTER %s ON "
                        "\"%w\"\nWHEN " MSYNC_SQL_SPEAKING, table->sql,
                        event, event, table->sql);

    if (is_update) {
        sqlite3_str_appendall(sql, "\n  AND ");
        msync_store_put_differs(sql, table, "OLD");
    }

    sqlite3_str_appendall(sql, "\nBEGIN\n");

    if (is_update) {
        /* a record that changes its id is another record to central */
        changes_add(sql, table, "OLD", "DELETE", true, false);
    }

    changes_add(sql, table, is_delete ? "OLD" : "NEW",
                is_delete ? "DELETE" : "UPSERT",
                is_update && msync_table_is_once(table),
                !is_delete && !is_update);

    if (is_delete) {
        msync_store_put_deleted(sql, table);

    } else if (!is_update) {
        msync_store_put_take_back(sql, table);
    }

    sqlite3_str_appendall(sql, "END");
}


/* whether a server that the site speaks to has not taken OLD, a change */

static void
changes_add_unsent(sqlite3_str *sql, const msync_catalogue_t *catalogue,
    unsigned side, const char *cursor)
{
    size_t       i;
    const char  *comma = "";

    sqlite3_str_appendf(sql, "(OLD.cursor >= ifnull((SELECT value_int FROM "
                        "key_value_store WHERE id = %Q), 0) AND "
                        "OLD.table_name IN (", cursor);

    for (i = 0; i < catalogue->n; i++) {
        if (catalogue->tables[i].push & side) {
            sqlite3_str_appendf(sql, "%s%Q", comma,
                                catalogue->tables[i].name);
            comma = ", ";
        }
    }

    sqlite3_str_appendall(sql, "))");
}


/*
 * A change that is the latest of its record comes back with another cursor.
 * What the triggers call is older than the SQLite of any application; iif()
 * is not.
 * The name of its table does not change at all but where the triggers of a
 * REPLACE take a change back: each INSERT is compiled with what guards it, and
 * the other guards are long.
 */

void
msync_store_put_guard(sqlite3_str *sql, const msync_catalogue_t *catalogue,
    msync_guard_e which)
{
    bool  is_update = which == MSYNC_GUARD_UPDATE;

    if (which == MSYNC_GUARD_NAME) {
        sqlite3_str_appendf(sql, "CREATE TRIGGER %s BEFORE UPDATE OF "
                            "table_name ON changelog\nWHEN "
                            MSYNC_SQL_SPEAKING "\n  AND NEW.table_name <> "
                            "OLD.table_name AND NOT EXISTS (SELECT 1 FROM "
                            "msync_replaced WHERE cursor = OLD.cursor)\nBEGIN\n"
                            "  SELECT RAISE(IGNORE);\nEND",
                            msync_store_guards[which]);
        return;
    }

    sqlite3_str_appendf(sql, "CREATE TRIGGER %s AFTER %s ON changelog\nWHEN "
                        MSYNC_SQL_SPEAKING "\n  AND OLD.is_sync_update = 0\n",
                        msync_store_guards[which],
                        is_update ? "UPDATE OF cursor, record_id, row_action, "
                                    "store_id, parent_id, is_sync_update"
                                  : "DELETE");

    if (is_update) {
        sqlite3_str_appendall(sql, "  AND (" CHANGES_GUARDED("OLD") ")\n  IS "
                              "NOT (" CHANGES_GUARDED("NEW") ")\n");
    }

    sqlite3_str_appendall(sql, "  AND CASE WHEN " MSYNC_SQL_SPEAKS_V7
                          " THEN\n  ");
    changes_add_unsent(sql, catalogue, MSYNC_V7, MSYNC_KEY_PUSH_V7_CURSOR);
    sqlite3_str_appendall(sql, "\n  ELSE ");
    changes_add_unsent(sql, catalogue, MSYNC_LEGACY, MSYNC_KEY_PUSH_CURSOR);
    sqlite3_str_appendall(sql, "\n  OR ");
    changes_add_unsent(sql, catalogue, MSYNC_OMSUPPLY,
                       MSYNC_KEY_PUSH_V6_CURSOR);
    sqlite3_str_appendall(sql, " END\nBEGIN\n"
        "  INSERT INTO changelog (table_name, record_id, row_action, "
        "store_id, parent_id)\n"
        "  SELECT OLD.table_name, OLD.record_id, OLD.row_action, "
        "OLD.store_id, OLD.parent_id\n"
        "  WHERE NOT EXISTS (SELECT 1 FROM changelog AS l WHERE l.record_id = "
        "OLD.record_id AND l.table_name = OLD.table_name AND l.cursor > "
        "OLD.cursor);\nEND");
}


/* rows of a table as changes of this moment */

static void
changes_add_rows(sqlite3_str *sql, const msync_table_t *table)
{
    sqlite3_str_appendall(sql, "WITH msync_change (" MSYNC_SQL_CHANGE ", "
                          "is_sync_update) AS (SELECT ");
    msync_store_put_change(sql, table, "t", "UPSERT");
    sqlite3_str_appendf(sql, ", 0 FROM \"%w\" AS t", table->sql);
    changes_add_condition(sql, table, "t", false);
    sqlite3_str_appendall(sql, ") ");
}


void
msync_store_put_queue(sqlite3_str *sql, const msync_table_t *table,
    const char *filter)
{
    changes_add_rows(sql, table);
    sqlite3_str_appendf(sql, "INSERT INTO changelog (" MSYNC_SQL_CHANGE
                        ") SELECT " MSYNC_SQL_CHANGE " FROM msync_change "
                        "WHERE %s", filter);
}


void
msync_store_put_doubt(sqlite3_str *sql, const msync_table_t *table,
    const char *filter)
{
    changes_add_rows(sql, table);
    sqlite3_str_appendf(sql, "INSERT INTO msync_never_sent (table_name, "
                        "record_id, doubted) SELECT table_name, record_id, 1 "
                        "FROM msync_change WHERE record_id IS NOT NULL AND %s",
                        filter);
}


void
msync_store_put_never_sent(sqlite3_str *sql, const msync_table_t *table,
    const char *filter)
{
    changes_add_rows(sql, table);
    sqlite3_str_appendf(sql, "SELECT count(*) FROM (SELECT record_id AS k "
                        "FROM msync_never_sent WHERE table_name = %Q AND NOT "
                        "doubted) CROSS JOIN msync_change ON record_id = k "
                        "WHERE %s",
                        table->name, filter);
}


/*
 * The store of a row is that of its parent, which lives, or was deleted and
 * has left its store in the changelog.  The inner SELECTs give the columns
 * names of ours, so that parent_id is the one outside of them, whatever else
 * the application's table has.  Where the application took the parent's
 * column away its name is a text to SQLite: no store then.
 */

static void
changes_add_parent(sqlite3_str *sql, const msync_table_t *table)
{
    const msync_table_t  *parent = table->store_via->target;

    sqlite3_str_appendf(sql, " WHEN %Q THEN ifnull((SELECT s FROM (SELECT "
                        "\"%w\" AS k, NULLIF(NULLIF(\"%w\", ''), %Q) AS s "
                        "FROM \"%w\") WHERE k = parent_id), (SELECT s FROM "
                        "(SELECT record_id AS k, table_name AS t, row_action "
                        "AS a, cursor AS n, store_id AS s FROM changelog) "
                        "WHERE k = parent_id AND t = %Q AND a = 'DELETE' "
                        "ORDER BY n DESC LIMIT 1))", table->name,
                        parent->fields[parent->key].name,
                        table->store_field->name, table->store_field->name,
                        parent->sql, parent->name);
}


/* whether the store of a change is active on this site (?1 is its id), or it
 * has none */

static void
changes_add_store(sqlite3_str *sql, const msync_catalogue_t *catalogue)
{
    bool                  any = false;
    size_t                i;
    sqlite3_str          *active = sqlite3_str_new(NULL);
    char                 *text;
    const msync_table_t  *store = msync_catalogue_find(catalogue, "store");

    if (store != NULL) {
        sqlite3_str_appendf(active, "(SELECT s.\"%w\" FROM \"%w\" AS s WHERE "
                            "s.\"sync_id_remote_site\" = ?1)",
                            store->fields[store->key].name, store->sql);
    } else {
        sqlite3_str_appendall(active, "()");
    }

    text = msync_store_need(sqlite3_str_finish(active));
    sqlite3_str_appendf(sql, "CASE WHEN parent_id IS NULL THEN store_id IS "
                        "NULL OR store_id IN %s ELSE (SELECT s IS NULL OR s "
                        "IN %s FROM (SELECT CASE table_name", text, text);
    sqlite3_free(text);

    for (i = 0; i < catalogue->n; i++) {
        if (catalogue->tables[i].push != 0
            && catalogue->tables[i].store_via != NULL)
        {
            changes_add_parent(sql, &catalogue->tables[i]);
            any = true;
        }
    }

    sqlite3_str_appendf(sql, "%s END AS s)) END",
                        any ? "" : " WHEN '' THEN NULL");
}


/* tables that are pushed, or whose deletes are: by v7 or not, by v5 and v6 or
 * not */

static void
changes_add_names(sqlite3_str *sql, const msync_catalogue_t *catalogue,
    bool deletes, bool v7, bool v5_v6)
{
    bool                  by_v7, by_v5_v6;
    size_t                i;
    const char           *comma = "";
    const msync_table_t  *table;

    sqlite3_str_appendall(sql, "table_name IN (");

    for (i = 0; i < catalogue->n; i++) {
        table = &catalogue->tables[i];
        by_v7 = (table->push & MSYNC_V7)
                && (!deletes || msync_v7_takes_delete(table));
        by_v5_v6 = (table->push & ~MSYNC_V7)
                   && (!deletes || table->push_delete);

        if (by_v7 == v7 && by_v5_v6 == v5_v6) {
            sqlite3_str_appendf(sql, "%s%Q", comma, table->name);
            comma = ", ";
        }
    }

    sqlite3_str_appendall(sql, ")");
}


/*
 * Only what central takes counts as waiting: tables that are pushed, deletes
 * of those whose deletes are sent, and stores that are active on this site
 * (?1 is its id), or, where `elsewhere` says so, of those that are not.  The
 * protocol decides of few tables.
 */

char *
msync_store_changes_filter(const msync_catalogue_t *catalogue, bool elsewhere)
{
    int           pass;
    char         *text, *copy;
    sqlite3_str  *sql;

    sql = sqlite3_str_new(NULL);
    sqlite3_str_appendf(sql, "is_sync_update = 0 AND %s",
                        elsewhere ? "NOT " : "");
    changes_add_store(sql, catalogue);
    sqlite3_str_appendall(sql, " AND (");

    for (pass = 0; pass < 2; pass++) {
        sqlite3_str_appendf(sql, "%srow_action = %Q AND (",
                            pass ? " OR " : "", pass ? "DELETE" : "UPSERT");
        changes_add_names(sql, catalogue, pass == 1, true, true);
        sqlite3_str_appendall(sql, " OR iif(" MSYNC_SQL_SPEAKS_V7 ", ");
        changes_add_names(sql, catalogue, pass == 1, true, false);
        sqlite3_str_appendall(sql, ", ");
        changes_add_names(sql, catalogue, pass == 1, false, true);
        sqlite3_str_appendall(sql, "))");
    }

    sqlite3_str_appendall(sql, ")");

    text = msync_store_need(sqlite3_str_finish(sql));

    copy = msync_strdup(text);
    sqlite3_free(text);

    return copy;
}
