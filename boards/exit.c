/* SPDX-License-Identifier: MIT
 *
 * Leaving the machine: through the emulator with a status, or by switching it off.
 */
#include "boards/exit.h"

#include <arch/boot.h>
#include <arch/cpu.h>

#include "boards/board.h"
#include "boards/boot.h"
#include "fs/file.h"
#include "fs/tty.h"
#include "libc/print.h"
#include "linux/linux.h"
#include "net/net.h"
#include "sched/irq.h"
#include "sched/sched.h"
#include "sched/thread.h"
#include "sched/trace.h"

void machine_exit(int status)
{
	arch_irq_disable();
	if (boot_options.exit)
		board_leave(boot_options.exit, status);
	board_power_off();
	arch_cpu_halt();
}

static bool emit(void *f, const void *data, size_t len)
{
	struct iovec iov;
	struct uio u;

	uio_init(&u, &iov, (void *)data, len, true);
	while (u.left)
		if (file_write(f, &u, NULL) <= 0)
			return false;
	return true;
}

/* To the port that `samara run --trace` and `--profile` add. */
static void write_trace(void)
{
	struct file *f;

	trace_stop();
	if (tty_open_stream("samara.trace", false, O_WRONLY, &f)) {
		log_line("nowhere to write the trace to: no virtio console port samara.trace");
		return;
	}
	trace_write(emit, f);
	linux_write_maps(emit, f);
	file_put(f);
	tty_drain_all();
}

void board_exit(int status)
{
	net_drain();
	tty_drain_all();
	if (trace_is_on())
		write_trace();
	if (boot_options.threads)
		thread_dump_all();
	machine_exit(status);
}
