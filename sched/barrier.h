/* SPDX-License-Identifier: MIT
 *
 * A barrier on every CPU, for membarrier(2).
 */
#pragma once

enum barrier_kind {
	BARRIER_MEMORY,			/* accesses to memory */
	BARRIER_CORE,			/* and the instructions that follow are fetched anew */
	BARRIER_RSEQ,			/* and restartable sequences under way begin again */
};

/*
 * When it returns, each CPU that runs (or CPU `only`, if that is not negative) has passed a full barrier after
 * the call began. Context: thread, may sleep; does not depend on what the other CPUs run.
 */
void sched_barrier(enum barrier_kind kind, int only);
