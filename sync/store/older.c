/*
 * An older state of the database.
 *
 * Promises: a state from which nothing was lost is told from one that lacks
 * something, so a backup that is restored before the next run that sends or
 * gets anything goes on as if nothing had been.
 */

#include "store/older.h"
#include "store/store_private.h"


static int older_note(msync_store_t *store, bool *older, msync_err_t *err);


bool
msync_store_log_moved(const msync_log_entry_t *entry)
{
    return entry->steps[MSYNC_STEP_PUSH_V6].done > 0
           || entry->steps[MSYNC_STEP_PUSH].done > 0
           || entry->steps[MSYNC_STEP_PULL_REMOTE].done > 0;
}


int
msync_store_last_moved(msync_store_t *store, int64_t *run, msync_err_t *err)
{
    return msync_store_number(store, "SELECT ifnull(max(id), 0) FROM sync_log "
                              "WHERE push_v6_progress_done > 0 OR "
                              "push_progress_done > 0 OR "
                              "pull_remote_progress_done > 0", run, err);
}


int
msync_store_note_older(msync_store_t *store, int64_t *run, bool *older,
    msync_err_t *err)
{
    int64_t  newest;

    *older = false;

    if (*run == 0) {
        return MSYNC_OK;
    }

    if (msync_store_number(store, "SELECT ifnull(max(id), 0) FROM sync_log",
                           &newest, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (newest >= *run) {
        return MSYNC_OK;
    }

    if (newest != 0 && older_note(store, older, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    return msync_store_last_moved(store, run, err);
}


/* a site that central is yet to prepare gets all */

static int
older_note(msync_store_t *store, bool *older, msync_err_t *err)
{
    msync_site_t  site;

    if (msync_store_begin(store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (msync_store_site_get(store, &site, err) != MSYNC_OK) {
        goto failed;
    }

    *older = site.state == MSYNC_SITE_FIRST
             || site.state == MSYNC_SITE_INITIALISED
             || site.state == MSYNC_SITE_ANEW_PULLING;
    site.restored |= *older ? MSYNC_SITE_OLDER : 0;

    if (*older && msync_store_site_set(store, &site, err) != MSYNC_OK) {
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
    if (!(site->restored & MSYNC_SITE_OLDER)) {
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
