/* Rows that are doubted (store/send.h). */

#ifndef MSYNC_TEST_DOUBTED_H
#define MSYNC_TEST_DOUBTED_H

#include "site.h"
#include "store/send.h"


static inline int64_t
doubted(site_t *site)
{
    int64_t      n;
    msync_err_t  err;

    assert_ok(msync_store_doubted(site->store, &n, &err));
    return n;
}


/* as at the end of a run that has brought all that central had */

static inline int64_t
queue_doubted(site_t *site)
{
    int64_t      n;
    msync_err_t  err;

    assert_ok(msync_store_send_doubted(site->store, INT64_MAX, NULL, NULL,
                                       &n, &err));
    return n;
}

#endif /* MSYNC_TEST_DOUBTED_H */
