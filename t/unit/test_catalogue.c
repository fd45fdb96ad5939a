/* The catalogue: reading it, and records to rows and back. */

#include "site.h"

#include <cjson/cJSON.h>


#define TEN  "abcdefghij"


static msync_catalogue_t  *catalogue;


static int
open_catalogue(void **state)
{
    msync_err_t  err;

    (void) state;
    catalogue = msync_catalogue_builtin(&err);
    return catalogue == NULL;
}


static int
close_catalogue(void **state)
{
    (void) state;
    msync_catalogue_free(&catalogue);
    return 0;
}


static const msync_table_t *
table(const char *name)
{
    const msync_table_t  *found = msync_catalogue_find(catalogue, name);

    assert_non_null(found);
    return found;
}


/* decodes and encodes; the JSON that goes out again, to be freed */

static cJSON *
round_trip(const char *name, const char *id, const char *data)
{
    char         *text;
    cJSON        *json;
    size_t        length;
    msync_row_t   row;
    msync_err_t   err;

    assert_ok(msync_row_decode(&row, table(name), table(name)->pull, id, data,
                               NULL, &err));
    text = msync_row_encode(&row, &length, &err);
    assert_non_null(text);
    assert_int_equal(strlen(text), length);
    json = cJSON_Parse(text);
    msync_row_clear(&row);
    free(text);

    return json;
}


static void
expect(cJSON *json, const char *name, const char *printed)
{
    char  *text;

    text = cJSON_PrintUnformatted(cJSON_GetObjectItem(json, name));
    assert_non_null(text);
    assert_string_equal(text, printed);
    free(text);
}


/* `field` must be at fault */

static void
refused(const char *name, const char *data, const char *field)
{
    msync_row_t           row;
    msync_err_t           err;
    const msync_field_t  *at;

    assert_int_equal(msync_row_decode(&row, table(name), MSYNC_LEGACY, "X",
                                      data, &at, &err), MSYNC_ERROR);
    assert_int_equal(err.variant, MSYNC_ERR_INTEGRATION_ERROR);

    if (field != NULL) {
        assert_non_null(at);
        assert_string_equal(at->name, field);
        assert_non_null(strstr(err.text, field));
    }

    msync_row_clear(&row);
}


static void
what_is_not_known_goes_out_as_it_came(void **state)
{
    char         *text;
    size_t        length;
    msync_row_t   row;
    msync_err_t   err;

    static const char  odd[] =
        "\"big\":12345678901234567890,\"huge\":1e400,\"a\\u00e9\":[1, "
        "{}],\"half\":\"\\ud800\",\"zero\":\"\\u0000\"";
    char               data[512];

    (void) state;
    snprintf(data, sizeof(data), "{\"units\":\"first\",%s,\"comment\":\"\","
             "\"order_number\":2.0,\"units\":\"\\u0041\\n\\ud83d\\ude00\""
             "}", odd);
    assert_ok(msync_row_decode(&row, table("unit"), MSYNC_LEGACY, "X", data,
                               NULL, &err));
    text = msync_row_encode(&row, &length, &err);
    assert_non_null(text);
    assert_int_equal(strlen(text), length);
    assert_non_null(strstr(text, odd));
    assert_non_null(strstr(text, "\"units\":\"A\\u000a\xf0\x9f\x98\x80\""));
    assert_non_null(strstr(text, "\"order_number\":2,"));
    free(text);
    msync_row_clear(&row);

    refused("unit", "{\"units\":\"a\\u0000b\",\"comment\":\"\","
            "\"order_number\":1}", "units");
    refused("unit", "{\"units\":\"u\",\"comment\":\"\","
            "\"order_number\":1e400}", "order_number");
}


/* the row as it came, with `text` in one of its fields; NULL: it waits here,
 * for this field */

