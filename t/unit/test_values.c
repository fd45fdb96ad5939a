/*
 * Values as applications and frameworks write them, on their way to central;
 * and what central's records lack, on their way here.
 */

#include "sent.h"

#include "run/integrate_private.h"

typedef struct {
    const char  *sql;         /* what the application writes */
    const char  *json;        /* what goes out; NULL: the row waits here */
} value_case_t;


static void
all_are_sent(site_t *site, const char *table, const char *field,
    const value_case_t *cases)
{
    size_t       i;
    const char  *json;

    for (i = 0; cases[i].sql != NULL; i++) {
        json = sent(site, table, field, cases[i].sql);

        if (strcmp(json, cases[i].json) != 0) {
            fail_msg("%s.%s = %s went out as %s, not %s", table, field,
                     cases[i].sql, json, cases[i].json);
        }
    }
}


static void
a_datetime_goes_out_in_the_form_of_the_wire(void **state)
{
    static const value_case_t  cases[] = {
        { "'2026-05-01T08:00:00'",           "\"2026-05-01T08:00:00\"" },
        { "'26-5-1 08:00:00'",               "refused" },
        { "'2026-05-01T08:00:00.123456'",    "\"2026-05-01T08:00:00.123456\"" },
        { "'2026-05-01T08:00:00.000'",       "\"2026-05-01T08:00:00.000\"" },
        /* SQLite's datetime('now') and CURRENT_TIMESTAMP */
        { "'2026-05-01 08:00:00'",           "\"2026-05-01T08:00:00\"" },
        { "'2026-05-01 08:00'",              "\"2026-05-01T08:00:00\"" },
        { "'2026-05-01'",                    "\"2026-05-01T00:00:00\"" },
        /* Django and SQLAlchemy; JavaScript and Prisma; Rails; PHP */
        { "'2026-05-01 08:00:00.123456'",    "\"2026-05-01T08:00:00.123456\"" },
        { "'2026-05-01 08:00:00.000000'",    "\"2026-05-01T08:00:00\"" },
        { "'2026-05-01 08:00:00+00:00'",     "\"2026-05-01T08:00:00\"" },
        { "'2026-05-01T08:00:00Z'",          "\"2026-05-01T08:00:00\"" },
        { "'2026-05-01T08:00:00.000Z'",      "\"2026-05-01T08:00:00\"" },
        { "'2026-05-01T08:00:00.250Z'",      "\"2026-05-01T08:00:00.250\"" },
        { "'2026-05-01 08:00:00 UTC'",       "\"2026-05-01T08:00:00\"" },
        { "'2026-05-01 08:00:00 +0000'",     "\"2026-05-01T08:00:00\"" },
        /* zones are brought to UTC, over the ends of days and years */
        { "'2026-05-01T08:00:00+02:00'",     "\"2026-05-01T06:00:00\"" },
        { "'2026-05-01T08:00:00+1300'",      "\"2026-04-30T19:00:00\"" },
        { "'2026-12-31T23:30:00-09:30'",     "\"2027-01-01T09:00:00\"" },
        { "'2024-03-01T00:00:00+00:30'",     "\"2024-02-29T23:30:00\"" },
        { "'2026-05-01T08:00+02'",           "\"2026-05-01T06:00:00\"" },
        /* Go's time.String() and Java's ZonedDateTime */
        { "'2026-05-01 08:00:00.5 +0200 CEST m=+0.000012'",
          "\"2026-05-01T06:00:00.5\"" },
        { "'2026-05-01 08:00:00 +0000 UTC'", "\"2026-05-01T08:00:00\"" },
        { "'2026-05-01T08:00Z[UTC]'", "\"2026-05-01T08:00:00\"" },
        { "'2026-05-01T08:00:00+02:00[Europe/Paris]'",
          "\"2026-05-01T06:00:00\"" },
        { "'2026-05-01T08:00:00.1234567891234'",
          "\"2026-05-01T08:00:00.123456789\"" },
        { "'2026/5/1 8:05:00'",              "\"2026-05-01T08:05:00\"" },
        { "'2026-05-01t08:00:00z'",          "\"2026-05-01T08:00:00\"" },
        { "'2026-05-01T08:00:00,5Z'",        "\"2026-05-01T08:00:00.5\"" },
        /* seconds, milliseconds (Prisma), a Julian day, also where the column
         * made a text of them */
        { "1777622400",                      "\"2026-05-01T08:00:00\"" },
        { "1777622400000",                   "\"2026-05-01T08:00:00\"" },
        { "1777622400123",                   "\"2026-05-01T08:00:00.123\"" },
        { "1777622400.5",                    "\"2026-05-01T08:00:00.500\"" },
        { "'1777622400000'",                 "\"2026-05-01T08:00:00\"" },
        { "julianday('2026-05-01 08:00:00')", "\"2026-05-01T08:00:00\"" },
        { "20260501",                        "\"2026-05-01T00:00:00\"" },
        /* these wait here */
        { "'01/05/2026 08:00'",              "refused" },
        { "'2026-02-29 08:00:00'",           "refused" },
        { "'2026-05-01 24:00:00'",           "refused" },
        { "'2026-05-01 08:00:00 GMT+'",      "refused" },
        { "'2026-05-01 08:00:00+02:00:30'",  "refused" },
        { "'2026-05-01 08:00:60Z'",          "refused" },
        { "'2026-W18-5'",                    "refused" },
        { "'2026-05-01 08:00:00 CEST'",      "refused" },
        { "'2026-05-01 08:00 PM'",           "refused" },
        { "'08:00:00'",                      "refused" },
        { "'tomorrow'",                      "refused" },
        { "0",                               "refused" },
        { "42",                              "refused" },
        { "1777622400000000",                "refused" },
        { "9e999",                           "refused" },
        { "x'00ff'",                         "refused" },
        { "NULL",                            "refused" },
        { "''",                              "refused" },
        { "'0000-00-00 00:00:00'",           "refused" },
        { "'0001-01-01T00:00:00Z'",          "refused" },
        { NULL, NULL }
    };

    all_are_sent(*state, "asset", "created_datetime", cases);
}


