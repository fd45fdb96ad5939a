/*
 * Rows of a first sync between the answer and their tables.
 *
 * Promises: of several versions of a record the last one counts, as if it had
 * replaced the others in sync_buffer; a row that its table does not take goes
 * into sync_buffer, and nothing else with it.
 */

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "run/fill_private.h"
#include "run/integrate_private.h"
#include "run/packed_private.h"
#include "store/fill.h"

#define PACKED     (16 * 1024 * 1024)      /* octets of packed rows */
#define ROWS_MAX   65536
#define REST_MAX   (4 * 1024 * 1024)       /* octets of what can be no row
                                              yet */
#define ROWS_FIRST 8000                    /* of the first transaction */
#define ROWS_MIN   250                     /* of a transaction, on the slowest
                                              disk */
#define ROWS_KNOWN 4000                    /* so many tell what a row takes,
                                              though more were wanted */
#define AGE        1000                    /* ms after which what came is due
                                              anyway */
#define SLOW       8000                    /* a transaction of fewer rows is
                                              small */
#define TURN_ROWS  64                      /* at least, of a transaction while
                                              others write: to begin and commit
                                              one costs as much */

#define SIDES      3                       /* MSYNC_LEGACY, …OMSUPPLY, …V7 */

typedef struct {
    const msync_table_t  *table;
    uint64_t              prefix;          /* of its key, in its order: few
                                              comparisons read the row */
    uint32_t              at;              /* of its packed row in the arena */
    uint32_t              sequence;        /* among all that was taken */
    unsigned              side;
} fill_entry_t;

struct msync_fill_s {
    msync_rows_t              rows;
    const msync_catalogue_t  *catalogue;   /* borrowed */
    msync_packed_t            packed;
    fill_entry_t             *entries;     /* owned */
    size_t                    n;
    size_t                    wanted;      /* rows, before they are written */
    size_t                    written;     /* rows that were written last */
    int64_t                   held;        /* us of the transactions that were
                                              committed meanwhile */
    msync_batch_t             rest[SIDES]; /* what can be no row yet, by side /
                                              2; `cursor` is the sequence */
    size_t                    rest_octets;
    uint32_t                  sequence;
    int64_t                   since;       /* monotonic ms, when the first
                                              came */
    bool                      slow;
};

static void fill_take(msync_fill_t *fill, msync_record_t *record,
    unsigned side);
static bool fill_add(msync_fill_t *fill, const msync_row_t *row,
    const msync_record_t *record);
static const char *fill_key(const msync_fill_t *fill,
    const fill_entry_t *entry);
static uint64_t fill_prefix(const char *key);
static int fill_compare(const void *a, const void *b, void *data);
static void fill_drop_superseded(msync_fill_t *fill);
static bool fill_has_later(msync_fill_t *fill, const msync_record_t *record);
static bool fill_is_same(const msync_fill_t *fill, const fill_entry_t *x,
    const fill_entry_t *y);
static int fill_write_rows(msync_fill_t *fill, uint64_t *rows,
    msync_err_t *err);
static int fill_begin_next(msync_fill_t *fill, msync_err_t *err);
static int fill_write_row(msync_fill_t *fill, msync_row_t *row,
    const msync_pending_t *from, bool buffered, uint64_t *rows,
    msync_err_t *err);
static int fill_into_buffer(msync_fill_t *fill, msync_row_t *row,
    const msync_pending_t *from, msync_err_t *err);
static void fill_clear(msync_fill_t *fill);


msync_fill_t *
msync_fill_create(msync_store_t *store, const msync_catalogue_t *catalogue)
{
    msync_fill_t  *fill;

    fill = msync_calloc(1, sizeof(msync_fill_t));
    fill->rows.store = store;
    fill->catalogue = catalogue;
    msync_packed_create(&fill->packed, PACKED);
    fill->entries = msync_calloc(ROWS_MAX, sizeof(fill_entry_t));
    fill->wanted = ROWS_FIRST;

    return fill;
}