static cJSON *
edited(const char *name, const char *data, const char *field,
    const char *text)
{
    char           *out;
    cJSON          *json;
    size_t          length;
    msync_row_t     row;
    msync_err_t     err;
    msync_value_t  *value;

    assert_ok(msync_row_decode(&row, table(name), table(name)->pull, "X",
                               data, NULL, &err));
    value = &row.values[msync_table_field(table(name), field)
                        - table(name)->fields];
    value->kind = MSYNC_VALUE_TEXT;
    value->text = text;
    value->length = strlen(text);

    out = msync_row_encode(&row, &length, &err);
    json = out ? cJSON_Parse(out) : NULL;

    if (out == NULL) {
        if (strstr(err.text, field) == NULL) {
            fail_msg("%s", err.text);
        }
    }

    free(out);
    msync_row_clear(&row);

    return json;
}


static void
a_word_of_a_newer_server_goes_back_until_it_is_another_one(void **state)
{
    cJSON  *json;

    static const char  data[] =
        "{\"serial_number\":1,\"name_ID\":\"M\",\"store_ID\":\"S\","
        "\"type\":\"request\",\"status\":\"fn\",\"date_entered\":"
        "\"2026-05-01\",\"om_created_datetime\":\"2026-05-01T08:00:00\","
        "\"om_status\":\"RECALLED\",\"authorisationStatus\":\"post\\u0070oned"
        "\",\"later\":[1],\"comment\":\"c\"}";
    static const char  order[] =
        "{\"purchase_order_ID\":\"P\",\"item_ID\":\"I\",\"line_number\":1,"
        "\"store_ID\":\"S\","
        "\"oms_fields\": {\"status\":\"RETURNED\", \"price_per_unit\":null,"
        "\"later\":1}}";

    (void) state;
    json = edited("requisition", data, "comment", "edited");
    assert_non_null(json);
    expect(json, "comment", "\"edited\"");
    expect(json, "om_status", "\"RECALLED\"");
    expect(json, "authorisationStatus", "\"postponed\"");
    expect(json, "later", "[1]");
    assert_null(cJSON_GetObjectItem(json, "msync_came"));
    cJSON_Delete(json);

    json = edited("requisition", data, "om_status", "SENT");
    assert_non_null(json);
    expect(json, "om_status", "\"SENT\"");
    expect(json, "authorisationStatus", "\"postponed\"");
    cJSON_Delete(json);

    assert_null(edited("requisition", data, "om_status", "ANOTHER"));

    /* the document is a value like any other */
    json = edited("purchase_order_line", order, "comment", "edited");
    assert_non_null(json);
    expect(json, "oms_fields", "{\"status\":\"RETURNED\",\"price_per_unit\":"
           "null,\"later\":1}");
    cJSON_Delete(json);
    assert_null(edited("purchase_order_line", order, "oms_fields",
                       "{\"status\":\"RETURNED\",\"price_per_unit\":1}"));
}


static void
parents_stand_before_children(void **state)
{
    size_t                i, j;
    const msync_table_t  *t;

    (void) state;
    assert_int_equal(catalogue->n, 108);

    for (i = 0; i < catalogue->n; i++) {
        t = &catalogue->tables[i];

        for (j = 0; j < t->n; j++) {
            if (t->fields[j].fk) {
                assert_non_null(t->fields[j].target);
                assert_true(t->fields[j].target < t);
            }
        }
    }
}


static void
names_are_found_exactly(void **state)
{
    (void) state;
    assert_ptr_equal(msync_catalogue_find(catalogue, "nothing"), NULL);
    assert_ptr_equal(msync_catalogue_find(catalogue, "location"), NULL);
    assert_string_equal(table("Location")->name, "Location");
    assert_int_equal(table("name")->push,
                     MSYNC_LEGACY | MSYNC_OMSUPPLY | MSYNC_V7);
    assert_int_equal(table("item")->push, 0);
}


