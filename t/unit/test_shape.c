/* Tables of msync's own that somebody has made otherwise. */

#include "site.h"
#include "base/log.h"
#include "store/schema.h"


/* what was done to a table is told, made good, and costs no row of its */

static void
assert_mended(site_t *site, const char *sql, const char *told)
{
    msync_err_t  err;

    site_sql(site, "PRAGMA foreign_keys = OFF");
    site_sql(site, sql);

    if (strstr(site_check(site), told) == NULL) {
        fail_msg("%s: \"%s\" is not told: %s", sql, told, site_check(site));
    }

    assert_ok(msync_store_renew(site->store, &err));
    assert_string_equal(site_check(site), "");
}


/* the SQL of a table under another name, with more behind its columns and
 * behind its end */

static char *
otherwise(site_t *site, const char *name, const char *more, const char *end)
{
    char  *sql, *text, *last;

    sql = sqlite3_mprintf("SELECT substr(sql, instr(sql, '(')) FROM "
                          "sqlite_master WHERE name = %Q", name);
    text = sqlite3_mprintf("%s", site_get(site, sql));
    sqlite3_free(sql);
    last = strrchr(text, ')');
    assert_non_null(last);
    *last = '\0';

    sql = sqlite3_mprintf("PRAGMA legacy_alter_table = ON; CREATE TABLE away "
                          "%s%s)%s; INSERT INTO away SELECT * FROM %s; DROP "
                          "TABLE %s; ALTER TABLE away RENAME TO %s", text,
                          more, end, name, name, name);
    sqlite3_free(text);

    return sql;
}


static void
a_table_that_is_a_view_is_made_again_with_its_rows(void **state)
{
    char         names[1024], *name, *rest, *sql;
    site_t      *site = *state;
    msync_err_t  err;

    msync_log_set_level(MSYNC_LOG_ERR);
    assert_ok(msync_store_set_int(site->store, MSYNC_KEY_PUSH_CURSOR, 9,
                                  &err));
    site_sql(site, "INSERT INTO changelog (table_name, record_id, row_action) "
             "VALUES ('item', 'A', 'UPSERT');"
             "INSERT INTO sync_log (started_datetime) VALUES ('d')");
    snprintf(names, sizeof(names), "%s",
             site_get(site, "SELECT group_concat(name) FROM sqlite_master "
                      "WHERE type = 'table' AND (name IN ('changelog', "
                      "'sync_buffer', 'sync_log', 'key_value_store') OR name "
                      "LIKE 'msync!_%' ESCAPE '!')"));

    for (name = strtok_r(names, ",", &rest); name != NULL;
         name = strtok_r(NULL, ",", &rest))
    {
        sql = sqlite3_mprintf("PRAGMA legacy_alter_table = ON; ALTER TABLE %s "
                              "RENAME TO away; CREATE VIEW %s AS SELECT * "
                              "FROM away", name, name);
        assert_mended(site, sql, "is a view");
        sqlite3_free(sql);
        site_sql(site, "DROP TABLE away");
    }

    assert_mended(site, "DROP TABLE msync_merged; CREATE VIEW msync_merged AS "
                  "SELECT * FROM nowhere", "is a view");
    assert_string_equal(site_get(site, "SELECT count(*) || (SELECT count(*) "
                        "FROM sync_log) || (SELECT value_int FROM "
                        "key_value_store WHERE id = '" MSYNC_KEY_PUSH_CURSOR
                        "') FROM changelog"), "119");
}


