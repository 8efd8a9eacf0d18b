/* SPDX-License-Identifier: MIT */
/* See stress/signal-storm.c. */

static void spoil_registers(void)
{
	__asm__ volatile("movi v0.16b, #0xaa\n\tmovi v31.16b, #0xaa\n\tcmp xzr, xzr" ::: "v0", "v31", "cc");
}

/* A call with a pattern in the other registers. Returns the number of registers that changed. */
static long call_and_check(long number, long a0, long a1, long a2, long seed, long *result)
{
	long in[7] = { number, a0, a1, a2, seed };

	__asm__ volatile(
		"mov x27, %[in]\n\tldr x8, [x27]\n\tldp x0, x1, [x27, #8]\n\tldp x2, x19, [x27, #24]\n\t"
		"mov x20, x1\n\tmov x21, x2\n\tmov x22, x8\n\t"
		"add x3, x19, #3\n\tadd x4, x19, #4\n\tadd x5, x19, #5\n\tadd x6, x19, #6\n\tadd x7, x19, #7\n\t"
		"add x9, x19, #9\n\tadd x10, x19, #10\n\tadd x11, x19, #11\n\tadd x12, x19, #12\n\tadd x13, x19, #13\n\t"
		"add x14, x19, #14\n\tadd x15, x19, #15\n\tadd x16, x19, #16\n\tadd x17, x19, #17\n\tadd x30, x19, #30\n\t"
		"fmov d0, x19\n\tfmov d31, x19\n\tmov x23, sp\n\t"
		"cmp x19, x19\n\tccmp x19, x19, #10, ne\n\t"	/* flags: N and V */
		"svc #0\n\t"
		"mrs x24, nzcv\n\tstr x0, [x27, #40]\n\tmov x25, #0\n\t"
		"lsr x24, x24, #28\n\tcmp x24, #10\n\tcinc x25, x25, ne\n\t"
		"cmp x1, x20\n\tcinc x25, x25, ne\n\tcmp x2, x21\n\tcinc x25, x25, ne\n\tcmp x8, x22\n\tcinc x25, x25, ne\n\t"
		"sub x3, x3, #3\n\tcmp x3, x19\n\tcinc x25, x25, ne\n\tsub x4, x4, #4\n\tcmp x4, x19\n\tcinc x25, x25, ne\n\t"
		"sub x5, x5, #5\n\tcmp x5, x19\n\tcinc x25, x25, ne\n\tsub x6, x6, #6\n\tcmp x6, x19\n\tcinc x25, x25, ne\n\t"
		"sub x7, x7, #7\n\tcmp x7, x19\n\tcinc x25, x25, ne\n\tsub x9, x9, #9\n\tcmp x9, x19\n\tcinc x25, x25, ne\n\t"
		"sub x10, x10, #10\n\tcmp x10, x19\n\tcinc x25, x25, ne\n\tsub x11, x11, #11\n\tcmp x11, x19\n\tcinc x25, x25, ne\n\t"
		"sub x12, x12, #12\n\tcmp x12, x19\n\tcinc x25, x25, ne\n\tsub x13, x13, #13\n\tcmp x13, x19\n\tcinc x25, x25, ne\n\t"
		"sub x14, x14, #14\n\tcmp x14, x19\n\tcinc x25, x25, ne\n\tsub x15, x15, #15\n\tcmp x15, x19\n\tcinc x25, x25, ne\n\t"
		"sub x16, x16, #16\n\tcmp x16, x19\n\tcinc x25, x25, ne\n\tsub x17, x17, #17\n\tcmp x17, x19\n\tcinc x25, x25, ne\n\t"
		"sub x30, x30, #30\n\tcmp x30, x19\n\tcinc x25, x25, ne\n\t"
		"fmov x26, d0\n\tcmp x26, x19\n\tcinc x25, x25, ne\n\tfmov x26, d31\n\tcmp x26, x19\n\tcinc x25, x25, ne\n\t"
		"mov x26, sp\n\tcmp x26, x23\n\tcinc x25, x25, ne\n\t"
		"str x25, [x27, #48]"
		:
		: [in] "r"(in)
		: "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x19",
		  "x20", "x21", "x22", "x23", "x24", "x25", "x26", "x27", "x30", "v0", "v31", "cc", "memory");
	*result = in[5];
	return in[6];
}
