/* SPDX-License-Identifier: MIT */
/* memmove is in memcpy.S; this file keeps libc/memmove.c out. */
