/*
 * The module: directives, configuration and life of the processes.
 *
 * msync_site blocks name the sites; msync, msync_status, msync_trigger,
 * msync_events and msync_metrics give locations to their endpoints.
 */

#include "http/ngx_http_msync.h"


/*
 * The parameters of a msync_site block are ordinary commands that are valid
 * nowhere else; the bit is one that no type of nginx uses.  NGX_MAIN_CONF
 * beside it allows `include` and nothing more in the block.
 */

#define NGX_HTTP_MSYNC_CONF  0x00800000


static ngx_int_t ngx_http_msync_init_module(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_msync_init_process(ngx_cycle_t *cycle);
static void ngx_http_msync_exit_process(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_msync_init(ngx_conf_t *cf);
static void *ngx_http_msync_create_main_conf(ngx_conf_t *cf);
static void *ngx_http_msync_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_msync_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static char *ngx_http_msync_site_block(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_http_msync_site_t *ngx_http_msync_create_site(ngx_conf_t *cf,
    ngx_str_t *name);
static char *ngx_http_msync_location(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#define ngx_http_msync_parameter(name, type, set, field, post)                \
    { ngx_string(name),                                                       \
      NGX_HTTP_MSYNC_CONF|type,                                               \
      set,                                                                    \
      NGX_HTTP_LOC_CONF_OFFSET,                                               \
      offsetof(ngx_http_msync_site_t, field),                                 \
      post }


/* what a location can be, in the offset of its command */

#define NGX_HTTP_MSYNC_API      0
#define NGX_HTTP_MSYNC_STATUS   1
#define NGX_HTTP_MSYNC_TRIGGER  2
#define NGX_HTTP_MSYNC_EVENTS   3
#define NGX_HTTP_MSYNC_METRICS  4


static ngx_http_handler_pt  ngx_http_msync_handlers[] = {
    ngx_http_msync_api_handler,
    ngx_http_msync_status_handler,
    ngx_http_msync_trigger_handler,
    ngx_http_msync_events_handler,
    ngx_http_msync_metrics_handler
};


static ngx_command_t  ngx_http_msync_commands[] = {

    { ngx_string("msync_site"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_BLOCK|NGX_CONF_TAKE1,
      ngx_http_msync_site_block,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("msync"),
      NGX_HTTP_LOC_CONF|NGX_HTTP_LIF_CONF|NGX_CONF_TAKE1,
      ngx_http_msync_location,
      NGX_HTTP_LOC_CONF_OFFSET,
      NGX_HTTP_MSYNC_API,
      NULL },

    { ngx_string("msync_status"),
      NGX_HTTP_LOC_CONF|NGX_HTTP_LIF_CONF|NGX_CONF_TAKE1,
      ngx_http_msync_location,
      NGX_HTTP_LOC_CONF_OFFSET,
      NGX_HTTP_MSYNC_STATUS,
      NULL },

    { ngx_string("msync_trigger"),
      NGX_HTTP_LOC_CONF|NGX_HTTP_LIF_CONF|NGX_CONF_TAKE1,
      ngx_http_msync_location,
      NGX_HTTP_LOC_CONF_OFFSET,
      NGX_HTTP_MSYNC_TRIGGER,
      NULL },

    { ngx_string("msync_events"),
      NGX_HTTP_LOC_CONF|NGX_HTTP_LIF_CONF|NGX_CONF_TAKE1,
      ngx_http_msync_location,
      NGX_HTTP_LOC_CONF_OFFSET,
      NGX_HTTP_MSYNC_EVENTS,
      NULL },

    { ngx_string("msync_metrics"),
      NGX_HTTP_LOC_CONF|NGX_HTTP_LIF_CONF|NGX_CONF_NOARGS,
      ngx_http_msync_location,
      NGX_HTTP_LOC_CONF_OFFSET,
      NGX_HTTP_MSYNC_METRICS,
      NULL },

    ngx_http_msync_parameter("zone", NGX_CONF_TAKE1,
                             ngx_conf_set_size_slot, zone_size,
                             &ngx_http_msync_zone_post),

    ngx_http_msync_parameter("database", NGX_CONF_TAKE1,
                             ngx_conf_set_str_slot, database,
                             &ngx_http_msync_path_post),

    ngx_http_msync_parameter("url", NGX_CONF_TAKE1,
                             ngx_conf_set_str_slot, url,
                             &ngx_http_msync_url_post),

    ngx_http_msync_parameter("username", NGX_CONF_TAKE1,
                             ngx_conf_set_str_slot, username,
                             &ngx_http_msync_username_post),

    ngx_http_msync_parameter("password_file", NGX_CONF_TAKE1,
                             ngx_conf_set_str_slot, password_file,
                             &ngx_http_msync_password_post),

    ngx_http_msync_parameter("password_sha256", NGX_CONF_TAKE1,
                             ngx_conf_set_str_slot, password_sha256,
                             &ngx_http_msync_sha256_post),

    ngx_http_msync_parameter("interval", NGX_CONF_TAKE1,
                             ngx_conf_set_sec_slot, interval,
                             &ngx_http_msync_interval_post),

    ngx_http_msync_parameter("batch_size", NGX_CONF_1MORE,
                             ngx_http_msync_batch_size, push, NULL),

    ngx_http_msync_parameter("tables", NGX_CONF_TAKE1,
                             ngx_conf_set_str_slot, tables,
                             &ngx_http_msync_file_post),

    ngx_http_msync_parameter("connect_timeout", NGX_CONF_TAKE1,
                             ngx_conf_set_msec_slot, connect_timeout,
                             &ngx_http_msync_timeout_post),

    ngx_http_msync_parameter("read_timeout", NGX_CONF_TAKE1,
                             ngx_conf_set_msec_slot, read_timeout,
                             &ngx_http_msync_timeout_post),

    ngx_http_msync_parameter("ssl_verify", NGX_CONF_FLAG,
                             ngx_conf_set_flag_slot, ssl_verify, NULL),

    ngx_http_msync_parameter("ssl_trusted_certificate", NGX_CONF_TAKE1,
                             ngx_conf_set_str_slot, ssl_trusted_certificate,
                             &ngx_http_msync_file_post),

    ngx_http_msync_parameter("proxy", NGX_CONF_TAKE1,
                             ngx_conf_set_str_slot, proxy,
                             &ngx_http_msync_proxy_post),

    ngx_http_msync_parameter("max_response", NGX_CONF_TAKE1,
                             ngx_conf_set_off_slot, max_response,
                             &ngx_http_msync_response_post),

    ngx_http_msync_parameter("limit_rate", NGX_CONF_TAKE1,
                             ngx_conf_set_off_slot, limit_rate,
                             &ngx_http_msync_rate_post),

    ngx_http_msync_parameter("hardware_id", NGX_CONF_TAKE1,
                             ngx_conf_set_str_slot, hardware_id,
                             &ngx_http_msync_hardware_id_post),

    ngx_http_msync_parameter("hardware_id_file", NGX_CONF_TAKE1,
                             ngx_conf_set_str_slot, hardware_id_file,
                             &ngx_http_msync_path_post),

    ngx_http_msync_parameter("protocol", NGX_CONF_TAKE1,
                             ngx_http_msync_protocol, protocol, NULL),

    ngx_http_msync_parameter("changelog_keep", NGX_CONF_TAKE1,
                             ngx_conf_set_sec_slot, changelog_keep,
                             &ngx_http_msync_changelog_keep_post),

    ngx_http_msync_parameter("helper", NGX_CONF_TAKE1,
                             ngx_conf_set_str_slot, helper_path,
                             &ngx_http_msync_path_post),

      ngx_null_command
};


static ngx_http_module_t  ngx_http_msync_module_ctx = {
    ngx_http_msync_add_variables,          /* preconfiguration */
    ngx_http_msync_init,                   /* postconfiguration */

    ngx_http_msync_create_main_conf,       /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_msync_create_loc_conf,        /* create location configuration */
    ngx_http_msync_merge_loc_conf          /* merge location configuration */
};


ngx_module_t  ngx_http_msync_module = {
    NGX_MODULE_V1,
    &ngx_http_msync_module_ctx,            /* module context */
    ngx_http_msync_commands,               /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_http_msync_init_module,            /* init module */
    ngx_http_msync_init_process,           /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_msync_exit_process,           /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_http_msync_init_module(ngx_cycle_t *cycle)
{
    ngx_uint_t                    i;
    ngx_http_msync_site_t       **site;
    ngx_http_msync_main_conf_t   *mcf;

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_msync_module);

    if (mcf == NULL || mcf->sites.nelts == 0 || ngx_test_config) {
        return NGX_OK;
    }

    /* from here on this configuration is the one that counts */

    site = mcf->sites.elts;

    for (i = 0; i < mcf->sites.nelts; i++) {
        ngx_http_msync_zone_inherit(site[i]);
        ngx_http_msync_zone_accept(site[i]);
    }

    return ngx_http_msync_doorbell_create(cycle);
}


static ngx_int_t
ngx_http_msync_init_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                    i;
    ngx_http_msync_site_t       **site;
    ngx_http_msync_main_conf_t   *mcf;

    /* the processes of the cache come here as well */

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_msync_module);

    if (mcf == NULL || mcf->sites.nelts == 0) {
        return NGX_OK;
    }

    mcf->owner = (ngx_process == NGX_PROCESS_SINGLE || ngx_worker == 0);

    if (ngx_http_msync_doorbell_listen(cycle, mcf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!mcf->owner) {
        return NGX_OK;
    }

    ngx_http_msync_child_init(mcf);

    site = mcf->sites.elts;

    for (i = 0; i < mcf->sites.nelts; i++) {

        /* many helpers do not start at the same moment */

        ngx_http_msync_helper_init(site[i], 1 + i * 5);
    }

    return NGX_OK;
}


static void
ngx_http_msync_exit_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                    i;
    ngx_http_msync_site_t       **site;
    ngx_http_msync_main_conf_t   *mcf;

    ngx_http_msync_child_exit();

    mcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_msync_module);

    if (mcf == NULL) {
        return;
    }

    site = mcf->sites.elts;

    for (i = 0; i < mcf->sites.nelts; i++) {
        ngx_http_msync_status_exit(site[i]);
    }
}


static ngx_int_t
ngx_http_msync_init(ngx_conf_t *cf)
{
    ngx_uint_t                     i;
    ngx_http_msync_endpoint_t    **ep;
    ngx_http_msync_main_conf_t    *mcf;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_msync_module);

    ep = mcf->endpoints.elts;

    for (i = 0; i < mcf->endpoints.nelts; i++) {

        ep[i]->site = ngx_http_msync_find_site(mcf, &ep[i]->name);

        if (ep[i]->site == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "unknown site \"%V\" in \"%V\" directive in %V:%ui",
                          &ep[i]->name, &ep[i]->directive, &ep[i]->file,
                          ep[i]->line);
            return NGX_ERROR;
        }
    }

    return ngx_http_msync_check_variables(cf, mcf);
}