static void
a_datetime_may_have_names_as_mails_and_http_have(void **state)
{
    static const value_case_t  cases[] = {
        /* Python's email.utils, PHP's DATE_RFC2822, JavaScript's
         * toUTCString(); its toString() */
        { "'Fri, 01 May 2026 08:00:00 GMT'", "\"2026-05-01T08:00:00\"" },
        { "'Fri, 1 May 2026 08:00:00 +0200'", "\"2026-05-01T06:00:00\"" },
        { "'1 may 2026 08:00 -0000'",        "\"2026-05-01T08:00:00\"" },
        { "'Fri May 01 2026 08:00:00 GMT+0200 (Central European Summer "
          "Time)'", "\"2026-05-01T06:00:00\"" },
        { "'Fri May 1 2026'",                "\"2026-05-01T00:00:00\"" },
        /* a Friday; two digits of a year; a name of a zone */
        { "'Sat, 01 May 2026 08:00:00 GMT'", "refused" },
        { "'Fri, 01 May 26 08:00:00 GMT'",   "refused" },
        { "'Fri, 01 May 2026 08:00:00 EST'", "refused" },
        { "'Fri, 31 Apr 2026 08:00:00 GMT'", "refused" },
        { "'May 2026'",                      "refused" },
        { "'Fri, 01 Mai 2026'",              "refused" },
        { "'Mayday 1 2026'",                 "refused" },
        { NULL, NULL }
    };

    all_are_sent(*state, "asset", "created_datetime", cases);
}


