/*
 * Requests at a fixed rate, whatever the answers take.
 *
 *     openloop PORT PATH RATE SECONDS CONNECTIONS
 *
 * A request is due each 1/RATE seconds and goes to the next of CONNECTIONS;
 * its time counts from when it was due, so a server that stalls cannot hide
 * behind requests that were not made.  Prints "p50 p99 max" in milliseconds.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "peer.h"

#define QUEUE  4096                  /* requests of a connection under way */

typedef struct {
    int     fd;
    double  due[QUEUE];
    int     head, tail;
    long    left;                    /* octets of the answer at hand */
    long    whole;
} line_t;

static line_t  *lines;
static double  *times;
static long     ntimes;


/* all answers are of one length, which the first one tells */

static long
answer_length(int fd, const char *request)
{
    char     text[65536], *end, *length;
    ssize_t  n = 0, got;

    if (write(fd, request, strlen(request)) < 0) {
        fail("write");
    }

    do {
        got = read(fd, text + n, sizeof(text) - 1 - (size_t) n);
        if (got <= 0) {
            fail("read");
        }
        n += got;
        text[n] = '\0';
        end = strstr(text, "\r\n\r\n");
        length = strcasestr(text, "content-length:");
    } while (end == NULL || length == NULL
             || n < end + 4 - text + atol(length + 15));

    return n;
}


static void
take(line_t *line)
{
    char     text[65536];
    double   at = seconds();
    ssize_t  n;

    while ((n = read(line->fd, text, sizeof(text))) > 0) {
        for (line->left -= n; line->left <= 0; line->left += line->whole) {
            times[ntimes++] = (at - line->due[line->head++ % QUEUE]) * 1e3;
        }
    }

    if (n == 0 || errno != EAGAIN) {
        fail("a connection ended");
    }
}


int
main(int argc, char **argv)
{
    int                 i, n, count, epoll_fd = epoll_create1(0);
    long                whole, sent = 0, total;
    char                request[512];
    double              began, rate;
    line_t             *line;
    struct epoll_event  event, events[64];

    if (argc != 6) {
        fprintf(stderr, "usage: openloop PORT PATH RATE SECONDS "
                "CONNECTIONS\n");
        return 2;
    }

    count = atoi(argv[5]);
    rate = atof(argv[3]);
    total = (long) (rate * atof(argv[4]));
    lines = calloc((size_t) count, sizeof(line_t));
    times = calloc((size_t) total + 1, sizeof(double));
    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost"
             "\r\n\r\n", argv[2]);

    for (i = 0; i < count; i++) {
        lines[i].fd = connect_to(atoi(argv[1]));
        whole = answer_length(lines[i].fd, request);
        lines[i].whole = lines[i].left = whole;
        (void) fcntl(lines[i].fd, F_SETFL, O_NONBLOCK);
        event.events = EPOLLIN;
        event.data.ptr = &lines[i];
        (void) epoll_ctl(epoll_fd, EPOLL_CTL_ADD, lines[i].fd, &event);
    }

    began = seconds();

    while (ntimes < total) {
        while (sent < total && began + (double) sent / rate <= seconds()) {
            line = &lines[sent % count];
            line->due[line->tail++ % QUEUE] = began + (double) sent++ / rate;

            if (line->tail - line->head > QUEUE
                || write(line->fd, request, strlen(request)) < 0)
            {
                fail("the server is too far behind");
            }
        }

        n = epoll_wait(epoll_fd, events, 64, sent < total ? 0 : 100);

        for (i = 0; i < n; i++) {
            take(events[i].data.ptr);
        }

        if (n == 0 && sent < total) {
            nanosleep(&(struct timespec) { 0, 50000 }, NULL);
        }
    }

    sort_times(times, (size_t) ntimes);
    printf("%.4f %.4f %.4f\n", times[ntimes / 2], times[ntimes * 99 / 100],
           times[ntimes - 1]);
    return 0;
}
