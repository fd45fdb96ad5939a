/*
 * Records that this site does not use and that nobody has to mend: they are
 * kept and listed, and counted as no failures.
 */

#include "integration.h"

#include "store/dismiss.h"


static int64_t
failures(site_t *site)
{
    int64_t      n;
    msync_err_t  err;

    assert_ok(msync_store_failures(site->store, &n, &err));
    return n;
}


static int64_t
notes(site_t *site)
{
    int64_t      n;
    msync_err_t  err;

    assert_ok(msync_store_dismissed(site->store, &n, &err));
    return n;
}


/* central has deleted it, which is no failure */

static void
delete(site_t *site, unsigned side, const char *table, const char *id)
{
    site_pull(site, side, table, id, MSYNC_ACTION_DELETE, NULL);
    (void) integrate(site, true);
    assert_int_equal(failures(site), 0);
}


static void
the_delete_of_a_row_that_is_not_here_is_done(void **state)
{
    site_t  *site = *state;
    size_t   i;

    for (i = 0; i < site->catalogue->n; i++) {
        delete(site, site->catalogue->tables[i].pull & MSYNC_LEGACY
                     ? MSYNC_LEGACY : MSYNC_OMSUPPLY,
               site->catalogue->tables[i].name, "nobody");
    }

    assert_int_equal(notes(site), 0);
}


static void
the_delete_of_a_row_that_nothing_refers_to_is_done(void **state)
{
    site_t  *site = *state;

    site_sql(site, "INSERT INTO user (ID) VALUES ('U');"
             "INSERT INTO Location_type (ID) VALUES ('T')");
    delete(site, MSYNC_LEGACY, "user", "U");
    delete(site, MSYNC_LEGACY, "Location_type", "T");

    assert_string_equal(site_get(site, "SELECT (SELECT count(*) FROM user) + "
                                 "(SELECT count(*) FROM Location_type)"),
                        "0");
    assert_int_equal(notes(site), 0);
}


static void
the_delete_of_a_row_that_others_refer_to_is_a_note(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    site_sql(site, "PRAGMA foreign_keys = OFF;"
             "INSERT INTO periodSchedule (ID) VALUES ('S');"
             "INSERT INTO period (ID, periodScheduleID, startDate, endDate) "
             "VALUES ('P', 'S', '2026-01-01', '2026-12-31')");
    delete(site, MSYNC_LEGACY, "periodSchedule", "S");

    assert_string_equal(site_get(site, "SELECT count(*) FROM periodSchedule"),
                        "1");
    assert_int_equal(notes(site), 1);
    assert_non_null(strstr(site_get(site, "SELECT integration_error FROM "
                                    "sync_buffer WHERE integration_datetime "
                                    "IS NULL"),
                           "other records still refer to it"));

    /* it goes with what referred to it */
    site_sql(site, "DELETE FROM period");
    assert_ok(msync_store_buffer_wake_all(site->store, &err));
    (void) integrate(site, true);
    assert_string_equal(site_get(site, "SELECT count(*) FROM periodSchedule"),
                        "0");
    assert_int_equal(notes(site), 0);
}


static void
a_table_that_only_later_servers_have_is_a_note(void **state)
{
    site_t  *site = *state;

    site_pull(site, MSYNC_LEGACY, "site", "1", MSYNC_ACTION_UPSERT,
              "{\"ID\":\"1\",\"site_ID\":7}");
    site_pull(site, MSYNC_LEGACY, "site", "2", MSYNC_ACTION_DELETE, NULL);
    integrate(site, true);
    assert_int_equal(failures(site), 0);
    assert_int_equal(notes(site), 2);

    site_pull(site, MSYNC_LEGACY, "nonsense", "1", MSYNC_ACTION_UPSERT, "{}");
    integrate(site, true);
    assert_int_equal(failures(site), 1);

    /* … and so is what no server has any more */
    site_pull(site, MSYNC_LEGACY, "nonsense", "1", MSYNC_ACTION_DELETE, NULL);
    integrate(site, true);
    assert_int_equal(failures(site), 0);
    assert_int_equal(notes(site), 3);
}


