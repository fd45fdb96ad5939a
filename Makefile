# msync: "make" builds the nginx module and the helper into build/,
# "make run" starts the demo, "make test" runs every test.

PREFIX    ?= /usr
DESTDIR   ?=
PORT      ?= 8080
NGINX     ?= nginx
NGINX_SRC ?=

B := build

# make has a compiler of its own, which "?=" leaves as it is

ifeq ($(origin CC),default)
CC := gcc
endif

CFLAGS  ?= -O2 -g
WARN    := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes \
           -Wmissing-prototypes -Wpointer-arith -Wformat-security
HARDEN  := -fstack-protector-strong -fPIE
CSTD    := -std=gnu11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64
SAN     ?=

EXTRA   ?=

LIBS    := $(shell pkg-config --libs libcurl sqlite3 libcjson nettle zlib \
             2>/dev/null) -lm $(EXTRA)

SRC  := $(wildcard sync/*/*.c)
HDR  := $(wildcard sync/*/*.h)
DATA := $(B)/sync/catalogue/catalogue_data.o
OBJ  := $(SRC:sync/%.c=$(B)/sync/%.o) $(DATA)
UNIT := $(patsubst t/unit/%.c,%,$(wildcard t/unit/test_*.c))

.PHONY: interop all always analysis deps module helper faults run test check \
        unit unit-build docs deb soak test-matrix cross sanitize lint fuzz \
        fuzz-build browser-test screenshots bench bench-long install clean

all: deps
	@$(MAKE) --no-print-directory module helper

helper: $(B)/msync ; @:
module: $(B)/ngx_http_msync_module.so ; @:


# what is missing is installed; nothing is asked of the network when nothing
# is missing

deps:
	@t/tools/deps build

COMPILE := $(CSTD) $(CFLAGS) $(WARN) $(HARDEN) $(SAN) -iquote sync

# What gcc's analyzer says of a source is in its .analysis, which is empty where
# that is nothing.  The analyzer has to compile, too: with ANALYZE the object
# comes of the same run, or of another where the analyzer found something.
# gcc 12's leaks are guesses; the sanitizers count the true ones.

ANALYSIS := $(patsubst sync/%.c,$(B)/sync/%.analysis,$(SRC) sync/main.c)
ANALYZER := -fanalyzer -Wno-analyzer-malloc-leak

ifeq ($(ANALYZE):$(CC):$(CFLAGS):$(SAN),1:gcc:-O2 -g:)

$(B)/sync/%.o $(B)/sync/%.analysis: sync/%.c $(HDR) Makefile
	@mkdir -p $(@D)
	gcc $(COMPILE) $(ANALYZER) -c $< -o $(B)/sync/$*.o \
	    2>$(B)/sync/$*.analysis || gcc $(COMPILE) -c $< -o $(B)/sync/$*.o

else

$(B)/sync/%.o: sync/%.c $(HDR) Makefile
	@mkdir -p $(@D)
	$(CC) $(COMPILE) -c $< -o $@

$(B)/sync/%.analysis: sync/%.c $(HDR) Makefile
	@mkdir -p $(@D)
	gcc $(CSTD) -O2 $(WARN) $(HARDEN) $(ANALYZER) -iquote sync -S $< \
	    -o /dev/null 2>$@ || :

endif

# all that it says; an error if that is anything

analysis: $(ANALYSIS)
	@! cat $^ | grep .

$(DATA): sync/catalogue/catalogue_data.S sync/catalogue/catalogue.json \
        sync/catalogue/v7.json
	@mkdir -p $(@D)
	$(CC) -Wa,-Isync/catalogue -c $< -o $@

$(B)/msync: $(OBJ) $(B)/sync/main.o
	$(CC) $(SAN) $(LDFLAGS) -pie -Wl,-z,relro,-z,now -o $@ $^ $(LIBS)


# the flags of the nginx that will load it decide those of the module

