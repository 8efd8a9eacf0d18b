# The vDSO is application code: linked on its own, then a constant of the kernel (linux/vdso-image.S).
VDSO := $(O)/gen/vdso.so
VDSO_CFLAGS.arm64  := -mno-outline-atomics -mbranch-protection=none
VDSO_CFLAGS.x86_64 := -fcf-protection=none
VDSO_CFLAGS := -std=gnu17 -O2 -fPIC -ffreestanding -fno-stack-protector -fasynchronous-unwind-tables -ffunction-sections \
	-mgeneral-regs-only $(VDSO_CFLAGS.$(ARCH)) $(WARN)
VDSO_LDFLAGS := -nostdlib -shared -Wl,-soname=linux-vdso.so.1,--hash-style=both,-Bsymbolic,--no-undefined,--gc-sections \
	-Wl,--build-id=sha1,-z,max-page-size=4096,--eh-frame-hdr,--fatal-warnings,-s
VDSO_SRCS := linux/vdso/vdso.c arch-$(PORT)/vdso/sigreturn.S
VDSO_MAP  := arch-$(PORT)/vdso/vdso.map

$(VDSO): $(VDSO_SRCS) $(VDSO_MAP) linux/vdso/vdso.ld linux/vdso/data.h sched/clock-line.h arch-$(PORT)/arch/vdso.h $(O)/flags
	$(call say,VDSO,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(VDSO_CFLAGS) -I. -Iarch-$(PORT) $(VDSO_LDFLAGS) -Wl,-T,linux/vdso/vdso.ld,--version-script=$(VDSO_MAP) -o $@ $(VDSO_SRCS)

$(O)/linux/vdso-image.S.o: $(VDSO)
