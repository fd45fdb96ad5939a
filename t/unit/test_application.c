/* What the schema of the application may do to an integration. */

#include "integration.h"
#include "base/log.h"

#define ABBREVIATION(word)                                                    \
    "{\"abbreviation\":\"" word "\",\"expansion\":\"e\"}"
#define REFUSES(table, how)                                                   \
    "CREATE TRIGGER no BEFORE INSERT ON " table " WHEN NEW.ID LIKE 'bad%' "   \
    "BEGIN SELECT raise(" how ", 'the application says no'); END;"
#define DEFERRED(table)                                                       \
    "CREATE TABLE mine (id INTEGER PRIMARY KEY, ref TEXT REFERENCES "         \
    table " DEFERRABLE INITIALLY DEFERRED);"


static void
assert_failed(site_t *site, const char *expected)
{
    assert_string_equal(site_get(site, "SELECT group_concat(record_id || ' ' "
                                 "|| integration_error) FROM (SELECT * FROM "
                                 "sync_buffer WHERE integration_datetime IS "
                                 "NULL ORDER BY record_id)"), expected);
}


static void
application_lacks(sqlite3_context *context, int n, sqlite3_value **values)
{
    (void) n;
    (void) values;
    sqlite3_result_error(context, "no such function", -1);
}


/* what the triggers call that came later than SQLite 3.22 */

static void
an_application_may_have_an_older_sqlite(void **state)
{
    size_t   i;
    site_t  *site = *state;

    static const char *const  newer[] = { "iif", "format", "unixepoch" };

    for (i = 0; i < sizeof(newer) / sizeof(*newer); i++) {
        assert_int_equal(sqlite3_create_function(site->app, newer[i], -1,
                             SQLITE_UTF8, NULL, application_lacks, NULL,
                             NULL), SQLITE_OK);
    }

    site_sql(site, "INSERT INTO Location (ID, store_ID) VALUES ('L', 'S');"
             "UPDATE Location SET code = 'c';"
             "REPLACE INTO Location (ID, store_ID) VALUES ('L', 'S');"
             "DELETE FROM Location; UPDATE changelog SET store_id = 'T';"
             "DELETE FROM changelog");
    assert_string_equal(site_get(site, "SELECT row_action FROM changelog"),
                        "DELETE");
}


/* nothing else tells of a change; the next one sends the row as it is */

static void
what_runs_no_trigger_is_not_noticed(void **state)
{
    site_t        *site = *state;
    sqlite3_blob  *blob;

    site_sql(site, "INSERT INTO Location (ID, store_ID, code) VALUES ('L', "
             "'S', 'abc')");
    assert_int_equal(sqlite3_blob_open(site->app, "main", "Location", "code",
                                       1, 1, &blob), SQLITE_OK);
    assert_int_equal(sqlite3_blob_write(blob, "xyz", 3, 0), SQLITE_OK);
    assert_int_equal(sqlite3_blob_close(blob), SQLITE_OK);
    (void) sqlite3_db_config(site->app, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0,
                             NULL);
    site_sql(site, "UPDATE Location SET Description = 'd'");
    (void) sqlite3_db_config(site->app, SQLITE_DBCONFIG_ENABLE_TRIGGER, 1,
                             NULL);
    assert_string_equal(site_get(site, "SELECT count(*) FROM changelog"),
                        "1");
    site_sql(site, "UPDATE Location SET hold = 1");
    assert_string_equal(site_get(site, "SELECT count(*) || code FROM "
                                 "changelog, Location"), "2xyz");
}