static void
a_date_goes_out_in_the_form_of_the_wire(void **state)
{
    static const value_case_t  cases[] = {
        { "'1985-03-09'",                    "\"1985-03-09T00:00:00\"" },
        { "'1985-03-09T00:00:00'",           "\"1985-03-09T00:00:00\"" },
        { "'1985-03-09 00:00:00'",           "\"1985-03-09T00:00:00\"" },
        { "'1985-03-09T00:00:00.000Z'",      "\"1985-03-09T00:00:00\"" },
        { "'1985-03-09 00:00:00+12:00'",     "\"1985-03-09T00:00:00\"" },
        { "'1985-3-9'",                      "\"1985-03-09T00:00:00\"" },
        { "'1985/03/09'",                    "\"1985-03-09T00:00:00\"" },
        { "19850309",                        "\"1985-03-09T00:00:00\"" },
        { "479174400",                       "\"1985-03-09T00:00:00\"" },
        { "479174400000",                    "\"1985-03-09T00:00:00\"" },
        { "'479174400000'",                  "\"1985-03-09T00:00:00\"" },
        { "-631152000000",                   "\"1950-01-01T00:00:00\"" },
        { "-631152000",                      "\"1950-01-01T00:00:00\"" },
        { "julianday('1985-03-09')",         "\"1985-03-09T00:00:00\"" },
        { "2446134",                         "\"1985-03-09T00:00:00\"" },
        { "' 1985-03-09' || char(13)",       "\"1985-03-09T00:00:00\"" },
        { "char(9, 32)",                     "null" },
        { "'1985-03-09T18:00:00'",           "\"1985-03-09T00:00:00\"" },
        { "'Sat, 09 Mar 1985 00:00:00 GMT'", "\"1985-03-09T00:00:00\"" },
        { "'9 Mar 1985'",                    "\"1985-03-09T00:00:00\"" },
        { "'Sat Mar 09 1985 00:00:00 GMT+0200 (EET)'",
          "\"1985-03-09T00:00:00\"" },
        { "'1985-03-09T18:00:00+02:00'",     "\"1985-03-09T00:00:00\"" },
        /* midnight west of Greenwich; a moment that is no midnight */
        { "'1985-03-09T09:45:00Z'",          "\"1985-03-09T00:00:00\"" },
        { "'1985-03-09T18:00:00.001Z'",      "\"1985-03-09T00:00:00\"" },
        { "479233001",                       "\"1985-03-09T00:00:00\"" },
        { "NULL",                            "null" },
        { "''",                              "null" },
        { "'0000-00-00'",                    "null" },
        { "'0000-00-00 00:00:00'",           "null" },
        /* Go's time.Time{} by mattn's driver and by modernc's; .NET */
        { "'0001-01-01 00:00:00+00:00'",     "null" },
        { "'0001-01-01 00:00:00 +0000 UTC'", "null" },
        { "'0001-01-01 00:00:00'",           "null" },
        { "'0001-01-01 08:00:00'",           "\"0001-01-01T00:00:00\"" },
        /* 10 p.m., or the midnight of the 10th at UTC+2, as Java and JavaScript
         * write a day; at UTC+14 */
        { "'1985-03-09T22:00:00.000Z'",      "refused" },
        { "'1985-03-09 22:00:00.000 +00:00'", "refused" },
        { "479253600",                       "refused" },
        { "479253600000",                    "refused" },
        { "'1985-03-09T10:00:00Z'",          "refused" },
        { "'Sat, 09 Mar 1985 22:00:00 GMT'", "refused" },
        /* the 15th of January 1970 or the first of May 2008 */
        { "1209600000",                      "refused" },
        /* the last day of 9999, or one of 1978 */
        { "253402214400",                    "refused" },
        { "253402300799",                    "refused" },
        { "'9999-12-31'",                    "\"9999-12-31T00:00:00\"" },
        { "0",                               "refused" },
        { "'09.03.1985'",                    "refused" },
        { "'09/03/85'",                      "refused" },
        { "'1985-13-01'",                    "refused" },
        { "'1985-00-00'",                    "refused" },
        { "'1985'",                          "refused" },
        { "5546",                            "refused" },
        { NULL, NULL }
    };

    static const value_case_t  plain[] = {
        { "'1985-03-09'",                    "\"1985-03-09\"" },
        { "'1985-03-09 10:20:30'",           "\"1985-03-09\"" },
        { "479174400000",                    "\"1985-03-09\"" },
        { NULL, NULL }
    };

    all_are_sent(*state, "name", "date_of_birth", cases);
    all_are_sent(*state, "vaccination", "vaccination_date", plain);
}


