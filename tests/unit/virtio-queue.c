/* SPDX-License-Identifier: MIT
 *
 * Split virtqueues against a device model: an honest one with all feature combinations and random orders, and a hostile one.
 */
/* sources: virtio/queue.c virtio/device.c tests/host/fake-special.c tests/host/fake-virtio.c */
#include "tests/host/fake-virtio.h"
#include "tests/host/special.h"
#include "mmu/page.h"

#define TEST_ID	77u

/* Queues stay for ever: so do their leaks here. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

static struct virtqueue *q;
static struct model *model;
static bool in_flight[4096];

static const unsigned nr_segments = 3;

static int test_probe(struct virtio_device *d)
{
	int r = virtqueue_create(d, 0, 32, 4, NULL, &q);

	if (!r)
		virtio_device_ready(d);
	return r;
}

static const struct virtio_driver test_driver = { .name = "test", .id = TEST_ID, .probe = test_probe };
VIRTIO_DRIVER(test_driver);

static void start(uint64_t features, bool is_legacy)
{
	model = calloc(1, sizeof(*model));
	model->offered = features;
	model->queues[0].max = 50;	/* not a power of two */
	model_init(model, TEST_ID, is_legacy);
	CHECK_EQ(virtio_device_start(&model->device), 0);
	CHECK(model->status & VIRTIO_STATUS_DRIVER_OK);
	CHECK_EQ(q->num, 32);
	memset(in_flight, 0, sizeof(in_flight));
}

static int add(unsigned token, unsigned nr_out, unsigned nr_in)
{
	static uint8_t memory[64];
	struct virtq_buf bufs[8];

	for (unsigned i = 0; i < nr_out + nr_in; i++)
		bufs[i] = (struct virtq_buf){ virt_to_phys(memory), 8 + i };
	return virtqueue_add(q, bufs, nr_out, nr_in, (void *)(uintptr_t)(token + 1));
}

static void test_honest(uint64_t features, bool is_legacy)
{
	uint16_t taken[64];
	unsigned nr_taken = 0, next = 1, offered = 0, done = 0;
	uint32_t len;
	uintptr_t token;

	start(features, is_legacy);
	srand(1);
	for (unsigned round = 0; round < 20000; round++) {
		struct model_chain c;
		unsigned out, in;

		switch (rand() % 4) {
		case 0:
			out = 1 + (unsigned)rand() % nr_segments;
			in = (unsigned)rand() % nr_segments;
			if (add(next % 4000, out, in) == 0) {
				in_flight[next % 4000] = true;
				next++;
				offered++;
			}
			if (rand() % 2)
				virtqueue_kick(q);
			break;
		case 1:
			if (nr_taken < 64 && model_take(model, 0, &c))
				taken[nr_taken++] = c.head;
			break;
		case 2:
			if (nr_taken) {
				unsigned i = model->device.features & VIRTIO_F_IN_ORDER ? 0 : (unsigned)rand() % nr_taken;

				model_use(model, 0, taken[i], 4);
				memmove(&taken[i], &taken[i + 1], (--nr_taken - i) * sizeof(taken[0]));
			}
			break;
		default:
			while ((token = (uintptr_t)virtqueue_get(q, &len))) {
				CHECK(in_flight[token - 1]);
				in_flight[token - 1] = false;
				CHECK(len <= 4);
				done++;
			}
			virtqueue_enable_interrupts(q);
		}
		CHECK(!model->device.is_broken);
		CHECK(offered - done <= 32);
	}
	CHECK(done > 1000);
	virtqueue_kick(q);
	free(model);
}

/* A batch that is told by its last chain only (2.7.9). */
static void test_batches(void)
{
	struct model_chain c;
	uint32_t len;

	start(VIRTIO_F_IN_ORDER, false);
	for (unsigned i = 0; i < 5; i++)
		CHECK_EQ(add(i, 1, 1), 0);
	virtqueue_kick(q);
	for (unsigned i = 0; i < 4; i++)
		CHECK(model_take(model, 0, &c));
	model->queues[0].used->ring[0] = (struct virtq_used_elem){ c.head, 3 };
	model->queues[0].used->idx = 4;
	for (unsigned i = 0; i < 4; i++) {
		CHECK(virtqueue_has_used(q));
		CHECK_EQ((uintptr_t)virtqueue_get(q, &len), i + 1);
		CHECK_EQ(len, i == 3 ? 3 : 9);
	}
	CHECK(!virtqueue_get(q, &len));
	CHECK(!virtqueue_has_used(q));
	free(model);
}

