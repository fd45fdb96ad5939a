/*
 * A record of sync v7 that becomes a row and goes out again, by a table that
 * is named before the first NUL.  What went out is a record, too: it comes
 * back and goes out the same.
 */

#include <stdlib.h>
#include <string.h>

#include "catalogue/v7.h"
#include "fuzz.h"

static msync_catalogue_t  *catalogue;


/* NULL where it cannot come or go */

static char *
there_and_back(const msync_table_t *table, const char *record)
{
    char                 *text = NULL;
    size_t                length;
    msync_err_t           err;
    msync_row_t           row;
    const msync_field_t  *at;

    if (msync_row_decode(&row, table, MSYNC_V7, "id", record, &at, &err)
        == MSYNC_OK)
    {
        text = msync_row_encode(&row, &length, &err);
    }

    msync_row_clear(&row);

    return text;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                 *name, *record, *once, *twice;
    size_t                n;
    msync_err_t           err;
    const msync_table_t  *table;

    if (catalogue == NULL) {
        fuzz_quiet();
        catalogue = msync_catalogue_builtin(&err);
    }

    n = strnlen((const char *) data, size);
    name = msync_strndup((const char *) data, n);
    table = msync_v7_find(catalogue, name);

    if (table != NULL && n < size) {
        record = msync_strndup((const char *) data + n + 1, size - n - 1);
        once = there_and_back(table, record);

        if (once != NULL) {
            twice = there_and_back(table, once);

            if (twice == NULL || strcmp(once, twice) != 0) {
                abort();
            }

            msync_free(&twice);
        }

        msync_free(&once);
        msync_free(&record);
    }

    msync_free(&name);

    return 0;
}
