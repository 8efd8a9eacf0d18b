/* SPDX-License-Identifier: MIT
 *
 * Tasks: creation, numbers, references.
 *
 * Numbers of threads and processes come from one space, handed out in ascending order and reused only after a full round, so that a number that a
 * robust mutex or a tgkill still holds does not soon mean another thread.
 *
 * A task is freed through RCU when its last reference goes; the running thread holds one, each finder another.
 */
#include "linux/task.h"

#include "fs/cred.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/string.h"
#include "linux/process.h"
#include "linux/strace.h"
#include "mmu/heap.h"
#include "sched/rcu.h"

#define FIRST_AGAIN		300		/* after a round: smaller numbers are for the first processes, as on Linux */
#define NR_TID_BUCKETS	128
#define DEFAULT_SLACK_NS	50000u	/* prctl(2), PR_SET_TIMERSLACK */

static struct mutex tid_lock;
static struct task *tid_buckets[NR_TID_BUCKETS];	/* [tid_lock] */
static int last_tid;					/* [tid_lock] */
static uint32_t nr_tasks;				/* [tid_lock] in the table or about to come into it */

uint32_t task_pid_max = 4194304;		/* as systemd sets it, and Linux's largest on 64-bit */
uint32_t task_max_threads = 4194304;

struct task_grave {
	struct rcu_head rcu;		/* first: free_task() gets its address */
	struct task task;
};

static struct task **bucket_of(int tid)
{
	return &tid_buckets[(unsigned)tid % NR_TID_BUCKETS];
}

static struct task *find_locked(int tid)
{
	struct task *t = *bucket_of(tid);

	while (t && t->tid != tid)
		t = t->hash_next;
	return t;
}

static void hash_insert(struct task *t, int tid)
{
	struct task **b = bucket_of(tid);

	t->tid = tid;
	t->thread->id = (uint32_t)tid;
	t->hash_next = *b;
	*b = t;
}

static void hash_remove(struct task *t)
{
	struct task **p = bucket_of(t->tid);

	while (*p != t)
		p = &(*p)->hash_next;
	*p = t->hash_next;
}

/* A number for one more task is certain to be there. -EAGAIN: pid_max or threads-max is reached. */
static int reserve_number(void)
{
	int r = -EAGAIN;

	mutex_lock(&tid_lock);
	if (nr_tasks < MIN(atomic_load(&task_max_threads, RELAXED), atomic_load(&task_pid_max, RELAXED) - 2)) {
		nr_tasks++;
		r = 0;
	}
	mutex_unlock(&tid_lock);
	return r;
}

static void unreserve_number(void)
{
	mutex_lock(&tid_lock);
	nr_tasks--;
	mutex_unlock(&tid_lock);
}

static void number_task(struct task *t)
{
	bool is_second_round = false;

	mutex_lock(&tid_lock);
	do {
		if (++last_tid >= (int)atomic_load(&task_pid_max, RELAXED)) {
			last_tid = last_tid > FIRST_AGAIN && !is_second_round ? FIRST_AGAIN : 2;
			is_second_round = true;
		}
	} while (find_locked(last_tid));
	hash_insert(t, last_tid);
	mutex_unlock(&tid_lock);
}

int task_last_number(void)
{
	return READ_ONCE(last_tid);
}

void task_set_last_number(int tid)
{
	mutex_lock(&tid_lock);
	WRITE_ONCE(last_tid, tid);
	mutex_unlock(&tid_lock);
}

void task_renumber(struct task *t, int tid)
{
	mutex_lock(&tid_lock);
	hash_remove(t);
	hash_insert(t, tid);
	mutex_unlock(&tid_lock);
}

/* False: its last reference has gone, task_put() is about to take it out of the table. */
bool task_try_ref(struct task *t)
{
	uint32_t refs = atomic_load(&t->refs, RELAXED);

	while (refs)
		if (atomic_cas(&t->refs, &refs, refs + 1, RELAXED))
			return true;
	return false;
}

