/* A database that is put back as it was before: what is told, and what must
 * never be. */

#include "site.h"

#include "run/run.h"
#include "store/lock.h"
#include "store/older.h"

#define MOVED  "SELECT value_string FROM key_value_store WHERE id = "         \
               "'MSYNC_MOVED'"
#define STATE  "UPDATE key_value_store SET value_string = "


/* takes the lock and knows what is noted, as whoever begins to work, and what
 * another one said; returns the lock, which is held until that is closed */

static int
begin_with(site_t *site, const char *known)
{
    int          fd = -1;
    long         holder = 0;
    msync_err_t  err;

    assert_ok(msync_store_lock(site->path, &fd, &holder, &err));
    assert_ok(msync_store_load_marks(site->store, fd, known, &err));

    return fd;
}


static int
begin(site_t *site)
{
    return begin_with(site, NULL);
}


static void
move(site_t *site)
{
    msync_err_t  err;

    assert_ok(msync_store_begin(site->store, &err));
    assert_ok(msync_store_count_moved(site->store, &err));
    assert_ok(msync_store_commit(site->store, &err));
}


static bool
is_older(site_t *site)
{
    bool         older;
    msync_err_t  err;

    assert_ok(msync_store_note_older(site->store, &older, &err));
    return older;
}


/* whether whoever begins to work finds the database older */

static bool
begins_older(site_t *site)
{
    int   fd = begin(site);
    bool  older = is_older(site);

    close(fd);
    return older;
}


/* puts what the database has counted back as it was */

static void
put_back(site_t *site, const char *moved)
{
    char  sql[256];

    snprintf(sql, sizeof(sql), STATE "'%s' WHERE id = 'MSYNC_MOVED'", moved);
    site_sql(site, sql);
}


static const char *
lock_path(site_t *site)
{
    static char  path[128];

    snprintf(path, sizeof(path), "%s.lock", site->path);
    return path;
}


/* a site that has moved something twice, and what it had counted between */

static void
moved_twice(site_t *site, char between[64])
{
    int  fd = begin(site);

    site_initialise(site);
    move(site);
    snprintf(between, 64, "%s", site_get(site, MOVED));
    move(site);
    close(fd);
}


static void
a_state_that_lacks_something_is_noted_once(void **state)
{
    char          between[64];
    site_t       *site = *state;
    msync_err_t   err;
    msync_site_t  now;

    moved_twice(site, between);
    assert_false(begins_older(site));

    put_back(site, between);
    assert_true(begins_older(site));
    assert_false(begins_older(site));
    assert_ok(msync_store_site_get(site->store, &now, &err));
    assert_int_equal(msync_store_check_older(&now, &err), MSYNC_ERROR);

    /* until all comes anew, which makes another state of it */
    assert_ok(msync_run_reinitialise(site->store, false, &err));
    assert_ok(msync_store_site_get(site->store, &now, &err));
    assert_ok(msync_store_check_older(&now, &err));
    assert_false(begins_older(site));
    site_sql(site, STATE "'initialised' WHERE id = 'MSYNC_SITE'");
    assert_false(begins_older(site));
}


/* also while the database is open, as after .restore */

static void
it_is_noted_at_any_time(void **state)
{
    int      fd;
    char     between[64];
    site_t  *site = *state;

    moved_twice(site, between);
    fd = begin(site);
    put_back(site, between);
    assert_true(is_older(site));
    close(fd);
}


static void
what_was_counted_before_all_came_anew_is_known_too(void **state)
{
    int           fd;
    char          between[64];
    site_t       *site = *state;
    msync_err_t   err;

    moved_twice(site, between);
    assert_ok(msync_run_reinitialise(site->store, false, &err));
    site_sql(site, STATE "'initialised' WHERE id = 'MSYNC_SITE'");
    fd = begin(site);
    move(site);
    close(fd);
    assert_string_not_equal(site_get(site, MOVED), between);
    assert_false(begins_older(site));

    put_back(site, between);
    assert_true(begins_older(site));
}


static void
the_note_may_lack_what_was_counted_last(void **state)
{
    int      fd, n;
    char     between[64], now[64], noted[128], before[128];
    site_t  *site = *state;

    moved_twice(site, between);
    snprintf(now, sizeof(now), "%s", site_get(site, MOVED));

    /* killed before it was noted */
    fd = open(lock_path(site), O_RDWR);
    n = (int) pread(fd, noted, sizeof(noted), 0);
    put_back(site, "1700000000000 1");
    memcpy(before, noted, sizeof(before));
    assert_int_equal(n, 51);
    before[n - 2] = '1';
    assert_int_equal(pwrite(fd, before, (size_t) n, 0), n);
    put_back(site, now);
    assert_false(begins_older(site));

    /* it is noted then */
    put_back(site, between);
    assert_true(begins_older(site));
    close(fd);
}


