/* The store: modes, triggers, changelog, buffer, log, settings. */

#include "site.h"

#include "run/run.h"
#include "store/changelog.h"
#include "store/dismiss.h"
#include "store/log.h"
#include "store/refused.h"

#define NAME(id)                                                              \
    "INSERT INTO name (ID, name, code, type) VALUES ('" id "', 'N', 'c', "    \
    "'facility')"
#define LOCATION(id, store)                                                   \
    "INSERT INTO Location (ID, Description, code, store_ID) VALUES ('" id     \
    "', 'd', 'c', '" store "')"


static int64_t
waiting(site_t *site)
{
    int64_t      n;
    msync_err_t  err;

    assert_ok(msync_store_queue(site->store, MSYNC_KEY_PUSH_CURSOR, &n,
                                &err));
    return n;
}


static void
prepare(site_t *site)
{
    site_add_stores(site);
    assert_int_equal(waiting(site), 0);
}


static void
new_database_is_closed_to_others(void **state)
{
    char     wal[128];
    site_t  *site = *state;

    snprintf(wal, sizeof(wal), "%s-wal", site->path);
    assert_int_equal(site_mode(site->path), 0600);
    assert_int_equal(site_mode(wal), 0600);
}


static void
new_database_in_a_shared_directory_is_open_to_its_group(void **state)
{
    char            path[128];
    site_t         *site = *state;
    msync_err_t     err;
    msync_store_t  *store;

    assert_int_equal(chmod(site->dir, 02770), 0);
    snprintf(path, sizeof(path), "%s/shared.sqlite", site->dir);

    store = msync_store_open(path, site->catalogue, MSYNC_STORE_CREATE,
                             &err);
    assert_non_null(store);
    assert_int_equal(site_mode(path), 0660);
    msync_store_close(&store);

    assert_int_equal(chmod(path, 0640), 0);
    store = msync_store_open(path, site->catalogue, MSYNC_STORE_CREATE,
                             &err);
    assert_non_null(store);
    assert_int_equal(site_mode(path), 0640);
    msync_store_close(&store);
}


static void
every_table_of_the_catalogue_exists(void **state)
{
    char     sql[256];
    size_t   i;
    site_t  *site = *state;

    for (i = 0; i < site->catalogue->n; i++) {
        snprintf(sql, sizeof(sql), "SELECT count(*) FROM sqlite_master "
                 "WHERE type = 'table' AND name = '%s'",
                 site->catalogue->tables[i].name);
        assert_string_equal(site_get(site, sql), "1");
    }

    assert_string_equal(site_get(site, "SELECT count(*) FROM "
                        "pragma_foreign_key_list('item_line') WHERE "
                        "\"from\" = 'item_ID' AND \"table\" = 'item'"), "1");
}


static void
any_connection_fills_the_changelog(void **state)
{
    site_t  *site = *state;

    prepare(site);
    site_sql(site, LOCATION("L1", "S1"));
    assert_int_equal(waiting(site), 1);
    assert_string_equal(site_get(site, "SELECT table_name || record_id || "
                        "row_action || store_id FROM changelog"),
                        "LocationL1UPSERTS1");

    site_sql(site, "UPDATE Location SET code = 'x' WHERE ID = 'L1'");
    assert_int_equal(waiting(site), 1);
    assert_string_equal(site_get(site, "SELECT count(*) FROM changelog"),
                        "2");

    site_sql(site, "DELETE FROM Location WHERE ID = 'L1'");
    assert_int_equal(waiting(site), 1);
}


