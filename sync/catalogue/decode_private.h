/*
 * What the files that decode records share, by the file that has it; nobody
 * else includes this.
 */

#ifndef MSYNC_DECODE_PRIVATE_H
#define MSYNC_DECODE_PRIVATE_H

#include "catalogue/catalogue_private.h"


/* ---- decode_value.c ---- */

/*
 * A value that is not null, by the type of the field.  Its text is in the row's
 * memory, in which the caller has made room for it as long as it was written:
 * a slice is decoded once.  `value` has to be null before, and is so afterwards
 * where it says that there is none.
 */
int msync_decode_value(msync_row_t *row, msync_value_t *value,
    const msync_field_t *field, const msync_json_slice_t *slice,
    msync_err_t *err);

/* the text is borrowed */
void msync_decode_set_text(msync_value_t *value, const char *text,
    size_t length);
void msync_decode_set_integer(msync_value_t *value, int64_t integer);

/* a string's value, in the row's memory, NUL-terminated; NULL where it is no
 * string, or one that C cannot hold */
char *msync_decode_text_of(msync_row_t *row, const msync_json_slice_t *slice,
    size_t *length);


/* ---- decode.c ---- */

/*
 * What a column holds of which nothing came, or null (`came`): null, or what
 * is neutral.  Where nothing is, the row lacks it, or null is an error.
 */
int msync_decode_nothing(msync_row_t *row, size_t i, bool came,
    msync_err_t *err);

#endif /* MSYNC_DECODE_PRIVATE_H */