static void
a_deferred_key_keeps_its_record(void **state)
{
    site_t              *site = *state;
    msync_err_t          err;
    msync_integrated_t   result;

    site_sql(site, DEFERRED("abbreviation")
             "INSERT INTO abbreviation (ID) VALUES ('A'), ('B'), ('C');"
             "INSERT INTO mine (ref) VALUES ('B')");
    site_pull(site, MSYNC_LEGACY, "abbreviation", "A", MSYNC_ACTION_DELETE,
              NULL);
    site_pull(site, MSYNC_LEGACY, "abbreviation", "B", MSYNC_ACTION_DELETE,
              NULL);
    site_pull(site, MSYNC_LEGACY, "abbreviation", "C", MSYNC_ACTION_DELETE,
              NULL);
    site_pull(site, MSYNC_LEGACY, "unit", "U", MSYNC_ACTION_UPSERT,
              UNIT("box"));
    result = integrate(site, true);
    assert_int_equal(result.integrated, 3);
    assert_int_equal(result.failed, 1);
    assert_failed(site, "B other records still refer to it: FOREIGN KEY "
                  "constraint failed");
    assert_string_equal(site_get(site, "SELECT group_concat(ID) FROM "
                                 "abbreviation"), "B");

    /* nothing refers to it any more */
    site_sql(site, "DELETE FROM mine");
    assert_ok(msync_store_buffer_wake_all(site->store, &err));
    assert_int_equal(integrate(site, true).integrated, 1);
    assert_string_equal(site_get(site, "SELECT count(*) FROM abbreviation"),
                        "0");
}


/* the sentence is the same */

static void
an_immediate_key_keeps_its_record(void **state)
{
    site_t  *site = *state;

    site_sql(site, "CREATE TABLE mine (ref REFERENCES abbreviation);"
             "INSERT INTO abbreviation (ID) VALUES ('B');"
             "INSERT INTO mine (ref) VALUES ('B')");
    site_pull(site, MSYNC_LEGACY, "abbreviation", "B", MSYNC_ACTION_DELETE,
              NULL);
    assert_int_equal(integrate(site, true).failed, 1);
    assert_failed(site, "B other records still refer to it: FOREIGN KEY "
                  "constraint failed");
}


/* as frameworks declare them where they rebuild a table; the application's own
 * rows are its matter */

static void
a_key_that_changes_rows_along_keeps_its_delete(void **state)
{
    site_t              *site = *state;
    msync_err_t          err;
    msync_integrated_t   result;

    site_sql(site, "PRAGMA writable_schema = ON; UPDATE sqlite_master SET sql "
             "= replace(sql, '\"Location\" (\"ID\")', 'Location ON DELETE SET "
             "NULL') WHERE name = 'sensor'; PRAGMA writable_schema = RESET;"
             "CREATE TABLE mine (ref TEXT REFERENCES Location (ID) ON DELETE "
             "CASCADE); INSERT INTO Location (ID, store_ID) VALUES ('A', 'S'), "
             "('B', 'S'); INSERT INTO sensor (ID, locationID, storeID) VALUES "
             "('X', 'A', 'S'); INSERT INTO mine VALUES ('A'), ('B')");
    site_open_again(site);
    site_pull(site, MSYNC_LEGACY, "Location", "A", MSYNC_ACTION_DELETE, NULL);
    site_pull(site, MSYNC_LEGACY, "Location", "B", MSYNC_ACTION_DELETE, NULL);
    result = integrate(site, true);
    assert_int_equal(result.integrated, 1);
    assert_failed(site, "A other records still refer to it: a foreign key of "
                  "the application's (ON DELETE) would change \"sensor\" with "
                  "it");
    assert_string_equal(site_get(site, "SELECT group_concat(ref || locationID)"
                                 " FROM mine, sensor"), "AA");

    site_sql(site, "DELETE FROM sensor");
    assert_ok(msync_store_buffer_wake_all(site->store, &err));
    assert_int_equal(integrate(site, true).integrated, 1);
    assert_string_equal(site_get(site, "SELECT count(*) FROM mine"), "0");
}


/* what the application's trigger deletes does not refer to it any more */

static void
a_deferred_key_that_is_met_in_the_end_keeps_nothing(void **state)
{
    site_t  *site = *state;

    site_sql(site, DEFERRED("abbreviation")
             "CREATE TRIGGER tidy AFTER DELETE ON abbreviation BEGIN "
             "DELETE FROM mine WHERE ref = OLD.ID; END;"
             "INSERT INTO abbreviation (ID) VALUES ('B');"
             "INSERT INTO mine (ref) VALUES ('B')");
    site_pull(site, MSYNC_LEGACY, "abbreviation", "B", MSYNC_ACTION_DELETE,
              NULL);
    assert_int_equal(integrate(site, true).failed, 0);
    assert_string_equal(site_get(site, "SELECT count(*) FROM mine"), "0");
}


