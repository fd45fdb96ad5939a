/*
 * What the files of the module share.
 *
 * A site is one msync_site block: its parameters, its zone, and what this
 * process keeps of it.  Nothing here blocks: documents are copied out of the
 * zone, commands are put into it, and worker 0 exchanges frames with the
 * helper.
 *
 * What a function takes, returns and promises stands above it in its file; of
 * the methods of endpoints, ngx_http_msync_method_pt says it here.
 */

#ifndef NGX_HTTP_MSYNC_H
#define NGX_HTTP_MSYNC_H


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>

#include "../sync/channel/control.h"
#include "../sync/channel/limits.h"
#include "ngx_http_msync_owner.h"


#ifndef MSYNC_HELPER_PATH
#define MSYNC_HELPER_PATH             "/usr/sbin/msync"
#endif


#define NGX_HTTP_MSYNC_PATIENTS       16             /* that wait in a zone */
#define NGX_HTTP_MSYNC_SLOTS          8              /* requests that wait for
                                                        the helper's answer */
#define NGX_HTTP_MSYNC_REASON_MAX     256            /* octets of a reason why
                                                        a site is stopped */

/* why a site is stopped until its first helper has said a word of it */
#define NGX_HTTP_MSYNC_UNREPORTED     "the helper has not reported yet"

#define NGX_HTTP_MSYNC_BODY_MAX       65536          /* octets */
#define NGX_HTTP_MSYNC_WAIT_MAX       60             /* s, of a long poll */
#define NGX_HTTP_MSYNC_REPLY_WAIT     60000          /* ms, for the helper's
                                                        answer */
#define NGX_HTTP_MSYNC_STOPPED        30000          /* ms without a helper,
                                                        then nothing is taken */

/* of our own child: exec() comes next, or has failed (id: errno) */
#define NGX_HTTP_MSYNC_FRAME_FAILED   0
#define NGX_HTTP_MSYNC_FRAME_EXECUTES 32


typedef struct ngx_http_msync_site_s    ngx_http_msync_site_t;
typedef struct ngx_http_msync_waiter_s  ngx_http_msync_waiter_t;

/* what a method of an endpoint does, with the `data` of its line in request.c;
 * returns what a content handler returns, NGX_DONE: the answer will come */

typedef ngx_int_t (*ngx_http_msync_method_pt)(ngx_http_request_t *r,
    ngx_http_msync_site_t *site, ngx_uint_t data);


/* the zone */

typedef struct {
    u_char                   *data;
    size_t                    len;
    size_t                    size;          /* what was allocated */
    uint64_t                  generation;
    ngx_uint_t                refused;       /* no memory: it was logged */
} ngx_http_msync_text_t;


typedef struct {
    uint64_t                  sequence;      /* 0: free */
    size_t                    len;
    u_char                    id[MSYNC_PATIENT_MAX];
} ngx_http_msync_patient_t;


typedef enum {
    NGX_HTTP_MSYNC_SLOT_FREE = 0,
    NGX_HTTP_MSYNC_SLOT_QUEUED,
    NGX_HTTP_MSYNC_SLOT_SENT,
    NGX_HTTP_MSYNC_SLOT_ANSWERED
} ngx_http_msync_slot_state_e;


typedef struct {
    ngx_uint_t                state;
    uint64_t                  id;
    ngx_pid_t                 pid;           /* of the worker that waits */
    uint64_t                  helper;        /* the one it was sent to */
    ngx_pid_t                 sender;        /* the worker of that helper */
    ngx_uint_t                tries;
    ngx_msec_t                opened;
    uint32_t                  request;       /* msync_request_e */
    uint32_t                  status;        /* HTTP status of the answer */
    ngx_str_t                 body;          /* of the request, a secret */
    ngx_str_t                 answer;
} ngx_http_msync_slot_t;


/*
 * All is read and written under shpool->mutex, but for the versions: those
 * are only compared outside of it, to learn whether anything is new.
 */

