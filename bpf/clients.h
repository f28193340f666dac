/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What each client has of each rule: control connections, half-open ones, expectations,
 * data connections. An entry is created with a client's first connection and deleted with
 * its last one, or when its rate of new sessions is over. No lock: counters are atomic, and
 * an entry about to be deleted has a mark that nobody counts in.
 */
#ifndef FTPNAT_BPF_CLIENTS_H
#define FTPNAT_BPF_CLIENTS_H

#include <linux/errno.h>

#include "config.h"
#include "count.h"

#define CLIENT_V6_BITS 64 /* of an IPv6 address, that tell clients apart */
#define CLIENT_TRIES   8  /* while another CPU deletes the entry */

/* Sets the key of the client with this address. */
static __always_inline void client_of(struct scratch *s, const struct ftpnat_addr *addr,
				      __u16 rule)
{
	struct ftpnat_client_key *key = &s->client_key;

	key->addr = *addr;
	if (!addr_is_v4(addr)) {
		key->addr.w[2] = 0;
		key->addr.w[3] = 0;
	}
	key->rule = rule;
	key->pad = 0;
}

static __always_inline __u32 client_number(struct ftpnat_client *client,
					   enum ftpnat_client_has what)
{
	return __sync_fetch_and_add(&client->number[what], 0);
}

/*
 * Deletes an entry whose time is over, unless it has sessions or data connections. Of its
 * last data connection and the caller, which takes the mark back because of that one, the
 * later one deletes it.
 */
static __always_inline void client_delete(struct ftpnat_client_key *key,
					  struct ftpnat_client *client)
{
	int i;

	for (i = 0; i < 2 && !client_number(client, FTPNAT_HAS_DATA); i++) {
		if (__sync_val_compare_and_swap(&client->number[FTPNAT_HAS_SESSIONS], 0,
						FTPNAT_CLIENT_GONE))
			return;
		if (!client_number(client, FTPNAT_HAS_DATA)) {
			bpf_map_delete_elem(&ftpnat_clients, key);
			return;
		}
		__sync_fetch_and_sub(&client->number[FTPNAT_HAS_SESSIONS],
				     FTPNAT_CLIENT_GONE);
	}
}

/* Until when it is needed without sessions. */
static __always_inline __u64 client_until(const struct ftpnat_client *client)
{
	return client->next > client->failed_end ? client->next : client->failed_end;
}

static int client_expire(void *map, struct ftpnat_client_key *key,
			 struct ftpnat_client *client)
{
	(void)map;
	if (client_until(client) <= bpf_ktime_get_coarse_ns())
		client_delete(key, client);
	return 0;
}

/* The client has no sessions: is its entry still needed for its rates? */
static __always_inline bool client_stays(struct ftpnat_client *client)
{
	__u64 now = bpf_ktime_get_coarse_ns(), until = client_until(client);
	long rc;

	if (until <= now)
		return false;
	rc = bpf_timer_init(&client->timer, &ftpnat_clients, CLOCK_MONOTONIC);
	if (rc && rc != -EBUSY)
		return false;
	/* some more, since the coarse clock is late */
	return !bpf_timer_set_callback(&client->timer, client_expire) &&
	       !bpf_timer_start(&client->timer, until - now + 20 * MILLISECOND, 0);
}

/* One session less of the client of s->client_key. */
__noinline int client_less(void)
{
	struct scratch *s = scratch_get();
	struct ftpnat_client *client;

	if (!s)
		return 0;
	client = bpf_map_lookup_elem(&ftpnat_clients, &s->client_key);
	if (!client)
		return 0;
	if (__sync_fetch_and_sub(&client->number[FTPNAT_HAS_SESSIONS], 1) == 1 &&
	    !client_stays(client))
		client_delete(&s->client_key, client);
	return 0;
}

/*
 * Changes another number of the client of s->client_key, which has sessions: what it was
 * before. False: the client isn't counted.
 */
static __always_inline bool client_add(struct scratch *s, enum ftpnat_client_has what,
				       __s32 change, __u32 *had)
{
	struct ftpnat_client *client =
		bpf_map_lookup_elem(&ftpnat_clients, &s->client_key);

	if (!client)
		return false;
	*had = __sync_fetch_and_add(&client->number[what], change);
	return true;
}