/* Open mSupply sends nothing but its own tables, of which it gets more */

static void
a_table_that_open_msupply_has_got_since_is_a_note(void **state)
{
    site_t  *site = *state;

    site_pull(site, MSYNC_OMSUPPLY, "custom_field", "1", MSYNC_ACTION_UPSERT,
              "{\"id\":\"1\"}");
    site_pull(site, MSYNC_OMSUPPLY, "custom_field", "2", MSYNC_ACTION_DELETE,
              NULL);
    site_pull(site, MSYNC_V7, "custom_field", "3", MSYNC_ACTION_UPSERT,
              "{\"id\":\"3\"}");
    integrate(site, true);
    assert_int_equal(failures(site), 0);
    assert_int_equal(notes(site), 3);

    site_pull(site, MSYNC_OMSUPPLY, "", "1", MSYNC_ACTION_UPSERT, "{}");
    integrate(site, true);
    assert_int_equal(failures(site), 1);
}


/* as a server of another version does, or one that an administrator mistook
 * for the other */

static void
a_record_of_the_other_servers_table_is_a_note(void **state)
{
    site_t  *site = *state;

    site_pull(site, MSYNC_OMSUPPLY, "unit", "U", MSYNC_ACTION_UPSERT,
              UNIT("u"));
    site_pull(site, MSYNC_LEGACY, "system_log", "L", MSYNC_ACTION_UPSERT,
              "{}");
    integrate(site, true);
    assert_int_equal(failures(site), 0);
    assert_int_equal(notes(site), 2);
    assert_string_equal(site_get(site, "SELECT (SELECT count(*) FROM unit) "
                                 "+ (SELECT count(*) FROM system_log)"),
                        "0");
}


static void
note_failed(void *data, const msync_failed_t *failed)
{
    char  *said = data;

    snprintf(said + strlen(said), 512, "%s %s %s %s %s ", failed->table,
             failed->record_id, failed->action,
             failed->field ? failed->field : "", failed->error);
}


/* `site` of a later server has passwords of others */

static void
nothing_that_a_note_holds_is_shown(void **state)
{
    char          said[2048] = "";
    site_t       *site = *state;
    msync_err_t   err;

    site_pull(site, MSYNC_OMSUPPLY, "site", "1", MSYNC_ACTION_UPSERT,
              "{\"id\":1,\"hashed_password\":\"5ecre7\"}");
    site_pull(site, MSYNC_LEGACY, "site", "2", MSYNC_ACTION_UPSERT,
              "{\"password\":\"5ecre7\"");
    site_pull(site, MSYNC_LEGACY, "user", "3", MSYNC_ACTION_UPSERT,
              "{\"ID\":\"5ecre7\",\"password\":\"5ecre7\"}");
    integrate(site, true);

    assert_ok(msync_store_buffer_errors(site->store, true, 10, note_failed,
                                        said, &err));
    assert_ok(msync_store_buffer_errors(site->store, false, 10, note_failed,
                                        said, &err));
    assert_non_null(strstr(said, "site 1"));
    assert_non_null(strstr(said, "site 2"));
    assert_null(strstr(said, "5ecre7"));
}


#define INVOICE(store, comment)                                               \
    "{\"name_ID\":\"N\",\"store_ID\":\"" store "\",\"type\":\"ci\","          \
    "\"status\":\"nw\",\"mode\":\"store\",\"entry_date\":\"2026-01-01\","     \
    "\"comment\":\"" comment "\"}"

/* central sends it, which is no failure */

static void
invoice(site_t *site, const char *id, const char *data)
{
    site_pull(site, MSYNC_LEGACY, "transact", id, MSYNC_ACTION_UPSERT, data);
    (void) integrate(site, true);
    assert_int_equal(failures(site), 0);
}


