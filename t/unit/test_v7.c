/*
 * Tables of the site database on the wire of sync v7: rows that an
 * application wrote for v6, what central may be sent, whose a row is.
 */

#include "v7_rows.h"


static void
an_invoice_of_an_application_for_v6_goes_out_by_v7(void **state)
{
    site_t  *site = *state;

    site_sql(site, INVOICE);
    assert_sent("transact", "T", "type", "\"OUTBOUND_SHIPMENT\"");
    assert_sent("transact", "T", "status", "\"PICKED\"");
    assert_sent("transact", "T", "created_datetime",
                "\"2026-05-01T08:00:00\"");
    assert_sent("transact", "T", "picked_datetime",
                "\"2026-05-02T09:00:00\"");
    assert_sent("transact", "T", "name_store_id", "\"X\"");
    assert_sent("transact", "T", "charges_local_currency", "0");

    /* of a store that sends it, it is on its way */
    site_sql(site, "UPDATE transact SET type = 'si', status = 'nw'");
    assert_sent("transact", "T", "status", "\"SHIPPED\"");
    assert_sent("transact", "T", "shipped_datetime",
                "\"2026-05-01T08:00:00\"");
    site_sql(site, "UPDATE transact SET name_ID = 'P'");
    assert_sent("transact", "T", "status", "\"NEW\"");
    site_sql(site, "UPDATE transact SET name_ID = 'M', type = 'ci', status = "
             "'cn'");

    /* of the name for inventory, too */
    site_sql(site, "UPDATE name SET code = 'invad' WHERE ID = 'M'; UPDATE "
             "transact SET type = 'sc', status = 'cn'");
    assert_sent("transact", "T", "type", "\"INVENTORY_REDUCTION\"");
    assert_sent("transact", "T", "status", "\"VERIFIED\"");
    assert_sent("transact", "T", "verified_datetime",
                "\"2026-05-02T09:00:00\"");
    site_sql(site, "UPDATE name SET code = 'T' WHERE ID = 'M'; UPDATE "
             "transact SET type = 'ci', status = 'cn'");

    /* what the application says itself counts */
    site_sql(site, "UPDATE transact SET om_status = 'DELIVERED', type = 'si', "
             "om_type = 'INBOUND_SHIPMENT'");
    assert_sent("transact", "T", "status", "\"RECEIVED\"");
    assert_sent("transact", "T", "type", "\"INBOUND_SHIPMENT\"");

    /* but for what was copied from the other side of a transfer */
    site_sql(site, "UPDATE transact SET om_type = 'OUTBOUND_SHIPMENT'");
    assert_sent("transact", "T", "type", "\"INBOUND_SHIPMENT\"");
    assert_sent("transact", "T", "status", "\"RECEIVED\"");
}


static void
a_line_has_what_its_item_and_its_price_say(void **state)
{
    site_t  *site = *state;

    site_sql(site, INVOICE
             "INSERT INTO trans_line (ID, transaction_ID, item_ID, item_name, "
             "pack_size, cost_price, sell_price, type, quantity, om_tax) "
             "VALUES ('L', 'T', 'I', 'Pills', 1, 2, 3.5, 'stock_out', 10, "
             "10)");
    assert_sent("trans_line", "L", "item_code", "\"pills\"");
    assert_sent("trans_line", "L", "total_before_tax", "35");
    assert_sent("trans_line", "L", "total_after_tax", "38.5");
    assert_sent("trans_line", "L", "type", "\"StockOut\"");

    site_sql(site, "UPDATE name SET supplier = 1 WHERE ID = 'M'; INSERT INTO "
             "name_store_join (ID, name_ID, store_ID, om_name_is_supplier) "
             "VALUES ('J', 'M', 'S', 0)");
    assert_sent("name_store_join", "J", "name_is_supplier", "true");
}


