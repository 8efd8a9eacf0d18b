// SPDX-License-Identifier: MIT
/*
 * Classic BPF: checker and interpreter. A load outside the packet and a division by zero end the program with 0, as does all that was not foreseen: the packet is dropped.
 */
#include "net/bpf.h"

#include "libc/errno.h"
#include "libc/random.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "net/ip.h"
#include "net/netdev-priv.h"
#include "net/pkt.h"
#include "net/wire.h"
#include "sched/cpu.h"

/* Instruction = class | (size | mode) or (operation | source). */
enum { LD, LDX, ST, STX, ALU, JMP, RET, MISC };
#define CLASS(code)	((code) & 7u)
#define W		0x00u
#define H		0x08u
#define B		0x10u
#define SIZE(code)	((code) & 0x18u)
#define IMM		0x00u
#define ABS		0x20u
#define IND		0x40u
#define MEM		0x60u
#define LEN		0x80u
#define MSH		0xa0u
#define MODE(code)	((code) & 0xe0u)
#define OP(code)	((code) & 0xf0u)
enum { ADD = 0x00, SUB = 0x10, MUL = 0x20, DIV = 0x30, OR = 0x40, AND = 0x50, LSH = 0x60, RSH = 0x70, NEG = 0x80, MOD = 0x90, XOR = 0xa0 };
enum { JA = 0x00, JEQ = 0x10, JGT = 0x20, JGE = 0x30, JSET = 0x40 };
#define X_SOURCE	0x08u
#define RET_A		0x10u
#define TXA		0x80u
#define NR_MEM		16u

/* Offsets that are no offsets: what Linux knows of a packet besides its bytes. */
#define AD_OFF		0xfffff000u	/* -0x1000 */
#define NET_OFF		0xfff00000u	/* -0x100000 */
#define LL_OFF		0xffe00000u	/* -0x200000 */
enum { AD_PROTOCOL = 0, AD_PKTTYPE = 4, AD_IFINDEX = 8, AD_NLATTR = 12, AD_NLATTR_NEST = 16, AD_MARK = 20, AD_QUEUE = 24, AD_HATYPE = 28, AD_RXHASH = 32, AD_CPU = 36,
       AD_XOR_X = 40, AD_VLAN_TAG = 44, AD_VLAN_PRESENT = 48, AD_PAY_OFFSET = 52, AD_RANDOM = 56, AD_VLAN_TPID = 60, AD_MAX = 64 };

#define ARPHRD_ETHER	1u
#define ARPHRD_LOOPBACK	772u

/* ---- checker ------------------------------------------------------------------------------------------------------ */

static bool is_load_known(uint16_t code, uint32_t k)
{
	unsigned class = CLASS(code), size = SIZE(code);

	switch (MODE(code)) {
	case IMM:
		return size == W;
	case LEN:
		return size == W;
	case MEM:
		return size == W && k < NR_MEM;
	case ABS:
		return class == LD && size != (H | B) && (k < AD_OFF || (k - AD_OFF < AD_MAX && !(k & 3)));
	case IND:
		return class == LD && size != (H | B);
	case MSH:
		return class == LDX && size == B;
	}
	return false;
}

static bool is_alu_known(uint16_t code, uint32_t k)
{
	bool is_k = !(code & X_SOURCE);

	switch (OP(code)) {
	case DIV:
	case MOD:
		return !is_k || k;
	case LSH:
	case RSH:
		return !is_k || k < 32;
	case NEG:
		return is_k;
	}
	return OP(code) <= XOR;
}

/* Alone, at place i of nr. */
static bool is_fine(const struct bpf_insn *n, unsigned i, unsigned nr)
{
	unsigned left = nr - i - 1;	/* instructions behind it */

	if (n->code > 0xff)
		return false;
	switch (CLASS(n->code)) {
	case LD:
	case LDX:
		return is_load_known(n->code, n->k);
	case ST:
	case STX:
		return n->code <= STX && n->k < NR_MEM;
	case ALU:
		return is_alu_known(n->code, n->k);
	case JMP:
		if (n->code == (JMP | JA))
			return n->k < left;
		return OP(n->code) >= JEQ && OP(n->code) <= JSET && n->jt < left && n->jf < left;
	case RET:
		return n->code == RET || n->code == (RET | RET_A);
	}
	return n->code == MISC || n->code == (MISC | TXA);
}

/*
 * Is memory written before it is read, on each path? Jumps go forward: when an instruction is looked at, all ways to it are known. written[i]: the words that hold a value on every
 * way that jumps to i.
 */
