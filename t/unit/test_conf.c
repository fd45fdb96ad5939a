/*
 * Settings: their ranges, which addresses are taken, the password file and
 * the id of the machine.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "conf/conf.h"
#include "base/log.h"

/* SHA-256 of "password" */
#define HASH  "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"

#define DB    "\"database\":\"/x.sqlite\""


typedef struct {
    msync_conf_t  *conf;
    msync_err_t    err;
    char           dir[64];
    char           path[128];
} test_t;


static int
setup(void **state)
{
    test_t  *t;

    t = calloc(1, sizeof(*t));
    t->conf = msync_conf_create();
    strcpy(t->dir, "/tmp/msync-conf-XXXXXX");
    *state = t;

    return mkdtemp(t->dir) ? 0 : -1;
}


static int
teardown(void **state)
{
    char     command[128];
    test_t  *t = *state;

    msync_conf_free(&t->conf);
    snprintf(command, sizeof(command), "rm -rf '%s'", t->dir);
    free(t);

    return system(command);
}


static int
parse(test_t *t, const char *json)
{
    return msync_conf_parse(t->conf, json, strlen(json), &t->err);
}


static void
put(test_t *t, const char *name, const char *data, size_t length, mode_t mode)
{
    FILE  *f;
    char   command[256];

    snprintf(command, sizeof(command), "mkdir -p \"$(dirname '%s/%s')\"",
             t->dir, name);
    assert_int_equal(system(command), 0);
    snprintf(t->path, sizeof(t->path), "%s/%s", t->dir, name);

    /* over one that only root may write to */
    unlink(t->path);
    f = fopen(t->path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, length, f), length);
    fclose(f);
    assert_int_equal(chmod(t->path, mode), 0);
}


static void
test_defaults(void **state)
{
    test_t  *t = *state;

    assert_int_equal(parse(t, "{" DB "}"), MSYNC_OK);
    assert_int_equal(t->conf->interval, 300);
    assert_int_equal(t->conf->push, 1024);
    assert_int_equal(t->conf->remote_pull, 500);
    assert_int_equal(t->conf->central_pull, 500);
    assert_int_equal(t->conf->connect_timeout, 10000);
    assert_int_equal(t->conf->read_timeout, 300000);
    assert_int_equal(t->conf->max_response, 64 << 20);
    assert_int_equal(t->conf->limit_rate, 0);
    assert_int_equal(t->conf->changelog_keep, 90 * 24 * 3600);
    assert_int_equal(t->conf->protocol, MSYNC_PROTOCOL_AUTO);
    assert_true(t->conf->ssl_verify);
    assert_null(t->conf->url);
    assert_false(msync_conf_complete(t->conf));
}


