// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "ftp_rows.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "ftp_line.h"

static void fail_row(const struct row *r, const char *what)
{
	fail_msg("\"%.*s\": %s", (int)strcspn(r->text, "\r\n"), r->text, what);
}

static void addr_of(const char *text, __be32 addr[4])
{
	memset(addr, 0, 16);
	if (text && strchr(text, ':')) {
		assert_int_equal(inet_pton(AF_INET6, text, addr), 1);
	} else if (text) {
		addr[2] = htonl(0xffff);
		assert_int_equal(inet_pton(AF_INET, text, &addr[3]), 1);
	}
}

static void check_row(const struct row *r, const struct ftp_parser *p, int reply)
{
	const struct ftp_line *l = &p->line;
	__be32 addr[4];

	if (p->length != r->len)
		fail_row(r, "length");
	if ((reply ? l->code : l->command) != r->command)
		fail_row(r, "command or code");
	if (l->form != r->form)
		fail_row(r, "form");
	addr_of(r->addr, addr);
	/* of other lines something else is there */
	if (l->form == FTP_FORM_ADDRESS ? memcmp(addr, l->addr, sizeof(addr)) :
					  r->addr != NULL)
		fail_row(r, "address");
	if (l->port != r->port)
		fail_row(r, "port");
	if (l->form == FTP_FORM_AMBIGUOUS) {
		/* all from the arguments on; of a line that is cut inside its verb, all */
		if (l->span_start + l->span_len != r->len)
			fail_row(r, "span");
	} else if (l->span_len != (r->span ? strlen(r->span) : 0) ||
		   (r->span && memcmp(r->text + l->span_start, r->span, l->span_len)))
		fail_row(r, "span");
	if (reply && l->final != (r->command && r->text[3] != '-'))
		fail_row(r, "final");
}

/* Cut at every byte: the state is moved there, as it is between two segments. */
static void run_row(const struct row *r, feed_fn feed, may_fn may, int reply)
{
	struct ftp_parser p, first = { 0 };
	int alive = 1;
	size_t i;

	for (i = 0; i < r->len; i++) {
		memcpy(&p, &first, sizeof(p));
		if (feed(&p, r->text[i]) != (i == r->len - 1))
			fail_row(r, "line end");
		memcpy(&first, &p, sizeof(p));
		if (i == r->len - 1)
			break;
		if (may(&p) && !alive)
			fail_row(r, "may become an address line again");
		alive = may(&p);
		if ((r->form == FTP_FORM_ADDRESS || r->form == FTP_FORM_AMBIGUOUS) &&
		    !alive)
			fail_row(r, "released too early");
	}
	check_row(r, &p, reply);
	/* The parser is in its initial state. */
	ftp_line_start(&p);
	p.reply = 0;
	for (i = 0; i < r->len; i++)
		feed(&p, r->text[i]);
	check_row(r, &p, reply);
}

void ftp_run_rows(const struct row *rows, size_t n, feed_fn feed, may_fn may, int reply)
{
	for (size_t i = 0; i < n; i++)
		run_row(&rows[i], feed, may, reply);
}

void ftp_run_may(const struct may_row *rows, size_t n, feed_fn feed, may_fn may)
{
	for (size_t i = 0; i < n; i++) {
		struct ftp_parser p = { 0 };

		for (size_t k = 0; k < rows[i].len; k++)
			if (feed(&p, rows[i].text[k]))
				ftp_line_start(&p);
		if (may(&p) != rows[i].may)
			fail_msg("\"%s\": may become an address line: %d", rows[i].text,
				 may(&p));
	}
}
