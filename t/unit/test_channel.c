/*
 * The helper's end of the control channel.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "channel/channel.h"
#include "base/log.h"


static void
nginx_says(int fd, msync_frame_e type, uint64_t id)
{
    msync_frame_t  frame = { MSYNC_CONTROL_MAGIC, MSYNC_CONTROL_VERSION, type,
                             0, 0, id };

    assert_int_equal(send(fd, &frame, sizeof(frame), 0), sizeof(frame));
}


/*
 * A socket that is closed while something of ours lies unread in it is reset,
 * which is told before the frames that came before.
 */

static void
what_nginx_said_last_is_heard_though_it_read_no_more(void **state)
{
    int                i, fd[2];
    msync_err_t        err;
    msync_channel_t   *channel;
    msync_received_t   frame;

    (void) state;

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd), 0);
    channel = msync_channel_create(fd[0]);

    assert_int_equal(msync_channel_send(channel, MSYNC_FRAME_LOG, 6, "x", 1,
                                        NULL, 0), MSYNC_OK);
    nginx_says(fd[1], MSYNC_FRAME_COMMAND, 1);
    nginx_says(fd[1], MSYNC_FRAME_COMMAND, 2);
    close(fd[1]);

    for (i = 1; i <= 2; i++) {
        assert_int_equal(msync_channel_receive(channel, &frame, &err),
                         MSYNC_OK);
        assert_int_equal(frame.id, i);
    }

    assert_int_equal(msync_channel_receive(channel, &frame, &err), MSYNC_DONE);
    msync_channel_free(&channel);
}


static void
another_version_is_refused_with_words(void **state)
{
    int                fd[2];
    msync_err_t        err;
    msync_frame_t      header = { MSYNC_CONTROL_MAGIC,
                                  MSYNC_CONTROL_VERSION + 1,
                                  MSYNC_FRAME_CONFIG, 0, 0, 0 };
    msync_channel_t   *channel;
    msync_received_t   frame;

    (void) state;

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fd), 0);
    channel = msync_channel_create(fd[0]);
    assert_int_equal(msync_channel_receive(channel, &frame, &err),
                     MSYNC_AGAIN);
    assert_int_equal(send(fd[1], &header, sizeof(header), 0), sizeof(header));
    assert_int_equal(msync_channel_receive(channel, &frame, &err),
                     MSYNC_ERROR);
    assert_non_null(strstr(err.text, "install both from one package"));
    close(fd[1]);
    msync_channel_free(&channel);
}


static void
a_frame_is_whole_or_refused(void **state)
{
    int                length;
    char               packet[sizeof(msync_frame_t) + 5];
    msync_err_t        err;
    msync_frame_t      header = { MSYNC_CONTROL_MAGIC, MSYNC_CONTROL_VERSION,
                                  MSYNC_FRAME_CONFIG, 0, 0, 0 };
    msync_received_t   frame;

    (void) state;

    for (length = 0; length <= 8; length++) {
        header.length = length;
        memcpy(packet, &header, sizeof(header));
        assert_int_equal(msync_channel_parse(packet, sizeof(header) + 4,
                                             &frame, &err),
                         length == 4 ? MSYNC_OK : MSYNC_ERROR);
    }

    assert_int_equal(msync_channel_parse(packet, sizeof(header) - 1, &frame,
                                         &err), MSYNC_ERROR);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(what_nginx_said_last_is_heard_though_it_read_no_more),
        cmocka_unit_test(another_version_is_refused_with_words),
        cmocka_unit_test(a_frame_is_whole_or_refused),
    };

    msync_log_set_level(MSYNC_LOG_ERR);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
