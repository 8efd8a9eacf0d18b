# SPDX-License-Identifier: MIT
#
# Guest test programs: tests/guest/*.c and *.S become build/guest/ARCH/NAME,
# tests/guest/stress/*.c become build/guest/ARCH/stress/NAME. What only one
# machine has, or has in another way, is in tests/guest/ARCH/, whose NAME.c goes
# before tests/guest/NAME.c.
# Usable alone: make -f tests/guest.mk guest ARCH=x86_64
#
# libgcc_s is linked by name, for pthread_cancel would load it by dlopen.
#
# Variants of one source are separate programs with a suffix:
#   NAME-pie (dynamic, PIE)  NAME-nopie (dynamic, at a fixed address)
#   NAME-static-pie  NAME-musl (static)  NAME-musl-pie (dynamic, PIE)

ARCH ?= arm64
GUEST_PLATFORM.arm64 := aarch64
GUEST_PLATFORM.x86_64 := x86_64
GUEST_GOARCH.arm64 := arm64
GUEST_GOARCH.x86_64 := amd64
GUEST_PLATFORM := $(GUEST_PLATFORM.$(ARCH))
GUEST_CC ?= $(GUEST_PLATFORM)-linux-gnu-gcc
GUEST_OUT := build/guest/$(ARCH)
GUEST_CFLAGS := -std=gnu11 -O2 -g1 -Wall -Wextra -Werror -pthread -fno-omit-frame-pointer --param=min-pagesize=0 -Itests/guest

# Names of programs, from a pattern: those of all machines and of this one.
guest_names = $(sort $(patsubst tests/guest/%,%,$(basename $(wildcard tests/guest/$(1)))) \
	$(patsubst tests/guest/$(ARCH)/%,%,$(basename $(wildcard tests/guest/$(ARCH)/$(1)))))
