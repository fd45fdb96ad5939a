/*
 * A strict reader of JSON text (RFC 8259) that builds no tree, and a writer.
 *
 * Records are read by it, because there are many of them, and what may hold a
 * password, because it leaves no copy behind; every other document is read and
 * written by cJSON.
 *
 * The reader walks over the text once.  The caller enters the objects and
 * arrays that it knows and skips every other value; a skipped value is
 * checked completely and yields a slice of the text, so numbers of any size
 * and unknown members survive untouched.  Nothing recurses: nesting is
 * bounded by MSYNC_JSON_DEPTH_MAX.
 *
 *     msync_json_init(&json, text, length);
 *
 *     if (msync_json_enter(&json, MSYNC_JSON_OBJECT)) {
 *         while (msync_json_member(&json, key)) {
 *             msync_json_skip(&json, &slice);
 *         }
 *     }
 *
 *     if (!msync_json_end(&json)) ...                    json.error says why
 *
 * The first fault is remembered: everything after it returns false.
 */

#ifndef MSYNC_JSON_H
#define MSYNC_JSON_H

#include "base/err.h"

#define MSYNC_JSON_DEPTH_MAX  512
#define MSYNC_JSON_KEY_MAX    80      /* octets of a key, with the NUL */
#define MSYNC_JSON_COMMON     100     /* levels that every reader follows; a
                                         document around them takes some */

typedef enum {
    MSYNC_JSON_NONE = 0,              /* nothing, or nothing valid */
    MSYNC_JSON_OBJECT,
    MSYNC_JSON_ARRAY,
    MSYNC_JSON_STRING,
    MSYNC_JSON_NUMBER,
    MSYNC_JSON_TRUE,
    MSYNC_JSON_FALSE,
    MSYNC_JSON_NULL
} msync_json_type_e;

typedef struct {
    const char         *data;         /* borrowed from the text */
    size_t              length;
    msync_json_type_e   type;
    bool                garbled;      /* has octets that are not UTF-8 */
} msync_json_slice_t;

typedef struct {
    const char          *start;       /* borrowed, as is the rest */
    const char          *pos;
    const char          *end;
    const char          *error;       /* static words, NULL: none so far */
    bool                 first;       /* just behind a bracket */
    msync_json_slice_t   key;         /* of the last member, as written */
} msync_json_t;


void msync_json_init(msync_json_t *json, const char *text, size_t length);

/* what comes next, without moving */
msync_json_type_e msync_json_peek(msync_json_t *json);

/* goes into an object or array; anything else is a fault */
bool msync_json_enter(msync_json_t *json, msync_json_type_e type);

/*
 * Moves to the value of the next member and copies its key, "" when that is
 * longer than any known one; false, and behind the object, after the last.
 */
bool msync_json_member(msync_json_t *json, char key[MSYNC_JSON_KEY_MAX]);

/* moves to the next value of an array; false, and behind it, after the last */
bool msync_json_item(msync_json_t *json);

/* checks a whole value and goes behind it; slice may be NULL */
bool msync_json_skip(msync_json_t *json, msync_json_slice_t *slice);

/* true when there was no fault and nothing but space is left */
bool msync_json_end(msync_json_t *json);

/* whether all of `text` is one object, well-formed and in UTF-8 to its end */
bool msync_json_is_object(const char *text, size_t length);

/* remembers a fault of the caller's own finding; returns false */
bool msync_json_fail(msync_json_t *json, const char *error);

/* where the reader is, octets from the start */
size_t msync_json_offset(const msync_json_t *json);


/*
 * A string's value, owned by the caller; NULL when the slice is no string,
 * is longer than max octets or contains U+0000.  What is not valid Unicode
 * comes as U+FFFD.
 */
char *msync_json_text(const msync_json_slice_t *slice, size_t max);

/*
 * A string's value written into memory of the caller's, at least as large as
 * the slice is long; not for a garbled slice.  False when it is no string or
 * contains U+0000.
 */
bool msync_json_text_into(const msync_json_slice_t *slice, char *out,
    size_t *length);

/* a whole number that fits, also when written as a string or with ".0" */
bool msync_json_integer(const msync_json_slice_t *slice, int64_t *value);

/*
 * The value of a number, rounded to the nearest double as strtod() does;
 * beyond all doubles it is infinite.  The octet behind the slice must be
 * there and end the number.
 */
double msync_json_real(const msync_json_slice_t *slice);

/*
 * Whether every reader takes it, as RFC 8259 asks of who writes: no number
 * beyond all doubles, no half of a surrogate pair in an escape, nested no
 * deeper than MSYNC_JSON_COMMON.  The octet behind the slice must be there and
 * belong to no number.
 */
bool msync_json_is_common(const msync_json_slice_t *slice);

/*
 * The slice as it stands in the text, owned by the caller, NUL-terminated;
 * garbled octets are replaced by U+FFFD.  NULL when memory is short.
 */
char *msync_json_raw(const msync_json_slice_t *slice, size_t *length);


/* text that grows; zero it before the first use */
typedef struct {
    char    *data;                    /* owned, NUL-terminated */
    size_t   length;
    size_t   size;
} msync_json_out_t;

void msync_json_put(msync_json_out_t *out, const char *data, size_t length);
void msync_json_put_text(msync_json_out_t *out, const char *text);
void msync_json_put_integer(msync_json_out_t *out, int64_t value);
/* as it stands in the text, garbled octets replaced */
void msync_json_put_slice(msync_json_out_t *out,
    const msync_json_slice_t *slice);

/* quoted and escaped; what is not valid UTF-8 is written as U+FFFD */
void msync_json_put_string(msync_json_out_t *out, const char *string);

/* zeroes the text before it is freed, it may hold a secret */
void msync_json_out_free(msync_json_out_t *out);

#endif /* MSYNC_JSON_H */
