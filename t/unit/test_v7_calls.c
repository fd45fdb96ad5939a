/*
 * API v7 against a scripted server: the octets of each call, the life of the
 * token, and what is made of each answer.
 */

#include "v7_site.h"


/* ---- the token ---- */

static void
a_site_without_a_token_asks_for_one_and_has_it_stored_first(void **state)
{
    bool         busy;
    test_t      *t = *state;
    const char  *request;

    reopen(t, NULL, true);
    say(t, GIVEN(TOKEN));
    say(t, STATUS);
    assert_int_equal(ask(t, &busy), MSYNC_OK);
    assert_false(busy);

    request = server_request(t->c.server, 0);
    assert_memory_equal(request, "POST /central/sync_v7/get_token HTTP/1.1\r\n",
                        42);
    assert_lacks(request, "Authorization");
    assert_string_equal(server_body(t->c.server, 0), IDENTITY);

    request = server_request(t->c.server, 1);
    assert_memory_equal(request,
                        "POST /central/sync_v7/site_status HTTP/1.1\r\n", 44);
    assert_has(request, "\r\nAuthorization: Bearer " TOKEN "\r\n");
    assert_has(request, "\r\nhardware-id: " HWID "\r\n");
    assert_has(request, "\r\napp-version: 3.0.0\r\n");
    assert_has(request, "\r\nContent-Type: application/json\r\n");
    assert_string_equal(server_body(t->c.server, 1), "null");

    assert_int_equal(t->asked, 1);
    assert_int_equal(t->refused, 0);
    assert_string_equal(t->given, TOKEN);
    assert_int_equal(t->requests, 1);
    assert_int_equal(msync_v7_site(t->v7)->site_id, 7);
    assert_int_equal(msync_v7_site(t->v7)->central_site_id, 10);
}


static void
an_address_with_a_path_keeps_all_of_it(void **state)
{
    bool     busy;
    test_t  *t = *state;

    strcat(t->c.url, "/om/site7");
    reopen(t, TOKEN, true);
    say(t, STATUS);
    assert_int_equal(ask(t, &busy), MSYNC_OK);
    assert_memory_equal(server_request(t->c.server, 0),
                        "POST /om/site7/central/sync_v7/site_status HTTP/1.1",
                        51);
}


static void
a_lost_answer_to_get_token_is_not_asked_for_again(void **state)
{
    bool     busy;
    test_t  *t = *state;

    reopen(t, NULL, true);
    server_say(t->c.server, "", 0, SERVER_CLOSE);
    assert_failed(ask(t, &busy), t->err, CONNECTION_ERROR, "token");
    assert_int_equal(server_n(t->c.server), 1);
    assert_int_equal(t->asked, 1);
    assert_int_equal(t->refused, 0);
}


/* with whatever comes behind it, and of whatever the line was cut by */

static void
a_token_that_came_before_the_line_broke_is_kept(void **state)
{
    size_t   i;
    bool     busy;
    char     text[256];
    test_t  *t = *state;

    static const char *const  torn[] = {
        "Content-Length: 500\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\nff\r\n"
    };

    for (i = 0; i < sizeof(torn) / sizeof(*torn); i++) {
        reopen(t, NULL, true);
        snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\n%s{\"Ok\":{\"siteId\":"
                 "7,\"centralSiteId\":10,\"token\":\"" TOKEN "\"%s", torn[i],
                 i == 0 ? "}}" : "");
        server_say(t->c.server, text, strlen(text), SERVER_CLOSE);
        say(t, STATUS);
        assert_int_equal(ask(t, &busy), MSYNC_OK);
        assert_string_equal(t->given, TOKEN);
        assert_int_equal(msync_v7_site(t->v7)->site_id, 7);
    }

    assert_int_equal(server_n(t->c.server), 2 * i);
}


/* a hook: once the server has a request */

static int
cancel(void *data, msync_err_t *err)
{
    test_t  *t = data;

    return server_n(t->c.server) == 0 ? MSYNC_OK
           : msync_err_set(err, MSYNC_ERR_CANCELLED, "cancelled by the test");
}


/* while a pause keeps the rate, behind the whole answer */

