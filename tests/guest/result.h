/* SPDX-License-Identifier: MIT */
/* The result of a call in a line: its value, or the name of its error. */
#pragma once

#include "test.h"

#define result(what, call)                                              \
	do {                                                            \
		errno = 0;                                              \
		long r_ = (long)(call);                                 \
		if (r_ < 0)                                             \
			show("%s: %s", what, strerrorname_np(errno));   \
		else                                                    \
			show("%s: %ld", what, r_);                      \
	} while (0)
