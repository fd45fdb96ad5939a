/* The store among processes: its lock and SQLite's, and the memory of its own
 * one. */

#include "site.h"

#include <errno.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "store/lock.h"

static int  lock_fails;            /* errno of every flock(2), 0: of none */


int
flock(int fd, int operation)
{
    if (lock_fails != 0) {
        errno = lock_fails;
        return -1;
    }

    return (int) syscall(SYS_flock, fd, operation);
}


static void
the_lock_is_for_one_process(void **state)
{
    int          fd = -1, status;
    long         holder;
    pid_t        pid;
    site_t      *site = *state;
    msync_err_t  err;

    assert_int_equal(msync_store_lock(site->path, &fd, &holder, &err),
                     MSYNC_OK);
    pid = fork();

    if (pid == 0) {
        fd = -1;
        _exit(msync_store_lock(site->path, &fd, &holder, &err) == MSYNC_AGAIN
              && holder == (long) getppid() ? 0 : 1);
    }

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(fd);
}


/* some shares and FUSE file systems have none */

static void
a_file_system_without_locks_is_told_of(void **state)
{
    int          fd = -1;
    long         holder = 0;
    site_t      *site = *state;
    msync_err_t  err;

    lock_fails = ENOLCK;
    assert_int_equal(msync_store_lock(site->path, &fd, &holder, &err),
                     MSYNC_ERROR);
    lock_fails = 0;

    assert_non_null(strstr(err.text, ".lock: No locks available"));
    assert_int_equal(fd, -1);
    assert_ok(msync_store_lock(site->path, &fd, &holder, &err));
    close(fd);
}


typedef struct {
    site_t  *site;
    int      calls;
    bool     cancel;
    int64_t  since;                /* the lock, at the latest */
} locked_t;


static int
while_locked(void *data, msync_err_t *err)
{
    int64_t    waited;
    locked_t  *locked = data;

    waited = msync_store_locked_for(locked->site->store);
    locked->since = msync_clock_monotonic() - waited;

    if (++locked->calls < 10) {
        return MSYNC_OK;
    }

    if (locked->cancel) {
        return msync_err_set(err, MSYNC_ERR_CANCELLED, "enough");
    }

    site_sql(locked->site, "COMMIT");
    return MSYNC_OK;
}


static void
a_locked_database_is_waited_for(void **state)
{
    site_t       *site = *state;
    locked_t      locked = { site, 0, false, 0 };
    msync_err_t   err;

    msync_store_set_hook(site->store, while_locked, &locked);

    site_sql(site, "BEGIN IMMEDIATE");
    assert_ok(msync_store_begin(site->store, &err));
    assert_ok(msync_store_commit(site->store, &err));
    assert_int_equal(locked.calls, 10);

    /* a cancel ends it, in its own words */
    locked.calls = 0;
    locked.cancel = true;
    site_sql(site, "BEGIN IMMEDIATE");
    assert_int_equal(msync_store_begin(site->store, &err), MSYNC_ERROR);
    assert_int_equal(err.variant, MSYNC_ERR_CANCELLED);
    site_sql(site, "COMMIT");
    assert_ok(msync_store_begin(site->store, &err));
    assert_ok(msync_store_commit(site->store, &err));
}


/* ms at which a lock that nobody waits for to the end was seen first */

static int64_t
locked_since(site_t *site, locked_t *locked)
{
    msync_err_t  err;

    locked->calls = 0;
    assert_int_equal(msync_store_begin(site->store, &err), MSYNC_ERROR);

    return locked->since;
}


static void
a_lock_is_as_old_as_it_was_seen(void **state)
{
    site_t       *site = *state;
    int64_t       since, left;
    locked_t      locked = { site, 0, true, 0 };
    msync_err_t   err;

    msync_store_set_hook(site->store, while_locked, &locked);

    site_sql(site, "BEGIN IMMEDIATE");
    (void) locked_since(site, &locked);
    left = msync_clock_monotonic();
    msync_store_look_at_lock(site->store);
    since = locked_since(site, &locked);
    assert_true(since < left);

    /* whoever sees that it is free begins anew: with a look, or a write */
    site_sql(site, "COMMIT");
    msync_store_look_at_lock(site->store);
    site_sql(site, "BEGIN IMMEDIATE");
    assert_true(locked_since(site, &locked) >= left);
    left = msync_clock_monotonic();

    site_sql(site, "COMMIT");
    assert_ok(msync_store_begin(site->store, &err));
    assert_ok(msync_store_commit(site->store, &err));
    site_sql(site, "BEGIN IMMEDIATE");
    assert_true(locked_since(site, &locked) >= left);
    site_sql(site, "COMMIT");
}


#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

/* Under qemu-user the limit does not hold.  32 bits have no room for all of
 * this; with 64 nothing is lacking. */

static int
nothing_is_lacking(void)
{
    int  n;

    for (n = 0; n < 4; n++) {
        if (mmap(NULL, 1 << 30, PROT_READ|PROT_WRITE,
                 MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)
            == MAP_FAILED)
        {
            return 0;
        }
    }

    return 1;
}


/* An id that could not be bound finds no row: the change would be lost. */

static void
nobody_goes_on_without_memory(void **state)
{
    int            status, n;
    pid_t          pid;
    struct rlimit  little = { 1 << 28, 1 << 28 };

    (void) state;
    pid = fork();

    if (pid == 0) {
        setrlimit(RLIMIT_AS, &little);

        if (nothing_is_lacking()) {
            _exit(77);
        }

        for (n = 0; n < 4; n++) {
            (void) sqlite3_malloc(1 << 30);
        }

        _exit(2);
    }

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));

    if (WEXITSTATUS(status) == 77) {
        skip();
    }

    assert_int_equal(WEXITSTATUS(status), 1);
}

#endif


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        T(the_lock_is_for_one_process),
        T(a_file_system_without_locks_is_told_of),
        T(a_locked_database_is_waited_for),
        T(a_lock_is_as_old_as_it_was_seen),
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        T(nobody_goes_on_without_memory),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
