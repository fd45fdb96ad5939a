/* Disks, and what happens to the log beside the database. */

#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "integration.h"
#include "site.h"
#include "base/log.h"
#include "store/check.h"
#include "store/disk.h"

static uint32_t  said_type;        /* what statfs says instead, 0: the truth */


/* no network is at hand: the system's answer is another one */

int
statfs(const char *path, struct statfs *disk)
{
    struct statvfs  st;

    memset(disk, 0, sizeof(struct statfs));
    disk->f_type = said_type;

    return statvfs(path, &st);
}


static void
note(void *data, const char *text)
{
    strcat(data, text);
}


static const char *
found(site_t *site)
{
    msync_err_t  err;

    static char  text[8192];

    text[0] = '\0';
    assert_ok(msync_store_check(site->store, note, text, &err));

    return text;
}


static void
save_line(void *data, int level, const char *line)
{
    (void) level;
    snprintf(data, 1024, "%s", line);
}


static void
a_network_under_the_database_is_told_of(void **state)
{
    char          said[1024] = "";
    site_t       *site = *state;
    msync_err_t   err;

    assert_string_equal(found(site), "");
    said_type = 0x6969;
    assert_non_null(strstr(found(site), "lies on a network file system "
                           "(NFS)"));
    msync_log_set_sink(save_line, said);
    assert_migrates(site, NULL);
    msync_log_set_sink(NULL, NULL);
    said_type = 0;
    assert_non_null(strstr(said, "put it on a disk of this machine"));
}


static void
a_second_name_of_the_file_is_told_of(void **state)
{
    char          name[256], said[1024] = "";
    site_t       *site = *state;
    msync_err_t   err;

    snprintf(name, sizeof(name), "%s/second.sqlite", site->dir);
    assert_int_equal(link(site->path, name), 0);
    assert_non_null(strstr(found(site), "more than one name (a hard link)"));
    msync_log_set_sink(save_line, said);
    assert_migrates(site, NULL);
    msync_log_set_sink(NULL, NULL);
    assert_non_null(strstr(said, "remove the other names"));

    assert_int_equal(unlink(name), 0);
    assert_string_equal(found(site), "");
}


static void
a_reader_that_never_ends_is_told_of(void **state)
{
    int           i;
    char          said[1024] = "";
    site_t       *site = *state;
    sqlite3      *writer;
    msync_err_t   err;

    msync_log_set_sink(save_line, said);
    assert_ok(msync_store_renew(site->store, &err));
    assert_string_equal(said, "");

    site_sql(site, "BEGIN; SELECT count(*) FROM sqlite_master");
    assert_int_equal(sqlite3_open(site->path, &writer), SQLITE_OK);
    assert_int_equal(sqlite3_exec(writer, "PRAGMA synchronous = OFF;"
                                  "CREATE TABLE blob (x)", NULL, NULL, NULL),
                     SQLITE_OK);

    for (i = 0; i < 28; i++) {
        assert_int_equal(sqlite3_exec(writer, "DELETE FROM blob; INSERT INTO "
                                      "blob VALUES (zeroblob(10000000))",
                                      NULL, NULL, NULL), SQLITE_OK);
    }

    assert_true(msync_store_log_octets(site->store)
                >= MSYNC_STORE_LOG_LARGE);
    assert_non_null(strstr(found(site), "some program reads for very long"));
    assert_ok(msync_store_renew(site->store, &err));
    assert_non_null(strstr(said, "some program reads for very long"));

    said[0] = '\0';
    assert_ok(msync_store_renew(site->store, &err));
    assert_string_equal(said, "");
    msync_log_set_sink(NULL, NULL);

    site_sql(site, "COMMIT");
    sqlite3_close(writer);
}


/* by a program that cleans up: nothing that was committed is lost */

static void
a_log_that_is_removed_is_noticed_and_saved(void **state)
{
    char          name[128];
    site_t       *site = *state;
    msync_err_t   err;

    site_sql(site, "INSERT INTO unit (ID, units) VALUES ('U', 'box')");
    snprintf(name, sizeof(name), "%s-wal", site->path);
    assert_int_equal(unlink(name), 0);

    assert_int_equal(msync_store_renew(site->store, &err), MSYNC_ERROR);
    assert_non_null(strstr(err.text, "-wal was removed while the database "
                           "was open"));
    assert_non_null(strstr(err.text, "Stop the application and nginx"));

    sqlite3_close(site->app);
    msync_store_close(&site->store);
    assert_int_equal(sqlite3_open(site->path, &site->app), SQLITE_OK);
    assert_string_equal(site_get(site, "SELECT units FROM unit"), "box");
    assert_string_equal(site_get(site, "PRAGMA integrity_check"), "ok");
}


/* by one that begins while another program still has it open */