static void
a_row_says_whose_it_is(void **state)
{
    site_t                *site = *state;
    msync_batch_t          batch;
    const msync_record_t  *record;

    site_sql(site, INVOICE
             "INSERT INTO trans_line (ID, transaction_ID, item_ID, item_name, "
             "pack_size, cost_price, sell_price, type, quantity) VALUES ('L', "
             "'T', 'I', 'Pills', 1, 2, 3, 'stock_out', 10);"
             "UPDATE name SET name = 'Eva' WHERE ID = 'P'");

    record = outgoing(site, "trans_line", "L", &batch);
    assert_non_null(record);
    assert_string_equal(record->store, "S");
    assert_string_equal(record->transfer_store, "X");
    assert_null(record->patient);
    msync_batch_clear(&batch);

    record = outgoing(site, "name", "P", &batch);
    assert_non_null(record);
    assert_null(record->store);
    assert_string_equal(record->patient, "P");
    msync_batch_clear(&batch);

    site_sql(site, "DELETE FROM trans_line; DELETE FROM transact");
    record = outgoing(site, "trans_line", "L", &batch);
    assert_non_null(record);
    assert_string_equal(record->store, "S");
    msync_batch_clear(&batch);
}


static void
what_central_would_refuse_without_a_word_waits_here(void **state)
{
    site_t         *site = *state;
    msync_batch_t   batch;

    site_sql(site, INVOICE "UPDATE transact SET om_status = 'LOST'");
    assert_non_null(strstr(sent(site, "transact", "T", "status"),
                           "field \"om_status\" holds what is not clearly "
                           "one of"));

    site_sql(site, "UPDATE transact SET om_status = NULL");
    assert_sent("transact", "T", "status", "\"PICKED\"");
    assert_string_equal(site_get(site, "SELECT count(*) FROM msync_refused"),
                        "1");

    /* no store, so that central would leave it out */
    site_sql(site, "INSERT INTO message (ID, body, createdDate, createdTime, "
             "status, type) VALUES ('G', '{}', '2026-05-01', '08:00:00', "
             "'new', 'RequestFieldChange')");
    assert_null(outgoing(site, "message", "G", &batch));
    msync_batch_clear(&batch);
    assert_string_equal(site_get(site, "SELECT count(*) FROM msync_refused "
                                 "WHERE table_name = 'message' AND error LIKE "
                                 "'central takes rows of this table only%'"),
                        "1");
}


/* whoever knows nothing of a row but that it names no store has to be told; of
 * what central sends to all sites that is how it came */

static void
what_is_sent_again_is_what_central_takes_or_a_person_can_mend(void **state)
{
    site_t  *site = *state;

    site_initialise(site);
    site_sql(site, "DROP TRIGGER msync_message_INSERT;"
             "DROP TRIGGER msync_asset_INSERT;"
             "INSERT INTO message (ID, fromStoreID, toStoreID, body, "
             "createdDate, createdTime, status, type) SELECT "
             "column1, column2, column3, '{}', '2026-05-01', '08:00:00', "
             "'new', 'Merge' FROM (VALUES ('ours', 'S', 'X'), ('to us', 'X', "
             "'S'), ('others', 'X', NULL), ('to all', NULL, NULL));"
             "INSERT INTO asset (id, store_id, created_datetime, "
             "modified_datetime) SELECT column1, column2, '2026-05-01', "
             "'2026-05-01' FROM (VALUES ('here', 'S'), ('there', 'X'), "
             "('nowhere', NULL));");
    site_open_again(site);
    assert_string_equal(site_get(site, "SELECT group_concat(record_id) FROM "
                                 "(SELECT record_id FROM msync_never_sent "
                                 "WHERE doubted AND table_name = 'message' "
                                 "ORDER BY 1)"),
                        "ours,to us");
    assert_string_equal(site_get(site, "SELECT group_concat(record_id) FROM "
                                 "(SELECT record_id FROM msync_never_sent "
                                 "WHERE doubted AND table_name = 'asset' "
                                 "ORDER BY 1)"),
                        "here,nowhere");
}


static void
deletes_go_out_of_few_tables(void **state)
{
    site_t         *site = *state;
    msync_batch_t   batch;

    site_sql(site, INVOICE "INSERT INTO Location (ID, Description, code, hold, "
             "store_ID) VALUES ('A', 'Shelf', 'A', 0, 'S'); DELETE FROM "
             "Location; DELETE FROM transact");
    assert_null(outgoing(site, "Location", "A", &batch));
    msync_batch_clear(&batch);
    assert_non_null(outgoing(site, "transact", "T", &batch));
    msync_batch_clear(&batch);
    assert_true(msync_v7_takes_delete(msync_catalogue_find(site->catalogue,
                                                           "name")));
}


#define MOVEMENT                                                              \
    "{\"id\":\"V\",\"store_id\":\"S\",\"stock_line_id\":\"K\","               \
    "\"location_id\":null,\"enter_datetime\":\"2026-02-03T04:05:06.789\","    \
    "\"exit_datetime\":null,\"of_3_1\":[1,null]}"


