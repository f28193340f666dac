// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cluster/member.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "cluster/note.h"
#include "cluster/share.h"

#define PULSE_USEC                                                                       \
	20000 /* between looks at frames that wait too long, and signs of life */
#define CHUNK	   60000 /* bytes of messages in a multicast */
#define RETRY_USEC 2000	 /* until a message is offered again to a busy engine */

const double member_latencies[MEMBER_LATENCIES] = { 0.0005, 0.001, 0.002, 0.005,
						    0.01,   0.02,  0.05,  0.1,
						    0.2,    0.5,   1,	  5 };

static const struct engine_kind *const kinds[CONFIG_ENGINE_MAX] = {
	[CONFIG_ENGINE_COROSYNC] = &engine_corosync,
};

static uint64_t now_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static struct peer *peer_find(struct member *member, uint64_t id)
{
	for (size_t i = 0; i < member->peers; i++)
		if (member->peer[i].id == id)
			return &member->peer[i];
	return NULL;
}

static bool is_self(const struct member *member, const struct peer *peer)
{
	return member->engine && peer->id == member->kind->self(member->engine);
}

/* ---- sending ---- */

static int see_later(sd_event_source *source, uint64_t usec, void *arg);

/* Bytes of the messages at the start of the row that go together. */
static size_t chunk(const struct message_row *row)
{
	const uint8_t *at = row->bytes, *end = at + row->len;
	struct message message;
	size_t len = 0;

	while (message_next(&at, end, &message) &&
	       (!len || (size_t)(at - row->bytes) <= CHUNK))
		len = (size_t)(at - row->bytes);
	return len;
}

/* Nothing is lost: what the engine doesn't take now is offered again soon. */
static void send_row(struct member *member)
{
	struct message_row *row = &member->row;

	while (member->engine && row->len) {
		size_t len = chunk(row);
		int err = member->kind->publish(member->engine, row->bytes, len);

		if (err == -EAGAIN) {
			if (!member->later &&
			    sd_event_add_time_relative(member->event, &member->later,
						       CLOCK_MONOTONIC, RETRY_USEC, 0,
						       see_later, member) < 0)
				member->later = NULL; /* the next tick does it */
			return;
		}
		memmove(row->bytes, row->bytes + len, row->len - len);
		row->len -= len;
	}
}

static int see_later(sd_event_source *source, uint64_t usec, void *arg)
{
	struct member *member = arg;

	(void)source;
	(void)usec;
	member->later = sd_event_source_disable_unref(member->later);
	send_row(member);
	return 0;
}

static uint64_t next_number(struct member *member)
{
	struct sent *sent = &member->sent[++member->number % MEMBER_SENT];

	*sent = (struct sent){ member->number, now_usec() };
	member->counts.sent++;
	return member->number;
}

static void say_hello(struct member *member)
{
	char name[MEMBER_NAME_LEN] = "";
	struct message_row *row = &member->row;

	gethostname(name, sizeof(name) - 1);
	message_begin(row, MESSAGE_HELLO, next_number(member));
	message_put_u32(row, TAG_SLOT, member->config.slot);
	message_put(row, TAG_NAME, name, strlen(name));
	message_put(row, TAG_FORM, member->form, strlen(member->form));
	message_put_u8(row, TAG_SYNCED, member->synced);
	message_put(row, TAG_VERSION, FTPNAT_VERSION, strlen(FTPNAT_VERSION));
	message_end(row);
	send_row(member);
}

/* Tells the others which of their messages have been dealt with. */
static void say_seen(struct member *member)
{
	bool any = false;

	for (size_t i = 0; i < member->peers; i++) {
		struct peer *peer = &member->peer[i];
		uint64_t pair[] = { htobe64(peer->id), htobe64(peer->got) };

		if (is_self(member, peer) || peer->got == peer->told)
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
	send_row(member);
}

/* ---- what all know ---- */

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
		if (!is_self(member, &member->peer[i]) && member->peer[i].knows > most)
			most = member->peer[i].knows;
	return most;
}

static void see_known(struct member *member)
{
	uint64_t known = member->number, now = now_usec();

	for (size_t i = 0; i < member->peers; i++)
		if (!is_self(member, &member->peer[i]) && member->peer[i].knows < known)
			known = member->peer[i].knows;
	while (member->known < known) {
		const struct sent *sent = &member->sent[++member->known % MEMBER_SENT];

		if (sent->number == member->known && member->peers > 1)
			count_latency(member, now - sent->usec);
	}
	if (member->exchange.dir)
		exchange_release(&member->exchange, committed(member), 0);
}

