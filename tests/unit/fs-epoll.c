/* SPDX-License-Identifier: MIT
 *
 * epoll(7) and poll(2): level, edge, one-shot, exclusive, nested; files that go while they are watched; a stress test of lost events.
 */
/* sources: fs/pipe.c fs/eventfd.c fs/special.c fs/poll.c fs/epoll.c fs/uio.c libc/rbtree.c sched/poller.c fs/anon-attr.c fs/cred.c tests/host/fake-special.c tests/host/fake-file.c */
#include "fs/epoll.h"
#include "fs/vfs.h"
#include "libc/atomic.h"
#include "sched/clock.h"
#include "sched/thread.h"
#include "tests/host/special.h"

#define ADD		1
#define DEL		2
#define MOD		3
#define EPOLLEXCLUSIVE	(1u << 28)
#define EPOLLONESHOT	(1u << 30)
#define EPOLLET		(1u << 31)

static struct file *new_epoll(void)
{
	struct file *ep;

	CHECK_EQ(epoll_create_file(0, &ep), 0);
	return ep;
}

static struct file *new_eventfd(void)
{
	struct file *e;

	CHECK_EQ(eventfd_create(0, O_NONBLOCK, &e), 0);
	return e;
}

static int ctl(struct file *ep, int op, int fd, struct file *f, uint32_t events)
{
	struct epoll_event_k ev = { events, (uint64_t)fd };

	return epoll_ctl_file(ep, op, fd, f, &ev);
}

static void post(struct file *e)
{
	uint64_t one = 1;

	CHECK_EQ(do_write(e, &one, 8), 8);
}

static void drain(struct file *e)
{
	uint64_t v;

	CHECK_EQ(do_read(e, &v, 8), 8);
}

/* Descriptor of the one event that is reported now, -1: none. */
static int wait_one(struct file *ep, uint32_t *events)
{
	struct epoll_event_k ev[8];
	int n = epoll_wait_file(ep, ev, 8, 0);

	CHECK(n == 0 || n == 1);
	if (n && events)
		*events = ev[0].events;
	return n ? (int)ev[0].data : -1;
}

static void test_triggers(void)
{
	struct file *ep = new_epoll(), *e = new_eventfd();
	uint32_t events = 0;

	CHECK_EQ(ctl(ep, ADD, 3, e, FILE_POLLIN), 0);
	CHECK_EQ(ctl(ep, ADD, 3, e, FILE_POLLIN), -EEXIST);
	CHECK_EQ(ctl(ep, ADD, 4, e, FILE_POLLIN), 0);	/* a dup */
	CHECK_EQ(ctl(ep, DEL, 4, e, 0), 0);
	CHECK_EQ(ctl(ep, DEL, 4, e, 0), -ENOENT);
	CHECK_EQ(ctl(ep, MOD, 4, e, 0), -ENOENT);
	CHECK_EQ(ctl(ep, 7, 3, e, 0), -EINVAL);
	CHECK_EQ(ctl(ep, ADD, 5, ep, FILE_POLLIN), -EINVAL);
	CHECK_EQ(ctl(e, ADD, 5, ep, FILE_POLLIN), -EINVAL);
	CHECK_EQ(wait_one(ep, NULL), -1);
	post(e);
	CHECK_EQ(wait_one(ep, &events), 3);
	CHECK_EQ(events, FILE_POLLIN);
	CHECK_EQ(wait_one(ep, NULL), 3);	/* level */
	drain(e);
	CHECK_EQ(wait_one(ep, NULL), -1);

	CHECK_EQ(ctl(ep, MOD, 3, e, FILE_POLLIN | FILE_POLLOUT | EPOLLET), 0);
	CHECK_EQ(wait_one(ep, &events), 3);
	CHECK_EQ(events, FILE_POLLOUT);
	CHECK_EQ(wait_one(ep, NULL), -1);	/* edge */
	post(e);
	CHECK_EQ(wait_one(ep, &events), 3);
	CHECK_EQ(events, FILE_POLLIN | FILE_POLLOUT);
	CHECK_EQ(wait_one(ep, NULL), -1);
	post(e);				/* each write is an edge */
	CHECK_EQ(wait_one(ep, NULL), 3);
	CHECK_EQ(wait_one(ep, NULL), -1);
	CHECK_EQ(ctl(ep, MOD, 3, e, FILE_POLLIN | EPOLLET), 0);	/* MOD looks again */
	CHECK_EQ(wait_one(ep, NULL), 3);

	CHECK_EQ(ctl(ep, MOD, 3, e, FILE_POLLIN | EPOLLONESHOT), 0);
	CHECK_EQ(wait_one(ep, NULL), 3);
	CHECK_EQ(wait_one(ep, NULL), -1);
	post(e);
	CHECK_EQ(wait_one(ep, NULL), -1);
	CHECK_EQ(ctl(ep, MOD, 3, e, FILE_POLLIN | EPOLLONESHOT), 0);
	CHECK_EQ(wait_one(ep, NULL), 3);
	CHECK_EQ(ctl(ep, MOD, 3, e, EPOLLEXCLUSIVE), -EINVAL);
	file_put(ep);
	file_put(e);
}

