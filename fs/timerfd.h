/* SPDX-License-Identifier: MIT
 *
 * timerfd: what fs/vfs.h does not say.
 */
#pragma once

#include "libc/types.h"

struct file;
struct itimer_ns;

/* timerfd_settime(2) with all its flags, as numbered there; timerfd_set() is this without CANCEL_ON_SET. -EINVAL, -ECANCELED. */
int timerfd_set_flags(struct file *f, unsigned flags, const struct itimer_ns *new_value, struct itimer_ns *old);
/* CLOCK_REALTIME was set (after clock_set_realtime_offset): timers on it are moved; those that asked are cancelled. Context: thread. */
void timerfd_clock_was_set(bool is_step);