static void
test_all_members(void **state)
{
    test_t  *t = *state;

    assert_int_equal(parse(t, "{\"site\":\"clinic\"," DB ","
        "\"url\":\" https://Central.example.org:8443/base// \","
        "\"username\":\"Cl\\u00ednica 7\",\"password_file\":\"/p\","
        "\"password_sha256\":\"5E884898DA28047151D0E56F8DC6292773603D0D6AABBD"
        "D62A11EF721D1542D8\",\"interval\":0,\"push\":1,\"remote_pull\":2,"
        "\"central_pull\":100000,\"tables\":\"/t\",\"connect_timeout\":5,"
        "\"read_timeout\":6,\"ssl_verify\":false,"
        "\"ssl_trusted_certificate\":\"/c\",\"proxy\":\"http://u:p@p:1\","
        "\"max_response\":1024,\"limit_rate\":9,\"hardware_id\":\"Board-7\","
        "\"hardware_id_file\":\"/h\",\"protocol\":\"v6\","
        "\"changelog_keep\":0,\"log_level\":8,"
        "\"from_the_future\":{\"a\":[1]}}"), MSYNC_OK);

    assert_string_equal(t->conf->site, "clinic");
    assert_string_equal(t->conf->database, "/x.sqlite");
    assert_string_equal(t->conf->url, "https://Central.example.org:8443/base");
    assert_string_equal(t->conf->username, "Cl\xc3\xadnica 7");
    assert_string_equal(t->conf->password_sha256, HASH);
    assert_int_equal(t->conf->interval, 0);
    assert_string_equal(t->conf->password_file, "/p");
    assert_int_equal(t->conf->push, 1);
    assert_int_equal(t->conf->remote_pull, 2);
    assert_int_equal(t->conf->central_pull, 100000);
    assert_string_equal(t->conf->tables, "/t");
    assert_int_equal(t->conf->connect_timeout, 5);
    assert_int_equal(t->conf->read_timeout, 6);
    assert_false(t->conf->ssl_verify);
    assert_string_equal(t->conf->ssl_trusted_certificate, "/c");
    assert_string_equal(t->conf->proxy, "http://u:p@p:1");
    assert_int_equal(t->conf->max_response, 1024);
    assert_int_equal(t->conf->limit_rate, 9);
    assert_string_equal(t->conf->hardware_id, "Board-7");
    assert_string_equal(t->conf->hardware_id_file, "/h");
    assert_int_equal(t->conf->protocol, MSYNC_PROTOCOL_V6);
    assert_int_equal(t->conf->changelog_keep, 0);
    assert_int_equal(t->conf->log_level, 8);
    assert_true(msync_conf_complete(t->conf));
}


static void
test_null_keeps_the_default(void **state)
{
    test_t  *t = *state;

    assert_int_equal(parse(t, "{" DB ",\"url\":null,\"interval\":null}"),
                     MSYNC_OK);
    assert_int_equal(t->conf->interval, 300);
}


static void
test_what_is_wrong_is_named(void **state)
{
    size_t   i;
    test_t  *t = *state;

    static const struct {
        const char  *json;
        const char  *words;
    } wrong[] = {
        { "{}", "\"database\" is missing" },
        { "", "not valid JSON" },
        { "[]", "not valid JSON" },
        { "{" DB "} x", "not valid JSON" },
        { "{" DB ",}", "not valid JSON" },
        { "{\"database\":\"\"}", "\"database\" must not be empty" },
        { "{\"database\":7}", "\"database\" must be a text" },
        { "{\"site\":\"a\\nb\"}", "\"site\" must not be empty and must be" },
        { "{\"site\":\"a\\u007fb\"}", "\"site\" must not be empty and must" },
        { "{\"interval\":-1}", "\"interval\" must be a whole number from 0" },
        { "{\"interval\":1.5}", "\"interval\" must be" },
        { "{\"interval\":99999999999999999999}", "\"interval\" must be" },
        { "{\"push\":0}", "\"push\" must be a whole number from 1 to 100000" },
        { "{\"push\":100001}", "\"push\"" },
        { "{\"read_timeout\":0}", "\"read_timeout\"" },
        { "{\"max_response\":1023}", "\"max_response\"" },
        { "{\"log_level\":3}", "\"log_level\"" },
        { "{\"ssl_verify\":1}", "\"ssl_verify\" must be true or false" },
        { "{\"password_sha256\":\"abc\"}", "\"password_sha256\" must be 64" },
        { "{\"proxy\":\"u:secret@host\"}", "\"proxy\" must begin with" },
    };

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(parse(t, wrong[i].json), MSYNC_ERROR);

        if (strstr(t->err.text, wrong[i].words) == NULL) {
            fail_msg("%s: %s", wrong[i].json, t->err.text);
        }

        assert_null(strstr(t->err.text, "secret"));
    }
}


