/* What of a row goes out, and what cannot. */

#include "site.h"
#include "store/changelog.h"
#include "store/row.h"
#include "base/log.h"

#define SENSOR(id, level)                                                     \
    "INSERT INTO sensor (ID, storeID, batteryLevel) VALUES (" id ", 'S1', "   \
    level ");"

#define STOCK_TAKE(id, number)                                                \
    "INSERT INTO Stock_take (ID, store_ID, created_by_ID, status, Locked, "   \
    "stock_take_created_date, stock_take_time, om_is_initial_stocktake, "     \
    "serial_number) VALUES (" id ", 'S1', '', 'sg', 0, '2026-05-01', "        \
    "'08:00:00', 0, " number ");"


static int
open_stores(void **state)
{
    if (site_open(state) != 0) {
        return -1;
    }

    site_add_stores(*state);
    return 0;
}


static void
read_changes(site_t *site, msync_batch_t *batch)
{
    int64_t      processed;
    msync_err_t  err;

    assert_ok(msync_store_changes(site->store, MSYNC_LEGACY, 0, 100, 1 << 20,
                                  batch, &processed, &err));
}


static void
what_json_cannot_carry_is_recorded_and_the_others_go(void **state)
{
    char           sql[512];
    size_t         i;
    site_t        *site = *state;
    msync_batch_t  batch = { 0 };

    static const struct {
        const char  *set;
        const char  *field;
        const char  *why;
    } cases[] = {
        { "Description = 'a' || char(0) || 'b'", "Description", "NUL" },
        { "Description = x'00ff00'", "Description", "BLOB" },
        { "Description = x'61'", "Description", "BLOB" },
        { "Description = CAST(x'61ff' AS TEXT)", "Description", "UTF-8" },
        { "Description = CAST(x'c3' AS TEXT)", "Description", "UTF-8" },
        { "Volume = 9e999", "Volume", "infinite" },
        { "Volume = -9e999", "Volume", "infinite" },
        { "Volume = x'31'", "Volume", "BLOB" },
        { "msync_extra = '{\"a\":1'", "msync_extra", "JSON" },
        { "msync_extra = '[1]'", "msync_extra", "JSON" },
        { "msync_extra = CAST(x'7b2261223a22ff227d' AS TEXT)", "msync_extra",
          "JSON" }
    };

    msync_log_set_level(MSYNC_LOG_ERR);

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        snprintf(sql, sizeof(sql), SITE_SENT
                 "DELETE FROM msync_refused; DELETE FROM Location;"
                 "INSERT INTO Location (ID, store_ID) VALUES ('L1', 'S1'), "
                 "('L2', 'S1'); UPDATE Location SET %s WHERE ID = 'L1';",
                 cases[i].set);
        site_sql(site, sql);
        read_changes(site, &batch);

        assert_string_equal(site_get(site, "SELECT group_concat(record_id) "
                                     "FROM msync_refused"), "L1");
        assert_non_null(strstr(site_get(site, "SELECT error FROM "
                                        "msync_refused"), cases[i].field));
        assert_non_null(strstr(site_get(site, "SELECT error FROM "
                                        "msync_refused"), cases[i].why));
        assert_int_equal(batch.n, 1);
        assert_string_equal(batch.records[0].id, "L2");
        msync_batch_clear(&batch);
    }
}


static void
numbers_go_out_as_they_are(void **state)
{
    size_t         i;
    site_t        *site = *state;
    msync_batch_t  batch = { 0 };

    static const char *const  sent[] = {
        "\"serial_number\":9007199254740993,",
        "\"serial_number\":-9223372036854775808,",
        "\"serial_number\":0,",
        "\"Volume\":0.30000000000000004}",
        "\"Volume\":0.1}",
        "\"Volume\":2}",
        "\"Volume\":9007199254740992}"
    };

    site_sql(site, STOCK_TAKE("'A'", "9007199254740993")
             STOCK_TAKE("'B'", "-9223372036854775808")
             STOCK_TAKE("'C'", "0")
             "INSERT INTO Location (ID, store_ID, Volume) VALUES "
             "('A', 'S1', 0.1 + 0.2), ('B', 'S1', 0.1), ('C', 'S1', 2), "
             "('D', 'S1', 9007199254740992);");
    read_changes(site, &batch);
    assert_int_equal(batch.n, sizeof(sent) / sizeof(*sent));

    for (i = 0; i < batch.n; i++) {
        if (strstr(batch.records[i].data, sent[i]) == NULL) {
            fail_msg("%s has no %s", batch.records[i].data, sent[i]);
        }
    }

    msync_batch_clear(&batch);
}