/* The file's last reference takes it out; the epoll may go first, too. */
static void test_lifetime(void)
{
	struct file *ep = new_epoll(), *e = new_eventfd(), *r, *w;
	uint32_t events = 0;

	CHECK_EQ(ctl(ep, ADD, 1, e, FILE_POLLIN), 0);
	post(e);
	file_put(e);
	CHECK_EQ(wait_one(ep, NULL), -1);
	CHECK_EQ(pipe_create(&r, &w, 0), 0);
	CHECK_EQ(ctl(ep, ADD, 2, r, 0), 0);	/* POLLHUP is reported always */
	CHECK_EQ(wait_one(ep, NULL), -1);
	file_put(w);
	CHECK_EQ(wait_one(ep, &events), 2);
	CHECK_EQ(events, FILE_POLLHUP);
	file_put(ep);
	file_put(r);
}

static void test_fairness(void)
{
	struct file *ep = new_epoll(), *e[10];
	struct epoll_event_k ev[3];
	unsigned seen[10] = { 0 };

	for (int i = 0; i < 10; i++) {
		e[i] = new_eventfd();
		CHECK_EQ(ctl(ep, ADD, i, e[i], FILE_POLLIN), 0);
		post(e[i]);
	}
	for (unsigned round = 0; round < 10; round++) {
		CHECK_EQ(epoll_wait_file(ep, ev, 3, 0), 3);
		for (unsigned i = 0; i < 3; i++)
			seen[ev[i].data]++;
	}
	for (unsigned i = 0; i < 10; i++) {
		CHECK_EQ(seen[i], 3);
		file_put(e[i]);
	}
	file_put(ep);
}

static void test_nested(void)
{
	struct file *ep[7], *e = new_eventfd();
	struct epoll_event_k ev[2];

	for (int i = 0; i < 7; i++)
		ep[i] = new_epoll();
	CHECK_EQ(ctl(ep[1], ADD, 9, e, FILE_POLLIN), 0);
	CHECK_EQ(ctl(ep[0], ADD, 1, ep[1], FILE_POLLIN | EPOLLET), 0);
	CHECK_EQ(ctl(ep[1], ADD, 0, ep[0], FILE_POLLIN), -ELOOP);
	CHECK_EQ(wait_one(ep[0], NULL), -1);
	post(e);
	CHECK_EQ(file_poll(ep[0], NULL), FILE_POLLIN | FILE_POLLRDNORM);
	CHECK_EQ(wait_one(ep[0], NULL), 1);
	CHECK_EQ(wait_one(ep[0], NULL), -1);
	CHECK_EQ(wait_one(ep[1], NULL), 9);
	post(e);
	CHECK_EQ(wait_one(ep[0], NULL), 1);
	drain(e);
	CHECK_EQ(file_poll(ep[1], NULL), 0);
	for (int i = 1; i < 4; i++)
		CHECK_EQ(ctl(ep[i], ADD, i + 1, ep[i + 1], FILE_POLLIN), 0);
	CHECK_EQ(ctl(ep[4], ADD, 5, ep[5], FILE_POLLIN), -ELOOP);	/* five levels */
	CHECK_EQ(ctl(ep[6], ADD, 0, ep[0], FILE_POLLIN), -ELOOP);
	CHECK_EQ(ctl(ep[4], ADD, 0, ep[0], FILE_POLLIN), -ELOOP);
	CHECK_EQ(ctl(ep[4], ADD, 7, e, FILE_POLLIN), 0);
	post(e);
	CHECK_EQ(epoll_wait_file(ep[0], ev, 2, NSEC_NEVER), 1);
	for (int i = 0; i < 7; i++)
		file_put(ep[i]);
	file_put(e);
}

static void test_poll(void)
{
	struct file *e[60];
	struct poll_entry p[60];
	nsec_t start = clock_monotonic();

	for (unsigned i = 0; i < 60; i++) {
		e[i] = new_eventfd();
		p[i] = (struct poll_entry){ .file = e[i], .events = FILE_POLLIN };
	}
	CHECK_EQ(poll_files(p, 60, 0), 0);
	CHECK_EQ(poll_files(p, 60, start + 20 * NSEC_PER_MSEC), 0);
	CHECK(clock_monotonic() >= start + 20 * NSEC_PER_MSEC);
	post(e[57]);
	CHECK_EQ(poll_files(p, 60, NSEC_NEVER), 1);
	CHECK_EQ(p[57].revents, FILE_POLLIN);
	p[3] = (struct poll_entry){ .file = NULL, .revents = FILE_POLLNVAL };
	CHECK_EQ(poll_files(p, 60, NSEC_NEVER), 2);
	for (unsigned i = 0; i < 60; i++)
		file_put(e[i]);
}

