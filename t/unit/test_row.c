/* Rows of central's in a table whose constraints and triggers the application
 * has made. */

#include "integration.h"


static void
assert_failed(site_t *site, const char *expected)
{
    assert_string_equal(site_get(site, "SELECT group_concat(record_id || ' ' "
                                 "|| integration_error) FROM (SELECT * FROM "
                                 "sync_buffer WHERE integration_datetime IS "
                                 "NULL ORDER BY record_id)"), expected);
}


/* with INSERT ON CONFLICT DO UPDATE SQLite would refuse these */

static void
what_a_trigger_replaces_or_ignores_costs_nothing(void **state)
{
    site_t  *site = *state;

    site_sql(site, "CREATE TABLE seen (id TEXT PRIMARY KEY, n);"
             "CREATE TRIGGER i AFTER INSERT ON unit BEGIN INSERT OR IGNORE "
             "INTO seen VALUES (NEW.ID, 'first'); END;"
             "CREATE TRIGGER u AFTER UPDATE ON unit BEGIN INSERT OR IGNORE "
             "INTO seen VALUES (NEW.ID, 'later'); INSERT OR REPLACE INTO seen "
             "VALUES ('last', NEW.units); END");

    for (const char *word = "abc"; *word != '\0'; word++) {
        site_pull(site, MSYNC_LEGACY, "unit", "A", MSYNC_ACTION_UPSERT,
                  *word == 'a' ? UNIT("a") : *word == 'b' ? UNIT("b")
                                                          : UNIT("c"));
        assert_int_equal(integrate(site, true).failed, 0);
    }

    assert_string_equal(site_get(site, "SELECT group_concat(id || n) FROM "
                                 "(SELECT * FROM seen ORDER BY id)"),
                        "Afirst,lastc");
}


/* another record would be gone, or this one, and nobody would know */

static void
a_conflict_that_the_application_has_resolved_costs_its_record(void **state)
{
    char                sql[256];
    size_t              i;
    site_t             *site = *state;
    msync_err_t         err;
    const char *const   ways[] = { "REPLACE", "IGNORE", "FAIL", "ABORT" };

    for (i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
        snprintf(sql, sizeof(sql), "DELETE FROM sync_buffer; DROP TABLE unit; "
                 "CREATE TABLE unit (ID TEXT PRIMARY KEY, units TEXT UNIQUE "
                 "ON CONFLICT %s)", ways[i]);
        site_sql(site, sql);
        site_open_again(site);
        site_pull(site, MSYNC_LEGACY, "unit", "A", MSYNC_ACTION_UPSERT,
                  UNIT("a"));
        site_pull(site, MSYNC_LEGACY, "unit", "B", MSYNC_ACTION_UPSERT,
                  UNIT("b"));
        assert_int_equal(integrate(site, true).failed, 0);

        site_pull(site, MSYNC_LEGACY, "unit", "B", MSYNC_ACTION_UPSERT,
                  UNIT("a"));
        site_pull(site, MSYNC_LEGACY, "unit", "C", MSYNC_ACTION_UPSERT,
                  UNIT("a"));
        assert_int_equal(integrate(site, true).failed, 2);
        assert_failed(site, "B UNIQUE constraint failed: unit.units,"
                      "C UNIQUE constraint failed: unit.units");
        assert_string_equal(site_get(site, "SELECT group_concat(ID || units) "
                                     "FROM (SELECT * FROM unit ORDER BY ID)"),
                            "Aa,Bb");

        /* central mends it */
        site_pull(site, MSYNC_LEGACY, "unit", "A", MSYNC_ACTION_UPSERT,
                  UNIT("c"));
        site_pull(site, MSYNC_LEGACY, "unit", "C", MSYNC_ACTION_UPSERT,
                  UNIT("d"));
        integrate(site, true);
        assert_ok(msync_store_buffer_wake_all(site->store, &err));
        assert_int_equal(integrate(site, true).failed, 0);
    }
}


