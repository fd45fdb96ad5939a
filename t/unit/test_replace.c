/* Rows that go without a DELETE, and changes that change nothing. */

#include "site.h"
#include "base/log.h"

#define LOCATION(id, code)                                                    \
    "INTO Location (ID, Description, code, store_ID) VALUES ('" id "', 'd', " \
    "'" code "', 'S1')"


typedef struct {
    const char  *sql;
    const char  *changes;
} case_t;


/* the latest change of each record, and no DELETE twice; they are forgotten
 * then */

static const char *
changes(site_t *site)
{
    static char  text[4096];

    assert_string_equal(site_get(site, "SELECT record_id FROM changelog WHERE "
                                 "row_action = 'DELETE' AND table_name <> '' "
                                 "GROUP BY record_id HAVING count(*) > 1"), "");
    snprintf(text, sizeof(text), "%s",
             site_get(site, "SELECT group_concat(record_id || ' ' || "
                      "row_action) FROM (SELECT max(cursor), record_id, "
                      "row_action FROM changelog WHERE table_name <> '' "
                      "GROUP BY record_id ORDER BY row_action, record_id)"));
    site_sql(site, SITE_SENT);

    return text;
}


/* an index of the application's, which msync has seen */

static void
begin(site_t *site, const char *sql)
{
    msync_err_t  err;

    msync_log_set_level(MSYNC_LOG_ERR);
    site_sql(site, sql);
    assert_ok(msync_store_renew(site->store, &err));
    assert_string_equal(site_check(site), "");
}


/* what each leaves in the changelog, one after the other */

static void
assert_changes(site_t *site, const case_t *cases, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        site_sql(site, cases[i].sql);
        assert_string_equal(changes(site), cases[i].changes);
    }
}


static void
what_a_replace_removes_is_deleted_once(void **state)
{
    site_t  *site = *state;

    static const case_t  cases[] = {
        { "INSERT OR REPLACE " LOCATION("B", "a"), "A DELETE,B UPSERT" },
        { "REPLACE " LOCATION("C", "a"), "B DELETE,C UPSERT" },
        { "REPLACE " LOCATION("C", "c"), "C UPSERT" },
        { "REPLACE " LOCATION("C", "a"), "C UPSERT" },
        { "INSERT " LOCATION("D", "d"), "D UPSERT" },
        { "UPDATE OR REPLACE Location SET code = 'a' WHERE ID = 'D'",
          "C DELETE,D UPSERT" },
        { "INSERT " LOCATION("E", "e"), "E UPSERT" },
        { "UPDATE OR REPLACE Location SET ID = 'E' WHERE ID = 'D'",
          "D DELETE,E UPSERT" },
        { "INSERT OR REPLACE INTO Location (ID, Description, code, store_ID) "
          "SELECT 'F', 'd', 'a', 'S1' UNION ALL SELECT 'G', 'd', 'a', 'S1'",
          "E DELETE,F DELETE,G UPSERT" },

        /* what stays is not deleted, now or later */
        { "INSERT OR IGNORE " LOCATION("H", "a"), "" },
        { "INSERT " LOCATION("H", "a") " ON CONFLICT DO NOTHING", "" },
        { "INSERT " LOCATION("H", "a") " ON CONFLICT (code) DO UPDATE SET "
          "Description = 'x'", "G UPSERT" },
        { "UPDATE OR IGNORE Location SET code = 'a'", "" },
        { "INSERT " LOCATION("I", "i"), "I UPSERT" },
        { "INSERT OR IGNORE " LOCATION("J", "a") ";"
          "DELETE FROM Location WHERE ID = 'G'; INSERT " LOCATION("J", "j"),
          "G DELETE,J UPSERT" }
    };

    begin(site, "CREATE UNIQUE INDEX by_code ON Location (code)");
    site_sql(site, "INSERT " LOCATION("A", "a"));
    (void) changes(site);

    assert_changes(site, cases, sizeof(cases) / sizeof(*cases));

    site_sql(site, "PRAGMA recursive_triggers = ON;"
             "DELETE FROM Location; INSERT " LOCATION("A", "a"));
    (void) changes(site);
    assert_changes(site, cases, sizeof(cases) / sizeof(*cases));
}


