# The vDSO is application code: linked on its own, then a constant of the kernel (vdso-image.S).
VDSO := $(O)/gen/vdso.so
VDSO_CFLAGS := -std=gnu17 -O2 -fPIC -ffreestanding -fno-stack-protector -fasynchronous-unwind-tables -mgeneral-regs-only -fcf-protection=none \
	-fno-builtin $(WARN)
VDSO_SRCS := $(addprefix arch-x86/vdso/,vdso.c sigreturn.S)

$(VDSO): $(VDSO_SRCS) arch-x86/vdso/vdso.ld arch-x86/arch/vdso.h $(O)/flags
	$(call say,VDSO,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(VDSO_CFLAGS) -Iarch-x86 -nostdlib -shared -Wl,-soname=linux-vdso.so.1,--hash-style=both,-Bsymbolic,--no-undefined \
		-Wl,--build-id=sha1,-z,max-page-size=4096,--eh-frame-hdr,--fatal-warnings,-s -Wl,-T,arch-x86/vdso/vdso.ld -o $@ $(VDSO_SRCS)

$(O)/arch-x86/vdso-image.S.o: $(VDSO)