void
msync_fill_free(msync_fill_t **fill_pt)
{
    msync_fill_t  *fill = *fill_pt;

    if (fill == NULL) {
        return;
    }

    fill_clear(fill);
    free(fill->entries);
    msync_packed_free(&fill->packed);
    msync_free(fill_pt);
}


void
msync_fill_put(msync_fill_t *fill, msync_batch_t *batch, unsigned side)
{
    size_t  i;

    if (msync_fill_is_empty(fill)) {
        fill->since = msync_clock_monotonic();
    }

    for (i = 0; i < batch->n; i++) {
        fill->sequence++;
        fill_take(fill, &batch->records[i], side);
    }
}


static void
fill_take(msync_fill_t *fill, msync_record_t *record, unsigned side)
{
    int                   rc = MSYNC_OK;
    bool                  packed = false;
    msync_err_t           err;
    msync_row_t           row;
    msync_record_t       *rest;
    const msync_table_t  *table;

    table = msync_catalogue_find(fill->catalogue, record->table);

    if (record->action == MSYNC_ACTION_UPSERT && table != NULL
        && (table->pull & side))
    {
        rc = msync_row_decode(&row, table, side, record->id, record->data,
                              NULL, &err);
        packed = rc == MSYNC_OK && row.lacking == NULL
                 && fill_add(fill, &row, record);
        msync_row_clear(&row);
    }

    /* what Open mSupply drops by rule is dropped here, too */
    if (packed || rc == MSYNC_DONE) {
        return;
    }

    rest = msync_batch_add(&fill->rest[side / 2]);
    *rest = *record;
    rest->cursor = fill->sequence;
    fill->rest_octets += record->data_length;
    memset(record, 0, sizeof(msync_record_t));
}


/* false where there is no room, which is_due() prevents but for a row as large
 * as all of it */

static bool
fill_add(msync_fill_t *fill, const msync_row_t *row,
    const msync_record_t *record)
{
    uint32_t       at;
    fill_entry_t  *entry = &fill->entries[fill->n];

    if (fill->n == ROWS_MAX
        || !msync_packed_put(&fill->packed, row, record, &at))
    {
        return false;
    }

    entry->table = row->table;
    entry->at = at;
    entry->prefix = fill_prefix(fill_key(fill, entry));
    entry->sequence = fill->sequence;
    entry->side = row->side;
    fill->n++;

    return true;
}


static const char *
fill_key(const msync_fill_t *fill, const fill_entry_t *entry)
{
    return msync_packed_key(&fill->packed, entry->at);
}


bool
msync_fill_is_empty(const msync_fill_t *fill)
{
    return fill->n == 0 && fill->rest[0].n == 0 && fill->rest[1].n == 0
           && fill->rest[2].n == 0;
}


bool
msync_fill_is_due(const msync_fill_t *fill)
{
    return !msync_fill_is_empty(fill)
           && (fill->n >= fill->wanted || fill->packed.used >= PACKED / 8 * 7
               || fill->rest_octets >= REST_MAX
               || msync_clock_monotonic() - fill->since >= AGE);
}


bool
msync_fill_is_slow(const msync_fill_t *fill)
{
    return fill->slow;
}


static uint64_t
fill_prefix(const char *key)
{
    size_t    n = strnlen(key, sizeof(uint64_t));
    uint64_t  prefix = 0;

    memcpy(&prefix, key, n);
    return be64toh(prefix);
}


/*
 * In the order of tables and keys each page of an index comes once; of equal
 * ones the latest stands last.
 */

static int
fill_compare(const void *a, const void *b, void *data)
{
    int                  order;
    const fill_entry_t  *x = a, *y = b;

    if (x->table != y->table) {
        return x->table < y->table ? -1 : 1;
    }

    if (x->prefix != y->prefix) {
        return x->prefix < y->prefix ? -1 : 1;
    }

    order = strcmp(fill_key(data, x), fill_key(data, y));

    return order != 0 ? order : x->sequence < y->sequence ? -1 : 1;
}


