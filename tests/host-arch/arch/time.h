/* SPDX-License-Identifier: MIT */
/* The host as a port: same contract. */
#pragma once

#include "libc/types.h"

nsec_t arch_time_ns(void);

struct arch_timebase {
	uint64_t base, mult;
	uint32_t shift, frequency_hz;
};
const struct arch_timebase *arch_timebase(void);

void arch_timer_arm(nsec_t deadline);
