/*
 * TLS against "openssl s_server": each reason for which a certificate is
 * refused has its own words, and nothing is sent to such a server.
 */

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "central.h"
#include "base/log.h"


#define DAY  (24L * 3600)


typedef struct {
    char               dir[64];
    char               cert[96];
    char               key[96];
    char               url[64];
    pid_t              pid;
    FILE              *out;
    msync_conf_t      *conf;
    msync_transfer_t  *http;
} tls_t;


static int
setup(void **state)
{
    tls_t  *t;

    msync_log_set_level(MSYNC_LOG_ERR);

    t = calloc(1, sizeof(*t));
    strcpy(t->dir, "/tmp/msync-tls-XXXXXX");
    t->conf = msync_conf_create();
    *state = t;

    return mkdtemp(t->dir) ? 0 : -1;
}


static int
teardown(void **state)
{
    char    command[128];
    tls_t  *t = *state;

    if (t->pid > 0) {
        kill(t->pid, SIGKILL);
        waitpid(t->pid, NULL, 0);
        fclose(t->out);
    }

    msync_transfer_free(&t->http);
    msync_conf_free(&t->conf);
    snprintf(command, sizeof(command), "rm -rf '%s'", t->dir);
    free(t);

    return system(command);
}


/* a certificate that signs itself, valid between two times from now */

static void
certificate(tls_t *t, const char *name, long from, long to, const char *san)
{
    FILE            *f;
    X509            *x;
    EVP_PKEY        *key;
    X509_NAME       *subject;
    X509_EXTENSION  *extension;

    snprintf(t->cert, sizeof(t->cert), "%s/%s.crt", t->dir, name);
    snprintf(t->key, sizeof(t->key), "%s/%s.key", t->dir, name);

    key = EVP_EC_gen("P-256");
    x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), from);
    X509_gmtime_adj(X509_getm_notAfter(x), to);
    X509_set_pubkey(x, key);

    subject = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               (const unsigned char *) name, -1, -1, 0);
    X509_set_issuer_name(x, subject);
    extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, san);
    X509_add_ext(x, extension, -1);
    X509_EXTENSION_free(extension);
    assert_true(X509_sign(x, key, EVP_sha256()) > 0);

    f = fopen(t->cert, "w");
    PEM_write_X509(f, x);
    fclose(f);
    f = fopen(t->key, "w");
    PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
    fclose(f);

    X509_free(x);
    EVP_PKEY_free(key);
}


static void
serve(tls_t *t)
{
    int       fds[2];
    char      line[256];
    unsigned  port = 0;

    assert_int_equal(pipe(fds), 0);
    t->pid = fork();

    if (t->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(fds[1], 1);
        dup2(open("/dev/null", O_RDWR), 2);
        close(fds[0]);
        close(fds[1]);
        execlp("openssl", "openssl", "s_server", "-accept", "127.0.0.1:0",
               "-cert", t->cert, "-key", t->key, "-www", (char *) NULL);
        _exit(127);
    }

    close(fds[1]);
    t->out = fdopen(fds[0], "r");

    while (port == 0 && fgets(line, sizeof(line), t->out)) {
        (void) sscanf(line, "ACCEPT 127.0.0.1:%u", &port);
    }

    assert_true(port != 0);
    snprintf(t->url, sizeof(t->url), "https://127.0.0.1:%u/", port);
}


static int
ask(tls_t *t, msync_err_t *err)
{
    int                        rc;
    msync_transfer_response_t  res;
    msync_transfer_request_t   req = { .method = "GET", .url = t->url };

    msync_transfer_free(&t->http);
    t->http = msync_transfer_create(t->conf, HWID, -1, NULL, NULL, err);
    assert_non_null(t->http);
    msync_transfer_set_base(t->http, 1);

    rc = msync_transfer_request(t->http, &req, &res, err);
    rc = rc == MSYNC_OK ? res.status : rc;
    msync_transfer_response_clear(&res);

    return rc;
}


static void
trust(tls_t *t)
{
    msync_free(&t->conf->ssl_trusted_certificate);
    t->conf->ssl_trusted_certificate = msync_strdup(t->cert);
}


static void
test_trusted(void **state)
{
    tls_t        *t = *state;
    msync_err_t   err;

    certificate(t, "good", -DAY, DAY, "IP:127.0.0.1");
    trust(t);
    serve(t);
    assert_int_equal(ask(t, &err), 200);
}


static void
test_expired(void **state)
{
    tls_t        *t = *state;
    msync_err_t   err;

    certificate(t, "old", -2 * DAY, -DAY, "IP:127.0.0.1");
    trust(t);
    serve(t);
    assert_failed(ask(t, &err), err, TLS_ERROR,
                  "has expired, or the clock of this machine is wrong: it "
                  "says 2");
}


