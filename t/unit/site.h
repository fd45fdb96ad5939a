/*
 * A site database in a directory of its own, for the tests of the rooms that
 * need one.
 */

#ifndef MSYNC_TEST_SITE_H
#define MSYNC_TEST_SITE_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "batch.h"
#include "store/store.h"
#include "store/buffer.h"
#include "store/check.h"
#include "store/kv.h"
#include "store/site.h"

#define SITE_ID     7
#define SITE_FOUND  8192       /* octets of all that a check finds */

/* SQL after which nothing waits to be sent */
#define SITE_SENT                                                             \
    "UPDATE msync_flag SET integrating = 1; DELETE FROM changelog;"           \
    "UPDATE msync_flag SET integrating = 0;"

typedef struct {
    char                dir[64];
    char                path[96];
    msync_catalogue_t  *catalogue;
    msync_store_t      *store;
    sqlite3            *app;           /* the application's connection */
} site_t;

/* a test with a database of its own */
#define T(name)                                                               \
    cmocka_unit_test_setup_teardown(name, site_open, site_close)

#define assert_ok(call)                                                       \
    do {                                                                      \
        msync_err_clear(&err);                                                \
        if ((call) != MSYNC_OK) {                                             \
            fail_msg("%s: %s", #call, err.text);                              \
        }                                                                     \
    } while (0)


static inline void
site_sql(site_t *site, const char *sql)
{
    char  *message = NULL;

    if (sqlite3_exec(site->app, sql, NULL, NULL, &message) != SQLITE_OK) {
        fail_msg("%s: %s", sql, message);
    }
}


/* the first column of the first row, "" without one; static storage */

static inline const char *
site_get(site_t *site, const char *sql)
{
    sqlite3_stmt  *stmt;

    static char  text[4096];

    if (sqlite3_prepare_v2(site->app, sql, -1, &stmt, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(site->app));
    }

    text[0] = '\0';

    if (sqlite3_step(stmt) == SQLITE_ROW
        && sqlite3_column_text(stmt, 0) != NULL)
    {
        snprintf(text, sizeof(text), "%s",
                 (const char *) sqlite3_column_text(stmt, 0));
    }

    sqlite3_finalize(stmt);
    return text;
}


/* the application opens the database */

static inline void
site_open_application(site_t *site)
{
    assert_int_equal(sqlite3_open(site->path, &site->app), SQLITE_OK);
    sqlite3_busy_timeout(site->app, 5000);
}


static inline void
site_true(sqlite3_context *context, int n, sqlite3_value **values)
{
    (void) n;
    (void) values;
    sqlite3_result_int(context, 1);
}


/* a function that the application has and msync has not */

static inline void
site_add_function(site_t *site, const char *name)
{
    assert_int_equal(sqlite3_create_function(site->app, name, -1, SQLITE_UTF8
                                             |SQLITE_DETERMINISTIC, NULL,
                                             site_true, NULL, NULL),
                     SQLITE_OK);
}


static inline char *site_contents(const char *path, size_t *length);
static inline mode_t site_mode(const char *path);


/* to make a new database takes many times as long as to open it: the first test
 * of a program does that, the others begin with a copy */

static inline void
site_make(site_t *site)
{
    int          fd;
    msync_err_t  err;

    static char    *made;
    static size_t   length;
    static mode_t   mode;

    if (made == NULL) {
        site->store = msync_store_open(site->path, site->catalogue,
                                       MSYNC_STORE_CREATE, &err);
        if (site->store == NULL) {
            fail_msg("%s", err.text);
        }

        assert_ok(msync_store_set_int(site->store, MSYNC_KEY_SITE_ID, SITE_ID,
                                      &err));
        msync_store_close(&site->store);
        made = site_contents(site->path, &length);
        mode = site_mode(site->path);
        return;
    }

    fd = open(site->path, O_WRONLY | O_CREAT | O_EXCL, mode);
    assert_true(fd != -1);
    assert_int_equal(fchmod(fd, mode), 0);
    assert_int_equal(write(fd, made, length), length);
    assert_int_equal(close(fd), 0);
}


static inline int
site_open(void **state)
{
    site_t      *site;
    msync_err_t  err;

    site = calloc(1, sizeof(site_t));
    snprintf(site->dir, sizeof(site->dir), "%s/msync-unit-XXXXXX",
             getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(site->dir));
    snprintf(site->path, sizeof(site->path), "%s/site.sqlite", site->dir);

    site->catalogue = msync_catalogue_builtin(&err);
    assert_non_null(site->catalogue);

    site_make(site);
    site->store = msync_store_open(site->path, site->catalogue,
                                   MSYNC_STORE_CREATE, &err);
    if (site->store == NULL) {
        fail_msg("%s", err.text);
    }

    site_open_application(site);

    *state = site;
    return 0;
}


static inline int
site_close(void **state)
{
    char     command[128];
    site_t  *site = *state;

    sqlite3_close(site->app);
    msync_store_close(&site->store);
    msync_catalogue_free(&site->catalogue);

    snprintf(command, sizeof(command), "rm -rf '%s'", site->dir);
    assert_int_equal(system(command), 0);
    free(site);

    return 0;
}


/* what is in a file, with a NUL behind it, owned by the caller; `length` may be
 * NULL */

static inline char *
site_contents(const char *path, size_t *length)
{
    char         *text;
    FILE         *file;
    struct stat   st;

    file = fopen(path, "re");
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &st), 0);
    text = malloc((size_t) st.st_size + 1);
    assert_non_null(text);
    assert_int_equal(fread(text, 1, (size_t) st.st_size, file), st.st_size);
    text[st.st_size] = '\0';
    fclose(file);

    if (length != NULL) {
        *length = (size_t) st.st_size;
    }

    return text;
}


