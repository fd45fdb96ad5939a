/* What an application does to tables that msync shares with it. */

#include "site.h"
#include "doubted.h"
#include "store/changelog.h"
#include "store/forget.h"
#include "store/row.h"
#include "base/log.h"

#define COLUMNS  "Description TEXT, code TEXT, hold BOOLEAN, Volume REAL"

#define LOCATION(id)                                                          \
    "INSERT INTO Location (ID, Description, code, store_ID) VALUES ('" id     \
    "', 'd', 'c', 'S1')"


/* a store that is active here, nothing of which waits */

static void
prepare(site_t *site)
{
    msync_log_set_level(MSYNC_LOG_ERR);
    site_add_stores(site);
}


static void
assert_check(site_t *site, const char *words)
{
    const char  *found = site_check(site);

    if (*words == '\0') {
        assert_string_equal(found, "");

    } else if (strstr(found, words) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", words, found);
    }
}


/* a first sync has come to its end */

static void
initialise(site_t *site)
{
    prepare(site);
    site_initialise(site);
}


/* as Django and Alembic do it; the columns are Location's */

static void
rebuild(site_t *site, const char *columns)
{
    char  *sql;

    sql = sqlite3_mprintf("BEGIN;"
        "CREATE TABLE new__Location (ID TEXT PRIMARY KEY, %s, store_ID TEXT "
        "REFERENCES store (ID), type_ID TEXT, msync_extra TEXT);"
        "INSERT INTO new__Location (ID, store_ID) SELECT ID, store_ID FROM "
        "Location;"
        "DROP TABLE Location;"
        "ALTER TABLE new__Location RENAME TO Location;"
        "COMMIT", columns);
    site_sql(site, sql);
    sqlite3_free(sql);
}


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
save_line(void *data, int level, const char *line)
{
    if (level == MSYNC_LOG_WARN && strstr(line, "sent again") != NULL) {
        snprintf(data, 1024, "%s", line);
    }
}


static void
add_line(void *data, int level, const char *line)
{
    (void) level;

    strncat(data, line, 4095 - strlen(data));
}


static void
a_column_that_is_gone_is_never_sent_as_its_name(void **state)
{
    int64_t        processed;
    site_t        *site = *state;
    msync_err_t    err;
    msync_batch_t  batch = { 0 };

    prepare(site);
    site_sql(site, LOCATION("L1")
             ";ALTER TABLE Location RENAME COLUMN Description TO title");
    assert_int_equal(msync_store_changes(site->store, MSYNC_LEGACY, 0, 10,
                                         1 << 20, &batch, &processed, &err),
                     MSYNC_ERROR);
    assert_non_null(strstr(err.text, "Description"));
    assert_int_equal(batch.n, 0);
    msync_batch_clear(&batch);
}


static void
a_key_that_is_gone_finds_no_row(void **state)
{
    bool          exists;
    site_t       *site = *state;
    msync_err_t   err;

    const msync_table_t  *table;

    table = msync_catalogue_find(site->catalogue, "unit");
    site_sql(site, "INSERT INTO unit (ID, units) VALUES ('U', 'box');"
             "ALTER TABLE unit RENAME COLUMN ID TO id_of_unit");
    assert_int_equal(msync_store_row_exists(site->store, table, "ID",
                                            &exists, &err), MSYNC_ERROR);
    assert_int_equal(msync_store_row_delete(site->store, table, "ID", &err),
                     MSYNC_ERROR);
    assert_string_equal(site_get(site, "SELECT units FROM unit"), "box");
}


static void
without_a_column_of_a_pushed_table_nothing_is_done(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    prepare(site);
    site_sql(site, "ALTER TABLE Location RENAME COLUMN Description TO title");
    assert_check(site, "table \"Location\": the column \"Description\" is "
                       "gone. It was there when msync set the table up");
    assert_check(site, "ALTER TABLE ... ADD COLUMN");

    assert_false(site_migrate(site, NULL, &err));
    assert_int_equal(err.variant, MSYNC_ERR_DATABASE_ERROR);
    assert_non_null(strstr(err.text, "table \"Location\": the column "
                           "\"Description\" is gone"));
    assert_non_null(strstr(err.advice, "msync reinitialise"));
    assert_string_equal(site_get(site, "SELECT count(*) FROM "
                        "pragma_table_info('Location') WHERE name = "
                        "'Description'"), "0");

    site_sql(site, "ALTER TABLE Location RENAME COLUMN title TO Description");
    assert_migrates(site, NULL);
    assert_check(site, "");
}


