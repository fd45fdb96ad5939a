/*
 * Owns the JSON reader: what is well-formed is decided here and nowhere else.
 * Promises to look at every octet once while skipping, to need no memory for
 * it, and never to read behind the text, which need not end with a NUL.
 */

#include "base/json.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>


/* what closes the containers that a skipped value is in, innermost last */

typedef struct {
    size_t         depth;
    unsigned char  object[MSYNC_JSON_DEPTH_MAX / 8];    /* bits */
} json_stack_t;


/* octets that a string may have and that are nothing special in it */

static const bool  json_plain[256] = {
    [0x20 ... 0x21] = true, [0x23 ... 0x5b] = true, [0x5d ... 0x7f] = true
};

/* a word of eight equal octets */
#define JSON_EACH(octet)  (UINT64_C(0x0101010101010101) * (octet))


static void json_space(msync_json_t *json);
static bool json_comma(msync_json_t *json, char close);
static bool json_skip_nested(msync_json_t *json, bool *garbled);
static bool json_open(msync_json_t *json, json_stack_t *stack,
    bool *garbled, bool *empty);
static bool json_close(msync_json_t *json, json_stack_t *stack,
    bool *garbled);
static bool json_key(msync_json_t *json, bool *garbled);
static bool json_scalar(msync_json_t *json, msync_json_type_e type,
    bool *garbled);
static const char *json_skip_plain(const char *pos, const char *end);
static bool json_string(msync_json_t *json, bool *garbled);
static bool json_escape(msync_json_t *json);
static bool json_number(msync_json_t *json);
static bool json_digits(msync_json_t *json);
static bool json_word(msync_json_t *json, const char *word, size_t n);


void
msync_json_init(msync_json_t *json, const char *text, size_t length)
{
    json->start = text;
    json->pos = text;
    json->end = text + length;
    json->error = NULL;
    json->first = false;

    /* some servers put a byte order mark before UTF-8 */

    if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        json->pos += 3;
    }
}


msync_json_type_e
msync_json_peek(msync_json_t *json)
{
    json_space(json);

    if (json->error || json->pos == json->end) {
        return MSYNC_JSON_NONE;
    }

    switch (*json->pos) {

    case '{':
        return MSYNC_JSON_OBJECT;

    case '[':
        return MSYNC_JSON_ARRAY;

    case '"':
        return MSYNC_JSON_STRING;

    case 't':
        return MSYNC_JSON_TRUE;

    case 'f':
        return MSYNC_JSON_FALSE;

    case 'n':
        return MSYNC_JSON_NULL;

    case '-': case '0': case '1': case '2': case '3': case '4':
    case '5': case '6': case '7': case '8': case '9':
        return MSYNC_JSON_NUMBER;

    default:
        return MSYNC_JSON_NONE;
    }
}


bool
msync_json_enter(msync_json_t *json, msync_json_type_e type)
{
    if (msync_json_peek(json) != type) {
        return msync_json_fail(json, json->pos == json->end
                                     ? "the text ends too early"
                                     : type == MSYNC_JSON_OBJECT
                                     ? "an object is missing"
                                     : "an array is missing");
    }

    json->pos++;
    json->first = true;

    return true;
}


bool
msync_json_member(msync_json_t *json, char key[MSYNC_JSON_KEY_MAX])
{
    char                *text;
    msync_json_slice_t  *slice = &json->key;

    if (!json_comma(json, '}')) {
        return false;
    }

    json_space(json);

    slice->data = json->pos;
    slice->type = MSYNC_JSON_STRING;
    slice->garbled = false;

    if (!json_string(json, &slice->garbled)) {
        return false;
    }

    slice->length = (size_t) (json->pos - slice->data);
    key[0] = '\0';

    if (memchr(slice->data, '\\', slice->length) == NULL) {
        if (slice->length - 2 < MSYNC_JSON_KEY_MAX) {
            memcpy(key, slice->data + 1, slice->length - 2);
            key[slice->length - 2] = '\0';
        }

    } else {
        text = msync_json_text(slice, MSYNC_JSON_KEY_MAX - 1);
        if (text) {
            memcpy(key, text, strlen(text) + 1);
            msync_free(&text);
        }
    }

    json_space(json);

    if (json->pos == json->end || *json->pos != ':') {
        return msync_json_fail(json, "\":\" is missing");
    }

    json->pos++;

    return true;
}


bool
msync_json_item(msync_json_t *json)
{
    return json_comma(json, ']');
}


