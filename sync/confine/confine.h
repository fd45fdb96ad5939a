/*
 * What the process gives up before it reads a word from the network.
 *
 * The room owns the filters of the kernel, Landlock and seccomp, and the limits
 * of the process.  It promises that what a helper which was taken over can
 * reach is its database and the network, as far as the kernel allows.  Of the
 * file system it keeps what name service and TLS read, and what it
 * has open: the database with its log and lock.  It can change no
 * attribute of a file by its name, start no program, look into no process,
 * signal none, and open no sockets but those of the internet.  A kernel
 * without seccomp, or with no Landlock or an old one, is told of in the log,
 * once; everything else works the same there.
 *
 * Under a sanitizer nothing is given up, because its reports need it.
 */

#ifndef MSYNC_CONFINE_H
#define MSYNC_CONFINE_H

#include <stdbool.h>

/*
 * At the start: no new privileges, no core dump, nothing for debuggers,
 * few descriptors, and the processor for whoever else wakes.  Closes
 * descriptors from `first` on; -1: none.
 */
void msync_confine_process(int first);

/*
 * For good, before the first thread: files and system calls.  The database
 * is open.  certificate is a file of ssl_trusted_certificate or NULL.
 */
void msync_confine(const char *certificate);

/*
 * True when a file that has to be read again was replaced by another one,
 * as a DHCP client does with /etc/resolv.conf: this process may not open it,
 * a new one may.
 */
bool msync_confine_is_stale(void);

#endif /* MSYNC_CONFINE_H */
