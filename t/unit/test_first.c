/* A first sync: from the answer straight into the tables. */

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "integration.h"
#include "run/fill_private.h"
#include "store/bulk.h"

#define ITEM_IN(category)                                                     \
    "{\"item_name\":\"i\",\"code\":\"c\",\"unit_ID\":\"\","                  \
    "\"type_of\":\"general\",\"default_pack_size\":1,\"is_vaccine\":false,"   \
    "\"VEN_category\":\"\",\"strength\":\"\",\"doses\":0,"                    \
    "\"category_ID\":\"" category "\",\"volume_per_pack\":0,"                \
    "\"restricted_location_type_ID\":\"\",\"universalcodes_code\":\"\"}"
#define VARIANT                                                               \
    "{\"name\":\"v\",\"item_link_id\":\"I\","                               \
    "\"cold_storage_type_id\":\"C\",\"manufacturer_id\":\"M\","             \
    "\"created_datetime\":\"2026-01-01T00:00:00\"}"
#define MANY  5000


typedef struct {
    const char      *table;
    const char      *id;
    msync_action_e   action;
    const char      *data;
    unsigned         side;
} pulled_t;


/* one transaction with these records; its result */

static int
fill_with(site_t *site, const pulled_t *pulled, size_t n)
{
    int             rc;
    size_t          i;
    uint64_t        rows;
    msync_err_t     err;
    msync_fill_t   *fill;
    msync_batch_t   batch;

    fill = msync_fill_create(site->store, site->catalogue);

    for (i = 0; i < n; i++) {
        batch = (msync_batch_t) { 0 };
        site_record(&batch, pulled[i].table, pulled[i].id, pulled[i].action,
                    pulled[i].data);
        msync_fill_put(fill, &batch, pulled[i].side ? pulled[i].side
                                                    : MSYNC_LEGACY);
        msync_batch_clear(&batch);
    }

    msync_err_clear(&err);
    rc = msync_fill_write(fill, &rows, &err);

    if (rc == MSYNC_OK) {
        assert_ok(msync_store_commit(site->store, &err));
        msync_fill_written(fill);
        assert_true(msync_fill_is_empty(fill));

    } else if (rc == MSYNC_ERROR) {
        assert_false(msync_store_in_transaction(site->store));
    }

    msync_fill_free(&fill);
    return rc;
}

#define fill(site, ...)                                                       \
    fill_with(site, (const pulled_t[]) { __VA_ARGS__ },                       \
              sizeof((const pulled_t[]) { __VA_ARGS__ }) / sizeof(pulled_t))
#define upsert(table, id, data)  { table, id, MSYNC_ACTION_UPSERT, data, 0 }
#define removal(table, id)       { table, id, MSYNC_ACTION_DELETE, NULL, 0 }


static void
a_record_is_a_row_and_never_in_the_buffer(void **state)
{
    site_t  *site = *state;

    assert_string_equal(indexes(site), "1");
    assert_int_equal(fill(site, upsert("item", "I", ITEM_IN("K"))), MSYNC_OK);
    assert_int_equal(fill(site, upsert("item_category", "K", CATEGORY)),
                     MSYNC_OK);
    assert_string_equal(site_get(site, "SELECT Description || category_ID "
                                 "FROM item_category, item"), "cK");
    assert_string_equal(site_get(site, "SELECT count(*) FROM sync_buffer"),
                        "0");
    assert_string_equal(site_get(site, "SELECT count(*) FROM changelog"),
                        "0");

    integrate(site, false);
    assert_string_equal(indexes(site), "2");
    assert_string_equal(site_get(site, "SELECT count(*) FROM key_value_store "
                                 "WHERE id = 'MSYNC_FILLING'"), "0");
    assert_string_equal(site_get(site, "SELECT count(*) FROM item"), "1");
}


/* many categories, whose last transaction is lost; how many are there then */

static const char *
fill_many_and_lose_the_last(site_t *site, const char *category)
{
    int             i;
    char            id[32];
    uint64_t        rows;
    msync_err_t     err;
    msync_fill_t   *fill = msync_fill_create(site->store, site->catalogue);
    msync_batch_t   batch;

    for (i = 0; i < MANY; i++) {
        batch = (msync_batch_t) { 0 };
        snprintf(id, sizeof(id), "C%05d", i);
        site_record(&batch, "item_category", id, MSYNC_ACTION_UPSERT,
                    category);
        msync_fill_put(fill, &batch, MSYNC_LEGACY);
        msync_batch_clear(&batch);
    }

    assert_ok(msync_fill_write(fill, &rows, &err));
    assert_int_equal(rows, MANY);
    msync_store_rollback(site->store);
    msync_fill_free(&fill);

    return site_get(site, "SELECT count(*) FROM item_category");
}