/* it must not name another record, least of all to delete it */

static void
an_id_that_no_text_can_hold_names_no_other_record(void **state)
{
    size_t         i;
    site_t        *site = *state;
    msync_batch_t  batch = { 0 };

    msync_log_set_level(MSYNC_LOG_ERR);
    site_sql(site, SENSOR("'A'", "1") SENSOR("'A' || char(0)", "2")
             SENSOR("x'41'", "3"));
    read_changes(site, &batch);
    assert_int_equal(batch.n, 1);
    assert_non_null(strstr(batch.records[0].data, "\"batteryLevel\":1,"));
    assert_non_null(strstr(site_get(site, "SELECT error FROM msync_refused"),
                           "id"));
    msync_batch_clear(&batch);

    site_sql(site, "DELETE FROM sensor WHERE batteryLevel > 1");
    read_changes(site, &batch);

    for (i = 0; i < batch.n; i++) {
        assert_int_equal(batch.records[i].action, MSYNC_ACTION_UPSERT);
    }

    msync_batch_clear(&batch);
}


/* somebody drops a table of ours: the next look at the schema makes it again,
 * until then no record can be integrated */

static void
an_integration_that_cannot_begin_silences_nothing(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    site_sql(site, SENSOR("'X'", "1") "DROP TABLE msync_absent;");
    assert_int_equal(msync_store_begin_integration(site->store, &err),
                     MSYNC_ERROR);
    assert_false(msync_store_in_transaction(site->store));

    assert_ok(msync_store_begin(site->store, &err));
    assert_ok(msync_store_row_delete(site->store,
                                     msync_catalogue_find(site->catalogue,
                                                          "sensor"),
                                     "X", &err));
    assert_ok(msync_store_commit(site->store, &err));
    assert_string_equal(site_get(site, "SELECT row_action FROM changelog "
                                 "ORDER BY cursor DESC"), "DELETE");
}


/* what waits, in its order, and how often it stands there */

static const char *
waiting(site_t *site)
{
    return site_get(site, "SELECT group_concat(record_id || ' ' || "
                    "row_action) || ', ' || count(DISTINCT record_id) FROM "
                    "(SELECT * FROM changelog ORDER BY cursor)");
}


