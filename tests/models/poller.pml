/* SPDX-License-Identifier: MIT
 *
 * Receiving without an interrupt for each packet: virtio/net-rx.c, with the event index of virtio/queue.c (virtio 1.2, 2.7.10).
 *
 * The device adds NR buffers to the ring (used.idx) and interrupts when it passes used_event, unless that says "not wanted". Two threads of the application, A and B, look at the ring
 * and sleep; the interrupt's thread takes what is there and either turns the poller on or enables interrupts (it cannot know which is better: both are tried); the tick takes what is
 * there and goes on or ends; an idle CPU (both threads sleep) ends polling, if it gets the ring. Nobody waits for the ring but the interrupt's thread and the tick.
 *
 * Checked: when everything has come to rest, the ring is empty, and the next buffer would be told of (by an interrupt or by the tick): else the assertion at the end fails. Taken buffers
 * are not counted twice: only the owner takes.
 *
 * Stores that a later load may overtake sit in a store buffer (pend_x) that empties at any moment; dma_mb() waits for that: used_event before the look at used.idx by
 * the driver, used.idx before the look at used_event by the device.
 *
 * Mutations, each of which must be caught:
 *	NO_ENABLE_BARRIER	used_event, look at used.idx
 *	NO_DEVICE_BARRIER	used.idx, look at used_event
 *	NO_RECHECK		interrupts enabled, and no look behind that
 *	LOOK_WHEN_OFF		a look takes what an interrupt, already raised, is about, and enables nothing
 *	NO_RAISE		who ends polling and finds something leaves it
 *	NO_TICK			polling without a tick
 */
#define NR	3		/* buffers */
#define ON	100		/* used_event: not wanted */

byte used, taken;		/* used.idx; what the driver has taken */
byte event = 0;			/* used_event: interrupt when used.idx passes it */
bool pend_used, pend_event;
byte pend_event_value, pend_used_value;
bool irq;			/* pending: the interrupt, or raised */
bool is_on, is_tick_armed;
bool lock;
byte nr_asleep;
bool is_over;			/* the device has done all */

/* Empties the store buffers, whenever. */
active proctype buffers()
{
end:
	do
	:: atomic { pend_used -> used = pend_used_value; pend_used = false }
	:: atomic { pend_event -> event = pend_event_value; pend_event = false }
	od
}

inline write_event(value)
{
	atomic { !pend_event; pend_event_value = value; pend_event = true }
}

active proctype device()
{
	byte i = 0, seen;

	do
	:: i < NR ->
		atomic { pend_used_value = i + 1; pend_used = true }
#ifndef MUTATE_NO_DEVICE_BARRIER
		!pend_used;			/* barrier: 2.7.10.2 */
#endif
		seen = event;
		if
		:: seen == i -> irq = true
		:: else
		fi;
		!pend_used;
		i++
	:: else -> break
	od;
	is_over = true
}

/* virtqueue_disable_interrupts(): an event that was passed. */
inline disable()
{
	write_event(ON)
}

/* virtqueue_enable_interrupts(): found says that there is something. */
inline enable(found)
{
	write_event(taken);
#ifndef MUTATE_NO_ENABLE_BARRIER
	!pend_event;				/* dma_mb(): 2.7.10.1 */
#endif
#ifdef MUTATE_NO_RECHECK
	found = false
#else
	found = used != taken
#endif
}

inline take_all()
{
	do
	:: used != taken -> atomic { assert(taken < used); taken++ }
	:: else -> break
	od
}

/* rx_end_polling() */
inline end_polling(found)
{
	is_on = false;
	enable(found);
	if
#ifndef MUTATE_NO_RAISE
	:: found -> irq = true
	:: else
#else
	:: true
#endif
	fi
}

/* rx_run(), in the interrupt's thread. */
active proctype interrupt()
{
	bool found;
end:
	do
	:: atomic { irq -> irq = false };
		if
		:: used != taken -> goto serve	/* virtio_device_interrupt(): this queue has something, else nothing is done */
		:: else
		fi
	od;
serve:
	atomic { !lock -> lock = true };
	disable();
again:
	take_all();
	if
	:: is_on
	:: !is_on ->
		is_on = true;
#ifndef MUTATE_NO_TICK
		is_tick_armed = true
#endif
	:: !is_on ->
		enable(found);
		if
		:: found -> goto again
		:: else
		fi
	fi;
	lock = false;
	goto end
}

active proctype tick()
{
	bool found;
end:
	do
	:: is_tick_armed ->
		atomic { !lock -> lock = true };
		is_tick_armed = false;
		if
		:: is_on ->
			take_all();
			if
			:: is_tick_armed = true		/* somebody has looked */
			:: end_polling(found)
			fi
		:: else
		fi;
		lock = false
	od
}

/* A thread: looks, sleeps, is woken again for whatever reason. rx_poll(). */
active [2] proctype thread()
{
	bool found;
	byte round = 0;

	do
	:: round < 2 ->
		round++;
		found = false;
		if
		:: is_on ->
			if
			:: atomic { !lock -> lock = true };
#ifndef MUTATE_LOOK_WHEN_OFF
				if
				:: !is_on -> lock = false; goto looked
				:: else
				fi;
#endif
				found = used != taken;
				take_all();
				if
				:: !found ->			/* it sleeps */
					if
					:: is_on ->
						enable(found);
						if
						:: found -> disable(); take_all()
						:: else -> is_on = false
						fi
					:: else
					fi
				:: found			/* has something to do */
				fi;
				lock = false
			:: lock					/* the owner does it */
			fi
		:: else
		fi;
looked:		skip
	:: else -> break
	od;
	nr_asleep++;
	/* The CPU becomes idle: rx_idle(), if it gets the ring. */
	if
	:: nr_asleep == 2 && is_on ->
		if
		:: atomic { !lock -> lock = true };
			if
			:: is_on -> end_polling(found)
			:: else
			fi;
			lock = false
		:: lock
		fi
	:: else
	fi
}

/* At rest: nobody can do anything. Then no tick is armed. */
active proctype rest()
{
	timeout -> assert(is_over && nr_asleep == 2 && !lock && used == taken && event == taken && !is_on)
}
