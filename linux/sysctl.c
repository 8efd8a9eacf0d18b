// SPDX-License-Identifier: MIT
/*
 * Settings of the system as a whole: /proc/sys/kernel, vm and fs (fs/sysctl.h; proc(5), Linux Documentation/admin-guide/sysctl).
 *
 * What nothing here would obey is kept and shown again, so that programs that set it go on.
 */
#include <version.h>

#include "fs/sysctl.h"
#include "libc/atomic.h"
#include "libc/print.h"
#include "libc/random.h"
#include "linux/system.h"

static const struct sysctl kernel_rows[] = {
	SYSCTL_TEXT("osrelease", SYSTEM_RELEASE),
	SYSCTL_TEXT("ostype", "Linux"),
	SYSCTL_TEXT("version", SYSTEM_VERSION),
	SYSCTL_TEXT("ngroups_max", "65536"),
	SYSCTL_TEXT("cap_last_cap", "40"),
	SYSCTL_KEPT("pid_max", 4194304, 301, 4194304),
	SYSCTL_KEPT("threads-max", 4194304, 20, SYSCTL_NO_MAX),
	SYSCTL_STRING("core_pattern", 0644, ((char[128]){ "core" })),
	SYSCTL_KEPT("randomize_va_space", 2, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("perf_event_paranoid", 3, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_INTS("sem", 0644, ((uint32_t[]){ 32000, 1024000000, 500, 32000 }), 4, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_ULONGS("shmmax", 0644, &(uint64_t){ 18446744073692774399ul }, 1, 0, UINT64_MAX),
};
SYSCTL_TABLE(kernel, "kernel", kernel_rows);

static const struct sysctl vm_rows[] = {
	SYSCTL_KEPT("overcommit_memory", 0, 0, 2),
	SYSCTL_KEPT("overcommit_ratio", 50, 0, SYSCTL_NO_MAX),
	SYSCTL_KEPT("max_map_count", 65530, 0, SYSCTL_NO_MAX),
	SYSCTL_ULONGS("mmap_min_addr", 0644, &(uint64_t){ 32768 }, 1, 0, UINT64_MAX),
	SYSCTL_KEPT("swappiness", 60, 0, 200),
	SYSCTL_INT("drop_caches", 0200, &(uint32_t){ 0 }, 1, 4),
	SYSCTL_INT("compact_memory", 0200, &(uint32_t){ 0 }, 1, 1),
};
SYSCTL_TABLE(vm, "vm", vm_rows);

static const struct sysctl fs_rows[] = {
	SYSCTL_ULONGS("file-max", 0644, &(uint64_t){ INT64_MAX }, 1, 0, INT64_MAX),
	SYSCTL_KEPT("nr_open", 1048576, 8, 2147483584),
	SYSCTL_KEPT("pipe-max-size", 1048576, 0, SYSCTL_NO_MAX),
};
SYSCTL_TABLE(fs, "fs", fs_rows);

/* ---- random numbers -------------------------------------------------------------------------------------------------------------- */

#define UUID_SIZE	37

static void put_uuid(char *buf, size_t size, const uint8_t *b)
{
	/* Version 4, variant 1 (RFC 9562 5.4). */
	snprintf(buf, size, "%02x%02x%02x%02x-%02x%02x-4%x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3], b[4], b[5],
		 b[6] & 15u, b[7], (b[8] & 0x3fu) | 0x80u, b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

static void get_uuid(const struct sysctl *s, char *buf, size_t size)
{
	uint8_t b[16];

	(void)s;
	random_bytes(b, sizeof(b));
	put_uuid(buf, size, b);
}

/* Made at the first look; two first looks at once may see two ids, the later one stays. */
static void get_boot_id(const struct sysctl *s, char *buf, size_t size)
{
	static uint8_t id[16];
	static uint32_t is_made;	/* [a] */

	(void)s;
	if (!atomic_load(&is_made, ACQUIRE)) {	/* Pairs: the release below */
		random_bytes(id, sizeof(id));
		atomic_store(&is_made, 1u, RELEASE);	/* release: id before the flag. Pairs: the acquire above */
	}
	put_uuid(buf, size, id);
}

static const struct sysctl random_rows[] = {
	{ .name = "uuid", .mode = 0444, .type = SYSCTL_TYPE_STRING, .nr = UUID_SIZE, .get_text = get_uuid },
	{ .name = "boot_id", .mode = 0444, .type = SYSCTL_TYPE_STRING, .nr = UUID_SIZE, .get_text = get_boot_id },
	SYSCTL_TEXT("entropy_avail", "256"),
	SYSCTL_TEXT("poolsize", "256"),
	SYSCTL_KEPT("urandom_min_reseed_secs", 60, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
	SYSCTL_KEPT("write_wakeup_threshold", 256, SYSCTL_NO_MIN, SYSCTL_NO_MAX),
};
SYSCTL_TABLE(random, "kernel/random", random_rows);