static void
every_manner_of_unique_is_looked_at(void **state)
{
    site_t  *site = *state;

    begin(site, "CREATE TABLE n (number INTEGER PRIMARY KEY, ID TEXT UNIQUE, "
          "Description TEXT, code TEXT COLLATE NOCASE, hold BOOLEAN, Volume "
          "REAL, store_ID TEXT, type_ID TEXT, msync_extra TEXT, slug TEXT, "
          "UNIQUE (slug, store_ID) ON CONFLICT REPLACE);"
          "DROP TABLE Location; ALTER TABLE n RENAME TO Location;"
          "CREATE UNIQUE INDEX by_code ON Location (code) WHERE hold IS NULL "
          "AND Description <> ') WHERE';");

    site_sql(site, "INSERT INTO Location (number, ID, code) VALUES (1, 'A', "
             "'a'), (2, 'B', 'b'), (3, 'C', 'c')");
    (void) changes(site);
    site_sql(site, "REPLACE INTO Location (number, ID, code) VALUES (1, 'D', "
             "'d')");
    assert_string_equal(changes(site), "A DELETE,D UPSERT");

    site_sql(site, "UPDATE Location SET Description = 'd'");
    (void) changes(site);
    site_sql(site, "REPLACE INTO Location (ID, code, Description) VALUES "
             "('E', 'B', 'd')");
    assert_string_equal(changes(site), "B DELETE,E UPSERT");
    site_sql(site, "REPLACE INTO Location (ID, code) VALUES ('F', 'B')");
    assert_string_equal(changes(site), "F UPSERT");

    site_sql(site, "UPDATE Location SET slug = 's', store_ID = 'S' WHERE ID "
             "= 'C'");
    (void) changes(site);
    site_sql(site, "INSERT INTO Location (ID, slug, store_ID) VALUES ('G', "
             "'s', 'S')");
    assert_string_equal(changes(site), "C DELETE,G UPSERT");
    site_sql(site, "INSERT INTO Location (ID, slug, store_ID) VALUES ('H', "
             "'s', 'T')");
    assert_string_equal(changes(site), "H UPSERT");
}


static void
the_condition_of_an_index_may_end_in_a_comment(void **state)
{
    char     sql[256];
    size_t   i;
    site_t  *site = *state;

    static const char *const  comments[] = {
        "", " -- of those that are open", " /* of those */",
        " /* of those that are open"
    };

    for (i = 0; i < sizeof(comments) / sizeof(*comments); i++) {
        snprintf(sql, sizeof(sql), "DROP INDEX IF EXISTS by_code; DELETE FROM "
                 "Location; CREATE UNIQUE INDEX by_code ON Location (code) "
                 "WHERE code <> ''%s", comments[i]);
        begin(site, sql);
        site_sql(site, "INSERT " LOCATION("A", "a"));
        (void) changes(site);
        site_sql(site, "REPLACE " LOCATION("B", "a"));
        assert_string_equal(changes(site), "A DELETE,B UPSERT");
    }
}


/* of which SQLite keeps no end of the line */

static void
a_default_may_end_in_a_comment(void **state)
{
    site_t  *site = *state;

    static const case_t  cases[] = {
        { "REPLACE INTO Location (ID, code) VALUES ('A', NULL)", "A UPSERT" },
        { "REPLACE INTO Location (ID, code) VALUES ('B', NULL)",
          "A DELETE,B UPSERT" }
    };

    begin(site, "CREATE TABLE n (ID TEXT PRIMARY KEY, Description TEXT, code "
          "TEXT NOT NULL DEFAULT ('' -- none\n) UNIQUE, hold BOOLEAN, Volume "
          "REAL, store_ID TEXT, type_ID TEXT, msync_extra TEXT);"
          "DROP TABLE Location; ALTER TABLE n RENAME TO Location");
    (void) changes(site);

    assert_changes(site, cases, sizeof(cases) / sizeof(*cases));
}


