/*
 * The limits of what stands in a msync_site block, _MIN and _MAX, and its
 * defaults, which have neither in their names.
 *
 * "nginx -t" and the helper go by the same ones: what the first takes, the
 * second takes as well.  Needs nothing but the preprocessor, because the
 * nginx module includes it.
 */

#ifndef MSYNC_LIMITS_H
#define MSYNC_LIMITS_H

/* octets of a text, without a final NUL */
#define MSYNC_SITE_MAX              64
#define MSYNC_PATH_MAX              4095
#define MSYNC_URL_MAX               1024
#define MSYNC_HOST_MAX              256        /* with the final NUL */
#define MSYNC_USERNAME_MAX          256
#define MSYNC_PASSWORD_MAX          1024
#define MSYNC_ENDED_MAX             512        /* how a helper has ended */
#define MSYNC_SHA256_HEX            64         /* no more and no less */
#define MSYNC_HARDWARE_ID_MAX       64

#define MSYNC_INTERVAL              300        /* s */
#define MSYNC_INTERVAL_MAX          31622400   /* 366d */

/* records of one request */
#define MSYNC_PUSH                  1024
#define MSYNC_REMOTE_PULL           500
#define MSYNC_CENTRAL_PULL          500
#define MSYNC_BATCH_MAX             100000

#define MSYNC_CONNECT_TIMEOUT       10000      /* ms */
#define MSYNC_READ_TIMEOUT          300000
#define MSYNC_TIMEOUT_MAX           86400000   /* 24h */

/* octets of an answer after decompression; it is kept in memory */
#define MSYNC_RESPONSE              67108864
#define MSYNC_RESPONSE_MIN          1024
#define MSYNC_RESPONSE_MAX          1073741824

/* octets a second, 0: no limit */
#define MSYNC_RATE_MAX              1099511627776

#define MSYNC_CHANGELOG_KEEP        7776000    /* s, 90d */
#define MSYNC_CHANGELOG_KEEP_MAX    316224000  /* 3660d */

/* what a proxy's URL begins with */
#define MSYNC_PROXY_SCHEMES                                                   \
    { "http://", "https://", "socks5://", "socks5h://" }
#define MSYNC_PROXY_SCHEMES_TEXT                                              \
    "http://, https://, socks5:// or socks5h://"

/* where systemd, Docker and Kubernetes put secrets, with a mode of their own */
#define MSYNC_SECRETS                                                         \
    { "/run/secrets/", "/var/run/secrets/", "/run/credentials/" }

/* the words of `protocol`, in the order of msync_protocol_e of conf.h */
#define MSYNC_PROTOCOLS             { "auto", "v6", "v7" }

#endif /* MSYNC_LIMITS_H */
