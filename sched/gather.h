/* SPDX-License-Identifier: MIT
 *
 * Free memory that only its own CPU can give back: objects of a CPU's heap that others have freed, and its page caches (mmu/page.h).
 */
#pragma once

/*
 * Before free memory is counted: what others have freed for a CPU that does not look becomes free. (Who runs out of memory gathers what all CPUs keep by itself, as a
 * shrinker.) Context: thread, may sleep.
 */
void gather_memory(void);
