/*
 * API v6 against a scripted server: the octets of each call, what is made of
 * each answer, and a variant with words for each error of its enum.
 */

#include "central.h"

#include "channel/control.h"
#include "protocol/v6.h"


#define SETTINGS                                                              \
    "\"syncV5Settings\":{\"serverUrl\":\"https://legacy.example.org\","       \
    "\"username\":\"Clinic \\\"7\\\"\",\"passwordSha256\":\"" HASH "\","      \
    "\"siteUuid\":\"" HWID "\",\"appVersion\":\"2.20.0\","                  \
    "\"appName\":\"msync " MSYNC_VERSION "\",\"syncVersion\":\"14\"}"

#define VERSION  ",\"syncV6Version\":5}"


typedef struct {
    central_t       c;
    msync_v6_t     *v6;
    msync_peer_t    peer;
    msync_batch_t   batch;
    msync_err_t     err;
} test_t;


static void
reopen(test_t *t, const char *url, bool initialised, const char *patient)
{
    msync_v6_free(&t->v6);
    t->v6 = msync_v6_create(t->c.http, url, t->c.conf, HWID, initialised,
                            patient);
    msync_v6_peer(t->v6, &t->peer);
}


static int
setup(void **state)
{
    test_t  *t = calloc(1, sizeof(*t));

    *state = t;

    if (central_init(&t->c) != 0) {
        return -1;
    }

    msync_free(&t->c.conf->url);
    msync_free(&t->c.conf->username);
    t->c.conf->url = msync_strdup("https://legacy.example.org");
    t->c.conf->username = msync_strdup("Clinic \"7\"");
    strcat(t->c.url, "/");
    reopen(t, t->c.url, true, NULL);

    return 0;
}


static int
teardown(void **state)
{
    test_t  *t = *state;

    msync_batch_clear(&t->batch);
    msync_v6_free(&t->v6);
    central_done(&t->c);
    free(t);

    return 0;
}


static int
pull(test_t *t, int64_t cursor, const char *answer)
{
    server_json(t->c.server, 200, answer);
    msync_batch_clear(&t->batch);

    return t->peer.pull(&t->peer, cursor, cursor, 500, &t->batch, &t->err);
}


static void
test_pull(void **state)
{
    test_t          *t = *state;
    msync_record_t  *r;

    assert_int_equal(pull(t, 12, "{\"data\":{\"end_cursor\":20,"
        "\"total_records\":7,\"is_last_batch\":false,\"records\":["
        "{\"cursor\":13,\"record\":{\"tableName\":\"asset_class\","
        "\"recordId\":\"A\",\"action\":\"upsert\","
        "\"recordData\":{\"n\": 1.10}}},"
        "{\"cursor\":20,\"record\":{\"tableName\":\"x\",\"recordId\":\"B\","
        "\"action\":\"Delete\",\"recordData\":null}},"
        "{\"record\":5},null]}}"), MSYNC_OK);

    assert_memory_equal(server_request(t->c.server, 0),
                        "POST /central/sync/pull HTTP/1.1\r\n", 34);
    assert_lacks(server_request(t->c.server, 0), "Authorization");
    assert_string_equal(server_body(t->c.server, 0),
                        "{\"cursor\":12,\"batchSize\":500,"
                        "\"isInitialised\":true," SETTINGS VERSION);

    assert_int_equal(t->batch.n, 4);
    r = t->batch.records;
    assert_string_equal(r[0].table, "asset_class");
    assert_string_equal(r[0].id, "A");
    assert_int_equal(r[0].action, MSYNC_ACTION_UPSERT);
    assert_string_equal(r[0].data, "{\"n\": 1.10}");
    assert_int_equal(r[0].cursor, 13);
    assert_int_equal(r[1].action, MSYNC_ACTION_DELETE);
    assert_null(r[1].data);
    assert_string_equal(r[2].data, "5");
    assert_int_equal(r[2].action, MSYNC_ACTION_UNKNOWN);
    assert_string_equal(r[3].table, "");

    assert_int_equal(t->batch.next, 20);
    assert_int_equal(t->batch.had, 20);
    assert_false(t->batch.last);
}


