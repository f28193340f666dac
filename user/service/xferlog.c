// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "service/xferlog.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/addr.h"
#include "events/print.h"
#include "events/transfer.h"
#include "ftpnat_ftp.h"

#define ONE_SECOND 1000000000ULL

/* A field ends at a blank. */
static void print_field(FILE *out, struct event_argument a)
{
	for (size_t i = 0; i < a.len; i++) {
		unsigned char c = (unsigned char)a.byte[i];

		fputc(c <= ' ' || c == 0x7f ? '_' : c, out);
	}
}

/* As every xferlog has it, in English. */
static void print_time(FILE *out, __u64 monotonic)
{
	static const char days[][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };
	static const char months[][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	__u64 ns = event_clock_ns(CLOCK_REALTIME) - event_clock_ns(CLOCK_MONOTONIC) +
		   monotonic;
	time_t seconds = (time_t)(ns / ONE_SECOND);
	struct tm tm;

	localtime_r(&seconds, &tm);
	fprintf(out, "%s %s %2d %02d:%02d:%02d %d", days[tm.tm_wday], months[tm.tm_mon],
		tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, tm.tm_year + 1900);
}

static bool is_anonymous(struct event_argument user)
{
	return (user.len == 9 && !strncasecmp(user.byte, "anonymous", 9)) ||
	       (user.len == 3 && !strncasecmp(user.byte, "ftp", 3));
}

bool xferlog_print(FILE *out, const struct ftpnat_transfer_event *t)
{
	struct event_argument user = event_transfer_user(t);
	struct event_argument path = event_transfer_path(t);
	char client[FTPNAT_ADDR_STRLEN];
	__u64 bytes;

	if (!path.len || !event_transfer_bytes(t, &bytes) || (t->code >= 400 && !bytes))
		return false;
	if (!user.len)
		user = (struct event_argument){ .byte = "?", .len = 1 };
	print_time(out, t->event.time);
	/* seconds as other servers round them: up to the next one */
	fprintf(out, " %llu %s %llu ", (t->nanoseconds + ONE_SECOND - 1) / ONE_SECOND,
		ftpnat_addr_str(client, &t->event.client.src), bytes);
	print_field(out, path);
	/* nobody looked at TYPE: binary; no action was taken on the file */
	fprintf(out, " b _ %c %c ", t->verb == FTP_TRANSFER_RETR ? 'o' : 'i',
		is_anonymous(user) ? 'a' : 'r');
	print_field(out, user);
	/* how the server checked the name isn't known */
	fprintf(out, " ftp 0 * %c\n", t->code >= 200 && t->code < 300 ? 'c' : 'i');
	return true;
}