static void
a_log_that_is_removed_is_told_of_by_who_opens_then(void **state)
{
    char          name[128], full[2048];
    site_t       *site = *state;
    msync_err_t   err;

    msync_store_close(&site->store);
    site_sql(site, "CREATE TABLE mine (x)");
    snprintf(name, sizeof(name), "%s-wal", site->path);
    assert_int_equal(unlink(name), 0);

    site->store = msync_store_open(site->path, site->catalogue,
                                   MSYNC_STORE_CREATE, &err);
    assert_null(site->store);
    msync_err_full(&err, full, sizeof(full));
    assert_non_null(strstr(full, "(-wal) lacks what was written to it"));
    assert_non_null(strstr(full, "Stop the application and nginx"));
    assert_null(strstr(full, "rights of the database"));

    /* as it says */
    sqlite3_close(site->app);
    site->store = msync_store_open(site->path, site->catalogue,
                                   MSYNC_STORE_CREATE, &err);
    assert_non_null(site->store);
    assert_int_equal(sqlite3_open(site->path, &site->app), SQLITE_OK);
    assert_string_equal(found(site), "");
}


/* the former file and what an other program wrote since are not mixed */

static void
another_log_in_its_place_is_left_alone(void **state)
{
    char          name[128], moved[128];
    FILE         *file;
    site_t       *site = *state;
    msync_err_t   err;

    site_sql(site, "INSERT INTO unit (ID, units) VALUES ('U', 'box')");
    snprintf(name, sizeof(name), "%s-wal", site->path);
    snprintf(moved, sizeof(moved), "%s/moved", site->dir);
    assert_int_equal(rename(name, moved), 0);
    file = fopen(name, "w");
    assert_non_null(file);
    fputs("another", file);
    fclose(file);

    assert_int_equal(msync_store_renew(site->store, &err), MSYNC_ERROR);
    sqlite3_close(site->app);
    site->app = NULL;
    msync_store_close(&site->store);
    file = fopen(name, "r");
    assert_non_null(file);
    assert_int_equal(fgetc(file), 'a');
    fclose(file);
}


static void
a_disk_that_becomes_read_only_is_told_of(void **state)
{
    char          dir[128], path[160], full[2048];
    site_t       *site = *state;
    msync_err_t   err;

    snprintf(dir, sizeof(dir), "%s/disk", site->dir);
    assert_int_equal(mkdir(dir, 0700), 0);

    if (mount("none", dir, "tmpfs", 0, "size=64m") == -1) {
        print_message("skipped: no file system can be mounted here\n");
        return;
    }

    snprintf(path, sizeof(path), "%s/site.sqlite", dir);
    msync_store_close(&site->store);
    site->store = msync_store_open(path, site->catalogue, MSYNC_STORE_CREATE,
                                   &err);
    assert_non_null(site->store);

    /* as the kernel does it with a disk that fails */
    msync_store_close(&site->store);
    assert_int_equal(mount("none", dir, NULL, MS_REMOUNT|MS_RDONLY, NULL),
                     0);
    msync_err_clear(&err);
    site->store = msync_store_open(path, site->catalogue, MSYNC_STORE_CREATE,
                                   &err);

    if (site->store != NULL) {
        assert_int_equal(msync_store_set_int(site->store, "x", 1, &err),
                         MSYNC_ERROR);
        msync_store_close(&site->store);
    }

    msync_err_full(&err, full, sizeof(full));
    assert_non_null(strstr(full, "read-only"));
    assert_int_equal(umount2(dir, MNT_DETACH), 0);
}


/* as an application may have made it */

static void
pages_of_any_size_and_every_vacuum_will_do(void **state)
{
    int           size, vacuum;
    char          command[160], sql[160];
    site_t       *site = *state;
    msync_err_t   err;

    for (size = 512; size <= 65536; size *= 2) {
        for (vacuum = 0; vacuum < 3; vacuum++) {
            sqlite3_close(site->app);
            msync_store_close(&site->store);
            snprintf(command, sizeof(command), "rm '%s'*", site->path);
            assert_int_equal(system(command), 0);

            assert_int_equal(sqlite3_open(site->path, &site->app), SQLITE_OK);
            sqlite3_busy_timeout(site->app, 5000);
            snprintf(sql, sizeof(sql), "PRAGMA page_size = %d; PRAGMA "
                     "auto_vacuum = %d; CREATE TABLE mine (x)", size, vacuum);
            site_sql(site, sql);
            assert_migrates(site, NULL);

            site_pull(site, MSYNC_LEGACY, "unit", "U", MSYNC_ACTION_UPSERT,
                      UNIT("box"));
            assert_int_equal(integrate(site, true).integrated, 1);
            snprintf(sql, sizeof(sql), "%d", size);
            assert_string_equal(site_get(site, "PRAGMA page_size"), sql);
            assert_string_equal(found(site), "");
        }
    }
}


int
main(void)
{
#define D(name)  cmocka_unit_test_setup_teardown(name, site_open, site_close)

    const struct CMUnitTest  tests[] = {
        D(a_network_under_the_database_is_told_of),
        D(a_second_name_of_the_file_is_told_of),
        D(a_reader_that_never_ends_is_told_of),
        D(a_log_that_is_removed_is_noticed_and_saved),
        D(a_log_that_is_removed_is_told_of_by_who_opens_then),
        D(another_log_in_its_place_is_left_alone),
        D(a_disk_that_becomes_read_only_is_told_of),
        D(pages_of_any_size_and_every_vacuum_will_do)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
