/*
 * The site database: schema and migrations, transactions, the sync buffer,
 * the changelog, cursors, the sync log and the settings.
 *
 * The application behind nginx reads and writes the same file at any time.
 * Every call returns MSYNC_OK or MSYNC_ERROR with DATABASE_ERROR or
 * DISK_FULL; a database that is busy has been waited for already.  Only
 * store*.c see SQLite, so that another engine can stand behind this header.
 *
 * Times are Unix milliseconds in memory and RFC 3339 in UTC in the database.
 */

#ifndef MSYNC_STORE_H
#define MSYNC_STORE_H

#include "catalogue.h"
#include "conf.h"

typedef struct msync_store_s  msync_store_t;

#define MSYNC_STORE_CREATE     1   /* make what is missing, write */
#define MSYNC_STORE_READ_ONLY  2

/* key_value_store ids (protocol.md), for msync_store_get_int and friends */
#define MSYNC_KEY_PUSH_CURSOR           "REMOTE_SYNC_PUSH_CURSOR"
#define MSYNC_KEY_PUSH_V6_CURSOR        "SYNC_PUSH_CURSOR_V6"
#define MSYNC_KEY_PULL_CENTRAL_CURSOR   "CENTRAL_SYNC_PULL_CURSOR"
#define MSYNC_KEY_PULL_V6_CURSOR        "SYNC_PULL_CURSOR_V6"
#define MSYNC_KEY_URL                   "SETTINGS_SYNC_URL"
#define MSYNC_KEY_USERNAME              "SETTINGS_SYNC_USERNAME"
#define MSYNC_KEY_PASSWORD_SHA256       "SETTINGS_SYNC_PASSWORD_SHA256"
#define MSYNC_KEY_INTERVAL_SECONDS      "SETTINGS_SYNC_INTERVAL_SECONDS"
#define MSYNC_KEY_SITE_ID               "SETTINGS_SYNC_SITE_ID"
#define MSYNC_KEY_SITE_UUID             "SETTINGS_SYNC_SITE_UUID"
#define MSYNC_KEY_SITE_NAME             "MSYNC_SITE_NAME"
#define MSYNC_KEY_CENTRAL_SITE_ID       "SETTINGS_SYNC_CENTRAL_SERVER_SITE_ID"
#define MSYNC_KEY_PULL_CENTRAL_MAX      "MSYNC_PULL_CENTRAL_MAX"
#define MSYNC_KEY_PULL_V6_MAX           "MSYNC_PULL_V6_MAX"
#define MSYNC_KEY_PUSH_V6_OPEN          "MSYNC_PUSH_V6_OPEN"
#define MSYNC_KEY_LOOSE                 "MSYNC_LOOSE"
#define MSYNC_KEY_PREPARED              "MSYNC_PREPARED"
#define MSYNC_KEY_RESTORED              "MSYNC_CENTRAL_RESTORED"
#define MSYNC_KEY_PAUSED                "MSYNC_PAUSED"
#define MSYNC_KEY_TABLES                "MSYNC_TABLES"
#define MSYNC_KEY_WAITING               "MSYNC_WAITING"


/*
 * Opens the database, with MSYNC_STORE_CREATE also makes file, tables and
 * triggers.  A new file gets the mode that interface.md promises.  The
 * catalogue is borrowed and must outlive the store.
 */
msync_store_t *msync_store_open(const char *path,
    const msync_catalogue_t *catalogue, unsigned flags, msync_err_t *err);
void msync_store_close(msync_store_t **store);

/*
 * Looks whether somebody has changed the schema since it was last as it
 * should be, and then does what opening with MSYNC_STORE_CREATE does; cheap
 * where nobody has.  Not inside a transaction.
 */
int msync_store_renew(msync_store_t *store, msync_err_t *err);

/*
 * Called while another program holds the database locked, several times a
 * second; MSYNC_OK waits on, however long, anything else ends the call that
 * waits with the error that it fills.  It must not use the store.  Without
 * one a lock of half a minute is an error.
 */
typedef int (*msync_store_wait_pt)(void *data, msync_err_t *err);

void msync_store_set_wait(msync_store_t *store, msync_store_wait_pt wait,
    void *data);

/*
 * Whoever only reads may be stopped in the middle of a statement: stores that
 * are opened for that from here on end it with MSYNC_ERR_CANCELLED as soon as
 * "stopped" says so.
 */
void msync_store_stop_readers(bool (*stopped)(void));

/*
 * The tables file of the catalogue that the database was last opened with to
 * write, owned by the caller; "" for the built-in catalogue alone, NULL where
 * that is not known.
 */
int msync_store_tables_file(msync_store_t *store, char **path,
    msync_err_t *err);

