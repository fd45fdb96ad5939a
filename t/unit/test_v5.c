/*
 * API v5 against a scripted server: the octets of each call, what is made of
 * each answer, and a variant with words for each failure.
 */

#include "central.h"

#include "protocol/v5.h"


typedef struct {
    central_t       c;
    msync_v5_t     *v5;
    msync_peer_t    central;
    msync_peer_t    remote;
    msync_batch_t   batch;
    msync_err_t     err;
} test_t;


static int
setup(void **state)
{
    test_t  *t = calloc(1, sizeof(*t));

    *state = t;

    if (central_init(&t->c) != 0) {
        return -1;
    }

    t->v5 = msync_v5_create(t->c.http, t->c.url);
    msync_v5_central_peer(t->v5, &t->central);
    msync_v5_remote_peer(t->v5, &t->remote);

    return 0;
}


static int
teardown(void **state)
{
    test_t  *t = *state;

    msync_batch_clear(&t->batch);
    msync_v5_free(&t->v5);
    central_done(&t->c);
    free(t);

    return 0;
}


static int
pull(test_t *t, msync_peer_t *peer, int64_t cursor, const char *answer)
{
    server_json(t->c.server, 200, answer);
    msync_batch_clear(&t->batch);

    return peer->pull(peer, cursor, cursor, 2, &t->batch, &t->err);
}


static void
test_site(void **state)
{
    test_t           *t = *state;
    msync_v5_site_t   site;

    server_json(t->c.server, 200, "{\"id\":\"U-1\",\"siteId\":7,"
                "\"code\":\"C\",\"name\":\"Clinic 7\",\"other\":[{}],"
                "\"initialisationStatus\":\"new\","
                "\"omSupplyCentralServerUrl\":\" https://om.example.org/\\n\","
                "\"isOmSupplyCentralServer\":true,"
                "\"mSupplyCentralSiteId\":1}");
    assert_int_equal(msync_v5_site(t->v5, &site, &t->err), MSYNC_OK);
    assert_string_equal(site.uuid, "U-1");
    assert_int_equal(site.site_id, 7);
    assert_string_equal(site.name, "Clinic 7");
    assert_string_equal(site.initialisation_status, "new");
    assert_string_equal(site.v6_url, "https://om.example.org");
    assert_true(site.is_v6_central);
    assert_int_equal(site.central_site_id, 1);
    msync_v5_site_clear(&site);

    assert_memory_equal(server_request(t->c.server, 0),
                        "GET /sync/v5/site HTTP/1.1\r\n", 28);
    assert_has(server_request(t->c.server, 0), "\r\nversion: 14\r\n");
    assert_has(server_request(t->c.server, 0), "\r\nAuthorization: Basic ");
}


static void
test_site_with_little_in_it(void **state)
{
    test_t           *t = *state;
    msync_v5_site_t   site;

    server_json(t->c.server, 200, "{\"id\":\"U\",\"siteId\":7,"
                "\"omSupplyCentralServerUrl\":null}");
    assert_int_equal(msync_v5_site(t->v5, &site, &t->err), MSYNC_OK);
    assert_string_equal(site.v6_url, "");
    assert_string_equal(site.initialisation_status, "");
    msync_v5_site_clear(&site);

    server_json(t->c.server, 200, "{\"siteId\":7}");
    assert_failed(msync_v5_site(t->v5, &site, &t->err), t->err,
                  INVALID_RESPONSE, "lacks \"id\"");
    assert_null(site.uuid);

    server_json(t->c.server, 200, "{\"id\":\"U\"}");
    assert_failed(msync_v5_site(t->v5, &site, &t->err), t->err,
                  INVALID_RESPONSE, "lacks \"siteId\"");
}


