/* Integration: order, faults, deletes, silence of the changelog. */

#include "integration.h"
#include "store/refused.h"


static void
children_may_arrive_first(void **state)
{
    site_t              *site = *state;
    msync_integrated_t   result;

    site_pull(site, MSYNC_LEGACY, "item_direction", "D",
              MSYNC_ACTION_UPSERT, DIRECTION("I"));
    site_pull(site, MSYNC_LEGACY, "item", "I", MSYNC_ACTION_UPSERT,
              ITEM("U"));
    result = integrate(site, true);
    assert_int_equal(result.integrated, 2);
    assert_int_equal(result.failed, 0);
    assert_string_equal(site_get(site, "SELECT item_ID FROM item_direction"),
                        "I");
    assert_string_equal(site_get(site, "SELECT count(*) FROM sync_buffer "
                                 "WHERE integration_datetime IS NULL"), "0");
    assert_string_equal(site_get(site, "SELECT count(*) FROM changelog"),
                        "0");
}


static void
one_bad_record_costs_one_record(void **state)
{
    site_t              *site = *state;
    msync_integrated_t   result;

    site_pull(site, MSYNC_LEGACY, "unit", "A", MSYNC_ACTION_UPSERT,
              UNIT("a"));
    site_pull(site, MSYNC_LEGACY, "unit", "B", MSYNC_ACTION_UPSERT,
              "{\"units\":\"b\",\"comment\":5}");
    site_pull(site, MSYNC_LEGACY, "item_direction", "I",
              MSYNC_ACTION_UPSERT, DIRECTION("nowhere"));
    site_pull(site, MSYNC_LEGACY, "unit", "C", MSYNC_ACTION_UPSERT,
              UNIT("c"));
    result = integrate(site, true);
    assert_int_equal(result.integrated, 2);
    assert_int_equal(result.failed, 2);
    assert_string_equal(site_get(site, "SELECT error_field || tries FROM "
                                 "sync_buffer WHERE record_id = 'B'"),
                        "comment1");
    assert_string_equal(site_get(site, "SELECT integration_error FROM "
                                 "sync_buffer WHERE record_id = 'I'"),
                        "field \"item_ID\": there is no item \"nowhere\" "
                        "yet");

    /* the parent arrives */
    site_pull(site, MSYNC_LEGACY, "item", "nowhere", MSYNC_ACTION_UPSERT,
              ITEM("U"));
    result = integrate(site, true);
    assert_int_equal(result.integrated, 2);
    assert_int_equal(result.failed, 0);
    assert_string_equal(site_get(site, "SELECT item_ID FROM item_direction"),
                        "nowhere");
}


static void
a_failed_record_waits_longer_with_each_try(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    site_pull(site, MSYNC_LEGACY, "unit", "B", MSYNC_ACTION_UPSERT,
              "{\"units\":5}");
    assert_int_equal(integrate(site, true).failed, 1);
    assert_int_equal(integrate(site, true).failed, 0);
    assert_string_equal(site_get(site, "SELECT retry_at - last_tried FROM "
                                 "sync_buffer"), "900000");
    assert_ok(msync_store_buffer_wake_all(site->store, &err));
    assert_int_equal(integrate(site, true).failed, 1);
    assert_string_equal(site_get(site, "SELECT (retry_at - last_tried) "
                                 "|| '|' || tries FROM sync_buffer"),
                        "1800000|2");

    /* the clock was years ahead */
    site_sql(site, "UPDATE sync_buffer SET last_tried = 4000000000000, "
             "retry_at = 4000000900000");
    assert_int_equal(integrate(site, true).failed, 1);
    assert_int_equal(integrate(site, true).failed, 0);

    /* central sends it again: that is another try at once */
    site_pull(site, MSYNC_LEGACY, "unit", "B", MSYNC_ACTION_UPSERT,
              UNIT("b"));
    assert_int_equal(integrate(site, true).integrated, 1);
}


