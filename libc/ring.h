/* SPDX-License-Identifier: MIT
 *
 * Bounded rings of pointers.
 *
 * SPSC (one producer, one consumer): wait-free. Each side owns one index and keeps a copy of the other's, so that the shared lines move only when the copy
 * says full or empty.
 *
 * MPMC (any number of both): Vyukov's ring. Each slot has a sequence number: slot i may be written when it is i, read when it is i + 1, written again when it is
 * i + size.
 *
 *	tail --->  [seq 8] free, for position 8		push: CAS tail 8 -> 9, write, seq = 9
 *	head --->  [seq 5] full (position 4)		pop:  CAS head 4 -> 5, read, seq = 4 + size
 *
 * Progress: no operation waits. One that meets a slot whose owner is between its CAS and its store of seq reports "full" or "empty", which callers must take as
 * "not now". Linearization: the CAS of tail or head. ABA: positions are 64 bits and never come back. Reclamation: none needed; the pointers are the caller's.
 * Sizes are powers of two. push: false: full. pop: false: empty. Context: any, but an MPMC operation that is interrupted in the middle makes others see "not now".
 */
#pragma once

#include "libc/atomic.h"
#include "libc/types.h"

struct ring_spsc {
	void **slots;			/* [I] */
	uint64_t mask;			/* [I] */
	__cacheline uint64_t tail;	/* [a] written by the producer */
	uint64_t head_seen;		/* [producer] */
	__cacheline uint64_t head;	/* [a] written by the consumer */
	uint64_t tail_seen;		/* [consumer] */
};

static inline void ring_spsc_init(struct ring_spsc *r, void **slots, uint64_t size)
{
	*r = (struct ring_spsc){ .slots = slots, .mask = size - 1 };
}

static inline bool ring_spsc_push(struct ring_spsc *r, void *p)
{
	uint64_t tail = r->tail;

	if (tail - r->head_seen > r->mask) {
		/* acquire: the consumer has read the slot. Pairs: ring_spsc_pop */
		r->head_seen = atomic_load(&r->head, ACQUIRE);
		if (tail - r->head_seen > r->mask)
			return false;
	}
	r->slots[tail & r->mask] = p;
	/* release: the slot, and what p points at, before the index. Pairs: ring_spsc_pop */
	atomic_store(&r->tail, tail + 1, RELEASE);
	return true;
}

static inline bool ring_spsc_pop(struct ring_spsc *r, void **out)
{
	uint64_t head = r->head;

	if (head == r->tail_seen) {
		/* acquire: the slot after the index. Pairs: ring_spsc_push */
		r->tail_seen = atomic_load(&r->tail, ACQUIRE);
		if (head == r->tail_seen)
			return false;
	}
	*out = r->slots[head & r->mask];
	/* release: the slot has been read. Pairs: ring_spsc_push */
	atomic_store(&r->head, head + 1, RELEASE);
	return true;
}

/* By any thread: a snapshot. */
static inline uint64_t ring_spsc_count(const struct ring_spsc *r)
{
	uint64_t head = atomic_load(&r->head, RELAXED);

	return atomic_load(&r->tail, RELAXED) - head;
}

struct ring_slot {
	uint64_t seq;			/* [a] */
	void *value;			/* [whoever seq says] */
};

struct ring_mpmc {
	struct ring_slot *slots;	/* [I] */
	uint64_t mask;			/* [I] */
	__cacheline uint64_t tail;	/* [a] */
	__cacheline uint64_t head;	/* [a] */
};

/*
 * Slots are numbered relative to their index, so that zeroed memory is an empty ring: "slot i may be written at position p" is seq == p - i.
 * Defines the ring and its slots, at file level.
 */
#define RING_MPMC(name, size) \
	static struct ring_slot name##_slots[size]; \
	static struct ring_mpmc name = { name##_slots, (size) - 1, 0, 0 }

static inline bool ring_mpmc_push(struct ring_mpmc *r, void *p)
{
	uint64_t pos = atomic_load(&r->tail, RELAXED), seq;
	struct ring_slot *s;

	for (;;) {
		s = &r->slots[pos & r->mask];
		/* acquire: the former value has been read. Pairs: ring_mpmc_pop */
		seq = atomic_load(&s->seq, ACQUIRE) + (pos & r->mask);
		if (seq == pos) {
			if (atomic_cas(&r->tail, &pos, pos + 1, RELAXED))
				break;		/* the slot is ours: its seq orders all else */
		} else if ((int64_t)(seq - pos) < 0) {
			return false;
		} else {
			pos = atomic_load(&r->tail, RELAXED);
		}
	}
	s->value = p;
	/* release: the value, and what it points at. Pairs: ring_mpmc_pop */
	atomic_store(&s->seq, pos + 1 - (pos & r->mask), RELEASE);
	return true;
}

static inline bool ring_mpmc_pop(struct ring_mpmc *r, void **out)
{
	uint64_t pos = atomic_load(&r->head, RELAXED), seq;
	struct ring_slot *s;

	for (;;) {
		s = &r->slots[pos & r->mask];
		/* acquire: the value. Pairs: ring_mpmc_push */
		seq = atomic_load(&s->seq, ACQUIRE) + (pos & r->mask);
		if (seq == pos + 1) {
			if (atomic_cas(&r->head, &pos, pos + 1, RELAXED))
				break;
		} else if ((int64_t)(seq - (pos + 1)) < 0) {
			return false;
		} else {
			pos = atomic_load(&r->head, RELAXED);
		}
	}
	*out = s->value;
	/* release: the value has been read. Pairs: ring_mpmc_push */
	atomic_store(&s->seq, pos + r->mask + 1 - (pos & r->mask), RELEASE);
	return true;
}
