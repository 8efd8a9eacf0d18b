# SPDX-License-Identifier: MIT
#
# Benchmarks: bench/*.c become build/bench/ARCH/NAME, static Linux programs.
#: bench         instructions per operation on Samara and on Linux; ARCH=x86_64, B=name for one program or row, SAVE=1 into docs/

ARCH ?= arm64
BENCH_PLATFORM.arm64 := aarch64
BENCH_PLATFORM.x86_64 := x86_64
BENCH_CC ?= $(BENCH_PLATFORM.$(ARCH))-linux-gnu-gcc
BENCH_OUT := build/bench/$(ARCH)
BENCH_CFLAGS := -std=gnu11 -O2 -g1 -Wall -Wextra -Werror -pthread -fno-pie -Ibench
BENCH_PROGRAMS := $(patsubst bench/%.c,$(BENCH_OUT)/%,$(sort $(wildcard bench/*.c bench/wall/*.c))) \
	$(addprefix $(BENCH_OUT)/boot/,first main main-pie)

#: bench-locks   one contended lock on 2 and 8 virtual CPUs of 2 host CPUs, Samara and Linux
#: bench-boot    instructions from reset to a program and to redis being ready, Samara and Linux
#: bench-servers redis, nginx, memcached, iperf3 under load, Samara and Linux; B=name for some, CPUS=1,2, SAVE=1 into docs/
#: bench-tracing what tracepoints that are off cost: the release beside a build without them
#: bench-repeat  the benchmarks twice on the same kernel: how well they repeat
.PHONY: bench bench-servers bench-tracing bench-repeat bench-boot bench-locks bench-programs
bench-programs: $(BENCH_PROGRAMS)

$(BENCH_OUT)/%: bench/%.c bench/bench.h bench/bench.mk
	@mkdir -p $(@D)
	$(BENCH_CC) $(BENCH_CFLAGS) -static -o $@ $<

$(BENCH_OUT)/boot/first: bench/boot/first.c bench/bench.mk
	@mkdir -p $(@D)
	$(BENCH_CC) -std=gnu11 -O2 -Wall -Wextra -Werror -fno-pie -fno-stack-protector -nostdlib -static -o $@ $<
$(BENCH_OUT)/boot/main-pie: bench/boot/main.c bench/bench.mk
	@mkdir -p $(@D)
	$(BENCH_CC) -std=gnu11 -O2 -Wall -Wextra -Werror -fPIE -pie -o $@ $<

# What runs on the host beside QEMU, or in the guest beside a server.
BENCH_SERVERS := build/bench/host/libcount.so $(BENCH_OUT)/host/probe.so $(BENCH_OUT)/host/linux-server
build/bench/host/libcount.so: bench/host/count.c bench/bench.mk
	@mkdir -p $(@D)
	gcc -std=gnu11 -O2 -Wall -Wextra -Werror -fPIC -shared -fvisibility=hidden -o $@ $<
$(BENCH_OUT)/host/probe.so: bench/host/probe.c bench/bench.mk
	@mkdir -p $(@D)
	$(BENCH_CC) -std=gnu11 -O2 -Wall -Wextra -Werror -fPIC -shared -o $@ $<
$(BENCH_OUT)/host/linux-server: bench/host/linux-server.c bench/bench.mk
	@mkdir -p $(@D)
	$(BENCH_CC) -std=gnu11 -O2 -Wall -Wextra -Werror -static -o $@ $<

bench: bench-programs
	bench/run.py --arch $(ARCH) $(if $(SAVE),--save) $(if $(FRESH),--fresh) $(B)
bench-locks: bench-programs
	bench/lock-holder.py
bench-boot: all bench-programs $(BENCH_SERVERS)
	bench/boot.py --arch $(ARCH)
bench-tracing: all bench-programs
	@$(MAKE) -s all TRACEPOINTS=0
	bench/compare.py build/$(ARCH)-notrace/samara.img build/$(ARCH)/samara.img $(B)
bench-repeat: all bench-programs
	bench/compare.py build/$(ARCH)/samara.img build/$(ARCH)/samara.img $(B)
bench-servers: all $(BENCH_SERVERS)
	@sh tools/deps.sh bench
	bench/servers.py $(if $(SAVE),--save) $(if $(CPUS),--cpus $(CPUS)) $(B)
