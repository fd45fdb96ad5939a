/*
 * A page of docs/ that a test prints: it has to be there as the test prints
 * it.  "make docs" writes it, with MSYNC_DOCS_WRITE in the environment.
 */

#ifndef MSYNC_TEST_DOCUMENT_H
#define MSYNC_TEST_DOCUMENT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DOCUMENT_MAX  65536        /* octets */


static void
document_is(const char *path, const char *text)
{
    char   *there;
    FILE   *file;
    size_t  n;

    if (getenv("MSYNC_DOCS_WRITE") != NULL) {
        file = fopen(path, "w");
        assert_non_null(file);
        fputs(text, file);
        assert_int_equal(fclose(file), 0);
    }

    file = fopen(path, "r");
    assert_non_null(file);
    there = calloc(1, DOCUMENT_MAX);
    assert_non_null(there);
    n = fread(there, 1, DOCUMENT_MAX - 1, file);
    fclose(file);
    assert_true(n < DOCUMENT_MAX - 1);

    if (strcmp(there, text) != 0) {
        free(there);
        fail_msg("%s is not what the code says: \"make docs\" writes it",
                 path);
    }

    free(there);
}

#endif /* MSYNC_TEST_DOCUMENT_H */
