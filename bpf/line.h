/* SPDX-License-Identifier: GPL-2.0-only */
/* What lines of both ends share: events, and announcing a data connection. */
#ifndef FTPNAT_BPF_LINE_H
#define FTPNAT_BPF_LINE_H

#include "commands.h"
#include "expected.h"
#include "ftp_text.h"

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

/* Opens the door described in s->announcement; the port found is in its key. */
static __always_inline int announce(struct ftpnat_session *session, struct scratch *s,
				    __u16 min, __u16 max)
{
	__u32 i;

	/* whatever is said of another door from now on, it isn't said of this one */
	for (i = 0; i < FTPNAT_MAX_COMMANDS; i++)
		session->command[i] &= (__u8)~COMMAND_DOOR;
	s->announcement.port_min = min;
	s->announcement.port_max = max;
	return door_open(session, s->segment.session, &s->announcement);
}

/* Does a line name a host other than its sender, which the rule does not allow? */
static __always_inline int is_foreign(const struct ftpnat_rule *rule,
				      const struct ftpnat_addr *named,
				      const struct ftpnat_addr *own)
{
	if (addr_equal(named, own))
		return 0;
	return !(rule->flags & FTPNAT_RULE_FOREIGN) ||
	       addr_is_v4(named) != addr_is_v4(own);
}

/* What the doors of both modes have in common; ends and ports of the connection are to come. */
static __always_inline void describe(struct ftpnat_session *session, struct scratch *s,
				     enum ftpnat_mode mode, __u16 port)
{
	struct ftpnat_expected *e = (struct ftpnat_expected *)s->announcement.value;

	s->announcement.key.dport = bpf_htons(port);
	s->announcement.key.pad = 0;
	e->dport = bpf_htons(port);
	e->session = s->segment.session;
	e->created = s->segment.now;
	e->rule = session->rule;
	e->mode = (__u8)mode;
	e->tracked = !!(session->flags & FTPNAT_SESSION_TRACKED);
}

#endif
