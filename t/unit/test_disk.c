/* Disks, and what happens to the log beside the database. */

#include <dirent.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "integration.h"
#include "base/log.h"
#include "store/disk.h"
#include "store/row.h"

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

    assert_string_equal(site_check(site), "");
    said_type = 0x6969;
    assert_non_null(strstr(site_check(site), "lies on a network file system "
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
    assert_non_null(strstr(site_check(site),
                           "more than one name (a hard link)"));
    msync_log_set_sink(save_line, said);
    assert_migrates(site, NULL);
    msync_log_set_sink(NULL, NULL);
    assert_non_null(strstr(said, "remove the other names"));

    assert_int_equal(unlink(name), 0);
    assert_string_equal(site_check(site), "");
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
    assert_non_null(strstr(site_check(site),
                           "some program reads for very long"));
    assert_ok(msync_store_renew(site->store, &err));
    assert_non_null(strstr(said, "some program reads for very long"));

    said[0] = '\0';
    assert_ok(msync_store_renew(site->store, &err));
    assert_string_equal(said, "");
    msync_log_set_sink(NULL, NULL);

    /* the file of the log keeps its size when all of it is in the database */
    site_sql(site, "COMMIT");
    assert_int_equal(sqlite3_wal_checkpoint_v2(writer, NULL,
                                               SQLITE_CHECKPOINT_FULL, NULL,
                                               NULL), SQLITE_OK);
    assert_true(msync_store_log_octets(site->store)
                >= MSYNC_STORE_LOG_LARGE);
    assert_string_equal(site_check(site), "");
    assert_int_equal(msync_store_log_large(site->store), 0);
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
    site_open_again(site);
    site_open_application(site);
    assert_string_equal(site_check(site), "");
}


/* … also where nothing that is read then was in it */

static void
a_log_that_lacks_what_its_index_says_is_told_of(void **state)
{
    char          name[128], full[2048];
    site_t       *site = *state;
    msync_err_t   err;

    site_sql(site, "CREATE TABLE mine (x); INSERT INTO mine VALUES (1); "
             "PRAGMA wal_checkpoint(TRUNCATE)");
    msync_store_close(&site->store);
    site_sql(site, "UPDATE mine SET x = 2");
    snprintf(name, sizeof(name), "%s-wal", site->path);
    assert_int_equal(unlink(name), 0);

    site->store = msync_store_open(site->path, site->catalogue,
                                   MSYNC_STORE_READ_ONLY, &err);
    assert_null(site->store);
    site->store = msync_store_open(site->path, site->catalogue,
                                   MSYNC_STORE_CREATE, &err);
    assert_null(site->store);
    msync_err_full(&err, full, sizeof(full));
    assert_non_null(strstr(full, "(-wal) lacks what was written to it"));
    assert_non_null(strstr(full, "Stop the application and nginx"));

    /* as it says: who wrote it brings it into the database */
    sqlite3_close(site->app);
    site_open_again(site);
    site_open_application(site);
    assert_string_equal(site_get(site, "SELECT x FROM mine"), "2");
    assert_string_equal(site_check(site), "");
}


/* by cp, rsync --inplace and the like: the file is the same, its log too */

static void
a_copy_over_the_open_database_is_told_of(void **state)
{
    char          command[400], full[2048];
    size_t        i;
    site_t       *site = *state;
    msync_err_t   err;

    /* by its size or by what the log has written; by neither, after a change
     * that is sent and after a run */
    static const char *const  since[] = {
        "INSERT INTO unit (ID, units) VALUES ('U', 'box');"
        "PRAGMA wal_checkpoint",
        "INSERT INTO Location (ID, store_ID) VALUES ('L', 'S1');"
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "INSERT INTO sync_log (started_datetime) VALUES ('t');"
        "PRAGMA wal_checkpoint(TRUNCATE)"
    };

    /* nothing that comes then needs another page */
    site_add_stores(site);
    site_sql(site, "INSERT INTO unit (ID, units) VALUES ('V', 'jar');"
             "INSERT INTO Location (ID, store_ID) VALUES ('K', 'S1');"
             "INSERT INTO sync_log (started_datetime) VALUES ('t')");

    for (i = 0; i < sizeof(since) / sizeof(*since); i++) {
        site_sql(site, "PRAGMA wal_checkpoint(TRUNCATE)");
        snprintf(command, sizeof(command), "cp '%s' '%s/copy'", site->path,
                 site->dir);
        assert_int_equal(system(command), 0);
        site_sql(site, since[i]);
        assert_ok(msync_store_renew(site->store, &err));

        snprintf(command, sizeof(command), "cp '%s/copy' '%s'", site->dir,
                 site->path);
        assert_int_equal(system(command), 0);
        assert_int_equal(msync_store_renew(site->store, &err), MSYNC_ERROR);
        msync_err_full(&err, full, sizeof(full));
        assert_non_null(strstr(full, "was copied over"));
        assert_non_null(strstr(full, "put the copy in its place again"));
        assert_int_equal(msync_store_renew(site->store, &err), MSYNC_ERROR);

        /* as it says */
        sqlite3_close(site->app);
        msync_store_close(&site->store);
        snprintf(command, sizeof(command), "cp '%s/copy' '%s'; rm -f "
                 "'%s-wal' '%s-shm'", site->dir, site->path, site->path,
                 site->path);
        assert_int_equal(system(command), 0);
        site_open_application(site);
        site_open_again(site);
        assert_ok(msync_store_renew(site->store, &err));
        assert_string_equal(site_get(site, "SELECT count(*) FROM unit"), "1");
        assert_string_equal(site_check(site), "");
    }
}


/* by touch, by chmod and chown, by a backup that sets it back: with nothing in
 * the log, with what is not in the database yet, and with what is */

static void
another_time_of_the_file_is_no_copy(void **state)
{
    size_t        i;
    char          command[400];
    site_t       *site = *state;
    msync_err_t   err;

    static const char *const  before[] = {
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "INSERT INTO unit (ID, units) VALUES ('U', 'box')",
        "PRAGMA wal_checkpoint",
        "DELETE FROM unit; PRAGMA wal_checkpoint",
        "PRAGMA auto_vacuum = FULL; VACUUM; PRAGMA wal_checkpoint"
    };
    static const char *const  commands[] = {
        "touch '%s'", "touch -m '%s'", "touch -d 2026-01-01 '%s'",
        "f='%s'; cp $f $f.same; cp $f.same $f; rm $f.same"
    };

#define NBEFORE    (sizeof(before) / sizeof(*before))
#define NCOMMANDS  (sizeof(commands) / sizeof(*commands))

    for (i = 0; i < NBEFORE * NCOMMANDS; i++) {
        if (i % NCOMMANDS == 0) {
            site_sql(site, before[i / NCOMMANDS]);
        }

        assert_ok(msync_store_renew(site->store, &err));
        snprintf(command, sizeof(command), commands[i % NCOMMANDS],
                 site->path);
        assert_int_equal(system(command), 0);
        assert_ok(msync_store_renew(site->store, &err));
    }

    assert_string_equal(site_check(site), "");
}


/* whatever SQLite itself does with it */

static void
a_checkpoint_of_any_kind_is_no_copy(void **state)
{
    size_t        i, j;
    char          text[2000] = "";
    site_t       *site = *state;
    msync_err_t   err;

    static const char  *const  done[] = {
        "SELECT count(*) FROM unit",
        "PRAGMA wal_checkpoint(PASSIVE)",
        "PRAGMA wal_checkpoint(FULL)",
        "PRAGMA wal_checkpoint(RESTART)",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "VACUUM",
        "PRAGMA user_version = 7",
        "BEGIN; DELETE FROM unit; ROLLBACK",
        "PRAGMA wal_autocheckpoint = 1",
        "UPDATE unit SET units = hex(randomblob(20000))",
        "PRAGMA wal_autocheckpoint = 1000"
    };

    for (j = 0; j < sizeof(done) / sizeof(*done); j++) {
        for (i = 0; i < sizeof(done) / sizeof(*done); i++) {
            snprintf(text, sizeof(text), "INSERT OR REPLACE INTO unit (ID, "
                     "units) VALUES ('U', '%zu')", i);
            site_sql(site, text);
            site_sql(site, done[i]);
            site_sql(site, done[(i + j) % (sizeof(done) / sizeof(*done))]);
            assert_ok(msync_store_renew(site->store, &err));
            assert_ok(msync_store_set_int(site->store, "x", (int64_t) i,
                                          &err));
            assert_ok(msync_store_renew(site->store, &err));
        }
    }
}


/* the former file and what another program wrote since are not mixed */

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
        print_message("no file system can be mounted here: skipped\n");
        skip();
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


/* opens another database, which has to fail; static storage */

static const char *
fails_to_open(site_t *site, const char *path)
{
    msync_err_t  err;

    static char  full[2048];

    msync_err_clear(&err);
    msync_store_close(&site->store);
    site->store = msync_store_open(path, site->catalogue, MSYNC_STORE_CREATE,
                                   &err);
    if (site->store != NULL) {
        fail_msg("%s is opened", path);
    }

    snprintf(full, sizeof(full), "%s: ", msync_err_variant(err.variant));
    msync_err_full(&err, full + strlen(full), sizeof(full) - strlen(full));

    return full;
}


static int
open_files(void)
{
    int   n = 0;
    DIR  *dir = opendir("/proc/self/fd");

    assert_non_null(dir);

    while (readdir(dir) != NULL) {
        n++;
    }

    closedir(dir);
    return n;
}


/* … and is asked for again and again: no file stays open */

static void
what_stands_in_the_place_of_a_file_is_told_of(void **state)
{
    int           files = 0;
    char          path[160], name[170];
    size_t        i;
    site_t       *site = *state;

    static const struct {
        const char  *of;
        bool         directory;
        const char  *says;
    } there[] = {
        { "", true, "that of a directory" },
        { "-wal", true, "that of a directory" },
        { "", false, "a link leads to one that is not there" },
        { "-wal", false, "is a symbolic link" }
    };

    for (i = 0; i < sizeof(there) / sizeof(*there); i++) {
        snprintf(path, sizeof(path), "%s/case%zu.sqlite", site->dir, i);
        snprintf(name, sizeof(name), "%s%s", path, there[i].of);
        assert_int_equal(there[i].directory ? mkdir(name, 0700)
                                            : symlink("nowhere", name), 0);
        assert_non_null(strstr(fails_to_open(site, path), there[i].says));
        files = i == 0 ? open_files() : files;
        assert_null(strstr(fails_to_open(site, path), "Check the rights"));
        assert_int_equal(open_files(), files);
    }
}


static void
a_disk_that_takes_no_more_files_is_told_of(void **state)
{
    int           files;
    char          dir[128], path[160], how[64];
    site_t       *site = *state;
    const char   *said;

    snprintf(dir, sizeof(dir), "%s/disk", site->dir);
    assert_int_equal(mkdir(dir, 0700), 0);
    snprintf(path, sizeof(path), "%s/site.sqlite", dir);

    /* the directory itself is one; none is left for the database, -wal */
    for (files = 1; files <= 2; files++) {
        snprintf(how, sizeof(how), "size=64m,nr_inodes=%d", files);

        if (mount("none", dir, "tmpfs", 0, how) == -1) {
            print_message("no file system can be mounted here: skipped\n");
            skip();
        }

        said = fails_to_open(site, path);
        assert_non_null(strstr(said, "DISK_FULL: "));
        assert_non_null(strstr(said, "can take no more files (\"df -i\")"));
        assert_int_equal(umount2(dir, MNT_DETACH), 0);
    }
}


/* nobody has to look after the rights of files then */

static void
a_table_that_is_gone_is_no_fault_of_the_disk(void **state)
{
    char          full[2048];
    bool          exists;
    site_t       *site = *state;
    msync_err_t   err;

    site_sql(site, "PRAGMA foreign_keys = OFF; DROP TABLE unit");
    assert_int_equal(msync_store_row_exists(site->store,
                         msync_catalogue_find(site->catalogue, "unit"), "U",
                         &exists, &err), MSYNC_ERROR);
    msync_err_full(&err, full, sizeof(full));
    assert_non_null(strstr(full, "no such table: unit. Another program has "
                           "altered the tables"));
    assert_non_null(strstr(full, "the next run makes by itself"));
    assert_null(strstr(full, "rights"));
}


/* as an application may have made it */

static void
pages_of_any_size_and_every_vacuum_will_do(void **state)
{
    int      size, vacuum;
    char     sql[160];
    site_t  *site = *state;

    for (size = 512; size <= 65536; size *= 2) {
        for (vacuum = 0; vacuum < 3; vacuum++) {
            snprintf(sql, sizeof(sql), "PRAGMA page_size = %d; PRAGMA "
                     "auto_vacuum = %d; CREATE TABLE mine (x)", size, vacuum);
            site_begin(site, sql);
            site_open_again(site);

            site_pull(site, MSYNC_LEGACY, "unit", "U", MSYNC_ACTION_UPSERT,
                      UNIT("box"));
            assert_int_equal(integrate(site, true).integrated, 1);
            snprintf(sql, sizeof(sql), "%d", size);
            assert_string_equal(site_get(site, "PRAGMA page_size"), sql);
            assert_string_equal(site_check(site), "");
        }
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        T(a_network_under_the_database_is_told_of),
        T(a_second_name_of_the_file_is_told_of),
        T(a_reader_that_never_ends_is_told_of),
        T(a_log_that_is_removed_is_noticed_and_saved),
        T(a_log_that_is_removed_is_told_of_by_who_opens_then),
        T(a_log_that_lacks_what_its_index_says_is_told_of),
        T(a_copy_over_the_open_database_is_told_of),
        T(another_time_of_the_file_is_no_copy),
        T(a_checkpoint_of_any_kind_is_no_copy),
        T(another_log_in_its_place_is_left_alone),
        T(a_disk_that_becomes_read_only_is_told_of),
        T(what_stands_in_the_place_of_a_file_is_told_of),
        T(a_disk_that_takes_no_more_files_is_told_of),
        T(a_table_that_is_gone_is_no_fault_of_the_disk),
        T(pages_of_any_size_and_every_vacuum_will_do)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
