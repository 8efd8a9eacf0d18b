// SPDX-License-Identifier: MIT
/*
 * Filters of sockets: SO_ATTACH_FILTER and its kin (socket(7)), and what a filter of each kind of socket sees. Where a filter's offset 0 is differs as in Linux: the transport's
 * header for TCP and UDP, the IP header for raw sockets of IPv4.
 */
#include "libc/errno.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "mmu/user.h"
#include "net/bpf.h"
#include "net/ip.h"
#include "net/pkt.h"
#include "net/socket.h"
#include "net/wire.h"

static void free_rcu(struct rcu_head *head)
{
	kfree(container_of(head, struct bpf_filter, rcu));
}

static void put(struct bpf_filter *f)
{
	/* acq_rel: all uses before the free. Pairs: itself */
	if (f && atomic_fetch_sub(&f->refs, 1u, ACQ_REL) == 1)
		rcu_defer(&f->rcu, free_rcu);
}

/* What others look at while they run it goes after a grace period. */
static void replace(struct socket *so, struct bpf_filter *f)
{
	put(atomic_exchange(&so->filter, f, ACQ_REL));	/* release: a whole filter. Pairs: sock_filter_view */
}

int sock_attach_filter(struct socket *so, const void *fprog, unsigned len)
{
	struct {
		uint16_t nr, pad[3];
		uint64_t insns;
	} prog;
	struct bpf_filter *f;
	int r;

	if (len != sizeof(prog))
		return -EINVAL;
	memcpy(&prog, fprog, sizeof(prog));
	if (sock_has(so, SF_LOCK_FILTER))
		return -EPERM;
	if (!prog.insns || !prog.nr || prog.nr > BPF_MAX_INSNS)
		return -EINVAL;
	f = kmalloc(sizeof(*f) + prog.nr * sizeof(f->insns[0]));
	if (!f)
		return -ENOMEM;
	f->refs = 1;
	f->nr = prog.nr;
	r = copy_from_user(f->insns, (const void *)prog.insns, prog.nr * sizeof(f->insns[0])) ? -EFAULT : bpf_check(f->insns, f->nr);
	if (r) {
		kfree(f);
		return r;
	}
	replace(so, f);
	return 0;
}

int sock_detach_filter(struct socket *so)
{
	if (sock_has(so, SF_LOCK_FILTER))
		return -EPERM;
	if (!atomic_load(&so->filter, RELAXED))
		return -ENOENT;
	replace(so, NULL);
	return 0;
}

/* A reference, or NULL. */
static struct bpf_filter *get(struct socket *so)
{
	struct bpf_filter *f;
	uint32_t n = 0;

	rcu_read_lock();
	f = rcu_deref(so->filter);
	if (f)
		n = atomic_load(&f->refs, RELAXED);
	while (n && !atomic_cas(&f->refs, &n, n + 1, RELAXED))
		;
	rcu_read_unlock();
	return n ? f : NULL;
}

int sock_get_filter(struct socket *so, void *to, unsigned *nr)
{
	struct bpf_filter *f = get(so);
	unsigned room = *nr;
	int r = 0;

	*nr = f ? f->nr : 0;
	if (f && room)
		r = room < f->nr ? -EINVAL : copy_to_user(to, f->insns, f->nr * sizeof(f->insns[0]));
	put(f);
	return r;
}

void sock_inherit_filter(struct socket *to, struct socket *from)
{
	to->filter = get(from);
}

void sock_drop_filter(struct socket *so)
{
	put(so->filter);
}

uint32_t sock_filter_view(struct socket *so, const struct bpf_view *v)
{
	struct bpf_filter *f;
	uint32_t r = UINT32_MAX;

	rcu_read_lock();
	f = rcu_deref(so->filter);
	if (f)
		r = bpf_run(f->insns, v);
	rcu_read_unlock();
	return r;
}

/* Segments that go to ourselves the short way have no IP header: what it would be. */
static unsigned make_ip_header(const struct pkt *p, unsigned transport_len, uint8_t *out)
{
	struct ip4_hdr h4 = { .ver_ihl = 0x45, .len = net16((uint16_t)(IP4_HLEN + transport_len + p->len)), .frag = net16(IP4_DF), .ttl = IP_DEFAULT_HOPS, .proto = p->proto };
	struct ip6_hdr h6 = { .ver_tc_flow = net32(6u << 28), .len = net16((uint16_t)(transport_len + p->len)), .next = p->proto, .hops = IP_DEFAULT_HOPS };

	if (p->flags & PKT_IS_IP6) {
		memcpy(h6.src, p->src.b, 16);
		memcpy(h6.dst, p->dst.b, 16);
		memcpy(out, &h6, sizeof(h6));
		return sizeof(h6);
	}
	h4.src = p->src.w[3];
	h4.dst = p->dst.w[3];
	memcpy(out, &h4, sizeof(h4));
	return sizeof(h4);
}

uint32_t sock_filter_ip(struct socket *so, const struct pkt *p, unsigned back)
{
	struct bpf_view v = { .head = p->base, .head_len = (uint32_t)(p->seg[0].data - p->base), .pkt = p, .net = p->l3, .link = p->l3 ? 0 : BPF_NONE, .dev = p->dev };
	uint8_t made[IP6_HLEN + 60];

	if (p->l3 == p->l4) {
		unsigned n = MIN(v.head_len, 60u), hlen = make_ip_header(p, n, made);

		memcpy(made + hlen, v.head, n);
		v.head = made;
		v.head_len = hlen + n;
	}
	v.start = v.head_len - back;
	v.protocol = p->flags & PKT_IS_IP6 ? ETH_P_IP6 : ETH_P_IP4;
	v.kind = !(p->flags & PKT_BROADCAST) ? PACKET_HOST : ip_is_multicast(&p->dst) ? PACKET_MULTICAST : PACKET_BROADCAST;
	return sock_filter_view(so, &v);
}

bool sock_filter_pkt(struct socket *so, struct pkt *p, unsigned back, unsigned cap)
{
	uint32_t keep = sock_filter_ip(so, p, back);

	if (!keep)
		return false;
	keep = MAX(keep, cap);
	if (keep < back + p->len)
		pkt_trim_to(p, keep - MIN(keep, back));
	return true;
}
