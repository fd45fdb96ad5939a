/*
 * The frames between worker 0 of nginx and the helper.
 *
 * With limits.h the only header of sync/ that the nginx module includes, so it
 * needs nothing but libc.  Both ends are built from one tree and run on one
 * machine: integers are in native byte order.
 *
 * The channel is a socketpair(AF_UNIX, SOCK_SEQPACKET), the helper's end is
 * descriptor MSYNC_CONTROL_FD.  One frame is one packet: a msync_frame_t and
 * `length` octets of payload, MSYNC_FRAME_MAX octets in all at most.  The
 * channel is the lifeline as well: each side sees end of file when the other
 * one dies.
 *
 * Order: the helper sends HELLO first, worker 0 sends CONFIG first; after
 * that each side sends what it has.  Commands carry a sequence number in
 * `id`; the helper acknowledges by `done` of its status, and worker 0 sends
 * again to a new helper whatever was not acknowledged, so a command that was
 * answered 202 outlives any helper.  Requests carry the id of a reply slot
 * and are answered once by a REPLY with the same id.
 */

#ifndef MSYNC_CONTROL_H
#define MSYNC_CONTROL_H

#include <stdint.h>

#define MSYNC_CONTROL_MAGIC    0x314e594dU        /* "MYN1" */
#define MSYNC_CONTROL_VERSION  7                  /* of the frames below */
#define MSYNC_CONTROL_FD       3
#define MSYNC_FRAME_MAX        (128 * 1024)       /* with the header */

#define MSYNC_EXIT_NO_MEMORY   12                 /* of a helper without
                                                     memory */

#define MSYNC_VERSION          "0.1.0"            /* of the package */

#define MSYNC_PATIENT_MAX      64                 /* octets of a patient id */
#define MSYNC_VARIANT_MAX      48                 /* with the final NUL */
#define MSYNC_MOVED_MAX        40                 /* so is this */


typedef enum {
    /* helper -> worker 0 */
    MSYNC_FRAME_HELLO = 1,     /* payload: MSYNC_VERSION, id: control version */
    MSYNC_FRAME_STATUS,        /* payload: a msync_status_frame_t, the document,
                                  the one to serve when it has stopped */
    MSYNC_FRAME_DOCUMENT,      /* id: msync_document_e, payload: JSON */
    MSYNC_FRAME_REPLY,         /* id: of the request, payload: a
                                  msync_reply_frame_t and JSON */
    MSYNC_FRAME_LOG,           /* id: level as nginx counts them (4 err,
                                  5 warn, 6 notice, 7 info, 8 debug),
                                  payload: one line without line feed */
    MSYNC_FRAME_PONG,          /* id: of the PING, at the next look at the
                                  channel */
    MSYNC_FRAME_WAITS,         /* payload: one line, why it cannot begin; no
                                  STATUS was sent yet */

    /* worker 0 -> helper */
    MSYNC_FRAME_CONFIG = 64,   /* payload: JSON, see conf.h */
    MSYNC_FRAME_COMMAND,       /* id: sequence, payload: a
                                  msync_command_frame_t and the patient id */
    MSYNC_FRAME_REQUEST,       /* id: of the slot, payload: a
                                  msync_request_frame_t and the JSON body */
    MSYNC_FRAME_PING           /* id: a number, wants a PONG */
} msync_frame_e;


typedef struct {
    uint32_t  magic;           /* MSYNC_CONTROL_MAGIC */
    uint16_t  version;         /* MSYNC_CONTROL_VERSION */
    uint16_t  type;            /* msync_frame_e */
    uint32_t  length;          /* octets of payload behind this header */
    uint32_t  reserved;        /* 0 */
    uint64_t  id;
} msync_frame_t;


typedef enum {
    MSYNC_STATE_STOPPED = 0,   /* said by the module alone */
    MSYNC_STATE_PRE_INITIALISATION,
    MSYNC_STATE_INITIALISING,
    MSYNC_STATE_IDLE,
    MSYNC_STATE_SYNCING,
    MSYNC_STATE_ERROR,
    MSYNC_STATE_PAUSED,
    MSYNC_STATE_MAX
} msync_state_e;

/* the words of `state` in docs/openapi.yaml, in the order of msync_state_e */
#define MSYNC_STATE_NAMES                                                     \
    { "stopped", "pre_initialisation", "initialising", "idle", "syncing",    \
      "error", "paused" }