/* `cursor` is asked with where `had` is the last one that came */

static int
pull_behind(test_t *t, int64_t cursor, int64_t had, const char *answer)
{
    server_json(t->c.server, 200, answer);
    msync_batch_clear(&t->batch);

    return t->peer.pull(&t->peer, cursor, had, 500, &t->batch, &t->err);
}


#define ANSWER(end, total, last, records)                                     \
    "{\"data\":{\"end_cursor\":" end ",\"total_records\":" total ","           \
    "\"is_last_batch\":" last ",\"records\":[" records "]}}"
#define EMPTY(end, total, last)  ANSWER(end, total, last, "")
#define NONE  EMPTY("0", "0", "true")

#define RECORD(cursor)                                                        \
    "{\"cursor\":" cursor ",\"record\":{\"tableName\":\"x\",\"recordId\":\"A"  \
    cursor "\",\"action\":\"upsert\",\"recordData\":{}}}"

static void
what_was_had_is_left_out(void **state)
{
    test_t  *t = *state;

    assert_int_equal(pull(t, 12, "{\"data\":{\"end_cursor\":14,"
        "\"total_records\":9,\"is_last_batch\":false,\"records\":["
        RECORD("12") "," RECORD("14") "]}}"), MSYNC_OK);
    assert_int_equal(t->batch.n, 1);
    assert_string_equal(t->batch.records[0].id, "A14");
    assert_int_equal(t->batch.next, 14);
    assert_int_equal(t->batch.had, 14);

    /* it gives records twice, so it counts records: that one is none */
    assert_int_equal(t->batch.remaining, 8);

    /* nothing but that one, and more to follow: one further */
    assert_int_equal(pull(t, 14, "{\"data\":{\"end_cursor\":14,"
        "\"total_records\":8,\"is_last_batch\":false,\"records\":["
        RECORD("14") "]}}"), MSYNC_OK);
    assert_int_equal(t->batch.n, 0);
    assert_int_equal(t->batch.next, 15);
    assert_int_equal(t->batch.had, 14);
    assert_false(t->batch.last);

    /* the next one stands there: it has come as far as it asked */
    server_json(t->c.server, 200, "{\"data\":{\"end_cursor\":15,"
        "\"total_records\":7,\"is_last_batch\":false,\"records\":["
        RECORD("15") "]}}");
    msync_batch_clear(&t->batch);
    assert_int_equal(t->peer.pull(&t->peer, 15, 14, 1, &t->batch, &t->err),
                     MSYNC_OK);
    assert_int_equal(t->batch.n, 1);
    assert_int_equal(t->batch.next, 15);
    assert_int_equal(t->batch.had, 15);
}


static void
the_end_of_an_empty_answer_is_not_kept(void **state)
{
    test_t  *t = *state;

    assert_int_equal(pull(t, 12, EMPTY("90", "0", "true")), MSYNC_OK);
    assert_int_equal(t->batch.had, 12);
    assert_int_equal(t->batch.max, 90);

    /* it leads on within the step, and what is there was not had */
    assert_int_equal(pull(t, 12, EMPTY("90", "9", "false")), MSYNC_OK);
    assert_int_equal(t->batch.had, 12);
    assert_int_equal(t->batch.next, 90);
    assert_int_equal(pull_behind(t, 90, 12,
        ANSWER("90", "1", "true", RECORD("90"))), MSYNC_OK);
    assert_int_equal(t->batch.n, 1);

    /* … nor is what it may have passed over, which the next run asks for */
    assert_int_equal(t->batch.had, 12);
    assert_int_equal(pull_behind(t, 90, 12, "{\"data\":{\"end_cursor\":90,"
        "\"total_records\":9,\"is_last_batch\":false,\"records\":["
        RECORD("90") "]}}"), MSYNC_OK);
    assert_int_equal(t->batch.n, 0);
    assert_int_equal(t->batch.next, 91);
    assert_int_equal(t->batch.had, 12);
}


/* as servers of 3.0 answer */

