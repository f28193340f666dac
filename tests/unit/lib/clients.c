// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "clients.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#include <cmocka.h>

void clients_limit(struct ftpnat_per_client per_client, __u32 max_sessions)
{
	struct ftpnat_rule rule = syn_rule;

	syn_publish();
	rule.per_client = per_client;
	rule.max_sessions = max_sessions;
	dataplane_rule(0, &rule);
}

bool client_dials_also(const char *client, uint16_t port, enum ftpnat_reason refused,
		       const enum ftpnat_reason *also)
{
	struct packet_spec spec = strchr(client, ':') ? syn6 : syn4;
	struct counters before;
	struct packet packet;
	struct run run;
	bool good;

	spec.src = client;
	spec.sport = port;
	syn_build(&packet, &spec);
	dataplane_counters(&before);
	dataplane_run(&run, INGRESS, OUTER, &packet, 0);
	good = run.action == (refused ? TC_SHOT : TC_REDIRECT);
	if (!good)
		printf("%s port %u: returned %d\n", client, port, run.action);
	return good & dataplane_counted(client, &before,
					refused ? refused : FTPNAT_FORWARDED, also);
}

bool client_dials(const char *client, uint16_t port, enum ftpnat_reason refused)
{
	return client_dials_also(client, port, refused, NULL);
}

struct ftpnat_client_key client_key(const char *client)
{
	struct ftpnat_client_key key = { .addr = address(client) };

	if (strchr(client, ':'))
		memset(key.addr.octet + 8, 0, 8);
	return key;
}

struct ftpnat_client client_has(const char *client)
{
	struct ftpnat_client_key key = client_key(client);
	struct ftpnat_client value = { .next = 0 };

	bpf_map_lookup_elem(dataplane_fd("ftpnat_clients"), &key, &value);
	return value;
}

__u32 rule_sessions(void)
{
	struct ftpnat_usage usage;

	dataplane_usage(&usage);
	return usage.sessions[0];
}
