/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines: fed to the grammar byte by byte, then handled according to their sender. */
#ifndef FTPNAT_BPF_LINES_H
#define FTPNAT_BPF_LINES_H

#include "line_client.h"
#include "line_server.h"

static __always_inline void line_begin(struct scratch *s)
{
	s->segment.outcome.text_len = 0;
	s->segment.outcome.drops = false;
	s->segment.outcome.secret = false;
	s->segment.outcome.why = FTPNAT_PASS;
}

static __always_inline void line_done(struct ftpnat_session *session, struct scratch *s)
{
	session->spoken = s->segment.now;
	if (session->closing) /* a late retransmission */
		expectation_close(session, s->segment.session, FTPNAT_EXPECTED_CLOSED);
}

/* The line that the server's parser has finished, see server_line(). */
__noinline bool session_server_line(struct __sk_buff *skb, struct ftpnat_session *session)
{
	struct scratch *s = scratch_get();
	bool whole;

	if (!session || !s)
		return false;
	line_begin(s);
	whole = server_line(skb, session, s,
			    &session->stream[FTPNAT_FROM_SERVER].parser.line);
	if (policy_of_reply(&session->stream[FTPNAT_FROM_SERVER], s) == POLICY_DROPS) {
		server_line_hide(session, s);
		whole = true;
	}
	session->late = 0;
	line_done(session, s);
	return whole;
}

/* The line that the client's parser has finished, see client_line(). */
__noinline bool session_client_line(struct __sk_buff *skb, struct ftpnat_session *session)
{
	struct scratch *s = scratch_get();
	__u32 refusal;
	bool whole;

	if (!session || !s)
		return false;
	line_begin(s);
	refusal = policy_refuses(session, s);
	if (!refusal)
		passive_translate(session);
	whole = client_line(skb, session, s,
			    &session->stream[FTPNAT_FROM_CLIENT].parser.line, refusal);
	line_done(session, s);
	return whole;
}

/* After it, where the line is a transfer that is not refused, see client_transfer(). */
__noinline bool session_transfer_line(struct __sk_buff *skb,
				      struct ftpnat_session *session)
{
	struct scratch *s = scratch_get();

	if (!session || !s)
		return false;
	return client_transfer(skb, session, s,
			       session->stream[FTPNAT_FROM_CLIENT].parser.line.command);
}

/*
 * `tls: deny`, and the client begins with TLS: a line instead of what has come of it, which
 * an FTP server answers and a TLS server takes for a broken record.
 */
__noinline int session_hello_refuse(struct ftpnat_session *session)
{
	struct scratch *s = scratch_get();

	if (!session || !s)
		return 0;
	line_begin(s);
	line_is(s, FTPNAT_LINE_TLS);
	refusal_write(&s->segment, REFUSED_ADDRESS);
	command_push(session, (__u8)(COMMAND_REFUSED | REFUSAL_TLS));
	return 0;
}

/* See client_line_break() and server_line_break(). */
__noinline int session_line_break(struct ftpnat_session *session)
{
	struct scratch *s = scratch_get();

	if (!session || !s)
		return 0;
	line_begin(s);
	if (s->segment.dir == FTPNAT_FROM_SERVER)
		server_line_break(session, s,
				  &session->stream[FTPNAT_FROM_SERVER].parser);
	else
		client_line_break(session, s,
				  &session->stream[FTPNAT_FROM_CLIENT].parser);
	return 0;
}

/* Feeds one byte to the grammar. Has it ended a line? */
__noinline bool feed_byte(struct ftp_parser *parser, __u8 byte, enum ftpnat_dir dir)
{
	if (!parser)
		return false;
	if (dir == FTPNAT_FROM_CLIENT)
		return ftp_feed_command(parser, byte);
	return ftp_feed_reply(parser, byte);
}

#endif
