// SPDX-License-Identifier: MIT
#include "net/pkt-uio.h"

#include "libc/errno.h"
#include "mmu/page.h"

#define LINEAR_MAX	2048u

int pkt_from_uio(struct uio *u, unsigned headroom, unsigned len, struct pkt **out)
{
	unsigned linear = len <= LINEAR_MAX ? len : 0;
	struct pkt *p = pkt_alloc(headroom, linear);
	int r = -ENOMEM;

	if (!p)
		return -ENOMEM;
	if (linear && uio_copy_from(u, pkt_put(p, linear), linear) != (ssize_t)linear) {
		r = -EFAULT;
		goto err_free;
	}
	while (p->len < len) {
		unsigned n = MIN(len - p->len, (unsigned)PAGE_SIZE);
		paddr_t pa = page_alloc(0, 0);

		if (pa == PADDR_NONE)
			goto err_free;
		if (!pkt_add_page(p, phys_to_virt(pa), n)) {
			page_put(pa);
			r = -EMSGSIZE;
			goto err_free;
		}
		if (uio_copy_from(u, phys_to_virt(pa), n) != (ssize_t)n) {
			r = -EFAULT;
			goto err_free;
		}
	}
	*out = p;
	return 0;
err_free:
	pkt_free(p);
	return r;
}

ssize_t pkt_to_uio(const struct pkt *p, unsigned off, struct uio *u, unsigned len)
{
	ssize_t done = 0;

	for (const struct pkt_seg *s = p->seg; len; s++) {
		unsigned n;
		ssize_t r;

		if (off >= s->len) {
			off -= s->len;
			continue;
		}
		n = MIN(len, s->len - off);
		r = uio_copy_to(u, s->data + off, n);
		if (r < 0)
			return done ? done : r;
		done += r;
		if (r < (ssize_t)n)
			break;
		len -= n;
		off = 0;
	}
	return done;
}
