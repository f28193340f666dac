// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "config/explain_publish.h"

#include "config/explain_admission.h"
#include "config/explain_policy.h"
#include "config/explain_text.h"

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
	struct explained s;

	for (size_t i = 0; i < publish->servers_n; i++)
		sum += publish->servers[i].weight;
	if (explain_begin(&s, list)) {
		fputs("Clients that dial ", s.out);
		for (size_t i = 0; i < publish->listens_n; i++) {
			fputs(explain_joint(i, publish->listens_n, " or "), s.out);
			explain_put_endpoint(s.out, &publish->listens[i].endpoint);
		}
		fputs(publish->servers_n == 1 ? " reach server " :
						" reach one of the servers ",
		      s.out);
		for (size_t i = 0; i < publish->servers_n; i++) {
			fputs(explain_joint(i, publish->servers_n, " and "), s.out);
			explain_put_endpoint(s.out, &publish->servers[i].endpoint);
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
	explain_end(&s);
	if (publish->fallback.at.line && explain_begin(&s, list)) {
		fputs("When no server is left, they reach ", s.out);
		explain_put_endpoint(s.out, &publish->fallback.endpoint);
		fputs(", which nobody checks.", s.out);
		explain_end(&s);
	}
	sentence(list, "When no server is left%s, new control connections get %s.",
		 publish->fallback.at.line ? ", or the fallback is drained" : "",
		 publish->admission.refuse == CONFIG_REFUSE_DROP ? "no answer" :
								   "a reset");
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
		sentence(
			list,
			"IPv6 clients of an IPv4 server are translated (NAT64): EPSV becomes PASV, and "
			"EPRT becomes PORT.");
	if (has_family(publish, FTPNAT_V4, true) && has_family(publish, FTPNAT_V6, false))
		sentence(
			list,
			"IPv4 clients of an IPv6 server are translated (NAT46): PASV becomes EPSV, and "
			"PORT becomes EPRT.");
}

static void explain_source(json_t *list, const struct config_publish *publish)
{
	struct explained s;

	if (publish->source == CONFIG_SOURCE_KEEP) {
		sentence(
			list,
			"Servers see the clients' own addresses, so their replies must be "
			"routed through this gateway; for a client on their own link they "
			"see the gateway's address.");
	} else if (publish->source == CONFIG_SOURCE_GATEWAY) {
		sentence(list,
			 "Servers see the gateway's address towards them as the client.");
	} else {
		if (explain_begin(&s, list)) {
			fputs("Servers see ", s.out);
			explain_put_addresses(s.out, publish->source_address.family);
			fputs(" as the client.", s.out);
		}
		explain_end(&s);
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
		explain_put_addresses(out, publish->data_address.family);
	else
		fputs("the address that the client dialled", out);
	if (publish->data_address_for_n)
		fputs(" to all others", out);
}

static void explain_passive(json_t *list, const struct config_publish *publish)
{
	struct explained s;

	if (explain_begin(&s, list)) {
		fputs("Passive mode: a 227 names ", s.out);
		put_named(s.out, publish);
		fputs(" and one of ", s.out);
		explain_put_ports(s.out, &publish->data_ports);
		fputs(", which is open once, for this client only.", s.out);
	}
	explain_end(&s);
}

static void explain_tls(json_t *list, const struct config_publish *publish)
{
	struct explained s;

	if (!explain_tls_policy(list, publish->tls))
		return;
	if (!publish->tls_data.ports.min) {
		sentence(
			list,
			"TLS passes, but address lines under TLS can't be read, and the data "
			"connections of such sessions fail: see tls_data_ports.");
	} else {
		if (explain_begin(&s, list)) {
			fputs("TLS passes; while a client holds a session under TLS, ",
			      s.out);
			explain_put_ports(s.out, &publish->tls_data.ports);
			fputs(" of the address that it dialled lead to that session's server, "
			      "for this client only.",
			      s.out);
		}
		explain_end(&s);
	}
}

static void explain_health(json_t *list, const struct config_health *health)
{
	sentence(
		list,
		"While `run` is active, a server that fails %u checks in a row gets no new "
		"sessions until %u in a row succeed; a check, every %u s, expects a 220 "
		"within %u s.",
		health->fall, health->rise, health->interval, health->timeout);
}

void explain_publish(json_t *list, const struct config_publish *publish)
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
		sentence(
			list,
			"Active mode: servers reach the clients from port 20 of the address "
			"that they dialled; without PORT or PASV before a transfer, from the "
			"port below the dialled one, at the port of the control connection "
			"(RFC 959 section 3.2).");
	explain_refused(list, publish->modes, publish->foreign_data);
	explain_tls(list, publish);
	explain_commands(list, &publish->commands, publish->tls);
	if (publish->hide_banner)
		sentence(
			list,
			"The text of 220 (greeting) and 215 (SYST) is replaced, so that clients "
			"don't learn which server it is.");
	explain_qos(list, &publish->qos, false);
}