$(B)/ngx_http_msync_module.so: config ngx_http_msync_module.c \
        docs/openapi.yaml $(wildcard http/*) $(wildcard sync/channel/*.h) \
        t/tools/build-module $(B)/for
	@mkdir -p $(B)
	NGINX="$(NGINX)" NGINX_SRC="$(NGINX_SRC)" PREFIX="$(PREFIX)" \
	    t/tools/build-module $(B)


# built for another nginx or prefix is not built

$(B)/for: always
	@mkdir -p $(B)
	@echo "$(NGINX) $(NGINX_SRC) $(PREFIX)" | cmp -s - $@ \
	    || echo "$(NGINX) $(NGINX_SRC) $(PREFIX)" >$@

# the Debian packages, in build/packages/1

deb:
	@t/tools/deps build packages
	@t/tools/packages build

run:
	@t/tools/deps build test
	@$(MAKE) --no-print-directory -s -j$$(nproc) module helper
	@exec env PORT=$(PORT) t/tools/demo


# all that is run on every submission

test:
	@t/tools/deps build test lint fuzz browser packages operators
	@$(MAKE) --no-print-directory -s -j$$(nproc) ANALYZE=1 FUZZ_O=-O0 \
	    module helper faults unit-build fuzz-build
	@t/tools/test

# what a person runs before a commit: less than a minute

check:
	@t/tools/deps build test lint operators
	@$(MAKE) --no-print-directory -s -j$$(nproc) module helper faults \
	    unit-build
	@t/tools/test check

# other compilers, other builds of nginx, other counts of workers

test-matrix:
	@t/tools/deps build test soak
	@$(MAKE) --no-print-directory module helper
	@t/tools/matrix

# the helper for other processors: CROSS names some of armhf, arm64, i386

cross:
	@t/tools/deps build test
	@t/tools/cross $(CROSS)

# in Debian's Chromium; pictures of what it saw are left in build/screenshots

browser-test:
	@t/tools/deps build test browser
	@$(MAKE) --no-print-directory module helper
	@MSYNC_PICTURES=1 TESTS=browser t/tools/test

# the pictures of the README, taken anew

screenshots: browser-test
	@for f in t/screenshots/*.png; do cp $(B)/screenshots/$${f##*/} $$f; done

lint:
	@t/tools/deps build test lint
	@$(MAKE) --no-print-directory module
	@t/tools/lint

# the pages of docs/ that tests print; each of these tests fails when its page
# is another one

docs: all faults $(B)/unit/test_site $(B)/unit/test_owner
	@t/tools/deps test
	MSYNC_DOCS_WRITE=1 $(B)/unit/test_site
	MSYNC_DOCS_WRITE=1 $(B)/unit/test_owner
	MSYNC_DOCS_WRITE=1 prove -It/lib t/030-variants.t

unit-build: $(UNIT:%=$(B)/unit/%) ; @:

unit: unit-build
	@set -e; for t in $(UNIT); do echo "$$t"; $(B)/unit/$$t; done

# beside a genuine Open mSupply server, whose executable the user has

interop: all
	@if [ ! -x "$(OMSUPPLY)" ] && [ ! -x "$(OMSUPPLY3)" ]; then \
	    echo "make interop OMSUPPLY=FILE OMSUPPLY3=FILE: the executables of" \
	        "an Open mSupply server (remote_server) of 2.20 and of one of" \
	        "3.0, or of either, built with SQLite" >&2; exit 2; fi
	@t/tools/deps test
	@OMSUPPLY="$(OMSUPPLY)" OMSUPPLY3="$(OMSUPPLY3)" prove -It/lib t/interop

# the long tests

soak: all
	@t/tools/deps test packages operators soak
	@$(MAKE) --no-print-directory faults unit-build
	@t/tools/soak

sanitize: all
	@t/tools/deps test soak
	@t/tools/sanitize

# the helper with fault points around it, see t/faults/faults.h

