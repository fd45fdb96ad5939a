/*
 * The schema, for the store's own files: the SQL that makes its tables, indexes
 * and triggers, whether what is there is still that, and what a migration does.
 *
 * Which file has what, each name without its msync_store_:
 *
 *   bookkeeping.c   put_own_table, own_column, is_own_index, put_bookkeeping,
 *                   add_bookkeeping_columns, drop_former_indexes,
 *                   mend_cursors, check_bookkeeping
 *   bulk.c          adopt_buffer
 *   changes.c       put_trigger, put_change, put_differs, put_guard
 *   check.c         check_schema, check_object, check_column
 *   constraint.c    drop_constraints
 *   extra.c         adopt_extra
 *   identify.c      identify
 *   migrate.c       migrate, newest_schema, is_set_up
 *   rename.c        rename_tables, note_names
 *   replace.c       put_is_equal, put_deleted, put_take_back, mend_replace,
 *                   check_expressions, check_replace
 *   resend.c        resend, resend_all
 *   schema.c        column_type, soft_type, put_is_marked, has_index,
 *                   put_index, put_indexes
 *   shape.c         mend_shapes, check_shape, check_strangers
 *   site.c          site_adopt
 *   tables.c        take_tables, check_tables
 */

#ifndef MSYNC_STORE_SCHEMA_PRIVATE_H
#define MSYNC_STORE_SCHEMA_PRIVATE_H

#include "store/store_private.h"

/*
 * What is there: *version is that of the schema, 0 where there is none yet.
 * MSYNC_ERROR, with nothing written, for what is not to be touched.
 */
int msync_store_identify(msync_store_t *store, int64_t *version,
    msync_err_t *err);
int msync_store_migrate(msync_store_t *store, int64_t version,
    msync_err_t *err);
int64_t msync_store_newest_schema(void);

/* inside a migration, behind the schema: rows of the tables of the catalogue
 * whose `triggers` were lost are doubted from then on (send.h) */
int msync_store_resend(msync_store_t *store, const bool *triggers,
    msync_err_t *err);

/* the changelog was lost: queues the rows of all tables, at once or by
 * msync_store_resend_due; inside a transaction */
int msync_store_resend_all(msync_store_t *store, msync_err_t *err);

/* the type of a column, of a soft delete with what follows; of a STRICT one */
const char *msync_store_column_type(const msync_field_t *field, bool strict);
const char *msync_store_soft_type(const msync_table_t *table, bool strict);

/* an expression: whether a soft delete has marked the row of that alias */
void msync_store_put_is_marked(sqlite3_str *sql, const msync_table_t *table,
    const char *row);

/*
 * Refuses tables of the application that cannot be the catalogue's, then adds
 * the columns that are missing.  The rows of a table that msync has not had
 * before were never sent; `known`: it has had all of them.  Inside a
 * transaction, which has to be rolled back after an error.
 */
int msync_store_take_tables(msync_store_t *store, bool known,
    msync_err_t *err);

/*
 * Tables that are called something else than the catalogue says get that
 * name; `note` writes down what they are called.  Inside a transaction.
 */
int msync_store_rename_tables(msync_store_t *store, msync_err_t *err);
int msync_store_note_names(msync_store_t *store, msync_err_t *err);

/* the state of a site that an earlier version kept as several facts; inside a
 * transaction */
int msync_store_site_adopt(msync_store_t *store, msync_err_t *err);

/*
 * Takes away the foreign keys that an earlier catalogue had and this one has
 * not, and their indexes; what waited in the buffer for a row is due then.  The
 * keys of msync's own tables become NOT NULL where an earlier version left that
 * out.  Inside a transaction, in which no statement of the store's is at work.
 */
int msync_store_drop_constraints(msync_store_t *store, msync_err_t *err);

/*
 * Moves what the catalogue has learnt out of msync_extra into its columns;
 * inside a transaction, without a word in the changelog.  With `coalesce` a
 * column that has a value keeps it.
 */
