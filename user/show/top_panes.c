// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The panes of rules and servers. */
#include <ncurses.h>
#include <string.h>

#include "base/addr.h"
#include "base/human.h"
#include "show/top.h"

#define NAME_MIN   8
#define RULE_SPACE 58 /* of a rule's other columns */
#define SERVER_MAX 30 /* of a server's address: a full IPv6 one is cut */
#define SERVER_ROW "%-*s %-*s %8u %6u %6s %6s  "

/* What some of the sessions have together. */
struct sum {
	unsigned int sessions;
	unsigned int data;
	double rate[TOP_SPANS][FTPNAT_DIR_MAX];
};

static void add(struct sum *sum, const struct top_session *session)
{
	sum->sessions += session->open;
	sum->data += session->data;
	for (int span = 0; span < TOP_SPANS; span++)
		for (int dir = 0; dir < FTPNAT_DIR_MAX; dir++)
			sum->rate[span][dir] += session->average[span][dir];
}

static int longest_rule(const struct top *top)
{
	int longest = NAME_MIN;

	for (int id = 0; id < FTPNAT_MAX_RULES; id++) {
		int len = (int)strlen(top->view.rules[id].name);

		if (len > longest)
			longest = len;
	}
	return longest;
}

static int at_most(int width, int most)
{
	if (most < NAME_MIN)
		return NAME_MIN;
	return width < most ? width : most;
}

static void draw_rule(const struct top *top, __u16 id, int y, int name_width)
{
	char name[CELL_LEN], text[HUMAN_STRLEN];
	struct sum sum = { 0 };
	int x;

	for (size_t i = 0; i < top->model.sessions; i++)
		if (top->model.session[i].rule == id)
			add(&sum, &top->model.session[i]);
	x = put_at(y, 0, A_NORMAL, "%-*s %8u %6u", name_width,
		   cut(name, top->view.rules[id].name, name_width), sum.sessions,
		   sum.data);
	for (int dir = FTPNAT_FROM_SERVER; dir >= FTPNAT_FROM_CLIENT; dir--)
		for (int span = 0; span < TOP_SPANS; span++)
			x = put_at(y, x, A_NORMAL, span ? " %5s" : "    %5s",
				   human_size(text, sum.rate[span][dir]));
}

int draw_rules(const struct top *top, int y)
{
	int name_width = at_most(longest_rule(top), COLS - RULE_SPACE);
	int last = y + 1 + LINES / 4;

	put_at(y++, 0, A_REVERSE, "%-*s %8s %6s  %7s %5s %5s  %7s %5s %5s%*s", name_width,
	       "RULE", "SESSIONS", "DATA", "DOWN/2s", "10s", "40s", "UP/2s", "10s", "40s",
	       COLS, "");
	for (__u16 id = 0; id < FTPNAT_MAX_RULES && y < last; id++)
		if (top->view.rules[id].name[0])
			draw_rule(top, id, y++, name_width);
	return y;
}

static bool is_of(const struct top_session *session,
		  const struct published_server *published)
{
	return session->rule == published->rule &&
	       session->server_port == published->server.port &&
	       ftpnat_addr_equal(&session->server, &published->server.addr);
}

static int state_color(__u16 drained)
{
	if (drained & FTPNAT_DRAINED_BY_HEALTH)
		return A_BOLD | COLOR_PAIR(COLOR_BAD);
	return drained ? COLOR_PAIR(COLOR_WARN) : A_NORMAL;
}

static void draw_server(const struct top *top, const struct published_server *published,
			int y, int width, int rule_width)
{
	const struct ftpnat_rule *rule = &top->view.rules[published->rule];
	char address[FTPNAT_ENDPOINT_STRLEN], shown[CELL_LEN], name[CELL_LEN];
	char down[HUMAN_STRLEN], up[HUMAN_STRLEN];
	__u16 drained = published->server.drained;
	struct sum sum = { 0 };
	int x;

	ftpnat_endpoint_str(address, &published->server.addr, published->server.port);
	for (size_t i = 0; i < top->model.sessions; i++)
		if (is_of(&top->model.session[i], published))
			add(&sum, &top->model.session[i]);
	x = put_at(y, 0, A_NORMAL, SERVER_ROW, width, cut(shown, address, width),
		   rule_width, cut(name, rule->name, rule_width), sum.sessions, sum.data,
		   human_size(down, sum.rate[top->span][FTPNAT_FROM_SERVER]),
		   human_size(up, sum.rate[top->span][FTPNAT_FROM_CLIENT]));
	put_at(y, x, state_color(drained), "%s",
	       server_state(&published->server,
			    top->running && rule->flags & FTPNAT_RULE_HEALTH));
}

int draw_servers(const struct top *top, int y)
{
	size_t room = (size_t)(LINES / 4);
	int rule_width = at_most(longest_rule(top), NAME_MIN + (COLS - 80));
	int width = NAME_MIN;

	if (!top->servers)
		return y;
	for (size_t i = 0; i < top->servers; i++) {
		const struct ftpnat_server *server = &top->server[i].server;
		char address[FTPNAT_ENDPOINT_STRLEN];

		ftpnat_endpoint_str(address, &server->addr, server->port);
		if ((int)strlen(address) > width)
			width = at_most((int)strlen(address), SERVER_MAX);
	}
	put_at(y, 0, A_REVERSE, "%-*s %-*s %8s %6s %6s %6s  %s%*s", width, "SERVER",
	       rule_width, "RULE", "SESSIONS", "DATA", "DOWN/s", "UP/s", "STATE", COLS,
	       "");
	y++;
	for (size_t i = 0; i < top->servers; i++) {
		if (i + 1 == room && top->servers > room) {
			put_at(y++, 0, A_NORMAL, "and %zu more: `ftpnat-load servers`",
			       top->servers - i);
			break;
		}
		draw_server(top, &top->server[i], y++, width, rule_width);
	}
	return y;
}
