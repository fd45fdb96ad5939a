/*
 * What the files of v6 share.
 */

#ifndef MSYNC_V6_PRIVATE_H
#define MSYNC_V6_PRIVATE_H

#include "protocol/v6.h"
#include "protocol/wire_private.h"

#define MSYNC_V6_NAME  MSYNC_WIRE_OMSUPPLY


struct msync_v6_s {
    msync_transfer_t  *http;       /* borrowed */
    char              *url;        /* owned, without final slashes */
    char              *patient;    /* owned, NULL: none */
    msync_json_out_t   settings;   /* "syncV5Settings":{…}, a secret */
    bool               initialised;
    bool               inclusive;  /* a record of before came once more */
    bool               pushed;     /* since the end there was looked at */
    unsigned           empty;      /* answers without a new record in a row */
    bool               skipped;    /* the end of an answer without records led
                                      on, perhaps past some that it missed */
    int64_t            seen;       /* of the last record that came since */
};


/* v6_pull.c: the calls of a peer that concern the pull, see peer.h */

int msync_v6_pull(msync_peer_t *peer, int64_t cursor, int64_t had,
    unsigned limit, msync_batch_t *batch, msync_err_t *err);
int msync_v6_adopt(msync_peer_t *peer, int64_t *cursor, msync_err_t *err);

/* v6.c: a call, and what every answer has in common */

/*
 * One call, `heavy` as in transfer.h; completes the body and frees it.
 * MSYNC_OK: a 2xx answer without an error in it, which the caller clears.
 */
int msync_v6_call(msync_v6_t *v6, const char *call, bool heavy,
    msync_json_out_t *body, msync_transfer_response_t *res,
    msync_err_t *err);

/* the members of `data`; other members are skipped */
bool msync_v6_data(void *data, msync_json_t *json, const char *key,
    msync_wire_member_pt member);

/* v6_error.c */

/* MSYNC_OK when the answer holds no error; the answer is not freed */
int msync_v6_error(const msync_transfer_response_t *res, msync_err_t *err);

/* waits for a server that says it is busy, takes other errors as final */
msync_transfer_verdict_e msync_v6_judge(const msync_transfer_response_t *res);

#endif /* MSYNC_V6_PRIVATE_H */