/* so does msync, as a helper that starts, which has to go well */

static inline void
site_open_again(site_t *site)
{
    msync_err_t  err;

    msync_store_close(&site->store);
    site->store = msync_store_open(site->path, site->catalogue,
                                   MSYNC_STORE_CREATE, &err);
    if (site->store == NULL) {
        fail_msg("%s", err.text);
    }
}


/* another database in the place of this one, which an application has made with
 * this SQL; msync has not opened it yet */

static inline void
site_begin(site_t *site, const char *sql)
{
    char  command[128];

    sqlite3_close(site->app);
    msync_store_close(&site->store);
    snprintf(command, sizeof(command), "rm -f '%s'*", site->path);
    assert_int_equal(system(command), 0);
    site_open_application(site);
    site_sql(site, sql);
}


/* one of an earlier version of the schema, 1 or 4 */

static inline void
site_begin_version(site_t *site, int version)
{
    char  path[64], *sql;

    snprintf(path, sizeof(path), "t/unit/schema/%d.sql", version);
    sql = site_contents(path, NULL);
    site_begin(site, sql);
    free(sql);
    site_sql(site, "INSERT INTO key_value_store (id, value_string) VALUES "
             "('MSYNC_SCHEMA_SHA256', 'of another version')");

    /* the first one had no number */
    if (version > 1) {
        sql = sqlite3_mprintf("INSERT INTO key_value_store (id, value_int) "
                              "VALUES ('MSYNC_SCHEMA_VERSION', %d)", version);
        site_sql(site, sql);
        sqlite3_free(sql);
    }
}


/* what a first sync brings: the store S1, which is active here, and S2, which
 * is active elsewhere, both of the name N1; nothing waits to be sent */

static inline void
site_add_stores(site_t *site)
{
    site_sql(site, "UPDATE msync_flag SET integrating = 1;"
             "INSERT INTO name (ID, name, code, type) VALUES ('N1', 'N', "
             "'c', 'facility');"
             "INSERT INTO store (ID, name_ID, code, store_mode, "
             "sync_id_remote_site) VALUES ('S1', 'N1', 'c', 'store', 7),"
             "('S2', 'N1', 'c', 'store', 8);"
             "UPDATE msync_flag SET integrating = 0;");
}


/* the built-in catalogue with this tables file laid over it; NULL and err
 * when it is refused */

