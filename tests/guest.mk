# SPDX-License-Identifier: MIT
#
# Guest test programs: tests/guest/*.c and *.S become build/guest/arm64/NAME,
# tests/guest/stress/*.c become build/guest/arm64/stress/NAME.
# Usable alone: make -f tests/guest.mk guest
#
# libgcc_s is linked by name, for pthread_cancel would load it by dlopen.
#
# Variants of one source are separate programs with a suffix:
#   NAME-pie (dynamic, PIE)  NAME-nopie (dynamic, at a fixed address)
#   NAME-static-pie  NAME-musl (static)  NAME-musl-pie (dynamic, PIE)

GUEST_CC ?= aarch64-linux-gnu-gcc
GUEST_OUT := build/guest/arm64
GUEST_CFLAGS := -std=gnu11 -O2 -g1 -Wall -Wextra -Werror -pthread -fno-omit-frame-pointer --param=min-pagesize=0 -Itests/guest

GUEST_C := $(sort $(wildcard tests/guest/*.c))
GUEST_S := $(sort $(wildcard tests/guest/*.S))
GUEST_STRESS := $(sort $(wildcard tests/guest/stress/*.c))
GUEST_GO := $(sort $(wildcard tests/guest/go/*.go))

GUEST_PROGRAMS := \
	$(GUEST_C:tests/guest/%.c=$(GUEST_OUT)/%) \
	$(GUEST_S:tests/guest/%.S=$(GUEST_OUT)/%) \
	$(GUEST_STRESS:tests/guest/stress/%.c=$(GUEST_OUT)/stress/%)
GUEST_VARIANTS := $(addprefix $(GUEST_OUT)/, \
	hello-pie hello-nopie hello-static-pie auxv-pie auxv-static-pie threads-pie cancel-pie signals-pie)
GUEST_MUSL_VARIANTS := $(addprefix $(GUEST_OUT)/, \
	hello-musl hello-musl-pie threads-musl signals-musl futex-musl)
GUEST_GO_PROGRAMS := $(GUEST_GO:tests/guest/go/%.go=$(GUEST_OUT)/go/%)

#: guest         build the guest test programs
.PHONY: guest guest-musl guest-go guest-clean test-oracle
guest: $(GUEST_PROGRAMS) $(GUEST_VARIANTS)
guest-musl: $(GUEST_MUSL_VARIANTS)
guest-go: $(GUEST_GO_PROGRAMS)

GUEST_DEPS := tests/guest/test.h tests/guest.mk

$(GUEST_OUT)/%: tests/guest/%.c $(GUEST_DEPS)
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_CFLAGS) -fno-pie -static -o $@ $<
$(GUEST_OUT)/%: tests/guest/%.S $(GUEST_DEPS)
	@mkdir -p $(@D)
	$(GUEST_CC) -g -nostdlib -static -o $@ $<

$(GUEST_OUT)/%-pie: tests/guest/%.c $(GUEST_DEPS)
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_CFLAGS) -fPIE -pie -o $@ $< -Wl,--no-as-needed -lgcc_s
$(GUEST_OUT)/%-nopie: tests/guest/%.c $(GUEST_DEPS)
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_CFLAGS) -fno-pie -no-pie -o $@ $<
$(GUEST_OUT)/%-static-pie: tests/guest/%.c $(GUEST_DEPS)
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_CFLAGS) -fPIE -static-pie -o $@ $<

# musl: headers and libraries of Debian's arm64 packages musl and musl-dev,
# unpacked under build/, with the GNU cross compiler. -z and crt files by hand,
# as musl-gcc's specs do it.
GUEST_MUSL_ROOT ?= build/packages/musl
GUEST_MUSL_LIB := $(GUEST_MUSL_ROOT)/usr/lib/aarch64-linux-musl
GUEST_MUSL_INCLUDE := $(GUEST_MUSL_ROOT)/usr/include/aarch64-linux-musl
GUEST_MUSL_CFLAGS = $(GUEST_CFLAGS) -mno-outline-atomics -nostdinc -isystem $(GUEST_MUSL_INCLUDE) \
	-isystem $(shell $(GUEST_CC) -print-file-name=include) -isystem /usr/aarch64-linux-gnu/include -nostdlib
GUEST_LIBGCC = $(shell $(GUEST_CC) -print-libgcc-file-name)

$(GUEST_MUSL_LIB)/libc.a:
	./samara fetch-package musl musl-dev $(GUEST_MUSL_ROOT)

$(GUEST_OUT)/%-musl: tests/guest/%.c $(GUEST_DEPS) | $(GUEST_MUSL_LIB)/libc.a
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_MUSL_CFLAGS) -static -o $@ $(GUEST_MUSL_LIB)/crt1.o $(GUEST_MUSL_LIB)/crti.o \
		$< $(GUEST_MUSL_LIB)/libc.a $(GUEST_LIBGCC) $(GUEST_MUSL_LIB)/crtn.o
$(GUEST_OUT)/%-musl-pie: tests/guest/%.c $(GUEST_DEPS) | $(GUEST_MUSL_LIB)/libc.a
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_MUSL_CFLAGS) -fPIE -pie -Wl,-dynamic-linker,/lib/ld-musl-aarch64.so.1 -o $@ \
		$(GUEST_MUSL_LIB)/Scrt1.o $(GUEST_MUSL_LIB)/crti.o $< -L$(GUEST_MUSL_ROOT)/lib/aarch64-linux-musl -lc \
		$(GUEST_LIBGCC) $(GUEST_MUSL_LIB)/crtn.o

$(GUEST_OUT)/go/%: tests/guest/go/%.go tests/guest.mk
	@mkdir -p $(@D)
	GOOS=linux GOARCH=arm64 CGO_ENABLED=0 GOFLAGS=-mod=mod GOCACHE=$(abspath build/go-cache) \
		go build -o $@ $<

#: test-oracle   boot Debian's Linux, run the guest tests there, compare with tests/guest/expected; UPDATE=1 writes that
test-oracle: guest guest-musl guest-go
	tests/run-guests.py --no-build --on linux $(if $(UPDATE),--update) $(T)

guest-clean:
	rm -rf $(GUEST_OUT)

#: net-check     TCP over lossy links against Linux and a second Samara (half a minute; docs/network-tests.md)
.PHONY: net-check
net-check: all
	$(Q)python3 tests/net/lossy.py --loss 0,5
	$(Q)python3 tests/net/lossy.py --loss 20 --bytes 100000 --peer samara --cpus 2

#: trace-check   record a threaded program on 2 CPUs and check the trace (seconds)
#: strace-check  --strace of python3 beside strace(1) on Debian's Linux
.PHONY: trace-check strace-check
trace-check:
	$(Q)python3 tests/trace-check.py
strace-check:
	$(Q)python3 tests/strace-order.py