/* the SQL that makes the schema, for the "schema" command; msync_free it */
char *msync_store_schema(const msync_catalogue_t *catalogue);

/*
 * Only one process at a time may sync a database, by whatever links it is
 * named: takes the lock beside it.
 * MSYNC_AGAIN while another process holds it ("holder" becomes its pid, 0 if
 * unknown).  The descriptor lives as long as the process, *fd is -1 until
 * it is held.
 */
int msync_store_lock(const char *path, int *fd, long *holder,
    msync_err_t *err);

int msync_store_begin(msync_store_t *store, msync_err_t *err);
/*
 * begin of what a power cut may take, because it is asked for again or is no
 * loss: on a slow disk its commit is not waited for, the next one of another
 * transaction syncs it along.  An earlier state comes back, never a damaged
 * one.
 */
int msync_store_begin_unsynced(msync_store_t *store, msync_err_t *err);
/*
 * begin for integration: the triggers of the changelog stay silent until the
 * end of the transaction
 */
int msync_store_begin_integration(msync_store_t *store, msync_err_t *err);
int msync_store_commit(msync_store_t *store, msync_err_t *err);
/* also where SQLite has undone the transaction by itself */
void msync_store_rollback(msync_store_t *store);

/* a consistent copy into a file that must not exist yet, with the rights of
 * the database; it has its name when it is whole */
int msync_store_backup(msync_store_t *store, const char *path,
    msync_err_t *err);

/*
 * Looks for damage: the file itself, foreign keys, triggers, cursors beyond
 * what there is.  Calls "each" with a sentence for each finding.
 */
typedef void (*msync_finding_pt)(void *data, const char *text);

int msync_store_check(msync_store_t *store, msync_finding_pt each,
    void *data, msync_err_t *err);

/*
 * Forgets what was pulled and where: the next run sends what waits and then
 * pulls everything anew.  Rows stay until central's arrive.  With "discard"
 * unsent changes are forgotten instead of sent.  While MSYNC_KEY_RESTORED is
 * not 0, whatever the changelog has is unsent.
 */
int msync_store_reinitialise(msync_store_t *store, bool discard,
    msync_err_t *err);

bool msync_store_in_transaction(const msync_store_t *store);
/* whether a deferred foreign key is not met by now, which a commit refuses */
bool msync_store_owes(msync_store_t *store);

/* larger transactions and caches while nobody works on the database yet */
int msync_store_bulk(msync_store_t *store, bool on, msync_err_t *err);

/*
 * A first sync fills an empty sync_buffer without the indexes that it does
 * not need, and marks upserts before they are rows.  Integration brings the
 * indexes back in these steps: before it reads the buffer, before rows are
 * written, when a table has some of its rows, before rows are deleted or
 * merged, which needs a commit between.  All but settle_empty do nothing on a
 * database that has its indexes.
 */
int msync_store_loosen(msync_store_t *store, msync_err_t *err);
int msync_store_settle_buffer(msync_store_t *store, msync_err_t *err);
int msync_store_settle_large(msync_store_t *store, msync_err_t *err);
int msync_store_settle_empty(msync_store_t *store, const msync_table_t *table,
    msync_err_t *err);
int msync_store_settle_references(msync_store_t *store, msync_err_t *err);
/* ends a first sync that has not come to its end: what it pulled waits as
 * that of any sync does.  Inside a transaction, with the buffer settled */
int msync_store_end_early(msync_store_t *store, msync_err_t *err);
bool msync_store_is_loose(const msync_store_t *store);


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

/* what was saved by the settings page wins over conf */
int msync_store_load_settings(msync_store_t *store, msync_conf_t *conf,
    msync_err_t *err);
int msync_store_save_settings(msync_store_t *store, const msync_conf_t *conf,
    msync_err_t *err);


/*
 * Changes waiting at or after the push cursor that this site may send, each
 * record once (its latest change); without a cursor all that there are.
 */
int msync_store_queue(msync_store_t *store, const char *cursor_id,
    int64_t *n, msync_err_t *err);

/*
 * Reads at most "limit" of them, and not many more than "octets" of JSON,
 * from "cursor" on into a batch: those whose table belongs on "side" as
 * records, the others only move the cursor.  "processed" is the number of
 * changes read, 0 when nothing waits; batch's "next" is the cursor behind
 * them.  A row that cannot be put into the wire's form is set aside as
 * refused.
 */
int msync_store_changes(msync_store_t *store, unsigned side, int64_t cursor,
    unsigned limit, size_t octets, msync_batch_t *batch, int64_t *processed,
    msync_err_t *err);

