/*
 * What the files of the session share, by the file that has it; nobody else
 * includes this.
 */

#ifndef MSYNC_TRANSFER_PRIVATE_H
#define MSYNC_TRANSFER_PRIVATE_H

#include "transfer/transfer.h"

#include <curl/curl.h>
#include <netinet/in.h>


#define MSYNC_TRANSFER_SERVERS  4      /* of one session */
#define MSYNC_TRANSFER_SOCKETS  8      /* the last ones, which are enough */
#define MSYNC_TRANSFER_ADDRESSES  16   /* of names, that were called */

#define MSYNC_TRANSFER_CHEAP    65536  /* octets of a body that cost little to
                                          send once more */

/* zlib's way to say gzip, with the largest window */
#define MSYNC_TRANSFER_GZIP     (15 + 16)

/* advice where a connection was never made: no batch is too large for it */
#define MSYNC_TRANSFER_UNANSWERED                                             \
    "Check that this machine is online, that the address in the settings is " \
    "right, and what a firewall on the way lets pass. |It is tried again by " \
    "itself; on a very slow line a longer connect_timeout helps."

/* what is known of a server */

typedef struct {
    char                   *url;        /* owned, of its origin; NULL: free */
    bool                    gzip;
    bool                    refused;    /* it refused one with 415, whatever it
                                           says since */
    unsigned                closed;     /* connections in a row that were kept
                                           and were of no use, or broke under a
                                           small request */
    bool                    stuck;      /* by a new one no more arrived than by
                                           one that was kept */
    unsigned                strange;    /* answers that came by one that was
                                           kept and were none to the request */
    bool                    believed;   /* … which were the same by a new one */
} msync_transfer_server_t;

/* an address that a connection was asked of */

typedef struct {
    struct sockaddr_storage  address;
    int64_t                  since;     /* monotonic ms */
    bool                     dead;      /* it had its share of the time, and
                                           others of its name had less */
} msync_transfer_address_t;


struct msync_transfer_s {
    CURLM                  *multi;      /* owned; keeps the connections */
    CURL                   *easy;       /* owned */

    char                   *username;   /* owned, as are the strings below */
    char                   *hardware_id;
    char                   *certificate;
    char                   *proxy;
    char                    hash[MSYNC_SHA256_HEX + 1];
    bool                    verify;
    long                    connect_timeout;
    long                    read_timeout;
    int64_t                 max_response;
    int64_t                 limit_rate;

    int                     fd;
    msync_hook_pt           hook;
    void                   *data;
    int64_t                 hook_due;   /* monotonic ms */

    msync_transfer_server_t  servers[MSYNC_TRANSFER_SERVERS];

    char                   *known[MSYNC_TRANSFER_SERVERS];  /* owned: addresses
                                           of origins that have answered */
    bool                    clocks_told;
    bool                    proxy_digest;   /* the proxy takes no Basic */
    bool                    unpacks;    /* what is compressed is taken here,
                                           for it came in pieces */
    bool                    http1;      /* HTTP/2 may not work on this line */
    bool                    unnamed;    /* a server ended a negotiation that
                                           named protocols (ALPN) */
    msync_transfer_server_t  *answered; /* whose answer came last, by one that
                                           was kept; NULL: by a new one */
    msync_transfer_server_t  *doubted;  /* whose answer is asked for again, by a
                                           new one; NULL: nobody's */
    msync_transfer_server_t  *asked;    /* … and was, last */
    int                     sockets[MSYNC_TRANSFER_SOCKETS]; /* sockets that
                                                                libcurl has
                                                                made; some may
                                                                be closed */
    unsigned                next_socket;
    msync_transfer_address_t  addresses[MSYNC_TRANSFER_ADDRESSES];
    size_t                  naddresses;
    long                    base;
    long                    busy;       /* ms, the most that a busy server is
                                           waited for */
    msync_transfer_counters_t  counters;
};


typedef struct msync_transfer_unpack_s  msync_transfer_unpack_t;

/* one attempt at one URL */