static void
a_table_that_refuses_what_msync_writes_is_made_again(void **state)
{
    char    *sql;
    size_t   i;
    site_t  *site = *state;

    static const struct {
        const char  *name;
        const char  *more;
        const char  *end;
        const char  *told;
    } cases[] = {
        { "sync_log", ", CHECK (started_datetime = 'd')", "", "CHECK" },
        { "sync_log", ", UNIQUE (error_code)", "", "UNIQUE" },
        { "sync_log", ", FOREIGN KEY (error_code) REFERENCES unit (ID)", "",
          "foreign key" },
        { "msync_flag", "", " WITHOUT ROWID", "WITHOUT ROWID" },
        { "key_value_store", ", CHECK (id <> '')", "", "CHECK" },
        { "msync_refused", ", UNIQUE (record_id)", "", "UNIQUE" }
    };

    msync_log_set_level(MSYNC_LOG_ERR);
    site_sql(site, "INSERT INTO sync_log (started_datetime) VALUES ('d')");

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        sql = otherwise(site, cases[i].name, cases[i].more, cases[i].end);
        assert_mended(site, sql, cases[i].told);
        sqlite3_free(sql);
    }

    assert_mended(site, "PRAGMA legacy_alter_table = ON; CREATE TABLE away AS "
                  "SELECT * FROM key_value_store; DROP TABLE key_value_store;"
                  "ALTER TABLE away RENAME TO key_value_store",
                  "has another key");
    assert_mended(site, "CREATE TABLE away (id TEXT PRIMARY KEY NOT NULL, "
                  "value_string TEXT, value_int BIGINT NOT NULL DEFAULT 0, "
                  "value_bigint BIGINT, value_float DOUBLE, value_bool "
                  "BOOLEAN); INSERT INTO away SELECT id, value_string, "
                  "ifnull(value_int, 0), value_bigint, value_float, value_bool "
                  "FROM key_value_store; DROP TABLE key_value_store; ALTER "
                  "TABLE away RENAME TO key_value_store", "NOT NULL");
    assert_mended(site, "DROP TABLE msync_merged; CREATE TABLE msync_merged "
                  "(table_name TEXT NOT NULL, record_id TEXT NOT NULL, kept_id "
                  "TEXT NOT NULL, own TEXT NOT NULL, PRIMARY KEY (table_name, "
                  "record_id))", "gives no value");
    assert_string_equal(site_get(site, "SELECT count(*) FROM sync_log"), "1");
}


/* and without its numbers what comes into it later would be behind the cursors
 * that have passed them */

static void
a_table_with_other_names_has_its_rows_and_numbers(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    static const char  next[] =
        "INSERT INTO changelog (table_name, record_id, row_action) VALUES "
        "('item', 'A', 'UPSERT')";

    msync_log_set_level(MSYNC_LOG_ERR);
    assert_ok(msync_store_set_int(site->store, MSYNC_KEY_PUSH_CURSOR, 3,
                                  &err));
    site_sql(site, next);
    site_sql(site, next);
    site_sql(site, next);
    site_sql(site, SITE_SENT);
    site_sql(site, next);

    assert_mended(site, "ALTER TABLE changelog RENAME COLUMN cursor TO n",
                  "another key");
    assert_mended(site, "ALTER TABLE changelog RENAME COLUMN record_id TO n",
                  "gives no value");
    assert_mended(site, "PRAGMA legacy_alter_table = ON; ALTER TABLE changelog "
                  "RENAME TO away; ALTER TABLE away RENAME TO CHANGELOG",
                  "other letters");
    assert_mended(site, "ALTER TABLE key_value_store RENAME COLUMN id TO n",
                  "another key");
    assert_mended(site, "CREATE TABLE away (value_string TEXT, value_int "
                  "BIGINT); DROP TABLE key_value_store; ALTER TABLE away "
                  "RENAME TO key_value_store", "lacks a column");
    assert_string_equal(site_get(site, "SELECT group_concat(cursor || "
                        "record_id) FROM changelog"), "4A");
    site_sql(site, next);
    assert_string_equal(site_get(site, "SELECT max(cursor) FROM changelog"),
                        "5");
}


static void
what_does_no_harm_to_such_a_table_is_left(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    site_sql(site, "ALTER TABLE sync_log ADD COLUMN own TEXT;"
             "ALTER TABLE changelog ADD COLUMN own TEXT NOT NULL DEFAULT 'x';"
             "CREATE INDEX mine ON sync_log (own)");
    assert_string_equal(site_check(site), "");
    assert_ok(msync_store_renew(site->store, &err));
    assert_string_equal(site_get(site, "SELECT count(*) FROM sqlite_master "
                                 "WHERE name = 'mine'"), "1");
}


