/*
 * Memory of the documents that a catalogue is read from: some 60,000 small
 * pieces, which all go at once when it is made.
 *
 * Promises: between msync_arena_begin and msync_arena_end what cJSON makes
 * lies in blocks, and freeing a piece of it does nothing; what is made in
 * between must not be used afterwards.
 */

#include <stdlib.h>

#include "catalogue/catalogue_private.h"

#define ARENA_BLOCK  (64 * 1024)       /* octets */


typedef struct arena_block_s {
    struct arena_block_s  *next;       /* owned */
    max_align_t            octets[];
} arena_block_t;


static void *arena_alloc(size_t size);
static void arena_free(void *p);


static arena_block_t  *arena_blocks;   /* owned, the newest first */
static char           *arena_at;       /* in the newest block */
static size_t          arena_left;     /* octets behind it */


static void *
arena_alloc(size_t size)
{
    void           *p;
    size_t          whole;
    arena_block_t  *block;

    if (size > SIZE_MAX - ARENA_BLOCK) {
        msync_out_of_memory();
    }

    size = (size + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);

    if (size > arena_left) {
        whole = size > ARENA_BLOCK ? size : ARENA_BLOCK;
        block = msync_alloc(sizeof(arena_block_t) + whole);
        block->next = arena_blocks;
        arena_blocks = block;
        arena_at = (char *) block->octets;
        arena_left = whole;
    }

    p = arena_at;
    arena_at += size;
    arena_left -= size;

    return p;
}


static void
arena_free(void *p)
{
    (void) p;
}


void
msync_arena_begin(void)
{
    cJSON_Hooks  hooks = { arena_alloc, arena_free };

    cJSON_InitHooks(&hooks);
}


void
msync_arena_end(void)
{
    cJSON_Hooks     hooks = { msync_alloc, free };
    arena_block_t  *block;

    while (arena_blocks != NULL) {
        block = arena_blocks;
        arena_blocks = block->next;
        free(block);
    }

    arena_at = NULL;
    arena_left = 0;
    cJSON_InitHooks(&hooks);
}
