/*
 * Owns the body of an answer: its memory, its limit, and what is compressed in
 * a way that libcurl does not take.
 *
 * A gzip file is a series of members (RFC 1952), as of something in between
 * that compresses piece by piece, and may be padded with zeros.  libcurl takes
 * one member and fails where more follows; then, for the rest of the session,
 * gzip alone is asked for and taken here.  So it is where a coding is named
 * that is no compression, such as "utf-8", of which libcurl takes nothing.
 * What may be asked once only is asked so at once.
 */

#include "transfer/transfer_private.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>


#define BODY_MIN     16384         /* octets */
#define BODY_PIECE   65536


struct msync_transfer_unpack_s {
    z_stream  z;
    bool      between;             /* no member has begun, or one has ended */
};


static size_t body_on_octets(char *data, size_t size, size_t n, void *arg);
static bool body_add(msync_transfer_attempt_t *t, const char *data, size_t n);
static bool body_unpack(msync_transfer_attempt_t *t, char *data, size_t n);
static bool body_begin(msync_transfer_attempt_t *t);
static bool body_reserve(msync_transfer_attempt_t *t, size_t n);


CURLcode
msync_transfer_take(msync_transfer_attempt_t *t,
    const msync_transfer_request_t *req)
{
    bool       own;
    CURL      *easy = t->http->easy;
    CURLcode   rc;

    own = t->http->unpacks || req->once;
    t->unpack = own ? msync_calloc(1, sizeof(*t->unpack)) : NULL;

    rc = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_on_octets);

    if (rc == CURLE_OK) {
        rc = curl_easy_setopt(easy, CURLOPT_WRITEDATA, t);
    }

    if (rc == CURLE_OK) {
        rc = curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, own ? "gzip" : "");
    }

    if (rc == CURLE_OK) {
        rc = curl_easy_setopt(easy, CURLOPT_HTTP_CONTENT_DECODING,
                              own ? 0L : 1L);
    }

    return rc;
}


void
msync_transfer_taken(msync_transfer_attempt_t *t, CURLcode code)
{
    t->pieces = (code == CURLE_WRITE_ERROR ? t->packed
                 : code == CURLE_BAD_CONTENT_ENCODING && !t->packed)
                && t->unpack == NULL && !t->too_large && !t->no_memory
                && t->lacked == msync_transfer_lacked();

    t->http->unpacks |= t->pieces;

    if (t->unpack != NULL) {
        (void) inflateEnd(&t->unpack->z);
        free(t->unpack);
        t->unpack = NULL;
    }
}


static size_t
body_on_octets(char *data, size_t size, size_t n, void *arg)
{
    bool                       rc;
    msync_transfer_attempt_t  *t = arg;

    n *= size;
    t->active = msync_clock_monotonic();

    rc = t->unpack != NULL && t->packed ? body_unpack(t, data, n)
                                        : body_add(t, data, n);

    return rc ? n : 0;
}


static bool
body_add(msync_transfer_attempt_t *t, const char *data, size_t n)
{
    if (n > (size_t) t->http->max_response - t->res->length) {
        t->too_large = true;
        return false;
    }

    if (!body_reserve(t, n)) {
        t->no_memory = true;
        return false;
    }

    memcpy(t->res->body + t->res->length, data, n);
    t->res->length += n;
    t->res->body[t->res->length] = '\0';

    return true;
}


static bool
body_unpack(msync_transfer_attempt_t *t, char *data, size_t n)
{
    int        rc;
    char      *piece;
    bool       ok = true;
    z_stream  *z = &t->unpack->z;

    /* members may hold nothing */
    t->taken += n;

    if (t->taken > (size_t) t->http->max_response) {
        t->too_large = true;
        return false;
    }

    piece = msync_alloc(BODY_PIECE);
    z->next_in = (Bytef *) data;
    z->avail_in = (uInt) n;

    while (ok && z->avail_in > 0) {
        if (!body_begin(t)) {
            ok = z->avail_in == 0;
            break;
        }

        do {
            z->next_out = (Bytef *) piece;
            z->avail_out = BODY_PIECE;
            rc = inflate(z, Z_NO_FLUSH);
            t->no_memory |= (rc == Z_MEM_ERROR);
            ok = rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR;
            ok = ok && body_add(t, piece, BODY_PIECE - z->avail_out);
        } while (ok && rc == Z_OK && z->avail_out == 0);

        t->unpack->between = (rc == Z_STREAM_END);
    }

    free(piece);

    return ok;
}


/* false: no member begins, be it that nothing but zeros is left */

static bool
body_begin(msync_transfer_attempt_t *t)
{
    z_stream  *z = &t->unpack->z;

    if (z->state == NULL) {
        t->no_memory = inflateInit2(z, MSYNC_TRANSFER_GZIP) != Z_OK;
        return !t->no_memory;
    }

    if (!t->unpack->between) {
        return true;
    }

    while (z->avail_in > 0 && *z->next_in == 0) {
        z->next_in++;
        z->avail_in--;
    }

    if (z->avail_in == 0) {
        return false;
    }

    t->unpack->between = false;

    return inflateReset(z) == Z_OK;
}


/* makes room for n octets and a NUL; the size is bounded by max_response */

static bool
body_reserve(msync_transfer_attempt_t *t, size_t n)
{
    char    *grown;
    size_t   size;

    n += t->res->length + 1;

    if (n <= t->size) {
        return true;
    }

    size = t->size ? t->size : BODY_MIN;

    while (size < n) {
        size *= 2;
    }

    grown = realloc(t->res->body, size);
    if (grown == NULL) {
        return false;
    }

    t->res->body = grown;
    t->size = size;

    return true;
}
