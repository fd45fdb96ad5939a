/*
 * Owns the words for what keeps a connection from being made: a name that is
 * not found, a socket that this machine does not give, a way that is closed.
 */

#include "transfer/transfer_private.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>


static int connect_local_name(const char *where, const char *source,
    msync_err_t *err);
static int connect_no_thread(const char *whom, msync_err_t *err);
static bool connect_has_local_names(const char *where, char *source,
    size_t size);
static bool connect_is_local(const char *where, bool undotted);
static int connect_no_socket(int number, const char *whom, msync_err_t *err);
static int connect_forbidden(int number, const char *whom, msync_err_t *err);


/* the helper may not speak to services of this machine, and a browser on it
 * may find the name all the same */

int
msync_transfer_error_name(const msync_transfer_attempt_t *t,
    const char *where, msync_err_t *err)
{
    int          answer;
    char         source[64];
    bool         proxy = *t->http->proxy != '\0';
    const char  *whom;

    /* libcurl looks a name up in a thread of its own */
    if (strstr(t->error, "thread")) {
        return connect_no_thread(proxy ? "the proxy" : where, err);
    }

    if (!proxy && connect_has_local_names(where, source, sizeof(source))) {
        return connect_local_name(where, source, err);
    }

    answer = msync_transfer_ask_name(t->http, proxy ? t->http->proxy : t->url);
    whom = proxy ? "of the proxy" : where;

    if (answer == EAI_AGAIN) {
        (void) msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                             "The name %s cannot be found (DNS): this machine "
                             "is offline, or its name server fails or does "
                             "not answer", whom);
        err->advice = "Check the network of this machine and the name server "
                      "in /etc/resolv.conf; where other names are found, the "
                      "name server of this one's domain fails. |It is tried "
                      "again by itself.";
        return MSYNC_ERROR;
    }

    if (answer == EAI_NODATA || answer == EAI_ADDRFAMILY) {
        (void) msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                             "The name %s cannot be found (DNS): it exists, "
                             "but has no address that this machine can use",
                             whom);
        err->advice = "Check the name; if it is right, the administrator of "
                      "its domain has to give it an address, of IPv4 where "
                      "this machine has no IPv6. |It is tried again by itself.";
        return MSYNC_ERROR;
    }

    if (proxy) {
        return msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                             "The name of the proxy cannot be found (DNS): "
                             "this machine is offline, or the proxy setting "
                             "is wrong");
    }

    if (answer == EAI_NONAME) {
        (void) msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                             "The name %s cannot be found (DNS): there is no "
                             "such name", where);
        err->advice = "Check how it is written in the settings, and whether "
                      "it is known in this network, or only in another (VPN). "
                      "|It is tried again by itself.";
        return MSYNC_ERROR;
    }

    return msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                         "The name %s cannot be found (DNS): this machine is "
                         "offline, or the name is misspelt", where);
}


static int
connect_local_name(const char *where, const char *source, msync_err_t *err)
{
    (void) msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                         "The name %s cannot be found (DNS): this machine is "
                         "offline, the name is misspelt, or only a service of "
                         "this machine knows it (\"%s\" in "
                         "/etc/nsswitch.conf), which this program does not "
                         "ask", where, source);
    err->advice = "If other programs of this machine find the name, write it "
                  "with its address into /etc/hosts; otherwise check the "
                  "network and the name. |It is tried again by itself.";
    return MSYNC_ERROR;
}


static int
connect_no_thread(const char *whom, msync_err_t *err)
{
    (void) msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                         "This machine does not let the program begin a "
                         "thread, which looks up the name of %s", whom);
    err->advice = "Allow its user, or the unit of nginx, more processes "
                  "(TasksMax=, LimitNPROC=, ulimit -u), or end what has "
                  "used them up. |It is tried again by itself.";
    return MSYNC_ERROR;
}


/* the first source of host names that is asked by a local socket */

static bool
connect_has_local_names(const char *where, char *source, size_t size)
{
    char    line[1024], *word, *rest;
    bool    found = false;
    size_t  i;
    FILE   *file;

    static const char *const  local[] = {
        "mdns", "resolve", "mymachines", "wins", "sss", "libvirt", "ldap",
        "nis"
    };

    file = fopen("/etc/nsswitch.conf", "re");

    if (file == NULL) {
        return false;
    }

    while (!found && fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "hosts:", 6) != 0) {
            continue;
        }

        line[strcspn(line, "#")] = '\0';

        for (word = strtok_r(line + 6, " \t\n", &rest);
             word != NULL && !found; word = strtok_r(NULL, " \t\n", &rest))
        {
            for (i = 0; i < sizeof(local) / sizeof(*local); i++) {
                if (strncmp(word, local[i], strlen(local[i])) == 0
                    && (i > 1 || connect_is_local(where, i == 1)))
                {
                    (void) snprintf(source, size, "%s", word);
                    found = true;
                    break;
                }
            }
        }
    }

    (void) fclose(file);

    return found;
}