/* what makes rows equal, or takes them along, without being written */

static void
what_is_in_the_way_by_a_default_a_case_or_a_cascade(void **state)
{
    site_t  *site = *state;

    static const case_t  cases[] = {
        { "REPLACE INTO Location (ID, code) VALUES ('B', NULL)",
          "A DELETE,B UPSERT" },
        { "REPLACE INTO Location (ID, code) VALUES ('b', 'x')",
          "B DELETE,b UPSERT" },

        /* a note of a row that stayed, and its id changes */
        { "INSERT OR IGNORE INTO Location (ID, code) VALUES ('C', 'x');"
          "UPDATE Location SET ID = 'D'", "b DELETE,D UPSERT" },

        { "INSERT INTO Location (ID, code, type_ID) VALUES ('E', 'e', 'D')",
          "E UPSERT" },
        { "UPDATE OR REPLACE Location SET code = 'x' WHERE ID = 'E'",
          "D DELETE,E DELETE" }
    };

    begin(site, "CREATE TABLE n (ID TEXT COLLATE NOCASE PRIMARY KEY, "
          "Description TEXT, code TEXT NOT NULL DEFAULT 'none' UNIQUE, hold "
          "BOOLEAN, Volume REAL, store_ID TEXT, type_ID TEXT REFERENCES "
          "Location (ID) ON DELETE CASCADE, msync_extra TEXT);"
          "DROP TABLE Location; ALTER TABLE n RENAME TO Location;"
          "INSERT INTO Location (ID, code) VALUES ('A', 'none');"
          "PRAGMA foreign_keys = ON");
    (void) changes(site);

    assert_changes(site, cases, sizeof(cases) / sizeof(*cases));
}


/* what refers to a row in two ways goes with it, also the row that takes its
 * key */

static void
what_refers_to_itself_goes_with_the_row_that_it_replaces(void **state)
{
    site_t  *site = *state;

    static const case_t  cases[] = {
        { "INSERT INTO Location (ID, code, type_ID) VALUES ('A', 'a', NULL), "
          "('B', 'b', 'A'), ('C', 'c', NULL)",
          "A UPSERT,B UPSERT,C UPSERT" },
        { "UPDATE OR REPLACE Location SET ID = 'A' WHERE ID = 'B'",
          "A DELETE,B DELETE" },
        { "INSERT INTO Location (ID, code, Description) VALUES ('D', 'd', "
          "'C'); UPDATE OR REPLACE Location SET ID = 'C' WHERE ID = 'D'",
          "C DELETE,D DELETE" },

        /* a note of a row that stayed, which is then replaced by its equal */
        { "INSERT INTO Location (ID, code, type_ID) VALUES ('E', 'e', NULL), "
          "('F', 'f', 'E'); INSERT OR IGNORE INTO Location (ID, code) VALUES "
          "('G', 'e')", "E UPSERT,F UPSERT" },
        { "INSERT OR REPLACE INTO Location (ID, code) VALUES ('E', 'e')",
          "F DELETE" }
    };

    begin(site, "CREATE TABLE n (ID TEXT PRIMARY KEY, Description TEXT "
          "REFERENCES Location (ID) ON DELETE CASCADE, code TEXT UNIQUE, hold "
          "BOOLEAN, Volume REAL, store_ID TEXT, type_ID TEXT REFERENCES "
          "Location (ID) ON DELETE CASCADE, msync_extra TEXT);"
          "DROP TABLE Location; ALTER TABLE n RENAME TO Location;"
          "PRAGMA foreign_keys = ON");
    (void) changes(site);

    assert_changes(site, cases, sizeof(cases) / sizeof(*cases));
}