typedef struct {
    uint32_t                  magic;
    uint32_t                  layout;
    size_t                    size;
    u_char                    database[16];  /* MD5 of the path of it */

    ngx_atomic_t              status_version;
    ngx_atomic_t              answer_version;
    ngx_atomic_t              wanted_version;

    uint64_t                  generation;    /* of the status */
    ngx_http_msync_text_t     status;        /* the whole document */
    size_t                    status_tail;   /* where the helper's part is */
    ngx_http_msync_text_t     stopped;       /* the tail without a helper */
    ngx_http_msync_text_t     documents[MSYNC_DOCUMENT_MAX];
    msync_status_frame_t      fields;        /* as last reported */
    msync_status_frame_t      totals;        /* counters of all helpers */
    uint64_t                  starts;        /* helpers that said HELLO */

    uint64_t                  sequence;      /* of the latest command */
    uint64_t                  wanted[MSYNC_COMMAND_MAX];
    uint64_t                  done[MSYNC_COMMAND_MAX];
    ngx_http_msync_patient_t  patients[NGX_HTTP_MSYNC_PATIENTS];

    uint64_t                  requests;      /* the latest id of a slot */
    ngx_http_msync_slot_t     slots[NGX_HTTP_MSYNC_SLOTS];

    ngx_http_msync_owner_t    owner;
    ngx_msec_t                ended;         /* when the last helper did */
    unsigned                  reported:1;    /* a helper has said a status */
    size_t                    reason_len;
    u_char                    reason[NGX_HTTP_MSYNC_REASON_MAX];
} ngx_http_msync_shctx_t;


/* the status as a process serves it: one piece of memory, which the last of
 * `refs` frees */

typedef struct {
    ngx_uint_t                refs;
    uint64_t                  generation;
    ngx_str_t                 etag;
    ngx_str_t                 event;         /* as a server-sent event */
    ngx_str_t                 body;          /* a part of the event */
} ngx_http_msync_doc_t;


/* the helper of a site, as worker 0 knows it */

typedef struct {
    ngx_connection_t         *connection;    /* NULL: no helper */
    ngx_pid_t                 pid;
    uint64_t                  id;            /* see _owner.h */
    uint32_t                  spawns;        /* helpers there have been */
    uint64_t                  sent;          /* latest sequence forwarded */
    ngx_msec_t                started;
    ngx_msec_t                delay;         /* the next back-off */
    ngx_event_t               timer;         /* starts the next one */
    ngx_event_t               hello;         /* ends a silent one */
    ngx_event_t               stale;         /* ends the last document */
    ngx_event_t               ended;         /* waits for how it ended */
    ngx_event_t               ping;          /* asks whether it is there */
    ngx_uint_t                waits;         /* of `ended` so far */
    ngx_uint_t                silent;        /* pings in a row that it neither
                                                answered nor worked at */
    uint64_t                  pings;
    uint64_t                  used;          /* processor time at the last
                                                ping, see child_used */
    volatile sig_atomic_t     exited;        /* set by the handler of SIGCHLD */
    volatile int              status;        /* of waitpid(), set with it */
    unsigned                  answered:1;    /* the last ping was */
    unsigned                  executes:1;    /* it has begun its exec() */
    unsigned                  greeted:1;     /* HELLO was received */
    unsigned                  configured:1;  /* CONFIG was sent */
    unsigned                  useless:1;     /* it is of another version */
    unsigned                  follows:1;     /* another one may not be over */
    unsigned                  reloaded:1;    /* nginx was reloaded, and this is
                                                the first helper since */
    unsigned                  killed:1;      /* it was, and has not ended yet */
    unsigned                  unheard:1;     /* said to be silent before it has
                                                reported */
    char                      waiting[NGX_HTTP_MSYNC_REASON_MAX];
                                             /* what it has said that it waits
                                                for; "": nothing */
    msync_status_frame_t      heard;         /* its last status */
    ngx_str_t                 heard_tail;    /* its tail while it is said to be
                                                silent; NULL: it is not */
    ngx_str_t                 ended_by;      /* what ended the one of before;
                                                NULL: it ended by itself, or
                                                with its nginx */
    u_char                    ended_text[NGX_HTTP_MSYNC_REASON_MAX];
} ngx_http_msync_helper_t;