static bool is_memory_fine(const struct bpf_insn *insns, unsigned nr, uint16_t *written)
{
	uint16_t now = 0;

	memset(written, 0xff, nr * sizeof(*written));
	for (unsigned i = 0; i < nr; i++) {
		const struct bpf_insn *n = &insns[i];
		unsigned class = CLASS(n->code);

		now &= written[i];
		if (class == ST || class == STX) {
			now |= (uint16_t)(1u << n->k);
		} else if ((class == LD || class == LDX) && MODE(n->code) == MEM) {
			if (!(now >> n->k & 1))
				return false;
		} else if (class == JMP && OP(n->code) == JA) {
			written[i + 1 + n->k] &= now;
			now = 0xffff;
		} else if (class == JMP) {
			written[i + 1 + n->jt] &= now;
			written[i + 1 + n->jf] &= now;
			now = 0xffff;
		}
	}
	return true;
}

int bpf_check(const struct bpf_insn *insns, unsigned nr)
{
	uint16_t *written;
	bool is_ok;

	if (!nr || nr > BPF_MAX_INSNS)
		return -EINVAL;
	for (unsigned i = 0; i < nr; i++) {
		if (!is_fine(&insns[i], i, nr))
			return -EINVAL;
	}
	if (CLASS(insns[nr - 1].code) != RET)
		return -EINVAL;
	written = kmalloc(nr * sizeof(*written));
	if (!written)
		return -ENOMEM;
	is_ok = is_memory_fine(insns, nr, written);
	kfree(written);
	return is_ok ? 0 : -EINVAL;
}

/* ---- loads -------------------------------------------------------------------------------------------------------- */

static uint32_t total(const struct bpf_view *v)
{
	return v->head_len + (v->pkt ? v->pkt->len : 0);
}

/* n bytes at `at` from the begin of head. False: they are not all there. */
static bool fetch(const struct bpf_view *v, uint64_t at, void *out, unsigned n)
{
	unsigned in_head = at < v->head_len ? (unsigned)MIN((uint64_t)n, v->head_len - at) : 0;

	if (at + n > total(v))
		return false;
	memcpy(out, v->head + at, in_head);
	if (in_head < n)
		pkt_copy_out(v->pkt, (unsigned)(at + in_head - v->head_len), (uint8_t *)out + in_head, n - in_head);
	return true;
}

/* An offset of a program, as a place from the begin of head on. False: there is no such header. */
static bool place_of(const struct bpf_view *v, uint32_t k, uint64_t *at)
{
	uint32_t base = k < 0x80000000u ? v->start : k >= NET_OFF ? v->net : k >= LL_OFF ? v->link : BPF_NONE;

	*at = (uint64_t)base + (k < 0x80000000u ? k : k >= NET_OFF ? k - NET_OFF : k - LL_OFF);
	return base != BPF_NONE;
}

static bool load(const struct bpf_view *v, uint32_t k, unsigned size, uint32_t *out)
{
	uint8_t b[4];
	uint64_t at;

	if (!place_of(v, k, &at) || !fetch(v, at, b, size == W ? 4 : size == H ? 2 : 1))
		return false;
	*out = size == W ? (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3] : size == H ? (uint32_t)b[0] << 8 | b[1] : b[0];
	return true;
}

/* The netlink attribute of this type in [from, end), counted from start; 0: none. */
static uint32_t find_attr(const struct bpf_view *v, uint32_t type, uint32_t from, uint32_t end)
{
	struct {
		uint16_t len, type;
	} a;

	while (end - from >= sizeof(a) && fetch(v, (uint64_t)v->start + from, &a, sizeof(a)) && a.len >= sizeof(a) && a.len <= end - from) {
		if ((a.type & 0x3fff) == type)
			return from;
		if (ALIGN_UP((uint32_t)a.len, 4u) >= end - from)
			break;
		from += ALIGN_UP((uint32_t)a.len, 4u);
	}
	return 0;
}

static uint32_t netlink_attr(const struct bpf_view *v, uint32_t a, uint32_t x, bool is_nested)
{
	uint32_t len = total(v) - v->start;
	uint16_t outer;

	if (len < 4 || a > len - 4)
		return 0;
	if (!is_nested)
		return find_attr(v, x, a, len);
	if (!fetch(v, (uint64_t)v->start + a, &outer, sizeof(outer)) || outer < 4 || outer > len - a)
		return 0;
	return find_attr(v, x, a + 4, a + outer);
}

