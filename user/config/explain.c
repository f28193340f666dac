// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "config/explain.h"

#include "config/cluster.h"
#include "config/explain_admission.h"
#include "config/explain_policy.h"
#include "config/explain_publish.h"
#include "config/explain_text.h"

/* masquerade, track: to which ports clients of sessions under TLS may connect */
static void explain_tls_data(json_t *list, const struct config_ports *tls_data,
			     bool guarded)
{
	struct explained s;

	if (!tls_data->ports.min) {
		if (!guarded)
			return;
		sentence(
			list,
			"A guard drops the data connections of sessions under TLS, because their "
			"address lines can't be read: see tls_data_ports.");
		return;
	}
	if (explain_begin(&s, list)) {
		fputs("While a client holds a session under TLS, its connections to ",
		      s.out);
		explain_put_ports(s.out, &tls_data->ports);
		fputs(" of that session's server pass any guard.", s.out);
	}
	explain_end(&s);
}

static void explain_masquerade(json_t *list, const struct config_masquerade *masquerade,
			       bool guarded)
{
	char prefix64[FTPNAT_PREFIX_STRLEN];
	struct explained s;

	if (explain_begin(&s, list)) {
		fputs("Clients of ", s.out);
		explain_put_prefixes(s.out, masquerade->clients, masquerade->clients_n);
		fputs(" that dial ", s.out);
		explain_put_control_ports(s.out, masquerade->control_ports,
					  masquerade->control_ports_n);
		if (masquerade->prefix64.at.line)
			fprintf(s.out, " of an IPv4 server behind %s",
				ftpnat_prefix_str(prefix64,
						  &masquerade->prefix64.prefix));
		else
			fputs(" of any server", s.out);
		fputs(" are seen as ", s.out);
		explain_put_addresses(s.out, masquerade->to.family);
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
	explain_end(&s);
	if (masquerade->prefix64.at.line)
		sentence(
			list,
			"They are translated (NAT64): EPSV becomes PASV, and EPRT becomes PORT. All other "
			"connections to %s are left to a NAT64 such as tayga or Jool. The address "
			"that servers see must not be in its pool: both would use its ports.",
			ftpnat_prefix_str(prefix64, &masquerade->prefix64.prefix));
	explain_admission(list, &masquerade->admission);
	if (masquerade->modes & 1 << FTPNAT_PASSIVE)
		sentence(
			list,
			"Passive mode: the client's connection to the port that its server "
			"named is translated in the same way.");
	if (masquerade->modes & 1 << FTPNAT_ACTIVE && explain_begin(&s, list)) {
		fputs("Active mode: the server is told one of ", s.out);
		explain_put_ports(s.out, &masquerade->data_ports);
		fputs(" of that address, which is open once, for this server only. Without "
		      "PORT or PASV before a transfer, the server reaches the client at the "
		      "port of its control connection (RFC 959 section 3.2).",
		      s.out);
		explain_end(&s);
	}
	explain_refused(list, masquerade->modes, masquerade->foreign_data);
	if (explain_tls_policy(list, masquerade->tls) &&
	    masquerade->modes & 1 << FTPNAT_PASSIVE) {
		if (!masquerade->prefix64.at.line)
			sentence(
				list,
				"While a client holds a session under TLS, its connections to that "
				"session's server on ports from 1024 up are translated too.");
		else if (!masquerade->tls_data.ports.min)
			sentence(
				list,
				"Data connections of sessions under TLS are left to the NAT64, too: "
				"see tls_data_ports.");
		explain_tls_data(list, &masquerade->tls_data, guarded);
	}
	explain_commands(list, &masquerade->commands, masquerade->tls);
	explain_qos(list, &masquerade->qos, false);
}

static void explain_track(json_t *list, const struct config_track *track, bool guarded)
{
	struct explained s;

	if (explain_begin(&s, list)) {
		fputs("Control connections", s.out);
		if (track->clients_n)
			fputs(" from clients of ", s.out);
		explain_put_prefixes(s.out, track->clients, track->clients_n);
		if (track->servers_n)
			fputs(" to servers of ", s.out);
		explain_put_prefixes(s.out, track->servers, track->servers_n);
		fputs(" on ", s.out);
		explain_put_control_ports(s.out, track->control_ports,
					  track->control_ports_n);
		fputs(" are read and not changed; the data connections that they announce "
		      "pass any guard.",
		      s.out);
	}
	explain_end(&s);
	explain_tls_data(list, &track->tls_data, guarded);
	explain_qos(list, &track->qos, true);
}

static void explain_guard(json_t *list, const struct config_guard *guard)
{
	bool from_20 = false;
	struct explained s;

	if (explain_begin(&s, list)) {
		fputs("New TCP connections, in and out, to ", s.out);
		for (size_t i = 0; i < guard->ports_n; i++) {
			fputs(explain_joint(i, guard->ports_n, " or "), s.out);
			explain_put_ports(s.out, &guard->ports[i].ports);
			from_20 |= guard->ports[i].ports.min <= 20 &&
				   guard->ports[i].ports.max >= 20;
		}
		fprintf(s.out,
			"%s are dropped unless a rule or an FTP session announced them; "
			"established ones are never touched.",
			from_20 ? ", or from port 20," : "");
	}
	explain_end(&s);
}

static void explain_nat_records(json_t *list, const struct config_records *records)
{
	char collector[FTPNAT_ENDPOINT_STRLEN];

	ftpnat_endpoint_str(collector, &records->ipfix.addr, records->ipfix.port);
	if (records->nat)
		sentence(
			list,
			"`run` writes a record to %s when a translated connection is opened "
			"and when it has ended.",
			records->nat);
	if (records->ipfix.port)
		sentence(
			list,
			"`run` sends a record to the collector %s, by IPFIX over %s, when a "
			"translated connection is opened and when it has ended.",
			collector, records->ipfix_tcp ? "TCP" : "UDP");
	sentence(list, "The destination of the connection is %s such a record.",
		 records->destinations ? "part of" : "left out of");
}

static void explain_records(json_t *list, const struct config_records *records)
{
	if (records->transfers)
		sentence(
			list,
			"`run` writes each transfer of a file to %s as a line of %s: client, "
			"user, path as the client wrote it, bytes, result; never a password.",
			records->transfers, config_format_names[records->format]);
	if (records->nat || records->ipfix.port)
		explain_nat_records(list, records);
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
	if (cfg->cluster.at.line)
		config_explain_cluster(rule(all, "cluster", cfg->cluster.group), cfg);
	if (cfg->records.at.line)
		explain_records(rule(all, "records", "run"), &cfg->records);
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
