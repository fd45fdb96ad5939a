/*
 * Settings from the page: what is made of a body, how long central is waited
 * for, and what is saved.
 */

#include "site.h"

#include "server.h"
#include "serve/settings_private.h"
#include "base/clock.h"


#define WHOLE  "\"username\":\"Clinic 7\",\"password\":\"secret\""

typedef struct {
    site_t            *site;
    server_t          *server;
    msync_conf_t      *conf;
    msync_settings_t   settings;
    char               body[65536];
    char              *reply;
} test_t;

static const char  good[] =
    "{\"id\":\"5\",\"siteId\":7,\"code\":\"c\",\"name\":\"Clinic 7\","
    "\"initialisationStatus\":\"completed\",\"omSupplyCentralServerUrl\":"
    "\"http://127.0.0.1\",\"isOmSupplyCentralServer\":false,"
    "\"mSupplyCentralSiteId\":1}";


static int
setup(void **state)
{
    void    *site;
    test_t  *t;

    t = calloc(1, sizeof(*t));
    site_open(&site);
    t->site = site;
    t->server = server_start();
    t->conf = msync_conf_create();
    t->settings.store = t->site->store;
    t->settings.conf = t->conf;
    t->settings.hardware_id = "01234567-89ab-4cde-8f01-23456789abcd";
    t->settings.came = msync_clock_monotonic();
    t->settings.fd = -1;
    *state = t;

    return 0;
}


static int
teardown(void **state)
{
    void    *site;
    test_t  *t = *state;

    site = t->site;
    free(t->reply);
    server_stop(t->server);
    msync_conf_free(&t->conf);
    free(t);

    return site_close(&site);
}


/* the HTTP status of the answer; `members` follow the server's address */

static int
ask(test_t *t, msync_request_e request, const char *members)
{
    (void) snprintf(t->body, sizeof(t->body),
                    "{\"url\":\"http://127.0.0.1:%u\",%s}", t->server->port,
                    members);
    msync_free(&t->reply);

    return msync_settings_answer(&t->settings, request, t->body,
                                 strlen(t->body), &t->reply);
}


static void
nothing_is_saved(test_t *t)
{
    assert_string_equal(site_get(t->site, "SELECT count(*) FROM "
        "key_value_store WHERE id LIKE 'SETTINGS_SYNC_%' AND id NOT IN "
        "('SETTINGS_SYNC_SITE_ID')"), "0");
}


static void
good_ones_are_saved(void **state)
{
    test_t  *t = *state;

    server_json(t->server, 200, good);
    assert_int_equal(ask(t, MSYNC_REQUEST_INITIALISE, WHOLE), 202);
    assert_string_equal(site_get(t->site, "SELECT value_string FROM "
        "key_value_store WHERE id = 'SETTINGS_SYNC_USERNAME'"), "Clinic 7");
}


/* the server is the proxy, and nothing listens at the address */

static void
central_is_asked_by_way_of_the_proxy(void **state)
{
    test_t  *t = *state;

    (void) snprintf(t->body, sizeof(t->body), "http://127.0.0.1:%u",
                    t->server->port);
    t->conf->proxy = msync_strdup(t->body);
    server_json(t->server, 200, good);

    strcpy(t->body, "{\"url\":\"http://127.0.0.1:1\"," WHOLE "}");
    assert_int_equal(msync_settings_answer(&t->settings, MSYNC_REQUEST_TEST,
                                           t->body, strlen(t->body),
                                           &t->reply), 200);
    assert_non_null(strstr(t->reply, "\"siteId\":7"));
}


/* once the request has arrived, nobody waits for it any more */

static int
time_passes(void *data, msync_err_t *err)
{
    test_t    *t = data;
    uint64_t   rung;

    (void) err;

    if (read(t->server->bell, &rung, sizeof(rung)) == sizeof(rung)) {
        t->settings.came -= MSYNC_SETTINGS_LATE;
    }

    return MSYNC_OK;
}


static void
a_central_that_does_not_come_to_an_end(void **state)
{
    size_t   i;
    test_t  *t = *state;

    static const char *const  said[] = {
        "", "HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n{\"id\":"
    };

    t->server->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    t->settings.fd = t->server->bell;
    t->settings.hook = time_passes;
    t->settings.hook_data = t;

    for (i = 0; i < sizeof(said) / sizeof(*said); i++) {
        t->settings.came = msync_clock_monotonic();
        server_say(t->server, said[i], strlen(said[i]), SERVER_HOLD);
        assert_int_equal(ask(t, MSYNC_REQUEST_INITIALISE, WHOLE), 504);
        assert_non_null(strstr(t->reply, "\"TIMEOUT\""));
        assert_int_equal(server_n(t->server), i + 1);
    }

    nothing_is_saved(t);
    close(t->server->bell);
}


static void
a_busy_central_is_told_at_once(void **state)
{
    size_t   i;
    test_t  *t = *state;

    for (i = 0; i < 3; i++) {
        server_json(t->server, 409, "{\"error\":{\"code\":\"sync_is_running\","
                    "\"message\":\"m\"}}");
    }

    assert_int_equal(ask(t, MSYNC_REQUEST_SETTINGS, WHOLE), 422);
    assert_non_null(strstr(t->reply, "busy"));
    assert_int_equal(server_n(t->server), 1);
    nothing_is_saved(t);
}


static void
one_that_nobody_waits_for_is_not_asked_about(void **state)
{
    test_t  *t = *state;

    t->settings.came = msync_clock_monotonic() - MSYNC_SETTINGS_LATE;
    server_json(t->server, 200, good);
    assert_int_equal(ask(t, MSYNC_REQUEST_SETTINGS, WHOLE), 504);
    assert_non_null(strstr(t->reply, "\"TIMEOUT\""));
    assert_null(strstr(t->body, "secret"));

    assert_int_equal(server_n(t->server), 0);
    nothing_is_saved(t);
}


