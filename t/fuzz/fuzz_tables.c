/*
 * A `tables` file: read, laid over the built-in catalogue, made a catalogue.
 */

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "catalogue/catalogue.h"
#include "fuzz.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char                path[64];
    msync_err_t         err;
    msync_catalogue_t  *catalogue;

    static int  fd = -1;

    if (fd == -1) {
        fd = memfd_create("tables", MFD_CLOEXEC);
    }

    if (ftruncate(fd, 0) == -1
        || pwrite(fd, data, size, 0) != (ssize_t) size)
    {
        return -1;
    }

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);

    catalogue = msync_catalogue_load(path, &err);
    msync_catalogue_free(&catalogue);

    return 0;
}
