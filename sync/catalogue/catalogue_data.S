/* The built-in catalogue as it stands in the tree, for catalogue.c. */

        .section .rodata
        .global  msync_catalogue_json
        .global  msync_catalogue_json_length
        .balign  16
msync_catalogue_json:
        .incbin  "catalogue.json"
.Lend:
        .byte    0

        .balign  8
msync_catalogue_json_length:
        .quad    .Lend - msync_catalogue_json

        .section .note.GNU-stack, "", %progbits