static void *poll_poster(void *arg)
{
	nap_ms(20);
	post(arg);
	return NULL;
}

static void test_poll_blocks(void)
{
	struct file *e[60];
	struct poll_entry p[60];
	pthread_t id;

	for (unsigned i = 0; i < 60; i++) {
		e[i] = new_eventfd();
		p[i] = (struct poll_entry){ .file = e[i], .events = FILE_POLLIN };
	}
	pthread_create(&id, NULL, poll_poster, e[59]);
	CHECK_EQ(poll_files(p, 60, NSEC_NEVER), 1);
	CHECK_EQ(p[59].revents, FILE_POLLIN);
	pthread_join(id, NULL);
	for (unsigned i = 0; i < 60; i++)
		file_put(e[i]);
}

/* ---- stress: posters, waiters, watchers that come and go --------------------------------------------------------------------------- */

#define NR_FILES	8
#define NR_POSTS	20000u

static struct file *stress_ep, *stress_files[NR_FILES];
static uint64_t nr_taken, nr_posted;
static uint32_t is_done;

static void *stress_poster(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;

	for (unsigned i = 0; i < NR_POSTS; i++) {
		post(stress_files[rand_r(&seed) % NR_FILES]);
		atomic_fetch_add(&nr_posted, 1ul, SEQ_CST);
	}
	return NULL;
}

/* With edge trigger an event that is lost is lost for ever: the sum shows it. */
static void *stress_waiter(void *arg)
{
	struct epoll_event_k ev[4];

	while (!atomic_load(&is_done, SEQ_CST)) {
		int n = epoll_wait_file(stress_ep, ev, 4, clock_monotonic() + 50 * NSEC_PER_MSEC);

		CHECK(n >= 0);
		for (int i = 0; i < n; i++) {
			uint64_t v;

			if (do_read(stress_files[ev[i].data], &v, 8) == 8)
				atomic_fetch_add(&nr_taken, v, SEQ_CST);
		}
	}
	return arg;
}

static void *stress_churner(void *arg)
{
	while (!atomic_load(&is_done, SEQ_CST)) {
		struct file *e = new_eventfd(), *ep = new_epoll();

		CHECK_EQ(ctl(stress_ep, ADD, 100, e, FILE_POLLIN | EPOLLET), 0);
		CHECK_EQ(ctl(ep, ADD, 1, e, FILE_POLLIN), 0);
		CHECK_EQ(ctl(ep, ADD, 2, stress_files[0], FILE_POLLIN), 0);
		if (rand() & 1)
			file_put(e), file_put(ep);
		else
			file_put(ep), file_put(e);
	}
	return arg;
}

static void test_stress(void)
{
	pthread_t posters[3], waiters[2], churner;

	stress_ep = new_epoll();
	for (int i = 0; i < NR_FILES; i++) {
		stress_files[i] = new_eventfd();
		CHECK_EQ(ctl(stress_ep, ADD, i, stress_files[i], FILE_POLLIN | EPOLLET), 0);
	}
	pthread_create(&churner, NULL, stress_churner, NULL);
	for (unsigned i = 0; i < 2; i++)
		pthread_create(&waiters[i], NULL, stress_waiter, NULL);
	for (unsigned i = 0; i < 3; i++)
		pthread_create(&posters[i], NULL, stress_poster, (void *)(uintptr_t)(i + 1));
	for (unsigned i = 0; i < 3; i++)
		pthread_join(posters[i], NULL);
	for (unsigned i = 0; i < 5000 && atomic_load(&nr_taken, SEQ_CST) != 3 * NR_POSTS; i++)
		nap_ms(1);
	CHECK_EQ(nr_taken, 3 * NR_POSTS);
	atomic_store(&is_done, 1u, SEQ_CST);
	for (unsigned i = 0; i < 2; i++)
		pthread_join(waiters[i], NULL);
	pthread_join(churner, NULL);
	file_put(stress_ep);
	for (unsigned i = 0; i < NR_FILES; i++)
		file_put(stress_files[i]);
}

int main(void)
{
	test_triggers();
	test_lifetime();
	test_fairness();
	test_nested();
	test_poll();
	test_poll_blocks();
	test_stress();
	return 0;
}