int msync_store_adopt_extra(msync_store_t *store, bool coalesce,
    msync_err_t *err);

/* a table that is msync's alone */
typedef struct {
    const char         *name;
    const char *const  *columns;   /* as in CREATE TABLE, NULL ends them */
    const char         *key;       /* of several columns, NULL: of one */
} msync_own_table_t;

#define MSYNC_OWN_TABLES  11       /* the compiler refuses one more */

/* ends with a name of NULL */
extern const msync_own_table_t  msync_store_own_tables[MSYNC_OWN_TABLES + 1];

/* SQL that makes such a table under another name; the name of the column that a
 * definition makes */
void msync_store_put_own_table(sqlite3_str *sql,
    const msync_own_table_t *table, const char *name);
void msync_store_own_column(const char *definition, char name[64]);
bool msync_store_is_own_index(const char *name);

/* makes tables of msync's own again that somebody has made otherwise; inside a
 * transaction */
int msync_store_mend_shapes(msync_store_t *store, msync_err_t *err);

/* SQL that makes the tables that are msync's alone, with their indexes */
void msync_store_put_bookkeeping(sqlite3_str *sql);

/* adds the columns that tables of msync's own lack; inside a transaction */
int msync_store_add_bookkeeping_columns(msync_store_t *store,
    msync_err_t *err);

/* drops indexes of tables of msync's own that have the name of an earlier
 * version, which is an application's; inside a transaction */
int msync_store_drop_former_indexes(msync_store_t *store, msync_err_t *err);

/* push cursors beyond the end of a changelog that begins anew go back */
int msync_store_mend_cursors(msync_store_t *store, msync_err_t *err);

/* whether a field is a reference with an index, and SQL that makes that, on
 * a condition such as "IF NOT EXISTS " */
bool msync_store_has_index(const msync_table_t *table, size_t i);
void msync_store_put_index(sqlite3_str *sql, const msync_table_t *table,
    const msync_field_t *field, const char *condition);

/* SQL that makes or drops the indexes of a table's references */
void msync_store_put_indexes(sqlite3_str *sql, const msync_table_t *table,
    bool make);

/* SQL that makes the trigger of an event, as sqlite_master keeps it */
#define MSYNC_STORE_EVENTS  3

extern const char *const  msync_store_events[MSYNC_STORE_EVENTS];

void msync_store_put_trigger(sqlite3_str *sql, const msync_table_t *table,
    const char *event);

/* the columns of a change, and SQL expressions of that of `row` in their
 * order; and the condition that the helper is not at work */
#define MSYNC_SQL_CHANGE                                                      \
    "table_name, record_id, row_action, store_id, parent_id"
#define MSYNC_SQL_SPEAKING                                                    \
    "NOT EXISTS (SELECT 1 FROM msync_flag WHERE integrating)"

void msync_store_put_change(sqlite3_str *sql, const msync_table_t *table,
    const char *row, const char *action);

/* SQL of the condition that `row` differs from NEW in what is on the wire;
 * NULL: that of the only table of a SELECT */
void msync_store_put_differs(sqlite3_str *sql, const msync_table_t *table,
    const char *row);

/*
 * SQL, in a trigger AFTER INSERT: the condition that a row was replaced by one
 * that is equal; in one of DELETE, behind the statement that writes the
 * changelog: what that has written is of such a row; and AFTER INSERT again:
 * takes it back.
 */
void msync_store_put_is_equal(sqlite3_str *sql, const msync_table_t *table);
void msync_store_put_deleted(sqlite3_str *sql, const msync_table_t *table);
void msync_store_put_take_back(sqlite3_str *sql, const msync_table_t *table);

/* SQL of the triggers that keep what waits to be sent in the changelog, whoever
 * else deletes or updates it */
typedef enum {
    MSYNC_GUARD_DELETE = 0, MSYNC_GUARD_UPDATE, MSYNC_GUARD_NAME,
    MSYNC_GUARD_MAX
} msync_guard_e;

