/*
 * Shapes of v7's tables as v7.json has them; what the files about v7 share, by
 * the file that has it.
 *
 * v7.json is an array of v7's tables, each an object; what is not given is
 * false, or none:
 *
 *     name             on v7's wire
 *     table            of the catalogue, which holds the rows; with `new` it is
 *                      made where catalogue.json has none
 *     styles           as Open mSupply calls them, see MSYNC_V7_CENTRAL
 *     push, delete     sites send its rows; they can be deleted
 *     fields           see below
 *     sets             columns that v7 does not have, in a new row: `column`,
 *                      and `value` or `lookup`
 *     blank            `columns` that say nothing where `when` holds
 *     envelope         the columns that tell whose a row is: `store`,
 *                      `or_store`, `parent`, `other`, `patient`; `any_store`
 *     mark, rows       where several of v7's tables are one here: a field of
 *                      this one alone, and the condition of its rows; the last
 *                      of them has what is left
 *
 * A field has `name`, `type` ("long": 64 bits), `nullable` and `enum` as on
 * v7's wire, `reference` (an id: "" is none), and
 *
 *     in               its place in the row, or an array of them: the name of a
 *                      column, or an object; not given: a column of its name
 *     lookup           of another row, where no place says anything;
 *                      `lookup_first`: before them
 *     default          a value where all that says nothing
 *     new              it has a column that v7 alone needs: of its own name and
 *                      type or, where this is an object, of that one's, which
 *                      may not be null; `references`: that column's table
 *
 * A place has `column`, one member that tells its kind, see msync_v7_kind_e,
 * and others as in msync_v7_place_t.  A condition has `column` or `lookup`, and
 * `among`; a lookup `table`, `by`, `take` and `of`.
 */

#ifndef MSYNC_CATALOGUE_V7_PRIVATE_H
#define MSYNC_CATALOGUE_V7_PRIVATE_H

#include "catalogue/catalogue_private.h"
#include "catalogue/v7.h"

/* no column */
#define MSYNC_V7_NO_COLUMN  ((size_t) -1)

typedef enum {
    MSYNC_V7_PLAIN = 0,          /* no member: the same value here */
    MSYNC_V7_WORDS,              /* "words": pairs of one there and one here,
                                    "other" for those that have none */
    MSYNC_V7_NEGATED,            /* "negate": a flag that says the opposite */
    MSYNC_V7_JSON,               /* "json": a text there, JSON here */
    MSYNC_V7_PROPERTY,           /* "property": the member of that name of an
                                    object */
    MSYNC_V7_DATE,               /* "date": the day of a moment */
    MSYNC_V7_MOMENT,             /* "time": two columns, a day and that time */
    MSYNC_V7_FLAGGED,            /* "flag": that column tells whether there is
                                    any */
    MSYNC_V7_ABSENT,             /* "absent": true where there is none */
    MSYNC_V7_FACTOR,             /* "factor": so many times as much here */
    MSYNC_V7_BEFORE,             /* "before": what stands before that text */
    MSYNC_V7_PRODUCT,            /* "product": times that column, and with the
                                    column "tax" on it, in per cent */
    MSYNC_V7_UNIX                /* "unix": seconds since 1970 here */
} msync_v7_kind_e;

/* a value of another row: the field `take` of the row of `table` whose field
 * `by` equals the column `of` of this row */
typedef struct {
    const msync_table_t  *table;     /* NULL: nothing is looked up */
    const msync_field_t  *by;
    const msync_field_t  *take;
    size_t                of;
} msync_v7_lookup_t;

/* holds where the column, or what is looked up, has one of the words; without
 * words, where there is something */
typedef struct {
    size_t              column;
    msync_v7_lookup_t   lookup;
    char              **among;       /* owned, NULL-terminated; NULL: any */
} msync_v7_when_t;

typedef struct {
    char           *there;           /* owned, NULL: null */
    msync_value_t   here;            /* its text is owned */
} msync_v7_word_t;

/* a place where a field of v7's is in a row */
typedef struct {
    msync_v7_kind_e   kind;
    size_t            column;
    size_t            second;        /* of a moment the time, of a flagged one
                                        the flag, of a product the factor */
    size_t            tax;           /* per cent */
    char             *text;          /* owned, the property; what a text ends
                                        before; the word for any other one */
    double            factor;
    bool              empty;         /* "" stands for null */
    bool              known;         /* a word that v7 does not have stands for
                                        null */
    char             *none;          /* owned, a text that stands for null */
    bool              read_only;     /* only looked at when a row goes out */
    bool              derived;       /* only written when a record comes */
    msync_v7_word_t  *words;         /* owned */
    size_t            nwords;
    msync_v7_when_t  *when;          /* owned, all have to hold */
    size_t            nwhen;
} msync_v7_place_t;

