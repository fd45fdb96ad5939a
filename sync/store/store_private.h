/*
 * What the store's own files share, by the file that has it; nobody else
 * includes this.
 */

#ifndef MSYNC_STORE_PRIVATE_H
#define MSYNC_STORE_PRIVATE_H

#include <sys/stat.h>

#include <sqlite3.h>

#include "store/absent.h"
#include "store/backup.h"
#include "store/buffer.h"
#include "store/bulk.h"
#include "store/changelog.h"
#include "store/check.h"
#include "store/disk.h"
#include "store/dismiss.h"
#include "store/fill.h"
#include "store/kv.h"
#include "store/lock.h"
#include "store/log.h"
#include "store/merge.h"
#include "store/older.h"
#include "store/refused.h"
#include "store/row.h"
#include "store/schema.h"
#include "store/send.h"
#include "store/site.h"
#include "store/store.h"

/* a change after which none of the same record follows */
#define MSYNC_SQL_LATEST                                                      \
    "NOT EXISTS (SELECT 1 FROM changelog AS l WHERE l.record_id = "           \
    "changelog.record_id AND l.table_name = changelog.table_name AND "        \
    "l.cursor > changelog.cursor)"

/* a record of sync_buffer that could not become a row */
#define MSYNC_SQL_FAILED                                                      \
    "integration_datetime IS NULL AND integration_error IS NOT NULL"

/* a record of sync_buffer that is due at the time ?7; a pause that a wrong
 * clock began in the future is none.  `row`: its name with a dot, or "" */
#define MSYNC_SQL_DUE(row)                                                    \
    row "integration_datetime IS NULL AND (ifnull(" row "retry_at, 0) <= ?7 " \
    "OR " row "last_tried > ?7)"

/* the columns of sync_buffer that make a pending record */
#define MSYNC_PENDING_COLUMNS  "id, record_id, data, side, store_id, "        \
                               "transfer_store_id, patient_id"

/* push cursors, one of what is taken once among them */
#define MSYNC_SQL_PUSH_CURSORS                                                \
    "id IN ('" MSYNC_KEY_PUSH_CURSOR "', '" MSYNC_KEY_PUSH_V6_CURSOR "', "    \
    "'" MSYNC_KEY_PUSH_V7_CURSOR "', '" MSYNC_KEY_PUSH_V6_TAKEN "') AND "     \
    "typeof(value_int) = 'integer'"

/* those that pass what comes into the changelog next */
#define MSYNC_SQL_BEYOND                                                      \
    MSYNC_SQL_PUSH_CURSORS " AND "                                            \
    "value_int > 1 + max(ifnull((SELECT seq FROM sqlite_sequence WHERE name " \
    "= 'changelog'), 0), ifnull((SELECT max(cursor) FROM changelog), 0))"

/* whether t is the row of the id ?1: the application may have declared the
 * column, named twice, so that other ids are equal to that one */
#define MSYNC_SQL_IS_ROW                                                      \
    "t.\"%w\" = ?1 AND CAST(t.\"%w\" AS TEXT) = ?1 COLLATE BINARY"

/* ms from an attempt at a record that failed, or that central refused, until
 * the next one: a quarter of an hour, doubled each time, a day at most */
#define MSYNC_SQL_RETRY_PAUSE  "min(86400000, 900000 << min(tries, 8))"