extern const char *const  msync_store_guards[MSYNC_GUARD_MAX];

void msync_store_put_guard(sqlite3_str *sql,
    const msync_catalogue_t *catalogue, msync_guard_e which);

/* makes the triggers that notice what REPLACE does, as the indexes of their
 * tables are now; inside a transaction */
int msync_store_mend_replace(msync_store_t *store, msync_err_t *err);

/* tells of tables under a name of the catalogue's that cannot serve as it */
int msync_store_check_tables(msync_store_t *store, msync_finding_pt each,
    void *data, msync_err_t *err);

/* tells of indexes that the triggers for REPLACE do not look at */
int msync_store_check_expressions(msync_store_t *store, msync_finding_pt each,
    void *data, msync_err_t *err);

/*
 * What of the schema is not as msync made it, with a sentence that says so.
 * A migration makes it again, but for a field of a table that is pushed: its
 * rows would go to central without what central has.
 */
typedef enum {
    MSYNC_LOST_OBJECT = 0,
    MSYNC_LOST_TRIGGER,            /* one that writes the changelog */
    MSYNC_LOST_SHAPE,              /* a table of msync's own is another */
    MSYNC_LOST_STRANGER,           /* nothing is: something is on such a table
                                      that may refuse rows */
    MSYNC_LOST_FIELD
} msync_lost_e;

typedef struct {
    msync_lost_e          what;
    const msync_table_t  *table;   /* NULL: of a table that is msync's own */
    const char           *type;    /* as in sqlite_master, or "column" */
    const char           *name;
    bool                  there;   /* but not as msync makes it */
    const char           *text;
} msync_lost_t;

typedef void (*msync_lost_pt)(void *data, const msync_lost_t *lost);

#define MSYNC_STORE_ADVICE_FIELD                                              \
    "Give the column its name back; or, where the application does without "  \
    "it, add it with ALTER TABLE ... ADD COLUMN and fetch its values with "   \
    "\"msync reinitialise\"."

/* `set_up`: by this catalogue, so that every field had its column once */
int msync_store_check_schema(msync_store_t *store, bool set_up,
    msync_lost_pt each, void *data, msync_err_t *err);

/* an object of sqlite_master, as its SQL when the look began */
typedef struct {
    char  *type;                   /* owned, as are the others */
    char  *name;
    char  *sql;                    /* NULL: made by SQLite itself */
} msync_object_t;

/* one look at the schema, for whoever knows a part of it */
typedef struct {
    msync_store_t  *store;         /* borrowed */
    msync_object_t *objects;       /* by name, then by type */
    size_t          n;
    bool            set_up;
    bool            filling;       /* a first sync has dropped indexes */
    msync_lost_pt   each;
    void           *data;
} msync_look_t;

/* `expected`: its SQL as sqlite_master has it, NULL: whatever it is, "": it is
 * not to be there */
void msync_store_check_object(const msync_look_t *look,
    const msync_table_t *table, const char *type, const char *name,
    const char *expected);
void msync_store_check_column(const msync_look_t *look,
    const msync_table_t *table, const char *name_of_table, const char *name);
int msync_store_check_bookkeeping(const msync_look_t *look, msync_err_t *err);
/* whether a table of msync's own is there, and `sound` */
int msync_store_check_shape(const msync_look_t *look,
    const msync_own_table_t *table, bool *sound, msync_err_t *err);
int msync_store_check_strangers(const msync_look_t *look, msync_err_t *err);
int msync_store_check_replace(const msync_look_t *look,
    const msync_table_t *table, msync_err_t *err);

/* whether the database was set up by this catalogue */
int msync_store_is_set_up(msync_store_t *store, bool *set_up,
    msync_err_t *err);

/*
 * Inside a migration, before the schema comes: the buffer of an earlier
 * version's first sync gets its index back, and its marks go.
 */
int msync_store_adopt_buffer(msync_store_t *store, msync_err_t *err);

#endif /* MSYNC_STORE_SCHEMA_PRIVATE_H */
