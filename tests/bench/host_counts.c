// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The parts of the programs that the host can run too, so that valgrind counts their
 * instructions: see counts.py.
 *
 *   host_counts WHAT TIMES     does it so many times; host_counts: the names, a line each
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ftpnat_maps.h"
#include "ftp_grammar.h"
#include "verifier.h"
#include "stream.h"

enum { FULL = FTPNAT_MAX_EDITS };

struct work {
	const char *name;
	const char *line; /* NULL: numbers are mapped */
	bool reply;
	unsigned int edits;
	bool back;
};

static const struct work works[] = {
	{ "a command without address, 6 bytes", "NOOP\r\n", .reply = false },
	{ "a command with an argument, 20 bytes", "RETR some/file.name\r\n",
	  .reply = false },
	{ "PORT, 26 bytes", "PORT 203,0,113,17,200,10\r\n", .reply = false },
	{ "EPRT of IPv6, 31 bytes", "EPRT |2|2001:db8::1:17|51210|\r\n", .reply = false },
	{ "a reply without address, 21 bytes", "226 Transfer is done\r\n",
	  .reply = true },
	{ "227, 48 bytes", "227 Entering Passive Mode (203,0,113,17,200,10)\r\n",
	  .reply = true },
	{ "229, 48 bytes", "229 Entering Extended Passive Mode (|||51210|)\r\n",
	  .reply = true },
	{ "a number mapped, no edit", NULL, .edits = 0 },
	{ "a number mapped, one edit before it", NULL, .edits = 1 },
	{ "a number mapped, 32 edits before it", NULL, .edits = FULL },
	{ "a number mapped back, 32 edits before it", NULL, .edits = FULL, .back = true },
};

static void feed(struct ftp_parser *p, const struct work *w)
{
	bool over = false;

	for (const char *c = w->line; *c; c++)
		over = w->reply ? ftp_feed_reply(p, (__u8)*c) :
				  ftp_feed_command(p, (__u8)*c);
	if (!over)
		exit(1);
	ftp_line_start(p);
}

/* Each edit makes 20 bytes of 16, with 30 between them. */
static void fill(struct ftpnat_stream *stream, struct ftpnat_log *log, unsigned int edits)
{
	for (unsigned int i = 0; i < edits; i++)
		log->edit[i] = (struct ftpnat_edit){ .start = 30 * i,
						     .old_len = 16,
						     .new_len = 20 };
	stream->edits = (__u8)edits;
}

static void work(const struct work *w, unsigned long times)
{
	static struct ftpnat_stream stream;
	static struct ftpnat_log log;
	__u32 seq = 30 * FULL, mapped = seq + 4 * w->edits;

	fill(&stream, &log, w->edits);
	while (times--) {
		if (w->line)
			feed(&stream.parser, w);
		else if (w->back ? stream_unmap(&stream, &log, mapped, false) != seq :
				   stream_map(&stream, &log, seq) != mapped)
			exit(1);
	}
}

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(works) / sizeof(*works); i++) {
		if (argc == 1)
			puts(works[i].name);
		else if (argc == 3 && !strcmp(argv[1], works[i].name))
			return work(&works[i], strtoul(argv[2], NULL, 10)), 0;
	}
	return argc == 1 ? 0 : 2;
}
