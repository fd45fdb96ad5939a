/*
 * Owns the sockets that libcurl gets, and what is learnt of the line when a
 * time has passed: how far a connection got, and, by what the kernel knows of
 * it, whether what was sent has arrived at the machine over there at all.
 */

#include "transfer/transfer_private.h"

#include "base/clock.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define LINE_SHARE  8              /* part of the connect timeout in which an
                                      address that works answers */


static msync_transfer_address_t *line_find(msync_transfer_t *http,
    const struct curl_sockaddr *address);
static void line_look_at_addresses(msync_transfer_attempt_t *t);
static int64_t line_time(const msync_transfer_t *http,
    const msync_transfer_address_t *address);
static int line_find_socket(const msync_transfer_attempt_t *t);
static int line_local_port(int fd);
static bool line_is_stuck(int fd);
static uint64_t line_arrived(int fd);


/* libcurl does not tell why it got no socket */

curl_socket_t
msync_transfer_open_socket(void *arg, curlsocktype purpose,
    struct curl_sockaddr *address)
{
    int                        fd;
    msync_transfer_t          *http;
    msync_transfer_address_t  *known;
    msync_transfer_attempt_t  *t = arg;

    (void) purpose;

    http = t->http;
    known = line_find(http, address);

    if (known != NULL && known->dead) {
        return CURL_SOCKET_BAD;
    }

    fd = socket(address->family, address->socktype | SOCK_CLOEXEC,
                address->protocol);

    if (fd == -1) {
        t->no_socket = errno;
        return CURL_SOCKET_BAD;
    }

    http->sockets[http->next_socket++ % MSYNC_TRANSFER_SOCKETS] = fd;

    if (getnameinfo(&address->addr, address->addrlen, t->called,
                    sizeof(t->called), NULL, 0, NI_NUMERICHOST) != 0)
    {
        t->called[0] = '\0';
    }

    if (known != NULL) {
        known->since = msync_clock_monotonic();
    }

    return fd;
}


/* NULL: there is no room for another */

static msync_transfer_address_t *
line_find(msync_transfer_t *http, const struct curl_sockaddr *address)
{
    size_t                     i;
    struct sockaddr_storage    wanted;
    msync_transfer_address_t  *found;

    memset(&wanted, 0, sizeof(wanted));

    if (address->addrlen > sizeof(wanted)) {
        return NULL;
    }

    memcpy(&wanted, &address->addr, address->addrlen);

    for (i = 0; i < http->naddresses; i++) {
        found = &http->addresses[i];

        if (memcmp(&found->address, &wanted, sizeof(wanted)) == 0) {
            return found;
        }
    }

    if (i == MSYNC_TRANSFER_ADDRESSES) {
        return NULL;
    }

    found = &http->addresses[http->naddresses++];
    memset(found, 0, sizeof(*found));
    found->address = wanted;

    return found;
}


/*
 * libcurl gives the first address of a name half of the time, the next one
 * half of what is left: of those further down one that works but is far away
 * has no chance.  Those that had enough are left out of the next attempt.
 */

static void
line_look_at_addresses(msync_transfer_attempt_t *t)
{
    size_t                     i, called = 0;
    msync_transfer_t          *http = t->http;
    msync_transfer_address_t  *a;

    for (i = 0; i < http->naddresses; i++) {
        a = &http->addresses[i];
        t->several |= a->dead;

        if (!a->dead && a->since >= t->began) {
            called++;
            a->dead = line_time(http, a) >= http->connect_timeout / LINE_SHARE;
            t->more |= !a->dead;
        }
    }

    t->several |= called > 1;

    /* each had its share: the next request asks all of them again */
    if (!t->more) {
        http->naddresses = 0;
    }
}


/* until the next one of its family was tried */

static int64_t
line_time(const msync_transfer_t *http, const msync_transfer_address_t *address)
{
    size_t                           i;
    int64_t                          end = msync_clock_monotonic();
    const msync_transfer_address_t  *other;

    for (i = 0; i < http->naddresses; i++) {
        other = &http->addresses[i];

        if (other->address.ss_family == address->address.ss_family
            && other->since > address->since && other->since < end)
        {
            end = other->since;
        }
    }

    return end - address->since;
}


bool
msync_transfer_look_before(msync_transfer_attempt_t *t)
{
    struct pollfd  wait = { line_find_socket(t), POLLIN, 0 };

    t->acked = line_arrived(wait.fd);

    return wait.fd == -1 || poll(&wait, 1, 0) <= 0;
}


bool
msync_transfer_is_under_way(const msync_transfer_attempt_t *t)
{
    int         fd = line_find_socket(t);
    curl_off_t  sent = t->length;

    (void) curl_easy_getinfo(t->http->easy, CURLINFO_SIZE_UPLOAD_T, &sent);

    return sent < t->length || (fd != -1 && line_is_stuck(fd));
}


void
msync_transfer_look_at_line(msync_transfer_attempt_t *t)
{
    int  fd;

    /* the times of libcurl tell of no connection before all of it is made */

    t->half_made = !t->sent && t->greeted;

    /* a proxy may have answered, and be asked for the way */

    if (!t->sent && !t->greeted && *t->http->proxy == '\0') {
        line_look_at_addresses(t);
    }

    fd = t->silent ? line_find_socket(t) : -1;

    if (fd != -1) {
        t->unheard = line_is_stuck(fd);
        t->dead = t->unheard && t->kept && line_arrived(fd) == t->acked;
    }
}


/* of the session; a number may be closed, or a file by now */

static int
line_find_socket(const msync_transfer_attempt_t *t)
{
    int       fd;
    unsigned  i;

    for (i = 0; i < MSYNC_TRANSFER_SOCKETS; i++) {
        fd = t->http->sockets[i];

        if (fd > 0 && line_local_port(fd) == t->port) {
            return fd;
        }
    }

    return -1;
}


static int
line_local_port(int fd)
{
    socklen_t                size;
    struct sockaddr_in       four;
    struct sockaddr_in6      six;
    struct sockaddr_storage  address;

    size = sizeof(address);
    memset(&address, 0, sizeof(address));

    if (getsockname(fd, (struct sockaddr *) &address, &size) == -1) {
        return -1;
    }

    if (address.ss_family == AF_INET) {
        memcpy(&four, &address, sizeof(four));
        return ntohs(four.sin_port);
    }

    if (address.ss_family == AF_INET6) {
        memcpy(&six, &address, sizeof(six));
        return ntohs(six.sin6_port);
    }

    return -1;
}


/* something was not acknowledged */

static bool
line_is_stuck(int fd)
{
    int  waiting = 0;

    return ioctl(fd, SIOCOUTQ, &waiting) == 0 && waiting > 0;
}


/* octets that were acknowledged since the connection was made; 0: a kernel that
 * does not tell */

static uint64_t
line_arrived(int fd)
{
    socklen_t        size;
    struct tcp_info  info;

    size = sizeof(info);
    memset(&info, 0, sizeof(info));

    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0
           ? info.tcpi_bytes_acked : 0;
}
