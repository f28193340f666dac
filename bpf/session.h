/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The life of an FTP session: created with the first packet after the handshake, locked
 * while a packet of its control connection is processed, removed with that connection.
 */
#ifndef FTPNAT_BPF_SESSION_H
#define FTPNAT_BPF_SESSION_H

#include "cluster.h"
#include "conntrack_state.h"
#include "expected.h"
#include "kept.h"
#include "logs.h"
#include "tls_sessions.h"
#include "transfers.h"

#define LOCK_TRIES (1 << 16)
#define ID_TRIES   64

struct locking {
	struct ftpnat_session *session;
	const __u32 *id;
};

static long try_lock(__u32 i, struct locking *c)
{
	(void)i;
	return !__sync_val_compare_and_swap(&c->session->lock, 0, *c->id);
}

static __always_inline void session_unlock(struct ftpnat_session *session,
					   const __u32 *id)
{
	__sync_val_compare_and_swap(&session->lock, *id, 0);
}

/* Another CPU has the lock. */
static __always_inline bool lock_spin(struct ftpnat_session *session, const __u32 *id)
{
	struct locking c = { .session = session, .id = id };

	return bpf_loop(LOCK_TRIES, try_lock, &c, 0) < LOCK_TRIES;
}

static __noinline bool lock_wait(struct ftpnat_session *session, const __u32 *id)
{
	return lock_spin(session, id);
}

/* The lock is taken: is it still the session of this id? */
static __always_inline bool lock_holds(struct ftpnat_session *session, const __u32 *id)
{
	if (session->id == *id && !session->gone)
		return true;
	session_unlock(session, id);
	return false;
}

/*
 * A lock of our own and not bpf_spin_lock, under which no helper may be called
 * before 6.x. Its holder runs with bottom halves off and never waits, so the
 * other direction on another CPU is the only one ever seen waiting.
 *
 * False: it isn't the session of this id, which is in the memory of a map, any more.
 * Another CPU may remove it at any time before, and its memory may be another session's
 * then: that one's lock isn't ours to release, so a lock names its holder's id.
 */
static __always_inline bool session_lock(struct ftpnat_session *session, const __u32 *id)
{
	if (__sync_val_compare_and_swap(&session->lock, 0, *id) &&
	    !lock_wait(session, id))
		return false;
	return lock_holds(session, id);
}

/* The same at the end of a chain of calls, where 6.1 has no stack for one more. */
static __always_inline bool session_lock_deep(struct ftpnat_session *session,
					      const __u32 *id)
{
	return lock_spin(session, id) && lock_holds(session, id);
}

static __always_inline void stream_begin(struct ftpnat_stream *stream, __u32 first)
{
	stream->next = first;
	stream->acked = first;
	stream->taken = first;
}

/*
 * The session with this id, if it is that of the control connection whose client, or
 * whose server, sends with the tuple `key`. Ids come again after 2^32 sessions.
 */
static __always_inline struct ftpnat_session *
session_of_client(__u32 id, const struct ftpnat_tuple *key)
{
	struct ftpnat_session *session = bpf_map_lookup_elem(&ftpnat_sessions, &id);

	return session && tuple_equal(&session->client, key) ? session : NULL;
}

static __always_inline struct ftpnat_session *
session_of_server(__u32 id, const struct ftpnat_tuple *key)
{
	struct ftpnat_session *session = bpf_map_lookup_elem(&ftpnat_sessions, &id);

	return session && tuple_is_reply(&session->server, key) ? session : NULL;
}

/* The session of a control connection, given one of its two entries of ftpnat_flows. */
static __always_inline struct ftpnat_session *
session_of_control(const struct ftpnat_tuple *key, const struct ftpnat_flow *flow)
{
	if (flow->flags & FTPNAT_FLOW_CLIENT)
		return session_of_client(flow->session, key);
	return session_of_server(flow->session, key);
}

#define CLOCKS_APART 1 /* seconds, see clock_seconds() */

/*
 * The session of a data connection; not one that began later and has the same id by
 * chance.
 */
static __always_inline struct ftpnat_session *session_of_data(const __u32 *id,
							      __u32 created)
{
	struct ftpnat_session *session = bpf_map_lookup_elem(&ftpnat_sessions, id);

	if (!session || seconds_since(created, session->created) > CLOCKS_APART)
		return NULL;
	return session;
}

