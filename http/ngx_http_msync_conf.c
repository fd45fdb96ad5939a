/*
 * The checks of the files that a msync_site block names, and of the block as a
 * whole.
 */

#include "ngx_http_msync.h"


#define NGX_HTTP_MSYNC_ZONE          (256 * 1024)


static char *ngx_http_msync_conf_path(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_msync_conf_file(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_msync_conf_password(ngx_conf_t *cf, void *post,
    void *data);
static ngx_int_t ngx_http_msync_conf_file_info(ngx_conf_t *cf, ngx_str_t *path,
    ngx_file_info_t *fi);
static ngx_uint_t ngx_http_msync_conf_is_closed(ngx_str_t *path);
static void ngx_http_msync_conf_program(ngx_conf_t *cf,
    ngx_http_msync_site_t *site);
static void ngx_http_msync_conf_directory(ngx_conf_t *cf,
    ngx_http_msync_site_t *site);
static ngx_uint_t ngx_http_msync_conf_same_file(ngx_conf_t *cf, ngx_str_t *one,
    ngx_str_t *two);
static ngx_uint_t ngx_http_msync_conf_is_known(ngx_conf_t *cf,
    ngx_str_t *database);


ngx_conf_post_t  ngx_http_msync_path_post = { ngx_http_msync_conf_path };
ngx_conf_post_t  ngx_http_msync_file_post = { ngx_http_msync_conf_file };
ngx_conf_post_t  ngx_http_msync_password_post =
    { ngx_http_msync_conf_password };


/* what the helper is told is one line of UTF-8 */

static char *
ngx_http_msync_conf_path(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t  *path = data;

    if (path->len == 0) {
        return "must not be empty";
    }

    if (ngx_conf_full_name(cf->cycle, path, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return ngx_http_msync_check_text(path, MSYNC_PATH_MAX);
}


/*
 * What is wrong with a file concerns its site alone, which says so on its page:
 * it is no reason for nginx, and what else it serves, not to start.
 */

static char *
ngx_http_msync_conf_file(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t  *path = data;

    char             *rv;
    ngx_file_info_t   fi;

    rv = ngx_http_msync_conf_path(cf, NULL, path);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    (void) ngx_http_msync_conf_file_info(cf, path, &fi);

    return NGX_CONF_OK;
}


static char *
ngx_http_msync_conf_password(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t  *path = data;

    char             *rv;
    ngx_str_t        *value;
    ngx_file_info_t   fi;

    rv = ngx_http_msync_conf_path(cf, NULL, path);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    value = cf->args->elts;

    if (ngx_http_msync_conf_file_info(cf, path, &fi) == NGX_OK
        && (ngx_file_access(&fi) & S_IRWXO)
        && !ngx_http_msync_conf_is_closed(path))
    {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"%V\" file \"%V\" is open to others, its mode "
                           "should be 0640 or 0600", &value[0], path);
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_msync_conf_file_info(ngx_conf_t *cf, ngx_str_t *path,
    ngx_file_info_t *fi)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    if (ngx_file_info(path->data, fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, ngx_errno,
                           "\"%V\" " ngx_file_info_n " \"%V\" failed",
                           &value[0], path);
        return NGX_ERROR;
    }

    if (!ngx_is_file(fi)) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"%V\" \"%V\" is not a regular file",
                           &value[0], path);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* whether nobody comes as far as this file, or it is where secrets are put */

static ngx_uint_t
ngx_http_msync_conf_is_closed(ngx_str_t *path)
{
    char             *slash;
    char              name[PATH_MAX];
    ngx_uint_t        i;
    ngx_file_info_t   fi;

    static char  *places[] = MSYNC_SECRETS;

    if (realpath((char *) path->data, name) == NULL) {
        return 0;
    }

    for (i = 0; i < sizeof(places) / sizeof(char *); i++) {
        if (ngx_strncmp(name, places[i], ngx_strlen(places[i])) == 0) {
            return 1;
        }
    }

    for (slash = strrchr(name, '/'); slash && slash != name;
         slash = strrchr(name, '/'))
    {
        *slash = '\0';

        if (ngx_file_info(name, &fi) != NGX_FILE_ERROR
            && !(ngx_file_access(&fi) & S_IXOTH))
        {
            return 1;
        }
    }

    return 0;
}


/* a name that variables can have, and no other site has */

char *
ngx_http_msync_check_name(ngx_conf_t *cf, ngx_http_msync_main_conf_t *mcf,
    ngx_http_msync_site_t *site)
{
    u_char  *p, *last;

    p = site->name.data;
    last = p + site->name.len;

    if (site->name.len == 0 || site->name.len > MSYNC_SITE_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the name of a msync_site has 1 to %d characters",
                           MSYNC_SITE_MAX);
        return NGX_CONF_ERROR;
    }

    for ( /* void */ ; p < last; p++) {
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')
              || (*p >= '0' && *p <= '9') || *p == '_'))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid msync_site \"%V\", only letters, "
                               "digits and underscores are allowed",
                               &site->name);
            return NGX_CONF_ERROR;
        }
    }

    if (ngx_http_msync_find_site(mcf, &site->name)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate msync_site \"%V\"", &site->name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* what can be judged only when the whole block has been read */

char *
ngx_http_msync_check_site(ngx_conf_t *cf, ngx_http_msync_main_conf_t *mcf,
    ngx_http_msync_site_t *site)
{
    ngx_uint_t               i;
    ngx_http_msync_site_t  **other;

    if (site->database.data == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no \"database\" is defined for site \"%V\"",
                           &site->name);
        return NGX_CONF_ERROR;
    }

    if (site->password_file.data && site->password_sha256.data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "both \"password_file\" and \"password_sha256\" "
                           "are defined for site \"%V\"", &site->name);
        return NGX_CONF_ERROR;
    }

    if (site->hardware_id.data && site->hardware_id_file.data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "both \"hardware_id\" and \"hardware_id_file\" "
                           "are defined for site \"%V\"", &site->name);
        return NGX_CONF_ERROR;
    }

    other = mcf->sites.elts;

    for (i = 0; i < mcf->sites.nelts; i++) {
        if (ngx_http_msync_conf_same_file(cf, &other[i]->database,
                                          &site->database))
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"database\" \"%V\" of site \"%V\" is the one "
                               "of site \"%V\" already",
                               &site->database, &site->name, &other[i]->name);
            return NGX_CONF_ERROR;
        }
    }

    if (site->zone_size == NGX_CONF_UNSET_SIZE) {
        site->zone_size = NGX_HTTP_MSYNC_ZONE;
    }

    if (site->helper_path.data == NULL) {
        ngx_str_set(&site->helper_path, MSYNC_HELPER_PATH);
    }

    ngx_http_msync_conf_program(cf, site);
    ngx_http_msync_conf_directory(cf, site);

    return NGX_CONF_OK;
}


