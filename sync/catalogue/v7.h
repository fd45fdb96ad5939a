/*
 * How a table is called and shaped on the wire of sync v7, where one wire
 * serves the tables that v5 and v6 have by other names, fields and words.
 *
 * v7.json says it, as catalogue.json says what v5 and v6 have: for each table
 * of v7's the table of the site database that holds its rows, for each field
 * the columns and how a value is written there.  Rows are decoded and encoded
 * by it through msync_row_decode and msync_row_encode.
 */

#ifndef MSYNC_V7_H
#define MSYNC_V7_H

#include "catalogue/catalogue.h"

/* which site central sends a row to, and from which it takes one; a mask */
#define MSYNC_V7_CENTRAL       0x01   /* every site; from none */
#define MSYNC_V7_REMOTE        0x02   /* the site of the row's store */
#define MSYNC_V7_REMOTE_OWNED  0x04   /* the site of the row's store, which
                                         alone changes it */
#define MSYNC_V7_TRANSFER      0x08   /* the site of the other party's store */
#define MSYNC_V7_PATIENT       0x10   /* where the patient is visible */
#define MSYNC_V7_FILE          0x20   /* every site, from every site */
#define MSYNC_V7_TO_CENTRAL    0x40   /* no site; from every site */

/* what the envelope of a record says, as far as a site's rules ask for it */
typedef struct {
    bool  has_store;
    bool  store_is_ours;          /* of a store that is active on this site */
    bool  has_transfer_store;
    bool  transfer_store_is_ours;
    bool  has_patient;
} msync_v7_envelope_t;


/* the table that holds the rows of v7's table of that name; NULL: there is
 * none */
const msync_table_t *msync_v7_find(const msync_catalogue_t *catalogue,
    const char *name);

/*
 * A table's name on v7's wire, NULL: it is not there.  Where two tables of
 * v7's are one here, `data` of the record tells which.
 */
const char *msync_v7_name(const msync_table_t *table, const char *data);

/* what v7 calls a column that has its values as they are, NULL: nothing */
const char *msync_v7_member(const msync_table_t *table,
    const msync_field_t *field);

/* whether a row of this table can be deleted by v7, at either end: few can */
bool msync_v7_takes_delete(const msync_table_t *table);

/*
 * Why a site may not use a record of central, in words; NULL: it may.  Of what
 * the site alone changes msync_table_is_own tells.
 */
const char *msync_v7_unfit(const msync_table_t *table,
    const msync_v7_envelope_t *envelope);

/*
 * Whose a row that is sent says that it is: the ids of which its envelope is
 * made.  Texts are borrowed from the row, NULL: nothing is said.
 */
typedef struct {
    const char           *stores[2];    /* the first that is of this site */
    bool                  any_store;    /* without `stores`, any of this site */
    const char           *other;        /* a name: its store is the other
                                           party */
    const char           *patient;      /* a name, which may be a patient's */
    const msync_field_t  *parent;       /* the column that names the row whose
                                           all this is, NULL: this row's */
} msync_v7_parties_t;

void msync_v7_parties(msync_row_t *row, msync_v7_parties_t *parties);

/* whether central takes a row with such an envelope from this site */
bool msync_v7_takes(const msync_table_t *table,
    const msync_v7_envelope_t *envelope);

/*
 * Gives columns that v7 does not have what the row's `lookup` finds for
 * them, and takes them out of `lacking`.
 */
void msync_v7_complete(msync_row_t *row);

/*
 * Whether a record of v7's messages says that two records are one; then the
 * table, NULL for one that is not here, and the ids, owned by the caller.
 */
bool msync_v7_merge(const msync_catalogue_t *catalogue, const char *data,
    const msync_table_t **table, char **keep, char **lose);

#endif /* MSYNC_V7_H */