/*
 * Records that central refused.  "put" sets one aside with central's answer,
 * "clear" forgets those that it has taken now, "requeue" puts those whose
 * pause is over, or all, into the changelog again, with what became of them
 * since; "has" tells whether one is set aside, whichever server refused it.
 */
int msync_store_refused_put(msync_store_t *store, unsigned side,
    const msync_record_t *record, const char *reason, msync_err_t *err);
int msync_store_refused_clear(msync_store_t *store, unsigned side,
    const msync_batch_t *batch, msync_err_t *err);
int msync_store_refused_count(msync_store_t *store, int64_t *n,
    msync_err_t *err);
int msync_store_refused_requeue(msync_store_t *store, bool all,
    msync_err_t *err);
int msync_store_refused_has(msync_store_t *store, const msync_table_t *table,
    const char *id, bool *found, msync_err_t *err);

/*
 * Whether this site has a change of the record (of any record) that was not
 * sent yet to the servers that take the table.
 */
int msync_store_unsent(msync_store_t *store, const msync_table_t *table,
    const char *id, bool *unsent, msync_err_t *err);
int msync_store_unsent_any(msync_store_t *store, bool *unsent,
    msync_err_t *err);

/*
 * MSYNC_ERROR when the file that is open is not the one of its name any more:
 * removed, or another one put in its place.  Whatever is written is lost then.
 */
int msync_store_check_file(msync_store_t *store, msync_err_t *err);

/* changes whenever another connection has committed; cheap to ask */
int msync_store_data_version(msync_store_t *store, int64_t *version,
    msync_err_t *err);


/*
 * Puts pulled records into sync_buffer; the same record again replaces what
 * is there, so storing twice equals storing once.
 */
int msync_store_buffer_put(msync_store_t *store, const msync_batch_t *batch,
    unsigned side, msync_err_t *err);

/* records that are due for integration: new ones, and failed ones whose
 * pause is over or whose missing parent has come */
int msync_store_buffer_pending(msync_store_t *store, int64_t *n,
    msync_err_t *err);

/* records that failed in either direction */
int msync_store_failures(msync_store_t *store, int64_t *n, msync_err_t *err);

/* records that failed to integrate */
int msync_store_buffer_failed(msync_store_t *store, int64_t *n,
    msync_err_t *err);

/* one pending record, texts valid until the next one is asked for */
typedef struct {
    int64_t         rowid;
    const char     *record_id;
    const char     *data;          /* NULL: none */
    unsigned        side;
} msync_pending_t;

/*
 * Walks over the pending records of one table and action, in the order of
 * their arrival, beginning behind rowid "after".  "each" returns MSYNC_OK,
 * or MSYNC_ERROR which ends the walk.  *last is the last rowid seen.
 */
typedef int (*msync_pending_pt)(void *data, const msync_pending_t *pending,
    msync_err_t *err);

int msync_store_buffer_walk(msync_store_t *store, const char *table,
    msync_action_e action, int64_t after, unsigned limit, int64_t *last,
    msync_pending_pt each, void *data, msync_err_t *err);

/*
 * Marks as failed, with the reason.  It stays in the buffer and is due again
 * after a pause that doubles with every try, or as soon as the row that it
 * refers to ("missing_id" of "missing", NULL: none) is integrated.
 */
int msync_store_buffer_fail(msync_store_t *store, int64_t rowid,
    const char *field, const char *reason, const msync_table_t *missing,
    const char *missing_id, msync_err_t *err);

/* a row has come: records that failed for want of it are due */
int msync_store_buffer_wake(msync_store_t *store, const msync_table_t *table,
    const char *id, msync_err_t *err);

/*
 * Central took these records of ours: what it had sent of them before, and
 * what is not a row yet, is older and will not become one.
 */
int msync_store_buffer_supersede(msync_store_t *store,
    const msync_batch_t *batch, msync_err_t *err);

/* all failed records are due */
int msync_store_buffer_wake_all(msync_store_t *store, msync_err_t *err);

/* marks as integrated what stands behind "after" up to "last", but for the
 * records that were marked as failed since the transaction began */
int msync_store_buffer_done(msync_store_t *store, const char *table,
    msync_action_e action, int64_t after, int64_t last, msync_err_t *err);

/* marks as failed all pending records whose table the catalogue does not
 * have, or whose action is none that we know */
int msync_store_buffer_fail_unknown(msync_store_t *store, msync_err_t *err);

/* calls each with the first "limit" records that failed in either direction:
 * those that central refused (action "PUSH"), which are this site's own work
 * and few, before those that did not become rows, oldest first */
typedef struct {
    const char  *table;
    const char  *record_id;
    const char  *action;
    const char  *field;            /* NULL: none named */
    const char  *error;
    const char  *since;            /* RFC 3339 */
    int64_t      tries;
} msync_failed_t;