/* whoever writes gets in between; what is there already comes again, and is
 * there once */

static void
many_rows_are_several_transactions_while_others_write(void **state)
{
    int          before, after;
    site_t      *site = *state;
    msync_err_t  err;

    assert_ok(msync_store_yield(site->store, &err));
    assert_string_equal(fill_many_and_lose_the_last(site, CATEGORY), "0");

    site_sql(site, "CREATE TABLE note (text)");
    assert_ok(msync_store_yield(site->store, &err));

    before = atoi(fill_many_and_lose_the_last(site, CATEGORY));
    assert_in_range(before, 1, MANY - 1);

    after = atoi(fill_many_and_lose_the_last(site, CATEGORY));
    assert_in_range(after, before, MANY - 1);
    assert_string_equal(site_get(site, "SELECT count(*) FROM changelog"),
                        "0");

    /* and nothing that others write meanwhile is silenced */
    assert_string_equal(site_get(site, "SELECT integrating FROM msync_flag"),
                        "0");
}


/* a commit of theirs that finds 1,000 pages in it copies them all into the
 * database, and whoever commits has to wait for that */

static void
others_find_a_log_that_they_need_not_empty(void **state)
{
    int          pages;
    char         category[2048];
    site_t      *site = *state;
    msync_err_t  err;

    snprintf(category, sizeof(category), "{\"Description\":\"%01900d\","
             "\"sort_order\":1}", 0);

    assert_ok(msync_store_bulk(site->store, true, &err));
    assert_ok(msync_store_yield(site->store, &err));
    site_sql(site, "CREATE TABLE note (text)");
    assert_ok(msync_store_yield(site->store, &err));

    (void) fill_many_and_lose_the_last(site, category);
    assert_int_equal(sqlite3_wal_checkpoint_v2(site->app, NULL,
                         SQLITE_CHECKPOINT_PASSIVE, &pages, NULL), SQLITE_OK);
    assert_in_range(pages, 1, 999);
}


/* those that no row uses, several of one table; the one that is used waits */

static void
indexes_of_unused_references_are_made_at_once(void **state)
{
    site_t  *site = *state;

    static const char  made[] = "SELECT group_concat(name) FROM (SELECT name "
        "FROM sqlite_master WHERE type = 'index' AND tbl_name = "
        "'item_variant' AND name LIKE 'msync%' ORDER BY name)";

    assert_string_equal(site_get(site, made), "");
    assert_int_equal(fill(site, { "item_variant", "V", MSYNC_ACTION_UPSERT,
        "{\"name\":\"v\",\"item_link_id\":\"I\","
        "\"created_datetime\":\"2026-01-01T00:00:00\"}", MSYNC_OMSUPPLY }),
        MSYNC_OK);
    assert_string_equal(site_get(site, made),
                        "msync_item_variant_cold_storage_type_id,"
                        "msync_item_variant_manufacturer_id");
}


/* whoever writes waits for each transaction that it comes upon */

static void
while_another_program_writes_transactions_are_short(void **state)
{
    int64_t      alone;
    site_t      *site = *state;
    msync_err_t  err;

    assert_ok(msync_store_yield(site->store, &err));
    alone = msync_store_hold(site->store);

    /* half a second is promised to whoever begins to write now, with what a
     * commit takes and who found the lock taken sleeps */
    assert_in_range(alone, 1, 250);

    site_sql(site, "CREATE TABLE note (text)");

    assert_ok(msync_store_yield(site->store, &err));
    assert_true(msync_store_hold(site->store) * 4 <= alone);
}


/* a transaction that made all would last as long as all of them */

static void
of_a_large_table_one_index_is_made_in_a_transaction(void **state)
{
    char     expected[2] = "0";
    site_t  *site = *state;

    assert_int_equal(fill(site, { "item_variant", "V", MSYNC_ACTION_UPSERT,
                                  VARIANT, MSYNC_OMSUPPLY }), MSYNC_OK);
    site_sql(site, "PRAGMA foreign_keys = OFF; UPDATE item_variant SET rowid "
             "= 1000000");

    for (; expected[0] < '4'; expected[0]++) {
        assert_string_equal(site_get(site, "SELECT count(*) FROM "
            "sqlite_master WHERE type = 'index' AND tbl_name = "
            "'item_variant' AND name LIKE 'msync%'"), expected);
        assert_int_equal(fill(site, { "item_variant", "W",
                                      MSYNC_ACTION_UPSERT, VARIANT,
                                      MSYNC_OMSUPPLY }), MSYNC_OK);
    }
}


