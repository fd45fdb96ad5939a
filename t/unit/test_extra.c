/* Fields that no column had, and got one. */

#include "site.h"
#include "store/changelog.h"
#include "base/log.h"

#define FIELD(name, type)                                                     \
    "{\"name\":\"" name "\",\"type\":\"" type "\",\"nullable\":true}"

#define LEARNT                                                                \
    "[{\"table\":\"Location\",\"fields\":["                                   \
    FIELD("cold", "boolean") "," FIELD("checked", "date") ","                 \
    FIELD("emptied", "date") "," FIELD("opens", "time") ","                   \
    FIELD("shelves", "integer") "," FIELD("height", "number") ","             \
    FIELD("tags", "object") "," FIELD("label", "string") "]}]"

#define EXTRA                                                                 \
    "{\"cold\":true,\"checked\":\"2027-01-31T00:00:00\","                     \
    "\"emptied\":\"0000-00-00\",\"opens\":3661,\"shelves\":12,\"height\":2.5,"            \
    "\"tags\":{\"a\":[1]},\"label\":\"l\",\"later\":[1,{\"b\":null}]}"


/* a location of an active store, as a pull has left it */

static void
add_location(site_t *site, const char *id, const char *extra)
{
    char  *sql;

    sql = sqlite3_mprintf("UPDATE msync_flag SET integrating = 1;"
                          "INSERT OR IGNORE INTO store (ID, name_ID, code, "
                          "store_mode, sync_id_remote_site) VALUES ('S1', "
                          "'N1', 'c', 'store', 7);"
                          "INSERT INTO Location (ID, Description, code, "
                          "store_ID, msync_extra) VALUES (%Q, 'd', 'c', "
                          "'S1', %Q);"
                          "UPDATE msync_flag SET integrating = 0;", id,
                          extra);
    site_sql(site, sql);
    sqlite3_free(sql);
}


/* what is pushed of the location when it changes; owned by the caller */

static char *
pushed(site_t *site, const char *id)
{
    char           *sql, *data;
    int64_t         processed;
    msync_err_t     err;
    msync_batch_t   batch = { 0 };

    sql = sqlite3_mprintf("UPDATE Location SET code = 'new' WHERE ID = %Q",
                          id);
    site_sql(site, sql);
    sqlite3_free(sql);

    assert_ok(msync_store_changes(site->store, MSYNC_LEGACY, 0, 10, 1 << 20,
                                  &batch, &processed, &err));
    assert_int_equal(batch.n, 1);
    data = msync_strdup(batch.records[0].data);
    msync_batch_clear(&batch);

    return data;
}


static void
assert_once(const char *text, const char *part)
{
    const char  *first = strstr(text, part);

    if (first == NULL || strstr(first + 1, part) != NULL) {
        fail_msg("%s is not once in %s", part, text);
    }
}


static void
a_learnt_field_gets_what_was_kept_of_it(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    add_location(site, "L1", EXTRA);
    assert_migrates(site, LEARNT);

    assert_string_equal(site_get(site, "SELECT cold || checked || "
                                 "(emptied IS NULL) || opens || "
                                 "typeof(shelves) || shelves || height || "
                                 "tags || label FROM Location"),
                        "12027-01-31101:01:01integer122.5{\"a\":[1]}l");
    assert_string_equal(site_get(site, "SELECT msync_extra FROM Location"),
                        "{\"later\":[1,{\"b\":null}]}");
    assert_string_equal(site_get(site, "SELECT count(*) FROM changelog"),
                        "0");
}


static void
a_learnt_field_goes_out_once(void **state)
{
    char         *data;
    site_t       *site = *state;
    msync_err_t   err;

    add_location(site, "L1", EXTRA);
    assert_migrates(site, LEARNT);

    data = pushed(site, "L1");
    assert_once(data, "\"cold\":true");
    assert_once(data, "\"cold\"");
    assert_once(data, "\"opens\":\"01:01:01\"");
    assert_once(data, "\"emptied\":null");
    assert_once(data, "\"tags\":{\"a\":[1]}");
    assert_once(data, "\"later\":[1,{\"b\":null}]");
    free(data);
}


