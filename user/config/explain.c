// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "config/explain.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "config/qos.h"

/* A sentence being written; ends up in the list of its rule. */
struct sentence {
	json_t *list;
	FILE *out;
	char *text;
	size_t len;
};

static FILE *begin(struct sentence *s, json_t *list)
{
	*s = (struct sentence){ .list = list };
	s->out = open_memstream(&s->text, &s->len);
	return s->out;
}

static void end(struct sentence *s)
{
	if (s->out)
		fclose(s->out);
	if (s->text)
		json_array_append_new(s->list, json_string(s->text));
	free(s->text);
}

__attribute__((format(printf, 2, 3))) static void say(json_t *list, const char *fmt, ...)
{
	struct sentence s;
	va_list args;

	if (begin(&s, list)) {
		va_start(args, fmt);
		vfprintf(s.out, fmt, args);
		va_end(args);
	}
	end(&s);
}

/* What precedes item i of n: nothing, ", " or the last word. */
static const char *joint(size_t i, size_t n, const char *last)
{
	if (i == 0)
		return "";
	return i + 1 < n ? ", " : last;
}

static void put_endpoint(FILE *out, const struct ftpnat_endpoint *endpoint)
{
	char text[FTPNAT_ENDPOINT_STRLEN];

	fputs(ftpnat_endpoint_str(text, &endpoint->addr, endpoint->port), out);
}

static void put_prefixes(FILE *out, const struct config_prefix *prefixes, size_t n)
{
	char text[FTPNAT_PREFIX_STRLEN];

	for (size_t i = 0; i < n; i++)
		fprintf(out, "%s%s", joint(i, n, " or "),
			ftpnat_prefix_str(text, &prefixes[i].prefix));
}

static void put_control_ports(FILE *out, const struct config_port *ports, size_t n)
{
	fputs(n == 1 ? "port " : "ports ", out);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%s%u", joint(i, n, " or "), ports[i].port);
}

static void put_ports(FILE *out, const struct ftpnat_ports *ports)
{
	if (ports->min == ports->max)
		fprintf(out, "port %u", ports->min);
	else
		fprintf(out, "ports %u-%u", ports->min, ports->max);
}

/* "A and B", of the families that there are */
static void put_addresses(FILE *out, const struct ftpnat_addr *family)
{
	char text[FTPNAT_ADDR_STRLEN];
	const char *and = "";

	for (int i = 0; i < FTPNAT_FAMILY_MAX; i++) {
		if (ftpnat_addr_is_none(&family[i]))
			continue;
		fprintf(out, "%s%s", and, ftpnat_addr_str(text, &family[i]));
		and = " and ";
	}
}

static const char *picked_by(const struct config_publish *publish)
{
	if (publish->balance == FTPNAT_BALANCE_LEAST)
		return "the one with the fewest sessions for its weight";
	if (publish->tls_data.ports.min || publish->balance == FTPNAT_BALANCE_SOURCE)
		return "picked by their address";
	return "picked at random by weight";
}

static void explain_servers(json_t *list, const struct config_publish *publish)
{
	uint32_t sum = 0;
	struct sentence s;

	for (size_t i = 0; i < publish->servers_n; i++)
		sum += publish->servers[i].weight;
	if (begin(&s, list)) {
		fputs("Clients that dial ", s.out);
		for (size_t i = 0; i < publish->listens_n; i++) {
			fputs(joint(i, publish->listens_n, " or "), s.out);
			put_endpoint(s.out, &publish->listens[i].endpoint);
		}
		fputs(publish->servers_n == 1 ? " reach server " :
						" reach one of the servers ",
		      s.out);
		for (size_t i = 0; i < publish->servers_n; i++) {
			fputs(joint(i, publish->servers_n, " and "), s.out);
			put_endpoint(s.out, &publish->servers[i].endpoint);
			if (sum != publish->servers_n)
				fprintf(s.out, " (weight %u)",
					publish->servers[i].weight);
		}
		if (publish->servers_n > 1)
			fprintf(s.out, ", of their own address family%s, %s",
				publish->source == CONFIG_SOURCE_KEEP ?
					"" :
					" while there is one",
				picked_by(publish));
		fputs("; all data connections of a session go to its server.", s.out);
	}
	end(&s);
	if (publish->fallback.at.line && begin(&s, list)) {
		fputs("When no server is left, they reach ", s.out);
		put_endpoint(s.out, &publish->fallback.endpoint);
		fputs(", which nobody checks.", s.out);
		end(&s);
	}
	say(list, "When no server is left%s, new control connections get %s.",
	    publish->fallback.at.line ? ", or the fallback is drained" : "",
	    publish->admission.refuse == CONFIG_REFUSE_DROP ? "no answer" : "a reset");
}