GUEST_GO := $(sort $(wildcard tests/guest/go/*.go))

GUEST_PROGRAMS := $(addprefix $(GUEST_OUT)/,$(call guest_names,*.c) $(call guest_names,*.S) $(call guest_names,stress/*.c))
GUEST_VARIANTS := $(addprefix $(GUEST_OUT)/, \
	hello-pie hello-nopie hello-static-pie auxv-pie auxv-static-pie threads-pie cancel-pie signals-pie exec-stack-library-pie \
	stress/calls-static-pie)
GUEST_MUSL_VARIANTS := $(addprefix $(GUEST_OUT)/, \
	hello-musl hello-musl-pie threads-musl signals-musl futex-musl)
GUEST_GO_PROGRAMS := $(GUEST_GO:tests/guest/go/%.go=$(GUEST_OUT)/go/%)

#: guest         build the guest test programs
.PHONY: guest guest-musl guest-go guest-clean test-oracle
guest: $(GUEST_PROGRAMS) $(GUEST_VARIANTS)
guest-musl: $(GUEST_MUSL_VARIANTS)
guest-go: $(GUEST_GO_PROGRAMS)

GUEST_DEPS := tests/guest/test.h tests/guest.mk

# $(1): folder of the sources. The first folder that has the source wins.
define guest_rules
$(GUEST_OUT)/%: $(1)/%.c $(GUEST_DEPS)
	@mkdir -p $$(@D)
	$(GUEST_CC) $(GUEST_CFLAGS) -fno-pie -static -o $$@ $$<
$(GUEST_OUT)/%: $(1)/%.S $(GUEST_DEPS)
	@mkdir -p $$(@D)
	$(GUEST_CC) -g -nostdlib -static -fno-pie -no-pie -o $$@ $$<

$(GUEST_OUT)/%-pie: $(1)/%.c $(GUEST_DEPS)
	@mkdir -p $$(@D)
	$(GUEST_CC) $(GUEST_CFLAGS) -fPIE -pie -o $$@ $$< -Wl,--no-as-needed -lgcc_s
$(GUEST_OUT)/%-nopie: $(1)/%.c $(GUEST_DEPS)
	@mkdir -p $$(@D)
	$(GUEST_CC) $(GUEST_CFLAGS) -fno-pie -no-pie -o $$@ $$<
$(GUEST_OUT)/%-static-pie: $(1)/%.c $(GUEST_DEPS)
	@mkdir -p $$(@D)
	$(GUEST_CC) $(GUEST_CFLAGS) -fPIE -static-pie -o $$@ $$<
endef
$(eval $(call guest_rules,tests/guest/$(ARCH)))
$(eval $(call guest_rules,tests/guest))

$(GUEST_OUT)/syscall-sites: tests/guest/call-sites.h
$(GUEST_OUT)/signal-context: tests/guest/faults.h
$(GUEST_OUT)/exec-stack $(GUEST_OUT)/exec-stack-library-pie: tests/guest/run-here.h
$(addprefix $(GUEST_OUT)/,mounts tmpfs-options file-corners): tests/guest/result.h

# musl: headers and libraries of Debian's packages musl and musl-dev for the machine,
# unpacked under build/, with the GNU cross compiler. -z and crt files by hand,
# as musl-gcc's specs do it.
GUEST_MUSL_ROOT ?= build/packages/musl$(if $(filter-out arm64,$(ARCH)),-$(ARCH))
GUEST_MUSL_LIB := $(GUEST_MUSL_ROOT)/usr/lib/$(GUEST_PLATFORM)-linux-musl
GUEST_MUSL_INCLUDE := $(GUEST_MUSL_ROOT)/usr/include/$(GUEST_PLATFORM)-linux-musl
GUEST_MUSL_CFLAGS.arm64 := -mno-outline-atomics
# Headers of the kernel: the cross compiler's, or the machine's own.
GUEST_MUSL_CFLAGS = $(GUEST_CFLAGS) $(GUEST_MUSL_CFLAGS.$(ARCH)) -nostdinc -isystem $(GUEST_MUSL_INCLUDE) \
	-isystem $(shell $(GUEST_CC) -print-file-name=include) $(patsubst %,-isystem %,$(wildcard \
	/usr/$(GUEST_PLATFORM)-linux-gnu/include /usr/include/$(GUEST_PLATFORM)-linux-gnu)) -idirafter /usr/include -nostdlib
GUEST_LIBGCC = $(shell $(GUEST_CC) -print-libgcc-file-name)

$(GUEST_MUSL_LIB)/libc.a:
	./samara fetch-package --arch $(ARCH) musl musl-dev $(GUEST_MUSL_ROOT)

$(GUEST_OUT)/%-musl: tests/guest/%.c $(GUEST_DEPS) | $(GUEST_MUSL_LIB)/libc.a
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_MUSL_CFLAGS) -static -o $@ $(GUEST_MUSL_LIB)/crt1.o $(GUEST_MUSL_LIB)/crti.o \
		$< $(GUEST_MUSL_LIB)/libc.a $(GUEST_LIBGCC) $(GUEST_MUSL_LIB)/crtn.o
$(GUEST_OUT)/%-musl-pie: tests/guest/%.c $(GUEST_DEPS) | $(GUEST_MUSL_LIB)/libc.a
	@mkdir -p $(@D)
	$(GUEST_CC) $(GUEST_MUSL_CFLAGS) -fPIE -pie -Wl,-dynamic-linker,/lib/ld-musl-$(GUEST_PLATFORM).so.1 -o $@ \
		$(GUEST_MUSL_LIB)/Scrt1.o $(GUEST_MUSL_LIB)/crti.o $< -L$(GUEST_MUSL_ROOT)/lib/$(GUEST_PLATFORM)-linux-musl -lc \
		$(GUEST_LIBGCC) $(GUEST_MUSL_LIB)/crtn.o

$(GUEST_OUT)/go/%: tests/guest/go/%.go tests/guest.mk
	@mkdir -p $(@D)
	GOOS=linux GOARCH=$(GUEST_GOARCH.$(ARCH)) CGO_ENABLED=0 GOFLAGS=-mod=mod GOCACHE=$(abspath build/go-cache) \
		go build -o $@ $<

#: test-oracle   boot Debian's Linux, run the guest tests there, compare with tests/guest/expected; UPDATE=1 writes that
test-oracle: guest guest-musl guest-go
	tests/run-guests.py --arch $(ARCH) --no-build --on linux $(if $(UPDATE),--update) $(T)

guest-clean:
	rm -rf $(GUEST_OUT)

#: net-check     TCP segment by segment, Debian's servers, lossy links to Linux and a second Samara (a minute and a half; docs/network-tests.md)
#: net-conformance-linux  the scripts of TCP by the segment on Debian's Linux as a guest of the same QEMU (half a minute)
.PHONY: net-check net-conformance net-conformance-linux net-servers net-lossy
net-check: all
	$(Q)$(MAKE) -j3 net-conformance net-servers net-lossy
	$(Q)python3 tests/virtio/run.py
net-conformance:
	$(Q)python3 tests/net/conformance.py
net-conformance-linux:
	$(Q)python3 tests/net/conformance.py --on linux
net-servers:
	$(Q)python3 tools/welcome/serve.py </dev/null
	$(Q)python3 tests/net/servers.py
net-lossy:
	$(Q)python3 tests/net/lossy.py --loss 0,5
	$(Q)python3 tests/net/lossy.py --loss 20 --bytes 100000 --peer samara --cpus 2

#: trace-check   record threaded programs and redis under load, check the traces, and that no CPU idles while threads wait; the report of a hang (seconds)
#: strace-check  --strace of python3 and of programs that make nearly every call beside strace(1) on Debian's Linux
#: tools-check   Debian's top, vmstat, free, ps and ss inside Samara print true figures (seconds)
#: packages-check Debian packages are installed as on Debian, and its basic programs run (a minute)
#: dead-cpu      a CPU that the firmware does not start counts for nothing, arm64 (seconds)
#: ubsan-check   guests and random calls on kernels that tell undefined behaviour (BUILD=ubsan), arm64 (minutes)
.PHONY: trace-check strace-check tools-check packages-check dead-cpu ubsan-check
UBSAN_GUESTS := file-corners bad-buffers clocks mmap signal-timers sockets-inet system stress/calls-static-pie
ubsan-check:
	$(Q)$(MAKE) all BUILD=ubsan ARCH=arm64
	$(Q)python3 tests/run-guests.py --arch arm64 --option=--kernel=build/arm64-ubsan/samara.img $(UBSAN_GUESTS)
dead-cpu:
	$(Q)python3 tests/dead-cpu.py
tools-check:
	$(Q)python3 tests/tools-check.py
packages-check:
	$(Q)python3 tests/packages-check.py
trace-check:
	$(Q)python3 tests/trace-check.py
	$(Q)python3 tests/trace-check.py --redis
	$(Q)python3 tests/trace-check.py --profile
	$(Q)python3 tests/trace-idle.py
	$(Q)python3 tests/hang-check.py
strace-check:
	$(Q)python3 tests/strace-order.py
	$(Q)python3 tests/strace-calls.py
