/*
 * Rows of a first sync, packed.
 *
 * Each begins with its key and its terminating zero; then, of a record by v7
 * alone, its envelope; the values in the order of the fields; and `extra`.
 */

#include <string.h>

#include "run/packed_private.h"

#define PRESENT  0x80                      /* beside the kind of a value */

static bool packed_put_value(msync_packed_t *packed, const msync_row_t *row,
    size_t i);
static bool packed_put_text(msync_packed_t *packed, const char *text);
static bool packed_put_octets(msync_packed_t *packed, const void *from,
    size_t n);
static const char *packed_get_value(const char *p, const char *key, size_t i,
    msync_row_t *row);
static const char *packed_get_text(const char **p);


void
msync_packed_create(msync_packed_t *packed, size_t size)
{
    packed->octets = msync_alloc(size);
    packed->size = size;
    packed->used = 0;
}


void
msync_packed_free(msync_packed_t *packed)
{
    msync_free(&packed->octets);
}


bool
msync_packed_put(msync_packed_t *packed, const msync_row_t *row,
    const msync_record_t *record, uint32_t *at)
{
    bool    fits;
    size_t  i, used = packed->used, key = row->table->key;

    fits = packed_put_octets(packed, row->values[key].text,
                             row->values[key].length + 1);

    if (row->side == MSYNC_V7) {
        fits = fits && packed_put_text(packed, record->store)
               && packed_put_text(packed, record->transfer_store)
               && packed_put_text(packed, record->patient);
    }

    for (i = 0; fits && i < row->table->n; i++) {
        fits = packed_put_value(packed, row, i);
    }

    fits = fits && packed_put_text(packed, row->extra);

    if (!fits) {
        packed->used = used;
        return false;
    }

    *at = (uint32_t) used;
    return true;
}


static bool
packed_put_value(msync_packed_t *packed, const msync_row_t *row, size_t i)
{
    uint32_t              length;
    unsigned char         kind;
    const msync_value_t  *value = &row->values[i];

    kind = (unsigned char) (value->kind | (row->present[i] ? PRESENT : 0));

    if (!packed_put_octets(packed, &kind, 1)) {
        return false;
    }

    if (value->kind == MSYNC_VALUE_INTEGER) {
        return packed_put_octets(packed, &value->integer, sizeof(int64_t));
    }

    if (value->kind == MSYNC_VALUE_REAL) {
        return packed_put_octets(packed, &value->real, sizeof(double));
    }

    if (value->kind != MSYNC_VALUE_TEXT || i == row->table->key) {
        return true;
    }

    length = (uint32_t) value->length;

    return packed_put_octets(packed, &length, sizeof(length))
           && packed_put_octets(packed, value->text, length)
           && packed_put_octets(packed, "", 1);
}


/* NULL is one octet, a text begins with another one */

static bool
packed_put_text(msync_packed_t *packed, const char *text)
{
    return text == NULL
           ? packed_put_octets(packed, "", 1)
           : packed_put_octets(packed, "\1", 1)
             && packed_put_octets(packed, text, strlen(text) + 1);
}


static bool
packed_put_octets(msync_packed_t *packed, const void *from, size_t n)
{
    if (n > packed->size - packed->used) {
        return false;
    }

    memcpy(packed->octets + packed->used, from, n);
    packed->used += n;

    return true;
}


const char *
msync_packed_key(const msync_packed_t *packed, uint32_t at)
{
    return packed->octets + at;
}


void
msync_packed_get(const msync_packed_t *packed, uint32_t at, unsigned side,
    msync_row_t *row, msync_pending_t *from)
{
    size_t       i;
    const char  *p, *key = msync_packed_key(packed, at);

    memset(from, 0, sizeof(msync_pending_t));
    row->side = side;
    p = key + strlen(key) + 1;

    if (side == MSYNC_V7) {
        from->store = packed_get_text(&p);
        from->transfer_store = packed_get_text(&p);
        from->patient = packed_get_text(&p);
    }

    for (i = 0; i < row->table->n; i++) {
        p = packed_get_value(p, key, i, row);
    }

    row->extra = msync_strdup(packed_get_text(&p));
}


/* returns what is behind it */

static const char *
packed_get_value(const char *p, const char *key, size_t i, msync_row_t *row)
{
    uint32_t        length;
    msync_value_t  *value = &row->values[i];

    value->kind = (unsigned char) *p & ~PRESENT;
    row->present[i] = ((unsigned char) *p++ & PRESENT) != 0;

    if (value->kind == MSYNC_VALUE_INTEGER) {
        memcpy(&value->integer, p, sizeof(int64_t));
        return p + sizeof(int64_t);
    }

    if (value->kind == MSYNC_VALUE_REAL) {
        memcpy(&value->real, p, sizeof(double));
        return p + sizeof(double);
    }

    if (value->kind == MSYNC_VALUE_TEXT && i == row->table->key) {
        value->text = key;
        value->length = strlen(key);

    } else if (value->kind == MSYNC_VALUE_TEXT) {
        memcpy(&length, p, sizeof(length));
        value->text = p + sizeof(length);
        value->length = length;
        p += sizeof(length) + length + 1;
    }

    return p;
}


static const char *
packed_get_text(const char **p)
{
    const char  *text = *p + 1;

    if (**p == '\0') {
        *p = text;
        return NULL;
    }

    *p = text + strlen(text) + 1;

    return text;
}