static __always_inline bool client_has_more(struct scratch *s,
					    enum ftpnat_client_has what, __u32 *had)
{
	return client_add(s, what, 1, had);
}

static __always_inline void client_has_less(struct scratch *s,
					    enum ftpnat_client_has what)
{
	__u32 had;

	client_add(s, what, -1, &had);
}

/* One more data connection of the client of s->client_key; as client_add(). */
static __always_inline bool client_data_more(struct scratch *s, __u32 *had)
{
	struct ftpnat_client *client =
		bpf_map_lookup_elem(&ftpnat_clients, &s->client_key);

	if (!client)
		return false;
	*had = __sync_fetch_and_add(&client->number[FTPNAT_HAS_DATA], 1);
	if (!(client_number(client, FTPNAT_HAS_SESSIONS) & FTPNAT_CLIENT_GONE))
		return true;
	__sync_fetch_and_sub(&client->number[FTPNAT_HAS_DATA], 1);
	return false;
}

/* One less of the client at `addr`. It may have been the last thing that it had. */
__noinline int client_data_less(const struct ftpnat_addr *addr, __u16 rule)
{
	struct scratch *s = scratch_get();
	struct ftpnat_client *client;

	if (!s || !addr)
		return 0;
	client_of(s, addr, rule);
	client = bpf_map_lookup_elem(&ftpnat_clients, &s->client_key);
	if (!client)
		return 0;
	if (__sync_fetch_and_sub(&client->number[FTPNAT_HAS_DATA], 1) == 1 &&
	    !client_number(client, FTPNAT_HAS_SESSIONS) && !client_stays(client))
		client_delete(&s->client_key, client);
	return 0;
}

/* The entry of s->client_key, new and with one half-open session: 0 or -errno. */
static __always_inline int client_enter(struct scratch *s)
{
	struct ftpnat_client *client = (struct ftpnat_client *)s->client.entry;

	client->number[FTPNAT_HAS_SESSIONS] = 1;
	client->number[FTPNAT_HAS_HALF_OPEN] = 1;
	return map_insert(&ftpnat_clients, &s->client_key, client);
}

static long try_client(__u32 i, struct scratch **scratch)
{
	struct scratch *s = *scratch;
	struct ftpnat_client *client;

	(void)i;
	client = bpf_map_lookup_elem(&ftpnat_clients, &s->client_key);
	if (!client) {
		int rc = client_enter(s);

		s->client.had = 0;
		s->client.half_open = 0;
		s->client.counted = !rc;
		return rc != -EEXIST;
	}
	s->client.had = __sync_fetch_and_add(&client->number[FTPNAT_HAS_SESSIONS], 1);
	if (s->client.had & FTPNAT_CLIENT_GONE) {
		__sync_fetch_and_sub(&client->number[FTPNAT_HAS_SESSIONS], 1);
		return 0;
	}
	s->client.half_open =
		__sync_fetch_and_add(&client->number[FTPNAT_HAS_HALF_OPEN], 1);
	s->client.counted = true;
	return 1;
}

/* One more session of the client of s->client_key, half open; sets s->client. */
static __always_inline void client_more(struct scratch *s)
{
	s->client.counted = false;
	bpf_loop(CLIENT_TRIES, try_client, &s, 0);
	if (!s->client.counted)
		count(FTPNAT_CLIENTS_FULL);
}

/*
 * A table is under pressure when more than three quarters of it are used. Then a client
 * gets no more than a share of it: so much that many users behind one address (carrier
 * NAT) have enough, and so little that one client can't fill the table.
 */
#define SHARE_LEAST 64 /* whatever the size of the table */

static __always_inline bool under_pressure(__u32 used, __u32 limit)
{
	return used > limit - limit / 4;
}

static __always_inline bool share_used(__u32 has, __u32 limit, __u32 part)
{
	return has >= SHARE_LEAST && has >= limit / part;
}

#define SHARE_SESSIONS	8
#define SHARE_HALF_OPEN 32
#define SHARE_EXPECTED	8
#define SHARE_DATA	8

#endif
