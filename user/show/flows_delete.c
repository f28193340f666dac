// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * flows --delete: ends the connections that match. A control connection is ended before
 * its data connections: once it is gone, its session opens no more of them.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "dataplane/end_flows.h"
#include "show/flows.h"

static int end_all(const struct view *view, const struct connection *list, size_t number)
{
	_cleanup_free_ struct ftpnat_ending *endings = NULL;

	if (!number)
		return 0;
	endings = calloc(number, sizeof(*endings));
	if (!endings)
		return err_r(-ENOMEM, "out of memory");
	for (size_t i = 0; i < number; i++)
		endings[i] = (struct ftpnat_ending){ .key = list[i].client,
						     .created = list[i].created,
						     .session = list[i].session };
	return flows_end(view, endings, number);
}

/* `ended` is sorted by session. Is there a control connection of this one's session? */
static bool session_has_ended(const struct connections *ended, const struct connection *c)
{
	size_t from = 0, to = ended->number;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (ended->list[middle].session < c->session)
			from = middle + 1;
		else
			to = middle;
	}
	return c->session && from < ended->number &&
	       ended->list[from].session == c->session &&
	       ended->list[from].kind == FTPNAT_CONTROL;
}

/* Appends the data connections of the sessions that have ended. */
static int end_data(const struct view *view, struct connections *ended)
{
	static const struct filter data = { .kind = "data" };
	_cleanup_connections_ struct connections left = { 0 };
	size_t before = ended->number;
	int err = connections_read(&left, view, &data);

	for (size_t i = 0; !err && i < left.number; i++)
		if (session_has_ended(&(struct connections){ .list = ended->list,
							     .number = before },
				      &left.list[i]))
			err = connections_add(ended, &left.list[i]);
	if (err == -ENOMEM)
		return err_r(err, "out of memory");
	return err ?: end_all(view, ended->list + before, ended->number - before);
}

int flows_delete(const struct view *view, const struct filter *filter,
		 struct connections *ended)
{
	int err = connections_read(ended, view, filter);

	connections_sort(ended, connection_sorts);
	err = err ?: end_all(view, ended->list, ended->number);
	return err ?: end_data(view, ended);
}
