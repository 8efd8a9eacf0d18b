/* SPDX-License-Identifier: MIT
 *
 * System calls as text, between the files of strace.
 *
 * Map: strace.c begins and ends a line, strace-args.c fills it; strace-calls.c has one row for each call: the kinds of its arguments and what comes after its result; strace-text.c writes
 * numbers, names, strings. The kinds are in strace-file.c, strace-net.c, strace-event.c, strace-time.c, strace-signal.c, strace-process.c, strace-prctl.c, strace-sched.c, tables of constants in
 * strace-names.c and strace-net-names.c.
 *
 * A kind writes one argument. Arguments are written in their order: those before the first output (is_out) when the call begins, it and all after it when the call has ended.
 * A kind that writes nothing is no argument. Memory of the application is read by strace_fetch() alone, which writes the address where it cannot be read; nothing is
 * allocated, lists end after STRACE_LIST_MAX elements, and what is too long for the line is cut there.
 */
#pragma once

#include "libc/types.h"
#include "linux/signal.h"

#define STRACE_LINE		4000
#define STRACE_LIST_MAX		32		/* strace -s 32: bytes of a string, elements of a list */
#define STRACE_PATH_MAX		1024
#define STRACE_OBJECT_MAX	128		/* struct siginfo */

struct strace_line;
struct strace_names;

/* One constant. */
struct strace_name {
	uint64_t value;
	const char *name;		/* NULL: the end */
};

/* Constants of one kind; unknown: what stands in a comment behind a number that is none of them. */
struct strace_names {
	const char *unknown;
	const struct strace_name *list;
};

typedef void strace_put_fn(struct strace_line *l, unsigned i);
typedef void strace_put_object_fn(struct strace_line *l, const void *object);

/* What an argument is: put writes it; or it is the address of size bytes, which put_object writes; or it has names, as flags or as one of them. */
struct strace_kind {
	strace_put_fn *put;
	strace_put_object_fn *put_object;
	size_t size;			/* at most STRACE_OBJECT_MAX */
	const struct strace_names *names;
	bool is_flags, is_out;
	strace_put_fn *begin;		/* NULL, or looks at what the call is going to change */
};

/* How a call is written. put_result: NULL: as a number. */
struct strace_format {
	const char *name;
	const struct strace_kind *args[6];
	void (*put_result)(struct strace_line *l);
};

/* One for each thread that makes a call; in struct task. Freed with it. */
struct strace_line {
	size_t len;
	nsec_t start;
	const struct strace_format *format;	/* NULL: no row */
	const char *name;
	unsigned nr_args, next_arg;	/* arguments before it are written */
	long args[6], result;		/* result: of a call that has ended */
	bool has_ended;
	uint64_t before;		/* what a kind's begin() saw */
	bool has_before;
	char text[STRACE_LINE];
};

/* The row of a call, or NULL. */
const struct strace_format *strace_find_format(const char *name);

/* ---- strace-args.c -------------------------------------------------------------------------------------------------------- */

/* Kinds that want to see what a call changes look at it. Before the call. */
void strace_put_begin(struct strace_line *l);
/* The arguments as far as they can be written now. */
void strace_put_args(struct strace_line *l);
/* " = " and the result. interrupted: with -EINTR, Linux' code for it, by which the call may be restarted; EINTR if it may not. */
void strace_put_result(struct strace_line *l, int interrupted);

/* Linux' errors of interrupted calls (include/linux/errno.h), which only a debugger sees. */
#define ERESTARTSYS		512
#define ERESTART_RESTARTBLOCK	516

/* ---- strace-text.c -------------------------------------------------------------------------------------------------------- */

