/*
 * Owns the words for what keeps encryption from being agreed on: a server
 * that speaks none, or an old kind of it, or wants a certificate of ours, and
 * each way in which its own certificate is not to be trusted.
 */

#include "transfer/transfer_private.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>


/* of OpenSSL's x509_vfy.h, as CURLINFO_SSL_VERIFYRESULT gives them */

#define TLS_CERT_NOT_YET_VALID  9
#define TLS_CERT_EXPIRED        10
#define TLS_CERT_SELF_SIGNED    18
#define TLS_CERT_SELF_IN_CHAIN  19
#define TLS_CERT_NO_ISSUER      20
#define TLS_CERT_NO_CHAIN       21
#define TLS_CERT_WEAK_KEY       66
#define TLS_CERT_WEAK_CA        67
#define TLS_CERT_WEAK_HASH      68

#define TLS_CLOCKS_APART        3600          /* s */


typedef struct {
    const char       *words[5];         /* of libcurl or OpenSSL, one of them */
    msync_variant_e   variant;
    const char       *text;             /* what follows the server's name */
    const char       *advice;           /* NULL: that of the variant */
} tls_failure_t;


static const char *tls_whom(const msync_transfer_attempt_t *t,
    const char *where, bool *proxy);
static int tls_plain(const msync_transfer_attempt_t *t, const char *whom,
    bool proxy, msync_err_t *err);
static int tls_validity(const msync_transfer_attempt_t *t,
    const char *whom, bool expired, msync_err_t *err);
static void tls_which(const msync_transfer_invalid_t *invalid,
    const char *whom, char *buf, size_t size);
static const char *tls_renewal(msync_transfer_cert_e whose);
static const char *tls_clock(int64_t now, char *buf, size_t size);


static const tls_failure_t  tls_failures[] = {
    { { "protocol version", "unsupported protocol" }, MSYNC_ERR_TLS_ERROR,
      "speaks only an old kind of encryption (before TLS 1.2), which is "
      "not safe and not used",
      "Ask the administrator of the server to let it speak TLS 1.2 or later. "
      "No data was sent." },

    { { "certificate required", "alert bad certificate", "alert unknown ca",
        "alert certificate unknown", "certificate was sent" },
      MSYNC_ERR_TLS_ERROR,
      "wants a certificate of this machine (client certificate), which "
      "this program does not have",
      "Ask the administrator of the server to let this site in without one; "
      "it is known by its name and password. |Nothing is lost and it is tried "
      "again by itself." },

    { { "unrecognized name" }, MSYNC_ERR_TLS_ERROR,
      "answers, but no server of that name is set up there (SNI): the "
      "address is wrong, or the name leads to another machine", NULL },

    { { "internal error" }, MSYNC_ERR_TLS_ERROR,
      "fails while encryption is agreed on (internal error): it may have no "
      "certificate for that name",
      "Check the address in the settings, and let the administrator of the "
      "server look at its log and its certificates. No data was sent." },

    { { "dh key too small", "modulus too small" }, MSYNC_ERR_TLS_ERROR,
      "agrees on encryption only with a key exchange (DH) that is too weak, "
      "and not used",
      "Ask the administrator of the server to let it use ECDHE, or DH of 2048 "
      "bits. No data was sent." },

    { { "unsafe legacy renegotiation" }, MSYNC_ERR_TLS_ERROR,
      "speaks TLS in an old way (without secure renegotiation), which is not "
      "safe and not used: it is a very old server, or a firewall that opens "
      "encrypted connections",
      "Ask the administrator of the server, or of the firewall, to update "
      "it. No data was sent." },

    { { "handshake failure", "no shared cipher", "insufficient security" },
      MSYNC_ERR_TLS_ERROR,
      "refuses to agree on encryption: it has no cipher in common with "
      "this program, or wants a certificate of this machine (client "
      "certificate), which this program does not have",
      "Ask the administrator of the server which of the two it is: it has to "
      "speak TLS 1.2 or later with usual ciphers, and let this site in "
      "without a certificate. No data was sent." },

    { { "unexpected eof", "SSL_ERROR_SYSCALL", "Connection reset",
        "Broken pipe" }, MSYNC_ERR_CONNECTION_ERROR,
      "closed the connection while encryption was being agreed on; a "
      "firewall may cut encrypted connections", NULL }
};