static void
a_time_goes_out_in_the_form_of_the_wire(void **state)
{
    static const value_case_t  cases[] = {
        { "'08:00:00'",                      "\"08:00:00\"" },
        { "'08:00'",                         "\"08:00:00\"" },
        { "'8:05'",                          "\"08:05:00\"" },
        { "'08:00:00.999999'",               "\"08:00:00\"" },
        /* Rails has a day before each time */
        { "'2000-01-01 08:00:00'",           "\"08:00:00\"" },
        { "'2000-01-01T08:00:00Z'",          "\"08:00:00\"" },
        { "28800",                           "\"08:00:00\"" },
        { "'28800'",                         "\"08:00:00\"" },
        { "28800.7",                         "\"08:00:00\"" },
        { "0",                               "\"00:00:00\"" },
        { "NULL",                            "\"00:00:00\"" },
        { "''",                              "\"00:00:00\"" },
        { "'08:00:00+02:00'",                "refused" },
        { "'24:00:00'",                      "refused" },
        { "'0800'",                          "refused" },
        { "'8 o''clock'",                    "refused" },
        { "'2000-01-01'",                    "refused" },
        { "86400",                           "refused" },
        { "-1",                              "refused" },
        { "0.5",                             "refused" },
        /* in its column 08.00 is a number, and so is 0800 */
        { "8",                               "refused" },
        { "8.3",                             "refused" },
        { "800",                             "refused" },
        { "3600",                            "\"01:00:00\"" },
        { NULL, NULL }
    };

    all_are_sent(*state, "transact", "entry_time", cases);
}


static void
a_flag_goes_out_as_true_or_false(void **state)
{
    static const value_case_t  cases[] = {
        { "1", "true" },       { "0", "false" },       { "1.0", "true" },
        { "'1'", "true" },     { "'0'", "false" },     { "-1", "true" },
        { "'t'", "true" },     { "'f'", "false" },     { "'True'", "true" },
        { "'FALSE'", "false" }, { "'yes'", "true" },   { "'no'", "false" },
        { "NULL", "false" },   { "'maybe'", "refused" },
        { "''", "refused" },   { "0.5", "refused" },   { "x'01'", "refused" },
        { "' TRUE '", "true" }, { "'f' || char(13)", "false" },
        { "' '", "refused" },  { "'t r u e'", "refused" },
        { NULL, NULL }
    };

    all_are_sent(*state, "transact", "hold", cases);
}


static void
a_number_goes_out_as_a_number(void **state)
{
    static const value_case_t  numbers[] = {
        { "1", "1" },            { "0.1", "0.1" },       { "'1.50'", "1.5" },
        { "'-3'", "-3" },        { "'.5'", "0.5" },      { "'007'", "7" },
        { "'+2'", "2" },         { "'1e2'", "100" },     { "NULL", "0" },
        { "'1,5'", "refused" },  { "'1 000'", "refused" },
        { "''", "refused" },     { "'NaN'", "refused" }, { "9e999", "refused" },
        { "'1e400'", "refused" }, { "'0x10'", "refused" },
        { NULL, NULL }
    };
    static const value_case_t  integers[] = {
        { "7", "7" },            { "7.0", "7" },         { "'7'", "7" },
        { "'7.0'", "7" },        { "-2147483648", "-2147483648" },
        { "NULL", "0" },         { "7.5", "refused" },
        { "2147483648", "refused" },  { "'seven'", "refused" },
        { NULL, NULL }
    };
    static const value_case_t  nullable[] = {
        { "NULL", "null" },      { "''", "null" },       { "'2.5'", "2.5" },
        { "' '", "null" },       { "'2.5' || char(13, 10)", "2.5" },
        { NULL, NULL }
    };

    all_are_sent(*state, "trans_line", "cost_price", numbers);
    all_are_sent(*state, "rnr_form_line", "stock_out_duration", integers);
    all_are_sent(*state, "trans_line", "prescribedQuantity", nullable);
}


