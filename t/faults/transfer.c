/*
 * Fault points of requests: the linker puts these around the helper's own
 * functions (--wrap), and recv() before libc's.
 */

#include "conf/conf.h"
#include "faults.h"
#include "transfer/transfer_private.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <sys/socket.h>


/* one retry after the other without a pause that would only cost time */
#define RETRY_BASE  2              /* ms */


int __real_msync_transfer_attempt(msync_transfer_attempt_t *t,
    const msync_transfer_request_t *req, msync_err_t *err);
int __wrap_msync_transfer_attempt(msync_transfer_attempt_t *t,
    const msync_transfer_request_t *req, msync_err_t *err);
msync_transfer_t *__real_msync_transfer_create(const msync_conf_t *conf,
    const char *hardware_id, int fd, msync_hook_pt hook, void *data,
    msync_err_t *err);
msync_transfer_t *__wrap_msync_transfer_create(const msync_conf_t *conf,
    const char *hardware_id, int fd, msync_hook_pt hook, void *data,
    msync_err_t *err);
int __real_msync_transfer_pause(msync_transfer_t *http, long ms,
    msync_err_t *err);
int __wrap_msync_transfer_pause(msync_transfer_t *http, long ms,
    msync_err_t *err);
msync_conf_t *__real_msync_conf_create(void);
msync_conf_t *__wrap_msync_conf_create(void);


static bool  waiting;              /* a request is on its way */


int
__wrap_msync_transfer_attempt(msync_transfer_attempt_t *t,
    const msync_transfer_request_t *req, msync_err_t *err)
{
    int  rc;

    faults_request();
    faults_kill_at(FAULT_KILL_BEFORE);

    waiting = true;
    rc = __real_msync_transfer_attempt(t, req, err);
    waiting = false;

    faults_kill_at(FAULT_KILL_AFTER);

    return rc;
}


/* with MSYNC_FAULT_PAUSES those of ten minutes take less than a second */

int
__wrap_msync_transfer_pause(msync_transfer_t *http, long ms, msync_err_t *err)
{
    if (getenv("MSYNC_FAULT_PAUSES") != NULL) {
        ms /= 1000;
    }

    return __real_msync_transfer_pause(http, ms, err);
}


ssize_t
recv(int fd, void *buf, size_t size, int flags)
{
    ssize_t  n;

    static ssize_t (*libc_recv)(int, void *, size_t, int);

    if (libc_recv == NULL) {
        libc_recv = (ssize_t (*)(int, void *, size_t, int))
                        dlsym(RTLD_NEXT, "recv");
    }

    n = libc_recv(fd, buf, size, flags);

    if (n > 0 && waiting && !(flags & MSG_PEEK)) {
        faults_kill_at(FAULT_KILL_SENT);
    }

    return n;
}


msync_transfer_t *
__wrap_msync_transfer_create(const msync_conf_t *conf, const char *hardware_id,
    int fd, msync_hook_pt hook, void *data, msync_err_t *err)
{
    msync_transfer_t  *http;

    http = __real_msync_transfer_create(conf, hardware_id, fd, hook, data, err);

    if (http != NULL) {
        msync_transfer_set_base(http, RETRY_BASE);
    }

    return http;
}


msync_conf_t *
__wrap_msync_conf_create(void)
{
    const char    *size;
    msync_conf_t  *conf;

    conf = __real_msync_conf_create();
    size = getenv("MSYNC_FAULT_BATCH");

    if (size != NULL) {
        conf->push = conf->remote_pull = conf->central_pull = atoi(size);
    }

    return conf;
}