static void
test_initialise(void **state)
{
    int64_t   n;
    test_t   *t = *state;

    server_json(t->c.server, 200, "{\"queueLength\":4711}");
    assert_int_equal(msync_v5_initialise(t->v5, &n, &t->err), MSYNC_OK);
    assert_int_equal(n, 4711);
    assert_memory_equal(server_request(t->c.server, 0),
                        "POST /sync/v5/initialise HTTP/1.1\r\n", 35);
    assert_string_equal(server_body(t->c.server, 0), "{}");

    server_say(t->c.server, "", 0, SERVER_CLOSE);
    assert_failed(msync_v5_initialise(t->v5, &n, &t->err), t->err,
                  CONNECTION_ERROR, "without an answer");
    assert_int_equal(server_n(t->c.server), 2);

    /* as of something in between that answers whatever it is asked */
    server_json(t->c.server, 200, "{}");
    assert_failed(msync_v5_initialise(t->v5, &n, &t->err), t->err,
                  INVALID_RESPONSE, "queueLength");
}


static void
test_site_status(void **state)
{
    bool                busy;
    size_t              i;
    char                body[128];
    test_t             *t = *state;
    msync_v5_status_e   status;
    static const char  *codes[] = {
        "idle", "sync_is_running", "integration_in_progress",
        "initialisation_in_progress", "something_new"
    };

    for (i = 0; i < 5; i++) {
        snprintf(body, sizeof(body), "{\"code\":\"%s\",\"message\":\"\","
                 "\"data\":null}", codes[i]);
        server_json(t->c.server, 200, body);
        server_json(t->c.server, 200, body);
        assert_int_equal(msync_v5_site_status(t->v5, &status, &t->err),
                         MSYNC_OK);
        assert_int_equal(status, i);
        assert_int_equal(t->remote.busy(&t->remote, &busy, &t->err),
                         MSYNC_OK);
        assert_int_equal(busy, i != 0);
    }

    server_json(t->c.server, 200, "{}");
    assert_failed(msync_v5_site_status(t->v5, &status, &t->err), t->err,
                  INVALID_RESPONSE, "lacks \"code\"");
}


static void
test_central_records(void **state)
{
    test_t          *t = *state;
    msync_record_t  *r;

    assert_int_equal(pull(t, &t->central, 41,
        "{\"maxCursor\":100,\"data\":[{\"ID\":42,\"tableName\":\"item\","
        "\"recordId\":\"A\",\"action\":\"insert\",\"recordData\":"
        "{\"q\": 1.10,\"big\":12345678901234567890}},"
        "{\"ID\":\"50\",\"tableName\":\"unit\",\"recordId\":9,"
        "\"action\":\"Delete\",\"recordData\":null}]}"), MSYNC_OK);

    assert_memory_equal(server_request(t->c.server, 0),
        "GET /sync/v5/central_records?cursor=41&limit=2 HTTP/1.1\r\n", 57);

    assert_int_equal(t->batch.n, 2);
    r = t->batch.records;
    assert_string_equal(r[0].table, "item");
    assert_string_equal(r[0].id, "A");
    assert_int_equal(r[0].action, MSYNC_ACTION_UPSERT);
    assert_string_equal(r[0].data,
                        "{\"q\": 1.10,\"big\":12345678901234567890}");
    assert_int_equal(r[0].data_length, strlen(r[0].data));
    assert_int_equal(r[0].cursor, 42);
    assert_string_equal(r[1].id, "9");
    assert_int_equal(r[1].action, MSYNC_ACTION_DELETE);
    assert_null(r[1].data);

    assert_int_equal(t->batch.next, 50);
    assert_int_equal(t->batch.remaining, 52);
    assert_int_equal(t->batch.max, 100);
    assert_false(t->batch.last);
}


static void
test_central_records_end(void **state)
{
    test_t  *t = *state;

    /* the highest cursor below the last record's: no underflow, no end */
    assert_int_equal(pull(t, &t->central, 5, "{\"maxCursor\":6,\"data\":["
                          "{\"ID\":8,\"tableName\":\"a\"}]}"), MSYNC_OK);
    assert_int_equal(t->batch.next, 8);
    assert_int_equal(t->batch.remaining, 1);
    assert_false(t->batch.last);

    assert_int_equal(pull(t, &t->central, 8, "{\"maxCursor\":8,\"data\":[]}"),
                     MSYNC_OK);
    assert_true(t->batch.last);
    assert_int_equal(t->batch.next, 8);
    assert_int_equal(t->batch.remaining, 0);

    /* nothing came though there is more: one step on */
    assert_int_equal(pull(t, &t->central, 8, "{\"maxCursor\":10}"), MSYNC_OK);
    assert_false(t->batch.last);
    assert_int_equal(t->batch.next, 9);
    assert_int_equal(t->batch.remaining, 2);

    /* a central that was restored is seen by the caller */
    assert_int_equal(pull(t, &t->central, 8, "{\"maxCursor\":3}"), MSYNC_OK);
    assert_true(t->batch.last);
    assert_int_equal(t->batch.max, 3);
    assert_int_equal(t->batch.next, 8);
}