void strace_put(struct strace_line *l, const char *fmt, ...) __printf(2, 3);
void strace_put_address(struct strace_line *l, uint64_t address);
/* By a name, or as a number with a comment. */
void strace_put_choice(struct strace_line *l, const struct strace_names *names, uint64_t value);
void strace_put_flags(struct strace_line *l, const struct strace_names *names, uint64_t value);
/* The name of value, or NULL. */
const char *strace_name_of(const struct strace_names *names, uint64_t value);
/* len bytes of the application (of the kernel), the first STRACE_LIST_MAX of them, quoted. */
void strace_put_bytes(struct strace_line *l, uint64_t address, uint64_t len);
void strace_put_hex_bytes(struct strace_line *l, uint64_t address, uint64_t len);
void strace_put_quoted(struct strace_line *l, const void *bytes, size_t len);
/* A string up to its 0, at most max bytes of it. */
void strace_put_string(struct strace_line *l, uint64_t address, size_t max);
/* Copy from the application. False: that cannot be, and the address has been written (NULL for 0). */
bool strace_fetch(struct strace_line *l, void *dst, uint64_t address, size_t len) __must_check;
/* The same for what the call has written: false also if it failed. */
bool strace_fetch_out(struct strace_line *l, void *dst, uint64_t address, size_t len) __must_check;
static inline bool strace_has_failed(const struct strace_line *l)
{
	return l->result < 0 && l->result >= -4095;
}
/* "[" elements "]": nr of size bytes each at address, by put(l, element). */
void strace_put_list(struct strace_line *l, uint64_t address, uint64_t nr, size_t size, strace_put_object_fn *put);
/* With its message; by its name alone. */
void strace_put_errno(struct strace_line *l, int error);
void strace_put_error_name(struct strace_line *l, int error);

/* ---- what one topic writes for another ------------------------------------------------------------------------------------- */

void strace_put_signal(struct strace_line *l, uint64_t signo);
void strace_put_signal_set(struct strace_line *l, uint64_t set);
void strace_put_siginfo(struct strace_line *l, const struct siginfo *info);
void strace_put_sockaddr(struct strace_line *l, uint64_t address, uint32_t len);
void strace_put_iovecs(struct strace_line *l, uint64_t address, uint64_t nr, bool has_data, uint64_t nr_bytes);
void strace_put_timespec(struct strace_line *l, const int64_t t[2], const char *unit);
void strace_put_mode(struct strace_line *l, uint32_t mode);
void strace_put_open_flags(struct strace_line *l, unsigned flags);
void strace_put_descriptors(struct strace_line *l, const uint64_t *set, unsigned nr);

/* ---- kinds -------------------------------------------------------------------------------------------------------------------- */

#define STRACE_KIND_LIST(K) \
	/* strace-text.c */ \
	K(int) K(unsigned) K(long) K(ulong) K(hex) K(hex32) K(octal) K(pointer) K(path) K(string) K(bytes_next) K(bytes_out) K(bytes_out_string) K(random_out) K(int_at) K(int_out) K(uint_out) K(id) \
	K(ids_in) K(ids_out) K(nothing) \
	/* strace-names.c */ \
	K(access_mode) K(access_flags) K(at_flags) K(at_remove) K(clock) K(epoll_flags) K(epoll_op) K(eventfd_flags) K(timerfd_flags) K(timerfd_set_flags) K(timer_flags) K(signalfd_flags) K(inotify_flags) \
	K(inotify_mask) K(splice_flags) K(falloc_mode) K(fadvise) K(flock_op) K(rename_flags) K(memfd_flags) K(random_flags) K(prot) K(map_flags) K(mremap_flags) \
	K(msync_flags) K(mlock_flags) K(mlockall_flags) K(madvise) K(membarrier) K(itimer) K(rlimit_name) K(rusage_who) K(sched_policy) K(priority_which) K(wait_options) \
	K(wait_type) K(sigprocmask_how) K(whence) K(statx_mask) K(statx_flags) K(sync_range_flags) K(xattr_flags) K(close_range_flags) K(rwf_flags) K(personality) \
	K(arch_code) \
	K(utime_flags) K(link_flags) K(pipe_flags) K(dup_flags) K(umount_flags) K(mount_flags) \
	/* strace-file.c */ \
	K(dirfd) K(open_flags) K(mode_if_creat) K(open_how) K(stat_out) K(statx_out) K(statfs_out) K(dirents_out) K(descriptors_out) K(iovecs_in) \
	K(iovecs_out) K(offset_in) K(offset_inout) K(mknod_mode) K(mknod_device) K(utimes) K(fcntl_command) K(fcntl_arg) K(ioctl_request) K(ioctl_arg) \
	/* strace-net.c */ \
	K(family) K(socket_type) K(protocol) K(socket_flags) K(sockaddr_in) K(sockaddr_out) K(socklen_out) K(message_in) K(message_out) K(messages_in) K(messages_out) \
	K(message_flags) K(option_level) K(option_name) K(option_in) K(option_out) K(shutdown_how) \
	/* strace-event.c */ \
	K(epoll_event_in) K(epoll_events_out) K(pollfds_in) K(fdset) K(sigset_pair) K(poll_timeout) \
	/* strace-time.c */ \
	K(timespec_in) K(timespec_out) K(timespec_left) K(timespec_inout) K(timeval_out) K(timeval_in) K(itimerspec_in) K(itimerspec_out) K(itimerval_in) K(itimerval_out) K(sigevent_in) \
	K(tms_out) K(time_out) K(utimbuf) K(timevals) \
	/* strace-signal.c */ \
	K(signal) K(sigset_in) K(sigset_out) K(sigaction_in) K(sigaction_out) K(sigstack_in) K(sigstack_out) K(siginfo_in) K(siginfo_out) K(sigreturn) \
	/* strace-process.c */ \
	K(futex_op) K(futex_arg) K(futex_waitv) K(clone) K(clone_more) K(clone3) K(strings) K(environment) K(prctl_option) K(prctl_arg) K(rlimit_in) K(rlimit_out) K(rusage_out) \
	K(sysinfo_out) K(uname_out) K(cap_header) K(cap_data_in) K(cap_data_out) K(cpu_set_in) K(cpu_set_out) K(wait_status_out) \
	K(robust_head_out) K(robust_len_out) K(mincore_out) K(syslog_type) K(syslog_arg) K(mremap_address) \
	/* strace-sched.c */ \
	K(sched_attr_in) K(sched_attr_out) K(mempolicy) K(mempolicy_out) K(mempolicy_flags) K(mbind_flags) K(nodes_in) K(nodes_out) K(reboot_magic1) K(reboot_magic2) \
	K(reboot_command)

