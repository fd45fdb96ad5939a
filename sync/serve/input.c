/*
 * What nginx tells: frames, commands, and the requests of the settings page.
 *
 * Promises: a request is answered exactly once, or dropped when nginx does not
 * wait for it any more; its body is wiped from memory then.  One that comes
 * before the database is open waits for it.  Between two of them whatever else
 * is asked for is heard and done.
 */

#include <string.h>

#include "serve/document.h"
#include "serve/patients_private.h"
#include "serve/requests_private.h"
#include "serve/serve_private.h"
#include "serve/settings_private.h"
#include "base/clock.h"
#include "base/log.h"
#include "store/buffer.h"
#include "store/disk.h"
#include "store/kv.h"

#define REQUEST_WAIT   30000       /* ms that a request waits for the lock */
#define REQUEST_LATE   60000       /* ms after which the client of a request has
                                      been told that nobody answers */
#define STOP_WAIT      2000        /* ms that a lock may hold up the end */


static void input_identify_password(const char *path, struct stat *st);
static void input_read_password(msync_serve_t *serve, msync_conf_t *conf);
static int input_send_reply(msync_serve_t *serve, uint64_t id, int status,
    const char *body);
static int input_answer_settings(msync_serve_t *serve,
    msync_serve_request_t *request, char **body);
static void input_set_up(msync_serve_t *serve,
    const msync_serve_request_t *request, msync_settings_t *settings);
static int input_answer_patients(msync_serve_t *serve,
    msync_serve_request_t *request, char **body);
static void input_answer(msync_serve_t *serve, msync_serve_request_t *request);
static void input_forget(msync_serve_request_t *request);
static void input_refuse(msync_serve_t *serve, int64_t ms, int status,
    const char *body);
static void input_answer_next(msync_serve_t *serve);
static void input_receive_request(msync_serve_t *serve,
    msync_received_t *frame);
static void input_receive_command(msync_serve_t *serve,
    msync_received_t *frame);
static int input_while_stopping(void *data, msync_err_t *err);


/*
 * What was saved on the page wins; a bad file is the error of this site until
 * there is a password, and a good one is read once: afterwards it is out of
 * reach.
 */

static void
input_read_password(msync_serve_t *serve, msync_conf_t *conf)
{
    msync_err_clear(&serve->password_err);

    if (conf->password_sha256[0] != '\0' || conf->password_file == NULL) {
        return;
    }

    if (serve->password[0] != '\0') {
        memcpy(conf->password_sha256, serve->password,
               sizeof(serve->password));
        return;
    }

    input_identify_password(conf->password_file, &serve->password_file);

    if (msync_conf_read_password(conf, &serve->password_err) == MSYNC_OK) {
        msync_err_clear(&serve->password_err);
        memcpy(serve->password, conf->password_sha256,
               sizeof(serve->password));
    }
}


static void
input_identify_password(const char *path, struct stat *st)
{
    if (stat(path, st) == -1) {
        memset(st, 0, sizeof(struct stat));
    }
}


/*
 * Somebody has done something about the file that could not be used, or has
 * put another one in place of that whose password is in force.  One that is
 * gone is no reason to forget what was in it.
 */

bool
msync_serve_password_changed(const msync_serve_t *serve)
{
    bool                    used;
    struct stat             st;
    const struct stat      *then = &serve->password_file;
    const struct timespec  *at, *at_then;

    used = serve->password_err.variant == MSYNC_ERR_NONE;

    if (used && (serve->password[0] == '\0'
                 || strcmp(serve->conf->password_sha256, serve->password) != 0))
    {
        return false;
    }

    input_identify_password(serve->conf->password_file, &st);

    if (used && st.st_ino == 0) {
        return false;
    }

    /* other rights may be all that a file needs; what is in use they leave */
    at = used ? &st.st_mtim : &st.st_ctim;
    at_then = used ? &then->st_mtim : &then->st_ctim;

    return st.st_ino != then->st_ino || st.st_dev != then->st_dev
           || at->tv_sec != at_then->tv_sec || at->tv_nsec != at_then->tv_nsec;
}