#define LINE                                                                  \
    "\"pack_size\":1,\"cost_price\":0.5,\"sell_price\":1,"                    \
    "\"transaction_ID\":\"T\",\"item_ID\":\"I\",\"item_name\":\"n\","         \
    "\"location_ID\":\"\",\"batch\":\"\",\"type\":\"stock_in\","              \
    "\"quantity\":3,\"note\":null,\"optionID\":\"\","                         \
    "\"linked_transact_id\":\"\",\"donor_id\":null,"                          \
    "\"vaccine_vial_monitor_status_ID\":\"\",\"volume_per_pack\":0,"          \
    "\"item_line_ID\":\"\""


static void
dates_go_out_as_the_wire_wants_them(void **state)
{
    cJSON  *json;

    (void) state;
    json = round_trip("trans_line", "L", "{" LINE ",\"expiry_date\":"
                      "\"2027-01-31\"}");
    expect(json, "expiry_date", "\"2027-01-31T00:00:00\"");
    expect(json, "ID", "\"L\"");
    expect(json, "cost_price", "0.5");
    expect(json, "batch", "null");
    cJSON_Delete(json);

    json = round_trip("trans_line", "L", "{" LINE ",\"expiry_date\":"
                      "\"0000-00-00\"}");
    expect(json, "expiry_date", "null");
    cJSON_Delete(json);

    json = round_trip("trans_line", "L", "{" LINE ",\"expiry_date\":"
                      "\"2027-01-31T00:00:00\"}");
    expect(json, "expiry_date", "\"2027-01-31T00:00:00\"");
    cJSON_Delete(json);

    /* Open mSupply reads a year of two digits as it stands */
    json = round_trip("trans_line", "L", "{" LINE ",\"expiry_date\":"
                      "\"27-1-31\"}");
    expect(json, "expiry_date", "\"0027-01-31T00:00:00\"");
    cJSON_Delete(json);
}


static void
unknown_fields_survive(void **state)
{
    cJSON  *json;

    (void) state;
    json = round_trip("trans_line", "L", "{" LINE ",\"expiry_date\":\"\","
                      "\"new_field\":{\"a\":[1,2]},\"other\":\"x\"}");
    expect(json, "new_field", "{\"a\":[1,2]}");
    expect(json, "other", "\"x\"");
    cJSON_Delete(json);
}


static void
empty_objects_read_as_null(void **state)
{
    cJSON  *json;

    (void) state;
    json = round_trip("trans_line", "L", "{" LINE ",\"expiry_date\":\"\","
                      "\"oms_fields\":{}}");
    expect(json, "oms_fields", "null");
    cJSON_Delete(json);

    json = round_trip("trans_line", "L", "{" LINE ",\"expiry_date\":\"\","
                      "\"oms_fields\":{\"campaign_id\":\"c\"}}");
    expect(json, "oms_fields", "{\"campaign_id\":\"c\"}");
    cJSON_Delete(json);
}


static void
what_is_inside_of_an_object_goes_out_as_it_came(void **state)
{
    char         *text;
    size_t        length;
    msync_row_t   row;
    msync_err_t   err;

    (void) state;
    assert_ok(msync_row_decode(&row, table("trans_line"), MSYNC_LEGACY, "L",
                               "{" LINE ",\"expiry_date\":\"\","
                               "\"oms_fields\":{\"n\":9007199254740993,"
                               "\"campaign_id\":\"\"}}",
                               NULL, &err));
    text = msync_row_encode(&row, &length, &err);
    assert_non_null(text);
    assert_non_null(strstr(text, "\"oms_fields\":{\"n\":9007199254740993,"
                           "\"campaign_id\":\"\"}"));
    free(text);
    msync_row_clear(&row);
}


static void
an_empty_id_inside_of_an_object_is_left_out_where_it_is_looked_for(
    void **state)
{
    cJSON  *json;

    (void) state;
    json = round_trip("trans_line", "L", "{" LINE ",\"expiry_date\":\"\","
                      "\"oms_fields\":{\"campaign_id\":\"\","
                      "\"purchase_order_line_id\":\"\","
                      "\"manufacture_date\":\"\"}}");
    expect(json, "oms_fields", "{\"campaign_id\":\"\"}");
    cJSON_Delete(json);
}