/* one that grows with each row makes each of their waits longer */

static void
while_others_write_an_index_waits_for_a_large_table(void **state)
{
    site_t  *site = *state;

    static const char  made[] = "SELECT count(*) FROM sqlite_master WHERE "
        "name = 'msync_item_variant_item_link_id'";

    assert_int_equal(fill(site, { "item_variant", "V", MSYNC_ACTION_UPSERT,
                                  VARIANT, MSYNC_OMSUPPLY }), MSYNC_OK);
    site_sql(site, "PRAGMA foreign_keys = OFF; UPDATE item_variant SET rowid "
             "= 100000");
    assert_int_equal(fill(site, { "item_variant", "W", MSYNC_ACTION_UPSERT,
                                  VARIANT, MSYNC_OMSUPPLY }), MSYNC_OK);
    assert_string_equal(site_get(site, made), "0");

    site_sql(site, "UPDATE item_variant SET rowid = 150000 WHERE id = 'W'");
    assert_int_equal(fill(site, { "item_variant", "W", MSYNC_ACTION_UPSERT,
                                  VARIANT, MSYNC_OMSUPPLY }), MSYNC_OK);
    assert_string_equal(site_get(site, made), "1");
}


/* all that it held is there again when the parent has come */

static void
a_row_without_its_parent_waits_for_it_in_the_buffer(void **state)
{
    char                 before[4096];
    site_t              *site = *state;
    msync_integrated_t   result;

    static const char  all[] = "SELECT group_concat(quote(item_name) || "
        "quote(is_vaccine) || quote(volume_per_pack) || quote(category_ID) "
        "|| quote(unit_ID) || quote(msync_extra)) FROM item";

    assert_int_equal(fill(site, upsert("item", "I",
        "{\"item_name\":\"\u00e9\\\"\",\"code\":\"c\",\"unit_ID\":\"\","
        "\"type_of\":\"general\",\"default_pack_size\":1.5,"
        "\"is_vaccine\":true,\"VEN_category\":\"\",\"strength\":\"\","
        "\"doses\":0,\"category_ID\":\"K\",\"universalcodes_code\":\"\","
        "\"restricted_location_type_ID\":\"\",\"volume_per_pack\":0.25,"
        "\"newer\":{\"a\":[1,\"\",null]}}")), MSYNC_OK);
    snprintf(before, sizeof(before), "%s", site_get(site, all));
    assert_true(strlen(before) > 40);

    result = integrate(site, false);
    assert_int_equal(result.failed, 1);
    assert_string_equal(site_get(site, "SELECT count(*) FROM item"), "0");
    assert_string_equal(site_get(site, "SELECT integration_error FROM "
                                 "sync_buffer"),
                        "field \"category_ID\": there is no item_category "
                        "\"K\" yet");
    assert_string_equal(site_get(site, "SELECT count(*) FROM changelog"),
                        "0");

    site_pull(site, MSYNC_LEGACY, "item_category", "K", MSYNC_ACTION_UPSERT,
              CATEGORY);
    integrate(site, true);
    assert_string_equal(site_get(site, all), before);
    assert_string_equal(site_get(site, "SELECT count(*) FROM sync_buffer"),
                        "0");
}


static void
the_children_of_a_row_that_waits_wait_with_it(void **state)
{
    site_t              *site = *state;
    msync_integrated_t   result;

    assert_int_equal(fill(site, upsert("item", "I", ITEM_IN("nowhere")),
        upsert("barcode", "B", "{\"barcode\":\"1\",\"itemID\":\"I\","
               "\"manufacturerID\":\"\",\"parentID\":\"\"}")),
        MSYNC_OK);
    assert_string_equal(site_get(site, "SELECT count(*) FROM barcode"), "1");
    result = integrate(site, false);
    assert_int_equal(result.failed, 2);
    assert_string_equal(site_get(site, "SELECT group_concat(record_id) FROM "
                                 "(SELECT * FROM sync_buffer ORDER BY "
                                 "record_id)"), "B,I");
    assert_string_equal(site_get(site, "SELECT count(*) FROM "
                                 "pragma_foreign_key_check"), "0");
}


