/* Tables that a tables file gives another name, on databases with rows. */

#include "site.h"
#include "store/fill.h"

#define UNIT(name)                                                            \
    "[{\"table\":\"unit\",\"rename\":\"" name "\"}]"
#define LOCATION                                                              \
    "[{\"table\":\"Location\",\"rename\":\"ubicacion\"}]"
#define EXCHANGED                                                             \
    "[{\"table\":\"unit\",\"rename\":\"abbreviation\"},"                      \
    "{\"table\":\"abbreviation\",\"rename\":\"unit\"}]"

#define ROWS                                                                  \
    "INSERT INTO unit (ID, units) VALUES ('U1', 'box');"                      \
    "INSERT INTO item (ID, item_name, code, unit_ID, type_of) VALUES "        \
    "('I1', 'n', 'c', 'U1', 'general')"

/* as a version made it that knew nothing of the table's other name */
#define UNIDAD                                                                \
    "CREATE TABLE unidad (ID TEXT PRIMARY KEY NOT NULL, units TEXT NOT NULL " \
    "DEFAULT '', comment TEXT NOT NULL DEFAULT '', order_number INTEGER NOT " \
    "NULL DEFAULT 0, inactive BOOLEAN NOT NULL DEFAULT 0, msync_extra TEXT)"


static const char *
objects_named(site_t *site, const char *name)
{
    char  sql[128];

    snprintf(sql, sizeof(sql), "SELECT count(*) FROM sqlite_master WHERE "
             "name = '%s'", name);
    return site_get(site, sql);
}


static void
assert_refused(site_t *site, const char *json, const char *words)
{
    char         full[2 * MSYNC_ERR_TEXT_MAX];
    msync_err_t  err;

    assert_false(site_migrate(site, json, &err));
    assert_int_equal(err.variant, MSYNC_ERR_DATABASE_ERROR);
    msync_err_full(&err, full, sizeof(full));

    if (strstr(full, words) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", words, full);
    }
}


static void
a_renamed_table_keeps_its_rows_and_its_children(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    site_sql(site, ROWS);
    assert_migrates(site, UNIT("unidad"));

    assert_string_equal(site_get(site, "SELECT units FROM unidad"), "box");
    assert_string_equal(objects_named(site, "unit"), "0");
    assert_string_equal(site_get(site, "PRAGMA foreign_key_check"), "");
    assert_string_equal(site_get(site, "PRAGMA integrity_check"), "ok");
}


static void
what_refers_to_a_table_follows_its_name(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    site_sql(site, ROWS ";INSERT INTO item_direction (ID, item_ID) VALUES "
             "('D', 'I1')");
    assert_migrates(site, "[{\"table\":\"item\",\"rename\":\"articulo\"}]");
    assert_string_equal(site_get(site, "SELECT \"table\" FROM "
                                 "pragma_foreign_key_list('item_direction')"),
                        "articulo");
    assert_string_equal(site_get(site, "PRAGMA foreign_key_check"), "");
}


static void
a_table_is_renamed_as_often_as_one_likes(void **state)
{
    size_t        i;
    char          sql[64];
    site_t       *site = *state;
    msync_err_t   err;

    static const struct { const char *json; const char *name; } names[] = {
        { UNIT("unidad"), "unidad" },
        { UNIT("medida"), "medida" },
        { UNIT("Medida"), "medida" },
        { NULL, "unit" },
        { UNIT("unidad"), "unidad" }
    };

    site_sql(site, ROWS);

    for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
        assert_migrates(site, names[i].json);
        snprintf(sql, sizeof(sql), "SELECT units FROM %s", names[i].name);
        assert_string_equal(site_get(site, sql), "box");
        assert_string_equal(site_get(site, "SELECT count(*) FROM "
                                     "sqlite_master WHERE type = 'table' AND "
                                     "name IN ('unit', 'unidad', 'medida')"),
                            "1");
    }
}


static void
triggers_and_indexes_are_not_doubled(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    assert_migrates(site, LOCATION);
    assert_string_equal(site_get(site, "SELECT count(*) FROM sqlite_master "
                                 "WHERE name IN ('msync_Location_INSERT', "
                                 "'msync_Location_DELETE', "
                                 "'msync_Location_store_ID')"), "0");
    assert_string_equal(site_get(site, "SELECT group_concat(name) FROM "
                                 "(SELECT name FROM sqlite_master WHERE "
                                 "tbl_name = 'ubicacion' AND name LIKE "
                                 "'msync_%' ORDER BY name)"),
                        "msync_ubicacion_BEFORE_INSERT,"
                        "msync_ubicacion_DELETE,msync_ubicacion_INSERT,"
                        "msync_ubicacion_UPDATE,msync_ubicacion_store_ID");

    site_sql(site, "INSERT INTO ubicacion (ID, Description, code, store_ID) "
             "VALUES ('L1', 'd', 'c', 'S1')");
    assert_string_equal(site_get(site, "SELECT group_concat(table_name || "
                                 "record_id) FROM changelog"), "LocationL1");
}


