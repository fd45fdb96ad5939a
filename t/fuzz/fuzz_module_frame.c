/*
 * Frames from the helper, as the module's own reader takes them: its file is
 * compiled as it is, with nginx's headers.  What it calls of nginx and of
 * the module stands here and reads every octet that it is given.
 */

#include "../../http/ngx_http_msync_frame.c"
#include "../../http/ngx_http_msync_parameters.c"

/* of another file; the debug log prints them */
char  *ngx_http_msync_states[] = MSYNC_STATE_NAMES;

volatile ngx_cycle_t  *ngx_cycle;
ngx_rbtree_t           ngx_event_timer_rbtree;

static ngx_log_t    log_;
static ngx_cycle_t  cycle;
static volatile u_char  sum;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
take(const u_char *data, size_t len)
{
    while (len-- > 0) {
        sum += data[len];
    }
}


void
ngx_http_msync_report_status(ngx_http_msync_site_t *site,
    msync_status_frame_t *fields, u_char *doc, u_char *stopped)
{
    (void) site;

    if (fields->state >= MSYNC_STATE_MAX) {
        abort();
    }

    take((u_char *) fields->error, strlen(fields->error));
    take((u_char *) fields->moved, strlen(fields->moved));
    take(doc, fields->doc_length);
    take(stopped, fields->stopped_length);
}


void
ngx_http_msync_report_document(ngx_http_msync_site_t *site, ngx_uint_t n,
    u_char *data, size_t len)
{
    (void) site;

    if (n >= MSYNC_DOCUMENT_MAX) {
        abort();
    }

    take(data, len);
}


void
ngx_http_msync_report_reason(ngx_http_msync_site_t *site, char *reason)
{
    (void) site;
    take((u_char *) reason, strlen(reason));
}


void
ngx_http_msync_report_heard(ngx_http_msync_site_t *site)
{
    (void) site;
}


void
ngx_http_msync_report_forget(ngx_http_msync_site_t *site)
{
    (void) site;
}


void
ngx_http_msync_slot_answer(ngx_http_msync_site_t *site, uint64_t id,
    ngx_uint_t status, u_char *data, size_t len)
{
    (void) site;
    (void) id;
    (void) status;
    take(data, len);
}


void
ngx_http_msync_queue_done(ngx_http_msync_site_t *site, uint64_t *done)
{
    (void) site;
    take((u_char *) done, MSYNC_COMMAND_MAX * sizeof(uint64_t));
}


void
ngx_http_msync_zone_moved(ngx_http_msync_site_t *site, char *moved)
{
    (void) site;
    *moved = '\0';
}


void
ngx_http_msync_zone_started(ngx_http_msync_site_t *site)
{
    (void) site;
}


void
ngx_http_msync_ring(void)
{
    /* void */
}


ngx_uint_t
ngx_http_msync_queue_next(ngx_http_msync_site_t *site, uint64_t after,
    uint64_t *sequence, ngx_str_t *patient)
{
    (void) site;
    (void) after;
    (void) patient;
    *sequence = 0;

    return 0;
}


uint64_t
ngx_http_msync_slot_next(ngx_http_msync_site_t *site,
    msync_request_frame_t *request, u_char *body)
{
    (void) site;
    (void) request;
    (void) body;

    return 0;
}


void
ngx_http_msync_slot_requeue(ngx_http_msync_site_t *site, uint64_t id)
{
    (void) site;
    (void) id;
}


/* the arguments of %*s and %V are what comes from the helper */

static u_char *
format(u_char *buf, u_char *last, const char *fmt, va_list args)
{
    size_t  len;

    for ( /* void */ ; *fmt != '\0'; fmt++) {
        if (fmt[0] == '%' && fmt[1] == '*') {
            len = va_arg(args, size_t);
            take(va_arg(args, u_char *), len);
            break;
        }
    }

    if (buf < last) {
        *buf++ = '\0';
    }

    return buf;
}


u_char * ngx_cdecl
ngx_sprintf(u_char *buf, const char *fmt, ...)
{
    (void) fmt;
    *buf = '\0';

    return buf;
}


u_char * ngx_cdecl
ngx_slprintf(u_char *buf, u_char *last, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    buf = format(buf, last, fmt, args);
    va_end(args);

    return buf;
}


void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
    u_char   buf[1];
    va_list  args;

    (void) level;
    (void) log;
    (void) err;

    /* the site's name is before the text */
    if (strstr(fmt, "%V: %*s") != NULL) {
        va_start(args, fmt);
        (void) va_arg(args, ngx_str_t *);
        (void) format(buf, buf, fmt, args);
        va_end(args);
    }
}


u_char *
ngx_strerror(ngx_err_t err, u_char *errstr, size_t size)
{
    (void) err;
    (void) size;

    return errstr;
}


void
ngx_explicit_memzero(void *buf, size_t n)
{
    explicit_bzero(buf, n);
}


uintptr_t
ngx_escape_json(u_char *dst, u_char *src, size_t size)
{
    (void) dst;
    take(src, size);

    return 0;
}


void
ngx_rbtree_delete(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
    (void) tree;
    (void) node;
}


/* what t/fuzz/seeds/module_frame/status has: one of another size is refused
 * before anything of it is read */
_Static_assert(sizeof(msync_status_frame_t) == 304, "the seed is another one");


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char                 *copy;
    ngx_connection_t        connection;
    char                    reason[512];
    msync_frame_t           frame;
    ngx_http_msync_site_t   site;

    if (size < 3) {
        return 0;
    }

    log_.log_level = NGX_LOG_DEBUG;
    cycle.log = &log_;
    ngx_cycle = &cycle;

    ngx_memzero(&site, sizeof(site));
    ngx_memzero(&connection, sizeof(connection));
    ngx_str_set(&site.name, "clinic");
    ngx_str_set(&site.helper_path, "/usr/sbin/msync");
    site.helper.connection = &connection;
    site.helper.greeted = data[0] & 1;

    ngx_memzero(&frame, sizeof(frame));
    frame.magic = MSYNC_CONTROL_MAGIC;
    frame.version = MSYNC_CONTROL_VERSION - (data[0] >> 1 == 1);
    frame.type = data[1];
    frame.id = data[2];
    frame.length = size - 3;

    /* of exactly this size, so that one octet too far is noticed */
    copy = malloc(size - 3);
    memcpy(copy, data + 3, size - 3);

    (void) ngx_http_msync_frame_handle(&site, &frame, copy, reason);

    free(copy);

    return 0;
}