static void
a_number_that_is_none_is_an_error_with_words(void **state)
{
    size_t           i;
    char             body[512];
    test_t          *t = *state;
    msync_v5_site_t  site;

    static const char  *numbers[] = {
        "1e400", "1180591620717411303424", "-1", "1.5", "true", "[]",
        "9223372036854775807"
    };

    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        snprintf(body, sizeof(body), "{\"maxCursor\":%s,\"data\":[]}",
                 numbers[i]);
        assert_failed(pull(t, &t->central, 0, body), t->err,
                      INVALID_RESPONSE, "no whole number");

        snprintf(body, sizeof(body), "{\"maxCursor\":1,\"data\":[{\"ID\":%s,"
                 "\"tableName\":\"x\",\"recordId\":\"A\"}]}", numbers[i]);
        assert_failed(pull(t, &t->central, 0, body), t->err,
                      INVALID_RESPONSE, "no whole number");

        snprintf(body, sizeof(body), "{\"queueLength\":%s,\"data\":[]}",
                 numbers[i]);
        assert_failed(pull(t, &t->remote, 0, body), t->err,
                      INVALID_RESPONSE, "no whole number");

        snprintf(body, sizeof(body), "{\"id\":\"U\",\"siteId\":%s}",
                 numbers[i]);
        server_json(t->c.server, 200, body);
        assert_failed(msync_v5_site(t->v5, &site, &t->err), t->err,
                      INVALID_RESPONSE, "no whole number");
    }
}


static void
test_no_progress(void **state)
{
    test_t  *t = *state;

    assert_failed(pull(t, &t->central, 8, "{\"maxCursor\":9,\"data\":["
                       "{\"ID\":7},{\"ID\":8}]}"), t->err, INVALID_RESPONSE,
                  "makes no progress");

    assert_failed(pull(t, &t->central, 8, "{\"maxCursor\":9,\"data\":[{}]}"),
                  t->err, INVALID_RESPONSE, "makes no progress");
}


static void
test_records_that_cannot_be_acknowledged(void **state)
{
    test_t  *t = *state;

    /* they are stored, and nobody waits for others behind them */
    assert_int_equal(pull(t, &t->remote, 0, "{\"queueLength\":1,\"data\":["
                          "{\"tableName\":\"a\",\"recordId\":\"b\"}]}"),
                     MSYNC_OK);
    assert_int_equal(t->batch.n, 1);
    assert_true(t->batch.last);
    assert_int_equal(t->remote.ack(&t->remote, &t->batch, &t->err), MSYNC_OK);
    assert_int_equal(server_n(t->c.server), 1);
}


