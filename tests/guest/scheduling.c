/* SPDX-License-Identifier: MIT */
/* Scheduling calls: affinity, policies and priorities, nice, yield, getcpu, rseq, membarrier. */
#include "test.h"
#include <linux/membarrier.h>
#include <linux/rseq.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/sysinfo.h>

static void test_affinity(void)
{
	cpu_set_t all, one, got;
	int nr_wrong = 0;

	CPU_ZERO(&all);
	need(sched_getaffinity(0, sizeof(all), &all) == 0);
	int nr = CPU_COUNT(&all);
	check("sysconf agrees", sysconf(_SC_NPROCESSORS_ONLN) == nr && get_nprocs() == nr);
	for (int cpu = 0; cpu < nr; cpu++) {
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		need(sched_setaffinity(0, sizeof(one), &one) == 0);
		unsigned int here = 99, node = 99;
		syscall(SYS_getcpu, &here, &node, NULL);
		nr_wrong += sched_getcpu() != cpu || here != (unsigned int)cpu || node != 0;
		for (int i = 0; i < 20; i++) {
			sched_yield();
			nr_wrong += sched_getcpu() != cpu;
		}
		sched_getaffinity(0, sizeof(got), &got);
		nr_wrong += !CPU_EQUAL(&got, &one);
	}
	show("bound to each CPU in turn, wrong %d", nr_wrong);
	CPU_ZERO(&one);
	check_errno("an empty mask", sched_setaffinity(0, sizeof(one), &one), EINVAL);
	CPU_SET(1000, &one);
	check_errno("no such CPU", sched_setaffinity(0, sizeof(one), &one), EINVAL);
	check_errno("no such thread", sched_setaffinity(999999, sizeof(all), &all), ESRCH);
	check_errno("a buffer too small", syscall(SYS_sched_getaffinity, 0, 1, &got), EINVAL);
	check("back to all", sched_setaffinity(0, sizeof(all), &all) == 0);
}

static void *inherit(void *argument)
{
	cpu_set_t got;

	sched_getaffinity(0, sizeof(got), &got);
	return (void *)(long)CPU_EQUAL(&got, (cpu_set_t *)argument);
}

static void test_inheritance(void)
{
	cpu_set_t all, one;
	pthread_t thread;
	void *result;

	sched_getaffinity(0, sizeof(all), &all);
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
	need(pthread_create(&thread, NULL, inherit, &one) == 0);
	pthread_join(thread, &result);
	check("a new thread inherits the mask", result == (void *)1);
	sched_setaffinity(0, sizeof(all), &all);
}

static void test_policies(void)
{
	struct sched_param param = { 0 };

	show("policy %d", sched_getscheduler(0));
	show("priorities fifo %d-%d, rr %d-%d, other %d-%d", sched_get_priority_min(SCHED_FIFO),
	     sched_get_priority_max(SCHED_FIFO), sched_get_priority_min(SCHED_RR), sched_get_priority_max(SCHED_RR),
	     sched_get_priority_min(SCHED_OTHER), sched_get_priority_max(SCHED_OTHER));
	check_errno("unknown policy", sched_get_priority_max(77), EINVAL);
	static const int policies[] = { SCHED_BATCH, SCHED_IDLE, SCHED_FIFO, SCHED_RR, SCHED_OTHER };
	for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
		param.sched_priority = policies[i] == SCHED_FIFO || policies[i] == SCHED_RR ? 10 : 0;
		int result = sched_setscheduler(0, policies[i], &param);
		struct sched_param got;
		sched_getparam(0, &got);
		show("policy %d: %d, now %d priority %d", policies[i], result, sched_getscheduler(0), got.sched_priority);
	}
	param.sched_priority = 1;
	check_errno("priority with SCHED_OTHER", sched_setscheduler(0, SCHED_OTHER, &param), EINVAL);
	param.sched_priority = 100;
	check_errno("priority too high", sched_setscheduler(0, SCHED_FIFO, &param), EINVAL);
	check_errno("no such process", sched_getscheduler(999999), ESRCH);
	struct timespec ts = { .tv_nsec = -1 };
	check("sched_rr_get_interval", sched_rr_get_interval(0, &ts) == 0 && ts.tv_nsec >= 0);
	check("sched_yield", sched_yield() == 0);
}

static void test_nice(void)
{
	errno = 0;
	check("nice at first", getpriority(PRIO_PROCESS, 0) == 0 && errno == 0);
	check("setpriority", setpriority(PRIO_PROCESS, 0, 5) == 0 && getpriority(PRIO_PROCESS, 0) == 5);
	check("nice adds", nice(3) == 8);
	check("limited to 19", setpriority(PRIO_PROCESS, 0, 100) == 0 && getpriority(PRIO_PROCESS, 0) == 19);
	check("and to -20", setpriority(PRIO_PROCESS, 0, -100) == 0 && getpriority(PRIO_PROCESS, 0) == -20);
	setpriority(PRIO_PROCESS, 0, 0);
	check_errno("which", setpriority(9, 0, 0), EINVAL);
	check_errno("no such process", getpriority(PRIO_PROCESS, 999999), ESRCH);
}

static void test_barriers(void)
{
	long supported = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);

	check("membarrier query", supported > 0 && (supported & MEMBARRIER_CMD_PRIVATE_EXPEDITED));
	check_errno("not registered", syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0), EPERM);
	check("register", syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0);
	check("expedited", syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0);
	check("global", syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0);
	check_errno("unknown command", syscall(SYS_membarrier, 1 << 30, 0, 0), EINVAL);
}

/* glibc registers rseq at start: the kernel keeps cpu_id in it up to date. */
static void test_rseq(void)
{
	check("glibc registered rseq", __rseq_size > 0);
	struct rseq *rseq = (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
	cpu_set_t all, one;
	int nr_wrong = 0;

	sched_getaffinity(0, sizeof(all), &all);
	for (int cpu = 0; cpu < CPU_COUNT(&all); cpu++) {
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof(one), &one);
		nr_wrong += *(volatile uint32_t *)&rseq->cpu_id != (uint32_t)cpu;
		nr_wrong += *(volatile uint32_t *)&rseq->cpu_id_start != (uint32_t)cpu;
	}
	sched_setaffinity(0, sizeof(all), &all);
	show("cpu_id wrong %d", nr_wrong);
	static struct rseq other __attribute__((aligned(32)));
	check_errno("a second registration", syscall(SYS_rseq, &other, 32, 0, 0x53053053), EINVAL);
	check_errno("the same again", syscall(SYS_rseq, rseq, 32, 0, RSEQ_SIG), EBUSY);
	check_errno("wrong signature", syscall(SYS_rseq, rseq, 32, 0, 0x1234), EPERM);
}

int main(void)
{
	test_affinity();
	test_inheritance();
	test_policies();
	test_nice();
	test_barriers();
	test_rseq();
	return test_end();
}