static void
columns_that_are_not_sent_come_back(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    prepare(site);
    site_sql(site, "ALTER TABLE unit DROP COLUMN units;"
             "ALTER TABLE item_category DROP COLUMN deleted_datetime;"
             "ALTER TABLE unit DROP COLUMN msync_extra");
    assert_check(site, "column \"units\" of table \"unit\" is missing; the "
                       "helper makes it again when it starts");
    assert_check(site, "column \"deleted_datetime\" of table "
                       "\"item_category\"");
    assert_check(site, "column \"msync_extra\" of table \"unit\"");
    assert_migrates(site, NULL);
    assert_check(site, "");
}


static void
a_column_that_was_renamed_comes_back_with_its_values(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    prepare(site);
    site_sql(site, "INSERT INTO unit (ID, units) VALUES ('U', 'box');"
             "ALTER TABLE unit ADD COLUMN own TEXT DEFAULT 'mine';"
             "ALTER TABLE unit RENAME COLUMN units TO label");
    assert_ok(msync_store_renew(site->store, &err));
    assert_string_equal(site_get(site, "SELECT units || label || own FROM "
                                 "unit"), "boxboxmine");
    assert_check(site, "");
}


/* that msync had no columns of v7's, and so they stand behind its last one */

static void
a_column_of_an_earlier_table_comes_back_with_its_values(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    prepare(site);
    site_sql(site, "DROP TABLE ship_method; CREATE TABLE ship_method (ID TEXT "
             "PRIMARY KEY NOT NULL, method TEXT NOT NULL DEFAULT '', isActive "
             "BOOLEAN NOT NULL DEFAULT 0, msync_extra TEXT)");
    assert_ok(msync_store_renew(site->store, &err));
    site_sql(site, "INSERT INTO ship_method (ID, method) VALUES ('M', 'boat');"
             "ALTER TABLE ship_method RENAME COLUMN method TO way");
    assert_ok(msync_store_renew(site->store, &err));
    assert_string_equal(site_get(site, "SELECT method || way || "
                                 "ifnull(deleted_datetime, '') FROM "
                                 "ship_method"), "boatboat");
    assert_check(site, "");
}


/* nor is another column taken for it */

static void
a_column_that_was_dropped_comes_back_empty(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    prepare(site);
    site_sql(site, "INSERT INTO unit (ID, units) VALUES ('U', 'box');"
             "ALTER TABLE unit ADD COLUMN own TEXT DEFAULT 'mine';"
             "ALTER TABLE unit DROP COLUMN order_number;"
             "ALTER TABLE unit DROP COLUMN comment;"
             "ALTER TABLE unit DROP COLUMN inactive");
    assert_ok(msync_store_renew(site->store, &err));
    assert_string_equal(site_get(site, "SELECT ifnull(order_number, 'none') "
                                 "|| ifnull(comment, 'none') FROM unit"),
                        "nonenone");
    assert_check(site, "");
}


/* a field of the table that has no index, which SQLite would speak of first */

static const char *
plain_field(const msync_table_t *table)
{
    size_t  i;

    for (i = table->n; i-- > 0; ) {
        if (i != table->key && table->fields[i].target == NULL
            && !table->fields[i].local_only)
        {
            return table->fields[i].name;
        }
    }

    return NULL;
}


/* columns of the application's own come and go in test_recipes.c */

static void
a_field_is_renamed_and_never_dropped(void **state)
{
    char                 *sql, *said;
    size_t                i;
    site_t               *site = *state;
    const char           *field;
    const msync_table_t  *table;

    prepare(site);

    for (i = 0; i < site->catalogue->n; i++) {
        table = &site->catalogue->tables[i];
        field = plain_field(table);

        if (table->push == 0 || field == NULL) {
            continue;
        }

        sql = sqlite3_mprintf("ALTER TABLE \"%w\" RENAME COLUMN \"%w\" TO "
                              "moved;"
                              "ALTER TABLE \"%w\" RENAME COLUMN moved TO "
                              "\"%w\"", table->sql, field, table->sql,
                              field);
        site_sql(site, sql);
        sqlite3_free(sql);

        /* what central has would be sent as nothing */
        sql = sqlite3_mprintf("ALTER TABLE \"%w\" DROP COLUMN \"%w\"",
                              table->sql, field);
        assert_int_equal(sqlite3_exec(site->app, sql, NULL, NULL, &said),
                         SQLITE_ERROR);
        assert_non_null(strstr(said, "msync_"));
        sqlite3_free(said);
        sqlite3_free(sql);
    }

    assert_check(site, "");
}


