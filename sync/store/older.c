/*
 * An older state of the database.
 *
 * Promises: a state from which nothing was lost is told from one that lacks
 * something, so a backup that is put back before the next run that sends or
 * gets anything goes on as if nothing had been; a file of the lock that cannot
 * be written, is empty or is of an earlier version is no error.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/older.h"
#include "store/store_private.h"

#define MARK_OCTETS  40            /* of a line: two numbers of 19 digits */


static int older_read(msync_store_t *store, msync_mark_t *mark,
    msync_err_t *err);
static void older_scan(const char *text, msync_mark_t *mark);
static void older_print(const msync_mark_t *mark, char text[MSYNC_MOVED_MAX]);
static bool older_parse(const char *line, msync_mark_t *mark);
static bool older_is_beyond(const msync_store_t *store,
    const msync_mark_t *mark);
static int older_note(msync_store_t *store, const msync_mark_t *mark,
    msync_err_t *err);
static size_t older_find(const msync_store_t *store, int64_t since);
static void older_put(msync_store_t *store, const msync_mark_t *mark);


int
msync_store_count_moved(msync_store_t *store, msync_err_t *err)
{
    char          text[MSYNC_MOVED_MAX];
    msync_mark_t  mark;

    if (older_read(store, &mark, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (mark.since == 0) {
        mark.since = msync_clock_wall();

        /* a clock that was set back has been there before */
        while (older_find(store, mark.since) < store->nmarks) {
            mark.since++;
        }
    }

    mark.count++;

    older_print(&mark, text);

    if (msync_store_set_string(store, MSYNC_KEY_MOVED, text, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    store->counted = mark;

    return MSYNC_OK;
}


void
msync_store_write_marks(msync_store_t *store)
{
    int           n = 0;
    char          text[MSYNC_STORE_MARKS * MARK_OCTETS + 1];
    size_t        i;
    msync_mark_t  mark = store->counted;

    memset(&store->counted, 0, sizeof(msync_mark_t));

    if (store->lock == -1 || store->unsynced || mark.since == 0) {
        return;
    }

    older_put(store, &mark);

    for (i = 0; i < store->nmarks; i++) {
        n += snprintf(text + n, sizeof(text) - (size_t) n, "%019lld %019lld\n",
                      (long long) store->marks[i].since,
                      (long long) store->marks[i].count);
    }

    /* over what is there, which stays where there is no room for more */
    if (pwrite(store->lock, text, (size_t) n, MSYNC_STORE_HOLDER) != n) {
        msync_log(MSYNC_LOG_DEBUG, "the state of the database cannot be noted "
                  "beside it");
    }
}


int
msync_store_load_marks(msync_store_t *store, int lock, const char *known,
    msync_err_t *err)
{
    char          text[MSYNC_STORE_MARKS * MARK_OCTETS];
    ssize_t       n, at;
    msync_mark_t  mark;

    store->lock = lock;
    store->nmarks = 0;
    n = pread(lock, text, sizeof(text), MSYNC_STORE_HOLDER);

    for (at = 0;
         at + MARK_OCTETS <= n && older_parse(text + at, &mark);
         at += MARK_OCTETS)
    {
        store->marks[store->nmarks++] = mark;
    }

    if (older_read(store, &mark, err) != MSYNC_OK
        || (older_is_beyond(store, &mark)
            && older_note(store, &mark, err) != MSYNC_OK))
    {
        return MSYNC_ERROR;
    }

    older_scan(known, &mark);

    if (older_is_beyond(store, &mark)) {
        older_put(store, &mark);
    }

    return MSYNC_OK;
}


void
msync_store_say_moved(const msync_store_t *store, char text[MSYNC_MOVED_MAX])
{
    *text = '\0';

    if (store->nmarks != 0) {
        older_print(&store->marks[0], text);
    }
}


int
msync_store_note_older(msync_store_t *store, bool *older, msync_err_t *err)
{
    size_t        i;
    msync_mark_t  mark;
    msync_site_t  site;

    *older = false;

    if (older_read(store, &mark, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    i = older_find(store, mark.since);

    if (i == store->nmarks || store->marks[i].count <= mark.count) {
        return MSYNC_OK;
    }

    if (msync_store_begin(store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (msync_store_site_get(store, &site, err) != MSYNC_OK) {
        goto failed;
    }

    *older = !site.older
             && (site.state == MSYNC_SITE_FIRST
                 || site.state == MSYNC_SITE_INITIALISED
                 || site.state == MSYNC_SITE_ANEW_PULLING);

    if (*older) {
        site.older = true;

        if (msync_store_site_set(store, &site, err) != MSYNC_OK) {
            goto failed;
        }

    } else if (!site.older
               && msync_store_unset(store, MSYNC_KEY_MOVED, err) != MSYNC_OK)
    {
        goto failed;
    }

    return msync_store_commit(store, err);

failed:

    *older = false;
    msync_store_rollback(store);

    return MSYNC_ERROR;
}


int
msync_store_check_older(const msync_site_t *site, msync_err_t *err)
{
    if (!site->older) {
        return MSYNC_OK;
    }

    (void) msync_err_set(err, MSYNC_ERR_DATABASE_ERROR, "a backup was restored "
                         "into the database: what this site has sent since it "
                         "was made, and what central has sent, is missing here "
                         "until all comes anew (\"msync reinitialise\")");
    err->remedy = MSYNC_REMEDY_FINAL;
    err->advice = "Nothing is sent or fetched before that: stop nginx and run "
                  "\"msync --database FILE --yes reinitialise\", with "
                  "\"--discard-unsent\" if all that waited in the backup has "
                  "been sent since.";

    return MSYNC_ERROR;
}


/* `since` is 0 where nothing was counted */

static int
older_read(msync_store_t *store, msync_mark_t *mark, msync_err_t *err)
{
    char  *text;

    if (msync_store_get_string(store, MSYNC_KEY_MOVED, &text, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    older_scan(text, mark);
    msync_free(&text);

    return MSYNC_OK;
}


/* a text that is NULL or no mark is none */

static void
older_scan(const char *text, msync_mark_t *mark)
{
    char       *rest;
    long long   since = 0, count = 0;

    if (text != NULL) {
        since = strtoll(text, &rest, 10);
        count = strtoll(rest, NULL, 10);
    }

    if (since <= 0 || count <= 0) {
        since = count = 0;
    }

    mark->since = since;
    mark->count = count;
}


static void
older_print(const msync_mark_t *mark, char text[MSYNC_MOVED_MAX])
{
    (void) snprintf(text, MSYNC_MOVED_MAX, "%lld %lld",
                    (long long) mark->since, (long long) mark->count);
}


static bool
older_parse(const char *line, msync_mark_t *mark)
{
    size_t  i;

    for (i = 0; i < MARK_OCTETS; i++) {
        if (i == MARK_OCTETS / 2 - 1 ? line[i] != ' '
            : i == MARK_OCTETS - 1 ? line[i] != '\n'
            : line[i] < '0' || line[i] > '9')
        {
            return false;
        }
    }

    mark->since = strtoll(line, NULL, 10);
    mark->count = strtoll(line + MARK_OCTETS / 2, NULL, 10);

    return mark->since > 0;
}


/* whether it is of more than what is noted of that name */

static bool
older_is_beyond(const msync_store_t *store, const msync_mark_t *mark)
{
    size_t  i = older_find(store, mark->since);

    return mark->since != 0
           && (i == store->nmarks || store->marks[i].count < mark->count);
}


/* a process that was killed may have left it in the log, but not on the disk: a
 * transaction that writes something puts it there; the time in `value_int`,
 * which nobody reads */

static int
older_note(msync_store_t *store, const msync_mark_t *mark, msync_err_t *err)
{
    if (msync_store_begin(store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (msync_store_set_int(store, MSYNC_KEY_MOVED, msync_clock_wall(), err)
        != MSYNC_OK)
    {
        msync_store_rollback(store);
        return MSYNC_ERROR;
    }

    store->counted = *mark;

    return msync_store_commit(store, err);
}


/* `nmarks`: it is not there */

static size_t
older_find(const msync_store_t *store, int64_t since)
{
    size_t  i = 0;

    while (i < store->nmarks && store->marks[i].since != since) {
        i++;
    }

    return i;
}


/* the latest comes first, the last is left out where there are too many */

static void
older_put(msync_store_t *store, const msync_mark_t *mark)
{
    size_t  i;

    i = older_find(store, mark->since);

    if (i == store->nmarks) {
        store->nmarks += store->nmarks < MSYNC_STORE_MARKS;
        i = store->nmarks - 1;
    }

    memmove(store->marks + 1, store->marks, i * sizeof(msync_mark_t));
    store->marks[0] = *mark;
}
