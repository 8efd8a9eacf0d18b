// SPDX-License-Identifier: MIT
/*
 * TCP Fast Open (RFC 7413): data in the SYN, with a cookie that shows that the client's address is its own.
 *
 *	server	a SYN with a good cookie makes a child that is accepted at once, in SYN-RECEIVED, with its data; it may answer before the handshake is over. Any other SYN is as
 *		ever, and one that asks for a cookie, or has a wrong one, gets it with the SYN-ACK
 *	client	send(MSG_FASTOPEN), or connect and send after TCP_FASTOPEN_CONNECT. Without a cookie the SYN asks for one and the data follows later. Cookies are remembered for
 *		each peer, with its MSS, for want of which too much would be sent
 *
 * The option has number 34; before it was assigned 254 with the magic number 0xf989 was used, and both are understood. What was not acknowledged with the SYN is sent again as if lost.
 * Cookies are computed as Linux does, so that several machines with one key can serve one address. There is no detection of paths that swallow such SYNs (RFC 7413 7.1).
 */
#include "libc/errno.h"
#include "libc/print.h"
#include "libc/random.h"
#include "libc/string.h"
#include "net/tcp-priv.h"

#define OPT_FASTOPEN	34u
#define OPT_EXPERIMENT	254u
#define EXP_MAGIC	0xf989u
#define COOKIE_MIN	4u
#define SYN_OPTION_ROOM	40u	/* what the network may add */
#define NR_PEERS	64u

/* tcp_fastopen of the settings. */
#define CLIENT			0x1u
#define SERVER			0x2u
#define CLIENT_NO_COOKIE	0x4u
#define SERVER_NO_COOKIE	0x200u
#define SERVER_WITHOUT_OPTION	0x400u	/* every listener, as if it had set TCP_FASTOPEN to its backlog */

static struct mutex lock;

/* ---- keys ------------------------------------------------------------------------------------------------------------------ */

static struct tcp_fastopen_keys keys;	/* [lock] nr 0: none yet */

static void make_key(void)
{
	mutex_lock(&lock);
	if (!keys.nr) {
		random_bytes(keys.k, sizeof(keys.k[0]));
		keys.nr = 1;
	}
	mutex_unlock(&lock);
}

/* As /proc/sys/net/ipv4/tcp_fastopen_key has it: words in hexadecimal, a second key behind a comma. */
void tcp_fastopen_show_key(char *buf, size_t size)
{
	uint32_t w[8] = { 0 };
	size_t n = 0;

	mutex_lock(&lock);
	memcpy(w, keys.k, sizeof(w));
	for (unsigned i = 0; i < MAX(keys.nr, 1u) * 4 && n < size; i++)
		n += (size_t)snprintf(buf + n, size - n, "%s%08x", !i ? "" : i == 4 ? "," : "-", w[i]);
	mutex_unlock(&lock);
}