static bool has_family(const struct config_publish *publish, enum ftpnat_family family,
		       bool listens)
{
	size_t n = listens ? publish->listens_n : publish->servers_n;

	for (size_t i = 0; i < n; i++)
		if (ftpnat_addr_family(listens ? &publish->listens[i].endpoint.addr :
						 &publish->servers[i].endpoint.addr) ==
		    family)
			return true;
	return false;
}

/* Clients may get a server of the other family, if the rule names the source that it sees. */
static void explain_families(json_t *list, const struct config_publish *publish)
{
	if (publish->source == CONFIG_SOURCE_KEEP)
		return;
	if (has_family(publish, FTPNAT_V6, true) && has_family(publish, FTPNAT_V4, false))
		say(list,
		    "IPv6 clients of an IPv4 server are translated (NAT64): EPSV becomes PASV, and "
		    "EPRT becomes PORT.");
	if (has_family(publish, FTPNAT_V4, true) && has_family(publish, FTPNAT_V6, false))
		say(list,
		    "IPv4 clients of an IPv6 server are translated (NAT46): PASV becomes EPSV, and "
		    "PORT becomes EPRT.");
}

static void explain_source(json_t *list, const struct config_publish *publish)
{
	struct sentence s;

	if (publish->source == CONFIG_SOURCE_KEEP) {
		say(list,
		    "Servers see the clients' own addresses, so their replies must be "
		    "routed through this gateway; for a client on their own link they "
		    "see the gateway's address.");
	} else if (publish->source == CONFIG_SOURCE_GATEWAY) {
		say(list,
		    "Servers see the gateway's address towards them as the client.");
	} else {
		if (begin(&s, list)) {
			fputs("Servers see ", s.out);
			put_addresses(s.out, publish->source_address.family);
			fputs(" as the client.", s.out);
		}
		end(&s);
	}
}

static void put_named(FILE *out, const struct config_publish *publish)
{
	char clients[FTPNAT_PREFIX_STRLEN], address[FTPNAT_ADDR_STRLEN];

	for (size_t i = 0; i < publish->data_address_for_n; i++)
		fprintf(out, "%s to clients of %s, ",
			ftpnat_addr_str(address, &publish->data_address_for[i].address),
			ftpnat_prefix_str(clients,
					  &publish->data_address_for[i].clients));
	if (publish->data_host)
		fprintf(out, "the address that %s resolved to at the last up or reload",
			publish->data_host);
	else if (publish->data_address.at.line)
		put_addresses(out, publish->data_address.family);
	else
		fputs("the address that the client dialled", out);
	if (publish->data_address_for_n)
		fputs(" to all others", out);
}

static void explain_passive(json_t *list, const struct config_publish *publish)
{
	struct sentence s;

	if (begin(&s, list)) {
		fputs("Passive mode: a 227 names ", s.out);
		put_named(s.out, publish);
		fputs(" and one of ", s.out);
		put_ports(s.out, &publish->data_ports);
		fputs(", which is open once, for this client only.", s.out);
	}
	end(&s);
}

static void explain_refused(json_t *list, uint8_t modes, bool foreign)
{
	if (!(modes & 1 << FTPNAT_PASSIVE))
		say(list, "Passive mode is refused: the reply to PASV and EPSV is 500.");
	if (!(modes & 1 << FTPNAT_ACTIVE))
		say(list, "Active mode is refused: the reply to PORT and EPRT is 500.");
	if (foreign)
		say(list,
		    "PORT, EPRT and 227 may name a host other than their sender (FXP).");
	else
		say(list,
		    "PORT, EPRT and 227 that name a host other than their sender are "
		    "refused with 500.");
}