static void
null_is_a_document_where_there_has_to_be_one(void **state)
{
    cJSON  *json;

    (void) state;
    json = round_trip("message", "M", "{\"toStoreID\":\"S\","
                      "\"fromStoreID\":\"T\",\"body\":null,"
                      "\"createdDate\":\"2026-05-01\",\"createdTime\":1,"
                      "\"status\":\"new\",\"type\":\"other\"}");
    expect(json, "body", "null");
    cJSON_Delete(json);
    json = round_trip("om_document", "D", "{\"data\":null,\"name\":\"n\","
                      "\"parent_IDs\":\"[]\",\"user_ID\":\"U\","
                      "\"datetime\":\"2026-05-01T08:00:00\",\"type\":\"t\","
                      "\"status\":\"ACTIVE\",\"context_ID\":\"c\"}");
    expect(json, "data", "\"null\"");
    cJSON_Delete(json);
}


static void
times_come_as_seconds_and_go_as_text(void **state)
{
    char    data[256];
    cJSON  *json;
    size_t  i;

    static const struct { const char *in; const char *out; } cases[] = {
        { "3661",           "\"01:01:01\"" },
        { "947",            "\"00:15:47\"" },
        { "0",              "\"00:00:00\"" },
        { "-5",             "\"00:00:00\"" },
        { "999999",         "\"00:00:00\"" },
        { "null",           "\"00:00:00\"" },
        { "\"10:20:30\"",   "\"10:20:30\"" }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        snprintf(data, sizeof(data), "{\"store_ID\":\"S\","
                 "\"item_line_ID\":\"I\",\"location_ID\":\"\","
                 "\"enter_date\":\"\",\"exit_date\":\"\","
                 "\"enter_time\":%s,\"exit_time\":0}", cases[i].in);
        json = round_trip("location_movement", "M", data);
        expect(json, "enter_time", cases[i].out);
        cJSON_Delete(json);
    }
}


static void
zero_stands_for_null_where_the_wire_refuses_null(void **state)
{
    const msync_table_t  *t = table("transact");

    (void) state;
    assert_true(msync_table_field(t, "insuranceDiscountRate")->encoding
                & MSYNC_ENC_ZERO_IS_NULL);
    assert_false(msync_table_field(t, "confirm_date")->encoding
                 & MSYNC_ENC_ZERO_IS_NULL);
}


static void
faults_name_the_field(void **state)
{
    (void) state;
    refused("unit", "{\"units\":5,\"comment\":\"\",\"order_number\":1}",
            "units");
    refused("unit", "{\"units\":\"u\",\"comment\":\"\",\"order_number\":1.5}",
            "order_number");
    refused("unit", "{\"units\":null,\"comment\":\"\",\"order_number\":1}",
            "units");
    refused("unit", "{\"ID\":\"other\",\"units\":\"u\",\"comment\":\"\","
            "\"order_number\":1}", "ID");
    refused("currency", "{\"rate\":1,\"currency\":\"c\",\"is_home_currency\":"
            "\"yes\",\"date_updated\":\"\"}", "is_home_currency");
    refused("currency", "{\"rate\":1,\"currency\":\"c\",\"is_home_currency\":"
            "true,\"date_updated\":\"31.12.2020\"}", "date_updated");
    refused("currency", "{\"rate\":1,\"currency\":\"c\",\"is_home_currency\":"
            "true,\"date_updated\":\"-202-01-01\"}", "date_updated");
    refused("currency", "{\"rate\":1,\"currency\":\"c\",\"is_home_currency\":"
            "true,\"date_updated\":\"2020-01-0\"}", "date_updated");
    refused("currency", "{\"rate\":1,\"currency\":\"c\",\"is_home_currency\":"
            "true,\"date_updated\":\"2020-01-01 0\"}", "date_updated");
    refused("currency", "{\"rate\":1,\"currency\":\"c\",\"is_home_currency\":"
            "true,\"date_updated\":\"2023-02-29\"}", "date_updated");
    refused("unit", "[]", NULL);
    refused("unit", "{", NULL);
    refused("unit", NULL, NULL);
}


