/*
 * What errors and the log share; nobody else includes this.
 */

#ifndef MSYNC_BASE_PRIVATE_H
#define MSYNC_BASE_PRIVATE_H

#include "base/base.h"

/*
 * Control characters, of C1 as well, and invalid octets become "?"; a
 * character torn by the end of the text is dropped.  Returns the length.
 */
size_t msync_text_clean(char *text);

/* the longest part of at most `length` octets with no torn character at its
 * end */
size_t msync_text_cut(const char *text, size_t length);

#endif /* MSYNC_BASE_PRIVATE_H */
