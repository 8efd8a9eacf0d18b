/* SPDX-License-Identifier: MIT
 *
 * See fake-net.h. sched/ and mmu/ for one thread under virtual time.
 */
#include "tests/host/fake-net.h"

#include <malloc.h>
#include <stdarg.h>

#include <arch/cpu.h>
#include <arch/time.h>
#include <arch/uaccess.h>

#include "fs/procfs.h"
#include "fs/vnode.h"
#include "libc/print.h"
#include "libc/random.h"
#include "libc/string.h"
#include "mmu/heap.h"
#include "mmu/page.h"
#include "net/csum.h"
#include "net/ip.h"
#include "net/net.h"
#include "net/netdev-priv.h"
#include "net/wire.h"
#include "net/worker.h"
#include "sched/clock.h"
#include "sched/rcu.h"
#include "sched/timer.h"

/* ---- time, randomness --------------------------------------------------------------------------------------------- */

nsec_t sim_now = 1000 * NSEC_PER_SEC;
static uint32_t seed = 1;

nsec_t arch_time_ns(void)
{
	return sim_now;
}

nsec_t clock_realtime_at(nsec_t t)
{
	return t + 1700000000ull * NSEC_PER_SEC;
}

nsec_t clock_realtime_offset(void)
{
	return 1700000000ull * NSEC_PER_SEC;
}

uint32_t sim_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed;
}

void sim_seed(uint32_t s)
{
	seed = s * 2654435761u | 1;
}

void random_bytes(void *buf, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)buf)[i] = (uint8_t)(sim_random() >> 8);
}

/* ---- threads: one -------------------------------------------------------------------------------------------------- */

static struct thread self;
static bool is_woken;

unsigned nr_cpus = 1;

struct thread *arch_current(void)
{
	return &self;
}

void thread_preempt_slow(void)
{
}

bool thread_wake(struct thread *t)
{
	(void)t;
	is_woken = true;
	return true;
}

bool thread_wake_slot(struct thread **slot)
{
	struct thread *t = *slot;

	*slot = NULL;
	return t && thread_wake(t);
}

int thread_wait_slot(struct thread **slot, const char *wchan, nsec_t deadline)
{
	return thread_wait_until(wchan, *slot != &self, deadline, WAIT_INTERRUPTIBLE);
}

/* The first worker, whose work the test does; there is no memory for others. */
int thread_create(const struct thread_params *params, struct thread **out)
{
	static struct thread worker;

	(void)params;
	if (*worker.name)
		return -ENOMEM;
	*worker.name = 'w';
	*out = &worker;
	return 0;
}

void thread_start(struct thread *t)
{
	(void)t;
}

void thread_wait_begin(const char *wchan)
{
	self.wchan = wchan;
	is_woken = false;
}

void thread_wait_end(void)
{
}

int thread_wait_block(nsec_t deadline, unsigned flags)
{
	(void)flags;
	while (!is_woken) {
		if (!sim_step(deadline == NSEC_NEVER ? sim_now + 3600 * NSEC_PER_SEC : deadline)) {
			if (deadline == NSEC_NEVER) {
				fprintf(stderr, "deadlock: %s waits for ever\n", self.wchan);
				abort();
			}
			return -ETIMEDOUT;
		}
	}
	return 0;
}

void mutex_lock(struct mutex *m)
{
	if (m->word) {
		fprintf(stderr, "mutex %p locked twice\n", (void *)m);
		abort();
	}
	m->word = 1;
}

bool mutex_trylock(struct mutex *m)
{
	bool r = !m->word;

	m->word = 1;
	return r;
}

void mutex_unlock(struct mutex *m)
{
	CHECK(m->word);
	m->word = 0;
}

bool mutex_is_held(const struct mutex *m)
{
	return m->word;
}

void waitq_init(struct waitq *q)
{
	memset(q, 0, sizeof(*q));
	list_init(&q->waiters);
}

bool waiter_notify_thread(struct waiter *w, uint32_t key)
{
	if (key && w->events && !(key & w->events))
		return false;
	w->fired = 1;
	return thread_wake(w->thread);
}

void waiter_init(struct waiter *w, uint32_t events)
{
	*w = (struct waiter){ .notify = waiter_notify_thread, .thread = &self, .events = events };
}

