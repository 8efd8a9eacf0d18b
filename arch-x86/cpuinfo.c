/* SPDX-License-Identifier: MIT
 *
 * /proc/cpuinfo as Linux x86 writes it: names of CPUID bits by leaf and register (Intel SDM vol. 2A, CPUID; Linux asm/cpufeatures.h has the names).
 */
#include <arch/cpuinfo.h>

#include <arch/io.h>
#include <arch/time.h>

#include <stdarg.h>

#include "libc/print.h"
#include "libc/string.h"

static const char *const leaf1_edx[32] = {
	"fpu", "vme", "de", "pse", "tsc", "msr", "pae", "mce", "cx8", "apic", NULL, "sep", "mtrr", "pge", "mca", "cmov", "pat", "pse36", "pn",
	"clflush", NULL, "dts", "acpi", "mmx", "fxsr", "sse", "sse2", "ss", "ht", "tm", "ia64", "pbe",
};

static const char *const leaf1_ecx[32] = {
	"pni", "pclmulqdq", "dtes64", "monitor", "ds_cpl", "vmx", "smx", "est", "tm2", "ssse3", "cid", "sdbg", "fma", "cx16", "xtpr", "pdcm", NULL,
	"pcid", "dca", "sse4_1", "sse4_2", "x2apic", "movbe", "popcnt", "tsc_deadline_timer", "aes", "xsave", NULL, "avx", "f16c", "rdrand",
	"hypervisor",
};

static const char *const ext1_edx[32] = {
	[11] = "syscall", [19] = "mp", [20] = "nx", [22] = "mmxext", [25] = "fxsr_opt", [26] = "pdpe1gb", [27] = "rdtscp", [29] = "lm",
	[30] = "3dnowext", [31] = "3dnow",
};

static const char *const ext1_ecx[32] = {
	"lahf_lm", "cmp_legacy", "svm", "extapic", "cr8_legacy", "abm", "sse4a", "misalignsse", "3dnowprefetch", "osvw", "ibs", "xop",
};

static const char *const leaf7_ebx[32] = {
	[3] = "bmi1", [5] = "avx2", [7] = "smep", [8] = "bmi2", [9] = "erms", [16] = "avx512f", [17] = "avx512dq", [18] = "rdseed", [19] = "adx",
	[20] = "smap", [23] = "clflushopt", [24] = "clwb", [28] = "avx512cd", [29] = "sha_ni", [30] = "avx512bw", [31] = "avx512vl",
};

struct out {
	char *buf;
	size_t size, len;
};

static __printf(2, 3) void put(struct out *o, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	o->len += (size_t)vsnprintf(o->buf + MIN(o->len, o->size), o->size - MIN(o->len, o->size), fmt, ap);
	va_end(ap);
}

static void put_names(struct out *o, uint32_t bits, const char *const names[32])
{
	for (unsigned i = 0; i < 32; i++)
		if (bits >> i & 1 && names[i])
			put(o, " %s", names[i]);
}

static void put_identity(struct out *o)
{
	struct cpuid c = cpuid(0, 0), v = cpuid(1, 0);
	unsigned family = v.eax >> 8 & 15, model = v.eax >> 4 & 15;
	char vendor[13] = { 0 }, name[49] = { 0 };

	memcpy(vendor, &c.ebx, 4);
	memcpy(vendor + 4, &c.edx, 4);
	memcpy(vendor + 8, &c.ecx, 4);
	if (family == 6 || family == 15)
		model |= v.eax >> 12 & 0xf0;
	if (family == 15)
		family += v.eax >> 20 & 0xff;
	for (unsigned i = 0; i < 3 && cpuid(0x80000000, 0).eax >= 0x80000004; i++) {
		c = cpuid(0x80000002 + i, 0);
		memcpy(name + 16 * i, &c, 16);
	}
	put(o, "vendor_id\t: %s\ncpu family\t: %u\nmodel\t\t: %u\nmodel name\t: %s\nstepping\t: %u\n", vendor, family, model, name, v.eax & 15);
}

size_t arch_cpuinfo_text(char *buf, size_t size, const uint64_t hwcap[2])
{
	uint32_t khz = arch_timebase()->frequency_hz / 1000;
	struct out o = { buf, size, 0 };
	struct cpuid c;

	(void)hwcap;
	put_identity(&o);
	put(&o, "cpu MHz\t\t: %u.%03u\nfpu\t\t: yes\nfpu_exception\t: yes\ncpuid level\t: %u\nwp\t\t: yes\nflags\t\t:", khz / 1000, khz % 1000,
	    cpuid(0, 0).eax);
	c = cpuid(1, 0);
	put_names(&o, c.edx, leaf1_edx);
	put_names(&o, cpuid(0x80000001, 0).edx, ext1_edx);
	put_names(&o, c.ecx, leaf1_ecx);
	put_names(&o, cpuid(0x80000001, 0).ecx, ext1_ecx);
	if (cpuid(0, 0).eax >= 7)
		put_names(&o, cpuid(7, 0).ebx, leaf7_ebx);
	put(&o, "\nbugs\t\t:\nbogomips\t: %u.%02u\nclflush size\t: %u\naddress sizes\t: %u bits physical, 48 bits virtual\n\n", khz / 500, khz / 5 % 100,
	    (c.ebx >> 8 & 0xff) * 8, cpuid(0x80000008, 0).eax & 0xff);
	return o.len;
}
