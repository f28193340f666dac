// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * servers drain | resume RULE ADDRESS: a drained server gets no new control connections;
 * existing ones, and all their data connections, continue, unless --now. A reload keeps the drain.
 */
#include "base/log.h"
#include "dataplane/servers.h"
#include "show/flows.h"

/* --now: ends the sessions of the server, with their data connections. */
static int end_sessions(const struct options *options, const struct servers_drain *drain,
			size_t *number)
{
	const struct filter filter = {
		.rule = drain->rule,
		.kind = "control",
		.by_server = true,
		.server = { .addr = drain->server.addr,
			    .len = ftpnat_addr_bits(&drain->server.addr) },
		.server_port = drain->server.port,
	};
	_cleanup_connections_ struct connections ended = { 0 };
	_cleanup_view_ struct view view;
	int err = view_open(&view, options) ?: flows_delete(&view, &filter, &ended);

	*number = ended.number;
	return err;
}

static int print(const struct options *options, const struct servers_drain *drain,
		 size_t ended)
{
	const struct ftpnat_server all = { .drained = drain->drained, .full_weight = 1 };
	const char *state = server_state(&all, true);

	if (options->json)
		return view_print_json(
			json_pack("{s:i, s:[{s:s, s:s, s:s, s:b, s:I}]}", "schema", 1,
				  "servers", "rule", drain->rule, "address",
				  options->servers.address, "state", state, "changed",
				  drain->changed > 0, "ended", (json_int_t)ended));
	printf("%s %s: %s%s", drain->rule, options->servers.address, state,
	       drain->changed ? "" : " already");
	if (options->servers.now)
		printf(", %zu connections ended", ended);
	putchar('\n');
	if (drain->drain && !drain->weight)
		pr_warn("rule %s has no %s server left for new connections: they %s until "
			"one is resumed",
			drain->rule,
			ftpnat_family_str(ftpnat_addr_family(&drain->server.addr)),
			drain->fallback ? "get the fallback" : "are refused");
	if (!drain->drain && drain->drained)
		pr_warn("%s failed its health checks: it gets new connections when "
			"`ftpnat-load run` finds it healthy, or when its rule is reloaded "
			"without `health`",
			options->servers.address);
	return 0;
}

/* Is it the rule or the server that there isn't? */
static int no_such_server(const struct options *options,
			  const struct servers_drain *drain)
{
	if (!drain->rule_found)
		return err_r(EXIT_RUNTIME,
			     "no publish rule %s: `ftpnat-load servers` lists them",
			     drain->rule);
	return err_r(EXIT_RUNTIME,
		     "no server %s in rule %s: `ftpnat-load servers` lists them",
		     options->servers.address, drain->rule);
}

int verb_servers_drain(const struct options *options)
{
	struct servers_drain drain = { .rule = options->servers.rule,
				       .by = FTPNAT_DRAINED_BY_HAND,
				       .drain = options->servers.drain };
	size_t ended = 0;

	if (ftpnat_endpoint_parse(options->servers.address, &drain.server)) {
		drain.server.port = 0;
		if (ftpnat_addr_parse(options->servers.address, &drain.server.addr))
			return err_r(EXIT_USAGE,
				     "servers: %s is neither ADDRESS nor ADDRESS:PORT",
				     options->servers.address);
	}
	if (servers_drain(options, &drain))
		return EXIT_RUNTIME;
	if (!drain.found)
		return no_such_server(options, &drain);
	if (options->servers.now && end_sessions(options, &drain, &ended))
		return EXIT_RUNTIME;
	return print(options, &drain, ended);
}