int
msync_fill_write(msync_fill_t *fill, uint64_t *rows, msync_err_t *err)
{
    int     rc;
    size_t  i;

    *rows = 0;

    fill->slow = fill->n < SLOW
                 && msync_clock_monotonic() - fill->since >= AGE;

    qsort_r(fill->entries, fill->n, sizeof(fill_entry_t), fill_compare, fill);
    fill_drop_superseded(fill);

    if (msync_store_yield(fill->rows.store, err) != MSYNC_OK
        || msync_rows_begin(&fill->rows, true, err) != MSYNC_OK)
    {
        fill_clear(fill);
        return MSYNC_ERROR;
    }

    fill->held = 0;
    rc = fill_write_rows(fill, rows, err);

    for (i = 0; rc == MSYNC_OK && i < SIDES; i++) {
        rc = msync_store_buffer_put(fill->rows.store, &fill->rest[i], 1U << i,
                                    err);
    }

    if (rc != MSYNC_OK) {
        msync_store_rollback(fill->rows.store);
    }

    fill->slow |= rc == MSYNC_AGAIN;
    fill->written = fill->n;
    fill_clear(fill);

    return rc;
}


/* what could be no row, and of which a row came later */

static void
fill_drop_superseded(msync_fill_t *fill)
{
    size_t           i, j, left;
    msync_record_t  *record;

    for (i = 0; i < SIDES; i++) {
        for (j = 0, left = 0; j < fill->rest[i].n; j++) {
            record = &fill->rest[i].records[j];

            if (record->action != MSYNC_ACTION_MERGE
                && fill_has_later(fill, record))
            {
                msync_record_clear(record);

            } else {
                fill->rest[i].records[left++] = *record;
            }
        }

        fill->rest[i].n = left;
    }
}


