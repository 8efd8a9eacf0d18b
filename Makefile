# Samara. `make help` prints every target. One Makefile, no recursion; fragments: tests/tests.mk (host), tests/guest.mk, bench/bench.mk.
ARCH  ?= arm64
BUILD ?= release
# 0: a kernel without tracepoints, to measure what those that are off cost (make bench-tracing).
TRACEPOINTS ?= 1
BOARD ?= $(BOARD.$(ARCH))
BOARD.arm64  := qemu-virt
BOARD.x86_64 := qemu-microvm
PORT.arm64   := arm64
PORT.x86_64  := x86
CROSS.arm64  := aarch64-linux-gnu-
CROSS.x86_64 := x86_64-linux-gnu-
CROSS ?= $(CROSS.$(ARCH))
PORT  := $(PORT.$(ARCH))
ifeq ($(PORT),)
$(error ARCH=$(ARCH) is not known: arm64 or x86_64)
endif
# build/arm64/samara.img is the release; other builds lie beside it.
O     ?= build/$(ARCH)$(if $(filter-out release,$(BUILD)),-$(BUILD))$(if $(SELFTEST),-selftest)$(if $(filter 0,$(TRACEPOINTS)),-notrace)

# --- what is built -----------------------------------------------------------
PORTABLE       := libc mmu sched virtio virtio-mmio fs net linux
FOLDERS.arm64  := arch-arm64 arch-arm64/libc gic
FOLDERS.x86_64 := arch-x86 arch-x86/libc apic
FOLDERS        := $(FOLDERS.$(ARCH)) $(PORTABLE) boards boards/$(BOARD) $(if $(SELFTEST),tests/boot) \
	$(if $(filter ubsan,$(BUILD)),tests/ubsan)

MAKEFLAGS += -rR --no-print-directory
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-7s %s\n' $(1) $(2))

CC      := $(CROSS)gcc
LD      := $(CROSS)ld
NM      := $(CROSS)nm
OBJCOPY := $(CROSS)objcopy

OPT.debug   := -Og -DDEBUG
OPT.release := -O2
# Tells undefined behaviour as it happens (tests/ubsan). Not looked at: alignment, which both machines do without, and NULL, which faults by itself.
OPT.ubsan   := -O2 -DIMAGE_IS_BIG -fsanitize=undefined -fno-sanitize=alignment,null,vptr,returns-nonnull-attribute,nonnull-attribute,object-size \
	-Wno-error=maybe-uninitialized -Wno-error=stringop-overflow -Wno-error=array-bounds
WARN := -Wall -Wextra -Werror -Wshadow -Wundef -Wvla -Wpointer-arith -Wwrite-strings \
	-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
VERSION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
CPPFLAGS := -I. -Iarch-$(PORT) -I$(O)/gen -DARCH_$(PORT) -DTRACEPOINTS=$(TRACEPOINTS)
CFLAGS.arm64  := -mgeneral-regs-only -mno-outline-atomics -mcmodel=small
CFLAGS.x86_64 := -mno-red-zone -mgeneral-regs-only -mcmodel=kernel -fcf-protection=none
CFLAGS   := -std=gnu17 -g $(OPT.$(BUILD)) -ffreestanding -fno-common -fno-strict-aliasing -fno-stack-protector \
	-fno-asynchronous-unwind-tables -fno-omit-frame-pointer -fno-pie -ffunction-sections -fdata-sections \
	$(WARN) $(CFLAGS.$(ARCH)) $(EXTRA_CFLAGS)
# gcc must not turn memcpy's own loop into a call of memcpy.
LIBC_CFLAGS := -fno-builtin -fno-tree-loop-distribute-patterns
LDFLAGS  := -nostdlib -static -z max-page-size=4096 --gc-sections --fatal-warnings --orphan-handling=error \
	--build-id=none -z noexecstack