static void
a_choice_goes_out_as_central_spells_it(void **state)
{
    static const value_case_t  closed[] = {
        { "'DRAFT'", "\"DRAFT\"" },      { "'draft'", "\"DRAFT\"" },
        { "'Finalised'", "\"FINALISED\"" }, { "' draft '", "\"DRAFT\"" },
        { "'done'", "refused" },         { "''", "refused" },
        { "NULL", "refused" },           { "1", "refused" },
        { NULL, NULL }
    };
    static const value_case_t  nullable[] = {
        { "'FUNCTIONING'", "\"FUNCTIONING\"" },
        { "''", "null" },                { "NULL", "null" },
        { "'broken'", "refused" },
        { NULL, NULL }
    };
    static const value_case_t  open[] = {
        { "'Sc'", "\"sc\"" },            { "'FN'", "\"FN\"" },
        { "'bu'", "\"bu\"" },
        { NULL, NULL }
    };

    all_are_sent(*state, "rnr_form", "status", closed);
    all_are_sent(*state, "asset_log", "status", nullable);
    all_are_sent(*state, "transact", "type", open);
    assert_string_equal(sent(*state, "transact", "status", "'FN'"), "\"fn\"");
}


static void
a_text_goes_out_as_a_text(void **state)
{
    static const value_case_t  text[] = {
        { "'a'", "\"a\"" },   { "''", "\"\"" },       { "NULL", "\"\"" },
        { "5", "\"5\"" },     { "1.5", "\"1.5\"" },   { "2.0", "\"2.0\"" },
        { "x'61'", "refused" }, { "CAST(x'ff' AS TEXT)", "refused" },
        { NULL, NULL }
    };
    static const value_case_t  reference[] = {
        { "'L'", "\"L\"" },   { "''", "null" },       { "NULL", "null" },
        { NULL, NULL }
    };
    static const value_case_t  anybody[] = {
        { "'U'", "\"U\"" },   { "''", "\"\"" },       { "NULL", "\"\"" },
        { NULL, NULL }
    };

    all_are_sent(*state, "trans_line", "item_name", text);
    all_are_sent(*state, "trans_line", "location_ID", reference);
    all_are_sent(*state, "Stock_take", "created_by_ID", anybody);
}


