/*
 * Beginning again.
 *
 * Promises: it loses no change that central has not got, unless that was said.
 */

#include "store/forget.h"
#include "store/store_private.h"


int
msync_store_keep_taken(msync_store_t *store, msync_err_t *err)
{
    int64_t  cursor = 0, taken = 0;

    if (msync_store_get_int(store, MSYNC_KEY_PUSH_V6_CURSOR, &cursor, err)
        != MSYNC_OK
        || msync_store_get_int(store, MSYNC_KEY_PUSH_V6_TAKEN, &taken, err)
           != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    return msync_store_set_int(store, MSYNC_KEY_PUSH_V6_TAKEN,
                               cursor > taken ? cursor : taken, err);
}


int
msync_store_forget(msync_store_t *store, bool discard, unsigned restored,
    msync_err_t *err)
{
    static const char  forget[] =
        "DELETE FROM sync_buffer;"
        "DELETE FROM key_value_store WHERE id IN ("
        "'" MSYNC_KEY_PULL_CENTRAL_CURSOR "', '" MSYNC_KEY_PULL_V6_CURSOR "',"
        "'" MSYNC_KEY_PULL_CENTRAL_MAX "', '" MSYNC_KEY_PULL_V6_MAX "',"
        "'" MSYNC_KEY_PULL_V7_CURSOR "', '" MSYNC_KEY_PULL_V7_MAX "',"
        "'" MSYNC_KEY_SITE_UUID "', '" MSYNC_KEY_MOVED "');"
        "DELETE FROM msync_merged;";

    static const char  discard_unsent[] =
        "DELETE FROM changelog; DELETE FROM msync_refused;"
        "DELETE FROM msync_never_sent WHERE doubted;"
        "DELETE FROM key_value_store WHERE id IN ("
        "'" MSYNC_KEY_RECORDS "', '" MSYNC_KEY_PUSH_V6_TAKEN "');";

    /* a central that was restored has older copies of what it had taken */
    static const char  send_all[] =
        "UPDATE key_value_store SET value_int = 0 WHERE id IN ("
        "'" MSYNC_KEY_PUSH_CURSOR "', '" MSYNC_KEY_PUSH_V6_CURSOR "', "
        "'" MSYNC_KEY_PUSH_V7_CURSOR "');";

    if (msync_store_exec(store, forget, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (discard) {
        return msync_store_silence(store, true, err) == MSYNC_OK
               && msync_store_exec(store, discard_unsent, err) == MSYNC_OK
               ? msync_store_silence(store, false, err) : MSYNC_ERROR;
    }

    if (restored == 0) {
        return MSYNC_OK;
    }

    /* what a server takes once it has, unless it was the one restored */
    return (restored & (MSYNC_OMSUPPLY | MSYNC_V7)
            ? msync_store_unset(store, MSYNC_KEY_PUSH_V6_TAKEN, err)
            : msync_store_keep_taken(store, err)) == MSYNC_OK
           ? msync_store_exec(store, send_all, err) : MSYNC_ERROR;
}
