/*
 * What is asked for about records, beside runs: dismiss, send.
 */

#ifndef MSYNC_REQUESTS_H
#define MSYNC_REQUESTS_H

#include "channel/control.h"
#include "store/store.h"

/*
 * Answers a request DISMISS or SEND.  The return value is the HTTP status,
 * *reply the JSON of the answer (msync_free it); 504: the database was locked
 * until the request was given up, nothing was changed.  Not inside a
 * transaction.
 */
int msync_requests_answer(msync_store_t *store, msync_request_e request,
    const char *body, size_t length, char **reply);

#endif /* MSYNC_REQUESTS_H */
