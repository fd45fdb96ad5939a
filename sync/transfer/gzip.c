/*
 * Owns compressed requests: which servers take them, and the compressed
 * body; and whether an answer is compressed.  Promises that a server gets
 * one only after it has said that it takes them (Accept-Encoding on an
 * answer, RFC 9110 and RFC 7694), and never again after it refused one with
 * 415.
 */

#include "transfer/transfer_private.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>


#define GZIP_MIN     1024        /* octets; less is not worth the work */
#define GZIP_LEVEL   6


static bool gzip_is_named(const char *value, size_t n);
static bool gzip_is_offered(const char *value, size_t n);


void
msync_transfer_gzip_header(msync_transfer_attempt_t *t, const char *line,
    size_t n)
{
    msync_transfer_server_t  *server;

    static const char  name[] = "accept-encoding:";
    static const char  packed[] = "content-encoding:";

    t->packed |= n >= sizeof(packed)
                 && strncasecmp(line, packed, sizeof(packed) - 1) == 0
                 && gzip_is_named(line + sizeof(packed) - 1,
                                  n - sizeof(packed) + 1);

    if (n < sizeof(name) || strncasecmp(line, name, sizeof(name) - 1) != 0
        || !gzip_is_offered(line + sizeof(name) - 1, n - sizeof(name) + 1))
    {
        return;
    }

    server = msync_transfer_server(t->http, t->url, true);

    if (server != NULL && !server->refused) {
        server->gzip = true;
    }
}


bool
msync_transfer_gzip(msync_transfer_t *http, const msync_transfer_request_t *req,
    msync_transfer_request_t *packed, char **body)
{
    int                       rc;
    uLong                     size;
    z_stream                  z;
    msync_transfer_server_t  *server;

    *packed = *req;
    *body = NULL;

    server = msync_transfer_server(http, req->url, false);

    if (server == NULL || !server->gzip || req->body_length < GZIP_MIN) {
        return false;
    }

    memset(&z, 0, sizeof(z));

    if (deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, MSYNC_TRANSFER_GZIP, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK)
    {
        return false;
    }

    size = deflateBound(&z, (uLong) req->body_length);
    *body = msync_alloc(size);

    z.next_in = (Bytef *) req->body;
    z.avail_in = (uInt) req->body_length;
    z.next_out = (Bytef *) *body;
    z.avail_out = (uInt) size;

    rc = deflate(&z, Z_FINISH);
    size = z.total_out;
    (void) deflateEnd(&z);

    if (rc != Z_STREAM_END || size >= req->body_length) {
        msync_free(body);
        return false;
    }

    packed->body = *body;
    packed->body_length = size;
    packed->gzip = true;

    return true;
}


void
msync_transfer_gzip_refused(msync_transfer_t *http, const char *url)
{
    msync_transfer_server_t  *server;

    server = msync_transfer_server(http, url, true);

    if (server != NULL) {
        server->gzip = false;
        server->refused = true;
    }
}


/* whether there is a compression among the codings of an answer */

static bool
gzip_is_named(const char *value, size_t n)
{
    size_t              i, k, length;
    static const char  *names[] = { "gzip", "deflate", "br", "zstd",
                                    "compress" };

    for (k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
        length = strlen(names[k]);

        for (i = 0; i + length <= n; i++) {
            if (strncasecmp(value + i, names[k], length) == 0) {
                return true;
            }
        }
    }

    return false;
}


/* "br, gzip;q=0.5": whether gzip is among them, and not with q=0 */

static bool
gzip_is_offered(const char *value, size_t n)
{
    size_t       i, length;
    const char  *q;

    for (i = 0; i < n; i += length + 1) {
        while (i < n && isspace((unsigned char) value[i])) {
            i++;
        }

        for (length = 0; i + length < n && value[i + length] != ',';
             length++)
        {
            /* void */
        }

        if (length < 4 || strncasecmp(value + i, "gzip", 4) != 0
            || (length > 4 && strchr("; \t\r\n", value[i + 4]) == NULL))
        {
            continue;
        }

        q = memmem(value + i, length, "q=0", 3);

        /* q=0, q=0.0; but not q=0.5 */

        return q == NULL
               || strspn(q + 2, "0.") < strcspn(q + 2, " ,;\t\r\n");
    }

    return false;
}