static void
of_several_versions_the_last_one_counts(void **state)
{
    site_t  *site = *state;

    /* at once */
    assert_int_equal(fill(site, upsert("unit", "A", UNIT("first")),
        upsert("unit", "A", UNIT("second")),
        upsert("unit", "B", "{\"units\":1}"), upsert("unit", "B", UNIT("b")),
        upsert("unit", "C", UNIT("c")), removal("unit", "C"),
        removal("unit", "D"), upsert("unit", "D", UNIT("d")),
        upsert("unit", "E", UNIT("e")), upsert("unit", "E", "{\"units\":1}")),
        MSYNC_OK);

    /* and one after the other */
    assert_int_equal(fill(site, upsert("unit", "F", "{\"units\":1}"),
        removal("unit", "G"), upsert("unit", "H", UNIT("h")),
        upsert("unit", "I", UNIT("i"))), MSYNC_OK);
    assert_int_equal(fill(site, upsert("unit", "F", UNIT("f")),
        upsert("unit", "G", UNIT("g")), removal("unit", "H"),
        upsert("unit", "I", UNIT("later"))), MSYNC_OK);

    assert_string_equal(site_get(site, "SELECT group_concat(record_id || "
                                 "action) FROM (SELECT * FROM sync_buffer "
                                 "ORDER BY record_id)"),
                        "CDELETE,EUPSERT,HDELETE");
    integrate(site, false);
    assert_string_equal(site_get(site, "SELECT group_concat(units || "
                                 "inactive) FROM (SELECT * FROM unit ORDER "
                                 "BY ID)"),
                        "second0,b0,c1,d0,e0,f0,g0,h1,later0");
    assert_string_equal(site_get(site, "SELECT group_concat(record_id) FROM "
                                 "sync_buffer"), "E");
}


static void
what_cannot_be_a_row_is_kept_with_its_reason(void **state)
{
    site_t  *site = *state;

    assert_int_equal(fill(site, upsert("strange", "S", "{}"),
        { "unit", "W", MSYNC_ACTION_UPSERT, UNIT("w"), MSYNC_OMSUPPLY },
        { "unit", "X", MSYNC_ACTION_UNKNOWN, UNIT("x"), 0 },
        { "property", "P", MSYNC_ACTION_UPSERT, "{}", MSYNC_LEGACY }),
        MSYNC_OK);
    integrate(site, false);
    assert_string_equal(site_get(site, "SELECT group_concat(record_id || ' ' "
                                 "|| integration_error) FROM (SELECT * FROM "
                                 "sync_buffer ORDER BY record_id)"),
                        "S the catalogue does not know this table,"
                        "W this server does not send this table,"
                        "X the action is none that is known");
}


static void
what_the_application_refuses_waits_with_its_words(void **state)
{
    site_t  *site = *state;

    site_sql(site, "CREATE TRIGGER no BEFORE INSERT ON unit WHEN NEW.ID = "
             "'bad' BEGIN SELECT raise(ABORT, 'not here'); END");
    assert_int_equal(fill(site, upsert("unit", "a", UNIT("a")),
        upsert("unit", "bad", UNIT("b")), upsert("unit", "c", UNIT("c"))),
        MSYNC_OK);
    assert_string_equal(site_get(site, "SELECT count(*) FROM unit"), "2");
    integrate(site, false);
    assert_string_equal(site_get(site, "SELECT record_id || "
                                 "integration_error FROM sync_buffer"),
                        "badnot here");
}


/* nothing is known of it then, so it has to be asked for again */

static void
what_the_application_undoes_comes_by_way_of_the_buffer(void **state)
{
    uint64_t        rows;
    site_t         *site = *state;
    msync_err_t     err;
    msync_fill_t   *fill;
    msync_batch_t   batch = { 0 };

    site_sql(site, "CREATE TRIGGER no BEFORE INSERT ON unit WHEN NEW.ID = "
             "'bad' BEGIN SELECT raise(ROLLBACK, 'not here'); END");
    site_record(&batch, "unit", "bad", MSYNC_ACTION_UPSERT, UNIT("b"));
    fill = msync_fill_create(site->store, site->catalogue);
    msync_fill_put(fill, &batch, MSYNC_LEGACY);
    assert_int_equal(msync_fill_write(fill, &rows, &err), MSYNC_AGAIN);
    assert_false(msync_store_in_transaction(site->store));
    assert_true(msync_fill_is_empty(fill));
    assert_true(msync_fill_is_slow(fill));
    msync_fill_free(&fill);
    msync_batch_clear(&batch);
}


