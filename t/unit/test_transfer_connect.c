/*
 * Connections.  What this machine itself refuses before one is made has a
 * sentence of its own, with what to do; the time that it takes is none of its
 * request's; and what is asked for again by a new one comes by a new one.  The
 * four functions below stand before libc's, for libcurl as well.
 */

#include "central.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sys/syscall.h>


typedef struct {
    int          number;
    const char  *text;
    const char  *advice;
} refused_t;


static int  no_socket, no_connection, no_thread, slow_connection;


int
socket(int domain, int type, int protocol)
{
    if (no_socket != 0) {
        errno = no_socket;
        return -1;
    }

    return (int) syscall(SYS_socket, domain, type, protocol);
}


int
connect(int fd, const struct sockaddr *address, socklen_t length)
{
    if (no_connection != 0) {
        errno = no_connection;
        return -1;
    }

    usleep((useconds_t) slow_connection * 1000);

    return (int) syscall(SYS_connect, fd, address, length);
}


/* of the server: nothing is answered in the moment of the request */

int
accept(int fd, struct sockaddr *address, socklen_t *length)
{
    usleep((useconds_t) slow_connection * 100);

    return (int) syscall(SYS_accept4, fd, address, length, 0);
}


int
pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
    void *(*start)(void *), void *arg)
{
    int  (*libc)(pthread_t *, const pthread_attr_t *, void *(*)(void *),
                 void *);

    if (no_thread != 0) {
        return no_thread;
    }

    *(void **) &libc = dlsym(RTLD_NEXT, "pthread_create");

    return libc(thread, attributes, start, arg);
}


static int
connect_teardown(void **state)
{
    no_socket = no_connection = no_thread = slow_connection = 0;
    return central_teardown(state);
}


static void
connect_fails(central_t *c, const char *text, const char *advice)
{
    char                       full[1024];
    msync_err_t                err;
    msync_transfer_response_t  res;

    assert_failed(central_ask(c, "/", &res, &err), err, CONNECTION_ERROR,
                  text);
    assert_int_equal(err.remedy, MSYNC_REMEDY_WAIT);
    msync_err_full(&err, full, sizeof(full));
    assert_has(full, advice);
}


/* `number` is the errno of the call that fails */

static void
connects_fail(central_t *c, int *number, const refused_t *cases, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        *number = cases[i].number;
        connect_fails(c, cases[i].text, cases[i].advice);
    }
}


static void
test_no_socket(void **state)
{
    static const refused_t  cases[] = {
        { EMFILE, "open a connection to 127.0.0.1", "LimitNOFILE=" },
        { ENFILE, "open a connection to 127.0.0.1", "fs.file-max" },
        { EAFNOSUPPORT, "no network of the kind", "RestrictAddressFamilies=" },
        { EPERM, "operation not permitted", "SystemCallFilter=" },
        { EACCES, "permission denied", "httpd_can_network_connect" },
        { ENOBUFS, "cannot open a connection to 127.0.0.1", "dmesg" },
        { ENOMEM, "cannot open a connection to 127.0.0.1", "dmesg" },
    };

    connects_fail(*state, &no_socket, cases, sizeof(cases) / sizeof(*cases));
}


static void
test_no_connection(void **state)
{
    static const refused_t  cases[] = {
        { EPERM, "operation not permitted", "IPAddressDeny=" },
        { EACCES, "permission denied", "httpd_can_network_connect" },
        { ENETUNREACH, "No route to 127.0.0.1", "is online" },
        { EHOSTUNREACH, "No route to 127.0.0.1", "is online" },
        { EADDRNOTAVAIL, "no address of its own", "is online" },
        { ENOBUFS, "cannot open a connection to 127.0.0.1", "dmesg" },
    };

    connects_fail(*state, &no_connection, cases,
                  sizeof(cases) / sizeof(*cases));
}


static void
test_no_thread(void **state)
{
    central_t  *c = *state;

    strcpy(c->url, "http://central.example.org");
    no_thread = EAGAIN;
    connect_fails(c, "begin a thread, which looks up the name of central",
                  "TasksMax=");
}


/* longer than a request may take in all */

static void
test_late_connection(void **state)
{
    central_t                  *c = *state;
    msync_err_t                 err;
    msync_transfer_response_t   res;

    c->conf->read_timeout = 1000;
    central_reopen(c);
    server_json(c->server, 200, "{}");
    slow_connection = 1000 * MSYNC_TRANSFER_WHOLE + 50;

    assert_int_equal(central_ask(c, "/", &res, &err), MSYNC_OK);
    msync_transfer_response_clear(&res);
    assert_int_equal(server_n(c->server), 1);
}


/* a doubted answer, and a server that takes no compression any more */

static void
test_doubted_and_refused_compressed(void **state)
{
    int           i;
    char          body[2001];
    central_t    *c = *state;
    msync_err_t   err;

    snprintf(body, sizeof(body), "%2000s", "");

    for (i = 0; i < 4; i++) {
        server_answer(c->server, i == 2 ? 415 : 200,
                      "Accept-Encoding: gzip\r\n", "{}", 0);
    }

    assert_int_equal(central_post(c, body, false, &err), 200);
    assert_int_equal(central_post(c, body, false, &err), 200);
    assert_true(msync_transfer_doubts(c->http, false));

    assert_int_equal(central_post(c, body, false, &err), 200);
    assert_int_equal(server_n(c->server), 4);
    assert_string_equal(server_body(c->server, 3), body);
    assert_int_equal(c->server->requests[3].connection, 2);
    assert_false(msync_transfer_doubts(c->http, false));
}


#define EACH(name)                                                            \
    cmocka_unit_test_setup_teardown(name, central_setup, connect_teardown)

int
main(void)
{
    const struct CMUnitTest  tests[] = {
        EACH(test_no_socket),
        EACH(test_no_connection),
        EACH(test_no_thread),
        EACH(test_late_connection),
        EACH(test_doubted_and_refused_compressed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
