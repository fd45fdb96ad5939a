/*
 * Owns what becomes of a slice once it is wanted as a value, and the text
 * that is written.  Promises that text which leaves here is valid UTF-8.
 */

#include "base/json.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define JSON_OUT_MIN      1024
#define JSON_REPLACEMENT  "\xef\xbf\xbd"                     /* U+FFFD */
#define JSON_EXACT        15          /* digits that a double can hold */


static size_t json_unescape(const char *p, size_t left, uint32_t *code);
static uint32_t json_hex(const char *p);
static size_t json_encode(char *out, uint32_t code);
static const char *json_common_string(const char *p, const char *end);
static const char *json_common_number(const char *p, const char *end);


char *
msync_json_text(const msync_json_slice_t *slice, size_t max)
{
    bool                 is_text;
    char                *text, *raw = NULL;
    size_t               n;
    msync_json_slice_t   clean = *slice;

    /* an escape of six octets stands for at least one */

    if (slice->type != MSYNC_JSON_STRING || (slice->length - 2) / 6 > max) {
        return NULL;
    }

    if (slice->garbled) {
        raw = msync_json_raw(slice, &clean.length);
        if (raw == NULL) {
            return NULL;
        }

        clean.data = raw;
        clean.garbled = false;
    }

    text = msync_alloc(clean.length);
    is_text = msync_json_text_into(&clean, text, &n) && n <= max;
    free(raw);

    if (!is_text) {
        msync_free(&text);
    }

    return text;
}


bool
msync_json_text_into(const msync_json_slice_t *slice, char *out,
    size_t *length)
{
    char        *begin = out;
    size_t       n;
    uint32_t     code;
    const char  *p, *end, *escape;

    if (slice->type != MSYNC_JSON_STRING) {
        return false;
    }

    p = slice->data + 1;
    end = slice->data + slice->length - 1;

    while (p < end) {
        escape = memchr(p, '\\', (size_t) (end - p));
        n = (size_t) ((escape ? escape : end) - p);

        memcpy(out, p, n);
        out += n;
        p += n;

        if (escape) {
            p += json_unescape(p, (size_t) (end - p), &code);

            if (code == 0) {
                return false;
            }

            out += json_encode(out, code);
        }
    }

    *out = '\0';
    *length = (size_t) (out - begin);

    return true;
}


bool
msync_json_integer(const msync_json_slice_t *slice, int64_t *value)
{
    bool         negative;
    int64_t      n;
    const char  *p, *end;

    p = slice->data;
    end = p + slice->length;

    if (slice->type == MSYNC_JSON_STRING) {
        p++;
        end--;

    } else if (slice->type != MSYNC_JSON_NUMBER) {
        return false;
    }

    negative = (p < end && *p == '-');
    p += negative;
    n = 0;

    if (p == end || *p == '.') {
        return false;
    }

    for ( /* void */ ; p < end && *p >= '0' && *p <= '9'; p++) {

        /* negative all the way: INT64_MIN has no positive twin */

        if (__builtin_mul_overflow(n, 10, &n)
            || __builtin_sub_overflow(n, *p - '0', &n))
        {
            return false;
        }
    }

    if (p < end && *p == '.') {
        do {
            p++;
        } while (p < end && *p == '0');
    }

    if (p != end || (!negative && n == INT64_MIN)) {
        return false;
    }

    *value = negative ? n : -n;

    return true;
}


/*
 * Few digits divided by a power of ten, both exact, are rounded once: so does
 * strtod(), which takes ten times as long.  It needs doubles that are not
 * computed in something wider.
 */

double
msync_json_real(const msync_json_slice_t *slice)
{
    double       power = 1;
    int64_t      n = 0;
    const char  *p, *end = slice->data + slice->length;

    p = slice->data + (*slice->data == '-');

    if (FLT_EVAL_METHOD != 0 || end - p > JSON_EXACT + 1
        || memchr(p, '.', (size_t) (end - p)) == NULL)
    {
        return strtod(slice->data, NULL);
    }

    for (bool behind = false; p < end; p++) {

        if (*p == '.') {
            behind = true;
            continue;
        }

        if (*p < '0' || *p > '9') {
            return strtod(slice->data, NULL);
        }

        n = n * 10 + (*p - '0');
        power *= behind ? 10 : 1;
    }

    return (*slice->data == '-' ? -(double) n : (double) n) / power;
}


bool
msync_json_is_common(const msync_json_slice_t *slice)
{
    size_t       depth = 0;
    const char  *p = slice->data, *end = p + slice->length;

    while (p != NULL && p < end) {

        switch (*p) {

        case '{':
        case '[':
            if (depth++ == MSYNC_JSON_COMMON) {
                return false;
            }
            p++;
            break;

        case '}':
        case ']':
            depth--;
            p++;
            break;

        case '"':
            p = json_common_string(p + 1, end);
            break;

        case '-': case '0': case '1': case '2': case '3': case '4':
        case '5': case '6': case '7': case '8': case '9':
            p = json_common_number(p, end);
            break;

        default:
            p++;
        }
    }

    return p != NULL;
}


/* behind the string; NULL: an escape in it is half of a pair */

static const char *
json_common_string(const char *p, const char *end)
{
    size_t    n;
    uint32_t  code;

    while (*p != '"') {
        if (*p != '\\') {
            p++;
            continue;
        }

        n = json_unescape(p, (size_t) (end - p), &code);

        if (n == 6 && code == 0xfffd && json_hex(p + 2) != 0xfffd) {
            return NULL;
        }

        p += n;
    }

    return p + 1;
}


/* behind the number; NULL: no double holds it */