static void
an_edit_of_this_site_is_not_overwritten(void **state)
{
    site_t  *site = *state;

    site_add_stores(site);
    site_sql(site, "INSERT INTO Location (ID, Description, code, store_ID) "
             "VALUES ('L', 'mine', 'c', 'S1')");
    assert_int_equal(fill(site, upsert("Location", "L", LOCATION),
        upsert("Location", "M", LOCATION)), MSYNC_OK);
    assert_string_equal(site_get(site, "SELECT group_concat(Description) "
                                 "FROM (SELECT * FROM Location ORDER BY ID)"),
                        "mine,central's");
}


/* made by an application without foreign keys, while others were filled */

static void
a_row_of_this_site_stays_whatever_it_refers_to(void **state)
{
    site_t  *site = *state;

    site_sql(site, "PRAGMA foreign_keys = OFF; INSERT INTO Location (ID, "
             "code, store_ID) VALUES ('L', 'mine', 'nowhere')");
    integrate(site, false);
    assert_string_equal(site_get(site, "SELECT code FROM Location"), "mine");
    assert_string_equal(site_get(site, "SELECT count(*) FROM sync_buffer"),
                        "0");
}


/* the trigger undoes what was moved with it, which is moved again */

static void
a_row_that_the_application_lets_not_go_stays_alone(void **state)
{
    site_t  *site = *state;

    assert_int_equal(fill(site,
        upsert("item_direction", "A", DIRECTION("J")),
        upsert("item_direction", "B", DIRECTION("J")),
        upsert("item_direction", "C", DIRECTION("J"))), MSYNC_OK);
    site_sql(site, "CREATE TRIGGER no BEFORE DELETE ON item_direction WHEN "
             "OLD.ID = 'B' BEGIN SELECT raise(ROLLBACK, 'it stays'); END");
    integrate(site, true);
    assert_string_equal(site_get(site, "SELECT group_concat(ID) FROM "
                                 "item_direction"), "B");
    assert_string_equal(site_get(site, "SELECT group_concat(record_id) FROM "
                                 "(SELECT record_id FROM sync_buffer ORDER "
                                 "BY 1)"), "A,C");
}


static void
a_database_with_references_to_nothing_is_not_filled(void **state)
{
    site_t      *site = *state;
    msync_err_t  err;

    site_sql(site, "PRAGMA foreign_keys = OFF; INSERT INTO Location (ID, "
             "code, store_ID) VALUES ('L', 'mine', 'nowhere')");
    assert_ok(msync_store_fill_begin(site->store, &err));
    assert_false(msync_store_is_filling(site->store));
    assert_string_equal(indexes(site), "2");
}


static void
who_opens_the_database_next_ends_the_filling(void **state)
{
    bool         begun;
    site_t      *site = *state;
    msync_err_t  err;

    assert_int_equal(fill(site, upsert("item", "I", ITEM_IN("K"))), MSYNC_OK);
    site_open_again(site);
    assert_string_equal(indexes(site), "1");
    assert_false(msync_store_is_filling(site->store));

    integrate(site, true);
    assert_string_equal(indexes(site), "2");
    assert_string_equal(site_get(site, "SELECT record_id FROM sync_buffer"),
                        "I");
    assert_ok(msync_store_fill_begun(site->store, &begun, &err));
    assert_false(begun);
}


/* by a migration while it is at work; its row without a parent stays a row */

static void
a_table_that_loses_its_rowid_is_filled_all_the_same(void **state)
{
    bool         begun;
    site_t      *site = *state;
    msync_err_t  err;

    site_sql(site, "DROP TABLE item_direction; CREATE TABLE item_direction ("
             "ID TEXT PRIMARY KEY, item_ID TEXT REFERENCES item, directions "
             "TEXT, priority INTEGER, msync_extra TEXT) WITHOUT ROWID");
    assert_int_equal(fill(site, upsert("item_direction", "A", DIRECTION("I")),
                          upsert("item_direction", "B", DIRECTION("J")),
                          upsert("item", "I", ITEM_IN(""))), MSYNC_OK);
    integrate(site, true);
    assert_string_equal(site_get(site, "SELECT group_concat(ID) FROM "
                                 "item_direction"), "A,B");
    assert_string_equal(indexes(site), "2");
    assert_ok(msync_store_fill_begun(site->store, &begun, &err));
    assert_false(begun);
    assert_non_null(strstr(site_check(site), "refers to a row of \"item\""));
}