void waitq_add(struct waitq *q, struct waiter *w)
{
	w->queue = q;
	list_add_head(&q->waiters, &w->node);
	q->nr_waiters++;
}

void waitq_del(struct waiter *w)
{
	if (!w->queue)
		return;
	list_del(&w->node);
	w->queue->nr_waiters--;
	w->queue = NULL;
}

void __waitq_pass_on(struct waitq *q, uint32_t key)
{
	__waitq_wake(q, 1, key);
}

void __waitq_wake(struct waitq *q, unsigned nr, uint32_t key)
{
	struct waiter *w, *tmp;

	(void)nr;
	list_for_each_safe(w, tmp, &q->waiters, node)
		w->notify(w, key);
}

/* Callbacks run when nobody is inside anything. */
static struct rcu_head *deferred;

void rcu_defer(struct rcu_head *head, void (*fn)(struct rcu_head *head))
{
	head->fn = fn;
	head->node.next = deferred ? &deferred->node : NULL;
	deferred = head;
}

static void run_deferred(void)
{
	while (deferred) {
		struct rcu_head *h = deferred;

		deferred = h->node.next ? container_of(h->node.next, struct rcu_head, node) : NULL;
		h->fn(h);
	}
}

/* ---- timers --------------------------------------------------------------------------------------------------------- */

static struct list timers = LIST_INIT(timers);

void timer_init(struct timer *t, void (*fn)(struct timer *t))
{
	memset(t, 0, sizeof(*t));
	t->fn = fn;
	list_init(&t->node.link);
}

bool timer_arm(struct timer *t, nsec_t deadline, nsec_t slack)
{
	bool was = t->is_armed;

	(void)slack;
	list_del(&t->node.link);
	t->deadline = deadline;
	t->is_armed = deadline != NSEC_NEVER;
	if (t->is_armed)
		list_add_tail(&timers, &t->node.link);
	return was;
}

bool timer_cancel(struct timer *t)
{
	bool was = t->is_armed;

	list_del(&t->node.link);
	t->is_armed = false;
	return was;
}

static struct timer *first_timer(void)
{
	struct timer *best = NULL, *t;

	list_for_each(t, &timers, node.link) {
		if (!best || t->deadline < best->deadline)
			best = t;
	}
	return best;
}

/* ---- memory ----------------------------------------------------------------------------------------------------------- */

struct fake_page {
	paddr_t pa;
	unsigned count;
	struct fake_page *next;
};
#define PAGE_BUCKETS 4096
static struct fake_page *pages[PAGE_BUCKETS];
static unsigned nr_pages;

static struct fake_page **find_page(paddr_t pa)
{
	struct fake_page **p = &pages[(pa >> PAGE_SHIFT) % PAGE_BUCKETS];

	while (*p && (*p)->pa != pa)
		p = &(*p)->next;
	return p;
}

paddr_t page_alloc(unsigned order, unsigned flags)
{
	void *mem = aligned_alloc(PAGE_SIZE << order, PAGE_SIZE << order);
	struct fake_page *p = malloc(sizeof(*p)), **b;

	memset(mem, flags & PAGE_ZERO ? 0 : 0xa5, PAGE_SIZE << order);
	*p = (struct fake_page){ .pa = (paddr_t)(uintptr_t)mem, .count = 1 };
	b = &pages[(p->pa >> PAGE_SHIFT) % PAGE_BUCKETS];
	p->next = *b;
	*b = p;
	nr_pages++;
	return p->pa;
}

void page_get(paddr_t pa)
{
	struct fake_page **p = find_page(pa);

	CHECK(*p);
	(*p)->count++;
}

void page_put(paddr_t pa)
{
	struct fake_page **p = find_page(pa), *gone;

	CHECK(*p);
	if (--(*p)->count)
		return;
	gone = *p;
	*p = gone->next;
	free((void *)(uintptr_t)pa);
	free(gone);
	nr_pages--;
}

void page_free(paddr_t pa, unsigned order)
{
	(void)order;
	page_put(pa);
}

void shrinker_register(struct shrinker *s)
{
	(void)s;
}