static void
unknown_tables_are_kept_and_reported(void **state)
{
    int64_t       n;
    site_t       *site = *state;
    msync_err_t   err;

    site_pull(site, MSYNC_LEGACY, "sqlite_master", "X", MSYNC_ACTION_UPSERT,
              "{}");
    site_pull(site, MSYNC_LEGACY, "unit", "X", MSYNC_ACTION_UNKNOWN, "{}");
    integrate(site, true);
    assert_ok(msync_store_buffer_failed(site->store, &n, &err));
    assert_int_equal(n, 2);
    assert_string_equal(site_get(site, "SELECT integration_error FROM "
                                 "sync_buffer ORDER BY id"),
                        "the catalogue does not know this table");
}


static void
deletes_go_children_first(void **state)
{
    site_t              *site = *state;
    msync_integrated_t   result;

    site_add_stores(site);
    site_sql(site, "INSERT INTO transact (ID, name_ID, store_ID, type, status, "
             "entry_date, mode) VALUES ('T', 'N1', 'S1', 'ci', 'nw', "
             "'2026-01-01', 'store');"
             "INSERT INTO item (ID, type_of) VALUES ('I', 'general');"
             "INSERT INTO trans_line (ID, transaction_ID, item_ID, type) "
             "VALUES ('L', 'T', 'I', 'stock_in')");
    site_pull(site, MSYNC_LEGACY, "transact", "T", MSYNC_ACTION_DELETE, NULL);
    site_pull(site, MSYNC_LEGACY, "trans_line", "L", MSYNC_ACTION_DELETE,
              NULL);
    result = integrate(site, true);
    assert_int_equal(result.failed, 0);
    assert_string_equal(site_get(site, "SELECT (SELECT count(*) FROM "
                                 "transact) + (SELECT count(*) FROM "
                                 "trans_line)"), "0");
}


static void
soft_deletes_mark_and_an_upsert_revives(void **state)
{
    site_t  *site = *state;

    site_pull(site, MSYNC_LEGACY, "unit", "U", MSYNC_ACTION_UPSERT,
              UNIT("a"));
    integrate(site, true);
    site_pull(site, MSYNC_LEGACY, "unit", "U", MSYNC_ACTION_DELETE, NULL);
    integrate(site, true);
    assert_string_equal(site_get(site, "SELECT inactive FROM unit"), "1");
    site_pull(site, MSYNC_LEGACY, "unit", "U", MSYNC_ACTION_UPSERT,
              UNIT("a"));
    integrate(site, true);
    assert_string_equal(site_get(site, "SELECT inactive FROM unit"), "0");
}


static void
an_unsent_edit_is_not_overwritten(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    site_add_stores(site);
    site_sql(site, "INSERT INTO Location (ID, Description, code, store_ID) "
             "VALUES ('L', 'ours', 'c', 'S1'), ('M', 'ours', 'd', 'S1')");

    /* it was made after the last push */
    site_pull(site, MSYNC_LEGACY, "Location", "L", MSYNC_ACTION_UPSERT,
              LOCATION);
    assert_int_equal(integrate(site, true).failed, 0);
    assert_string_equal(site_get(site, "SELECT Description FROM Location "
                                 "WHERE ID = 'L'"), "ours");

    /* a row that was deleted here does not come back */
    site_sql(site, "DELETE FROM Location WHERE ID = 'L'");
    site_pull(site, MSYNC_LEGACY, "Location", "L", MSYNC_ACTION_UPSERT,
              LOCATION);
    assert_int_equal(integrate(site, true).failed, 0);
    assert_string_equal(site_get(site, "SELECT count(*) FROM Location"),
                        "1");

    /* when it was sent central's word counts again */
    assert_ok(msync_store_set_int(site->store, MSYNC_KEY_PUSH_CURSOR, 100,
                                  &err));
    site_pull(site, MSYNC_LEGACY, "Location", "L", MSYNC_ACTION_UPSERT,
              LOCATION);
    assert_int_equal(integrate(site, true).failed, 0);
    assert_string_equal(site_get(site, "SELECT Description FROM Location "
                                 "WHERE ID = 'L'"), "central's");
}


/* central refused the edit: both versions stay until it takes one of them */