# arch-<a>/libc/memcpy.S replaces libc/memcpy.c.
SHADOWED := $(patsubst arch-$(PORT)/%,%.c,$(basename $(wildcard arch-$(PORT)/libc/*.[cS])))
# Files that are not kernel objects: asm-offsets is read, vDSO sources are linked on their own.
SRCS := $(filter-out %/asm-offsets.c boards/kernel.ld.S $(SHADOWED),$(foreach d,$(FOLDERS),$(wildcard $(d)/*.c $(d)/*.S)))
OBJS := $(patsubst %,$(O)/%.o,$(SRCS))
DEPS := $(OBJS:.o=.d) $(O)/kernel.ld.d

# libfdt, from Debian (package libfdt-dev of the target's architecture): boards with a device tree.
FDT.arm64 := build/deps/arm64/usr/lib/aarch64-linux-gnu/libfdt.a
FDT := $(FDT.$(ARCH))
CPPFLAGS += $(if $(FDT),-isystem build/deps/$(ARCH)/usr/include)

# What the boot loader takes: arm64 a flat Linux Image, x86-64 an ELF file (PVH).
IMG_OBJCOPY.arm64  := -O binary
IMG_OBJCOPY.x86_64 := --strip-all

all: $(O)/samara.img
#: all           build $(O)/samara.img          (ARCH=arm64|x86_64 BUILD=release|debug|ubsan TRACEPOINTS=0|1 V=1)

$(FDT.arm64):
	$(call say,FETCH,libfdt-dev:arm64)
	$(Q)./samara fetch-package libfdt-dev build/deps/arm64

# Two passes: the second links the table of symbols (names for backtraces) made from the first.
LINK = $(LD) $(LDFLAGS) -T $(O)/kernel.ld -o $@ $(OBJS) $(FDT)
$(O)/kernel.1.elf: $(OBJS) $(O)/kernel.ld $(O)/objects $(O)/symbols.0.o $(FDT)
	$(call say,LD,$@)
	$(Q)$(LINK) $(O)/symbols.0.o
$(O)/kernel.elf: $(O)/kernel.1.elf $(O)/symbols.1.o
	$(call say,LD,$@)
	$(Q)$(LINK) $(O)/symbols.1.o -Map $(@:.elf=.map)
$(O)/symbols.0.S: tools/symbols.py
	@mkdir -p $(@D)
	$(Q)python3 tools/symbols.py </dev/null >$@
$(O)/symbols.1.S: $(O)/kernel.1.elf tools/symbols.py
	$(Q)$(NM) -n $< | python3 tools/symbols.py >$@
$(O)/symbols.%.o: $(O)/symbols.%.S
	$(Q)$(CC) -c -o $@ $<

$(O)/samara.img: $(O)/kernel.elf
	$(call say,IMG,$@)
	$(Q)$(OBJCOPY) $(IMG_OBJCOPY.$(ARCH)) $< $@

$(O)/libc/%.c.o: CFLAGS += $(LIBC_CFLAGS)
$(O)/tests/ubsan/%.c.o: CFLAGS += -fno-sanitize=all
# What runs now and then is made small: the image shall stay below 1 MiB.
SELDOM := $(wildcard linux/strace*.c linux/process-vm.c linux/proc*.c linux/sys*fs*.c linux/crash.c linux/timex.c linux/mempolicy.c linux/capability.c fs/sysctl.c fs/erofs-dir.c fs/mount.c fs/mount-proc.c fs/bind.c \
	net/netlink*.c net/proc*.c net/sysctl*.c net/sysfs.c net/ethtool.c net/dhcp.c net/config.c net/ip-config.c net/resolv.c net/sock-ioctl.c net/sock-opt.c \
	net/inet-opt.c net/packet*.c net/raw.c sched/dump.c boards/*.c fs/tty*.c fs/pseudo*.c fs/tmpfs.c fs/inotify.c fs/devfs.c fs/memfd.c fs/async.c \
	fs/record-tree.c fs/locks.c net/tcp-opt.c net/tcp-fastopen.c net/tcp-mark.c net/sock-error.c net/stamp.c net/sock-filter.c net/mcast.c net/nd.c net/icmp.c \
	net/unix-name.c net/unix-rights.c net/arp.c net/ip-frag.c linux/futex-pi.c linux/exec*.c linux/elf*.c linux/sys-sched.c linux/sys-prctl.c \
	linux/sys-misc.c fs/proc-fd.c mmu/limits.c linux/sys-inotify.c linux/sys-legacy.c linux/start.c linux/stack.c linux/script.c linux/sigio.c linux/memory-limits.c)
ifeq ($(BUILD),release)
$(SELDOM:%=$(O)/%.o): CFLAGS += -Os
endif
$(O)/%.c.o: %.c $(O)/flags | $(FDT) $(O)/gen/asm-offsets.h
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(O)/%.S.o: %.S $(O)/flags $(O)/gen/asm-offsets.h
	$(call say,AS,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -D__ASSEMBLY__ -MMD -MP -MF $(@:.o=.d) -c -o $@ $<

$(O)/kernel.ld: boards/kernel.ld.S $(O)/flags
	$(call say,LDS,$@)
	$(Q)$(CC) -E -P -x c -D__ASSEMBLY__ $(CPPFLAGS) $(filter -D%,$(OPT.$(BUILD))) -MMD -MP -MT $@ -MF $@.d -o $@ $<

$(O)/gen/asm-offsets.h: arch-$(PORT)/asm-offsets.c $(O)/flags
	$(call say,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -MT $@ -MF $@.d -S -o $@.s $<
	$(Q)sed -n 's/^.*\.ascii.*"->\([A-Z0-9_]*\) [$$#]*\(.*\)".*/#define \1 \2/p' $@.s > $@
DEPS += $(O)/gen/asm-offsets.h.d

$(O)/gen/version.h: FORCE
	@mkdir -p $(@D)
	@echo '#define SAMARA_VERSION "$(VERSION)"' | cmp -s - $@ || echo '#define SAMARA_VERSION "$(VERSION)"' > $@
$(OBJS): | $(O)/gen/version.h

# A file that changes only when its text does: flags, object list.
define stamp
$(1): FORCE
	@mkdir -p $$(@D)
	@echo '$(2)' | cmp -s - $$@ || echo '$(2)' > $$@
endef
$(eval $(call stamp,$(O)/flags,$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS)))
$(eval $(call stamp,$(O)/objects,$(OBJS)))
FORCE:

-include $(DEPS)
include linux/vdso/vdso.mk

include tests/tests.mk
-include tests/guest.mk bench/bench.mk

#: deps          install what is missing (apt, as root)
deps:
	$(Q)sh tools/deps.sh
#: run           build, boot, and serve a web page from Debian's nginx: open it, Ctrl-C ends it    (WEB_PORT=8080)
run: deps
	$(Q)$(MAKE) all
	$(Q)python3 tools/welcome/serve.py $(or $(WEB_PORT),8080)
#: hello         build, boot, and run Debian's python3 inside
hello: deps
	$(Q)$(MAKE) all
	$(Q)./samara run --package python3-minimal -- python3 -c \
		'import os, sys; u = os.uname(); print("Python", sys.version.split()[0], "on", u.sysname, u.release, u.machine)'
#: test          everything: host tests, then guests under QEMU compared with Linux, both machines
test:
	$(Q)sh tools/deps.sh test
	$(Q)sh tools/deps.sh
	$(Q)$(MAKE) -j"$$(nproc)" check all
	$(Q)$(MAKE) -j"$$(nproc)" all ARCH=x86_64
	$(Q)tests/all.sh
#: gdb           run and stop before the first instruction; gdb attached
gdb: all
	$(Q)./samara run --gdb --package busybox-static -- busybox uname -a
#: size          sections and the biggest functions
size: $(O)/kernel.elf
	$(Q)$(CROSS)size -A $< | grep -v debug; ls -l $(O)/samara.img
	$(Q)$(NM) -S --size-sort -r $< | head -20
#: arch-table    lines of the kernel by folder, and how many are of one machine; into docs/architecture.md
arch-table:
	$(Q)python3 tools/arch-table.py --write
	$(Q)python3 tools/arch-table.py
#: obj F=x.c     compile one file
obj: $(O)/$(F).o
#: clean         remove build/ except downloaded packages and images
clean:
	rm -rf build/arm64* build/x86_64* build/host-* build/fuzz
help:
	@sed -n 's/^#: //p' Makefile tests/tests.mk tests/guest.mk bench/bench.mk 2>/dev/null
.PHONY: all deps run hello test gdb size arch-table obj clean help FORCE