static void
test_addresses(void **state)
{
    size_t   i;
    test_t  *t = *state;

    static const struct {
        const char  *url;
        const char  *words;
    } wrong[] = {
        { "central.example.org", "must begin with https://" },
        { "ftp://central.example.org", "must begin with https://" },
        { "", "must begin with https://" },
        { "https://", "must begin with https://" },
        { "https://:443", "has no host name" },
        { "https:///x", "has no host name" },
        { "https://user:secret@host", "must not contain a user name" },
        { "https://host@evil/", "must not contain a user name" },
        { "https://ho st", "not allowed" },
        { "https://host\\evil", "not allowed" },
        { "https://h\xc3\xb6st", "xn--" },
        { "https://host:", "port" },
        { "https://host:0", "port" },
        { "https://host:65536", "port" },
        { "https://host:443x", "port" },
        { "https://host:4430000000000", "port" },
        { "https://host?x=1", "\"?\"" },
        { "https://host/#x", "\"#\"" },
        { "https://host/a b", "not allowed" },
        { "https://host/%4", "two hexadecimal digits" },
        { "https://[::1", "closing bracket" },
        { "https://[host]", "without an IPv6 address" },
        { "http://[fe80::1%25eth0]:8080", "with a zone (%)" },
        { "http://[fe80::1%eth0]", "with a zone (%)" },
        { "https://[::1]x", "port" },
        { "https://host/\r\nX: y", "not allowed" },
    };

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(msync_conf_set_url(t->conf, wrong[i].url, &t->err),
                         MSYNC_ERROR);
        assert_int_equal(t->err.variant, MSYNC_ERR_INVALID_URL);

        if (strstr(t->err.text, wrong[i].words) == NULL
            || strstr(t->err.text, "secret"))
        {
            fail_msg("%s: %s", wrong[i].url, t->err.text);
        }
    }

    assert_null(t->conf->url);
    assert_int_equal(msync_conf_set_url(t->conf, "HTTP://[::1]:80/a%20b/",
                                        &t->err), MSYNC_OK);
    assert_string_equal(t->conf->url, "HTTP://[::1]:80/a%20b");
}


static void
test_origins(void **state)
{
    msync_conf_origin_t  o;

    (void) state;

    assert_true(msync_conf_same_origin("https://a.b/x", "HTTPS://A.b:443?y"));
    assert_true(msync_conf_same_origin("http://[::1]", "http://[0:0::1]:80"));
    assert_false(msync_conf_same_origin("http://a", "https://a"));
    assert_false(msync_conf_same_origin("http://a", "http://a:81"));
    assert_false(msync_conf_same_origin("http://a", "http://b"));
    assert_false(msync_conf_same_origin("http://a", "nonsense"));

    assert_null(msync_conf_origin("https://Host:8443/x?y", &o));
    assert_true(o.tls);
    assert_string_equal(o.host, "host");
    assert_int_equal(o.port, 8443);
}


static const char *
advised(test_t *t, msync_variant_e variant)
{
    (void) msync_err_set(&t->err, variant, "It failed");
    msync_conf_advise(t->conf, &t->err);

    return t->err.advice;
}


static void
test_password_is_hashed(void **state)
{
    char     hex[MSYNC_SHA256_HEX + 1];
    test_t  *t = *state;

    msync_conf_hash("password", 8, hex);
    assert_string_equal(hex, HASH);
    assert_true(msync_conf_is_sha256(hex));
    assert_false(msync_conf_is_sha256("5E88"));

    put(t, "p", "password\r\nsecond line\n", 22, 0640);
    t->conf->password_file = msync_strdup(t->path);
    assert_int_equal(msync_conf_read_password(t->conf, &t->err), MSYNC_OK);
    assert_string_equal(t->conf->password_sha256, HASH);

    /* as Notepad saves it */
    t->conf->password_sha256[0] = '\0';
    put(t, "p", "\xef\xbb\xbfpassword\r\n", 13, 0640);
    assert_int_equal(msync_conf_read_password(t->conf, &t->err), MSYNC_OK);
    assert_string_equal(t->conf->password_sha256, HASH);
    assert_false(t->conf->password_blank);
    assert_null(advised(t, MSYNC_ERR_INCORRECT_PASSWORD));

    /* what may be meant is taken, and told of where central does not know it */
    put(t, "p", "password\xc2\xa0\n", 11, 0640);
    assert_int_equal(msync_conf_read_password(t->conf, &t->err), MSYNC_OK);
    assert_string_not_equal(t->conf->password_sha256, HASH);
    assert_non_null(strstr(advised(t, MSYNC_ERR_INCORRECT_PASSWORD),
                           "password that was given begins or ends"));
    assert_null(advised(t, MSYNC_ERR_SITE_NAME_NOT_FOUND));
    assert_null(advised(t, MSYNC_ERR_TIMEOUT));
}