static int hex_word(const char **p, uint32_t *out)
{
	unsigned n = 0;

	for (*out = 0; n < 8; n++, (*p)++) {
		char c = (char)(**p | 0x20);

		if (c >= '0' && c <= '9')
			*out = *out << 4 | (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			*out = *out << 4 | (uint32_t)(c - 'a' + 10);
		else
			break;
	}
	return n ? 0 : -EINVAL;
}

int tcp_fastopen_parse_key(const char *text)
{
	uint32_t w[8] = { 0 };
	unsigned i = 0;

	for (;; text++) {
		if (i == 8 || hex_word(&text, &w[i]))
			return -EINVAL;
		i++;
		if (!*text)
			break;
		if (*text != (i == 4 ? ',' : '-'))
			return -EINVAL;
	}
	if (i != 4 && i != 8)
		return -EINVAL;
	mutex_lock(&lock);
	memcpy(keys.k, w, sizeof(w));
	keys.nr = i / 4;
	mutex_unlock(&lock);
	return 0;
}

int tcp_fastopen_set_key(struct tcp_sock *tp, const void *value, unsigned len)
{
	if (len != sizeof(tp->fastopen_keys.k[0]) && len != sizeof(tp->fastopen_keys.k))
		return -EINVAL;
	memcpy(tp->fastopen_keys.k, value, len);
	tp->fastopen_keys.nr = len / sizeof(tp->fastopen_keys.k[0]);
	return 0;
}

unsigned tcp_fastopen_get_key(struct tcp_sock *tp, void *value, unsigned room)
{
	struct tcp_fastopen_keys k = tp->fastopen_keys;

	if (!k.nr) {
		mutex_lock(&lock);
		k = keys;
		mutex_unlock(&lock);
	}
	room = MIN(room, k.nr * (unsigned)sizeof(k.k[0]));
	memcpy(value, k.k, room);
	return room;
}

/* ---- options --------------------------------------------------------------------------------------------------------------- */

/* One option of a SYN, n bytes with kind and length: is it a cookie? */
void tcp_fastopen_parse(struct tcp_cookie *c, const uint8_t *o, unsigned n)
{
	unsigned skip = 2;

	if (o[0] == OPT_EXPERIMENT) {
		if (n < 4 || (unsigned)(o[2] << 8 | o[3]) != EXP_MAGIC)
			return;
		skip = 4;
	} else if (o[0] != OPT_FASTOPEN) {
		return;
	}
	if ((n - skip) % 2 || n - skip > sizeof(c->data) || (n > skip && n - skip < COOKIE_MIN))
		return;
	c->has_option = true;
	c->is_exp = skip == 4;
	c->len = (uint8_t)(n - skip);
	memcpy(c->data, o + skip, c->len);
}

uint8_t *tcp_fastopen_put(const struct tcp_cookie *c, uint8_t *o)
{
	if (!c->has_option)
		return o;
	*o++ = c->is_exp ? OPT_EXPERIMENT : OPT_FASTOPEN;
	*o++ = (uint8_t)(c->len + (c->is_exp ? 4 : 2));
	if (c->is_exp) {
		*o++ = EXP_MAGIC >> 8;
		*o++ = EXP_MAGIC & 255;
	}
	memcpy(o, c->data, c->len);
	o += c->len;
	if ((c->len & 3) == (c->is_exp ? 2 : 0)) {
		*o++ = 1;
		*o++ = 1;
	}
	return o;
}

/* ---- the server ------------------------------------------------------------------------------------------------------------- */

static void make_cookie(const struct tcp_fastopen_keys *k, unsigned which, const struct pkt *p, struct tcp_cookie *c)
{
	struct siphash_key key;
	uint64_t words[4], hash;
	unsigned nr = 4;

	if (ip_is_v4(&p->src)) {
		words[0] = (uint64_t)p->dst.w[3] << 32 | p->src.w[3];
		nr = 1;
	} else {
		memcpy(words, &p->src, 16);
		memcpy(words + 2, &p->dst, 16);
	}
	memcpy(&key, k->k[which], sizeof(key));
	hash = siphash24(&key, words, nr);
	memcpy(c->data, &hash, sizeof(hash));
	c->len = sizeof(hash);
}

void tcp_fastopen_listen(struct tcp_sock *lp, unsigned backlog)
{
	uint32_t setting = TCP_SETTING(fastopen);

	if ((setting & (SERVER | SERVER_WITHOUT_OPTION)) == (SERVER | SERVER_WITHOUT_OPTION) && !lp->fastopen_max)
		lp->fastopen_max = backlog;
	if (lp->fastopen_max)
		make_key();
}

bool tcp_fastopen_try(struct tcp_sock *lp, const struct pkt *p, struct tcp_cookie *c)
{
	uint32_t setting = TCP_SETTING(fastopen);
	struct tcp_fastopen_keys k = lp->fastopen_keys;
	struct tcp_cookie asked = *c;

	c->has_option = false;		/* of the answer */
	if (!(setting & SERVER) || (!asked.has_option && !p->tcp.data_len) || atomic_load(&lp->nr_fastopen, RELAXED) >= lp->fastopen_max)
		return false;
	if (setting & SERVER_NO_COOKIE || lp->no_cookie)
		return true;
	if (!asked.has_option)
		return false;
	if (!k.nr) {
		mutex_lock(&lock);
		k = keys;
		mutex_unlock(&lock);
	}
	for (unsigned i = k.nr; i--;) {
		make_cookie(&k, i, p, c);
		if (asked.len == c->len && !memcmp(asked.data, c->data, c->len)) {
			/* One made with the older key is good, and replaced. */
			make_cookie(&k, 0, p, c);
			c->has_option = i > 0;
			c->is_exp = asked.is_exp;
			return true;
		}
	}
	c->has_option = k.nr > 0;
	c->is_exp = asked.is_exp;
	return false;
}

/* ---- the client: what is known of peers -------------------------------------------------------------------------------------- */

struct peer {
	struct ip_addr laddr, raddr;
	struct tcp_cookie cookie;	/* has_option: there is one */
	uint16_t mss;			/* 0: the entry is free */
	uint8_t try_exp;		/* 1: ask with the old number next time; 2: that was in vain, too */
	uint32_t used;			/* stamp */
};

static struct peer peers[NR_PEERS];	/* [lock] */
static uint32_t stamp;			/* [lock] */

/* lock held. want: make one, of what was not used for longest. */
static struct peer *find_peer(const struct tcp_sock *tp, bool want)
{
	struct peer *oldest = &peers[0];

	for (unsigned i = 0; i < NR_PEERS; i++) {
		struct peer *e = &peers[i];

		if (e->mss && ip_equal(&e->raddr, &tp->raddr) && ip_equal(&e->laddr, &tp->laddr)) {
			e->used = ++stamp;
			return e;
		}
		if (!e->mss || (oldest->mss && (int32_t)(e->used - oldest->used) < 0))
			oldest = e;
	}
	if (!want)
		return NULL;
	*oldest = (struct peer){ .laddr = tp->laddr, .raddr = tp->raddr, .used = ++stamp };
	return oldest;
}

/* What the SYN carries. True: data may go with it; *mss: the peer's. */
static bool get_cookie(const struct tcp_sock *tp, struct tcp_cookie *c, uint16_t *mss)
{
	struct peer *e;
	bool r;

	*c = (struct tcp_cookie){ .has_option = true };
	*mss = tp->advmss;	/* of a peer of whom nothing is known, as Linux */
	mutex_lock(&lock);
	e = find_peer(tp, false);
	if (e) {
		*mss = e->mss;
		if (e->cookie.has_option)
			*c = e->cookie;
		else
			c->is_exp = e->try_exp == 1;
	}
	mutex_unlock(&lock);
	r = c->len > 0;
	if (TCP_SETTING(fastopen) & CLIENT_NO_COOKIE || tp->no_cookie) {
		c->has_option = false;
		r = true;
	}
	return r;
}

bool tcp_fastopen_is_client(void)
{
	return TCP_SETTING(fastopen) & CLIENT;
}

bool tcp_fastopen_may_defer(struct tcp_sock *tp)
{
	struct tcp_cookie c;
	uint16_t mss;

	return get_cookie(tp, &c, &mss);
}

ssize_t tcp_fastopen_syn(struct tcp_sock *tp, struct uio *u, nsec_t now)
{
	struct tcp_cookie c;
	uint16_t peer_mss;
	ssize_t n = 0;

	if (get_cookie(tp, &c, &peer_mss) && u && u->left) {
		uint32_t mss = MIN(tp->advmss, peer_mss);

		n = mss > SYN_OPTION_ROOM ? sendq_append(tp, u, mss - SYN_OPTION_ROOM) : 0;
		if (n > 0 && !tx_add(tp, tp->iss + 1, tp->iss + 1 + (uint32_t)n, TX_PSH, now))
			return -ENOMEM;
		if (n > 0)
			tp->snd_nxt = tp->write_seq;
	} else if (c.len && !tp->no_cookie && u && u->left) {
		c.len = 0;
	}
	if (n < 0)
		n = 0;		/* the SYN goes all the same; who sends the rest meets the error */
	tp->has_sent_cookie = c.has_option;
	tp->is_exp_cookie = c.is_exp;
	tp->has_syn_data = n > 0;
	tcp_send_syn_with(tp, &c, (uint32_t)n, now);
	return n;
}

void tcp_fastopen_answered(struct tcp_sock *tp, const struct tcp_cookie *c, uint16_t mss)
{
	bool has_asked_in_vain = tp->has_sent_cookie && !tp->nr_retrans_total && !tp->has_syn_timeout && !c->has_option && !tp->has_syn_data;
	struct peer *e;

	if (!tp->has_sent_cookie && !tp->has_syn_data)
		return;
	mutex_lock(&lock);
	e = find_peer(tp, true);
	e->mss = mss;
	if (c->len && tp->has_sent_cookie)
		e->cookie = *c;
	else if (has_asked_in_vain && !e->cookie.has_option)
		e->try_exp = MAX(e->try_exp, (uint8_t)(tp->is_exp_cookie ? 2 : 1));
	mutex_unlock(&lock);
}