static void
a_refused_edit_is_not_overwritten(void **state)
{
    site_t         *site = *state;
    msync_err_t     err;
    msync_batch_t   batch = { 0 };

    site_add_stores(site);
    site_sql(site, "INSERT INTO Location (ID, Description, code, store_ID) "
             "VALUES ('L', 'ours', 'c', 'S1')");
    assert_ok(msync_store_set_int(site->store, MSYNC_KEY_PUSH_CURSOR, 100,
                                  &err));
    site_record(&batch, "Location", "L", MSYNC_ACTION_UPSERT, "{}");
    assert_ok(msync_store_refused_put(site->store, MSYNC_LEGACY,
                                      batch.records, "no", &err));

    site_pull(site, MSYNC_LEGACY, "Location", "L", MSYNC_ACTION_UPSERT,
              LOCATION);
    assert_int_equal(integrate(site, true).failed, 1);
    assert_string_equal(site_get(site, "SELECT Description FROM Location"),
                        "ours");
    assert_non_null(strstr(site_get(site, "SELECT integration_error FROM "
                                    "sync_buffer"), "central refused"));

    /* it is forgotten, and central's word counts */
    assert_ok(msync_store_refused_clear(site->store, MSYNC_LEGACY, &batch,
                                        &err));
    assert_ok(msync_store_buffer_wake_all(site->store, &err));
    assert_int_equal(integrate(site, true).integrated, 1);
    assert_string_equal(site_get(site, "SELECT Description FROM Location"),
                        "central's");
    msync_batch_clear(&batch);
}


static void
an_inactive_join_is_removed(void **state)
{
    site_t  *site = *state;

    site_add_stores(site);
    site_pull(site, MSYNC_LEGACY, "name_store_join", "J",
              MSYNC_ACTION_UPSERT, "{\"store_ID\":\"S1\",\"name_ID\":\"N1\","
              "\"inactive\":false}");
    integrate(site, true);
    assert_string_equal(site_get(site, "SELECT count(*) FROM "
                                 "name_store_join"), "1");
    site_pull(site, MSYNC_LEGACY, "name_store_join", "J",
              MSYNC_ACTION_UPSERT, "{\"store_ID\":\"S1\",\"name_ID\":\"N1\","
              "\"inactive\":true}");
    integrate(site, true);
    assert_string_equal(site_get(site, "SELECT count(*) FROM "
                                 "name_store_join"), "0");
}


static void
local_fields_keep_their_values(void **state)
{
    site_t  *site = *state;

    static const char  file[] =
        "{\"table_name\":\"asset\",\"record_id\":\"a\",\"file_name\":\"f\","
        "\"created_datetime\":\"2026-01-01T00:00:00\",\"total_bytes\":5}";

    site_pull(site, MSYNC_OMSUPPLY, "sync_file_reference", "F",
              MSYNC_ACTION_UPSERT, file);
    integrate(site, true);
    assert_string_equal(site_get(site, "SELECT direction || status || "
                                 "retries FROM sync_file_reference"),
                        "DOWNLOADNEW0");
    site_sql(site, "UPDATE sync_file_reference SET status = 'DONE'");
    site_pull(site, MSYNC_OMSUPPLY, "sync_file_reference", "F",
              MSYNC_ACTION_UPSERT, file);
    integrate(site, true);
    assert_string_equal(site_get(site, "SELECT status FROM "
                                 "sync_file_reference"), "DONE");
}


static int
refuse(void *data, msync_err_t *err)
{
    (void) data;
    return msync_err_set(err, MSYNC_ERR_CANCELLED, "no");
}


static void
a_refused_integration_leaves_nothing_half_done(void **state)
{
    site_t              *site = *state;
    msync_err_t          err;
    msync_integrated_t   result;

    site_pull(site, MSYNC_LEGACY, "unit", "U", MSYNC_ACTION_UPSERT,
              UNIT("a"));
    assert_int_equal(msync_integrate(site->store, site->catalogue, true,
                                     refuse, NULL, &result, &err),
                     MSYNC_ERROR);
    assert_int_equal(err.variant, MSYNC_ERR_CANCELLED);
    assert_string_equal(site_get(site, "SELECT count(*) FROM unit"), "0");
    assert_int_equal(integrate(site, true).integrated, 1);
}


