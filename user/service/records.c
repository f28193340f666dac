// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "service/records.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/log.h"
#include "base/util.h"
#include "events/print.h"
#include "events/transfer.h"
#include "service/metrics.h"
#include "service/nat_record.h"
#include "service/xferlog.h"

#define ROUND	  1024	     /* events at once: requests and signals must not wait */
#define RING_SIZE (16 << 20) /* of what comes while something else is done */

/* ---- what is written ---- */

static void write_transfer(struct records *records, const struct ftpnat_event *e,
			   const char *rule)
{
	_cleanup_free_ char *line = NULL;
	json_t *entry = NULL;
	bool some = true;
	size_t len;
	FILE *out;

	if (!records->transfers.path)
		return;
	out = open_memstream(&line, &len);
	if (!out)
		return;
	if (records->format == CONFIG_FORMAT_XFERLOG) {
		some = xferlog_print(out, event_transfer(e));
	} else {
		entry = event_json(e, NULL, rule);
		event_json_print(out, entry);
		fputc('\n', out);
		json_decref(entry);
	}
	if (!fclose(out) && some)
		record_file_write(&records->transfers, line, len);
}

static void write_nat(struct records *records, const struct ftpnat_event *e,
		      const struct ftpnat_rule *rule)
{
	_cleanup_free_ char *line = NULL;
	json_t *entry;
	size_t len;
	FILE *out;

	nat_record_export(&records->ipfix, e, rule->kind);
	if (!records->nat.path)
		return;
	out = open_memstream(&line, &len);
	if (!out)
		return;
	entry = nat_record_json(e, rule->name, records->destinations);
	event_json_print(out, entry);
	fputc('\n', out);
	json_decref(entry);
	if (!fclose(out))
		record_file_write(&records->nat, line, len);
}

static int see_event(void *arg, void *data, size_t size)
{
	const struct ftpnat_event *e = data;
	struct records *records = arg;
	struct ftpnat_rule rule;

	if (event_is_whole(e, size)) {
		event_maps_rule_of(&records->maps, e->rule, &rule);
		if (event_transfer(e))
			write_transfer(records, e, rule.name);
		else if (nat_record_wanted(e, rule.kind))
			write_nat(records, e, &rule);
	}
	return ++records->round < ROUND ? 0 : -EAGAIN;
}

/* ---- the ring buffer ---- */

static void read_ring(struct records *records)
{
	records->round = 0;
	ring_buffer__consume(records->reader.ring);
	ipfix_export_flush(&records->ipfix);
}

static int see_ring(sd_event_source *source, int fd, uint32_t revents, void *arg)
{
	(void)source;
	(void)fd;
	(void)revents;
	read_ring(arg);
	return 0;
}

static void end_reading(struct records *records)
{
	records->source = sd_event_source_disable_unref(records->source);
	if (records->reader.ring) {
		records->lost_before += event_reader_lost(&records->reader);
		records->lost = 0;
	}
	event_reader_close(&records->reader);
	records->reader = (struct event_reader)EVENT_READER_INIT;
}

/* 0 also if all slots for readers are in use; then we wait for one. */
static int begin_reading(struct records *records)
{
	int err = event_reader_open(&records->reader, &records->maps, RING_SIZE,
				    see_event, records);

	if (err == -EBUSY && !records->waiting)
		pr_warn("%d commands read the events of %s already: records begin when "
			"one of them ends",
			FTPNAT_READERS, records->maps.dir);
	records->waiting = err == -EBUSY;
	if (err)
		return records->waiting ? 0 : err;
	err = sd_event_add_io(records->event, &records->source,
			      ring_buffer__epoll_fd(records->reader.ring), EPOLLIN,
			      see_ring, records);
	return err < 0 ? err_r(err, "can't wait for events: %s", strerror(-err)) : 0;
}

static void tell_lost(struct records *records)
{
	__u64 lost;

	if (!records->reader.ring)
		return;
	lost = event_reader_lost(&records->reader);
	if (lost != records->lost)
		pr_warn("%llu records lost: they came faster than they could be written",
			lost - records->lost);
	records->lost = lost;
}

/* ---- for run ---- */

int records_open(struct records *records, sd_event *event, const struct options *options)
{
	_cleanup_view_ struct view view;

	records->event = event;
	return view_open(&view, options) ?: event_maps_open(&records->maps, &view);
}

void records_close(struct records *records)
{
	if (records->reader.ring)
		while (ring_buffer__consume(records->reader.ring) > 0)
			;
	end_reading(records);
	record_file_close(&records->transfers);
	record_file_close(&records->nat);
	ipfix_export_close(&records->ipfix);
	event_maps_close(&records->maps);
}

int records_configure(struct records *records, const struct config_records *config)
{
	int err;

	if (records->reader.ring)
		read_ring(records); /* what came before goes where it was to go */
	records->format = config->format;
	records->destinations = config->destinations;
	record_file_use(&records->transfers, config->transfers);
	record_file_use(&records->nat, config->nat);
	err = ipfix_export_use(&records->ipfix, &config->ipfix, config->ipfix_tcp,
			       config->destinations);
	if (!config->at.line)
		end_reading(records);
	else if (!err && !records->reader.ring)
		err = begin_reading(records);
	return err;
}

int records_tend(struct records *records)
{
	record_file_tend(&records->transfers);
	record_file_tend(&records->nat);
	ipfix_export_tend(&records->ipfix);
	tell_lost(records);
	return records->waiting ? begin_reading(records) : 0;
}

static void sample(json_t *family, const char *to, __u64 value)
{
	metrics_sample(family, json_pack("{s:s}", "to", to), value);
}

void records_metrics(const struct records *records, json_t *families)
{
	json_t *family;

	if (!records->reader.ring && !records->waiting)
		return;
	family = metrics_family(families, "ftpnat_records_written_total", "counter",
				"Records that `run` has written, by where to.");
	sample(family, "transfers", records->transfers.written);
	sample(family, "nat", records->nat.written);
	sample(family, "ipfix", records->ipfix.written);
	family = metrics_family(families, "ftpnat_records_lost_total", "counter",
				"Records that could not be written, by where to; reader: "
				"they came too fast.");
	sample(family, "transfers", records->transfers.lost);
	sample(family, "nat", records->nat.lost);
	sample(family, "ipfix", records->ipfix.lost);
	sample(family, "reader", records->lost_before + records->lost);
}
