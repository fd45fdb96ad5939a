/*
 * Owns the id of this machine.  Promises that it is the same at every start,
 * as far as the machine has something that is, and that no two machines share
 * what was made here.
 */

#include "conf/conf.h"
#include "base/log.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>


#define HARDWARE_LABEL       "msync hardware id, version 1\n"
#define HARDWARE_MACHINE_ID  32               /* hex digits */
#define HARDWARE_SERIAL_MIN  4                /* characters */
#define HARDWARE_MAC         17               /* 00:00:00:00:00:00 */
#define HARDWARE_UUID        36

#define HARDWARE_ADVICE                                                       \
    "Let the user that nginx's workers run as read it, and write its "        \
    "directory where it is missing; or write the id into it yourself."


static int hardware_file(const char *path,
    char id[MSYNC_HARDWARE_ID_MAX + 1], msync_err_t *err);
static int hardware_file_make(const char *path, msync_err_t *err);
static int hardware_file_write(int fd, const char *from, const char *to);
static int hardware_file_fail(const char *path, const char *what,
    const char *why, msync_err_t *err);
static int hardware_random(char uuid[HARDWARE_UUID + 1]);
static bool hardware_read(const char *root, const char *name, char *buf,
    size_t size);
static bool hardware_machine_id(const char *root, char *buf, size_t size);
static bool hardware_is_transient(const char *root);
static bool hardware_firmware(const char *root, char *buf, size_t size);
static bool hardware_board(const char *root, char *buf, size_t size);
static bool hardware_card(const char *root, bool physical, char *buf,
    size_t size);
static bool hardware_container(const char *root);
static bool hardware_plain(const char *text);
static void hardware_uuid(const char *kind, const char *value,
    char uuid[HARDWARE_UUID + 1]);
static void hardware_format(char hex[MSYNC_SHA256_HEX + 1],
    char uuid[HARDWARE_UUID + 1]);


int
msync_conf_hardware_id(const msync_conf_t *conf,
    char id[MSYNC_HARDWARE_ID_MAX + 1], msync_err_t *err)
{
    if (conf->hardware_id) {
        strcpy(id, conf->hardware_id);
        return MSYNC_OK;
    }

    if (conf->hardware_id_file) {
        return hardware_file(conf->hardware_id_file, id, err);
    }

    return msync_conf_hardware_id_at("", id, err);
}


bool
msync_conf_is_hardware_id(const char *id)
{
    const char  *p;

    for (p = id; *p; p++) {
        if (!isascii((unsigned char) *p)
            || (!isalnum((unsigned char) *p) && !strchr("-_.:", *p)))
        {
            return false;
        }
    }

    return p != id && p - id <= MSYNC_HARDWARE_ID_MAX;
}


int
msync_conf_hardware_id_at(const char *root,
    char id[MSYNC_HARDWARE_ID_MAX + 1], msync_err_t *err)
{
    char  value[256];

    if (hardware_machine_id(root, value, sizeof(value))) {

        if (hardware_is_transient(root)) {
            msync_log(MSYNC_LOG_WARN, "/etc/machine-id lies in memory, so this "
                      "machine has another one after each start, and central "
                      "refuses the site then: have it written to the disk "
                      "(\"systemd-machine-id-setup --commit\"), or give the "
                      "site a \"hardware_id\" or a \"hardware_id_file\"");
        }

        hardware_uuid("machine-id", value, id);
        return MSYNC_OK;
    }

    if (hardware_firmware(root, value, sizeof(value))) {
        hardware_uuid("product-uuid", value, id);
        return MSYNC_OK;
    }

    if (hardware_board(root, value, sizeof(value))) {
        hardware_uuid("serial-number", value, id);
        return MSYNC_OK;
    }

    if (hardware_container(root)) {
        msync_log(MSYNC_LOG_WARN, "this container has nothing that names it "
                  "for longer than it lives: give the site a \"hardware_id\", "
                  "or a \"hardware_id_file\" on a volume, else central "
                  "refuses it when the container is made anew");
    }

    /* virtual cards often get a new address at each start */

    if (hardware_card(root, true, value, sizeof(value))
        || hardware_card(root, false, value, sizeof(value)))
    {
        hardware_uuid("mac", value, id);
        return MSYNC_OK;
    }

    return msync_err_set(err, MSYNC_ERR_UNKNOWN,
                         "This machine has nothing that names it: "
                         "/etc/machine-id is missing or empty (run "
                         "\"systemd-machine-id-setup\" or "
                         "\"dbus-uuidgen --ensure=/etc/machine-id\" as root, "
                         "or give the site a \"hardware_id\" or a "
                         "\"hardware_id_file\"), and there is neither a "
                         "firmware UUID nor a serial number of the board nor "
                         "a network card");
}


/* the first line of a file, which is made first where it is missing */