static void
a_token_that_came_before_a_cancel_is_kept(void **state)
{
    bool         busy;
    char         text[256];
    test_t      *t = *state;
    central_t   *c = &t->c;

    c->conf->limit_rate = 10000;
    c->server->bell = eventfd(0, EFD_CLOEXEC);
    msync_transfer_free(&c->http);
    c->http = msync_transfer_create(c->conf, HWID, c->server->bell, cancel,
                                    t, &t->err);
    reopen(t, NULL, true);

    snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n"
             "\r\n%s", sizeof(GIVEN(TOKEN)) - 1, GIVEN(TOKEN));
    server_say(c->server, text, strlen(text), SERVER_HOLD);
    assert_failed(ask(t, &busy), t->err, CANCELLED, "by the test");
    assert_string_equal(t->given, TOKEN);
    close(c->server->bell);
}


static void
half_a_token_is_none(void **state)
{
    bool     busy;
    test_t  *t = *state;

    static const char  torn[] = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n"
                                "\r\n{\"Ok\":{\"token\":\"01a0";

    reopen(t, NULL, true);
    server_say(t->c.server, torn, sizeof(torn) - 1, SERVER_CLOSE);
    assert_failed(ask(t, &busy), t->err, CONNECTION_ERROR,
                  "token of this site: The connection");
    assert_int_equal(t->refused, 0);
}


static void
a_status_of_a_proxy_does_not_say_that_no_token_was_given(void **state)
{
    bool     busy;
    test_t  *t = *state;

    reopen(t, NULL, true);
    server_answer(t->c.server, 504, "", "gateway", 0);
    assert_failed(ask(t, &busy), t->err, HTTP_ERROR, "504");
    assert_int_equal(server_n(t->c.server), 1);
    assert_int_equal(t->refused, 0);

    say(t, "{\"Err\":\"InvalidSiteNameOrPassword\"}");
    assert_failed(ask(t, &busy), t->err, INVALID_SITE_NAME_OR_PASSWORD,
                  "name and password");
    assert_int_equal(t->refused, 1);
}


static void
a_token_that_was_wiped_is_replaced_and_the_call_goes_on(void **state)
{
    test_t  *t = *state;

    say(t, "{\"Err\":\"TokenNotFound\"}");
    say(t, GIVEN(OTHER));
    say(t, "{\"Ok\":{\"siteId\":10,\"lastCursorInBatch\":9,\"remaining\":0,"
           "\"maxCursor\":9,\"records\":[]}}");
    assert_int_equal(pull(t, 9), MSYNC_OK);

    assert_string_equal(t->given, OTHER);
    assert_has(server_request(t->c.server, 2), "Bearer " OTHER "\r\n");
    assert_memory_equal(server_request(t->c.server, 2),
                        "POST /central/sync_v7/pull ", 27);
    assert_string_equal(server_body(t->c.server, 0),
                        server_body(t->c.server, 2));
}


static void
a_token_that_is_not_known_twice_is_an_error(void **state)
{
    bool     busy;
    test_t  *t = *state;

    say(t, "{\"Err\":\"TokenNotFound\"}");
    say(t, GIVEN(OTHER));
    say(t, "{\"Err\":\"TokenNotFound\"}");
    assert_failed(ask(t, &busy), t->err, TOKEN_NOT_FOUND, "token");
    assert_int_equal(server_n(t->c.server), 3);
}


static void
get_token_makes_a_site_one_of_v7_whatever_it_says_of_the_token(void **state)
{
    bool     busy;
    test_t  *t = *state;

    say(t, "{\"Err\":\"SiteIsNotV7\"}");
    say(t, "{\"Err\":\"TokenAlreadyAllocated\"}");
    say(t, STATUS);
    assert_int_equal(ask(t, &busy), MSYNC_OK);
    assert_has(server_request(t->c.server, 2), "Bearer " TOKEN "\r\n");

    say(t, "{\"Err\":\"SiteIsNotV7\"}");
    assert_failed(ask(t, &busy), t->err, SITE_IS_NOT_V7, "sync v7");
    assert_int_equal(server_n(t->c.server), 4);
}


static void
a_token_that_no_header_can_hold_is_none(void **state)
{
    bool     busy;
    test_t  *t = *state;

    reopen(t, NULL, true);
    say(t, "{\"Ok\":{\"token\":\"a\\r\\nX: y\",\"siteId\":7,"
           "\"centralSiteId\":10}}");
    assert_failed(ask(t, &busy), t->err, INVALID_RESPONSE, "token");
    assert_string_equal(t->given, "");
}


