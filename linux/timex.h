/* SPDX-License-Identifier: MIT
 *
 * Setting and steering the realtime clock. Context: thread.
 */
#pragma once

#include "libc/types.h"

/* clock_settime(2): 0; -EINVAL: before the machine's start, or so late that its times could not be held. Steering by offsets ends; a frequency stays. */
int timex_set_clock(nsec_t t);
/* CLOCK_TAI - CLOCK_REALTIME. */
nsec_t timex_tai_offset(void);