static void
a_distance_of_cursors_is_no_count_of_records(void **state)
{
    test_t  *t = *state;

    assert_int_equal(pull(t, 0, "{\"data\":{\"end_cursor\":14,"
        "\"total_records\":70000,\"is_last_batch\":false,\"records\":["
        RECORD("9") "," RECORD("14") "]}}"), MSYNC_OK);
    assert_int_equal(t->batch.remaining, 2);

    assert_int_equal(pull(t, 14, ANSWER("70014", "0", "true", RECORD("15"))),
                     MSYNC_OK);
    assert_int_equal(t->batch.remaining, 1);
    assert_int_equal(t->batch.had, 15);
}


static void
an_answer_that_says_there_is_more_and_has_no_more_ends(void **state)
{
    test_t  *t = *state;

    assert_int_equal(pull(t, 14, EMPTY("14", "70000", "false")), MSYNC_OK);
    assert_true(t->batch.last);
    assert_int_equal(t->batch.had, 14);

    /* one less is the end as well, and tells nothing of the highest cursor:
     * neither that the server was restored, nor that it has one more */
    assert_int_equal(pull(t, 14, EMPTY("13", "0", "false")), MSYNC_OK);
    assert_true(t->batch.last);
    assert_int_equal(t->batch.max, -1);
    assert_int_equal(t->batch.next, 14);
}


static void
a_cursor_that_is_none_is_an_error_with_words(void **state)
{
    size_t   i;
    char     body[512];
    test_t  *t = *state;

    static const char  *numbers[] = {
        "1e400", "1180591620717411303424", "-1", "1.5", "true", "\"x\"", "[]",
        "9223372036854775807"
    };
    static const char  *answers[] = {
        "{\"data\":{\"end_cursor\":%s,\"is_last_batch\":true}}",
        "{\"data\":{\"end_cursor\":1,\"total_records\":%s,"
        "\"is_last_batch\":true}}",
        "{\"data\":{\"end_cursor\":1,\"is_last_batch\":true,\"records\":["
        "{\"cursor\":%s,\"record\":{\"tableName\":\"x\",\"recordId\":\"A\","
        "\"action\":\"upsert\",\"recordData\":{}}}]}}"
    };

    for (i = 0; i < 8 * 3; i++) {
        snprintf(body, sizeof(body), answers[i % 3], numbers[i / 3]);
        assert_failed(pull(t, 0, body), t->err, INVALID_RESPONSE,
                      "a cursor or a count that is no whole number");
    }

    for (i = 0; i < 8; i++) {
        snprintf(body, sizeof(body), "{\"data\":{\"records_pushed\":%s}}",
                 numbers[i]);
        server_json(t->c.server, 200, body);
        msync_batch_clear(&t->batch);
        t->batch.last = true;
        assert_failed(t->peer.push(&t->peer, &t->batch, &t->err), t->err,
                      INVALID_RESPONSE, "no whole number");
    }
}


static int
adopt(test_t *t, const char *first, const char *second, int64_t *cursor)
{
    server_json(t->c.server, 200, first);

    if (second) {
        server_json(t->c.server, 200, second);
    }

    return t->peer.adopt(&t->peer, cursor, &t->err);
}


#define FIRST  ANSWER("3", "9", "false", RECORD("3"))

static void
save_line(void *data, int level, const char *line)
{
    (void) level;
    snprintf(data, 256, "%s", line);
}


static void
a_cursor_of_a_former_release_is_adopted(void **state)
{
    char     said[256] = "";
    int64_t  cursor = 31;
    test_t  *t = *state;

    msync_log_set_sink(save_line, said);
    msync_log_set_level(MSYNC_LOG_NOTICE);

    /* the same record again: one before what was asked with is the last */
    assert_int_equal(adopt(t, FIRST, FIRST, &cursor), MSYNC_OK);
    assert_int_equal(cursor, 30);
    assert_has(server_body(t->c.server, 0), "{\"cursor\":0,\"batchSize\":1,");
    assert_has(server_body(t->c.server, 1), "{\"cursor\":3,\"batchSize\":1,");

    /* the next one, or none: everything is asked for again */
    assert_int_equal(adopt(t, FIRST, ANSWER("5", "4", "false", RECORD("5")),
                           &cursor), MSYNC_OK);
    assert_int_equal(cursor, 0);

    cursor = 31;
    assert_int_equal(adopt(t, FIRST, NONE, &cursor), MSYNC_OK);
    assert_int_equal(cursor, 0);
    assert_has(said, "gives records behind a cursor: everything");

    /* one that has none says nothing of the two */
    cursor = 31;
    assert_int_equal(adopt(t, NONE, NULL, &cursor), MSYNC_OK);
    assert_int_equal(cursor, 0);
    assert_has(said, "sends no record: everything");
    msync_log_set_sink(NULL, NULL);

    cursor = 31;
    assert_int_equal(adopt(t, "{\"error\":\"boom\"}", NULL, &cursor),
                     MSYNC_ERROR);
    assert_int_equal(cursor, 31);
}


