/*
 * The tables of mSupply as data.
 *
 * The room owns what is known of each table: its order, key, types, where it
 * is pushed to and pulled from (here; what v7 makes of it in v7.h); what a
 * record and a batch are (record.h), and the conversion between a record of
 * the wire and a row.  It promises that a record which becomes a row and goes
 * out again unchanged is the one that came, and that a value which no column or
 * wire can hold is an error that names its field.  It sees neither SQL nor
 * HTTP.
 *
 * The built-in catalogue is catalogue.json, compiled in; docs/configuration.md
 * has its members.
 */

#ifndef MSYNC_CATALOGUE_H
#define MSYNC_CATALOGUE_H

#include "catalogue/record.h"

typedef enum {
    MSYNC_TYPE_STRING = 0,
    MSYNC_TYPE_NUMBER,
    MSYNC_TYPE_INTEGER,
    MSYNC_TYPE_BOOLEAN,
    MSYNC_TYPE_DATE,             /* YYYY-MM-DD */
    MSYNC_TYPE_DATETIME,         /* YYYY-MM-DDTHH:MM:SS in UTC, perhaps with
                                    a fraction */
    MSYNC_TYPE_TIME,             /* HH:MM:SS here, seconds when pulled */
    MSYNC_TYPE_OBJECT            /* JSON text, as it came */
} msync_type_e;

/* what an encoding of the catalogue says, a mask */
#define MSYNC_ENC_EMPTY_IS_NULL    0x01   /* "" reads as null */
#define MSYNC_ENC_PUSH_MIDNIGHT    0x02   /* a date goes out with T00:00:00 */
#define MSYNC_ENC_ZERO_IS_NULL     0x04   /* 0 reads as null, which goes out
                                             as 0 */
#define MSYNC_ENC_PUSH_AS_STRING   0x08   /* JSON goes out inside a string */
#define MSYNC_ENC_ANY_WORD         0x10   /* words are known, others may
                                             stand there as well */
#define MSYNC_ENC_32_BITS          0x20   /* an integer that central keeps so */
#define MSYNC_ENC_ARRAY_TEXT       0x40   /* a text, a JSON array of strings */
#define MSYNC_ENC_FILLED_IN        0x80   /* "" is refused when it is sent */
#define MSYNC_ENC_JSON_TEXT       0x100   /* a text, any JSON */

/* what Open mSupply does with a delete that central sends; here a row is
 * marked as well for SOFT, and for all others removed */
typedef enum {
    MSYNC_DELETE_UNHANDLED = 0,  /* passes over it */
    MSYNC_DELETE_SOFT,           /* marks the row, see soft_column */
    MSYNC_DELETE_HARD,           /* removes the row */
    MSYNC_DELETE_ERROR           /* reports it as a failure */
} msync_delete_e;

typedef struct msync_table_s     msync_table_t;
typedef struct msync_field_s     msync_field_t;
typedef struct msync_v7_shape_s  msync_v7_shape_t;

struct msync_field_s {
    char                 *name;         /* owned, wire and column name */
    msync_type_e          type;
    unsigned              encoding;     /* mask of MSYNC_ENC_… */
    bool                  nullable;
    bool                  required;     /* the key must be present on pull */
    bool                  local_only;   /* never on the wire */
    bool                  v7_only;      /* on the wire of v7 alone */
    bool                  fk;           /* a foreign key is declared */
    char                 *references;   /* owned, table name, NULL: none */
    const msync_table_t  *target;       /* the table of `references`, NULL:
                                           none */
    char                 *fallback;     /* owned, SQL literal of the default
                                           of a local field, NULL: NULL */
    char                **words;        /* owned, NULL-terminated: those of an
                                           enum; NULL: it is no enum */
    msync_field_t        *properties;   /* owned, the members that are known
                                           of an object; NULL: any JSON */
    size_t                nproperties;
};

