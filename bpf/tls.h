/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Control connections under TLS: nothing in them can be read, but TLS records say
 * how long they are. Where a record should begin and a line does, TLS is over (CCC,
 * RFC 4217 section 6; the command itself and its reply are inside TLS). As long as
 * it lasts, the ports of `tls_data_ports` lead to the session's server.
 */
#ifndef FTPNAT_BPF_TLS_H
#define FTPNAT_BPF_TLS_H

#include "flow.h"
#include "rules.h"

#define TLS_HANDSHAKE	  0x16
#define TLS_CLIENT_HELLO  1
#define TLS_FIRST_TYPE	  0x14 /* change_cipher_spec ... */
#define TLS_LAST_TYPE	  0x18 /* ... heartbeat */
#define TLS_MAJOR	  3
#define TLS_HEADER_LEN	  5
#define TLS_LONGEST	  (16384 + 2048) /* RFC 5246 section 6.2.3 */
#define TLS_STEPS	  (1 << 16)
#define TLS_CLEAR_OFF_MAX PAYLOAD_LEN /* of a segment, what is at hand to be read */

/* Does the session's rule refuse TLS? */
__noinline int tls_denied(struct ftpnat_session *session)
{
	struct scratch *s = scratch_get();
	struct ftpnat_rule *rule;

	if (!session || !s)
		return 0;
	rule = rule_get(s, session->rule);
	return rule && rule->flags & FTPNAT_RULE_NO_TLS;
}

/* From the next byte on, both ends are going to speak TLS; no command is in flight any more. */
static __always_inline void tls_begin(struct ftpnat_session *session)
{
	__u32 dir;

	session->flags |= FTPNAT_SESSION_OPAQUE;
	for (dir = 0; dir < FTPNAT_DIR_MAX; dir++) {
		struct ftpnat_stream *stream = &session->stream[dir];

		stream->tls = FTPNAT_TLS_BEGINS;
		stream->tls_header = 0;
		stream->tls_record = stream->next;
	}
	session->commands = 0;
	session->others = 0;
	session->awaiting = 0;
}

/* What became of a session that no line tells of. */
static __always_inline void tls_tell(struct ftpnat_session *session,
				     enum ftpnat_reason why)
{
	struct scratch *s = scratch_get();

	count(why);
	if (s)
		event_flow(why, &session->client, &session->server, s->segment.session,
			   session->rule, FTPNAT_CONTROL);
}

/* TLS from the first byte on. */
__noinline int tls_implicit(struct ftpnat_session *session)
{
	if (!session)
		return 0;
	tls_begin(session);
	tls_tell(session, FTPNAT_OPAQUE);
	return 0;
}

/* One direction carries lines again; the other will before it answers. */
__noinline int tls_end(struct ftpnat_session *session)
{
	struct scratch *s = scratch_get();

	if (!session || !s || !(session->flags & FTPNAT_SESSION_OPAQUE))
		return 0;
	tls_forget(session, s->segment.session);
	session->flags &= ~FTPNAT_SESSION_OPAQUE;
	tls_tell(session, FTPNAT_CLEAR);
	return 0;
}

/* Implicit TLS: a ClientHello as the first that is said, to a server that hasn't greeted. */
static __always_inline int tls_hello(const struct ftpnat_session *session,
				     const struct payload *in, __u32 len)
{
	return !session->greeted && len > TLS_HEADER_LEN &&
	       in->byte[0] == TLS_HANDSHAKE && in->byte[1] == TLS_MAJOR &&
	       in->byte[TLS_HEADER_LEN] == TLS_CLIENT_HELLO;
}

struct following {
	struct __sk_buff *skb;
	struct ftpnat_stream *stream;
	struct scratch *s;
};

/* What a line of the client or the server may begin with, and a record never. */
static __always_inline int begins_line(__u8 byte, __u8 dir)
{
	if (dir == FTPNAT_FROM_SERVER)
		return byte >= '1' && byte <= '5';
	return byte == 255 || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= 'a' && byte <= 'z');
}

/* The next byte of a record's header; its body is stepped over. */
static long follow_byte(__u32 i, struct following *f)
{
	struct ftpnat_stream *stream = f->stream;
	struct segment *seg = &f->s->segment;
	__u32 at = stream->tls_record + stream->tls_header;
	__u8 byte = 0;

	(void)i;
	if ((__s32)(seg->end - at) <= 0)
		return 1;
	if ((__s32)(at - seg->start) < 0 ||
	    bpf_skb_load_bytes(f->skb, f->s->packet.payload + (at - seg->start), &byte,
			       1)) {
		stream->tls = FTPNAT_TLS_LOST;
		return 1;
	}
	switch (stream->tls_header) {
	case 0:
		if (byte >= TLS_FIRST_TYPE && byte <= TLS_LAST_TYPE)
			break;
		if (stream->tls == FTPNAT_TLS_RECORDS && begins_line(byte, seg->dir) &&
		    at - seg->start < TLS_CLEAR_OFF_MAX)
			stream->tls = FTPNAT_TLS_NONE;
		else
			stream->tls = FTPNAT_TLS_LOST;
		return 1;
	case 1:
		if (byte != TLS_MAJOR) {
			stream->tls = FTPNAT_TLS_LOST;
			return 1;
		}
		break;
	case 3:
		stream->tls_len = (__u16)(byte << 8);
		break;
	case 4:
		stream->tls_len |= byte;
		if (stream->tls_len > TLS_LONGEST) {
			stream->tls = FTPNAT_TLS_LOST;
			return 1;
		}
		stream->tls = FTPNAT_TLS_RECORDS;
		stream->tls_record += TLS_HEADER_LEN + stream->tls_len;
		stream->tls_header = 0;
		return 0;
	}
	stream->tls_header++;
	return 0;
}