static void
a_token_that_a_server_repeats_is_not_in_the_error(void **state)
{
    bool     busy;
    test_t  *t = *state;

    say(t, "{\"Err\":{\"Other\":\"what is " TOKEN "?\"}}");
    assert_failed(ask(t, &busy), t->err, CENTRAL_ERROR, "what is **");
    assert_lacks(t->err.text, TOKEN);
}


static void
whether_v7_is_spoken_is_found_out_without_saying_who_asks(void **state)
{
    bool     spoken;
    test_t  *t = *state;

    say(t, "{\"Err\":{\"MissingAuthHeader\":\"missing or incorrect "
           "Authorization header\"}}");
    assert_int_equal(msync_v7_is_spoken(t->c.http, t->c.url, &spoken,
                                        &t->err), MSYNC_OK);
    assert_true(spoken);
    assert_lacks(server_request(t->c.server, 0), "uthorization");
    assert_lacks(server_request(t->c.server, 0), HWID);
    assert_lacks(server_request(t->c.server, 0), "Clinic");
    assert_int_equal(t->asked, 0);

    server_answer(t->c.server, 404, "", "", 0);
    assert_int_equal(msync_v7_is_spoken(t->c.http, t->c.url, &spoken,
                                        &t->err), MSYNC_OK);
    assert_false(spoken);

    server_answer(t->c.server, 405, "", "Method only allowed on central "
                  "server.", 0);
    assert_int_equal(msync_v7_is_spoken(t->c.http, t->c.url, &spoken,
                                        &t->err), MSYNC_OK);
    assert_false(spoken);
    assert_int_equal(t->err.variant, MSYNC_ERR_NOT_A_CENTRAL_SERVER);
}


/* ---- push ---- */

static void
status(test_t *t)
{
    bool  busy;

    say(t, STATUS);
    assert_int_equal(ask(t, &busy), MSYNC_OK);
}


static void
a_push_has_the_envelope_of_v7(void **state)
{
    test_t          *t = *state;
    msync_record_t  *record;

    status(t);
    record = central_add(&t->batch, "transact", "T1", "{\"id\":\"T1\"}", 12);
    record->store = msync_strdup("S");
    record->transfer_store = msync_strdup("O");
    record->patient = msync_strdup("P\"");
    central_add(&t->batch, "transact", "T2", NULL, 15);
    t->batch.next = 16;
    t->batch.remaining = 5;

    say(t, "{\"Ok\":2}");
    assert_int_equal(t->peer.push(&t->peer, &t->batch, &t->err), MSYNC_OK);
    assert_memory_equal(server_request(t->c.server, 1),
                        "POST /central/sync_v7/push ", 27);
    assert_string_equal(server_body(t->c.server, 1),
        "{\"siteId\":7,\"lastCursorInBatch\":15,\"remaining\":3,"
        "\"maxCursor\":18,\"records\":[{\"cursor\":12,\"recordId\":\"T1\","
        "\"tableName\":\"Invoice\",\"action\":\"Upsert\",\"data\":"
        "{\"id\":\"T1\"},\"storeId\":\"S\",\"transferStoreId\":\"O\","
        "\"patientId\":\"P\\\"\"},{\"cursor\":15,\"recordId\":\"T2\","
        "\"tableName\":\"Invoice\",\"action\":\"Delete\",\"data\":null,"
        "\"storeId\":null,\"transferStoreId\":null,\"patientId\":null}]}");
}


static void
only_the_last_batch_says_that_nothing_remains(void **state)
{
    test_t  *t = *state;

    status(t);
    t->batch.next = 16;
    say(t, "{\"Ok\":0}");
    assert_int_equal(t->peer.push(&t->peer, &t->batch, &t->err), MSYNC_OK);
    assert_has(server_body(t->c.server, 1), "\"remaining\":1,");

    t->batch.last = true;
    say(t, "{\"Ok\":0}");
    assert_int_equal(t->peer.push(&t->peer, &t->batch, &t->err), MSYNC_OK);
    assert_string_equal(server_body(t->c.server, 2),
        "{\"siteId\":7,\"lastCursorInBatch\":15,\"remaining\":0,"
        "\"maxCursor\":15,\"records\":[]}");
}


