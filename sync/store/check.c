/*
 * Checking.
 *
 * Promises: a check changes nothing and tells everything it finds.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/disk_private.h"
#include "store/schema_private.h"
#include "store/store_private.h"

#define FINDINGS_MAX  100          /* of one kind: more say nothing more */

typedef struct {
    msync_finding_pt  each;
    void             *data;
    bool              unsound;     /* a table of msync's own is not as it
                                      should be, and says nothing */
    bool              unknown;     /* a look needed what only the application
                                      has */
} report_t;


static int check_fault(msync_store_t *store, report_t *report,
    msync_err_t *err);
static int check_report_rows(msync_store_t *store, report_t *report,
    const char *sql, msync_err_t *err);
static char *check_text(sqlite3_stmt *stmt, int column);
static int check_compare(const void *one, const void *two);
static const msync_object_t *check_find(const msync_look_t *look,
    const char *type, const char *name);
static const char *check_remedy(const msync_look_t *look,
    const msync_table_t *table, const char *type, const char *name);
static int check_read_objects(msync_look_t *look, msync_err_t *err);
static void check_free_objects(msync_look_t *look);
static void check_trigger(const msync_look_t *look, const msync_table_t *table,
    const char *event);
static void check_field(const msync_look_t *look, const msync_table_t *table,
    const char *name);
static void check_columns(const msync_look_t *look, const msync_table_t *table);
static void check_indexes(const msync_look_t *look,
    const msync_table_t *table);
static int check_table(const msync_look_t *look, const msync_table_t *table,
    msync_err_t *err);
static void check_report_lost(void *data, const msync_lost_t *lost);
static int check_absent(msync_store_t *store, msync_finding_pt each,
    void *data, msync_err_t *err);
static int check_file(msync_store_t *store, report_t *report,
    msync_err_t *err);
static int check_all(msync_store_t *store, msync_finding_pt each, void *data,
    msync_err_t *err);


/* a schema that is wrong, or needs what is not here, keeps no other look from
 * being taken */

static int
check_fault(msync_store_t *store, report_t *report, msync_err_t *err)
{
    char  text[512];

    if ((sqlite3_errcode(store->db) & 0xff) != SQLITE_ERROR) {
        return msync_store_fault(store, "checking", err);
    }

    if (msync_store_is_unknown(store)) {
        report->unknown = true;
        msync_err_clear(err);

        return MSYNC_OK;
    }

    snprintf(text, sizeof(text), "the schema: %.400s",
             sqlite3_errmsg(store->db));
    report->each(report->data, text);
    msync_err_clear(err);

    return MSYNC_OK;
}


/* reports each row of a query whose first column is a sentence */

static int
check_report_rows(msync_store_t *store, report_t *report, const char *sql,
    msync_err_t *err)
{
    int            code, n = 0, rc = MSYNC_OK;
    const char    *text;
    sqlite3_stmt  *stmt;

    stmt = msync_store_prepare(store, sql, err);
    if (stmt == NULL) {
        return check_fault(store, report, err);
    }

    while ((code = sqlite3_step(stmt)) == SQLITE_ROW && n++ < FINDINGS_MAX) {
        text = (const char *) sqlite3_column_text(stmt, 0);
        report->each(report->data, text ? text : "");
    }

    if (code != SQLITE_DONE && code != SQLITE_ROW) {
        rc = check_fault(store, report, err);
    }

    sqlite3_finalize(stmt);
    return rc;
}


static char *
check_text(sqlite3_stmt *stmt, int column)
{
    return msync_strdup((const char *) sqlite3_column_text(stmt, column));
}


/* SQLite tells names apart without regard to case */

static int
check_compare(const void *one, const void *two)
{
    int  rc;

    const msync_object_t  *a = one, *b = two;

    rc = sqlite3_stricmp(a->name, b->name);
    return rc != 0 ? rc : strcmp(a->type, b->type);
}


/* all at once: without an index of names, each question would read them all */

static int
check_read_objects(msync_look_t *look, msync_err_t *err)
{
    int              code;
    size_t           size = 0;
    sqlite3_stmt    *stmt;
    msync_object_t  *object;

    stmt = msync_store_prepare(look->store, "SELECT type, name, sql FROM "
                               "sqlite_master", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
        if (look->n == size) {
            size = size ? 2 * size : 512;
            look->objects = msync_realloc(look->objects, size,
                                          sizeof(msync_object_t));
        }

        object = &look->objects[look->n++];
        object->type = check_text(stmt, 0);
        object->name = check_text(stmt, 1);
        object->sql = check_text(stmt, 2);
    }

    if (code != SQLITE_DONE) {
        (void) msync_store_fault(look->store, "checking", err);

    } else if (look->n > 0) {
        qsort(look->objects, look->n, sizeof(msync_object_t), check_compare);
    }

    sqlite3_finalize(stmt);
    return code == SQLITE_DONE ? MSYNC_OK : MSYNC_ERROR;
}


