/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Records of `run`: transfers and translated connections, each written once. It reads
 * events by itself, with more room than the log, which leaves out what comes too fast.
 */
#ifndef FTPNAT_RECORDS_H
#define FTPNAT_RECORDS_H

#include <systemd/sd-event.h>

#include "config/config.h"
#include "events/maps.h"
#include "events/reader.h"
#include "service/ipfix_export.h"
#include "service/record_file.h"

struct records {
	sd_event *event;
	struct event_maps maps;
	struct event_reader reader; /* open as long as records are asked for */
	sd_event_source *source;
	unsigned int round; /* events of this round */
	bool waiting;	    /* for a slot, which was told */
	__u64 lost;	    /* events that found no room in this reader's buffer */
	__u64 lost_before;  /* in those of earlier readers */
	struct record_file transfers;
	enum config_format format;
	struct record_file nat;
	struct ipfix_export ipfix;
	bool destinations;
};

#define RECORDS_INIT                                                                     \
	{                                                                                \
		.maps = EVENT_MAPS_INIT, .reader = EVENT_READER_INIT,                    \
		.transfers = RECORD_FILE_INIT, .nat = RECORD_FILE_INIT,                  \
		.ipfix = IPFIX_EXPORT_INIT                                               \
	}

/* After `up`. Reports its errors. */
int records_open(struct records *records, sd_event *event, const struct options *options);
void records_close(struct records *records);

/*
 * What the configuration asks for, also when it is the same: files are opened again.
 * Reports its errors; nothing is written to a file that can't be opened.
 */
int records_configure(struct records *records, const struct config_records *config);

/* Every second. Reports its errors. */
int records_tend(struct records *records);

/* Adds what was written and lost. */
void records_metrics(const struct records *records, json_t *families);

#endif
