/*
 * The frames of control.h, as worker 0 reads and writes them.
 *
 * What a frame carries goes into the zone or into the log at once; nothing
 * is kept here.  A frame that breaks the contract ends the helper.
 */

#include "ngx_http_msync.h"


#define NGX_HTTP_MSYNC_FRAMES  64      /* read before others get their turn */
#define NGX_HTTP_MSYNC_LINE    2048    /* nginx's log takes no more */


#if (NGX_DEBUG)
static char *ngx_http_msync_frame_name(ngx_uint_t type);
#endif
static ngx_int_t ngx_http_msync_frame_handle(ngx_http_msync_site_t *site,
    msync_frame_t *frame, u_char *data, char *reason);
static ngx_int_t ngx_http_msync_frame_failed(ngx_http_msync_site_t *site,
    msync_frame_t *frame, char *reason);
static ngx_int_t ngx_http_msync_frame_hello(ngx_http_msync_site_t *site,
    msync_frame_t *frame, u_char *data, char *reason);
static ngx_int_t ngx_http_msync_frame_status(ngx_http_msync_site_t *site,
    msync_frame_t *frame, u_char *data);
static ngx_int_t ngx_http_msync_frame_reply(ngx_http_msync_site_t *site,
    msync_frame_t *frame, u_char *data);
static void ngx_http_msync_frame_log(ngx_http_msync_site_t *site,
    msync_frame_t *frame, u_char *data);
static void ngx_http_msync_frame_waits(ngx_http_msync_site_t *site,
    msync_frame_t *frame, u_char *data);
static void ngx_http_msync_frame_word(u_char *text);
static void ngx_http_msync_frame_plain(u_char *text, size_t len);
static ngx_int_t ngx_http_msync_frame_send(ngx_http_msync_site_t *site,
    ngx_uint_t type, uint64_t id, size_t len);


/* one frame each; aligned, and zeroed after a secret */

static uint64_t  ngx_http_msync_in[MSYNC_FRAME_MAX / 8];
static uint64_t  ngx_http_msync_out[MSYNC_FRAME_MAX / 8];

#define ngx_http_msync_payload                                                \
    ((u_char *) ngx_http_msync_out + sizeof(msync_frame_t))

#define NGX_HTTP_MSYNC_PAYLOAD_MAX  (MSYNC_FRAME_MAX - sizeof(msync_frame_t))


/*
 * NGX_AGAIN when all is read, NGX_OK when there may be more, NGX_DONE when the
 * helper has closed its end, NGX_ERROR with the reason when it has to go, for
 * which there is room for 2 * NGX_HTTP_MSYNC_REASON_MAX.
 */

