/*
 * A row as an application writes it, which goes out.  Before the first NUL is
 * the table, then come a column, NUL, a value, NUL and so on; the first octet
 * of a value says what SQLite has there: i, r, t, b, and NULL for any other.
 * All other columns have something sound.
 *
 * What goes out is a record that can be read, and by v5 and v6 says the same
 * when it is a row and goes out again; for v7 see fuzz_v7_row.c.
 */

#include <stdlib.h>
#include <string.h>

#include "catalogue/v7.h"
#include "fuzz.h"

static msync_catalogue_t  *catalogue;


static void
text(msync_row_t *row, msync_value_t *value, msync_value_e kind,
    const char *octets, size_t length)
{
    value->kind = kind;
    value->text = msync_row_text(row, octets, length);
    value->length = length;
}


static void
fill(msync_row_t *row)
{
    size_t                i;
    const char           *sound;
    const msync_field_t  *field;

    static const char *const  values[] = {
        [MSYNC_TYPE_STRING] = "id",         [MSYNC_TYPE_NUMBER] = "1.5",
        [MSYNC_TYPE_INTEGER] = "7",         [MSYNC_TYPE_BOOLEAN] = "1",
        [MSYNC_TYPE_DATE] = "2026-05-01",   [MSYNC_TYPE_TIME] = "08:00:00",
        [MSYNC_TYPE_DATETIME] = "2026-05-01T08:00:00",
        [MSYNC_TYPE_OBJECT] = "{}"
    };

    for (i = 0; i < row->table->n; i++) {
        field = &row->table->fields[i];
        sound = field->words ? field->words[0] : values[field->type];
        text(row, &row->values[i], MSYNC_VALUE_TEXT, sound, strlen(sound));
    }
}


/* what is behind the next NUL, of `*size` octets; NULL: nothing */

static const uint8_t *
next(const uint8_t *data, size_t *size, char **word)
{
    size_t  n;

    n = strnlen((const char *) data, *size);

    if (n == *size) {
        *word = NULL;
        return NULL;
    }

    *word = msync_strndup((const char *) data, n);
    *size -= n + 1;

    return data + n + 1;
}


static void
put(msync_row_t *row, const msync_field_t *field, const char *value)
{
    msync_value_t  *at = &row->values[field - row->table->fields];

    switch (*value) {
    case 'i':
        at->kind = MSYNC_VALUE_INTEGER;
        at->integer = strtoll(value + 1, NULL, 10);
        break;

    case 'r':
        at->kind = MSYNC_VALUE_REAL;
        at->real = strtod(value + 1, NULL);
        break;

    case 't':
        text(row, at, MSYNC_VALUE_TEXT, value + 1, strlen(value + 1));
        break;

    case 'b':
        text(row, at, MSYNC_VALUE_BLOB, value + 1, strlen(value + 1));
        break;

    default:
        at->kind = MSYNC_VALUE_NULL;
    }
}


static bool
same(const msync_value_t *a, const msync_value_t *b)
{
    if (a->kind != b->kind) {
        return false;
    }

    switch (a->kind) {
    case MSYNC_VALUE_NULL:
        return true;

    case MSYNC_VALUE_INTEGER:
        return a->integer == b->integer;

    case MSYNC_VALUE_REAL:
        return a->real == b->real;

    default:
        return a->length == b->length
               && memcmp(a->text, b->text, a->length) == 0;
    }
}


/* what comes of a record is what comes of it once it was a row; a field alone
 * may refuse it */

static void
look(const char *once, const msync_table_t *table, unsigned side)
{
    int                   rc;
    char                 *twice;
    size_t                i, length;
    msync_err_t           err;
    msync_row_t           row, again;
    const msync_field_t  *at = NULL;

    rc = msync_row_decode(&row, table, side, "id", once, &at, &err);

    if (rc == MSYNC_OK) {
        twice = msync_row_encode(&row, &length, &err);

        if (twice == NULL
            || msync_row_decode(&again, table, side, "id", twice, &at, &err)
               != MSYNC_OK)
        {
            abort();
        }

        for (i = 0; i < table->n && side != MSYNC_V7; i++) {
            if (!same(&row.values[i], &again.values[i])) {
                abort();
            }
        }

        msync_row_clear(&again);
        msync_free(&twice);

    } else if (rc == MSYNC_ERROR && at == NULL) {
        abort();
    }

    msync_row_clear(&row);
}


static void
send(const msync_table_t *table, unsigned side, const uint8_t *data,
    size_t size)
{
    char                 *column, *value, *record;
    size_t                length;
    msync_err_t           err;
    msync_row_t           row;
    const msync_field_t  *field;

    msync_row_init(&row, table);
    row.side = side;
    fill(&row);

    while ((data = next(data, &size, &column)) != NULL
           && (data = next(data, &size, &value)) != NULL)
    {
        field = msync_table_field(table, column);

        /* an id that is none is noticed before (store/nameless.c) */
        if (field != NULL && field != &table->fields[table->key]) {
            put(&row, field, value);
        }

        msync_free(&column);
        msync_free(&value);
    }

    msync_free(&column);
    record = msync_row_encode(&row, &length, &err);

    if (record != NULL) {
        look(record, table, side);
    }

    msync_free(&record);
    msync_row_clear(&row);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                 *name;
    msync_err_t           err;
    const msync_table_t  *table;

    if (catalogue == NULL) {
        fuzz_quiet();
        catalogue = msync_catalogue_builtin(&err);
    }

    data = next(data, &size, &name);
    table = name ? msync_catalogue_find(catalogue, name) : NULL;

    if (table != NULL && table->push & MSYNC_V7) {
        send(table, MSYNC_V7, data, size);
    }

    if (table != NULL && table->push & ~(unsigned) MSYNC_V7) {
        send(table, table->push & ~(unsigned) MSYNC_V7, data, size);
    }

    msync_free(&name);

    return 0;
}
