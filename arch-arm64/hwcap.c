/* SPDX-License-Identifier: MIT
 *
 * AT_HWCAP and AT_HWCAP2 (Linux, Documentation/arch/arm64/elf_hwcaps) from the ID registers (Arm ARM DDI0487 D17.2): a bit is given if the field says at
 * least what the bit needs, and the kernel keeps the state that belongs to it. So never: SVE, SME, MTE, BTI (no guarded pages), the event stream.
 *
 * HWCAP_CPUID lets programs read the ID registers themselves. Here these reads are not filtered, so it is given only where the raw registers show nothing
 * that is left out above.
 */
#include <arch/program.h>

#include "libc/types.h"

#define HWCAP_CPUID	(1ul << 11)
#define HWCAP_PACA	(1ul << 30)
#define HWCAP_PACG	(1ul << 31)
#define SCTLR_PAUTH	((1ul << 31) | (1ul << 30) | (1ul << 27) | (1ul << 13))	/* EnIA EnIB EnDA EnDB */

#define READ(name) ({ uint64_t v_; __asm__("mrs %0, " name : "=r"(v_)); v_; })

enum id_register { ISAR0, ISAR1, ISAR2, PFR0, PFR1, MMFR0, MMFR1, MMFR2, NR_ID_REGISTERS };

struct feature {
	uint8_t word, bit;	/* AT_HWCAP: 0, AT_HWCAP2: 1 */
	uint8_t reg, shift, min;
};

static const struct feature features[] = {
	{ 0, 3, ISAR0, 4, 1 },		/* AES */
	{ 0, 4, ISAR0, 4, 2 },		/* PMULL */
	{ 0, 5, ISAR0, 8, 1 },		/* SHA1 */
	{ 0, 6, ISAR0, 12, 1 },		/* SHA2 */
	{ 0, 7, ISAR0, 16, 1 },		/* CRC32 */
	{ 0, 8, ISAR0, 20, 2 },		/* ATOMICS */
	{ 0, 12, ISAR0, 28, 1 },	/* ASIMDRDM */
	{ 0, 13, ISAR1, 12, 1 },	/* JSCVT */
	{ 0, 14, ISAR1, 16, 1 },	/* FCMA */
	{ 0, 15, ISAR1, 20, 1 },	/* LRCPC */
	{ 0, 16, ISAR1, 0, 1 },		/* DCPOP */
	{ 0, 17, ISAR0, 32, 1 },	/* SHA3 */
	{ 0, 18, ISAR0, 36, 1 },	/* SM3 */
	{ 0, 19, ISAR0, 40, 1 },	/* SM4 */
	{ 0, 20, ISAR0, 44, 1 },	/* ASIMDDP */
	{ 0, 21, ISAR0, 12, 2 },	/* SHA512 */
	{ 0, 23, ISAR0, 48, 1 },	/* ASIMDFHM */
	{ 0, 24, PFR0, 48, 1 },		/* DIT */
	{ 0, 25, MMFR2, 32, 1 },	/* USCAT */
	{ 0, 26, ISAR1, 20, 2 },	/* ILRCPC */
	{ 0, 27, ISAR0, 52, 1 },	/* FLAGM */
	{ 0, 28, PFR1, 4, 2 },		/* SSBS */
	{ 0, 29, ISAR1, 36, 1 },	/* SB */
	{ 1, 0, ISAR1, 0, 2 },		/* DCPODP */
	{ 1, 7, ISAR0, 52, 2 },		/* FLAGM2 */
	{ 1, 8, ISAR1, 32, 1 },		/* FRINT */
	{ 1, 13, ISAR1, 52, 1 },	/* I8MM */
	{ 1, 14, ISAR1, 44, 1 },	/* BF16 */
	{ 1, 15, ISAR1, 48, 1 },	/* DGH */
	{ 1, 16, ISAR0, 60, 1 },	/* RNG */
	{ 1, 19, MMFR0, 60, 1 },	/* ECV */
	{ 1, 20, MMFR1, 44, 1 },	/* AFP */
	{ 1, 21, ISAR2, 4, 1 },		/* RPRES */
};

static unsigned field(const uint64_t *id, unsigned reg, unsigned shift)
{
	return (unsigned)(id[reg] >> shift) & 15;
}

static void read_id(uint64_t id[NR_ID_REGISTERS])
{
	id[ISAR0] = READ("id_aa64isar0_el1");
	id[ISAR1] = READ("id_aa64isar1_el1");
	id[ISAR2] = READ("s3_0_c0_c6_2");	/* ID_AA64ISAR2_EL1 */
	id[PFR0] = READ("id_aa64pfr0_el1");
	id[PFR1] = READ("id_aa64pfr1_el1");
	id[MMFR0] = READ("id_aa64mmfr0_el1");
	id[MMFR1] = READ("id_aa64mmfr1_el1");
	id[MMFR2] = READ("s3_0_c0_c7_2");	/* ID_AA64MMFR2_EL1 */
}

static uint64_t gather(const uint64_t *id, unsigned word)
{
	uint64_t caps = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
		const struct feature *x = &features[i];

		if (x->word == word && field(id, x->reg, x->shift) >= x->min)
			caps |= 1ul << x->bit;
	}
	return caps;
}

/* FP and Advanced SIMD: 15 means absent, 1 half precision too (D17.2.64). */
static uint64_t fp_caps(const uint64_t *id)
{
	uint64_t caps = 0;

	if (field(id, PFR0, 16) != 15)
		caps |= 1ul << 0 | (field(id, PFR0, 16) ? 1ul << 9 : 0);
	if (field(id, PFR0, 20) != 15)
		caps |= 1ul << 1 | (field(id, PFR0, 20) ? 1ul << 10 : 0);
	return caps;
}

static uint64_t pauth_caps(const uint64_t *id)
{
	uint64_t caps = 0;

	if ((READ("sctlr_el1") & SCTLR_PAUTH) != SCTLR_PAUTH)
		return 0;
	if (field(id, ISAR1, 4) || field(id, ISAR1, 8) || field(id, ISAR2, 12))
		caps |= HWCAP_PACA;
	if (field(id, ISAR1, 24) || field(id, ISAR1, 28) || field(id, ISAR2, 8))
		caps |= HWCAP_PACG;
	return caps;
}

/* SVE, BTI, MTE, SME. */
static bool is_misleading(const uint64_t *id)
{
	return field(id, PFR0, 32) || field(id, PFR1, 0) || field(id, PFR1, 8) || field(id, PFR1, 24);
}

uint64_t arch_hwcap(void)
{
	uint64_t id[NR_ID_REGISTERS];

	read_id(id);
	return gather(id, 0) | fp_caps(id) | pauth_caps(id) | (is_misleading(id) ? 0 : HWCAP_CPUID);
}

uint64_t arch_hwcap2(void)
{
	uint64_t id[NR_ID_REGISTERS];

	read_id(id);
	return gather(id, 1);
}
