/*
 * What a database is, before anything is written to it.
 *
 * Promises: a file that is none, damaged, of another program or of a newer
 * version is told of and left as it is, its log too.
 */

#include "store/column_private.h"
#include "store/schema_private.h"

#define ADVICE_NONE                                                           \
    "Name the site's database in the directive \"database\"; msync reads "    \
    "none that the application encrypts. Where this was one that is, put a "  \
    "backup in its place and run \"msync reinitialise\"."
#define ADVICE_OTHER                                                          \
    "Name another file in the directive \"database\", or let the "            \
    "application's table have another name."
#define ADVICE_NEWER                                                          \
    "Install that msync again, or put a backup from before in its place and " \
    "run \"msync reinitialise\" then."

#define IDENTIFY_TABLES  3         /* of msync's own a database has at least,
                                      also where somebody has dropped some */


static int identify_read_version(msync_store_t *store, int64_t *version,
    msync_err_t *err);


bool
msync_store_has_settings(msync_store_t *store)
{
    return msync_store_has_column(store, "key_value_store", "id")
           && msync_store_has_column(store, "key_value_store", "value_string")
           && msync_store_has_column(store, "key_value_store", "value_int");
}


/* 0: nothing of ours is there yet */

static int
identify_read_version(msync_store_t *store, int64_t *version, msync_err_t *err)
{
    char     *hash;
    int64_t   n;

    *version = 0;
    store->lost = false;

    if (msync_store_number(store, "SELECT count(*) FROM sqlite_master WHERE "
                           "name IN ('key_value_store', 'changelog', "
                           "'sync_buffer', 'sync_log')", &n, err) != MSYNC_OK)
    {
        switch (sqlite3_errcode(store->db) & 0xff) {
        case SQLITE_NOTADB:
            msync_err_context(err, "this file is no database, or one that is "
                                   "encrypted, it was left as it is");
            err->advice = ADVICE_NONE;
            break;
        case SQLITE_CORRUPT:
            msync_err_context(err, "this database is damaged, it was left "
                                   "as it is; put a backup in its place, "
                                   "then run \"msync reinitialise\"");
            break;
        }

        return MSYNC_ERROR;
    }

    if (n == 0) {
        return MSYNC_OK;
    }

    if (msync_store_has_settings(store)) {
        if (msync_store_get_int(store, MSYNC_KEY_SCHEMA_VERSION, version, err)
            != MSYNC_OK
            || msync_store_get_string(store, MSYNC_KEY_SCHEMA_SHA256, &hash,
                                      err) != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }

        if (*version == 0 && hash != NULL) {
            *version = 1;
        }

        msync_free(&hash);
    }

    /* no other program has tables of such names */
    if (*version == 0
        && msync_store_number(store, "SELECT count(*) FROM sqlite_master WHERE "
                              "name IN ('msync_flag', 'msync_replaced', "
                              "'msync_refused', 'msync_merged', "
                              "'msync_absent', 'msync_never_sent')", &n, err)
           != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (*version == 0 && n >= IDENTIFY_TABLES) {
        store->lost = true;
        *version = msync_store_newest_schema();
    }

    if (*version == 0) {
        (void) msync_err_set(err, MSYNC_ERR_DATABASE_ERROR,
                             "this database belongs to another program: it "
                             "has tables named as msync's own (changelog, "
                             "sync_buffer, sync_log or key_value_store) that "
                             "msync did not make. It was left as it is");
        err->advice = ADVICE_OTHER;

        return MSYNC_ERROR;
    }

    return MSYNC_OK;
}


int
msync_store_identify(msync_store_t *store, int64_t *version,
    msync_err_t *err)
{
    if (identify_read_version(store, version, err) == MSYNC_OK) {

        if (*version <= msync_store_newest_schema()) {
            return msync_store_know_encoding(store, err);
        }

        (void) msync_err_set(err, MSYNC_ERR_DATABASE_ERROR,
                             "a newer msync made this database (schema "
                             "version %lld, this one knows up to %lld). It "
                             "was left as it is", (long long) *version,
                             (long long) msync_store_newest_schema());
        err->advice = ADVICE_NEWER;
    }

    /* what another process left in the log stays there, too */
    (void) sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
                             NULL);
    return MSYNC_ERROR;
}


int
msync_store_expect_schema(msync_store_t *store, msync_err_t *err)
{
    int64_t  version;

    if (msync_store_identify(store, &version, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (version != 0) {
        return MSYNC_OK;
    }

    (void) msync_err_set(err, MSYNC_ERR_DATABASE_ERROR, "msync has not set up "
                         "the database %s yet: it has none of its tables",
                         sqlite3_db_filename(store->db, "main"));
    err->advice = "Name the file of the \"database\" directive in nginx's "
                  "configuration; nginx sets it up when it starts with the "
                  "module, or \"msync sync\" with --url, --username and "
                  "--password-file. This one was left as it is.";

    return MSYNC_ERROR;
}
