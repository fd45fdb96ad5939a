/*
 * Owns the settings of a site: their defaults, their ranges and how they are
 * read from a CONFIG object.  Promises that no setting is out of its range,
 * and that no error repeats a value, which may be a secret.
 */

#include "channel/control.h"
#include "conf/conf.h"
#include "base/json.h"
#include "base/log.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


typedef struct conf_member_s  conf_member_t;

struct conf_member_s {
    const char  *name;
    int        (*set)(msync_conf_t *conf, const conf_member_t *member,
                      const msync_json_slice_t *value, msync_err_t *err);
    size_t       offset;
    size_t       size;
    int64_t      min;                         /* of a number */
    int64_t      max;                         /* or octets of a text */
};


static int conf_set_text(msync_conf_t *conf, const conf_member_t *member,
    const msync_json_slice_t *value, msync_err_t *err);
static int conf_set_number(msync_conf_t *conf, const conf_member_t *member,
    const msync_json_slice_t *value, msync_err_t *err);
static int conf_set_flag(msync_conf_t *conf, const conf_member_t *member,
    const msync_json_slice_t *value, msync_err_t *err);
static int conf_set_address(msync_conf_t *conf, const conf_member_t *member,
    const msync_json_slice_t *value, msync_err_t *err);
static int conf_set_hash(msync_conf_t *conf, const conf_member_t *member,
    const msync_json_slice_t *value, msync_err_t *err);
static int conf_set_proxy(msync_conf_t *conf, const conf_member_t *member,
    const msync_json_slice_t *value, msync_err_t *err);
static int conf_set_hardware_id(msync_conf_t *conf,
    const conf_member_t *member, const msync_json_slice_t *value,
    msync_err_t *err);
static int conf_set_protocol(msync_conf_t *conf, const conf_member_t *member,
    const msync_json_slice_t *value, msync_err_t *err);
static int conf_member(msync_conf_t *conf, const char *key,
    const msync_json_slice_t *value, msync_err_t *err);
static int conf_wrong(const conf_member_t *member, const char *why,
    msync_err_t *err);


