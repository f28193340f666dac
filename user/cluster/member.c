// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cluster/member.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "base/log.h"
#include "cluster/member_note.h"
#include "cluster/member_orders.h"
#include "cluster/member_receive.h"
#include "cluster/member_send.h"
#include "cluster/member_view.h"
#include "cluster/note.h"
#include "cluster/share.h"

/* Between looks at frames that wait too long, and signs of life. */
#define PULSE_USEC 20000

static const struct engine_kind *const kinds[CONFIG_ENGINE_MAX] = {
	[CONFIG_ENGINE_COROSYNC] = &engine_corosync,
};

static int see_pulse(sd_event_source *source, uint64_t usec, void *arg)
{
	struct member *member = arg;

	(void)usec;
	member_see_lateness(member);
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
		      member_next_number(member));
	exchange_put(&member->exchange, &member->row, record);
	message_end(&member->row);
}

/* It is one of a row of messages; without a number, as nothing waits for it. */
static void see_sent_on(void *arg, const struct ftpnat_parked *frame)
{
	struct member *member = arg;
	struct message_row *row = &member->row;
	char interface[IF_NAMESIZE];

	if (!if_indextoname(frame->ifindex, interface))
		return;
	message_begin(row, MESSAGE_FRAME, 0);
	message_put_u32(row, TAG_SLOT, frame->owner);
	message_put(row, TAG_INTERFACE, interface, strlen(interface));
	message_put_u32(row, TAG_GSO, frame->gso);
	message_put(row, TAG_FRAME, frame->frame, frame->len);
	message_end(row);
}

static int see_published(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	struct member *member = arg;

	(void)source;
	(void)fd;
	(void)revents;
	exchange_consume(&member->exchange);
	member_send(member);
	member_see_known(member); /* nobody may be there to wait for */
	return 0;
}

static void leave(struct member *member)
{
	share_end(member->sharing);
	member->sharing = NULL;
	share_end(member->taking);
	member->taking = NULL;
	member->resyncing = false;
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
	member->forgotten_usec = 0;
}

static int join(struct member *member)
{
	const struct engine_calls calls = { member_see_message, member_see_view, member };
	int err;

	member->kind = kinds[member->config.engine];
	member->joined_usec = member_now();
	err = member->kind->open(&member->engine, member->event, member->config.group,
				 &calls);
	member_write_note(member);
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
	exchange->sent_on = see_sent_on;
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
	int err;

	if (config_form(config, member->form))
		return err_r(-ENOMEM, "out of memory");
	if (!stays && member->config.at.line) {
		leave(member);
		member_orders_close(member);
		close_exchange(member);
		cluster_note_remove(member->options->pin);
	}
	if (stays && now->slot != member->config.slot)
		member->synced = false; /* perhaps somebody has this one */
	member->config = *now;
	if (!now->at.line)
		return 0;
	if (open_exchange(member) || member_orders_open(member))
		return -EIO;
	if (stays) {
		if (member->engine)
			member_say_hello(member);
		return 0;
	}
	err = join(member);
	if (!err && !member->engine)
		pr_warn("cluster %s: %s can't be reached, it is tried again: `systemctl start %s`, "
			"and see its log",
			now->group, config_engine_names[now->engine],
			config_engine_names[now->engine]);
	return err;
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
		member_say_hello(member);
	member_orders_tend(member);
	member_write_note(member);
}

void member_close(struct member *member)
{
	if (!member->options)
		return;
	leave(member);
	member_orders_close(member);
	close_exchange(member);
	if (member->config.at.line)
		cluster_note_remove(member->options->pin);
	message_row_free(&member->row);
}
