/* SPDX-License-Identifier: MIT */
/* memmove stands in memcpy.S, whose code it shares; this file only keeps libc/memmove.c out of the build. */