static void
a_row_that_is_replaced_by_its_equal_is_no_change(void **state)
{
    site_t  *site = *state;

    static const case_t  cases[] = {
        { "INSERT " LOCATION("A", "a"), "A UPSERT" },
        { "REPLACE " LOCATION("A", "a"), "" },
        { "REPLACE INTO Location SELECT * FROM Location", "" },
        { "REPLACE " LOCATION("A", "b"), "A UPSERT" },
        { "REPLACE INTO Location (ID, Description, code, store_ID, Volume) "
          "VALUES ('A', 'd', 'b', 'S1', '0.0')", "" },
        { "REPLACE INTO Location (ID, Description, code, store_ID, type_ID) "
          "VALUES ('A', 'd', 'b', 'S1', '')", "A UPSERT" },

        /* one that stayed, went, and came back */
        { "INSERT OR IGNORE INTO Location SELECT * FROM Location", "" },
        { "DELETE FROM Location; INSERT " LOCATION("A", "b"), "A UPSERT" },
        { "INSERT OR IGNORE INTO Location SELECT * FROM Location;"
          "UPDATE Location SET ID = 'B'; INSERT " LOCATION("A", "b"),
          "A UPSERT,B UPSERT" },
        { "INSERT OR IGNORE INTO Location SELECT * FROM Location;"
          "UPDATE Location SET code = 'c' WHERE ID = 'A';"
          "REPLACE " LOCATION("A", "b"), "A UPSERT" },

        /* one that waited to be deleted is what it was again, and is sent */
        { "DELETE FROM Location WHERE ID = 'A'; REPLACE " LOCATION("A", "b"),
          "A UPSERT" },
        { "DELETE FROM Location WHERE ID = 'A'; REPLACE " LOCATION("A", "b")
          "; REPLACE " LOCATION("A", "b") "; DELETE FROM Location WHERE ID = "
          "'A'; DELETE FROM changelog WHERE cursor NOT IN (SELECT max(cursor) "
          "FROM changelog)", "A DELETE" },
        { "INSERT " LOCATION("A", "b"), "A UPSERT" },

        /* several by one statement, some equal */
        { "REPLACE INTO Location (ID, Description, code, store_ID) SELECT ID, "
          "Description, iif(ID = 'B', 'x', code), store_ID FROM Location",
          "B UPSERT" }
    };

    assert_changes(site, cases, sizeof(cases) / sizeof(*cases));

    /* SQLite runs the triggers of a DELETE then, and those of the INSERT */
    site_sql(site, "PRAGMA recursive_triggers = ON; DELETE FROM Location");
    (void) changes(site);
    assert_changes(site, cases, sizeof(cases) / sizeof(*cases));
}


/* a name that is no patient is never sent, one that is always */

static void
a_row_that_is_not_sent_takes_nothing_back(void **state)
{
    site_t  *site = *state;

    static const case_t  cases[] = {
        { "INSERT INTO name (ID, name, code, type) VALUES ('P', 'p', 'c', "
          "'patient')", "P UPSERT" },
        { "REPLACE INTO name SELECT * FROM name", "" },
        { "DELETE FROM name; INSERT INTO name (ID, name, code, type) VALUES "
          "('P', 'p', 'c', 'facility'); REPLACE INTO name SELECT * FROM name",
          "P DELETE" },
        { "REPLACE INTO name SELECT * FROM name", "" }
    };

    site_sql(site, "PRAGMA recursive_triggers = ON");
    assert_changes(site, cases, sizeof(cases) / sizeof(*cases));
}


static void
an_index_of_expressions_is_told_of(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    site_sql(site, "CREATE UNIQUE INDEX by_code ON Location (lower(code))");
    assert_ok(msync_store_renew(site->store, &err));
    assert_string_equal(site_check(site),
                        "table \"Location\": it has a UNIQUE index of an "
                        "expression; a row that INSERT OR REPLACE removes by "
                        "that is not deleted at central;");
    site_sql(site, "INSERT " LOCATION("A", "a"));
}


/* such a table has no triggers that it does not need */

