/*
 * SQLite in this process: one thread, and no allocation that fails.
 *
 * Promises: a text of SQLite is NULL only where the value is, and what was
 * bound is bound.  A row whose id could not be bound would not be found, and
 * its change would be taken for one that needs no sending.
 */

#include "store/store_private.h"

static sqlite3_mem_methods  methods;       /* SQLite's own */


static void *memory_need_malloc(int size);
static void *memory_need_realloc(void *p, int size);


static void *
memory_need_malloc(int size)
{
    return msync_store_need(methods.xMalloc(size));
}


static void *
memory_need_realloc(void *p, int size)
{
    return msync_store_need(methods.xRealloc(p, size));
}


void *
msync_store_need(void *p)
{
    if (p == NULL) {
        msync_out_of_memory();
    }

    return p;
}


void
msync_store_set_up(void)
{
    sqlite3_mem_methods  own;

    /* of use before SQLite's first call, an error after: one thread needs no
     * mutexes, and nobody asks how much memory SQLite has */
    (void) sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    (void) sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);

    if (methods.xMalloc != NULL
        || sqlite3_config(SQLITE_CONFIG_GETMALLOC, &methods) != SQLITE_OK)
    {
        return;
    }

    own = methods;
    own.xMalloc = memory_need_malloc;
    own.xRealloc = memory_need_realloc;

    (void) sqlite3_config(SQLITE_CONFIG_MALLOC, &own);
}