static void
test_not_valid_yet(void **state)
{
    tls_t        *t = *state;
    msync_err_t   err;

    certificate(t, "new", DAY, 2 * DAY, "IP:127.0.0.1");
    trust(t);
    serve(t);
    assert_failed(ask(t, &err), err, TLS_ERROR, "is not valid yet, or the "
                  "clock of this machine");
}


static void
test_other_name(void **state)
{
    tls_t        *t = *state;
    msync_err_t   err;

    certificate(t, "other", -DAY, DAY, "DNS:other.example.org");
    trust(t);
    serve(t);
    assert_failed(ask(t, &err), err, TLS_ERROR, "is made for another name");
}


static void
test_not_trusted(void **state)
{
    tls_t        *t = *state;
    msync_err_t   err;

    certificate(t, "mine", -DAY, DAY, "IP:127.0.0.1");
    trust(t);
    certificate(t, "theirs", -DAY, DAY, "IP:127.0.0.1");
    serve(t);
    assert_failed(ask(t, &err), err, TLS_ERROR, "is not trusted (");
    assert_has(err.text, "ssl_trusted_certificate");

    t->conf->ssl_verify = false;
    assert_int_equal(ask(t, &err), 200);
}


/* a server that prefers HTTP/2 where it is offered */

static int
prefer_http_2(SSL *ssl, const unsigned char **out, unsigned char *length,
    const unsigned char *in, unsigned size, void *arg)
{
    static const unsigned char  order[] = "\x02h2\x08http/1.1";

    (void) ssl;
    (void) arg;

    return SSL_select_next_proto((unsigned char **) out, length, order,
                                 sizeof(order) - 1, in, size)
           == OPENSSL_NPN_NEGOTIATED
           ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}


/* … says "octets" by HTTP/2, and answers by HTTP/1.1 as it should */

static void
answer_by_version(tls_t *t, int fd, const char *octets)
{
    int                   peer;
    SSL                  *ssl;
    char                  request[4096];
    unsigned              length;
    SSL_CTX              *ctx;
    const char           *said;
    const unsigned char  *name;

    ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate_file(ctx, t->cert, SSL_FILETYPE_PEM);
    SSL_CTX_use_PrivateKey_file(ctx, t->key, SSL_FILETYPE_PEM);
    SSL_CTX_set_alpn_select_cb(ctx, prefer_http_2, NULL);
    signal(SIGPIPE, SIG_IGN);

    while ((peer = accept(fd, NULL, NULL)) != -1) {
        ssl = SSL_new(ctx);
        SSL_set_fd(ssl, peer);

        if (SSL_accept(ssl) == 1
            && SSL_read(ssl, request, sizeof(request)) > 0)
        {
            SSL_get0_alpn_selected(ssl, &name, &length);
            said = length == 2 ? octets : "HTTP/1.1 200 OK\r\n"
                                          "Content-Length: 2\r\n\r\n{}";
            (void) SSL_write(ssl, said, (int) strlen(said));
            (void) SSL_shutdown(ssl);
        }

        SSL_free(ssl);
        close(peer);
    }
}


static void
serve_by_version(tls_t *t, const char *octets)
{
    int                 fd;
    socklen_t           size;
    struct sockaddr_in  address = { .sin_family = AF_INET };

    size = sizeof(address);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *) &address, size), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *) &address, &size), 0);
    snprintf(t->url, sizeof(t->url), "https://127.0.0.1:%u/",
             ntohs(address.sin_port));

    t->out = tmpfile();
    t->pid = fork();

    if (t->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        answer_by_version(t, fd, octets);
        _exit(0);
    }

    close(fd);
}


static void
test_http_2_that_does_not_work(void **state)
{
    tls_t        *t = *state;
    msync_err_t   err;

    certificate(t, "good", -DAY, DAY, "IP:127.0.0.1");
    trust(t);
    serve_by_version(t, "HTTP/1.1 400 Bad Request\r\n\r\n");
    assert_int_equal(ask(t, &err), 200);
}


static void
test_trusted_file_without_certificates(void **state)
{
    FILE         *f;
    tls_t        *t = *state;
    msync_err_t   err;

    certificate(t, "good", -DAY, DAY, "IP:127.0.0.1");
    serve(t);
    snprintf(t->cert, sizeof(t->cert), "%s/empty", t->dir);
    f = fopen(t->cert, "w");
    fputs("nothing\n", f);
    fclose(f);
    trust(t);
    assert_failed(ask(t, &err), err, TLS_ERROR, "cannot be read; check "
                  "ssl_trusted_certificate");
}


#define EACH(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest  tests[] = {
        EACH(test_trusted),
        EACH(test_expired),
        EACH(test_not_valid_yet),
        EACH(test_other_name),
        EACH(test_not_trusted),
        EACH(test_trusted_file_without_certificates),
        EACH(test_http_2_that_does_not_work),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