static void
this_site_alone_changes_its_own_invoices(void **state)
{
    char     sql[256];
    site_t  *site = *state;

    snprintf(sql, sizeof(sql), "PRAGMA foreign_keys = OFF;"
             "INSERT INTO name (ID, type) VALUES ('N', 'store');"
             "INSERT INTO store (ID, name_ID, store_mode, "
             "sync_id_remote_site) VALUES ('OURS', 'N', 'store', %d), "
             "('OTHER', 'N', 'store', %d)", SITE_ID, SITE_ID + 1);
    site_sql(site, sql);

    invoice(site, "A", INVOICE("OURS", "first"));
    invoice(site, "B", INVOICE("OTHER", "first"));
    assert_string_equal(site_get(site, "SELECT count(*) FROM transact"), "2");

    /* the same again is nothing new */
    invoice(site, "A", INVOICE("OURS", "first"));
    assert_int_equal(notes(site), 0);

    invoice(site, "A", INVOICE("OURS", "second"));
    invoice(site, "B", INVOICE("OTHER", "second"));
    assert_string_equal(site_get(site, "SELECT group_concat(comment, ' ') "
                                 "FROM (SELECT comment FROM transact ORDER "
                                 "BY ID)"), "first second");
    assert_int_equal(notes(site), 1);
    assert_non_null(strstr(site_get(site, "SELECT integration_error FROM "
                                    "sync_buffer WHERE integration_datetime "
                                    "IS NULL"), "belongs to this site"));

    /* while everything comes anew, central has what this site lost */
    site_pull(site, MSYNC_LEGACY, "transact", "A", MSYNC_ACTION_UPSERT,
              INVOICE("OURS", "third"));
    integrate(site, false);
    assert_string_equal(site_get(site, "SELECT comment FROM transact WHERE ID "
                                 "= 'A'"), "third");
}


/* what the genuine remote refuses: updates of invoices whose store is on this
 * site now, whichever of its stores; not deletes, not other tables */

static void
the_store_of_an_invoice_says_whether_this_site_alone_changes_it(void **state)
{
    char     sql[384];
    site_t  *site = *state;

    snprintf(sql, sizeof(sql), "PRAGMA foreign_keys = OFF;"
             "INSERT INTO name (ID, type) VALUES ('N', 'store');"
             "INSERT INTO store (ID, name_ID, store_mode, "
             "sync_id_remote_site) VALUES ('ONE', 'N', 'store', %d), "
             "('TWO', 'N', 'store', %d)", SITE_ID, SITE_ID);
    site_sql(site, sql);

    invoice(site, "A", INVOICE("ONE", "first"));
    invoice(site, "B", INVOICE("TWO", "first"));
    invoice(site, "A", INVOICE("ONE", "second"));
    invoice(site, "B", INVOICE("TWO", "second"));
    assert_int_equal(notes(site), 2);

    /* the store has moved to another site */
    site_sql(site, "UPDATE store SET sync_id_remote_site = 99 "
                   "WHERE ID = 'TWO'");
    invoice(site, "B", INVOICE("TWO", "third"));
    assert_string_equal(site_get(site, "SELECT comment FROM transact "
                                 "WHERE ID = 'B'"), "third");
    assert_int_equal(notes(site), 1);

    site_pull(site, MSYNC_LEGACY, "transact", "A", MSYNC_ACTION_DELETE, "");
    (void) integrate(site, true);
    assert_string_equal(site_get(site, "SELECT count(*) FROM transact "
                                 "WHERE ID = 'A'"), "0");
    assert_int_equal(notes(site), 0);

    /* it is not here any more, so that it may be made anew */
    invoice(site, "A", INVOICE("ONE", "fourth"));
    assert_string_equal(site_get(site, "SELECT comment FROM transact "
                                 "WHERE ID = 'A'"), "fourth");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        T(the_delete_of_a_row_that_is_not_here_is_done),
        T(the_delete_of_a_row_that_nothing_refers_to_is_done),
        T(the_delete_of_a_row_that_others_refer_to_is_a_note),
        T(a_table_that_only_later_servers_have_is_a_note),
        T(a_table_that_open_msupply_has_got_since_is_a_note),
        T(a_record_of_the_other_servers_table_is_a_note),
        T(nothing_that_a_note_holds_is_shown),
        T(this_site_alone_changes_its_own_invoices),
        T(the_store_of_an_invoice_says_whether_this_site_alone_changes_it)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
