/*
 * What the files that encode rows share, by the file that has it; nobody else
 * includes this.
 */

#ifndef MSYNC_ENCODE_PRIVATE_H
#define MSYNC_ENCODE_PRIVATE_H

#include "catalogue/catalogue_private.h"
#include "catalogue/moment_private.h"

#define MSYNC_ENCODE_NUMBER_MAX  40      /* octets of a number as text */

typedef enum {
    ENCODE_DONE = 0,
    ENCODE_NONE,             /* the value says that there is none */
    ENCODE_UNCLEAR           /* the value can mean nothing, or more than one
                                thing */
} encode_e;

typedef struct {
    msync_json_out_t   out;           /* the record so far, msync_json_out_free
                                         it where it is not taken over */
    msync_err_t       *err;           /* borrowed */
    bool               narrow;        /* integers have 32 bits */
} encode_t;


/* ---- encode_value.c ---- */

/* puts a value of a field, if it is ENCODE_DONE */
encode_e msync_encode_value(encode_t *encode, const msync_field_t *field,
    const msync_value_t *value);

/* the number that a REAL is, or that a text says in decimals; false: none */
bool msync_encode_read_real(const msync_value_t *value, double *number);

/* what a value means as a day, a moment or a time, also where it is a number;
 * false: it is not clear */
bool msync_encode_read_moment(msync_moment_t *moment,
    const msync_value_t *value, msync_moment_e wanted);

/* whether a flag is set, as an application may write it; -1: not clear */
int msync_encode_flag(const msync_value_t *value);

/* a decimal that is read as this number, of 15 digits where that will do, else
 * of 17; returns its length */
size_t msync_encode_real(double real, char text[MSYNC_ENCODE_NUMBER_MAX]);


/* ---- encode.c ---- */

/* puts an object, the text of any JSON or a number, if it is ENCODE_DONE; what
 * was put of an unclear one stays, for the record is given up */
encode_e msync_encode_object(encode_t *encode, const msync_field_t *field,
    const msync_value_t *value);

/* puts a member's name */
void msync_encode_key(encode_t *encode, const char *name);

/*
 * Puts its value, or null or what says the same.  A fault names the column
 * `name`.  MSYNC_DONE: nothing was put, for central refuses null and not the
 * absence of the member; the caller takes the name out again.
 */
int msync_encode_field(encode_t *encode, const msync_field_t *field,
    const char *name, const msync_value_t *value);

#endif /* MSYNC_ENCODE_PRIVATE_H */
