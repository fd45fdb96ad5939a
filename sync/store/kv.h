/*
 * key_value_store: settings, cursors and what else is one value a site.
 */

#ifndef MSYNC_STORE_KV_H
#define MSYNC_STORE_KV_H

#include "protocol/peer.h"
#include "store/store.h"

/* All ids of key_value_store are here, but for those that a peer names, which
 * are in protocol/peer.h. */
#define MSYNC_KEY_URL                   "SETTINGS_SYNC_URL"
#define MSYNC_KEY_USERNAME              "SETTINGS_SYNC_USERNAME"
#define MSYNC_KEY_PASSWORD_SHA256       "SETTINGS_SYNC_PASSWORD_SHA256"
#define MSYNC_KEY_INTERVAL_SECONDS      "SETTINGS_SYNC_INTERVAL_SECONDS"
#define MSYNC_KEY_SITE_ID               "SETTINGS_SYNC_SITE_ID"
#define MSYNC_KEY_SITE_UUID             "SETTINGS_SYNC_SITE_UUID"
/* the name as central has it */
#define MSYNC_KEY_SITE_NAME             "MSYNC_SITE_NAME"
#define MSYNC_KEY_CENTRAL_SITE_ID       "SETTINGS_SYNC_CENTRAL_SERVER_SITE_ID"
/* the highest cursors that were seen there, see protocol/peer.h */
#define MSYNC_KEY_PULL_CENTRAL_MAX      "MSYNC_PULL_CENTRAL_MAX"
#define MSYNC_KEY_PULL_V6_MAX           "MSYNC_PULL_V6_MAX"
#define MSYNC_KEY_PULL_V7_MAX           "MSYNC_PULL_V7_MAX"
/* that v6's pull cursor is of the present kind */
#define MSYNC_KEY_PULL_V6_MARK          "MSYNC_PULL_V6_MARK"
#define MSYNC_KEY_FILLING               "MSYNC_FILLING"    /* fill.h */
#define MSYNC_KEY_PUSH_V6_TAKEN         "MSYNC_PUSH_V6_TAKEN" /* forget.h */
/* where pushes have broken off, and in how many runs in a row */
#define MSYNC_KEY_PUSH_BREAK            "MSYNC_PUSH_BREAK"
#define MSYNC_KEY_PUSH_V6_BREAK         "MSYNC_PUSH_V6_BREAK"
#define MSYNC_KEY_SITE                  "MSYNC_SITE"       /* site.h */
#define MSYNC_KEY_MOVED                 "MSYNC_MOVED"      /* older.h: a time,
                                                              a blank, and a
                                                              number */
#define MSYNC_KEY_V6_ADDRESS            "MSYNC_V6_ADDRESS" /* the address of
                                                              central, a blank,
                                                              and where its v6
                                                              is */
#define MSYNC_KEY_V7_ADDRESS            "MSYNC_V7_ADDRESS" /* the address of
                                                              central, a blank,
                                                              and where its v7
                                                              is */
#define MSYNC_KEY_VERSION               "SETTINGS_SYNC_VERSION"  /* below */
#define MSYNC_KEY_TOKEN                 "SETTINGS_SYNC_V7_TOKEN" /* a secret,
                                          as the hash of the password is */
#define MSYNC_KEY_TOKEN_ASKED           "MSYNC_TOKEN_ASKED"  /* central was
                                                                asked for a
                                                                token, no answer
                                                                is known */
#define MSYNC_KEY_UPGRADE               "MSYNC_UPGRADE"      /* mSupply central
                                          was asked to upgrade this site, with
                                          that cursor of v7's pull */
#define MSYNC_KEY_REFUSED               "MSYNC_REFUSED"      /* a mark of the
                                          credentials that were refused when
                                          the latest run asked */
#define MSYNC_KEY_ASKED_PAUSE           "MSYNC_ASKED_PAUSE"  /* seconds that a
                                                                server asked
                                                                for in the
                                                                latest run */
/* the tables file, see schema.h */
#define MSYNC_KEY_TABLES                "MSYNC_TABLES"
#define MSYNC_KEY_RESEND                "MSYNC_RESEND"     /* changelog.h */
/* requests that a helper which stops leaves to the next */
#define MSYNC_KEY_WAITING               "MSYNC_WAITING"
#define MSYNC_KEY_RECORDS               "MSYNC_RECORDS"    /* a request about
                                          records that is at work: which, and
                                          its body */
