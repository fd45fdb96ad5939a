/* The built-in catalogue as it stands in the tree, for catalogue.c. */

        .section .rodata
        .global  msync_catalogue_json
        .global  msync_catalogue_json_end
        .balign  16
msync_catalogue_json:
        .incbin  "catalogue.json"
msync_catalogue_json_end:
        .byte    0

        .section .note.GNU-stack, "", %progbits
