/*
 * Migrations of applications: how SQLite's documentation, Django, Rails,
 * Alembic, Knex, Drizzle and people rebuild a table.  Each statement has to
 * end as it does on the same database without msync's triggers.
 */

#include "site.h"
#include "store/store_private.h"

#define FOREIGN_KEYS  1
#define TRANSACTION   2
#define LEGACY        4
#define SWITCHES      8

typedef enum {
    NEW_FIRST = 0,                 /* make, copy, drop the old, rename */
    OLD_FIRST,                     /* rename the old, make, copy, drop */
    BY_COPY,                       /* into a temporary table and back */
    IN_PLACE,                      /* ALTER TABLE alone */
    WAYS
} way_e;

typedef struct {
    sqlite3            *with;      /* templates: with triggers and without */
    sqlite3            *without;
    sqlite3            *db[2];     /* what a recipe works on */
    msync_catalogue_t  *catalogue;
} kitchen_t;


static void
run(sqlite3 *db, const char *sql)
{
    char  *message = NULL;

    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) {
        fail_msg("%s: %.2000s", message, sql);
    }
}


static int
add_text(void *data, int n, char **values, char **names)
{
    (void) names;

    while (n-- > 0) {
        sqlite3_str_appendf(data, "%s|", values[n] ? values[n] : "");
    }

    return 0;
}


/* what a query gives, or the error; owned by the caller */

static char *
ask(sqlite3 *db, const char *sql)
{
    sqlite3_str  *text = sqlite3_str_new(NULL);
    char         *copy;

    if (sqlite3_exec(db, sql, add_text, text, NULL) != SQLITE_OK) {
        sqlite3_str_appendf(text, "error: %s", sqlite3_errmsg(db));
    }

    copy = sqlite3_str_finish(text);
    return copy ? copy : sqlite3_mprintf("");
}


/* every table has the row "x", and every reference refers to it */

static void
add_rows(kitchen_t *kitchen)
{
    size_t        i, j;
    char         *text;
    sqlite3_str  *sql = sqlite3_str_new(NULL);

    const msync_table_t  *table;

    sqlite3_str_appendall(sql, "PRAGMA foreign_keys = OFF;"
                          "UPDATE msync_flag SET integrating = 1;");

    for (i = 0; i < kitchen->catalogue->n; i++) {
        table = &kitchen->catalogue->tables[i];
        sqlite3_str_appendf(sql, "INSERT INTO \"%w\" (", table->sql);

        for (j = 0; j < table->n; j++) {
            sqlite3_str_appendf(sql, "%s\"%w\"", j ? ", " : "",
                                table->fields[j].name);
        }

        sqlite3_str_appendall(sql, ") VALUES ('x'");

        for (j = 1; j < table->n; j++) {
            sqlite3_str_appendall(sql, ", 'x'");
        }

        sqlite3_str_appendall(sql, ");");
    }

    sqlite3_str_appendall(sql, "UPDATE msync_flag SET integrating = 0;");
    text = sqlite3_str_finish(sql);
    run(kitchen->with, text);
    sqlite3_free(text);
}


static sqlite3 *
copy(sqlite3 *from)
{
    sqlite3         *to;
    sqlite3_backup  *backup;

    assert_int_equal(sqlite3_open(":memory:", &to), SQLITE_OK);
    backup = sqlite3_backup_init(to, "main", from, "main");
    assert_non_null(backup);
    assert_int_equal(sqlite3_backup_step(backup, -1), SQLITE_DONE);
    sqlite3_backup_finish(backup);

    return to;
}


static void
drop_triggers(sqlite3 *db)
{
    char  *names, *name, *sql, *rest;

    names = ask(db, "SELECT name FROM sqlite_master WHERE type = 'trigger'");

    for (name = strtok_r(names, "|", &rest); name != NULL;
         name = strtok_r(NULL, "|", &rest))
    {
        sql = sqlite3_mprintf("DROP TRIGGER \"%w\"", name);
        run(db, sql);
        sqlite3_free(sql);
    }

    sqlite3_free(names);
}


static int
set_up(void **state)
{
    char         *sql;
    kitchen_t    *kitchen = calloc(1, sizeof(kitchen_t));
    msync_err_t   err;

    msync_store_set_up();
    kitchen->catalogue = msync_catalogue_builtin(&err);
    assert_non_null(kitchen->catalogue);

    assert_int_equal(sqlite3_open(":memory:", &kitchen->with), SQLITE_OK);
    sql = msync_store_schema(kitchen->catalogue);
    run(kitchen->with, sql);
    msync_free(&sql);
    add_rows(kitchen);
    kitchen->without = copy(kitchen->with);
    drop_triggers(kitchen->without);

    *state = kitchen;
    return 0;
}


static int
tear_down(void **state)
{
    kitchen_t  *kitchen = *state;

    sqlite3_close(kitchen->with);
    sqlite3_close(kitchen->without);
    msync_catalogue_free(&kitchen->catalogue);
    free(kitchen);

    return 0;
}


/* one statement of a recipe on both: the same result, the same words */

static void
both(kitchen_t *kitchen, const char *of, char *sql)
{
    char  *with, *without;

    assert_non_null(sql);
    with = ask(kitchen->db[0], sql);
    without = ask(kitchen->db[1], sql);

    if (strcmp(with, without) != 0) {
        fail_msg("%s: %.200s: \"%.500s\" instead of \"%.500s\"", of, sql,
                 with, without);
    }

    sqlite3_free(with);
    sqlite3_free(without);
    sqlite3_free(sql);
}