static void
a_line_belongs_to_the_store_of_its_parent(void **state)
{
    int64_t      n;
    site_t      *site = *state;
    msync_err_t  err;

    prepare(site);
    site_sql(site, "INSERT INTO asset (id, store_id, created_datetime, "
             "modified_datetime) VALUES ('a', 'S2', 'd', 'd');"
             "INSERT INTO asset_log (id, asset_id, user_id, log_datetime, "
             "created_datetime) VALUES ('l', 'a', 'u', 'd', 'd')");
    /* S2 is not active here */
    assert_int_equal(waiting(site), 0);

    site_sql(site, "UPDATE asset SET store_id = 'S1'");
    assert_int_equal(waiting(site), 2);

    /* a parent that was deleted has left its store in the changelog */
    site_sql(site, "INSERT INTO asset_internal_location (id, asset_id, "
             "location_id) VALUES ('i', 'a', 'L');"
             SITE_SENT "DELETE FROM asset_internal_location;"
             "DELETE FROM asset_log; DELETE FROM asset");
    assert_int_equal(waiting(site), 2);
    site_sql(site, "UPDATE msync_flag SET integrating = 1;"
             "UPDATE changelog SET store_id = 'S2' WHERE table_name = 'asset';"
             "UPDATE msync_flag SET integrating = 0");
    /* nobody rewrites the changelog, so no count that goes on sees it */
    assert_ok(msync_store_queue(site->store, NULL, &n, &err));
    assert_int_equal(n, 0);
}


static void
a_record_that_changes_its_id_is_deleted_and_new(void **state)
{
    site_t  *site = *state;

    prepare(site);
    site_sql(site, LOCATION("L1", "S1"));
    site_sql(site, "UPDATE Location SET ID = 'L2' WHERE ID = 'L1'");
    assert_string_equal(site_get(site, "SELECT group_concat(row_action || "
                                 "record_id) FROM (SELECT * FROM changelog "
                                 "ORDER BY cursor)"),
                        "UPSERTL1,DELETEL1,UPSERTL2");
}


static void
only_the_names_of_patients_are_pushed(void **state)
{
    site_t  *site = *state;

    prepare(site);
    site_sql(site, "UPDATE name SET comment = 'x';" NAME("N3"));
    assert_int_equal(waiting(site), 0);
    site_sql(site, "INSERT INTO name (ID, name, code, type) VALUES ('P', "
             "'P', 'p', 'patient'); UPDATE name SET phone = '1'");
    assert_int_equal(waiting(site), 1);
}


static void
a_delete_that_central_does_not_take_does_not_wait(void **state)
{
    site_t  *site = *state;

    prepare(site);
    site_sql(site, "INSERT INTO clinician (ID, code) VALUES ('C1', 'c')");
    assert_int_equal(waiting(site), 1);
    site_sql(site, "DELETE FROM clinician");
    assert_int_equal(waiting(site), 0);
}


static void
changes_are_routed_and_counted_once(void **state)
{
    int64_t        processed;
    site_t        *site = *state;
    msync_err_t    err;
    msync_batch_t  batch = { 0 };

    prepare(site);
    site_sql(site, LOCATION("L1", "S1"));
    site_sql(site, "INSERT INTO asset (id, store_id, created_datetime, "
             "modified_datetime) VALUES ('a', 'S1', '2026-05-01', "
             "'2026-05-01')");
    site_sql(site, "UPDATE Location SET code = 'new' WHERE ID = 'L1'");

    assert_ok(msync_store_changes(site->store, MSYNC_LEGACY, 0, 10, 1 << 20,
                                  &batch, &processed, &err));
    assert_int_equal(processed, 2);
    assert_int_equal(batch.n, 1);
    assert_string_equal(batch.records[0].id, "L1");
    assert_non_null(strstr(batch.records[0].data, "\"code\":\"new\""));
    assert_non_null(strstr(batch.records[0].data, "\"hold\":false"));
    assert_string_equal(site_get(site, "SELECT max(cursor) + 1 FROM "
                                 "changelog"), "4");
    assert_int_equal(batch.next, 4);
    msync_batch_clear(&batch);

    assert_ok(msync_store_changes(site->store, MSYNC_OMSUPPLY, 0, 1, 1 << 20,
                                  &batch, &processed, &err));
    assert_int_equal(processed, 1);
    assert_int_equal(batch.n, 1);
    assert_string_equal(batch.records[0].table, "asset");
    msync_batch_clear(&batch);
}


static void
a_batch_is_capped_in_octets(void **state)
{
    int64_t        processed;
    site_t        *site = *state;
    msync_err_t    err;
    msync_batch_t  batch = { 0 };

    prepare(site);
    site_sql(site, LOCATION("L1", "S1") ";" LOCATION("L2", "S1"));
    assert_ok(msync_store_changes(site->store, MSYNC_LEGACY, 0, 10, 1,
                                  &batch, &processed, &err));
    assert_int_equal(batch.n, 1);
    assert_int_equal(processed, 1);
    msync_batch_clear(&batch);
}


