/*
 * A scripted HTTP server in a thread of the test: it answers the requests
 * in the order in which the answers were queued and keeps each request octet
 * by octet, with the number of the connection that it came on.
 */

#ifndef MSYNC_T_SERVER_H
#define MSYNC_T_SERVER_H

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define SERVER_CLOSE  1              /* FIN after the answer */
#define SERVER_RESET  2              /* RST after the answer */
#define SERVER_HOLD   4              /* the connection stays open, silent */

#define SERVER_MAX    128

typedef struct {
    char    *data;
    size_t   length;
    int      flags;
    int      connection;
} server_text_t;

typedef struct {
    int      fd;
    int      number;
    char    *data;
    size_t   length;
} server_peer_t;

typedef struct {
    pthread_t         thread;
    pthread_mutex_t   mutex;
    int               fd;
    int               stop;          /* eventfd */
    int               bell;          /* rung at each held request, -1: none */
    unsigned          port;
    server_text_t     answers[SERVER_MAX];
    size_t            n_answers;
    server_text_t     requests[SERVER_MAX];
    size_t            n_requests;
    server_peer_t     peers[SERVER_MAX];
    int               n_peers;
} server_t;


static inline void
server_say(server_t *s, const void *data, size_t length, int flags)
{
    server_text_t  *a;

    pthread_mutex_lock(&s->mutex);
    a = &s->answers[s->n_answers++];
    a->data = malloc(length + 1);
    memcpy(a->data, data, length);
    a->data[length] = '\0';
    a->length = length;
    a->flags = flags;
    pthread_mutex_unlock(&s->mutex);
}


/* `head` follows the status and ends each of its lines with CR LF */

static inline void
server_answer(server_t *s, int status, const char *head, const char *body,
    int flags)
{
    char    *text;
    size_t   size;

    size = strlen(head) + strlen(body) + 128;
    text = malloc(size);
    snprintf(text, size, "HTTP/1.1 %d Whatever\r\n%sContent-Length: %zu\r\n"
             "\r\n%s", status, head, strlen(body), body);
    server_say(s, text, strlen(text), flags);
    free(text);
}


static inline void
server_json(server_t *s, int status, const char *body)
{
    server_answer(s, status, "Content-Type: application/json\r\n", body, 0);
}


static inline size_t
server_n(server_t *s)
{
    size_t  n;

    pthread_mutex_lock(&s->mutex);
    n = s->n_requests;
    pthread_mutex_unlock(&s->mutex);

    return n;
}


/* valid until the server is stopped */

static inline const char *
server_request(server_t *s, size_t i)
{
    return i < server_n(s) ? s->requests[i].data : "(no such request)";
}


static inline const char *
server_body(server_t *s, size_t i)
{
    const char  *body;

    body = strstr(server_request(s, i), "\r\n\r\n");

    return body ? body + 4 : "(no body)";
}


/* the octets of a whole request in data, 0: there is more to come */

static inline size_t
server_whole(const char *data, size_t length)
{
    size_t       head, body;
    const char  *end, *p;

    /* the beginning of TLS gets an answer in plain HTTP */

    if (length > 0 && data[0] == 0x16) {
        return length;
    }

    end = memmem(data, length, "\r\n\r\n", 4);
    if (end == NULL) {
        return 0;
    }

    head = (size_t) (end - data) + 4;
    body = 0;

    /* nothing ends what was read but its length */

    for (p = data; p < end; p += 2) {
        if (strncasecmp(p, "Content-Length:", 15) == 0) {
            body = strtoul(p + 15, NULL, 10);
        }

        p = memmem(p, (size_t) (end + 2 - p), "\r\n", 2);
    }

    return head + body <= length ? head + body : 0;
}


static inline void
server_hang_up(server_peer_t *peer, int flags)
{
    struct linger  linger = { 1, 0 };

    if (flags & SERVER_RESET) {
        setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    }

    close(peer->fd);
    peer->fd = -1;
    free(peer->data);
    peer->data = NULL;
}