/* until the helper has added it */

static void
a_column_that_is_new_is_not_said_to_be_gone(void **state)
{
    site_t  *site = *state;

    site_sql(site, "UPDATE key_value_store SET value_string = 'other' WHERE "
             "id = 'MSYNC_SCHEMA_SHA256';"
             "DROP TRIGGER \"msync_Location_UPDATE\";"
             "DROP TRIGGER \"msync_Location_BEFORE_INSERT\";"
             "ALTER TABLE Location DROP COLUMN Description");
    assert_check(site, "column \"Description\" of table \"Location\" is "
                       "missing; the helper makes it again");
}


static void
rows_of_a_table_that_was_rebuilt_are_sent_again(void **state)
{
    char          said[1024] = "";
    site_t       *site = *state;
    msync_err_t   err;

    initialise(site);
    site_sql(site, LOCATION("L1") ";" LOCATION("L2") ";" SITE_SENT
             "INSERT INTO Location (ID, Description, code, store_ID) VALUES "
             "('other', 'd', 'c', 'S2')");
    assert_ok(msync_store_renew(site->store, &err));
    rebuild(site, COLUMNS);
    site_sql(site, "UPDATE Location SET code = 'unseen' WHERE ID = 'L1'");
    assert_int_equal(waiting(site), 0);

    msync_log_set_level(MSYNC_LOG_WARN);
    msync_log_set_sink(save_line, said);
    assert_ok(msync_store_renew(site->store, &err));
    msync_log_set_sink(NULL, NULL);
    assert_non_null(strstr(said, "table \"Location\""));
    assert_non_null(strstr(said, "may send, 2, are sent again"));
    assert_non_null(strstr(said, "but for those that central has changed"));
    assert_non_null(strstr(said, "deleted meanwhile"));
    assert_check(site, "");
    assert_int_equal(waiting(site), 0);
    assert_int_equal(doubted(site), 2);
    assert_int_equal(queue_doubted(site), 2);
    assert_int_equal(doubted(site), 0);
    assert_string_equal(site_get(site, "SELECT group_concat(record_id || "
                        "row_action || store_id) FROM (SELECT * FROM "
                        "changelog ORDER BY record_id)"),
                        "L1UPSERTS1,L2UPSERTS1,otherUPSERTS2");
    assert_int_equal(waiting(site), 2);
    assert_int_equal(queue_doubted(site), 0);

    site_sql(site, LOCATION("L3"));
    assert_int_equal(waiting(site), 3);
    assert_ok(msync_store_renew(site->store, &err));
    assert_migrates(site, NULL);
    assert_int_equal(waiting(site), 3);
}


static void
what_cannot_be_made_again_is_logged_once(void **state)
{
    char          said[4096] = "";
    site_t       *site = *state;
    msync_err_t   err;

    site_sql(site, "PRAGMA foreign_keys = OFF; PRAGMA legacy_alter_table = ON;"
             "CREATE TABLE away AS SELECT * FROM Location; DROP TABLE "
             "Location; ALTER TABLE away RENAME TO Location");

    msync_log_set_level(MSYNC_LOG_WARN);
    msync_log_set_sink(add_line, said);
    assert_int_equal(msync_store_renew(site->store, &err), MSYNC_ERROR);
    assert_non_null(strstr(said, "msync_Location_INSERT"));
    said[0] = '\0';
    assert_int_equal(msync_store_renew(site->store, &err), MSYNC_ERROR);
    assert_string_equal(said, "");

    site_sql(site, "DROP TRIGGER \"msync_asset_INSERT\"");
    assert_int_equal(msync_store_renew(site->store, &err), MSYNC_ERROR);
    assert_non_null(strstr(said, "msync_asset_INSERT"));
    msync_log_set_sink(NULL, NULL);

    site_sql(site, "CREATE UNIQUE INDEX own ON Location (ID)");
    assert_ok(msync_store_renew(site->store, &err));
    assert_check(site, "");
}