static void
json_goes_out_as_it_stands_but_for_what_central_cannot_read(void **state)
{
    static const value_case_t  object[] = {
        { "'{\"campaign_id\":\"\",\"new\":[1, {\"a\":\"\"}]}'",
          "{\"campaign_id\":\"\",\"new\":[1,{\"a\":\"\"}]}" },
        { "'{\"manufacture_date\":\"2026-05-01 00:00:00\"}'",
          "{\"manufacture_date\":\"2026-05-01\"}" },
        { "'{\"manufacture_date\":\"\",\"a\":1}'", "{\"a\":1}" },
        { "CAST('{\"a\":1}' AS BLOB)", "{\"a\":1}" },
        { "''", "null" },          { "NULL", "null" },    { "'{}'", "{}" },
        { "'[]'", "null" },        { "'[1]'", "refused" },
        { "'{\"manufacture_date\":\"May\"}'", "refused" },
        { "'{'", "refused" },      { "5", "refused" },
        { NULL, NULL }
    };
    static const value_case_t  order[] = {
        { "'{\"status\":\"sent\",\"sent_datetime\":1777622400000}'",
          "{\"status\":\"SENT\",\"sent_datetime\":\"2026-05-01T08:00:00\"}" },
        { "'{\"status\":null,\"supplier_discount_percentage\":\"2.5\"}'",
          "{\"supplier_discount_percentage\":2.5}" },
        { NULL, NULL }
    };
    static const value_case_t  any[] = {
        { "'[1, 2]'", "[1,2]" },   { "'\"\"'", "\"\"" },  { "5", "5" },
        { "'text'", "refused" },   { "NULL", "refused" },
        /* 123 as SQLite's JSONB */
        { "x'33313233'", "refused" },
        { "CAST('[1]' AS BLOB)", "[1]" },
        { NULL, NULL }
    };
    static const value_case_t  text[] = {
        { "'{\"a\": 1} '", "\"{\\\"a\\\": 1} \"" },
        { "CAST('{\"a\":1}' AS BLOB)", "\"{\\\"a\\\":1}\"" },
        /* SQLAlchemy's null, and that of a form */
        { "'null'", "null" },      { "''", "null" },      { "NULL", "null" },
        { "'[object Object]'", "refused" },
        { "'{''a'': None}'", "refused" },
        { "'{\"a\":NaN}'", "refused" },
        { "x'133311'", "refused" },
        { NULL, NULL }
    };
    static const value_case_t  as_text[] = {
        { "char(65279) || '{\"a\": 1} '", "\"{\\\"a\\\": 1} \"" },
        { NULL, NULL }
    };

    all_are_sent(*state, "trans_line", "oms_fields", object);
    all_are_sent(*state, "purchase_order", "oms_fields", order);
    all_are_sent(*state, "message", "body", any);
    all_are_sent(*state, "om_document", "data", as_text);
    all_are_sent(*state, "asset", "properties", text);
    all_are_sent(*state, "asset", "locked_fields_json", text);
    all_are_sent(*state, "name_oms_fields", "properties", text);
}


/* of each table that is pushed, a row of nothing but nulls */

static void
null_is_sent_only_where_central_takes_it(void **state)
{
    site_t  *site = *state;
    size_t   i, j, n = 0;
    cJSON   *json;

    char                 *text;
    size_t                length;
    msync_row_t           row;
    msync_err_t           err;
    msync_field_t        *field;
    const msync_table_t  *table;

    for (i = 0; i < site->catalogue->n; i++) {
        table = &site->catalogue->tables[i];

        for (j = 0; table->push != 0 && j < table->n; j++) {
            field = &table->fields[j];
            n += field->required;
            field->required = false;
        }

        if (table->push == 0) {
            continue;
        }

        msync_row_init(&row, table);

        /* these need one of two dates (docs/values.md) */
        for (j = 0; strncmp(table->name, "temperature_", 12) == 0
             && j < table->n; j++)
        {
            if (table->fields[j].type == MSYNC_TYPE_DATETIME) {
                row.values[j].kind = MSYNC_VALUE_TEXT;
                row.values[j].text = "2026-05-01T08:00:00";
                row.values[j].length = 19;
            }
        }

        text = msync_row_encode(&row, &length, &err);
        assert_non_null(text);
        json = cJSON_Parse(text);
        assert_non_null(json);

        for (j = 0; j < table->n; j++) {
            field = &table->fields[j];

            if (field->local_only || field->nullable) {
                continue;
            }

            if (cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(json,
                                                              field->name)))
            {
                fail_msg("%s.%s is null", table->name, field->name);
            }
        }

        cJSON_Delete(json);
        free(text);
        msync_row_clear(&row);
    }

    assert_true(n > 100);
}


/* a row of nothing but this, as it is sent */