/* "host" or "host:port", of a name that mdns and resolve, the first of those,
 * know by other ways than DNS; resolve also one without a dot */

static bool
connect_is_local(const char *where, bool undotted)
{
    size_t  length = strcspn(where, ":");

    length -= length > 0 && where[length - 1] == '.';

    if (undotted && memchr(where, '.', length) == NULL) {
        return true;
    }

    return length > 6 && strncasecmp(where + length - 6, ".local", 6) == 0;
}


int
msync_transfer_error_connect(const msync_transfer_attempt_t *t,
    const char *where, msync_err_t *err)
{
    bool         named;
    long         number;
    const char  *whom;

    number = 0;
    (void) curl_easy_getinfo(t->http->easy, CURLINFO_OS_ERRNO, &number);

    whom = *t->http->proxy ? "the proxy" : where;

    /* of several addresses one may have got a socket: that one tells more */
    if (number == 0 && t->no_socket != 0) {
        return connect_no_socket(t->no_socket, whom, err);
    }

    switch (number) {

    case ECONNREFUSED:
        /* the name may lead to another machine than it is thought to */
        named = *t->http->proxy == '\0' && strstr(where, t->called) == NULL;

        (void) msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                             "Connection refused by %s%s%s%s: the machine is "
                             "there, but no %s listens on that port", whom,
                             named ? " (" : "", named ? t->called : "",
                             named ? ")" : "",
                             *t->http->proxy ? "proxy" : "server");
        err->advice = *t->http->proxy
                      ? "Check the proxy setting, and that the proxy is "
                        "running. |It is tried again by itself." : NULL;
        return MSYNC_ERROR;

    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EINVAL:                  /* a route that swallows, "blackhole" */
        return msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                             "No route to %s: this machine is offline, or a "
                             "firewall blocks the way", whom);

    case EACCES:
    case EPERM:
        return connect_forbidden((int) number, whom, err);

    case EADDRNOTAVAIL:
    case ENOBUFS:
    case ENOMEM:
        return connect_no_socket((int) number, whom, err);

    case ETIMEDOUT:
        (void) msync_err_set(err, MSYNC_ERR_TIMEOUT,
                             "No connection to %s: it does not answer at all, "
                             "or a firewall drops the packets", whom);
        err->advice = MSYNC_TRANSFER_UNANSWERED;
        return MSYNC_ERROR;

    default:
        return msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                             "No connection to %s: %s", whom,
                             number ? strerror((int) number)
                             : t->error[0] ? t->error
                             : curl_easy_strerror(CURLE_COULDNT_CONNECT));
    }
}


/* what this machine itself lacks, or does not give to this program */

static int
connect_no_socket(int number, const char *whom, msync_err_t *err)
{
    switch (number) {

    case EACCES:
    case EPERM:
        return connect_forbidden(number, whom, err);

    case EMFILE:
    case ENFILE:
        (void) msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                             "This machine does not let the program open a "
                             "connection to %s: %s", whom, strerror(number));
        err->advice = "Allow more open files: LimitNOFILE= of nginx's unit, "
                      "or ulimit -n, for this program; fs.file-max for the "
                      "machine. |It is tried again by itself.";
        return MSYNC_ERROR;

    case EAFNOSUPPORT:
        (void) msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                             "This machine has no network of the kind that "
                             "the address of %s is of, or does not let the "
                             "program use it: %s", whom, strerror(number));
        err->advice = "Let RestrictAddressFamilies= of nginx's unit have "
                      "AF_UNIX, AF_INET, AF_INET6 and AF_NETLINK. Where IPv6 "
                      "is switched off, the server needs an address of IPv4. "
                      "|It is tried again by itself.";
        return MSYNC_ERROR;

    case EADDRNOTAVAIL:
        (void) msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                             "No connection to %s: this machine has no address "
                             "of its own to call it from, or no port is free: "
                             "%s", whom, strerror(number));
        return MSYNC_ERROR;

    default:
        (void) msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                             "This machine cannot open a connection to %s: "
                             "%s", whom, strerror(number));
        err->advice = "This machine lacks memory or other resources for "
                      "connections; see its log (dmesg). |It is tried again by "
                      "itself.";
        return MSYNC_ERROR;
    }
}


static int
connect_forbidden(int number, const char *whom, msync_err_t *err)
{
    (void) msync_err_set(err, MSYNC_ERR_CONNECTION_ERROR,
                         "This machine itself does not let the program "
                         "connect to %s: %s", whom,
                         number == EACCES ? "permission denied (SELinux, or "
                         "a firewall of its own)"
                         : "operation not permitted (a firewall of its own, "
                         "SELinux, or the unit of nginx)");
    err->advice = "With SELinux run \"setsebool -P "
                  "httpd_can_network_connect on\" as root; otherwise allow "
                  "outgoing connections in the firewall of this machine, and "
                  "in nginx's unit (IPAddressDeny=, SystemCallFilter=). |It is "
                  "tried again by itself.";
    return MSYNC_ERROR;
}