static void
a_stale_copy_does_not_go_out(void **state)
{
    char    *data;
    site_t  *site = *state;

    add_location(site, "L1", "{\"code\":\"old\",\"later\":1}");
    data = pushed(site, "L1");
    assert_once(data, "\"code\":\"new\"");
    assert_once(data, "\"code\"");
    assert_once(data, "\"later\":1");
    free(data);
}


/* as of a column that an earlier msync did not have; as an empty one it would
 * go to central when the row does */

static void
a_learnt_column_gets_what_v7_had_said(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    site_sql(site, "INSERT INTO user (ID, msync_extra) VALUES "
             "('U1', '{\"v7\":{\"last_successful_sync\":"
             "\"2026-02-03T04:05:06.789\",\"later\":1}}'),"
             "('U2', '{\"v7\":{\"last_successful_sync\":7}}'),"
             "('U3', 'no JSON'), ('U4', NULL);"
             "ALTER TABLE user DROP COLUMN last_successful_sync");
    assert_migrates(site, NULL);

    assert_string_equal(site_get(site, "SELECT group_concat(ifnull("
                                 "last_successful_sync, '-')) FROM user"),
                        "2026-02-03T04:05:06.789,-,-,-");
    assert_string_equal(site_get(site, "SELECT msync_extra ->> '$.v7.later' "
                                 "FROM user WHERE ID = 'U1'"), "1");
}


static void
a_value_of_another_type_stays_where_it_is(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    msync_log_set_level(MSYNC_LOG_ERR);
    add_location(site, "L1", "{\"cold\":\"yes\",\"label\":\"l\"}");
    add_location(site, "L2", "{\"label\":\"m\"}");
    add_location(site, "L3", "no JSON");
    assert_migrates(site, LEARNT);

    assert_string_equal(site_get(site, "SELECT group_concat(coalesce(label, "
                                 "'-') || coalesce(cold, '-') || "
                                 "coalesce(msync_extra, '-')) FROM (SELECT * "
                                 "FROM Location ORDER BY ID)"),
                        "l-{\"cold\":\"yes\"},m--,--no JSON");
}


static void
a_field_that_is_learnt_again_gets_the_newer_value(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    assert_migrates(site, LEARNT);
    add_location(site, "L1", NULL);
    site_sql(site, "UPDATE Location SET label = 'old'");
    assert_migrates(site, NULL);
    site_sql(site, "UPDATE Location SET msync_extra = "
             "'{\"label\":\"newer\"}'");
    assert_migrates(site, LEARNT);

    assert_string_equal(site_get(site, "SELECT label || "
                                 "(msync_extra IS NULL) FROM Location"),
                        "newer1");
}


/* that version left copies behind when it learnt a field */

static void
what_version_2_forgot_is_made_good(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    assert_migrates(site, LEARNT);
    add_location(site, "L1", "{\"label\":\"kept\"}");
    add_location(site, "L2", "{\"label\":\"stale\"}");
    site_sql(site, "UPDATE Location SET label = 'edited' WHERE ID = 'L2';"
             "UPDATE key_value_store SET value_int = 2 WHERE id = "
             "'MSYNC_SCHEMA_VERSION'");
    assert_migrates(site, LEARNT);

    assert_string_equal(site_get(site, "SELECT group_concat(label || "
                                 "(msync_extra IS NULL)) FROM (SELECT * FROM "
                                 "Location ORDER BY ID)"), "kept1,edited1");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        T(a_learnt_field_gets_what_was_kept_of_it),
        T(a_learnt_field_goes_out_once),
        T(a_stale_copy_does_not_go_out),
        T(a_learnt_column_gets_what_v7_had_said),
        T(a_value_of_another_type_stays_where_it_is),
        T(a_field_that_is_learnt_again_gets_the_newer_value),
        T(what_version_2_forgot_is_made_good)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