static void
what_central_cannot_read_may_be_one_record(void **state)
{
    size_t   i;
    test_t  *t = *state;

    static const int  statuses[] = { 400, 413 };

    status(t);
    central_add(&t->batch, "transact", "T1", NULL, 1);

    for (i = 0; i < 2; i++) {
        server_answer(t->c.server, statuses[i], "", "Json deserialize error",
                      0);
        assert_failed(t->peer.push(&t->peer, &t->batch, &t->err), t->err,
                      HTTP_ERROR, i ? "413" : "400");
        assert_int_equal(t->err.http_status, statuses[i]);
    }
}


/* ---- pull ---- */

static void
a_pull_goes_on_behind_the_end_that_central_has_read(void **state)
{
    test_t          *t = *state;
    msync_record_t  *r;

    say(t, "{\"Ok\":{\"siteId\":10,\"lastCursorInBatch\":183,"
        "\"remaining\":1699,\"maxCursor\":1882,\"records\":["
        "{\"cursor\":150,\"recordId\":\"T1\",\"tableName\":\"Invoice\","
        "\"action\":\"Upsert\",\"data\":{\"n\": 1.10},\"storeId\":\"S\","
        "\"transferStoreId\":\"O\",\"patientId\":null},"
        "{\"cursor\":180,\"recordId\":\"x\",\"tableName\":\"OfTomorrow\","
        "\"action\":\"Delete\",\"data\":null,\"storeId\":null,"
        "\"transferStoreId\":null,\"patientId\":\"P\"},5]}}");
    assert_int_equal(pull(t, 100), MSYNC_OK);
    assert_string_equal(server_body(t->c.server, 0),
                        "{\"cursor\":100,\"batchSize\":500,"
                        "\"isInitialising\":false}");

    assert_int_equal(t->batch.n, 3);
    r = t->batch.records;
    assert_string_equal(r[0].table, "transact");
    assert_string_equal(r[0].id, "T1");
    assert_int_equal(r[0].action, MSYNC_ACTION_UPSERT);
    assert_string_equal(r[0].data, "{\"n\": 1.10}");
    assert_string_equal(r[0].store, "S");
    assert_string_equal(r[0].transfer_store, "O");
    assert_null(r[0].patient);
    assert_string_equal(r[1].table, "OfTomorrow");
    assert_int_equal(r[1].action, MSYNC_ACTION_DELETE);
    assert_null(r[1].data);
    assert_string_equal(r[1].patient, "P");
    assert_string_equal(r[2].table, "");
    assert_string_equal(r[2].data, "5");

    /* distances of cursors, not numbers of records */
    assert_int_equal(t->batch.had, 183);
    assert_int_equal(t->batch.next, 183);
    assert_int_equal(t->batch.passed, 83);
    assert_int_equal(t->batch.remaining, 1782);
    assert_int_equal(t->batch.max, 1882);
    assert_false(t->batch.last);
}


static void
the_end_is_where_nothing_remains(void **state)
{
    test_t  *t = *state;

    reopen(t, TOKEN, false);
    say(t, "{\"Ok\":{\"siteId\":10,\"lastCursorInBatch\":1882,"
        "\"remaining\":0,\"maxCursor\":1882,\"records\":["
        "{\"cursor\":1890,\"recordId\":\"x\",\"tableName\":\"Invoice\","
        "\"action\":\"Upsert\",\"data\":{}}]}}");
    assert_int_equal(pull(t, 1800), MSYNC_OK);
    assert_has(server_body(t->c.server, 0), "\"isInitialising\":true}");
    assert_true(t->batch.last);
    assert_int_equal(t->batch.had, 1890);
    assert_false(t->batch.short_of);

    /* a cursor beyond the end: central was put back */
    say(t, "{\"Ok\":{\"siteId\":10,\"lastCursorInBatch\":1882,"
        "\"remaining\":0,\"maxCursor\":1882,\"records\":[]}}");
    assert_int_equal(pull(t, 5000), MSYNC_OK);
    assert_true(t->batch.last);
    assert_true(t->batch.short_of);
    assert_int_equal(t->batch.had, 5000);
    assert_int_equal(t->batch.max, 1882);
}