static void
test_odd_records_do_not_stop_others(void **state)
{
    size_t           i;
    char             text[4096], id[1100];
    test_t          *t = *state;
    msync_record_t  *r;

    memset(id, 'x', 1025);
    id[1025] = '\0';
    snprintf(text, sizeof(text), "{\"maxCursor\":9,\"data\":[17,{},"
             "{\"ID\":2,\"action\":\"Explode\",\"tableName\":\"t\","
             "\"recordId\":null,\"recordData\":[1]},"
             "{\"ID\":3,\"action\":\"merge\",\"tableName\":null,"
             "\"recordId\":{\"a\":1},\"recordData\":{\"mergeIdToKeep\":1}},"
             "{\"ID\":4,\"action\":7,\"tableName\":\"a\\u0000b\","
             "\"recordId\":\"%s\",\"recordData\":\"text\"},"
             "{\"ID\":5,\"action\":\"Update\",\"tableName\":\"item\","
             "\"recordId\":\"good\",\"recordData\":{\"a\":\"\xff\"}}]}", id);

    assert_int_equal(pull(t, &t->central, 0, text), MSYNC_OK);
    assert_int_equal(t->batch.n, 6);
    r = t->batch.records;

    for (i = 0; i < 5; i++) {
        assert_true(i == 3 || r[i].action == MSYNC_ACTION_UNKNOWN);
        assert_int_equal(strncmp(r[i].id, "(no id) ", 8) == 0, i != 1);
        assert_string_equal(r[i].table, i == 2 ? "t" : "");
    }

    assert_string_equal(r[0].id, "(no id) 4523540f1504cd17");
    assert_string_equal(r[1].id, "");
    assert_string_not_equal(r[2].id, r[4].id);

    assert_string_equal(r[0].data, "17");
    assert_string_equal(r[2].data, "[1]");
    assert_int_equal(r[3].action, MSYNC_ACTION_MERGE);
    assert_string_equal(r[4].data, "\"text\"");
    assert_int_equal(r[5].action, MSYNC_ACTION_UPSERT);
    assert_string_equal(r[5].data, "{\"a\":\"\xef\xbf\xbd\"}");
    assert_int_equal(t->batch.next, 5);
}


static void
test_more_records_than_asked_for(void **state)
{
    int      i;
    char     text[4096];
    test_t  *t = *state;

    strcpy(text, "{\"maxCursor\":99,\"data\":[");

    for (i = 1; i <= 21; i++) {
        sprintf(text + strlen(text), "%s{\"ID\":%d}", i > 1 ? "," : "", i);
    }

    strcat(text, "]}");
    assert_failed(pull(t, &t->central, 0, text), t->err, INVALID_RESPONSE,
                  "far more records than were asked for");
}


static void
test_queued_records_and_acknowledgement(void **state)
{
    test_t  *t = *state;

    assert_int_equal(pull(t, &t->remote, 0, "{\"queueLength\":5,\"data\":["
        "{\"syncOutId\":\"a\\\"1\",\"tableName\":\"item\","
        "\"recordId\":\"A\",\"action\":\"Update\",\"recordData\":{}},"
        "{\"syncOutId\":17,\"tableName\":\"item\",\"recordId\":\"B\","
        "\"action\":\"Delete\"},{\"tableName\":\"unnamed\"}]}"), MSYNC_OK);
    assert_memory_equal(server_request(t->c.server, 0),
                        "GET /sync/v5/queued_records?limit=2 HTTP/1.1\r\n",
                        46);
    assert_int_equal(t->batch.n, 3);
    assert_int_equal(t->batch.remaining, 5);
    assert_false(t->batch.last);
    assert_string_equal(t->batch.records[1].out_id, "17");
    assert_null(t->batch.records[2].out_id);

    server_answer(t->c.server, 204, "", "", 0);
    assert_int_equal(t->remote.ack(&t->remote, &t->batch, &t->err), MSYNC_OK);
    assert_memory_equal(server_request(t->c.server, 1),
                        "POST /sync/v5/acknowledged_records HTTP/1.1\r\n",
                        45);
    assert_string_equal(server_body(t->c.server, 1),
                        "{\"syncIDs\":[\"a\\\"1\",\"17\"]}");

    /* what was acknowledged does not come again */
    assert_failed(pull(t, &t->remote, 0, "{\"queueLength\":5,\"data\":["
                       "{\"syncOutId\":\"a\\\"1\"}]}"), t->err,
                  INVALID_RESPONSE, "makes no progress");

    assert_int_equal(pull(t, &t->remote, 0, "{\"queueLength\":0}"), MSYNC_OK);
    assert_true(t->batch.last);
    assert_int_equal(t->remote.ack(&t->remote, &t->batch, &t->err), MSYNC_OK);
    assert_int_equal(server_n(t->c.server), 4);
    assert_int_equal(t->c.server->requests[3].connection, 0);
}