/* the statements that are kept prepared for the life of the store */
typedef enum {
    MSYNC_STMT_BEGIN = 0,
    MSYNC_STMT_COMMIT,
    MSYNC_STMT_KV_GET,
    MSYNC_STMT_KV_SET_INT,
    MSYNC_STMT_KV_SET_STRING,
    MSYNC_STMT_KV_UNSET,
    MSYNC_STMT_SITE_GET,
    MSYNC_STMT_SITE_SET,
    MSYNC_STMT_FLAG,
    MSYNC_STMT_TRIGGERS,
    MSYNC_STMT_JOINED_WALK,
    MSYNC_STMT_JOINED_DONE,
    MSYNC_STMT_TIDY_LAST,
    MSYNC_STMT_TIDY_TODAY,
    MSYNC_STMT_TIDY_UNTIL,
    MSYNC_STMT_TIDY_CHANGES,
    MSYNC_STMT_TIDY_RECORDS,
    MSYNC_STMT_TIDY_CHANGELOG,
    MSYNC_STMT_TIDY_BUFFER,
    MSYNC_STMT_TIDY_MARK,
    MSYNC_STMT_TIDY_FORGET,
    MSYNC_STMT_WAITING_THERE,
    MSYNC_STMT_WAITING_BETWEEN,
    MSYNC_STMT_WAITING_CHANGED,
    MSYNC_STMT_WAITING_MOVED,
    MSYNC_STMT_WAITING_STORES,
    MSYNC_STMT_CHANGES,
    MSYNC_STMT_CHANGES_DELETE,
    MSYNC_STMT_UNSENT,
    MSYNC_STMT_UNSENT_ANY,
    MSYNC_STMT_BUFFER_PUT,
    MSYNC_STMT_BUFFER_WALK,
    MSYNC_STMT_BUFFER_FAIL,
    MSYNC_STMT_BUFFER_DONE,
    MSYNC_STMT_BUFFER_PENDING,
    MSYNC_STMT_BUFFER_FAILED,
    MSYNC_STMT_BUFFER_NOTE,
    MSYNC_STMT_BUFFER_WAKE,
    MSYNC_STMT_BUFFER_ANY,
    MSYNC_STMT_BUFFER_POSTPONE,
    MSYNC_STMT_BUFFER_REMOVE,
    MSYNC_STMT_REFUSED_PUT,
    MSYNC_STMT_REFUSED_CLEAR,
    MSYNC_STMT_REFUSED_COUNT,
    MSYNC_STMT_REFUSED_HAS,
    MSYNC_STMT_DISMISSED,
    MSYNC_STMT_FAILURES,
    MSYNC_STMT_MERGED_ANY,
    MSYNC_STMT_MERGED,
    MSYNC_STMT_DATA_VERSION,
    MSYNC_STMT_SCHEMA_VERSION,
    MSYNC_STMT_LOG_UPDATE,
    MSYNC_STMT_NEVER_SENT_ANY,
    MSYNC_STMT_NEVER_SENT_CLEAR,
    MSYNC_STMT_PASSED,
    MSYNC_STMT_DOUBTED,
    MSYNC_STMT_CHANGELOG_END,
    MSYNC_STMT_ABSENT_ANY,
    MSYNC_STMT_ABSENT_CLEAR,
    MSYNC_STMT_ABSENT_READ,
    MSYNC_STMT_ABSENT_WAITS,
    MSYNC_STMT_HAS_KEY,
    MSYNC_STMT_FLAG_SET,
    MSYNC_STMT_CURSOR_BEYOND,
    MSYNC_STMT_OUR_STORE,
    MSYNC_STMT_DELETED_STORE,
    MSYNC_STMT_UNIQUE_LIST,
    MSYNC_STMT_UNIQUE_COLUMNS,
    MSYNC_STMT_UNIQUE_DEFAULT,
    MSYNC_STMT_UNIQUE_SQL,
    MSYNC_STMT_UNIQUE_ROWID,
    MSYNC_STMT_UNIQUE_REFERENCES,
    MSYNC_STMT_CASCADES,
    MSYNC_STMT_SHAPE_LISTS,
    MSYNC_STMT_SHAPE_COLUMNS,
    MSYNC_STMT_MAX
} msync_stmt_e;

typedef struct {
    sqlite3_stmt  *select;          /* owned, made when first needed */
    sqlite3_stmt  *insert;
    sqlite3_stmt  *update;
    sqlite3_stmt  *exists;
    sqlite3_stmt  *kept;            /* see affinity.c; NULL: its columns leave
                                       texts as they are */
    int64_t        looked;          /* version of the schema in which that was
                                       looked for */
    bool           says_store;      /* its rows say what store others are of */
} msync_table_stmts_t;

/* a statement that finds the value `take` of the row whose `by` is ?1 */
typedef struct {
    const msync_field_t  *by;       /* borrowed, as is `take` */
    const msync_field_t  *take;
    sqlite3_stmt         *stmt;     /* owned */
} msync_lookup_t;

/* the push cursors of v5, v6 and v7 */
#define MSYNC_STORE_PUSH_CURSORS  3

