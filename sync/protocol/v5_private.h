/*
 * What v5.c, which has the functions below, and v5_records.c share.
 */

#ifndef MSYNC_V5_PRIVATE_H
#define MSYNC_V5_PRIVATE_H

#include "protocol/v5.h"
#include "protocol/wire_private.h"

#define MSYNC_V5_NAME      "mSupply central"
#define MSYNC_V5_PATH_MAX  128       /* octets behind /sync/v5/, with the NUL */


struct msync_v5_s {
    msync_transfer_t  *http;     /* borrowed */
    char              *url;      /* owned */
    char              *acked;    /* owned: first syncOutId of the batch that
                                    was acknowledged last, NULL: none */
    unsigned           empty;    /* empty central batches in a row */
};


/*
 * One call; `path` follows /sync/v5/.  MSYNC_OK: a 2xx answer without an
 * error in it, which the caller clears.
 */
int msync_v5_call(msync_v5_t *v5, const char *method, const char *path,
    const msync_json_out_t *body, msync_transfer_response_t *res,
    msync_err_t *err);

/* msync_v5_call() with what else the request says; url, auth and version are
 * set here, and `judge` where it is NULL */
int msync_v5_send(msync_v5_t *v5, const msync_transfer_request_t *request,
    const char *path, msync_transfer_response_t *res, msync_err_t *err);

#endif /* MSYNC_V5_PRIVATE_H */