#define STRACE_DECLARE(name)	extern const struct strace_kind strace_kind_##name;
STRACE_KIND_LIST(STRACE_DECLARE)
#undef STRACE_DECLARE

/* Definitions, in their topic's file: static void put_NAME(l, i) is written before. */
#define STRACE_IN(name)			const struct strace_kind strace_kind_##name = { .put = put_##name }
#define STRACE_OUT(name)		const struct strace_kind strace_kind_##name = { .put = put_##name, .is_out = true }
#define STRACE_OUT_WITH(name, look)	const struct strace_kind strace_kind_##name = { .put = put_##name, .is_out = true, .begin = look }
/* The same for an object: put_NAME(l, object) may serve several. */
#define STRACE_OBJECT(name, type, function, ...) \
	_Static_assert(sizeof(type) <= STRACE_OBJECT_MAX, "object"); \
	const struct strace_kind strace_kind_##name = { .put_object = function, .size = sizeof(type), ##__VA_ARGS__ }
#define STRACE_OBJECT_IN(name, type, function)	STRACE_OBJECT(name, type, function)
#define STRACE_OBJECT_OUT(name, type, function)	STRACE_OBJECT(name, type, function, .is_out = true)
#define STRACE_CHOICE(name, table)	const struct strace_kind strace_kind_##name = { .names = table }
#define STRACE_FLAGS(name, table)	const struct strace_kind strace_kind_##name = { .names = table, .is_flags = true }

/* ---- what follows a result ----------------------------------------------------------------------------------------------------- */

void strace_result_address(struct strace_line *l);
void strace_result_octal(struct strace_line *l);
void strace_result_hex(struct strace_line *l);
void strace_result_poll(struct strace_line *l);
void strace_result_select(struct strace_line *l);
void strace_result_fcntl(struct strace_line *l);
void strace_result_signal(struct strace_line *l);
void strace_result_policy(struct strace_line *l);
void strace_result_prctl(struct strace_line *l);
void strace_result_recvmmsg(struct strace_line *l);
void strace_result_membarrier(struct strace_line *l);
void strace_result_personality(struct strace_line *l);

/* ---- tables that several topics use ---------------------------------------------------------------------------------------------- */

extern const struct strace_names strace_clocks, strace_open_names, strace_poll_names, strace_epoll_names, strace_whences, strace_policies, strace_capabilities,
	strace_statx_names, strace_splice_names, strace_clone_names;
extern const struct strace_names strace_families, strace_message_names, strace_levels, strace_layers, strace_option_names[7], strace_socket_types, strace_socket_flags,
	strace_protocols, strace_netlink_protocols, strace_scm, strace_ip_cmsg, strace_interface_flags, strace_hardware_types, strace_shutdowns;
