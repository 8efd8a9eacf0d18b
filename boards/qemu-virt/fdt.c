/* SPDX-License-Identifier: MIT
 *
 * One pass over the structure block (Devicetree Specification v0.3 5.4); libfdt checks the header. libfdt's own tag reader would do, but looks at
 * every byte of every name through a function: 100,000 instructions of the boot for QEMU's tree, more than all else together.
 *
 * For each level on the way down the properties that may matter are remembered; when a node's properties end (its first child, or its end)
 * the node is handled by its compatible, device_type or name.
 *
 *	BEGIN_NODE	handle what is open, open a level
 *	PROP		remember by name
 *	END_NODE	handle what is open, close the level
 *
 * Interrupts: three cells of a GIC (type, number, flags). Buses that translate addresses ("ranges" with contents) are not followed.
 */
#include "boards/qemu-virt/fdt.h"

#include <libfdt.h>

#include "libc/string.h"

#define MAX_DEPTH	12
#define NAME_CACHE	64	/* power of two */
#define MAX_ALIASES	4

/* Properties that are remembered. */
enum prop {
	P_NONE,
	P_ADDRESS_CELLS,
	P_SIZE_CELLS,
	P_COMPATIBLE,
	P_DEVICE_TYPE,
	P_REG,
	P_STATUS,
	P_INTERRUPTS,
	P_METHOD,
	P_ENABLE_METHOD,
	P_BOOTARGS,
	P_INITRD_START,
	P_INITRD_END,
	P_RNG_SEED,
	P_KASLR_SEED,
	P_STDOUT_PATH,
	P_REG_SHIFT,
	P_REG_IO_WIDTH,
	P_CLOCK_FREQUENCY,
	P_REDIST_REGIONS,
	P_REDIST_STRIDE,
	P_SERIAL,	/* serialN below /aliases */
	NR_PROPS
};

static const char *const prop_name[NR_PROPS] = {
	[P_ADDRESS_CELLS] = "#address-cells",
	[P_SIZE_CELLS] = "#size-cells",
	[P_COMPATIBLE] = "compatible",
	[P_DEVICE_TYPE] = "device_type",
	[P_REG] = "reg",
	[P_STATUS] = "status",
	[P_INTERRUPTS] = "interrupts",
	[P_METHOD] = "method",
	[P_ENABLE_METHOD] = "enable-method",
	[P_BOOTARGS] = "bootargs",
	[P_INITRD_START] = "linux,initrd-start",
	[P_INITRD_END] = "linux,initrd-end",
	[P_RNG_SEED] = "rng-seed",
	[P_KASLR_SEED] = "kaslr-seed",
	[P_STDOUT_PATH] = "stdout-path",
	[P_REG_SHIFT] = "reg-shift",
	[P_REG_IO_WIDTH] = "reg-io-width",
	[P_CLOCK_FREQUENCY] = "clock-frequency",
	[P_REDIST_REGIONS] = "#redistributor-regions",
	[P_REDIST_STRIDE] = "redistributor-stride",
};

struct value {
	const uint8_t *data;	/* NULL: the node has no such property */
	uint32_t len;
};

struct node {
	const char *name;
	uint32_t address_cells, size_cells;	/* for its children */
	bool is_handled, is_disabled;
	uint32_t seen;				/* bit for each property that it has */
	struct value prop[NR_PROPS];		/* valid where seen */
};

_Static_assert(NR_PROPS <= 32, "bits of seen");

struct alias {
	const char *name;
	struct value value;
};

struct walk {
	struct fdt_machine *m;
	const char *strings;
	uint32_t strings_len;
	int depth;			/* of the open node; -1: none */
	struct node node[MAX_DEPTH];
	struct alias alias[MAX_ALIASES];
	unsigned nr_aliases;
	struct {
		uint32_t offset;	/* + 1; 0: empty */
		uint32_t prop;
	} cache[NAME_CACHE];
};

/* ---- values ----------------------------------------------------------------------------------------------------- */

static const struct value *get(const struct node *n, enum prop p)
{
	static const struct value none;

	return n->seen & 1u << p ? &n->prop[p] : &none;
}

static uint32_t be32_at(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap32(v);	/* both ports are little endian */
}

static uint64_t cells_at(const uint8_t *p, uint32_t nr)
{
	uint64_t v = 0;

	while (nr--) {
		v = v << 32 | be32_at(p);
		p += 4;
	}
	return v;
}

