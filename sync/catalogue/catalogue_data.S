/* The built-in catalogue as it stands in the tree, for catalogue.c and
 * v7_extend.c. */

        .section .rodata
        .global  msync_catalogue_json
        .global  msync_catalogue_json_length
        .global  msync_v7_json
        .global  msync_v7_json_length
        .balign  16
msync_catalogue_json:
        .incbin  "catalogue.json"
.Lend:
        .byte    0

        .balign  16
msync_v7_json:
        .incbin  "v7.json"
.Lv7_end:
        .byte    0

        .balign  8
msync_catalogue_json_length:
        .quad    .Lend - msync_catalogue_json
msync_v7_json_length:
        .quad    .Lv7_end - msync_v7_json

        .section .note.GNU-stack, "", %progbits