static bool
is_sent(site_t *site, const char *name, const char *field, const char *text)
{
    char                 *json;
    size_t                i, length;
    msync_row_t           row;
    msync_err_t           err;
    const msync_table_t  *table = msync_catalogue_find(site->catalogue, name);

    msync_row_init(&row, table);

    for (i = 0; i < table->n; i++) {
        table->fields[i].required = false;

        if (strcmp(table->fields[i].name, field) == 0) {
            row.values[i].kind = MSYNC_VALUE_TEXT;
            row.values[i].text = text;
            row.values[i].length = strlen(text);
        }
    }

    json = msync_row_encode(&row, &length, &err);
    msync_row_clear(&row);
    free(json);

    return json != NULL;
}


static void
what_central_reads_only_together_is_sent_only_together(void **state)
{
    site_t  *site = *state;

    assert_true(is_sent(site, "requisition", "comment", "c"));
    assert_false(is_sent(site, "requisition", "om_created_datetime",
                         "2026-05-01"));
    assert_false(is_sent(site, "temperature_log", "date", ""));
    assert_false(is_sent(site, "temperature_log", "date", "0000-00-00"));
    assert_true(is_sent(site, "temperature_log", "date", "2026-05-01"));
    assert_true(is_sent(site, "temperature_log", "om_datetime",
                        "2026-05-01"));
    assert_false(is_sent(site, "temperature_breach", "end_date",
                         "2026-05-01"));
    assert_false(is_sent(site, "temperature_breach", "start_date",
                         "0001-01-01"));
    assert_true(is_sent(site, "temperature_breach", "start_date",
                        "2026-05-01"));
}


static void
a_field_that_may_be_absent_and_is_null_is_left_out(void **state)
{
    assert_string_equal(sent(*state, "asset_log", "created_datetime", "NULL"),
                        "left out");
    assert_string_equal(sent(*state, "asset_log", "log_datetime", "NULL"),
                        "refused");
}


/* … on the way here */

static void
pull(site_t *site, unsigned side, const char *table, const char *id,
    const char *data, int64_t failed)
{
    msync_err_t         err;
    msync_integrated_t  result;

    site_pull(site, side, table, id, MSYNC_ACTION_UPSERT, data);
    assert_ok(msync_integrate(site->store, site->catalogue, true, NULL, NULL,
                              &result, &err));
    assert_int_equal(result.failed, failed);
}


static void
what_a_record_lacks_is_neutral_in_a_new_row_and_kept_in_an_old_one(
    void **state)
{
    site_t  *site = *state;

    pull(site, MSYNC_LEGACY, "unit", "U", "{\"units\":\"box\"}", 0);
    assert_string_equal(site_get(site, "SELECT units || '|' || comment || "
                                 "'|' || order_number FROM unit"), "box||0");

    pull(site, MSYNC_LEGACY, "unit", "U", "{\"comment\":\"c\","
         "\"order_number\":4}", 0);
    pull(site, MSYNC_LEGACY, "unit", "U", "{\"units\":\"bag\"}", 0);
    assert_string_equal(site_get(site, "SELECT units || '|' || comment || "
                                 "'|' || order_number FROM unit"),
                        "bag|c|4");
}


static void
a_record_that_lacks_what_has_no_neutral_value_changes_only_a_row(
    void **state)
{
    site_t  *site = *state;

    pull(site, MSYNC_OMSUPPLY, "campaign", "C", "{\"name\":\"first\"}", 0);
    pull(site, MSYNC_OMSUPPLY, "asset_log_reason", "R",
         "{\"reason\":\"old\"}", 1);
    assert_string_equal(site_get(site, "SELECT error_field || ': ' || "
                                 "integration_error FROM sync_buffer WHERE "
                                 "record_id = 'R'"),
                        "asset_log_status: field \"asset_log_status\" is "
                        "missing");

    pull(site, MSYNC_OMSUPPLY, "asset_log_reason", "R",
         "{\"reason\":\"old\",\"asset_log_status\":\"FUNCTIONING\"}", 0);
    pull(site, MSYNC_OMSUPPLY, "asset_log_reason", "R",
         "{\"reason\":\"new\"}", 0);
    assert_string_equal(site_get(site, "SELECT reason || '|' || "
                                 "asset_log_status FROM asset_log_reason"),
                        "new|FUNCTIONING");
}