struct msync_table_s {
    char            *name;              /* owned, on the wire */
    char            *sql;               /* owned, in the database; the same
                                           unless a tables file renames */
    msync_field_t   *fields;
    size_t           n;
    size_t           key;               /* index of the id's field */
    unsigned         pull;              /* masks of MSYNC_LEGACY and others,
                                           see record.h */
    unsigned         push;
    msync_delete_e   on_delete;
    bool             push_delete;       /* deletes made here are sent, by v5
                                           and v6 */
    bool             merge;             /* central may make one of two rows */
    /*
     * The store that a change belongs to: a field of the row, or a field of
     * the parent row that `store_via` points at; both NULL: no store.
     */
    const msync_field_t  *store_field;
    const msync_field_t  *store_via;
    /* only rows whose field has this value are pushed; NULL: all; static */
    const char      *push_field;
    const char      *push_value;
    /* soft delete: the column that is set, and to what SQL value */
    char            *soft_column;       /* owned, NULL: no soft delete */
    const msync_field_t  *soft_field;   /* its field, NULL: it is on no wire */
    bool             soft_is_local;     /* it is a column of ours, on no wire */
    bool             soft_is_time;      /* it takes the time, not a flag */
    int              soft_value;        /* what the flag is set to */
    unsigned         v7_styles;         /* mask of MSYNC_V7_…, catalogue/v7.h */
    msync_v7_shape_t  *shapes;          /* owned, what v7 calls it and how */
    size_t             nshapes;
};

/* the table that holds the rows of a table of v7's */
typedef struct {
    const char           *name;         /* borrowed from its shape */
    const msync_table_t  *table;
} msync_v7_name_t;

typedef struct {
    msync_table_t   *tables;            /* parents before children */
    size_t           n;
    msync_table_t  **by_name;           /* sorted, for look-ups */
    msync_v7_name_t *v7_names;          /* owned, sorted, for look-ups of v7's
                                           tables */
    size_t           n_v7_names;
    char            *file;              /* owned, the tables file, NULL: the
                                           built-in ones alone */
} msync_catalogue_t;


/*
 * These three return a catalogue that msync_catalogue_free() frees, or NULL and
 * err.  No two threads may be in one of them.
 *
 * Reads catalogue.json alone, without what v7 has; errors name the table and
 * the field.
 */
msync_catalogue_t *msync_catalogue_parse(const char *json, size_t length,
    msync_err_t *err);

/* the catalogue that is compiled in, v7's tables included */
msync_catalogue_t *msync_catalogue_builtin(msync_err_t *err);

/*
 * The built-in one with the additions and overrides of a `tables` file, a
 * JSON array of objects with the members of catalogue.json.  `table` names
 * one: members given replace those of the built-in table, fields given
 * replace or join its fields by `name`; an unknown name adds a table.
 * `leave_out`: true takes a table away, `rename`: "x" gives it the name x in
 * the database.  A member that catalogue.json does not have is an error, as is
 * a file of more than 4 MB, and errors name file, table and field, or line and
 * column.
 */
msync_catalogue_t *msync_catalogue_load(const char *path, msync_err_t *err);

void msync_catalogue_free(msync_catalogue_t **catalogue);

/* the table of exactly that name, NULL if there is none; it is one of v5 and
 * v6, or of v7 alone */
const msync_table_t *msync_catalogue_find(const msync_catalogue_t *catalogue,
    const char *name);

/* a table of servers that are newer than the catalogue, of which a site needs
 * nothing */
bool msync_catalogue_is_later(const char *name);

/* whether this server may only send such rows of this site's stores as are not
 * here yet: the site alone changes them */
bool msync_table_is_own(const msync_table_t *table, unsigned side);

/* whether central only inserts such rows: sent again, one is an error there
 * that nobody ever mends */
bool msync_table_is_once(const msync_table_t *table);

/* the name of the table whose row of the same id such a row is a part of;
 * NULL: it stands alone */
const char *msync_table_whole(const msync_table_t *table);

/* the field of exactly that name, NULL if there is none */
const msync_field_t *msync_table_field(const msync_table_t *table,
    const char *name);


typedef enum {
    MSYNC_VALUE_NULL = 0,
    MSYNC_VALUE_INTEGER,
    MSYNC_VALUE_REAL,
    MSYNC_VALUE_TEXT,
    MSYNC_VALUE_BLOB             /* read from a database, sent only where it is
                                    the text of a JSON document */
} msync_value_e;

