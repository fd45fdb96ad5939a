/*
 * The schema, generated from the catalogue.
 *
 * Promises: every statement may run on a database that has it already; a
 * table or column of the application is never dropped.
 */

#include "store/schema_private.h"
#include "store/store_private.h"


static const char *schema_column_default(const msync_field_t *field);
static const char *schema_fallback(const msync_field_t *field);
static bool schema_is_not_null(const msync_field_t *field);
static void schema_add_column(sqlite3_str *sql, const msync_table_t *table,
    const msync_field_t *field);
static void schema_add_table(sqlite3_str *sql, const msync_table_t *table);
static void schema_add_trigger(sqlite3_str *sql, const msync_table_t *table,
    const char *event);


/*
 * Names by which frameworks know dates and times.  SQLite gives these columns
 * the affinity NUMERIC, which changes no text that is none but a number, and
 * so no date or time.  JSON may be a number, and as text it is kept octet by
 * octet.
 */

const char *
msync_store_column_type(const msync_field_t *field, bool strict)
{
    switch (field->type) {
    case MSYNC_TYPE_NUMBER:
        return "REAL";
    case MSYNC_TYPE_INTEGER:
        return "INTEGER";
    case MSYNC_TYPE_BOOLEAN:
        return strict ? "INTEGER" : "BOOLEAN";
    case MSYNC_TYPE_DATE:
        return strict ? "TEXT" : "DATE";
    case MSYNC_TYPE_DATETIME:
        return strict ? "TEXT" : "DATETIME";
    case MSYNC_TYPE_TIME:
        return strict ? "TEXT" : "TIME";
    default:
        return "TEXT";
    }
}


const char *
msync_store_soft_type(const msync_table_t *table, bool strict)
{
    if (table->soft_is_time) {
        return strict ? "TEXT" : "DATETIME";
    }

    return strict ? "INTEGER NOT NULL DEFAULT 0"
                  : "BOOLEAN NOT NULL DEFAULT 0";
}


void
msync_store_put_is_marked(sqlite3_str *sql, const msync_table_t *table,
    const char *row)
{
    if (table->soft_column == NULL) {
        sqlite3_str_appendall(sql, "0");

    } else if (table->soft_is_time) {
        sqlite3_str_appendf(sql, "(ifnull(%s.\"%w\", '') <> '')", row,
                            table->soft_column);

    } else {
        sqlite3_str_appendf(sql, "(%s.\"%w\" IS %d)", row,
                            table->soft_column, table->soft_value);
    }
}


/*
 * The default makes an application's short INSERT work where a neutral value
 * exists; where none does (a parent, a date, a choice) it must be given.
 */

static const char *
schema_column_default(const msync_field_t *field)
{
    switch (field->type) {
    case MSYNC_TYPE_NUMBER:
    case MSYNC_TYPE_INTEGER:
    case MSYNC_TYPE_BOOLEAN:
        return "0";
    case MSYNC_TYPE_TIME:
        return "'00:00:00'";
    case MSYNC_TYPE_STRING:
        return field->references || field->words ? NULL : "''";
    default:
        return NULL;
    }
}


/* SQL of what a column has when an INSERT leaves it out, NULL: nothing */

static const char *
schema_fallback(const msync_field_t *field)
{
    return field->fallback ? field->fallback : schema_column_default(field);
}


static bool
schema_is_not_null(const msync_field_t *field)
{
    return !field->nullable
           && (field->required || schema_fallback(field) != NULL);
}


static void
schema_add_column(sqlite3_str *sql, const msync_table_t *table,
    const msync_field_t *field)
{
    const char           *fallback = schema_fallback(field);
    const msync_table_t  *target = field->target;

    sqlite3_str_appendf(sql, "\"%w\" %s", field->name,
                        msync_store_column_type(field, false));

    if (field == &table->fields[table->key]) {
        sqlite3_str_appendall(sql, " PRIMARY KEY NOT NULL");
        return;
    }

    if (schema_is_not_null(field)) {
        sqlite3_str_appendall(sql, " NOT NULL");

        if (fallback != NULL) {
            sqlite3_str_appendf(sql, " DEFAULT %s", fallback);
        }
    }

    if (field->fk && target != NULL) {
        sqlite3_str_appendf(sql, " REFERENCES \"%w\" (\"%w\")", target->sql,
                            target->fields[target->key].name);
    }
}


