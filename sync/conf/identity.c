/*
 * Owns who this site is to central: the hash of its password and the id of
 * this machine.  Promises that the password itself is never kept: it is
 * zeroed as soon as it is hashed.
 */

#include "conf/conf.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>


#define IDENTITY_SHA256        32             /* octets */
#define IDENTITY_LABEL         "msync hardware id, version 1\n"
#define IDENTITY_MACHINE_ID    32             /* hex digits */
#define IDENTITY_MAC           17             /* 00:00:00:00:00:00 */


static void identity_sha256(const char *data, size_t length,
    unsigned char digest[IDENTITY_SHA256]);
static int identity_open(const char *path, msync_err_t *err);
static int identity_password(msync_conf_t *conf, char *text, size_t length,
    msync_err_t *err);
static bool identity_read(const char *root, const char *name, char *buf,
    size_t size);
static bool identity_machine_id(const char *root, char *buf, size_t size);
static bool identity_firmware(const char *root, char *buf, size_t size);
static bool identity_card(const char *root, bool physical, char *buf,
    size_t size);
static bool identity_plain(const char *text);
static void identity_uuid(const char *kind, const char *value,
    char uuid[37]);


void
msync_conf_hash_password(const char *password, size_t length,
    char hex[MSYNC_SHA256_HEX + 1])
{
    size_t         i;
    unsigned char  digest[IDENTITY_SHA256];

    identity_sha256(password, length, digest);

    for (i = 0; i < sizeof(digest); i++) {
        (void) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    }

    explicit_bzero(digest, sizeof(digest));
}


bool
msync_conf_is_sha256(const char *hex)
{
    return strlen(hex) == MSYNC_SHA256_HEX
           && strspn(hex, "0123456789abcdef") == MSYNC_SHA256_HEX;
}


int
msync_conf_read_password(msync_conf_t *conf, msync_err_t *err)
{
    int      fd, rc;
    char     text[MSYNC_PASSWORD_MAX + 3];    /* CR, LF and one too many */
    size_t   length;
    ssize_t  n;

    fd = identity_open(conf->password_file, err);
    if (fd == -1) {
        return MSYNC_ERROR;
    }

    length = 0;

    do {
        n = read(fd, text + length, sizeof(text) - length);
        length += n > 0 ? (size_t) n : 0;
    } while ((n > 0 && length < sizeof(text)) || (n == -1 && errno == EINTR));

    if (n == -1) {
        rc = msync_err_set(err, MSYNC_ERR_INCORRECT_PASSWORD,
                           "The password file \"%s\" cannot be read: %s",
                           conf->password_file, strerror(errno));
    } else {
        rc = identity_password(conf, text, length, err);
    }

    explicit_bzero(text, sizeof(text));
    (void) close(fd);

    return rc;
}


int
msync_conf_hardware_id(char uuid[37], msync_err_t *err)
{
    return msync_conf_hardware_id_at("", uuid, err);
}


int
msync_conf_hardware_id_at(const char *root, char uuid[37], msync_err_t *err)
{
    char  value[256];

    if (identity_machine_id(root, value, sizeof(value))) {
        identity_uuid("machine-id", value, uuid);
        return MSYNC_OK;
    }

    if (identity_firmware(root, value, sizeof(value))) {
        identity_uuid("product-uuid", value, uuid);
        return MSYNC_OK;
    }

    /* virtual cards often get a new address at each start */

    if (identity_card(root, true, value, sizeof(value))
        || identity_card(root, false, value, sizeof(value)))
    {
        identity_uuid("mac", value, uuid);
        return MSYNC_OK;
    }

    return msync_err_set(err, MSYNC_ERR_UNKNOWN,
                         "This machine has nothing that names it: "
                         "/etc/machine-id is missing or empty (run "
                         "\"systemd-machine-id-setup\" or "
                         "\"dbus-uuidgen --ensure=/etc/machine-id\" as root), "
                         "and there is neither a firmware UUID nor a network "
                         "card");
}


static void
identity_sha256(const char *data, size_t length,
    unsigned char digest[IDENTITY_SHA256])
{
    struct sha256_ctx  context;

    sha256_init(&context);
    sha256_update(&context, length, (const uint8_t *) data);
    sha256_digest(&context, IDENTITY_SHA256, digest);

    explicit_bzero(&context, sizeof(context));
}


