// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "show/top_model.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "events/text.h"

const unsigned int top_span_seconds[TOP_SPANS] = { 2, 10, 40 };

void top_begin(struct top_model *model, __u64 now_ns)
{
	struct top_entries old = model->before;

	model->before = model->now;
	model->before_ns = model->now_ns;
	model->now = old;
	model->now.number = 0;
	model->now_ns = now_ns;
}

int top_see_flow(const void *key, const void *value, void *arg)
{
	struct top_entries *entries = &((struct top_model *)arg)->now;
	const struct ftpnat_flow *flow = value;

	if (entries->number == entries->room) {
		size_t room = entries->room ? 2 * entries->room : 256;
		struct top_entry *more = realloc(entries->entry, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		entries->entry = more;
		entries->room = room;
	}
	entries->entry[entries->number++] = (struct top_entry){
		.key = *(const struct ftpnat_tuple *)key,
		.to = flow->to,
		.rule = flow->rule,
		.session = flow->session,
		.created = flow->created,
		.bytes = flow->bytes,
		.kind = flow->kind,
		.flags = flow->flags,
		.tcp = flow->tcp,
	};
	return 0;
}

static int compare_entries(const void *left, const void *right)
{
	const struct top_entry *a = left, *b = right;

	if (a->session != b->session)
		return a->session < b->session ? -1 : 1;
	return memcmp(&a->key, &b->key, sizeof(a->key));
}

/* Bytes since the previous refresh; for a new connection since its start. */
static __u64 growth(const struct top_model *model, const struct top_entry *entry)
{
	const struct top_entry *before = NULL;

	if (model->before.number)
		before = bsearch(entry, model->before.entry, model->before.number,
				 sizeof(*entry), compare_entries);
	if (!before || before->created != entry->created || before->bytes > entry->bytes)
		return entry->bytes;
	return entry->bytes - before->bytes;
}

static void add_control(struct top_session *session, const struct top_entry *entry)
{
	if (entry->tcp & FTPNAT_TCP_RST)
		session->open = false;
	if (!(entry->flags & FTPNAT_FLOW_CLIENT))
		return;
	session->client = entry->key.src;
	session->client_port = entry->key.sport;
	session->server = entry->to.dst;
	session->server_port = entry->to.dport;
	session->created = entry->created;
	/* an attempt is not a session, and an FTP client that has closed is done */
	if (!(entry->tcp & FTPNAT_TCP_ACK) ||
	    entry->tcp & (FTPNAT_TCP_FIN | FTPNAT_TCP_TOLD))
		session->open = false;
}

static void add_data(const struct top_model *model, struct top_session *session,
		     const struct top_entry *entry)
{
	bool client = entry->flags & FTPNAT_FLOW_CLIENT;
	enum ftpnat_dir dir = client ? FTPNAT_FROM_CLIENT : FTPNAT_FROM_SERVER;
	__u64 elapsed = model->now_ns - model->before_ns;

	session->bytes[dir] += entry->bytes;
	if (model->before_ns && elapsed)
		session->rate[dir] +=
			(double)growth(model, entry) * 1e9 / (double)elapsed;
	if (!client)
		return;
	if (!(entry->tcp & (FTPNAT_TCP_FIN | FTPNAT_TCP_RST)))
		session->data++;
	if (session->mode == TOP_NO_DATA || entry->created >= session->mode_created) {
		session->mode = entry->flags & FTPNAT_FLOW_ACTIVE ? TOP_ACTIVE :
								    TOP_PASSIVE;
		session->mode_created = entry->created;
	}
	if (!session->client_port) { /* a control entry, seen later, knows better */
		session->client = entry->key.src;
		session->server = entry->to.dst;
		session->created = entry->created;
	}
}

/* The entries of one session, which lie together. */
static struct top_session make_session(const struct top_model *model,
				       const struct top_entry *entry, size_t number)
{
	struct top_session session = { .id = entry->session, .rule = entry->rule };

	for (size_t i = 0; i < number; i++)
		if (entry[i].kind == FTPNAT_CONTROL) {
			session.open = true;
			break;
		}
	for (size_t i = 0; i < number; i++)
		if (entry[i].kind == FTPNAT_CONTROL)
			add_control(&session, &entry[i]);
	for (size_t i = 0; i < number; i++)
		if (entry[i].kind == FTPNAT_DATA)
			add_data(model, &session, &entry[i]);
	return session;
}

static int compare_sessions(const void *left, const void *right)
{
	const struct top_session *a = left, *b = right;

	return (a->id > b->id) - (a->id < b->id);
}

/*
 * Of a session that was seen for a part of the span only, the average is over that part.
 */
static void average(const struct top_model *model, struct top_session *session)
{
	double elapsed = (double)(model->now_ns - model->before_ns) / 1e9;
	const struct top_session *old = NULL;

	if (!model->before_ns || elapsed <= 0)
		return;
	if (model->olds)
		old = bsearch(session, model->old, model->olds, sizeof(*old),
			      compare_sessions);
	for (int span = 0; span < TOP_SPANS; span++) {
		double kept = top_span_seconds[span] / (top_span_seconds[span] + elapsed);
		double before = old ? old->known[span] * kept : 0;
		double known = before + (1 - kept);

		for (int dir = 0; dir < FTPNAT_DIR_MAX; dir++)
			session->average[span][dir] =
				((old ? old->average[span][dir] * before : 0) +
				 session->rate[dir] * (1 - kept)) /
				known;
		session->known[span] = known;
	}
}

int top_end(struct top_model *model)
{
	const struct top_entries *now = &model->now;
	struct top_session *sessions;
	size_t end;

	if (now->number)
		qsort(now->entry, now->number, sizeof(*now->entry), compare_entries);
	sessions = realloc(model->old, (now->number + 1) * sizeof(*sessions));
	if (!sessions)
		return -ENOMEM;
	model->old = model->session;
	model->olds = model->sessions;
	model->session = sessions;
	model->sessions = 0;
	for (size_t begin = 0; begin < now->number; begin = end) {
		struct top_session session;

		for (end = begin + 1;
		     end < now->number &&
		     now->entry[end].session == now->entry[begin].session;
		     end++)
			;
		session = make_session(model, &now->entry[begin], end - begin);
		if (!session.open && !session.data)
			continue;
		average(model, &session);
		model->session[model->sessions++] = session;
	}
	return 0;
}

const struct top_session *top_find(const struct top_model *model, __u32 id)
{
	const struct top_session wanted = { .id = id };

	return model->sessions ? bsearch(&wanted, model->session, model->sessions,
					 sizeof(wanted), compare_sessions) :
				 NULL;
}

const struct top_entry *top_entries_of(const struct top_model *model, __u32 id,
				       size_t *number)
{
	const struct top_entries *now = &model->now;
	size_t begin = 0, end;

	while (begin < now->number && now->entry[begin].session != id)
		begin++;
	for (end = begin; end < now->number && now->entry[end].session == id; end++)
		;
	*number = end - begin;
	return *number ? &now->entry[begin] : NULL;
}

void top_free(struct top_model *model)
{
	free(model->now.entry);
	free(model->before.entry);
	free(model->session);
	free(model->old);
}

void top_see_line(struct top_model *model, const struct ftpnat_line_event *e)
{
	struct top_line *line = &model->line[e->event.session % TOP_LINES];
	struct event_text text;
	size_t len;

	if (e->event.reason != FTPNAT_LINE_REWRITTEN)
		return;
	event_text_after(&text, e);
	len = text.len;
	while (len && (text.byte[len - 1] == '\r' || text.byte[len - 1] == '\n'))
		len--;
	if (len >= sizeof(line->text))
		len = sizeof(line->text) - 1;
	for (size_t i = 0; i < len; i++)
		line->text[i] = (char)(isascii(text.byte[i]) && isprint(text.byte[i]) ?
					       text.byte[i] :
					       '?');
	line->text[len] = '\0';
	line->session = e->event.session;
}

const char *top_line(const struct top_model *model, __u32 session)
{
	const struct top_line *line = &model->line[session % TOP_LINES];

	return line->session == session ? line->text : "";
}
