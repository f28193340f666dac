// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "config/explain_admission.h"

#include "config/explain_text.h"
#include "config/qos.h"
#include "config/rate.h"

static void put_prefix_items(FILE *out, const struct config_prefix_item *items, size_t n)
{
	char text[FTPNAT_PREFIX_STRLEN];

	for (size_t i = 0; i < n; i++) {
		fputs(explain_joint(i, n, " or "), out);
		if (items[i].file)
			fprintf(out, "the %zu prefix%s of %s", items[i].prefixes_n,
				items[i].prefixes_n == 1 ? "" : "es", items[i].file);
		else
			fputs(ftpnat_prefix_str(text, items[i].prefixes), out);
	}
}

static void explain_lists(json_t *list, const struct config_admission *admission)
{
	struct explained s;

	if (!admission->clients_n && !admission->deny_n)
		return;
	if (explain_begin(&s, list)) {
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
	explain_end(&s);
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
	struct explained s;

	if (admission->max_sessions)
		sentence(list, "The rule has at most %u control connections at once.",
			 admission->max_sessions);
	if (limit->failed_logins.number)
		sentence(
			list,
			"A client whose logins fail %u times in %u s (530 to PASS, not under TLS) "
			"is banned from the rule for %u s, and the session ends with 421.",
			limit->failed_logins.number, limit->failed_logins.seconds,
			limit->ban);
	if (!limit->sessions && !limit->new_sessions.number && !limit->half_open &&
	    !limit->expected)
		return;
	if (explain_begin(&s, list)) {
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
	explain_end(&s);
}

void explain_admission(json_t *list, const struct config_admission *admission)
{
	bool refuses = admission->clients_n || admission->deny_n ||
		       admission->max_sessions || admission->per_client_at.line;

	explain_lists(list, admission);
	explain_limits(list, admission);
	if (refuses || admission->refuse == CONFIG_REFUSE_RESET)
		sentence(list, "A refused control connection gets %s.",
			 admission->refuse == CONFIG_REFUSE_RESET ? "a reset" :
								    "no answer");
}

void explain_qos(json_t *list, const struct config_qos *qos, bool stack)
{
	const char *name = config_dscp_name(qos->dscp);
	char mark[CONFIG_MARK_STRLEN], rate[CONFIG_RATE_STRLEN];

	if (qos->mark_mask)
		sentence(
			list,
			"Packets of control and announced data connections get the mark %s, for "
			"%s.",
			config_mark_str(mark, qos),
			stack ? "nftables, tc and routing rules" :
				"tc and routing rules; forwarded ones never pass nftables");
	if (qos->has_dscp && name)
		sentence(
			list,
			"Packets of control and data connections leave with the DSCP %u (%s).",
			qos->dscp, name);
	else if (qos->has_dscp)
		sentence(
			list,
			"Packets of control and data connections leave with the DSCP %u.",
			qos->dscp);
	if (qos->rule_rate)
		sentence(list,
			 "Data leaves with at most %s each way, all connections of the "
			 "rule together.",
			 config_rate_str(rate, qos->rule_rate));
	if (qos->client_rate)
		sentence(
			list,
			"One client (an IPv4 address or an IPv6 /64) gets and sends data "
			"with at most %s each way.",
			config_rate_str(rate, qos->client_rate));
	if (qos->rule_rate || qos->client_rate)
		sentence(list,
			 "The outgoing interface delays the data, and needs the qdisc "
			 "fq for that; XDP can't delay, so TC carries the data.");
}

void explain_refused(json_t *list, uint8_t modes, bool foreign)
{
	if (!(modes & 1 << FTPNAT_PASSIVE))
		sentence(list,
			 "Passive mode is refused: the reply to PASV and EPSV is 500.");
	if (!(modes & 1 << FTPNAT_ACTIVE))
		sentence(
			list,
			"Active mode is refused: the reply to PORT and EPRT is 500, and to a "
			"transfer without PASV or EPSV before it 425.");
	if (foreign)
		sentence(
			list,
			"PORT, EPRT and 227 may name a host other than their sender (FXP).");
	else
		sentence(
			list,
			"PORT, EPRT and 227 that name a host other than their sender are "
			"refused with 500.");
}
