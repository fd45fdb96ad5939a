/*
 * What the files that decode records share; nobody else includes this.
 */

#ifndef MSYNC_DECODE_PRIVATE_H
#define MSYNC_DECODE_PRIVATE_H

#include "catalogue/catalogue_private.h"

/* a value that is not null, by the type of the field; its text is in the
 * row's memory, where no value is longer than what it was written as */
int msync_decode_value(msync_row_t *row, msync_value_t *value,
    const msync_field_t *field, const msync_json_slice_t *slice,
    msync_err_t *err);

void msync_decode_set_text(msync_value_t *value, const char *text,
    size_t length);
void msync_decode_set_integer(msync_value_t *value, int64_t integer);

/* a string's value, NUL-terminated; NULL where it is no string, or one that
 * C cannot hold */
char *msync_decode_text_of(msync_row_t *row, const msync_json_slice_t *slice,
    size_t *length);

/*
 * What a column holds of which nothing came, or null (`came`): null, or what
 * is neutral.  Where nothing is, the row lacks it, or null is an error.
 */
int msync_decode_nothing(msync_row_t *row, size_t i, bool came,
    msync_err_t *err);

#endif /* MSYNC_DECODE_PRIVATE_H */