static void
a_row_of_wrong_type_is_recorded_and_the_others_go(void **state)
{
    int64_t        processed, n;
    site_t        *site = *state;
    msync_err_t    err;
    msync_batch_t  batch = { 0 };

    prepare(site);
    site_sql(site, LOCATION("L1", "S1") ";" LOCATION("L2", "S1")
             ";UPDATE Location SET Volume = 'much' WHERE ID = 'L1'");
    assert_ok(msync_store_changes(site->store, MSYNC_LEGACY, 0, 10, 1 << 20,
                                  &batch, &processed, &err));
    assert_int_equal(processed, 2);
    assert_int_equal(batch.n, 1);
    assert_string_equal(batch.records[0].id, "L2");
    msync_batch_clear(&batch);
    assert_ok(msync_store_failures(site->store, &n, &err));
    assert_int_equal(n, 1);
    assert_non_null(strstr(site_get(site, "SELECT error FROM msync_refused"),
                           "Volume"));
}


static void
refused_records_come_back_on_request_and_go_when_taken(void **state)
{
    int64_t        n;
    site_t        *site = *state;
    msync_err_t    err;
    msync_batch_t  batch = { 0 };

    prepare(site);
    site_record(&batch, "Location", "L1", MSYNC_ACTION_UPSERT, "{}");
    assert_ok(msync_store_refused_put(site->store, MSYNC_LEGACY,
                                      &batch.records[0], "no", &err));
    assert_int_equal(waiting(site), 0);
    assert_ok(msync_store_refused_requeue(site->store, false, &err));
    assert_int_equal(waiting(site), 0);
    assert_ok(msync_store_refused_requeue(site->store, true, &err));
    assert_int_equal(waiting(site), 1);
    assert_ok(msync_store_refused_requeue(site->store, true, &err));
    assert_string_equal(site_get(site, "SELECT count(*) FROM changelog"),
                        "1");
    assert_ok(msync_store_refused_clear(site->store, MSYNC_LEGACY, &batch,
                                        &err));
    assert_ok(msync_store_refused_count(site->store, &n, &err));
    assert_int_equal(n, 0);
    msync_batch_clear(&batch);
}


static void
a_refused_record_is_sent_again_when_the_clock_was_wrong(void **state)
{
    site_t        *site = *state;
    msync_err_t    err;
    msync_batch_t  batch = { 0 };

    prepare(site);
    site_record(&batch, "Location", "L1", MSYNC_ACTION_UPSERT, "{}");
    assert_ok(msync_store_refused_put(site->store, MSYNC_LEGACY,
                                      &batch.records[0], "no", &err));
    site_sql(site, "UPDATE msync_refused SET last_tried = 4000000000000");
    assert_ok(msync_store_refused_requeue(site->store, false, &err));
    assert_int_equal(waiting(site), 1);
    msync_batch_clear(&batch);
}


static void
a_refused_row_that_is_gone_is_no_failure_any_more(void **state)
{
    int64_t        n, processed;
    site_t        *site = *state;
    msync_err_t    err;
    msync_batch_t  batch = { 0 };

    prepare(site);
    site_record(&batch, "Location", "gone", MSYNC_ACTION_UPSERT, "{}");
    assert_ok(msync_store_refused_put(site->store, MSYNC_LEGACY,
                                      &batch.records[0], "no", &err));
    msync_batch_clear(&batch);
    assert_ok(msync_store_refused_requeue(site->store, true, &err));
    assert_ok(msync_store_changes(site->store, MSYNC_LEGACY, 0, 10, 1 << 20,
                                  &batch, &processed, &err));
    assert_int_equal(batch.n, 0);
    assert_int_equal(processed, 1);
    assert_ok(msync_store_refused_count(site->store, &n, &err));
    assert_int_equal(n, 0);
}


/* a change that came after the refusal is what goes out */