static void
read_refused(test_t *t, const char *words)
{
    msync_free(&t->conf->password_file);
    t->conf->password_file = msync_strdup(t->path);
    assert_int_equal(msync_conf_read_password(t->conf, &t->err), MSYNC_ERROR);
    assert_int_equal(t->err.variant, MSYNC_ERR_INCORRECT_PASSWORD);

    if (strstr(t->err.text, words) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", words, t->err.text);
    }
}


static void
test_password_files_refused(void **state)
{
    char     text[2000];
    test_t  *t = *state;

    memset(text, 'x', sizeof(text));

    assert_int_equal(msync_conf_read_password(t->conf, &t->err), MSYNC_ERROR);

    /* in a directory that everybody can enter; not in one that is closed, as
     * that of this test is otherwise */
    assert_int_equal(chmod(t->dir, 0755), 0);
    put(t, "open", "password\n", 9, 0644);
    read_refused(t, "chmod o= ");
    put(t, "open", "password\n", 9, 0642);
    read_refused(t, "chmod o= ");
    assert_int_equal(chmod(t->dir, 0750), 0);
    assert_int_equal(msync_conf_read_password(t->conf, &t->err), MSYNC_OK);
    put(t, "empty", "", 0, 0600);
    read_refused(t, "is empty");
    put(t, "blank", "\r\npassword\n", 11, 0600);
    read_refused(t, "is empty");
    put(t, "long", text, MSYNC_PASSWORD_MAX + 1, 0600);
    read_refused(t, "longer than 1024 octets");
    put(t, "binary", "a\0b\n", 4, 0600);
    read_refused(t, "not text");

    snprintf(t->path, sizeof(t->path), "%s/missing", t->dir);
    read_refused(t, "cannot be opened: No such file");
    strcpy(t->path, t->dir);
    read_refused(t, "not a regular file");

    put(t, "longest", text, MSYNC_PASSWORD_MAX, 0600);
    msync_free(&t->conf->password_file);
    t->conf->password_file = msync_strdup(t->path);
    assert_int_equal(msync_conf_read_password(t->conf, &t->err), MSYNC_OK);
}


static void
hardware_id(test_t *t, char uuid[MSYNC_HARDWARE_ID_MAX + 1])
{
    assert_int_equal(msync_conf_hardware_id_at(t->dir, uuid, &t->err),
                     MSYNC_OK);
    assert_int_equal(strlen(uuid), 36);
    assert_int_equal(uuid[14], '4');
    assert_non_null(strchr("89ab", uuid[19]));
}


#define MACHINE  "3d1219c7c4c5404aaa1f6d2a48adfda4"

