// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "alg_expect.h"

#include <stdio.h>
#include <string.h>

#include "alg_line.h"

#define FIRST_DATA_PORT 1024

static bool same(const struct alg_addr *a, const struct alg_addr *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static bool is_zero(const struct alg_addr *a)
{
	static const struct alg_addr zero;

	return same(a, &zero);
}

static bool is_listen(const struct alg_model *m,
		      const struct alg_expectation *expectation, unsigned port)
{
	return m->config.listen_port == port &&
	       same(&expectation->public, &m->config.dialled);
}

/* Or a port. */
enum choice { CHOICE_NONE = -1, CHOICE_UNKNOWN = -2 };

/* Of the slice of a gateway of the cluster. */
static bool in_slice(const struct alg_model *m, int port)
{
	return !m->config.slots || (unsigned)port % 16 < m->config.slots;
}

/* The port stays if it may; else any of the range: a port, or enum choice. */
static int choose_port(struct alg_model *m, const struct alg_expectation *expectation,
		       unsigned wanted, unsigned min, unsigned max, enum alg_side reader,
		       size_t offset, int numbers)
{
	/* a port of the end's own address is nobody else's; which gateway reads is not known */
	bool stays = !m->config.slots || same(&expectation->public, &expectation->to_dst);
	int port;

	if (stays && wanted >= min && wanted <= max && !is_listen(m, expectation, wanted))
		return (int)wanted;
	if (min == max && is_listen(m, expectation, min))
		return CHOICE_NONE;
	port = m->port_told(m->arg, reader, offset, numbers);
	if (port < 0)
		return CHOICE_UNKNOWN;
	/* a choice that must not be is not a choice: what follows will differ */
	return port >= (int)min && port <= (int)max &&
			       !is_listen(m, expectation, (unsigned)port) &&
			       in_slice(m, port) ?
		       port :
		       (int)min;
}

/* How an address and a port are written: text around the port, or around its two bytes. */
struct telling {
	char before[128];
	const char *after;
	bool octets;
	bool whole;  /* all of the line is replaced, else the address at *p */
	bool needed; /* even if the port stays */
};

/* In place of the address at *p; `shown` NULL: the port alone. */
static struct telling tell_address(const struct place *p, const struct alg_addr *shown)
{
	struct telling t = { .after = "",
			     .octets = shown && !p->delimiter,
			     .needed = shown && !same(shown, &p->addr) };

	if (shown) {
		alg_addr_str(t.before, shown, p->delimiter ? '.' : ',');
		sprintf(t.before + strlen(t.before), "%c",
			p->delimiter ? p->delimiter : ',');
	}
	return t;
}

/* RFC 6384: a line of the reader's own family. */
static struct telling tell_line(const char *begins, const struct alg_addr *shown,
				const char *after)
{
	struct telling t = { .after = after, .whole = true, .needed = true };

	strcpy(t.before, begins);
	if (!shown)
		return t;
	t.octets = alg_addr_is_v4(shown);
	alg_addr_str(t.before + strlen(t.before), shown, t.octets ? ',' : '.');
	strcat(t.before, t.octets ? "," : "|");
	return t;
}

/* Opens the expectation, with the text that its reader has to be told. */
static enum alg_refusal expect(struct alg_model *m, struct alg_expectation *expectation,
			       struct place *p, const struct telling *t, unsigned min,
			       unsigned max, char *text)
{
	enum alg_side reader = expectation->active ? ALG_SERVER : ALG_CLIENT;
	struct alg_stream *stream = &m->stream[!reader];
	int port;

	m->expecting = false; /* a session has one at most, and this replaces it */
	for (unsigned i = 0; i < m->commands; i++)
		m->command[i].expectation = false;
	if (m->config.no_room)
		return REFUSE_FULL;
	port = choose_port(m, expectation, p->port, min, max, reader,
			   stream->out_len + (t->whole ? 0 : p->start) +
				   strlen(t->before),
			   t->octets ? 2 : 1);
	if (port == CHOICE_NONE)
		return REFUSE_NO_PORT;
	if (port == CHOICE_UNKNOWN) {
		stream->unknown = true;
		return REFUSE_NONE;
	}
	expectation->public_port = (uint16_t)port;
	m->expectation = *expectation;
	m->expecting = true;
	if (!t->needed && (unsigned)port == p->port)
		return REFUSE_NONE;
	if (t->octets)
		sprintf(text, "%s%d,%d%s", t->before, port >> 8, port & 255, t->after);
	else
		sprintf(text, "%s%d%s", t->before, port, t->after);
	if (t->whole) {
		p->start = 0;
		p->end = stream->line_len;
	}
	return REFUSE_NONE;
}

enum alg_refusal alg_expect_active(struct alg_model *m, struct place *p, char *text)
{
	const struct alg_config *c = &m->config;
	/* of a client behind prefix64 an IPv4 address is its own (464XLAT) */
	bool clat = alg_across(c) && !c->publish && alg_addr_is_v4(&p->addr);
	const struct alg_addr *named = clat ? &c->client : &p->addr;
	struct telling t;
	bool keep = same(&c->client, &c->seen);
	struct alg_expectation expectation = {
		.peer = c->server,
		.public = keep ? *named : c->seen,
		.to_src = c->dialled,
		.to_sport = c->publish ? 20 : 0,
		.to_dst = *named,
		.to_dport = (uint16_t)p->port,
		.active = true,
	};
	unsigned min = c->port_min, max = c->port_max;

	if (!c->active || m->epsv_only)
		return REFUSE_POLICY;
	if (!same(named, &c->client) &&
	    (!c->foreign || alg_addr_is_v4(named) != alg_addr_is_v4(&c->client)))
		return REFUSE_FOREIGN;
	if (p->port < FIRST_DATA_PORT)
		return REFUSE_POLICY;
	if (keep) {
		min = max = p->port;
	} else if (c->publish) {
		min = FIRST_DATA_PORT;
		max = UINT16_MAX;
	}
	if (!alg_across(c))
		t = tell_address(p, &expectation.public);
	else if (alg_addr_is_v4(&c->seen))
		t = tell_line("PORT ", &c->seen, "\r\n");
	else
		t = tell_line("EPRT |2|", &c->seen, "|\r\n");
	return expect(m, &expectation, p, &t, min, max, text);
}

enum alg_refusal alg_expect_passive(struct alg_model *m, struct place *p, bool is_227,
				    const struct alg_command *command, char *text)
{
	const struct alg_config *c = &m->config;
	const struct alg_addr *named = is_227 ? &p->addr : &c->server, *shown;
	struct telling t;
	struct alg_expectation expectation = {
		.peer = c->client,
		.to_src = c->seen,
		.to_dport = (uint16_t)p->port,
	};

	if (!c->passive || (command->said == PASV && m->epsv_only))
		return REFUSE_POLICY;
	if (command->said == PASV && c->publish && alg_across(c) &&
	    !alg_addr_is_v4(&c->client))
		return REFUSE_POLICY; /* no 227 can name what the client dialled */
	if (same(named, &c->dialled))
		named = &c->server; /* it may know its public address */
	if (!same(named, &c->server) &&
	    (!c->foreign || alg_addr_is_v4(named) != alg_addr_is_v4(&c->server))) {
		if (c->publish || !alg_addr_is_v4(&c->server))
			return alg_across(c) ? REFUSE_NO_CONNECT : REFUSE_FOREIGN;
		named = &c->server; /* it doesn't know its address */
	}
	if (p->port < FIRST_DATA_PORT)
		return REFUSE_POLICY;
	expectation.to_dst = *named;
	expectation.public = c->publish ? c->dialled : *named;
	shown = &expectation.public;
	if (c->publish && alg_addr_is_v4(&c->dialled) && !is_zero(&c->data_address))
		shown = &c->data_address;
	if (!c->publish && alg_across(c)) {
		/* the prefix in front of it; the client's CLAT puts it there, too */
		expectation.public = c->dialled;
		memcpy(expectation.public.b + 12, named->b + 12, 4);
		shown = named;
	}
	if (command->said == command->verb)
		t = tell_address(p, is_227 ? shown : NULL);
	else if (command->said == EPSV)
		t = tell_line("229 Entering Extended Passive Mode (|||", NULL, "|)\r\n");
	else
		t = tell_line("227 Entering Passive Mode (", shown, ")\r\n");
	return expect(m, &expectation, p, &t, c->publish ? c->port_min : p->port,
		      c->publish ? c->port_max : p->port, text);
}
