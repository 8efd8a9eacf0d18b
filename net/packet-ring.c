// SPDX-License-Identifier: MIT
/*
 * PACKET_RX_RING, TPACKET_V1 and V2 (Linux Documentation/networking/packet_mmap.rst): memory that the program maps, divided into frames. A frame whose status is 0 is the kernel's;
 * it writes a packet there and sets TP_STATUS_USER, and gets the frame back when the program writes 0.
 *
 *	frame:  | header | struct sockaddr_ll | padding, reserve | link header | packet ... |
 *	         0        aligned to 16                            mac           net
 *
 * The program may write anything anywhere at any time: nothing but the status is ever read from there.
 */
#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "mmu/object.h"
#include "mmu/page.h"
#include "net/bpf.h"
#include "net/packet.h"
#include "net/pkt.h"

#define TPACKET_ALIGN	16u
#define MAX_PAGES	16384u		/* 64 MiB */
#define MIN_MAC		16u		/* room for a link header, as Linux leaves it */
#define SLL_LEN		20u

struct tpacket_hdr {
	uint64_t status;
	uint32_t len, snaplen;
	uint16_t mac, net;
	uint32_t sec, usec;
};
_Static_assert(sizeof(struct tpacket_hdr) == 32, "linux/if_packet.h, 64 bit");

struct tpacket2_hdr {
	uint32_t status, len, snaplen;
	uint16_t mac, net;
	uint32_t sec, nsec;
	uint16_t vlan_tci, vlan_tpid;
	uint8_t padding[4];
};
_Static_assert(sizeof(struct tpacket2_hdr) == 32, "linux/if_packet.h");

/* Created by packet_ring_make(); counted: the socket and each mapping. */
struct packet_ring {
	struct vm_object object;	/* first */
	uint32_t refs;			/* [a] */
	uint32_t version, reserve, frame_size, per_block, block_size, nr_frames;	/* [I] */
	uint32_t next;			/* [the socket's ring_lock] the frame to be written next */
	uint32_t nr_pages;		/* [I] */
	paddr_t pages[];		/* [I] one reference of each */
};

static struct packet_ring *ring_of(struct vm_object *o)
{
	return container_of(o, struct packet_ring, object);
}

static void ref(struct vm_object *o)
{
	atomic_fetch_add(&ring_of(o)->refs, 1u, RELAXED);
}

void packet_ring_put(struct packet_ring *r)
{
	/* acq_rel: all uses before the end. Pairs: itself */
	if (atomic_fetch_sub(&r->refs, 1u, ACQ_REL) != 1)
		return;
	for (uint32_t i = 0; i < r->nr_pages; i++)
		page_put(r->pages[i]);
	kfree(r);
}

static void unref(struct vm_object *o)
{
	packet_ring_put(ring_of(o));
}

static int get_page(struct vm_object *o, uint64_t idx, bool for_write, struct vm_page *out)
{
	struct packet_ring *r = ring_of(o);

	(void)for_write;
	if (idx >= r->nr_pages)
		return -ENXIO;
	page_get(r->pages[idx]);
	*out = (struct vm_page){ .pa = r->pages[idx], .is_writable = true };
	return 0;
}

static size_t name(struct vm_object *o, char *buf, size_t size)
{
	(void)o;
	return strlcpy(buf, "socket:[packet]", size);
}

static const struct vm_object_ops ring_object_ops = { .get_page = get_page, .ref = ref, .unref = unref, .name = name };

unsigned packet_ring_header(unsigned version)
{
	return version ? sizeof(struct tpacket2_hdr) : sizeof(struct tpacket_hdr);
}

/* Bytes in front of the link header at least: TPACKET_HDRLEN. */
static uint32_t header_len(unsigned version)
{
	return ALIGN_UP(packet_ring_header(version), TPACKET_ALIGN) + SLL_LEN;
}

int packet_ring_make(const struct packet_ring_req *q, unsigned version, unsigned reserve, struct packet_ring **out)
{
	uint64_t nr_pages = (uint64_t)q->block_size / PAGE_SIZE * q->nr_blocks;
	struct packet_ring *r;

	if ((int32_t)q->block_size <= 0 || q->block_size % PAGE_SIZE || q->frame_size % TPACKET_ALIGN || reserve > UINT16_MAX || q->frame_size < header_len(version) + reserve ||
	    !(q->block_size / q->frame_size) || (uint64_t)(q->block_size / q->frame_size) * q->nr_blocks != q->nr_frames)
		return -EINVAL;
	if (nr_pages > MAX_PAGES)
		return -ENOMEM;
	r = kmalloc(sizeof(*r) + nr_pages * sizeof(r->pages[0]));
	if (!r)
		return -ENOMEM;
	*r = (struct packet_ring){ .object = { .ops = &ring_object_ops }, .refs = 1, .version = version, .reserve = reserve, .frame_size = q->frame_size,
				   .per_block = q->block_size / q->frame_size, .block_size = q->block_size, .nr_frames = q->nr_frames };
	for (; r->nr_pages < nr_pages; r->nr_pages++) {
		r->pages[r->nr_pages] = page_alloc(0, PAGE_ZERO);
		if (r->pages[r->nr_pages] == PADDR_NONE) {
			packet_ring_put(r);
			return -ENOMEM;
		}
	}
	*out = r;
	return 0;
}