/* the columns of a table as a definition, with one more, and as a list */

static char *
define(const msync_table_t *table, const char *name, const char *kind)
{
    size_t        i;
    sqlite3_str  *sql = sqlite3_str_new(NULL);

    sqlite3_str_appendf(sql, "CREATE %sTABLE \"%w\" (", kind, name);

    for (i = 0; i < table->n; i++) {
        sqlite3_str_appendf(sql, "\"%w\" %s, ", table->fields[i].name,
                            i == table->key ? "TEXT NOT NULL PRIMARY KEY"
                                            : "TEXT NULL");
    }

    sqlite3_str_appendall(sql, "msync_extra TEXT, my_remark TEXT)");

    return sqlite3_str_finish(sql);
}


static char *
fill(const msync_table_t *table, const char *to, const char *from)
{
    char         *columns, *sql;
    size_t        i;
    sqlite3_str  *list = sqlite3_str_new(NULL);

    for (i = 0; i < table->n; i++) {
        sqlite3_str_appendf(list, "\"%w\", ", table->fields[i].name);
    }

    sqlite3_str_appendall(list, "msync_extra");
    columns = sqlite3_str_finish(list);
    sql = sqlite3_mprintf("INSERT INTO \"%w\" (%s) SELECT %s FROM \"%w\"", to,
                          columns, columns, from);
    sqlite3_free(columns);

    return sql;
}


static void
steps(kitchen_t *kitchen, const msync_table_t *table, way_e way)
{
    const char  *t = table->sql;

#define BOTH(...)  both(kitchen, t, sqlite3_mprintf(__VA_ARGS__))

    switch (way) {

    case NEW_FIRST:
        both(kitchen, t, define(table, "new__t", ""));
        both(kitchen, t, fill(table, "new__t", t));
        BOTH("DROP TABLE \"%w\"", t);
        BOTH("ALTER TABLE new__t RENAME TO \"%w\"", t);
        break;

    case OLD_FIRST:
        BOTH("ALTER TABLE \"%w\" RENAME TO old__t", t);
        both(kitchen, t, define(table, t, ""));
        both(kitchen, t, fill(table, t, "old__t"));
        BOTH("DROP TABLE old__t");
        break;

    case BY_COPY:
        both(kitchen, t, define(table, "at", "TEMPORARY "));
        both(kitchen, t, fill(table, "at", t));
        BOTH("DROP TABLE \"%w\"", t);
        both(kitchen, t, define(table, t, ""));
        both(kitchen, t, fill(table, t, "at"));
        BOTH("DROP TABLE at");
        break;

    default:
        BOTH("ALTER TABLE \"%w\" ADD COLUMN my_remark TEXT", t);
        BOTH("CREATE INDEX my_index ON \"%w\" (my_remark)", t);
        BOTH("ALTER TABLE \"%w\" RENAME COLUMN my_remark TO my_own", t);
        BOTH("DROP INDEX my_index");
        BOTH("UPDATE \"%w\" SET my_own = 'n'", t);
        BOTH("ALTER TABLE \"%w\" DROP COLUMN my_own", t);
        BOTH("ALTER TABLE \"%w\" RENAME TO elsewhere", t);
        BOTH("ALTER TABLE elsewhere RENAME TO \"%w\"", t);
        break;
    }
}


static void
cook(kitchen_t *kitchen, const msync_table_t *table, way_e way,
    unsigned switches)
{
    const char  *t = table->sql;

    kitchen->db[0] = copy(kitchen->with);
    kitchen->db[1] = copy(kitchen->without);

    BOTH("PRAGMA foreign_keys = %d", (switches & FOREIGN_KEYS) != 0);
    BOTH("PRAGMA legacy_alter_table = %d", (switches & LEGACY) != 0);
    BOTH("%s", switches & TRANSACTION ? "BEGIN" : "SELECT 1");
    steps(kitchen, table, way);
    BOTH("PRAGMA foreign_key_check");
    BOTH("%s", switches & TRANSACTION ? "COMMIT" : "SELECT 1");

    BOTH("SELECT * FROM \"%w\"", t);
    BOTH("SELECT name, sql FROM sqlite_master WHERE type <> 'trigger' AND "
         "name NOT LIKE 'msync%%' ORDER BY name");
    BOTH("PRAGMA integrity_check");

    sqlite3_close(kitchen->db[0]);
    sqlite3_close(kitchen->db[1]);
}


static void
every_pushed_table_is_rebuilt_as_without_msync(void **state)
{
    size_t      i;
    way_e       way;
    kitchen_t  *kitchen = *state;

    for (i = 0; i < kitchen->catalogue->n; i++) {
        if (kitchen->catalogue->tables[i].push == 0) {
            continue;
        }

        for (way = 0; way < WAYS; way++) {
            cook(kitchen, &kitchen->catalogue->tables[i], way,
                 (unsigned) i % SWITCHES);
        }
    }
}


/* parents whose lines have no store of their own, and a child of them */

static void
whatever_is_switched_on_or_off(void **state)
{
    size_t      i;
    way_e       way;
    unsigned    switches;
    kitchen_t  *kitchen = *state;

    static const char *const  names[] = { "transact", "trans_line" };

    for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
        for (way = 0; way < WAYS; way++) {
            for (switches = 0; switches < SWITCHES; switches++) {
                cook(kitchen,
                     msync_catalogue_find(kitchen->catalogue, names[i]), way,
                     switches);
            }
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(every_pushed_table_is_rebuilt_as_without_msync),
        cmocka_unit_test(whatever_is_switched_on_or_off)
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