static void
what_no_column_can_say_goes_out_as_it_came_until_its_column_changes(
    void **state)
{
    site_t  *site = *state;

    site_sql(site, "INSERT INTO item_line (ID, store_ID, item_ID, pack_size) "
             "VALUES ('K', 'S', 'I', 1)");
    pull(site, "location_movement", "V", MOVEMENT);
    assert_string_equal(site_get(site, "SELECT enter_date || enter_time FROM "
                                 "location_movement"), "2026-02-0304:05:06");

    site_sql(site, "UPDATE location_movement SET exit_date = '2026-02-04', "
             "exit_time = '00:00:01'");
    assert_sent("location_movement", "V", "enter_datetime",
                "\"2026-02-03T04:05:06.789\"");
    assert_sent("location_movement", "V", "exit_datetime",
                "\"2026-02-04T00:00:01\"");
    assert_sent("location_movement", "V", "of_3_1", "[1,null]");

    site_sql(site, "UPDATE location_movement SET enter_time = '05:00:00'");
    assert_sent("location_movement", "V", "enter_datetime",
                "\"2026-02-03T05:00:00\"");
}


#define REQUEST                                                               \
    "{\"id\":\"R\",\"requisition_number\":1,\"store_id\":\"S\","              \
    "\"user_id\":null,\"type\":\"Request\",\"status\":\"DRAFT\","            \
    "\"created_datetime\":\"2026-05-01T08:00:00\",\"sent_datetime\":null,"   \
    "\"finalised_datetime\":null,\"expected_delivery_date\":null,"           \
    "\"colour\":null,\"comment\":null,\"their_reference\":null,"             \
    "\"max_months_of_stock\":3,\"min_months_of_stock\":1,"                   \
    "\"approval_status\":null,\"linked_requisition_id\":null,"               \
    "\"program_id\":null,\"period_id\":null,\"order_type\":null,"            \
    "\"is_emergency\":false,\"created_from_requisition_id\":null,"           \
    "\"name_store_id\":null,\"name_id\":\"M\","                              \
    "\"destination_customer_id\":null}"


static void
the_other_party_is_as_it_came_until_it_is_another_one(void **state)
{
    site_t  *site = *state;

    pull(site, "requisition", "R", REQUEST);
    assert_string_equal(site_get(site, "SELECT type || status || daysToSupply "
                                 "|| date_entered FROM requisition"),
                        "requestsg902026-05-01");
    site_sql(site, "UPDATE requisition SET comment = 'urgent'");
    assert_sent("requisition", "R", "comment", "\"urgent\"");
    assert_sent("requisition", "R", "name_store_id", "null");

    site_sql(site, "UPDATE requisition SET name_ID = 'N'");
    assert_sent("requisition", "R", "name_store_id", "\"S\"");

    site_sql(site, "UPDATE requisition SET name_ID = 'P', name_store_id = "
             "'S'");
    assert_sent("requisition", "R", "name_store_id", "null");
}


static void
what_the_application_reads_is_what_v6_has(void **state)
{
    site_t  *site = *state;

    pull(site, "item", "J", "{\"id\":\"J\",\"name\":\"Gauze\",\"code\":\"g\","
         "\"unit_id\":null,\"strength\":null,\"ven_category\":\"NotAssigned\","
         "\"default_pack_size\":1,\"type\":\"NonStock\",\"legacy_record\":\"\","
         "\"is_active\":false,\"is_vaccine\":false,\"vaccine_doses\":0,"
         "\"restricted_location_type_id\":null,\"volume_per_pack\":0,"
         "\"universal_code\":null}");
    assert_string_equal(site_get(site, "SELECT item_name || type_of || "
                                 "VEN_category || inactive FROM item WHERE "
                                 "ID = 'J'"), "Gauzenon_stock1");

    /* a central that speaks v6 lets it live again */
    site_pull(site, MSYNC_LEGACY, "item", "J", MSYNC_ACTION_UPSERT,
              "{\"ID\":\"J\",\"item_name\":\"Gauze\",\"code\":\"g\","
              "\"type_of\":\"general\",\"VEN_category\":\"\"}");
    pull(site, "om_context", "C", "{\"id\":\"C\",\"name\":\"Context\"}");
    assert_string_equal(site_get(site, "SELECT inactive FROM item WHERE ID = "
                                 "'J'"), "0");
}