/*
 * A trigger is done when the run that it asked for has ended, well or not;
 * the others are done when the helper has taken them.  Sequence numbers are
 * shared by all commands of a site and grow; of a pause and a resume the
 * later one counts.
 */

typedef enum {
    MSYNC_COMMAND_TRIGGER = 0, /* with a patient id: ask for patient-pull */
    MSYNC_COMMAND_CANCEL,
    MSYNC_COMMAND_PAUSE,
    MSYNC_COMMAND_RESUME,
    MSYNC_COMMAND_RETRY,
    MSYNC_COMMAND_MAX
} msync_command_e;

typedef struct {
    uint32_t  command;         /* msync_command_e */
    uint32_t  patient_length;  /* of the patient id that follows, 0: none */
} msync_command_frame_t;


typedef enum {
    MSYNC_REQUEST_SETTINGS = 0,
    MSYNC_REQUEST_TEST,
    MSYNC_REQUEST_INITIALISE,
    MSYNC_REQUEST_DISMISS,
    MSYNC_REQUEST_SEND,
    MSYNC_REQUEST_PATIENTS,    /* body: the query as a JSON object */
    MSYNC_REQUEST_MAX
} msync_request_e;

typedef struct {
    uint32_t  request;         /* msync_request_e */
    uint32_t  body_length;
    uint32_t  waited;          /* ms since nginx has taken it */
    uint32_t  reserved;        /* 0 */
} msync_request_frame_t;

typedef struct {
    uint32_t  status;          /* HTTP status of the answer */
    uint32_t  body_length;
} msync_reply_frame_t;


typedef enum {
    MSYNC_DOCUMENT_HISTORY = 0,
    MSYNC_DOCUMENT_ERRORS,
    MSYNC_DOCUMENT_DISMISSED,  /* the failed records that were dismissed */
    MSYNC_DOCUMENT_SETTINGS,
    MSYNC_DOCUMENT_MAX
} msync_document_e;


/*
 * A status: plain fields for the variables and the metrics, then two pieces
 * of JSON.  Each is the tail of the status document (Status in
 * docs/openapi.yaml), from "initialisationStatus" to the closing brace; the
 * module writes {"site":"…","generation":N,"state":"…", before it, because
 * only the zone outlives every helper.  The second one is served, with the
 * state "stopped", when this helper has ended and no other one follows soon.
 */

#define MSYNC_STATUS_CONFIGURED  1   /* settings exist, or the database that
                                        may have them is out of reach: a
                                        trigger is taken */
#define MSYNC_STATUS_V7          2   /* else v5 and v6 are spoken */

typedef struct {
    uint32_t  state;                     /* msync_state_e */
    uint32_t  flags;
    uint64_t  done[MSYNC_COMMAND_MAX];   /* highest sequence done */
    int64_t   queue;                     /* records waiting to be sent */
    int64_t   integration_errors;
    int64_t   dismissed;                 /* records, not among the errors */
    int64_t   never_sent;                /* recordsNeverSent */
    int64_t   wal_bytes;                 /* size of the database's log */
    int64_t   wal_pending;               /* octets of it not in the database */
    int64_t   disk_free;                 /* octets of the database's disk that
                                            the helper can still write */
    int64_t   disk_size;                 /* octets of that disk, 0: unknown */
    int64_t   locked_since;              /* Unix seconds, since when another
                                            program has the database locked; 0:
                                            none has */
    int64_t   last_success;              /* Unix seconds, 0: never */
    int64_t   last_duration_ms;          /* of the latest success */
    int64_t   interval;                  /* seconds, 0: no schedule */
    uint64_t  runs;                      /* since this helper started: */
    uint64_t  runs_failed;
    uint64_t  records_pushed;
    uint64_t  records_pulled;
    uint64_t  records_integrated;
    uint64_t  requests;
    uint64_t  bytes_sent;
    uint64_t  bytes_received;
    char      error[MSYNC_VARIANT_MAX];  /* variant, NUL-terminated, or "" */
    char      moved[MSYNC_MOVED_MAX];    /* how far the database has come, for
                                            the next helper ("moved" of its
                                            CONFIG), NUL-terminated; "": not
                                            known */
    uint32_t  doc_length;
    uint32_t  stopped_length;
} msync_status_frame_t;


#endif /* MSYNC_CONTROL_H */
