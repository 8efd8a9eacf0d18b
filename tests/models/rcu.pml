/* SPDX-License-Identifier: MIT
 *
 * Grace periods: sched/rcu.c. One CPU reads, switches threads, idles, in any order; the updater unlinks an object, waits for a grace period, and frees it. Checked: no reader uses
 * the freed object; the grace period ends (the CPU keeps switching or idles for ever).
 *
 * Stores that a later load may overtake sit in a buffer that empties at any moment; a fence waits for that.
 *
 * Mutations, each of which must be caught:
 *	NO_SWITCH_FENCE		count += 2, then readers
 *	NO_IDLE_FENCE		count += 1 at the end of idle, then readers
 *	NO_UPDATER_FENCE	unlink, then the snapshot
 *	SNAPSHOT_FIRST		snapshot, then unlink
 *	NO_SNAPSHOT		any even change of parity counts: only "is idle or ever switched"
 *	COUNT_INSIDE		the quiescent state is counted while a reader is inside
 */
#define STEPS 4

byte count;			/* odd: idle */
bool is_unlinked, is_freed;
bool pend_unlink, pend_count;
byte new_count;

active proctype buffers()
{
end:
	do
	:: atomic { pend_unlink -> is_unlinked = true; pend_unlink = false }
	:: atomic { pend_count -> count = new_count; pend_count = false }
	od
}

inline set_count(v)
{
	!pend_count;		/* stores to one word keep their order */
	new_count = v;
	pend_count = true;
	mine = v
}

active proctype cpu()
{
	byte mine = 0, steps = 0;
	bool has_old;

end:
	do
	:: steps < STEPS ->
		steps++;
		if
		:: /* a reader */
			has_old = !is_unlinked;
#ifdef MUTATE_COUNT_INSIDE
			set_count(mine + 2);
			!pend_count;
#endif
			if
			:: has_old -> assert(!is_freed)		/* uses it */
			:: else
			fi;
			has_old = false
		:: /* a switch */
			set_count(mine + 2);
#ifndef MUTATE_NO_SWITCH_FENCE
			!pend_count;
#endif
		:: /* idle */
			set_count(mine + 1);
			!pend_count;
			set_count(mine + 1);
#ifndef MUTATE_NO_IDLE_FENCE
			!pend_count;
#endif
		fi
	:: else ->	/* idle for good */
		set_count((mine | 1));
		break
	od
}

active proctype updater()
{
	byte snapshot;

#ifdef MUTATE_SNAPSHOT_FIRST
	snapshot = count;
#endif
	pend_unlink = true;
#ifndef MUTATE_NO_UPDATER_FENCE
	!pend_unlink;
#endif
#ifndef MUTATE_SNAPSHOT_FIRST
	snapshot = count;
#endif
#ifdef MUTATE_NO_SNAPSHOT
	count != 0;
#else
	((snapshot & 1) || count != snapshot);
#endif
	is_freed = true
}
