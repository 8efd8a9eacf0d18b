/* SPDX-License-Identifier: MIT
 *
 * From the entry code to the program. Each step says in its name what works after it.
 */
#include <arch/boot.h>
#include <arch/cpu.h>
#include <arch/random.h>
#include <arch/time.h>

#include "boards/board.h"
#include "boards/boot.h"
#include "boards/exit.h"
#include "fs/blkdev.h"
#include "fs/erofs.h"
#include "fs/file.h"
#include "fs/tty.h"
#include "fs/vfs.h"
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/random.h"
#include "libc/string.h"
#include "linux/linux.h"
#include "mmu/heap.h"
#include "net/net.h"
#include "sched/clock.h"
#include "sched/init.h"
#include "sched/irq.h"
#include "sched/sched.h"
#include "sched/trace.h"
#include "virtio-mmio/virtio-mmio.h"

struct board board;
struct cmdline boot_options;

static _Noreturn void give_up(const char *why)
{
	log_line("cannot start: %s", why);
	machine_exit(EXIT_KERNEL);
}

/* Beside the board's seed, which may be missing: what the CPU draws, if it can, and how long the boot took so far. */
static void seed_random(void)
{
	uint64_t mix[6] = { arch_boot.entry_counter, arch_counter() };

	for (unsigned i = 2; i < sizeof(mix) / sizeof(mix[0]); i++) {
		if (!arch_random64(&mix[i]))
			break;
	}
	random_add(board.seed, board.seed_len);
	random_add(mix, sizeof(mix));
}

static void init_memory(void)
{
	if (mmu_init(&board.memory))
		give_up("too little memory");
	boot_phase("memory");
	sched_init(arch_cpu_hwid());
	boot_phase("sched");
}

/* Before the other CPUs run: the kernel's text is patched. */
static void init_trace(void)
{
	int r;

	if (!boot_options.trace && !boot_options.profile_hz)
		return;
	r = trace_start(boot_options.trace, boot_options.profile_hz, (boot_options.trace_mib ? boot_options.trace_mib : 1ul) << 20, board.nr_cpus);
	if (r == -EINVAL)
		log_line("trace=%s names no such event (docs/command-line.md)", boot_options.trace);
	else if (r)
		log_line("not enough memory to trace: give the machine more, or trace-buffer=1");
}

static void init_options(void)
{
	void *arena = kmalloc(cmdline_arena_size(board.bootargs));

	if (!arena)
		give_up("too little memory for the command line");
	cmdline_parse(board.bootargs, arena, &boot_options);
	if (boot_options.ip)
		net_set_ip_option(boot_options.ip);
	init_trace();
	boot_phase("options");
}

static void init_interrupts(void)
{
	const char *why;

	if (!board_init_irq(&board, &why))
		give_up(why);
	irq_controller()->init_cpu(cpu_this());
	irq_set_timer(board.timer_irq);
	sched_start();
	boot_phase("interrupts");
}

/* They come up in parallel; nobody waits for them. */
static void start_cpus(void)
{
	uint64_t self = arch_cpu_hwid();

	for (unsigned i = 0; i < board.nr_cpus; i++) {
		struct cpu *cpu;

		if (board.cpu_hwid[i] == self)
			continue;
		if (sched_add_cpu(board.cpu_hwid[i], &cpu)) {
			log_line("no memory for CPU %u and those after it", i);
			break;
		}
		if (board_start_cpu(cpu)) {
			log_line("CPU %u (%#lx) does not start", i, board.cpu_hwid[i]);
			cpu_set_failed(cpu);
		}
	}
	boot_phase("cpus");
}

/* An empty slot costs one register read; what goes wrong with a device has been said, and the rest goes on. */
static void probe_devices(void)
{
	for (unsigned i = 0; i < board.nr_virtio_mmio; i++) {
		const struct board_virtio_mmio *v = &board.virtio_mmio[i];
		int r = virtio_mmio_probe(v->base, v->size, v->irq, v->is_edge);

		(void)r;
	}
}

static void init_clock(void)
{
	uint64_t seconds = board_rtc_seconds();

	if (seconds)
		clock_set_realtime_offset(seconds * NSEC_PER_SEC - clock_monotonic());
}

/* The program's streams: the ports of a virtio console that are named for it, else the UART. */
static void open_streams(struct file *std[3])
{
	static const char *const port[3] = { "samara.stdin", "samara.stdout", "samara.stderr" };
	bool is_uart_up = false;

	if (boot_options.win_cols)
		tty_set_winsize(boot_options.win_cols, boot_options.win_rows);
	for (unsigned i = 0; i < 3; i++) {
		bool is_tty = boot_options.is_tty[i];
		unsigned flags = is_tty ? O_RDWR : i ? O_WRONLY : O_RDONLY;

		if (!boot_options.console && tty_open_stream(port[i], is_tty, flags, &std[i]) == 0)
			continue;
		if (!is_uart_up)
			is_uart_up = board_init_console();
		if (!is_uart_up || tty_open_stream(board_console_name(), is_tty, flags, &std[i]))
			give_up("no console for the program's input and output");
	}
}

static void run_program(void)
{
	struct linux_program program = {
		.argv = boot_options.argv,
		.envp = boot_options.envp,
		.cwd = boot_options.cwd,
		.hostname = boot_options.hostname,
		.aslr = !boot_options.no_aslr,
		.veneers = !boot_options.no_veneers,
		.strace = boot_options.strace,
	};

	for (unsigned i = 0; i < MIN(boot_options.nr_unknown, CMDLINE_MAX_UNKNOWN); i++)
		log_line("unknown option on the kernel command line: %s", boot_options.unknown[i]);
	if (!program.argv[0])
		give_up("no program to run: the kernel command line has nothing after \"--\" (docs/command-line.md)");
	open_streams(program.std);
	boot_phase("streams");
	boot_report();
	linux_start(&program);
	board_exit(EXIT_KERNEL);
}

/* root=NAME: the devices come first. */
static void mount_root_disk(void)
{
	const char *name = boot_options.root_disk;
	struct blkdev *dev;
	struct erofs *image;

	init_run(INIT_DEVICE);
	probe_devices();
	dev = blkdev_find(strncmp(name, "/dev/", 5) ? name : name + 5);
	if (!dev)
		give_up("there is no disk of the name that root= gives");
	if (erofs_open_disk(dev, &image) || vfs_mount_root_image(image))
		machine_exit(EXIT_KERNEL);
}

void kernel_main(void)
{
	const char *why;

	bool has_counter;

	sched_early_init();
	has_counter = arch_time_init(0, CLOCK_START);
	boot_phase("entry");
	if (!board_probe(&board, &why))
		give_up(why);
	if (!(board.timer_hz ? arch_time_init(board.timer_hz, CLOCK_START) : has_counter))
		give_up("this CPU has no usable counter (CNTFRQ)");
	boot_phase("probe");
	init_memory();
	init_options();
	seed_random();
	init_interrupts();
	start_cpus();
	init_run(INIT_CORE);
	init_clock();
	boot_phase("core");
	init_run(INIT_FS);
	if (boot_options.root_disk)
		mount_root_disk();
	else if (vfs_mount_root(board.initrd_end > board.initrd_start ? phys_to_virt(board.initrd_start) : NULL,
			   board.initrd_end - board.initrd_start))
		machine_exit(EXIT_KERNEL);
	boot_phase("root");
	if (!boot_options.root_disk) {
		init_run(INIT_DEVICE);
		probe_devices();
	}
	boot_phase("devices");
	init_run(INIT_LATE);
	cpus_wait_online();
	boot_phase("late");
	run_program();
	__builtin_unreachable();
}
