/*
 * The commands that nginx has forwarded and that are not done yet.
 *
 * Sequence numbers are those of control.h.  A plain trigger stands for all
 * plain ones that came before the run that it starts, and one for a patient
 * for all of that patient; they wait in the order of the latest of each.
 */

#ifndef MSYNC_QUEUE_H
#define MSYNC_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "channel/control.h"

#define MSYNC_QUEUE_MAX  33    /* nginx takes 16 patients, and a plain one */

/* octets of their text, with the final NUL */
#define MSYNC_QUEUE_TEXT  (MSYNC_QUEUE_MAX * (MSYNC_PATIENT_MAX + 1) + 1)

typedef struct {
    uint64_t  sequence;
    char      patient[MSYNC_PATIENT_MAX + 1];    /* "": a plain trigger */
} msync_trigger_t;

typedef struct {
    msync_trigger_t  triggers[MSYNC_QUEUE_MAX];  /* in order of sequence */
    size_t           n;
    uint64_t         ended;                      /* highest sequence of a
                                                    trigger whose run ended */
    uint64_t         seen[MSYNC_COMMAND_MAX];    /* highest taken */
    uint64_t         done[MSYNC_COMMAND_MAX];    /* highest done */
    bool             cancel;                     /* what waits to be done */
    bool             retry;
    bool             pause_known;                /* `paused` was said */
    bool             paused;
} msync_queue_t;

/* takes a COMMAND frame's content; one that was seen before is ignored */
void msync_queue_put(msync_queue_t *queue, uint64_t sequence,
    msync_command_e command, const char *patient, size_t length);

/*
 * Whether a trigger waits, and takes it out.  One for a patient counts only
 * with `patients`, and none whose sequence is below `from`.
 */
bool msync_queue_has(const msync_queue_t *queue, bool patients,
    uint64_t from);
bool msync_queue_next(msync_queue_t *queue, bool patients, uint64_t from,
    msync_trigger_t *trigger);

/* puts one that was taken out, and is not done, before all others */
void msync_queue_back(msync_queue_t *queue, const msync_trigger_t *trigger);

/*
 * The triggers that wait as text, and those of such a text before the ones
 * that wait, where they do not wait already.  They have no sequence then: the
 * nginx that knew it may have gone.
 */
void msync_queue_write(const msync_queue_t *queue,
    char text[MSYNC_QUEUE_TEXT]);
void msync_queue_read(msync_queue_t *queue, const char *text);

/* the run of that trigger has ended, well or not; nothing that waits before it
 * is told to be done */
void msync_queue_done(msync_queue_t *queue, const msync_trigger_t *trigger);

/* what was said of pausing is in the database and outlives this helper */
void msync_queue_pause_saved(msync_queue_t *queue);

/* takes a retry out, and says that the one that `taken` stands for is done */
bool msync_queue_retry(msync_queue_t *queue, uint64_t *taken);
void msync_queue_retry_done(msync_queue_t *queue, uint64_t taken);

#endif /* MSYNC_QUEUE_H */
