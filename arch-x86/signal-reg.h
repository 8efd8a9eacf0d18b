/* SPDX-License-Identifier: MIT
 *
 * Layout of signal frames, as Linux x86-64 has them (uapi asm/sigcontext.h, asm/ucontext.h, asm/signal.h). tests/unit/linux-abi-x86.c compares with its headers.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define RED_ZONE		128

#define UC_FP_XSTATE		1ul
#define UC_SIGCONTEXT_SS	2ul
#define UC_STRICT_RESTORE_SS	4ul

#define FP_XSTATE_MAGIC1	0x46505853u
#define FP_XSTATE_MAGIC2	0x46505845u
#define XFEATURE_FPSSE		3ul
#define SW_BYTES_OFFSET		464

#define LINUX_USER_CS		0x33
#define LINUX_USER_SS		0x2b

/* The application's flags: CF PF AF ZF SF TF DF OF RF AC. Of the others IF is ours; NT would make the next iretq fault. */
#define RFLAGS_USER		0x50dd5ul
#define RFLAGS_TF		0x100ul
#define RFLAGS_DF		0x400ul
#define RFLAGS_RF		0x10000ul

/* In the XSAVE area, where the CPU leaves room for software (SDM vol. 1 10.5.1). */
struct sw_bytes {
	uint32_t magic1, extended_size;
	uint64_t xfeatures;
	uint32_t xstate_size, padding[7];
};
_Static_assert(sizeof(struct sw_bytes) == 48, "struct _fpx_sw_bytes");

struct sigcontext {
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, eflags;
	uint16_t cs, gs, fs, ss;
	uint64_t err, trapno, oldmask, cr2, fpstate, reserved[8];
};
_Static_assert(sizeof(struct sigcontext) == 256, "struct sigcontext");

struct ucontext {
	uint64_t flags, link;
	uint64_t stack_sp;
	int32_t stack_flags, pad;
	uint64_t stack_size;
	struct sigcontext mc;
	uint64_t sigmask;
};
_Static_assert(offsetof(struct ucontext, mc) == 40 && sizeof(struct ucontext) == 304, "struct ucontext");

struct sigframe {
	uint64_t restorer;
	struct ucontext uc;
	uint8_t siginfo[128];
};
_Static_assert(sizeof(struct sigframe) == 440, "struct rt_sigframe");