bool
msync_json_skip(msync_json_t *json, msync_json_slice_t *slice)
{
    bool                 garbled;
    const char          *start;
    msync_json_type_e    type;

    type = msync_json_peek(json);
    start = json->pos;
    garbled = false;

    if (type == MSYNC_JSON_OBJECT || type == MSYNC_JSON_ARRAY) {
        if (!json_skip_nested(json, &garbled)) {
            return false;
        }

    } else if (!json_scalar(json, type, &garbled)) {
        return false;
    }

    json->first = false;

    if (slice) {
        slice->data = start;
        slice->length = (size_t) (json->pos - start);
        slice->type = type;
        slice->garbled = garbled;
    }

    return true;
}


bool
msync_json_end(msync_json_t *json)
{
    json_space(json);

    if (json->error) {
        return false;
    }

    if (json->pos != json->end) {
        return msync_json_fail(json, "something follows the value");
    }

    return true;
}


bool
msync_json_is_object(const char *text, size_t length)
{
    msync_json_t        json;
    msync_json_slice_t  value;

    msync_json_init(&json, text, length);

    return msync_json_skip(&json, &value) && msync_json_end(&json)
           && value.type == MSYNC_JSON_OBJECT && !value.garbled;
}


bool
msync_json_fail(msync_json_t *json, const char *error)
{
    if (json->error == NULL) {
        json->error = error;
    }

    return false;
}


size_t
msync_json_offset(const msync_json_t *json)
{
    return (size_t) (json->pos - json->start);
}


static void
json_space(msync_json_t *json)
{
    while (json->pos < json->end
           && (*json->pos == ' ' || *json->pos == '\n' || *json->pos == '\r'
               || *json->pos == '\t'))
    {
        json->pos++;
    }
}


/* true before the next element, false behind the closing bracket */

static bool
json_comma(msync_json_t *json, char close)
{
    json_space(json);

    if (json->error) {
        return false;
    }

    if (json->pos == json->end) {
        return msync_json_fail(json, "the text ends too early");
    }

    if (*json->pos == close) {
        json->pos++;
        json->first = false;
        return false;
    }

    if (json->first) {
        json->first = false;
        return true;
    }

    if (*json->pos != ',') {
        return msync_json_fail(json, "\",\" is missing");
    }

    json->pos++;
    json_space(json);

    /* a comma before the bracket: the element is missing */

    if (json->pos < json->end && *json->pos == close) {
        return msync_json_fail(json, "a value is missing");
    }

    return true;
}


static bool
json_skip_nested(msync_json_t *json, bool *garbled)
{
    bool                empty;
    json_stack_t        stack;
    msync_json_type_e   type;

    memset(&stack, 0, sizeof(stack));

    do {
        /* before a value */

        type = msync_json_peek(json);

        if (type == MSYNC_JSON_OBJECT || type == MSYNC_JSON_ARRAY) {
            if (!json_open(json, &stack, garbled, &empty)) {
                return false;
            }

            if (!empty) {
                continue;
            }

        } else if (!json_scalar(json, type, garbled)) {
            return false;
        }

        if (!json_close(json, &stack, garbled)) {
            return false;
        }

    } while (stack.depth != 0);

    return true;
}


/* goes into a container, and out again when it is empty */

static bool
json_open(msync_json_t *json, json_stack_t *stack, bool *garbled, bool *empty)
{
    bool           object;
    size_t         depth;
    unsigned char  bit;

    depth = stack->depth;

    if (depth == MSYNC_JSON_DEPTH_MAX) {
        return msync_json_fail(json, "it is nested too deeply");
    }

    object = (*json->pos++ == '{');
    json_space(json);

    if (json->pos < json->end && *json->pos == (object ? '}' : ']')) {
        json->pos++;
        *empty = true;
        return true;
    }

    *empty = false;
    bit = (unsigned char) (1 << (depth & 7));

    if (object) {
        stack->object[depth >> 3] |= bit;
    } else {
        stack->object[depth >> 3] &= (unsigned char) ~bit;
    }

    stack->depth++;

    return object ? json_key(json, garbled) : true;
}


/* behind a value: closes what ends here, stops before the next value */

static bool
json_close(msync_json_t *json, json_stack_t *stack, bool *garbled)
{
    bool    object;
    size_t  top;

    while (stack->depth != 0) {
        top = stack->depth - 1;
        object = stack->object[top >> 3] & (1 << (top & 7));

        json_space(json);

        if (json->pos == json->end) {
            return msync_json_fail(json, "the text ends too early");
        }

        if (*json->pos == ',') {
            json->pos++;
            return object ? json_key(json, garbled) : true;
        }

        if (*json->pos != (object ? '}' : ']')) {
            return msync_json_fail(json, "\",\" is missing");
        }

        json->pos++;
        stack->depth--;
    }

    return true;
}


static bool
json_key(msync_json_t *json, bool *garbled)
{
    json_space(json);

    if (!json_string(json, garbled)) {
        return false;
    }

    json_space(json);

    if (json->pos == json->end || *json->pos != ':') {
        return msync_json_fail(json, "\":\" is missing");
    }

    json->pos++;

    return true;
}