/* warns, as of files above */

static void
ngx_http_msync_conf_program(ngx_conf_t *cf, ngx_http_msync_site_t *site)
{
    if (access((char *) site->helper_path.data, X_OK) == -1) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, ngx_errno,
                           "\"helper\" \"%V\" of site \"%V\" cannot be run",
                           &site->helper_path, &site->name);
    }
}


/* so does this, of the directory of a database that is not known yet */

static void
ngx_http_msync_conf_directory(ngx_conf_t *cf, ngx_http_msync_site_t *site)
{
    u_char           *p, c;
    ngx_str_t         path;
    ngx_file_info_t   fi;

    path = site->database;

    if (ngx_http_msync_conf_is_known(cf, &path)) {
        return;
    }

    p = path.data + path.len;

    while (p > path.data + 1 && *p != '/') {
        p--;
    }

    /* in the root directory this is the first octet of the name */

    c = *p;
    *p = '\0';

    if (ngx_file_info(path.data, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, ngx_errno,
                           "the directory \"%s\" of the \"database\" of site "
                           "\"%V\" cannot be used", path.data, &site->name);
    }

    *p = c;
}


static ngx_uint_t
ngx_http_msync_conf_same_file(ngx_conf_t *cf, ngx_str_t *one, ngx_str_t *two)
{
    ngx_file_info_t  a, b;

    if (one->len == two->len
        && ngx_strncmp(one->data, two->data, one->len) == 0)
    {
        return 1;
    }

    if (ngx_http_msync_conf_is_known(cf, one)
        && ngx_http_msync_conf_is_known(cf, two))
    {
        return 0;
    }

    /* other ways to write the name: known once the file exists */

    if (ngx_file_info(one->data, &a) == NGX_FILE_ERROR
        || ngx_file_info(two->data, &b) == NGX_FILE_ERROR)
    {
        return 0;
    }

    return (a.st_dev == b.st_dev && ngx_file_uniq(&a) == ngx_file_uniq(&b));
}


/*
 * Whether the configuration that is left behind has the database, too.  Then
 * nothing is asked of its disk: where that does not answer any more the helper
 * alone hangs, but a master process would with all of nginx.
 */

static ngx_uint_t
ngx_http_msync_conf_is_known(ngx_conf_t *cf, ngx_str_t *database)
{
    ngx_uint_t                   i;
    ngx_cycle_t                 *old;
    ngx_http_msync_site_t      **site;
    ngx_http_msync_main_conf_t  *mcf;

    old = cf->cycle->old_cycle;

    if (ngx_is_init_cycle(old)) {
        return 0;
    }

    /* a module that has come since has no place there */

    for (i = 0; old->modules[i] != &ngx_http_msync_module; i++) {
        if (old->modules[i] == NULL) {
            return 0;
        }
    }

    mcf = ngx_http_cycle_get_module_main_conf(old, ngx_http_msync_module);

    for (i = 0; mcf && i < mcf->sites.nelts; i++) {
        site = mcf->sites.elts;

        if (site[i]->database.len == database->len
            && ngx_memcmp(site[i]->database.data, database->data,
                          database->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}
