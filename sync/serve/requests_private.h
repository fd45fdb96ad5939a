/*
 * What is asked for about records, beside runs: dismiss, send.
 */

#ifndef MSYNC_REQUESTS_PRIVATE_H
#define MSYNC_REQUESTS_PRIVATE_H

#include "serve/serve_private.h"

/*
 * Answers a request DISMISS or SEND.  The return value is the HTTP status,
 * *reply the JSON of the answer (msync_free it); 504: the database was locked
 * until the request was given up, nothing was changed.  One that takes long is
 * answered on the way, with what is done so far, and goes on: 0, and no reply.
 * What nginx says meanwhile is heard.  Not inside a transaction.
 */
int msync_requests_answer(msync_serve_t *serve,
    const msync_serve_request_t *request, char **reply);

/* goes on with one that a helper before this one was at work on when it ended;
 * as msync_requests_answer, with nobody to answer to */
void msync_requests_resume(msync_serve_t *serve);

/* for msync_serve_while_locked: whether the one that is at work has begun, so
 * that it goes on, answered, instead of being given up */
bool msync_requests_goes_on(msync_serve_t *serve);

#endif /* MSYNC_REQUESTS_PRIVATE_H */