static void
test_first_and_patient_pull(void **state)
{
    test_t  *t = *state;

    reopen(t, t->c.url, false, NULL);
    assert_int_equal(pull(t, 0, NONE), MSYNC_OK);
    assert_string_equal(server_body(t->c.server, 0),
                        "{\"cursor\":0,\"batchSize\":500,"
                        "\"isInitialised\":false," SETTINGS VERSION);
    assert_true(t->batch.last);
    assert_string_equal(t->peer.pull_cursor, "SYNC_PULL_CURSOR_V6");

    reopen(t, t->c.url, true, "pat\"ient");
    assert_int_equal(pull(t, 0, NONE), MSYNC_OK);
    assert_memory_equal(server_request(t->c.server, 1),
                        "POST /central/sync/patient-pull HTTP/1.1\r\n", 42);
    assert_string_equal(server_body(t->c.server, 1),
                        "{\"cursor\":0,\"batchSize\":500,"
                        "\"fetchPatientId\":\"pat\\\"ient\"," SETTINGS
                        VERSION);
    assert_null(t->peer.pull_cursor);
}


/* of which the genuine client drops the last part */

static void
test_address_with_a_path(void **state)
{
    test_t  *t = *state;

    strcat(t->c.url, "om/site7");
    reopen(t, t->c.url, true, NULL);
    assert_int_equal(pull(t, 0, NONE), MSYNC_OK);
    assert_memory_equal(server_request(t->c.server, 0),
                        "POST /om/site7/central/sync/pull HTTP/1.1\r\n", 43);
}


static void
test_empty_answers_without_end(void **state)
{
    int      i, rc = MSYNC_OK;
    char     body[128];
    test_t  *t = *state;

    for (i = 0; rc == MSYNC_OK && i < MSYNC_V6_EMPTY_MAX + 5; i++) {
        snprintf(body, sizeof(body), "{\"data\":{\"end_cursor\":%d,"
                 "\"is_last_batch\":false,\"records\":[]}}", i + 1);
        rc = pull(t, i, body);
    }

    assert_int_equal(i, MSYNC_V6_EMPTY_MAX + 1);
    assert_failed(rc, t->err, INVALID_RESPONSE, "makes no progress");
}


static void
test_cursors(void **state)
{
    test_t  *t = *state;

    assert_failed(pull(t, 30, "{\"data\":{\"end_cursor\":29,"
                       "\"is_last_batch\":false,\"records\":[{}]}}"), t->err,
                  INVALID_RESPONSE, "makes no progress");

    /* at the end it may lie before ours, which does not go back */
    assert_int_equal(pull(t, 30, EMPTY("3", "0", "true")), MSYNC_OK);
    assert_int_equal(t->batch.next, 30);
    assert_int_equal(t->batch.had, 30);
    assert_int_equal(t->batch.max, 3);
    assert_true(t->batch.short_of);
    assert_true(t->batch.last);

    assert_failed(pull(t, 0, "{\"data\":{\"is_last_batch\":true}}"), t->err,
                  INVALID_RESPONSE, "lacks \"end_cursor\"");
    assert_failed(pull(t, 0, "{\"data\":{\"end_cursor\":1}}"), t->err,
                  INVALID_RESPONSE, "lacks \"is_last_batch\"");
    assert_failed(pull(t, 0, "{\"data\":null}"), t->err, INVALID_RESPONSE,
                  "lacks \"end_cursor\"");
}