static void
records_that_open_msupply_drops_are_dropped(void **state)
{
    size_t       i;
    msync_row_t  row;
    msync_err_t  err;

    static const struct {
        const char  *table;
        unsigned     side;
        const char  *data;
        bool         dropped;
    } cases[] = {
        { "property", MSYNC_LEGACY, "{\"ID\":\"P\"}", true },
        { "property", MSYNC_OMSUPPLY, "{\"id\":\"P\"}", false },
        { "store", MSYNC_LEGACY, "{\"code\":\"HIS\",\"name_ID\":\"N\"}",
          true },
        { "store", MSYNC_LEGACY, "{\"code\":\"A\",\"name_ID\":\"\"}", true },
        { "store", MSYNC_LEGACY, "{\"code\":\"A\",\"name_ID\":\"N\"}",
          false },
        { "name_tag_join", MSYNC_LEGACY, "{\"name_ID\":\"\"}", true }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_int_equal(msync_row_decode(&row, table(cases[i].table),
                                          cases[i].side, "P", cases[i].data,
                                          NULL, &err),
                         cases[i].dropped ? MSYNC_DONE : MSYNC_OK);
        msync_row_clear(&row);
    }
}


static void
bad_catalogues_are_refused_by_name(void **state)
{
    size_t       i;
    msync_err_t  err;

    static const struct { const char *json; const char *word; } cases[] = {
        { "{}", "array" },
        { "[{\"table\":\"\"}]", "usable name" },
        { "[{\"table\":\"sqlite_master\",\"key\":\"i\",\"delete\":\"hard\","
          "\"fields\":[{\"name\":\"i\",\"type\":\"string\"}]}]",
          "sqlite_master" },
        { "[{\"table\":\"sync_log\",\"key\":\"i\",\"delete\":\"hard\","
          "\"fields\":[{\"name\":\"i\",\"type\":\"string\"}]}]", "sync_log" },
        { "[{\"table\":\"a\",\"key\":\"z\",\"delete\":\"hard\","
          "\"fields\":[{\"name\":\"i\",\"type\":\"string\"}]}]", "key" },
        { "[{\"table\":\"a\",\"key\":\"i\",\"delete\":\"hard\","
          "\"fields\":[{\"name\":\"i\",\"type\":\"colour\"}]}]", "type" },
        /* SQLite takes it for the column of what the catalogue lacks */
        { "[{\"table\":\"a\",\"key\":\"MSYNC_Extra\",\"delete\":\"hard\","
          "\"fields\":[{\"name\":\"MSYNC_Extra\",\"type\":\"string\"}]}]",
          "usable name" },
        /* the reader of records takes a key of at most 79 octets */
        { "[{\"table\":\"a\",\"key\":\"" TEN TEN TEN TEN TEN TEN TEN TEN
          "\",\"delete\":\"hard\",\"fields\":[{\"name\":\"" TEN TEN TEN TEN
          TEN TEN TEN TEN "\",\"type\":\"string\"}]}]", "usable name" },
        { "[{\"table\":\"a\",\"key\":\"i\",\"delete\":\"hard\","
          "\"fields\":[{\"name\":\"i\",\"type\":\"string\"},"
          "{\"name\":\"I\",\"type\":\"string\"}]}]", "twice" },
        { "[{\"table\":\"a\",\"key\":\"i\",\"delete\":\"hard\","
          "\"fields\":[{\"name\":\"i\",\"type\":\"string\"},"
          "{\"name\":\"b\",\"type\":\"string\",\"references\":\"c\","
          "\"fk\":true}]}]", "earlier" }
    };

    (void) state;

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_null(msync_catalogue_parse(cases[i].json,
                                          strlen(cases[i].json), &err));
        assert_non_null(strstr(err.text, cases[i].word));
    }
}