/*
 * Follows the records through the segment at hand. 1: lines begin again at
 * stream->tls_record.
 */
__noinline int tls_follow(struct __sk_buff *skb, struct ftpnat_stream *stream)
{
	struct following f = { .skb = skb, .stream = stream, .s = scratch_get() };

	if (!stream || !f.s || stream->tls == FTPNAT_TLS_LOST)
		return 0;
	bpf_loop(TLS_STEPS, follow_byte, &f, 0);
	return stream->tls == FTPNAT_TLS_NONE;
}

static __always_inline void tls_key_set(struct scratch *s, const struct ftpnat_addr *peer,
					const struct ftpnat_addr *dst)
{
	s->tls_key.peer = *peer;
	s->tls_key.dst = *dst;
}

/* The server of a session under TLS spoke: what its client opens now is meant for it. */
__noinline int tls_claim(struct ftpnat_session *session, __u32 id)
{
	struct scratch *s = scratch_get();
	struct ftpnat_rule *rule;
	struct ftpnat_tls *known;
	__u32 i, last = id;

	if (!session || !s || session->closing ||
	    !(session->flags & FTPNAT_SESSION_OPAQUE))
		return 0;
	rule = rule_get(s, session->rule);
	if (!rule || (!rule->tls_port_min && rule->kind != FTPNAT_MASQUERADE))
		return 0;
	tls_key_set(s, &session->client.src, &session->client.dst);
	known = bpf_map_lookup_elem(&ftpnat_tls, &s->tls_key);
	if (!known) {
		s->tls.session[0] = id;
		bpf_map_update_elem(&ftpnat_tls, &s->tls_key, &s->tls, BPF_ANY);
		return 0;
	}
	for (i = 0; i < FTPNAT_TLS_SESSIONS; i++) {
		__u32 next = known->session[i];

		known->session[i] = last;
		if (!next || next == id)
			break;
		last = next;
	}
	return 0;
}

/*
 * Do the `tls_data_ports` of the session of this id have the port, for this client? What
 * leaves anyhow needs no door: of a masqueraded client it only has to be translated.
 */
static __always_inline struct ftpnat_session *tls_leads(const struct scratch *s,
							const __u32 *id, int leaves)
{
	struct ftpnat_session *session = tls_session(id);
	const struct packet *p = &s->packet;
	__u16 port = bpf_ntohs(p->tuple.dport);
	struct ftpnat_rule *rule;

	if (!session || !addr_equal(&session->client.src, &p->tuple.src) ||
	    !addr_equal(&session->client.dst, &p->tuple.dst))
		return 0;
	rule = rule_get(s, session->rule);
	if (!rule)
		return 0;
	if (leaves)
		return rule->kind == FTPNAT_MASQUERADE && port >= FTP_FIRST_DATA_PORT &&
				       rule->modes & 1 << FTPNAT_PASSIVE ?
			       session :
			       0;
	return port >= rule->tls_port_min && port <= rule->tls_port_max ? session : 0;
}

/*
 * Is the SYN in the scratch memory for a port of `tls_data_ports`, from a client that
 * holds a session under TLS? Or does it leave without one? Says in s->flow where it goes.
 */
__noinline int tls_door(int leaves)
{
	struct scratch *s = scratch_get();
	struct ftpnat_session *session = 0;
	struct ftpnat_tls *known;
	struct flow_new *new;
	struct packet *p;
	__u32 i;

	if (!s)
		return 0;
	p = &s->packet;
	new = &s->flow;
	tls_key_set(s, &p->tuple.src, &p->tuple.dst);
	known = bpf_map_lookup_elem(&ftpnat_tls, &s->tls_key);
	new->key = p->tuple;
	if (!known || control_rule(s) != WALK_NONE)
		return 0;
	for (i = 0; i < FTPNAT_TLS_SESSIONS && !session; i++) {
		new->session = known->session[i];
		session = tls_leads(s, &new->session, leaves);
	}
	if (!session)
		return 0;
	new->to.src = session->server.src;
	new->to.dst = session->server.dst;
	new->to.sport = p->tuple.sport;
	new->to.dport = p->tuple.dport;
	new->rule = session->rule;
	if (session->flags & FTPNAT_SESSION_TRACKED)
		new->flags |= FTPNAT_FLOW_TRACKED;
	return 1;
}

#endif