static void explain_tls(json_t *list, const struct config_publish *publish)
{
	struct sentence s;

	if (publish->tls_deny) {
		say(list, "TLS is refused: the reply to AUTH is 534.");
	} else if (!publish->tls_data.ports.min) {
		say(list,
		    "TLS passes, but announcements under TLS can't be read, and the data "
		    "connections of such sessions fail: see tls_data_ports.");
	} else {
		if (begin(&s, list)) {
			fputs("TLS passes; while a client holds a session under TLS, ",
			      s.out);
			put_ports(s.out, &publish->tls_data.ports);
			fputs(" of the address that it dialled lead to that session's server, "
			      "for this client only.",
			      s.out);
		}
		end(&s);
	}
}

static void explain_health(json_t *list, const struct config_health *health)
{
	say(list,
	    "While `run` is active, a server that fails %u checks in a row gets no new "
	    "sessions until %u in a row succeed; a check, every %u s, expects a 220 "
	    "within %u s.",
	    health->fall, health->rise, health->interval, health->timeout);
}

/* masquerade, track: to which ports clients of sessions under TLS may connect */
static void explain_tls_data(json_t *list, const struct config_ports *tls_data,
			     bool guarded)
{
	struct sentence s;

	if (!tls_data->ports.min) {
		if (!guarded)
			return;
		say(list,
		    "A guard drops the data connections of sessions under TLS, because their "
		    "announcements can't be read: see tls_data_ports.");
		return;
	}
	if (begin(&s, list)) {
		fputs("While a client holds a session under TLS, its connections to ",
		      s.out);
		put_ports(s.out, &tls_data->ports);
		fputs(" of that session's server pass any guard.", s.out);
	}
	end(&s);
}

static void put_prefix_items(FILE *out, const struct config_prefix_item *items, size_t n)
{
	char text[FTPNAT_PREFIX_STRLEN];

	for (size_t i = 0; i < n; i++) {
		fputs(joint(i, n, " or "), out);
		if (items[i].file)
			fprintf(out, "the %zu prefix%s of %s", items[i].prefixes_n,
				items[i].prefixes_n == 1 ? "" : "es", items[i].file);
		else
			fputs(ftpnat_prefix_str(text, items[i].prefixes), out);
	}
}

static void explain_lists(json_t *list, const struct config_admission *admission)
{
	struct sentence s;

	if (!admission->clients_n && !admission->deny_n)
		return;
	if (begin(&s, list)) {
		if (admission->clients_n) {
			fputs("Only clients of ", s.out);
			put_prefix_items(s.out, admission->clients, admission->clients_n);
			fputs(" may connect", s.out);
			if (admission->deny_n)
				fputs(", and of these none of ", s.out);
		} else {
			fputs("Clients of ", s.out);
		}
		put_prefix_items(s.out, admission->deny, admission->deny_n);
		if (!admission->clients_n)
			fputs(" may not connect", s.out);
		putc('.', s.out);
	}
	end(&s);
}

/* ", "-separated, with the word in front of the number. */
static void put_limit(FILE *out, const char **comma, uint32_t number, const char *what)
{
	if (!number)
		return;
	fprintf(out, "%s%u %s", *comma, number, what);
	*comma = ", ";
}

static void explain_limits(json_t *list, const struct config_admission *admission)
{
	const struct config_per_client *limit = &admission->per_client;
	const char *comma = "";
	struct sentence s;

	if (admission->max_sessions)
		say(list, "The rule has at most %u control connections at once.",
		    admission->max_sessions);
	if (limit->failed_logins.number)
		say(list,
		    "A client whose logins fail %u times in %u s (530 to PASS, not under TLS) "
		    "is banned from the rule for %u s, and the session ends with 421.",
		    limit->failed_logins.number, limit->failed_logins.seconds,
		    limit->ban);
	if (!limit->sessions && !limit->new_sessions.number && !limit->half_open &&
	    !limit->expected)
		return;
	if (begin(&s, list)) {
		fputs("One client (an IPv4 address or an IPv6 /64) gets at most ", s.out);
		put_limit(s.out, &comma, limit->sessions, "control connections at once");
		if (limit->new_sessions.number)
			fprintf(s.out, "%s%u new ones in %u s", comma,
				limit->new_sessions.number, limit->new_sessions.seconds);
		if (limit->new_sessions.number)
			comma = ", ";
		put_limit(s.out, &comma, limit->half_open, "half-open ones");
		put_limit(s.out, &comma, limit->expected,
			  "announced data connections (425 for more)");
		putc('.', s.out);
	}
	end(&s);
}

