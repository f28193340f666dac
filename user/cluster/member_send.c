// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cluster/member_send.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define CHUNK	   60000 /* bytes of messages in a multicast */
#define RETRY_USEC 2000	 /* until a message is offered again to a busy engine */
/* Bytes that wait for the engine at most; then the programs' records wait in their ring. */
#define ROW_LONGEST (16 << 20)

const double member_latencies[MEMBER_LATENCIES] = { 0.0005, 0.001, 0.002, 0.005,
						    0.01,   0.02,  0.05,  0.1,
						    0.2,    0.5,   1,	  5 };

static int see_later(sd_event_source *source, uint64_t usec, void *arg);

/* Bytes of the messages from `at` on that go together. */
static size_t chunk(const uint8_t *at, const uint8_t *end)
{
	const uint8_t *start = at;
	struct message message;
	size_t len = 0;

	while (message_next(&at, end, &message) &&
	       (!len || (size_t)(at - start) <= CHUNK))
		len = (size_t)(at - start);
	return len;
}

/* Offers the row to the engine; how much of it was taken. *busy: it will take more later. */
static size_t offer(struct member *member, bool *busy)
{
	const struct message_row *row = &member->row;
	size_t sent = 0;

	*busy = false;
	while (member->engine && sent < row->len && !*busy) {
		size_t len = chunk(row->bytes + sent, row->bytes + row->len);

		*busy = member->kind->publish(member->engine, row->bytes + sent, len) ==
			-EAGAIN;
		if (!*busy)
			sent += len;
	}
	return sent;
}

/*
 * Nothing is lost: what the engine doesn't take now is offered again soon. While it takes
 * nothing, the row may not grow for ever: then the programs' records stay in their ring, and
 * once that is full the programs do what on_loss says.
 */
void member_send(struct member *member)
{
	struct message_row *row = &member->row;
	bool busy;
	size_t sent = offer(member, &busy);
	int on;

	if (sent)
		memmove(row->bytes, row->bytes + sent, row->len - sent);
	row->len -= sent;
	if (busy && !member->later &&
	    sd_event_add_time_relative(member->event, &member->later, CLOCK_MONOTONIC,
				       RETRY_USEC, 0, see_later, member) < 0)
		member->later = NULL; /* the next tick does it */
	on = row->len < ROW_LONGEST ? SD_EVENT_ON : SD_EVENT_OFF;
	if (member->published)
		sd_event_source_set_enabled(member->published, on);
}

static int see_later(sd_event_source *source, uint64_t usec, void *arg)
{
	struct member *member = arg;

	(void)source;
	(void)usec;
	member->later = sd_event_source_disable_unref(member->later);
	member_send(member);
	return 0;
}

bool member_is_busy(void *arg)
{
	const struct member *member = arg;

	return member->row.len > 0;
}

void member_flush(void *arg)
{
	member_send(arg);
}

uint64_t member_next_number(struct member *member)
{
	struct sent *sent = &member->sent[++member->number % MEMBER_SENT];

	if (sent->number > member->known && !member->forgotten_usec)
		member->forgotten_usec = sent->usec;
	*sent = (struct sent){ member->number, member_now() };
	member->counts.sent++;
	return member->number;
}

void member_say_hello(struct member *member)
{
	char name[MEMBER_NAME_LEN] = "";
	struct message_row *row = &member->row;

	gethostname(name, sizeof(name) - 1);
	message_begin(row, MESSAGE_HELLO, member_next_number(member));
	message_put_u32(row, TAG_SLOT, member->config.slot);
	message_put(row, TAG_NAME, name, strlen(name));
	message_put(row, TAG_FORM, member->form, strlen(member->form));
	message_put_u8(row, TAG_SYNCED, member->synced);
	message_put_u8(row, TAG_DRAINED, member->drained);
	message_put(row, TAG_VERSION, FTPNAT_VERSION, strlen(FTPNAT_VERSION));
	message_end(row);
	member_send(member);
}

void member_say_seen(struct member *member)
{
	bool any = false;

	for (size_t i = 0; i < member->peers; i++) {
		struct peer *peer = &member->peer[i];
		uint64_t pair[] = { htobe64(peer->id), htobe64(peer->got) };

		if (member_is_self(member, peer) || peer->got == peer->told)
			continue;
		if (!any)
			message_begin(&member->row, MESSAGE_SEEN, 0);
		any = true;
		message_put(&member->row, TAG_SEEN, pair, sizeof(pair));
		peer->told = peer->got;
	}
	if (!any)
		return;
	message_end(&member->row);
	member_send(member);
}

void member_ask(struct member *member, const struct peer *peer)
{
	if (member->asked == peer->id)
		return;
	member->asked = peer->id;
	message_begin(&member->row, MESSAGE_ASK, member_next_number(member));
	message_put_u32(&member->row, TAG_SLOT, peer->slot);
	message_end(&member->row);
	member_send(member);
}

static void count_latency(struct member *member, uint64_t usec)
{
	size_t i = 0;

	while (i < MEMBER_LATENCIES && (double)usec > member_latencies[i] * 1e6)
		i++;
	member->counts.latency[i]++;
	member->counts.latency_usec += usec;
}

/* What as many peers know as `commit` asks for. */
static uint64_t committed(const struct member *member)
{
	uint64_t most = 0;

	if (member->config.commit == FTPNAT_COMMIT_ALL)
		return member->known;
	if (member->config.commit == FTPNAT_COMMIT_NONE || member->peers < 2)
		return member->number;
	for (size_t i = 0; i < member->peers; i++)
		if (!member_is_self(member, &member->peer[i]) &&
		    member->peer[i].knows > most)
			most = member->peer[i].knows;
	return most;
}

void member_see_known(struct member *member)
{
	uint64_t known = member->number, now = member_now();

	for (size_t i = 0; i < member->peers; i++)
		if (!member_is_self(member, &member->peer[i]) &&
		    member->peer[i].knows < known)
			known = member->peer[i].knows;
	while (member->known < known) {
		const struct sent *sent = &member->sent[++member->known % MEMBER_SENT];

		if (sent->number == member->known && member->peers > 1)
			count_latency(member, now - sent->usec);
	}
	if (member->number - member->known <= MEMBER_SENT)
		member->forgotten_usec = 0;
	if (member->exchange.dir)
		exchange_release(&member->exchange, committed(member), 0);
}

/* Microseconds since the message behind this one went out; 0: there is none. */
static uint64_t age_behind(const struct member *member, uint64_t known)
{
	const struct sent *sent = &member->sent[(known + 1) % MEMBER_SENT];

	if (known >= member->number)
		return 0;
	return member_now() -
	       (sent->number == known + 1 ? sent->usec : member->forgotten_usec);
}

uint64_t member_waits(const struct member *member)
{
	return age_behind(member, committed(member));
}

double member_lag(const struct member *member)
{
	return (double)age_behind(member, member->known) / 1e6;
}