/*
 * Attempt 0: the next id; then random ones. In a cluster each is random, since a gateway that
 * has forgotten all gives ids while others still have sessions with those it gave before.
 * 1: no session has it.
 */
static long try_id(__u32 attempt, __u32 **id)
{
	__u32 step = attempt || clustered() ? bpf_get_prandom_u32() : 1;
	struct ftpnat_usage *usage = usage_get();

	if (!usage)
		return 0;
	**id = id_to_slice(__sync_fetch_and_add(&usage->last_session, step) + step);
	return **id && !bpf_map_lookup_elem(&ftpnat_sessions, *id);
}

/* Sets *id, which is in the memory of a map, for a new session. 0 or -ENOMEM. */
static __always_inline int session_id(__u32 *id)
{
	return bpf_loop(ID_TRIES, try_id, &id, 0) < ID_TRIES ? 0 : -ENOMEM;
}

/*
 * The shifts of both ends' windows, where both offer them. Of a client whose SYN is not
 * known, the largest one, see accept_first_ack(); its windows stay in its own units.
 */
static __always_inline void session_shifts(struct ftpnat_session *session, __u8 client,
					   __u8 server)
{
	bool scaled = server & FTPNAT_OFFERS_WINDOW;
	bool lowered = client & FTPNAT_OFFERS_WINDOW &&
		       !(session->flags & FTPNAT_SESSION_TRACKED);

	client = scaled ? client & FTPNAT_OFFERS_SHIFT : 0;
	server = scaled ? server & FTPNAT_OFFERS_SHIFT : 0;
	session->wscale[FTPNAT_FROM_CLIENT] = client;
	session->wscale[FTPNAT_FROM_SERVER] = server;
	session->told[FTPNAT_FROM_CLIENT] = lowered ? shift_lowered(client) : client;
	session->told[FTPNAT_FROM_SERVER] =
		session->flags & FTPNAT_SESSION_TRACKED ? server : shift_lowered(server);
}

/*
 * In a cluster the client's ACK, which waits for nobody, may have passed another gateway, which
 * is dead: then the server's first words say that it has got it.
 */
static __noinline bool session_begins_here(const struct scratch *s,
					   const struct ftpnat_flow *flow,
					   const struct ftpnat_flow *other)
{
	const struct packet *p = &s->packet;

	return flow->flags & FTPNAT_FLOW_REPLICA && !(flow->flags & FTPNAT_FLOW_CLIENT) &&
	       other->tcp & FTPNAT_TCP_SYN && p->len && p->seq == flow->end &&
	       p->ack == flow->ack;
}

/* Is the handshake over? */
static __always_inline bool session_may_begin(const struct scratch *s,
					      const struct ftpnat_flow *flow,
					      const struct ftpnat_flow *other)
{
	if ((flow->tcp & FTPNAT_TCP_ESTABLISHED) != FTPNAT_TCP_ESTABLISHED)
		return false;
	if ((other->tcp & FTPNAT_TCP_ESTABLISHED) == FTPNAT_TCP_ESTABLISHED)
		return true;
	return clustered() && session_begins_here(s, flow, other);
}

/*
 * The session of the control connection of the packet in the scratch memory, whose
 * flow is given; entered when the handshake is over.
 */
static __always_inline struct ftpnat_session *session_get(struct scratch *s,
							  const struct ftpnat_flow *flow)
{
	const struct ftpnat_flow *client, *server, *other;
	struct ftpnat_session *session, *blank;
	struct ftpnat_tuple *other_key;
	__u32 id = flow->session, zero = 0;

	session = session_of_control(&s->packet.tuple, flow);
	if (session)
		return session;
	other_key = &s->session_other;
	tuple_swap(other_key, &s->to);
	other = bpf_map_lookup_elem(&ftpnat_flows, other_key);
	blank = bpf_map_lookup_elem(&ftpnat_blank, &zero);
	if (!blank || !other || !session_may_begin(s, flow, other))
		return NULL;
	client = flow->flags & FTPNAT_FLOW_CLIENT ? flow : other;
	server = flow->flags & FTPNAT_FLOW_CLIENT ? other : flow;
	blank->id = id;
	blank->created = client->created;
	blank->rule = client->rule;
	blank->flags = client->flags & FTPNAT_FLOW_TRACKED ? FTPNAT_SESSION_TRACKED : 0;
	blank->closing = !!flow_closing(client->tcp, server->tcp);
	tuple_swap(&blank->client, &server->to);
	blank->server = client->to;
	blank->mss[FTPNAT_FROM_CLIENT] = client->mss;
	blank->mss[FTPNAT_FROM_SERVER] = server->mss;
	blank->stream[FTPNAT_FROM_CLIENT].ttl = client->ttl;
	blank->stream[FTPNAT_FROM_SERVER].ttl = server->ttl;
	/* what the SYN-ACK offers, the SYN has offered (RFC 7323 sections 2.2 and 3.2) */
	blank->timestamps = !!(server->offers & FTPNAT_OFFERS_TIMESTAMPS);
	session_shifts(blank, client->offers, server->offers);
	/* as the server's SYN-ACK has it, which nothing has changed since */
	stream_begin(&blank->stream[FTPNAT_FROM_CLIENT], server->ack);
	stream_begin(&blank->stream[FTPNAT_FROM_SERVER], server->end);
	if (!map_insert(&ftpnat_sessions, &id, blank) &&
	    client->flags & FTPNAT_FLOW_COUNTED) {
		client_of(s, &blank->client.src, blank->rule);
		client_has_less(s, FTPNAT_HAS_HALF_OPEN);
	}
	return session_of_control(&s->packet.tuple, flow);
}

