// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* One session in detail: whole addresses, its rates, its data connections. */
#include <ncurses.h>

#include "base/addr.h"
#include "base/human.h"
#include "show/top.h"

static int draw_ends(int y, const struct top_entry *client)
{
	static const char *const names[] = { "client", "dialled", "seen as", "server" };
	const struct ftpnat_tuple *key = &client->key, *to = &client->to;
	const struct ftpnat_endpoint end[] = { { key->src, key->sport },
					       { key->dst, key->dport },
					       { to->src, to->sport },
					       { to->dst, to->dport } };
	char text[FTPNAT_ENDPOINT_STRLEN];

	for (size_t i = 0; i < ARRAY_SIZE(end); i++)
		put_at(y++, 0, A_NORMAL, "  %-8s %s", names[i],
		       ftpnat_endpoint_str(text, &end[i].addr, end[i].port));
	return y;
}

static const struct top_entry *reply_of(const struct top_entry *client,
					const struct top_entry *entry, size_t number)
{
	for (size_t i = 0; i < number; i++)
		if (!(entry[i].flags & FTPNAT_FLOW_CLIENT) &&
		    entry[i].key.sport == client->to.dport &&
		    entry[i].key.dport == client->to.sport &&
		    ftpnat_addr_equal(&entry[i].key.src, &client->to.dst) &&
		    ftpnat_addr_equal(&entry[i].key.dst, &client->to.src))
			return &entry[i];
	return NULL;
}

static int draw_data(int y, const struct top_entry *client, const struct top_entry *reply)
{
	char up[HUMAN_STRLEN], down[HUMAN_STRLEN];

	put_at(y++, 0, A_BOLD, "%s data connection, %s up, %s down",
	       client->flags & FTPNAT_FLOW_ACTIVE ? "Active" : "Passive",
	       human_size(up, (double)client->bytes),
	       human_size(down, reply ? (double)reply->bytes : 0));
	return draw_ends(y, client);
}

static void draw_rates(int y, const struct top_session *session)
{
	static const char *const names[] = {
		[FTPNAT_FROM_CLIENT] = "up", [FTPNAT_FROM_SERVER] = "down"
	};
	char text[TOP_SPANS][HUMAN_STRLEN];

	for (int dir = FTPNAT_FROM_SERVER; dir >= FTPNAT_FROM_CLIENT; dir--) {
		for (int span = 0; span < TOP_SPANS; span++)
			human_size(text[span], session->average[span][dir]);
		put_at(y++, 0, A_NORMAL,
		       "  %-8s %s/s over 2s, %s/s over 10s, %s/s over 40s", names[dir],
		       text[TOP_2S], text[TOP_10S], text[TOP_40S]);
	}
}

void draw_detail(const struct top *top)
{
	const struct top_session *session = top_find(&top->model, top->detailed);
	const char *line = top_line(&top->model, top->detailed);
	const struct top_entry *entry;
	char age[HUMAN_STRLEN];
	size_t number;
	int y = 0;

	entry = top_entries_of(&top->model, top->detailed, &number);
	if (!session || !entry) {
		put_at(0, 0, A_BOLD, "Session %u has ended", top->detailed);
		put_at(LINES - 1, 0, A_NORMAL, "Any key goes back.");
		return;
	}
	put_at(y++, 0, A_BOLD, "Session %u of rule %s, %s old%s", session->id,
	       view_rule_name(&top->view, session->rule),
	       human_time(age, seconds_ago(session->created)),
	       session->open ? "" : ", control connection closed");
	for (size_t i = 0; i < number; i++)
		if (entry[i].kind == FTPNAT_CONTROL &&
		    entry[i].flags & FTPNAT_FLOW_CLIENT)
			y = draw_ends(y, &entry[i]);
	put_at(y++, 0, A_NORMAL, "  %-8s %s", "line", *line ? line : "-");
	draw_rates(y, session);
	y += FTPNAT_DIR_MAX;
	for (size_t i = 0; i < number && y + 6 < LINES; i++)
		if (entry[i].kind == FTPNAT_DATA && entry[i].flags & FTPNAT_FLOW_CLIENT)
			y = draw_data(y + 1, &entry[i],
				      reply_of(&entry[i], entry, number));
	put_at(LINES - 1, 0, A_NORMAL, "Any key goes back.");
}
