/*
 * The validated settings of one site.
 *
 * The room owns them, the form of an address, the password's hash and the id
 * of the machine.  It promises that settings which are there are within their
 * limits, and that a password file which others can read is refused.
 *
 * They come as the JSON object of the CONFIG frame (nginx), or from the
 * command line; what an administrator has saved in the database wins over
 * url, username, password and interval (msync_store_load_settings).
 *
 * The CONFIG object's members, all optional but `database`: `site`,
 * `database`, `url`, `username`, `password_file`, `password_sha256`,
 * `interval` (s), `push`, `remote_pull`, `central_pull` (records),
 * `tables` (file), `connect_timeout`, `read_timeout` (ms), `ssl_verify`
 * (bool), `ssl_trusted_certificate` (file), `proxy`, `max_response`
 * (octets), `limit_rate` (octets/s), `hardware_id`, `hardware_id_file`,
 * `protocol` ("auto", "v6", "v7"), `changelog_keep` (s), `log_level` (4..8),
 * `ended` (words), `reloaded` (0, 1), `moved` (see control.h).
 * Their limits are those of channel/limits.h.
 */

#ifndef MSYNC_CONF_H
#define MSYNC_CONF_H

#include "base/err.h"
#include "channel/limits.h"

/* what the server at `url` speaks: v6 is v5 and v6; with MSYNC_PROTOCOL_AUTO
 * it is asked, and a site of v6 becomes one of v7 when mSupply central says
 * so */
typedef enum {
    MSYNC_PROTOCOL_AUTO = 0,
    MSYNC_PROTOCOL_V6,
    MSYNC_PROTOCOL_V7,
    MSYNC_PROTOCOL_MAX
} msync_protocol_e;

typedef struct {
    char      *site;                  /* all strings owned, NULL: not set */
    char      *database;
    char      *url;                   /* without a final slash */
    char      *username;
    char      *password_file;
    char       password_sha256[MSYNC_SHA256_HEX + 1];  /* "": not set */
    bool       password_blank;        /* the password is known to begin or end
                                         with a blank */
    long       interval;              /* s, 0: no schedule */
    unsigned   push;                  /* records of a batch */
    unsigned   remote_pull;
    unsigned   central_pull;
    char      *tables;
    long       connect_timeout;       /* ms */
    long       read_timeout;          /* ms without an octet */
    bool       ssl_verify;
    char      *ssl_trusted_certificate;
    char      *proxy;
    int64_t    max_response;          /* octets after decompression */
    int64_t    limit_rate;            /* octets/s both ways, 0: none */
    char      *hardware_id;           /* instead of the machine's own */
    char      *hardware_id_file;      /* its first line; made when missing */
    msync_protocol_e  protocol;
    long       changelog_keep;        /* s that what both servers have taken
                                         stays in the changelog */
    bool       saved;                 /* some are from the settings page */
    int        log_level;
    long       reloaded;              /* 1: nginx was reloaded, and this is the
                                         first helper since */
    char      *ended;                 /* what ended the helper before this one,
                                         NULL: nothing did, it was to go */
    char      *moved;                 /* how far it has said that the database
                                         has come (msync_store_say_moved());
                                         NULL: nothing is known */
} msync_conf_t;


/* the defaults of channel/limits.h; free with msync_conf_free */
msync_conf_t *msync_conf_create(void);
void msync_conf_free(msync_conf_t **conf);

/*
 * Reads a CONFIG object over the defaults; errors name the member.  A member
 * that is null keeps its default, an unknown one is logged and ignored (a
 * newer nginx module may speak to an older helper).  `password_file` is not
 * opened here.
 */
int msync_conf_parse(msync_conf_t *conf, const char *json, size_t length,
    msync_err_t *err);

/* a copy without blanks around it and slashes at its end, the caller's to
 * free */
char *msync_conf_bare_url(const char *url);

/*
 * Sets the url, bare, after checking it: http or https, a host, no user part,
 * no query, no fragment.  INVALID_URL otherwise.
 */
int msync_conf_set_url(msync_conf_t *conf, const char *url, msync_err_t *err);

/* whom a URL speaks to */
typedef struct {
    bool      tls;                    /* https */
    char      host[MSYNC_HOST_MAX];   /* lower case, no brackets */
    unsigned  port;
} msync_conf_origin_t;

/*
 * Reads the scheme, host and port of an absolute URL; what follows them is
 * not looked at.  NULL when that went well, else what is wrong, in words
 * without the URL (it may hold a password); static storage.
 */
const char *msync_conf_origin(const char *url, msync_conf_origin_t *origin);

/* as msync_conf_origin() for a whole base URL, which has no user part, no query
 * and no fragment */
const char *msync_conf_check_url(const char *url,
    msync_conf_origin_t *origin);

/* true when both URLs have the same scheme, host and port (RFC 6454) */
bool msync_conf_same_origin(const char *url, const char *other);

/* lower-case hex SHA-256, as the protocol wants that of a password */
void msync_conf_hash(const char *text, size_t length,
    char hex[MSYNC_SHA256_HEX + 1]);

/* whether a text begins or ends with a blank, which is easily copied with a
 * password and seldom part of it */
bool msync_conf_has_blank(const char *text, size_t length);

/* where central does not know the site or its password and either has such a
 * blank, the error's advice says so */
void msync_conf_advise(const msync_conf_t *conf, msync_err_t *err);

/* 64 lower-case hex digits */
bool msync_conf_is_sha256(const char *hex);

/*
 * Reads the first line of the password file and sets the hash.  A file that
 * others can read is refused, so is an empty one.
 */
int msync_conf_read_password(msync_conf_t *conf, msync_err_t *err);

/* true when url, username and password are there: a run is possible */
bool msync_conf_complete(const msync_conf_t *conf);

/*
 * The hardware id: names this machine, stable over restarts.  It is what
 * `hardware_id` says, or the first line of `hardware_id_file`, which is made
 * with a random UUID (mode 0600) where it is missing; else a UUID in lower
 * case derived from /etc/machine-id (hashed, as machine-id(5) asks), from
 * the firmware's UUID, from the serial number of the board or from the first
 * network card.  Never from the database: a copied database must be noticed
 * by central.
 */
int msync_conf_hardware_id(const msync_conf_t *conf,
    char id[MSYNC_HARDWARE_ID_MAX + 1], msync_err_t *err);

/* what the machine says, below another root directory: for tests */
int msync_conf_hardware_id_at(const char *root,
    char id[MSYNC_HARDWARE_ID_MAX + 1], msync_err_t *err);

/* letters, digits and - _ . : as all that carries it on can hold */
bool msync_conf_is_hardware_id(const char *id);

#endif /* MSYNC_CONF_H */