static void
the_triggers_come_and_go_with_the_index(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    static const char  count[] = "SELECT count(*) FROM sqlite_master WHERE "
                                 "type = 'trigger' AND tbl_name = 'Location'";

    assert_string_equal(site_get(site, count), "4");
    begin(site, "CREATE UNIQUE INDEX by_code ON Location (code)");
    assert_string_equal(site_get(site, count), "8");
    site_sql(site, "INSERT " LOCATION("A", "a"));
    assert_string_equal(changes(site), "A UPSERT");

    site_sql(site, "DROP INDEX by_code");
    assert_ok(msync_store_renew(site->store, &err));
    assert_string_equal(site_get(site, count), "4");
    assert_string_equal(changes(site), "");
}


static void
only_what_goes_on_the_wire_is_a_change(void **state)
{
    site_t  *site = *state;

    static const case_t  cases[] = {
        { "UPDATE Location SET code = code, hold = hold, Volume = 1", "" },
        { "UPDATE Location SET own = 'x'", "" },
        { "UPDATE Location SET Volume = 1.0", "" },
        { "UPDATE Location SET code = 'CODE'", "A UPSERT" },
        { "UPDATE Location SET Volume = NULL", "A UPSERT" },
        { "UPDATE Location SET Volume = NULL", "" },
        { "UPDATE Location SET Volume = 2", "A UPSERT" },
        { "UPDATE Location SET msync_extra = '{\"x\":1}'", "A UPSERT" },
        { "UPDATE Location SET ID = 'B'", "A DELETE,B UPSERT" },
        { "UPDATE Location SET ID = 'b'", "B DELETE,b UPSERT" },
        { "UPDATE Location SET store_ID = 'S2'", "b UPSERT" }
    };

    begin(site, "CREATE TABLE n (ID TEXT COLLATE NOCASE PRIMARY KEY, "
          "Description TEXT, code TEXT COLLATE NOCASE, hold BOOLEAN, Volume, "
          "store_ID TEXT, type_ID TEXT, msync_extra TEXT, own TEXT);"
          "DROP TABLE Location; ALTER TABLE n RENAME TO Location;"
          "INSERT INTO Location (ID, code, Volume, store_ID) VALUES ('A', "
          "'code', 1, 'S1')");
    (void) changes(site);

    assert_changes(site, cases, sizeof(cases) / sizeof(*cases));
}


/* Django, SQLAlchemy, Sequelize, GORM: each writes what it has read in its own
 * form */