static void
a_deferred_key_keeps_the_loser_of_a_merge(void **state)
{
    site_t              *site = *state;
    msync_integrated_t   result;

    site_sql(site, DEFERRED("clinician")
             "INSERT INTO clinician (ID) VALUES ('A'), ('B'), ('C');"
             "INSERT INTO mine (ref) VALUES ('B')");
    site_pull(site, MSYNC_LEGACY, "clinician", "m", MSYNC_ACTION_MERGE,
              "{\"mergeIdToKeep\":\"A\",\"mergeIdToDelete\":\"B\"}");
    site_pull(site, MSYNC_LEGACY, "clinician", "n", MSYNC_ACTION_MERGE,
              "{\"mergeIdToKeep\":\"A\",\"mergeIdToDelete\":\"C\"}");
    result = integrate(site, true);
    assert_int_equal(result.integrated, 1);
    assert_failed(site, "m column \"ref\" of the application's table \"mine\" "
                  "refers to the record that goes (mergeIdToDelete); let it "
                  "refer to the one that stays");
    assert_string_equal(site_get(site, "SELECT group_concat(ID) FROM "
                                 "clinician"), "A,B");
    assert_string_equal(site_get(site, "SELECT group_concat(record_id) FROM "
                                 "msync_merged"), "C");
}


/* it shows at the commit; one of them gets its parent later */

static void
a_deferred_key_that_an_upsert_violates_costs_that_record(void **state)
{
    site_t              *site = *state;
    msync_integrated_t   result;

    site_sql(site, "DROP TABLE abbreviation;"
             "CREATE TABLE abbreviation (ID TEXT PRIMARY KEY, abbreviation "
             "TEXT REFERENCES abbreviation DEFERRABLE INITIALLY DEFERRED, "
             "expansion TEXT, msync_extra TEXT)");
    site_pull(site, MSYNC_LEGACY, "abbreviation", "A", MSYNC_ACTION_UPSERT,
              ABBREVIATION("A"));
    site_pull(site, MSYNC_LEGACY, "abbreviation", "B", MSYNC_ACTION_UPSERT,
              ABBREVIATION("nowhere"));
    site_pull(site, MSYNC_LEGACY, "abbreviation", "C", MSYNC_ACTION_UPSERT,
              ABBREVIATION("A"));
    result = integrate(site, false);
    assert_int_equal(result.integrated, 2);
    assert_int_equal(result.failed, 1);
    assert_failed(site, "B a foreign key is not met");
    assert_string_equal(site_get(site, "SELECT group_concat(ID) FROM "
                                 "abbreviation"), "A,C");
}


/* several of them, in tables before and after others, one behind a commit */

static void
a_trigger_that_rolls_back_costs_its_record(void **state)
{
    site_t              *site = *state;
    msync_integrated_t   result;

    site_sql(site, REFUSES("unit", "ROLLBACK")
             "CREATE TRIGGER stays BEFORE DELETE ON abbreviation BEGIN "
             "SELECT raise(ROLLBACK, 'it stays'); END;"
             "INSERT INTO abbreviation (ID) VALUES ('D')");
    site_pull(site, MSYNC_LEGACY, "unit", "A", MSYNC_ACTION_UPSERT,
              UNIT("a"));
    site_pull(site, MSYNC_LEGACY, "unit", "bad", MSYNC_ACTION_UPSERT,
              UNIT("b"));
    site_pull(site, MSYNC_LEGACY, "unit", "C", MSYNC_ACTION_UPSERT,
              UNIT("c"));
    site_pull(site, MSYNC_LEGACY, "item_direction", "I",
              MSYNC_ACTION_UPSERT, DIRECTION("nowhere"));
    site_pull(site, MSYNC_LEGACY, "abbreviation", "D", MSYNC_ACTION_DELETE,
              NULL);
    result = integrate(site, true);
    assert_int_equal(result.integrated, 2);
    assert_int_equal(result.failed, 3);
    assert_failed(site, "D it stays,I field \"item_ID\": there is no item "
                  "\"nowhere\" yet,bad the application says no");
    assert_string_equal(site_get(site, "SELECT group_concat(ID) FROM unit"),
                        "A,C");
    assert_string_equal(site_get(site, "SELECT count(*) FROM changelog"),
                        "0");
    assert_string_equal(indexes(site), "2");

    /* it is left alone until its pause is over */
    assert_int_equal(integrate(site, true).failed, 0);
}


/* each of these is an upsert over what is there as well */

