/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Control connections under TLS can't be read, but TLS records give their length. If a
 * line begins where a record should, TLS has ended (CCC, RFC 4217 section 6; the command
 * itself and its reply are inside TLS).
 */
#ifndef FTPNAT_BPF_TLS_H
#define FTPNAT_BPF_TLS_H

#include "count.h"
#include "events.h"
#include "policy.h"
#include "tls_sessions.h"

#define TLS_ALERT	  0x15
#define TLS_HANDSHAKE	  0x16
#define TLS_CLIENT_HELLO  1
#define TLS_FIRST_TYPE	  0x14 /* change_cipher_spec ... */
#define TLS_LAST_TYPE	  0x18 /* ... heartbeat */
#define TLS_MAJOR	  3
#define TLS_HEADER_LEN	  5
#define TLS_LONGEST	  (16384 + 2048) /* RFC 5246 section 6.2.3 */
#define TLS_STEPS	  (1 << 16)
#define TLS_CLEAR_OFF_MAX PAYLOAD_LEN /* the part of a segment that can be read */

/* From the next byte on both ends use TLS; no command is in flight any more. */
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

/* An event of the session without a line. */
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

/* One direction carries lines again; the other will too before it replies. */
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

/*
 * What looks like a ClientHello was the first that the client said, and this is the first
 * byte that the server says: a record of TLS, or the client's bytes were lines to it.
 */
static __always_inline void tls_answer(struct ftpnat_session *session, __u8 byte)
{
	session->flags &= ~FTPNAT_SESSION_HELLO;
	if (byte == TLS_ALERT || byte == TLS_HANDSHAKE) {
		session->flags &= ~FTPNAT_SESSION_NOT_FTP;
		tls_implicit(session);
	} else if (session->flags & FTPNAT_SESSION_NOT_FTP) {
		tls_tell(session, FTPNAT_NOT_FTP);
	}
}

/* Implicit TLS: a ClientHello as the first bytes, to a server that hasn't greeted. */
static __always_inline bool tls_hello(const struct ftpnat_session *session,
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

/* A byte that can begin a line of the client or the server, but never a record. */
static __always_inline bool begins_line(__u8 byte, __u8 dir)
{
	if (dir == FTPNAT_FROM_SERVER)
		return byte >= '1' && byte <= '5';
	return byte == 255 || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= 'a' && byte <= 'z');
}

/* The next byte of a record's header; its body is skipped. */
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
		if (at - seg->start < TLS_CLEAR_OFF_MAX &&
		    ((stream->tls == FTPNAT_TLS_RECORDS && begins_line(byte, seg->dir)) ||
		     (f->s->policy.has & POLICY_VERBS && seg->dir == FTPNAT_FROM_CLIENT)))
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
 * Follows the records through the current segment. True: lines begin again at
 * stream->tls_record.
 */
__noinline bool tls_follow(struct __sk_buff *skb, struct ftpnat_stream *stream)
{
	struct following f = { .skb = skb, .stream = stream, .s = scratch_get() };

	if (!stream || !f.s || stream->tls == FTPNAT_TLS_LOST)
		return false;
	bpf_loop(TLS_STEPS, follow_byte, &f, 0);
	return stream->tls == FTPNAT_TLS_NONE;
}

#endif