ngx_int_t
ngx_http_msync_frame_read(ngx_http_msync_site_t *site, char *reason)
{
    ssize_t         n;
    ngx_err_t       err;
    ngx_uint_t      i;
    msync_frame_t   frame;

    for (i = 0; i < NGX_HTTP_MSYNC_FRAMES; i++) {

        n = recv(site->helper.connection->fd, ngx_http_msync_in,
                 sizeof(ngx_http_msync_in), MSG_TRUNC);

        if (n == 0) {
            return NGX_DONE;
        }

        if (n == -1) {
            err = ngx_socket_errno;

            if (err == NGX_EAGAIN) {
                return NGX_AGAIN;
            }

            /* a reset is told before the frames that came before it */

            if (err == NGX_EINTR || err == NGX_ECONNRESET) {
                continue;
            }

            return NGX_DONE;
        }

        if (n < (ssize_t) sizeof(msync_frame_t)
            || n > (ssize_t) sizeof(ngx_http_msync_in))
        {
            ngx_sprintf((u_char *) reason,
                        "the helper sent a frame of %z bytes%Z", n);
            return NGX_ERROR;
        }

        ngx_memcpy(&frame, ngx_http_msync_in, sizeof(msync_frame_t));

        ngx_log_debug4(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, 0,
                       "msync %V: received %s of %uD bytes, id %uL",
                       &site->name, ngx_http_msync_frame_name(frame.type),
                       frame.length, frame.id);

        if (frame.magic != MSYNC_CONTROL_MAGIC
            || frame.length != n - sizeof(msync_frame_t))
        {
            site->helper.useless = 1;
            ngx_sprintf((u_char *) reason,
                        "helper \"%*s\" does not speak the protocol of "
                        "msync %s%Z",
                        ngx_min(site->helper_path.len, 128),
                        site->helper_path.data, MSYNC_VERSION);
            return NGX_ERROR;
        }

        if (ngx_http_msync_frame_handle(site, &frame,
                                        (u_char *) ngx_http_msync_in
                                        + sizeof(msync_frame_t), reason)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


#if (NGX_DEBUG)

static char *
ngx_http_msync_frame_name(ngx_uint_t type)
{
    static char  *received[] = { "hello", "status", "document", "reply",
                                 "log", "pong", "waits" };
    static char  *sent[] = { "config", "command", "request", "ping" };

    if (type >= MSYNC_FRAME_HELLO && type <= MSYNC_FRAME_WAITS) {
        return received[type - MSYNC_FRAME_HELLO];
    }

    if (type >= MSYNC_FRAME_CONFIG && type <= MSYNC_FRAME_PING) {
        return sent[type - MSYNC_FRAME_CONFIG];
    }

    return "a frame of another type";
}

#endif


static ngx_int_t
ngx_http_msync_frame_handle(ngx_http_msync_site_t *site, msync_frame_t *frame,
    u_char *data, char *reason)
{
    ngx_int_t  rc;

    if (frame->type == NGX_HTTP_MSYNC_FRAME_FAILED) {
        return ngx_http_msync_frame_failed(site, frame, reason);
    }

    if (frame->type == NGX_HTTP_MSYNC_FRAME_EXECUTES && !site->helper.greeted) {
        site->helper.executes = 1;
        return NGX_OK;
    }

    if (frame->type == MSYNC_FRAME_HELLO && !site->helper.greeted) {
        return ngx_http_msync_frame_hello(site, frame, data, reason);
    }

    rc = NGX_ERROR;

    if (!site->helper.greeted || frame->version != MSYNC_CONTROL_VERSION) {
        goto invalid;
    }

    switch (frame->type) {

    case MSYNC_FRAME_STATUS:
        rc = ngx_http_msync_frame_status(site, frame, data);
        break;

    case MSYNC_FRAME_DOCUMENT:
        if (frame->id < MSYNC_DOCUMENT_MAX && frame->length) {
            ngx_http_msync_report_document(site, frame->id, data,
                                           frame->length);
            rc = NGX_OK;
        }
        break;

    case MSYNC_FRAME_REPLY:
        rc = ngx_http_msync_frame_reply(site, frame, data);
        break;

    case MSYNC_FRAME_LOG:
        ngx_http_msync_frame_log(site, frame, data);
        rc = NGX_OK;
        break;

    case MSYNC_FRAME_PONG:
        site->helper.answered = (frame->id == site->helper.pings);
        ngx_http_msync_report_heard(site);
        ngx_http_msync_ring();
        rc = NGX_OK;
        break;

    case MSYNC_FRAME_WAITS:
        ngx_http_msync_frame_waits(site, frame, data);
        rc = NGX_OK;
        break;
    }

invalid:

    if (rc != NGX_OK) {
        ngx_sprintf((u_char *) reason,
                    "the helper sent an invalid frame of type %d%Z",
                    (int) frame->type);
    }

    return rc;
}


static ngx_int_t
ngx_http_msync_frame_failed(ngx_http_msync_site_t *site, msync_frame_t *frame,
    char *reason)
{
    u_char  *p;

    p = ngx_sprintf((u_char *) reason,
                    "helper \"%*s\" cannot be started (%d: ",
                    ngx_min(site->helper_path.len, 128),
                    site->helper_path.data, (int) frame->id);

    p = ngx_strerror(frame->id, p, 64);
    ngx_sprintf(p, ")%Z");

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_msync_frame_hello(ngx_http_msync_site_t *site, msync_frame_t *frame,
    u_char *data, char *reason)
{
    size_t  len;

    len = ngx_min(frame->length, 32);
    ngx_http_msync_frame_plain(data, len);

    if (frame->version != MSYNC_CONTROL_VERSION
        || frame->id != MSYNC_CONTROL_VERSION)
    {
        site->helper.useless = 1;
        ngx_sprintf((u_char *) reason,
                    "helper \"%*s\" is msync %*s with control version %d, "
                    "this nginx module is msync %s with control version %d%Z",
                    ngx_min(site->helper_path.len, 64),
                    site->helper_path.data, len, data,
                    (int) ngx_max(frame->version, frame->id),
                    MSYNC_VERSION, MSYNC_CONTROL_VERSION);
        return NGX_ERROR;
    }

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "msync %V: helper %P of version %*s runs",
                  &site->name, site->helper.pid, len, data);

    site->helper.greeted = 1;

    if (site->helper.hello.timer_set) {
        ngx_del_timer(&site->helper.hello);
    }

    ngx_http_msync_zone_started(site);
    ngx_http_msync_ring();

    return NGX_OK;
}


static ngx_int_t
ngx_http_msync_frame_status(ngx_http_msync_site_t *site, msync_frame_t *frame,
    u_char *data)
{
    u_char                *p, *doc, *stopped;
    uint64_t               len;
    msync_status_frame_t   fields;

    if (frame->length < sizeof(msync_status_frame_t)) {
        return NGX_ERROR;
    }

    ngx_memcpy(&fields, data, sizeof(msync_status_frame_t));

    len = (uint64_t) fields.doc_length + fields.stopped_length;

    if (fields.state >= MSYNC_STATE_MAX || fields.doc_length == 0
        || len != frame->length - sizeof(msync_status_frame_t))
    {
        return NGX_ERROR;
    }

    fields.error[MSYNC_VARIANT_MAX - 1] = '\0';
    fields.moved[MSYNC_MOVED_MAX - 1] = '\0';
    ngx_http_msync_frame_word((u_char *) fields.error);

    ngx_log_debug5(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, 0,
                   "msync %V: \"%s\", error \"%s\", queue %L, "
                   "triggers done up to %uL", &site->name,
                   ngx_http_msync_states[fields.state], fields.error,
                   fields.queue, fields.done[MSYNC_COMMAND_TRIGGER]);

    doc = data + sizeof(msync_status_frame_t);
    stopped = doc + fields.doc_length;

    /* an event is one line; in JSON a line feed is a space */

    for (p = doc; p < doc + len; p++) {
        if (*p == LF || *p == CR) {
            *p = ' ';
        }
    }

    if (site->helper.stale.timer_set) {
        ngx_del_timer(&site->helper.stale);
    }

    ngx_http_msync_queue_done(site, fields.done);
    ngx_http_msync_report_forget(site);
    ngx_http_msync_report_status(site, &fields, doc, stopped);
    ngx_http_msync_ring();

    return NGX_OK;
}


static ngx_int_t
ngx_http_msync_frame_reply(ngx_http_msync_site_t *site, msync_frame_t *frame,
    u_char *data)
{
    msync_reply_frame_t  reply;

    if (frame->length < sizeof(msync_reply_frame_t)) {
        return NGX_ERROR;
    }

    ngx_memcpy(&reply, data, sizeof(msync_reply_frame_t));

    if (reply.body_length != frame->length - sizeof(msync_reply_frame_t)
        || reply.status < 200 || reply.status > 599)
    {
        return NGX_ERROR;
    }

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, 0,
                   "msync %V: the helper answers request %uL with %ui",
                   &site->name, frame->id, (ngx_uint_t) reply.status);

    ngx_http_msync_slot_answer(site, frame->id, reply.status,
                               data + sizeof(msync_reply_frame_t),
                               reply.body_length);
    ngx_http_msync_ring();

    return NGX_OK;
}


/* through nginx's log, so that reopening and every destination just work */

static void
ngx_http_msync_frame_log(ngx_http_msync_site_t *site, msync_frame_t *frame,
    u_char *data)
{
    size_t      len;
    ngx_uint_t  level;

    level = ngx_min(frame->id, NGX_LOG_DEBUG);
    level = ngx_max(level, NGX_LOG_ERR);

    len = ngx_min(frame->length, NGX_HTTP_MSYNC_LINE);
    ngx_http_msync_frame_plain(data, len);

    ngx_log_error(level, ngx_cycle->log, 0, "msync %V: %*s",
                  &site->name, len, data);
}


/* what it waits for, said by the status for as long as the site is stopped */

static void
ngx_http_msync_frame_waits(ngx_http_msync_site_t *site, msync_frame_t *frame,
    u_char *data)
{
    char    *reason;
    size_t   len;

    reason = site->helper.waiting;

    len = ngx_min(frame->length, NGX_HTTP_MSYNC_REASON_MAX - 1);
    ngx_http_msync_frame_plain(data, len);

    *ngx_cpymem(reason, data, len) = '\0';

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0, "msync %V: %s",
                  &site->name, reason);

    ngx_http_msync_report_reason(site, reason);
    ngx_http_msync_ring();
}


/* an overcome helper forges no lines and sends nothing to a terminal */

static void
ngx_http_msync_frame_plain(u_char *text, size_t len)
{
    u_char  *p;

    for (p = text; p < text + len; p++) {
        if (*p < 0x20 || *p == 0x7f) {
            *p = '?';
        }
    }
}


/* the variant of an error stands in JSON and in metrics as it is: whatever else
 * an overcome helper has put there becomes "_" */

static void
ngx_http_msync_frame_word(u_char *text)
{
    u_char  *p;

    for (p = text; *p; p++) {
        if (!(*p >= 'A' && *p <= 'Z') && !(*p >= '0' && *p <= '9')) {
            *p = '_';
        }
    }
}


/* tells the helper what it works for; NGX_ERROR also when it is too much */

ngx_int_t
ngx_http_msync_frame_config(ngx_http_msync_site_t *site)
{
    u_char     *p;
    ngx_int_t   rc;

    p = ngx_http_msync_parameters(site, ngx_http_msync_payload,
                                  ngx_http_msync_payload
                                  + NGX_HTTP_MSYNC_PAYLOAD_MAX);

    rc = p ? ngx_http_msync_frame_send(site, MSYNC_FRAME_CONFIG, 0,
                                       p - ngx_http_msync_payload)
           : NGX_ERROR;

    ngx_explicit_memzero(ngx_http_msync_out, sizeof(ngx_http_msync_out));

    return rc;
}


/*
 * Each of these three sends the helper frames: the commands of the zone that it
 * has not got yet, the requests of slots, a PING.  NGX_AGAIN when the channel
 * is full, NGX_ERROR when the helper has to go.
 */

ngx_int_t
ngx_http_msync_frame_command(ngx_http_msync_site_t *site)
{
    uint64_t                sequence;
    ngx_int_t               rc;
    ngx_str_t               patient;
    msync_command_frame_t   command;

    patient.data = ngx_http_msync_payload + sizeof(msync_command_frame_t);

    for ( ;; ) {
        command.command = ngx_http_msync_queue_next(site, site->helper.sent,
                                                    &sequence, &patient);
        if (sequence == 0) {
            return NGX_OK;
        }

        command.patient_length = patient.len;

        ngx_memcpy(ngx_http_msync_payload, &command,
                   sizeof(msync_command_frame_t));

        rc = ngx_http_msync_frame_send(site, MSYNC_FRAME_COMMAND, sequence,
                                       sizeof(msync_command_frame_t)
                                       + patient.len);
        if (rc != NGX_OK) {
            return rc;
        }

        site->helper.sent = sequence;
    }
}


ngx_int_t
ngx_http_msync_frame_request(ngx_http_msync_site_t *site)
{
    size_t                  len;
    uint64_t                id;
    ngx_int_t               rc;
    msync_request_frame_t   request;

    for ( ;; ) {
        id = ngx_http_msync_slot_next(site, &request, ngx_http_msync_payload
                                      + sizeof(msync_request_frame_t));
        if (id == 0) {
            return NGX_OK;
        }

        len = request.body_length;

        ngx_memcpy(ngx_http_msync_payload, &request,
                   sizeof(msync_request_frame_t));

        rc = ngx_http_msync_frame_send(site, MSYNC_FRAME_REQUEST, id,
                                       sizeof(msync_request_frame_t) + len);

        ngx_explicit_memzero(ngx_http_msync_payload,
                             sizeof(msync_request_frame_t) + len);

        if (rc != NGX_OK) {
            ngx_http_msync_slot_requeue(site, id);
            return rc;
        }
    }
}


ngx_int_t
ngx_http_msync_frame_ping(ngx_http_msync_site_t *site)
{
    return ngx_http_msync_frame_send(site, MSYNC_FRAME_PING,
                                     ++site->helper.pings, 0);
}


static ngx_int_t
ngx_http_msync_frame_send(ngx_http_msync_site_t *site, ngx_uint_t type,
    uint64_t id, size_t len)
{
    ssize_t         n;
    ngx_err_t       err;
    msync_frame_t  *frame;

    frame = (msync_frame_t *) ngx_http_msync_out;

    frame->magic = MSYNC_CONTROL_MAGIC;
    frame->version = MSYNC_CONTROL_VERSION;
    frame->type = type;
    frame->length = len;
    frame->reserved = 0;
    frame->id = id;

    do {
        n = send(site->helper.connection->fd, frame,
                 sizeof(msync_frame_t) + len, MSG_NOSIGNAL);

        err = (n == -1) ? ngx_socket_errno : 0;

    } while (err == NGX_EINTR);

    ngx_log_debug5(NGX_LOG_DEBUG_HTTP, ngx_cycle->log, err,
                   "msync %V: sent %s of %uz bytes, id %uL: %z",
                   &site->name, ngx_http_msync_frame_name(type), len, id, n);

    if (err == 0) {
        return NGX_OK;
    }

    return (err == NGX_EAGAIN) ? NGX_AGAIN : NGX_ERROR;
}
