/*
 * Owns what a URL of a central server may look like.  Stricter than RFC
 * 3986: what is not plainly an http or https address of a host is refused
 * with words, so that two readers can never disagree about whom it names.
 */

#include "conf/conf.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>


static const char *url_host(const char *host, size_t length, bool brackets,
    msync_conf_origin_t *origin);
static const char *url_address(msync_conf_origin_t *origin);
static const char *url_port(const char *digits, size_t length,
    msync_conf_origin_t *origin);
static const char *url_path(const char *path);


int
msync_conf_set_url(msync_conf_t *conf, const char *url, msync_err_t *err)
{
    char                 *copy;
    const char           *why;
    msync_conf_origin_t   origin;

    copy = msync_conf_bare_url(url);

    if (strlen(copy) > MSYNC_URL_MAX) {
        msync_free(&copy);
        return msync_err_set(err, MSYNC_ERR_INVALID_URL,
                             "The address of the central server must not be "
                             "longer than %d octets", MSYNC_URL_MAX);
    }

    why = msync_conf_check_url(copy, &origin);

    if (why) {
        msync_free(&copy);
        return msync_err_set(err, MSYNC_ERR_INVALID_URL,
                             "The address of the central server %s", why);
    }

    msync_free(&conf->url);
    conf->url = copy;

    return MSYNC_OK;
}


char *
msync_conf_bare_url(const char *url)
{
    size_t  n;

    /* pasted addresses often bring spaces along */

    url += strspn(url, " \t\r\n");
    n = strlen(url);

    while (n > 0 && strchr(" \t\r\n", url[n - 1])) {
        n--;
    }

    while (n > 0 && url[n - 1] == '/') {
        n--;
    }

    return msync_strndup(url, n);
}


bool
msync_conf_same_origin(const char *url, const char *other)
{
    msync_conf_origin_t  a, b;

    return msync_conf_origin(url, &a) == NULL
           && msync_conf_origin(other, &b) == NULL
           && a.tls == b.tls && a.port == b.port
           && strcmp(a.host, b.host) == 0;
}


const char *
msync_conf_check_url(const char *url, msync_conf_origin_t *origin)
{
    const char  *why;

    why = msync_conf_origin(url, origin);
    if (why) {
        return why;
    }

    /* a scheme was found */

    return url_path(strstr(url, "://") + 3);
}


const char *
msync_conf_origin(const char *url, msync_conf_origin_t *origin)
{
    bool         brackets;
    size_t       length, n;
    const char  *why, *close;

    memset(origin, 0, sizeof(*origin));

    if (strncasecmp(url, "https://", 8) == 0) {
        origin->tls = true;
        url += 8;

    } else if (strncasecmp(url, "http://", 7) == 0) {
        url += 7;

    } else {
        return "must begin with https:// or http://";
    }

    length = strcspn(url, "/?#");

    if (memchr(url, '@', length)) {
        return "must not contain a user name or password";
    }

    brackets = (*url == '[');

    if (brackets) {
        close = memchr(url, ']', length);
        if (close == NULL) {
            return "has an IPv6 address without its closing bracket";
        }

        n = (size_t) (close - url) + 1;
        why = url_host(url + 1, n - 2, true, origin);

    } else {
        close = memchr(url, ':', length);
        n = close ? (size_t) (close - url) : length;
        why = url_host(url, n, false, origin);
    }

    return why ? why : url_port(url + n, length - n, origin);
}


static const char *
url_host(const char *host, size_t length, bool brackets,
    msync_conf_origin_t *origin)
{
    size_t  i;
    char    c;

    if (length == 0) {
        return "has no host name";
    }

    if (length >= sizeof(origin->host)) {
        return "has a host name that is too long";
    }

    for (i = 0; i < length; i++) {
        c = host[i];

        if ((unsigned char) c >= 0x80) {
            return "has a host name with letters that are not ASCII; write "
                   "it in its xn-- form";
        }

        if (!brackets && !isalnum((unsigned char) c) && !strchr("-._", c)) {
            return "has a character in its host name that is not allowed "
                   "there";
        }

        origin->host[i] = (char) tolower((unsigned char) c);
    }

    origin->host[length] = '\0';

    return brackets ? url_address(origin) : NULL;
}


static const char *
url_address(msync_conf_origin_t *origin)
{
    struct in6_addr  address;

    if (strchr(origin->host, '%')) {
        return "has an IPv6 address with a zone (%), which names a link of "
               "one machine; the server needs an address that is not of a link";
    }

    if (inet_pton(AF_INET6, origin->host, &address) != 1
        || inet_ntop(AF_INET6, &address, origin->host,
                     sizeof(origin->host)) == NULL)
    {
        return "has brackets without an IPv6 address in them";
    }

    return NULL;
}


/* "" or ":digits" */

static const char *
url_port(const char *digits, size_t length, msync_conf_origin_t *origin)
{
    size_t  i;

    if (length == 0) {
        origin->port = origin->tls ? 443 : 80;
        return NULL;
    }

    for (i = 1; i < length && i <= 5 && isdigit((unsigned char) digits[i]);
         i++)
    {
        origin->port = origin->port * 10 + (unsigned) (digits[i] - '0');
    }

    if (*digits != ':' || length == 1 || i != length || origin->port == 0
        || origin->port > 65535)
    {
        return "has a port that is not a number from 1 to 65535";
    }

    return NULL;
}


static const char *
url_path(const char *path)
{
    for ( /* void */ ; *path; path++) {

        if (*path == '?' || *path == '#') {
            return "must not contain \"?\" or \"#\"";
        }

        if ((unsigned char) *path <= 0x20 || (unsigned char) *path >= 0x7f
            || strchr("\"<>\\^`{|}", *path))
        {
            return "has a character that is not allowed there";
        }

        if (*path == '%' && !(isxdigit((unsigned char) path[1])
                              && isxdigit((unsigned char) path[2])))
        {
            return "has a \"%\" without two hexadecimal digits behind it";
        }
    }

    return NULL;
}
