/*
 * A catalogue, and a row of its first table decoded and encoded again.  What
 * is before the first NUL is the catalogue, the rest is recordData.
 */

#include "catalogue/catalogue.h"
#include "fuzz.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                 *text, *record;
    size_t                n, length;
    msync_err_t           err;
    msync_row_t           row;
    msync_catalogue_t    *catalogue;
    const msync_field_t  *at;

    n = strnlen((const char *) data, size);
    catalogue = msync_catalogue_parse((const char *) data, n, &err);

    if (catalogue == NULL) {
        return 0;
    }

    if (n < size && catalogue->n > 0) {
        record = msync_strndup((const char *) data + n + 1, size - n - 1);

        if (msync_row_decode(&row, &catalogue->tables[0], MSYNC_LEGACY, "id",
                             record, &at,
                             &err) == MSYNC_OK)
        {
            text = msync_row_encode(&row, &length, &err);
            msync_free(&text);
        }

        msync_row_clear(&row);
        msync_free(&record);
    }

    msync_catalogue_free(&catalogue);

    return 0;
}
