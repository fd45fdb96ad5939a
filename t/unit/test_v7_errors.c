/*
 * Errors of API v7 against a scripted server: a variant with words for each.
 */

#include "v7_site.h"


static void
a_locked_site_is_busy(void **state)
{
    bool     busy;
    test_t  *t = *state;

    say(t, LOCKED);
    assert_int_equal(ask(t, &busy), MSYNC_OK);
    assert_true(busy);
    assert_int_equal(server_n(t->c.server), 1);

    /* whoever pulls or pushes asks in this way when it may go on */
    say(t, LOCKED);
    assert_failed(pull(t, 9), t->err, SITE_LOCK_ERROR, "integrating");
    assert_int_equal(server_n(t->c.server), 2);

    central_add(&t->batch, "transact", "T1", NULL, 1);
    say(t, LOCKED);
    assert_failed(t->peer.push(&t->peer, &t->batch, &t->err), t->err,
                  SITE_LOCK_ERROR, "integrating");
}


static void
each_error_has_its_variant_and_words(void **state)
{
    int      n;
    bool     busy;
    char     text[512];
    size_t   i;
    test_t  *t = *state;

    static const struct {
        const char       *err;
        msync_variant_e   variant;
        const char       *says;
    } errors[] = {
        { "\"NotACentralServer\"", MSYNC_ERR_NOT_A_CENTRAL_SERVER,
          "not the central one" },
        { "\"Authentication\"", MSYNC_ERR_AUTHENTICATION, "in" },
        { "\"InvalidSiteNameOrPassword\"",
          MSYNC_ERR_INVALID_SITE_NAME_OR_PASSWORD, "name and password" },
        { "\"TokenAlreadyAllocated\"", MSYNC_ERR_TOKEN_ALREADY_ALLOCATED,
          "given the token of this site already" },
        { "\"HardwareIdMismatch\"", MSYNC_ERR_HARDWARE_ID_MISMATCH,
          "another machine" },
        { "{\"MissingAuthHeader\":\"missing hardware-id header\"}",
          MSYNC_ERR_MISSING_AUTH_HEADER, "missing hardware-id header" },
        { "{\"SyncVersionMismatch\":{\"central\":{\"major\":3,\"minor\":0,"
          "\"patch\":0,\"pre_release\":\"rc1\"},\"remote\":{\"major\":9,"
          "\"minor\":1,\"patch\":0,\"pre_release\":null}}}",
          MSYNC_ERR_SYNC_VERSION_MISMATCH, "version 3.0.0-rc1 and refuses "
          "this site, which speaks like version 9.1.0" },
        { "{\"SiteIdMismatch\":{\"expected\":4,\"found\":3}}",
          MSYNC_ERR_SITE_ID_MISMATCH, "the site 4 and got those of 3" },
        { "\"SiteIdNotSet\"", MSYNC_ERR_SITE_ID_NOT_SET, "its own site" },
        { "{\"GetCurrentSiteIdError\":\"none\"}",
          MSYNC_ERR_GET_CURRENT_SITE_ID_ERROR, "none" },
        { "{\"RequestSiteAuthError\":\"refused\"}",
          MSYNC_ERR_REQUEST_SITE_AUTH_ERROR, "refused" },
        { "{\"DatabaseError\":{\"ForeignKeyViolation\":\"x\"}}",
          MSYNC_ERR_CENTRAL_DATABASE_ERROR, "ForeignKeyViolation" },
        { "{\"SyncRecordSerializeError\":\"x\"}",
          MSYNC_ERR_SYNC_RECORD_SERIALIZE_ERROR, "x" },
        { "{\"RecordNotFound\":{\"id\":\"a\",\"table\":\"Unit\"}}",
          MSYNC_ERR_RECORD_NOT_FOUND, "Unit" },
        { "\"IntegrationTimeoutReached\"",
          MSYNC_ERR_INTEGRATION_TIMEOUT_REACHED, "integrating" },
        { "{\"ConnectionError\":{\"url\":\"http://l\",\"e\":\"refused\"}}",
          MSYNC_ERR_CONNECTION_ERROR, "http://l" },
        { "{\"Other\":\"Sync api error, url: 'http://127.0.0.1:9500/', "
          "route: '/sync/v5/v7_url_and_upgrade' -> [\\n    \\\"status: "
          "'404 Not Found' text: 'no such call'\\\",\\n]\"}",
          MSYNC_ERR_HTTP_ERROR, "404" },
        { "{\"Other\":\"Sync api error, -> [\\n \\\"status: '503 Service "
          "Unavailable'\\\", \\\"code: 'Other(\\\\\\\"stores_not_migrated\\\\"
          "\\\")' message: 'All'\\\",]\"}",
          MSYNC_ERR_REQUEST_SITE_AUTH_ERROR, "not all stores" },
        { "\"OfTomorrow\"", MSYNC_ERR_CENTRAL_ERROR, "OfTomorrow" },
        { "{\"OfTomorrow\":{\"a\":1}}", MSYNC_ERR_CENTRAL_ERROR,
          "OfTomorrow" }
    };

    for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        snprintf(text, sizeof(text), "{\"Err\":%s}", errors[i].err);
        say(t, text);

        /* what may pass at mSupply central is asked again */
        for (n = 1; strstr(text, "503") && n < MSYNC_TRANSFER_ATTEMPTS; n++) {
            say(t, text);
        }

        assert_int_not_equal(ask(t, &busy), MSYNC_OK);

        if (t->err.variant != errors[i].variant) {
            fail_msg("%s: %s, %s", errors[i].err,
                     msync_err_variant(t->err.variant), t->err.text);
        }

        assert_has(t->err.text, errors[i].says);
    }
}


static void
a_server_that_is_not_central_says_so_in_its_own_way(void **state)
{
    bool     busy;
    test_t  *t = *state;

    server_answer(t->c.server, 405, "Content-Type: text/plain\r\n",
                  "Method only allowed on central server.", 0);
    assert_failed(ask(t, &busy), t->err, NOT_A_CENTRAL_SERVER, "central");

    server_answer(t->c.server, 404, "", "", 0);
    assert_failed(ask(t, &busy), t->err, HTTP_ERROR, "404");

    say(t, "{\"data\":1}");
    assert_failed(ask(t, &busy), t->err, INVALID_RESPONSE, "Ok");
}


#define EACH(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest  tests[] = {
        EACH(a_locked_site_is_busy),
        EACH(each_error_has_its_variant_and_words),
        EACH(a_server_that_is_not_central_says_so_in_its_own_way)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