/* One or two cells, whichever it has. */
static uint64_t number(const struct value *v)
{
	return !v->data ? 0 : v->len >= 8 ? cells_at(v->data, 2) : v->len >= 4 ? be32_at(v->data) : 0;
}

/* The text of a string property, "" if it is none. */
static const char *text(const struct value *v)
{
	return v->data && v->len && v->data[v->len - 1] == '\0' ? (const char *)v->data : "";
}

/* Entry i of reg, in the parent's cells. */
static bool reg_entry(const struct walk *w, const struct node *n, uint32_t i, struct fdt_range *out)
{
	const struct node *parent = n > w->node ? n - 1 : NULL;
	uint32_t a = parent ? parent->address_cells : 2, s = parent ? parent->size_cells : 1;
	uint32_t bytes = (a + s) * 4;
	const struct value *reg = get(n, P_REG);

	if (!reg->data || !bytes || reg->len / bytes <= i)
		return false;
	out->base = cells_at(reg->data + i * bytes, a);
	out->size = cells_at(reg->data + i * bytes + a * 4, s);
	return out->base + out->size >= out->base;
}

/* Interrupt i: GIC binding, three cells. */
static struct fdt_irq interrupt(const struct node *n, uint32_t i)
{
	const struct value *v = get(n, P_INTERRUPTS);
	struct fdt_irq irq = { -1, false };
	uint32_t type, nr;

	if (!v->data || v->len / 12 <= i)
		return irq;
	type = be32_at(v->data + i * 12);
	nr = be32_at(v->data + i * 12 + 4);
	if (type > 1 || nr > (type ? 15u : 987u))
		return irq;
	irq.number = (int)(type ? 16 + nr : 32 + nr);
	irq.is_edge = (be32_at(v->data + i * 12 + 8) & 3) != 0;
	return irq;
}

/* ---- nodes ------------------------------------------------------------------------------------------------------ */

static void add_range(struct fdt_machine *m, struct fdt_range *table, unsigned *nr, unsigned max, struct fdt_range r)
{
	if (!r.size)
		return;
	if (*nr == max)
		m->is_truncated = true;
	else
		table[(*nr)++] = r;
}

static void handle_memory(struct walk *w, struct node *n)
{
	struct fdt_range r;

	for (uint32_t i = 0; reg_entry(w, n, i, &r); i++)
		add_range(w->m, w->m->bank, &w->m->nr_banks, FDT_MAX_BANKS, r);
}

static void handle_reserved(struct walk *w, struct node *n)
{
	struct fdt_range r;

	for (uint32_t i = 0; reg_entry(w, n, i, &r); i++)
		add_range(w->m, w->m->reserved, &w->m->nr_reserved, FDT_MAX_RESERVED, r);
}

static void handle_chosen(struct walk *w, struct node *n)
{
	struct fdt_machine *m = w->m;

	m->bootargs = text(get(n, P_BOOTARGS));
	m->stdout_path = text(get(n, P_STDOUT_PATH));
	m->initrd_start = number(get(n, P_INITRD_START));
	m->initrd_end = number(get(n, P_INITRD_END));
	m->kaslr_seed = number(get(n, P_KASLR_SEED));
	m->rng_seed = get(n, P_RNG_SEED)->data;
	m->rng_seed_len = get(n, P_RNG_SEED)->len;
}

static void handle_cpu(struct walk *w, struct node *n)
{
	struct fdt_machine *m = w->m;
	struct fdt_range r;

	if (!reg_entry(w, n, 0, &r))
		return;
	if (m->nr_cpus == FDT_MAX_CPUS)
		m->is_truncated = true;
	else
		m->cpu[m->nr_cpus++] = r.base & 0xff00fffffful;
}

static void handle_psci(struct walk *w, struct node *n)
{
	const char *method = text(get(n, P_METHOD));

	w->m->psci = strcmp(method, "hvc") == 0 ? FDT_PSCI_HVC :
		     strcmp(method, "smc") == 0 ? FDT_PSCI_SMC : FDT_PSCI_NONE;
}

static void handle_gic(struct walk *w, struct node *n, unsigned version)
{
	struct fdt_machine *m = w->m;
	struct fdt_range r;

	if (m->gic_version)
		return;
	m->gic_version = version;
	for (uint32_t i = 0; i < FDT_MAX_GIC_REGS && reg_entry(w, n, i, &r); i++)
		m->gic_reg[m->nr_gic_regs++] = r;
	m->gic_nr_redist_regions = get(n, P_REDIST_REGIONS)->data ? (uint32_t)number(get(n, P_REDIST_REGIONS)) : 1;
	m->gic_stride = number(get(n, P_REDIST_STRIDE));
}