#define CONF_TEXT(name, max)                                                  \
    { #name, conf_set_text, offsetof(msync_conf_t, name), 0, 1, max }

#define CONF_NUMBER(name, min, max)                                           \
    { #name, conf_set_number, offsetof(msync_conf_t, name),                   \
      sizeof(((msync_conf_t *) 0)->name), min, max }

static const conf_member_t  conf_members[] = {
    CONF_TEXT(site, MSYNC_SITE_MAX),
    CONF_TEXT(database, MSYNC_PATH_MAX),
    { "url", conf_set_address, 0, 0, 1, MSYNC_URL_MAX },
    CONF_TEXT(username, MSYNC_USERNAME_MAX),
    CONF_TEXT(password_file, MSYNC_PATH_MAX),
    { "password_sha256", conf_set_hash, 0, 0, 1, MSYNC_SHA256_HEX },
    CONF_NUMBER(interval, 0, MSYNC_INTERVAL_MAX),
    CONF_NUMBER(push, 1, MSYNC_BATCH_MAX),
    CONF_NUMBER(remote_pull, 1, MSYNC_BATCH_MAX),
    CONF_NUMBER(central_pull, 1, MSYNC_BATCH_MAX),
    CONF_TEXT(tables, MSYNC_PATH_MAX),
    CONF_NUMBER(connect_timeout, 1, MSYNC_TIMEOUT_MAX),
    CONF_NUMBER(read_timeout, 1, MSYNC_TIMEOUT_MAX),
    { "ssl_verify", conf_set_flag, offsetof(msync_conf_t, ssl_verify), 0,
      0, 0 },
    CONF_TEXT(ssl_trusted_certificate, MSYNC_PATH_MAX),
    { "proxy", conf_set_proxy, offsetof(msync_conf_t, proxy), 0,
      1, MSYNC_URL_MAX },
    CONF_NUMBER(max_response, MSYNC_RESPONSE_MIN, MSYNC_RESPONSE_MAX),
    CONF_NUMBER(limit_rate, 0, MSYNC_RATE_MAX),
    { "hardware_id", conf_set_hardware_id,
      offsetof(msync_conf_t, hardware_id), 0, 1, MSYNC_HARDWARE_ID_MAX },
    CONF_TEXT(hardware_id_file, MSYNC_PATH_MAX),
    { "protocol", conf_set_protocol, 0, 0, 1, 8 },
    CONF_NUMBER(changelog_keep, 0, MSYNC_CHANGELOG_KEEP_MAX),
    CONF_NUMBER(log_level, MSYNC_LOG_ERR, MSYNC_LOG_DEBUG),
    CONF_TEXT(ended, MSYNC_ENDED_MAX),
    CONF_TEXT(moved, MSYNC_MOVED_MAX - 1),
    CONF_NUMBER(reloaded, 0, 1),
};

#define CONF_MEMBERS  (sizeof(conf_members) / sizeof(conf_members[0]))


msync_conf_t *
msync_conf_create(void)
{
    msync_conf_t  *conf;

    conf = msync_calloc(1, sizeof(*conf));

    conf->interval = MSYNC_INTERVAL;
    conf->push = MSYNC_PUSH;
    conf->remote_pull = MSYNC_REMOTE_PULL;
    conf->central_pull = MSYNC_CENTRAL_PULL;
    conf->connect_timeout = MSYNC_CONNECT_TIMEOUT;
    conf->read_timeout = MSYNC_READ_TIMEOUT;
    conf->ssl_verify = true;
    conf->max_response = MSYNC_RESPONSE;
    conf->changelog_keep = MSYNC_CHANGELOG_KEEP;
    conf->log_level = MSYNC_LOG_NOTICE;

    return conf;
}


void
msync_conf_free(msync_conf_t **conf)
{
    msync_conf_t  *c;

    c = *conf;
    *conf = NULL;

    if (c == NULL) {
        return;
    }

    if (c->proxy) {

        /* it may hold a password */

        explicit_bzero(c->proxy, strlen(c->proxy));
    }

    msync_free(&c->site);
    msync_free(&c->database);
    msync_free(&c->url);
    msync_free(&c->username);
    msync_free(&c->password_file);
    msync_free(&c->tables);
    msync_free(&c->ssl_trusted_certificate);
    msync_free(&c->proxy);
    msync_free(&c->hardware_id);
    msync_free(&c->hardware_id_file);
    msync_free(&c->ended);
    msync_free(&c->moved);

    explicit_bzero(c, sizeof(*c));
    free(c);
}


int
msync_conf_parse(msync_conf_t *conf, const char *json, size_t length,
    msync_err_t *err)
{
    char                 key[MSYNC_JSON_KEY_MAX];
    msync_json_t         reader;
    msync_json_slice_t   value;

    msync_json_init(&reader, json, length);

    if (msync_json_enter(&reader, MSYNC_JSON_OBJECT)) {

        while (msync_json_member(&reader, key)) {

            if (!msync_json_skip(&reader, &value)) {
                break;
            }

            if (value.type != MSYNC_JSON_NULL
                && conf_member(conf, key, &value, err) != MSYNC_OK)
            {
                return MSYNC_ERROR;
            }
        }
    }

    if (!msync_json_end(&reader)) {
        return msync_err_set(err, MSYNC_ERR_UNKNOWN,
                             "The configuration is not valid JSON at octet "
                             "%zu: %s", msync_json_offset(&reader),
                             reader.error);
    }

    if (conf->database == NULL) {
        return msync_err_set(err, MSYNC_ERR_UNKNOWN,
                             "The setting \"database\" is missing; name the "
                             "site's SQLite file");
    }

    return MSYNC_OK;
}


bool
msync_conf_complete(const msync_conf_t *conf)
{
    return conf->url && conf->username && conf->password_sha256[0] != '\0';
}


static int
conf_member(msync_conf_t *conf, const char *key,
    const msync_json_slice_t *value, msync_err_t *err)
{
    size_t  i;

    for (i = 0; i < CONF_MEMBERS; i++) {
        if (strcmp(conf_members[i].name, key) == 0) {
            return conf_members[i].set(conf, &conf_members[i], value, err);
        }
    }

    msync_log(MSYNC_LOG_WARN, "the setting \"%s\" is unknown and ignored",
              key);

    return MSYNC_OK;
}


static int
conf_set_text(msync_conf_t *conf, const conf_member_t *member,
    const msync_json_slice_t *value, msync_err_t *err)
{
    char  *text, *p, **field;

    text = msync_json_text(value, (size_t) member->max);

    if (text == NULL) {
        return conf_wrong(member, "must be a text that is not too long", err);
    }

    for (p = text; (unsigned char) *p >= 0x20 && *p != 0x7f; p++) {
        /* void */
    }

    if (*text == '\0' || *p != '\0') {
        msync_free(&text);
        return conf_wrong(member, "must not be empty and must be one line",
                          err);
    }

    field = (char **) ((char *) conf + member->offset);
    msync_free(field);
    *field = text;

    return MSYNC_OK;
}


static int
conf_set_number(msync_conf_t *conf, const conf_member_t *member,
    const msync_json_slice_t *value, msync_err_t *err)
{
    char     *field, why[80];
    int64_t   n;
    int32_t   small;

    if (!msync_json_integer(value, &n) || n < member->min || n > member->max)
    {
        (void) snprintf(why, sizeof(why),
                        "must be a whole number from %lld to %lld",
                        (long long) member->min, (long long) member->max);
        return conf_wrong(member, why, err);
    }

    field = (char *) conf + member->offset;

    if (member->size == sizeof(small)) {
        small = (int32_t) n;
        memcpy(field, &small, sizeof(small));

    } else {
        memcpy(field, &n, sizeof(n));
    }

    return MSYNC_OK;
}


static int
conf_set_flag(msync_conf_t *conf, const conf_member_t *member,
    const msync_json_slice_t *value, msync_err_t *err)
{
    bool  flag;

    if (value->type != MSYNC_JSON_TRUE && value->type != MSYNC_JSON_FALSE) {
        return conf_wrong(member, "must be true or false", err);
    }

    flag = (value->type == MSYNC_JSON_TRUE);
    memcpy((char *) conf + member->offset, &flag, sizeof(flag));

    return MSYNC_OK;
}


static int
conf_set_address(msync_conf_t *conf, const conf_member_t *member,
    const msync_json_slice_t *value, msync_err_t *err)
{
    int    rc;
    char  *text;

    text = msync_json_text(value, (size_t) member->max);

    if (text == NULL) {
        return msync_err_set(err, MSYNC_ERR_INVALID_URL,
                             "The setting \"%s\" must be a text that is not "
                             "too long", member->name);
    }

    rc = msync_conf_set_url(conf, text, err);
    msync_free(&text);

    return rc;
}


static int
conf_set_hash(msync_conf_t *conf, const conf_member_t *member,
    const msync_json_slice_t *value, msync_err_t *err)
{
    char  *text, *p;

    text = msync_json_text(value, (size_t) member->max);

    for (p = text; p && *p; p++) {
        *p |= (*p >= 'A' && *p <= 'F') ? 0x20 : 0;
    }

    if (text == NULL || !msync_conf_is_sha256(text)) {
        msync_free(&text);
        return conf_wrong(member, "must be 64 hexadecimal digits", err);
    }

    memcpy(conf->password_sha256, text, sizeof(conf->password_sha256));
    explicit_bzero(text, strlen(text));
    msync_free(&text);

    return MSYNC_OK;
}


static int
conf_set_proxy(msync_conf_t *conf, const conf_member_t *member,
    const msync_json_slice_t *value, msync_err_t *err)
{
    size_t              i, n;
    static const char  *schemes[] = MSYNC_PROXY_SCHEMES;

    if (conf_set_text(conf, member, value, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        n = strlen(schemes[i]);

        if (strncasecmp(conf->proxy, schemes[i], n) == 0
            && conf->proxy[n] != '\0' && strchr(conf->proxy, ' ') == NULL)
        {
            return MSYNC_OK;
        }
    }

    return conf_wrong(member, "must begin with " MSYNC_PROXY_SCHEMES_TEXT
                      " and name a host", err);
}


static int
conf_set_hardware_id(msync_conf_t *conf, const conf_member_t *member,
    const msync_json_slice_t *value, msync_err_t *err)
{
    if (conf_set_text(conf, member, value, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    return msync_conf_is_hardware_id(conf->hardware_id)
           ? MSYNC_OK
           : conf_wrong(member, "may have letters, digits and the characters "
                        "- _ . : only", err);
}


static int
conf_set_protocol(msync_conf_t *conf, const conf_member_t *member,
    const msync_json_slice_t *value, msync_err_t *err)
{
    int    i;
    char  *text;

    static const char  *words[MSYNC_PROTOCOL_MAX] = MSYNC_PROTOCOLS;

    text = msync_json_text(value, (size_t) member->max);

    for (i = 0; text && i < MSYNC_PROTOCOL_MAX; i++) {
        if (strcmp(text, words[i]) == 0) {
            break;
        }
    }

    if (text == NULL || i == MSYNC_PROTOCOL_MAX) {
        msync_free(&text);
        return conf_wrong(member, "must be \"auto\", \"v6\" or \"v7\"", err);
    }

    msync_free(&text);
    conf->protocol = i;

    return MSYNC_OK;
}


static int
conf_wrong(const conf_member_t *member, const char *why, msync_err_t *err)
{
    return msync_err_set(err, MSYNC_ERR_UNKNOWN, "The setting \"%s\" %s",
                         member->name, why);
}
