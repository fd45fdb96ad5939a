/*
 * The way to the central servers.
 *
 * The room owns the network: one libcurl session for a whole run, whose
 * connections are kept and reused for both servers, compression both ways,
 * patience (what is sent again, and when), limits, TLS, and the words for each
 * way in which a network does not work.  It promises that credentials go to
 * the host of the request's address alone, that what a remote sends is
 * bounded, and that a hook is heard at least once a second.  Only this room
 * sees libcurl and zlib.
 *
 * A call waits for its answer in curl_multi_poll together with the caller's
 * descriptor (the control channel), so commands are heard during a transfer.
 */

#ifndef MSYNC_TRANSFER_H
#define MSYNC_TRANSFER_H

#include "base/hook.h"
#include "channel/control.h"
#include "conf/conf.h"

/*
 * What servers are told that we are.  They show both in their lists of sites
 * and compare the version with that of Open mSupply: it is the release whose
 * synchronisation this program speaks, and our own is in the name.
 */
#define MSYNC_APP_NAME     "msync " MSYNC_VERSION
#define MSYNC_APP_VERSION  "2.20.0"

/* the version where API v7 is spoken, which came with this release of Open
 * mSupply */
#define MSYNC_V7_APP_VERSION  "3.0.0"

typedef struct msync_transfer_s  msync_transfer_t;

/*
 * What is tried again.  A request that could not be sent, that was torn or
 * timed out, and one answered with 408, 429 or 5xx is sent again after a
 * pause: exponential back-off with full jitter, Retry-After honoured.  The
 * pauses grow with the base pause (msync_transfer_set_base), the figures are
 * for the usual one.
 */
#define MSYNC_TRANSFER_BASE              500   /* ms */
#define MSYNC_TRANSFER_ATTEMPTS          4     /* in all */
#define MSYNC_TRANSFER_TIMEOUT_ATTEMPTS  2     /* in all, when the server was
                                                  silent for the read timeout */
#define MSYNC_TRANSFER_WHOLE             4     /* times the read timeout: the
                                                  most that one request may
                                                  take, once connected */
#define MSYNC_TRANSFER_PAUSE_MAX         30000 /* ms */
#define MSYNC_TRANSFER_DEAD              10000 /* ms: a server that was not
                                                  reached at all is not asked
                                                  again after so long */
#define MSYNC_TRANSFER_RETRY_AFTER       120   /* s; asked for more, the answer
                                                  goes to the caller */
#define MSYNC_TRANSFER_BUSY_PAUSE        15000 /* ms, grows up to it */
#define MSYNC_TRANSFER_BUSY              300000  /* ms in all that a busy server
                                                  is waited for */

#define MSYNC_TRANSFER_REDIRECTS         3

/* what an HTTP status speaks of; the order counts, see
 * msync_transfer_may_pass() */
typedef enum {
    MSYNC_STATUS_REQUEST = 0,        /* what was asked: it stays so */
    MSYNC_STATUS_SIGN_IN,            /* who asks, here or by a network */
    MSYNC_STATUS_ELSEWHERE,          /* whom the connection led to: another
                                        server than the one that was meant */
    MSYNC_STATUS_SERVER,             /* the server, or what it was sent; this
                                        and those below may pass by
                                        themselves */
    MSYNC_STATUS_WAY,                /* the way to it, also as a proxy in the
                                        cloud says it */
    MSYNC_STATUS_ROOM                /* too often, a full disk, the octets of a
                                        contract: no record does that, how
                                        often soever it is sent */
} msync_status_e;

typedef enum {
    MSYNC_TRANSFER_USUAL = 0,        /* as the status says */
    MSYNC_TRANSFER_AGAIN,            /* as a status that may pass */
    MSYNC_TRANSFER_FINAL,            /* the answer goes to the caller */
    MSYNC_TRANSFER_BUSY_NOW          /* nothing was done there; ask again for
                                        up to MSYNC_TRANSFER_BUSY ms */
} msync_transfer_verdict_e;

typedef struct {
    int      status;
    char    *body;               /* owned, NUL-terminated, never NULL after
                                    MSYNC_OK */
    size_t   length;
    int64_t  packed;             /* octets that it came as, where compressed;
                                    else 0 */
    char     content_type[128];  /* "" if the server sent none */
    long     retry_after;        /* seconds, 0: not said */
    bool     proxied;            /* the proxy of the settings may have made
                                    it: it sees what it passes on */
    bool     challenged;         /* a service before the server made it, which
                                    wants proof that a browser asks */
} msync_transfer_response_t;

/* judges a whole answer, whatever its status */
typedef msync_transfer_verdict_e (*msync_transfer_judge_pt)(
    const msync_transfer_response_t *res);

