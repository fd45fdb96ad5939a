/*
 * $msync_state_NAME, $msync_queue_NAME, $msync_age_NAME, $msync_error_NAME,
 * where NAME is that of a site.
 */

#include "ngx_http_msync.h"


static ngx_int_t ngx_http_msync_variable_state(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_msync_variable_queue(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_msync_variable_age(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_msync_variable_error(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static msync_status_frame_t *ngx_http_msync_variable_fields(
    ngx_http_request_t *r, uintptr_t data, size_t prefix);
static ngx_int_t ngx_http_msync_variable_number(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, int64_t number);
static void ngx_http_msync_variable_text(ngx_http_variable_value_t *v,
    char *text);


/* prefixes, as $http_: a hundred sites need no larger variables_hash */

static ngx_http_variable_t  ngx_http_msync_variables[] = {

    { ngx_string("msync_state_"), NULL, ngx_http_msync_variable_state, 0,
      NGX_HTTP_VAR_NOCACHEABLE|NGX_HTTP_VAR_PREFIX, 0 },

    { ngx_string("msync_queue_"), NULL, ngx_http_msync_variable_queue, 0,
      NGX_HTTP_VAR_NOCACHEABLE|NGX_HTTP_VAR_PREFIX, 0 },

    { ngx_string("msync_age_"), NULL, ngx_http_msync_variable_age, 0,
      NGX_HTTP_VAR_NOCACHEABLE|NGX_HTTP_VAR_PREFIX, 0 },

    { ngx_string("msync_error_"), NULL, ngx_http_msync_variable_error, 0,
      NGX_HTTP_VAR_NOCACHEABLE|NGX_HTTP_VAR_PREFIX, 0 },

      ngx_http_null_variable
};


/* before the configuration is read: which sites there will be is not known */

ngx_int_t
ngx_http_msync_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_http_msync_variables; v->name.len; v++) {

        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


/* a variable of a site that is not there is a mistake */

ngx_int_t
ngx_http_msync_check_variables(ngx_conf_t *cf,
    ngx_http_msync_main_conf_t *mcf)
{
    ngx_str_t                   name;
    ngx_uint_t                  i;
    ngx_http_variable_t        *v, *var;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    var = cmcf->variables.elts;

    for (i = 0; i < cmcf->variables.nelts; i++) {

        for (v = ngx_http_msync_variables; v->name.len; v++) {

            if (var[i].name.len < v->name.len
                || var[i].get_handler
                || ngx_strncmp(var[i].name.data, v->name.data, v->name.len)
                   != 0)
            {
                continue;
            }

            name.data = var[i].name.data + v->name.len;
            name.len = var[i].name.len - v->name.len;

            if (ngx_http_msync_find_site(mcf, &name) == NULL) {
                ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                              "unknown site \"%V\" in variable \"$%V\"",
                              &name, &var[i].name);
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


/* names differ by more than case, because those of variables do */

ngx_http_msync_site_t *
ngx_http_msync_find_site(ngx_http_msync_main_conf_t *mcf, ngx_str_t *name)
{
    ngx_uint_t               i;
    ngx_http_msync_site_t  **site;

    site = mcf->sites.elts;

    for (i = 0; i < mcf->sites.nelts; i++) {

        if (site[i]->name.len == name->len
            && ngx_strncasecmp(site[i]->name.data, name->data, name->len) == 0)
        {
            return site[i];
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_msync_variable_state(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    msync_status_frame_t  *f;

    f = ngx_http_msync_variable_fields(r, data, sizeof("msync_state_") - 1);

    ngx_http_msync_variable_text(v, f ? ngx_http_msync_states[f->state] : NULL);

    return NGX_OK;
}


static ngx_int_t
ngx_http_msync_variable_queue(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    msync_status_frame_t  *f;

    f = ngx_http_msync_variable_fields(r, data, sizeof("msync_queue_") - 1);

    if (f == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    return ngx_http_msync_variable_number(r, v, f->queue);
}


static ngx_int_t
ngx_http_msync_variable_age(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    msync_status_frame_t  *f;

    f = ngx_http_msync_variable_fields(r, data, sizeof("msync_age_") - 1);

    if (f == NULL || f->last_success == 0) {
        ngx_http_msync_variable_text(v, f ? "" : NULL);
        return NGX_OK;
    }

    return ngx_http_msync_variable_number(r, v,
                                 ngx_max(ngx_time() - f->last_success, 0));
}


static ngx_int_t
ngx_http_msync_variable_error(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    char                  *error;
    msync_status_frame_t  *f;

    f = ngx_http_msync_variable_fields(r, data, sizeof("msync_error_") - 1);

    if (f == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    /* a request may keep the value for longer than the site has the error */

    error = ngx_pnalloc(r->pool, MSYNC_VARIANT_MAX);
    if (error == NULL) {
        return NGX_ERROR;
    }

    ngx_cpystrn((u_char *) error, (u_char *) f->error, MSYNC_VARIANT_MAX);
    ngx_http_msync_variable_text(v, error);

    return NGX_OK;
}


/* of the site whose name is behind the prefix; NULL: there is no such site, or
 * no memory */

static msync_status_frame_t *
ngx_http_msync_variable_fields(ngx_http_request_t *r, uintptr_t data,
    size_t prefix)
{
    ngx_str_t                   *full, name;
    ngx_http_msync_site_t       *site;
    ngx_http_msync_main_conf_t  *mcf;

    full = (ngx_str_t *) data;

    name.data = full->data + prefix;
    name.len = full->len - prefix;

    mcf = ngx_http_get_module_main_conf(r, ngx_http_msync_module);

    site = ngx_http_msync_find_site(mcf, &name);

    if (site == NULL || ngx_http_msync_status(site) == NULL) {
        return NULL;
    }

    return &site->fields;
}


static ngx_int_t
ngx_http_msync_variable_number(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, int64_t number)
{
    v->data = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (v->data == NULL) {
        return NGX_ERROR;
    }

    v->len = ngx_sprintf(v->data, "%L", number) - v->data;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static void
ngx_http_msync_variable_text(ngx_http_variable_value_t *v, char *text)
{
    if (text == NULL) {
        v->not_found = 1;
        return;
    }

    v->data = (u_char *) text;
    v->len = ngx_strlen(text);
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
}