static void
test_no_progress_behind_a_record_without_a_name(void **state)
{
    test_t      *t = *state;
    const char  *answer = "{\"queueLength\":2,\"data\":["
                          "{\"tableName\":\"unnamed\"},"
                          "{\"syncOutId\":\"2\",\"tableName\":\"item\"}]}";

    assert_int_equal(pull(t, &t->remote, 0, answer), MSYNC_OK);
    assert_false(t->batch.last);

    server_answer(t->c.server, 204, "", "", 0);
    assert_int_equal(t->remote.ack(&t->remote, &t->batch, &t->err), MSYNC_OK);
    assert_string_equal(server_body(t->c.server, 1), "{\"syncIDs\":[\"2\"]}");

    assert_failed(pull(t, &t->remote, 0, answer), t->err, INVALID_RESPONSE,
                  "makes no progress");
}


static void
test_push(void **state)
{
    test_t  *t = *state;

    central_add(&t->batch, "it\"em", "A\n", "{\"n\": 1.10}", 17);
    central_add(&t->batch, "unit", "B", NULL, 18);
    t->batch.remaining = 9;
    server_json(t->c.server, 200, "{\"integrationStarted\":false}");

    assert_int_equal(t->remote.push(&t->remote, &t->batch, &t->err),
                     MSYNC_OK);
    assert_int_equal(server_n(t->c.server), 1);
    assert_memory_equal(server_request(t->c.server, 0),
                        "POST /sync/v5/queued_records HTTP/1.1\r\n", 39);
    assert_string_equal(server_body(t->c.server, 0),
        "{\"queueLength\":9,\"data\":[{\"syncOutId\":\"17\",\"tableName\":"
        "\"it\\\"em\",\"recordId\":\"A\\u000a\",\"action\":\"Update\","
        "\"recordData\":{\"n\": 1.10}},{\"syncOutId\":\"18\",\"tableName\":"
        "\"unit\",\"recordId\":\"B\",\"action\":\"Delete\","
        "\"recordData\":null}]}");
}


static void
test_last_push(void **state)
{
    test_t  *t = *state;

    central_add(&t->batch, "unit", "B", NULL, 18);
    t->batch.remaining = 1;
    t->batch.last = true;
    server_json(t->c.server, 200, "{\"integrationStarted\":false}");
    server_json(t->c.server, 200, "{\"integrationStarted\":true}");
    assert_int_equal(t->remote.push(&t->remote, &t->batch, &t->err),
                     MSYNC_OK);
    assert_string_equal(server_body(t->c.server, 1),
                        "{\"queueLength\":0,\"data\":[]}");

    msync_batch_clear(&t->batch);
    t->batch.last = true;
    server_json(t->c.server, 200, "{\"integrationStarted\":false}");
    assert_failed(t->remote.push(&t->remote, &t->batch, &t->err), t->err,
                  INTEGRATION_ERROR, "did not start to integrate");
    assert_int_equal(t->err.remedy, MSYNC_REMEDY_WAIT);
    assert_string_equal(server_body(t->c.server, 2),
                        "{\"queueLength\":0,\"data\":[]}");
    assert_int_equal(server_n(t->c.server), 3);
}


static void
test_refused_push_is_of_the_records(void **state)
{
    test_t  *t = *state;

    central_add(&t->batch, "unit", "B", NULL, 18);
    server_json(t->c.server, 400, "{\"error\":{\"code\":\"bad_record\","
                "\"message\":\"no such table\"}}");
    assert_failed(t->remote.push(&t->remote, &t->batch, &t->err), t->err,
                  CENTRAL_ERROR, "\"bad_record\": no such table");
    assert_int_equal(t->err.http_status, 400);
    assert_int_not_equal(t->err.scope, MSYNC_SCOPE_RUN);

    server_json(t->c.server, 413, "");
    assert_failed(t->remote.push(&t->remote, &t->batch, &t->err), t->err,
                  HTTP_ERROR, "larger than the server");
    assert_int_equal(t->err.http_status, 413);

    /* of a busy server, whatever its status, nothing is */
    msync_transfer_set_busy(t->c.http, 0);
    server_json(t->c.server, 400, "{\"error\":{\"code\":"
                "\"sync_is_running\",\"message\":\"\"}}");
    assert_failed(t->remote.push(&t->remote, &t->batch, &t->err), t->err,
                  CENTRAL_ERROR, "busy with this site");
    assert_int_equal(t->err.scope, MSYNC_SCOPE_RUN);
}