/* as a framework's table of users that msync took for mSupply's */

static void
a_column_of_the_applications_that_must_have_a_value_is_named(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    site_sql(site, "DROP TABLE unit; CREATE TABLE unit (id TEXT PRIMARY KEY, "
             "email TEXT NOT NULL)");
    site_open_again(site);
    site_pull(site, MSYNC_LEGACY, "unit", "A", MSYNC_ACTION_UPSERT,
              UNIT("a"));
    assert_int_equal(integrate(site, true).failed, 1);
    assert_failed(site, "A NOT NULL constraint failed: unit.email; the "
                  "application alone has that column, and central no value for "
                  "it: give it a default, or let msync's table have another "
                  "name (\"rename\" in the file of the directive \"tables\")");

    site_sql(site, "ALTER TABLE unit RENAME TO former; CREATE TABLE unit AS "
             "SELECT *, 'x' AS e FROM former; DROP TABLE former; ALTER TABLE "
             "unit DROP COLUMN email; ALTER TABLE unit ADD COLUMN email TEXT "
             "NOT NULL DEFAULT ''; CREATE UNIQUE INDEX k ON unit (id); CREATE "
             "UNIQUE INDEX m ON unit (email)");
    site_open_again(site);
    site_pull(site, MSYNC_LEGACY, "unit", "B", MSYNC_ACTION_UPSERT,
              UNIT("b"));
    assert_ok(msync_store_buffer_wake_all(site->store, &err));
    assert_int_equal(integrate(site, true).failed, 1);
    assert_non_null(strstr(site_get(site, "SELECT integration_error FROM "
                                    "sync_buffer WHERE integration_error NOT "
                                    "NULL"), "unit.email; the application "
                           "alone has that column, and central no value for "
                           "it: let it be NULL, or"));
}


/* as soon as the application has mended its schema, without a pause that has
 * grown to a day */

static void
what_the_schema_refused_is_tried_when_that_has_changed(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    site_sql(site, "ALTER TABLE unit ADD COLUMN mine TEXT CHECK (units <> "
             "'a')");
    site_pull(site, MSYNC_LEGACY, "unit", "A", MSYNC_ACTION_UPSERT, UNIT("a"));
    assert_ok(msync_store_renew(site->store, &err));
    assert_int_equal(integrate(site, true).failed, 1);
    assert_int_equal(integrate(site, true).failed, 0);
    assert_ok(msync_store_renew(site->store, &err));
    assert_int_equal(integrate(site, true).integrated, 0);

    site_sql(site, "ALTER TABLE unit DROP COLUMN mine");
    assert_ok(msync_store_renew(site->store, &err));
    assert_int_equal(integrate(site, true).integrated, 1);
    assert_string_equal(site_check(site), "");
}


/* by whoever opens the database next */

static void
so_it_is_when_that_has_changed_while_nobody_worked(void **state)
{
    site_t  *site = *state;

    site_sql(site, "ALTER TABLE unit ADD COLUMN mine TEXT CHECK (units <> "
             "'a')");
    site_open_again(site);
    site_pull(site, MSYNC_LEGACY, "unit", "A", MSYNC_ACTION_UPSERT, UNIT("a"));
    assert_int_equal(integrate(site, true).failed, 1);

    /* once at most where it has not */
    site_open_again(site);
    (void) integrate(site, true);
    site_open_again(site);
    assert_int_equal(integrate(site, true).failed, 0);

    site_sql(site, "ALTER TABLE unit DROP COLUMN mine");
    site_open_again(site);
    assert_int_equal(integrate(site, true).integrated, 1);
    assert_string_equal(site_check(site), "");
}


/* a rebuild by GORM or Sequelize, whose UUID is such a type, or with "STRING";
 * one id of mSupply's in a million looks like a number */