static void
test_hardware_id(void **state)
{
    char     id[6][MSYNC_HARDWARE_ID_MAX + 1];
    test_t  *t = *state;

    assert_int_equal(msync_conf_hardware_id_at(t->dir, id[0], &t->err),
                     MSYNC_ERROR);
    assert_non_null(strstr(t->err.text, "systemd-machine-id-setup"));

    /* cards: not lo, none of zeros, those of hardware first */
    put(t, "sys/class/net/lo/address", "00:00:00:00:00:00\n", 18, 0444);
    put(t, "sys/class/net/veth0/address", "02:00:00:00:00:01\n", 18, 0444);
    hardware_id(t, id[0]);
    put(t, "sys/class/net/eth1/address", "f0:00:00:00:00:02\n", 18, 0444);
    put(t, "sys/class/net/eth1/device", "", 0, 0444);
    hardware_id(t, id[1]);
    put(t, "sys/class/net/eth0/address", "F0:00:00:00:00:01\n", 18, 0444);
    put(t, "sys/class/net/eth0/device", "", 0, 0444);
    hardware_id(t, id[2]);

    /* boards with nothing else; those without a number have zeros there */
    put(t, "proc/device-tree/serial-number", "0000000000000000", 17, 0444);
    hardware_id(t, id[3]);
    assert_string_equal(id[3], id[2]);
    put(t, "proc/device-tree/serial-number", "10000000ABCD0123", 17, 0444);
    hardware_id(t, id[3]);
    assert_string_not_equal(id[3], id[2]);

    /* firmware: not what many machines have */
    put(t, "sys/class/dmi/id/product_uuid",
        "03000200-0400-0500-0006-000700080009\n", 37, 0444);
    hardware_id(t, id[4]);
    assert_string_equal(id[4], id[3]);
    put(t, "sys/class/dmi/id/product_uuid",
        "4C4C4544-0051-4A10-8054-B4C04F4E3732\n", 37, 0444);
    hardware_id(t, id[3]);
    assert_string_not_equal(id[4], id[3]);

    put(t, "etc/machine-id", "uninitialized\n", 14, 0444);
    hardware_id(t, id[4]);
    assert_string_equal(id[4], id[3]);

    put(t, "etc/machine-id", MACHINE "\n", 33, 0444);
    hardware_id(t, id[4]);
    hardware_id(t, id[5]);
    assert_string_equal(id[4], id[5]);
    assert_string_not_equal(id[0], id[1]);
    assert_string_not_equal(id[1], id[2]);
    assert_string_not_equal(id[2], id[3]);
    assert_string_not_equal(id[3], id[4]);

    /* the machine id itself must not be told (machine-id(5)); the value is
     * for ever: another one would be another machine to central */
    assert_memory_not_equal(id[4], MACHINE, 8);
    assert_string_equal(id[4], "c12e928e-0512-40be-b148-684db8bcebd8");
}


static void
save_line(void *data, int level, const char *line)
{
    (void) level;
    snprintf(data, 1024, "%s", line);
}


static void
test_a_machine_id_in_memory_is_told_of(void **state)
{
    char     id[MSYNC_HARDWARE_ID_MAX + 1], from[512], to[512];
    char     said[1024] = "";
    test_t  *t = *state;

    msync_log_set_level(MSYNC_LOG_WARN);
    msync_log_set_sink(save_line, said);
    put(t, "etc/machine-id", MACHINE "\n", 33, 0444);
    put(t, "run/other", "", 0, 0444);
    hardware_id(t, id);
    assert_string_equal(said, "");

    /* a mount of the one over the other is the same file as well */
    snprintf(from, sizeof(from), "%s/etc/machine-id", t->dir);
    snprintf(to, sizeof(to), "%s/run/machine-id", t->dir);
    assert_int_equal(link(from, to), 0);
    hardware_id(t, id);
    msync_log_set_sink(NULL, NULL);
    assert_non_null(strstr(said, "another one after each start"));
    assert_string_equal(id, "c12e928e-0512-40be-b148-684db8bcebd8");
}