struct ngx_http_msync_site_s {
    ngx_str_t                 name;

    /* the parameters; what is not set is left to the helper */
    size_t                    zone_size;
    ngx_str_t                 database;
    ngx_str_t                 url;
    ngx_str_t                 username;
    ngx_str_t                 password_file;
    ngx_str_t                 password_sha256;
    time_t                    interval;
    ngx_int_t                 push;
    ngx_int_t                 remote_pull;
    ngx_int_t                 central_pull;
    ngx_str_t                 tables;
    ngx_msec_t                connect_timeout;
    ngx_msec_t                read_timeout;
    ngx_flag_t                ssl_verify;
    ngx_str_t                 ssl_trusted_certificate;
    ngx_str_t                 proxy;
    off_t                     max_response;
    off_t                     limit_rate;
    ngx_str_t                 hardware_id;
    ngx_str_t                 hardware_id_file;
    ngx_str_t                 protocol;
    time_t                    changelog_keep;
    ngx_str_t                 helper_path;

    ngx_http_msync_shctx_t   *sh;
    ngx_slab_pool_t          *shpool;
    ngx_shm_zone_t           *shm_zone;
    ngx_uint_t                created;       /* the zone, by this
                                                configuration */

    /* of this process alone */
    uint64_t                  term;          /* as owner, 0: not worker 0 */
    ngx_http_msync_helper_t   helper;
    ngx_http_msync_doc_t     *doc;           /* the status, cached */
    ngx_atomic_uint_t         doc_version;
    msync_status_frame_t      fields;        /* cached with it */
    ngx_atomic_uint_t         status_seen;   /* versions waiters know */
    ngx_atomic_uint_t         answer_seen;
    ngx_atomic_uint_t         wanted_seen;
    ngx_queue_t               polls;         /* long polls */
    ngx_queue_t               answers;       /* requests that wait */
    ngx_queue_t               streams;       /* events */
    ngx_msec_t                told;          /* when streams were told */
    ngx_event_t               tell;          /* tells them, at their pace */
};


/* a request that waits in a queue of its site */

struct ngx_http_msync_waiter_s {
    ngx_queue_t               queue;
    ngx_http_request_t       *request;
    ngx_http_msync_site_t    *site;
    ngx_event_t               timer;
    uint64_t                  since;         /* generation the client has */
    uint64_t                  id;            /* of the request's slot, 0:
                                                none */
    ngx_http_msync_method_pt  handler;       /* for when the body is there */
    ngx_uint_t                data;          /* for the handler */
    ngx_str_t                 body;          /* of the request, a secret */
};


typedef struct {
    ngx_array_t               sites;         /* ngx_http_msync_site_t * */
    ngx_array_t               endpoints;     /* ngx_http_msync_endpoint_t * */
    ngx_uint_t                waiters;       /* of this process */
    ngx_uint_t                owner;         /* this is worker 0 */
    ngx_event_t               tick;          /* where there is no epoll */
    ngx_event_t               beat;          /* comments to the streams */
} ngx_http_msync_main_conf_t;


/* what a directive has made of a location */

typedef struct {
    ngx_http_msync_site_t    *site;          /* NULL: all of them */
    ngx_http_handler_pt       handler;
    ngx_str_t                 name;          /* of the site, as written */
    ngx_str_t                 directive;
    ngx_str_t                 file;
    ngx_uint_t                line;
} ngx_http_msync_endpoint_t;


typedef struct {
    ngx_http_msync_endpoint_t  *endpoint;    /* NULL: not ours */
} ngx_http_msync_loc_conf_t;


extern ngx_module_t  ngx_http_msync_module;


/* ngx_http_msync_value.c: the values in a msync_site block */