static int
hardware_file(const char *path, char id[MSYNC_HARDWARE_ID_MAX + 1],
    msync_err_t *err)
{
    int          fd;
    char         text[MSYNC_HARDWARE_ID_MAX + 3];
    ssize_t      n;
    struct stat  st;

    fd = open(path, O_RDONLY|O_CLOEXEC|O_NONBLOCK|O_NOCTTY);

    if (fd == -1 && errno == ENOENT) {
        if (hardware_file_make(path, err) != MSYNC_OK) {
            return MSYNC_ERROR;
        }

        fd = open(path, O_RDONLY|O_CLOEXEC|O_NONBLOCK|O_NOCTTY);
    }

    if (fd == -1 || fstat(fd, &st) == -1) {
        hardware_file_fail(path, "cannot be opened", strerror(errno), err);
        goto failed;
    }

    n = S_ISREG(st.st_mode) ? read(fd, text, sizeof(text) - 1) : 0;

    if (n == -1) {
        hardware_file_fail(path, "cannot be read", strerror(errno), err);
        goto failed;
    }

    text[n] = '\0';
    text[strcspn(text, "\r\n")] = '\0';

    if (!msync_conf_is_hardware_id(text)) {
        hardware_file_fail(path, "is not right", "its first line has to be an "
                           "id of at most 64 letters, digits and the "
                           "characters - _ . :", err);
        goto failed;
    }

    strcpy(id, text);
    (void) close(fd);

    return MSYNC_OK;

failed:

    if (fd != -1) {
        (void) close(fd);
    }

    return MSYNC_ERROR;
}


/* whole or not at all, and never over one that was made meanwhile */

static int
hardware_file_make(const char *path, msync_err_t *err)
{
    int   fd, rc;
    char  name[MSYNC_PATH_MAX + 8];

    (void) snprintf(name, sizeof(name), "%s.XXXXXX", path);

    fd = mkostemp(name, O_CLOEXEC);              /* mode 0600 */

    if (fd == -1) {
        return hardware_file_fail(path, "cannot be made", strerror(errno),
                                  err);
    }

    rc = hardware_file_write(fd, name, path);

    if (rc != MSYNC_OK) {
        hardware_file_fail(path, "cannot be made", strerror(errno), err);
    }

    (void) close(fd);
    (void) unlink(name);

    return rc;
}


/* a name that is there is MSYNC_OK as well; MSYNC_ERROR with errno */

static int
hardware_file_write(int fd, const char *from, const char *to)
{
    char  uuid[HARDWARE_UUID + 2];

    if (hardware_random(uuid) != MSYNC_OK) {
        return MSYNC_ERROR;
    }

    strcpy(uuid + HARDWARE_UUID, "\n");

    if (write(fd, uuid, HARDWARE_UUID + 1) != HARDWARE_UUID + 1
        || fsync(fd) == -1)
    {
        return MSYNC_ERROR;
    }

    return link(from, to) == 0 || errno == EEXIST ? MSYNC_OK : MSYNC_ERROR;
}


static int
hardware_file_fail(const char *path, const char *what, const char *why,
    msync_err_t *err)
{
    msync_err_set(err, MSYNC_ERR_UNKNOWN, "The \"hardware_id_file\" \"%s\" "
                  "%s: %s", path, what, why);
    err->advice = HARDWARE_ADVICE;

    return MSYNC_ERROR;
}


static int
hardware_random(char uuid[HARDWARE_UUID + 1])
{
    char           hex[MSYNC_SHA256_HEX + 1];
    unsigned char  octets[32];

    if (getrandom(octets, sizeof(octets), 0) != sizeof(octets)) {
        return MSYNC_ERROR;
    }

    msync_conf_hash((char *) octets, sizeof(octets), hex);
    hardware_format(hex, uuid);

    return MSYNC_OK;
}


/* the first line of a small file, in lower case */

static bool
hardware_read(const char *root, const char *name, char *buf, size_t size)
{
    int      fd;
    char     path[4096];
    ssize_t  n;

    (void) snprintf(path, sizeof(path), "%s%s", root, name);

    fd = open(path, O_RDONLY|O_CLOEXEC|O_NONBLOCK);
    if (fd == -1) {
        return false;
    }

    n = read(fd, buf, size - 1);
    (void) close(fd);

    if (n <= 0) {
        return false;
    }

    buf[n] = '\0';
    buf[strcspn(buf, "\r\n")] = '\0';

    for ( /* void */ ; *buf; buf++) {
        *buf = (char) tolower((unsigned char) *buf);
    }

    return true;
}


static bool
hardware_machine_id(const char *root, char *buf, size_t size)
{
    return hardware_read(root, "/etc/machine-id", buf, size)
           && strlen(buf) == HARDWARE_MACHINE_ID
           && strspn(buf, "0123456789abcdef") == HARDWARE_MACHINE_ID
           && !hardware_plain(buf);
}


