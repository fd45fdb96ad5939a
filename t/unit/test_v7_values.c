/*
 * Values of a row on the wire of sync v7: as an application wrote them, and as
 * a newer server sent them.
 */

#include "v7_rows.h"


static void
a_day_and_its_time_go_out_together_in_any_form(void **state)
{
    char     sql[256];
    size_t   i;
    site_t  *site = *state;

    static const struct {
        const char  *day;
        const char  *time;
        const char  *moment;         /* NULL: the row waits here */
    } cases[] = {
        { "1777593600", "'08:30:00'", "\"2026-05-01T08:30:00\"" },
        { "'1777593600'", "'8:30'", "\"2026-05-01T08:30:00\"" },
        { "20260501", "30600", "\"2026-05-01T08:30:00\"" },
        { "2461161.5", "'30600'", "\"2026-05-01T08:30:00\"" },
        { "'2026-05-01 00:00:00'", "30600", "\"2026-05-01T08:30:00\"" },
        { "'2026-5-1 10:00:00'", "'08:30:00'", "\"2026-05-01T08:30:00\"" },
        { "'2026-05-01'", "'8:30:00.250'", "\"2026-05-01T08:30:00.250\"" },
        { "'2016-12-31'", "'23:59:60'", "\"2016-12-31T23:59:60\"" },
        { "'+20260-01-31'", "'08:30:00'", "\"+20260-01-31T08:30:00\"" },
        { "'-0044-03-15T00:00:00'", "30600", "\"-0044-03-15T08:30:00\"" },
        { "1777593600", "''", "\"2026-05-01T00:00:00\"" },
        { "'2026-05-01'", "''", "\"2026-05-01T00:00:00\"" },
        { "'2026-05-01'", "'8 am'", NULL },
        { "'2026-05-01'", "'08:30:00+02:00'", NULL },
        { "'2026-05-01'", "X'00FF'", NULL },
        { "'999-01-31'", "'08:30:00'", NULL },
        { "0", "'08:30:00'", NULL }
    };

    site_sql(site, INVOICE);

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        snprintf(sql, sizeof(sql), "UPDATE transact SET entry_date = %s, "
                 "entry_time = %s", cases[i].day, cases[i].time);
        site_sql(site, sql);

        if (cases[i].moment != NULL) {
            assert_sent("transact", "T", "created_datetime",
                        cases[i].moment);
        } else {
            assert_non_null(strstr(sent(site, "transact", "T",
                                        "created_datetime"),
                                   "field \"entry_date\" holds what is not "
                                   "clearly a date and time"));
        }
    }
}


/* central sends a requisition of this type and status; static storage */

static const char *
requisition_of(const char *type, const char *status)
{
    static char  data[512];

    snprintf(data, sizeof(data), "{\"id\":\"R\",\"name_id\":\"M\","
             "\"store_id\":\"S\",\"type\":\"%s\",\"status\":\"%s\","
             "\"requisition_number\":1,\"created_datetime\":"
             "\"2026-05-01T00:00:00\",\"max_months_of_stock\":1,"
             "\"min_months_of_stock\":1,\"approval_status\":\"Postponed\","
             "\"is_emergency\":false,\"destination_customer_id\":null}", type,
             status);

    return data;
}


static void
a_customer_of_a_requisition_goes_out_under_either_name(void **state)
{
    site_t  *site = *state;

    site_sql(site, "INSERT INTO requisition (ID, name_ID, store_ID, type, "
             "status, serial_number, date_entered, daysToSupply, "
             "thresholdMOS, oms_fields) VALUES ('R', 'M', 'S', 'request', "
             "'sg', 1, '2026-05-01', 30, 1, "
             "'{\"destination_customer_id\":\"N\"}')");
    assert_sent("requisition", "R", "destination_customer_id", "\"N\"");

    site_sql(site, "UPDATE requisition SET oms_fields = "
             "'{\"original_customer_id\":\"M\"}'");
    assert_sent("requisition", "R", "destination_customer_id", "\"M\"");

    /* what came by v7 without one, and was filled in here */
    pull(site, "requisition", "R", requisition_of("Request", "DRAFT"));
    site_sql(site, "UPDATE requisition SET oms_fields = "
             "'{\"destination_customer_id\":\"N\"}'");
    assert_sent("requisition", "R", "destination_customer_id", "\"N\"");
}


/* Python's str() and JavaScript's String() of an object are no JSON; central
 * would take what they hold for gone */

