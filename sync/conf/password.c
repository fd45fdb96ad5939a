/*
 * Owns the password of a site: the file that it is read from and its hash.
 * Promises that the password itself is never kept: it is zeroed as soon as it
 * is hashed.
 */

#include "conf/conf.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>


#define PASSWORD_SHA256        32             /* octets */


static void password_digest(const char *data, size_t length,
    unsigned char digest[PASSWORD_SHA256]);
static int password_open(const char *path, msync_err_t *err);
static bool password_is_closed(const char *path);
static int password_take(msync_conf_t *conf, char *text, size_t length,
    msync_err_t *err);

void
msync_conf_hash(const char *text, size_t length,
    char hex[MSYNC_SHA256_HEX + 1])
{
    size_t         i;
    unsigned char  digest[PASSWORD_SHA256];

    password_digest(text, length, digest);

    for (i = 0; i < sizeof(digest); i++) {
        (void) snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    }

    explicit_bzero(digest, sizeof(digest));
}


/* of ASCII, or U+00A0, which pages have */

bool
msync_conf_has_blank(const char *text, size_t length)
{
    return length > 0
           && (isspace((unsigned char) text[0])
               || isspace((unsigned char) text[length - 1])
               || (length > 1
                   && (memcmp(text, "\xc2\xa0", 2) == 0
                       || memcmp(text + length - 2, "\xc2\xa0", 2) == 0)));
}


void
msync_conf_advise(const msync_conf_t *conf, msync_err_t *err)
{
    bool  name, password;

    password = conf->password_blank
               && (err->variant == MSYNC_ERR_INCORRECT_PASSWORD
                   || err->variant == MSYNC_ERR_INVALID_SITE_NAME_OR_PASSWORD);
    name = conf->username != NULL
           && msync_conf_has_blank(conf->username, strlen(conf->username))
           && (err->variant == MSYNC_ERR_SITE_NAME_NOT_FOUND
               || err->variant == MSYNC_ERR_INVALID_SITE_NAME_OR_PASSWORD);

    if (name) {
        err->advice = "The site name that was given begins or ends with a "
                      "blank: enter it without, unless it has one on the "
                      "central server.";

    } else if (password) {
        err->advice = "The password that was given begins or ends with a "
                      "blank, which may have been copied with it: enter it "
                      "without, unless it has one on the central server.";
    }
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
    char     text[MSYNC_PASSWORD_MAX + 6];    /* U+FEFF, CR, LF and one too
                                                 many */
    size_t   length;
    ssize_t  n;

    fd = password_open(conf->password_file, err);
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
        rc = password_take(conf, text, length, err);
    }

    explicit_bzero(text, sizeof(text));
    (void) close(fd);

    return rc;
}


static void
password_digest(const char *data, size_t length,
    unsigned char digest[PASSWORD_SHA256])
{
    struct sha256_ctx  context;

    sha256_init(&context);
    sha256_update(&context, length, (const uint8_t *) data);
    sha256_digest(&context, PASSWORD_SHA256, digest);

    explicit_bzero(&context, sizeof(context));
}


static int
password_open(const char *path, msync_err_t *err)
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

    } else if ((st.st_mode & S_IRWXO) && !password_is_closed(path)) {
        (void) msync_err_set(err, MSYNC_ERR_INCORRECT_PASSWORD,
                             "The password file \"%s\" is open to every user "
                             "of this machine; run \"chmod o= %s\", or keep "
                             "it in a directory that is closed to others",
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
password_take(msync_conf_t *conf, char *text, size_t length,
    msync_err_t *err)
{
    char  *end;

    /* editors of Windows begin a file with U+FEFF */
    if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        length -= 3;
    }

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

    msync_conf_hash(text, length, conf->password_sha256);
    conf->password_blank = msync_conf_has_blank(text, length);

    return MSYNC_OK;
}


/*
 * Whether others cannot come as far as this file, or it lies where secrets are
 * put: mounts for those give every file one mode, often 0444.
 */

static bool
password_is_closed(const char *path)
{
    char         *slash;
    char          name[PATH_MAX];
    size_t        i;
    struct stat   st;

    static const char  *const  places[] = MSYNC_SECRETS;

    if (realpath(path, name) == NULL) {
        return false;
    }

    for (i = 0; i < sizeof(places) / sizeof(*places); i++) {
        if (strncmp(name, places[i], strlen(places[i])) == 0) {
            return true;
        }
    }

    for (slash = strrchr(name, '/'); slash && slash != name;
         slash = strrchr(name, '/'))
    {
        *slash = '\0';

        if (stat(name, &st) == 0 && !(st.st_mode & S_IXOTH)) {
            return true;
        }
    }

    return false;
}