static void
large_buffers_are_walked_to_the_end(void **state)
{
    int       i;
    char      id[16];
    site_t   *site = *state;

    msync_err_t    err;
    msync_batch_t  batch = { 0 };

    for (i = 0; i < 2500; i++) {
        snprintf(id, sizeof(id), "%d", i * 7919 % 100003);
        site_record(&batch, "unit", id, MSYNC_ACTION_UPSERT,
                    i % 100 ? UNIT("u") : "{\"units\":5}");
    }

    assert_ok(msync_store_begin(site->store, &err));
    assert_ok(msync_store_buffer_put(site->store, &batch, MSYNC_LEGACY,
                                     &err));
    assert_ok(msync_store_commit(site->store, &err));
    msync_batch_clear(&batch);

    integrate(site, false);
    assert_string_equal(site_get(site, "SELECT count(*) FROM unit"), "2475");
    assert_string_equal(site_get(site, "SELECT count(*) FROM sync_buffer "
                                 "WHERE integration_datetime IS NULL"),
                        "25");
}


static void
the_last_of_equal_records_counts(void **state)
{
    site_t  *site = *state;

    site_pull(site, MSYNC_LEGACY, "unit", "a", MSYNC_ACTION_UPSERT,
              UNIT("first"));
    site_pull(site, MSYNC_LEGACY, "unit", "b", MSYNC_ACTION_UPSERT,
              UNIT("alone"));
    site_pull(site, MSYNC_LEGACY, "unit", "a", MSYNC_ACTION_UPSERT,
              UNIT("second"));
    integrate(site, false);

    assert_string_equal(site_get(site, "SELECT count(*) FROM sync_buffer"),
                        "0");
    assert_string_equal(site_get(site, "SELECT units FROM unit WHERE ID = "
                                 "'a'"), "second");
}


/* while those that write the changelog are silent */

static void
triggers_of_the_application_have_their_say(void **state)
{
    site_t  *site = *state;

    site_sql(site, "CREATE TABLE seen (id TEXT);"
             "CREATE TRIGGER msync_seen AFTER INSERT ON Location BEGIN "
             "INSERT INTO seen VALUES (NEW.ID); END;"
             "CREATE TRIGGER msync_unit_INSERT AFTER INSERT ON unit BEGIN "
             "INSERT INTO seen VALUES (NEW.ID); END");
    site_add_stores(site);
    site_pull(site, MSYNC_LEGACY, "Location", "L", MSYNC_ACTION_UPSERT,
              LOCATION);
    assert_int_equal(integrate(site, false).failed, 0);
    assert_string_equal(site_get(site, "SELECT group_concat(id) FROM seen"),
                        "L");
    site_sql(site, "DROP TRIGGER msync_seen");
    site_pull(site, MSYNC_LEGACY, "unit", "T", MSYNC_ACTION_UPSERT,
              UNIT("bag"));
    integrate(site, false);
    assert_string_equal(site_get(site, "SELECT max(id) FROM seen"), "T");
    assert_string_equal(site_get(site, "SELECT count(*) FROM changelog WHERE "
                                 "record_id = 'L'"), "0");

    /* and without any, the changelog's are back behind it */
    site_sql(site, "DROP TRIGGER msync_unit_INSERT");
    site_pull(site, MSYNC_LEGACY, "unit", "U", MSYNC_ACTION_UPSERT,
              UNIT("box"));
    integrate(site, false);
    site_sql(site, "UPDATE Location SET code = 'd'");
    assert_string_equal(site_get(site, "SELECT count(*) FROM changelog WHERE "
                                 "record_id = 'L'"), "1");
}


#define INVOICES  120
#define LINES     3

/* what the application sees while much is integrated */
typedef struct {
    site_t    *site;
    int        parts;              /* between two transactions */
    char       seen[32];
} looks_t;