/* in the memory of documents that a catalogue was read from */

static void
documents_outlast_the_catalogues_that_are_read_after_them(void **state)
{
    char               *text;
    cJSON              *before, *after;
    msync_err_t         err;
    msync_catalogue_t  *other;

    (void) state;
    before = cJSON_Parse("{\"a\":[\"before\",1]}");
    other = msync_catalogue_builtin(&err);
    assert_non_null(other);
    after = cJSON_Parse("{\"b\":[\"after\",2]}");
    msync_catalogue_free(&other);

    other = site_tables("[{\"table\":\"item\",\"fields\":[]}]", &err);
    assert_non_null(other);
    msync_catalogue_free(&other);
    assert_null(site_tables("[{\"table\":1}]", &err));

    text = cJSON_PrintUnformatted(before);
    assert_string_equal(text, "{\"a\":[\"before\",1]}");
    cJSON_free(text);
    text = cJSON_PrintUnformatted(after);
    assert_string_equal(text, "{\"b\":[\"after\",2]}");
    cJSON_free(text);
    cJSON_Delete(before);
    cJSON_Delete(after);
}


/* a key that is only beside the record */

static void
a_word_that_did_not_come_is_not_kept(void **state)
{
    msync_row_t         row;
    msync_err_t         err;
    msync_catalogue_t  *one;

    static const char  text[] =
        "[{\"table\":\"unit\",\"depends_on\":[],\"pull_from\":[\"legacy\"],"
        "\"push_to\":[],\"class\":\"central\",\"sync_style\":null,"
        "\"changelog\":null,\"legacy_channel\":\"central_records\","
        "\"key\":\"ID\",\"has_store\":null,\"delete\":\"soft\","
        "\"push_delete\":false,\"merge\":false,\"fields\":[{\"name\":\"ID\","
        "\"type\":\"string\",\"nullable\":false,\"required\":true,"
        "\"enum\":[\"a\",\"b\"]}]}]";

    (void) state;
    one = msync_catalogue_parse(text, strlen(text), &err);
    assert_non_null(one);
    assert_ok(msync_row_decode(&row, &one->tables[0], MSYNC_LEGACY, "c", "{}",
                               NULL, &err));
    assert_null(row.extra);
    msync_row_clear(&row);

    assert_ok(msync_row_decode(&row, &one->tables[0], MSYNC_LEGACY, "c",
                               "{\"ID\":\"c\"}", NULL, &err));
    assert_string_equal(row.extra, "{\"msync_came\":{\"ID\":\"c\"}}");
    msync_row_clear(&row);

    msync_catalogue_free(&one);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(a_word_that_did_not_come_is_not_kept),
        cmocka_unit_test(
            a_word_of_a_newer_server_goes_back_until_it_is_another_one),
        cmocka_unit_test(parents_stand_before_children),
        cmocka_unit_test(what_is_not_known_goes_out_as_it_came),
        cmocka_unit_test(names_are_found_exactly),
        cmocka_unit_test(dates_go_out_as_the_wire_wants_them),
        cmocka_unit_test(unknown_fields_survive),
        cmocka_unit_test(empty_objects_read_as_null),
        cmocka_unit_test(what_is_inside_of_an_object_goes_out_as_it_came),
        cmocka_unit_test(
            an_empty_id_inside_of_an_object_is_left_out_where_it_is_looked_for),
        cmocka_unit_test(null_is_a_document_where_there_has_to_be_one),
        cmocka_unit_test(times_come_as_seconds_and_go_as_text),
        cmocka_unit_test(zero_stands_for_null_where_the_wire_refuses_null),
        cmocka_unit_test(faults_name_the_field),
        cmocka_unit_test(records_that_open_msupply_drops_are_dropped),
        cmocka_unit_test(bad_catalogues_are_refused_by_name),
        cmocka_unit_test(
            documents_outlast_the_catalogues_that_are_read_after_them)
    };

    return cmocka_run_group_tests(tests, open_catalogue, close_catalogue);
}