/* how many records wait behind a push cursor, as it was counted last */
typedef struct {
    bool      known;
    int64_t   site;
    int64_t   cursor;              /* the push cursor */
    int64_t   counted;             /* the last change that was counted */
    int64_t   n;                   /* records */
    char     *stores;              /* owned, the stores active here */
} msync_waiting_t;

/* whether a store is active on this site, as it was found last; a site has one
 * such store, or a few */
#define MSYNC_STORE_OURS  8

typedef struct {
    char  id[48];
    bool  ours;
} msync_ours_t;

/* what was noted of a state of the database, see older.c */
#define MSYNC_STORE_MARKS  8

typedef struct {
    int64_t  since;                /* ms, when the counting began; 0: none */
    int64_t  count;
} msync_mark_t;

#define MSYNC_STORE_HOLDER  11     /* octets in the file of the lock before
                                      that: the process that has it */

#define MSYNC_STORE_HEADER  100    /* octets of a database before its pages */

/* the index of the write-ahead log, see wal.c */
typedef struct {
    uint32_t         frames;
    uint32_t         page;         /* octets, 0: not known */
    char             salt[8];      /* another one each time that the log
                                      begins */
    uint32_t         written;      /* frames that are in the database */
    uint32_t         attempted;    /* frames that a checkpoint began to write
                                      there */
    struct timespec  changed;      /* time of the file of the database */
    off_t            size;
    char             header[MSYNC_STORE_HEADER];
    int64_t          numbers;      /* a page that each run writes, 0: none */
    uint64_t         sum;          /* sum of the octets of that page */
} msync_wal_t;

struct msync_store_s {
    sqlite3                  *db;              /* owned */
    char                     *path;            /* owned, as it was opened */
    const msync_catalogue_t  *catalogue;       /* borrowed */
    sqlite3_stmt             *stmts[MSYNC_STMT_MAX];
    msync_table_stmts_t      *tables;          /* one a catalogue table */
    msync_lookup_t           *lookups;         /* owned, made so far */
    size_t                    nlookups;
    char                     *changes_filter;  /* owned SQL, see changes.c */
    int64_t                   batch_start;     /* when this transaction began,
                                                  for failed records */
    ino_t                     log_file;        /* inode of -wal, 0: unknown */
    msync_wal_t               wal_seen;        /* its index at the last look;
                                                  page 0: not yet */
    bool                      has_wal;         /* the log is in use, on a disk
                                                  whose times hold */
    bool                      overwritten;     /* another program wrote over the
                                                  file while it was open */
    int64_t                   numbers;         /* msync_store_find_numbers() */
    int64_t                   triggers_seen;   /* version of the schema in
                                                  which they were looked for */
    int64_t                   cascades_seen;   /* the same of foreign keys, see
                                                  cascade.c */
    int64_t                   schema;          /* version of the schema when it
                                                  was last as it should be */
    int64_t                   told;            /* version of the schema when
                                                  what is lost of it could not
                                                  be made again */
    msync_waiting_t           waiting[MSYNC_STORE_PUSH_CURSORS];
    msync_ours_t              ours[MSYNC_STORE_OURS];
    size_t                    nours;
    int                       lock;            /* borrowed, -1: not known */
    msync_mark_t              marks[MSYNC_STORE_MARKS];
    size_t                    nmarks;
    msync_mark_t              counted;         /* by the open transaction,
                                                  `since` 0: nothing */
    int64_t                   began;           /* monotonic us, when the latest
                                                  transaction began */
    int64_t                   held;            /* us that the latest one took
                                                  that was committed */
    int64_t                   seen_version;    /* version of the data when it
                                                  was asked whether others
                                                  write */
    int64_t                   others_until;    /* monotonic ms, until when
                                                  others count as writing */
    msync_hook_pt             hook;            /* NULL: see MSYNC_BUSY_WAIT */
    void                     *hook_data;
    msync_hook_pt             reader_hook;     /* NULL: none, or it writes */
    void                     *reader_data;
    msync_hook_pt             counting_hook;   /* NULL: none */
    void                     *counting_data;
    int64_t                   busy_began;      /* monotonic ms, when this wait
                                                  began */
    int64_t                   busy_since;      /* since when the lock was seen
                                                  held */
    msync_err_t               busy_err;        /* why waiting was ended */
    int                       log_pages;       /* pages of the log when it was
                                                  written to last */
    int                       log_max;         /* pages before a commit empties
                                                  the log; 0: SQLite sees to
                                                  it */
    bool                      integrating;
    bool                      never_sent;      /* while integrating: rows were
                                                  never sent or are absent */
    bool                      no_former_records;   /* tidy.c has found none */
    bool                      log_told;        /* the log tells that the -wal is
                                                  large */
    bool                      warned;          /* the log tells of the
                                                  application's triggers */
    bool                      triggered;       /* the application has
                                                  triggers */
    bool                      cascades;        /* it has such keys */
    bool                      unsynced;        /* synchronous is NORMAL */
    bool                      filling;         /* this connection fills
                                                  tables */
    bool                      busy_told;
    bool                      busy_left;       /* a wait was ended, the lock may
                                                  be held still */
    bool                      lost;            /* what key_value_store had is
                                                  lost */
    int64_t                   utf16;           /* 1: texts are UTF-16, 0:
                                                  UTF-8 */
};