static void
nothing_is_noted_before_it_is_on_the_disk(void **state)
{
    int           fd;
    char          moved[64];
    site_t       *site = *state;
    msync_err_t   err;

    fd = begin(site);
    site_initialise(site);
    move(site);
    snprintf(moved, sizeof(moved), "%s", site_get(site, MOVED));

    assert_ok(msync_store_begin(site->store, &err));
    assert_ok(msync_store_count_moved(site->store, &err));
    msync_store_rollback(site->store);
    assert_ok(msync_store_begin(site->store, &err));
    assert_ok(msync_store_commit(site->store, &err));

    assert_ok(msync_store_begin_unsynced(site->store, &err));
    assert_ok(msync_store_count_moved(site->store, &err));
    assert_ok(msync_store_commit(site->store, &err));
    close(fd);

    /* which a power cut took */
    put_back(site, moved);
    assert_false(begins_older(site));
}


static void
other_databases_are_not_compared(void **state)
{
    char     between[64];
    site_t  *site = *state;

    moved_twice(site, between);

    put_back(site, "1700000000000 1");
    assert_false(begins_older(site));
    put_back(site, "no number");
    assert_false(begins_older(site));
    put_back(site, "-5 1");
    assert_false(begins_older(site));
    put_back(site, "");
    assert_false(begins_older(site));
    site_sql(site, "DELETE FROM key_value_store WHERE id = 'MSYNC_MOVED'");
    assert_false(begins_older(site));
}


/* nor is it by the time that all has come */

static void
a_site_to_which_all_comes_is_not_older(void **state)
{
    char     between[64];
    site_t  *site = *state;

    moved_twice(site, between);
    put_back(site, between);
    site_sql(site, STATE "'anew' WHERE id = 'MSYNC_SITE'");
    assert_false(begins_older(site));

    site_sql(site, STATE "'initialised' WHERE id = 'MSYNC_SITE'");
    assert_false(begins_older(site));
}


static void
a_file_without_a_note_is_none(void **state)
{
    int      fd;
    char     between[64];
    size_t   i;
    site_t  *site = *state;

    static const char *const  files[] = {
        "", "4711\n", "4711\n\n\n\n\n\n\n", "4711\n0001764523456789 0001\n",
        "4711\n\n\n\n\n\n\n0001764523456789 0000000000000000009\n",
        "4711\n\n\n\n\n\n\n9999999999999999999999999999999999999999"
    };

    for (i = 0; i < sizeof(files) / sizeof(*files); i++) {
        moved_twice(site, between);
        fd = open(lock_path(site), O_WRONLY|O_TRUNC);
        assert_int_equal(write(fd, files[i], strlen(files[i])),
                         strlen(files[i]));
        close(fd);
        put_back(site, between);
        assert_false(begins_older(site));
    }

    /* an earlier version writes the number of its process alone */
    assert_int_equal(unlink(lock_path(site)), 0);
    assert_false(begins_older(site));
}


/* the file is put back as it was, or lost: nginx has kept what was said */

static void
what_another_process_said_is_known_without_the_file(void **state)
{
    int      fd;
    char     between[64], said[MSYNC_MOVED_MAX];
    site_t  *site = *state;

    moved_twice(site, between);
    msync_store_say_moved(site->store, said);
    assert_string_equal(said, site_get(site, MOVED));

    /* nothing is lacking, and the file has it again */
    assert_int_equal(unlink(lock_path(site)), 0);
    close(begin_with(site, said));
    put_back(site, between);
    assert_true(begins_older(site));

    moved_twice(site, between);
    msync_store_say_moved(site->store, said);
    put_back(site, between);
    assert_int_equal(unlink(lock_path(site)), 0);
    assert_false(begins_older(site));
    fd = begin_with(site, said);
    assert_true(is_older(site));
    close(fd);
}


static void
a_note_that_cannot_be_written_is_no_error(void **state)
{
    int           fd, reading;
    char          between[64];
    site_t       *site = *state;
    msync_err_t   err;

    moved_twice(site, between);
    fd = begin(site);
    reading = open(lock_path(site), O_RDONLY);
    assert_ok(msync_store_load_marks(site->store, reading, NULL, &err));
    move(site);
    assert_false(is_older(site));
    close(reading);
    close(fd);
    assert_false(begins_older(site));
}


static void
the_first_line_is_who_holds_it(void **state)
{
    int      fd, i;
    char     text[1024];
    site_t  *site = *state;
    ssize_t  n;

    fd = begin(site);
    site_initialise(site);

    for (i = 0; i < 12; i++) {
        site_sql(site, "DELETE FROM key_value_store WHERE id = 'MSYNC_MOVED'");
        move(site);
    }

    n = pread(fd, text, sizeof(text), 0);
    assert_int_equal(n, 11 + 8 * 40);
    assert_int_equal(strtol(text, NULL, 10), getpid());
    assert_int_equal(strncmp(text + 11 + 6, site_get(site, MOVED), 13), 0);
    close(fd);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        T(a_state_that_lacks_something_is_noted_once),
        T(it_is_noted_at_any_time),
        T(what_was_counted_before_all_came_anew_is_known_too),
        T(the_note_may_lack_what_was_counted_last),
        T(nothing_is_noted_before_it_is_on_the_disk),
        T(other_databases_are_not_compared),
        T(a_site_to_which_all_comes_is_not_older),
        T(a_file_without_a_note_is_none),
        T(what_another_process_said_is_known_without_the_file),
        T(a_note_that_cannot_be_written_is_no_error),
        T(the_first_line_is_who_holds_it)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
