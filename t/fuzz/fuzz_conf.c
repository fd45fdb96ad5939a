/*
 * The configuration frame's JSON.
 */

#include "conf/conf.h"
#include "fuzz.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char          *text;
    msync_err_t    err;
    msync_conf_t  *conf;

    text = msync_strndup((const char *) data, size);
    conf = msync_conf_create();

    (void) msync_conf_parse(conf, text, strlen(text), &err);

    msync_conf_free(&conf);
    msync_free(&text);

    return 0;
}
