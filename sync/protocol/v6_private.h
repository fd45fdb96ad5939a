/*
 * What v6.c and v6_error.c share.
 */

#ifndef MSYNC_V6_PRIVATE_H
#define MSYNC_V6_PRIVATE_H

#include "protocol/v6.h"
#include "protocol/wire.h"

#define MSYNC_V6_NAME  "Open mSupply central"


/* MSYNC_OK when the answer holds no error; the answer is not freed */
int msync_v6_error(const msync_transfer_response_t *res, msync_err_t *err);

/* waits for a server that says it is busy, takes other errors as final */
msync_transfer_verdict_e msync_v6_judge(const msync_transfer_response_t *res);

#endif /* MSYNC_V6_PRIVATE_H */