unsigned page_count(paddr_t pa)
{
	struct fake_page **p = find_page(pa);

	return *p ? (*p)->count : 1000000;
}

unsigned sim_live_pages(void)
{
	return nr_pages;
}

void *kmalloc(size_t size)
{
	return malloc(size);
}

void *kzalloc(size_t size)
{
	return calloc(1, size);
}

void kfree(void *p)
{
	free(p);
}

size_t ksize(const void *p)
{
	return malloc_usable_size((void *)(uintptr_t)p);
}

size_t arch_user_copy(void *dst, const void *src, size_t len)
{
	if ((uintptr_t)dst < PAGE_SIZE || (uintptr_t)src < PAGE_SIZE)
		return len;
	memcpy(dst, src, len);
	return 0;
}

size_t arch_user_zero(void *dst, size_t len)
{
	memset(dst, 0, len);
	return 0;
}

int arch_user_load32(const uint32_t *src, uint32_t *out)
{
	memcpy(out, src, 4);
	return 0;
}

int arch_user_store32(uint32_t *dst, uint32_t value)
{
	memcpy(dst, &value, 4);
	return 0;
}

/* ---- printing ---------------------------------------------------------------------------------------------------------- */

#undef vsnprintf
#undef snprintf

int samara_snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

size_t samara_strlcpy(char *dst, const char *src, size_t size)
{
	size_t n = strlen(src);

	if (size) {
		memcpy(dst, src, MIN(n, size - 1));
		dst[MIN(n, size - 1)] = 0;
	}
	return n;
}

void log_line(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}

void panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	abort();
}

/* ---- files: none ------------------------------------------------------------------------------------------------------- */

__attribute__((weak)) struct file *file_alloc(const struct file_ops *ops, unsigned flags, void *private)
{
	(void)ops;
	(void)flags;
	(void)private;
	return NULL;
}

__attribute__((weak)) long sock_ioctl(struct socket *so, unsigned cmd, unsigned long arg)
{
	(void)so;
	(void)cmd;
	(void)arg;
	return -ENOTTY;
}

/* ---- what net/config.h does on a machine ---------------------------------------------------------------------------------- */

__attribute__((weak)) int net_start(void)
{
	return 0;
}

__attribute__((weak)) bool net_is_started(void)
{
	return true;
}

__attribute__((weak)) bool net_is_configuring(void)
{
	return false;
}

__attribute__((weak)) void net_wait_configured(unsigned timeout_ms)
{
	(void)timeout_ms;
}

void dhcp_address_in_use(struct netdev *dev, const struct ip_addr *addr) __attribute__((weak));
void dhcp_address_in_use(struct netdev *dev, const struct ip_addr *addr)
{
	(void)dev;
	(void)addr;
}

int net_config_attach(struct netdev *dev) __attribute__((weak));
void net_config_start_device(struct netdev *dev) __attribute__((weak));
void net_config_link_changed(struct netdev *dev) __attribute__((weak));
void net_config_announce(struct netdev *dev) __attribute__((weak));

void resolv_set(unsigned source, const struct ip_addr *servers, unsigned nr, const char *search) __attribute__((weak));
void resolv_set(unsigned source, const struct ip_addr *servers, unsigned nr, const char *search)
{
	(void)source;
	(void)servers;
	(void)nr;
	(void)search;
}

int net_config_attach(struct netdev *dev)
{
	(void)dev;
	return 0;
}

void net_config_start_device(struct netdev *dev)
{
	(void)dev;
}

void net_config_link_changed(struct netdev *dev)
{
	(void)dev;
}

void net_config_announce(struct netdev *dev)
{
	(void)dev;
}

/* ---- the link ------------------------------------------------------------------------------------------------------------- */

struct sim_link sim_link;
uint64_t sim_sent, sim_lost;
bool (*sim_filter)(struct pkt *p);

struct event {
	nsec_t at;
	struct pkt *p;
	struct event *next;
};
static struct event *events;
static nsec_t link_free_at, link_held_until;

/* Bytes that wait to be serialised. */
static unsigned link_backlog(void)
{
	nsec_t start = MAX(sim_now, link_held_until);

	return sim_link.per_byte && link_free_at > start ? (unsigned)((link_free_at - start) / sim_link.per_byte) : 0;
}

