/* Rows that central does not have any more, when all came anew. */

#include "integration.h"
#include "store/absent.h"
#include "store/store_private.h"

#define STEPS  1000                /* of SQLite's virtual machine */


static int
count_steps(void *data)
{
    (*(uint64_t *) data)++;
    return 0;
}


/* there is no index of the requisition and of the other invoice that an invoice
 * names */

static void
fill(site_t *site)
{
    site_sql(site, "UPDATE msync_flag SET integrating = 1;"
             "INSERT INTO name (ID, name, code, type) VALUES "
             "('N', 'n', 'c', 'facility');"
             "INSERT INTO store (ID, name_ID, code, store_mode) VALUES "
             "('S', 'N', 'c', 'store');"
             "WITH RECURSIVE k (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k "
             "WHERE i < 400) INSERT INTO requisition (ID, name_ID, store_ID, "
             "type, status, date_entered) SELECT 'R' || i, 'N', 'S', "
             "'request', 'nw', '2026-01-01' FROM k;"
             "WITH RECURSIVE k (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k "
             "WHERE i < 400) INSERT INTO transact (ID, name_ID, store_ID, "
             "type, status, entry_date, mode) SELECT 'T' || i, 'N', 'S', "
             "'ci', 'nw', '2026-01-01', 'store' FROM k;"
             "UPDATE msync_flag SET integrating = 0");
}


static void
central_has(site_t *site, const char *table, const char *where)
{
    char  sql[300];

    snprintf(sql, sizeof(sql), "DELETE FROM msync_absent WHERE table_name = "
             "'%s' AND %s", table, where);
    site_sql(site, sql);
}


static void
a_table_without_an_index_is_not_read_for_each_row(void **state)
{
    site_t          *site = *state;
    uint64_t         steps = 0;
    msync_err_t      err;
    msync_absent_t   result;

    fill(site);
    assert_ok(msync_store_absent_note(site->store, &err));
    central_has(site, "name", "1");
    central_has(site, "store", "1");
    central_has(site, "requisition", "record_id < 'R2'");
    central_has(site, "transact", "record_id < 'T2'");

    sqlite3_progress_handler(site->store->db, STEPS, count_steps, &steps);
    assert_ok(msync_store_absent_end(site->store, MSYNC_LEGACY, NULL, NULL,
                                     &result, &err));
    sqlite3_progress_handler(site->store->db, 0, NULL, NULL);

    assert_int_equal(result.removed, 2 * 289);
    assert_int_equal(result.listed, 0);
    assert_true(steps < 600);
}


static void
what_is_referred_to_without_an_index_stays(void **state)
{
    site_t          *site = *state;
    msync_err_t      err;
    msync_absent_t   result;

    fill(site);
    site_sql(site, "UPDATE msync_flag SET integrating = 1;"
             "UPDATE transact SET requisition_ID = 'R7' WHERE ID = 'T1';"
             "UPDATE transact SET linked_transaction_id = CASE ID WHEN 'T1' "
             "THEN 'T8' WHEN 'T9' THEN 'T9' ELSE 'T6' END WHERE ID IN "
             "('T1', 'T9', 'T5');"
             "UPDATE msync_flag SET integrating = 0");
    assert_ok(msync_store_absent_note(site->store, &err));
    central_has(site, "name", "1");
    central_has(site, "store", "1");
    central_has(site, "requisition", "record_id < 'R2'");
    central_has(site, "transact", "record_id < 'T2'");
    assert_ok(msync_store_absent_end(site->store, MSYNC_LEGACY, NULL, NULL,
                                     &result, &err));

    assert_string_equal(site_get(site, "SELECT group_concat(ID) FROM "
                                 "requisition WHERE ID >= 'R2'"), "R7");
    assert_string_equal(site_get(site, "SELECT group_concat(ID) FROM transact "
                                 "WHERE ID >= 'T2'"), "T8");
    assert_int_equal(result.listed, 2);
}


/* by an index or without, within a table and across tables */