static void
a_customer_of_an_indicator_is_the_store_of_a_name(void **state)
{
    site_t  *site = *state;

    site_sql(site, "INSERT INTO periodSchedule (ID, name) VALUES ('D', 'd');"
             "INSERT INTO period (ID, periodScheduleID, startDate, endDate, "
             "name) VALUES ('E', 'D', '2026-01-01', '2026-01-31', 'e');"
             "INSERT INTO program_indicator (ID, program_ID, is_active) VALUES "
             "('Q', 'none', 1);"
             "INSERT INTO indicator_attribute (ID, indicator_ID, value_type, "
             "axis) VALUES ('R', 'Q', 'number', 'row')");
    pull(site, "indicator_value", "W", "{\"id\":\"W\",\"store_id\":\"S\","
         "\"period_id\":\"E\",\"indicator_line_id\":\"R\","
         "\"indicator_column_id\":\"R\",\"value\":\"3\","
         "\"customer_name_id\":\"M\"}");
    assert_string_equal(site_get(site, "SELECT facility_ID FROM "
                                 "indicator_value"), "X");

    site_sql(site, "UPDATE indicator_value SET facility_ID = 'S'");
    assert_sent("indicator_value", "W", "customer_name_id", "\"N\"");
}


/* an echo of before an edit, or an edit elsewhere */

static void
what_the_site_alone_changes_is_not_overwritten(void **state)
{
    site_t              *site = *state;
    msync_err_t          err;
    msync_integrated_t   result;

    pull(site, "Location", "A", "{\"id\":\"A\",\"name\":\"Shelf\","
         "\"code\":\"a\",\"on_hold\":false,\"store_id\":\"S\","
         "\"location_type_id\":null,\"volume\":0}");
    site_sql(site, "UPDATE Location SET Description = 'Fridge'; " SITE_SENT);
    site_pull_v7(site, "Location", "A", "{\"id\":\"A\",\"name\":\"Shelf\","
                 "\"code\":\"a\",\"on_hold\":false,\"store_id\":\"S\","
                 "\"location_type_id\":null,\"volume\":0}", "S", NULL, NULL);
    assert_ok(msync_integrate(site->store, site->catalogue, true, NULL, NULL,
                              &result, &err));
    assert_string_equal(site_get(site, "SELECT Description FROM Location"),
                        "Fridge");
    assert_string_equal(site_get(site, "SELECT integration_error FROM "
                                 "sync_buffer"),
                        "it belongs to this site, which alone changes it; "
                        "what central has sent of it is not taken");

    /* while everything comes anew, what central has is taken */
    site_sql(site, "DELETE FROM sync_buffer");
    site_pull_v7(site, "Location", "A", "{\"id\":\"A\",\"name\":\"Shelf\"}",
                 "S", NULL, NULL);
    assert_ok(msync_integrate(site->store, site->catalogue, false, NULL, NULL,
                              &result, &err));
    assert_string_equal(site_get(site, "SELECT Description FROM Location"),
                        "Shelf");
}


/* the clinician of another site, the provider made after the first sync: v7
 * brings neither */

static void
a_patients_rows_do_not_wait_for_what_never_comes(void **state)
{
    site_t  *site = *state;

    pull(site, "nameInsuranceJoin", "Y", "{\"id\":\"Y\","
         "\"insurance_provider_id\":\"none\",\"policy_number\":\"1\","
         "\"policy_type\":\"PERSONAL\",\"discount_percentage\":5,"
         "\"expiry_date\":\"2027-01-01\",\"is_active\":true,"
         "\"name_of_insured\":\"Ana\",\"name_id\":\"P\"}");
    assert_string_equal(site_get(site, "SELECT insuranceProviderID || "
                                 "json_extract(oms_fields, "
                                 "'$.name_of_insured') FROM "
                                 "nameInsuranceJoin"), "noneAna");

    site_sql(site, INVOICE "UPDATE transact SET prescriber_ID = 'none', "
             "nameInsuranceJoinID = 'Y', name_ID = 'P'");
    assert_sent("transact", "T", "clinician_link_id", "\"none\"");
}