void sim_link_hold(nsec_t until)
{
	link_free_at = MAX(link_free_at, sim_now) + until - sim_now;
	link_held_until = until;
}

static void enqueue(struct pkt *p, nsec_t at)
{
	struct event *e = malloc(sizeof(*e)), **link = &events;

	*e = (struct event){ at, p, NULL };
	while (*link && (*link)->at <= at)
		link = &(*link)->next;
	e->next = *link;
	*link = e;
}

/* One frame on the wire. take. */
static void link_frame(struct pkt *p)
{
	nsec_t at;

	sim_sent++;
	if (link_free_at < sim_now)
		link_free_at = sim_now;
	if (sim_random() % 10000 < sim_link.loss ||
	    (sim_link.queue_limit && link_backlog() > sim_link.queue_limit)) {
		sim_lost++;
		pkt_free(p);
		return;
	}
	link_free_at += p->len * sim_link.per_byte;
	at = link_free_at + sim_link.delay + (sim_link.jitter ? sim_random() % sim_link.jitter : 0);
	if (sim_random() % 10000 < sim_link.reorder)
		at += sim_link.delay / 2 + 3 * NSEC_PER_MSEC;
	if (sim_random() % 10000 < sim_link.duplicate) {
		struct pkt *c = pkt_copy(p, 64);

		c->flags |= PKT_CSUM_PARTIAL;
		enqueue(c, at + sim_random() % 5000000);
	}
	enqueue(p, at);
}

/* What a device with TSO makes of a packet that starts at its IP header. take. */
static void segment(struct pkt *p)
{
	bool v4 = p->gso_type == PKT_GSO_TCP4;
	unsigned hlen = p->hdr_len, ip_len = v4 ? 20 : 40;

	CHECK_EQ(p->gso_type, p->seg[0].data[0] >> 4 == 4 ? PKT_GSO_TCP4 : PKT_GSO_TCP6);
	CHECK(hlen >= ip_len + 20 && hlen <= p->seg[0].len && p->csum_start == ip_len);
	for (unsigned off = hlen; off < p->len; off += p->gso_size) {
		unsigned n = MIN((unsigned)p->gso_size, p->len - off);
		struct pkt *s = pkt_alloc(64, hlen + n);
		struct tcp_hdr *h;
		uint32_t seq;

		pkt_copy_out(p, 0, pkt_put(s, hlen), hlen);
		pkt_copy_out(p, off, pkt_put(s, n), n);
		h = (struct tcp_hdr *)(s->seg[0].data + ip_len);
		seq = net32(h->seq) + off - hlen;
		h->seq = net32(seq);
		if (off + n < p->len)
			h->flags &= (uint8_t)~(TCP_FIN | TCP_PSH);
		if (v4) {
			struct ip4_hdr *ip = (struct ip4_hdr *)s->seg[0].data;

			ip->len = net16((uint16_t)(hlen + n));
		} else {
			((struct ip6_hdr *)s->seg[0].data)->len = net16((uint16_t)(hlen + n - 40));
		}
		s->flags |= PKT_CSUM_PARTIAL;
		link_frame(s);
	}
	pkt_free(p);
}

static struct netdev_waiter *link_waiters;
static struct timer link_timer;

static void arm_link_timer(void)
{
	timer_arm(&link_timer, link_free_at - sim_link.full_at / 2 * sim_link.per_byte, 0);
}

static void link_room(struct timer *t)
{
	struct netdev_waiter *w = link_waiters, *next;

	if (link_backlog() > sim_link.full_at / 2) {
		arm_link_timer();
		return;
	}
	(void)t;
	loopback.full_queues = 0;
	link_waiters = NULL;
	for (; w; w = next) {
		next = w->next;
		w->is_waiting = 0;
		w->room(w);
	}
}

static bool link_wait_for_room(struct netdev *dev, unsigned queue, struct netdev_waiter *w)
{
	CHECK_EQ(dev->full_queues, 1);
	CHECK_EQ(queue, 0);
	CHECK(!w->is_waiting);
	if (link_backlog() <= sim_link.full_at / 2) {
		dev->full_queues = 0;
		return false;
	}
	w->next = link_waiters;
	w->is_waiting = 1;
	link_waiters = w;
	arm_link_timer();
	return true;
}