static bool
fill_has_later(msync_fill_t *fill, const msync_record_t *record)
{
    int                   order;
    size_t                low = 0, high = fill->n, middle;
    const fill_entry_t   *entry;
    const msync_table_t  *table;

    table = msync_catalogue_find(fill->catalogue, record->table);

    /* the first that stands behind all of the record */
    while (low < high) {
        middle = low + (high - low) / 2;
        entry = &fill->entries[middle];
        order = entry->table != table
                ? (entry->table < table ? -1 : 1)
                : strcmp(fill_key(fill, entry), record->id);

        if (order <= 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }

    if (low == 0) {
        return false;
    }

    entry = &fill->entries[low - 1];

    return entry->table == table
           && strcmp(fill_key(fill, entry), record->id) == 0
           && entry->sequence > (uint64_t) record->cursor;
}


static bool
fill_is_same(const msync_fill_t *fill, const fill_entry_t *x,
    const fill_entry_t *y)
{
    return x->table == y->table && x->prefix == y->prefix
           && strcmp(fill_key(fill, x), fill_key(fill, y)) == 0;
}


static int
fill_write_rows(msync_fill_t *fill, uint64_t *rows, msync_err_t *err)
{
    int                   rc = MSYNC_OK;
    bool                  buffered, made;
    size_t                i, first = 0;
    msync_row_t           row = { 0 };
    msync_pending_t       from;
    const fill_entry_t   *entry;

    if (msync_store_buffer_any(fill->rows.store, &buffered, err) != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    for (i = 0; rc == MSYNC_OK && i < fill->n; i++) {
        if (i - first >= TURN_ROWS
            && msync_store_is_overdue(fill->rows.store))
        {
            if (fill_begin_next(fill, err) != MSYNC_OK) {
                rc = MSYNC_ERROR;
                break;
            }

            first = i;
        }

        entry = &fill->entries[i];

        if (i + 1 < fill->n && fill_is_same(fill, entry, entry + 1)) {
            continue;
        }

        if (row.table == NULL || row.table != entry->table) {
            msync_row_clear(&row);
            msync_row_init(&row, entry->table);
        }

        msync_packed_get(&fill->packed, entry->at, entry->side, &row, &from);
        rc = fill_write_row(fill, &row, &from, buffered, rows, err);
        msync_free(&row.extra);

        if (rc == MSYNC_OK
            && (i + 1 == fill->n || entry[1].table != entry->table))
        {
            rc = msync_store_fill_indexes(fill->rows.store, entry->table,
                                          &made, err);
        }
    }

    msync_row_clear(&row);
    return rc;
}


/* the cursor stays behind until the last row, so whoever dies here pulls these
 * once more, and finds them as they are */

static int
fill_begin_next(msync_fill_t *fill, msync_err_t *err)
{
    if (msync_rows_begin_next(&fill->rows, err) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    fill->held += msync_store_held_last(fill->rows.store);
    return MSYNC_OK;
}


static int
fill_write_row(msync_fill_t *fill, msync_row_t *row,
    const msync_pending_t *from, bool buffered, uint64_t *rows,
    msync_err_t *err)
{
    int                   rc;
    const msync_field_t  *field;

    if (buffered
        && msync_store_buffer_remove(fill->rows.store, row->table->name,
                                     row->values[row->table->key].text, err)
           != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    rc = msync_rows_put(&fill->rows, row, from, &field, err);

    if (rc == MSYNC_OK) {
        ++*rows;
        return MSYNC_OK;
    }

    if (err->scope != MSYNC_SCOPE_RECORD) {
        return MSYNC_ERROR;
    }

    fill->rows.missing = NULL;
    msync_free(&fill->rows.missing_id);

    return msync_store_in_transaction(fill->rows.store)
           ? fill_into_buffer(fill, row, from, err) : MSYNC_AGAIN;
}


/* puts into sync_buffer a row that its table does not take: integration, when
 * the tables are filled, finds the reason */

static int
fill_into_buffer(msync_fill_t *fill, msync_row_t *row,
    const msync_pending_t *from, msync_err_t *err)
{
    int              rc = MSYNC_AGAIN;
    msync_batch_t    batch = { 0 };
    msync_record_t  *record;

    record = msync_batch_add(&batch);
    record->table = msync_strdup(row->table->name);
    record->id = msync_strdup(row->values[row->table->key].text);
    record->action = MSYNC_ACTION_UPSERT;
    record->store = msync_strdup(from->store);
    record->transfer_store = msync_strdup(from->transfer_store);
    record->patient = msync_strdup(from->patient);
    record->data = msync_row_encode(row, &record->data_length, err);

    if (record->data != NULL) {
        rc = msync_store_buffer_put(fill->rows.store, &batch, row->side,
                                    err);
    }

    msync_batch_clear(&batch);
    return rc;
}


void
msync_fill_written(msync_fill_t *fill)
{
    int64_t  held = fill->held + msync_store_held_last(fill->rows.store);
    int64_t  wanted;

    /* its transactions are short anyway, and the more rows are sorted the
     * fewer pages each of them touches */
    if (msync_store_is_shared(fill->rows.store)) {
        fill->wanted = ROWS_MAX;
        return;
    }

    if (fill->written >= fill->wanted || fill->written >= ROWS_KNOWN) {
        wanted = (int64_t) fill->written * MSYNC_STORE_HOLD * 1000
                 / (held > 0 ? held : 1);
        fill->wanted = wanted < ROWS_MIN ? ROWS_MIN
                       : wanted > ROWS_MAX ? ROWS_MAX : (size_t) wanted;
    }
}


static void
fill_clear(msync_fill_t *fill)
{
    size_t  i;

    fill->packed.used = 0;
    fill->n = 0;
    fill->rest_octets = 0;

    for (i = 0; i < SIDES; i++) {
        msync_batch_clear(&fill->rest[i]);
    }
}
