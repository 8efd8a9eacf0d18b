/* SPDX-License-Identifier: MIT */
/*
 * ppoll(2), pselect(2) and epoll_pwait(2) without a time-out, ended by a
 * signal: one that was pending and that the call's mask lets through, one that
 * comes while it sleeps, to the thread or to the process; by handlers with and
 * without SA_RESTART; with and without descriptors. What is ignored ends none.
 */
#include "test.h"
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>

enum call { PPOLL_NONE, PPOLL, PPOLL_LONG, PSELECT_NONE, PSELECT, EPOLL_PWAIT, NR_CALLS };
static const char *const names[] = { "ppoll of nothing", "ppoll", "ppoll with a long time", "pselect of nothing", "pselect", "epoll_pwait" };

static int ends[2], ep;
static int nr_handled;
static sigset_t blocked, none;
static bool is_asleep;

static void handler(int sig)
{
	(void)sig;
	__atomic_add_fetch(&nr_handled, 1, __ATOMIC_SEQ_CST);
}

static int wait_for(enum call call)
{
	struct pollfd entry = { ends[0], POLLIN, 0 };
	struct timespec hour = { 3600, 0 };
	struct epoll_event event;
	fd_set set;

	FD_ZERO(&set);
	FD_SET(ends[0], &set);
	switch (call) {
	case PPOLL_NONE:
		return ppoll(NULL, 0, NULL, &none);
	case PPOLL:
		return ppoll(&entry, 1, NULL, &none);
	case PPOLL_LONG:
		return ppoll(&entry, 1, &hour, &none);
	case PSELECT_NONE:
		return pselect(0, NULL, NULL, NULL, NULL, &none);
	case PSELECT:
		return pselect(ends[0] + 1, &set, NULL, NULL, NULL, &none);
	default:
		return epoll_pwait(ep, &event, 1, -1, &none);
	}
}

static void show_end(const char *what, enum call call, int r)
{
	sigset_t now;
	int error = errno;

	pthread_sigmask(SIG_BLOCK, NULL, &now);
	show("%s, %s: %d %s, handled %d, mask %s", names[call], what, r, r < 0 ? strerror(error) : "", __atomic_load_n(&nr_handled, __ATOMIC_SEQ_CST),
	     sigismember(&now, SIGUSR1) == 1 ? "as before" : "CHANGED");
}

static void use(unsigned flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = (int)flags };

	sigaction(SIGUSR1, &action, NULL);
	nr_handled = 0;
}

static void test_pending(enum call call, bool to_process)
{
	use(0);
	if (to_process)
		kill(getpid(), SIGUSR1);
	else
		pthread_kill(pthread_self(), SIGUSR1);
	show_end(to_process ? "pending for the process" : "pending", call, wait_for(call));
}

static void *sleeper(void *call)
{
	int r;

	pthread_sigmask(SIG_SETMASK, &blocked, NULL);
	__atomic_store_n(&is_asleep, true, __ATOMIC_SEQ_CST);
	r = wait_for(*(enum call *)call);
	show_end("while it sleeps", *(enum call *)call, r);
	return NULL;
}

/* Blocked but in the call: a signal that comes before it waits for it. */
static void test_asleep(enum call call, bool to_process, unsigned flags)
{
	pthread_t thread;

	use(flags);
	is_asleep = false;
	need(pthread_create(&thread, NULL, sleeper, &call) == 0);
	while (!__atomic_load_n(&is_asleep, __ATOMIC_SEQ_CST))
		sleep_ms(1);
	sleep_ms(5);
	pthread_kill(thread, SIGCHLD);
	pthread_kill(thread, SIGURG);
	if (to_process)
		kill(getpid(), SIGUSR1);
	else
		pthread_kill(thread, SIGUSR1);
	pthread_join(thread, NULL);
}

int main(void)
{
	struct epoll_event event = { .events = EPOLLIN };

	need(pipe(ends) == 0);
	ep = epoll_create1(0);
	need(epoll_ctl(ep, EPOLL_CTL_ADD, ends[0], &event) == 0);
	sigemptyset(&none);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &blocked, NULL);
	for (enum call call = 0; call < NR_CALLS; call++) {
		test_pending(call, false);
		test_pending(call, true);
		for (int restart = 0; restart < 2; restart++) {
			test_asleep(call, false, restart ? SA_RESTART : 0);
			test_asleep(call, true, restart ? SA_RESTART : 0);
		}
	}
	return test_end();
}