static void
test_error_codes(void **state)
{
    size_t             i;
    char               body[256];
    test_t            *t = *state;
    msync_v5_site_t    site;

    static const struct {
        int                status;
        const char        *code;
        msync_variant_e    variant;
    } codes[] = {
        { 401, "site_name_not_found", MSYNC_ERR_SITE_NAME_NOT_FOUND },
        { 401, "site_incorrect_password", MSYNC_ERR_INCORRECT_PASSWORD },
        { 401, "site_incorrect_hardware_id",
          MSYNC_ERR_HARDWARE_ID_MISMATCH },
        { 401, "site_has_no_store", MSYNC_ERR_SITE_HAS_NO_STORE },
        { 401, "site_auth_timeout", MSYNC_ERR_SITE_AUTH_TIMEOUT },
        { 409, "api_version_incompatible",
          MSYNC_ERR_API_VERSION_INCOMPATIBLE },
        { 404, "other", MSYNC_ERR_CENTRAL_ERROR },
        { 200, "other", MSYNC_ERR_CENTRAL_ERROR },
    };

    for (i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        snprintf(body, sizeof(body), "{\"error\":{\"code\":\"%s\","
                 "\"message\":\"words of central " HASH "\",\"data\":null}}",
                 codes[i].code);
        server_json(t->c.server, codes[i].status, body);
        assert_int_equal(msync_v5_site(t->v5, &site, &t->err), MSYNC_ERROR);
        assert_int_equal(t->err.variant, codes[i].variant);
        assert_int_equal(t->err.http_status, codes[i].status);
        assert_has(t->err.text, "words of central ***");
        assert_has(t->err.text, "mSupply central");
    }

    /* none of them was asked again */
    assert_int_equal(server_n(t->c.server),
                     sizeof(codes) / sizeof(codes[0]));
}


static void
test_a_central_in_trouble_is_asked_again(void **state)
{
    test_t           *t = *state;
    msync_v5_site_t   site;

    static const char  trouble[] = "{\"error\":{\"code\":\"internal\","
                                   "\"message\":\"out of licences\"}}";

    server_json(t->c.server, 500, trouble);
    server_json(t->c.server, 429, trouble);
    server_json(t->c.server, 200, "{\"id\":\"U\",\"siteId\":3,"
                "\"initialisationStatus\":\"new\"}");
    assert_int_equal(msync_v5_site(t->v5, &site, &t->err), MSYNC_OK);
    msync_v5_site_clear(&site);

    /* a push with a 500 is not: it may be what a record does */
    central_add(&t->batch, "unit", "B", NULL, 18);
    server_json(t->c.server, 500, trouble);
    assert_failed(t->remote.push(&t->remote, &t->batch, &t->err), t->err,
                  CENTRAL_ERROR, "out of licences");
    assert_int_equal(server_n(t->c.server), 4);

    /* nor is any other: whoever pushes asks something small first */
    server_json(t->c.server, 429, trouble);
    assert_failed(t->remote.push(&t->remote, &t->batch, &t->err), t->err,
                  CENTRAL_ERROR, "out of licences");
    assert_int_equal(t->err.http_status, 429);
    assert_int_equal(server_n(t->c.server), 5);
}


static void
test_busy_central_is_waited_for(void **state)
{
    int64_t   n;
    test_t   *t = *state;

    server_json(t->c.server, 503, "{\"error\":{\"code\":"
                "\"sync_is_running\",\"message\":\"\",\"data\":null}}");
    server_json(t->c.server, 503, "{\"error\":{\"code\":"
                "\"sync_is_running\",\"message\":\"\",\"data\":null}}");
    server_json(t->c.server, 200, "{\"queueLength\":1}");

    assert_int_equal(msync_v5_initialise(t->v5, &n, &t->err), MSYNC_OK);
    assert_int_equal(server_n(t->c.server), 3);
}