int
msync_transfer_error_tls(const msync_transfer_attempt_t *t, const char *where,
    msync_err_t *err)
{
    bool                proxy;
    size_t              i;
    const char         *detail, *whom;

    static const char  *plain[] = {
        "wrong version number", "unknown protocol", "http request",
        "packet length too long", "record layer failure"
    };

    whom = tls_whom(t, where, &proxy);
    detail = msync_transfer_detail(t, CURLE_SSL_CONNECT_ERROR);

    for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        if (strstr(detail, plain[i])) {
            return tls_plain(t, whom, proxy, err);
        }
    }

    if (msync_transfer_error_alert(whom, detail, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    return msync_err_set(err, MSYNC_ERR_TLS_ERROR,
                         "No encrypted connection to %s: %s", whom, detail);
}


int
msync_transfer_error_alert(const char *whom, const char *detail,
    msync_err_t *err)
{
    size_t                i, k;
    const tls_failure_t  *f;

    for (i = 0; i < sizeof(tls_failures) / sizeof(tls_failures[0]); i++) {
        f = &tls_failures[i];

        for (k = 0; k < sizeof(f->words) / sizeof(f->words[0]); k++) {
            if (f->words[k] && strstr(detail, f->words[k])) {
                (void) msync_err_set(err, f->variant, "%s %s", whom,
                                     f->text);
                err->advice = f->advice;
                return MSYNC_ERROR;
            }
        }
    }

    return MSYNC_OK;
}


int
msync_transfer_error_certificate(const msync_transfer_attempt_t *t,
    const char *where, msync_err_t *err)
{
    bool         proxy;
    long         result;
    const char  *detail, *whom;

    result = 0;
    whom = tls_whom(t, where, &proxy);
    (void) curl_easy_getinfo(t->http->easy,
                             proxy ? CURLINFO_PROXY_SSL_VERIFYRESULT
                             : CURLINFO_SSL_VERIFYRESULT, &result);

    detail = msync_transfer_detail(t, CURLE_PEER_FAILED_VERIFICATION);

    switch (result) {

    case TLS_CERT_EXPIRED:
    case TLS_CERT_NOT_YET_VALID:
        return tls_validity(t, whom, result == TLS_CERT_EXPIRED, err);

    case TLS_CERT_NO_ISSUER:
    case TLS_CERT_NO_CHAIN:
        (void) msync_err_set(err, MSYNC_ERR_TLS_ERROR,
                             "The certificate of %s cannot be traced to an "
                             "authority that is trusted here: the server does "
                             "not send the certificates in between "
                             "(intermediate), or its authority is not known "
                             "here", whom);
        err->advice = "Browsers find a missing intermediate certificate by "
                      "themselves, programs do not: ask the administrator of "
                      "the server to install the whole chain. Where the "
                      "authority is your own, name a file with its "
                      "certificate in ssl_trusted_certificate. No data was "
                      "sent.";
        return MSYNC_ERROR;

    case TLS_CERT_WEAK_KEY:
    case TLS_CERT_WEAK_CA:
    case TLS_CERT_WEAK_HASH:
        (void) msync_err_set(err, MSYNC_ERR_TLS_ERROR,
                             "The certificate of %s, or of its authority, is "
                             "too weak for this machine (%s)", whom, detail);
        err->advice = "Ask the administrator of the server for a certificate "
                      "of today's strength (a key of 2048 bits or more, "
                      "SHA-256). No data was sent.";
        return MSYNC_ERROR;
    }

    /* libcurl compares the names itself and has no number for it */

    if (strstr(detail, "subject name")) {
        return msync_err_set(err, MSYNC_ERR_TLS_ERROR,
                             "The certificate of the server that answers for "
                             "%s is made for another name: the address is "
                             "wrong, or another machine answers in its place, "
                             "such as the sign-in page of a network (captive "
                             "portal)", whom);
    }

    if (result != 0 && result != TLS_CERT_SELF_SIGNED
        && result != TLS_CERT_SELF_IN_CHAIN)
    {
        (void) msync_err_set(err, MSYNC_ERR_TLS_ERROR,
                             "The certificate of %s, or one of its "
                             "authorities', is not made for this use (%s)",
                             whom, detail);
        err->advice = "Ask the administrator of the server for a certificate "
                      "of a usual authority for servers; the words in "
                      "brackets say what is wrong with this one. No data was "
                      "sent.";
        return MSYNC_ERROR;
    }

    return msync_err_set(err, MSYNC_ERR_TLS_ERROR,
                         "The certificate of %s is not trusted (%s): its "
                         "authority is missing in ssl_trusted_certificate, or "
                         "a firewall opens encrypted connections", whom,
                         detail);
}


/* a proxy may want encryption itself; behind it the server may */

static const char *
tls_whom(const msync_transfer_attempt_t *t, const char *where, bool *proxy)
{
    long  status;

    status = 0;
    (void) curl_easy_getinfo(t->http->easy, CURLINFO_HTTP_CONNECTCODE,
                             &status);

    *proxy = status == 0 && strncasecmp(t->http->proxy, "https:", 6) == 0;

    return *proxy ? "the proxy" : where;
}


/* octets came that are no TLS: who sent them cannot be told behind a proxy */

static int
tls_plain(const msync_transfer_attempt_t *t, const char *whom, bool proxy,
    msync_err_t *err)
{
    if (proxy) {
        return msync_err_set(err, MSYNC_ERR_TLS_ERROR,
                             "The proxy does not speak TLS on that port: the "
                             "proxy setting begins with https://, but the "
                             "proxy speaks plain HTTP there");
    }

    if (*t->http->proxy == '\0') {
        return msync_err_set(err, MSYNC_ERR_TLS_ERROR,
                             "%s does not speak TLS on that port: the "
                             "address begins with https://, but the "
                             "server speaks plain HTTP there", whom);
    }

    (void) msync_err_set(err, MSYNC_ERR_TLS_ERROR,
                         "What comes through the proxy is not encrypted: the "
                         "proxy answers for %s with a page of its own, or that "
                         "server does not speak TLS on that port", whom);
    err->advice = "Look at what the proxy says to a browser of this machine: "
                  "it may want a sign-in, or forbid this address. No data was "
                  "sent.";
    return MSYNC_ERROR;
}


/* whose clock is wrong, where the server's own can be learnt, and which
 * certificate it is */

static int
tls_validity(const msync_transfer_attempt_t *t, const char *whom,
    bool expired, msync_err_t *err)
{
    char                       here[64], there[64], which[512];
    int64_t                    now, date;
    const char                *what = expired ? "has expired"
                                              : "is not valid yet";
    msync_transfer_invalid_t   invalid;

    now = msync_clock_wall() / 1000;
    date = msync_transfer_ask_date(t->http, t->url, &invalid);
    tls_which(&invalid, whom, which, sizeof(which));
    (void) tls_clock(now, here, sizeof(here));

    if (date == 0) {
        return msync_err_set(err, MSYNC_ERR_TLS_ERROR,
                             "The certificate of %s %s, or the clock of this "
                             "machine is wrong: it says %s", which, what,
                             here);
    }

    (void) tls_clock(date, there, sizeof(there));

    if (date - now > TLS_CLOCKS_APART || now - date > TLS_CLOCKS_APART) {
        (void) msync_err_set(err, MSYNC_ERR_TLS_ERROR,
                             "The certificate of %s %s by the clock of this "
                             "machine, which says %s, while the server's says "
                             "%s: one of them is wrong, most likely this "
                             "machine's", which, what, here, there);
        err->advice = "Set the clock of this machine, and let it be kept "
                      "right (timedatectl set-ntp true). If it is right, the "
                      "server's is wrong. No data was sent.";
        return MSYNC_ERROR;
    }

    (void) msync_err_set(err, MSYNC_ERR_TLS_ERROR,
                         "The certificate of %s %s; the clocks of this machine "
                         "and of the server agree on %s", which, what, here);
    err->advice = tls_renewal(invalid.whose);
    return MSYNC_ERROR;
}


static void
tls_which(const msync_transfer_invalid_t *invalid, const char *whom,
    char *buf, size_t size)
{
    switch (invalid->whose) {

    case MSYNC_TRANSFER_CERT_BETWEEN:
        (void) snprintf(buf, size, "\"%s\", which %s sends with its own "
                        "(intermediate),", invalid->name, whom);
        break;

    case MSYNC_TRANSFER_CERT_AUTHORITY:
        (void) snprintf(buf, size, "the authority of %s, which this machine "
                        "has,", whom);
        break;

    default:
        (void) snprintf(buf, size, "%s", whom);
    }
}


static const char *
tls_renewal(msync_transfer_cert_e whose)
{
    switch (whose) {

    case MSYNC_TRANSFER_CERT_BETWEEN:
        return "The server's own certificate is valid: ask its administrator "
               "to install the intermediate certificate that his authority "
               "gives out today. No data was sent.";

    case MSYNC_TRANSFER_CERT_AUTHORITY:
        return "Update the certificates of authorities on this machine (the "
               "package ca-certificates), or the file of "
               "ssl_trusted_certificate. No data was sent.";

    default:
        return "Ask the administrator of the server to renew its "
               "certificate. No data was sent.";
    }
}


static const char *
tls_clock(int64_t now, char *buf, size_t size)
{
    time_t     seconds = (time_t) now;
    struct tm  tm;

    if (gmtime_r(&seconds, &tm) == NULL
        || strftime(buf, size, "%Y-%m-%d %H:%M UTC", &tm) == 0)
    {
        (void) snprintf(buf, size, "nothing");
    }

    return buf;
}
