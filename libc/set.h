/* SPDX-License-Identifier: MIT
 *
 * Linker sets: arrays of pointers that the linker gathers from every object file, so that a driver, file system or test is added by
 * adding a file. Order within a set is not defined. Each set is named in boards/kernel.ld.S.
 *
 * Pointers, not structs: x86-64 puts a 40-byte struct at a 64-byte stride.
 */
#pragma once

#ifdef HOST_TEST
#define SET_BOUND __attribute__((weak))		/* an empty set has no bounds there */
#else
#define SET_BOUND __attribute__((visibility("hidden")))	/* weak would go through a GOT */
#endif

#define SET_ADD(set, obj) \
	static const void *const set##_entry_##obj \
	__attribute__((section("set_" #set), used)) = &(obj)
#define SET_DECLARE(set, type) \
	extern const type *const __start_set_##set[] SET_BOUND; \
	extern const type *const __stop_set_##set[] SET_BOUND
#define SET_FOREACH(p, set) \
	for (p = __start_set_##set; p != __stop_set_##set; p++)