/* ---- memory.c ---- */

/* sets SQLite up, before its first call */
void msync_store_set_up(void);

/* something that SQLite has made, NULL only where memory is lacking, which ends
 * the process; it is returned, sqlite3_free it, or as that says */
void *msync_store_need(void *p);

/* ---- log_equal.c ---- */

/* whether the texts of two failures are the same but for what may differ */
bool msync_store_log_is_equal(const char *a, const char *b);

/* ---- fault.c ---- */

/* whether what failed last there failed for want of room */
bool msync_store_is_full(sqlite3 *db);

/* fills err from the connection's last error; always MSYNC_ERROR */
int msync_store_fault(msync_store_t *store, const char *what,
    msync_err_t *err);

/* ---- store.c ---- */

/* changes whenever any connection has changed the schema; cheap to ask */
int msync_store_schema_version(msync_store_t *store, int64_t *version,
    msync_err_t *err);

/* ---- statement.c ---- */

/* the prepared statement `which`, made from sql when it is first used */
sqlite3_stmt *msync_store_stmt(msync_store_t *store, msync_stmt_e which,
    const char *sql, msync_err_t *err);
sqlite3_stmt *msync_store_prepare(msync_store_t *store, const char *sql,
    msync_err_t *err);

/* prepare SQL of SQLite's own memory, which they take over */
sqlite3_stmt *msync_store_prepare_own(msync_store_t *store, char *sql,
    msync_err_t *err);

/* steps a statement that returns no row, resets it */
int msync_store_run(msync_store_t *store, sqlite3_stmt *stmt,
    const char *what, msync_err_t *err);
int msync_store_exec(msync_store_t *store, const char *sql, msync_err_t *err);
/* run SQL of SQLite's own memory, which they take over; an empty sqlite3_str is
 * nothing to do */
int msync_store_exec_own(msync_store_t *store, char *sql, msync_err_t *err);
int msync_store_exec_str(msync_store_t *store, sqlite3_str *sql,
    msync_err_t *err);

/*
 * What a statement says in the first column of its first row: an integer, 0
 * without a row; whether it is there and not 0; a text, owned by the caller,
 * NULL without one.  Where the statement is NULL, err says why already.
 */
int msync_store_scalar(msync_store_t *store, sqlite3_stmt *stmt,
    int64_t *value, const char *what, msync_err_t *err);
int msync_store_found(msync_store_t *store, sqlite3_stmt *stmt, bool *found,
    const char *what, msync_err_t *err);
int msync_store_text(msync_store_t *store, sqlite3_stmt *stmt, char **text,
    const char *what, msync_err_t *err);

/* What SQL that is asked once says, as above; "…_own" takes SQL of SQLite's own
 * memory over. */
int msync_store_number(msync_store_t *store, const char *sql, int64_t *value,
    msync_err_t *err);
int msync_store_number_own(msync_store_t *store, char *sql, int64_t *value,
    msync_err_t *err);
int msync_store_found_own(msync_store_t *store, char *sql, bool *found,
    msync_err_t *err);