typedef struct {
    msync_transfer_t       *http;       /* borrowed */
    const char             *url;        /* borrowed */
    msync_transfer_response_t  *res;    /* borrowed */
    size_t                  size;       /* of the body's memory */
    long                    timeout;
    int64_t                 active;     /* monotonic ms of the last octet */
    int64_t                 end;        /* monotonic ms: it is given up then,
                                           once `sent` */
    curl_off_t              moved;      /* octets both ways until then */
    unsigned                proxy_auth; /* MSYNC_PROXY_*, what the proxy
                                           offers */
    char                    proxy_scheme[32];   /* the first scheme that it
                                                   offers */
    long                    age;        /* of an answer that a cache kept, s */
    bool                    by_proxy;   /* headers tell that the answer is the
                                           proxy's own */
    bool                    by_size;    /* … for what it keeps back is large */
    char                    called[INET6_ADDRSTRLEN];   /* the last address
                                           that was called, "": none */
    int                     no_socket;  /* errno of the last socket that could
                                           not be made, 0: all could */
    int64_t                 date;       /* of the answer, Unix s, 0: none */
    int                     port;       /* this end of the connection */
    bool                    unheard;    /* silent, and what was sent was not
                                           acknowledged by its machine */
    bool                    greeted;    /* connected, TLS was begun */
    bool                    half_made;  /* TLS was not agreed on in time */
    int64_t                 began;      /* monotonic ms */
    bool                    several;    /* the name has several addresses, and
                                           none of them answers */
    bool                    more;       /* … and some had hardly any time */
    char                   *redirect;   /* owned: where to, NULL: nowhere */
    bool                    cookie;     /* the answer set one */
    bool                    sent;       /* the request may have reached the
                                           server */
    bool                    heavy;      /* once `sent`, it is not sent again */
    curl_off_t              length;     /* of its body */
    bool                    packed;     /* the answer is compressed */
    bool                    pieces;     /* … in a way that libcurl takes not */
    size_t                  taken;      /* octets that were to be unpacked
                                           here, as they came */
    msync_transfer_unpack_t  *unpack;   /* owned; NULL: libcurl does it */
    bool                    fresh;      /* it wants a connection of its own */
    bool                    ready;      /* a connection was there for it */
    bool                    kept;       /* … which others had come by before */
    bool                    broke;      /* … and which broke before a word of
                                           the answer */
    bool                    heard;      /* a word of the answer came */
    bool                    named;      /* TLS was not agreed on, for protocols
                                           were named (ALPN) */
    bool                    unclean;    /* octets had come by the one that was
                                           kept which no request had asked
                                           for, or it had been closed */
    uint64_t                acked;      /* octets of the connection that had
                                           arrived before the request */
    bool                    early;      /* it was answered by the one that was
                                           kept before all of it had arrived at
                                           the other end */
    bool                    dead;       /* silent, and nothing of the request
                                           arrived by the one that was kept */
    bool                    late;       /* what became of it says nothing of
                                           the request: it goes by another
                                           connection */
    bool                    torn;       /* it broke, and libcurl was kept from
                                           sending it again */
    bool                    silent;     /* the read timeout passed */
    bool                    slow;       /* it passed MSYNC_TRANSFER_WHOLE
                                           times */
    bool                    too_large;
    bool                    no_memory;
    unsigned                lacked;     /* msync_transfer_lacked() at the
                                           begin */
    bool                    hooked;     /* the hook ended it */
    bool                    precious;   /* see msync_transfer_request_t */
    char                    error[CURL_ERROR_SIZE];
} msync_transfer_attempt_t;


/* ways of a sign-in at a proxy */
#define MSYNC_PROXY_PASSWORD  1        /* with a name and a password */
#define MSYNC_PROXY_DOMAIN    2        /* of a Windows domain */
#define MSYNC_PROXY_DIGEST    4        /* a password that is not shown */


/* how often one request was sent so far */

typedef struct {
    unsigned                attempts;   /* but for those at a busy server */
    unsigned                busy;       /* at a server that did nothing, see
                                           `judge` */
    long                    waited;     /* ms, for a busy server */
    int64_t                 started;    /* monotonic ms */
} msync_transfer_retry_t;


/* ---- transfer.c ---- */

/* how often libcurl has asked for memory that could not be had */
unsigned msync_transfer_lacked(void);

/* waits for an octet, the hook's descriptor or ms milliseconds; what the hook
 * refuses is an error */
int msync_transfer_wait(msync_transfer_t *http, long ms, msync_err_t *err);

/* whether anything of that origin has answered, ever as far as is known */
bool msync_transfer_is_known(const msync_transfer_t *http, const char *url);

