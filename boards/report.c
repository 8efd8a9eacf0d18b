/* SPDX-License-Identifier: MIT
 *
 * Where the time of the boot went. Under QEMU -icount shift=0 a nanosecond is an instruction.
 */
#include <arch/boot.h>

#include "boards/board.h"
#include "boards/boot.h"
#include "libc/print.h"
#include "sched/clock.h"
#include "version.h"

#define MAX_PHASES	24

static struct {
	const char *name;
	nsec_t end;
} phases[MAX_PHASES];
static unsigned nr_phases;

void boot_phase(const char *name)
{
	if (nr_phases < MAX_PHASES) {
		phases[nr_phases].name = name;
		phases[nr_phases++].end = clock_monotonic() - CLOCK_START;
	}
}

void boot_report(void)
{
	nsec_t before = 0, now = clock_monotonic() - CLOCK_START;
	struct page_stats stats;

	if (boot_options.boot_report) {
		for (unsigned i = 0; i < nr_phases; i++) {
			log_raw("boot: %-12s %8lu ns\n", phases[i].name, phases[i].end - before);
			before = phases[i].end;
		}
		log_raw("boot: %-12s %8lu ns\n", "total", now);
	}
	if (boot_options.is_quiet)
		return;
	page_stats(&stats);
	log_line("%s, %u CPU%s, %lu MiB, booted in %lu us", SAMARA_VERSION, cpus_nr_online(), cpus_nr_online() == 1 ? "" : "s",
		 stats.total_bytes >> 20, now / 1000);
}
