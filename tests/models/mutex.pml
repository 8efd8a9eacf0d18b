/* SPDX-License-Identifier: MIT
 *
 * The mutex of sched/mutex.c: N threads, each locks and unlocks ROUNDS times. Checked: mutual exclusion (assert), no lost wake-up (a thread that sleeps for ever is an invalid
 * end state), and that a record is never used after its thread has left (assert).
 *
 * word = (owner, bit); each read-modify-write of it is one atomic step. The queue: incoming (a channel: pushes; taken as a whole), waiting (the owner's).
 * Sleeping is by state[]: announced, then blocked until a waker makes it runnable (proven in wakeup.pml).
 *
 * Mutations, each of which must be caught:
 *	WAKE_FIRST	unlock wakes the waiter before it gives the mutex up
 *	BIT_FIRST	a locker sets the bit before it pushes
 *	NO_RECHECK	the owner clears the bit without looking at incoming again
 *	LOOK_FIRST	a waiter looks at the word before it announces that it waits
 *	NO_CLEAR	who leaves the queue empty does not clear the bit
 *	TWO_POPPERS	a waiter takes itself off the queue before it owns the mutex
 */
#ifndef N
#define N 3
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif
#define STARVATION 1

byte owner;			/* 0: free; else thread + 1 */
bool has_waiters;
chan incoming = [N] of { byte };
chan waiting = [N] of { byte };
bool announced[N];
bool starving[N];
bool queued[N];			/* the record is alive */
byte in_section;

/* Owner: move incoming to waiting if that is empty. */
inline take()
{
	d_step {
		if
		:: len(waiting) == 0 ->
			do
			:: len(incoming) > 0 -> incoming ? t; waiting ! t
			:: else -> break
			od
		:: else
		fi;
		t = 0
	}
}

/* Owner: waiting has the first, or is empty and the bit is clear. */
inline first_waiter()
{
	take();
	if
	:: len(waiting) == 0 ->
		has_waiters = false;
#ifndef MUTATE_NO_RECHECK
		take();
		if
		:: len(waiting) > 0 -> has_waiters = true
		:: else
		fi
#endif
	:: else
	fi
}

/* Take me out of wherever it stands, joining both parts if it is not the first. */
inline dequeue()
{
	first_waiter();
	d_step {
		if
		:: waiting ?? [eval(me)] -> waiting ?? eval(me)
		:: else ->
			do
			:: len(incoming) > 0 -> incoming ? t; waiting ! t
			:: else -> break
			od;
			t = 0;
			waiting ?? eval(me)
		fi;
		queued[me] = false
	}
#ifndef MUTATE_NO_CLEAR
	if
	:: len(waiting) == 0 -> first_waiter()
	:: else
	fi
#endif
}

inline lock()
{
	atomic {
		if
		:: owner == 0 -> owner = me + 1; goto locked
		:: else
		fi
	}
	starving[me] = false;
	lost = 0;
#ifdef MUTATE_BIT_FIRST
	has_waiters = true;
	queued[me] = true;
	incoming ! me;
#else
	queued[me] = true;
	incoming ! me;
	has_waiters = true;
#endif
#ifdef MUTATE_TWO_POPPERS
	dequeue();
#endif
	do
	::
#ifdef MUTATE_LOOK_FIRST
		if
		:: owner == 0 || owner == me + 1 -> skip
		:: else -> announced[me] = true; !announced[me]; 
		fi;
#else
		announced[me] = true;
#endif
		atomic {
			if
			:: owner == me + 1 -> announced[me] = false; break
			:: owner == 0 -> owner = me + 1; announced[me] = false; break
			:: else
			fi
		}
		!announced[me];
		if
		:: lost < STARVATION -> lost++
		:: else -> starving[me] = true
		fi
	od;
#ifndef MUTATE_TWO_POPPERS
	dequeue();
#endif
locked:	skip
}

inline unlock()
{
	atomic {
		if
		:: !has_waiters -> owner = 0; goto unlocked
		:: else
		fi
	}
	first_waiter();
	assert(len(waiting) > 0);	/* the bit says so, and only we take anything off */
	waiting ? <first>;
	assert(queued[first]);
#ifdef MUTATE_WAKE_FIRST
	announced[first] = false;
	owner = (starving[first] -> first + 1 : 0);
#else
	owner = (starving[first] -> first + 1 : 0);
	announced[first] = false;	/* thread_wake() */
#endif
unlocked: skip
}

active [N] proctype thread()
{
	byte me = _pid, t = 0, first = 0, lost = 0, round = 0;

	do
	:: round < ROUNDS ->
		lock();
		in_section++;
		assert(in_section == 1);
		in_section--;
		unlock();
		first = 0;
		lost = 0;
		round++
	:: else -> break
	od
}