static int
look_between(void *data, msync_err_t *err)
{
    looks_t     *looks = data;
    const char  *seen;

    (void) err;
    assert_string_equal(site_get(looks->site, "SELECT group_concat(id) FROM "
                                 "asset AS a WHERE (SELECT count(*) FROM "
                                 "asset_log WHERE asset_id = a.id) <> 3"), "");
    seen = site_get(looks->site, "SELECT count(*) FROM asset");

    if (strcmp(seen, looks->seen) != 0) {
        looks->parts++;
        snprintf(looks->seen, sizeof(looks->seen), "%s", seen);
    }

    /* a machine that is slow */
    usleep(150000);

    return MSYNC_OK;
}


/* lines come first and last, and one parent fails with its own */

static void
much_is_integrated_in_several_transactions_parents_with_children(void **state)
{
    int                  i;
    char                 id[16], data[512];
    looks_t              looks = { 0 };
    site_t              *site = *state;
    msync_err_t          err;
    msync_batch_t        batch = { 0 };
    msync_integrated_t   result;

    looks.site = site;
    site_add_stores(site);

    for (i = 0; i < INVOICES * LINES; i++) {
        if (i % LINES == 1) {
            snprintf(id, sizeof(id), "a%d", i / LINES);
            snprintf(data, sizeof(data), "{\"store_id\":\"%s\","
                     "\"created_datetime\":\"2026-01-01T00:00:00\","
                     "\"modified_datetime\":\"2026-01-01T00:00:00\"}",
                     i / LINES == 7 ? "nowhere" : "S1");
            site_record(&batch, "asset", id, MSYNC_ACTION_UPSERT, data);
        }

        snprintf(id, sizeof(id), "l%d", i);
        snprintf(data, sizeof(data), "{\"asset_id\":\"a%d\","
                 "\"user_id\":\"u\","
                 "\"log_datetime\":\"2026-01-01T00:00:00\","
                 "\"created_datetime\":\"2026-01-01T00:00:00\"}",
                 i * 7919 % INVOICES);
        site_record(&batch, "asset_log", id, MSYNC_ACTION_UPSERT, data);
    }

    assert_ok(msync_store_begin(site->store, &err));
    assert_ok(msync_store_buffer_put(site->store, &batch, MSYNC_OMSUPPLY,
                                     &err));
    assert_ok(msync_store_commit(site->store, &err));
    msync_batch_clear(&batch);

    assert_ok(msync_integrate(site->store, site->catalogue, true,
                              look_between, &looks, &result, &err));
    assert_int_equal(result.integrated, (INVOICES - 1) * (LINES + 1));
    assert_int_equal(result.failed, LINES + 1);
    assert_true(looks.parts >= 2);
    assert_string_equal(site_get(site, "SELECT count(*) FROM sync_buffer"),
                        "4");
    assert_string_equal(site_get(site, "SELECT count(*) FROM changelog WHERE "
                                 "table_name LIKE 'asset%'"), "0");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        T(children_may_arrive_first),
        T(one_bad_record_costs_one_record),
        T(a_failed_record_waits_longer_with_each_try),
        T(unknown_tables_are_kept_and_reported),
        T(deletes_go_children_first),
        T(soft_deletes_mark_and_an_upsert_revives),
        T(an_unsent_edit_is_not_overwritten),
        T(a_refused_edit_is_not_overwritten),
        T(an_inactive_join_is_removed),
        T(local_fields_keep_their_values),
        T(a_refused_integration_leaves_nothing_half_done),
        T(large_buffers_are_walked_to_the_end),
        T(triggers_of_the_application_have_their_say),
        T(much_is_integrated_in_several_transactions_parents_with_children),
        FILLING(children_may_arrive_first),
        FILLING(one_bad_record_costs_one_record),
        FILLING(a_failed_record_waits_longer_with_each_try),
        FILLING(unknown_tables_are_kept_and_reported),
        FILLING(deletes_go_children_first),
        FILLING(soft_deletes_mark_and_an_upsert_revives),
        FILLING(an_unsent_edit_is_not_overwritten),
        FILLING(an_inactive_join_is_removed),
        FILLING(local_fields_keep_their_values),
        FILLING(a_refused_integration_leaves_nothing_half_done),
        FILLING(large_buffers_are_walked_to_the_end),
        FILLING(the_last_of_equal_records_counts),
        FILLING(triggers_of_the_application_have_their_say)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