static void test_notification(uint64_t features)
{
	struct model_chain c;
	uint32_t len;

	start(features, false);
	CHECK_EQ(add(1, 1, 0), 0);
	CHECK_EQ(model->nr_notifies, 0);
	virtqueue_kick(q);
	CHECK_EQ(model->nr_notifies, 1);
	virtqueue_kick(q);
	CHECK_EQ(model->nr_notifies, 1);
	CHECK_EQ(add(2, 1, 0), 0);
	if (!(features & VIRTIO_F_EVENT_IDX))
		model->queues[0].used->flags = VIRTQ_USED_F_NO_NOTIFY;
	virtqueue_kick(q);
	CHECK_EQ(model->nr_notifies, 1);	/* the device is at work: it has not asked */
	CHECK(model_take(model, 0, &c));
	model_use(model, 0, c.head, 0);
	CHECK(model_wants_interrupt(model, 0));
	CHECK(model_take(model, 0, &c));
	virtqueue_disable_interrupts(q);
	model_use(model, 0, c.head, 0);
	CHECK(!model_wants_interrupt(model, 0));
	CHECK(virtqueue_get(q, &len));
	CHECK(virtqueue_enable_interrupts(q));	/* one more is there */
	CHECK(virtqueue_get(q, &len));
	CHECK(!virtqueue_enable_interrupts(q));
	CHECK_EQ(add(3, 1, 0), 0);
	virtqueue_kick(q);
	CHECK(model_take(model, 0, &c));
	model_use(model, 0, c.head, 0);
	CHECK(model_wants_interrupt(model, 0));
	free(model);
}

static void test_hostile(uint64_t features)
{
	struct model_chain c;
	uint32_t len;

	/* An id out of range, one that is not in flight, one twice, an index that jumps. */
	for (unsigned attack = 0; attack < 4; attack++) {
		start(features, false);
		CHECK_EQ(add(1, 1, 1), 0);
		virtqueue_kick(q);
		CHECK(model_take(model, 0, &c));
		switch (attack) {
		case 0:
			model_use(model, 0, 32, 0);
			model->queues[0].used->ring[0].id = 0x10000;
			break;
		case 1:
			model_use(model, 0, (uint16_t)(c.head + 1), 0);
			break;
		case 2:
			model_use(model, 0, c.head, 0);
			CHECK(virtqueue_get(q, &len));
			model_use(model, 0, c.head, 0);
			break;
		default:
			model->queues[0].used->idx += 33;
		}
		CHECK(!virtqueue_get(q, &len));
		CHECK(model->device.is_broken);
		CHECK_EQ(add(2, 1, 1), -EIO);
		CHECK(!virtqueue_get(q, &len));
		virtqueue_kick(q);
		free(model);
	}
	/* A length beyond the buffer is cut to it; a changed descriptor table changes nothing for us. */
	start(features, false);
	CHECK_EQ(add(1, 1, 1), 0);
	virtqueue_kick(q);
	CHECK(model_take(model, 0, &c));
	memset(model->queues[0].desc, 0xff, 32 * 16);
	model_use(model, 0, c.head, 0xffffffff);
	CHECK_EQ((uintptr_t)virtqueue_get(q, &len), 2);
	CHECK_EQ(len, 9);
	CHECK_EQ(q->nr_free, 32);
	free(model);
}

int main(void)
{
	const uint64_t features[] = { 0, VIRTIO_F_EVENT_IDX, VIRTIO_F_INDIRECT_DESC, VIRTIO_F_EVENT_IDX | VIRTIO_F_INDIRECT_DESC, VIRTIO_F_IN_ORDER };

	for (unsigned i = 0; i < 5; i++) {
		test_honest(features[i], false);
		test_hostile(features[i]);
	}
	test_honest(VIRTIO_F_EVENT_IDX, true);
	test_batches();
	test_notification(0);
	test_notification(VIRTIO_F_EVENT_IDX);
	return 0;
}