static void
what_is_no_object_is_not_sent_as_an_empty_one(void **state)
{
    size_t   i;
    char     sql[160];
    site_t  *site = *state;

    static const char *const  unclear[] = {
        "'{''destination_customer_id'': ''N''}'", "'[object Object]'", "'N'",
        "'[1]'", "'\"N\"'", "1", "X'6E'", "'{\"a\":1'"
    };
    static const char *const  empty[] = {
        "NULL", "''", "'null'", "'[]'", "'{}'", "X'7B7D'", "'{\"a\":[1]}'"
    };

    site_sql(site, "INSERT INTO requisition (ID, name_ID, store_ID, type, "
             "status, serial_number, date_entered, daysToSupply, "
             "thresholdMOS) VALUES ('R', 'M', 'S', 'request', 'sg', 1, "
             "'2026-05-01', 30, 1)");

    for (i = 0; i < sizeof(unclear) / sizeof(*unclear); i++) {
        snprintf(sql, sizeof(sql), "UPDATE requisition SET oms_fields = %s",
                 unclear[i]);
        site_sql(site, sql);
        assert_non_null(strstr(sent(site, "requisition", "R", "status"),
                               "field \"oms_fields\""));
    }

    for (i = 0; i < sizeof(empty) / sizeof(*empty); i++) {
        snprintf(sql, sizeof(sql), "UPDATE requisition SET comment = %zu, "
                 "oms_fields = %s", i, empty[i]);
        site_sql(site, sql);
        assert_sent("requisition", "R", "destination_customer_id", "null");
    }
}


static void
a_word_of_a_newer_server_goes_back_until_it_is_another_one(void **state)
{
    site_t  *site = *state;

    pull(site, "requisition", "R", requisition_of("Request", "RECALLED"));
    site_sql(site, "UPDATE requisition SET comment = 'edited'");
    assert_sent("requisition", "R", "status", "\"RECALLED\"");
    assert_sent("requisition", "R", "approval_status", "\"Postponed\"");

    site_sql(site, "UPDATE requisition SET om_status = 'SENT'");
    assert_sent("requisition", "R", "status", "\"SENT\"");
    assert_sent("requisition", "R", "approval_status", "\"Postponed\"");

    site_sql(site, "UPDATE requisition SET om_status = 'ANOTHER'");
    assert_non_null(strstr(sent(site, "requisition", "R", "status"),
                           "field \"om_status\""));

    /* of what kind it is decides what the others mean */
    site_sql(site, "DELETE FROM requisition; " SITE_SENT
             "DELETE FROM msync_refused");
    pull(site, "requisition", "R", requisition_of("Another", "SENT"));
    assert_string_equal(site_get(site, "SELECT type || ' ' || status || ' ' "
                                 "|| om_status FROM requisition"),
                        "Another fn SENT");
    site_sql(site, "UPDATE requisition SET comment = 'edited again'");
    assert_sent("requisition", "R", "type", "\"Another\"");
    assert_sent("requisition", "R", "status", "\"SENT\"");

    /* a member of an object */
    pull(site, "clinician", "C", "{\"id\":\"C\",\"code\":\"c\","
         "\"last_name\":\"L\",\"initials\":\"L\",\"gender\":\"AGENDER\","
         "\"is_active\":true,\"store_id\":\"S\"}");
    site_sql(site, "UPDATE clinician SET code = 'd'");
    assert_sent("clinician", "C", "gender", "\"AGENDER\"");
}


/* as by v5 and v6: strtod() reads more than numbers */

static void
a_number_that_is_no_decimal_is_not_guessed(void **state)
{
    site_t  *site = *state;

    pull(site, "requisition", "R", requisition_of("Request", "DRAFT"));
    site_sql(site, "UPDATE requisition SET daysToSupply = '60', "
             "om_max_months_of_stock = NULL");
    assert_sent("requisition", "R", "max_months_of_stock", "2");
    site_sql(site, "UPDATE requisition SET daysToSupply = '0x3c'");
    assert_non_null(strstr(sent(site, "requisition", "R",
                                "max_months_of_stock"),
                           "field \"daysToSupply\" holds what is not clearly "
                           "a number"));
}


/* no "gender" of an application: what v5 and v6 have says it, in any form */

static void
a_flag_that_is_a_word_there_goes_out_in_any_form(void **state)
{
    char     sql[256];
    size_t   i;
    site_t  *site = *state;

    static const char *const  forms[][2] = {
        { "1", "\"FEMALE\"" },   { "'f'", "\"MALE\"" },
        { "'t'", "\"FEMALE\"" }, { "'0'", "\"MALE\"" },
        { "'true'", "\"FEMALE\"" }, { "' No '", "\"MALE\"" }
    };

    for (i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
        (void) snprintf(sql, sizeof(sql), SITE_SENT "REPLACE INTO clinician "
                        "(ID, code, last_name, initials, active, store_ID, "
                        "female) VALUES ('C', 'c', 'L', 'L', 1, 'S', %s)",
                        forms[i][0]);
        site_sql(site, sql);
        assert_sent("clinician", "C", "gender", forms[i][1]);
    }
}