static void
a_text_that_its_column_makes_a_number_of_costs_its_record(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;
    const char   *found;

    site_sql(site, "DROP TABLE unit; CREATE TABLE unit (ID UUID PRIMARY KEY, "
             "units STRING, comment TEXT)");
    site_open_again(site);
    site_pull(site, MSYNC_LEGACY, "unit", "A", MSYNC_ACTION_UPSERT,
              UNIT("12"));
    site_pull(site, MSYNC_LEGACY, "unit", "B", MSYNC_ACTION_UPSERT,
              UNIT("0012"));
    site_pull(site, MSYNC_LEGACY, "unit", "00E1", MSYNC_ACTION_UPSERT,
              UNIT("a"));
    site_pull(site, MSYNC_LEGACY, "unit", "0", MSYNC_ACTION_UPSERT, UNIT("b"));
    assert_int_equal(integrate(site, true).failed, 2);
    assert_failed(site, "00E1 field \"ID\": the application has declared this "
                  "column as UUID, by which SQLite makes 0 of \"00E1\"; let "
                  "it be TEXT,B field \"units\": the application has declared "
                  "this column as STRING, by which SQLite makes 12 of "
                  "\"0012\"; let it be TEXT");
    assert_string_equal(site_get(site, "SELECT group_concat(ID || units) FROM "
                                 "(SELECT * FROM unit ORDER BY ID)"),
                        "0b,A12");

    /* neither is the row of another id */
    site_pull(site, MSYNC_LEGACY, "unit", "0.0", MSYNC_ACTION_DELETE, NULL);
    integrate(site, true);
    found = site_check(site);
    assert_non_null(strstr(found, "table \"unit\": the application has "
                           "declared the column \"units\" as STRING"));
    assert_null(strstr(found, "\"comment\""));

    site_sql(site, "CREATE TABLE other (ID TEXT PRIMARY KEY, units TEXT, "
             "msync_extra TEXT); INSERT INTO other SELECT ID, units, "
             "msync_extra FROM unit; DROP TABLE unit; ALTER TABLE other "
             "RENAME TO unit");
    site_open_again(site);
    assert_ok(msync_store_buffer_wake_all(site->store, &err));
    assert_int_equal(integrate(site, true).failed, 0);
    assert_string_equal(site_get(site, "SELECT group_concat(ID || units) FROM "
                                 "(SELECT * FROM unit ORDER BY ID)"),
                        "0b,00E1a,A12,B0012");
}


/* to central these are two */

static void
an_id_of_other_letters_is_another_record(void **state)
{
    site_t  *site = *state;

    site_sql(site, "DROP TABLE unit; CREATE TABLE unit (ID TEXT COLLATE NOCASE "
             "PRIMARY KEY, units TEXT)");
    site_open_again(site);
    site_pull(site, MSYNC_LEGACY, "unit", "a", MSYNC_ACTION_UPSERT, UNIT("a"));
    assert_int_equal(integrate(site, true).failed, 0);
    site_pull(site, MSYNC_LEGACY, "unit", "A", MSYNC_ACTION_UPSERT, UNIT("b"));
    assert_int_equal(integrate(site, true).failed, 1);
    assert_failed(site, "A UNIQUE constraint failed: unit.ID");
    site_pull(site, MSYNC_LEGACY, "unit", "A", MSYNC_ACTION_DELETE, NULL);
    assert_int_equal(integrate(site, true).failed, 0);
    assert_string_equal(site_get(site, "SELECT ID || units || inactive FROM "
                                 "unit"), "aa0");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        T(what_a_trigger_replaces_or_ignores_costs_nothing),
        T(a_conflict_that_the_application_has_resolved_costs_its_record),
        T(a_column_of_the_applications_that_must_have_a_value_is_named),
        T(what_the_schema_refused_is_tried_when_that_has_changed),
        T(so_it_is_when_that_has_changed_while_nobody_worked),
        T(a_text_that_its_column_makes_a_number_of_costs_its_record),
        T(an_id_of_other_letters_is_another_record),
        FILLING(what_a_trigger_replaces_or_ignores_costs_nothing),
        FILLING(an_id_of_other_letters_is_another_record)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