static void
test_push(void **state)
{
    test_t  *t = *state;

    central_add(&t->batch, "asset", "A", "{\"n\": 1.10}", 7);
    central_add(&t->batch, "asset", "B", NULL, 9);
    t->batch.next = 12;
    t->batch.remaining = 5;

    server_json(t->c.server, 200, "{\"data\":{\"records_pushed\":2}}");
    assert_int_equal(t->peer.push(&t->peer, &t->batch, &t->err), MSYNC_OK);
    assert_memory_equal(server_request(t->c.server, 0),
                        "POST /central/sync/push HTTP/1.1\r\n", 34);
    assert_string_equal(server_body(t->c.server, 0),
        "{\"batch\":{\"end_cursor\":11,\"total_records\":5,"
        "\"is_last_batch\":false,\"records\":[{\"cursor\":7,\"record\":"
        "{\"tableName\":\"asset\",\"recordId\":\"A\",\"action\":\"Update\","
        "\"recordData\":{\"n\": 1.10}}},{\"cursor\":9,\"record\":"
        "{\"tableName\":\"asset\",\"recordId\":\"B\",\"action\":\"Delete\","
        "\"recordData\":null}}]}," SETTINGS VERSION);

    msync_batch_clear(&t->batch);
    t->batch.last = true;
    server_json(t->c.server, 200, "{\"data\":{\"records_pushed\":0}}");
    assert_int_equal(t->peer.push(&t->peer, &t->batch, &t->err), MSYNC_OK);
    assert_string_equal(server_body(t->c.server, 1),
        "{\"batch\":{\"end_cursor\":0,\"total_records\":0,"
        "\"is_last_batch\":true,\"records\":[]}," SETTINGS VERSION);

    server_json(t->c.server, 200, "{\"data\":{}}");
    assert_failed(t->peer.push(&t->peer, &t->batch, &t->err), t->err,
                  INVALID_RESPONSE, "lacks \"records_pushed\"");
}


static void
test_site_status(void **state)
{
    bool     busy;
    test_t  *t = *state;

    server_json(t->c.server, 200, "{\"data\":{\"is_integrating\":true}}");
    assert_int_equal(t->peer.busy(&t->peer, &busy, &t->err), MSYNC_OK);
    assert_true(busy);
    assert_memory_equal(server_request(t->c.server, 0),
                        "POST /central/sync/site_status HTTP/1.1\r\n", 41);
    assert_string_equal(server_body(t->c.server, 0),
                        "{" SETTINGS VERSION);

    server_json(t->c.server, 200, "{\"data\":{\"is_integrating\":false}}");
    assert_int_equal(t->peer.busy(&t->peer, &busy, &t->err), MSYNC_OK);
    assert_false(busy);

    server_json(t->c.server, 200, "{\"data\":{}}");
    assert_failed(t->peer.busy(&t->peer, &busy, &t->err), t->err,
                  INVALID_RESPONSE, "lacks \"is_integrating\"");
}


