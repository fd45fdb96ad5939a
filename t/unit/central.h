/*
 * A session with the scripted server, as the tests of transfer, v5 and v6 use
 * it: fast retries, a fixed identity.
 */

#ifndef MSYNC_T_CENTRAL_H
#define MSYNC_T_CENTRAL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "batch.h"
#include "transfer/transfer.h"
#include "server.h"
#include "base/log.h"

#define HASH  "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"
#define HWID  "01234567-89ab-4cde-8f01-23456789abcd"

typedef struct {
    server_t          *server;
    msync_conf_t      *conf;
    msync_transfer_t  *http;
    char               url[64];
} central_t;

#define assert_has(text, part)                                                \
    do {                                                                      \
        if (strstr(text, part) == NULL) {                                     \
            fail_msg("\"%s\" is not in \"%s\"", part, text);                  \
        }                                                                     \
    } while (0)

#define assert_lacks(text, part)                                              \
    do {                                                                      \
        if (strstr(text, part) != NULL) {                                     \
            fail_msg("\"%s\" is in \"%s\"", part, text);                      \
        }                                                                     \
    } while (0)

/* a failed call, its variant and a part of its text; no secret in it */

#define assert_failed(rc, err, what, words)                                   \
    do {                                                                      \
        if ((rc) == MSYNC_OK) {                                               \
            fail_msg("expected %s, it went well", #what);                     \
        }                                                                     \
        if ((err).variant != MSYNC_ERR_##what) {                              \
            fail_msg("expected %s, got %s: %s", #what,                        \
                     msync_err_variant((err).variant), (err).text);           \
        }                                                                     \
        assert_has((err).text, words);                                        \
        assert_lacks((err).text, HASH);                                       \
    } while (0)


static inline void
central_open(central_t *c)
{
    msync_err_t  err;

    c->http = msync_transfer_create(c->conf, HWID, -1, NULL, NULL, &err);

    if (c->http == NULL) {
        fail_msg("%s", err.text);
    }

    msync_transfer_set_base(c->http, 1);
}


/* a GET of the path; what central_post() returns is a status, or the result of
 * a request that failed */

static inline int
central_ask(central_t *c, const char *path, msync_transfer_response_t *res,
    msync_err_t *err)
{
    char                      url[256];
    msync_transfer_request_t  req = { .method = "GET", .url = url };

    snprintf(url, sizeof(url), "%s%s", c->url, path);

    return msync_transfer_request(c->http, &req, res, err);
}


static inline int
central_post(central_t *c, const char *body, bool once, msync_err_t *err)
{
    int                        rc;
    char                       url[256];
    msync_transfer_response_t  res;
    msync_transfer_request_t   req = {
        .method = "POST", .url = url, .body = body,
        .body_length = strlen(body), .once = once
    };

    snprintf(url, sizeof(url), "%s/p", c->url);
    rc = msync_transfer_request(c->http, &req, &res, err);
    rc = rc == MSYNC_OK ? res.status : rc;
    msync_transfer_response_clear(&res);

    return rc;
}


/* batch_add() with the record's cursor */

static inline msync_record_t *
central_add(msync_batch_t *batch, const char *table, const char *id,
    const char *data, int64_t cursor)
{
    msync_record_t  *record = batch_add(batch, table, id, data);

    record->cursor = cursor;

    return record;
}


static inline int
central_init(central_t *c)
{
    msync_err_t  err;

    msync_log_set_level(MSYNC_LOG_ERR);
    c->server = server_start();
    c->conf = msync_conf_create();
    snprintf(c->url, sizeof(c->url), "http://127.0.0.1:%u", c->server->port);

    if (msync_conf_set_url(c->conf, c->url, &err) != MSYNC_OK) {
        return -1;
    }

    c->conf->username = msync_strdup("Clinic 7");
    memcpy(c->conf->password_sha256, HASH, sizeof(HASH));
    central_open(c);

    return 0;
}


static inline void
central_done(central_t *c)
{
    msync_transfer_free(&c->http);
    msync_conf_free(&c->conf);
    server_stop(c->server);
}


/* for tests that need nothing else */

static inline int
central_setup(void **state)
{
    *state = calloc(1, sizeof(central_t));

    return central_init(*state);
}


static inline int
central_teardown(void **state)
{
    central_done(*state);
    free(*state);

    return 0;
}


/* again, after a change of c->conf */

static inline void
central_reopen(central_t *c)
{
    msync_transfer_free(&c->http);
    central_open(c);
}

#endif /* MSYNC_T_CENTRAL_H */