static void
test_answers_that_are_none(void **state)
{
    size_t             i;
    char               head[128];
    test_t            *t = *state;
    msync_v5_site_t    site;

    static const struct {
        int                status;
        const char        *type;
        const char        *body;
        msync_variant_e    variant;
        const char        *words;
    } cases[] = {
        { 200, "text/html", "<html>sign in</html>",
          MSYNC_ERR_INVALID_RESPONSE, "captive portal" },
        { 200, "text/plain", "  <!DOCTYPE html>",
          MSYNC_ERR_INVALID_RESPONSE, "captive portal" },
        { 200, "application/json", "", MSYNC_ERR_INVALID_RESPONSE,
          "answered with nothing" },
        { 200, "application/json", "{\"id\":\"U\",\"siteId\":",
          MSYNC_ERR_INVALID_RESPONSE, "is cut off: after 19 octets" },
        { 200, "application/json", "{\"id\":\"U\" \"siteId\":1}",
          MSYNC_ERR_INVALID_RESPONSE, "\",\" is missing, at octet 10 of 21" },
        { 200, "application/json", "[]", MSYNC_ERR_INVALID_RESPONSE,
          "Something else came in place of the data of mSupply central; it "
          "begins with \"[]\"" },
        { 200, "text/plain", "\xef\xbb\xbf Sesi\xc3\xb3n caducada\r\nab",
          MSYNC_ERR_INVALID_RESPONSE,
          "begins with \"Sesi\xc3\xb3n caducada\"" },
        { 200, "text/plain", "ok\x80\xff", MSYNC_ERR_INVALID_RESPONSE,
          "Octets that are no text" },
        { 200, "application/json", "\x01{}", MSYNC_ERR_INVALID_RESPONSE,
          "Octets that are no text" },
        { 404, "text/html", "<html>", MSYNC_ERR_HTTP_ERROR,
          "no synchronisation service at this address" },
        { 403, "text/plain", "go\naway", MSYNC_ERR_HTTP_ERROR,
          "(\"go?away\")" },
        { 511, "text/html", "<html>", MSYNC_ERR_HTTP_ERROR,
          "wants a sign-in first" },
        { 418, "application/json", "{\"error\":\"teapot\"}",
          MSYNC_ERR_HTTP_ERROR, "HTTP status 418 (\"{\"error\"" },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(head, sizeof(head), "Content-Type: %s\r\n", cases[i].type);

        server_answer(t->c.server, cases[i].status, head, cases[i].body, 0);

        assert_int_equal(msync_v5_site(t->v5, &site, &t->err), MSYNC_ERROR);

        if (t->err.variant != cases[i].variant
            || strstr(t->err.text, cases[i].words) == NULL)
        {
            fail_msg("%zu: %s (%s)", i, t->err.text,
                     msync_err_variant(t->err.variant));
        }
    }

    assert_failed(pull(t, &t->central, 0, "{\"foo\":1}"), t->err,
                  INVALID_RESPONSE, "lacks \"data\"");
    assert_failed(pull(t, &t->central, 0, "{\"data\":{}}"), t->err,
                  INVALID_RESPONSE, "an array is missing");
}


#define EACH(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest  tests[] = {
        EACH(test_site),
        EACH(test_site_with_little_in_it),
        EACH(test_initialise),
        EACH(test_site_status),
        EACH(test_central_records),
        EACH(test_central_records_end),
        EACH(a_number_that_is_none_is_an_error_with_words),
        EACH(test_no_progress),
        EACH(test_records_that_cannot_be_acknowledged),
        EACH(test_odd_records_do_not_stop_others),
        EACH(test_more_records_than_asked_for),
        EACH(test_queued_records_and_acknowledgement),
        EACH(test_no_progress_behind_a_record_without_a_name),
        EACH(test_push),
        EACH(test_last_push),
        EACH(test_refused_push_is_of_the_records),
        EACH(test_error_codes),
        EACH(test_a_central_in_trouble_is_asked_again),
        EACH(test_busy_central_is_waited_for),
        EACH(test_answers_that_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
