/*
 * What the files of the event loop share; nobody else includes this.
 */

#ifndef MSYNC_SERVE_PRIVATE_H
#define MSYNC_SERVE_PRIVATE_H

#include <sys/stat.h>

#include "channel/channel.h"
#include "run/queue.h"
#include "run/run.h"
#include "serve/status.h"

#define SERVE_REPORT_PAUSE  100    /* ms between two status frames */
#define SERVE_WATCH_PAUSE   1000   /* ms between two looks for changes */
#define SERVE_LOCKED_TIME   2000   /* ms that another program may keep the
                                      database locked before it is said */

#define SERVE_REQUESTS_MAX  8      /* as many as the module has slots */

typedef struct {
    uint64_t         id;
    int64_t          came;         /* when nginx took it, monotonic ms */
    msync_request_e  request;
    char            *body;         /* owned, wiped when answered */
    size_t           length;
} msync_serve_request_t;

/* a DISMISS or SEND that is at work, see requests.c */
typedef struct msync_records_s  msync_records_t;

typedef struct {
    msync_channel_t    *channel;
    char               *config;    /* owned, the CONFIG frame's JSON */
    msync_catalogue_t  *catalogue;
    msync_conf_t       *conf;      /* with what the database says */
    msync_err_t         password_err;  /* of password_file, if it matters */
    struct stat         password_file; /* what the file was when it was read */
    char                password[65];  /* of password_file, hashed; "" */
    msync_run_given_t   given;     /* by central, to be stored */
    msync_conf_t       *run_conf;  /* settings of the run, NULL: none runs */
    msync_store_t      *store;     /* NULL: not open yet */
    long                holder;    /* who has the lock, as nginx was told; 0:
                                      this process, or unknown */
    char                hardware_id[MSYNC_HARDWARE_ID_MAX + 1];  /* "": it
                                      is not known yet */
    msync_status_t      status;
    msync_queue_t       queue;
    msync_serve_request_t  requests[SERVE_REQUESTS_MAX];
    size_t              nrequests;
    msync_status_frame_t  totals;  /* the counters of all runs, and the disk
                                      at the latest look */
    int64_t             disk_free; /* octets, of the latest status */
    /* of the monotonic clock, ms */
    int64_t             started;
    int64_t             open_at;
    int64_t             opening;   /* since when the database is tried */
    int64_t             stop_by;   /* when the helper ends in any case */
    int64_t             reported;
    int64_t             watched;
    int64_t             ended;     /* the latest run */
    int64_t             due;       /* the next scheduled run, 0: none */
    int64_t             pause_again;   /* when what was said of pausing is
                                          written again; 0: it is written */
    int64_t             give_up;   /* of the request at work, 0: none is */
    msync_records_t    *records;   /* borrowed, NULL: none is at work */
    msync_event_e       latest;    /* how the latest run ended */
    msync_due_e         when;      /* what decides when the next is due */
    unsigned            failures;  /* in a row that somebody has to mend */
    int                 lock;
    long                pause;     /* seconds that a server asked for in the
                                      latest run */
    uint64_t            resent;    /* triggers of lower sequences wait for what
                                      is due */
    int64_t             version;   /* of the database's content */
    bool                asked;     /* somebody asked for the latest run */
    bool                written;   /* the content had changed at the last
                                      look */
    bool                queue_saved;  /* the database has what waits */
    bool                dirty;     /* the status is to be sent */
    bool                closed;
} msync_serve_t;


/* report.c: what nginx is told */

/* counts what waits and what failed, measures the disk, and plans when the
 * next run is due */
void msync_serve_refresh(msync_serve_t *serve);
/* a hook of the store: what nginx says is heard, and told how far it is */
int msync_serve_while_counting(void *data, msync_err_t *err);
/* looks whether the application has written; then what waits has changed */
void msync_serve_watch(msync_serve_t *serve);
/* false, and this helper ends, where the database has to be opened again;
 * `written`: somebody may have changed what is in it since the last look */
bool msync_serve_check_database(msync_serve_t *serve, bool written);
/* sends the status, `now` or when SERVE_REPORT_PAUSE has passed */
void msync_serve_report(msync_serve_t *serve, bool now);
void msync_serve_send_status(msync_serve_t *serve);
void msync_serve_send_settings(msync_serve_t *serve);
/* history, errors, dismissed errors */
void msync_serve_send_lists(msync_serve_t *serve);


/* input.c: what nginx tells */

/* the settings in force: the CONFIG frame and what the database says */
int msync_serve_load_conf(msync_serve_t *serve, msync_err_t *err);
/* whether the password file, which could not be used or is in use, is another
 * one now */
bool msync_serve_password_changed(const msync_serve_t *serve);
/* takes all frames that are there, sets `closed` at the end of the channel */
void msync_serve_receive(msync_serve_t *serve);
/* a hook: takes them, and HELPER_STOPPED where this helper is to end then */
int msync_serve_hear(void *data, msync_err_t *err);
/* does what a page asks for beside runs: pause, resume, settings; nothing
 * while a transaction is open, for these write, too */
void msync_serve_do_requests(msync_serve_t *serve);
/* the database cannot be used: answers all requests with the error or,
 * without one, those that have waited too long for its lock */
void msync_serve_refuse(msync_serve_t *serve, const msync_err_t *err);
/* answers one of them, and is done with it */
void msync_serve_reply(msync_serve_t *serve, uint64_t id, int status,
    const char *body);
/* answers those of MSYNC_SETTINGS_LATE with the error: what is at work waits
 * for the database longer than their clients do */
void msync_serve_refuse_late(msync_serve_t *serve, const msync_err_t *err);
/* requests that the next helper will be asked again */
void msync_serve_forget(msync_serve_t *serve);
/* the triggers that wait, into the database and from there: after an upgrade
 * the next helper belongs to an nginx that knows nothing of them */
void msync_serve_save_queue(msync_serve_t *serve);
int msync_serve_load_queue(msync_serve_t *serve, msync_err_t *err);
/* before this helper ends: writes what nginx was told is taken and is not
 * done, a pause, a retry and triggers, into the database */
void msync_serve_save_undone(msync_serve_t *serve);

/* work.c: runs */

/* what has happened to the site */
void msync_serve_event(msync_serve_t *serve, msync_event_e event);
/* what was said of pausing, into the database; the state may have been changed
 * by the run that is at work.  Where it cannot be written it holds here, until
 * it can */
void msync_serve_save_pause(msync_serve_t *serve);
/* the database is open: goes on from what it says; `interrupted`: of a run */
void msync_serve_resume(msync_serve_t *serve, bool interrupted,
    msync_refused_e refused);
/* does what waits and what is due, one thing of it */
void msync_serve_work(msync_serve_t *serve);
/* whether something waits that can be done by now */
bool msync_serve_has_work(const msync_serve_t *serve);
/* a hook of the store, see msync_store_set_hook */
int msync_serve_while_locked(void *data, msync_err_t *err);


/* serve.c */
bool msync_serve_is_stopped(void);
/* shows a failure in the place of a run; `before` is what was shown until now,
 * of which the log is not told again */
void msync_serve_show_failure(msync_serve_t *serve,
    const msync_log_entry_t *before, msync_err_t *err);

/*
 * Before each use of the network: false, and this helper ends, where a file
 * that name service or TLS read was replaced since it gave up opening files.
 */
bool msync_serve_may_connect(msync_serve_t *serve);

#endif /* MSYNC_SERVE_PRIVATE_H */
