// SPDX-License-Identifier: MIT
/* /proc/cpuinfo as Linux arm64 writes it: names of HWCAP bits (uapi asm/hwcap.h) and the fields of MIDR_EL1 (Arm ARM D17.2.100). */
#include <arch/cpuinfo.h>

#include <arch/time.h>

#include "libc/print.h"

static const char *const hwcap_names[] = {
	"fp", "asimd", "evtstrm", "aes", "pmull", "sha1", "sha2", "crc32", "atomics", "fphp", "asimdhp", "cpuid", "asimdrdm", "jscvt", "fcma",
	"lrcpc", "dcpop", "sha3", "sm3", "sm4", "asimddp", "sha512", "sve", "asimdfhm", "dit", "uscat", "ilrcpc", "flagm", "ssbs", "sb", "paca",
	"pacg",
};

static const char *const hwcap2_names[] = {
	"dcpodp", "sve2", "sveaes", "svepmull", "svebitperm", "svesha3", "svesm4", "flagm2", "frint", "svei8mm", "svef32mm", "svef64mm", "svebf16",
	"i8mm", "bf16", "dgh", "rng", "bti", "mte", "ecv", "afp", "rpres", "mte3",
};

static size_t put_names(char *buf, size_t size, uint64_t bits, const char *const *names, size_t nr)
{
	size_t len = 0;

	for (size_t i = 0; i < nr; i++)
		if (bits >> i & 1)
			len += (size_t)snprintf(buf + MIN(len, size), size - MIN(len, size), " %s", names[i]);
	return len;
}

size_t arch_cpuinfo_text(char *buf, size_t size, const uint64_t hwcap[2])
{
	uint32_t hz = arch_timebase()->frequency_hz;
	uint64_t midr;
	size_t len;

	__asm__("mrs %0, midr_el1" : "=r"(midr));
	len = (size_t)snprintf(buf, size, "BogoMIPS\t: %u.%02u\nFeatures\t:", hz / 500000, hz / 5000 % 100);
	len += put_names(buf + MIN(len, size), size - MIN(len, size), hwcap[0], hwcap_names, ARRAY_SIZE(hwcap_names));
	len += put_names(buf + MIN(len, size), size - MIN(len, size), hwcap[1], hwcap2_names, ARRAY_SIZE(hwcap2_names));
	len += (size_t)snprintf(buf + MIN(len, size), size - MIN(len, size),
				"\nCPU implementer\t: 0x%02x\nCPU architecture: 8\nCPU variant\t: 0x%x\nCPU part\t: 0x%03x\nCPU revision\t: %u\n\n",
				(unsigned)(midr >> 24) & 0xff, (unsigned)(midr >> 20) & 0xf, (unsigned)(midr >> 4) & 0xfff,
				(unsigned)midr & 0xf);
	return len;
}