/* all pointers borrowed for the call */
typedef struct {
    const char  *method;         /* "GET", "POST", "PUT" */
    const char  *url;            /* absolute */
    const char  *body;           /* JSON, NULL: none */
    size_t       body_length;
    bool         auth;           /* the v5 headers and Basic auth */
    int          version;        /* of the API, with auth */
    const char  *bearer;         /* the token of API v7, a secret of at most
                                    400 octets, goes with its headers; NULL:
                                    none of them */
    long         timeout;        /* ms without an octet; 0: read_timeout */
    bool         gzip;           /* the body is compressed; set by this room
                                    alone */
    bool         heavy;          /* its body may be large: not sent again once
                                    it may have reached the server, whatever
                                    came of it, for the caller asks something
                                    small before; but one of up to 64 KB once
                                    more where a connection that was kept
                                    broke under it */
    bool         once;           /* never sent again when it may have
                                    reached the server, unless busy */
    bool         precious;       /* its answer cannot be asked for again: what
                                    of it came before the line broke, or a
                                    pause behind it was refused, is left in
                                    *res beside the error, and what the hook
                                    refuses waits a moment for it */
    msync_transfer_judge_pt  judge;  /* NULL: MSYNC_TRANSFER_USUAL */
} msync_transfer_request_t;

typedef struct {
    uint64_t  requests;
    uint64_t  connects;          /* new TCP connections */
    uint64_t  broke;             /* connections that had been kept and broke
                                    under the next request */
    uint64_t  bytes_sent;        /* headers included, TLS's own not */
    uint64_t  bytes_received;
} msync_transfer_counters_t;

/*
 * Settings and credentials are copied out of conf (zeroed on free).  `hook` is
 * called when `fd` is readable (-1: none), and at least every second, while a
 * transfer or a pause waits; it must not use the session.  fd and data are
 * borrowed.  NULL and err when the file of trusted certificates cannot be read
 * or memory is short.
 */
msync_transfer_t *msync_transfer_create(const msync_conf_t *conf,
    const char *hardware_id, int fd, msync_hook_pt hook, void *data,
    msync_err_t *err);
void msync_transfer_free(msync_transfer_t **http);

/*
 * MSYNC_OK whenever an HTTP answer came whole, whatever its status; the
 * caller judges it and calls msync_transfer_response_clear.  MSYNC_ERROR (*res
 * is empty then, but of a precious one): CONNECTION_ERROR, TIMEOUT, TLS_ERROR,
 * INVALID_URL, INVALID_RESPONSE, RESPONSE_TOO_LARGE, HTTP_ERROR for a redirect
 * that is not followed, or what the hook said; TIMEOUT and CONNECTION_ERROR
 * with the scope MSYNC_SCOPE_RECORD: the server was reached, a smaller batch
 * may pass; the text tells name look-up, refused, proxy, certificate name,
 * expiry, trust and "not TLS at all" apart.
 *
 * Only a GET follows a redirect, to the same host and port or to its https.
 * The hash of the password, should a server repeat it, and the token of the
 * request are blanked out of error answers and other short ones.
 */
int msync_transfer_request(msync_transfer_t *http,
    const msync_transfer_request_t *req,
    msync_transfer_response_t *res, msync_err_t *err);

/*
 * For a caller to whom the latest answer makes no sense.  True: it came by a
 * connection that was kept, so it may belong to an earlier request; the caller
 * asks once more, and his next request goes by a new connection.  False: it
 * came by a new one, or this server's answer was still the same by a new one
 * when it was doubted before, and is to be believed.  The latter does not
 * count for what is `grave`.
 */
bool msync_transfer_doubts(msync_transfer_t *http, bool grave);

/* frees the body and zeroes the rest; may be called again */
void msync_transfer_response_clear(msync_transfer_response_t *res);

/* 0, where no status was read, is the fault of the request, as any that is not
 * known below 500; what may pass is worth another try of the same */
msync_status_e msync_transfer_status(int status);
bool msync_transfer_may_pass(int status);

/* waits ms milliseconds, whatever the base, serving the hook; what the hook
 * refuses ends it */
int msync_transfer_pause(msync_transfer_t *http, long ms, msync_err_t *err);

/* the base of all pauses, ms; tests set a short one.  A second of
 * Retry-After counts twice the base then. */
void msync_transfer_set_base(msync_transfer_t *http, long ms);

/* The address `url` has answered in an earlier session: advice about an address
 * that may be wrong is not for it.  Of more than four origins the others are
 * not remembered. */
void msync_transfer_set_known(msync_transfer_t *http, const char *url);

/* how long a busy server is asked again, ms instead of MSYNC_TRANSFER_BUSY, by
 * the usual base; 0: its answer goes to the caller */
void msync_transfer_set_busy(msync_transfer_t *http, long ms);

/* what was counted since the session was created */
void msync_transfer_get_counters(const msync_transfer_t *http,
    msync_transfer_counters_t *counters);

#endif /* MSYNC_TRANSFER_H */
