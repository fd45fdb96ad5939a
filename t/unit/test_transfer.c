/*
 * The session of transfer against a scripted server: what is on the wire, which
 * limits hold, where a redirect leads, and when the hook is heard.
 */

#include "central.h"

#include <dlfcn.h>
#include <time.h>
#include <zlib.h>

static bool  memory_lacks;


static const unsigned char  packed[] = {
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xab, 0x56,
    0x2a, 0x48, 0x4c, 0xce, 0x4e, 0x4d, 0x51, 0xb2, 0x52, 0xaa, 0x18, 0x05,
    0xa3, 0x60, 0x14, 0x8c, 0x82, 0x51, 0x30, 0x0a, 0x46, 0xc1, 0x90, 0x07,
    0x4a, 0xb5, 0x00, 0xd1, 0x10, 0xe6, 0xfd, 0xdd, 0x07, 0x00, 0x00
};                                   /* {"packed":"x…"}, 2013 octets */


static void
say_packed(central_t *c)
{
    int   n;
    char  text[512];

    n = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n"
                 "Content-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n",
                 sizeof(packed));
    memcpy(text + n, packed, sizeof(packed));
    server_say(c->server, text, (size_t) n + sizeof(packed), 0);
}


static int64_t
monotonic(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


static void
test_get_on_the_wire(void **state)
{
    char                       want[512];
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;

    server_json(c->server, 200, "{\"a\":1}");
    assert_int_equal(central_ask(c, "/x?y=1", &res, &err), MSYNC_OK);
    assert_int_equal(res.status, 200);
    assert_string_equal(res.body, "{\"a\":1}");
    assert_int_equal(res.length, 7);
    assert_string_equal(res.content_type, "application/json");
    msync_transfer_response_clear(&res);

    snprintf(want, sizeof(want), "GET /x?y=1 HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
             "User-Agent: msync/", c->server->port);
    assert_memory_equal(server_request(c->server, 0), want, strlen(want));
    assert_has(server_request(c->server, 0), "\r\nAccept-Encoding: ");
    assert_has(server_request(c->server, 0), "gzip");
    assert_has(server_request(c->server, 0),
               "\r\nAccept: application/json\r\nCache-Control: no-cache\r\n"
               "\r\n");
    assert_lacks(server_request(c->server, 0), "Authorization");
    assert_lacks(server_request(c->server, 0), "Cookie");
}


static void
test_v5_headers_only_with_auth(void **state)
{
    char                       url[128];
    const char                *sent;
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;
    msync_transfer_request_t   req = {
        .method = "POST", .url = url, .body = "{}", .body_length = 2,
        .auth = true, .version = 14
    };

    snprintf(url, sizeof(url), "%s/p", c->url);
    server_json(c->server, 200, "{}");
    server_json(c->server, 200, "{}");

    assert_int_equal(msync_transfer_request(c->http, &req, &res, &err),
                     MSYNC_OK);
    msync_transfer_response_clear(&res);
    sent = server_request(c->server, 0);

    assert_has(sent, "\r\nmsupply-site-uuid: " HWID "\r\n");
    assert_has(sent, "\r\napp-name: msync " MSYNC_VERSION "\r\n");
    assert_has(sent, "\r\napp-version: 2.20.0\r\n");
    assert_has(sent, "\r\nversion: 14\r\n");
    assert_has(sent, "\r\nContent-Type: application/json\r\n");
    assert_has(sent, "\r\nContent-Length: 2\r\n\r\n{}");
    assert_lacks(sent, "Expect:");

    /* base64 of "Clinic 7:" and the beginning of the hash */
    assert_has(sent, "\r\nAuthorization: Basic Q2xpbmljIDc6NWU4ODQ4OThkY");

    req.auth = false;
    assert_int_equal(msync_transfer_request(c->http, &req, &res, &err),
                     MSYNC_OK);
    msync_transfer_response_clear(&res);
    sent = server_request(c->server, 1);
    assert_lacks(sent, "Authorization");
    assert_lacks(sent, "msupply-site-uuid");
    assert_lacks(sent, "version: ");
}


static void
test_connection_is_reused_and_counted(void **state)
{
    size_t                     i, sent, received;
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;
    msync_transfer_counters_t  counters;

    server_json(c->server, 200, "{\"a\":1}");
    server_json(c->server, 200, "{\"a\":2}");
    server_json(c->server, 200, "{\"a\":3}");

    for (i = 0; i < 2; i++) {
        assert_int_equal(central_ask(c, "/", &res, &err), MSYNC_OK);
        msync_transfer_response_clear(&res);
    }

    assert_int_equal(central_post(c, "{\"b\":[]}", false, &err), 200);

    for (i = 0, sent = 0, received = 0; i < 3; i++) {
        assert_int_equal(c->server->requests[i].connection, 0);
        sent += c->server->requests[i].length;
        received += c->server->answers[i].length;
    }

    msync_transfer_get_counters(c->http, &counters);
    assert_int_equal(counters.requests, 3);
    assert_int_equal(counters.connects, 1);
    assert_int_equal(counters.bytes_sent, sent);
    assert_int_equal(counters.bytes_received, received);
}


static void
test_compressed_answer_is_unpacked(void **state)
{
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;

    say_packed(c);

    assert_int_equal(central_ask(c, "/", &res, &err), MSYNC_OK);
    assert_int_equal(res.length, 2013);
    assert_memory_equal(res.body, "{\"packed\":\"xxx", 14);
    msync_transfer_response_clear(&res);
}


/* between libcurl and zlib: as where memory lacks, zlib asks for more than
 * there is and gives up */

int
inflate(z_streamp stream, int flush)
{
    int  (*next)(z_streamp, int);

    if (memory_lacks) {
        return stream->zalloc(stream->opaque, 1U << 31, 1U << 31) != NULL
               ? Z_BUF_ERROR : Z_MEM_ERROR;
    }

    *(void **) &next = dlsym(RTLD_NEXT, "inflate");

    return next(stream, flush);
}


static void
test_want_of_memory_is_no_damage(void **state)
{
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    /* they report whoever asks for so much */
    skip();
#endif

    memory_lacks = true;
    say_packed(c);
    assert_failed(central_ask(c, "/", &res, &err), err, RESPONSE_TOO_LARGE,
                  "There is not enough memory for the answer of ");
    assert_non_null(strstr(err.advice, "LimitAS="));
    memory_lacks = false;
}


static void
test_limit_holds_after_decompression(void **state)
{
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;

    c->conf->max_response = 2012;
    central_reopen(c);

    say_packed(c);

    assert_failed(central_ask(c, "/", &res, &err), err, RESPONSE_TOO_LARGE,
                  "larger than the 2012 octets");
    assert_null(res.body);
    assert_int_equal(server_n(c->server), 1);
}


static void
test_limit_by_content_length(void **state)
{
    static const char          head[] = "HTTP/1.1 200 OK\r\n"
                                        "Content-Length: 99999\r\n\r\nabc";
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;

    c->conf->max_response = 1024;
    central_reopen(c);
    server_say(c->server, head, sizeof(head) - 1, SERVER_HOLD);

    assert_failed(central_ask(c, "/", &res, &err), err, RESPONSE_TOO_LARGE,
                  "larger than");
}


static void
test_answer_of_exactly_the_limit(void **state)
{
    char                       body[1025];
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;

    memset(body, 'x', 1024);
    body[1024] = '\0';
    c->conf->max_response = 1024;
    central_reopen(c);
    server_json(c->server, 200, body);

    assert_int_equal(central_ask(c, "/", &res, &err), MSYNC_OK);
    assert_int_equal(res.length, 1024);
    msync_transfer_response_clear(&res);
}


static void
test_damaged_compression(void **state)
{
    static const char          text[] = "HTTP/1.1 200 OK\r\n"
                                        "Content-Encoding: gzip\r\n"
                                        "Content-Length: 8\r\n\r\nnot gzip";
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;

    server_say(c->server, text, sizeof(text) - 1, 0);
    assert_failed(central_ask(c, "/", &res, &err), err, INVALID_RESPONSE,
                  "compressed in a damaged");
    assert_int_equal(server_n(c->server), 1);
}


static void
test_header_without_an_end(void **state)
{
    static char                text[1 << 20] = "HTTP/1.1 200 OK\r\nX-A: ";
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;

    memset(text + strlen(text), 'b', sizeof(text) - strlen(text));
    server_say(c->server, text, sizeof(text), 0);
    assert_failed(central_ask(c, "/", &res, &err), err, INVALID_RESPONSE,
                  "header that is too long");
}


static void
test_redirect_on_the_same_host(void **state)
{
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;

    server_answer(c->server, 302, "Location: /there\r\n", "", 0);
    server_json(c->server, 200, "{}");

    assert_int_equal(central_ask(c, "/here", &res, &err), MSYNC_OK);
    assert_int_equal(res.status, 200);
    msync_transfer_response_clear(&res);
    assert_has(server_request(c->server, 1), "GET /there HTTP/1.1\r\n");
}


static void
test_redirect_with_auth(void **state)
{
    char                       url[256];
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;
    msync_transfer_request_t   req = { .method = "GET", .url = url,
                                       .auth = true };

    snprintf(url, sizeof(url), "%s/here", c->url);
    server_answer(c->server, 302, "Location: /there\r\n", "", 0);
    server_json(c->server, 200, "{}");

    assert_int_equal(msync_transfer_request(c->http, &req, &res, &err),
                     MSYNC_OK);
    assert_int_equal(res.status, 200);
    msync_transfer_response_clear(&res);
    assert_has(server_request(c->server, 1), "GET /there HTTP/1.1\r\n");
    assert_has(server_request(c->server, 1), "\r\nAuthorization: Basic ");
}


static void
test_redirect_to_another_host(void **state)
{
    char                       head[128];
    server_t                  *other;
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;

    other = server_start();
    snprintf(head, sizeof(head), "Location: http://127.0.0.1:%u/login\r\n",
             other->port);
    server_answer(c->server, 302, head, "", 0);

    assert_failed(central_ask(c, "/", &res, &err), err, HTTP_ERROR,
                  "redirects to another server");
    assert_int_equal(err.http_status, 302);
    assert_int_equal(server_n(other), 0);
    server_stop(other);
}


static void
test_redirect_without_an_end(void **state)
{
    int                        i;
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;

    for (i = 0; i < 10; i++) {
        server_answer(c->server, 301, "Location: /\r\n", "", 0);
    }

    assert_failed(central_ask(c, "/", &res, &err), err, HTTP_ERROR,
                  "without coming to an end");
    assert_int_equal(server_n(c->server), MSYNC_TRANSFER_REDIRECTS + 1);
}


static void
test_redirect_of_a_post(void **state)
{
    central_t    *c = *state;
    msync_err_t   err;

    server_answer(c->server, 307, "Location: /elsewhere\r\n", "", 0);
    assert_failed(central_post(c, "{}", false, &err), err, HTTP_ERROR,
                  "not followed when data is sent");
    assert_int_equal(server_n(c->server), 1);
}


static void
test_proxies_of_the_environment_are_ignored(void **state)
{
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;

    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("all_proxy", "http://127.0.0.1:1", 1);
    server_json(c->server, 200, "{}");

    assert_int_equal(central_ask(c, "/", &res, &err), MSYNC_OK);
    msync_transfer_response_clear(&res);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
}


static int
stop(void *data, msync_err_t *err)
{
    ++*(int *) data;

    return msync_err_set(err, MSYNC_ERR_CANCELLED, "cancelled by the test");
}


static void
test_hook_ends_a_transfer(void **state)
{
    int                        calls = 0;
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;

    msync_transfer_free(&c->http);
    c->server->bell = eventfd(0, EFD_CLOEXEC);
    server_say(c->server, "", 0, SERVER_HOLD);
    c->http = msync_transfer_create(c->conf, HWID, c->server->bell, stop,
                                    &calls,
                                &err);

    assert_failed(central_ask(c, "/", &res, &err), err, CANCELLED,
                  "cancelled by the test");
    assert_null(res.body);
    assert_int_equal(calls, 1);
    close(c->server->bell);
}


static int
drain(void *data, msync_err_t *err)
{
    int       *fd = data;
    uint64_t   n;

    (void) err;
    (void) !read(*fd, &n, sizeof(n));

    return MSYNC_OK;
}


static void
test_hook_lets_a_pause_go_on(void **state)
{
    int          fd;
    central_t   *c = *state;
    uint64_t     one = 1, n;
    msync_err_t  err;

    fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    (void) !write(fd, &one, sizeof(one));

    msync_transfer_free(&c->http);
    c->http = msync_transfer_create(c->conf, HWID, fd, drain, &fd, &err);

    assert_int_equal(msync_transfer_pause(c->http, 20, &err), MSYNC_OK);
    assert_int_equal(read(fd, &n, sizeof(n)), -1);
    close(fd);
}


static int
refuse(void *data, msync_err_t *err)
{
    (void) data;
    (void) err;

    return MSYNC_ERROR;
}


static void
test_hook_without_words(void **state)
{
    central_t    *c = *state;
    msync_err_t   err;

    msync_transfer_free(&c->http);
    c->http = msync_transfer_create(c->conf, HWID, -1, refuse, NULL, &err);

    assert_failed(msync_transfer_pause(c->http, 60000, &err), err, CANCELLED,
                  "ancelled");
}


static void
test_hash_in_an_answer_is_blanked(void **state)
{
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;

    server_json(c->server, 400, "you sent " HASH " and " HASH);
    assert_int_equal(central_ask(c, "/", &res, &err), MSYNC_OK);
    assert_lacks(res.body, HASH);
    assert_has(res.body, "you sent ****");
    assert_int_equal(res.length, 9 + 64 + 5 + 64);
    msync_transfer_response_clear(&res);
}


static void
test_urls_that_are_none(void **state)
{
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_response_t  res;
    msync_transfer_request_t   req = { .method = "GET" };

    req.url = "file:///etc/passwd";
    assert_failed(msync_transfer_request(c->http, &req, &res, &err), err,
                  INVALID_URL, "https://");

    req.url = "http://user:secret@127.0.0.1/";
    assert_failed(msync_transfer_request(c->http, &req, &res, &err), err,
                  INVALID_URL, "user name");
    assert_lacks(err.text, "secret");
}


static void
test_missing_certificates_are_told_at_once(void **state)
{
    central_t         *c = *state;
    msync_err_t        err;
    msync_transfer_t  *http;

    c->conf->ssl_trusted_certificate = msync_strdup("/nonexistent/ca.crt");
    http = msync_transfer_create(c->conf, HWID, -1, NULL, NULL, &err);
    assert_null(http);
    assert_failed(MSYNC_ERROR, err, TLS_ERROR, "/nonexistent/ca.crt");
}


#define TAKES  "Accept-Encoding: br, gzip\r\n"

static void
test_requests_are_compressed_where_the_server_takes_that(void **state)
{
    char         body[2001];
    central_t   *c = *state;
    msync_err_t  err;

    snprintf(body, sizeof(body), "%2000s", "");

    server_answer(c->server, 200, TAKES, "{}", 0);
    server_answer(c->server, 200, "", "{}", 0);
    server_answer(c->server, 200, "", "{}", 0);

    /* not before it has said so */
    assert_int_equal(central_post(c, body, false, &err), 200);
    assert_lacks(server_request(c->server, 0), "Content-Encoding");
    assert_string_equal(server_body(c->server, 0), body);

    assert_int_equal(central_post(c, body, false, &err), 200);
    assert_has(server_request(c->server, 1), "\r\nContent-Encoding: gzip\r");
    assert_memory_equal(server_body(c->server, 1), "\x1f\x8b\x08", 3);

    /* nothing is won with a short one */
    assert_int_equal(central_post(c, "{}", false, &err), 200);
    assert_lacks(server_request(c->server, 2), "Content-Encoding");
}


static void
test_a_server_that_refuses_compression_gets_none_again(void **state)
{
    char         body[2001];
    central_t   *c = *state;
    msync_err_t  err;

    snprintf(body, sizeof(body), "%2000s", "");

    server_answer(c->server, 200, TAKES, "{}", 0);
    server_answer(c->server, 415, TAKES, "no", 0);
    server_answer(c->server, 200, TAKES, "{}", 0);
    server_answer(c->server, 200, TAKES, "{}", 0);

    assert_int_equal(central_post(c, body, false, &err), 200);
    assert_int_equal(central_post(c, body, false, &err), 200);
    assert_int_equal(server_n(c->server), 3);
    assert_string_equal(server_body(c->server, 2), body);
    assert_int_equal(central_post(c, body, false, &err), 200);
    assert_string_equal(server_body(c->server, 3), body);
}


static void
test_a_server_that_takes_something_else_gets_no_gzip(void **state)
{
    char         body[2001];
    size_t       i;
    central_t   *c = *state;
    msync_err_t  err;

    static const char *const  heads[] = {
        "Accept-Encoding: br\r\n", "Accept-Encoding: gzip;q=0\r\n",
        "Accept-Encoding: br, gzip; q=0.000\r\n",
        "Accept-Encoding: xgzip, gzipped\r\n", "Accept-Encoding:\r\n",
        "X-Accept-Encoding: gzip\r\n"
    };

    snprintf(body, sizeof(body), "%2000s", "");

    for (i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
        server_answer(c->server, 200, heads[i], "{}", 0);
        assert_int_equal(central_post(c, body, false, &err), 200);
        assert_lacks(server_request(c->server, i), "Content-Encoding");
    }

    server_answer(c->server, 200, "accept-encoding: gzip;q=0.5\r\n", "{}", 0);
    server_answer(c->server, 200, "", "{}", 0);
    assert_int_equal(central_post(c, body, false, &err), 200);
    assert_int_equal(central_post(c, body, false, &err), 200);
    assert_has(server_request(c->server, i + 1), "\r\nContent-Encoding");
}


static void
test_a_limited_rate_is_kept_over_requests(void **state)
{
    int                        i;
    int64_t                    began, took;
    central_t                 *c = *state;
    msync_err_t                err;
    msync_transfer_counters_t  counters;
    msync_transfer_response_t  res;

    static char  body[50001];

    c->conf->limit_rate = 200000;
    central_reopen(c);
    memset(body, ' ', sizeof(body) - 1);
    began = monotonic();

    for (i = 0; i < 4; i++) {
        server_answer(c->server, 200, "", body, 0);
        assert_int_equal(central_ask(c, "/", &res, &err), MSYNC_OK);
        msync_transfer_response_clear(&res);
    }

    took = monotonic() - began;
    msync_transfer_get_counters(c->http, &counters);
    assert_true(counters.bytes_received > 200000);
    assert_true((int64_t) counters.bytes_received * 1000
                <= (took + 1) * c->conf->limit_rate);
}


#define EACH(name)                                                            \
    cmocka_unit_test_setup_teardown(name, central_setup, central_teardown)

int
main(void)
{
    const struct CMUnitTest  tests[] = {
        EACH(test_get_on_the_wire),
        EACH(test_v5_headers_only_with_auth),
        EACH(test_connection_is_reused_and_counted),
        EACH(test_compressed_answer_is_unpacked),
        EACH(test_want_of_memory_is_no_damage),
        EACH(test_limit_holds_after_decompression),
        EACH(test_limit_by_content_length),
        EACH(test_answer_of_exactly_the_limit),
        EACH(test_damaged_compression),
        EACH(test_header_without_an_end),
        EACH(test_redirect_on_the_same_host),
        EACH(test_redirect_with_auth),
        EACH(test_redirect_to_another_host),
        EACH(test_redirect_without_an_end),
        EACH(test_redirect_of_a_post),
        EACH(test_proxies_of_the_environment_are_ignored),
        EACH(test_requests_are_compressed_where_the_server_takes_that),
        EACH(test_a_server_that_refuses_compression_gets_none_again),
        EACH(test_a_server_that_takes_something_else_gets_no_gzip),
        EACH(test_a_limited_rate_is_kept_over_requests),
        EACH(test_hook_ends_a_transfer),
        EACH(test_hook_lets_a_pause_go_on),
        EACH(test_hook_without_words),
        EACH(test_hash_in_an_answer_is_blanked),
        EACH(test_urls_that_are_none),
        EACH(test_missing_certificates_are_told_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