/* whether there is such a column, or with NULL such a table */
bool msync_store_has_column(msync_store_t *store, const char *table,
    const char *column);

/* ---- identify.c ---- */

/* whether key_value_store can be asked */
bool msync_store_has_settings(msync_store_t *store);

/* ---- tables.c ---- */

/* whether what failed lacks a function or a collation of the application's */
bool msync_store_is_unknown(msync_store_t *store);

/* ---- transaction.c ---- */

/* whether the changelog's triggers are silent: until the transaction ends, or
 * the opposite is said; msync_store_begin_integration says it, too */
int msync_store_silence(msync_store_t *store, bool silent, msync_err_t *err);

/* an error of the record where RAISE(IGNORE) has kept a row as it was */
int msync_store_ignored(msync_store_t *store, msync_err_t *err);
int msync_store_fault_of_ignored(msync_err_t *err);

/*
 * A savepoint before what one record writes, and its end with the result `rc`
 * of that.  What failed with the scope RECORD is undone alone; so is what
 * violates a deferred foreign key where none was violated before (`*violated`),
 * as if the key were not deferred.  They nest.
 */
int msync_store_savepoint(msync_store_t *store, bool *violated,
    msync_err_t *err);
int msync_store_savepoint_end(msync_store_t *store, bool violated, int rc,
    msync_err_t *err);

/* behind a commit: msync_store_yield, and then the hook is called */
int msync_store_turn(msync_store_t *store, msync_hook_pt hook, void *data,
    msync_err_t *err);

/* ---- older.c ---- */

/* behind a commit: notes what the transaction has counted, see older.h */
void msync_store_write_marks(msync_store_t *store);

/* ---- bulk.c ---- */

/* behind a commit: empties a log that has grown, where the store does that
 * itself */
void msync_store_checkpoint(msync_store_t *store);

/* ---- row.c ---- */

/* runs a statement about one row, whose ids are ?1 and ?2 (NULL: none); takes
 * over the SQL.  Errors have the scope RECORD or RUN, see row.h */
int msync_store_run_about(msync_store_t *store, char *sql, const char *id,
    const char *other, msync_err_t *err);

/* a value of the text is borrowed until the statement is reset */
void msync_store_bind(sqlite3_stmt *stmt, int at, const msync_value_t *value);

/* ---- affinity.c ---- */

/*
 * Whether columns of the table may make numbers of texts; where they may,
 * whether what is kept of a row that was just written is what it was:
 * MSYNC_ERROR with scope RECORD and `*at` where it is not.  Inside a
 * transaction that integrates.  The third tells of such columns.
 */
int msync_store_may_alter(msync_store_t *store, const msync_table_t *table,
    bool *may, msync_err_t *err);
int msync_store_is_kept(msync_store_t *store, const msync_row_t *row,
    const msync_field_t **at, msync_err_t *err);
void msync_store_check_affinity(msync_store_t *store,
    const msync_table_t *table, msync_finding_pt each, void *data);

/* ---- cascade.c ---- */

/* an error of the record where a delete of the row would change other rows of
 * central's */
int msync_store_check_cascade(msync_store_t *store,
    const msync_table_t *table, const char *id, msync_err_t *err);

/* prepares what reads all foreign keys to a table, the application's too: the
 * name of a table, its column, and the column that this refers to, NULL: the
 * key.  The caller finalizes it */
sqlite3_stmt *msync_store_prepare_keys(msync_store_t *store,
    const msync_table_t *table, msync_err_t *err);

/* ---- changelog.c ---- */

/* which servers this site speaks to: MSYNC_V7, or MSYNC_LEGACY and
 * MSYNC_OMSUPPLY; MSYNC_KEY_VERSION in key_value_store says it */
int msync_store_sides(msync_store_t *store, unsigned *sides,
    msync_err_t *err);

/* the last cursor of the changelog; 0: there is none */
int msync_store_changelog_end(msync_store_t *store, int64_t *cursor,
    msync_err_t *err);

/* ---- changes.c ---- */

/* SQL that puts every row of a table that this site (?1 is its id) may send
 * into the changelog; `filter` is that of msync_store_changes_filter, and
 * what may follow it */