static void
what_only_absent_rows_refer_to_goes_with_them(void **state)
{
    site_t          *site = *state;
    msync_err_t      err;
    msync_absent_t   result;

    fill(site);
    site_sql(site, "UPDATE msync_flag SET integrating = 1;"
             "INSERT INTO name (ID, name, code, type, supplying_store_id) "
             "VALUES ('M', 'm', 'm', 'store', 'Z');"
             "INSERT INTO store (ID, name_ID, code, store_mode) VALUES "
             "('Z', 'M', 'z', 'store');"
             /* a chain against the order of ids, a circle of three; a circle
              * of two to which a row of central's refers, and its own */
             "WITH o (a, b) AS (VALUES ('T2', 'T3'), ('T3', 'T4'), "
             "('T5', 'T6'), ('T6', 'T7'), ('T7', 'T5'), "
             "('T8', 'T9'), ('T9', 'T8'), ('T1', 'T8')) "
             "UPDATE transact SET linked_transaction_id = (SELECT b FROM o "
             "WHERE a = ID) WHERE ID IN (SELECT a FROM o);"
             "UPDATE transact SET requisition_ID = 'R9' WHERE ID = 'T9';"
             "UPDATE requisition SET linked_requisition_id = 'R8' WHERE "
             "ID = 'R9';"
             "UPDATE msync_flag SET integrating = 0");
    assert_ok(msync_store_absent_note(site->store, &err));
    central_has(site, "name", "record_id = 'N'");
    central_has(site, "store", "record_id = 'S'");
    central_has(site, "requisition", "record_id < 'R8'");
    central_has(site, "transact", "record_id < 'T2'");
    assert_ok(msync_store_absent_end(site->store, MSYNC_LEGACY, NULL, NULL,
                                     &result, &err));

    assert_string_equal(site_get(site, "SELECT group_concat(ID) FROM (SELECT "
                                 "ID FROM transact WHERE ID >= 'T2' ORDER BY "
                                 "ID)"), "T8,T9");
    assert_string_equal(site_get(site, "SELECT group_concat(ID) FROM (SELECT "
                                 "ID FROM requisition WHERE ID >= 'R8' ORDER "
                                 "BY ID)"), "R8,R9");
    assert_string_equal(site_get(site, "SELECT group_concat(ID) FROM store"),
                        "S");
    assert_string_equal(site_get(site, "SELECT group_concat(ID) FROM name"),
                        "N");
    assert_string_equal(site_get(site, "SELECT group_concat(DISTINCT reason) "
                                 "FROM msync_absent WHERE reason IS NOT "
                                 "NULL"), "other records refer to it");
    assert_int_equal(result.listed, 4);
}


/* it was made or changed here, which the page says already */

static void
what_central_has_refused_is_not_missed_there(void **state)
{
    site_t          *site = *state;
    msync_err_t      err;
    msync_absent_t   result;

    fill(site);
    site_sql(site, "UPDATE transact SET comment = 'here' WHERE ID IN ('T8', "
             "'T9');"
             "INSERT INTO msync_refused (table_name, record_id, side, "
             "row_action, error, first_failed_datetime, last_tried, tries) "
             "VALUES ('transact', 'T8', 1, 'UPSERT', 'no', '2026-01-01', 0, "
             "1)");
    assert_ok(msync_store_absent_note(site->store, &err));
    central_has(site, "name", "1");
    central_has(site, "store", "1");
    central_has(site, "requisition", "1");
    central_has(site, "transact", "record_id < 'T8'");
    assert_ok(msync_store_absent_end(site->store, MSYNC_LEGACY, NULL, NULL,
                                     &result, &err));

    assert_string_equal(site_get(site, "SELECT group_concat(record_id) FROM "
                                 "msync_absent WHERE reason IS NOT NULL"),
                        "T9");
    assert_string_equal(site_get(site, "SELECT group_concat(ID) FROM transact "
                                 "WHERE ID IN ('T8', 'T9')"), "T8,T9");
}


/* what is edited meanwhile, what waits to become the row, what central never
 * got */

