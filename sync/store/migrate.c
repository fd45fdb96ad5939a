/*
 * Migration: the way to the schema of this version.
 *
 * Promises: a migration is one transaction, so another connection sees the old
 * schema or the new one; tables, columns and rows of the application are never
 * dropped; a field that the catalogue has learnt has in its column what it had
 * before.
 */

#include <string.h>
#include <time.h>

#include "store/disk_private.h"
#include "store/schema_private.h"
#include "store/store_private.h"
#include "base/log.h"


/*
 * What CREATE IF NOT EXISTS and ALTER TABLE ADD cannot do, each for databases
 * of an older version, in order.  Version 1 kept no number.
 */

static const struct {
    int64_t      version;
    const char  *sql;
} migrations[] = {
    /* one id may be that of several merges: another index took its place */
    { 2, "DROP INDEX IF EXISTS sync_buffer_record;" },
    /* msync_extra held fields of the catalogue, too: VERSION_STALE_EXTRA */
    { 3, "" },
    /* a first sync marked what is a row */
    { 4, "" },
    /* rows that were never sent had no list (VERSION_NO_LIST), what a site is
     * in the middle of was several facts (msync_store_site_adopt), a first sync
     * marked records before they were rows (msync_store_adopt_buffer) */
    { 5, "" }
};

/* a table that is missing is made again when it is still missing then */
#define TABLE_PAUSE  100           /* ms */
#define TABLE_LOOKS  20

#define VERSION_STALE_EXTRA  2
#define VERSION_NO_LIST      4

#define SCHEMA_VERSION                                                        \
    migrations[sizeof(migrations) / sizeof(*migrations) - 1].version

/* what is not any more as this schema made it */
typedef struct {
    msync_store_t  *store;         /* borrowed */
    bool           *triggers;      /* owned, of which table of the catalogue;
                                      NULL: it is only looked whether anything
                                      is lost, strangers alone are told of */
    sqlite3_str    *fields;        /* owned, the ids of fields without a column
                                      as a list of VALUES; NULL: nobody asks */
    bool            any;
    bool            table;         /* one of the catalogue is not there */
    bool            refused;       /* why is in err */
    int64_t         schema;        /* its version */
    msync_err_t    *err;           /* borrowed */
} losses_t;


static int migrate_has_schema(msync_store_t *store, int64_t version,
    const char *hash, bool *set_up, msync_err_t *err);
static char *migrate_make_schema(msync_store_t *store,
    char hash[MSYNC_SHA256_HEX + 1]);
static void migrate_log_lost(const losses_t *losses, const msync_lost_t *lost);
static void migrate_note_lost(void *data, const msync_lost_t *lost);
static int migrate_find_losses(msync_store_t *store, losses_t *losses,
    msync_err_t *err);
static int migrate_find_lasting_losses(msync_store_t *store, losses_t *losses,
    msync_err_t *err);
static void migrate_note_fields(msync_store_t *store, const losses_t *losses);
static int migrate_forget_fields(msync_store_t *store, msync_err_t *err);
static int migrate_mend_flag(msync_store_t *store, msync_err_t *err);
static int migrate_note_tables_file(msync_store_t *store, msync_err_t *err);
static void migrate_drop_changed_index(void *data, const msync_lost_t *lost);
static int migrate_own_tables(msync_store_t *store, msync_err_t *err);
static int migrate_drop_triggers(msync_store_t *store, msync_err_t *err);
static int migrate_bookkeeping(msync_store_t *store, msync_err_t *err);
static int migrate_tables(msync_store_t *store, int64_t version,
    const char *schema, bool known, msync_err_t *err);
static int migrate_schema(msync_store_t *store, int64_t version,
    const char *schema, const char *hash, bool known, msync_err_t *err);
static int migrate_restore(msync_store_t *store, int64_t version,
    const char *schema, const char *hash, msync_err_t *err);


int64_t
msync_store_newest_schema(void)
{
    return SCHEMA_VERSION;
}


/* whether the database has the schema, whatever happened to it since */