static inline msync_catalogue_t *
site_tables(const char *json, msync_err_t *err)
{
    int                 fd;
    msync_catalogue_t  *loaded;

    char  path[] = "/tmp/msync-tables-XXXXXX";

    fd = mkstemp(path);
    assert_true(fd != -1);
    assert_int_equal(write(fd, json, strlen(json)), strlen(json));
    close(fd);
    loaded = msync_catalogue_load(path, err);
    unlink(path);

    return loaded;
}


/* opens the database again, as a helper with this tables file would (NULL:
 * without one); what is said when it refuses is in err */

static inline bool
site_migrate(site_t *site, const char *json, msync_err_t *err)
{
    msync_err_clear(err);
    msync_store_close(&site->store);
    msync_catalogue_free(&site->catalogue);

    site->catalogue = json ? site_tables(json, err)
                           : msync_catalogue_builtin(err);
    if (site->catalogue == NULL) {
        fail_msg("%s", err->text);
    }

    site->store = msync_store_open(site->path, site->catalogue,
                                   MSYNC_STORE_CREATE, err);
    return site->store != NULL;
}


/* takes what is found, each with a ";" behind it, into SITE_FOUND octets */

static inline void
site_note(void *data, const char *text)
{
    size_t  used = strlen(data);

    snprintf((char *) data + used, SITE_FOUND - used, "%s;", text);
}


/* what a check finds, "" for nothing; static storage */

static inline const char *
site_check(site_t *site)
{
    static char  found[SITE_FOUND];
    msync_err_t  err;

    found[0] = '\0';
    assert_ok(msync_store_check(site->store, site_note, found, &err));

    return found;
}


#define assert_migrates(site, json)                                           \
    do {                                                                      \
        if (!site_migrate(site, json, &err)) {                                \
            fail_msg("%s", err.text);                                         \
        }                                                                     \
    } while (0)


static inline mode_t
site_mode(const char *path)
{
    struct stat  st;

    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 07777;
}


/* the first sync is over */

static inline void
site_initialise(site_t *site)
{
    msync_err_t   err;
    msync_site_t  self = { .state = MSYNC_SITE_INITIALISED };

    assert_ok(msync_store_site_set(site->store, &self, &err));
}


/* batch_add() with the record's action */

static inline void
site_record(msync_batch_t *batch, const char *table, const char *id,
    msync_action_e action, const char *data)
{
    batch_add(batch, table, id, data)->action = action;
}


/* puts one record into the buffer, committed */

static inline void
site_pull(site_t *site, unsigned side, const char *table, const char *id,
    msync_action_e action, const char *data)
{
    msync_err_t    err;
    msync_batch_t  batch = { 0 };

    site_record(&batch, table, id, action, data);
    assert_ok(msync_store_begin(site->store, &err));
    assert_ok(msync_store_buffer_put(site->store, &batch, side, &err));
    assert_ok(msync_store_commit(site->store, &err));
    msync_batch_clear(&batch);
}


/* one that v7 brings for a store, another party's store and a patient, NULL:
 * none */

static inline void
site_pull_v7(site_t *site, const char *table, const char *id,
    const char *data, const char *store, const char *other,
    const char *patient)
{
    msync_err_t     err;
    msync_batch_t   batch = { 0 };

    site_record(&batch, table, id, MSYNC_ACTION_UPSERT, data);
    batch.records[0].store = msync_strdup(store);
    batch.records[0].transfer_store = msync_strdup(other);
    batch.records[0].patient = msync_strdup(patient);
    assert_ok(msync_store_begin(site->store, &err));
    assert_ok(msync_store_buffer_put(site->store, &batch, MSYNC_V7, &err));
    assert_ok(msync_store_commit(site->store, &err));
    msync_batch_clear(&batch);
}


/* for sqlite3_commit_hook: `data` is an int that each commit adds one to */

static inline int
site_count_commit(void *data)
{
    int  *commits = data;

    (*commits)++;
    return 0;
}

#endif /* MSYNC_TEST_SITE_H */
