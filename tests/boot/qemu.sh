#!/bin/sh
# Boot the self-test kernel: qemu.sh CPUS MEMORY SECONDS "KERNEL ARGUMENTS" [QEMU ARGUMENTS...]. Status: that of the tests. ARCH=x86_64: on a PC.
cpus=$1 mem=$2 seconds=$3 args=$4
shift 4
if [ "${ARCH:-arm64}" = x86_64 ]; then
	# QEMU ends with (status << 1) | 1.
	timeout "$seconds" qemu-system-x86_64 -M microvm,acpi=off,x-option-roms=off,pic=off,rtc=on -cpu max -smp "$cpus" -m "$mem" -nographic -nodefaults \
		-no-reboot -serial stdio -device isa-debug-exit,iobase=0xf4,iosize=1 -kernel "${KERNEL:-build/x86_64-selftest/samara.img}" \
		-append "exit=isa-debug-exit $args" "$@" </dev/null
	status=$?
	[ $status -eq 1 ] && exit 0
	[ $status -eq 0 ] && exit 125
	exit $status
fi
exec timeout "$seconds" qemu-system-aarch64 -M virt,gic-version=3 -cpu cortex-a72 -smp "$cpus" -m "$mem" -nographic -nodefaults -serial stdio \
	-semihosting-config enable=on,target=native -kernel "${KERNEL:-build/arm64-selftest/samara.img}" -append "exit=semihosting $args" "$@" </dev/null