/* where it cannot be written systemd makes one at each start and lays it over
 * the file */

static bool
hardware_is_transient(const char *root)
{
    char         path[4096];
    struct stat  id, made;

    (void) snprintf(path, sizeof(path), "%s/etc/machine-id", root);

    if (stat(path, &id) == -1) {
        return false;
    }

    (void) snprintf(path, sizeof(path), "%s/run/machine-id", root);

    return stat(path, &made) == 0 && made.st_dev == id.st_dev
           && made.st_ino == id.st_ino;
}


static bool
hardware_firmware(const char *root, char *buf, size_t size)
{
    size_t  i;

    /* what makers write into many machines */
    static const char  *shared[] = {
        "03000200-0400-0500-0006-000700080009",
        "00020003-0004-0005-0006-000700080009",
        "12345678-1234-5678-90ab-cddeefaabbcc",
        "fefefefe-fefe-fefe-fefe-fefefefefefe"
    };

    if (!hardware_read(root, "/sys/class/dmi/id/product_uuid", buf, size)
        || strlen(buf) != HARDWARE_UUID
        || strspn(buf, "0123456789abcdef-") != HARDWARE_UUID
        || hardware_plain(buf))
    {
        return false;
    }

    for (i = 0; i < sizeof(shared) / sizeof(shared[0]); i++) {
        if (strcmp(buf, shared[i]) == 0) {
            return false;
        }
    }

    return true;
}


/* what the maker of a board has written into its device tree */

static bool
hardware_board(const char *root, char *buf, size_t size)
{
    return (hardware_read(root, "/proc/device-tree/serial-number", buf, size)
            || hardware_read(root, "/sys/firmware/devicetree/base/"
                                   "serial-number", buf, size))
           && strlen(buf) >= HARDWARE_SERIAL_MIN
           && !hardware_plain(buf);
}


/* the lowest address of all cards, or of those with hardware behind them */

static bool
hardware_card(const char *root, bool physical, char *buf, size_t size)
{
    DIR            *dir;
    bool            found;
    char            name[1024], mac[64];
    struct dirent  *entry;

    (void) snprintf(name, sizeof(name), "%s/sys/class/net", root);

    dir = opendir(name);
    if (dir == NULL) {
        return false;
    }

    found = false;

    while ((entry = readdir(dir)) != NULL) {

        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "lo") == 0) {
            continue;
        }

        (void) snprintf(name, sizeof(name), "%s/sys/class/net/%s/device",
                        root, entry->d_name);

        if (physical && access(name, F_OK) == -1) {
            continue;
        }

        (void) snprintf(name, sizeof(name), "/sys/class/net/%s/address",
                        entry->d_name);

        if (hardware_read(root, name, mac, sizeof(mac))
            && strlen(mac) == HARDWARE_MAC && !hardware_plain(mac)
            && (!found || strcmp(mac, buf) < 0))
        {
            (void) snprintf(buf, size, "%s", mac);
            found = true;
        }
    }

    (void) closedir(dir);

    return found;
}


/* Docker, Podman, and what systemd writes for whatever it runs in */

static bool
hardware_container(const char *root)
{
    size_t  i;
    char    path[4096];

    static const char  *marks[] = {
        "/.dockerenv", "/run/.containerenv", "/run/systemd/container",
        "/var/run/secrets/kubernetes.io"
    };

    for (i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
        (void) snprintf(path, sizeof(path), "%s%s", root, marks[i]);

        if (access(path, F_OK) == 0) {
            return true;
        }
    }

    return false;
}


/* all zeros or all ones: what makers leave when they write nothing */

static bool
hardware_plain(const char *text)
{
    return text[strspn(text, "0-:")] == '\0'
           || text[strspn(text, "f-:")] == '\0';
}


static void
hardware_uuid(const char *kind, const char *value,
    char uuid[HARDWARE_UUID + 1])
{
    int   n;
    char  text[512], hex[MSYNC_SHA256_HEX + 1];

    n = snprintf(text, sizeof(text), "%s%s\n%s\n", HARDWARE_LABEL, kind,
                 value);
    msync_conf_hash(text, (size_t) n, hex);
    hardware_format(hex, uuid);
}


/* version 4 and variant 1, as systemd's own derived ids have them */

static void
hardware_format(char hex[MSYNC_SHA256_HEX + 1], char uuid[HARDWARE_UUID + 1])
{
    const char  *digit;

    static const char  digits[] = "0123456789abcdef";

    digit = strchr(digits, hex[16]);

    hex[12] = '4';
    hex[16] = digits[((digit - digits) & 0x3) | 0x8];

    (void) snprintf(uuid, HARDWARE_UUID + 1, "%.8s-%.4s-%.4s-%.4s-%.12s",
                    hex, hex + 8, hex + 12, hex + 16, hex + 20);
}