/* octets of "host" or "[host]:port", with the NUL */
#define MSYNC_TRANSFER_WHERE  (MSYNC_HOST_MAX + 16)

/* that of a URL, for texts, into buf of size octets; returns buf */
const char *msync_transfer_where(const char *url, char *buf, size_t size);


/* ---- attempt.c ---- */

/* fills t->res or *err; t is zeroed by the caller but for http, url, res and
 * fresh, and t->redirect is freed by it */
int msync_transfer_attempt(msync_transfer_attempt_t *t,
    const msync_transfer_request_t *req, msync_err_t *err);


/* ---- body.c ---- */

/* sets how the body of the answer is taken */
CURLcode msync_transfer_take(msync_transfer_attempt_t *t,
    const msync_transfer_request_t *req);

/* frees what that took, once the exchange has ended with `code`; sets
 * t->pieces where the answer would be taken another time */
void msync_transfer_taken(msync_transfer_attempt_t *t, CURLcode code);


/* ---- server.c ---- */

/* the entry of a URL's server, made where there is none and `add`; NULL: none,
 * or no room for another */
msync_transfer_server_t *msync_transfer_server(msync_transfer_t *http,
    const char *url, bool add);

/* a connection is there for the attempt, its first or another one */
void msync_transfer_connected(msync_transfer_attempt_t *t);

/* learns from an attempt what becomes of connections that are kept */
void msync_transfer_kept(msync_transfer_attempt_t *t,
    const msync_transfer_request_t *req, CURLcode code);

/* sets which connections the request may come by */
CURLcode msync_transfer_choose(msync_transfer_attempt_t *t,
    const msync_transfer_request_t *req);

/* whether the exchange broke once it had begun */
bool msync_transfer_is_broken(CURLcode code);


/* ---- line.c ---- */

/* for CURLOPT_OPENSOCKETFUNCTION, with the attempt */
curl_socket_t msync_transfer_open_socket(void *arg, curlsocktype purpose,
    struct curl_sockaddr *address);

/* before the request goes by a connection that was kept: sets t->acked; false:
 * there is something to be read, which is no answer to it */
bool msync_transfer_look_before(msync_transfer_attempt_t *t);

/* whether some of the request has not arrived at the machine over there yet: as
 * libcurl knows, or the kernel */
bool msync_transfer_is_under_way(const msync_transfer_attempt_t *t);

/* how far the attempt got when its time had passed: sets half_made, several,
 * more, unheard and dead */
void msync_transfer_look_at_line(msync_transfer_attempt_t *t);


/* ---- retry.c ---- */

/*
 * Whether the request is sent again, `rc` and `err` or `res` being what
 * came of it, and after how many ms.
 */
bool msync_transfer_again(msync_transfer_retry_t *retry,
    const msync_transfer_request_t *req, const msync_transfer_attempt_t *t,
    int rc, const msync_err_t *err, long *pause);

/* where a redirect leads, n of them having been followed; owned by the caller,
 * NULL and *err: this one is not followed */
char *msync_transfer_redirect(const msync_transfer_attempt_t *t,
    const msync_transfer_request_t *req, unsigned n, msync_err_t *err);

/*
 * The address without the user and password of the request, which libcurl
 * writes into one that it made absolute: nobody may see them there, and they
 * are not needed.  The caller frees it; NULL: it is none.
 */
char *msync_transfer_without_user(const char *url);


/* ---- gzip.c ---- */

/* learns from one header line of an answer, of n octets, whether the answer is
 * compressed, and whether its server takes requests that are */
void msync_transfer_gzip_header(msync_transfer_attempt_t *t, const char *line,
    size_t n);

/*
 * The same request with a compressed body, `*body` being the caller's to
 * free; false and an uncompressed copy where the server does not take that,
 * or where nothing is won.
 */
bool msync_transfer_gzip(msync_transfer_t *http,
    const msync_transfer_request_t *req,
    msync_transfer_request_t *packed, char **body);

/* the server answered one with 415 */
void msync_transfer_gzip_refused(msync_transfer_t *http, const char *url);


/* ---- error.c ---- */

/* the words for what libcurl says went wrong */
int msync_transfer_error(const msync_transfer_attempt_t *t, CURLcode code,
    msync_err_t *err);

/* a server's complaint that plain HTTP was spoken to its TLS port, or that it
 * got no certificate, is an error, frees the answer; MSYNC_OK otherwise */
