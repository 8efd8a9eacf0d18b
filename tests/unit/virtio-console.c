/* SPDX-License-Identifier: MIT
 *
 * virtio-console with ports against a device model: discovery by control messages, output with a device that is slow, input with a reader that is slow, end of file, and a
 * device that sends nonsense.
 */
/* sources: virtio/queue.c virtio/device.c virtio/console.c fs/tty.c fs/tty-line.c fs/special.c fs/poll.c fs/epoll.c fs/uio.c libc/rbtree.c sched/poller.c fs/anon-attr.c tests/host/fake-special.c tests/host/fake-file.c tests/host/fake-virtio.c */
#include "fs/tty-priv.h"
#include "fs/vfs.h"
#include "tests/host/fake-virtio.h"
#include "tests/host/special.h"
#include "virtio/console-reg.h"

/* Rings and ports stay for ever: so do their leaks here. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

static struct model model;
static uint8_t output[1 << 20];
static size_t nr_output;
static bool is_slow;
static unsigned nr_kicks;

static void control_reply(uint32_t id, uint16_t event, uint16_t value, const char *text)
{
	struct { struct virtio_console_control c; char text[56]; } m = { { id, event, value }, "" };
	struct model_chain c;

	strcpy(m.text, text);
	CHECK(model_take(&model, VIRTIO_CONSOLE_CONTROL_RX, &c));
	model_copy_in(&c, &m, sizeof(m.c) + strlen(text));
	model_use(&model, VIRTIO_CONSOLE_CONTROL_RX, c.head, (uint32_t)(sizeof(m.c) + strlen(text)));
}

static void control(const struct virtio_console_control *m)
{
	static const char *const names[] = { "", "samara.stdin", "samara.stdout", "samara.stderr" };

	switch (m->event) {
	case VIRTIO_CONSOLE_DEVICE_READY:
		CHECK_EQ(m->value, 1);
		for (unsigned i = 1; i < 4; i++)
			control_reply(i, VIRTIO_CONSOLE_DEVICE_ADD, 0, "");
		control_reply(77, VIRTIO_CONSOLE_DEVICE_ADD, 0, "");
		break;
	case VIRTIO_CONSOLE_PORT_READY:
		if (m->id == 77) {
			CHECK_EQ(m->value, 0);
			break;
		}
		control_reply(m->id, VIRTIO_CONSOLE_PORT_NAME, 1, names[m->id]);
		control_reply(m->id, VIRTIO_CONSOLE_PORT_OPEN, 1, "");
		break;
	case VIRTIO_CONSOLE_PORT_OPEN:
		CHECK_EQ(m->value, 1);
		break;
	default:
		CHECK(false);
	}
}

static void take_output(unsigned queue, unsigned max)
{
	struct model_chain c;

	while (max-- && model_take(&model, queue, &c)) {
		nr_output += model_copy_out(&c, output + nr_output, sizeof(output) - nr_output);
		model_use(&model, queue, c.head, 0);
	}
}

static void on_notify(struct model *m, unsigned index)
{
	struct virtio_console_control msg;
	struct model_chain c;

	if (index == VIRTIO_CONSOLE_CONTROL_TX) {
		while (model_take(m, index, &c)) {
			CHECK_EQ(model_copy_out(&c, &msg, sizeof(msg)), sizeof(msg));
			model_use(m, index, c.head, 0);
			control(&msg);
		}
	} else if (index == 7) {
		nr_kicks++;
		if (!is_slow)
			take_output(index, ~0u);
	}
}

static void send_input(unsigned queue, const void *data, uint32_t len)
{
	struct model_chain c;

	CHECK(model_take(&model, queue, &c));
	model_copy_in(&c, data, len);
	model_use(&model, queue, c.head, len);
	model_interrupt(&model, queue);
}

static void *slow_reader(void *arg)
{
	for (unsigned i = 0; i < 200; i++) {
		nap_ms(1);
		take_output(7, 1);
		model_interrupt(&model, 7);
	}
	return arg;
}

static void test_output(void)
{
	static uint8_t data[500000];
	struct file *out;
	pthread_t id;
	unsigned before;

	CHECK_EQ(tty_open_port("samara.stdout", false, O_WRONLY, &out), 0);
	CHECK_EQ(do_write(out, "hello", 5), 5);
	CHECK(nr_output == 5 && !memcmp(output, "hello", 5));
	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 11);
	nr_output = 0;
	before = nr_kicks;
	CHECK_EQ(do_write(out, data, sizeof(data)), sizeof(data));
	CHECK(nr_output == sizeof(data) && !memcmp(output, data, sizeof(data)));
	CHECK(nr_kicks - before <= 16);		/* 32 KiB each */

	is_slow = true;
	nr_output = 0;
	pthread_create(&id, NULL, slow_reader, NULL);
	CHECK_EQ(do_write(out, data, sizeof(data)), sizeof(data));
	tty_drain_all();
	CHECK(nr_output == sizeof(data) && !memcmp(output, data, sizeof(data)));
	pthread_join(id, NULL);
	is_slow = false;
	file_put(out);
}