static void
a_key_that_rolls_back_costs_its_record(void **state)
{
    site_t              *site = *state;
    msync_integrated_t   result;

    site_sql(site, "DROP TABLE abbreviation;"
             "CREATE TABLE abbreviation (ID TEXT PRIMARY KEY, abbreviation "
             "TEXT UNIQUE ON CONFLICT ROLLBACK, expansion TEXT, msync_extra "
             "TEXT)");
    site_pull(site, MSYNC_LEGACY, "abbreviation", "A", MSYNC_ACTION_UPSERT,
              ABBREVIATION("a"));
    site_pull(site, MSYNC_LEGACY, "abbreviation", "B", MSYNC_ACTION_UPSERT,
              ABBREVIATION("a"));
    site_pull(site, MSYNC_LEGACY, "abbreviation", "C", MSYNC_ACTION_UPSERT,
              ABBREVIATION("c"));
    result = integrate(site, false);
    assert_int_equal(result.integrated, 2);
    assert_int_equal(result.failed, 1);
    assert_failed(site, "B UNIQUE constraint failed: "
                  "abbreviation.abbreviation");
    assert_string_equal(site_get(site, "SELECT group_concat(ID) FROM "
                                 "abbreviation"), "A,C");
}


static void
a_merge_that_is_rolled_back_costs_its_record(void **state)
{
    site_t              *site = *state;
    msync_integrated_t   result;

    site_sql(site, "INSERT INTO item (ID, type_of) VALUES ('A', 'general'), "
             "('B', 'general');"
             "INSERT INTO barcode (ID, barcode, itemID) VALUES "
             "('X', '1', 'B');"
             "CREATE TRIGGER no BEFORE UPDATE ON item BEGIN "
             "SELECT raise(ROLLBACK, 'the application says no'); END");
    site_pull(site, MSYNC_LEGACY, "unit", "U", MSYNC_ACTION_UPSERT,
              UNIT("box"));
    site_pull(site, MSYNC_LEGACY, "item", "m", MSYNC_ACTION_MERGE,
              "{\"mergeIdToKeep\":\"A\",\"mergeIdToDelete\":\"B\"}");
    result = integrate(site, true);
    assert_int_equal(result.integrated, 1);
    assert_failed(site, "m the application says no");
    assert_string_equal(site_get(site, "SELECT itemID FROM barcode"), "B");
    assert_string_equal(site_get(site, "SELECT count(*) FROM unit"), "1");
}


typedef struct {
    int                  n;
    msync_integrated_t   result;
} counting_t;


static int
count(void *data, msync_err_t *err)
{
    counting_t  *counting = data;

    (void) err;
    assert_in_range(counting->result.seen, 0, counting->n);

    return MSYNC_OK;
}


/* more than one transaction is for */

static void
many_that_are_rolled_back_cost_themselves(void **state)
{
    int                  i, n = 2500;
    counting_t           counting = { .n = n };
    char                 id[16];
    site_t              *site = *state;
    msync_err_t          err;
    msync_batch_t        batch = { 0 };

    site_sql(site, REFUSES("unit", "ROLLBACK"));

    for (i = 0; i < n; i++) {
        snprintf(id, sizeof(id), "%s%d", i % 100 ? "" : "bad", i);
        site_record(&batch, "unit", id, MSYNC_ACTION_UPSERT, UNIT("u"));
    }

    assert_ok(msync_store_begin(site->store, &err));
    assert_ok(msync_store_buffer_put(site->store, &batch, MSYNC_LEGACY,
                                     &err));
    assert_ok(msync_store_commit(site->store, &err));
    msync_batch_clear(&batch);

    assert_ok(msync_integrate(site->store, site->catalogue, true, count,
                              &counting, &counting.result, &err));
    assert_int_equal(counting.result.integrated, 2475);
    assert_int_equal(counting.result.failed, 25);
    assert_string_equal(site_get(site, "SELECT count(*) FROM unit"), "2475");
    assert_string_equal(site_get(site, "SELECT count(*) FROM sync_buffer "
                                 "WHERE integration_datetime IS NULL AND "
                                 "tries = 1 AND record_id LIKE 'bad%'"),
                        "25");
}