static const char *
json_common_number(const char *p, const char *end)
{
    if (!isfinite(strtod(p, NULL))) {
        return NULL;
    }

    while (p < end && strchr("+-.0123456789eE", *p) != NULL) {
        p++;
    }

    return p;
}


char *
msync_json_raw(const msync_json_slice_t *slice, size_t *length)
{
    char        *raw, *out;
    size_t       n, size;
    const char  *p, *end;

    size = slice->length * (slice->garbled ? 3 : 1);

    raw = malloc(size + 1);
    if (raw == NULL) {
        return NULL;
    }

    if (!slice->garbled) {
        memcpy(raw, slice->data, size);
        raw[size] = '\0';
        *length = size;
        return raw;
    }

    end = slice->data + slice->length;

    for (p = slice->data, out = raw; p < end; p += n ? n : 1) {
        n = msync_utf8_char(p, (size_t) (end - p));

        memcpy(out, n ? p : JSON_REPLACEMENT, n ? n : 3);
        out += n ? n : 3;
    }

    *out = '\0';
    *length = (size_t) (out - raw);

    return raw;
}


void
msync_json_put(msync_json_out_t *out, const char *data, size_t length)
{
    size_t            size;
    msync_json_out_t  old;

    if (out->size - out->length <= length) {
        old = *out;
        size = out->size ? out->size : JSON_OUT_MIN;

        while (size - out->length <= length) {
            size *= 2;
        }

        /* not realloc: it would leave a copy behind that is not zeroed */

        out->size = size;
        out->data = msync_alloc(size);
        memcpy(out->data, old.data ? old.data : "", old.length);
        msync_json_out_free(&old);
    }

    memcpy(out->data + out->length, data, length);
    out->length += length;
    out->data[out->length] = '\0';
}


void
msync_json_put_text(msync_json_out_t *out, const char *text)
{
    msync_json_put(out, text, strlen(text));
}


void
msync_json_put_integer(msync_json_out_t *out, int64_t value)
{
    int   n;
    char  digits[24];

    n = snprintf(digits, sizeof(digits), "%lld", (long long) value);
    msync_json_put(out, digits, (size_t) n);
}


void
msync_json_put_slice(msync_json_out_t *out, const msync_json_slice_t *slice)
{
    char    *raw;
    size_t   length;

    if (!slice->garbled) {
        msync_json_put(out, slice->data, slice->length);
        return;
    }

    raw = msync_json_raw(slice, &length);
    if (raw == NULL) {
        msync_out_of_memory();
    }

    msync_json_put(out, raw, length);
    free(raw);
}


void
msync_json_put_string(msync_json_out_t *out, const char *string)
{
    char         escape[8];
    size_t       n;
    const char  *p, *end;

    msync_json_put(out, "\"", 1);

    end = string + strlen(string);

    for (p = string; p < end; p += n ? n : 1) {
        n = msync_utf8_char(p, (size_t) (end - p));

        if (n == 0) {
            msync_json_put_text(out, JSON_REPLACEMENT);

        } else if (*p == '"' || *p == '\\') {
            msync_json_put(out, "\\", 1);
            msync_json_put(out, p, 1);

        } else if ((unsigned char) *p < 0x20) {
            (void) snprintf(escape, sizeof(escape), "\\u%04x",
                            (unsigned) *p);
            msync_json_put_text(out, escape);

        } else {
            msync_json_put(out, p, n);
        }
    }

    msync_json_put(out, "\"", 1);
}


void
msync_json_out_free(msync_json_out_t *out)
{
    if (out->data) {
        explicit_bzero(out->data, out->length);
        free(out->data);
    }

    memset(out, 0, sizeof(*out));
}


/* a checked escape sequence; a lone surrogate is U+FFFD.  Returns how many
 * octets it took. */

static size_t
json_unescape(const char *p, size_t left, uint32_t *code)
{
    uint32_t            low;
    const char         *found;
    static const char   from[] = "\"\\/bfnrt";
    static const char   to[] = "\"\\/\b\f\n\r\t";

    if (p[1] != 'u') {
        found = strchr(from, p[1]);
        *code = (uint32_t) to[found - from];
        return 2;
    }

    *code = json_hex(p + 2);

    if (*code < 0xd800 || *code > 0xdfff) {
        return 6;
    }

    if (*code < 0xdc00 && left >= 12 && p[6] == '\\' && p[7] == 'u') {
        low = json_hex(p + 8);

        if (low >= 0xdc00 && low <= 0xdfff) {
            *code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
            return 12;
        }
    }

    *code = 0xfffd;

    return 6;
}


static uint32_t
json_hex(const char *p)
{
    int       i;
    uint32_t  code;

    for (i = 0, code = 0; i < 4; i++) {
        code = code << 4
               | (uint32_t) (p[i] <= '9' ? p[i] - '0'
                                         : (p[i] | 0x20) - 'a' + 10);
    }

    return code;
}


static size_t
json_encode(char *out, uint32_t code)
{
    if (code < 0x80) {
        out[0] = (char) code;
        return 1;
    }

    if (code < 0x800) {
        out[0] = (char) (0xc0 | code >> 6);
        out[1] = (char) (0x80 | (code & 0x3f));
        return 2;
    }

    if (code < 0x10000) {
        out[0] = (char) (0xe0 | code >> 12);
        out[1] = (char) (0x80 | (code >> 6 & 0x3f));
        out[2] = (char) (0x80 | (code & 0x3f));
        return 3;
    }

    out[0] = (char) (0xf0 | code >> 18);
    out[1] = (char) (0x80 | (code >> 12 & 0x3f));
    out[2] = (char) (0x80 | (code >> 6 & 0x3f));
    out[3] = (char) (0x80 | (code & 0x3f));

    return 4;
}