static void link_transmit(struct netdev *dev, unsigned queue, struct pkt *list)
{
	(void)queue;
	while (list) {
		struct pkt *p = list;

		list = pkt_next(p);
		CHECK(p->nr_segs <= PKT_MAX_SEGS);
		if (sim_filter && sim_filter(p))
			continue;
		if (p->gso_type && sim_link.segment)
			segment(p);
		else
			link_frame(p);
	}
	if (sim_link.full_at && link_backlog() >= sim_link.full_at)
		dev->full_queues = 1;
}

void sim_link_attach(void)
{
	static struct netdev_ops ops = { .transmit = link_transmit, .wait_for_room = link_wait_for_room };

	loopback_init();
	timer_init(&link_timer, link_room);
	loopback.ops = &ops;
	loopback.features &= ~NETDEV_LOOPBACK;	/* every packet is to pass here */
}

bool sim_step(nsec_t limit)
{
	static nsec_t worker_at;
	struct timer *t = first_timer();
	nsec_t next = events ? events->at : NSEC_NEVER, timer_at = t ? t->deadline : NSEC_NEVER;

	run_deferred();
	if (worker_at <= sim_now || worker_at == NSEC_NEVER) {
		nsec_t w = worker_run_once(0, sim_now);

		worker_at = w == NSEC_NEVER ? NSEC_NEVER : MAX(w, sim_now + 1);
		t = first_timer();
		timer_at = t ? t->deadline : NSEC_NEVER;
		next = events ? events->at : NSEC_NEVER;
	}
	next = MIN(MIN(next, timer_at), worker_at);
	if (next > limit || next == NSEC_NEVER) {
		sim_now = MAX(sim_now, limit);
		return false;
	}
	sim_now = MAX(sim_now, next);
	if (events && events->at <= sim_now) {
		struct event *e = events;

		events = e->next;
		loopback_receive(&loopback, e->p);
		free(e);
	} else if (t && t->deadline <= sim_now) {
		list_del(&t->node.link);
		t->is_armed = false;
		t->fn(t);
	}
	run_deferred();
	return true;
}

void sim_run(nsec_t span)
{
	nsec_t end = sim_now + span;

	is_woken = false;
	while (sim_step(end))
		is_woken = false;
}

/* ---- short hands ---------------------------------------------------------------------------------------------------------- */

struct socket *sim_socket(int family, int type)
{
	struct sock_cred cred = { 1, 0, 0 };
	struct socket *so;

	CHECK_EQ(socket_create(family, type, 0, &cred, &so), 0);
	return so;
}

void sim_close(struct socket *so)
{
	so->ops->release(so);
	socket_put(so);
}

ssize_t sim_send(struct socket *so, const void *buf, size_t len, unsigned flags)
{
	struct iovec iov;
	struct uio u;
	struct sock_msg m = { .uio = &u, .flags = flags, .is_nonblock = flags & MSG_DONTWAIT };

	uio_init(&u, &iov, (void *)(uintptr_t)buf, len, false);
	return so->ops->send(so, &m);
}

ssize_t sim_recv(struct socket *so, void *buf, size_t len, unsigned flags)
{
	struct iovec iov;
	struct uio u;
	struct sock_msg m = { .uio = &u, .flags = flags, .is_nonblock = flags & MSG_DONTWAIT };

	uio_init(&u, &iov, buf, len, false);
	return so->ops->recv(so, &m);
}

struct sock_addr sim_addr(int family, uint16_t port)
{
	struct sock_addr a = { .len = family == AF_INET ? 16 : 28 };

	a.family = (uint16_t)family;
	a.in.port = net16(port);
	if (family == AF_INET)
		a.in.addr = net32(0x7f000001);
	else
		a.in6.addr[15] = 1;
	return a;
}

/* Nobody reads files of /proc here. */
void text_printf(struct text *t, const char *fmt, ...)
{
	(void)t;
	(void)fmt;
}

/* Nor does anybody ask a socket for its times. */
void vnode_now(struct timespec64 *t)
{
	*t = (struct timespec64){ 0 };
}
