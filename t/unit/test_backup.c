/* Copies of the database: what is in them, and who may read them. */

#include "site.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include "store/backup.h"

#define NAME  "INSERT INTO name (ID, name, code, type) VALUES "               \
              "('N1', 'N', 'c', 'facility')"


/* the paths that were synced, each with a ";" behind it */

static char  synced[4096];

/* instead of the C library's */

int
fsync(int fd)
{
    char     name[64], path[256];
    ssize_t  n;

    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    n = readlink(name, path, sizeof(path) - 2);
    assert_true(n > 0);
    path[n] = ';';
    path[n + 1] = '\0';

    if (strlen(synced) + strlen(path) < sizeof(synced)) {
        strcat(synced, path);
    }

    return (int) syscall(SYS_fsync, fd);
}


/* what writing to a copy fails with behind its first octets, 0: nothing */

static int  write_fault;


/* instead of the C library's, too */

ssize_t
pwrite64(int fd, const void *data, size_t n, off64_t at)
{
    char          name[64], path[256] = "";
    struct iovec  whole = { (void *) data, n };

    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);

    if (write_fault != 0 && at >= 32768
        && readlink(name, path, sizeof(path) - 1) > 0
        && strstr(path, ".part") != NULL)
    {
        errno = write_fault;
        return -1;
    }

    return pwritev64(fd, &whole, 1, at);
}


static const char *
copy_path(site_t *site)
{
    static char  path[128];

    snprintf(path, sizeof(path), "%s/copy.sqlite", site->dir);
    return path;
}


static void
a_backup_is_a_database(void **state)
{
    site_t      *site = *state;
    sqlite3     *copy;
    msync_err_t  err;

    site_sql(site, NAME);
    assert_ok(msync_store_backup(site->store, copy_path(site), &err));
    assert_int_equal(sqlite3_open(copy_path(site), &copy), SQLITE_OK);
    sqlite3_close(site->app);
    site->app = copy;
    site_add_function(site, "regexp");
    assert_string_equal(site_get(site, "SELECT ID FROM name"), "N1");
    assert_string_equal(site_get(site, "PRAGMA integrity_check"), "ok");
}


/* before it has its name, and then that */

static void
a_backup_is_on_the_disk(void **state)
{
    char         expected[384];
    site_t      *site = *state;
    msync_err_t  err;

    synced[0] = '\0';
    assert_ok(msync_store_backup(site->store, copy_path(site), &err));
    snprintf(expected, sizeof(expected), "%s.%ld.part;%s;", copy_path(site),
             (long) getpid(), site->dir);
    assert_non_null(strstr(synced, expected));
}


/* which VACUUM cannot copy without it */

static void
what_needs_a_function_of_the_applications_is_copied(void **state)
{
    site_t  *site = *state;

    site_add_function(site, "regexp");
    site_sql(site, "CREATE TABLE mine (a, CHECK (a REGEXP 'x'))");
    assert_int_equal(chmod(site->path, 0640), 0);
    a_backup_is_a_database(state);
    assert_int_equal(site_mode(copy_path(site)), 0640);
}


static void
a_backup_has_the_mode_of_its_database(void **state)
{
    size_t       i;
    mode_t       mask;
    site_t      *site = *state;
    msync_err_t  err;

    static const mode_t  modes[] = { 0600, 0640, 0660 };

    for (i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
        assert_int_equal(chmod(site->path, modes[i]), 0);
        mask = umask(i ? 077 : 0);
        assert_ok(msync_store_backup(site->store, copy_path(site), &err));
        umask(mask);
        assert_int_equal(site_mode(copy_path(site)), modes[i]);
        unlink(copy_path(site));
    }
}


static void
a_file_that_is_there_is_left_as_it_is(void **state)
{
    size_t       i;
    FILE        *file;
    site_t      *site = *state;
    struct stat  st;
    msync_err_t  err;

    static const char *const  texts[] = { "", "mine" };

    for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        file = fopen(copy_path(site), "w");
        assert_non_null(file);
        fputs(texts[i], file);
        fclose(file);

        assert_int_equal(msync_store_backup(site->store, copy_path(site),
                                            &err), MSYNC_ERROR);
        assert_non_null(strstr(err.text, "is there already"));
        assert_int_equal(stat(copy_path(site), &st), 0);
        assert_int_equal(st.st_size, strlen(texts[i]));
        unlink(copy_path(site));
    }
}


static void
a_backup_that_fails_leaves_no_file(void **state)
{
    char            journal[160];
    site_t         *site = *state;
    msync_err_t     err;
    struct rlimit   limit, small;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = limit;
    small.rlim_cur = 32768;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);

    assert_int_equal(msync_store_backup(site->store, copy_path(site), &err),
                     MSYNC_ERROR);

    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(access(copy_path(site), F_OK), -1);
    snprintf(journal, sizeof(journal), "%s-journal", copy_path(site));
    assert_int_equal(access(journal, F_OK), -1);

    assert_ok(msync_store_backup(site->store, copy_path(site), &err));
}


/* whichever way it is copied */

static void
a_backup_without_room_says_so(void **state)
{
    size_t       i, j;
    site_t      *site = *state;
    msync_err_t  err;

    static const struct {
        int              fault;
        msync_variant_e  variant;
    } cases[] = {
        { ENOSPC, MSYNC_ERR_DISK_FULL },
        { EFBIG, MSYNC_ERR_DATABASE_ERROR }
    };

    for (i = 0; i < 2; i++) {
        for (j = 0; j < sizeof(cases) / sizeof(*cases); j++) {
            write_fault = cases[j].fault;
            assert_int_equal(msync_store_backup(site->store, copy_path(site),
                                                &err), MSYNC_ERROR);
            write_fault = 0;
            assert_int_equal(err.variant, cases[j].variant);
            assert_non_null(err.advice);
            assert_non_null(strstr(err.advice, "no room for the copy"));
        }

        site_add_function(site, "regexp");
        site_sql(site, "CREATE TABLE IF NOT EXISTS mine (a, CHECK (a REGEXP "
                 "'x'))");
    }

    assert_ok(msync_store_backup(site->store, copy_path(site), &err));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        T(a_backup_is_a_database),
        T(a_backup_is_on_the_disk),
        T(what_needs_a_function_of_the_applications_is_copied),
        T(a_backup_has_the_mode_of_its_database),
        T(a_file_that_is_there_is_left_as_it_is),
        T(a_backup_that_fails_leaves_no_file),
        T(a_backup_without_room_says_so)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