static void
a_refused_record_comes_back_as_what_it_is_by_then(void **state)
{
    int64_t        n, processed;
    site_t        *site = *state;
    msync_err_t    err;
    msync_batch_t  refused = { 0 }, batch = { 0 };

    prepare(site);
    site_record(&refused, "Location", "L1", MSYNC_ACTION_UPSERT, "{}");
    site_record(&refused, "Location", "L2", MSYNC_ACTION_DELETE, NULL);
    site_record(&refused, "clinician", "P", MSYNC_ACTION_UPSERT, "{}");
    site_sql(site, "DELETE FROM Location;"
             "INSERT INTO Location (ID, Description, code, store_ID) "
             "VALUES ('L1', 'x', 'c', 'S'), ('L2', 'x', 'c', 'S');"
             "INSERT INTO clinician (ID, code) VALUES ('P', 'p');"
             "DELETE FROM Location WHERE ID = 'L2'");

    for (n = 0; n < 3; n++) {
        assert_ok(msync_store_refused_put(site->store, MSYNC_LEGACY,
                                          &refused.records[n], "no", &err));
    }

    /* one is deleted, one is made again, one goes where no delete is sent */
    site_sql(site, "DELETE FROM Location WHERE ID = 'L1';"
             "INSERT INTO Location (ID, Description, code, store_ID) "
             "VALUES ('L2', 'again', 'c', 'S');"
             "DELETE FROM clinician WHERE ID = 'P'");
    assert_ok(msync_store_refused_requeue(site->store, true, &err));
    assert_int_equal(waiting(site), 2);
    assert_ok(msync_store_refused_count(site->store, &n, &err));
    assert_int_equal(n, 2);

    assert_ok(msync_store_changes(site->store, MSYNC_LEGACY, 0, 10, 1 << 20,
                                  &batch, &processed, &err));
    assert_int_equal(batch.n, 2);

    for (n = 0; n < 2; n++) {
        assert_int_equal(batch.records[n].action,
                         strcmp(batch.records[n].id, "L1") == 0
                         ? MSYNC_ACTION_DELETE : MSYNC_ACTION_UPSERT);
    }

    msync_batch_clear(&refused);
    msync_batch_clear(&batch);
}


static void
what_was_pushed_is_newer_than_what_waits_in_the_buffer(void **state)
{
    site_t        *site = *state;
    msync_err_t    err;
    msync_batch_t  batch = { 0 };

    site_pull(site, MSYNC_LEGACY, "unit", "U", MSYNC_ACTION_UPSERT, "{}");
    site_pull(site, MSYNC_LEGACY, "unit", "V", MSYNC_ACTION_UPSERT, "{}");
    site_pull(site, MSYNC_LEGACY, "unit", "U", MSYNC_ACTION_MERGE, "{}");
    site_pull(site, MSYNC_LEGACY, "unit", "W", MSYNC_ACTION_MERGE, NULL);
    site_record(&batch, "unit", "U", MSYNC_ACTION_UPSERT, "{}");
    site_record(&batch, "unit", "W", MSYNC_ACTION_UPSERT, "{}");
    assert_ok(msync_store_buffer_supersede(site->store, &batch, &err));
    msync_batch_clear(&batch);
    assert_string_equal(site_get(site, "SELECT group_concat(record_id || "
                                 "action) FROM (SELECT * FROM sync_buffer "
                                 "ORDER BY id) WHERE integration_datetime "
                                 "IS NULL"), "VUPSERT,UMERGE,WMERGE");
}


static void
storing_a_record_twice_equals_storing_it_once(void **state)
{
    site_t  *site = *state;

    site_pull(site, MSYNC_LEGACY, "unit", "U", MSYNC_ACTION_UPSERT, "{}");
    site_pull(site, MSYNC_LEGACY, "unit", "U", MSYNC_ACTION_UPSERT,
              "{\"a\":1}");
    assert_string_equal(site_get(site, "SELECT count(*) || data FROM "
                                 "sync_buffer"), "1{\"a\":1}");
}