static void explain_admission(json_t *list, const struct config_admission *admission)
{
	bool refuses = admission->clients_n || admission->deny_n ||
		       admission->max_sessions || admission->per_client_at.line;

	explain_lists(list, admission);
	explain_limits(list, admission);
	if (refuses || admission->refuse == CONFIG_REFUSE_RESET)
		say(list, "A refused control connection gets %s.",
		    admission->refuse == CONFIG_REFUSE_RESET ? "a reset" : "no answer");
}

/* stack: do its forwarded packets go up the stack? */
static void explain_qos(json_t *list, const struct config_qos *qos, bool stack)
{
	const char *name = config_dscp_name(qos->dscp);
	char mark[CONFIG_MARK_STRLEN];

	if (qos->mark_mask)
		say(list,
		    "Packets of control and announced data connections get the mark %s, for "
		    "%s.",
		    config_mark_str(mark, qos),
		    stack ? "nftables, tc and routing rules" :
			    "tc and routing rules; forwarded ones never pass nftables");
	if (qos->has_dscp && name)
		say(list,
		    "Packets of control and data connections leave with the DSCP %u (%s).",
		    qos->dscp, name);
	else if (qos->has_dscp)
		say(list,
		    "Packets of control and data connections leave with the DSCP %u.",
		    qos->dscp);
}

static void explain_publish(json_t *list, const struct config_publish *publish)
{
	explain_servers(list, publish);
	if (publish->health_checks)
		explain_health(list, &publish->health);
	explain_admission(list, &publish->admission);
	explain_source(list, publish);
	explain_families(list, publish);
	if (publish->modes & 1 << FTPNAT_PASSIVE)
		explain_passive(list, publish);
	if (publish->modes & 1 << FTPNAT_ACTIVE)
		say(list,
		    "Active mode: servers reach the clients from port 20 of the address "
		    "that they dialled.");
	explain_refused(list, publish->modes, publish->foreign_data);
	explain_tls(list, publish);
	explain_qos(list, &publish->qos, false);
}

static void explain_masquerade(json_t *list, const struct config_masquerade *masquerade,
			       bool guarded)
{
	char prefix64[FTPNAT_PREFIX_STRLEN];
	struct sentence s;

	if (begin(&s, list)) {
		fputs("Clients of ", s.out);
		put_prefixes(s.out, masquerade->clients, masquerade->clients_n);
		fputs(" that dial ", s.out);
		put_control_ports(s.out, masquerade->control_ports,
				  masquerade->control_ports_n);
		if (masquerade->prefix64.at.line)
			fprintf(s.out, " of an IPv4 server behind %s",
				ftpnat_prefix_str(prefix64,
						  &masquerade->prefix64.prefix));
		else
			fputs(" of any server", s.out);
		fputs(" are seen as ", s.out);
		put_addresses(s.out, masquerade->to.family);
		if (masquerade->to_interface)
			fprintf(s.out,
				"%sthe address of the interface towards the server",
				ftpnat_addr_is_none(&masquerade->to.family[0]) &&
						ftpnat_addr_is_none(
							&masquerade->to.family[1]) ?
					"" :
					", else as ");
		putc('.', s.out);
	}
	end(&s);
	if (masquerade->prefix64.at.line)
		say(list,
		    "They are translated (NAT64): EPSV becomes PASV, and EPRT becomes PORT. All other "
		    "connections to %s are left to a NAT64 such as tayga or Jool.",
		    ftpnat_prefix_str(prefix64, &masquerade->prefix64.prefix));
	explain_admission(list, &masquerade->admission);
	if (masquerade->modes & 1 << FTPNAT_PASSIVE)
		say(list,
		    "Passive mode: the client's connection to the port that its server "
		    "named is translated in the same way.");
	if (masquerade->modes & 1 << FTPNAT_ACTIVE && begin(&s, list)) {
		fputs("Active mode: the server is told one of ", s.out);
		put_ports(s.out, &masquerade->data_ports);
		fputs(" of that address, which is open once, for this server only.",
		      s.out);
		end(&s);
	}
	explain_refused(list, masquerade->modes, masquerade->foreign_data);
	if (masquerade->modes & 1 << FTPNAT_PASSIVE) {
		if (!masquerade->prefix64.at.line)
			say(list,
			    "While a client holds a session under TLS, its connections to that "
			    "session's server on ports from 1024 up are translated too.");
		else if (!masquerade->tls_data.ports.min)
			say(list,
			    "Data connections of sessions under TLS are left to the NAT64, too: "
			    "see tls_data_ports.");
		explain_tls_data(list, &masquerade->tls_data, guarded);
	}
	explain_qos(list, &masquerade->qos, false);
}