static void
schema_add_table(sqlite3_str *sql, const msync_table_t *table)
{
    size_t  i;

    sqlite3_str_appendf(sql, "CREATE TABLE IF NOT EXISTS \"%w\" (\n",
                        table->sql);

    for (i = 0; i < table->n; i++) {
        sqlite3_str_appendall(sql, "  ");
        schema_add_column(sql, table, &table->fields[i]);
        sqlite3_str_appendall(sql, ",\n");
    }

    if (table->soft_is_local) {
        sqlite3_str_appendf(sql, "  \"%w\" %s,\n", table->soft_column,
                            msync_store_soft_type(table, false));
    }

    sqlite3_str_appendall(sql, "  msync_extra TEXT\n);\n");
}


/* children are looked up by their foreign key on each delete of a parent, and
 * by any reference when a parent is merged */

bool
msync_store_has_index(const msync_table_t *table, size_t i)
{
    const msync_field_t  *field = &table->fields[i];

    return i != table->key && field->target != NULL
           && (field->fk || field->target->merge);
}


/*
 * Most references are empty, and nobody looks for those.  Of a column that is
 * NOT NULL SQLite takes the condition for one that says nothing, and then
 * never uses the index.
 */

void
msync_store_put_index(sqlite3_str *sql, const msync_table_t *table,
    const msync_field_t *field, const char *condition)
{
    sqlite3_str_appendf(sql, "CREATE INDEX %s\"msync_%w_%w\" ON "
                        "\"%w\" (\"%w\")", condition, table->sql,
                        field->name, table->sql, field->name);

    if (!schema_is_not_null(field)) {
        sqlite3_str_appendf(sql, " WHERE \"%w\" IS NOT NULL", field->name);
    }
}


void
msync_store_put_indexes(sqlite3_str *sql, const msync_table_t *table,
    bool make)
{
    size_t  i;

    for (i = 0; i < table->n; i++) {
        if (!msync_store_has_index(table, i)) {
            continue;
        }

        if (make) {
            msync_store_put_index(sql, table, &table->fields[i],
                                  "IF NOT EXISTS ");
            sqlite3_str_appendall(sql, ";\n");

        } else {
            sqlite3_str_appendf(sql, "DROP INDEX IF EXISTS "
                                "\"msync_%w_%w\";\n", table->sql,
                                table->fields[i].name);
        }
    }
}


static void
schema_add_trigger(sqlite3_str *sql, const msync_table_t *table,
    const char *event)
{
    sqlite3_str_appendf(sql, "DROP TRIGGER IF EXISTS \"msync_%w_%s\";\n",
                        table->sql, event);
    msync_store_put_trigger(sql, table, event);
    sqlite3_str_appendall(sql, ";\n");
}


char *
msync_store_schema(const msync_catalogue_t *catalogue)
{
    char                 *text, *copy;
    size_t                i, j;
    sqlite3_str          *sql;
    const msync_table_t  *table;

    sql = sqlite3_str_new(NULL);
    msync_store_put_bookkeeping(sql);

    for (i = 0; i < MSYNC_GUARD_MAX; i++) {
        sqlite3_str_appendf(sql, "DROP TRIGGER IF EXISTS %s;\n",
                            msync_store_guards[i]);
        msync_store_put_guard(sql, catalogue, (msync_guard_e) i);
        sqlite3_str_appendall(sql, ";\n");
    }

    for (i = 0; i < catalogue->n; i++) {
        table = &catalogue->tables[i];
        schema_add_table(sql, table);
        msync_store_put_indexes(sql, table, true);

        for (j = 0; table->push != 0 && j < MSYNC_STORE_EVENTS; j++) {
            schema_add_trigger(sql, table, msync_store_events[j]);
        }
    }

    text = msync_store_need(sqlite3_str_finish(sql));

    copy = msync_strdup(text);
    sqlite3_free(text);

    return copy;
}