int
msync_serve_load_conf(msync_serve_t *serve, msync_err_t *err)
{
    msync_conf_t  *conf;

    conf = msync_conf_create();

    if (msync_conf_parse(conf, serve->config, strlen(serve->config), err)
        != MSYNC_OK)
    {
        msync_conf_free(&conf);
        return MSYNC_ERROR;
    }

    if (serve->store != NULL
        && msync_store_load_settings(serve->store, conf, err) != MSYNC_OK)
    {
        msync_conf_free(&conf);
        return MSYNC_ERROR;
    }

    input_read_password(serve, conf);

    msync_log_set_level(conf->log_level);

    if (serve->conf != serve->run_conf) {
        msync_conf_free(&serve->conf);
    }

    serve->conf = conf;
    return MSYNC_OK;
}


static void
input_forget(msync_serve_request_t *request)
{
    explicit_bzero(request->body, request->length);
    msync_free(&request->body);
}


static int
input_send_reply(msync_serve_t *serve, uint64_t id, int status,
    const char *body)
{
    msync_reply_frame_t  frame;

    frame.status = status;
    frame.body_length = strlen(body);

    return msync_channel_send(serve->channel, MSYNC_FRAME_REPLY, id, &frame,
                              sizeof(frame), body, frame.body_length);
}


/* somebody waits: what is too long for a frame is answered all the same */

void
msync_serve_reply(msync_serve_t *serve, uint64_t id, int status,
    const char *body)
{
    char  *too_long;

    if (input_send_reply(serve, id, status, body) != MSYNC_OK) {
        (void) msync_document_refuse(500, "UNKNOWN", "The answer is too long "
                                     "to be passed on.", &too_long);
        (void) input_send_reply(serve, id, 500, too_long);
        msync_free(&too_long);
    }
}


static void
input_set_up(msync_serve_t *serve, const msync_serve_request_t *request,
    msync_settings_t *settings)
{
    settings->store = serve->store;
    settings->conf = serve->conf;
    settings->hardware_id = serve->hardware_id;
    settings->initialised = msync_store_site_in_use(serve->status.site.state);
    settings->came = request->came;
    settings->fd = msync_channel_fd(serve->channel);
    settings->hook = msync_serve_hear;
    settings->hook_data = serve;
}


/* settings, test, initialise */

static int
input_answer_settings(msync_serve_t *serve, msync_serve_request_t *request,
    char **body)
{
    int               status;
    msync_err_t       err;
    msync_settings_t  settings;
    msync_trigger_t   plain = { 0 };

    input_set_up(serve, request, &settings);
    serve->give_up = request->came + MSYNC_SETTINGS_LATE;

    status = msync_settings_answer(&settings, request->request,
                                   request->body, request->length, body);

    serve->give_up = 0;

    if (status < 300 && request->request != MSYNC_REQUEST_TEST) {
        /* the password is known now, that of the file does not matter */
        if (msync_serve_load_conf(serve, &err) != MSYNC_OK
            || (serve->status.entry.id == -1
                && msync_store_log_last(serve->store, &serve->status.entry,
                                        &err) != MSYNC_OK))
        {
            msync_log_err(&err, "settings");
        }

        msync_serve_event(serve, MSYNC_EVENT_SAVED);

        if (request->request == MSYNC_REQUEST_INITIALISE) {
            msync_queue_back(&serve->queue, &plain);
        }

        msync_serve_refresh(serve);
        msync_serve_send_settings(serve);
        msync_serve_report(serve, true);
    }

    return status;
}


static int
input_answer_patients(msync_serve_t *serve, msync_serve_request_t *request,
    char **body)
{
    msync_settings_t  settings;

    input_set_up(serve, request, &settings);

    return msync_patients_answer(&settings, request->body, request->length,
                                 body);
}


static void
input_answer(msync_serve_t *serve, msync_serve_request_t *request)
{
    int    status;
    bool   asks;
    char  *body = NULL;

    asks = request->request <= MSYNC_REQUEST_INITIALISE
           || request->request == MSYNC_REQUEST_PATIENTS;

    /* what asks central has to see the files of today */
    if (asks && !msync_serve_may_connect(serve)) {
        return;
    }

    status = request->request <= MSYNC_REQUEST_INITIALISE
             ? input_answer_settings(serve, request, &body)
             : request->request == MSYNC_REQUEST_PATIENTS
             ? input_answer_patients(serve, request, &body)
             : msync_requests_answer(serve, request, &body);

    /* what name service or TLS read may have been replaced while central was
     * asked */
    if (!serve->closed && status != 0
        && (!asks || status < 300 || msync_serve_may_connect(serve)))
    {
        msync_serve_reply(serve, request->id, status, body);
    }

    msync_free(&body);
}