static int
migrate_has_schema(msync_store_t *store, int64_t version, const char *hash,
    bool *set_up, msync_err_t *err)
{
    char  *stored;

    *set_up = false;

    if (version != SCHEMA_VERSION || store->lost) {
        return MSYNC_OK;
    }

    if (msync_store_get_string(store, MSYNC_KEY_SCHEMA_SHA256, &stored, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    *set_up = stored != NULL && strcmp(stored, hash) == 0;
    msync_free(&stored);

    return MSYNC_OK;
}


/* the schema of this catalogue, and its hash; the caller frees it */

static char *
migrate_make_schema(msync_store_t *store, char hash[MSYNC_SHA256_HEX + 1])
{
    char  *schema;

    schema = msync_store_schema(store->catalogue);
    msync_conf_hash(schema, strlen(schema), hash);

    return schema;
}


int
msync_store_is_set_up(msync_store_t *store, bool *set_up, msync_err_t *err)
{
    char     *schema, hash[MSYNC_SHA256_HEX + 1];
    int64_t   version;

    schema = migrate_make_schema(store, hash);
    msync_free(&schema);

    return msync_store_identify(store, &version, err) == MSYNC_OK
           ? migrate_has_schema(store, version, hash, set_up, err)
           : MSYNC_ERROR;
}


/* what cannot be made again is looked for with each run and each change of the
 * application's */

static void
migrate_log_lost(const losses_t *losses, const msync_lost_t *lost)
{
    if (losses->schema != losses->store->told) {
        msync_log(MSYNC_LOG_WARN, "%s", lost->text);
    }
}


static void
migrate_note_lost(void *data, const msync_lost_t *lost)
{
    losses_t  *losses = data;

    /* said once, and nothing to make again */
    if (lost->what == MSYNC_LOST_STRANGER) {
        if (losses->triggers == NULL) {
            migrate_log_lost(losses, lost);
        }

        return;
    }

    losses->any = true;
    losses->table = losses->table
                    || (lost->table != NULL
                        && strcmp(lost->type, "table") == 0);

    if (lost->what == MSYNC_LOST_FIELD) {
        if (losses->fields != NULL && lost->table != NULL) {
            sqlite3_str_appendf(losses->fields, "%s('" MSYNC_KEY_LOST_FIELD
                                "%q.%q')", sqlite3_str_length(losses->fields)
                                           ? ", " : "",
                                lost->table->name, lost->name);
        }

        if (!losses->refused) {
            losses->refused = true;
            msync_err_set(losses->err, MSYNC_ERR_DATABASE_ERROR, "%s",
                          lost->text);
            losses->err->advice = MSYNC_STORE_ADVICE_FIELD;
        }

    } else if (losses->triggers != NULL) {
        migrate_log_lost(losses, lost);

        if (lost->what == MSYNC_LOST_TRIGGER) {
            losses->triggers[lost->table - losses->store->catalogue->tables]
                = true;
        }
    }
}


/* what somebody dropped or changed since this schema was made */

static int
migrate_find_losses(msync_store_t *store, losses_t *losses, msync_err_t *err)
{
    losses->store = store;
    losses->err = err;

    return msync_store_schema_version(store, &losses->schema, err) == MSYNC_OK
           && msync_store_check_schema(store, true, migrate_note_lost, losses,
                                       err) == MSYNC_OK
           && !losses->refused ? MSYNC_OK : MSYNC_ERROR;
}


/*
 * An application that rebuilds a table outside of a transaction has none for a
 * moment, and could not give the new one its name if it were made meanwhile.
 */

static int
migrate_find_lasting_losses(msync_store_t *store, losses_t *losses,
    msync_err_t *err)
{
    int              rc, looks;
    sqlite3_str     *fields = losses->fields;
    msync_err_t      ignored;
    struct timespec  pause = { 0, TABLE_PAUSE * 1000000L };

    for (looks = 0; ; looks++) {
        memset(losses, 0, sizeof(losses_t));
        losses->fields = fields;
        sqlite3_str_reset(fields);

        if (msync_store_exec(store, "BEGIN", err) != MSYNC_OK) {
            return MSYNC_ERROR;
        }

        rc = migrate_find_losses(store, losses, err);
        (void) msync_store_exec(store, "ROLLBACK", &ignored);

        if (rc != MSYNC_OK || !losses->table || looks == TABLE_LOOKS) {
            return rc;
        }

        (void) nanosleep(&pause, NULL);
    }
}


/*
 * Without its column a field has lost its values: what is there once it is back
 * must not go to central by itself (msync_store_resend).  Where this cannot be
 * written down the next look does it.
 */

static void
migrate_note_fields(msync_store_t *store, const losses_t *losses)
{
    bool         missing;
    const char  *ids = sqlite3_str_value(losses->fields);
    msync_err_t  ignored;

    if (ids != NULL
        && msync_store_found_own(store,
               sqlite3_mprintf("SELECT 1 FROM (VALUES %s) WHERE column1 NOT "
                               "IN (SELECT id FROM key_value_store)", ids),
               &missing, &ignored) == MSYNC_OK
        && missing)
    {
        (void) msync_store_exec_own(store,
                   sqlite3_mprintf("INSERT OR IGNORE INTO key_value_store "
                                   "(id, value_int) SELECT column1, 1 FROM "
                                   "(VALUES %s)", ids), &ignored);
    }
}


/* all fields have their columns */

static int
migrate_forget_fields(msync_store_t *store, msync_err_t *err)
{
    int64_t  any;

    return msync_store_number(store, "SELECT count(*) FROM key_value_store "
                              "WHERE id GLOB '" MSYNC_KEY_LOST_FIELD "*'",
                              &any, err) == MSYNC_OK
           && (any == 0
               || msync_store_exec(store, "DELETE FROM key_value_store WHERE "
                                   "id GLOB '" MSYNC_KEY_LOST_FIELD "*'", err)
                  == MSYNC_OK)
           ? MSYNC_OK : MSYNC_ERROR;
}


/* who silenced the changelog for good has changed what nobody knows of; it is
 * not repeated by sending everything */

static int
migrate_mend_flag(msync_store_t *store, msync_err_t *err)
{
    int64_t        silent;
    sqlite3_stmt  *stmt;

    stmt = msync_store_stmt(store, MSYNC_STMT_FLAG_SET,
                            "SELECT 1 FROM msync_flag WHERE integrating",
                            err);

    if (msync_store_scalar(store, stmt, &silent, "msync_flag", err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (silent == 0) {
        return MSYNC_OK;
    }

    msync_log(MSYNC_LOG_WARN, "somebody has silenced the changelog "
              "(msync_flag); it is not silent any more, but what was changed "
              "meanwhile is not sent");

    return msync_store_exec(store, "UPDATE msync_flag SET integrating = 0",
                            err);
}


int
msync_store_tables_file(msync_store_t *store, char **path, msync_err_t *err)
{
    *path = NULL;

    return msync_store_has_settings(store)
           ? msync_store_get_string(store, MSYNC_KEY_TABLES, path, err)
           : MSYNC_OK;
}


/* whoever works on this database next has to go by the same; what is there
 * already is not written again, for that would wait for the application */

static int
migrate_note_tables_file(msync_store_t *store, msync_err_t *err)
{
    int          rc = MSYNC_OK;
    char        *known;
    const char  *file;

    file = store->catalogue->file ? store->catalogue->file : "";

    if (msync_store_tables_file(store, &known, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    if (known == NULL || strcmp(known, file) != 0) {
        rc = msync_store_set_string(store, MSYNC_KEY_TABLES, file, err);
    }

    msync_free(&known);
    return rc;
}


static void
migrate_drop_changed_index(void *data, const msync_lost_t *lost)
{
    if (lost->there && strcmp(lost->type, "index") == 0) {
        sqlite3_str_appendf(data, "DROP INDEX \"%w\";\n", lost->name);
    }
}


/* Makes tables of msync's own, first those that are there as something else,
 * and of these first key_value_store, which is asked. */

static int
migrate_own_tables(msync_store_t *store, msync_err_t *err)
{
    int64_t       version = 0;
    sqlite3_str  *sql;

    if (msync_store_mend_shapes(store, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    /* the settings may have been in what was another table */
    if (store->lost && msync_store_has_settings(store)
        && msync_store_get_int(store, MSYNC_KEY_SCHEMA_VERSION, &version, err)
           != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    store->lost = store->lost && version == 0;

    if (!store->lost) {
        return MSYNC_OK;
    }

    msync_log(MSYNC_LOG_WARN, "what msync had in key_value_store is gone, and "
              "with it where this site stood: the next run brings everything "
              "anew and sends again what the changelog has; settings that were "
              "saved on the page, and that no helper of nginx remembers, have "
              "to be saved again");

    sql = sqlite3_str_new(store->db);
    msync_store_put_own_table(sql, &msync_store_own_tables[0],
                              msync_store_own_tables[0].name);

    /* merges come anew, too, as far as central still knows them */
    if (msync_store_has_column(store, "msync_merged", NULL)) {
        sqlite3_str_appendall(sql, "DELETE FROM msync_merged;\n");
    }

    return msync_store_exec_str(store, sql, err);
}


/* They are made anew behind all else, and SQLite reads the whole schema with
 * each column that is added: most of that would be triggers.  In this
 * transaction they are silent. */

static int
migrate_drop_triggers(msync_store_t *store, msync_err_t *err)
{
    size_t        i, j;
    sqlite3_str  *sql = sqlite3_str_new(store->db);

    const msync_table_t  *table;

    for (i = 0; i < store->catalogue->n; i++) {
        table = &store->catalogue->tables[i];

        for (j = 0; table->push != 0 && j < MSYNC_STORE_EVENTS; j++) {
            sqlite3_str_appendf(sql, "DROP TRIGGER IF EXISTS "
                                "\"msync_%w_%s\";\n", table->sql,
                                msync_store_events[j]);
        }
    }

    return msync_store_exec_str(store, sql, err);
}


/* makes the tables that are msync's alone, and the way clear for indexes */

static int
migrate_bookkeeping(msync_store_t *store, msync_err_t *err)
{
    sqlite3_str  *sql = sqlite3_str_new(store->db);

    if (msync_store_check_schema(store, false, migrate_drop_changed_index, sql,
                                 err) != MSYNC_OK)
    {
        sqlite3_free(sqlite3_str_finish(sql));
        return MSYNC_ERROR;
    }

    if (msync_store_exec_str(store, sql, err) != MSYNC_OK
        || msync_store_drop_former_indexes(store, err) != MSYNC_OK
        || msync_store_add_bookkeeping_columns(store, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    sql = sqlite3_str_new(store->db);
    msync_store_put_bookkeeping(sql);

    return msync_store_exec_str(store, sql, err);
}


/* makes the tables of the catalogue; `known`: msync has had all of them */

static int
migrate_tables(msync_store_t *store, int64_t version, const char *schema,
    bool known, msync_err_t *err)
{
    if (version != 0
        && (msync_store_rename_tables(store, err) != MSYNC_OK
            || msync_store_drop_constraints(store, err) != MSYNC_OK
            || (version <= VERSION_NO_LIST
                && msync_store_find_never_sent(store, err) != MSYNC_OK)))
    {
        return MSYNC_ERROR;
    }

    if (msync_store_take_tables(store, known, err) != MSYNC_OK
        || msync_store_exec(store, schema, err) != MSYNC_OK
        || msync_store_mend_replace(store, err) != MSYNC_OK
        || (version != 0
            && msync_store_adopt_extra(store, version <= VERSION_STALE_EXTRA,
                                       err) != MSYNC_OK))
    {
        return MSYNC_ERROR;
    }

    return msync_store_note_names(store, err);
}


static int
migrate_schema(msync_store_t *store, int64_t version, const char *schema,
    const char *hash, bool known, msync_err_t *err)
{
    bool    changes;
    size_t  i;

    if (msync_store_found_own(store,
            sqlite3_mprintf("SELECT 1 FROM sqlite_master WHERE type IN "
                            "('table', 'view') AND name = 'changelog' COLLATE "
                            "NOCASE"), &changes, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    for (i = 0; i < sizeof(migrations) / sizeof(*migrations); i++) {
        if (version != 0 && version < migrations[i].version
            && msync_store_exec(store, migrations[i].sql, err) != MSYNC_OK)
        {
            return MSYNC_ERROR;
        }
    }

    if ((version != 0
         && (migrate_drop_triggers(store, err) != MSYNC_OK
             || migrate_own_tables(store, err) != MSYNC_OK
             || msync_store_adopt_buffer(store, err) != MSYNC_OK))
        || migrate_bookkeeping(store, err) != MSYNC_OK
        || msync_store_site_adopt(store, err) != MSYNC_OK
        || migrate_tables(store, version, schema, known, err) != MSYNC_OK
        || migrate_note_tables_file(store, err) != MSYNC_OK
        || (version != 0 && !changes
            && msync_store_resend_all(store, err) != MSYNC_OK)
        || msync_store_set_int(store, MSYNC_KEY_SCHEMA_VERSION, SCHEMA_VERSION,
                               err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    return msync_store_set_string(store, MSYNC_KEY_SCHEMA_SHA256, hash, err);
}


/* makes a schema good that this msync has made */

static int
migrate_restore(msync_store_t *store, int64_t version, const char *schema,
    const char *hash, msync_err_t *err)
{
    int       rc = MSYNC_ERROR;
    losses_t  losses = { 0 };

    losses.triggers = msync_calloc(store->catalogue->n, sizeof(bool));

    /* more may have been altered until this transaction began */
    if (migrate_find_losses(store, &losses, err) == MSYNC_OK
        && migrate_schema(store, version, schema, hash, true, err) == MSYNC_OK)
    {
        rc = msync_store_resend(store, losses.triggers, err) == MSYNC_OK
             ? migrate_forget_fields(store, err) : MSYNC_ERROR;
    }

    msync_free(&losses.triggers);
    return rc;
}


int
msync_store_migrate(msync_store_t *store, int64_t version, msync_err_t *err)
{
    int        rc = MSYNC_ERROR;
    bool       set_up;
    char      *schema, hash[MSYNC_SHA256_HEX + 1];
    int64_t    seen;
    losses_t   losses = { 0 };

    schema = migrate_make_schema(store, hash);
    losses.fields = sqlite3_str_new(NULL);

    if (msync_store_schema_version(store, &seen, err) != MSYNC_OK
        || migrate_has_schema(store, version, hash, &set_up, err) != MSYNC_OK)
    {
        goto done;
    }

    if (set_up
        && migrate_find_lasting_losses(store, &losses, err) != MSYNC_OK)
    {
        migrate_note_fields(store, &losses);
        goto done;
    }

    if (set_up && !losses.any) {
        rc = migrate_mend_flag(store, err) == MSYNC_OK
             && migrate_forget_fields(store, err) == MSYNC_OK
             ? migrate_note_tables_file(store, err) : MSYNC_ERROR;
        goto done;
    }

    if (msync_store_begin(store, err) != MSYNC_OK) {
        goto done;
    }

    if ((set_up ? migrate_restore(store, version, schema, hash, err)
                : migrate_schema(store, version, schema, hash, store->lost,
                                 err))
        != MSYNC_OK
        || msync_store_schema_version(store, &seen, err) != MSYNC_OK)
    {
        msync_store_rollback(store);
        store->told = seen;
        goto done;
    }

    rc = msync_store_commit(store, err);

done:

    if (rc == MSYNC_OK) {
        store->schema = seen;
        rc = msync_store_find_numbers(store, err) == MSYNC_OK
             ? msync_store_buffer_wake_altered(store, seen, err)
             : MSYNC_ERROR;
    }

    if (rc != MSYNC_OK) {
        msync_err_context(err, "schema");
    }

    sqlite3_free(sqlite3_str_finish(losses.fields));
    msync_free(&schema);
    return rc;
}


int
msync_store_renew(msync_store_t *store, msync_err_t *err)
{
    int64_t  seen, version;

    if (msync_store_watch_disk(store, err) != MSYNC_OK
        || msync_store_schema_version(store, &seen, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (seen == store->schema) {
        return migrate_mend_flag(store, err) == MSYNC_OK
               ? msync_store_mend_cursors(store, err) : MSYNC_ERROR;
    }

    return msync_store_identify(store, &version, err) == MSYNC_OK
           ? msync_store_migrate(store, version, err) : MSYNC_ERROR;
}