static void
a_site_takes_what_is_for_it(void **state)
{
    size_t   i;
    site_t  *site = *state;

    static const struct {
        const char           *table;
        msync_v7_envelope_t   envelope;
        bool                  fits;
    } cases[] = {
        { "unit",        { 0 }, true },
        { "unit",        { .has_store = true }, false },
        { "Location",    { .has_store = true }, false },
        { "Location",    { .has_store = true, .store_is_ours = true }, true },
        { "transact",    { .has_store = true, .has_transfer_store = true,
                           .transfer_store_is_ours = true }, true },
        { "transact",    { .has_store = true, .has_transfer_store = true },
          false },
        { "om_document", { .has_patient = true }, true },
        { "om_document", { 0 }, false },
        { "asset",       { .has_store = true, .store_is_ours = true }, true },
        { "sync_file_reference", { .has_store = true }, true }
    };

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_int_equal(msync_v7_unfit(msync_catalogue_find(site->catalogue,
                                                             cases[i].table),
                                        &cases[i].envelope) == NULL,
                         cases[i].fits);
    }
}


static void
a_message_may_be_a_merge(void **state)
{
    char    *keep, *lose;
    site_t  *site = *state;

    const msync_table_t  *table;

    assert_true(msync_v7_merge(site->catalogue, "{\"type\":\"Merge\",\"body\":"
                               "\"{\\\"tableName\\\":\\\"Name\\\","
                               "\\\"mergeIdToKeep\\\":\\\"K\\\","
                               "\\\"mergeIdToDelete\\\":\\\"L\\\"}\"}",
                               &table, &keep, &lose));
    assert_string_equal(table->name, "name");
    assert_string_equal(keep, "K");
    assert_string_equal(lose, "L");
    msync_free(&keep);
    msync_free(&lose);

    assert_false(msync_v7_merge(site->catalogue, "{\"type\":\"Other\"}",
                                &table, &keep, &lose));
    assert_null(table);
    assert_string_equal(msync_v7_name(msync_catalogue_find(site->catalogue,
                                          "indicator_attribute"),
                                      "{\"column_number\":1}"),
                        "IndicatorColumn");
    assert_null(msync_v7_find(site->catalogue, "Site"));
}


/* whose store is this site's is known before it is asked */

static void
stores_come_before_what_belongs_to_one(void **state)
{
    size_t    i;
    site_t   *site = *state;
    bool      known = false;

    const msync_table_t  *table;

    for (i = 0; i < site->catalogue->n; i++) {
        table = &site->catalogue->tables[i];
        known = known || strcmp(table->name, "store") == 0;

        if (table->v7_styles & (MSYNC_V7_REMOTE | MSYNC_V7_REMOTE_OWNED
                                | MSYNC_V7_TRANSFER))
        {
            assert_true(known);
        }
    }
}


/* the texts of a record lie in memory as large as the record */

static void
a_date_that_is_none_takes_no_more_memory_than_it_was_written_in(void **state)
{
    char          data[600];
    site_t       *site = *state;
    msync_row_t   row;
    msync_err_t   err;

    snprintf(data, sizeof(data), "{\"id\":\"C\",\"start_date\":"
             "\"0000-00-00 %0500d\"}", 0);
    assert_ok(msync_row_decode(&row, msync_v7_find(site->catalogue,
                                                   "Campaign"),
                               MSYNC_V7, "C", data, NULL, &err));
    assert_true(row.used <= strlen(data));
    msync_row_clear(&row);
}


#define EACH(name)  cmocka_unit_test_setup_teardown(name, open_v7, site_close)

int
main(void)
{
    const struct CMUnitTest  tests[] = {
        EACH(an_invoice_of_an_application_for_v6_goes_out_by_v7),
        EACH(a_line_has_what_its_item_and_its_price_say),
        EACH(a_row_says_whose_it_is),
        EACH(what_central_would_refuse_without_a_word_waits_here),
        EACH(what_is_sent_again_is_what_central_takes_or_a_person_can_mend),
        EACH(deletes_go_out_of_few_tables),
        EACH(
            what_no_column_can_say_goes_out_as_it_came_until_its_column_changes),
        EACH(the_other_party_is_as_it_came_until_it_is_another_one),
        EACH(what_the_application_reads_is_what_v6_has),
        EACH(a_customer_of_an_indicator_is_the_store_of_a_name),
        EACH(what_the_site_alone_changes_is_not_overwritten),
        EACH(a_patients_rows_do_not_wait_for_what_never_comes),
        EACH(a_site_takes_what_is_for_it),
        EACH(a_message_may_be_a_merge),
        EACH(stores_come_before_what_belongs_to_one),
        EACH(a_date_that_is_none_takes_no_more_memory_than_it_was_written_in)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