static void
test_a_given_hardware_id(void **state)
{
    char          id[2][MSYNC_HARDWARE_ID_MAX + 1];
    test_t       *t = *state;
    struct stat   st;

    snprintf(t->path, sizeof(t->path), "%s/hardware-id", t->dir);
    t->conf->hardware_id_file = msync_strdup(t->path);

    assert_int_equal(msync_conf_hardware_id(t->conf, id[0], &t->err),
                     MSYNC_OK);
    assert_int_equal(stat(t->conf->hardware_id_file, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(msync_conf_hardware_id(t->conf, id[1], &t->err),
                     MSYNC_OK);
    assert_string_equal(id[0], id[1]);

    /* another machine makes another one */
    assert_int_equal(unlink(t->conf->hardware_id_file), 0);
    assert_int_equal(msync_conf_hardware_id(t->conf, id[1], &t->err),
                     MSYNC_OK);
    assert_string_not_equal(id[0], id[1]);

    put(t, "hardware-id", "Board-7.a\r\nnotes\n", 18, 0644);
    assert_int_equal(msync_conf_hardware_id(t->conf, id[1], &t->err),
                     MSYNC_OK);
    assert_string_equal(id[1], "Board-7.a");

    put(t, "hardware-id", "two words\n", 10, 0644);
    assert_int_equal(msync_conf_hardware_id(t->conf, id[1], &t->err),
                     MSYNC_ERROR);
    assert_non_null(strstr(t->err.text, "hardware_id_file"));
    assert_non_null(strstr(t->err.text, "is not right"));

    msync_free(&t->conf->hardware_id_file);
    snprintf(t->path, sizeof(t->path), "%s/missing/hardware-id", t->dir);
    t->conf->hardware_id_file = msync_strdup(t->path);
    assert_int_equal(msync_conf_hardware_id(t->conf, id[1], &t->err),
                     MSYNC_ERROR);
    assert_non_null(strstr(t->err.text, "cannot be made"));
    assert_non_null(t->err.advice);

    t->conf->hardware_id = msync_strdup("clinic-7");
    assert_int_equal(msync_conf_hardware_id(t->conf, id[1], &t->err),
                     MSYNC_OK);
    assert_string_equal(id[1], "clinic-7");
}


/* begins when nobody has the other end of `go` any more */

static void
start_site(test_t *t, const int go[2], int said)
{
    int   rc;
    char  id[MSYNC_HARDWARE_ID_MAX + 1] = "";

    if (fork() == 0) {
        close(go[1]);
        (void) !read(go[0], id, 1);
        rc = msync_conf_hardware_id(t->conf, id, &t->err);
        _exit(rc != MSYNC_OK || write(said, id, sizeof(id)) != sizeof(id));
    }
}


static void
test_sites_that_start_at_once_make_one_id(void **state)
{
    int      i, tries, go[2], said[2], status;
    char     id[MSYNC_HARDWARE_ID_MAX + 1], other[sizeof(id)];
    test_t  *t = *state;

    snprintf(t->path, sizeof(t->path), "%s/hardware-id", t->dir);
    t->conf->hardware_id_file = msync_strdup(t->path);

    for (tries = 0; tries < 20; tries++) {
        assert_int_equal(pipe(go) | pipe(said), 0);

        for (i = 0; i < 4; i++) {
            start_site(t, go, said[1]);
        }

        close(go[0]);
        close(go[1]);
        close(said[1]);

        while (wait(&status) > 0) {
            assert_int_equal(status, 0);
        }

        assert_int_equal(read(said[0], id, sizeof(id)), sizeof(id));

        for (i = 1; i < 4; i++) {
            assert_int_equal(read(said[0], other, sizeof(id)), sizeof(id));
            assert_string_equal(other, id);
        }

        close(said[0]);
        assert_int_equal(unlink(t->path), 0);
    }
}


#define EACH(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest  tests[] = {
        EACH(test_defaults),
        EACH(test_all_members),
        EACH(test_null_keeps_the_default),
        EACH(test_what_is_wrong_is_named),
        EACH(test_addresses),
        EACH(test_origins),
        EACH(test_password_is_hashed),
        EACH(test_password_files_refused),
        EACH(test_hardware_id),
        EACH(test_a_machine_id_in_memory_is_told_of),
        EACH(test_a_given_hardware_id),
        EACH(test_sites_that_start_at_once_make_one_id),
    };

    msync_log_set_level(MSYNC_LOG_ERR);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