static void
what_a_trigger_lacks_costs_its_table(void **state)
{
    site_t              *site = *state;
    msync_err_t          err;
    msync_integrated_t   result;

    site_sql(site, "CREATE TABLE log (id);"
             "CREATE TRIGGER mine AFTER INSERT ON abbreviation BEGIN "
             "INSERT INTO log VALUES (NEW.ID); END;"
             "CREATE TRIGGER gone AFTER DELETE ON abbreviation BEGIN "
             "INSERT INTO log VALUES (OLD.ID); END;"
             "INSERT INTO abbreviation (ID) VALUES ('D');"
             "PRAGMA legacy_alter_table = ON;"
             "DROP TABLE log;"
             "CREATE TRIGGER late BEFORE INSERT ON options BEGIN "
             "SELECT myfunc(NEW.ID); END");
    site_pull(site, MSYNC_LEGACY, "abbreviation", "A", MSYNC_ACTION_UPSERT,
              ABBREVIATION("a"));
    site_pull(site, MSYNC_LEGACY, "abbreviation", "D", MSYNC_ACTION_DELETE,
              NULL);
    site_pull(site, MSYNC_LEGACY, "options", "O", MSYNC_ACTION_UPSERT,
              "{\"title\":\"t\",\"type\":\"returnReason\",\"isActive\":true}");
    site_pull(site, MSYNC_LEGACY, "unit", "U", MSYNC_ACTION_UPSERT,
              UNIT("box"));
    result = integrate(site, false);
    assert_int_equal(result.integrated, 1);
    assert_failed(site, "A no such table: main.log,D no such table: "
                  "main.log,O no such function: myfunc");

    /* the application mends it */
    site_sql(site, "CREATE TABLE log (id); DROP TRIGGER late");
    assert_ok(msync_store_buffer_wake_all(site->store, &err));
    assert_int_equal(integrate(site, false).failed, 0);
}


/* the statement was made when the trigger was not there yet */

static void
what_a_later_trigger_lacks_costs_its_table(void **state)
{
    site_t  *site = *state;

    site_pull(site, MSYNC_LEGACY, "unit", "A", MSYNC_ACTION_UPSERT,
              UNIT("a"));
    assert_int_equal(integrate(site, true).failed, 0);
    site_sql(site, "CREATE TRIGGER mine AFTER INSERT ON unit BEGIN "
             "SELECT myfunc(NEW.ID); END");
    site_pull(site, MSYNC_LEGACY, "unit", "B", MSYNC_ACTION_UPSERT,
              UNIT("b"));
    assert_int_equal(integrate(site, true).failed, 1);
    assert_failed(site, "B no such function: myfunc");
}


/* Django makes such a CHECK, and has the function itself */

static void
what_a_check_lacks_costs_its_table(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    site_add_function(site, "regexp");
    site_add_function(site, "mine");
    site_sql(site, "CREATE TABLE n (ID TEXT PRIMARY KEY NOT NULL, units TEXT, "
             "comment TEXT, order_number INTEGER, msync_extra TEXT, "
             "CHECK (units REGEXP '^b')); DROP TABLE unit;"
             "ALTER TABLE n RENAME TO unit;"
             "CREATE TABLE own (a, CHECK (mine(a)))");
    site_open_again(site);
    site_pull(site, MSYNC_LEGACY, "unit", "U", MSYNC_ACTION_UPSERT,
              UNIT("box"));
    site_pull(site, MSYNC_LEGACY, "abbreviation", "A", MSYNC_ACTION_UPSERT,
              ABBREVIATION("a"));
    assert_int_equal(integrate(site, true).integrated, 1);
    assert_failed(site, "U unknown function: REGEXP()");
    assert_string_equal(site_check(site), "table \"unit\": a generated "
        "column, a CHECK or an index of the application's needs what only the "
        "application has (unknown function: REGEXP()); what central sends of "
        "this table is kept, and becomes rows when that is gone;"
        "buffer: 1 records failed to integrate, see \"msync errors\";");

    site_sql(site, "ALTER TABLE unit RENAME TO n; CREATE TABLE unit AS SELECT "
             "* FROM n; DROP TABLE n; CREATE UNIQUE INDEX k ON unit (ID)");
    site_open_again(site);
    assert_ok(msync_store_buffer_wake_all(site->store, &err));
    assert_int_equal(integrate(site, true).integrated, 1);
    assert_string_equal(site_check(site), "");
}


/* which SQLite takes for done */