FAULTS  := $(wildcard t/faults/*.c)
WRAPPED := -Wl,--wrap=msync_transfer_attempt -Wl,--wrap=msync_transfer_create \
           -Wl,--wrap=msync_transfer_pause \
           -Wl,--wrap=msync_conf_create -Wl,--wrap=msync_clock_wall \
           -Wl,--wrap=msync_catalogue_builtin -Wl,--wrap=main \
           -Wl,--wrap=msync_catalogue_free -Wl,--wrap=msync_cli_watched \
           -Wl,--export-dynamic-symbol=time

faults: $(B)/faults/msync ; @:

$(B)/faults/msync: $(FAULTS) $(wildcard t/faults/*.h) $(OBJ) $(B)/sync/main.o
	@mkdir -p $(@D)
	$(CC) $(CSTD) $(CFLAGS) $(WARN) $(SAN) -iquote sync -pie -fPIE \
	    $(WRAPPED) -o $@ $(FAULTS) $(OBJ) $(B)/sync/main.o $(LIBS)

$(B)/unit/test_owner: http/ngx_http_msync_owner.c http/ngx_http_msync_owner.h

# a test is linked with what it needs, each with all would take twice as long

$(B)/libsync.a: $(OBJ)
	@rm -f $@
	$$($(CC) -print-prog-name=ar) rcs $@ $^

# the tests themselves are not worth the time that optimizing them takes

$(B)/unit/%: t/unit/%.c $(wildcard t/unit/*.h) $(B)/libsync.a
	@mkdir -p $(@D)
	$(CC) $(CSTD) $(CFLAGS) -O0 $(SAN) -Wall -Wextra -pthread -iquote sync \
	    -o $@ $< $(B)/libsync.a $(LIBS) -lcmocka -lssl -lcrypto


# PARTS names parts instead of all: status streams idle push traffic narrow
# first v7

BENCH := $(patsubst t/bench/%.c,%,$(filter-out t/bench/peer.c, \
           $(wildcard t/bench/*.c)))

bench:
	@t/tools/deps build bench
	@$(MAKE) --no-print-directory -s module helper \
	    $(BENCH:%=$(B)/bench/%)
	@perl t/bench/bench.pl $(PARTS)

bench-long:
	@BENCH_LONG=1 $(MAKE) --no-print-directory bench

$(B)/bench/%: t/bench/%.c t/bench/peer.c t/bench/peer.h $(OBJ)
	@mkdir -p $(@D)
	$(CC) $(CSTD) $(CFLAGS) -Wall -Wextra -iquote sync -o $@ $< \
	    t/bench/peer.c $(OBJ) $(LIBS)


# the helper's objects under two sanitizers, its room "transfer" replaced; what
# no input gets to, by -print_coverage=1, is that of the helper, which exists

# to optimize takes longer than it saves in the second that a target has in
# "make test"

FUZZ_O     ?= -O1
FUZZ_FLAGS := $(FUZZ_O) -gline-tables-only \
              -fsanitize=fuzzer,address,undefined \
              -fno-sanitize-recover=undefined -fno-omit-frame-pointer
FUZZ_NOT   := transfer/% cli/% confine/% run/% conf/hardware.c \
              $(patsubst %,serve/%.c,patients report requests work) \
              $(patsubst %,store/%.c,absent absent_end backup buffer changelog \
                constraint dismiss extra fault forget joined log log_equal \
                merge nameless outgoing referrers refused resend row \
                row_delete send stores tidy upgrade)
FUZZ_SRC   := $(filter-out $(addprefix sync/,$(FUZZ_NOT)),$(SRC)) \
              sync/run/queue.c sync/run/site.c sync/transfer/status.c
FUZZ_OBJ   := $(FUZZ_SRC:sync/%.c=$(B)/fuzz/%.o) $(B)/fuzz/transfer_fuzz.o
FUZZ_REST  := $(patsubst sync/%.c,$(B)/sync/%.o,$(filter-out sync/transfer/% \
                $(FUZZ_SRC),$(SRC)))
FUZZ_BIN   := $(patsubst t/fuzz/%.c,$(B)/fuzz/%,$(wildcard t/fuzz/fuzz_*.c))
NGX_INC    := $(addprefix -isystem $(B)/nginx/,objs src/core src/event \
                src/event/modules src/os/unix src/http src/http/modules \
                src/http/v2)

.SECONDARY: $(FUZZ_OBJ)

fuzz:
	@t/tools/deps build fuzz
	@$(MAKE) --no-print-directory module
	@$(MAKE) --no-print-directory -s -j2 fuzz-build
	@t/tools/fuzz

fuzz-build: $(FUZZ_BIN) ; @:

# what is compiled in other ways is compiled again

$(B)/fuzz/flags: always
	@mkdir -p $(@D)
	@echo "$(FUZZ_FLAGS)" | cmp -s - $@ || echo "$(FUZZ_FLAGS)" >$@

$(B)/fuzz/transfer_fuzz.o: t/fuzz/transfer.c t/fuzz/fuzz.h $(HDR) \
        $(B)/fuzz/flags
	@mkdir -p $(@D)
	clang $(CSTD) $(FUZZ_FLAGS) -iquote sync -c $< -o $@

$(B)/fuzz/%.o: sync/%.c $(HDR) $(B)/fuzz/flags
	@mkdir -p $(@D)
	clang $(CSTD) $(FUZZ_FLAGS) -iquote sync -c $< -o $@

$(B)/fuzz/fuzz_module_frame: t/fuzz/fuzz_module_frame.c $(wildcard http/*) \
        $(B)/ngx_http_msync_module.so $(B)/fuzz/flags
	@mkdir -p $(@D)
	clang $(FUZZ_FLAGS) $(NGX_INC) -I. -o $@ $<

$(B)/fuzz/fuzz_%: t/fuzz/fuzz_%.c $(FUZZ_OBJ) $(FUZZ_REST) $(DATA)
	clang $(CSTD) $(FUZZ_FLAGS) -Wall -Wextra -iquote sync -iquote t/fuzz \
	    -o $@ $^ $(LIBS)


install: all
	install -d $(DESTDIR)$(PREFIX)/sbin \
	    $(DESTDIR)$(PREFIX)/lib/nginx/modules \
	    $(DESTDIR)$(PREFIX)/share/msync \
	    $(DESTDIR)$(PREFIX)/share/man/man5 \
	    $(DESTDIR)$(PREFIX)/share/man/man8
	install -m 0755 $(B)/msync $(DESTDIR)$(PREFIX)/sbin/msync
	install -m 0644 $(B)/ngx_http_msync_module.so \
	    $(DESTDIR)$(PREFIX)/lib/nginx/modules/
	install -m 0644 docs/msync-nginx.5 $(DESTDIR)$(PREFIX)/share/man/man5/
	install -m 0644 sync/msync.8 $(DESTDIR)$(PREFIX)/share/man/man8/
	cp -R html $(DESTDIR)$(PREFIX)/share/msync/

clean:
	rm -rf $(B)
