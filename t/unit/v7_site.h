/*
 * A site of v7 before a scripted server, as the tests of API v7 use it.
 */

#ifndef MSYNC_T_V7_H
#define MSYNC_T_V7_H

#include "central.h"

#include "protocol/v7.h"


#define TOKEN   "01a00000-0000-7000-8000-000000000003"
#define OTHER   "01a00000-0000-7000-8000-000000000004"

#define GIVEN(token)                                                          \
    "{\"Ok\":{\"token\":\"" token "\",\"siteId\":7,\"centralSiteId\":10}}"
#define STATUS  "{\"Ok\":{\"siteId\":7,\"centralSiteId\":10}}"
#define LOCKED  "{\"Err\":{\"SiteLockError\":\"IntegrationInProgress\"}}"
#define IDENTITY                                                              \
    "{\"version\":{\"major\":3,\"minor\":0,\"patch\":0,"                    \
    "\"pre_release\":null},\"name\":\"Clinic \\\"7\\\"\","                 \
    "\"passwordSha256\":\"" HASH "\",\"hardwareId\":\"" HWID "\"}"

typedef struct {
    central_t            c;
    msync_catalogue_t   *catalogue;
    msync_v7_t          *v7;
    msync_peer_t         peer;
    msync_batch_t        batch;
    msync_err_t          err;
    unsigned             asked;
    unsigned             refused;
    size_t               requests;       /* when the token was given */
    char                 given[64];
} test_t;


static inline int
asking(void *data, msync_err_t *err)
{
    test_t  *t = data;

    (void) err;
    t->asked++;

    return MSYNC_OK;
}


static inline int
given(void *data, const char *token, const msync_v7_site_t *site,
    msync_err_t *err)
{
    test_t  *t = data;

    (void) err;
    assert_int_equal(site->site_id, 7);
    assert_int_equal(site->central_site_id, 10);
    snprintf(t->given, sizeof(t->given), "%s", token);
    t->requests = server_n(t->c.server);

    return MSYNC_OK;
}


static inline void
refused(void *data, msync_err_t *err)
{
    test_t  *t = data;

    (void) err;
    t->refused++;
}


static inline void
reopen(test_t *t, const char *token, bool initialised)
{
    msync_v7_setup_t  setup = { 0 };

    msync_v7_free(&t->v7);
    setup.http = t->c.http;
    setup.url = t->c.url;
    setup.conf = t->c.conf;
    setup.catalogue = t->catalogue;
    setup.hardware_id = HWID;
    setup.token = token;
    setup.initialised = initialised;
    setup.callbacks.data = t;
    setup.callbacks.asking = asking;
    setup.callbacks.given = given;
    setup.callbacks.refused = refused;
    t->v7 = msync_v7_create(&setup);
    msync_v7_peer(t->v7, &t->peer);
}


static inline int
setup(void **state)
{
    test_t  *t = calloc(1, sizeof(*t));

    *state = t;

    if (central_init(&t->c) != 0) {
        return -1;
    }

    msync_free(&t->c.conf->username);
    t->c.conf->username = msync_strdup("Clinic \"7\"");
    t->catalogue = msync_catalogue_builtin(&t->err);
    assert_non_null(t->catalogue);
    reopen(t, TOKEN, true);

    return 0;
}


static inline int
teardown(void **state)
{
    test_t  *t = *state;

    msync_batch_clear(&t->batch);
    msync_v7_free(&t->v7);
    msync_catalogue_free(&t->catalogue);
    central_done(&t->c);
    free(t);

    return 0;
}


static inline void
say(test_t *t, const char *answer)
{
    server_json(t->c.server, 200, answer);
}


static inline int
ask(test_t *t, bool *busy)
{
    return t->peer.busy(&t->peer, busy, &t->err);
}


static inline int
pull(test_t *t, int64_t cursor)
{
    msync_batch_clear(&t->batch);

    return t->peer.pull(&t->peer, cursor, cursor, 500, &t->batch, &t->err);
}

#endif /* MSYNC_T_V7_H */