static void
what_a_trigger_ignores_costs_its_record(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    site_sql(site, "INSERT INTO abbreviation (ID) VALUES ('D'), ('E');"
             "INSERT INTO unit (ID, units) VALUES ('B', 'old');"
             "CREATE TRIGGER i BEFORE INSERT ON unit WHEN NEW.ID = 'A' BEGIN "
             "SELECT RAISE(IGNORE); END;"
             "CREATE TRIGGER u BEFORE UPDATE ON unit BEGIN "
             "SELECT RAISE(IGNORE); END;"
             "CREATE TRIGGER d BEFORE DELETE ON abbreviation WHEN OLD.ID = 'D' "
             "BEGIN SELECT RAISE(IGNORE); END");
    site_pull(site, MSYNC_LEGACY, "unit", "A", MSYNC_ACTION_UPSERT,
              UNIT("a"));
    site_pull(site, MSYNC_LEGACY, "unit", "B", MSYNC_ACTION_UPSERT,
              UNIT("b"));
    site_pull(site, MSYNC_LEGACY, "unit", "C", MSYNC_ACTION_UPSERT,
              UNIT("c"));
    site_pull(site, MSYNC_LEGACY, "abbreviation", "D", MSYNC_ACTION_DELETE,
              NULL);
    site_pull(site, MSYNC_LEGACY, "abbreviation", "E", MSYNC_ACTION_DELETE,
              NULL);
    site_pull(site, MSYNC_LEGACY, "abbreviation", "F", MSYNC_ACTION_DELETE,
              NULL);
    assert_int_equal(integrate(site, false).failed, 3);
    assert_failed(site, "A a trigger of the application's ignores it "
                  "(RAISE(IGNORE)),B a trigger of the application's ignores "
                  "it (RAISE(IGNORE)),D a trigger of the application's ignores "
                  "it (RAISE(IGNORE))");

    site_sql(site, "DROP TRIGGER i; DROP TRIGGER u; DROP TRIGGER d");
    assert_ok(msync_store_buffer_wake_all(site->store, &err));
    assert_int_equal(integrate(site, false).failed, 0);
    assert_string_equal(site_get(site, "SELECT count(*) || (SELECT count(*) "
                                 "FROM abbreviation) FROM unit"), "30");
}


#define IGNORES(name, what)                                                   \
    "CREATE TRIGGER " name " BEFORE " what " BEGIN SELECT RAISE(IGNORE); END;"

#define MERGE  "{\"mergeIdToKeep\":\"A\",\"mergeIdToDelete\":\"B\"}"

static void
a_mark_that_a_trigger_ignores_costs_its_delete(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    site_sql(site, "INSERT INTO unit (ID, units) VALUES ('A', 'a'), ('B', 'b');"
             IGNORES("u", "UPDATE ON unit WHEN OLD.ID = 'A'"));
    site_pull(site, MSYNC_LEGACY, "unit", "A", MSYNC_ACTION_DELETE, NULL);
    site_pull(site, MSYNC_LEGACY, "unit", "B", MSYNC_ACTION_DELETE, NULL);
    site_pull(site, MSYNC_LEGACY, "unit", "C", MSYNC_ACTION_DELETE, NULL);
    assert_int_equal(integrate(site, true).failed, 1);
    assert_failed(site, "A a trigger of the application's ignores it "
                  "(RAISE(IGNORE))");

    site_sql(site, "DROP TRIGGER u");
    assert_ok(msync_store_buffer_wake_all(site->store, &err));
    assert_int_equal(integrate(site, true).failed, 0);
    assert_string_equal(site_get(site, "SELECT sum(inactive) FROM unit"), "2");
}


/* a reference, a row that joins two, the one that goes: each alone leaves all
 * as it was */