/* Where the payload of TCP, UDP and the like begins, counted from start; as far as the headers are there. */
static uint32_t payload_offset(const struct bpf_view *v)
{
	uint32_t at = v->net, proto = 0, frag = 0;
	uint8_t b[IP6_HLEN];

	if (at == BPF_NONE)
		return 0;
	if (v->protocol == ETH_P_IP4 && fetch(v, at, b, 20) && (b[0] & 15) >= 5) {
		at += (b[0] & 15u) * 4;
		proto = b[9];
		frag = (uint32_t)(b[6] & 0x1f) << 8 | b[7];
	} else if (v->protocol == ETH_P_IP6 && fetch(v, at, b, IP6_HLEN)) {
		at += IP6_HLEN;
		proto = b[6];
	} else {
		return at > v->start ? at - v->start : 0;
	}
	if (!frag && proto == IPPROTO_TCP && fetch(v, at + 12ull, b, 1))
		at += MAX((unsigned)(b[0] >> 4) * 4u, 20u);
	else if (!frag && (proto == IPPROTO_UDP || proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6))
		at += 8;
	return MIN(at, total(v)) - MIN(v->start, at);
}

/* False: the program ends. */
static bool ancillary(const struct bpf_view *v, uint32_t what, uint32_t *a, uint32_t x)
{
	switch (what) {
	case AD_PROTOCOL:
		*a = v->protocol;
		return true;
	case AD_PKTTYPE:
		*a = v->kind;
		return true;
	case AD_IFINDEX:
		*a = v->dev ? v->dev->index : 0;
		return v->dev;
	case AD_HATYPE:
		*a = v->dev == &loopback ? ARPHRD_LOOPBACK : ARPHRD_ETHER;
		return v->dev;
	case AD_NLATTR:
	case AD_NLATTR_NEST:
		*a = netlink_attr(v, *a, x, what == AD_NLATTR_NEST);
		return true;
	case AD_CPU:
		*a = cpu_this()->id;
		return true;
	case AD_XOR_X:
		*a ^= x;
		return true;
	case AD_PAY_OFFSET:
		*a = payload_offset(v);
		return true;
	case AD_RANDOM:
		random_bytes(a, sizeof(*a));
		return true;
	}
	*a = 0;		/* marks, queues, hashes, VLAN tags: none here */
	return true;
}

/* ---- interpreter -------------------------------------------------------------------------------------------------- */

/* False: division by zero. */
static bool compute(unsigned op, uint32_t *a, uint32_t b)
{
	switch (op) {
	case ADD:
		*a += b;
		return true;
	case SUB:
		*a -= b;
		return true;
	case MUL:
		*a *= b;
		return true;
	case DIV:
		*a = b ? *a / b : 0;
		return b;
	case MOD:
		*a = b ? *a % b : 0;
		return b;
	case OR:
		*a |= b;
		return true;
	case AND:
		*a &= b;
		return true;
	case XOR:
		*a ^= b;
		return true;
	case LSH:
		*a <<= b & 31;
		return true;
	case RSH:
		*a >>= b & 31;
		return true;
	}
	*a = -*a;	/* NEG */
	return true;
}

static bool is_true(unsigned op, uint32_t a, uint32_t b)
{
	return op == JEQ ? a == b : op == JGT ? a > b : op == JGE ? a >= b : (a & b) != 0;
}

/* *to: A or X. False: the program ends. */
static bool run_load(const struct bpf_insn *n, const struct bpf_view *v, uint32_t *to, uint32_t x, const uint32_t *mem)
{
	switch (MODE(n->code)) {
	case IMM:
		*to = n->k;
		return true;
	case LEN:
		*to = total(v) - v->start;
		return true;
	case MEM:
		*to = mem[n->k];
		return true;
	case ABS:
		return n->k >= AD_OFF ? ancillary(v, n->k - AD_OFF, to, x) : load(v, n->k, SIZE(n->code), to);
	case IND:
		return load(v, x + n->k, SIZE(n->code), to);
	}
	if (!load(v, n->k, B, to))	/* MSH: an IPv4 header's length */
		return false;
	*to = (*to & 15) * 4;
	return true;
}

uint32_t bpf_run(const struct bpf_insn *insns, const struct bpf_view *v)
{
	uint32_t a = 0, x = 0, mem[NR_MEM] = { 0 };

	for (const struct bpf_insn *n = insns;; n++) {
		uint32_t operand = n->code & X_SOURCE ? x : n->k;

		switch (CLASS(n->code)) {
		case LD:
			if (!run_load(n, v, &a, x, mem))
				return 0;
			break;
		case LDX:
			if (!run_load(n, v, &x, x, mem))
				return 0;
			break;
		case ST:
			mem[n->k] = a;
			break;
		case STX:
			mem[n->k] = x;
			break;
		case ALU:
			if (!compute(OP(n->code), &a, operand))
				return 0;
			break;
		case JMP:
			n += OP(n->code) == JA ? n->k : is_true(OP(n->code), a, operand) ? n->jt : n->jf;
			break;
		case RET:
			return n->code & RET_A ? a : n->k;
		default:
			if (n->code & TXA)
				a = x;
			else
				x = a;
		}
	}
}
