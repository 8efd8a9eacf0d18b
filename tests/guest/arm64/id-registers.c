/* SPDX-License-Identifier: MIT */
/*
 * Registers that programs read: Linux emulates the ID registers for programs
 * (HWCAP_CPUID) and lets them read CTR_EL0, DCZID_EL0 and the counter. Fields must
 * agree with HWCAP, as libraries choose code by either. (A kernel may leave HWCAP_CPUID out
 * where the registers show more than it supports; so not run on the model `max`.)
 */
#include "test.h"
#include <asm/hwcap.h>
#include <sys/auxv.h>

#define read_register(name)                                         \
	({                                                          \
		uint64_t value_;                                    \
		__asm__ volatile("mrs %0, " #name : "=r"(value_));  \
		value_;                                             \
	})

static unsigned int field(uint64_t value, int shift)
{
	return value >> shift & 15;
}

int main(void)
{
	unsigned long hwcap = getauxval(AT_HWCAP);

	check("HWCAP_CPUID", (hwcap & HWCAP_CPUID) != 0);
	if (!(hwcap & HWCAP_CPUID))
		return test_end();
	uint64_t midr = read_register(MIDR_EL1), isar0 = read_register(ID_AA64ISAR0_EL1);
	uint64_t pfr0 = read_register(ID_AA64PFR0_EL1), isar1 = read_register(ID_AA64ISAR1_EL1);
	check("MIDR names an implementer", (midr >> 24 & 0xff) != 0);
	check("MPIDR can be read", (read_register(MPIDR_EL1) & 1u << 31) != 0);
	check("REVIDR can be read", read_register(REVIDR_EL1) != UINT64_MAX);
	check("MMFR0 and DFR0 can be read", (read_register(ID_AA64MMFR0_EL1), read_register(ID_AA64DFR0_EL1), true));
	check("FP and SIMD", (field(pfr0, 16) != 15) == !!(hwcap & HWCAP_FP) && (field(pfr0, 20) != 15) == !!(hwcap & HWCAP_ASIMD));
	check("AES", (field(isar0, 4) >= 1) == !!(hwcap & HWCAP_AES));
	check("PMULL", (field(isar0, 4) >= 2) == !!(hwcap & HWCAP_PMULL));
	check("SHA1", (field(isar0, 8) >= 1) == !!(hwcap & HWCAP_SHA1));
	check("SHA2", (field(isar0, 12) >= 1) == !!(hwcap & HWCAP_SHA2));
	check("CRC32", (field(isar0, 16) >= 1) == !!(hwcap & HWCAP_CRC32));
	check("atomics", (field(isar0, 20) >= 2) == !!(hwcap & HWCAP_ATOMICS));
	check("LRCPC", (field(isar1, 20) >= 1) == !!(hwcap & HWCAP_LRCPC));
	uint64_t ctr = read_register(CTR_EL0), dczid = read_register(DCZID_EL0);
	check("cache lines", field(ctr, 0) >= 2 && field(ctr, 16) >= 2 && field(ctr, 0) < 9);
	if (!(dczid & 16)) {
		static unsigned char block[4096] __attribute__((aligned(4096)));
		size_t size = 4ul << (dczid & 15);
		memset(block, 1, sizeof(block));
		__asm__ volatile("dc zva, %0" ::"r"(block) : "memory");
		check("dc zva", block[0] == 0 && block[size - 1] == 0 && block[size] == 1);
	} else {
		check("dc zva", true);
	}
	static int word;
	__asm__ volatile("dc cvau, %0\n ic ivau, %0\n dc civac, %0\n dc cvac, %0" ::"r"(&word) : "memory");
	check("cache maintenance", true);
	uint64_t frequency = read_register(CNTFRQ_EL0), first = read_register(CNTVCT_EL0), begin = (uint64_t)now_ns(CLOCK_MONOTONIC);
	sleep_ms(20);
	uint64_t ticks = read_register(CNTVCT_EL0) - first, ns = (uint64_t)now_ns(CLOCK_MONOTONIC) - begin;
	double by_counter = (double)ticks * 1e9 / (double)frequency;
	check("the counter goes at its frequency", frequency > 1000000 && by_counter > (double)ns * 0.9 && by_counter < (double)ns * 1.1 + 1e6);
	uint64_t pointer = read_register(TPIDR_EL0);
	check("the thread pointer", pointer == (uint64_t)__builtin_thread_pointer());
	return test_end();
}