static void explain_track(json_t *list, const struct config_track *track, bool guarded)
{
	struct sentence s;

	if (begin(&s, list)) {
		fputs("Control connections", s.out);
		if (track->clients_n)
			fputs(" from clients of ", s.out);
		put_prefixes(s.out, track->clients, track->clients_n);
		if (track->servers_n)
			fputs(" to servers of ", s.out);
		put_prefixes(s.out, track->servers, track->servers_n);
		fputs(" on ", s.out);
		put_control_ports(s.out, track->control_ports, track->control_ports_n);
		fputs(" are read and not changed; the data connections that they announce "
		      "pass any guard.",
		      s.out);
	}
	end(&s);
	explain_tls_data(list, &track->tls_data, guarded);
	explain_qos(list, &track->qos, true);
}

static void explain_guard(json_t *list, const struct config_guard *guard)
{
	bool from_20 = false;
	struct sentence s;

	if (begin(&s, list)) {
		fputs("New TCP connections, in and out, to ", s.out);
		for (size_t i = 0; i < guard->ports_n; i++) {
			fputs(joint(i, guard->ports_n, " or "), s.out);
			put_ports(s.out, &guard->ports[i].ports);
			from_20 |= guard->ports[i].ports.min <= 20 &&
				   guard->ports[i].ports.max >= 20;
		}
		fprintf(s.out,
			"%s are dropped unless a rule or an FTP session announced them; "
			"established ones are never touched.",
			from_20 ? ", or from port 20," : "");
	}
	end(&s);
}

static json_t *rule(json_t *all, const char *kind, const char *name)
{
	json_t *list = json_array();

	json_array_append_new(all, json_pack("{s:s, s:s, s:o}", "kind", kind, "rule",
					     name, "policy", list));
	return list;
}

json_t *config_explain(const struct config *cfg)
{
	json_t *all = json_array();

	for (size_t i = 0; i < cfg->publish_n; i++)
		explain_publish(rule(all, "publish", cfg->publish[i].rule.name),
				&cfg->publish[i]);
	for (size_t i = 0; i < cfg->masquerade_n; i++)
		explain_masquerade(rule(all, "masquerade", cfg->masquerade[i].rule.name),
				   &cfg->masquerade[i], cfg->guard_n > 0);
	for (size_t i = 0; i < cfg->track_n; i++)
		explain_track(rule(all, "track", cfg->track[i].rule.name), &cfg->track[i],
			      cfg->guard_n > 0);
	for (size_t i = 0; i < cfg->guard_n; i++)
		explain_guard(rule(all, "guard", cfg->guard[i].interface),
			      &cfg->guard[i]);
	return all;
}

void config_explain_text(FILE *out, const struct config *cfg)
{
	json_auto_t *all = config_explain(cfg);
	json_t *entry, *sentence;
	size_t i, n;

	json_array_foreach(all, i, entry) {
		fprintf(out, "\n# %s %s\n",
			json_string_value(json_object_get(entry, "kind")),
			json_string_value(json_object_get(entry, "rule")));
		json_array_foreach(json_object_get(entry, "policy"), n, sentence)
			fprintf(out, "# - %s\n", json_string_value(sentence));
	}
}