/* Its control connection has ended: it may announce nothing more. */
static __always_inline void session_close(struct ftpnat_session *session, __u32 id)
{
	session->closing = 1;
	expectation_close(session, id, FTPNAT_EXPECTED_CLOSED);
	tls_forget(session, id);
	transfer_session_ends(id);
}

/* The control connection of this client is gone. The id is in the memory of a map. */
static __always_inline void session_remove(__u32 *id, const struct ftpnat_tuple *client)
{
	struct ftpnat_session *session = session_of_client(*id, client);

	if (!session || !session_lock(session, id))
		return;
	expectation_close(session, *id, FTPNAT_EXPECTED_CLOSED);
	tls_forget(session, *id);
	transfer_remove(id);
	session->gone = 1; /* to those that wait for the lock */
	logs_release(session);
	session_unlock(session, id);
	bpf_map_delete_elem(&ftpnat_sessions, id);
}

/* Nothing has come for a while: the session needs no logs if nothing is in them. */
static __always_inline void session_rest(const struct ftpnat_flow *client,
					 const struct ftpnat_tuple *key, __u32 now)
{
	struct ftpnat_session *session = session_of_client(client->session, key);

	if (!session || !session_lock(session, &client->session))
		return;
	logs_leave(session, now);
	session_unlock(session, &client->session);
}

/*
 * The session of this id, in the memory of a map, which was queued at `since`, is due. 0, or
 * -errno if it must be checked again.
 */
static __always_inline int session_due(const __u32 *id, __u32 since, __u32 now)
{
	struct ftpnat_session *session = bpf_map_lookup_elem(&ftpnat_sessions, id);
	int rc = 0;

	/* gone, and another one has its id, perhaps */
	if (!session || session->queued != since)
		return 0;
	if (!session_lock(session, id))
		return -EAGAIN;
	if (expectation_lives(session, *id, now))
		rc = expiry_put_session(session, *id, now);
	else
		session->queued = 0;
	session_unlock(session, id);
	return rc;
}

/* A data connection of the session of this id begins (1) or ends (-1). */
static __always_inline void session_data(__u32 *id, __u32 created, __s32 change)
{
	struct ftpnat_session *session = session_of_data(id, created);

	if (!session || !session_lock(session, id))
		return;
	session->data_flows += (__u32)change;
	session_unlock(session, id);
}

/* What happened to a data connection. */
enum data_turn { DATA_OPENED, DATA_FINISHES, DATA_OVER };

/* Tells the transfer of a data connection's session; `key` is of its client's entry. */
static __noinline int session_transfer(const struct ftpnat_tuple *key,
				       struct ftpnat_flow *owner,
				       const struct ftpnat_flow *peer,
				       enum data_turn turn)
{
	struct ftpnat_session *session;
	struct scratch *s;

	session = session_of_data(&owner->session, owner->created);
	if (!session || !session_lock_deep(session, &owner->session))
		return 0;
	s = scratch_get();
	if (s) {
		s->transfer = owner->session;
		if (turn != DATA_OPENED)
			transfer_data_ended(session, s, key, owner, peer,
					    turn == DATA_OVER);
		else if (peer)
			transfer_data_opened(session, s, key, owner, peer);
	}
	session_unlock(session, &owner->session);
	return 0;
}

#endif
