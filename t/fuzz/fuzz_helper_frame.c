/*
 * Frames from worker 0, through a real channel.  The input is cut into
 * packets by a length of two octets before each; a packet whose first octet
 * is odd gets a header that is right but for type and id.
 */

#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"
#include "serve/serve_private.h"


static size_t
packet(char *out, const uint8_t *data, size_t size)
{
    msync_frame_t  header;

    if (size < 3 || (data[0] & 1) == 0) {
        memcpy(out, data, size);
        return size;
    }

    memset(&header, 0, sizeof(header));
    header.magic = MSYNC_CONTROL_MAGIC;
    header.version = MSYNC_CONTROL_VERSION;
    header.type = data[1] & 0x7f;
    header.id = data[2];
    header.length = size - 3;

    memcpy(out, &header, sizeof(header));
    memcpy(out + sizeof(header), data + 3, size - 3);

    return sizeof(header) + size - 3;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int               fd[2];
    char              out[65536 + sizeof(msync_frame_t)];
    size_t            n;
    msync_serve_t     serve;
    msync_trigger_t   trigger;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd) == -1) {
        return -1;
    }

    fuzz_quiet();
    memset(&serve, 0, sizeof(serve));
    serve.channel = msync_channel_create(fd[0]);

    while (size > 2 && !serve.closed) {
        n = (size_t) (data[0] | data[1] << 8);
        data += 2;
        size -= 2;
        n = n < size ? n : size;

        n = packet(out, data, n);
        if (n > 0 && send(fd[1], out, n, MSG_NOSIGNAL|MSG_DONTWAIT) > 0) {
            msync_serve_receive(&serve);
        }

        /* as much of the input is gone as was a packet's own */
        n = n < size ? n : size;
        data += n;
        size -= n;
    }

    while (msync_queue_next(&serve.queue, true, 0, &trigger)) {
        msync_queue_done(&serve.queue, &trigger);
    }

    /* they wait for the database, but not any number of them */
    if (serve.nrequests > SERVE_REQUESTS_MAX) {
        abort();
    }

    msync_serve_forget(&serve);

    close(fd[1]);
    msync_channel_free(&serve.channel);
    msync_free(&serve.config);

    return 0;
}