static void
a_pull_that_makes_no_progress_ends(void **state)
{
    test_t  *t = *state;

    say(t, "{\"Ok\":{\"siteId\":10,\"lastCursorInBatch\":50,"
        "\"remaining\":9,\"maxCursor\":59,\"records\":[]}}");
    assert_failed(pull(t, 50), t->err, INVALID_RESPONSE, "no progress");

    say(t, "{\"Ok\":{\"siteId\":10,\"remaining\":9,\"records\":[]}}");
    assert_failed(pull(t, 50), t->err, INVALID_RESPONSE, "lastCursorInBatch");

    say(t, "{\"Ok\":{\"siteId\":10,\"lastCursorInBatch\":50,"
        "\"records\":[]}}");
    assert_failed(pull(t, 50), t->err, INVALID_RESPONSE, "remaining");
}


static void
a_row_that_central_cannot_read_is_told_with_the_cursor(void **state)
{
    test_t  *t = *state;

    say(t, "{\"Err\":{\"DatabaseError\":{\"DBError\":{\"msg\":"
        "\"DIESEL_DESERIALIZATION_ERROR\",\"extra\":"
        "\"UnexpectedNullError\"}}}}");
    assert_failed(pull(t, 4711), t->err, CENTRAL_DATABASE_ERROR,
                  "behind the cursor 4711");
    assert_has(t->err.text, "DIESEL_DESERIALIZATION_ERROR");
    assert_int_equal(t->err.scope, MSYNC_SCOPE_RECORD);
}


/* ---- one patient ---- */

static void
the_records_of_a_patient_come_in_one_batch(void **state)
{
    test_t              *t = *state;
    msync_peer_t         peer;
    msync_v7_patient_t   patient = { t->v7, "P", "S", "J" };

    msync_v7_patient_peer(&patient, &peer);
    assert_null(peer.pull_cursor);
    say(t, "{\"Ok\":{\"siteId\":10,\"lastCursorInBatch\":1883,"
        "\"remaining\":0,\"maxCursor\":1883,\"records\":["
        "{\"cursor\":297,\"recordId\":\"T\",\"tableName\":\"Invoice\","
        "\"action\":\"Upsert\",\"data\":{},\"storeId\":null,"
        "\"transferStoreId\":null,\"patientId\":\"P\"}],"
        "\"nameStoreJoinId\":\"J\"}}");
    assert_int_equal(peer.pull(&peer, 0, 0, 1, &t->batch, &t->err), MSYNC_OK);
    assert_memory_equal(server_request(t->c.server, 0),
                        "POST /central/sync_v7/patient_data_for_site ", 44);
    assert_string_equal(server_body(t->c.server, 0),
                        "{\"patientId\":\"P\",\"storeId\":\"S\","
                        "\"nameStoreJoinId\":\"J\"}");
    assert_int_equal(t->batch.n, 1);
    assert_int_equal(t->batch.had, 0);
    assert_int_equal(t->batch.remaining, 1);
    assert_int_equal(t->batch.max, -1);
    assert_true(t->batch.last);
}


static void
patients_are_looked_for_by_what_was_asked(void **state)
{
    bool                more;
    size_t              i, n;
    test_t             *t = *state;
    msync_v7_found_t    found[MSYNC_V7_FOUND_MAX];
    msync_v7_wanted_t   wanted = { .last = "Ape\"", .born = "1991-02-03",
                                   .first = "" };

    say(t, "{\"Ok\":[{\"ID\":\"p1\",\"name\":\"A, B\",\"phone\":\"\","
        "\"email\":\"\",\"code\":\"PAT1\",\"last\":\"A\",\"first\":\"B\","
        "\"date_of_birth\":\"1991-02-03\"},{\"ID\":\"p2\","
        "\"date_of_birth\":null}]}");
    assert_int_equal(msync_v7_search(t->v7, &wanted, found, &n, &more,
                                     &t->err), MSYNC_OK);
    assert_string_equal(server_body(t->c.server, 0),
                        "{\"last_name\":{\"like\":\"Ape\\\"\"},"
                        "\"date_of_birth\":{\"equal_to\":\"1991-02-03\"}}");
    assert_int_equal(n, 2);
    assert_false(more);
    assert_string_equal(found[0].texts[MSYNC_V7_FOUND_ID], "p1");
    assert_string_equal(found[0].texts[MSYNC_V7_FOUND_CODE], "PAT1");
    assert_string_equal(found[0].texts[MSYNC_V7_FOUND_BORN], "1991-02-03");
    assert_string_equal(found[1].texts[MSYNC_V7_FOUND_ID], "p2");
    assert_string_equal(found[1].texts[MSYNC_V7_FOUND_BORN], "");

    for (i = 0; i < n; i++) {
        msync_v7_found_clear(&found[i]);
    }
}