/* is done with the requests that came `ms` ago and more, and answers these;
 * NULL: nobody waits for them any more, and nothing of them is done */

static void
input_refuse(msync_serve_t *serve, int64_t ms, int status, const char *body)
{
    size_t   i, left = 0;
    int64_t  now = msync_clock_monotonic();

    for (i = 0; i < serve->nrequests; i++) {
        if (now - serve->requests[i].came < ms) {
            serve->requests[left++] = serve->requests[i];
            continue;
        }

        if (body != NULL) {
            msync_serve_reply(serve, serve->requests[i].id, status, body);
        }

        input_forget(&serve->requests[i]);
    }

    serve->nrequests = left;
}


/* one at a time: a run, and a cancel of it, need not wait for all of them */

static void
input_answer_next(msync_serve_t *serve)
{
    msync_serve_request_t  request;

    input_refuse(serve, REQUEST_LATE, 0, NULL);

    if (serve->nrequests == 0) {
        return;
    }

    /* more may come while this one is answered */
    request = serve->requests[0];
    memmove(serve->requests, serve->requests + 1,
            --serve->nrequests * sizeof(request));

    input_answer(serve, &request);
    input_forget(&request);
}


void
msync_serve_refuse(msync_serve_t *serve, const msync_err_t *err)
{
    char     *body;
    int64_t   ms = 0;

    if (err->variant == MSYNC_ERR_NONE) {
        ms = REQUEST_WAIT;
        (void) msync_document_refuse(503, "HELPER_STOPPED", "Another "
                                     "process has the database; try again "
                                     "in a moment.", &body);

    } else {
        body = msync_document_error(err);
    }

    input_refuse(serve, ms, 503, body);
    msync_free(&body);
}


void
msync_serve_refuse_late(msync_serve_t *serve, const msync_err_t *err)
{
    char  *body;

    body = msync_document_error(err);
    input_refuse(serve, MSYNC_SETTINGS_LATE, 504, body);
    msync_free(&body);
}


void
msync_serve_forget(msync_serve_t *serve)
{
    while (serve->nrequests > 0) {
        input_forget(&serve->requests[--serve->nrequests]);
    }
}


static void
input_receive_request(msync_serve_t *serve, msync_received_t *frame)
{
    char                   *busy;
    msync_serve_request_t  *request;
    msync_request_frame_t   head;

    if (frame->length < sizeof(head)) {
        return;
    }

    memcpy(&head, frame->payload, sizeof(head));

    if (head.body_length != frame->length - sizeof(head)
        || head.request >= MSYNC_REQUEST_MAX)
    {
        return;
    }

    input_refuse(serve, REQUEST_LATE, 0, NULL);

    if (serve->nrequests == SERVE_REQUESTS_MAX) {
        (void) msync_document_refuse(503, "TOO_MANY_REQUESTS", "Too many "
                                     "settings are being checked.", &busy);
        msync_serve_reply(serve, frame->id, 503, busy);
        msync_free(&busy);
        return;
    }

    request = &serve->requests[serve->nrequests++];
    request->id = frame->id;
    request->came = msync_clock_monotonic() - head.waited;
    request->request = head.request;
    request->length = head.body_length;
    request->body = msync_alloc(head.body_length + 1);
    memcpy(request->body, frame->payload + sizeof(head), head.body_length);
    request->body[head.body_length] = '\0';
}


static void
input_receive_command(msync_serve_t *serve, msync_received_t *frame)
{
    msync_command_frame_t  head;

    if (frame->length < sizeof(head)) {
        return;
    }

    memcpy(&head, frame->payload, sizeof(head));

    if (head.patient_length == frame->length - sizeof(head)) {
        msync_queue_put(&serve->queue, frame->id, head.command,
                        frame->payload + sizeof(head), head.patient_length);
        serve->dirty = true;
    }
}