static void
what_central_did_not_have_is_not_missed_there(void **state)
{
    site_t          *site = *state;
    msync_err_t      err;
    msync_absent_t   result;

    fill(site);
    assert_ok(msync_store_absent_note(site->store, &err));
    central_has(site, "name", "1");
    central_has(site, "store", "1");
    central_has(site, "requisition", "1");
    central_has(site, "transact", "record_id NOT IN ('T6', 'T7', 'T8', 'T9')");
    site_sql(site, "UPDATE store SET sync_id_remote_site = 7;"
             "UPDATE transact SET comment = 'here' WHERE ID = 'T7';"
             "INSERT INTO sync_buffer (record_id, received_datetime, "
             "table_name, action, data, side) VALUES ('T8', 't', 'transact', "
             "'UPSERT', '{}', 1);"
             "INSERT INTO msync_never_sent (table_name, record_id) VALUES "
             "('transact', 'T9')");
    assert_ok(msync_store_absent_end(site->store, MSYNC_LEGACY, NULL, NULL,
                                     &result, &err));

    assert_int_equal(result.removed, 1);
    assert_int_equal(result.listed, 0);
    assert_string_equal(site_get(site, "SELECT group_concat(ID) FROM transact "
                                 "WHERE ID IN ('T6', 'T7', 'T8', 'T9')"),
                        "T7,T8,T9");
}


/* by then it is a row, or marked as central wants it, and waits no more */

static void
what_came_meanwhile_is_not_missed(void **state)
{
    site_t          *site = *state;
    msync_err_t      err;
    msync_absent_t   result;

    site_sql(site, "INSERT INTO unit (ID, units) VALUES ('U', 'u'), "
             "('V', 'v'), ('W', 'w')");
    assert_ok(msync_store_absent_note(site->store, &err));
    site_pull(site, MSYNC_LEGACY, "unit", "U", MSYNC_ACTION_UPSERT,
              UNIT("u"));
    site_pull(site, MSYNC_LEGACY, "unit", "W", MSYNC_ACTION_DELETE, NULL);
    assert_int_equal(integrate(site, true).integrated, 2);
    assert_ok(msync_store_absent_end(site->store, MSYNC_LEGACY, NULL, NULL,
                                     &result, &err));

    assert_string_equal(site_get(site, "SELECT group_concat(ID || inactive) "
                                 "FROM unit"), "U0,W1");
}


/* units are marked where they are referred to, and removed elsewhere */

static void
a_trigger_that_says_no_keeps_its_row_and_no_other(void **state)
{
    size_t           i;
    site_t          *site = *state;
    msync_err_t      err;
    msync_absent_t   result;

    static const char *const  refusals[] = {
        "RAISE(IGNORE)", "RAISE(ABORT, 'no')", "RAISE(ROLLBACK, 'no')"
    };

    char  sql[256];

    for (i = 0; i < sizeof(refusals) / sizeof(*refusals); i++) {
        site_sql(site, "INSERT INTO unit (ID, units) VALUES ('U', 'u'), "
                 "('V', 'v'), ('W', 'w'), ('X', 'x');"
                 "INSERT INTO item (ID, type_of, unit_ID) VALUES ('I', "
                 "'general', 'U'), ('J', 'general', 'V')");
        snprintf(sql, sizeof(sql), "CREATE TRIGGER u BEFORE UPDATE ON unit "
                 "WHEN OLD.ID = 'U' BEGIN SELECT %s; END; CREATE TRIGGER d "
                 "BEFORE DELETE ON unit WHEN OLD.ID = 'X' BEGIN SELECT %s; "
                 "END", refusals[i], refusals[i]);
        site_sql(site, sql);
        assert_ok(msync_store_absent_note(site->store, &err));
        central_has(site, "item", "1");
        assert_ok(msync_store_absent_end(site->store, MSYNC_LEGACY, NULL,
                                         NULL, &result, &err));

        assert_string_equal(site_get(site, "SELECT group_concat(ID || iif("
                                     "ID = 'X', '', inactive)) FROM unit"),
                            "U0,V1,X");
        assert_int_equal(result.removed, 1);
        assert_int_equal(result.listed, 3);
        site_sql(site, "DROP TRIGGER u; DROP TRIGGER d; DELETE FROM item;"
                 "DELETE FROM unit; DELETE FROM msync_absent");
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        T(a_table_without_an_index_is_not_read_for_each_row),
        T(what_is_referred_to_without_an_index_stays),
        T(what_only_absent_rows_refer_to_goes_with_them),
        T(what_central_has_refused_is_not_missed_there),
        T(what_central_did_not_have_is_not_missed_there),
        T(what_came_meanwhile_is_not_missed),
        T(a_trigger_that_says_no_keeps_its_row_and_no_other)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
