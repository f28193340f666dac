/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The life of an FTP session: entered with the first packet after the handshake,
 * locked while a packet of its control connection is worked on, removed with that
 * connection.
 */
#ifndef FTPNAT_BPF_SESSION_H
#define FTPNAT_BPF_SESSION_H

#include "conntrack_state.h"
#include "expected.h"
#include "tls_sessions.h"

#define LOCK_TRIES (1 << 16)

static long try_lock(__u32 i, struct ftpnat_session **session)
{
	(void)i;
	return !__sync_val_compare_and_swap(&(*session)->lock, 0, 1);
}

/*
 * A lock of our own and not bpf_spin_lock, under which no helper may be called
 * before 6.x. Its holder runs with bottom halves off and never waits, so the
 * other direction on another CPU is the only one ever seen waiting. 1 if held.
 */
static __always_inline int session_lock(struct ftpnat_session *session)
{
	return bpf_loop(LOCK_TRIES, try_lock, &session, 0) < LOCK_TRIES;
}

static __always_inline void session_unlock(struct ftpnat_session *session)
{
	__sync_fetch_and_and(&session->lock, 0);
}

static __always_inline void stream_begin(struct ftpnat_stream *stream, __u32 isn)
{
	stream->next = isn + 1;
	stream->acked = isn + 1;
	stream->taken = isn + 1;
}

/*
 * The session of the control connection of the packet in the scratch memory, whose
 * flow is given; made when both ends have shown their SYN.
 */
static __always_inline struct ftpnat_session *session_get(struct scratch *s,
							  const struct ftpnat_flow *flow)
{
	const struct ftpnat_flow *client, *server, *other;
	struct ftpnat_session *session, *blank;
	struct ftpnat_tuple *other_key;
	__u32 id = flow->session, zero = 0;

	session = bpf_map_lookup_elem(&ftpnat_sessions, &id);
	if (session)
		return session;
	other_key = &s->flow.reverse;
	tuple_swap(other_key, &s->to);
	other = bpf_map_lookup_elem(&ftpnat_flows, other_key);
	blank = bpf_map_lookup_elem(&ftpnat_blank, &zero);
	if (!blank || !other || !(flow->tcp & other->tcp & FTPNAT_TCP_SYN))
		return 0;
	client = flow->flags & FTPNAT_FLOW_CLIENT ? flow : other;
	server = flow->flags & FTPNAT_FLOW_CLIENT ? other : flow;
	blank->rule = client->rule;
	blank->flags = client->flags & FTPNAT_FLOW_TRACKED ? FTPNAT_SESSION_TRACKED : 0;
	blank->closing = !!flow_closing(client->tcp, server->tcp);
	tuple_swap(&blank->client, &server->to);
	blank->server = client->to;
	blank->mss[FTPNAT_FROM_CLIENT] = client->mss;
	blank->mss[FTPNAT_FROM_SERVER] = server->mss;
	stream_begin(&blank->stream[FTPNAT_FROM_CLIENT], client->isn);
	stream_begin(&blank->stream[FTPNAT_FROM_SERVER], server->isn);
	bpf_map_update_elem(&ftpnat_sessions, &id, blank, BPF_NOEXIST);
	return bpf_map_lookup_elem(&ftpnat_sessions, &id);
}

static __always_inline void session_remove(__u32 id)
{
	struct ftpnat_session *session = bpf_map_lookup_elem(&ftpnat_sessions, &id);

	if (!session)
		return;
	door_close(session, id, FTPNAT_EXPECTED_CLOSED);
	tls_forget(session, id);
	bpf_map_delete_elem(&ftpnat_sessions, &id);
}

#endif
