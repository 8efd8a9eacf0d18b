/* SPDX-License-Identifier: MIT
 *
 * Sleeping and waking across CPUs: sched/thread.c (wait_begin, wait_block), switch.c (sched_finish), wake.c (thread_wake, tell), idle.c (wait_for_work).
 *
 * One thread T sleeps until cond, first on CPU 0. CPU 1 makes cond true and wakes it; CPU 2 wakes it too, for nothing. The waker may take a blocked T to its own CPU, or push it
 * on CPU 0's incoming list. Checked: T finishes (else somebody waits for ever: invalid end state); T never runs on two CPUs, nor before its registers are saved.
 *
 * Stores that a later load may overtake sit in a store buffer (pend_x) that empties at any moment; a full fence waits for that. So the model has the one reordering that
 * the protocol must fear, store->load.
 *
 * Mutations, each of which must be caught:
 *	NO_WAKER_FENCE		cond = 1, look at the state
 *	NO_SLEEPER_FENCE	announce, look at cond
 *	NO_PUSH_FENCE		push, look at is_polling
 *	NO_IDLE_FENCE		is_polling = 0, look at incoming
 *	NO_IDLE_LOOK		is_polling = 0, sleep
 *	EARLY_BLOCKED		BLOCKED before the registers are saved
 *	STORE_BLOCKED		BLOCKED by a store, not a CAS
 *	LOOK_FIRST		look at cond before announcing
 */
mtype = { RUNNABLE, ANNOUNCED, BLOCKED };

mtype state = RUNNABLE;
bool cond, done, saved;
bool incoming, ipi, polling;
byte nr_running = 1;		/* CPUs that T runs on */

bool pend_cond, pend_announce, pend_push_dummy, pend_polling;
bool pend_incoming;		/* the push, as seen by CPU 0 */

/* What the wakers of CPU 1 and 2 hold in hand for their own CPU. */
bool local1, local2;

/* Empties the store buffers, whenever. */
active proctype buffers()
{
end:
	do
	:: atomic { pend_cond -> cond = true; pend_cond = false }
	:: atomic { pend_announce -> state = ANNOUNCED; pend_announce = false }
	:: atomic { pend_polling -> polling = false; pend_polling = false }
	:: atomic { pend_incoming -> incoming = true; pend_incoming = false }
	od
}

/* T runs on this CPU from its look at the condition to its end or its next sleep. Jumps to went_to_sleep. */
inline run_thread()
{
	assert(nr_running == 1);
	do
	:: cond -> done = true; nr_running--; break
	:: else ->
#ifdef MUTATE_LOOK_FIRST
		if
		:: cond -> skip
		:: else -> pend_announce = true; !pend_announce
		fi;
		if
		:: state == RUNNABLE -> done = cond; goto again
		:: else
		fi;
#else
		pend_announce = true;
#ifndef MUTATE_NO_SLEEPER_FENCE
		!pend_announce;			/* fence */
#endif
		if
		:: cond ->
			!pend_announce;		/* same word */
			state = RUNNABLE; done = true; nr_running--; break
		:: else
		fi;
		!pend_announce;			/* the read-modify-writes below are of that word */
#endif
		/* preempted, or blocks */
		if
		:: atomic { state == ANNOUNCED -> state = RUNNABLE }	/* preempted here */
		:: state == RUNNABLE					/* woken already */
		:: state == ANNOUNCED ->
#ifdef MUTATE_EARLY_BLOCKED
			atomic {
				if
				:: state == ANNOUNCED -> state = BLOCKED
				:: else -> goto again
				fi
			}
			nr_running--;
			saved = true;
			break;
#else
			saved = true;
			nr_running--;
#ifdef MUTATE_STORE_BLOCKED
			state = BLOCKED;
			break;
#else
			atomic {
				if
				:: state == ANNOUNCED -> state = BLOCKED; break
				:: else -> saved = false; nr_running++	/* sched_finish() places it here */
				fi
			}
#endif
#endif
		fi;
again:		skip
	od
}

inline resume()
{
	assert(saved);
	assert(nr_running == 0);
	saved = false;
	nr_running++
}

/* thread_wake(): leaves T in mine, or pushes it. */
inline wake(mine)
{
	do
	:: state == ANNOUNCED ->
		atomic {
			if
			:: state == ANNOUNCED -> state = RUNNABLE; break
			:: else
			fi
		}
	:: state == BLOCKED ->
		atomic {
			if
			:: state == BLOCKED -> state = RUNNABLE
			:: else -> goto retry
			fi
		}
		if
		:: mine = true
		:: pend_incoming = true;
#ifndef MUTATE_NO_PUSH_FENCE
			!pend_incoming;		/* fence */
#endif
			if
			:: !polling -> ipi = true
			:: else
			fi
		fi;
		break;
retry:		skip
	:: state == RUNNABLE -> break
	od
}

/* CPU 0: T first, then the idle loop, which runs T again when it comes back. */
active proctype cpu0()
{
	run_thread();
	do
	:: done -> break
	:: else ->
		polling = true;
		/* polls for a while, or not at all */
		if
		:: incoming
		:: true
		fi;
		pend_polling = true;
#ifndef MUTATE_NO_IDLE_FENCE
		!pend_polling;			/* fence */
#endif
		if
#ifndef MUTATE_NO_IDLE_LOOK
		:: incoming -> skip
		:: else ->
#else
		:: true ->
#endif
			(ipi || done);		/* wfi */
			ipi = false
		fi;
		!pend_polling;
		if
		:: atomic { incoming -> incoming = false }
			resume();
			run_thread()
		:: else
		fi
	od
}

active proctype cpu1()
{
	pend_cond = true;
#ifndef MUTATE_NO_WAKER_FENCE
	!pend_cond;				/* fence */
#endif
	wake(local1);
	if
	:: local1 -> resume(); run_thread()
	:: else
	fi;
	/* T may only sleep with cond unseen; cond is set, so nobody needs to wake it again. */
}

active proctype cpu2()
{
	wake(local2);
	if
	:: local2 -> resume(); run_thread()
	:: else
	fi
}
