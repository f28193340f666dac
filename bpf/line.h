/* SPDX-License-Identifier: GPL-2.0-only */
/* What lines of both ends share: events, and announcing a data connection. */
#ifndef FTPNAT_BPF_LINE_H
#define FTPNAT_BPF_LINE_H

#include "commands.h"
#include "expected.h"
#include "ftp_text.h"
#include "logins.h"

/* The event of the current line. */
static __always_inline void line_is(struct scratch *s, enum ftpnat_reason why)
{
	count(why);
	s->segment.outcome.why = why;
}

static __always_inline void count_line(__u16 rule, enum ftpnat_line line)
{
	struct ftpnat_rule_stats *stats = rule_stats(rule);

	if (stats)
		stats->lines[line & 3] += 1;
}

/* Replies to earlier commands do not concern a new expectation. */
__noinline int replies_expect_nothing(struct ftpnat_session *session)
{
	__u32 i;

	if (!session)
		return 0;
	for (i = 0; i < FTPNAT_MAX_COMMANDS; i++)
		session->command[i] &= (__u8)~COMMAND_EXPECTS;
	return 0;
}

/* Opens the expectation described in s->expectation; the port found is in its key. */
static __always_inline enum ftpnat_reason expect(struct __sk_buff *skb,
						 struct ftpnat_session *session,
						 struct scratch *s, __u16 min, __u16 max)
{
	replies_expect_nothing(session);
	s->expectation.port_min = min;
	s->expectation.port_max = max;
	return expectation_open(skb, session, s->segment.session, &s->expectation);
}

/* Does a line name a host other than its sender, which the rule does not allow? */
static __always_inline bool is_foreign(const struct ftpnat_rule *rule,
				       const struct ftpnat_addr *named,
				       const struct ftpnat_addr *own)
{
	if (addr_equal(named, own))
		return false;
	return !(rule->flags & FTPNAT_RULE_FOREIGN) ||
	       addr_is_v4(named) != addr_is_v4(own);
}

/* What the expectations of both modes have in common; ends and ports of the connection are to come. */
static __always_inline void expectation_fill(struct ftpnat_session *session,
					     struct scratch *s, enum ftpnat_mode mode,
					     __u16 port)
{
	struct ftpnat_expected *e = (struct ftpnat_expected *)s->expectation.value;

	s->expectation.key.dport = bpf_htons(port);
	s->expectation.key.pad = 0;
	s->expectation.own = false;
	e->dport = bpf_htons(port);
	e->session = s->segment.session;
	e->created = s->segment.now;
	e->rule = session->rule;
	e->mode = (__u8)mode;
	e->tracked = !!(session->flags & FTPNAT_SESSION_TRACKED);
}

#endif