static const struct {
    const char        *error;
    msync_variant_e    variant;
    const char        *words;
} errors[] = {
    { "\"notACentralServer\"", MSYNC_ERR_CENTRAL_V6_NOT_CONFIGURED,
      "not the central one" },
    { "{\"cannotConnectToLegacyServer\":\"refused\"}",
      MSYNC_ERR_CONNECTION_ERROR, "cannot reach mSupply central to check "
      "this site: refused" },
    { "{\"otherServerError\":\"Legacy server error - Sync api error, url: "
      "'http://legacy/', route: '/sync/v5/site' - status: '502 Bad "
      "Gateway' text: '<html>'\"}", MSYNC_ERR_HTTP_ERROR,
      "mSupply central, asked by Open mSupply central, answered with HTTP "
      "status 502: a proxy in front" },
    { "{\"otherServerError\":\"Sync api error - status: '521 <unknown "
      "status code>' text: ''\"}", MSYNC_ERR_HTTP_ERROR, "status 521" },
    { "{\"otherServerError\":\"legacy: 503 Service Unavailable\"}",
      MSYNC_ERR_HTTP_ERROR, "status 503" },
    { "{\"otherServerError\":\"Sync api error - Connection problem - error "
      "sending request for url (http://legacy/)\"}",
      MSYNC_ERR_CONNECTION_ERROR, "cannot reach mSupply central" },
    { "{\"otherServerError\":\"Sync api error, url: 'http://legacy/', route: "
      "'/sync/v5/site' - Could not parse response - Cannot retrieve response "
      "body - unexpected end of file\"}", MSYNC_ERR_CONNECTION_ERROR,
      "cannot reach mSupply central" },
    { "{\"otherServerError\":\"Sync api error - status: '400 Bad Request' "
      "text: ''\"}", MSYNC_ERR_HTTP_ERROR, "status 400" },
    { "{\"otherServerError\":\"Sync api error - status: '403 Forbidden' "
      "text: '<html>'\"}", MSYNC_ERR_HTTP_ERROR, "status 403: access refused" },
    { "{\"otherServerError\":\"Sync api error - Could not parse response - "
      "Could not parse response body, response: '<html>Welcome' - expected "
      "value\"}", MSYNC_ERR_INVALID_RESPONSE,
      "Something else than an answer of mSupply central came to Open mSupply" },
    { "{\"legacyServerError\":{\"code\":\"site_incorrect_password\","
      "\"message\":\"no\",\"data\":null}}", MSYNC_ERR_INCORRECT_PASSWORD,
      "mSupply central, asked by Open mSupply central, says that the "
      "password is wrong (\"no\")" },
    { "{\"legacyServerError\":{\"code\":\"SiteHasNoStore\"}}",
      MSYNC_ERR_SITE_HAS_NO_STORE, "no store" },
    { "{\"legacyServerError\":{\"code\":\"new_one\","
      "\"message\":\"words\"}}", MSYNC_ERR_CENTRAL_ERROR,
      "\"new_one\": words" },
    { "{\"otherLegacyServerError\":\"boom\"}", MSYNC_ERR_CENTRAL_ERROR,
      "\"otherLegacyServerError\": boom" },
    { "{\"otherServerError\":\"Could not authenticate: SyncApiError { "
      "code: 'SiteIncorrectHardwareId', message: 'x' }\"}",
      MSYNC_ERR_HARDWARE_ID_MISMATCH, "another machine" },
    { "{\"otherServerError\":\"disk\"}", MSYNC_ERR_CENTRAL_ERROR,
      "\"otherServerError\": disk" },
    { "{\"parsingSyncRecordError\":\"bad field\"}",
      MSYNC_ERR_CENTRAL_ERROR, "refuses a record" },
    { "{\"syncFileNotFound\":\"7\"}", MSYNC_ERR_CENTRAL_ERROR,
      "\"syncFileNotFound\": 7" },
    { "{\"syncVersionMismatch\":[6,8,5]}",
      MSYNC_ERR_V6_API_VERSION_INCOMPATIBLE,
      "speaks the versions 6 to 8, this program speaks version 5" },
    { "{\"syncVersionMismatch\":\"?\"}",
      MSYNC_ERR_V6_API_VERSION_INCOMPATIBLE,
      "does not speak version 5" },
    { "\"brandNew\"", MSYNC_ERR_CENTRAL_ERROR, "\"brandNew\"" },
    { "17", MSYNC_ERR_CENTRAL_ERROR, "without a name" },
};


static void
test_errors(void **state)
{
    bool     again;
    size_t   i, n, requests = 0;
    char     body[512];
    test_t  *t = *state;

    for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        snprintf(body, sizeof(body), "{\"error\":%s}", errors[i].error);

        /* these may pass */
        again = errors[i].variant == MSYNC_ERR_CONNECTION_ERROR
                || strstr(errors[i].words, "status 5") != NULL;

        for (n = 1; again && n < MSYNC_TRANSFER_ATTEMPTS; n++) {
            server_json(t->c.server, 200, body);
        }

        requests += again ? MSYNC_TRANSFER_ATTEMPTS : 1;
        assert_int_equal(pull(t, 0, body), MSYNC_ERROR);

        if (t->err.variant != errors[i].variant
            || strstr(t->err.text, errors[i].words) == NULL)
        {
            fail_msg("%s: %s (%s)", body, t->err.text,
                     msync_err_variant(t->err.variant));
        }

        if (t->err.http_status == 403) {
            assert_int_equal(t->err.remedy, MSYNC_REMEDY_FINAL);
        }
    }

    assert_int_equal(server_n(t->c.server), requests);
}