/* the application is done when nobody waits for the answer any more */

static int
lock_ends_late(void *data, msync_err_t *err)
{
    test_t  *t = data;

    (void) err;

    if (!sqlite3_get_autocommit(t->site->app)) {
        t->settings.came -= MSYNC_SETTINGS_LATE;
        site_sql(t->site, "ROLLBACK");
    }

    return MSYNC_OK;
}


static void
nothing_is_saved_once_nobody_waits(void **state)
{
    test_t  *t = *state;

    msync_store_set_hook(t->site->store, lock_ends_late, t);
    site_sql(t->site, "BEGIN IMMEDIATE");
    server_json(t->server, 200, good);
    assert_int_equal(ask(t, MSYNC_REQUEST_INITIALISE, WHOLE), 504);
    assert_non_null(strstr(t->reply, "\"TIMEOUT\""));
    nothing_is_saved(t);
    assert_string_equal(site_get(t->site, "SELECT value_string FROM "
        "key_value_store WHERE id = 'MSYNC_SITE'"), "new");
}


/* the HTTP status of an answer to this body, whole and with what follows it */

static int
ask_octets(test_t *t, const char *body, size_t length)
{
    memcpy(t->body, body, length);
    msync_free(&t->reply);

    return msync_settings_answer(&t->settings, MSYNC_REQUEST_SETTINGS,
                                 t->body, length, &t->reply);
}


static void
a_body_is_json_to_its_end(void **state)
{
    size_t   i;
    test_t  *t = *state;

#define BODY(text)  { text, sizeof(text) - 1 }

    static const struct {
        const char  *text;
        size_t       length;
    } bodies[] = {
        BODY("{}x"), BODY("{}{}"), BODY("{}\0"), BODY("\0{}"), BODY("{"),
        BODY("{\"\xff\":1}"), BODY("{\"intervalSeconds\":60,}"),
        BODY("{\"username\":\"a\xff\xfe" "b\"}"),
        BODY("{\"intervalSeconds\":60}{}")
    };

    for (i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
        if (ask_octets(t, bodies[i].text, bodies[i].length) != 400
            || strstr(t->reply, "not a JSON object") == NULL)
        {
            fail_msg("%s: %s", bodies[i].text, t->reply);
        }
    }

    nothing_is_saved(t);
    assert_int_equal(ask_octets(t, "{} \r\n", 5), 200);
}


static void
a_text_is_what_was_meant_or_blamed(void **state)
{
    size_t   i;
    char     members[256];
    test_t  *t = *state;

    static const struct {
        const char  *field;
        const char  *value;
    } cases[] = {
        { "password", "sec\\u0000ret" }, { "password", "\\ud800" },
        { "username", "a\\u0000b" }, { "username", "a\\nb" },
        { "username", "a\\u001b[2J" }, { "username", "a\\u007f" },
        { "username", "\\udc00" }, { "username", "" }, { "username", "a:b" },
        { "url", "http://127.0.0.1\\u0000.example.org" },
        { "url", "http://127.0.0.1/\\u0001" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        (void) snprintf(members, sizeof(members), WHOLE ",\"%s\":\"%s\"",
                        cases[i].field, cases[i].value);

        assert_int_equal(ask(t, MSYNC_REQUEST_SETTINGS, members), 400);
        (void) snprintf(members, sizeof(members), "\"fields\":{\"%s\":\"",
                        cases[i].field);

        if (strstr(t->reply, members) == NULL) {
            fail_msg("%s %s: %s", cases[i].field, cases[i].value, t->reply);
        }
    }

    assert_int_equal(server_n(t->server), 0);
    nothing_is_saved(t);
}


/* "is needed" would say nothing to whoever has entered it */

static void
what_is_wrong_of_a_first_setting_is_said(void **state)
{
    test_t  *t = *state;

    static const char  body[] =
        "{\"url\":\"ftp://a\",\"username\":\"a:b\",\"password\":\"c\"}";

    assert_int_equal(ask_octets(t, body, sizeof(body) - 1), 400);
    assert_non_null(strstr(t->reply, "\"url\":\"The address of the central "
                                     "server must begin"));
    assert_non_null(strstr(t->reply, "\"username\":\"must be the site name"));
}


static void
many_wrong_fields_are_blamed_briefly(void **state)
{
    size_t   i, length;
    char    *body;
    test_t  *t = *state;

    body = malloc(sizeof(t->body));
    length = 0;

    for (i = 0; i < 7000; i++) {
        length += (size_t) sprintf(body + length, "%c\"%zx\":0",
                                   i ? ',' : '{', i);
    }

    body[length++] = '}';
    assert_int_equal(ask_octets(t, body, length), 400);
    assert_non_null(strstr(t->reply, "more than are named here"));
    assert_in_range(strlen(t->reply), 1, 4096);
    free(body);
}


#define EACH(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest  tests[] = {
        EACH(good_ones_are_saved),
        EACH(central_is_asked_by_way_of_the_proxy),
        EACH(a_central_that_does_not_come_to_an_end),
        EACH(a_busy_central_is_told_at_once),
        EACH(one_that_nobody_waits_for_is_not_asked_about),
        EACH(nothing_is_saved_once_nobody_waits),
        EACH(a_body_is_json_to_its_end),
        EACH(a_text_is_what_was_meant_or_blamed),
        EACH(what_is_wrong_of_a_first_setting_is_said),
        EACH(many_wrong_fields_are_blamed_briefly)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
