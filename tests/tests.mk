# Host tests: portable code compiled against tests/host-arch (a fake port) and run under sanitizers.
#
# A test is tests/unit/<folder>-<concept>.c with a plain main. The kernel files it needs are named in its first lines:
#	/* sources: sched/timer.c libc/rbtree.c tests/host/fake-sched.c */
#	/* sanitizer: thread */		(default: address,undefined)
HOSTCC  ?= gcc
HCFLAGS := -std=gnu17 -g -O1 -I. -Itests/host-arch -DHOST_TEST -DDEBUG -fno-sanitize-recover=all -fno-omit-frame-pointer \
	$(WARN) -Wno-error=cpp

UNIT  := $(wildcard tests/unit/*.c)
UBINS := $(UNIT:tests/unit/%.c=build/host/%)
FUZZ  := $(wildcard tests/fuzz/*.c)
FBINS := $(FUZZ:tests/fuzz/%.c=build/fuzz/%)
# The whole network below the devices, as `@net-stack` in a list of sources.
NET_STACK := net/addr.c net/arp.c net/bpf.c net/csum.c net/dgram.c net/eth.c net/gro.c net/icmp.c \
	net/inet-opt.c net/inet.c net/ip-frag.c net/ip-input.c net/ip-output.c net/loopback.c \
	net/mcast.c net/nd.c net/neigh.c net/netdev.c net/packet.c net/packet-ring.c net/pkt-pool.c \
	net/pkt-uio.c net/pkt.c net/port.c net/raw.c net/route.c net/siphash.c net/sock-filter.c \
	net/sock-opt.c net/socket.c net/sysctl.c net/sysctl-tcp.c net/tcp-ack.c net/tcp-cong.c \
	net/tcp-demux.c net/tcp-fastopen.c net/tcp-input.c net/tcp-listen.c net/tcp-opt.c \
	net/tcp-output.c net/tcp-pace.c net/tcp-rack.c net/tcp-recvq.c net/tcp-sendq.c net/tcp-sock.c net/tcp-timer.c \
	net/udp.c net/worker.c fs/uio.c fs/anon-attr.c sched/poller.c fs/cred.c net/sock-error.c \
	net/stamp.c net/tcp-mark.c tests/host/fake-net.c
sources   = $(subst @net-stack,$(NET_STACK),$(shell sed -n 's,.*/\* sources: \(.*\) \*/.*,\1,p' $(1)))
sanitizer = $(or $(shell sed -n 's,.*/\* sanitizer: \(.*\) \*/.*,\1,p' $(1)),address$(comma)undefined)
hostlibs  = $(shell sed -n 's,.*/\* libs: \(.*\) \*/.*,\1,p' $(1))
comma := ,
$(eval $(call stamp,build/host/flags,$(HOSTCC) $(HCFLAGS)))

build/host/%: tests/unit/%.c build/host/flags
	$(call say,HOSTCC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(HOSTCC) $(HCFLAGS) -fsanitize=$(call sanitizer,$<) -MMD -MP -MF $@.d -MT $@ -o $@ $< $(call sources,$<) $(call hostlibs,$<) -lpthread
# gcc's -MMD names only the last source's headers when several are compiled at once: name the sources themselves too.
$(foreach t,$(UNIT),$(eval $(t:tests/unit/%.c=build/host/%): $(call sources,$(t)) $(wildcard */*.h arch-arm64/arch/*.h tests/host-arch/arch/*.h)))
# Its headers are the target's, its library the host's (libfdt1, which comes with dtc).
build/host/boards-fdt build/fuzz/boards-fdt: | $(FDT.arm64)
$(UBINS:=.ok): %.ok: %
	$(call say,TEST,$*)
	$(Q)timeout 600 ./$< > $<.log 2>&1 || { cat $<.log; echo "FAILED: $<"; exit 1; }
	$(Q)touch $@

#: check         lint, host unit tests under sanitizers, models, fuzz corpora: seconds
check: $(UBINS:=.ok) asm-tests fuzz-replay lint models tools-tests
#: fuzz-run      T=name SECS=60: fuzz one parser from its corpus
build/fuzz/%: tests/fuzz/%.c
	$(call say,FUZZCC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)clang -std=gnu17 -g -O1 -I. -Itests/host-arch -DHOST_TEST -DDEBUG -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all -Wno-unknown-warning-option -o $@ $< $(call sources,$<) $(call hostlibs,$<)
$(foreach t,$(FUZZ),$(eval $(t:tests/fuzz/%.c=build/fuzz/%): $(call sources,$(t)) $(wildcard */*.h)))
fuzz-run: build/fuzz/$(T)
	mkdir -p tests/fuzz/corpus/$(T)
	$< -max_total_time=$(or $(SECS),60) tests/fuzz/corpus/$(T)
# Replay the committed corpus and a few thousand mutations with a fixed seed.
fuzz-replay: $(FBINS)
	$(Q)for f in $(FBINS); do \
		n=$$(basename $$f); mkdir -p build/fuzz/work/$$n; \
		timeout 600 $$f -seed=1 -runs=3000 -max_total_time=10 build/fuzz/work/$$n $$(ls -d tests/fuzz/corpus/$$n 2>/dev/null) >build/fuzz/$$n.log 2>&1 \
		|| { tail -40 build/fuzz/$$n.log; echo "FAILED: fuzz $$n"; exit 1; }; done

# Assembly of the ports, as programs under qemu-user (left out where that is not installed). C's names are kept for the test's own libc.
ASM_TESTS := $(if $(shell command -v qemu-aarch64-static),$(wildcard tests/asm/arm64-*.c))
ASM_SRCS.string  := arch-arm64/libc/memcpy.S arch-arm64/libc/memset.S arch-arm64/libc/memcmp.S
ASM_SRCS.uaccess := arch-arm64/uaccess.S
asm-tests: $(ASM_TESTS:tests/asm/arm64-%.c=build/asm/arm64-%.ok)
build/asm/arm64-%.ok: tests/asm/arm64-%.c arch-arm64/libc/memcpy.S arch-arm64/libc/memset.S arch-arm64/libc/memcmp.S \
		arch-arm64/uaccess.S arch-arm64/asm.h | build/arm64/gen/asm-offsets.h
	$(call say,ASMTEST,$<)
	$(Q)mkdir -p $(@D)
	$(Q)for f in $(ASM_SRCS.$*); do \
		o=$(@D)/$*-$$(basename $$f).o; \
		$(CROSS.arm64)gcc -I. -Iarch-arm64 -Ibuild/arm64/gen -D__ASSEMBLY__ -c -o $$o $$f && \
		$(CROSS.arm64)objcopy $(if $(filter string,$*),--prefix-symbols=k_) --rename-section .extable=extable $$o || exit 1; \
	done
	$(Q)$(CROSS.arm64)gcc -O1 -fno-builtin -static -I. -Ibuild/arm64/gen $(WARN) -o $(@:.ok=) $< $(@D)/$*-*.o
	$(Q)timeout 600 qemu-aarch64-static $(@:.ok=) && touch $@
# The same tests with the x86-64 port's functions, where this machine can run them.
ASM_TESTS_X86 := $(if $(filter x86_64,$(shell uname -m)),$(wildcard tests/asm/arm64-*.c))
ASM_SRCS_X86.string  := arch-x86/libc/memcpy.S arch-x86/libc/memset.S arch-x86/libc/memcmp.S
ASM_SRCS_X86.uaccess := arch-x86/uaccess.S
asm-tests: $(ASM_TESTS_X86:tests/asm/arm64-%.c=build/asm/x86-%.ok)
ifneq ($(O),build/x86_64)
build/x86_64/gen/asm-offsets.h:
	$(Q)$(MAKE) ARCH=x86_64 BUILD=release O=build/x86_64 $@
endif
build/asm/x86-%.ok: tests/asm/arm64-%.c $(ASM_SRCS_X86.string) $(ASM_SRCS_X86.uaccess) arch-x86/asm.h | build/x86_64/gen/asm-offsets.h
	$(call say,ASMTEST,x86 $<)
	$(Q)mkdir -p $(@D)
	$(Q)for f in $(ASM_SRCS_X86.$*); do \
		o=$(@D)/x86-$*-$$(basename $$f).o; \
		$(HOSTCC) -I. -Iarch-x86 -Ibuild/x86_64/gen -D__ASSEMBLY__ -c -o $$o $$f && \
		objcopy $(if $(filter string,$*),--prefix-symbols=k_) --rename-section .extable=extable $$o || exit 1; \
	done
	$(Q)$(HOSTCC) -O1 -fno-builtin -static -no-pie -z noexecstack $(WARN) -o $(@:.ok=) $< $(@D)/x86-$*-*.o
	$(Q)timeout 600 $(@:.ok=) && touch $@

#: lint          layering, headers that compile alone, no spinlocks, fences, arch parity
lint: layers headers
	$(Q)sh tools/nospin.sh
	$(Q)sh tools/orders.sh
	$(Q)python3 tools/arch-parity.py
layers:
	$(Q)sh tools/layers.sh
HDRS := $(foreach d,$(PORTABLE),$(wildcard $(d)/*.h))
headers: $(HDRS:%=build/host/%.hdr)
build/host/%.h.hdr: %.h build/host/flags
	$(Q)mkdir -p $(@D)
	$(Q)echo '#include "$<"' | $(HOSTCC) $(HCFLAGS) -fsyntax-only -x c - && touch $@

models:
	$(Q)if [ -f tests/models/run.sh ]; then sh tests/models/run.sh; fi
tools-tests:
	$(Q)if [ -d tests/tools ]; then python3 -m unittest discover -q -s tests/tools; fi
.PHONY: asm-tests check fuzz-run fuzz-replay lint layers headers models tools-tests
-include $(UBINS:=.d)