static void
test_busy_central_is_waited_for(void **state)
{
    test_t  *t = *state;

    server_json(t->c.server, 200, "{\"error\":\"integrationInProgress\"}");
    server_json(t->c.server, 200, "{\"error\":{\"legacyServerError\":"
                "{\"code\":\"sync_is_running\",\"message\":\"\"}}}");
    server_json(t->c.server, 200, "{\"error\":{\"otherServerError\":\"Sync "
                "api error - status: '503 Service Unavailable' - code: "
                "'Other(\\\"sync_is_running\\\")' message: ''\"}}");
    assert_int_equal(pull(t, 0, "{\"data\":{\"end_cursor\":0,"
                          "\"is_last_batch\":true}}"), MSYNC_OK);
    assert_int_equal(server_n(t->c.server), 4);
}


static void
test_busy_for_too_long(void **state)
{
    int      i;
    test_t  *t = *state;

    for (i = 0; i < 100; i++) {
        server_json(t->c.server, 200,
                    "{\"error\":\"integrationInProgress\"}");
    }

    assert_failed(t->peer.pull(&t->peer, 0, 0, 1, &t->batch, &t->err), t->err,
                  CENTRAL_ERROR, "still integrating");
    assert_int_equal(t->err.remedy, MSYNC_REMEDY_WAIT);
}


static void
test_error_with_a_status(void **state)
{
    int      i;
    test_t  *t = *state;

    server_json(t->c.server, 500, "{\"error\":{\"otherServerError\":"
                "\"SiteNameNotFound\"}}");
    assert_failed(t->peer.pull(&t->peer, 0, 0, 1, &t->batch, &t->err), t->err,
                  SITE_NAME_NOT_FOUND, "no site of this name");
    assert_int_equal(t->err.http_status, 500);

    for (i = 0; i < 4; i++) {
        server_answer(t->c.server, 502, "Content-Type: text/html\r\n",
                      "<html>Bad Gateway", 0);
    }

    assert_failed(t->peer.pull(&t->peer, 0, 0, 1, &t->batch, &t->err), t->err,
                  HTTP_ERROR, "a proxy in front of the server");

    /* the serde error of a server may quote what was sent */
    server_json(t->c.server, 400, "invalid: " HASH);
    assert_failed(t->peer.pull(&t->peer, 0, 0, 1, &t->batch, &t->err), t->err,
                  HTTP_ERROR, "invalid: ****");
}


static void
test_address_that_is_none(void **state)
{
    test_t  *t = *state;

    reopen(t, "om.example.org", true, NULL);
    assert_failed(t->peer.pull(&t->peer, 0, 0, 1, &t->batch, &t->err), t->err,
                  INVALID_URL, "must begin with https://");
    assert_int_equal(server_n(t->c.server), 0);
}


#define EACH(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest  tests[] = {
        EACH(test_pull),
        EACH(test_first_and_patient_pull),
        EACH(test_address_with_a_path),
        EACH(test_cursors),
        EACH(test_empty_answers_without_end),
        EACH(what_was_had_is_left_out),
        EACH(the_end_of_an_empty_answer_is_not_kept),
        EACH(a_distance_of_cursors_is_no_count_of_records),
        EACH(an_answer_that_says_there_is_more_and_has_no_more_ends),
        EACH(a_cursor_that_is_none_is_an_error_with_words),
        EACH(a_cursor_of_a_former_release_is_adopted),
        EACH(test_push),
        EACH(test_site_status),
        EACH(test_errors),
        EACH(test_busy_central_is_waited_for),
        EACH(test_busy_for_too_long),
        EACH(test_error_with_a_status),
        EACH(test_address_that_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