void
msync_serve_receive(msync_serve_t *serve)
{
    int               rc;
    msync_err_t       err;
    msync_received_t  frame;

    if (msync_serve_is_stopped()) {
        serve->closed = true;
    }

    while (!serve->closed) {
        rc = msync_channel_receive(serve->channel, &frame, &err);

        if (rc == MSYNC_AGAIN) {
            break;
        }

        if (rc != MSYNC_OK) {
            if (rc == MSYNC_ERROR) {
                msync_log_err(&err, "control channel");
            }
            serve->closed = true;
            break;
        }

        switch (frame.type) {
        case MSYNC_FRAME_CONFIG:
            msync_free(&serve->config);
            serve->config = msync_strndup(frame.payload, frame.length);
            break;
        case MSYNC_FRAME_COMMAND:
            input_receive_command(serve, &frame);
            break;
        case MSYNC_FRAME_REQUEST:
            input_receive_request(serve, &frame);
            break;
        case MSYNC_FRAME_PING:
            msync_channel_send(serve->channel, MSYNC_FRAME_PONG, frame.id,
                               NULL, 0, NULL, 0);
            break;
        default:
            break;
        }

        msync_channel_wipe(serve->channel);
    }
}


int
msync_serve_hear(void *data, msync_err_t *err)
{
    msync_serve_t  *serve = data;

    msync_serve_receive(serve);

    return serve->closed
           ? msync_err_set(err, MSYNC_ERR_HELPER_STOPPED,
                           "nginx stops or reloads its configuration")
           : MSYNC_OK;
}


void
msync_serve_do_requests(msync_serve_t *serve)
{
    msync_err_t  err;

    if (serve->store == NULL) {
        return;
    }

    /* nothing waits for another program now */
    if (serve->status.locked_since != 0) {
        serve->status.locked_since = 0;
        serve->dirty = true;
    }

    if (msync_store_in_transaction(serve->store)) {
        return;
    }

    if (serve->queue.pause_known
        && msync_clock_monotonic() >= serve->pause_again)
    {
        if (!serve->queue.paused && serve->status.site.begun <= 1) {
            serve->resent = 0;
        }

        msync_serve_event(serve, serve->queue.paused ? MSYNC_EVENT_PAUSE
                                                     : MSYNC_EVENT_RESUME);
        msync_serve_save_pause(serve);
        msync_serve_refresh(serve);
        msync_serve_report(serve, true);
    }

    if (serve->nrequests > 0
        && msync_store_watch_disk(serve->store, &err) != MSYNC_OK)
    {
        msync_serve_refuse(serve, &err);
    }

    input_answer_next(serve);

    if (msync_clock_monotonic() - serve->watched >= SERVE_WATCH_PAUSE) {
        msync_serve_watch(serve);
    }
}


void
msync_serve_save_queue(msync_serve_t *serve)
{
    int          rc;
    char         text[MSYNC_QUEUE_TEXT];
    msync_err_t  err;

    msync_queue_write(&serve->queue, text);

    if (*text == '\0' && !serve->queue_saved) {
        return;
    }

    rc = *text != '\0'
         ? msync_store_set_string(serve->store, MSYNC_KEY_WAITING, text, &err)
         : msync_store_unset(serve->store, MSYNC_KEY_WAITING, &err);

    if (rc != MSYNC_OK) {
        msync_log_err(&err, "saving what waits");
        return;
    }

    serve->queue_saved = *text != '\0';
}


int
msync_serve_load_queue(msync_serve_t *serve, msync_err_t *err)
{
    char  *text;

    if (msync_store_get_string(serve->store, MSYNC_KEY_WAITING, &text, err)
        != MSYNC_OK)
    {
        return MSYNC_ERROR;
    }

    if (text != NULL) {
        msync_queue_read(&serve->queue, text);
        serve->queue_saved = true;
        msync_free(&text);
    }

    return MSYNC_OK;
}


static int
input_while_stopping(void *data, msync_err_t *err)
{
    msync_serve_t  *serve = data;

    return msync_clock_monotonic() < serve->stop_by
           ? MSYNC_OK
           : msync_err_set(err, MSYNC_ERR_DATABASE_ERROR,
                           "another program keeps the database locked");
}


void
msync_serve_save_undone(msync_serve_t *serve)
{
    msync_err_t  err;

    serve->stop_by = msync_clock_monotonic() + STOP_WAIT;
    msync_store_set_hook(serve->store, input_while_stopping, serve);

    if (serve->queue.pause_known) {
        msync_serve_save_pause(serve);
    }

    if (serve->queue.retry
        && msync_store_buffer_wake_all(serve->store, &err) != MSYNC_OK)
    {
        msync_log_err(&err, "retry");
    }

    msync_serve_save_queue(serve);
}