/* ---- the programs ---- */

/* Is there another member that has all? */
static bool has_peer(const struct member *member, bool synced)
{
	for (size_t i = 0; i < member->peers; i++)
		if (!is_self(member, &member->peer[i]) && member->peer[i].known &&
		    (member->peer[i].synced || !synced))
			return true;
	return false;
}

static void order(struct member *member)
{
	struct ftpnat_cluster order = {
		.tell = has_peer(member, false),
		.commit = member->config.commit != FTPNAT_COMMIT_NONE &&
			  has_peer(member, true),
		.go_on = member->config.on_loss == FTPNAT_ON_LOSS_GO_ON,
	};

	if (member->exchange.dir)
		exchange_order(&member->exchange, &order);
}

static int see_pulse(sd_event_source *source, uint64_t usec, void *arg)
{
	struct member *member = arg;

	(void)usec;
	order(member);
	if (member->config.on_loss == FTPNAT_ON_LOSS_GO_ON && member->exchange.first)
		exchange_release(&member->exchange, 0,
				 now_usec() - member->config.commit_timeout * 1000ULL);
	return sd_event_source_set_time_relative(source, PULSE_USEC) ?:
		       sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

static uint64_t newest(void *arg)
{
	const struct member *member = arg;

	return member->number;
}

static void see_record(void *arg, const struct ftpnat_record *record)
{
	struct member *member = arg;

	message_begin(&member->row,
		      record->type == FTPNAT_RECORD_END ? MESSAGE_END :
							  MESSAGE_CONNECTION,
		      next_number(member));
	exchange_put(&member->exchange, &member->row, record);
	message_end(&member->row);
}

static int see_published(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	struct member *member = arg;

	(void)source;
	(void)fd;
	(void)revents;
	exchange_consume(&member->exchange);
	send_row(member);
	see_known(member); /* nobody may be there to wait for */
	return 0;
}

double member_lag(const struct member *member)
{
	const struct sent *sent = &member->sent[(member->known + 1) % MEMBER_SENT];

	if (member->known >= member->number)
		return 0;
	if (sent->number != member->known + 1) /* so old that it is forgotten */
		sent = &member->sent[(member->number + 1) % MEMBER_SENT];
	return (double)(now_usec() - sent->usec) / 1e6;
}

/* ---- the view ---- */

/* Has every member said who it is, and do no two say that they are the same? */
static bool is_settled(const struct member *member)
{
	uint32_t slots = 0;

	for (size_t i = 0; i < member->peers; i++) {
		const struct peer *peer = &member->peer[i];

		if (!peer->known || slots & 1U << peer->slot)
			return false;
		slots |= 1U << peer->slot;
	}
	return member->peers > 0;
}

static void note(const struct member *member)
{
	json_t *value = member_note(member);

	if (value && cluster_note_write(member->options->pin, value))
		pr_err("can't write the state of the cluster to a file in " RUN_DIR);
	json_decref(value);
}

/* The synced member with the lowest slot, or the lowest of all; not this one. NULL: none. */
static struct peer *lowest(struct member *member, bool synced)
{
	struct peer *found = NULL;

	for (size_t i = 0; i < member->peers; i++) {
		struct peer *peer = &member->peer[i];

		if (!is_self(member, peer) && peer->known && (peer->synced || !synced) &&
		    (!found || peer->slot < found->slot))
			found = peer;
	}
	return found;
}

static void ask(struct member *member, const struct peer *peer)
{
	if (member->asked == peer->id)
		return;
	member->asked = peer->id;
	message_begin(&member->row, MESSAGE_ASK, next_number(member));
	message_put_u32(&member->row, TAG_SLOT, peer->slot);
	message_end(&member->row);
	send_row(member);
}

/* Who isn't synced asks one that is; where none is, the lowest slot has what there is. */
static bool is_synced(struct member *member)
{
	const struct peer *synced = lowest(member, true), *other = lowest(member, false);

	if (!is_settled(member) || !member->exchange.dir)
		return false;
	if (member->synced)
		return true;
	if (member->asked && !peer_find(member, member->asked))
		member->asked = 0;
	if (synced)
		ask(member, synced);
	else if (!member->asked && (!other || member->config.slot < other->slot))
		return true;
	return false;
}

static void settle(struct member *member)
{
	bool synced = is_synced(member);

	order(member);
	if (synced != member->synced) {
		member->synced = synced;
		pr_info("cluster %s: %s", member->config.group,
			synced ? "synced" : "not synced");
		say_hello(member);
	}
	note(member);
}

static void see_view(void *arg, const uint64_t *ids, size_t n)
{
	struct member *member = arg;
	struct peer peers[ENGINE_MEMBERS] = { 0 };

	for (size_t i = 0; i < n; i++) {
		const struct peer *known = peer_find(member, ids[i]);

		if (known)
			peers[i] = *known;
		else /* nothing that was sent before is its business */
			peers[i] = (struct peer){ .id = ids[i],
						  .fresh = true,
						  .knows = member->number };
	}
	memcpy(member->peer, peers, sizeof(peers));
	member->peers = n;
	member->counts.views++;
	if (!n) {
		pr_warn("cluster %s: %s can't be reached any more", member->config.group,
			config_engine_names[member->config.engine]);
		member->counts.engine_lost++;
		member->lost = true;
	} else {
		pr_info("cluster %s: %zu member%s", member->config.group, n,
			n == 1 ? "" : "s");
		say_hello(member);
	}
	see_known(member);
	settle(member);
}

static void see_hello(struct peer *peer, const struct message *message)
{
	const uint8_t *at = message->fields, *end = at + message->len;
	struct message_field field;

	while (message_field(&at, end, &field))
		switch (field.tag) {
		case TAG_SLOT:
			peer->slot = message_u32(&field);
			break;
		case TAG_NAME:
			message_text(&field, peer->name, sizeof(peer->name));
			break;
		case TAG_FORM:
			message_text(&field, peer->form, sizeof(peer->form));
			break;
		case TAG_SYNCED:
			peer->synced = field.len == 1 && field.value[0];
			break;
		case TAG_VERSION:
			message_text(&field, peer->version, sizeof(peer->version));
			break;
		}
	peer->known = peer->slot >= 1 && peer->slot <= FTPNAT_SLOTS;
}

/* Two parts of a cluster have found each other: each has what the other lacks. */
static void see_other_part(struct member *member, struct peer *peer)
{
	bool was_fresh = peer->fresh;

	peer->fresh = false;
	if (!was_fresh || is_self(member, peer) || !peer->synced || !member->synced)
		return;
	member->synced = false;
	member->asked = 0;
	ask(member, peer);
}

static bool is_busy(void *arg)
{
	const struct member *member = arg;

	return member->row.len > 0;
}

static void flush(void *arg)
{
	send_row(arg);
}

static void see_shared(void *arg, uint32_t asked)
{
	struct member *member = arg;

	for (uint32_t slot = 1; slot <= FTPNAT_SLOTS; slot++) {
		if (!(asked & 1U << slot))
			continue;
		message_begin(&member->row, MESSAGE_ANSWERED, next_number(member));
		message_put_u32(&member->row, TAG_SLOT, slot);
		message_end(&member->row);
	}
	send_row(member);
	share_end(member->sharing);
	member->sharing = NULL;
}

/* The member with this slot has asked; if another one has, from the start for both. */
static void share(struct member *member, uint32_t slot)
{
	const struct share_calls calls = { is_busy, flush, see_shared, member };
	uint32_t asked = share_asked(member->sharing) | 1U << slot;

	if (!member->exchange.dir)
		return;
	share_end(member->sharing);
	member->sharing = share_begin(member->event, &member->exchange, &calls, asked);
	if (!member->sharing)
		pr_warn("cluster %s: can't copy the connections for slot %u",
			member->config.group, slot);
}

static void see_asked(struct member *member, struct peer *peer,
		      const struct message *message)
{
	const uint8_t *at = message->fields, *end = at + message->len;
	struct message_field field;

	while (message_field(&at, end, &field)) {
		if (field.tag != TAG_SLOT || message_u32(&field) != member->config.slot ||
		    is_self(member, peer))
			continue;
		if (message->type == MESSAGE_ASK) {
			share(member, peer->slot);
		} else if (peer->id == member->asked) {
			member->asked = 0;
			member->synced = true;
			pr_info("cluster %s: synced", member->config.group);
			say_hello(member);
			settle(member);
		}
	}
}

static void see_seen(struct member *member, struct peer *peer,
		     const struct message *message)
{
	const uint8_t *at = message->fields, *end = at + message->len;
	struct message_field field;
	uint64_t pair[2];

	while (message_field(&at, end, &field)) {
		if (field.tag != TAG_SEEN || field.len != sizeof(pair))
			continue;
		memcpy(pair, field.value, sizeof(pair));
		if (be64toh(pair[0]) == member->kind->self(member->engine) &&
		    peer->knows < be64toh(pair[1]))
			peer->knows = be64toh(pair[1]);
	}
	see_known(member);
}

static void see_message(void *arg, uint64_t from, const void *bytes, size_t len)
{
	const uint8_t *at = bytes, *end = at + len;
	struct member *member = arg;
	struct peer *peer = peer_find(member, from);
	struct message message;

	if (!peer)
		return;
	while (message_next(&at, end, &message)) {
		switch (message.type) {
		case MESSAGE_HELLO:
			see_hello(peer, &message);
			see_other_part(member, peer);
			break;
		case MESSAGE_SEEN:
			if (!is_self(member, peer))
				see_seen(member, peer, &message);
			break;
		case MESSAGE_CONNECTION:
		case MESSAGE_END:
			if (!is_self(member, peer) && member->exchange.dir)
				exchange_apply(&member->exchange, &message);
			break;
		case MESSAGE_ASK:
		case MESSAGE_ANSWERED:
			see_asked(member, peer, &message);
			break;
		}
		if (message.number)
			peer->got = message.number;
		if (message.type == MESSAGE_HELLO)
			settle(member);
		if (!is_self(member, peer))
			member->counts.got++;
	}
	if (!member->exchange.dir) {
		say_seen(member);
		return;
	}
	/* what the programs published before goes before, such as a takeover */
	exchange_consume(&member->exchange);
	say_seen(member);
	send_row(member);
}

/* ---- the life of a member ---- */

static void leave(struct member *member)
{
	share_end(member->sharing);
	member->sharing = NULL;
	member->asked = 0;
	if (member->engine)
		member->kind->close(member->engine);
	member->later = sd_event_source_disable_unref(member->later);
	member->engine = NULL;
	member->lost = false;
	member->peers = 0;
	member->synced = false;
	member->row.len = 0;
	member->known = member->number;
}

static int join(struct member *member)
{
	const struct engine_calls calls = { see_message, see_view, member };
	int err;

	member->kind = kinds[member->config.engine];
	err = member->kind->open(&member->engine, member->event, member->config.group,
				 &calls);
	note(member);
	return err == -EAGAIN ? 0 : err;
}

void member_open(struct member *member, sd_event *event, const struct options *options)
{
	member->options = options;
	member->event = event;
}

static void close_exchange(struct member *member)
{
	member->published = sd_event_source_disable_unref(member->published);
	member->pulse = sd_event_source_disable_unref(member->pulse);
	exchange_close(&member->exchange);
}

static int open_exchange(struct member *member)
{
	struct exchange *exchange = &member->exchange;
	int err;

	exchange->record_seen = see_record;
	exchange->number = newest;
	exchange->arg = member;
	if (exchange->dir)
		return exchange_renew(exchange);
	err = exchange_open(exchange, member->options->pin);
	if (!err)
		err = sd_event_add_io(member->event, &member->published,
				      exchange_fd(exchange), EPOLLIN, see_published,
				      member);
	if (err >= 0)
		err = sd_event_add_time_relative(member->event, &member->pulse,
						 CLOCK_MONOTONIC, 0, 0, see_pulse,
						 member);
	if (err < 0)
		close_exchange(member);
	return err < 0 ? err : 0;
}

int member_configure(struct member *member, const struct config *config)
{
	const struct config_cluster *now = &config->cluster;
	bool stays = member->config.at.line && now->at.line &&
		     member->config.engine == now->engine &&
		     !strcmp(member->config.group, now->group);

	if (config_form(config, member->form))
		return err_r(-ENOMEM, "out of memory");
	if (!stays && member->config.at.line) {
		leave(member);
		close_exchange(member);
		cluster_note_remove(member->options->pin);
	}
	member->config = *now;
	if (!now->at.line)
		return 0;
	if (open_exchange(member))
		return -EIO;
	if (!stays)
		return join(member);
	if (member->engine)
		say_hello(member);
	return 0;
}

void member_tend(struct member *member)
{
	if (!member->config.at.line)
		return;
	if (member->lost)
		leave(member);
	if (!member->engine)
		join(member);
	else
		say_hello(member);
	note(member);
}

void member_close(struct member *member)
{
	if (!member->options)
		return;
	leave(member);
	close_exchange(member);
	if (member->config.at.line)
		cluster_note_remove(member->options->pin);
	message_row_free(&member->row);
}