static inline void
server_serve(server_t *s, server_peer_t *peer, size_t length)
{
    static char     none[] = "HTTP/1.1 400 Nothing queued\r\n"
                             "Content-Length: 0\r\n\r\n";
    uint64_t        one;
    server_text_t  *r, a;

    one = 1;
    memset(&a, 0, sizeof(a));
    a.data = none;
    a.length = sizeof(none) - 1;

    pthread_mutex_lock(&s->mutex);

    if (s->n_requests < s->n_answers) {
        a = s->answers[s->n_requests];
    }

    r = &s->requests[s->n_requests++];
    r->data = malloc(length + 1);
    memcpy(r->data, peer->data, length);
    r->data[length] = '\0';
    r->length = length;
    r->connection = peer->number;

    pthread_mutex_unlock(&s->mutex);

    memmove(peer->data, peer->data + length, peer->length - length);
    peer->length -= length;

    (void) !send(peer->fd, a.data, a.length, MSG_NOSIGNAL);

    if (a.flags & (SERVER_CLOSE | SERVER_RESET)) {
        server_hang_up(peer, a.flags);

    } else if ((a.flags & SERVER_HOLD) && s->bell != -1) {
        (void) !write(s->bell, &one, sizeof(one));
    }
}


static inline void
server_read(server_t *s, server_peer_t *peer)
{
    size_t   n;
    ssize_t  got;

    peer->data = realloc(peer->data, peer->length + 65536);
    got = recv(peer->fd, peer->data + peer->length, 65536, 0);

    if (got <= 0) {
        server_hang_up(peer, 0);
        return;
    }

    peer->length += (size_t) got;

    while (peer->fd != -1
           && (n = server_whole(peer->data, peer->length)) != 0)
    {
        server_serve(s, peer, n);
    }
}


static inline void *
server_run(void *arg)
{
    int             i, fds[SERVER_MAX + 2];
    server_t       *s = arg;
    nfds_t          n;
    server_peer_t  *peer;
    struct pollfd   p[SERVER_MAX + 2];

    for ( ;; ) {
        p[0] = (struct pollfd) { s->stop, POLLIN, 0 };
        p[1] = (struct pollfd) { s->fd, POLLIN, 0 };
        n = 2;

        for (i = 0; i < s->n_peers; i++) {
            if (s->peers[i].fd != -1) {
                fds[n] = i;
                p[n++] = (struct pollfd) { s->peers[i].fd, POLLIN, 0 };
            }
        }

        poll(p, n, -1);

        if (p[0].revents) {
            return NULL;
        }

        while (n-- > 2) {
            if (p[n].revents) {
                server_read(s, &s->peers[fds[n]]);
            }
        }

        if (p[1].revents && s->n_peers < SERVER_MAX) {
            peer = &s->peers[s->n_peers];
            memset(peer, 0, sizeof(*peer));
            peer->number = s->n_peers++;
            peer->fd = accept(s->fd, NULL, NULL);
        }
    }
}


static inline int
server_listen(unsigned *port, int backlog)
{
    int                 fd;
    socklen_t           length;
    struct sockaddr_in  sin = { .sin_family = AF_INET };

    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    length = sizeof(sin);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd == -1 || bind(fd, (struct sockaddr *) &sin, length) == -1
        || (backlog >= 0 && listen(fd, backlog) == -1)
        || getsockname(fd, (struct sockaddr *) &sin, &length) == -1)
    {
        perror("server");
        abort();
    }

    *port = ntohs(sin.sin_port);

    return fd;
}


static inline server_t *
server_start(void)
{
    server_t  *s;

    s = calloc(1, sizeof(*s));
    s->fd = server_listen(&s->port, 64);
    s->stop = eventfd(0, EFD_CLOEXEC);
    s->bell = -1;
    pthread_mutex_init(&s->mutex, NULL);
    pthread_create(&s->thread, NULL, server_run, s);

    return s;
}


static inline void
server_stop(server_t *s)
{
    size_t    i;
    uint64_t  one = 1;

    (void) !write(s->stop, &one, sizeof(one));
    pthread_join(s->thread, NULL);

    for (i = 0; i < (size_t) s->n_peers; i++) {
        if (s->peers[i].fd != -1) {
            server_hang_up(&s->peers[i], 0);
        }
    }

    for (i = 0; i < s->n_answers; i++) {
        free(s->answers[i].data);
    }

    for (i = 0; i < s->n_requests; i++) {
        free(s->requests[i].data);
    }

    close(s->fd);
    close(s->stop);
    pthread_mutex_destroy(&s->mutex);
    free(s);
}

#endif /* MSYNC_T_SERVER_H */
