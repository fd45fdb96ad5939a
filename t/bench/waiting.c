/*
 * What it costs the helper to count the records that wait.
 *
 *     waiting DATABASE TIMES
 *
 * Prints the number and the median milliseconds of one count, by the store's
 * own call on a warm database; before each, the application changes a record
 * that waits already.
 */

#include <stdio.h>
#include <stdlib.h>

#include "store/store.h"
#include "store/changelog.h"
#include "store/kv.h"
#include "peer.h"

#define CHANGE                                                                \
    "UPDATE item_line SET Cost_price = Cost_price + 1 WHERE rowid = (SELECT " \
    "min(rowid) FROM item_line)"


int
main(int argc, char **argv)
{
    int                i, times = argc == 3 ? atoi(argv[2]) : 0;
    double             began, took[1000];
    sqlite3           *application;
    int64_t            n = 0;
    msync_err_t        err;
    msync_store_t     *store;
    msync_catalogue_t *catalogue;

    if (times < 1 || times > 1000) {
        fprintf(stderr, "usage: waiting DATABASE TIMES\n");
        return 2;
    }

    if (sqlite3_open(argv[1], &application) != SQLITE_OK) {
        die(argv[1], sqlite3_errmsg(application));
    }

    msync_err_clear(&err);
    catalogue = msync_catalogue_builtin(&err);
    store = catalogue ? msync_store_open(argv[1], catalogue, 0, &err) : NULL;

    for (i = -1; store != NULL && i < times; i++) {
        run(application, CHANGE);
        began = seconds();

        if (msync_store_queue(store, MSYNC_KEY_PUSH_CURSOR, &n, &err)
            != MSYNC_OK)
        {
            break;
        }

        if (i >= 0) {
            took[i] = (seconds() - began) * 1e3;
        }
    }

    if (store == NULL || i < times) {
        fprintf(stderr, "waiting: %s\n", err.text);
        return 1;
    }

    sort_times(took, (size_t) times);
    printf("%lld %.4f\n", (long long) n, took[times / 2]);

    sqlite3_close(application);
    msync_store_close(&store);
    msync_catalogue_free(&catalogue);
    return 0;
}
