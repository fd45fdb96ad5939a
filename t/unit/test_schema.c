/* What frameworks that read the schema find. */

#include "store/absent.h"
#include "store/store_private.h"
#include "site.h"


static void
dates_and_times_have_types_that_change_no_value(void **state)
{
    size_t   i;
    char     sql[256];
    site_t  *site = *state;

    static const char *const  values[] = {
        "2026-05-01", "2026-05-01T08:00:00", "2026-05-01 08:00:00.123",
        "2026-05-01T08:00:00Z", "00:00:00", "23:59:59", "-2026-05-01",
        "0000-00-00", ""
    };

    assert_string_equal(site_get(site, "SELECT group_concat(type) FROM "
                        "pragma_table_info('transact') WHERE name IN "
                        "('entry_date', 'entry_time', "
                        "'om_created_datetime')"), "DATE,TIME,DATETIME");

    for (i = 0; i < sizeof(values) / sizeof(*values); i++) {
        snprintf(sql, sizeof(sql), "REPLACE INTO asset_log (id, asset_id, "
                 "user_id, log_datetime) VALUES ('l', 'a', 'u', '%s')",
                 values[i]);
        site_sql(site, sql);
        assert_string_equal(site_get(site, "SELECT log_datetime FROM "
                                     "asset_log"), values[i]);
        assert_string_equal(site_get(site, "SELECT typeof(log_datetime) FROM "
                                     "asset_log"), "text");
    }

    /* no other name is there */
    assert_string_equal(site_get(site, "SELECT count(*) FROM sqlite_master "
                        "AS m, pragma_table_info(m.name) AS c WHERE c.type "
                        "NOT IN ('TEXT', 'REAL', 'INTEGER', 'BOOLEAN', "
                        "'DATE', 'DATETIME', 'TIME', 'BIGINT', 'DOUBLE', "
                        "'')"), "0");
}


/* Django makes models of tables without one that its own check refuses */

static void
every_table_has_a_primary_key_that_is_not_null(void **state)
{
    assert_string_equal(site_get(*state, "SELECT group_concat(m.name) FROM "
                        "sqlite_master AS m WHERE m.type = 'table' AND m.name "
                        "NOT LIKE 'sqlite_%' AND NOT EXISTS (SELECT 1 FROM "
                        "pragma_table_info(m.name) AS c WHERE c.pk > 0 AND "
                        "c.\"notnull\")"), "");
    assert_string_equal(site_get(*state, "SELECT group_concat(m.name) FROM "
                        "sqlite_master AS m, pragma_table_info(m.name) AS c "
                        "WHERE m.type = 'table' AND c.pk > 0 AND NOT "
                        "c.\"notnull\" AND m.name NOT LIKE 'sqlite_%'"), "");
}


/* each program that opens the database reads and compiles all of them, which
 * takes it longer than to read the tables */

static void
the_triggers_are_short(void **state)
{
    assert_string_equal(site_get(*state, "SELECT sum(length(sql)) < 190000 "
                        "FROM sqlite_master WHERE type = 'trigger'"), "1");
}


/* how SQLite finds its rows; static storage */

static const char *
plan_of(site_t *site, const char *sql)
{
    sqlite3_stmt  *stmt;

    static char  plan[256];

    assert_int_equal(sqlite3_prepare_v2(site->app, sql, -1, &stmt, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    snprintf(plan, sizeof(plan), "%s", sqlite3_column_text(stmt, 3));
    sqlite3_finalize(stmt);

    return plan;
}


/* the deletes and merges of records look for rows by them, in tables of a
 * million rows */

static void
every_index_of_a_reference_is_one_that_sqlite_uses(void **state)
{
    int            n = 0;
    char           sql[512];
    site_t        *site = *state;
    const char    *plan;
    sqlite3_stmt  *stmt;

    assert_int_equal(sqlite3_prepare_v2(site->app,
        "SELECT i.tbl_name, c.name, i.name FROM sqlite_master AS i, "
        "pragma_index_info(i.name) AS c WHERE i.type = 'index' AND i.name = "
        "'msync_' || i.tbl_name || '_' || c.name", -1, &stmt, NULL),
        SQLITE_OK);

    for ( ; sqlite3_step(stmt) == SQLITE_ROW; n++) {
        snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN SELECT \"%s\" FROM "
                 "\"%s\" WHERE \"%s\" = 'x'", sqlite3_column_text(stmt, 1),
                 sqlite3_column_text(stmt, 0), sqlite3_column_text(stmt, 1));
        plan = plan_of(site, sql);

        if (strstr(plan, (const char *) sqlite3_column_text(stmt, 2)) == NULL)
        {
            fail_msg("%s: %s", sql, plan);
        }
    }

    sqlite3_finalize(stmt);
    assert_true(n > 100);
}


/* Doctrine, GORM, Sequelize and sqlacodegen ask for the names of an index's
 * columns, and pwiz reads its first line */

static void
no_index_is_of_an_expression_or_of_two_lines(void **state)
{
    assert_string_equal(site_get(*state, "SELECT group_concat(m.name) FROM "
                        "sqlite_master AS m WHERE m.type = 'index' AND (m.sql "
                        "LIKE '%' || char(10) || '%' OR EXISTS (SELECT 1 FROM "
                        "pragma_index_info(m.name) AS i WHERE i.name IS "
                        "NULL))"), "");
}


/* what is pushed, and what central has no more, is looked for there */

static void
a_record_of_the_buffer_is_found_by_an_index(void **state)
{
    int              n = 0;
    site_t          *site = *state;
    msync_err_t      err;
    msync_batch_t    batch = { 0 };
    sqlite3_stmt    *stmt;
    msync_absent_t   result;

    site_sql(site, "INSERT INTO unit (ID, units) VALUES ('A', 'box')");
    assert_ok(msync_store_absent_note(site->store, &err));
    site_pull(site, MSYNC_LEGACY, "unit", "U", MSYNC_ACTION_UPSERT, "{}");
    site_record(&batch, "unit", "U", MSYNC_ACTION_UPSERT, "{}");
    assert_ok(msync_store_buffer_supersede(site->store, &batch, &err));
    msync_batch_clear(&batch);
    assert_ok(msync_store_absent_end(site->store, MSYNC_LEGACY, NULL, NULL,
                                     &result, &err));
    assert_int_equal(result.removed, 1);

    stmt = sqlite3_next_stmt(site->store->db, NULL);

    for ( ; stmt != NULL; stmt = sqlite3_next_stmt(site->store->db, stmt)) {
        if (strstr(sqlite3_sql(stmt), "FROM sync_buffer WHERE record_id"))
        {
            assert_int_equal(sqlite3_stmt_status(stmt,
                                 SQLITE_STMTSTATUS_FULLSCAN_STEP, 0), 0);
            assert_int_equal(sqlite3_stmt_status(stmt,
                                 SQLITE_STMTSTATUS_AUTOINDEX, 0), 0);
            n++;
        }
    }

    assert_int_equal(n, 2);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        T(dates_and_times_have_types_that_change_no_value),
        T(every_table_has_a_primary_key_that_is_not_null),
        T(the_triggers_are_short),
        T(every_index_of_a_reference_is_one_that_sqlite_uses),
        T(no_index_is_of_an_expression_or_of_two_lines),
        T(a_record_of_the_buffer_is_found_by_an_index)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
