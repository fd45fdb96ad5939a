/*
 * What the upgrade to v7 changes in the database.
 */

#include <stdio.h>
#include <string.h>

#include "store/forget.h"
#include "store/store_private.h"
#include "store/upgrade.h"

static int upgrade_address(msync_store_t *store, const char *former,
    const char *url, msync_err_t *err);
static int upgrade_cursors(msync_store_t *store, int64_t cursor,
    msync_err_t *err);


int
msync_store_upgrade(msync_store_t *store, const char *former,
    const char *url, int64_t cursor, msync_err_t *err)
{
    if (url != NULL && upgrade_address(store, former, url, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    /* what one of the servers had refused is offered to the one that is left;
     * what both had refused is one record now */
    return upgrade_cursors(store, cursor, err) == MSYNC_OK
           && msync_store_exec_own(store,
                  sqlite3_mprintf("UPDATE OR REPLACE msync_refused SET side = "
                                  "%d WHERE side <> %d", MSYNC_V7, MSYNC_V7),
                  err) == MSYNC_OK
           && msync_store_set_string(store, MSYNC_KEY_VERSION,
                                     MSYNC_SYNC_V7, err) == MSYNC_OK
           ? msync_store_unset(store, MSYNC_KEY_UPGRADE, err) : MSYNC_ERROR;
}


static int
upgrade_address(msync_store_t *store, const char *former, const char *url,
    msync_err_t *err)
{
    int     rc;
    char   *text;
    size_t  size;

    size = strlen(former) + strlen(url) + 2;
    text = msync_alloc(size);
    (void) snprintf(text, size, "%s %s", former, url);
    rc = msync_store_set_string(store, MSYNC_KEY_V7_ADDRESS, text, err);
    msync_free(&text);

    return rc == MSYNC_OK
           ? msync_store_set_string(store, MSYNC_KEY_URL, url, err) : rc;
}


static int
upgrade_cursors(msync_store_t *store, int64_t cursor, msync_err_t *err)
{
    int64_t  legacy = 0, omsupply = 0;

    if (msync_store_get_int(store, MSYNC_KEY_PUSH_CURSOR, &legacy, err)
        != MSYNC_OK
        || msync_store_get_int(store, MSYNC_KEY_PUSH_V6_CURSOR, &omsupply,
                               err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    /* what only mSupply central lacks comes to the other one once more */
    if (legacy < omsupply && msync_store_keep_taken(store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    return msync_store_set_int(store, MSYNC_KEY_PUSH_V7_CURSOR,
                               legacy < omsupply ? legacy : omsupply, err)
           == MSYNC_OK
           && msync_store_unset(store, MSYNC_KEY_PULL_V7_MAX, err) == MSYNC_OK
           ? msync_store_set_int(store, MSYNC_KEY_PULL_V7_CURSOR, cursor, err)
           : MSYNC_ERROR;
}


int
msync_store_v7_address(msync_store_t *store, const char *url,
    char **address, msync_err_t *err)
{
    char    *text;
    size_t   n = strlen(url);

    *address = NULL;

    if (msync_store_get_string(store, MSYNC_KEY_V7_ADDRESS, &text, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (text != NULL && strncmp(text, url, n) == 0 && text[n] == ' ') {
        *address = msync_strdup(text + n + 1);
    }

    msync_free(&text);
    return MSYNC_OK;
}