typedef void (*msync_failed_pt)(void *data, const msync_failed_t *failed);

int msync_store_buffer_errors(msync_store_t *store, unsigned limit,
    msync_failed_pt each, void *data, msync_err_t *err);


/*
 * Rows.  MSYNC_ERROR with scope RECORD means that this row alone is at
 * fault (a missing parent, a value that the database refuses): the
 * transaction goes on, unless a trigger or a constraint of the application
 * has ended it (msync_store_in_transaction); with scope RUN it does not.
 * "field" is set to the field at fault, "missing" when that field names a
 * row that is not here.  With "careful" an upsert meets the application's
 * deferred keys at once, as deletes and merges do.
 */
int msync_store_row_upsert(msync_store_t *store, const msync_row_t *row,
    bool careful, const msync_field_t **field, bool *missing,
    msync_err_t *err);
int msync_store_row_delete(msync_store_t *store, const msync_table_t *table,
    const char *id, msync_err_t *err);
int msync_store_row_soft_delete(msync_store_t *store,
    const msync_table_t *table, const char *id, msync_err_t *err);
int msync_store_row_exists(msync_store_t *store, const msync_table_t *table,
    const char *id, bool *exists, msync_err_t *err);
/*
 * Lets every reference to "lose" in the whole catalogue lead to "keep" and
 * marks "lose" as deleted, or removes it; a join that both have stays once.
 * All of it or nothing.
 */
int msync_store_row_merge(msync_store_t *store, const msync_table_t *table,
    const char *lose, const char *keep, msync_err_t *err);

/*
 * Whom a record was merged into, owned by the caller, NULL: nobody; whether
 * there was any merge at all; and a row's references to such records led to
 * those that were kept.
 */
int msync_store_merged(msync_store_t *store, const msync_table_t *table,
    const char *id, char **kept, msync_err_t *err);
int msync_store_merged_any(msync_store_t *store, bool *any,
    msync_err_t *err);
int msync_store_follow_merges(msync_store_t *store, msync_row_t *row,
    msync_err_t *err);


/* the steps of a run, in their order */

typedef enum {
    MSYNC_STEP_PREPARE = 0,
    MSYNC_STEP_PUSH_V6,
    MSYNC_STEP_PUSH,
    MSYNC_STEP_PULL_CENTRAL,
    MSYNC_STEP_PULL_REMOTE,
    MSYNC_STEP_PULL_V6,
    MSYNC_STEP_INTEGRATE,
    MSYNC_STEP_MAX
} msync_step_e;

typedef struct {
    int64_t  started;              /* ms, 0: not */
    int64_t  finished;
    int64_t  total;                /* -1: not known yet, no number shown */
    int64_t  done;
} msync_step_log_t;

/* one row of sync_log */
typedef struct {
    int64_t           id;
    int64_t           started;
    int64_t           finished;    /* 0: it runs, or was interrupted */
    msync_step_log_t  steps[MSYNC_STEP_MAX];
    msync_variant_e   variant;     /* NONE: no error */
    char              text[MSYNC_ERR_TEXT_MAX + 512];  /* with advice */
} msync_log_entry_t;

/* makes a row for a new run and sets id and started */
int msync_store_log_begin(msync_store_t *store, msync_log_entry_t *entry,
    msync_err_t *err);
int msync_store_log_update(msync_store_t *store,
    const msync_log_entry_t *entry, msync_err_t *err);

/* ends the rows of runs that nobody ended, as HELPER_STOPPED; *n of them */
int msync_store_log_close_interrupted(msync_store_t *store, int *n,
    msync_err_t *err);

/* the latest run, and the latest that succeeded; id 0: there is none */
int msync_store_log_last(msync_store_t *store, msync_log_entry_t *entry,
    msync_err_t *err);
int msync_store_log_last_success(msync_store_t *store,
    msync_log_entry_t *entry, msync_err_t *err);

typedef void (*msync_log_pt)(void *data, const msync_log_entry_t *entry);

/* the last "limit" runs, newest first */
int msync_store_log_history(msync_store_t *store, unsigned limit,
    msync_log_pt each, void *data, msync_err_t *err);

/* forgets runs beyond the newest "keep", but never the last success */
int msync_store_log_trim(msync_store_t *store, unsigned keep,
    msync_err_t *err);


/* a clock that all times of the store come from: Unix milliseconds */
int64_t msync_store_now(void);
/* RFC 3339 in UTC with seconds: "2026-11-23T10:00:00Z", 21 octets with NUL */
char *msync_store_time(int64_t ms, char text[32]);

#endif /* MSYNC_STORE_H */
