// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/human.h"
#include "base/log.h"
#include "show/top.h"

const struct column_kind columns[COLUMN_MAX] = {
	[COLUMN_RULE] = { "RULE", false },
	[COLUMN_CLIENT] = { "CLIENT", false },
	[COLUMN_SERVER] = { "SERVER", false },
	[COLUMN_MODE] = { "MODE", false },
	[COLUMN_DOWN] = { "DOWN/s", true },
	[COLUMN_UP] = { "UP/s", true },
	[COLUMN_BYTES] = { "BYTES", true },
	[COLUMN_AGE] = { "AGE", true },
	[COLUMN_LINE] = { "LAST LINE REWRITTEN", false },
};

static const char *const mode_names[] = {
	[TOP_NO_DATA] = "-",
	[TOP_PASSIVE] = "passive",
	[TOP_ACTIVE] = "active",
};

/* Without a port where only data connections are left. */
static void endpoint_str(char cell[static CELL_LEN], const struct ftpnat_addr *addr,
			 __be16 port)
{
	if (port)
		ftpnat_endpoint_str(cell, addr, port);
	else
		ftpnat_addr_str(cell, addr);
}

__u32 seconds_ago(__u32 then)
{
	__u32 now = view_now();

	return now > then ? now - then : 0;
}

static void fill_row(const struct top *top, struct row *row,
		     const struct top_session *session)
{
	const char *line = top_line(&top->model, session->id);

	row->session = session;
	snprintf(row->cell[COLUMN_RULE], CELL_LEN, "%s",
		 view_rule_name(&top->view, session->rule));
	endpoint_str(row->cell[COLUMN_CLIENT], &session->client, session->client_port);
	endpoint_str(row->cell[COLUMN_SERVER], &session->server, session->server_port);
	snprintf(row->cell[COLUMN_MODE], CELL_LEN, "%s", mode_names[session->mode]);
	human_size(row->cell[COLUMN_DOWN],
		   session->average[top->span][FTPNAT_FROM_SERVER]);
	human_size(row->cell[COLUMN_UP], session->average[top->span][FTPNAT_FROM_CLIENT]);
	human_size(row->cell[COLUMN_BYTES], (double)(session->bytes[FTPNAT_FROM_CLIENT] +
						     session->bytes[FTPNAT_FROM_SERVER]));
	human_time(row->cell[COLUMN_AGE], seconds_ago(session->created));
	snprintf(row->cell[COLUMN_LINE], CELL_LEN, "%s", *line ? line : "-");
}

static bool is_wanted(const struct top *top, const struct row *row)
{
	for (int i = 0; i < COLUMN_MAX; i++)
		if (strcasestr(row->cell[i], top->filter))
			return true;
	return false;
}

static double value_of(const struct top *top, const struct top_session *session)
{
	switch (top->sort) {
	case COLUMN_DOWN:
		return session->average[top->span][FTPNAT_FROM_SERVER];
	case COLUMN_UP:
		return session->average[top->span][FTPNAT_FROM_CLIENT];
	case COLUMN_BYTES:
		return (double)(session->bytes[0] + session->bytes[1]);
	case COLUMN_AGE:
		return seconds_ago(session->created);
	default:
		return 0;
	}
}

static int compare_rows(const void *left, const void *right, void *arg)
{
	const struct row *a = left, *b = right;
	const struct top *top = arg;
	int order;

	if (columns[top->sort].number) {
		double x = value_of(top, a->session), y = value_of(top, b->session);

		order = (x < y) - (x > y);
	} else {
		order = strverscmp(a->cell[top->sort], b->cell[top->sort]);
	}
	if (top->reverse)
		order = -order;
	/* Rows of equal value keep their order from one refresh to the next. */
	return order ?:
		       (a->session->id > b->session->id) -
			       (a->session->id < b->session->id);
}

int make_rows(struct top *top)
{
	struct row *rows =
		realloc(top->rows, (top->model.sessions + 1) * sizeof(*top->rows));

	if (!rows)
		return err_r(-ENOMEM, "out of memory");
	top->rows = rows;
	top->number = 0;
	for (size_t i = 0; i < top->model.sessions; i++) {
		fill_row(top, &rows[top->number], &top->model.session[i]);
		top->number += is_wanted(top, &rows[top->number]);
	}
	if (top->number)
		qsort_r(rows, top->number, sizeof(*rows), compare_rows, top);
	for (size_t i = 0; top->followed && i < top->number; i++)
		if (rows[i].session->id == top->followed)
			top->selected = i;
	if (top->selected >= top->number)
		top->selected = top->number ? top->number - 1 : 0;
	return 0;
}