int msync_transfer_error_plain(const msync_transfer_attempt_t *t,
    msync_err_t *err);

/* what libcurl says of the failure */
const char *msync_transfer_detail(const msync_transfer_attempt_t *t,
    CURLcode code);


/* ---- error_connect.c ---- */

/* the words where the name of `where` was not found, or no connection came */
int msync_transfer_error_name(const msync_transfer_attempt_t *t,
    const char *where, msync_err_t *err);
int msync_transfer_error_connect(const msync_transfer_attempt_t *t,
    const char *where, msync_err_t *err);


/* ---- error_tls.c ---- */

/* the words where encryption was not agreed on, or by a certificate that is not
 * to be trusted */
int msync_transfer_error_tls(const msync_transfer_attempt_t *t,
    const char *where, msync_err_t *err);
int msync_transfer_error_certificate(const msync_transfer_attempt_t *t,
    const char *where, msync_err_t *err);

/* an error where `detail`, words of libcurl or of a server, has one of those
 * that end a negotiation of TLS; MSYNC_OK otherwise */
int msync_transfer_error_alert(const char *whom, const char *detail,
    msync_err_t *err);


/* ---- proxy.c ---- */

/* the words where a proxy makes no connection; `code` tells whether it said so
 * or closed the line */
int msync_transfer_error_proxy(const msync_transfer_attempt_t *t,
    CURLcode code, msync_err_t *err);

/* what a proxy itself answers is an error, frees the answer: its 407, what it
 * has kept from an earlier one, and where it can be told from a server's, that
 * it does not let the request through or cannot reach the server; MSYNC_OK
 * otherwise */
int msync_transfer_error_answer(const msync_transfer_attempt_t *t,
    msync_err_t *err);

/* adds the advice that a proxy of the environment is not used */
void msync_transfer_error_environment(const msync_transfer_attempt_t *t,
    msync_err_t *err);

/* the value of a Proxy-Authenticate header, into t->proxy_auth and
 * t->proxy_scheme */
void msync_transfer_proxy_offers(msync_transfer_attempt_t *t,
    const char *value);

/* a line of an answer's head, which may tell that a proxy has made it */
void msync_transfer_proxy_header(msync_transfer_attempt_t *t,
    const char *line);

/* whether the request is to be sent again, with Digest from now on */
bool msync_transfer_proxy_digest(const msync_transfer_attempt_t *t);

/* whether the request itself goes to a proxy, which answers it */
bool msync_transfer_is_proxied(const msync_transfer_attempt_t *t);


/* ---- date.c ---- */

#define MSYNC_TRANSFER_CERT_NAME  64   /* octets, with the NUL */

typedef enum {
    MSYNC_TRANSFER_CERT_UNKNOWN = 0,
    MSYNC_TRANSFER_CERT_SERVER,
    MSYNC_TRANSFER_CERT_BETWEEN,       /* sent with it (intermediate) */
    MSYNC_TRANSFER_CERT_AUTHORITY      /* none that was sent */
} msync_transfer_cert_e;

/* which certificate is not valid by our clock */
typedef struct {
    msync_transfer_cert_e  whose;
    char                   name[MSYNC_TRANSFER_CERT_NAME];  /* of one that was
                                          sent */
} msync_transfer_invalid_t;

/*
 * The moment that a Date of HTTP or a certificate names, Unix s; 0: none, also
 * where it is before 1970.
 */
int64_t msync_transfer_read_date(const char *text);

/*
 * What time it is over there, by the Date of an answer to a question without
 * credentials, over a connection that is not trusted: Unix s, 0: not known.
 * With which certificate is not valid by our clock.  It is for words only.
 */
int64_t msync_transfer_ask_date(msync_transfer_t *http, const char *url,
    msync_transfer_invalid_t *invalid);

/* what an answer's Date says about the clocks, to the log, once a session */
void msync_transfer_compare_clocks(const msync_transfer_attempt_t *t);


/* ---- name.c ---- */

/*
 * Why the host of a URL is not found, asked anew: EAI_* of netdb.h, EAI_AGAIN
 * also where that takes too long; 0: not known, or found after all.
 */
int msync_transfer_ask_name(msync_transfer_t *http, const char *url);

#endif /* MSYNC_TRANSFER_PRIVATE_H */