static void
a_cursor_that_is_none_is_an_error_with_words(void **state)
{
    bool     busy;
    size_t   i, k;
    char     body[512];
    test_t  *t = *state;

    static const char  *numbers[] = {
        "1e400", "1180591620717411303424", "-1", "1.5", "true", "\"x\"", "\"\"",
        "[]", "{}", "9223372036854775807"
    };
    static const char  *answers[] = {
        "{\"Ok\":{\"siteId\":10,\"lastCursorInBatch\":%s,\"remaining\":0,"
        "\"maxCursor\":9,\"records\":[]}}",
        "{\"Ok\":{\"siteId\":10,\"lastCursorInBatch\":9,\"remaining\":%s,"
        "\"maxCursor\":9,\"records\":[]}}",
        "{\"Ok\":{\"siteId\":10,\"lastCursorInBatch\":9,\"remaining\":0,"
        "\"maxCursor\":%s,\"records\":[]}}",
        "{\"Ok\":{\"siteId\":10,\"lastCursorInBatch\":9,\"remaining\":0,"
        "\"maxCursor\":9,\"records\":[{\"cursor\":%s,\"tableName\":\"x\","
        "\"recordId\":\"A\",\"action\":\"upsert\",\"recordData\":{}}]}}"
    };

    for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        for (k = 0; k < sizeof(answers) / sizeof(answers[0]); k++) {
            snprintf(body, sizeof(body), answers[k], numbers[i]);
            say(t, body);
            assert_failed(pull(t, 0), t->err, INVALID_RESPONSE,
                          "a cursor or a count that is no whole number");
        }

        snprintf(body, sizeof(body), "{\"Ok\":%s}", numbers[i]);
        say(t, body);
        msync_batch_clear(&t->batch);
        central_add(&t->batch, "unit", "U", "{}", 1);
        t->batch.last = true;
        assert_failed(t->peer.push(&t->peer, &t->batch, &t->err), t->err,
                      INVALID_RESPONSE, "");

        snprintf(body, sizeof(body), "{\"Ok\":{\"siteId\":%s,"
                 "\"centralSiteId\":10}}", numbers[i]);
        say(t, body);
        assert_failed(ask(t, &busy), t->err, INVALID_RESPONSE,
                      "no whole number");
    }
}


#define EACH(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest  tests[] = {
        EACH(a_site_without_a_token_asks_for_one_and_has_it_stored_first),
        EACH(an_address_with_a_path_keeps_all_of_it),
        EACH(a_lost_answer_to_get_token_is_not_asked_for_again),
        EACH(a_token_that_came_before_the_line_broke_is_kept),
        EACH(a_token_that_came_before_a_cancel_is_kept),
        EACH(half_a_token_is_none),
        EACH(a_status_of_a_proxy_does_not_say_that_no_token_was_given),
        EACH(a_token_that_was_wiped_is_replaced_and_the_call_goes_on),
        EACH(a_token_that_is_not_known_twice_is_an_error),
        EACH(get_token_makes_a_site_one_of_v7_whatever_it_says_of_the_token),
        EACH(a_token_that_no_header_can_hold_is_none),
        EACH(a_token_that_a_server_repeats_is_not_in_the_error),
        EACH(whether_v7_is_spoken_is_found_out_without_saying_who_asks),
        EACH(a_push_has_the_envelope_of_v7),
        EACH(only_the_last_batch_says_that_nothing_remains),
        EACH(what_central_cannot_read_may_be_one_record),
        EACH(a_pull_goes_on_behind_the_end_that_central_has_read),
        EACH(the_end_is_where_nothing_remains),
        EACH(a_pull_that_makes_no_progress_ends),
        EACH(a_row_that_central_cannot_read_is_told_with_the_cursor),
        EACH(a_cursor_that_is_none_is_an_error_with_words),
        EACH(the_records_of_a_patient_come_in_one_batch),
        EACH(patients_are_looked_for_by_what_was_asked)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