#define MSYNC_KEY_SCHEMA_VERSION        "MSYNC_SCHEMA_VERSION"
#define MSYNC_KEY_SCHEMA_SHA256         "MSYNC_SCHEMA_SHA256" /* of its SQL */
/* the version of the schema in which records that had failed were last tried
 * because it was another one */
#define MSYNC_KEY_SCHEMA_TRIED          "MSYNC_SCHEMA_TRIED"
/* what a table is called that has another name on the wire, which is put behind
 * this id */
#define MSYNC_KEY_TABLE                 "MSYNC_TABLE_"
/* a field had no column; its table, a dot and its name are put behind this */
#define MSYNC_KEY_LOST_FIELD            "MSYNC_LOST_FIELD_"
/* the size that the batches of a step have come to, see run/steps_private.h */
#define MSYNC_KEY_BATCH_PUSH_V6         "MSYNC_BATCH_PUSH_V6"
#define MSYNC_KEY_BATCH_PUSH            "MSYNC_BATCH_PUSH"
#define MSYNC_KEY_BATCH_PULL_CENTRAL    "MSYNC_BATCH_PULL_CENTRAL"
#define MSYNC_KEY_BATCH_PULL_REMOTE     "MSYNC_BATCH_PULL_REMOTE"
#define MSYNC_KEY_BATCH_PULL_V6         "MSYNC_BATCH_PULL_V6"
#define MSYNC_KEY_BATCH_PULL_V7         "MSYNC_BATCH_PULL_V7"

/* ids that only schemas up to version 4 have; PAUSED is written once more where
 * somebody has emptied key_value_store, for the site that is made of it */
#define MSYNC_KEY_FIRST_SYNC            "MSYNC_LOOSE"     /* a first sync is at
                                                             work, its indexes
                                                             are away */
#define MSYNC_KEY_PREPARED              "MSYNC_PREPARED"  /* 1: asked, 2: done,
                                                             3: asked of a site
                                                             prepared before */
/* 1: as in site.h */
#define MSYNC_KEY_RESTORED              "MSYNC_CENTRAL_RESTORED"
#define MSYNC_KEY_PAUSED                "MSYNC_PAUSED"

/* the words of MSYNC_KEY_VERSION; none: it has not been found out */
#define MSYNC_SYNC_V5_V6                "V5_V6"
#define MSYNC_SYNC_V7                   "V7"


/* key_value_store: *value is left alone when the id is not there */
int msync_store_get_int(msync_store_t *store, const char *id,
    int64_t *value, msync_err_t *err);
int msync_store_set_int(msync_store_t *store, const char *id, int64_t value,
    msync_err_t *err);
/* *value is owned by the caller, NULL when the id is not there */
int msync_store_get_string(msync_store_t *store, const char *id,
    char **value, msync_err_t *err);
int msync_store_set_string(msync_store_t *store, const char *id,
    const char *value, msync_err_t *err);
int msync_store_unset(msync_store_t *store, const char *id, msync_err_t *err);

/* saves them again where somebody has deleted what the settings page saved,
 * and that the site is `paused`, if that has gone with them */
int msync_store_resave_settings(msync_store_t *store, const msync_conf_t *conf,
    bool paused, msync_err_t *err);

/* whether the database has others than `conf` since somebody has changed them
 * there, or restored a backup into it */
int msync_store_has_other_settings(msync_store_t *store,
    const msync_conf_t *conf, bool *other, msync_err_t *err);

/* whether somebody has emptied key_value_store since the database was opened:
 * opening it again makes of that what can be made */
int msync_store_is_emptied(msync_store_t *store, bool *emptied,
    msync_err_t *err);

typedef enum {
    MSYNC_SPEAKS_UNKNOWN = 0,      /* it has not been found out */
    MSYNC_SPEAKS_V5_V6,
    MSYNC_SPEAKS_V7
} msync_speaks_e;

/* what this site speaks, and the id of the push cursor by which what waits is
 * counted then; static storage */
int msync_store_speaks(msync_store_t *store, msync_speaks_e *speaks,
    msync_err_t *err);
const char *msync_store_push_cursor(msync_speaks_e speaks);

/* what was saved by the settings page wins over conf, which notes that */
int msync_store_load_settings(msync_store_t *store, msync_conf_t *conf,
    msync_err_t *err);
/* inside a transaction */
int msync_store_save_settings(msync_store_t *store, const msync_conf_t *conf,
    msync_err_t *err);

#endif /* MSYNC_STORE_KV_H */