/* central would keep it as an error for ever */

static void
what_central_takes_once_is_not_sent_again(void **state)
{
    int64_t        processed;
    site_t        *site = *state;
    msync_err_t    err;
    msync_batch_t  batch = { 0 };

    initialise(site);
    site_sql(site, "INSERT INTO system_log (id, type, datetime, is_error) "
             "VALUES ('sent', 'ProcessorError', '2026-01-01T00:00:00', 1)");
    assert_ok(msync_store_set_int(site->store, MSYNC_KEY_PUSH_CURSOR, 2,
                                  &err));
    assert_ok(msync_store_set_int(site->store, MSYNC_KEY_PUSH_V6_CURSOR, 2,
                                  &err));

    /* its triggers are gone for a moment */
    site_sql(site, "DROP TRIGGER msync_system_log_INSERT");
    site_sql(site, "INSERT INTO system_log (id, type, datetime, is_error) "
             "VALUES ('new', 'ProcessorError', '2026-01-01T00:00:00', 1)");
    assert_ok(msync_store_renew(site->store, &err));
    assert_int_equal(queue_doubted(site), 1);
    assert_int_equal(waiting(site), 1);

    /* mSupply central was restored, Open mSupply central has what it had, also
     * where all begins anew once more */
    assert_ok(msync_store_begin(site->store, &err));
    assert_ok(msync_store_forget(site->store, false, MSYNC_LEGACY, &err));
    assert_ok(msync_store_forget(site->store, false, 0, &err));
    assert_ok(msync_store_forget(site->store, false, MSYNC_LEGACY, &err));
    assert_ok(msync_store_commit(site->store, &err));
    assert_ok(msync_store_changes(site->store, MSYNC_OMSUPPLY, 0, 10,
                                  1 << 20, &batch, &processed, &err));
    assert_int_equal(processed, 2);
    assert_int_equal(batch.n, 1);
    assert_string_equal(batch.records[0].id, "new");
    msync_batch_clear(&batch);

    /* where that was restored, too, it may have lost them */
    assert_ok(msync_store_begin(site->store, &err));
    assert_ok(msync_store_forget(site->store, false,
                                 MSYNC_LEGACY | MSYNC_OMSUPPLY, &err));
    assert_ok(msync_store_commit(site->store, &err));
    assert_ok(msync_store_changes(site->store, MSYNC_OMSUPPLY, 0, 10,
                                  1 << 20, &batch, &processed, &err));
    assert_int_equal(batch.n, 2);
    msync_batch_clear(&batch);

    /* and where it speaks v7 now */
    assert_ok(msync_store_set_int(site->store, MSYNC_KEY_PUSH_V6_CURSOR, 2,
                                  &err));
    assert_ok(msync_store_begin(site->store, &err));
    assert_ok(msync_store_forget(site->store, false, MSYNC_V7, &err));
    assert_ok(msync_store_commit(site->store, &err));
    assert_ok(msync_store_changes(site->store, MSYNC_V7, 0, 10, 1 << 20,
                                  &batch, &processed, &err));
    assert_int_equal(batch.n, 2);
    msync_batch_clear(&batch);
}


/* what is edited before it is sent goes as it is then */

