/*
 * What the files of v7 share.
 */

#ifndef MSYNC_V7_PRIVATE_H
#define MSYNC_V7_PRIVATE_H

#include "protocol/v7.h"
#include "protocol/wire_private.h"

#define MSYNC_V7_NAME  MSYNC_WIRE_OMSUPPLY


struct msync_v7_s {
    msync_v7_setup_t   setup;      /* `token` is the field below */
    char              *token;      /* owned, a secret; NULL: none */
    msync_v7_site_t    site;       /* -1: central has not said */
    bool               renewed;    /* get_token was asked in this session */
};


/* v7.c: a call, and what every answer has in common */

/*
 * One call, `heavy` as in transfer.h; `waits`: the call itself waits while
 * central integrates what this site has sent.  Gets a token where there is
 * none, and where central does not know this one or the site as one of v7,
 * once.  MSYNC_OK: an answer without an error, which the caller clears.
 */
typedef struct {
    const char               *path;
    const msync_json_out_t   *body;
    bool                      heavy;
    bool                      waits;
} msync_v7_call_t;

int msync_v7_call(msync_v7_t *v7, const msync_v7_call_t *call,
    msync_transfer_response_t *res, msync_err_t *err);

/* reads {"Ok": {…}}, `member` as in msync_wire_object */
int msync_v7_object(const msync_transfer_response_t *res,
    msync_wire_member_pt member, void *data, msync_err_t *err);

/* v7_error.c */

/* MSYNC_OK when the answer holds no error; the answer is not freed */
int msync_v7_error(const msync_transfer_response_t *res, msync_err_t *err);

/* takes errors as final but for those that may pass at mSupply central; the
 * second one asks again also while central integrates what this site has
 * sent */
msync_transfer_verdict_e msync_v7_judge(const msync_transfer_response_t *res);
msync_transfer_verdict_e msync_v7_judge_waiting(
    const msync_transfer_response_t *res);

/* v7_pull.c: the pull of a peer, see peer.h */

int msync_v7_pull(msync_peer_t *peer, int64_t cursor, int64_t had,
    unsigned limit, msync_batch_t *batch, msync_err_t *err);

#endif /* MSYNC_V7_PRIVATE_H */
