// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "base/filter.h"

#include <string.h>

bool filter_given(const struct filter *filter)
{
	return filter->rule || filter->kind || filter->state || filter->reason ||
	       filter->by_client || filter->by_server || filter->port;
}

bool filter_word(const char *wanted, const char *word)
{
	return !wanted || !strcmp(wanted, word);
}

static bool lies_in(const struct ftpnat_addr *addr, const struct ftpnat_prefix *prefix)
{
	const struct ftpnat_addr mask = ftpnat_prefix_mask(prefix);

	for (int i = 0; i < 4; i++)
		if ((addr->w[i] ^ prefix->addr.w[i]) & mask.w[i])
			return false;
	return ftpnat_addr_is_v4(addr) == ftpnat_addr_is_v4(&prefix->addr);
}

bool filter_ends(const struct filter *filter, const struct ftpnat_tuple *client,
		 const struct ftpnat_tuple *server)
{
	__be16 port = filter->port;

	if (filter->by_client && !lies_in(&client->src, &filter->client))
		return false;
	if (filter->by_server && !lies_in(&server->dst, &filter->server))
		return false;
	if (filter->server_port && filter->server_port != server->dport)
		return false;
	return !port || client->sport == port || client->dport == port ||
	       server->sport == port || server->dport == port;
}
