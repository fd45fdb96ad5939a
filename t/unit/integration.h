/*
 * What the tests of integration share.
 */

#ifndef MSYNC_TEST_INTEGRATION_H
#define MSYNC_TEST_INTEGRATION_H

#include "site.h"

#include "run/integrate_private.h"
#include "store/fill.h"

#define UNIT(word)                                                            \
    "{\"units\":\"" word "\",\"comment\":\"\",\"order_number\":1}"
#define CATEGORY  "{\"Description\":\"c\",\"sort_order\":1}"
#define ITEM(unit)                                                            \
    "{\"item_name\":\"i\",\"code\":\"c\",\"unit_ID\":\"" unit "\","           \
    "\"type_of\":\"general\",\"default_pack_size\":1,\"is_vaccine\":false,"   \
    "\"VEN_category\":\"\",\"strength\":\"\",\"doses\":0,"                    \
    "\"category_ID\":\"\",\"restricted_location_type_ID\":\"\","              \
    "\"volume_per_pack\":0,\"universalcodes_code\":\"\"}"

#define DIRECTION(item)                                                       \
    "{\"item_ID\":\"" item "\",\"directions\":\"d\",\"priority\":1}"

#define LOCATION                                                              \
    "{\"Description\":\"central's\",\"code\":\"c\",\"store_ID\":\"S1\","      \
    "\"hold\":false,\"type_ID\":\"\",\"Volume\":0}"


static inline msync_integrated_t
integrate(site_t *site, bool whole)
{
    msync_err_t         err;
    msync_integrated_t  result;

    assert_ok(msync_integrate(site->store, site->catalogue, whole, NULL,
                              NULL, &result, &err));
    return result;
}


/* how many of these there are: one is away while a first sync is at work */

static inline const char *
indexes(site_t *site)
{
    return site_get(site, "SELECT count(*) FROM sqlite_master WHERE type = "
                    "'index' AND name IN ('msync_sync_buffer_key', "
                    "'msync_item_line_item_ID')");
}


/* a database that is being filled by a first sync */

static inline int
open_filling(void **state)
{
    site_t      *site;
    msync_err_t  err;

    assert_int_equal(site_open(state), 0);
    site = *state;
    assert_ok(msync_store_fill_begin(site->store, &err));
    assert_true(msync_store_is_filling(site->store));

    return 0;
}


#define FILLING(name)                                                         \
    { "filling: " #name, name, open_filling, site_close, NULL }

#endif /* MSYNC_TEST_INTEGRATION_H */
