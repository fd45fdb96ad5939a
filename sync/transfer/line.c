/*
 * Owns the sockets that libcurl gets, and what is learnt of the line when a
 * time has passed: how far a connection got, and, by what the kernel knows of
 * it, whether what was sent has arrived at the machine over there at all.
 */

#include "transfer/transfer_private.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>


static int line_local_port(int fd);
static bool line_is_stuck(int fd);


/* libcurl does not tell why it got no socket */

curl_socket_t
msync_transfer_open_socket(void *arg, curlsocktype purpose,
    struct curl_sockaddr *address)
{
    int                        fd;
    msync_transfer_t          *http;
    msync_transfer_attempt_t  *t = arg;

    (void) purpose;

    http = t->http;
    fd = socket(address->family, address->socktype | SOCK_CLOEXEC,
                address->protocol);

    if (fd == -1) {
        t->no_socket = errno;
        return CURL_SOCKET_BAD;
    }

    http->sockets[http->next_socket++ % MSYNC_TRANSFER_SOCKETS] = fd;

    return fd;
}


void
msync_transfer_look_at_line(msync_transfer_attempt_t *t)
{
    int          fd;
    unsigned     i;

    /* the times of libcurl tell of no connection before all of it is made */

    t->half_made = !t->sent && t->greeted;

    /* the sockets of the session; a number may be closed, or a file by now */

    for (i = 0; t->silent && i < MSYNC_TRANSFER_SOCKETS; i++) {
        fd = t->http->sockets[i];

        if (fd > 0 && line_local_port(fd) == t->port) {
            t->unheard |= line_is_stuck(fd);
        }
    }
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