/* Where a frame begins. */
static uint64_t place_of(const struct packet_ring *r, uint32_t i)
{
	return (uint64_t)(i / r->per_block) * r->block_size + (uint64_t)(i % r->per_block) * r->frame_size;
}

static uint8_t *byte_at(const struct packet_ring *r, uint64_t at)
{
	return (uint8_t *)phys_to_virt(r->pages[at / PAGE_SIZE]) + at % PAGE_SIZE;
}

/* A frame begins at a multiple of 16: the first word, in which the status is, lies in one page. */
static uint32_t *status_of(const struct packet_ring *r, uint32_t i)
{
	return (uint32_t *)byte_at(r, place_of(r, i));
}

static void put_bytes(const struct packet_ring *r, uint64_t at, const void *data, uint32_t len)
{
	const uint8_t *from = data;

	while (len) {
		uint32_t n = MIN(len, (uint32_t)(PAGE_SIZE - at % PAGE_SIZE));

		memcpy(byte_at(r, at), from, n);
		at += n;
		from += n;
		len -= n;
	}
}

/* len bytes of v from its start on. */
static void put_view(const struct packet_ring *r, uint64_t at, const struct bpf_view *v, uint32_t len)
{
	uint32_t in_head = v->start < v->head_len ? MIN(v->head_len - v->start, len) : 0, off = v->start > v->head_len ? v->start - v->head_len : 0;

	put_bytes(r, at, v->head + v->start, in_head);
	at += in_head;
	len -= in_head;
	while (len) {
		uint32_t n = MIN(len, (uint32_t)(PAGE_SIZE - at % PAGE_SIZE));

		pkt_copy_out(v->pkt, off, byte_at(r, at), n);
		at += n;
		off += n;
		len -= n;
	}
}

bool packet_ring_has_data(struct packet_ring *r)
{
	return atomic_load(status_of(r, (r->next ? r->next : r->nr_frames) - 1), RELAXED);
}

bool packet_ring_write(struct packet_ring *r, const struct bpf_view *v, struct packet_info *info)
{
	uint64_t at = place_of(r, r->next);
	uint32_t mac, net, *status = status_of(r, r->next);

	/* acquire: the program is done with the frame before it is written again. Pairs: the program's store */
	if (atomic_load(status, ACQUIRE))
		return false;
	net = ALIGN_UP(header_len(r->version) + MAX(info->mac_len, MIN_MAC), TPACKET_ALIGN) + r->reserve;
	mac = net - info->mac_len;
	if (mac >= r->frame_size)
		return false;
	info->snaplen = MIN(info->snaplen, r->frame_size - mac);
	put_view(r, at + mac, v, info->snaplen);
	put_bytes(r, at + ALIGN_UP(packet_ring_header(r->version), TPACKET_ALIGN), &info->from, SLL_LEN);
	if (r->version) {
		struct tpacket2_hdr h = { .len = info->len, .snaplen = info->snaplen, .mac = (uint16_t)mac, .net = (uint16_t)net, .sec = (uint32_t)(info->time / NSEC_PER_SEC),
					  .nsec = (uint32_t)(info->time % NSEC_PER_SEC) };

		put_bytes(r, at + 4, (const uint8_t *)&h + 4, sizeof(h) - 4);
	} else {
		struct tpacket_hdr h = { .len = info->len, .snaplen = info->snaplen, .mac = (uint16_t)mac, .net = (uint16_t)net, .sec = (uint32_t)(info->time / NSEC_PER_SEC),
					 .usec = (uint32_t)(info->time % NSEC_PER_SEC / 1000) };

		put_bytes(r, at + 8, (const uint8_t *)&h + 8, sizeof(h) - 8);
	}
	atomic_store(status, info->status, RELEASE);	/* release: the frame before that it is the program's. Pairs: the program's load */
	r->next = r->next + 1 == r->nr_frames ? 0 : r->next + 1;
	return true;
}

int packet_ring_object(struct packet_ring *r, uint64_t off, size_t len, struct vm_object **out)
{
	if (off || len != (uint64_t)r->nr_pages * PAGE_SIZE)
		return -EINVAL;
	ref(&r->object);
	*out = &r->object;
	return 0;
}