static void
what_waits_stays_whoever_deletes_or_updates_it(void **state)
{
    size_t        i;
    site_t       *site = *state;
    msync_err_t   err;

    static const char *const  scripts[] = {
        "DELETE FROM changelog",
        "DELETE FROM changelog WHERE record_id = 'A'",
        "DELETE FROM changelog WHERE row_action = 'UPSERT'",
        "DELETE FROM changelog; DELETE FROM sqlite_sequence",
        "DELETE FROM sqlite_sequence; DELETE FROM changelog",
        "PRAGMA recursive_triggers = ON; DELETE FROM changelog",
        "DELETE FROM changelog; DELETE FROM changelog; DELETE FROM changelog",
        "UPDATE changelog SET is_sync_update = 1",
        "UPDATE changelog SET is_sync_update = 1; DELETE FROM changelog",
        "UPDATE changelog SET cursor = -cursor",
        "UPDATE changelog SET store_id = 'S2'",
        "UPDATE changelog SET row_action = iif(row_action = 'DELETE', "
        "'UPSERT', 'DELETE')",
        "UPDATE OR REPLACE changelog SET record_id = 'D', cursor = 1",
        "UPDATE changelog SET table_name = 'x', record_id = 'D'",
        "UPDATE changelog SET table_name = 'x'",
        "UPDATE changelog SET table_name = ''",
        "UPDATE changelog SET table_name = 'unit' WHERE record_id = 'B'",
        "UPDATE OR REPLACE changelog SET table_name = 'x', cursor = 1",
        "PRAGMA recursive_triggers = ON; UPDATE changelog SET table_name = "
        "'x', row_action = 'UPSERT'",
        "UPDATE changelog SET source_site_id = 3"
    };

    for (i = 0; i < sizeof(scripts) / sizeof(*scripts); i++) {
        site_sql(site, "DELETE FROM Location;" SITE_SENT
                 "INSERT INTO Location (ID, store_ID) VALUES ('A', 'S1'), "
                 "('B', 'S1'), ('C', 'S1'); DELETE FROM Location WHERE ID = "
                 "'B'; UPDATE Location SET code = 'c' WHERE ID = 'C'");
        site_sql(site, scripts[i]);
        assert_string_equal(site_get(site, "SELECT group_concat(x) FROM "
                                     "(SELECT record_id || ' ' || row_action "
                                     "AS x FROM changelog WHERE cursor IN "
                                     "(SELECT max(cursor) FROM changelog "
                                     "GROUP BY record_id) AND record_id <> "
                                     "'D' ORDER BY x)"),
                            "A UPSERT,B DELETE,C UPSERT");
        assert_string_equal(site_get(site, "SELECT count(*) FROM changelog "
                                     "WHERE store_id = 'S1' AND NOT "
                                     "is_sync_update AND cursor IN (SELECT "
                                     "max(cursor) FROM changelog GROUP BY "
                                     "record_id) AND record_id <> 'D'"), "3");
    }

    /* of what was sent only that by v6 was not */
    site_sql(site, "INSERT INTO asset (id, store_id, created_datetime, "
             "modified_datetime) VALUES ('P', 'S1', '2026-01-01T00:00:00', "
             "'2026-01-01T00:00:00')");
    assert_ok(msync_store_set_int(site->store, MSYNC_KEY_PUSH_CURSOR, 1000000,
                                  &err));
    site_sql(site, "DELETE FROM changelog");
    assert_string_equal(waiting(site), "P UPSERT, 1");
    assert_ok(msync_store_set_int(site->store, MSYNC_KEY_PUSH_V6_CURSOR,
                                  1000000, &err));
    site_sql(site, "DELETE FROM changelog");
    assert_string_equal(waiting(site), "");

    /* by v7 its cursor counts alone */
    site_sql(site, "UPDATE Location SET code = 'd' WHERE ID = 'A'");
    assert_ok(msync_store_set_string(site->store, MSYNC_KEY_VERSION,
                                     MSYNC_SYNC_V7, &err));
    site_sql(site, "DELETE FROM changelog");
    assert_string_equal(waiting(site), "A UPSERT, 1");
    assert_ok(msync_store_set_int(site->store, MSYNC_KEY_PUSH_V7_CURSOR,
                                  1000000, &err));
    site_sql(site, "DELETE FROM changelog");
    assert_string_equal(waiting(site), "");
}


/* the cursor of a push is that of the first change which was not sent */

