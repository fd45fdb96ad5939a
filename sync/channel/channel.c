/*
 * Frames over the SOCK_SEQPACKET socket that nginx left at
 * MSYNC_CONTROL_FD.
 *
 * Promises: a frame is handed on whole or not at all; nothing of a request
 * with a password stays in memory once it was wiped.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "channel/channel.h"

struct msync_channel_s {
    int   fd;                              /* owned */
    char  packet[MSYNC_FRAME_MAX + 1];
};


msync_channel_t *
msync_channel_create(int fd)
{
    int               flags;
    msync_channel_t  *channel;

    channel = msync_calloc(1, sizeof(msync_channel_t));
    channel->fd = fd;

    /* sending waits, receiving asks with MSG_DONTWAIT */
    flags = fcntl(fd, F_GETFL);
    if (flags != -1) {
        (void) fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
        (void) fcntl(fd, F_SETFD, FD_CLOEXEC);
    }

    return channel;
}


void
msync_channel_free(msync_channel_t **channel)
{
    if (*channel == NULL) {
        return;
    }

    close((*channel)->fd);
    msync_channel_wipe(*channel);
    msync_free(channel);
}


int
msync_channel_fd(const msync_channel_t *channel)
{
    return channel->fd;
}


void
msync_channel_wipe(msync_channel_t *channel)
{
    explicit_bzero(channel->packet, sizeof(channel->packet));
}


int
msync_channel_parse(char *packet, size_t size, msync_received_t *frame,
    msync_err_t *err)
{
    msync_frame_t  header;

    if (size < sizeof(msync_frame_t)) {
        return msync_err_set(err, MSYNC_ERR_UNKNOWN,
                             "a frame of %zu octets from nginx", size);
    }

    memcpy(&header, packet, sizeof(msync_frame_t));

    if (header.magic != MSYNC_CONTROL_MAGIC
        || header.version != MSYNC_CONTROL_VERSION)
    {
        return msync_err_set(err, MSYNC_ERR_UNKNOWN,
                             "nginx's module speaks another version (%u) of "
                             "the control frames than this helper (%u): "
                             "install both from one package and restart "
                             "nginx", header.version, MSYNC_CONTROL_VERSION);
    }

    if (header.length != size - sizeof(msync_frame_t)) {
        return msync_err_set(err, MSYNC_ERR_UNKNOWN,
                             "a frame from nginx is torn");
    }

    frame->type = header.type;
    frame->id = header.id;
    frame->payload = packet + sizeof(msync_frame_t);
    frame->length = header.length;
    packet[size] = '\0';

    return MSYNC_OK;
}


int
msync_channel_receive(msync_channel_t *channel, msync_received_t *frame,
    msync_err_t *err)
{
    ssize_t  n;

    do {
        n = recv(channel->fd, channel->packet, MSYNC_FRAME_MAX,
                 MSG_DONTWAIT|MSG_TRUNC);

        /* a reset is told once, before the frames that came before it */
    } while (n == -1 && (errno == EINTR || errno == ECONNRESET));

    if (n == -1 && errno == EAGAIN) {
        return MSYNC_AGAIN;
    }

    if (n == 0) {
        return MSYNC_DONE;
    }

    if (n == -1) {
        return msync_err_set(err, MSYNC_ERR_UNKNOWN,
                             "descriptor %d is not nginx's control channel: "
                             "%s; \"--serve\" is for nginx alone",
                             channel->fd, strerror(errno));
    }

    if (n > MSYNC_FRAME_MAX) {
        return msync_err_set(err, MSYNC_ERR_UNKNOWN,
                             "a frame of %zd octets from nginx", n);
    }

    return msync_channel_parse(channel->packet, n, frame, err);
}


int
msync_channel_send(msync_channel_t *channel, msync_frame_e type, uint64_t id,
    const void *head, size_t head_length, const void *body,
    size_t body_length)
{
    ssize_t        n;
    struct iovec   iov[3];
    struct msghdr  message;
    msync_frame_t  header;

    if (head_length + body_length > MSYNC_FRAME_MAX - sizeof(header)) {
        return MSYNC_ERROR;
    }

    memset(&header, 0, sizeof(header));
    header.magic = MSYNC_CONTROL_MAGIC;
    header.version = MSYNC_CONTROL_VERSION;
    header.type = type;
    header.length = head_length + body_length;
    header.id = id;

    iov[0].iov_base = &header;
    iov[0].iov_len = sizeof(header);
    iov[1].iov_base = (void *) head;
    iov[1].iov_len = head_length;
    iov[2].iov_base = (void *) body;
    iov[2].iov_len = body_length;

    memset(&message, 0, sizeof(message));
    message.msg_iov = iov;
    message.msg_iovlen = 3;

    do {
        n = sendmsg(channel->fd, &message, MSG_NOSIGNAL);
    } while (n == -1 && errno == EINTR);

    return n == -1 ? MSYNC_ERROR : MSYNC_OK;
}