/* whoever made them may want them, so they are told of */

static void
a_trigger_or_a_unique_index_on_such_a_table_is_told(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    msync_log_set_level(MSYNC_LOG_ERR);
    site_sql(site, "CREATE TRIGGER mine BEFORE INSERT ON changelog BEGIN "
             "SELECT RAISE(ABORT, 'no'); END;"
             "CREATE UNIQUE INDEX one ON sync_log (error_code)");
    assert_ok(msync_store_renew(site->store, &err));
    assert_non_null(strstr(site_check(site), "trigger \"mine\" is on "
                           "\"changelog\", a table of msync's own"));
    assert_non_null(strstr(site_check(site),
                           "index \"one\" is on \"sync_log\""));

    site_sql(site, "DROP TRIGGER mine; DROP INDEX one");
    assert_string_equal(site_check(site), "");
}


/* names without "msync_" are the application's */

static void
indexes_take_no_name_that_an_application_gives(void **state)
{
    site_t  *site = *state;

    static const char  mine[] =
        "CREATE TABLE changelog_record (id INTEGER PRIMARY KEY, note TEXT);"
        "CREATE VIEW sync_buffer_key AS SELECT note FROM changelog_record;"
        "CREATE INDEX sync_buffer_failed ON changelog_record (note);"
        "INSERT INTO changelog_record (note) VALUES ('mine')";

    site_sql(site, mine);
    site_open_again(site);
    assert_string_equal(site_check(site), "");

    site_begin(site, mine);
    site_open_again(site);
    assert_string_equal(site_check(site), "");
    assert_string_equal(site_get(site, "SELECT note || (SELECT tbl_name FROM "
                                 "sqlite_master WHERE name = "
                                 "'sync_buffer_failed') FROM "
                                 "sync_buffer_key"), "minechangelog_record");
}


static void
a_site_that_lost_its_settings_begins_anew(void **state)
{
    size_t        i;
    site_t       *site = *state;
    msync_err_t   err;
    msync_site_t  self;

    static const char *const  losses[] = {
        "DROP TABLE key_value_store", "DELETE FROM key_value_store",
        "ALTER TABLE key_value_store RENAME TO away"
    };

    msync_log_set_level(MSYNC_LOG_ERR);
    site_sql(site, "INSERT INTO sync_log (started_datetime, "
             "finished_datetime) VALUES ('d', 'd');"
             "INSERT INTO changelog (table_name, record_id, row_action) VALUES "
             "('item', 'A', 'UPSERT')");

    for (i = 0; i < sizeof(losses) / sizeof(*losses); i++) {
        site_initialise(site);
        site_sql(site, "INSERT INTO msync_merged (table_name, record_id, "
                 "kept_id) VALUES ('item', 'A', 'B')");
        site_sql(site, losses[i]);
        assert_ok(msync_store_expect_schema(site->store, &err));
        assert_non_null(strstr(site_check(site), "key_value_store: what msync "
                               "had there is gone"));

        site_open_again(site);
        assert_string_equal(site_check(site), "");
        assert_ok(msync_store_site_get(site->store, &self, &err));
        assert_int_equal(self.state, MSYNC_SITE_ANEW);
        assert_string_equal(site_get(site, "SELECT count(*) || (SELECT "
                                     "count(*) FROM msync_merged) FROM "
                                     "changelog"), "10");
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        T(a_table_that_is_a_view_is_made_again_with_its_rows),
        T(a_table_that_refuses_what_msync_writes_is_made_again),
        T(a_table_with_other_names_has_its_rows_and_numbers),
        T(what_does_no_harm_to_such_a_table_is_left),
        T(a_trigger_or_a_unique_index_on_such_a_table_is_told),
        T(indexes_take_no_name_that_an_application_gives),
        T(a_site_that_lost_its_settings_begins_anew)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
