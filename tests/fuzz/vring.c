/* SPDX-License-Identifier: MIT
 *
 * A hostile device: between any two calls of the driver it writes what it likes into ring memory. The input is a program of driver calls and device writes.
 */
/* sources: virtio/queue.c virtio/device.c tests/host/fake-special.c tests/host/fake-virtio.c */
#include <stdlib.h>
#include <string.h>

#include "mmu/page.h"
#include "tests/host/fake-virtio.h"

#define TEST_ID	77u
#define NR_TOKENS 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

static struct virtqueue *queue;
static unsigned queue_size;

static int probe(struct virtio_device *d)
{
	return virtqueue_create(d, 0, queue_size, 4, NULL, &queue);
}

static const struct virtio_driver fuzz_driver = { .name = "fuzz", .id = TEST_ID, .probe = probe };
VIRTIO_DRIVER(fuzz_driver);

static bool is_in_flight[NR_TOKENS];

static void driver_step(uint8_t op, uint8_t arg)
{
	static uint8_t memory[16];
	struct virtq_buf bufs[8];
	unsigned token = arg % NR_TOKENS;
	uint32_t len, in_len = 0;
	uintptr_t got;

	switch (op % 5) {
	case 0:
		if (is_in_flight[token])
			break;
		for (unsigned i = 0; i < 8; i++)
			bufs[i] = (struct virtq_buf){ virt_to_phys(memory), i + 1 };
		if (virtqueue_add(queue, bufs, 1 + op / 5 % 3, arg / 64, (void *)(uintptr_t)(token + 1)) == 0)
			is_in_flight[token] = true;
		break;
	case 1:
		virtqueue_kick(queue);
		break;
	case 2:
		got = (uintptr_t)virtqueue_get(queue, &len);
		for (unsigned i = 0; i < 8; i++)
			in_len += i + 1;
		if (got && (got > NR_TOKENS || !is_in_flight[got - 1] || len > in_len))
			abort();
		if (got)
			is_in_flight[got - 1] = false;
		break;
	case 3:
		(void)virtqueue_enable_interrupts(queue);
		break;
	default:
		virtqueue_disable_interrupts(queue);
	}
	if (queue->nr_free > queue->num)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t features[] = { 0, VIRTIO_F_EVENT_IDX, VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX, VIRTIO_F_IN_ORDER, VIRTIO_F_IN_ORDER | VIRTIO_F_EVENT_IDX };
	struct model *m;
	struct model_queue *q;
	size_t ring_bytes;

	if (size < 2)
		return 0;
	m = calloc(1, sizeof(*m));
	m->offered = features[data[0] % 5];
	m->queues[0].max = queue_size = 1u << data[1] % 5;
	model_init(m, TEST_ID, false);
	if (virtio_device_start(&m->device))
		abort();
	memset(is_in_flight, 0, sizeof(is_in_flight));
	q = &m->queues[0];
	ring_bytes = (size_t)((uint8_t *)q->used - (uint8_t *)q->desc) + 6 + 8 * q->num;
	for (size_t i = 2; i + 2 < size; i += 3) {
		uint8_t op = data[i], a = data[i + 1], b = data[i + 2];

		if (op < 128)
			driver_step(op, a);
		else if (op < 170)
			model_use(m, 0, a, b);
		else if (op < 180)
			q->used->idx += (uint16_t)(int8_t)a;
		else if (op < 190)
			q->used->ring[a % q->num].id = b | (uint32_t)(op - 180) << 14;
		else
			((uint8_t *)q->desc)[(a | (size_t)(op - 190) << 8) % ring_bytes] = b;
	}
	for (struct virtqueue *v = m->device.queues; v; v = v->next) {
		for (unsigned i = 0; i < v->num; i++)
			free(v->slots[i].indirect);
		page_put(virt_to_phys(v->desc));
		free(v->slots);
		free(v->order);
	}
	free(m->device.queues);
	free(m);
	return 0;
}
