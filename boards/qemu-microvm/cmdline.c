/* SPDX-License-Identifier: MIT
 *
 * See pc.h.
 */
#include "boards/qemu-microvm/pc.h"
#include "libc/string.h"

#define KEY	"virtio_mmio.device="

/* A number as C writes it, with K or M behind it; false: none. */
static bool parse_number(const char **text, uint64_t *out)
{
	const char *p = *text;
	bool is_hex = p[0] == '0' && (p[1] == 'x' || p[1] == 'X');
	unsigned nr = 0;

	*out = 0;
	for (p += is_hex ? 2 : 0; nr < 16; p++, nr++) {
		unsigned digit = *p >= '0' && *p <= '9' ? (unsigned)(*p - '0') : is_hex && (*p | 32) >= 'a' && (*p | 32) <= 'f' ? (unsigned)(*p | 32) - 'a' + 10 : 99;

		if (digit == 99)
			break;
		*out = *out * (is_hex ? 16 : 10) + digit;
	}
	if (*p == 'K' || *p == 'M')
		*out <<= *p++ == 'K' ? 10 : 20;
	*text = p;
	return nr > 0;
}

static void take_device(const char *p, struct board *b)
{
	uint64_t size, base, irq;

	if (!parse_number(&p, &size) || *p++ != '@' || !parse_number(&p, &base) || *p++ != ':' || !parse_number(&p, &irq) || irq > 255)
		return;
	if (b->nr_virtio_mmio < BOARD_MAX_VIRTIO_MMIO)
		b->virtio_mmio[b->nr_virtio_mmio++] = (struct board_virtio_mmio){ base, size, (int)irq, true };
}

static bool is_device(const char *word)
{
	return strncmp(word, KEY, strlen(KEY)) == 0;
}

/* The next word at or after p; its length, 0 at the end. */
static char *next_word(char *p, size_t *len)
{
	while (*p == ' ')
		p++;
	for (*len = 0; p[*len] && p[*len] != ' '; ++*len)
		;
	return p;
}

void take_virtio_devices(char *bootargs, struct board *b)
{
	char *program = NULL, *kept_end = bootargs;	/* behind the last word that is not a device of the program's tail */
	size_t len;

	for (char *p = next_word(bootargs, &len); len; p = next_word(p + len, &len)) {
		if (!program || !is_device(p))
			kept_end = p + len;
		if (!program && len == 2 && p[0] == '-' && p[1] == '-')
			program = p;
	}
	for (char *p = next_word(bootargs, &len); len; p = next_word(p + len, &len))
		if (is_device(p) && (!program || p < program || p >= kept_end))
			take_device(p + strlen(KEY), b);
	*kept_end = '\0';
}
