/*
 * key_value_store: cursors, flags and the settings.
 *
 * Promises: an id that is not there is no error; settings are saved whole or
 * not at all.
 */

#include <stdlib.h>
#include <string.h>

#include "store/store_private.h"
#include "base/log.h"


static int kv_find(msync_store_t *store, const char *id, sqlite3_stmt **stmt,
    msync_err_t *err);


/* to the row of an id: MSYNC_DONE where there is none.  The statement is to be
 * reset */

static int
kv_find(msync_store_t *store, const char *id, sqlite3_stmt **stmt,
    msync_err_t *err)
{
    *stmt = msync_store_stmt(store, MSYNC_STMT_KV_GET,
                             "SELECT value_int, value_string "
                             "FROM key_value_store WHERE id = ?1", err);
    if (*stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(*stmt, 1, id, -1, SQLITE_STATIC);

    switch (sqlite3_step(*stmt)) {

    case SQLITE_ROW:
        return MSYNC_OK;

    case SQLITE_DONE:
        return MSYNC_DONE;

    default:
        return msync_store_fault(store, id, err);
    }
}


int
msync_store_get_int(msync_store_t *store, const char *id, int64_t *value,
    msync_err_t *err)
{
    int            rc;
    sqlite3_stmt  *stmt;

    rc = kv_find(store, id, &stmt, err);

    if (rc == MSYNC_OK && sqlite3_column_type(stmt, 0) != SQLITE_NULL) {
        *value = sqlite3_column_int64(stmt, 0);
    }

    sqlite3_reset(stmt);
    return rc == MSYNC_ERROR ? MSYNC_ERROR : MSYNC_OK;
}


int
msync_store_get_string(msync_store_t *store, const char *id, char **value,
    msync_err_t *err)
{
    int            rc;
    sqlite3_stmt  *stmt;

    rc = kv_find(store, id, &stmt, err);
    *value = rc == MSYNC_OK
             ? msync_strdup((const char *) sqlite3_column_text(stmt, 1))
             : NULL;

    sqlite3_reset(stmt);
    return rc == MSYNC_ERROR ? MSYNC_ERROR : MSYNC_OK;
}


int
msync_store_set_int(msync_store_t *store, const char *id, int64_t value,
    msync_err_t *err)
{
    sqlite3_stmt  *stmt;

    stmt = msync_store_stmt(store, MSYNC_STMT_KV_SET_INT,
                            "INSERT INTO key_value_store (id, value_int) "
                            "VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE "
                            "SET value_int = excluded.value_int "
                            "WHERE value_int IS NOT excluded.value_int", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, id, -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 2, value);

    return msync_store_run(store, stmt, id, err);
}


int
msync_store_set_string(msync_store_t *store, const char *id,
    const char *value, msync_err_t *err)
{
    sqlite3_stmt  *stmt;

    stmt = msync_store_stmt(store, MSYNC_STMT_KV_SET_STRING,
                            "INSERT INTO key_value_store (id, value_string) "
                            "VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE "
                            "SET value_string = excluded.value_string "
                            "WHERE value_string IS NOT "
                            "excluded.value_string", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, id, -1, SQLITE_STATIC);
    sqlite3_bind_text(stmt, 2, value, -1, SQLITE_STATIC);

    return msync_store_run(store, stmt, id, err);
}


int
msync_store_unset(msync_store_t *store, const char *id, msync_err_t *err)
{
    sqlite3_stmt  *stmt;

    stmt = msync_store_stmt(store, MSYNC_STMT_KV_UNSET,
                            "DELETE FROM key_value_store WHERE id = ?1", err);
    if (stmt == NULL) {
        return MSYNC_ERROR;
    }

    sqlite3_bind_text(stmt, 1, id, -1, SQLITE_STATIC);

    return msync_store_run(store, stmt, id, err);
}


int
msync_store_is_emptied(msync_store_t *store, bool *emptied, msync_err_t *err)
{
    int64_t  version = 0;

    if (msync_store_get_int(store, MSYNC_KEY_SCHEMA_VERSION, &version, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    *emptied = version == 0;
    return MSYNC_OK;
}


int
msync_store_load_settings(msync_store_t *store, msync_conf_t *conf,
    msync_err_t *err)
{
    int      rc = MSYNC_ERROR;
    char    *url = NULL, *username = NULL, *hash = NULL;
    int64_t  interval = -1;

    if (msync_store_get_string(store, MSYNC_KEY_URL, &url, err) != MSYNC_OK
        || msync_store_get_string(store, MSYNC_KEY_USERNAME, &username, err)
           != MSYNC_OK
        || msync_store_get_string(store, MSYNC_KEY_PASSWORD_SHA256, &hash,
                                  err) != MSYNC_OK
        || msync_store_get_int(store, MSYNC_KEY_INTERVAL_SECONDS, &interval,
                               err) != MSYNC_OK)
    {
        goto done;
    }

    if (url != NULL && msync_conf_set_url(conf, url, err) != MSYNC_OK) {
        goto done;
    }

    if (username != NULL) {
        free(conf->username);
        conf->username = username;
        username = NULL;
    }

    if (hash != NULL && msync_conf_is_sha256(hash)) {
        strcpy(conf->password_sha256, hash);
    }

    if (interval >= 0 && interval <= MSYNC_INTERVAL_MAX) {
        conf->interval = (long) interval;
    }

    conf->saved = interval != -1;

    rc = MSYNC_OK;

done:

    msync_free(&url);
    msync_free(&username);
    msync_free(&hash);

    return rc;
}


int
msync_store_save_settings(msync_store_t *store, const msync_conf_t *conf,
    msync_err_t *err)
{
    if ((conf->url != NULL
         && msync_store_set_string(store, MSYNC_KEY_URL, conf->url, err)
            != MSYNC_OK)
        || (conf->username != NULL
            && msync_store_set_string(store, MSYNC_KEY_USERNAME,
                                      conf->username, err) != MSYNC_OK)
        || (conf->password_sha256[0] != '\0'
            && msync_store_set_string(store, MSYNC_KEY_PASSWORD_SHA256,
                                      conf->password_sha256, err)
               != MSYNC_OK))
    {
        return MSYNC_ERROR;
    }

    return msync_store_set_int(store, MSYNC_KEY_INTERVAL_SECONDS,
                               conf->interval, err);
}


int
msync_store_has_other_settings(msync_store_t *store, const msync_conf_t *conf,
    bool *other, msync_err_t *err)
{
    int            rc;
    msync_conf_t  *saved = msync_conf_create();

    saved->interval = conf->interval;    /* where what is saved is none */
    rc = msync_store_load_settings(store, saved, err);

    *other = rc == MSYNC_OK
             && ((saved->url != NULL
                  && (conf->url == NULL || strcmp(saved->url, conf->url) != 0))
                 || (saved->username != NULL
                     && (conf->username == NULL
                         || strcmp(saved->username, conf->username) != 0))
                 || (saved->password_sha256[0] != '\0'
                     && strcmp(saved->password_sha256, conf->password_sha256)
                        != 0)
                 || (saved->saved && saved->interval != conf->interval));

    msync_conf_free(&saved);

    return rc;
}


int
msync_store_resave_settings(msync_store_t *store, const msync_conf_t *conf,
    bool paused, msync_err_t *err)
{
    int64_t  interval = -1;

    if (msync_store_get_int(store, MSYNC_KEY_INTERVAL_SECONDS, &interval, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (interval != -1 || (!conf->saved && !paused)) {
        return MSYNC_OK;
    }

    msync_log(MSYNC_LOG_NOTICE, "somebody has deleted what was saved on the "
              "page in key_value_store; it is saved again");

    if (msync_store_begin(store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if ((conf->saved
         && msync_store_save_settings(store, conf, err) != MSYNC_OK)
        || (paused
            && msync_store_set_int(store, MSYNC_KEY_PAUSED, 1, err)
               != MSYNC_OK))
    {
        msync_store_rollback(store);
        return MSYNC_ERROR;
    }

    return msync_store_commit(store, err);
}


int
msync_store_speaks(msync_store_t *store, msync_speaks_e *speaks,
    msync_err_t *err)
{
    char  *text;

    if (msync_store_get_string(store, MSYNC_KEY_VERSION, &text, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    *speaks = text == NULL ? MSYNC_SPEAKS_UNKNOWN
              : strcmp(text, MSYNC_SYNC_V7) == 0 ? MSYNC_SPEAKS_V7
              : MSYNC_SPEAKS_V5_V6;
    msync_free(&text);

    return MSYNC_OK;
}


const char *
msync_store_push_cursor(msync_speaks_e speaks)
{
    return speaks == MSYNC_SPEAKS_V7 ? MSYNC_KEY_PUSH_V7_CURSOR
                                     : MSYNC_KEY_PUSH_CURSOR;
}
