/* SPDX-License-Identifier: MIT
 *
 * Arbitrary bytes as a filter program, run over arbitrary bytes as a packet: what the checker lets pass ends and never reads outside the packet.
 *
 * Input: [number of instructions][offset 0][network header][link header][instructions, 8 bytes each][packet].
 */
/* sources: net/bpf.c */
#include <stdlib.h>
#include <string.h>

#include "net/bpf.h"
#include "net/netdev-priv.h"
#include "net/pkt.h"
#include "sched/cpu.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct netdev loopback;

struct thread *arch_current(void)
{
	static struct cpu cpu = { .id = 3 };
	static struct thread thread = { .cpu = &cpu };

	return &thread;
}

void *kmalloc(size_t size)
{
	return malloc(size);
}

void kfree(void *p)
{
	free(p);
}

void random_bytes(void *buf, size_t len)
{
	memset(buf, 0x5a, len);
}

void pkt_copy_out(const struct pkt *p, unsigned off, void *buf, unsigned len)
{
	memcpy(buf, p->base + off, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct netdev dev = { .index = 2 };
	unsigned nr, len, split;
	struct bpf_insn *insns;
	uint8_t *head, *tail;
	struct pkt p;

	if (size < 4)
		return 0;
	nr = (unsigned)MIN((size_t)data[0], (size - 4) / sizeof(*insns));
	len = (unsigned)(size - 4 - nr * sizeof(*insns));
	split = len / 2;
	/* In memory of their own, so that a read outside is seen. */
	insns = malloc(nr * sizeof(*insns) + 1);
	head = malloc(split + 1ul);
	tail = malloc(len - split + 1ul);
	memcpy(insns, data + 4, nr * sizeof(*insns));
	memcpy(head, data + size - len, split);
	memcpy(tail, data + size - len + split, len - split);
	p.base = tail;
	p.len = len - split;
	if (!bpf_check(insns, nr)) {
		struct bpf_view v = { .head = head, .head_len = split, .pkt = &p, .start = MIN((unsigned)data[1], len), .net = data[2] & 1 ? BPF_NONE : MIN(data[2] / 2u, len),
				      .link = data[3] & 1 ? BPF_NONE : 0, .dev = data[3] & 2 ? &dev : NULL, .protocol = data[3] & 4 ? 0x86dd : 0x0800 };

		(void)bpf_run(insns, &v);
	}
	free(insns);
	free(head);
	free(tail);
	return 0;
}
