/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sessions under TLS of a client: `ftpnat_tls` leads connections that no line
 * announces to the server of the session that sent something last.
 */
#ifndef FTPNAT_BPF_TLS_SESSIONS_H
#define FTPNAT_BPF_TLS_SESSIONS_H

#include "config.h"

/* The session of this id, if it is alive and under TLS. */
static __always_inline struct ftpnat_session *tls_session(const __u32 *id)
{
	struct ftpnat_session *session = bpf_map_lookup_elem(&ftpnat_sessions, id);

	if (!session || session->closing || !(session->flags & FTPNAT_SESSION_OPAQUE))
		return NULL;
	return session;
}

/* A session is no longer under TLS: it gives its client no `tls_data_ports` any more. */
__noinline int tls_forget(struct ftpnat_session *session, __u32 id)
{
	struct scratch *s = scratch_get();
	struct ftpnat_tls *known;
	bool others = false;
	__u32 i;

	if (!session || !s || !(session->flags & FTPNAT_SESSION_OPAQUE))
		return 0;
	s->tls_forgotten.peer = session->client.src;
	s->tls_forgotten.dst = session->client.dst;
	known = bpf_map_lookup_elem(&ftpnat_tls, &s->tls_forgotten);
	if (!known)
		return 0;
	for (i = 0; i < FTPNAT_TLS_SESSIONS; i++) {
		if (known->session[i] == id)
			known->session[i] = 0;
		else if (tls_session(&known->session[i]))
			others = true;
	}
	if (!others)
		bpf_map_delete_elem(&ftpnat_tls, &s->tls_forgotten);
	return 0;
}

/*
 * The server of a session under TLS sent something: its client's next connections go to
 * it.
 */
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
	s->tls_claimed.peer = session->client.src;
	s->tls_claimed.dst = session->client.dst;
	known = bpf_map_lookup_elem(&ftpnat_tls, &s->tls_claimed);
	if (!known) {
		s->tls.session[0] = id;
		bpf_map_update_elem(&ftpnat_tls, &s->tls_claimed, &s->tls, BPF_ANY);
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
 * Do the `tls_data_ports` of the session of this id have the port, for this client? An
 * outbound connection needs no expectation: of a masqueraded client it only has to be
 * translated.
 */
static __always_inline struct ftpnat_session *tls_leads(const struct scratch *s,
							const __u32 *id, bool outbound)
{
	struct ftpnat_session *session = tls_session(id);
	const struct packet *p = &s->packet;
	__u16 port = bpf_ntohs(p->tuple.dport);
	struct ftpnat_rule *rule;

	if (!session || !addr_equal(&session->client.src, &p->tuple.src) ||
	    !addr_equal(&session->client.dst, &p->tuple.dst))
		return NULL;
	rule = rule_get(s, session->rule);
	if (!rule)
		return NULL;
	if (outbound)
		return rule->kind == FTPNAT_MASQUERADE && port >= FTP_FIRST_DATA_PORT &&
				       rule->modes & 1 << FTPNAT_PASSIVE ?
			       session :
			       NULL;
	return port >= rule->tls_port_min && port <= rule->tls_port_max ? session : NULL;
}

#endif