static void
the_change_at_the_cursor_is_unsent_and_none_before_it(void **state)
{
    bool                  any, found;
    size_t                i;
    int64_t               cursor, past;
    site_t               *site = *state;
    msync_err_t           err;
    const msync_table_t  *table;

    static const struct {
        const char  *table;
        const char  *key;
        const char  *insert;
    } cases[] = {
        { "Location", MSYNC_KEY_PUSH_CURSOR, "INSERT INTO Location (ID, "
          "store_ID) VALUES ('A', 'S1')" },
        { "asset", MSYNC_KEY_PUSH_V6_CURSOR, "INSERT INTO asset (id, "
          "store_id, created_datetime, modified_datetime) VALUES ('A', 'S1', "
          "'2026-01-01T00:00:00', '2026-01-01T00:00:00')" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        site_sql(site, cases[i].insert);
        cursor = atoll(site_get(site, "SELECT max(cursor) FROM changelog"));
        table = msync_catalogue_find(site->catalogue, cases[i].table);
        assert_ok(msync_store_set_int(site->store, MSYNC_KEY_PUSH_CURSOR,
                                      cursor + 1, &err));
        assert_ok(msync_store_set_int(site->store, MSYNC_KEY_PUSH_V6_CURSOR,
                                      cursor + 1, &err));

        for (past = 0; past < 2; past++) {
            assert_ok(msync_store_set_int(site->store, cases[i].key,
                                          cursor + past, &err));
            assert_ok(msync_store_unsent(site->store, table, "A", &found,
                                         &err));
            assert_ok(msync_store_unsent_any(site->store, &any, &err));
            assert_int_equal(found, past == 0);
            assert_int_equal(any, past == 0);
        }
    }
}


/* a trigger of the application's that is younger than ours runs before it, and
 * what it does to the row is in the changelog first */

static void
what_a_trigger_makes_of_its_own_row_goes_out(void **state)
{
    char           sql[512];
    size_t         i, n;
    site_t        *site = *state;
    msync_batch_t  batch = { 0 };

    static const struct {
        const char      *trigger;
        const char      *statement;
        msync_action_e   action;
    } cases[] = {
        { "UPDATE ON Location BEGIN DELETE FROM Location WHERE ID = NEW.ID",
          "UPDATE Location SET hold = 1", MSYNC_ACTION_DELETE },
        { "UPDATE ON Location WHEN NEW.ID = 'L' BEGIN UPDATE Location SET ID = "
          "'M'; DELETE FROM Location", "UPDATE Location SET hold = 1",
          MSYNC_ACTION_DELETE },
        { "UPDATE ON Location WHEN NEW.code IS NULL BEGIN UPDATE Location SET "
          "code = 'c'", "UPDATE Location SET hold = 1", MSYNC_ACTION_UPSERT },
        { "DELETE ON Location BEGIN INSERT INTO Location (ID, store_ID, code) "
          "VALUES (OLD.ID, 'S1', 'void')", "DELETE FROM Location",
          MSYNC_ACTION_UPSERT },
        { "DELETE ON Location WHEN OLD.code IS NULL BEGIN INSERT INTO "
          "Location (ID, store_ID, code) VALUES (OLD.ID, 'S1', 'void')",
          "DELETE FROM Location; DELETE FROM Location", MSYNC_ACTION_DELETE }
    };

    for (i = 0; i < 2 * sizeof(cases) / sizeof(*cases); i++) {
        site_sql(site, i % 2 ? "PRAGMA recursive_triggers = ON"
                             : "PRAGMA recursive_triggers = OFF");
        site_sql(site, "INSERT INTO Location (ID, store_ID) VALUES ('L', 'S1');"
                 SITE_SENT);
        snprintf(sql, sizeof(sql), "CREATE TRIGGER mine AFTER %s; END; %s",
                 cases[i / 2].trigger, cases[i / 2].statement);
        site_sql(site, sql);
        read_changes(site, &batch);

        for (n = 0; n < batch.n && strcmp(batch.records[n].id, "L") != 0; n++) {
            /* void */
        }

        if (n == batch.n || batch.records[n].action != cases[i / 2].action) {
            fail_msg("%s: not what goes out", sql);
        }

        msync_batch_clear(&batch);
        site_sql(site, "DROP TRIGGER mine; DELETE FROM Location");
    }
}


/* but for those from before msync, which nobody has asked to send */

static void
a_changelog_that_was_dropped_is_all_that_can_be_sent(void **state)
{
    site_t  *site = *state;

    site_initialise(site);
    site_sql(site, "INSERT INTO Location (ID, store_ID) VALUES ('A', 'S1'), "
             "('B', 'S1'), ('C', 'S2'), ('D', 'S1');"
             "INSERT INTO msync_never_sent (table_name, record_id) VALUES "
             "('Location', 'D');" SITE_SENT
             "UPDATE Location SET code = 'waits' WHERE ID = 'A';"
             "DROP TABLE changelog");
    site_open_again(site);
    assert_string_equal(site_get(site, "SELECT group_concat(record_id) FROM "
                                 "(SELECT record_id FROM changelog WHERE "
                                 "table_name = 'Location' AND store_id = 'S1' "
                                 "ORDER BY 1)"), "A,B");
}


int
main(void)
{
#define EACH(name)                                                            \
    cmocka_unit_test_setup_teardown(name, open_stores, site_close)

    const struct CMUnitTest  tests[] = {
        EACH(what_json_cannot_carry_is_recorded_and_the_others_go),
        EACH(numbers_go_out_as_they_are),
        EACH(an_id_that_no_text_can_hold_names_no_other_record),
        EACH(an_integration_that_cannot_begin_silences_nothing),
        EACH(what_waits_stays_whoever_deletes_or_updates_it),
        EACH(the_change_at_the_cursor_is_unsent_and_none_before_it),
        EACH(what_a_trigger_makes_of_its_own_row_goes_out),
        EACH(a_changelog_that_was_dropped_is_all_that_can_be_sent)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
