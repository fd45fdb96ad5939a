/*
 * Event streams by the thousand, one epoll loop.
 *
 *     streams PORT PATH COUNT
 *
 * Opens COUNT streams and prints "open" when each has got its headers.  Then
 * reads lines from stdin; at "wait" it prints the milliseconds from there
 * until each stream has got another event (an empty line behind "data:"),
 * as "first last"; ends at the end of stdin.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "peer.h"

#define READ_MAX  65536

typedef struct {
    int   fd;
    int   events;                    /* since the last "wait" */
    bool  opened;
    bool  data;                      /* in an event that has data */
    char  line[5];                   /* how the line begins */
    int   length;
} stream_t;

static stream_t  *streams;
static int        count, epoll_fd, opened, reached;


static void
connect_stream(stream_t *stream, int port, const char *path)
{
    int                 n;
    char                request[512];
    struct epoll_event  event = { .events = EPOLLIN, .data.ptr = stream };

    stream->fd = connect_to(port);
    n = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: "
                 "localhost\r\nAccept: text/event-stream\r\n\r\n", path);

    if (write(stream->fd, request, (size_t) n) != n
        || fcntl(stream->fd, F_SETFL, O_NONBLOCK) != 0
        || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, stream->fd, &event) != 0)
    {
        fail("stream");
    }
}


/* an event is whole at the empty line behind a line of data */

static void
take(stream_t *stream, const char *text, ssize_t n)
{
    ssize_t  i;

    for (i = 0; i < n; i++) {
        if (text[i] == '\n') {
            if (stream->length == 0 && stream->data) {
                reached += stream->events++ == 0;
                stream->data = false;
            }

            stream->length = 0;

        } else if (text[i] != '\r') {
            if (stream->length < 5) {
                stream->line[stream->length] = text[i];
            }

            if (++stream->length == 5
                && memcmp(stream->line, "data:", 5) == 0)
            {
                stream->data = true;
            }
        }
    }
}


static void
read_some(int timeout)
{
    int                  i, n;
    char                 text[READ_MAX];
    ssize_t              got;
    stream_t            *stream;
    struct epoll_event   events[512];

    n = epoll_wait(epoll_fd, events, 512, timeout);

    for (i = 0; i < n; i++) {
        stream = events[i].data.ptr;
        got = read(stream->fd, text, sizeof(text));

        if (got == 0 || (got == -1 && errno != EAGAIN)) {
            fail("a stream ended");
        }

        if (got > 0 && !stream->opened) {
            stream->opened = true;
            opened++;
        }

        take(stream, text, got);
    }
}


static void
wait_all(void)
{
    int     i;
    double  began = seconds(), first = 0;

    reached = 0;

    for (i = 0; i < count; i++) {
        streams[i].events = 0;
    }

    puts("ready");
    fflush(stdout);

    while (reached < count) {
        read_some(1000);

        if (first == 0 && reached > 0) {
            first = seconds() - began;
        }

        if (seconds() - began > 30) {
            fprintf(stderr, "only %d of %d streams got it\n", reached, count);
            exit(1);
        }
    }

    printf("%.3f %.3f\n", first * 1e3, (seconds() - began) * 1e3);
    fflush(stdout);
}


int
main(int argc, char **argv)
{
    int            i;
    char           line[64];
    struct rlimit  limit = { 20000, 20000 };

    if (argc != 4) {
        fprintf(stderr, "usage: streams PORT PATH COUNT\n");
        return 2;
    }

    (void) setrlimit(RLIMIT_NOFILE, &limit);
    count = atoi(argv[3]);
    streams = calloc((size_t) count, sizeof(stream_t));
    epoll_fd = epoll_create1(0);

    for (i = 0; i < count; i++) {
        connect_stream(&streams[i], atoi(argv[1]), argv[2]);

        if (i % 64 == 0) {
            read_some(0);
        }
    }

    while (opened < count) {
        read_some(1000);
    }

    puts("open");
    fflush(stdout);

    while (fgets(line, sizeof(line), stdin) != NULL) {
        if (strcmp(line, "wait\n") == 0) {
            wait_all();
        }
    }

    return 0;
}
