/* What frameworks that read the schema find. */

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
                        "('entry_date', 'entry_time', 'om_created_datetime')"
                        " ORDER BY name"), "DATE,TIME,DATETIME");

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


int
main(void)
{
#define T(name)  cmocka_unit_test_setup_teardown(name, site_open, site_close)

    const struct CMUnitTest  tests[] = {
        T(dates_and_times_have_types_that_change_no_value),
        T(every_table_has_a_primary_key_that_is_not_null)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
