#!/bin/sh
# Boot the self-test kernel: qemu.sh CPUS MEMORY SECONDS "KERNEL ARGUMENTS" [QEMU ARGUMENTS...]. Status: that of the tests.
cpus=$1 mem=$2 seconds=$3 args=$4
shift 4
exec timeout "$seconds" qemu-system-aarch64 -M virt,gic-version=3 -cpu cortex-a72 -smp "$cpus" -m "$mem" -nographic -nodefaults -serial stdio \
	-semihosting-config enable=on,target=native -kernel "${KERNEL:-build/arm64-selftest/samara.img}" -append "exit=semihosting $args" "$@" </dev/null
