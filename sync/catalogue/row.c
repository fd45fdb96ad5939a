/*
 * Rows of the site database: their memory.
 */

#include <stdlib.h>
#include <string.h>

#include "catalogue/catalogue_private.h"


void
msync_row_init(msync_row_t *row, const msync_table_t *table)
{
    memset(row, 0, sizeof(msync_row_t));

    row->table = table;
    row->values = msync_calloc(table->n, sizeof(msync_value_t)
                                         + sizeof(bool));
    row->present = (bool *) (row->values + table->n);
}


void
msync_row_clear(msync_row_t *row)
{
    size_t  i;

    for (i = 0; i < row->ntexts; i++) {
        free(row->texts[i]);
    }

    free(row->texts);
    free(row->memory);
    free(row->values);
    free(row->extra);
    memset(row, 0, sizeof(msync_row_t));
}


char *
msync_row_own(msync_row_t *row, char *text)
{
    if (text == NULL) {
        msync_out_of_memory();
    }

    row->texts = msync_realloc(row->texts, row->ntexts + 1, sizeof(char *));
    row->texts[row->ntexts++] = text;
    return text;
}


const char *
msync_row_text(msync_row_t *row, const char *text, size_t length)
{
    return msync_row_own(row, msync_strndup(text, length));
}