struct task *task_find(int tid)
{
	struct task *t;

	mutex_lock(&tid_lock);
	t = find_locked(tid);
	if (t && !task_try_ref(t))
		t = NULL;
	mutex_unlock(&tid_lock);
	return t;
}

struct task *task_get(struct process *p, int tid)
{
	struct task *t = task_find(tid);

	if (t && t->process != p) {
		task_put(t);
		t = NULL;
	}
	return t;
}

bool process_pid_exists(int pid)
{
	struct task *t = pid > 0 ? task_find(pid) : NULL;

	if (t)
		task_put(t);
	return t != NULL;
}

/* First code of each application thread. */
static void enter_task(void *arg)
{
	struct task *t = arg;

	if (t->entry)
		t->entry(t->entry_arg);
	task_detach(t);
	thread_exit();
}

int task_create(struct process *p, void (*entry)(void *arg), void *arg, struct task **out)
{
	struct task_grave *g = KNEW(struct task_grave);
	struct task *self = thread_current()->task, *t;
	struct thread_params params = {
		.name = thread_current()->name, .entry = enter_task, .aspace = p->aspace, .pinned_cpu = -1,
		.nice = self ? thread_get_nice(thread_current()) : 0, .is_reset = self && atomic_load(&self->resets_on_fork, RELAXED),
	};
	int r;

	if (!g)
		return -ENOMEM;
	r = reserve_number();
	if (r)
		goto err_free;
	t = &g->task;
	t->process = p;
	t->refs = 1;
	t->alt_flags = SS_DISABLE;
	t->default_slack_ns = self ? thread_current()->slack_ns : DEFAULT_SLACK_NS;
	list_init(&t->node);
	list_init(&t->pending.entries);
	list_init(&t->pi.waiters);
	t->pending.nr_total = &p->nr_queued;
	t->entry = entry;
	t->entry_arg = arg;
	params.task = params.arg = t;
	r = thread_create(&params, &t->thread);
	if (r)
		goto err_unreserve;
	thread_get(t->thread);	/* ours, until the task is freed */
	cred_inherit(t->thread);
	t->thread->arch.has_fpu = 1;
	t->thread->slack_ns = t->default_slack_ns;
	number_task(t);
	*out = t;
	return 0;
err_unreserve:
	unreserve_number();
err_free:
	kfree(g);
	return r;
}

int task_start(struct task *t)
{
	struct process *p = t->process;

	mutex_lock(&p->threads_lock);
	if (p->is_exiting) {
		mutex_unlock(&p->threads_lock);
		task_abandon(t);
		return -EAGAIN;
	}
	list_add_tail(&p->threads, &t->node);
	p->nr_threads++;
	mutex_unlock(&p->threads_lock);
	thread_start(t->thread);
	return 0;
}

/* It has a kernel stack already: let it run once, to end itself. */
void task_abandon(struct task *t)
{
	t->entry = NULL;
	thread_start(t->thread);
}

/*
 * The running thread stops being a task. Who walks all threads under RCU may still look at the task through the pointer that it has read: the memory goes
 * after a grace period.
 */
void task_detach(struct task *t)
{
	cred_drop(thread_current());
	WRITE_ONCE(thread_current()->task, NULL);
	task_put(t);
}

void task_ref(struct task *t)
{
	atomic_fetch_add(&t->refs, 1u, RELAXED);
}

static void free_task(struct rcu_head *head)
{
	kfree(container_of(head, struct task_grave, rcu));
}

void task_put(struct task *t)
{
	struct task_grave *g = container_of(t, struct task_grave, task);

	/* acq_rel: all uses of the task before its end. Pairs: task_put of the others */
	if (atomic_fetch_sub(&t->refs, 1u, ACQ_REL) != 1)
		return;
	mutex_lock(&tid_lock);
	hash_remove(t);
	nr_tasks--;
	mutex_unlock(&tid_lock);
	thread_put(t->thread);
	strace_forget(t);
	rcu_defer(&g->rcu, free_task);
}