static void
check_free_objects(msync_look_t *look)
{
    while (look->n > 0) {
        look->n--;
        msync_free(&look->objects[look->n].type);
        msync_free(&look->objects[look->n].name);
        msync_free(&look->objects[look->n].sql);
    }

    msync_free(&look->objects);
}


static const msync_object_t *
check_find(const msync_look_t *look, const char *type, const char *name)
{
    const msync_object_t  key = { (char *) type, (char *) name, NULL };

    return look->n > 0 ? bsearch(&key, look->objects, look->n,
                                 sizeof(msync_object_t), check_compare)
                       : NULL;
}


/* what becomes of what is missing; a table that was there comes back empty */

static const char *
check_remedy(const msync_look_t *look, const msync_table_t *table,
    const char *type, const char *name)
{
    if (table == NULL || strcmp(type, "table") != 0) {
        return "the helper makes it again when it starts";
    }

    if (check_find(look, "view", name) != NULL) {
        return "a view of the application's has its name, and nothing is "
               "synchronised before that has another one";
    }

    return look->set_up ? "the helper makes it again when it starts, without "
                          "its rows: \"msync reinitialise\" fetches what "
                          "central has of them"
                        : "the helper makes it when it starts";
}


void
msync_store_check_object(const msync_look_t *look,
    const msync_table_t *table, const char *type, const char *name,
    const char *expected)
{
    char                   text[512];
    const char            *fault = NULL;
    msync_lost_t           lost = { MSYNC_LOST_OBJECT, table, type, name,
                                    false, text };
    const msync_object_t  *object = check_find(look, type, name);

    if (object == NULL) {
        fault = expected == NULL || *expected != '\0' ? "is missing" : NULL;

    } else if (expected != NULL) {
        lost.there = object->sql == NULL || strcmp(object->sql, expected) != 0;
        fault = lost.there ? "is not as msync makes it" : NULL;
    }

    if (fault != NULL) {
        snprintf(text, sizeof(text), "%s \"%.256s\" %s; %s", type, name, fault,
                 check_remedy(look, table, type, name));

        if (table != NULL && strcmp(type, "trigger") == 0) {
            lost.what = MSYNC_LOST_TRIGGER;
        }

        look->each(look->data, &lost);
    }
}


/* a trigger that says something else keeps changes from central */

static void
check_trigger(const msync_look_t *look, const msync_table_t *table,
    const char *event)
{
    char         *name, *expected;
    sqlite3_str  *sql;

    sql = sqlite3_str_new(look->store->db);
    msync_store_put_trigger(sql, table, event);
    expected = msync_store_need(sqlite3_str_finish(sql));
    name = msync_store_need(sqlite3_mprintf("msync_%s_%s", table->sql,
                                            event));

    msync_store_check_object(look, table, "trigger", name, expected);

    sqlite3_free(expected);
    sqlite3_free(name);
}


void
msync_store_check_column(const msync_look_t *look,
    const msync_table_t *table, const char *of, const char *name)
{
    char          text[512];
    msync_lost_t  lost = { MSYNC_LOST_OBJECT, table, "column", name, false,
                           text };

    if (msync_store_has_column(look->store, of, name)) {
        return;
    }

    snprintf(text, sizeof(text), "column \"%.128s\" of table \"%.128s\" "
             "is missing; the helper makes it again when it starts", name,
             of);
    look->each(look->data, &lost);
}


static void
check_field(const msync_look_t *look, const msync_table_t *table,
    const char *name)
{
    char          text[512];
    msync_lost_t  lost = { MSYNC_LOST_FIELD, table, "column", name, false,
                           text };

    if (!msync_store_has_column(look->store, table->sql, name)) {
        snprintf(text, sizeof(text), "table \"%.128s\": the column \"%.128s\" "
                 "is gone. It was there when msync set the table up; nothing "
                 "is sent or received until it is there again", table->sql,
                 name);
        look->each(look->data, &lost);
    }
}


static void
check_columns(const msync_look_t *look, const msync_table_t *table)
{
    size_t  i;

    /* a table that is missing comes back with all of them */
    if (!msync_store_has_column(look->store, table->sql, NULL)) {
        return;
    }

    for (i = 0; i < table->n; i++) {
        if (look->set_up && table->push != 0 && !table->fields[i].local_only)
        {
            check_field(look, table, table->fields[i].name);

        } else {
            msync_store_check_column(look, table, table->sql,
                                     table->fields[i].name);
        }
    }

    if (table->soft_is_local) {
        msync_store_check_column(look, table, table->sql,
                                 table->soft_column);
    }

    msync_store_check_column(look, table, table->sql, "msync_extra");
}