/* as a full disk would: SQLite undoes the transaction by itself */

static void
let_writes_fail(bool fail)
{
    struct rlimit  limit;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = fail ? 1 : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}


static void
an_index_whose_commit_failed_is_made_again(void **state)
{
    int                  rc;
    site_t              *site = *state;
    msync_err_t          err;
    msync_integrated_t   result;

    assert_int_equal(fill(site, upsert("item", "I", ITEM("U")),
        upsert("unit", "U", UNIT("box"))), MSYNC_OK);
    let_writes_fail(true);
    rc = msync_integrate(site->store, site->catalogue, false, NULL, NULL,
                         &result, &err);
    let_writes_fail(false);
    assert_int_equal(rc, MSYNC_ERROR);
    assert_string_equal(indexes(site), "1");

    integrate(site, false);
    assert_string_equal(indexes(site), "2");
    assert_string_equal(site_get(site, "SELECT unit_ID FROM item"), "U");
}


static void
a_filling_that_could_not_begin_begins_again(void **state)
{
    int          rc;
    bool         begun;
    site_t      *site = *state;
    msync_err_t  err;

    let_writes_fail(true);
    rc = msync_store_fill_begin(site->store, &err);
    let_writes_fail(false);
    assert_int_equal(rc, MSYNC_ERROR);
    assert_false(msync_store_is_filling(site->store));
    assert_ok(msync_store_fill_begun(site->store, &begun, &err));
    assert_false(begun);
    assert_string_equal(indexes(site), "2");

    assert_ok(msync_store_fill_begin(site->store, &err));
    assert_true(msync_store_is_filling(site->store));
}


/* a log that grew while nothing limited it */

static void
the_log_of_a_first_sync_is_not_kept(void **state)
{
    int          i;
    char         path[sizeof(((site_t *) NULL)->path) + 8];
    site_t      *site = *state;
    msync_err_t  err;
    struct stat  st;

    snprintf(path, sizeof(path), "%s-wal", site->path);
    site_sql(site, "PRAGMA wal_autocheckpoint = 0;"
             "CREATE TABLE large (data);"
             "INSERT INTO large VALUES (zeroblob(20000000));");
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size > 20000000);

    assert_ok(msync_store_bulk(site->store, true, &err));
    assert_ok(msync_store_bulk(site->store, false, &err));

    for (i = 0; i < 2; i++) {
        site_sql(site, "PRAGMA wal_checkpoint");
        assert_ok(msync_store_set_int(site->store, "N", i, &err));
    }

    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size <= 16777216);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        FILLING(a_record_is_a_row_and_never_in_the_buffer),
        FILLING(indexes_of_unused_references_are_made_at_once),
        FILLING(while_another_program_writes_transactions_are_short),
        FILLING(many_rows_are_several_transactions_while_others_write),
        FILLING(others_find_a_log_that_they_need_not_empty),
        FILLING(of_a_large_table_one_index_is_made_in_a_transaction),
        FILLING(while_others_write_an_index_waits_for_a_large_table),
        FILLING(a_row_without_its_parent_waits_for_it_in_the_buffer),
        FILLING(the_children_of_a_row_that_waits_wait_with_it),
        FILLING(of_several_versions_the_last_one_counts),
        FILLING(what_cannot_be_a_row_is_kept_with_its_reason),
        FILLING(what_the_application_refuses_waits_with_its_words),
        FILLING(what_the_application_undoes_comes_by_way_of_the_buffer),
        FILLING(an_edit_of_this_site_is_not_overwritten),
        FILLING(a_row_of_this_site_stays_whatever_it_refers_to),
        FILLING(a_row_that_the_application_lets_not_go_stays_alone),
        T(a_database_with_references_to_nothing_is_not_filled),
        FILLING(who_opens_the_database_next_ends_the_filling),
        FILLING(a_table_that_loses_its_rowid_is_filled_all_the_same),
        FILLING(an_index_whose_commit_failed_is_made_again),
        T(a_filling_that_could_not_begin_begins_again),
        T(the_log_of_a_first_sync_is_not_kept)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