static int
identity_open(const char *path, msync_err_t *err)
{
    int          fd;
    struct stat  st;

    if (path == NULL) {
        (void) msync_err_set(err, MSYNC_ERR_INCORRECT_PASSWORD,
                             "There is no password: enter it in the "
                             "settings, or name a \"password_file\"");
        return -1;
    }

    /* not blocking: it may be a pipe that nobody writes to */

    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd == -1 || fstat(fd, &st) == -1) {
        (void) msync_err_set(err, MSYNC_ERR_INCORRECT_PASSWORD,
                             "The password file \"%s\" cannot be opened: %s; "
                             "the user that nginx's workers run as must be "
                             "able to read it (root:www-data, 0640)",
                             path, strerror(errno));

    } else if (!S_ISREG(st.st_mode)) {
        (void) msync_err_set(err, MSYNC_ERR_INCORRECT_PASSWORD,
                             "The password file \"%s\" is not a regular file",
                             path);

    } else if (st.st_mode & S_IRWXO) {
        (void) msync_err_set(err, MSYNC_ERR_INCORRECT_PASSWORD,
                             "The password file \"%s\" is open to every user "
                             "of this machine; run \"chmod o= %s\"",
                             path, path);

    } else {
        return fd;
    }

    if (fd != -1) {
        (void) close(fd);
    }

    return -1;
}


static int
identity_password(msync_conf_t *conf, char *text, size_t length,
    msync_err_t *err)
{
    char  *end;

    end = memchr(text, '\n', length);

    if (end) {
        length = (size_t) (end - text);
    }

    if (length > 0 && text[length - 1] == '\r') {
        length--;
    }

    if (length == 0) {
        return msync_err_set(err, MSYNC_ERR_INCORRECT_PASSWORD,
                             "The first line of the password file \"%s\" is "
                             "empty; write the site's password there",
                             conf->password_file);
    }

    if (length > MSYNC_PASSWORD_MAX || memchr(text, '\0', length)) {
        return msync_err_set(err, MSYNC_ERR_INCORRECT_PASSWORD,
                             "The first line of the password file \"%s\" is "
                             "longer than %d octets or not text; write "
                             "nothing but the site's password there",
                             conf->password_file, MSYNC_PASSWORD_MAX);
    }

    msync_conf_hash_password(text, length, conf->password_sha256);

    return MSYNC_OK;
}


/* the first line of a small file */

static bool
identity_read(const char *root, const char *name, char *buf, size_t size)
{
    int      fd;
    char     path[4096];
    ssize_t  n;

    (void) snprintf(path, sizeof(path), "%s%s", root, name);

    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
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
identity_machine_id(const char *root, char *buf, size_t size)
{
    return identity_read(root, "/etc/machine-id", buf, size)
           && strlen(buf) == IDENTITY_MACHINE_ID
           && strspn(buf, "0123456789abcdef") == IDENTITY_MACHINE_ID
           && !identity_plain(buf);
}


static bool
identity_firmware(const char *root, char *buf, size_t size)
{
    return identity_read(root, "/sys/class/dmi/id/product_uuid", buf, size)
           && strlen(buf) == 36
           && strspn(buf, "0123456789abcdef-") == 36
           && !identity_plain(buf);
}


/* the lowest address of all cards, or of those with hardware behind them */

static bool
identity_card(const char *root, bool physical, char *buf, size_t size)
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

        if (identity_read(root, name, mac, sizeof(mac))
            && strlen(mac) == IDENTITY_MAC && !identity_plain(mac)
            && (!found || strcmp(mac, buf) < 0))
        {
            (void) snprintf(buf, size, "%s", mac);
            found = true;
        }
    }

    (void) closedir(dir);

    return found;
}


/* all zeros or all ones: what makers leave when they write nothing */

static bool
identity_plain(const char *text)
{
    return text[strspn(text, "0-:")] == '\0'
           || text[strspn(text, "f-:")] == '\0';
}


static void
identity_uuid(const char *kind, const char *value, char uuid[37])
{
    int            n;
    char           text[512];
    unsigned char  d[IDENTITY_SHA256];

    n = snprintf(text, sizeof(text), "%s%s\n%s\n", IDENTITY_LABEL, kind,
                 value);
    identity_sha256(text, (size_t) n, d);

    /* version 4 and variant 1, as systemd's own derived ids have them */

    d[6] = (unsigned char) ((d[6] & 0x0f) | 0x40);
    d[8] = (unsigned char) ((d[8] & 0x3f) | 0x80);

    (void) snprintf(uuid, 37,
                    "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
                    "%02x%02x%02x%02x%02x%02x",
                    d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7], d[8],
                    d[9], d[10], d[11], d[12], d[13], d[14], d[15]);
}