typedef struct {
    msync_value_e  kind;
    int64_t        integer;
    double         real;
    const char    *text;         /* borrowed from the row, NUL-terminated but
                                    for a BLOB */
    size_t         length;
} msync_value_t;

/* the text that stands for one of UTF-16 with half of a character in it: what
 * WTF-8 makes of a surrogate alone */
#define MSYNC_VALUE_SURROGATE  "\xed\xa0\x80"

/*
 * A row: one value a field of its table, in the catalogue's order.  Fields
 * that the catalogue does not know are kept in `extra`, a JSON object, and
 * go out again when the row is pushed.  A column wins over a copy there.
 */
typedef struct msync_row_s  msync_row_t;

/*
 * Finds the value of `take` in the row of `table` whose `by` is `id`; false:
 * there is none.  Its text lives as long as the row, msync_row_text.
 */
typedef bool (*msync_row_lookup_pt)(msync_row_t *row,
    const msync_table_t *table, const msync_field_t *by, const char *id,
    const msync_field_t *take, msync_value_t *value);

struct msync_row_s {
    const msync_table_t  *table;
    unsigned              side;         /* whose wire it is for: MSYNC_V7, or
                                           any of the others */
    msync_value_t        *values;
    bool                 *present;      /* the record has that field; in
                                           the memory of the values */
    char                 *extra;        /* owned, NULL: none */
    char                 *memory;       /* owned, the texts of a record */
    size_t                used;         /* octets of it */
    const msync_field_t  *lacking;      /* a field that did not come, may not
                                           be null and has no neutral value:
                                           the row can only change one that
                                           is there; NULL: none */
    char                **texts;        /* owned, texts made here */
    size_t                ntexts;
    /* for what v7 says and the row itself does not; NULL: nothing is found */
    msync_row_lookup_pt   lookup;
    void                 *lookup_data;
};

/*
 * Reads recordData of `side` into a row.  The record's id fills the key when
 * recordData lacks it.  A field that did not come is null or neutral (0,
 * false, "") and not `present`.  MSYNC_DONE: Open mSupply drops this record
 * by rule, and so do we; it counts as integrated.  INTEGRATION_ERROR names
 * field and reason, `field` (if not NULL) is set to the field at fault.  Free
 * with msync_row_clear, also after an error.
 */
int msync_row_decode(msync_row_t *row, const msync_table_t *table,
    unsigned side, const char *id, const char *data,
    const msync_field_t **field, msync_err_t *err);

/*
 * What the catalogue has learnt since a row was kept: reads the fields of
 * the table that stand in its `extra` into a row, `present` tells which; the
 * row's own extra is what is left.  A value that its field refuses stays
 * there, too; returns the last such field, NULL if there is none.  Free with
 * msync_row_clear.
 */
const msync_field_t *msync_row_adopt(msync_row_t *row,
    const msync_table_t *table, const char *extra);

/*
 * Writes a row as recordData in the wire's forms.  What an application wrote
 * in another form is put into the wire's where it is clear what it means
 * (docs/values.md); null where the wire does not take it is left out or
 * neutral.  Which wire, the row's `side` says.  Values of the row are changed
 * on the way: blanks around them go, and what v7 does not want becomes null.
 * The caller frees the text with msync_free.  NULL, and err with the field and
 * the reason, when a value cannot be sent.
 */
char *msync_row_encode(msync_row_t *row, size_t *length, msync_err_t *err);

/* an empty row to be filled by the caller, all values NULL; the table is
 * borrowed */
void msync_row_init(msync_row_t *row, const msync_table_t *table);

/* a copy of the text that lives as long as the row */
const char *msync_row_text(msync_row_t *row, const char *text, size_t length);

/* frees what the row owns and zeroes it; not the row itself */
void msync_row_clear(msync_row_t *row);

/* true where an upsert means that the row is to be removed */
bool msync_row_is_removal(const msync_row_t *row);

#endif /* MSYNC_CATALOGUE_H */