static void
an_upsert_and_a_merge_of_one_id_are_two_things(void **state)
{
    site_t  *site = *state;

    site_pull(site, MSYNC_LEGACY, "item", "I", MSYNC_ACTION_UPSERT, "{}");
    site_pull(site, MSYNC_LEGACY, "item", "I", MSYNC_ACTION_MERGE, "{}");
    site_pull(site, MSYNC_LEGACY, "name", "I", MSYNC_ACTION_UPSERT, "{}");
    site_pull(site, MSYNC_LEGACY, "item", "I", MSYNC_ACTION_DELETE, NULL);
    assert_string_equal(site_get(site, "SELECT group_concat(table_name || "
                                 "action) FROM (SELECT * FROM sync_buffer "
                                 "ORDER BY id)"),
                        "itemDELETE,itemMERGE,nameUPSERT");
}


static void
a_merge_without_data_is_stored_once_too(void **state)
{
    site_t  *site = *state;

    site_pull(site, MSYNC_LEGACY, "item", "I", MSYNC_ACTION_MERGE, NULL);
    site_pull(site, MSYNC_LEGACY, "item", "I", MSYNC_ACTION_MERGE, NULL);
    assert_string_equal(site_get(site, "SELECT count(*) FROM sync_buffer"),
                        "1");
}


static void
a_rollback_forgets_and_the_changelog_speaks_again(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    prepare(site);
    assert_ok(msync_store_begin_integration(site->store, &err));
    msync_store_rollback(site->store);
    site_sql(site, LOCATION("L1", "S1"));
    assert_int_equal(waiting(site), 1);

    assert_ok(msync_store_begin_integration(site->store, &err));
    assert_ok(msync_store_commit(site->store, &err));
    site_sql(site, LOCATION("L2", "S1"));
    assert_int_equal(waiting(site), 2);
}


static void
another_connection_is_noticed(void **state)
{
    int64_t      before, after;
    site_t      *site = *state;
    msync_err_t  err;

    assert_ok(msync_store_data_version(site->store, &before, &err));
    assert_ok(msync_store_data_version(site->store, &after, &err));
    assert_int_equal(before, after);
    site_sql(site, NAME("N9"));
    assert_ok(msync_store_data_version(site->store, &after, &err));
    assert_int_not_equal(before, after);
}


static void
a_log_entry_survives_as_it_was(void **state)
{
    site_t            *site = *state;
    msync_err_t        err;
    msync_log_entry_t  entry, read;

    assert_ok(msync_store_log_begin(site->store, &entry, &err));
    entry.steps[MSYNC_STEP_PUSH].started = 1000;
    entry.steps[MSYNC_STEP_PUSH].finished = 3000;
    entry.steps[MSYNC_STEP_PUSH].total = 4;
    entry.steps[MSYNC_STEP_PUSH].done = 3;
    entry.finished = entry.started + 5000;
    entry.variant = MSYNC_ERR_TIMEOUT;
    strcpy(entry.text, "slow");
    assert_ok(msync_store_log_update(site->store, &entry, &err));

    assert_ok(msync_store_log_last(site->store, &read, &err));
    assert_int_equal(read.id, entry.id);
    assert_int_equal(read.started, entry.started);
    assert_int_equal(read.finished, entry.finished);
    assert_int_equal(read.variant, MSYNC_ERR_TIMEOUT);
    assert_string_equal(read.text, "slow");
    assert_int_equal(read.steps[MSYNC_STEP_PUSH].started, 1000);
    assert_int_equal(read.steps[MSYNC_STEP_PUSH].finished, 3000);
    assert_int_equal(read.steps[MSYNC_STEP_PUSH].total, 4);
    assert_int_equal(read.steps[MSYNC_STEP_PUSH].done, 3);
    assert_int_equal(read.steps[MSYNC_STEP_PULL_V6].total, -1);

    assert_ok(msync_store_log_last_success(site->store, &read, &err));
    assert_int_equal(read.id, 0);
}


static void
an_interrupted_run_is_closed_once(void **state)
{
    int                n;
    site_t            *site = *state;
    msync_err_t        err;
    msync_log_entry_t  entry;

    assert_ok(msync_store_log_begin(site->store, &entry, &err));
    assert_ok(msync_store_log_close_interrupted(site->store, NULL, &n,
                                                &err));
    assert_int_equal(n, 1);
    assert_ok(msync_store_log_close_interrupted(site->store, NULL, &n,
                                                &err));
    assert_int_equal(n, 0);
    assert_ok(msync_store_log_last(site->store, &entry, &err));
    assert_int_equal(entry.variant, MSYNC_ERR_HELPER_STOPPED);
}