static void
check_indexes(const msync_look_t *look, const msync_table_t *table)
{
    char         *name, *expected;
    size_t        i;
    sqlite3_str  *sql;

    for (i = 0; i < table->n; i++) {
        if (!msync_store_has_index(table, i)) {
            continue;
        }

        sql = sqlite3_str_new(look->store->db);
        msync_store_put_index(sql, table, &table->fields[i], "");
        expected = msync_store_need(sqlite3_str_finish(sql));
        name = msync_store_need(sqlite3_mprintf("msync_%s_%s", table->sql,
                                                table->fields[i].name));

        msync_store_check_object(look, table, "index", name, expected);
        sqlite3_free(expected);
        sqlite3_free(name);
    }
}


static int
check_table(const msync_look_t *look, const msync_table_t *table,
    msync_err_t *err)
{
    size_t  i;

    msync_store_check_object(look, table, "table", table->sql, NULL);
    check_columns(look, table);

    /* a first sync works without them, and makes them in the end */
    if (!look->filling) {
        check_indexes(look, table);
    }

    if (table->push == 0) {
        return MSYNC_OK;
    }

    for (i = 0; i < MSYNC_STORE_EVENTS; i++) {
        check_trigger(look, table, msync_store_events[i]);
    }

    return msync_store_check_replace(look, table, err);
}


int
msync_store_check_schema(msync_store_t *store, bool set_up,
    msync_lost_pt each, void *data, msync_err_t *err)
{
    int           rc;
    size_t        i;
    msync_look_t  look = { store, NULL, 0, set_up, false, each, data };

    rc = check_read_objects(&look, err);

    if (rc == MSYNC_OK) {
        rc = msync_store_fill_begun(store, &look.filling, err);
    }

    if (rc == MSYNC_OK) {
        rc = msync_store_check_bookkeeping(&look, err);
    }

    for (i = 0; rc == MSYNC_OK && i < store->catalogue->n; i++) {
        rc = check_table(&look, &store->catalogue->tables[i], err);
    }

    check_free_objects(&look);
    return rc;
}


static void
check_report_lost(void *data, const msync_lost_t *lost)
{
    char         full[1024];
    report_t    *report = data;
    const char  *text = lost->text;

    report->unsound |= lost->what == MSYNC_LOST_SHAPE
                       || (lost->what == MSYNC_LOST_OBJECT
                           && lost->table == NULL
                           && strcmp(lost->type, "index") != 0
                           && strcmp(lost->type, "trigger") != 0);

    if (lost->what == MSYNC_LOST_FIELD) {
        snprintf(full, sizeof(full), "%s. " MSYNC_STORE_ADVICE_FIELD, text);
        text = full;
    }

    report->each(report->data, text);
}


static int
check_absent(msync_store_t *store, msync_finding_pt each, void *data,
    msync_err_t *err)
{
    int           rc = MSYNC_OK;
    char         *sql;
    size_t        i;
    report_t      report = { each, data, false, false };

    const msync_table_t  *table;

    /* a database of an earlier version */
    if (!msync_store_has_column(store, "msync_absent", NULL)) {
        return MSYNC_OK;
    }

    for (i = 0; rc == MSYNC_OK && i < store->catalogue->n; i++) {
        table = &store->catalogue->tables[i];
        sql = sqlite3_mprintf("SELECT table_name || ' \"' || record_id || "
                              "'\": when everything came anew, central did "
                              "not send it; it stays here, for ' || reason "
                              "FROM msync_absent AS a WHERE table_name = %Q "
                              "AND data IS NULL AND reason IS NOT NULL AND "
                              "EXISTS (SELECT 1 FROM \"%w\" AS t WHERE "
                              "t.\"%w\" = a.record_id)", table->name,
                              table->sql, table->fields[table->key].name);
        rc = check_report_rows(store, &report, sql, err);
        sqlite3_free(sql);
    }

    return rc;
}


#define CHECK_FILE(which)                                                     \
    "SELECT 'file: ' || integrity_check FROM pragma_integrity_check" which    \
    " WHERE integrity_check <> 'ok'"

/* all of it, or each table that needs nothing which only the application has:
 * of those that are msync's it is told that they do */