/* `type` is what stands there */

static bool
json_scalar(msync_json_t *json, msync_json_type_e type, bool *garbled)
{
    switch (type) {

    case MSYNC_JSON_STRING:
        return json_string(json, garbled);

    case MSYNC_JSON_NUMBER:
        return json_number(json);

    case MSYNC_JSON_TRUE:
        return json_word(json, "true", 4);

    case MSYNC_JSON_FALSE:
        return json_word(json, "false", 5);

    case MSYNC_JSON_NULL:
        return json_word(json, "null", 4);

    default:
        return msync_json_fail(json, json->pos == json->end
                                     ? "the text ends too early"
                                     : "a value is missing");
    }
}


/*
 * Most octets are nothing special: of a first sync's, 740 a record.  So eight
 * are looked at together: has one its highest bit, is it below 0x20, a quote
 * or a backslash?
 */

static const char *
json_skip_plain(const char *pos, const char *end)
{
    uint64_t  word, quote, backslash, special;

    for ( ; end - pos >= (ptrdiff_t) sizeof(word); pos += sizeof(word)) {
        memcpy(&word, pos, sizeof(word));
        quote = word ^ JSON_EACH('"');
        backslash = word ^ JSON_EACH('\\');

        /* only an octet that is special itself borrows from those above it */
        special = (word | (word - JSON_EACH(0x20)) | (quote - JSON_EACH(1))
                   | (backslash - JSON_EACH(1))) & JSON_EACH(0x80);

        if (special != 0) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
            /* what a borrow marks stands behind the first special octet */
            return pos + __builtin_ctzll(special) / 8;
#else
            break;
#endif
        }
    }

    while (pos < end && json_plain[(unsigned char) *pos]) {
        pos++;
    }

    return pos;
}


static bool
json_string(msync_json_t *json, bool *garbled)
{
    size_t          n;
    unsigned char   c;

    if (json->error || json->pos == json->end || *json->pos != '"') {
        return msync_json_fail(json, "a string is missing");
    }

    json->pos++;

    for ( ;; ) {

        json->pos = json_skip_plain(json->pos, json->end);

        if (json->pos == json->end) {
            break;
        }

        c = (unsigned char) *json->pos;

        if (c == '"') {
            json->pos++;
            return true;
        }

        if (c == '\\') {
            if (!json_escape(json)) {
                return false;
            }

        } else if (c < 0x20) {
            return msync_json_fail(json, "a string has a control character");

        } else {
            n = msync_utf8_char(json->pos, (size_t) (json->end - json->pos));
            *garbled = *garbled || n == 0;
            json->pos += n ? n : 1;
        }
    }

    return msync_json_fail(json, "the text ends too early");
}


static bool
json_escape(msync_json_t *json)
{
    size_t  i, n;

    n = (size_t) (json->end - json->pos);

    if (n < 2) {
        json->pos = json->end;
        return msync_json_fail(json, "the text ends too early");
    }

    if (json->pos[1] != 'u') {
        if (json->pos[1] == '\0' || !strchr("\"\\/bfnrt", json->pos[1])) {
            return msync_json_fail(json, "a string has an unknown escape");
        }

        json->pos += 2;
        return true;
    }

    for (i = 2; i < 6; i++) {
        if (i >= n || json->pos[i] == '\0'
            || !strchr("0123456789abcdefABCDEF", json->pos[i]))
        {
            return msync_json_fail(json, "a string has an unknown escape");
        }
    }

    json->pos += 6;

    return true;
}


static bool
json_number(msync_json_t *json)
{
    if (*json->pos == '-') {
        json->pos++;
    }

    if (json->pos < json->end && *json->pos == '0') {
        json->pos++;

    } else if (!json_digits(json)) {
        return false;
    }

    if (json->pos < json->end && *json->pos == '.') {
        json->pos++;

        if (!json_digits(json)) {
            return false;
        }
    }

    if (json->pos < json->end && (*json->pos == 'e' || *json->pos == 'E')) {
        json->pos++;

        if (json->pos < json->end
            && (*json->pos == '+' || *json->pos == '-'))
        {
            json->pos++;
        }

        if (!json_digits(json)) {
            return false;
        }
    }

    return true;
}


static bool
json_digits(msync_json_t *json)
{
    const char  *start;

    start = json->pos;

    while (json->pos < json->end && *json->pos >= '0' && *json->pos <= '9') {
        json->pos++;
    }

    return json->pos != start
           || msync_json_fail(json, "a number is not well-formed");
}


static bool
json_word(msync_json_t *json, const char *word, size_t n)
{
    if ((size_t) (json->end - json->pos) < n
        || memcmp(json->pos, word, n) != 0)
    {
        return msync_json_fail(json, "a value is missing");
    }

    json->pos += n;

    return true;
}