static void
an_edit_of_what_central_takes_once_is_not_sent(void **state)
{
    int64_t        processed, last;
    site_t        *site = *state;
    msync_err_t    err;
    msync_batch_t  batch = { 0 };

    initialise(site);
    site_sql(site, "INSERT INTO system_log (id, type, datetime, is_error) "
             "VALUES ('a', 'ProcessorError', '2026-01-01T00:00:00', 1)");
    site_sql(site, "UPDATE system_log SET message = 'edited'");
    assert_int_equal(waiting(site), 1);
    assert_ok(msync_store_changes(site->store, MSYNC_OMSUPPLY, 0, 10,
                                  1 << 20, &batch, &processed, &err));
    assert_int_equal(batch.n, 1);
    assert_non_null(strstr(batch.records[0].data, "edited"));
    msync_batch_clear(&batch);

    last = atoi(site_get(site, "SELECT max(cursor) + 1 FROM changelog"));
    assert_ok(msync_store_set_int(site->store, MSYNC_KEY_PUSH_CURSOR, last,
                                  &err));
    assert_ok(msync_store_set_int(site->store, MSYNC_KEY_PUSH_V6_CURSOR, last,
                                  &err));
    assert_int_equal(waiting(site), 0);

    site_sql(site, "UPDATE system_log SET message = 'edited again'");
    site_sql(site, "INSERT OR REPLACE INTO system_log (id, type, datetime, "
             "is_error) VALUES ('a', 'ProcessorError', "
             "'2026-01-01T00:00:00', 0)");
    site_sql(site, "INSERT INTO system_log (id, type, datetime, is_error) "
             "VALUES ('a', 'ProcessorError', '2026-01-01T00:00:00', 1) "
             "ON CONFLICT DO UPDATE SET message = 'upserted'");
    assert_int_equal(waiting(site), 0);

    /* under another id it is another record, and so is one made anew */
    site_sql(site, "UPDATE system_log SET id = 'b'");
    assert_int_equal(waiting(site), 1);
    site_sql(site, "DELETE FROM system_log");
    site_sql(site, "INSERT INTO system_log (id, type, datetime, is_error) "
             "VALUES ('b', 'ProcessorError', '2026-01-01T00:00:00', 1)");
    assert_int_equal(waiting(site), 1);
}


static void
a_line_without_a_store_of_its_own_is_sent_again_too(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    initialise(site);
    site_sql(site, "INSERT INTO asset (id, store_id, created_datetime, "
             "modified_datetime) VALUES ('a', 'S1', 'd', 'd'), ('b', 'S2', "
             "'d', 'd'); INSERT INTO asset_log (id, asset_id, user_id, "
             "log_datetime, created_datetime) VALUES ('l', 'a', 'u', 'd', "
             "'d'), ('m', 'b', 'u', 'd', 'd');"
             "INSERT INTO name (ID, name, code, type) VALUES ('P', 'P', 'p', "
             "'patient'); " SITE_SENT
             "DROP TRIGGER \"msync_asset_log_UPDATE\";"
             "DROP TRIGGER \"msync_name_DELETE\"");
    assert_ok(msync_store_renew(site->store, &err));
    assert_int_equal(queue_doubted(site), 2);
    assert_string_equal(site_get(site, "SELECT group_concat(table_name || "
                        "record_id || ifnull(parent_id, '')) FROM (SELECT * "
                        "FROM changelog ORDER BY table_name)"),
                        "asset_logla,nameP");
}


static void
a_rebuild_that_loses_a_field_is_refused_while_the_helper_runs(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    initialise(site);
    site_sql(site, LOCATION("L1") ";" SITE_SENT);
    rebuild(site, "Description TEXT, hold BOOLEAN, Volume REAL");
    assert_int_equal(msync_store_renew(site->store, &err), MSYNC_ERROR);
    assert_non_null(strstr(err.text, "the column \"code\" is gone"));
    assert_int_equal(msync_store_renew(site->store, &err), MSYNC_ERROR);

    /* central's values are not replaced by nothing */
    site_sql(site, "ALTER TABLE Location ADD COLUMN code");
    assert_ok(msync_store_renew(site->store, &err));
    assert_check(site, "");
    assert_int_equal(waiting(site), 0);

    site_sql(site, "UPDATE Location SET code = 'edited'");
    assert_int_equal(waiting(site), 1);

    /* another time that none is lost */
    site_sql(site, SITE_SENT);
    rebuild(site, "Description TEXT, code TEXT, hold BOOLEAN, Volume REAL");
    assert_ok(msync_store_renew(site->store, &err));
    assert_int_equal(doubted(site), 1);
}