static void *
ngx_http_msync_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_msync_main_conf_t  *mcf;

    mcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_msync_main_conf_t));
    if (mcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&mcf->sites, cf->pool, 4,
                       sizeof(ngx_http_msync_site_t *))
        != NGX_OK)
    {
        return NULL;
    }

    if (ngx_array_init(&mcf->endpoints, cf->pool, 4,
                       sizeof(ngx_http_msync_endpoint_t *))
        != NGX_OK)
    {
        return NULL;
    }

    return mcf;
}


static void *
ngx_http_msync_create_loc_conf(ngx_conf_t *cf)
{
    /*
     * set by ngx_pcalloc():
     *
     *     conf->endpoint = NULL;
     */

    return ngx_pcalloc(cf->pool, sizeof(ngx_http_msync_loc_conf_t));
}


static char *
ngx_http_msync_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_msync_loc_conf_t *prev = parent;
    ngx_http_msync_loc_conf_t *conf = child;

    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (conf->endpoint || (clcf->noname && prev->endpoint)) {

        /* a body beyond our own limit is refused with our own words */

        if (clcf->client_max_body_size > NGX_HTTP_MSYNC_BODY_MAX) {
            clcf->client_max_body_size = 0;
        }
    }

    /* `if` and `limit_except` blocks are nameless parts of their location */

    if (clcf->noname && conf->endpoint == NULL) {
        conf->endpoint = prev->endpoint;

        /* nginx hands the content handler on to `if` alone */

        if (clcf->lmt_excpt && clcf->handler == NULL && conf->endpoint) {
            clcf->handler = conf->endpoint->handler;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_msync_site_block(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_msync_main_conf_t *mcf = conf;

    char                    *rv;
    ngx_str_t               *value;
    ngx_conf_t               save;
    ngx_http_conf_ctx_t     *ctx;
    ngx_http_msync_site_t   *site, **elt;

    value = cf->args->elts;

    site = ngx_http_msync_create_site(cf, &value[1]);
    if (site == NULL) {
        return NGX_CONF_ERROR;
    }

    rv = ngx_http_msync_check_name(cf, mcf, site);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    ctx = ngx_pcalloc(cf->pool, sizeof(ngx_http_conf_ctx_t));
    if (ctx == NULL) {
        return NGX_CONF_ERROR;
    }

    ctx->loc_conf = ngx_pcalloc(cf->pool, sizeof(void *) * ngx_http_max_module);
    if (ctx->loc_conf == NULL) {
        return NGX_CONF_ERROR;
    }

    ctx->loc_conf[ngx_http_msync_module.ctx_index] = site;

    save = *cf;
    cf->ctx = ctx;
    cf->cmd_type = NGX_HTTP_MSYNC_CONF|NGX_MAIN_CONF;

    rv = ngx_conf_parse(cf, NULL);

    *cf = save;

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rv = ngx_http_msync_check_site(cf, mcf, site);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    elt = ngx_array_push(&mcf->sites);
    if (elt == NULL) {
        return NGX_CONF_ERROR;
    }

    *elt = site;

    return ngx_http_msync_add_zone(cf, site);
}


static ngx_http_msync_site_t *
ngx_http_msync_create_site(ngx_conf_t *cf, ngx_str_t *name)
{
    ngx_http_msync_site_t  *site;

    site = ngx_pcalloc(cf->pool, sizeof(ngx_http_msync_site_t));
    if (site == NULL) {
        return NULL;
    }

    site->name = *name;

    site->zone_size = NGX_CONF_UNSET_SIZE;
    site->interval = NGX_CONF_UNSET;
    site->push = NGX_CONF_UNSET;
    site->remote_pull = NGX_CONF_UNSET;
    site->central_pull = NGX_CONF_UNSET;
    site->connect_timeout = NGX_CONF_UNSET_MSEC;
    site->read_timeout = NGX_CONF_UNSET_MSEC;
    site->ssl_verify = NGX_CONF_UNSET;
    site->max_response = NGX_CONF_UNSET;
    site->limit_rate = NGX_CONF_UNSET;
    site->changelog_keep = NGX_CONF_UNSET;

    ngx_queue_init(&site->polls);
    ngx_queue_init(&site->answers);
    ngx_queue_init(&site->streams);

    return site;
}


static char *
ngx_http_msync_location(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_msync_loc_conf_t *mlcf = conf;

    ngx_str_t                    *value;
    ngx_http_core_loc_conf_t     *clcf;
    ngx_http_msync_endpoint_t    *ep, **elt;
    ngx_http_msync_main_conf_t   *mcf;

    if (mlcf->endpoint) {
        return "is duplicate";
    }

    ep = ngx_pcalloc(cf->pool, sizeof(ngx_http_msync_endpoint_t));
    if (ep == NULL) {
        return NGX_CONF_ERROR;
    }

    ep->handler = ngx_http_msync_handlers[cmd->offset];

    mlcf->endpoint = ep;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ep->handler;

    if (cf->args->nelts == 1) {
        return NGX_CONF_OK;
    }

    /* the block of the site may stand further down: see postconfiguration */

    value = cf->args->elts;

    ep->name = value[1];
    ep->directive = cmd->name;
    ep->file = cf->conf_file->file.name;
    ep->line = cf->conf_file->line;

    mcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_msync_module);

    elt = ngx_array_push(&mcf->endpoints);
    if (elt == NULL) {
        return NGX_CONF_ERROR;
    }

    *elt = ep;

    return NGX_CONF_OK;
}