static void
a_part_of_a_merge_that_a_trigger_ignores_costs_the_merge(void **state)
{
    size_t        i;
    site_t       *site = *state;
    msync_err_t   err;

    static const char *const  triggers[] = {
        IGNORES("i", "UPDATE OF itemID ON barcode WHEN OLD.ID = 'Y'"),
        IGNORES("i", "UPDATE ON item"),
        IGNORES("i", "DELETE ON item_warning_link")
    };

    static const char  now[] = "SELECT (SELECT group_concat(itemID) FROM "
        "barcode) || ' ' || (SELECT group_concat(item_ID) FROM "
        "item_warning_link) || ' ' || (SELECT group_concat(inactive) FROM "
        "item) || ' ' || (SELECT count(*) FROM msync_merged)";

    site_sql(site, "INSERT INTO item (ID, type_of) VALUES ('A', 'general'), "
             "('B', 'general');"
             "INSERT INTO barcode (ID, barcode, itemID) VALUES "
             "('X', '1', 'B'), ('Y', '2', 'B');"
             "INSERT INTO warning (ID) VALUES ('W');"
             "INSERT INTO item_warning_link (ID, item_ID, warning_ID) VALUES "
             "('K', 'A', 'W'), ('L', 'B', 'W')");
    site_pull(site, MSYNC_LEGACY, "item", "m", MSYNC_ACTION_MERGE, MERGE);

    for (i = 0; i < sizeof(triggers) / sizeof(*triggers); i++) {
        site_sql(site, triggers[i]);
        assert_ok(msync_store_buffer_wake_all(site->store, &err));
        assert_int_equal(integrate(site, true).failed, 1);
        assert_failed(site, "m a trigger of the application's ignores it "
                      "(RAISE(IGNORE))");
        assert_string_equal(site_get(site, now), "B,B A,B 0,0 0");
        site_sql(site, "DROP TRIGGER i");
    }

    assert_ok(msync_store_buffer_wake_all(site->store, &err));
    assert_int_equal(integrate(site, true).failed, 0);
    assert_string_equal(site_get(site, now), "A,A A 0,1 1");
}


static void
sink(void *data, int level, const char *line)
{
    if (level == MSYNC_LOG_WARN) {
        strcat(data, line);
    }
}


/* one word of what is not sent, and none of triggers that are elsewhere */

static void
a_trigger_of_the_application_is_told_of_once(void **state)
{
    char     said[4 * MSYNC_LOG_LINE_MAX] = "";
    site_t  *site = *state;

    msync_log_set_sink(sink, said);
    site_sql(site, "CREATE TABLE mine (id);"
             "CREATE TRIGGER own AFTER INSERT ON mine BEGIN "
             "DELETE FROM mine; END");
    integrate(site, true);
    assert_string_equal(said, "");

    site_sql(site, "CREATE TRIGGER \"it's\" AFTER INSERT ON unit BEGIN "
             "INSERT INTO mine VALUES (NEW.ID); END");
    integrate(site, true);
    integrate(site, true);
    msync_log_set_sink(NULL, NULL);
    assert_string_equal(said, "the application's trigger \"it's\" is on the "
                        "table \"unit\": what it changes while records of "
                        "central are integrated is not sent to central");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        T(an_application_may_have_an_older_sqlite),
        T(what_runs_no_trigger_is_not_noticed),
        T(a_deferred_key_keeps_its_record),
        T(an_immediate_key_keeps_its_record),
        T(a_key_that_changes_rows_along_keeps_its_delete),
        T(a_deferred_key_that_is_met_in_the_end_keeps_nothing),
        T(a_deferred_key_keeps_the_loser_of_a_merge),
        T(a_deferred_key_that_an_upsert_violates_costs_that_record),
        T(a_trigger_that_rolls_back_costs_its_record),
        T(a_key_that_rolls_back_costs_its_record),
        T(a_merge_that_is_rolled_back_costs_its_record),
        T(many_that_are_rolled_back_cost_themselves),
        T(what_a_trigger_lacks_costs_its_table),
        T(what_a_later_trigger_lacks_costs_its_table),
        T(what_a_check_lacks_costs_its_table),
        T(what_a_trigger_ignores_costs_its_record),
        T(a_mark_that_a_trigger_ignores_costs_its_delete),
        T(a_part_of_a_merge_that_a_trigger_ignores_costs_the_merge),
        T(a_trigger_of_the_application_is_told_of_once),
        FILLING(a_deferred_key_keeps_its_record),
        FILLING(a_deferred_key_that_an_upsert_violates_costs_that_record),
        FILLING(a_trigger_that_rolls_back_costs_its_record),
        FILLING(a_key_that_rolls_back_costs_its_record),
        FILLING(a_merge_that_is_rolled_back_costs_its_record),
        FILLING(many_that_are_rolled_back_cost_themselves),
        FILLING(what_a_trigger_lacks_costs_its_table)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
