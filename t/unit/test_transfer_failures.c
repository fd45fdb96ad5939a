/*
 * The session of transfer when things go wrong: what is tried again and what is
 * not, and the words for each failure.
 */

#include "central.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

static const char  torn[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
                            "{\"half";


static void
test_torn_answer_is_tried_again(void **state)
{
    static const char          chunk[] = "HTTP/1.1 200 OK\r\n"
                                         "Transfer-Encoding: chunked\r\n\r\n"
                                         "5\r\n{\"hal";
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;

    server_say(c->server, torn, sizeof(torn) - 1, SERVER_CLOSE);
    server_say(c->server, chunk, sizeof(chunk) - 1, SERVER_RESET);
    server_json(c->server, 200, "{}");

    assert_int_equal(central_ask(c, "/", &res, &err), MSYNC_OK);
    assert_string_equal(res.body, "{}");
    msync_transfer_response_clear(&res);
    assert_int_equal(server_n(c->server), 3);
}


static void
test_torn_for_good(void **state)
{
    int                        i;
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;

    for (i = 0; i < 10; i++) {
        server_say(c->server, torn, sizeof(torn) - 1, SERVER_CLOSE);
    }

    assert_failed(central_ask(c, "/", &res, &err), err, CONNECTION_ERROR,
                  "lost in the middle of the answer, after 6 octets");
    assert_int_equal(server_n(c->server), MSYNC_TRANSFER_ATTEMPTS);
    assert_int_equal(err.remedy, MSYNC_REMEDY_WAIT);
}


static void
test_closed_without_an_answer(void **state)
{
    int                        i;
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;

    for (i = 0; i < 10; i++) {
        server_say(c->server, "", 0, SERVER_CLOSE);
    }

    assert_failed(central_ask(c, "/", &res, &err), err, CONNECTION_ERROR,
                  "without an answer; if it wants https");
}


static void
test_once_is_never_sent_again(void **state)
{
    central_t    *c = *state;
    msync_err_t   err;

    server_say(c->server, "", 0, SERVER_RESET);
    assert_failed(central_post(c, "{}", true, &err), err, CONNECTION_ERROR,
                  "without an answer");
    assert_int_equal(server_n(c->server), 1);

    server_json(c->server, 503, "");
    assert_int_equal(central_post(c, "{}", true, &err), 503);
    assert_int_equal(server_n(c->server), 2);
}


/* a kept connection that has died: libcurl itself would send again */

static void
test_once_takes_a_new_connection(void **state)
{
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;

    server_json(c->server, 200, "{}");
    server_json(c->server, 200, "{}");

    assert_int_equal(central_ask(c, "/", &res, &err), MSYNC_OK);
    msync_transfer_response_clear(&res);
    assert_int_equal(central_post(c, "{}", true, &err), 200);
    assert_int_not_equal(c->server->requests[0].connection,
                         c->server->requests[1].connection);
}


/* an answer too many to the request before, and octets of nobody */

static void
test_what_came_before_a_request_is_no_answer_to_it(void **state)
{
    int                        fd, left;
    size_t                     i;
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;

    static const char  *octets[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"a\":0}", "\1\2\3"
    };

    for (i = 0; i < 2; i++) {
        server_json(c->server, 200, "{\"a\":1}");
        server_json(c->server, 200, "{\"a\":2}");

        assert_int_equal(central_ask(c, "/", &res, &err), MSYNC_OK);
        msync_transfer_response_clear(&res);
        fd = c->server->peers[i].fd;
        assert_true(send(fd, octets[i], strlen(octets[i]), MSG_NOSIGNAL) > 0);

        do {
            assert_int_equal(ioctl(fd, SIOCOUTQ, &left), 0);
        } while (left > 0);

        assert_int_equal(central_ask(c, "/", &res, &err), MSYNC_OK);
        assert_string_equal(res.body, "{\"a\":2}");
        msync_transfer_response_clear(&res);
    }

    assert_int_equal(server_n(c->server), 4);
    assert_int_equal(c->server->requests[3].connection, 2);
}


static void
test_statuses_tried_again(void **state)
{
    size_t        i;
    central_t    *c = *state;
    msync_err_t   err;

    server_json(c->server, 408, "");
    server_answer(c->server, 429, "Retry-After: 1\r\n", "", 0);
    server_json(c->server, 502, "");
    server_json(c->server, 200, "{}");

    assert_int_equal(central_post(c, "{\"n\":1}", false, &err), 200);
    assert_int_equal(server_n(c->server), 4);

    for (i = 0; i < 4; i++) {
        assert_string_equal(server_body(c->server, i), "{\"n\":1}");
    }

    server_json(c->server, 404, "");
    assert_int_equal(central_post(c, "{}", false, &err), 404);
    assert_int_equal(server_n(c->server), 5);
}


/* it is asked once more, by a connection of its own, whatever it carries; 425
 * passes by itself */

static void
test_misdirected_goes_by_another_connection(void **state)
{
    char                      body[2 * 65536];
    central_t                *c = *state;
    msync_err_t               err;
    msync_transfer_request_t  req = { .method = "POST", .body = body };
    msync_transfer_response_t  res;

    memset(body, ' ', sizeof(body));
    req.url = c->url;
    req.body_length = sizeof(body);
    req.heavy = true;

    server_json(c->server, 200, "{}");
    server_json(c->server, 421, "");
    server_json(c->server, 200, "{}");
    server_json(c->server, 421, "");
    server_json(c->server, 421, "");
    server_json(c->server, 425, "");
    server_json(c->server, 200, "{}");

    assert_int_equal(central_post(c, "{}", false, &err), 200);
    assert_int_equal(msync_transfer_request(c->http, &req, &res, &err),
                     MSYNC_OK);
    assert_int_equal(res.status, 200);
    msync_transfer_response_clear(&res);
    assert_int_equal(server_n(c->server), 3);
    assert_int_equal(c->server->requests[2].connection, 1);

    assert_int_equal(msync_transfer_request(c->http, &req, &res, &err),
                     MSYNC_OK);
    assert_int_equal(res.status, 421);
    msync_transfer_response_clear(&res);
    assert_int_equal(server_n(c->server), 5);
    assert_int_equal(c->server->requests[4].connection, 3);

    assert_int_equal(central_post(c, "{}", false, &err), 200);
    assert_int_equal(server_n(c->server), 7);
}


static void
test_long_retry_after_goes_to_the_caller(void **state)
{
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;

    server_answer(c->server, 503, "Retry-After: 3600\r\n", "", 0);
    assert_int_equal(central_ask(c, "/", &res, &err), MSYNC_OK);
    assert_int_equal(res.status, 503);
    assert_int_equal(res.retry_after, 3600);
    assert_int_equal(server_n(c->server), 1);
    msync_transfer_response_clear(&res);
}


static msync_transfer_verdict_e
judge(const msync_transfer_response_t *res)
{
    return strcmp(res->body, "busy") == 0 ? MSYNC_TRANSFER_BUSY_NOW
           : strcmp(res->body, "no") == 0 ? MSYNC_TRANSFER_FINAL
           : MSYNC_TRANSFER_USUAL;
}


static void
test_busy_server_is_waited_for(void **state)
{
    int                        i;
    char                       url[128];
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;
    msync_transfer_request_t   req = {
        .method = "GET", .url = url, .judge = judge, .once = true
    };

    snprintf(url, sizeof(url), "%s/", c->url);

    for (i = 0; i < 7; i++) {
        server_json(c->server, 503, "busy");
    }

    server_json(c->server, 200, "{}");
    assert_int_equal(msync_transfer_request(c->http, &req, &res, &err),
                     MSYNC_OK);
    assert_int_equal(res.status, 200);
    msync_transfer_response_clear(&res);
    assert_int_equal(server_n(c->server), 8);
}


static void
test_busy_patience_ends(void **state)
{
    int                        i;
    char                       url[128];
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;
    msync_transfer_request_t   req = {
        .method = "GET", .url = url, .judge = judge
    };

    snprintf(url, sizeof(url), "%s/", c->url);

    for (i = 0; i < 100; i++) {
        server_json(c->server, 503, "busy");
    }

    assert_int_equal(msync_transfer_request(c->http, &req, &res, &err),
                     MSYNC_OK);
    assert_int_equal(res.status, 503);
    msync_transfer_response_clear(&res);

    /* 300 s in pauses of half to a whole 15 s, the first ones shorter */
    assert_in_range(server_n(c->server), 20, 60);
}


static void
test_final_answer_is_not_tried_again(void **state)
{
    char                       url[128];
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;
    msync_transfer_request_t   req = {
        .method = "GET", .url = url, .judge = judge
    };

    snprintf(url, sizeof(url), "%s/", c->url);
    server_json(c->server, 500, "no");
    assert_int_equal(msync_transfer_request(c->http, &req, &res, &err),
                     MSYNC_OK);
    assert_int_equal(res.status, 500);
    assert_int_equal(server_n(c->server), 1);
    msync_transfer_response_clear(&res);
}


static void
test_silent_server(void **state)
{
    char                       url[128];
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;
    msync_transfer_request_t   req = {
        .method = "GET", .url = url, .timeout = 30
    };
    static const char          half[] = "HTTP/1.1 200 OK\r\n"
                                        "Content-Length: 9\r\n\r\n{";

    snprintf(url, sizeof(url), "%s/", c->url);
    server_say(c->server, "", 0, SERVER_HOLD);
    server_say(c->server, half, sizeof(half) - 1, SERVER_HOLD);

    assert_failed(msync_transfer_request(c->http, &req, &res, &err), err,
                  TIMEOUT,
                  "then was silent for 0.03 seconds");
    assert_int_equal(server_n(c->server), MSYNC_TRANSFER_TIMEOUT_ATTEMPTS);
}


static void
test_refused(void **state)
{
    int                        fd;
    unsigned                   port;
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;

    fd = server_listen(&port, -1);
    snprintf(c->url, sizeof(c->url), "http://127.0.0.1:%u", port);

    assert_failed(central_ask(c, "/", &res, &err), err, CONNECTION_ERROR,
                  "Connection refused by 127.0.0.1:");
    close(fd);
}


static void
test_connect_timeout(void **state)
{
    int                        i, fd, full[8];
    unsigned                   port;
    char                       url[64];
    central_t                 *c = *state;
    msync_err_t                err;
    struct sockaddr_in         sin = { .sin_family = AF_INET };
    msync_transfer_response_t  res;
    msync_transfer_request_t   req = { .method = "GET", .url = url };

    /* nobody accepts, and there is no room to wait */

    fd = server_listen(&port, 0);
    sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sin.sin_port = htons((uint16_t) port);

    for (i = 0; i < 8; i++) {
        full[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void) !connect(full[i], (struct sockaddr *) &sin, sizeof(sin));
    }

    c->conf->connect_timeout = 50;
    central_reopen(c);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/", port);

    assert_failed(msync_transfer_request(c->http, &req, &res, &err), err,
                  TIMEOUT,
                  "No connection to 127.0.0.1:");
    assert_has(err.text, "within 0.05 seconds");

    for (i = 0; i < 8; i++) {
        close(full[i]);
    }

    close(fd);
}


static void
test_name_not_found(void **state)
{
    int                        rc;
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;
    msync_transfer_request_t   req = {
        .method = "GET", .url = "http://no-such-host.invalid/"
    };

    c->conf->connect_timeout = 2000;
    central_reopen(c);
    rc = msync_transfer_request(c->http, &req, &res, &err);

    /* where no name server answers at all it is a time-out, also named; the
     * second try has to say the same as the first */

    assert_int_equal(rc, MSYNC_ERROR);
    assert_has(err.text, "no-such-host.invalid");
    assert_has(err.text, "(DNS)");
}


static void
test_not_http(void **state)
{
    static const char          text[] = "SSH-2.0-OpenSSH_9.2\r\n";
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;

    server_say(c->server, text, sizeof(text) - 1, SERVER_CLOSE);
    assert_failed(central_ask(c, "/", &res, &err), err, INVALID_RESPONSE,
                  "does not answer with HTTP");
}


static void
test_http_spoken_to_a_tls_port(void **state)
{
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;

    server_answer(c->server, 400, "Content-Type: text/html\r\n",
                  "<h1>The plain HTTP request was sent to HTTPS port</h1>",
                  0);
    assert_failed(central_ask(c, "/", &res, &err), err, TLS_ERROR,
                  "must begin with https://");
    assert_null(res.body);
}


static void
test_tls_spoken_to_an_http_port(void **state)
{
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;

    snprintf(c->url, sizeof(c->url), "https://127.0.0.1:%u",
             c->server->port);
    server_answer(c->server, 400, "", "", SERVER_CLOSE);
    assert_failed(central_ask(c, "/", &res, &err), err, TLS_ERROR,
                  "speaks plain HTTP there");
    assert_int_equal(server_n(c->server), 1);
}


static void
test_proxy_wants_a_password(void **state)
{
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;

    c->conf->proxy = msync_strdup(c->url);
    central_reopen(c);
    strcpy(c->url, "https://central.example.org");
    server_answer(c->server, 407, "Proxy-Authenticate: Basic realm=x\r\n", "",
                  SERVER_CLOSE);

    assert_failed(central_ask(c, "/", &res, &err), err, CONNECTION_ERROR,
                  "The proxy wants a user name and password");
    assert_int_equal(err.remedy, MSYNC_REMEDY_FINAL);
    assert_int_equal(server_n(c->server), 1);
    assert_has(server_request(c->server, 0),
               "CONNECT central.example.org:443 HTTP/1.1\r\n");
}


/* they come as headers do, and are none */

static void
test_trailers_say_nothing(void **state)
{
    static const char          trailers[] =
        "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "2\r\n{}\r\n0\r\nAge: 99\r\nContent-Encoding: gzip\r\n\r\n";
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;

    server_say(c->server, trailers, sizeof(trailers) - 1, 0);

    if (central_ask(c, "/", &res, &err) != MSYNC_OK) {
        fail_msg("%s", err.text);
    }

    assert_string_equal(res.body, "{}");
    assert_int_equal(res.packed, 0);
    msync_transfer_response_clear(&res);
}


static void
test_headers_without_an_end(void **state)
{
    char                      *text;
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;

    static const char  more[] = "HTTP/1.1 100 Continue\r\n\r\n";
    enum { TIMES = 40000 };

    text = malloc(TIMES * (sizeof(more) - 1));

    for (size_t i = 0; i < TIMES; i++) {
        memcpy(text + i * (sizeof(more) - 1), more, sizeof(more) - 1);
    }

    server_say(c->server, text, TIMES * (sizeof(more) - 1), SERVER_CLOSE);
    free(text);

    assert_failed(central_ask(c, "/", &res, &err), err, INVALID_RESPONSE,
                  "a header that is too long");
    assert_int_equal(server_n(c->server), 1);
}


/* whose address is not the one of the settings */

static void
test_redirect_to_what_does_not_work(void **state)
{
    char                       head[128];
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;

    snprintf(head, sizeof(head), "Location: https://127.0.0.1:%u/\r\n",
             c->server->port);
    server_answer(c->server, 301, head, "", SERVER_CLOSE);

    assert_failed(central_ask(c, "/", &res, &err), err, TLS_ERROR,
                  "redirects to https://127.0.0.1:");
    assert_has(err.text, "does not speak TLS");
}


static void
test_proxy_lets_no_large_answer_through(void **state)
{
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;

    c->conf->proxy = msync_strdup(c->url);
    central_reopen(c);
    server_answer(c->server, 403, "X-Squid-Error: ERR_TOO_BIG 0\r\n", "large",
                  0);
    assert_failed(central_ask(c, "/", &res, &err), err, RESPONSE_TOO_LARGE,
                  "larger than the proxy lets through");
}


static void
test_proxy_refuses(void **state)
{
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;

    c->conf->proxy = msync_strdup(c->url);
    central_reopen(c);
    strcpy(c->url, "https://central.example.org");
    server_answer(c->server, 403, "", "", SERVER_CLOSE);

    assert_failed(central_ask(c, "/", &res, &err), err, CONNECTION_ERROR,
                  "The proxy refuses to connect to the central server (HTTP "
                  "status 403)");
}


static void
test_proxy_is_not_there(void **state)
{
    int                        fd;
    char                       proxy[64];
    unsigned                   port;
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;

    fd = server_listen(&port, -1);
    snprintf(proxy, sizeof(proxy), "http://user:s3cret@127.0.0.1:%u", port);
    c->conf->proxy = msync_strdup(proxy);
    central_reopen(c);

    assert_failed(central_ask(c, "/", &res, &err), err, CONNECTION_ERROR,
                  "Connection refused by the proxy");
    assert_lacks(err.text, "s3cret");
    close(fd);
}


#define EACH(name)                                                            \
    cmocka_unit_test_setup_teardown(name, central_setup, central_teardown)

/* compressed, each piece with nothing in it */

static void
test_limit_holds_for_what_unpacks_to_nothing(void **state)
{
    int                         i;
    char                        text[4096] = "HTTP/1.1 200 OK\r\n"
                                             "Content-Encoding: gzip\r\n\r\n";
    size_t                      n = strlen(text);
    central_t                  *c = *state;
    msync_err_t                 err;
    msync_transfer_response_t   res;
    static const unsigned char  piece[20] = { 0x1f, 0x8b, 8, [9] = 3, 3 };

    c->conf->max_response = 1024;
    central_reopen(c);

    for (i = 0; i < 100; i++) {
        memcpy(text + n, piece, sizeof(piece));
        n += sizeof(piece);
    }

    server_say(c->server, text, n, SERVER_CLOSE);
    server_say(c->server, text, n, SERVER_CLOSE);
    assert_failed(central_ask(c, "/", &res, &err), err, RESPONSE_TOO_LARGE,
                  "larger than the 1024 octets");
    assert_int_equal(server_n(c->server), 2);
    assert_has(server_request(c->server, 1), "Accept-Encoding: gzip\r\n");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        EACH(test_limit_holds_for_what_unpacks_to_nothing),
        EACH(test_torn_answer_is_tried_again),
        EACH(test_torn_for_good),
        EACH(test_closed_without_an_answer),
        EACH(test_once_is_never_sent_again),
        EACH(test_once_takes_a_new_connection),
        EACH(test_what_came_before_a_request_is_no_answer_to_it),
        EACH(test_statuses_tried_again),
        EACH(test_misdirected_goes_by_another_connection),
        EACH(test_long_retry_after_goes_to_the_caller),
        EACH(test_busy_server_is_waited_for),
        EACH(test_busy_patience_ends),
        EACH(test_final_answer_is_not_tried_again),
        EACH(test_silent_server),
        EACH(test_refused),
        EACH(test_connect_timeout),
        EACH(test_name_not_found),
        EACH(test_not_http),
        EACH(test_http_spoken_to_a_tls_port),
        EACH(test_tls_spoken_to_an_http_port),
        EACH(test_proxy_wants_a_password),
        EACH(test_trailers_say_nothing),
        EACH(test_headers_without_an_end),
        EACH(test_redirect_to_what_does_not_work),
        EACH(test_proxy_lets_no_large_answer_through),
        EACH(test_proxy_refuses),
        EACH(test_proxy_is_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
