/*
 * Owns memory and text: allocations that end the process when they fail, and
 * what makes a text one line of valid UTF-8.
 */

#include "base/base.h"
#include "base/base_private.h"

#include <stdlib.h>
#include <string.h>


void *
msync_alloc(size_t size)
{
    void  *p;

    p = malloc(size ? size : 1);
    if (p == NULL) {
        msync_out_of_memory();
    }

    return p;
}


void *
msync_calloc(size_t n, size_t size)
{
    void  *p;

    p = calloc(n ? n : 1, size ? size : 1);
    if (p == NULL) {
        msync_out_of_memory();
    }

    return p;
}


void *
msync_realloc(void *p, size_t n, size_t size)
{
    size_t  octets;

    if (__builtin_mul_overflow(n, size, &octets)) {
        msync_out_of_memory();
    }

    p = realloc(p, octets ? octets : 1);
    if (p == NULL) {
        msync_out_of_memory();
    }

    return p;
}


char *
msync_strdup(const char *s)
{
    return s ? msync_strndup(s, strlen(s)) : NULL;
}


char *
msync_strndup(const char *s, size_t n)
{
    char    *copy;
    size_t   length;

    length = strnlen(s, n);
    copy = msync_alloc(length + 1);

    memcpy(copy, s, length);
    copy[length] = '\0';

    return copy;
}


void
msync_free(void *p)
{
    void  *memory;

    /* p is the address of a pointer of any type */

    memcpy(&memory, p, sizeof(memory));
    free(memory);

    memory = NULL;
    memcpy(p, &memory, sizeof(memory));
}


size_t
msync_utf8_char(const char *p, size_t left)
{
    size_t                i, n;
    uint32_t              code;
    const unsigned char  *u;

    u = (const unsigned char *) p;

    if (left == 0) {
        return 0;
    }

    if (u[0] < 0x80) {
        return 1;
    }

    n = (u[0] >= 0xf0) ? 4 : (u[0] >= 0xe0) ? 3 : 2;

    if (u[0] < 0xc2 || u[0] > 0xf4 || left < n) {
        return 0;
    }

    code = u[0] & (0xffU >> (n + 1));

    for (i = 1; i < n; i++) {
        if ((u[i] & 0xc0) != 0x80) {
            return 0;
        }

        code = code << 6 | (u[i] & 0x3f);
    }

    /* longer than needed, a surrogate, or beyond Unicode */

    if ((n == 3 && code < 0x800) || (n == 4 && code < 0x10000)
        || (code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff)
    {
        return 0;
    }

    return n;
}


bool
msync_utf8_is_valid(const char *p, size_t length)
{
    size_t       n;
    const char  *end = p + length;

    for ( /* void */ ; p < end; p += n) {
        n = msync_utf8_char(p, (size_t) (end - p));

        if (n == 0) {
            return false;
        }
    }

    return true;
}


size_t
msync_text_clean(char *text)
{
    char    *p, *out, *end;
    size_t   n;

    end = text + msync_text_cut(text, strlen(text));

    for (p = text, out = text; p < end; p += n) {
        n = msync_utf8_char(p, (size_t) (end - p));

        if (n == 0 || (unsigned char) *p < 0x20 || *p == 0x7f
            || (n == 2 && (unsigned char) p[0] == 0xc2
                && (unsigned char) p[1] < 0xa0))
        {
            n = n ? n : 1;
            *out++ = '?';
            continue;
        }

        memmove(out, p, n);
        out += n;
    }

    *out = '\0';

    return (size_t) (out - text);
}


size_t
msync_text_cut(const char *text, size_t length)
{
    size_t  i, n;

    n = strnlen(text, length);

    for (i = n; i > 0 && n - i < 4; i--) {
        if (((unsigned char) text[i - 1] & 0xc0) != 0x80) {
            break;
        }
    }

    /* text[i - 1] begins the last character: it is cut where it is torn */

    if (i > 0 && (unsigned char) text[i - 1] >= 0xc0
        && msync_utf8_char(text + i - 1, n - i + 1) == 0)
    {
        return i - 1;
    }

    return n;
}