extern ngx_conf_post_t  ngx_http_msync_interval_post;
extern ngx_conf_post_t  ngx_http_msync_timeout_post;
extern ngx_conf_post_t  ngx_http_msync_zone_post;
extern ngx_conf_post_t  ngx_http_msync_url_post;
extern ngx_conf_post_t  ngx_http_msync_username_post;
extern ngx_conf_post_t  ngx_http_msync_proxy_post;
extern ngx_conf_post_t  ngx_http_msync_sha256_post;
extern ngx_conf_post_t  ngx_http_msync_response_post;
extern ngx_conf_post_t  ngx_http_msync_rate_post;
extern ngx_conf_post_t  ngx_http_msync_changelog_keep_post;
extern ngx_conf_post_t  ngx_http_msync_hardware_id_post;

/* a name or a path of 1 to `max` octets, as the helper takes it: NGX_CONF_OK or
 * what is wrong */
char *ngx_http_msync_check_text(ngx_str_t *text, size_t max);
char *ngx_http_msync_batch_size(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_msync_protocol(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_uint_t ngx_http_msync_must_v7(ngx_http_msync_site_t *site);


/* ngx_http_msync_conf.c: its files, and the block as a whole */

extern ngx_conf_post_t  ngx_http_msync_path_post;
extern ngx_conf_post_t  ngx_http_msync_file_post;
extern ngx_conf_post_t  ngx_http_msync_password_post;

char *ngx_http_msync_check_name(ngx_conf_t *cf,
    ngx_http_msync_main_conf_t *mcf, ngx_http_msync_site_t *site);
char *ngx_http_msync_check_site(ngx_conf_t *cf,
    ngx_http_msync_main_conf_t *mcf, ngx_http_msync_site_t *site);


/* ngx_http_msync_zone.c: the zone, and who owns it by _owner.c */

char *ngx_http_msync_add_zone(ngx_conf_t *cf, ngx_http_msync_site_t *site);
void ngx_http_msync_zone_inherit(ngx_http_msync_site_t *site);
void ngx_http_msync_zone_accept(ngx_http_msync_site_t *site);
ngx_uint_t ngx_http_msync_zone_begin(ngx_http_msync_site_t *site);
void ngx_http_msync_zone_quit(ngx_http_msync_site_t *site);
ngx_uint_t ngx_http_msync_zone_owned(ngx_http_msync_site_t *site);
void ngx_http_msync_zone_started(ngx_http_msync_site_t *site);
void ngx_http_msync_zone_ended(ngx_http_msync_site_t *site);
void ngx_http_msync_zone_moved(ngx_http_msync_site_t *site, char *moved);
ngx_uint_t ngx_http_msync_zone_stopped(ngx_http_msync_site_t *site);
ngx_uint_t ngx_http_msync_zone_configured(ngx_http_msync_site_t *site);
ngx_int_t ngx_http_msync_zone_set(ngx_http_msync_site_t *site,
    ngx_http_msync_text_t *text, char *what, u_char *data, size_t len);


/* ngx_http_msync_report.c: what is known of a site */

extern char  *ngx_http_msync_states[];       /* words of msync_state_e */

void ngx_http_msync_report_status(ngx_http_msync_site_t *site,
    msync_status_frame_t *fields, u_char *doc, u_char *stopped);
void ngx_http_msync_report_document(ngx_http_msync_site_t *site,
    ngx_uint_t document, u_char *data, size_t len);
void ngx_http_msync_report_reason(ngx_http_msync_site_t *site, char *reason);
void ngx_http_msync_report_stopped(ngx_http_msync_site_t *site,
    char *reason);
void ngx_http_msync_report_silent(ngx_http_msync_site_t *site, char *reason);
void ngx_http_msync_report_heard(ngx_http_msync_site_t *site);
void ngx_http_msync_report_forget(ngx_http_msync_site_t *site);
void ngx_http_msync_report_compose(ngx_http_msync_site_t *site,
    ngx_uint_t state, u_char *tail, size_t len);


/* ngx_http_msync_queue.c: commands and reply slots in shared memory */

ngx_int_t ngx_http_msync_queue_command(ngx_http_msync_site_t *site,
    ngx_uint_t command, ngx_str_t *patient);
void ngx_http_msync_queue_done(ngx_http_msync_site_t *site, uint64_t *done);
ngx_uint_t ngx_http_msync_queue_next(ngx_http_msync_site_t *site,
    uint64_t after, uint64_t *sequence, ngx_str_t *patient);
ngx_int_t ngx_http_msync_slot_open(ngx_http_msync_site_t *site,
    ngx_uint_t request, ngx_str_t *body, uint64_t *id);
uint64_t ngx_http_msync_slot_next(ngx_http_msync_site_t *site,
    msync_request_frame_t *request, u_char *body);
void ngx_http_msync_slot_requeue(ngx_http_msync_site_t *site, uint64_t id);
void ngx_http_msync_slot_answer(ngx_http_msync_site_t *site, uint64_t id,
    ngx_uint_t status, u_char *data, size_t len);
ngx_int_t ngx_http_msync_slot_read(ngx_http_msync_site_t *site, uint64_t id,
    ngx_pool_t *pool, ngx_uint_t *status, ngx_str_t *answer);
void ngx_http_msync_slot_close(ngx_http_msync_site_t *site, uint64_t id);


/* ngx_http_msync_doorbell.c: how a process learns that a zone changed */

ngx_int_t ngx_http_msync_doorbell_create(ngx_cycle_t *cycle);
ngx_int_t ngx_http_msync_doorbell_listen(ngx_cycle_t *cycle,
    ngx_http_msync_main_conf_t *mcf);
void ngx_http_msync_ring(void);
ngx_http_msync_waiter_t *ngx_http_msync_waiter(ngx_http_request_t *r,
    ngx_http_msync_site_t *site);
void ngx_http_msync_enqueue(ngx_http_request_t *r, ngx_queue_t *link,
    ngx_queue_t *queue);
void ngx_http_msync_dequeue(ngx_http_request_t *r, ngx_queue_t *link);
void ngx_http_msync_wait(ngx_http_msync_waiter_t *waiter, ngx_queue_t *queue);
void ngx_http_msync_unwait(void *data);


/* ngx_http_msync_child.c: the helper's process, seen from outside */

void ngx_http_msync_child_init(ngx_http_msync_main_conf_t *mcf);
void ngx_http_msync_child_exit(void);
void ngx_http_msync_child_reason(ngx_http_msync_helper_t *h, char *reason);
uint64_t ngx_http_msync_child_used(ngx_pid_t pid);
void ngx_http_msync_child_kill(ngx_http_msync_helper_t *h);


/* ngx_http_msync_helper.c, _spawn.c, _frame.c, _parameters.c: worker 0 and the
 * helper */

void ngx_http_msync_helper_init(ngx_http_msync_site_t *site,
    ngx_msec_t delay);
void ngx_http_msync_helper_pump(ngx_http_msync_site_t *site);
void ngx_http_msync_helper_release(ngx_http_msync_site_t *site);
ngx_int_t ngx_http_msync_spawn(ngx_http_msync_site_t *site,
    ngx_socket_t *fd, ngx_pid_t *pid);

ngx_int_t ngx_http_msync_frame_read(ngx_http_msync_site_t *site,
    char *reason);
ngx_int_t ngx_http_msync_frame_config(ngx_http_msync_site_t *site);
ngx_int_t ngx_http_msync_frame_command(ngx_http_msync_site_t *site);
ngx_int_t ngx_http_msync_frame_request(ngx_http_msync_site_t *site);
ngx_int_t ngx_http_msync_frame_ping(ngx_http_msync_site_t *site);

u_char *ngx_http_msync_parameters(ngx_http_msync_site_t *s, u_char *p,
    u_char *last);


/* ngx_http_msync_reply.c: answers */

ngx_int_t ngx_http_msync_send_json(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *body);
ngx_int_t ngx_http_msync_send_error(ngx_http_request_t *r, ngx_uint_t status,
    char *variant, char *text);
ngx_int_t ngx_http_msync_send_too_large(ngx_http_request_t *r);
ngx_int_t ngx_http_msync_send_unavailable(ngx_http_request_t *r,
    char *variant, char *text);
ngx_int_t ngx_http_msync_send_no_helper(ngx_http_request_t *r);
ngx_int_t ngx_http_msync_send_body(ngx_http_request_t *r, ngx_str_t *body);
ngx_int_t ngx_http_msync_no_body(ngx_http_request_t *r);
void ngx_http_msync_set_json(ngx_http_request_t *r);
ngx_int_t ngx_http_msync_set_header(ngx_http_request_t *r, char *name,
    char *value);
ngx_int_t ngx_http_msync_set_retry_after(ngx_http_request_t *r);
ngx_int_t ngx_http_msync_set_cache_control(ngx_http_request_t *r);
ngx_int_t ngx_http_msync_set_etag(ngx_http_request_t *r, ngx_str_t *value);
ngx_str_t *ngx_http_msync_find_header(ngx_http_request_t *r, char *name,
    ngx_uint_t *n);
void ngx_http_msync_finalize(ngx_http_request_t *r, ngx_int_t rc);


/* ngx_http_msync_status.c: documents */

ngx_http_msync_doc_t *ngx_http_msync_status(ngx_http_msync_site_t *site);
void ngx_http_msync_status_exit(ngx_http_msync_site_t *site);
void ngx_http_msync_doc_release(void *data);
ngx_int_t ngx_http_msync_get_status(ngx_http_request_t *r,
    ngx_http_msync_site_t *site, ngx_uint_t data);
ngx_int_t ngx_http_msync_get_document(ngx_http_request_t *r,
    ngx_http_msync_site_t *site, ngx_uint_t document);
void ngx_http_msync_polls_wake(ngx_http_msync_site_t *site, ngx_uint_t all);


/* ngx_http_msync_events.c: server-sent events */

ngx_int_t ngx_http_msync_get_events(ngx_http_request_t *r,
    ngx_http_msync_site_t *site, ngx_uint_t data);
void ngx_http_msync_events_wake(ngx_http_msync_site_t *site);
void ngx_http_msync_events_close(ngx_http_msync_site_t *site);


/* ngx_http_msync_request.c: endpoints */

ngx_int_t ngx_http_msync_api_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_msync_status_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_msync_trigger_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_msync_events_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_msync_metrics_handler(ngx_http_request_t *r);


/* ngx_http_msync_body.c: bodies, and requests that the helper answers */

ngx_int_t ngx_http_msync_read_body(ngx_http_request_t *r,
    ngx_http_msync_site_t *site, ngx_http_msync_method_pt handler,
    ngx_uint_t data);
ngx_int_t ngx_http_msync_ask(ngx_http_request_t *r,
    ngx_http_msync_site_t *site, ngx_uint_t request);
ngx_int_t ngx_http_msync_ask_patients(ngx_http_request_t *r,
    ngx_http_msync_site_t *site, ngx_uint_t request);
void ngx_http_msync_answers_wake(ngx_http_msync_site_t *site);


/* ngx_http_msync_metrics.c */

ngx_int_t ngx_http_msync_get_metrics(ngx_http_request_t *r,
    ngx_http_msync_site_t *site, ngx_uint_t data);


/* ngx_http_msync_openapi.c */

ngx_int_t ngx_http_msync_get_openapi(ngx_http_request_t *r,
    ngx_http_msync_site_t *site, ngx_uint_t data);


/* ngx_http_msync_variables.c */

ngx_int_t ngx_http_msync_add_variables(ngx_conf_t *cf);
ngx_int_t ngx_http_msync_check_variables(ngx_conf_t *cf,
    ngx_http_msync_main_conf_t *mcf);
ngx_http_msync_site_t *ngx_http_msync_find_site(
    ngx_http_msync_main_conf_t *mcf, ngx_str_t *name);


#endif /* NGX_HTTP_MSYNC_H */