static void
a_moment_in_another_form_is_no_change(void **state)
{
    site_t  *site = *state;

#define AT(value)  "UPDATE temperature_log SET om_datetime = " value
#define ON(value)  "UPDATE temperature_log SET date = " value
#define BY(value)  "UPDATE temperature_log SET time = " value

    static const case_t  cases[] = {
        { AT("'2026-05-01 08:00:00'"), "" },
        { AT("'2026-05-01 08:00:00.000000'"), "" },
        { AT("'2026-05-01T08:00:00.5'"), "L UPSERT" },
        { AT("'2026-05-01 08:00:00.500000'"), "" },
        { AT("'2026-05-01 08:00:00.050000'"), "L UPSERT" },
        { AT("'2026-05-01 08:00:00Z'"), "L UPSERT" },
        { AT("'2026-05-01 08:00:00.000 +00:00'"), "" },
        { AT("'2026-05-01 08:00:00 +0000 UTC'"), "" },
        { AT("'2026-05-01T08:00:00'"), "" },
        { AT("'2026-05-01 08:00:00+10:00'"), "L UPSERT" },
        { AT("'2026-05-01 08:00:00+01:00'"), "L UPSERT" },
        { AT("'2026-05-01'"), "L UPSERT" },
        { AT("'2026-05-01 00:00:00'"), "L UPSERT" },
        /* MikroORM and sqlite-jdbc write milliseconds of what they read */
        { AT("'2026-05-01T08:00:00'"), "L UPSERT" },
        { AT("1777622400000"), "" },
        { AT("1777622400020"), "L UPSERT" },
        { AT("1777622400020"), "" },
        { AT("'2026-05-01T08:00:00.500'"), "L UPSERT" },
        { AT("1777622400500"), "" },
        { AT("1777622401500"), "L UPSERT" },
        /* JavaScript keeps milliseconds: what it leaves out is no change */
        { AT("'2026-05-01T08:00:00.556063'"), "L UPSERT" },
        { AT("'2026-05-01 08:00:00.556 +00:00'"), "" },
        { AT("'2026-05-01T08:00:00.550063'"), "L UPSERT" },
        { AT("'2026-05-01T08:00:00.550Z'"), "" },
        { AT("'2026-05-01T08:00:00.0000019'"), "L UPSERT" },
        { AT("'2026-05-01T08:00:00.000Z'"), "" },
        { AT("'2026-05-01T08:00:00.556063'"), "L UPSERT" },
        { AT("1777622400556"), "" },
        { AT("'2026-05-01T08:00:00.556063'"), "L UPSERT" },
        { AT("'2026-05-01T08:00:00.557'"), "L UPSERT" },
        { AT("'2026-05-01T08:00:00.556063+02:00'"), "L UPSERT" },
        { AT("'2026-05-01T08:00:00.556'"), "L UPSERT" },
        { AT("'2026-05-01T08:00:00.556063'"), "L UPSERT" },
        { AT("'2026-05-01T08:00:00.55'"), "L UPSERT" },
        { AT("'2026-05-01T08:00:00.556063'"), "L UPSERT" },
        { AT("'2026-05-01T08:00:00'"), "L UPSERT" },
        { AT("'2026-05-01T08:00:00.556063'"), "L UPSERT" },
        { AT("NULL"), "L UPSERT" },
        { AT("'2026-05-01T08:00:00.556063'"), "L UPSERT" },
        { AT("1777622400"), "L UPSERT" },
        { AT("17776224000"), "L UPSERT" },
        { AT("NULL"), "L UPSERT" },
        { AT("NULL"), "" },
        { BY("'08:00:00.000000'"), "" },
        { BY("'08:00:10'"), "L UPSERT" },
        { BY("'08:00:01'"), "L UPSERT" },
        /* Rails puts a day before each time */
        { BY("'2000-01-01 08:00:01'"), "" },
        { BY("'2000-01-01 08:00:01.500000'"), "L UPSERT" },
        { BY("'08:00:01.5'"), "" },
        { BY("'2000-01-01 08:00:10'"), "L UPSERT" },
        { BY("'08:00:01Z'"), "L UPSERT" },
        { "INSERT OR REPLACE INTO temperature_log SELECT * FROM "
          "temperature_log", "" }
    };

    site_sql(site, "PRAGMA foreign_keys = OFF; INSERT INTO temperature_log "
             "(ID, sensor_ID, store_ID, date, time, om_datetime) VALUES ('L', "
             "'x', 'x', '2026-05-01', '08:00:00', '2026-05-01T08:00:00')");
    (void) changes(site);

    assert_changes(site, cases, sizeof(cases) / sizeof(*cases));
}


/* which makes a text of the number; a strict table has no other */

static void
milliseconds_in_a_column_of_text_are_no_change(void **state)
{
    site_t  *site = *state;

    static const case_t  cases[] = {
        { AT("1777622400000"), "" },
        { AT("1777622400020"), "L UPSERT" },
        { AT("'2026-05-01T08:00:00.500'"), "L UPSERT" },
        { AT("1777622400500"), "" },
        { AT("'2026-05-01T08:00:00.501'"), "L UPSERT" },
        { AT("1777622400501.0"), "" },
        { AT("1777622401500"), "L UPSERT" },
        { AT("'2026-05-01T08:00:00.556063'"), "L UPSERT" },
        { AT("1777622400556"), "" },
        { AT("1777622400"), "L UPSERT" },
        { AT("'2026-05-01T08:00:00'"), "L UPSERT" },
        { AT("'2026-05-01 08:00:00.000Z'"), "" },
        { ON("'2026-05-10'"), "L UPSERT" },
        { ON("1778371200000"), "" },
        { ON("1778371201000"), "L UPSERT" }
    };

    site_begin(site, "CREATE TABLE temperature_log (ID TEXT PRIMARY KEY NOT "
               "NULL, om_datetime TEXT, date TEXT) STRICT");
    site_open_again(site);
    site_sql(site, "INSERT INTO temperature_log (ID, om_datetime) VALUES "
             "('L', '2026-05-01T08:00:00')");
    (void) changes(site);

    assert_changes(site, cases, sizeof(cases) / sizeof(*cases));
}