static void
rows_whose_values_are_back_with_their_column_are_sent(void **state)
{
    char          said[2048] = "";
    site_t       *site = *state;
    msync_err_t   err;

    initialise(site);
    site_sql(site, LOCATION("L1") ";" LOCATION("L2") ";" LOCATION("L3") ";"
             "CREATE TABLE mine AS SELECT ID, code FROM Location;" SITE_SENT);
    rebuild(site, "Description TEXT, hold BOOLEAN, Volume REAL");
    assert_int_equal(msync_store_renew(site->store, &err), MSYNC_ERROR);
    site_sql(site, "UPDATE Location SET Description = 'meanwhile';"
             "ALTER TABLE Location ADD COLUMN code TEXT DEFAULT ('x' -- as "
             "before\n);"
             "UPDATE Location SET code = (SELECT code FROM mine WHERE mine.ID "
             "= Location.ID) WHERE ID = 'L1';"
             "UPDATE Location SET code = NULL WHERE ID = 'L2'");

    msync_log_set_level(MSYNC_LOG_WARN);
    msync_log_set_sink(add_line, said);
    assert_ok(msync_store_renew(site->store, &err));
    msync_log_set_sink(NULL, NULL);
    assert_int_equal(queue_doubted(site), 1);
    assert_string_equal(site_get(site, "SELECT group_concat(record_id) FROM "
                                 "changelog"), "L1");
    assert_non_null(strstr(said, "value in it now, 1, are sent again"));
    assert_int_equal(waiting(site), 1);

    site_sql(site, "UPDATE Location SET code = 'edited' WHERE ID = 'L3'");
    assert_int_equal(waiting(site), 2);
}


/* the application's statement is not ours to stop */

static void
a_parent_without_its_store_stops_nobody(void **state)
{
    site_t  *site = *state;

    initialise(site);
    site_sql(site, "PRAGMA foreign_keys = OFF; PRAGMA legacy_alter_table = ON;"
             "INSERT INTO asset (id, store_id, created_datetime, "
             "modified_datetime) VALUES ('a', 'S1', 'd', 'd');"
             "DROP TABLE asset; CREATE TABLE asset (id TEXT PRIMARY KEY);"
             "INSERT INTO asset (id) VALUES ('a');"
             "INSERT INTO asset_log (id, asset_id, user_id, log_datetime, "
             "created_datetime) VALUES ('l', 'a', 'u', 'd', 'd')");
    assert_string_equal(site_get(site, "SELECT ifnull(store_id, 'none') FROM "
                        "changelog WHERE record_id = 'l'"), "none");
}


static void
triggers_of_another_msync_send_nothing_again(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    initialise(site);
    site_sql(site, LOCATION("L1") ";" SITE_SENT
             "DROP TRIGGER \"msync_Location_UPDATE\";"
             "UPDATE key_value_store SET value_string = 'other' WHERE id = "
             "'MSYNC_SCHEMA_SHA256'");
    assert_migrates(site, NULL);
    assert_check(site, "");
    assert_int_equal(waiting(site), 0);
}


static void
a_site_without_its_first_sync_sends_nothing_again(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    prepare(site);
    site_sql(site, LOCATION("L1") ";" SITE_SENT
             "DROP TRIGGER \"msync_Location_UPDATE\"");
    assert_ok(msync_store_renew(site->store, &err));
    assert_check(site, "");
    assert_int_equal(waiting(site), 0);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        T(a_column_that_is_gone_is_never_sent_as_its_name),
        T(a_key_that_is_gone_finds_no_row),
        T(without_a_column_of_a_pushed_table_nothing_is_done),
        T(columns_that_are_not_sent_come_back),
        T(a_column_that_was_renamed_comes_back_with_its_values),
        T(a_column_of_an_earlier_table_comes_back_with_its_values),
        T(a_field_is_renamed_and_never_dropped),
        T(a_column_that_was_dropped_comes_back_empty),
        T(a_column_that_is_new_is_not_said_to_be_gone),
        T(rows_of_a_table_that_was_rebuilt_are_sent_again),
        T(what_cannot_be_made_again_is_logged_once),
        T(what_central_takes_once_is_not_sent_again),
        T(an_edit_of_what_central_takes_once_is_not_sent),
        T(a_line_without_a_store_of_its_own_is_sent_again_too),
        T(a_rebuild_that_loses_a_field_is_refused_while_the_helper_runs),
        T(rows_whose_values_are_back_with_their_column_are_sent),
        T(a_parent_without_its_store_stops_nobody),
        T(triggers_of_another_msync_send_nothing_again),
        T(a_site_without_its_first_sync_sends_nothing_again)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