static void
two_tables_exchange_their_names(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    site_sql(site, ROWS ";INSERT INTO abbreviation (ID, abbreviation, "
             "expansion) VALUES ('A1', 'a', 'b')");
    assert_migrates(site, EXCHANGED);
    assert_string_equal(site_get(site, "SELECT units FROM abbreviation"),
                        "box");
    assert_string_equal(site_get(site, "SELECT expansion FROM unit"), "b");

    assert_migrates(site, NULL);
    assert_string_equal(site_get(site, "SELECT units FROM unit"), "box");
}


static void
rows_under_both_names_are_refused(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    site_sql(site, ROWS ";" UNIDAD ";"
             "INSERT INTO unidad (ID, units) VALUES ('U2', 'bag')");
    assert_refused(site, UNIT("unidad"), "both \"unit\" and \"unidad\" have "
                   "rows. Copy what only the second table has into the first "
                   "one, then drop the second");
    assert_string_equal(site_get(site, "SELECT units FROM unit"), "box");
    assert_string_equal(site_get(site, "SELECT units FROM unidad"), "bag");

    site_sql(site, "INSERT INTO unit SELECT * FROM unidad;"
             "DROP TABLE unidad");
    assert_migrates(site, UNIT("unidad"));
    assert_string_equal(site_get(site, "SELECT group_concat(units) FROM "
                                 "unidad"), "box,bag");
}


static void
of_two_names_the_empty_one_gives_way(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    site_sql(site, ROWS ";" UNIDAD);
    assert_migrates(site, UNIT("unidad"));
    assert_string_equal(site_get(site, "SELECT units FROM unidad"), "box");
    assert_string_equal(objects_named(site, "unit"), "0");
}


static void
rows_may_be_under_the_new_name_already(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    site_sql(site, UNIDAD ";"
             "INSERT INTO unidad (ID, units) VALUES ('U2', 'bag')");
    assert_migrates(site, UNIT("unidad"));
    assert_string_equal(site_get(site, "SELECT units FROM unidad"), "bag");
    assert_string_equal(objects_named(site, "unit"), "0");
}


static void
a_table_of_the_application_is_not_taken(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    site_sql(site, ROWS ";CREATE TABLE unidad (mine TEXT);");
    assert_refused(site, UNIT("unidad"), "table of that name that msync did "
                   "not make. Choose another name");
    assert_string_equal(site_get(site, "SELECT units FROM unit"), "box");

    assert_migrates(site, UNIT("medida"));
    site_sql(site, "CREATE TABLE unit (mine TEXT)");
    assert_migrates(site, UNIT("medidas"));
    assert_string_equal(site_get(site, "SELECT count(*) FROM "
                                 "pragma_table_info('unit')"), "1");
}


static void
views_and_triggers_of_the_application_follow(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    site_sql(site, ROWS ";CREATE VIEW boxes AS SELECT units FROM unit;"
             "CREATE TABLE seen (id TEXT);"
             "CREATE TRIGGER mine AFTER INSERT ON unit BEGIN "
             "INSERT INTO seen SELECT ID FROM unit WHERE ID = NEW.ID; END");
    assert_migrates(site, UNIT("unidad"));
    site_sql(site, "INSERT INTO unidad (ID, units) VALUES ('U2', 'bag')");
    assert_string_equal(site_get(site, "SELECT group_concat(units) FROM "
                                 "boxes"), "box,bag");
    assert_string_equal(site_get(site, "SELECT id FROM seen"), "U2");
}


/* references have no indexes then; the new catalogue's schema makes them */

static void
an_interrupted_first_sync_takes_another_tables_file(void **state)
{
    bool          begun;
    site_t       *site = *state;
    msync_err_t   err;

    assert_ok(msync_store_fill_begin(site->store, &err));
    site_pull(site, MSYNC_LEGACY, "unit", "U", MSYNC_ACTION_UPSERT, "{}");
    assert_migrates(site, "[{\"table\":\"Location\",\"rename\":\"lugar\"},"
                    "{\"table\":\"mine\",\"key\":\"id\",\"delete\":\"hard\","
                    "\"pull_from\":[\"legacy\"],\"push_to\":[],\"fields\":["
                    "{\"name\":\"id\",\"type\":\"string\"},"
                    "{\"name\":\"item_ID\",\"type\":\"string\","
                    "\"references\":\"item\",\"fk\":true}]}]");
    assert_ok(msync_store_fill_begun(site->store, &begun, &err));
    assert_true(begun);
    assert_string_equal(objects_named(site, "msync_mine_item_ID"), "1");
    assert_string_equal(objects_named(site, "msync_lugar_store_ID"), "1");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        T(a_renamed_table_keeps_its_rows_and_its_children),
        T(what_refers_to_a_table_follows_its_name),
        T(a_table_is_renamed_as_often_as_one_likes),
        T(triggers_and_indexes_are_not_doubled),
        T(two_tables_exchange_their_names),
        T(rows_under_both_names_are_refused),
        T(of_two_names_the_empty_one_gives_way),
        T(rows_may_be_under_the_new_name_already),
        T(a_table_of_the_application_is_not_taken),
        T(views_and_triggers_of_the_application_follow),
        T(an_interrupted_first_sync_takes_another_tables_file)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