static void
saved_settings_win(void **state)
{
    site_t        *site = *state;
    msync_err_t    err;
    msync_conf_t  *conf;

    conf = msync_conf_create();
    assert_ok(msync_conf_set_url(conf, "http://a.example", &err));
    conf->username = msync_strdup("saved");
    conf->interval = 77;
    assert_ok(msync_store_begin(site->store, &err));
    assert_ok(msync_store_save_settings(site->store, conf, &err));
    assert_ok(msync_store_commit(site->store, &err));
    msync_conf_free(&conf);

    conf = msync_conf_create();
    assert_ok(msync_conf_set_url(conf, "http://b.example", &err));
    msync_conf_hash("x", 1, conf->password_sha256);
    assert_ok(msync_store_load_settings(site->store, conf, &err));
    assert_string_equal(conf->url, "http://a.example");
    assert_string_equal(conf->username, "saved");
    assert_int_equal(conf->interval, 77);
    /* none was saved: the configured one stays */
    assert_int_equal(strlen(conf->password_sha256), 64);
    msync_conf_free(&conf);
}


static void
an_older_schema_gets_what_is_missing(void **state)
{
    site_t  *site = *state;

    site_sql(site, "ALTER TABLE unit DROP COLUMN comment;"
             "DROP TRIGGER \"msync_Location_UPDATE\";"
             "DELETE FROM key_value_store WHERE id = 'MSYNC_SCHEMA_SHA256'");
    site_open_again(site);
    assert_string_equal(site_get(site, "SELECT count(*) FROM "
                                 "pragma_table_info('unit') WHERE name = "
                                 "'comment'"), "1");
    assert_string_equal(site_get(site, "SELECT count(*) FROM sqlite_master "
                                 "WHERE name = 'msync_Location_UPDATE'"),
                        "1");
}


static void
beginning_again_keeps_unsent_changes_unless_told(void **state)
{
    int64_t      cursor = 5;
    site_t      *site = *state;
    msync_err_t  err;

    prepare(site);
    site_sql(site, LOCATION("L1", "S1"));
    assert_ok(msync_store_set_int(site->store, MSYNC_KEY_PULL_V6_CURSOR, 9,
                                  &err));
    assert_ok(msync_run_reinitialise(site->store, false, &err));
    assert_ok(msync_store_get_int(site->store, MSYNC_KEY_PULL_V6_CURSOR,
                                  &cursor, &err));
    assert_int_equal(cursor, 5);
    assert_int_equal(waiting(site), 1);
    assert_ok(msync_run_reinitialise(site->store, true, &err));
    assert_int_equal(waiting(site), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        T(new_database_is_closed_to_others),
        T(new_database_in_a_shared_directory_is_open_to_its_group),
        T(every_table_of_the_catalogue_exists),
        T(any_connection_fills_the_changelog),
        T(a_line_belongs_to_the_store_of_its_parent),
        T(a_record_that_changes_its_id_is_deleted_and_new),
        T(only_the_names_of_patients_are_pushed),
        T(a_delete_that_central_does_not_take_does_not_wait),
        T(changes_are_routed_and_counted_once),
        T(a_batch_is_capped_in_octets),
        T(a_row_of_wrong_type_is_recorded_and_the_others_go),
        T(a_refused_record_is_sent_again_when_the_clock_was_wrong),
        T(a_refused_row_that_is_gone_is_no_failure_any_more),
        T(a_refused_record_comes_back_as_what_it_is_by_then),
        T(what_was_pushed_is_newer_than_what_waits_in_the_buffer),
        T(refused_records_come_back_on_request_and_go_when_taken),
        T(storing_a_record_twice_equals_storing_it_once),
        T(an_upsert_and_a_merge_of_one_id_are_two_things),
        T(a_merge_without_data_is_stored_once_too),
        T(a_rollback_forgets_and_the_changelog_speaks_again),
        T(another_connection_is_noticed),
        T(a_log_entry_survives_as_it_was),
        T(an_interrupted_run_is_closed_once),
        T(saved_settings_win),
        T(an_older_schema_gets_what_is_missing),
        T(beginning_again_keeps_unsent_changes_unless_told)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