static void handle_gic_v2(struct walk *w, struct node *n)
{
	handle_gic(w, n, 2);
}

static void handle_gic_v3(struct walk *w, struct node *n)
{
	handle_gic(w, n, 3);
}

static void handle_timer(struct walk *w, struct node *n)
{
	w->m->timer = interrupt(n, 2);		/* secure, non-secure, virtual, hypervisor */
	w->m->timer_hz = (uint32_t)number(get(n, P_CLOCK_FREQUENCY));
}

/* The path of the open node into buf, cut off if it is longer. */
static void node_path(const struct walk *w, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = '\0';
	for (int i = 1; i <= w->depth && len + 1 < size; i++) {
		size_t n = strnlen(w->node[i].name, size - 1 - len - 1);

		buf[len++] = '/';
		memcpy(buf + len, w->node[i].name, n);
		len += n;
		buf[len] = '\0';
	}
}

static void add_uart(struct walk *w, struct node *n, enum fdt_uart_kind kind)
{
	struct fdt_machine *m = w->m;
	struct fdt_uart *u;

	if (m->nr_uarts == FDT_MAX_UARTS) {
		m->is_truncated = true;
		return;
	}
	u = &m->uart[m->nr_uarts];
	if (!reg_entry(w, n, 0, &u->reg))
		return;
	u->kind = kind;
	u->irq = interrupt(n, 0);
	u->reg_shift = (uint32_t)number(get(n, P_REG_SHIFT)) & 3;
	u->io_width = (uint32_t)number(get(n, P_REG_IO_WIDTH));
	node_path(w, u->path, sizeof(u->path));
	m->nr_uarts++;
}

static void handle_pl011(struct walk *w, struct node *n)
{
	add_uart(w, n, FDT_PL011);
}

static void handle_ns16550(struct walk *w, struct node *n)
{
	add_uart(w, n, FDT_NS16550);
}

static void handle_pl031(struct walk *w, struct node *n)
{
	struct fdt_range r;

	if (reg_entry(w, n, 0, &r))
		w->m->rtc = r.base;
}

static void handle_virtio_mmio(struct walk *w, struct node *n)
{
	struct fdt_machine *m = w->m;
	struct fdt_range r;

	if (!reg_entry(w, n, 0, &r))
		return;
	if (m->nr_virtio == FDT_MAX_VIRTIO) {
		m->is_truncated = true;
		return;
	}
	m->virtio[m->nr_virtio].reg = r;
	m->virtio[m->nr_virtio++].irq = interrupt(n, 0);
}

#define HANDLER(compatible, handle)	{ compatible, sizeof(compatible), handle }
static const struct {
	const char *compatible;
	uint32_t size;		/* with the 0 */
	void (*handle)(struct walk *w, struct node *n);
} handlers[] = {
	HANDLER("virtio,mmio", handle_virtio_mmio),
	HANDLER("arm,pl011", handle_pl011),
	HANDLER("ns16550a", handle_ns16550),
	HANDLER("snps,dw-apb-uart", handle_ns16550),
	HANDLER("arm,pl031", handle_pl031),
	HANDLER("arm,gic-v3", handle_gic_v3),
	HANDLER("arm,cortex-a15-gic", handle_gic_v2),
	HANDLER("arm,gic-400", handle_gic_v2),
	HANDLER("arm,cortex-a9-gic", handle_gic_v2),
	HANDLER("arm,armv8-timer", handle_timer),
	HANDLER("arm,armv7-timer", handle_timer),
	HANDLER("arm,psci-0.2", handle_psci),
	HANDLER("arm,psci-1.0", handle_psci),
};

static void take_cells(struct node *n)
{
	const struct value *a = get(n, P_ADDRESS_CELLS), *s = get(n, P_SIZE_CELLS);

	/* More than two cells (PCI) are no addresses of ours. */
	n->address_cells = a->data ? (uint32_t)number(a) : 2;
	n->size_cells = s->data ? (uint32_t)number(s) : 1;
	if (n->address_cells > 2 || n->size_cells > 2)
		n->address_cells = n->size_cells = 0;
}