/* whether a line was counted; a count that was not made is none */

static void
a_flag_beside_a_number_is_not_guessed(void **state)
{
    char     sql[160];
    size_t   i;
    site_t  *site = *state;

    static const char *const  forms[][2] = {
        { "1", "7" }, { "'on'", "7" }, { "0", "null" }, { "'f'", "null" },
        { "'maybe'", NULL }, { "1.5", NULL }, { "''", NULL }, { "X'6E'", NULL }
    };

    site_sql(site, "PRAGMA foreign_keys = OFF; INSERT INTO Stock_take (ID, "
             "created_by_ID, status, stock_take_created_date, store_ID) "
             "VALUES ('K', 'u', 'sg', '2026-05-01', 'S'); INSERT INTO "
             "Stock_take_lines (ID, stock_take_ID, item_ID, stock_take_qty) "
             "VALUES ('L', 'K', 'I', 7)");

    for (i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
        (void) snprintf(sql, sizeof(sql), SITE_SENT "UPDATE Stock_take_lines "
                        "SET Batch = %zu, is_edited = %s", i, forms[i][0]);
        site_sql(site, sql);

        if (forms[i][1] != NULL) {
            assert_sent("Stock_take_lines", "L", "counted_number_of_packs",
                        forms[i][1]);
        } else {
            assert_non_null(strstr(sent(site, "Stock_take_lines", "L",
                                        "counted_number_of_packs"),
                                   "field \"is_edited\" holds "));
        }
    }
}


static void
a_text_that_is_no_json_goes_back_only_if_it_came(void **state)
{
    char     sql[256];
    size_t   i;
    site_t  *site = *state;

    static const char *const  documents[][2] = {
        { "data = '{'", "\"data\" holds what is not clearly JSON that" },
        { "data = 'null', parent_IDs = 'a'",
          "\"parent_IDs\" holds what is not clearly a JSON array of" }
    };

    pull(site, "asset", "A", "{\"id\":\"A\",\"store_id\":\"S\","
         "\"created_datetime\":\"2026-05-01T08:00:00\","
         "\"modified_datetime\":\"2026-05-01T08:00:00\","
         "\"properties\":\"of before\"}");
    site_sql(site, "UPDATE asset SET notes = 'edited'");
    assert_sent("asset", "A", "properties", "\"of before\"");
    site_sql(site, "UPDATE asset SET properties = 'another'");
    assert_non_null(strstr(sent(site, "asset", "A", "properties"),
                           "\"properties\" holds what is not clearly JSON "
                           "that"));
    site_sql(site, "UPDATE asset SET properties = '[1]'");
    assert_sent("asset", "A", "properties", "\"[1]\"");

    site_sql(site, "INSERT INTO om_document (ID, name, parent_IDs, user_ID, "
             "datetime, type, data, status, owner_name_ID, context_ID) "
             "VALUES ('D', 'd', '[]', 'u', '2026-05-01T08:00:00', 't', '{}', "
             "'ACTIVE', 'P', 'c')");
    assert_sent("om_document", "D", "data", "\"{}\"");

    for (i = 0; i < sizeof(documents) / sizeof(*documents); i++) {
        snprintf(sql, sizeof(sql), SITE_SENT "DELETE FROM msync_refused; "
                 "UPDATE om_document SET %s", documents[i][0]);
        site_sql(site, sql);
        assert_non_null(strstr(sent(site, "om_document", "D", "data"),
                               documents[i][1]));
    }
}


#define EACH(name)  cmocka_unit_test_setup_teardown(name, open_v7, site_close)

int
main(void)
{
    const struct CMUnitTest  tests[] = {
        EACH(a_day_and_its_time_go_out_together_in_any_form),
        EACH(a_customer_of_a_requisition_goes_out_under_either_name),
        EACH(what_is_no_object_is_not_sent_as_an_empty_one),
        EACH(a_word_of_a_newer_server_goes_back_until_it_is_another_one),
        EACH(a_number_that_is_no_decimal_is_not_guessed),
        EACH(a_flag_that_is_a_word_there_goes_out_in_any_form),
        EACH(a_flag_beside_a_number_is_not_guessed),
        EACH(a_text_that_is_no_json_goes_back_only_if_it_came)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
