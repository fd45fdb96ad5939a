/*
 * The helper's end of the control channel.
 *
 * The room owns the frames between worker 0 and the helper (control.h), the
 * limits that both go by (limits.h), which is all that the module includes,
 * and this end of the socket.  It promises that a frame is taken whole or
 * refused, and that nothing of one with a password stays in memory once it was
 * wiped.  Sending waits for nginx, receiving does not.
 */

#ifndef MSYNC_CHANNEL_H
#define MSYNC_CHANNEL_H

#include "channel/control.h"
#include "base/err.h"

typedef struct msync_channel_s  msync_channel_t;

/* a received frame; payload is valid until the next one and NUL-terminated
 * behind its length */
typedef struct {
    msync_frame_e   type;
    uint64_t        id;
    char           *payload;
    size_t          length;
} msync_received_t;

/* takes over fd; MSYNC_ERROR in a later call when it is no socket of ours */
msync_channel_t *msync_channel_create(int fd);
void msync_channel_free(msync_channel_t **channel);

int msync_channel_fd(const msync_channel_t *channel);

/*
 * MSYNC_OK with a frame, MSYNC_AGAIN when none is there, MSYNC_DONE when the
 * other end has gone, MSYNC_ERROR for a frame that control.h does not allow.
 */
int msync_channel_receive(msync_channel_t *channel, msync_received_t *frame,
    msync_err_t *err);

/* what msync_channel_receive() makes of a packet, whatever is in it: there is
 * room for a NUL behind its `size` octets, and the payload points into it */
int msync_channel_parse(char *packet, size_t size, msync_received_t *frame,
    msync_err_t *err);

/* zeroes what the last frame left in memory */
void msync_channel_wipe(msync_channel_t *channel);

/*
 * Sends head and body, either of which may be empty, as one frame's payload;
 * waits while the other end is slow.  A frame of more than MSYNC_FRAME_MAX, or
 * an end that has gone, is MSYNC_ERROR.
 */
int msync_channel_send(msync_channel_t *channel, msync_frame_e type,
    uint64_t id, const void *head, size_t head_length, const void *body,
    size_t body_length);

#endif /* MSYNC_CHANNEL_H */