static void test_input(void)
{
	static uint8_t page[4096], buf[20000];
	struct model_chain c;
	struct file *in;

	CHECK_EQ(tty_open_port("samara.stdin", false, O_RDONLY | O_NONBLOCK, &in), 0);
	CHECK_EQ(do_read(in, buf, 10), -EAGAIN);
	send_input(4, "abc", 3);
	CHECK_EQ(do_read(in, buf, 10), 3);
	for (unsigned i = 0; i < sizeof(page); i++)
		page[i] = (uint8_t)i;
	send_input(4, page, 4096);	/* into the ring of fs/tty */
	send_input(4, page, 4096);	/* these two stay in their buffers */
	send_input(4, page, 1000);
	CHECK(!model_take(&model, 4, &c));	/* the device is held back */
	control_reply(1, VIRTIO_CONSOLE_PORT_OPEN, 0, "");
	model_interrupt(&model, VIRTIO_CONSOLE_CONTROL_RX);
	for (unsigned got = 0; got < 9192;) {
		ssize_t n = do_read(in, buf, 3000);

		CHECK(n > 0);
		for (ssize_t i = 0; i < n; i++)
			CHECK_EQ(buf[i], (got + (unsigned)i) % 4096 % 256);
		got += (unsigned)n;
	}
	CHECK_EQ(do_read(in, buf, 10), 0);	/* the host's close comes behind its bytes */
	CHECK_EQ(do_read(in, buf, 10), 0);
	file_put(in);
}

static void test_hostile(void)
{
	uint8_t junk[64];
	struct model_chain c;

	srand(7);
	for (unsigned round = 0; round < 2000; round++) {
		struct virtio_console_control *m = (void *)junk;

		for (unsigned i = 0; i < sizeof(junk); i++)
			junk[i] = (uint8_t)rand();
		m->id = (uint32_t)rand() % 6;
		m->event = (uint16_t)(rand() % 9);
		if (m->event == VIRTIO_CONSOLE_DEVICE_ADD)
			continue;
		CHECK(model_take(&model, VIRTIO_CONSOLE_CONTROL_RX, &c));
		model_copy_in(&c, junk, sizeof(junk));
		model_use(&model, VIRTIO_CONSOLE_CONTROL_RX, c.head, (uint32_t)rand());
		model_interrupt(&model, VIRTIO_CONSOLE_CONTROL_RX);
		take_output(7, ~0u);
	}
	CHECK(!model.device.is_broken);
	/* A used id that makes no sense ends the use of the device; writers are not held up. */
	model.queues[7].used->ring[model.queues[7].used->idx % 64].id = 999;
	model.queues[7].used->idx++;
}

int main(void)
{
	struct file *out;

	model.offered = VIRTIO_CONSOLE_F_SIZE | VIRTIO_CONSOLE_F_MULTIPORT | VIRTIO_F_EVENT_IDX;
	model.config[VIRTIO_CONSOLE_CFG_MAX_NR_PORTS] = 31;
	for (unsigned i = 0; i < MODEL_QUEUES; i++)
		model.queues[i].max = 64;
	model.on_notify = on_notify;
	model_init(&model, VIRTIO_ID_CONSOLE, false);
	CHECK_EQ(virtio_device_start(&model.device), 0);
	test_output();
	test_input();
	test_hostile();
	CHECK_EQ(tty_open_port("samara.stdout", false, O_WRONLY, &out), 0);
	for (unsigned i = 0; i < 100; i++)
		(void)!do_write(out, output, 40000);
	CHECK(model.device.is_broken);
	tty_drain_all();
	file_put(out);
	return 0;
}