static void
a_day_in_another_form_is_no_change(void **state)
{
    site_t  *site = *state;

    static const case_t  cases[] = {
        { ON("'2026-05-01 00:00:00+00:00'"), "" },
        { ON("'2026-05-01T00:00:00.000Z'"), "" },
        { ON("'2026-05-01 00:00:00+02:00'"), "L UPSERT" },
        { ON("'2026-05-01 00:00:01'"), "L UPSERT" },
        { ON("'2026-05-10'"), "L UPSERT" },
        { ON("'2026-05-10 00:00:00'"), "" },
        { ON("'2026-05-1'"), "L UPSERT" },
        /* Knex, Prisma and MikroORM write milliseconds of a day, too */
        { ON("'2026-05-10'"), "L UPSERT" },
        { ON("1778371200000"), "" },
        { ON("1778371200000.0"), "" },
        { ON("1778371201000"), "L UPSERT" },
        { ON("1778457600000"), "L UPSERT" },
        { ON("'1960-10-15'"), "L UPSERT" },
        { ON("-290736000000"), "" },
        { ON("'1970-01-01'"), "L UPSERT" },
        { ON("'x'"), "L UPSERT" },
        { ON("'2026-05-1'"), "L UPSERT" },
        { ON("NULL"), "L UPSERT" },
        { ON("86400000000000000"), "L UPSERT" },
        { ON("NULL"), "L UPSERT" },
        { ON("0"), "L UPSERT" }
    };

    site_sql(site, "PRAGMA foreign_keys = OFF; INSERT INTO temperature_log "
             "(ID, sensor_ID, store_ID, date) VALUES ('L', 'x', 'x', "
             "'2026-05-01')");
    (void) changes(site);

    assert_changes(site, cases, sizeof(cases) / sizeof(*cases));
}


static void
without_the_row_of_the_flag_changes_are_written(void **state)
{
    site_t       *site = *state;
    msync_err_t   err;

    site_sql(site, "DELETE FROM msync_flag; INSERT " LOCATION("A", "a"));
    assert_string_equal(changes(site), "A UPSERT");

    /* and the helper is silent none the less */
    site_sql(site, "CREATE TABLE note (x); CREATE TRIGGER mine AFTER INSERT "
             "ON unit BEGIN INSERT INTO note VALUES (1); END");
    assert_ok(msync_store_begin_integration(site->store, &err));
    assert_ok(msync_store_commit(site->store, &err));
    assert_string_equal(site_get(site, "SELECT integrating FROM msync_flag"),
                        "0");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        T(what_a_replace_removes_is_deleted_once),
        T(every_manner_of_unique_is_looked_at),
        T(the_condition_of_an_index_may_end_in_a_comment),
        T(a_default_may_end_in_a_comment),
        T(what_is_in_the_way_by_a_default_a_case_or_a_cascade),
        T(what_refers_to_itself_goes_with_the_row_that_it_replaces),
        T(a_row_that_is_replaced_by_its_equal_is_no_change),
        T(a_row_that_is_not_sent_takes_nothing_back),
        T(an_index_of_expressions_is_told_of),
        T(the_triggers_come_and_go_with_the_index),
        T(only_what_goes_on_the_wire_is_a_change),
        T(a_moment_in_another_form_is_no_change),
        T(milliseconds_in_a_column_of_text_are_no_change),
        T(a_day_in_another_form_is_no_change),
        T(without_the_row_of_the_flag_changes_are_written)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