typedef struct {
    msync_field_t      field;        /* name, type and words as v7 has them */
    char              *quoted;       /* owned, its name as a JSON string */
    bool               wide;         /* a whole number of 64 bits */
    bool               reference;    /* an id: "" is none */
    bool               exact;        /* the place takes any value as it is */
    bool               plain;        /* `exact`, and the place is always a
                                        column */
    msync_v7_place_t  *places;       /* owned; the first that has something
                                        is what goes out */
    size_t             nplaces;
    msync_v7_lookup_t  lookup;       /* looked up where the places say
                                        nothing */
    bool               lookup_first; /* what is looked up is newer than the
                                        column */
    msync_value_t      fallback;     /* where nothing is found; its text is
                                        owned */
} msync_v7_field_t;

/* a column that is none of v7's, in a row that is new */
typedef struct {
    size_t              column;
    msync_value_t       value;       /* its text is owned */
    msync_v7_lookup_t   lookup;
} msync_v7_set_t;

/* columns that say nothing in some rows */
typedef struct {
    msync_v7_when_t  *when;          /* owned, all have to hold */
    size_t            nwhen;
    size_t           *columns;       /* owned */
    size_t            n;
} msync_v7_blank_t;

struct msync_v7_shape_s {
    char               *name;        /* owned */
    bool                deletes;     /* its rows can be deleted */
    msync_v7_field_t   *fields;      /* owned */
    size_t              n;
    size_t             *by_name;     /* owned, the fields in the order of their
                                        names, in which genuine servers send
                                        them */
    size_t              key;         /* index of the id's field */
    bool                looks_first; /* a field has `lookup_first` */
    msync_v7_set_t     *sets;        /* owned */
    size_t              nsets;
    msync_v7_blank_t   *blanks;      /* owned */
    size_t              nblanks;
    char               *mark;        /* owned, a field that none of the other
                                        shapes of the table has */
    msync_v7_when_t     rows;        /* which rows of the table have this shape,
                                        where it has several */
    /* what the envelope says */
    size_t              store;       /* column */
    size_t              or_store;    /* column, where `store` has none of this
                                        site's */
    size_t              parent;      /* column of the row whose envelope it
                                        is */
    size_t              other;       /* column: the name whose store is the
                                        other party */
    size_t              patient;     /* column: a name */
    bool                any_store;   /* where the row names none, any store of
                                        this site */
};


/* an object of the row while its members come together */
typedef struct {
    size_t             column;
    msync_json_out_t   json;
} msync_v7_object_t;


/* ---- v7_extend.c ---- */

/* the array of v7.json, in the arena; NULL and err when it is none */
cJSON *msync_v7_parse(msync_err_t *err);

/* adds the tables and columns of that array to those of catalogue.json */
void msync_v7_extend(cJSON *tables, const cJSON *v7);


/* ---- v7_shape.c ---- */

/* gives the tables their shapes, which msync_v7_detach frees, also after an
 * error */
int msync_v7_attach(msync_catalogue_t *catalogue, const cJSON *v7,
    msync_err_t *err);
void msync_v7_detach(msync_table_t *table);


/* ---- v7.c ---- */

/* makes the names for msync_v7_find of the shapes that there are */
void msync_v7_sort_names(msync_catalogue_t *catalogue);

/* the shape of a record, and of a row; NULL: none */
const msync_v7_shape_t *msync_v7_shape_of(const msync_table_t *table,
    const char *data);
const msync_v7_shape_t *msync_v7_shape_of_row(const msync_row_t *row);


/* ---- v7_put.c ---- */

/* writes the value of a field into its places; what is a member of an object
 * goes into `object`, which the caller ends */
void msync_v7_put(msync_row_t *row, msync_v7_object_t *object,
    const msync_v7_field_t *field, const msync_value_t *value);


/* ---- v7_place.c ---- */

/*
 * Reads the value of a field out of its places.  It borrows its text from the
 * row, which owns what had to be made.  Returns the place that had it, NULL:
 * there is nothing.
 */
const msync_v7_place_t *msync_v7_get(msync_row_t *row,
    const msync_v7_field_t *field, msync_value_t *value);

/* whether all of the conditions hold in the row */
bool msync_v7_holds(const msync_row_t *row, const msync_v7_when_t *when,
    size_t n);

/* what the row's `lookup` finds; false: nothing */
bool msync_v7_look_up(const msync_row_t *row, const msync_v7_lookup_t *lookup,
    msync_value_t *value);

/* the number that a value is, or that its text says; false: none */
bool msync_v7_number(const msync_value_t *value, double *number);

/* whether they are the same, to a database too */
bool msync_v7_equal(const msync_value_t *one, const msync_value_t *other);


/* ---- v7_moment.c ---- */

/*
 * Makes of the day that a place has, `value`, the moment that it has together
 * with the time beside it, in central's form.  What is not clear becomes a
 * text that is no moment, and is refused with the column's name when it is
 * encoded.
 */
void msync_v7_moment(msync_row_t *row, const msync_v7_place_t *place,
    msync_value_t *value);


/* ---- v7_decode.c, v7_encode.c ---- */

/* for msync_row_decode and msync_row_encode */
int msync_v7_decode(msync_row_t *row, const char *id, const char *data,
    const msync_field_t **at, msync_err_t *err);
char *msync_v7_encode(msync_row_t *row, size_t *length, msync_err_t *err);

#endif /* MSYNC_CATALOGUE_V7_PRIVATE_H */