void msync_store_put_queue(sqlite3_str *sql, const msync_table_t *table,
    const char *filter);

/* SQL that puts these rows on the list msync_never_sent as doubted */
void msync_store_put_doubt(sqlite3_str *sql, const msync_table_t *table,
    const char *filter);

/* SQL that counts those of the list that this site may send and has never
 * sent */
void msync_store_put_never_sent(sqlite3_str *sql, const msync_table_t *table,
    const char *filter);

/* the condition on rows of changelog that this site may send, see there */
char *msync_store_changes_filter(const msync_catalogue_t *catalogue,
    bool elsewhere);

/* ---- waiting.c ---- */

/* sync itself changes a row of a table, which may say what store another row
 * is of; `set_up` finds out of which tables it does */
void msync_store_waiting_note(msync_store_t *store,
    const msync_table_t *table);
void msync_store_waiting_set_up(msync_store_t *store);

/* ---- outgoing.c ---- */

/* whose record a row of the table would be here, were it none yet */
int msync_store_side_of(msync_store_t *store, const msync_table_t *table,
    unsigned *side, msync_err_t *err);

/* puts a row as that side's record into one that is empty: its data, and what
 * its envelope says; `send`: what central would not take from this site is an
 * error, and a row that central has deleted is none where nothing of that
 * side's wire says so.  MSYNC_DONE: there is none.  Errors have the scope
 * RECORD or RUN */
int msync_store_row_read(msync_store_t *store, const msync_table_t *table,
    const char *id, unsigned side, bool send, msync_record_t *record,
    msync_err_t *err);

/* whether by v7 a row is that of another site's store, or of a table whose rows
 * central sends to all sites where they name none: central takes it from others
 * alone */
int msync_store_row_is_others(msync_store_t *store, const msync_table_t *table,
    const char *id, bool *others, msync_err_t *err);

/* of whom the record of a row says that it was which is not here any more, by
 * what the changelog tells of it */
int msync_store_deleted_envelope(msync_store_t *store,
    const msync_table_t *table, const char *store_id, const char *parent_id,
    msync_record_t *record, msync_err_t *err);

/* ---- stores.c ---- */

/* the id of a store if it is active on this site, of any that is where `id` is
 * NULL; owned by the caller, NULL: there is none */
int msync_store_find_ours(msync_store_t *store, const char *id, char **ours,
    msync_err_t *err);

/* ---- send.c ---- */

/*
 * Puts the rows of a table on the list msync_never_sent, but for those that
 * `except` (a condition on the row t that begins with AND, NULL: none) leaves
 * out; `find` does so for a database of a version that had no list.  Inside a
 * transaction.
 */
int msync_store_note_never_sent(msync_store_t *store,
    const msync_table_t *table, const char *except, msync_err_t *err);
int msync_store_find_never_sent(msync_store_t *store, msync_err_t *err);
/* whether there is any on that list, or on the one of absent.h */
int msync_store_any_never_sent(msync_store_t *store, bool *any,
    msync_err_t *err);
/* central has sent the row of that id, or marked it, in an integration: takes
 * it off both lists.  An error ends the run */
int msync_store_came(msync_store_t *store, const msync_table_t *table,
    const char *id, msync_err_t *err);

/* ---- absent.c ---- */

/* records have come from central: their rows are not absent */
int msync_store_absent_came(msync_store_t *store, const char *table,
    const char *id, msync_err_t *err);
int msync_store_absent_arrived(msync_store_t *store,
    const msync_batch_t *batch, msync_err_t *err);

/* ---- buffer.c ---- */

/* calls each with the records that a statement of the buffer's yields: id,
 * record_id, data, side; *last is set to the last id, if there is any */
int msync_store_buffer_each(msync_store_t *store, sqlite3_stmt *stmt,
    msync_pending_pt each, void *data, int64_t *last, msync_err_t *err);

/* has records that failed tried with the next integration where the version of
 * the schema is another one than when that was last done: what kept them from
 * being rows may be what was altered, perhaps while nobody worked */
int msync_store_buffer_wake_altered(msync_store_t *store, int64_t schema,
    msync_err_t *err);

#endif /* MSYNC_STORE_PRIVATE_H */