static int
check_file(msync_store_t *store, report_t *report, msync_err_t *err)
{
    int            code, rc;
    char          *sql;
    sqlite3_stmt  *tables;

    rc = check_report_rows(store, report, CHECK_FILE(""), err);

    if (rc != MSYNC_OK || !report->unknown) {
        return rc;
    }

    tables = msync_store_prepare(store, "SELECT name FROM sqlite_master WHERE "
                                 "type = 'table' AND rootpage > 0", err);
    if (tables == NULL) {
        return check_fault(store, report, err);
    }

    while (rc == MSYNC_OK && (code = sqlite3_step(tables)) == SQLITE_ROW) {
        sql = msync_store_need(sqlite3_mprintf(CHECK_FILE("(%Q)"),
                                   (const char *)
                                   sqlite3_column_text(tables, 0)));
        rc = check_report_rows(store, report, sql, err);
        sqlite3_free(sql);
    }

    if (rc == MSYNC_OK && code != SQLITE_DONE) {
        rc = check_fault(store, report, err);
    }

    sqlite3_finalize(tables);

    return rc;
}


static int
check_all(msync_store_t *store, msync_finding_pt each, void *data,
    msync_err_t *err)
{
    bool      set_up;
    size_t    i;
    report_t  report = { each, data, false, false };

    static const char *const  queries[] = {
        "SELECT 'foreign key: a row of \"' || \"table\" || '\" (rowid ' || "
        "ifnull(rowid, '?') || ') refers to a row of \"' || parent || '\" "
        "that is not there' FROM pragma_foreign_key_check WHERE NOT EXISTS "
        "(SELECT 1 FROM key_value_store WHERE id = '" MSYNC_KEY_FILLING "' "
        "AND value_int <> 0)",

        "SELECT 'cursor: ' || id || ' is ' || value_int || ', beyond the "
        "end of the changelog' FROM key_value_store WHERE " MSYNC_SQL_BEYOND,

        "SELECT 'cursor: ' || id || ' is ' || quote(value_int) || ', no whole "
        "number; the next run goes on from ' || ifnull(CAST(value_int AS "
        "INTEGER), 0) FROM key_value_store WHERE id LIKE '%CURSOR%' AND "
        "typeof(value_int) <> 'integer'",

        "SELECT 'cursor: ' || id || ' is negative' FROM key_value_store "
        "WHERE id LIKE '%CURSOR%' AND value_int < 0",

        "SELECT 'changelog: silenced for every connection (msync_flag)' "
        "FROM msync_flag WHERE integrating",

        "SELECT 'database: a backup was restored into it, which lacks what "
        "was sent and what came since; run \"msync --yes reinitialise\"' FROM "
        "key_value_store WHERE id = '" MSYNC_KEY_SITE "' AND value_bigint & "
        MSYNC_SITE_OLDER_SQL,

        "SELECT 'buffer: ' || count(*) || ' records failed to integrate, "
        "see \"msync errors\"' FROM sync_buffer WHERE " MSYNC_SQL_FAILED
        " AND NOT dismissed HAVING count(*) > 0",

        "SELECT 'push: ' || count(*) || ' records cannot be sent, or central "
        "refused them, see \"msync errors\"' FROM msync_refused WHERE NOT "
        "dismissed HAVING count(*) > 0"
    };

    if (msync_store_is_set_up(store, &set_up, err) != MSYNC_OK
        || msync_store_check_schema(store, set_up, check_report_lost, &report,
                                    err) != MSYNC_OK
        || msync_store_check_tables(store, each, data, err) != MSYNC_OK
        || msync_store_check_expressions(store, each, data, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    msync_store_check_disk(store, each, data);

    if (store->lost) {
        each(data, "key_value_store: what msync had there is gone. When the "
             "helper starts the next run brings everything anew; settings "
             "that were saved on the page, and that no helper of nginx "
             "remembers, have to be saved again");
    }

    if (check_file(store, &report, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (report.unsound) {
        return MSYNC_OK;
    }

    for (i = 0; i < sizeof(queries) / sizeof(*queries); i++) {
        if (check_report_rows(store, &report, queries[i], err) != MSYNC_OK) {
            return MSYNC_ERROR;
        }
    }

    return check_absent(store, each, data, err);
}


/* as of one moment: nginx's helper may have the database at work meanwhile */

int
msync_store_check(msync_store_t *store, msync_finding_pt each, void *data,
    msync_err_t *err)
{
    int          rc;
    bool         open = msync_store_in_transaction(store);
    msync_err_t  ignored;

    if (!open && msync_store_exec(store, "BEGIN", err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    rc = check_all(store, each, data, err);

    if (!open) {
        (void) msync_store_exec(store, "ROLLBACK", &ignored);
    }

    return rc;
}