static void
numbers_that_no_row_can_hold_are_named(void **state)
{
    size_t   i;
    char     data[64];
    site_t  *site = *state;

    static const char *const  numbers[] = {
        "1e400", "-1e400", "1180591620717411303424", "1e30", "0.5"
    };

    for (i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        snprintf(data, sizeof(data), "{\"order_number\":%s}", numbers[i]);
        pull(site, MSYNC_LEGACY, "unit", "U", data, 1);
        assert_non_null(strstr(site_get(site, "SELECT integration_error FROM "
                                        "sync_buffer"),
                               "field \"order_number\" is not a"));
    }
}


static void
a_date_is_read_as_open_msupply_reads_it(void **state)
{
    size_t   i;
    char     data[160];
    site_t  *site = *state;

    static const char *const  dates[] = {
        "2022-01-02", "2022-01-02T00:00:00", "2022-01-02 00:00:00",
        "2022-01-02T10:20:30Z"
    };
    static const char *const  datetimes[] = {
        "2022-01-02T10:20:30", "2022-01-02 10:20:30", "2022-01-02T10:20:30Z",
        "2022-01-02 12:20:30+02:00"
    };

    for (i = 0; i < sizeof(dates) / sizeof(*dates); i++) {
        snprintf(data, sizeof(data), "{\"type\":\"patient\","
                 "\"date_of_birth\":\"%s\",\"om_created_datetime\":\"%s\"}",
                 dates[i], datetimes[i]);
        pull(site, MSYNC_LEGACY, "name", "N", data, 0);
        assert_string_equal(site_get(site, "SELECT date_of_birth || ' ' || "
                                     "om_created_datetime FROM name"),
                            "2022-01-02 2022-01-02T10:20:30");
    }

    pull(site, MSYNC_LEGACY, "name", "N", "{\"om_created_datetime\":\"soon\"}",
         1);
}


static void
an_empty_id_is_a_value_where_nothing_has_to_be_there(void **state)
{
    site_t  *site = *state;

    site_sql(site, "PRAGMA foreign_keys = OFF;"
             "INSERT INTO name (ID, type) VALUES ('N', 'store');"
             "INSERT INTO store (ID, name_ID, store_mode) VALUES ('S', 'N', "
             "'store')");
    pull(site, MSYNC_LEGACY, "Stock_take", "T", "{\"store_ID\":\"S\","
         "\"created_by_ID\":\"\",\"status\":\"sg\","
         "\"stock_take_created_date\":\"2026-01-01\"}", 0);
    assert_string_equal(site_get(site, "SELECT '<' || created_by_ID || '>' "
                                 "FROM Stock_take"), "<>");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        T(a_datetime_goes_out_in_the_form_of_the_wire),
        T(a_datetime_may_have_names_as_mails_and_http_have),
        T(a_date_goes_out_in_the_form_of_the_wire),
        T(a_time_goes_out_in_the_form_of_the_wire),
        T(a_flag_goes_out_as_true_or_false),
        T(a_number_goes_out_as_a_number),
        T(a_choice_goes_out_as_central_spells_it),
        T(a_text_goes_out_as_a_text),
        T(json_goes_out_as_it_stands_but_for_what_central_cannot_read),
        T(null_is_sent_only_where_central_takes_it),
        T(what_central_reads_only_together_is_sent_only_together),
        T(a_field_that_may_be_absent_and_is_null_is_left_out),
        T(what_a_record_lacks_is_neutral_in_a_new_row_and_kept_in_an_old_one),
        T(a_record_that_lacks_what_has_no_neutral_value_changes_only_a_row),
        T(numbers_that_no_row_can_hold_are_named),
        T(a_date_is_read_as_open_msupply_reads_it),
        T(an_empty_id_is_a_value_where_nothing_has_to_be_there)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