/* The first of the node's names that is known, most specific first. */
static void handle_compatible(struct walk *w, struct node *n)
{
	const struct value *v = get(n, P_COMPATIBLE);

	if (!*text(v))
		return;
	for (uint32_t at = 0; at < v->len;) {
		const char *name = (const char *)v->data + at;
		uint32_t size = (uint32_t)strlen(name) + 1;

		for (unsigned i = 0; i < ARRAY_SIZE(handlers); i++)
			if (size == handlers[i].size && memcmp(name, handlers[i].compatible, size) == 0) {
				handlers[i].handle(w, n);
				return;
			}
		at += size;
	}
}

/* All properties of the open node have been seen. */
static void handle_node(struct walk *w)
{
	struct node *n = &w->node[w->depth];
	const char *type = text(get(n, P_DEVICE_TYPE)), *status = text(get(n, P_STATUS));

	if (n->is_handled)
		return;
	n->is_handled = true;
	take_cells(n);
	n->is_disabled = (w->depth && n[-1].is_disabled) || (*status && strcmp(status, "okay") && strcmp(status, "ok"));
	if (n->is_disabled)
		return;
	if (w->depth == 1 && strcmp(n->name, "chosen") == 0)
		handle_chosen(w, n);
	else if (strcmp(type, "memory") == 0)
		handle_memory(w, n);
	else if (strcmp(type, "cpu") == 0)
		handle_cpu(w, n);
	else if (w->depth == 2 && strcmp(n[-1].name, "reserved-memory") == 0)
		handle_reserved(w, n);
	else
		handle_compatible(w, n);
}

/* ---- the walk --------------------------------------------------------------------------------------------------- */

static enum prop find_prop(const char *name)
{
	for (unsigned i = 1; i < NR_PROPS; i++)
		if (prop_name[i] && prop_name[i][0] == name[0] && strcmp(prop_name[i], name) == 0)
			return (enum prop)i;
	return strncmp(name, "serial", 6) == 0 ? P_SERIAL : P_NONE;
}

/* Equal names have equal offsets in the strings block, so most are compared once. */
static enum prop prop_of(struct walk *w, uint32_t offset)
{
	unsigned slot = (offset ^ offset >> 6) & (NAME_CACHE - 1);

	if (w->cache[slot].offset != offset + 1) {
		w->cache[slot].offset = offset + 1;
		w->cache[slot].prop = find_prop(w->strings + offset);
	}
	return (enum prop)w->cache[slot].prop;
}

static const char *take_prop(struct walk *w, uint32_t len, uint32_t offset, const uint8_t *data)
{
	struct node *n;
	enum prop id;

	if (w->depth < 0 || w->node[w->depth].is_handled)
		return "a property outside a node";
	n = &w->node[w->depth];
	if (offset >= w->strings_len)
		return "a property's name lies outside the strings";
	id = prop_of(w, offset);
	if (id == P_NONE)
		return NULL;
	if (id == P_SERIAL && w->depth == 1 && strcmp(n->name, "aliases") == 0 && w->nr_aliases < MAX_ALIASES)
		w->alias[w->nr_aliases++] = (struct alias){ w->strings + offset, { data, len } };
	n->prop[id] = (struct value){ data, len };
	n->seen |= 1u << id;
	return NULL;
}

static void open_node(struct walk *w, const char *name)
{
	struct node *n;

	if (w->depth >= 0)
		handle_node(w);
	n = &w->node[++w->depth];
	n->name = name;
	n->is_handled = n->is_disabled = false;
	n->seen = 0;
}

/* Words from p on until one holds a zero byte, itself included; 0: none before the end. */
static uint32_t name_words(const uint32_t *p, const uint32_t *end)
{
	for (const uint32_t *q = p; q < end; q++)
		if ((*q - 0x01010101u) & ~*q & 0x80808080u)
			return (uint32_t)(q - p) + 1;
	return 0;
}

/* Everything in the block is aligned to four bytes (5.4.1). */
static const char *walk_tree(struct walk *w, const void *fdt)
{
	static const char *const damaged = "the structure block is cut off or damaged";
	const uint32_t *p = (const uint32_t *)((const char *)fdt + fdt_off_dt_struct(fdt)), *end;
	const char *error;
	uint32_t n;

	end = p + fdt_size_dt_struct(fdt) / 4;
	while (p < end) {
		switch (be32_at((const uint8_t *)p++)) {
		case FDT_BEGIN_NODE:
			n = name_words(p, end);
			if (!n)
				return damaged;
			if (w->depth + 1 == MAX_DEPTH)
				return "nodes are nested too deep";
			open_node(w, (const char *)p);
			p += n;
			break;
		case FDT_PROP:
			if (end - p < 2)
				return damaged;
			n = be32_at((const uint8_t *)p);
			if (n > (uint64_t)(end - p - 2) * 4)
				return damaged;
			error = take_prop(w, n, be32_at((const uint8_t *)(p + 1)), (const uint8_t *)(p + 2));
			if (error)
				return error;
			p += 2 + (n + 3) / 4;
			break;
		case FDT_END_NODE:
			if (w->depth < 0)
				return "a node ends that did not begin";
			handle_node(w);
			w->depth--;
			break;
		case FDT_NOP:
			break;
		case FDT_END:
			return w->depth >= 0 ? "the structure block ends inside a node" : NULL;
		default:
			return damaged;
		}
	}
	return damaged;
}

static void read_reservations(struct walk *w, const uint8_t *fdt, uint32_t total)
{
	uint32_t offset = fdt_off_mem_rsvmap(fdt);

	for (; offset <= total - 16; offset += 16) {
		struct fdt_range r = { cells_at(fdt + offset, 2), cells_at(fdt + offset + 8, 2) };

		if (!r.base && !r.size)
			return;
		if (r.base + r.size >= r.base)
			add_range(w->m, w->m->reserved, &w->m->nr_reserved, FDT_MAX_RESERVED, r);
	}
}

/* "/pl011@9000000:115200" or "serial0:115200n8". */
static void find_stdout(struct walk *w)
{
	struct fdt_machine *m = w->m;
	const char *path = m->stdout_path;
	size_t len = 0;

	m->stdout_uart = m->nr_uarts ? 0 : -1;
	while (path[len] && path[len] != ':')
		len++;
	if (len && path[0] != '/')
		for (unsigned i = 0; i < w->nr_aliases; i++)
			if (strlen(w->alias[i].name) == len && memcmp(w->alias[i].name, path, len) == 0) {
				path = text(&w->alias[i].value);
				len = strlen(path);
				break;
			}
	for (unsigned i = 0; i < m->nr_uarts; i++)
		if (strlen(m->uart[i].path) == len && memcmp(m->uart[i].path, path, len) == 0)
			m->stdout_uart = (int)i;
}

static uint32_t max32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

/* libfdt's own check (fdt_check_header) also wants every block inside totalsize; that no name runs out of the strings is checked here. */
static const char *check_header(const void *fdt, uint32_t max_size)
{
	uint32_t strings_end;

	if (max_size < sizeof(struct fdt_header) || fdt_magic(fdt) != FDT_MAGIC)
		return "no device tree";
	if (fdt_totalsize(fdt) > max_size)
		return "the device tree is larger than 2 MiB";
	if (fdt_check_header(fdt) || fdt_version(fdt) < 17)
		return "the device tree's header is damaged, or of an old version";
	strings_end = fdt_off_dt_strings(fdt) + fdt_size_dt_strings(fdt);
	if (fdt_size_dt_strings(fdt) && ((const char *)fdt)[strings_end - 1])
		return "the device tree's strings do not end";
	if (fdt_off_mem_rsvmap(fdt) > fdt_totalsize(fdt) - 16)
		return "the device tree's reservations lie outside it";
	if (fdt_off_dt_struct(fdt) % 4)
		return "the device tree's structure block is not aligned";
	return NULL;
}

const char *fdt_parse(const void *fdt, uint32_t max_size, struct fdt_machine *out)
{
	static struct walk walk;	/* too big for a kernel stack; the boot is single threaded */
	const char *error = check_header(fdt, max_size);

	memset(out, 0, sizeof(*out));
	out->bootargs = out->stdout_path = "";
	out->timer.number = -1;
	out->stdout_uart = -1;
	if (error)
		return error;
	memset(&walk, 0, sizeof(walk));
	walk.m = out;
	walk.depth = -1;
	walk.strings = (const char *)fdt + fdt_off_dt_strings(fdt);
	walk.strings_len = fdt_size_dt_strings(fdt);
	read_reservations(&walk, fdt, fdt_totalsize(fdt));
	error = walk_tree(&walk, fdt);
	if (error)
		return error;
	find_stdout(&walk);
	out->used_size = max32(fdt_off_dt_struct(fdt) + fdt_size_dt_struct(fdt),
			       max32(fdt_off_dt_strings(fdt) + fdt_size_dt_strings(fdt), fdt_off_mem_rsvmap(fdt) + 16));
	return NULL;
}
