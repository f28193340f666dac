// SPDX-License-Identifier: GPL-2.0-only
/*
 * Feeds any bytes to the grammar as commands and as replies, and compares each
 * line with what a second parser says, written for whole lines and the C library.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <strings.h>

#include "ftp_grammar.h"
#include "ftp_text.h"
#include "../model/alg_line.h"
#include "../model/alg_place.h"

#define CHECK(x)                                                                         \
	do {                                                                             \
		if (!(x)) {                                                              \
			fprintf(stderr, "line %d: %s\n", __LINE__, #x);                  \
			abort();                                                         \
		}                                                                        \
	} while (0)

/* ---- the reference; a line is a C string without LF, NULs having become 1 ---- */

struct seen {
	int command;
	int code;
	int final;
	int form;
	const char *start; /* span */
	const char *end;
	unsigned long port;
	char delimiter;
	__be32 addr[4];
};

static const char blanks[] = " \t\r\v\f";

static int number(const char *s, size_t digits, size_t max_digits, unsigned long max,
		  unsigned long *value)
{
	char text[8];

	if (!digits || digits > max_digits)
		return 0;
	memcpy(text, s, digits);
	text[digits] = 0;
	*value = strtoul(text, NULL, 10);
	return *value <= max;
}

/* Numbers with commas between, as many as there are; 0 if one is not an octet. */
static int octets(const char *s, const char **end, unsigned long value[6])
{
	unsigned long v;
	int n = 0, good = 1;

	for (;;) {
		size_t digits = strspn(s, "0123456789");

		good &= number(s, digits, 3, 255, &v);
		if (n < 6)
			value[n] = v;
		n++;
		s += digits;
		*end = s;
		if (*s != ',' || !isdigit((unsigned char)s[1]))
			return good ? n : 0;
		s++;
	}
}

static void take_octets(struct seen *l, const char *start, const char *end,
			unsigned long v[6])
{
	char text[32];

	snprintf(text, sizeof(text), "%lu.%lu.%lu.%lu", v[0], v[1], v[2], v[3]);
	l->addr[2] = htonl(0xffff);
	CHECK(inet_pton(AF_INET, text, &l->addr[3]) == 1);
	l->port = v[4] * 256 + v[5];
	l->start = start;
	l->end = end;
	l->form = l->port ? FTP_FORM_ADDRESS : FTP_FORM_MALFORMED;
}

static char algs_argument(const char *line, size_t len, size_t at)
{
	static const char *const words[] = { [FTP_ALGS_STATUS] = "STATUS64",
					     [FTP_ALGS_ENABLE] = "ENABLE64",
					     [FTP_ALGS_DISABLE] = "DISABLE64" };
	size_t n = 0;

	while (at < len && isspace((unsigned char)line[at]))
		at++;
	while (at + n < len && !isspace((unsigned char)line[at + n]))
		n++;
	for (int i = FTP_ALGS_STATUS; i <= FTP_ALGS_DISABLE; i++)
		if (n == strlen(words[i]) && !strncasecmp(line + at, words[i], n))
			return (char)i;
	return FTP_ALGS_UNKNOWN;
}

/* The line with its LF, as tests/model reads it. */
static void ref_command(struct seen *l, const char *line, size_t len)
{
	static const int commands[] = {
		[NONE] = FTP_COMMAND_NONE,	   [OTHER] = FTP_COMMAND_OTHER,
		[PORT] = FTP_COMMAND_PORT,	   [EPRT] = FTP_COMMAND_EPRT,
		[PASV] = FTP_COMMAND_PASV,	   [EPSV] = FTP_COMMAND_EPSV,
		[EPSV_ALL] = FTP_COMMAND_EPSV_ALL, [AUTH] = FTP_COMMAND_AUTH,
		[REIN] = FTP_COMMAND_REIN,	   [ABOR] = FTP_COMMAND_ABOR,
		[LPRT] = FTP_COMMAND_LPRT,	   [LPSV] = FTP_COMMAND_LPSV,
		[CCC] = FTP_COMMAND_CCC,	   [STAT] = FTP_COMMAND_STAT,
		[QUIT] = FTP_COMMAND_QUIT,	   [ALIEN] = FTP_COMMAND_ALIEN,
		[PASS] = FTP_COMMAND_PASS,	   [BINARY] = FTP_COMMAND_BINARY,
		[CUT] = FTP_COMMAND_OTHER,	   [ALGS] = FTP_COMMAND_ALGS,
		[USER] = FTP_COMMAND_USER,	   [RETR] = FTP_COMMAND_TRANSFER,
		[STOR] = FTP_COMMAND_TRANSFER,	   [STOU] = FTP_COMMAND_TRANSFER,
		[APPE] = FTP_COMMAND_TRANSFER,	   [LISTING] = FTP_COMMAND_LISTING,
	};
	static const char transfers[] = {
		[RETR] = FTP_TRANSFER_RETR,
		[STOR] = FTP_TRANSFER_STOR,
		[STOU] = FTP_TRANSFER_STOU,
		[APPE] = FTP_TRANSFER_APPE,
	};
	const uint8_t *s = (const uint8_t *)line;
	enum reading reading = UNREADABLE;
	struct place p = { .start = 0 };
	size_t args;
	int verb = verb_of(s, len, &args);

	l->command = commands[verb];
	if (verb == PORT)
		reading = find_port(s, len, args, &p);
	else if (verb == EPRT)
		reading = find_eprt(s, len, args, &p);
	else if (verb == CUT)
		reading = UNCLEAR;
	if (verb == PORT || verb == EPRT)
		l->form = FTP_FORM_MALFORMED;
	if (verb == ALGS)
		l->delimiter = algs_argument(line, len, args);
	if (l->command == FTP_COMMAND_TRANSFER)
		l->delimiter = transfers[verb];
	if (verb == EPSV)
		l->delimiter = epsv_argument(s, len, args);
	if (reading == UNCLEAR)
		l->form = FTP_FORM_AMBIGUOUS;
	if (reading != READ)
		return;
	l->form = FTP_FORM_ADDRESS;
	l->start = line + p.start;
	l->end = line + p.end;
	l->port = p.port;
	l->delimiter = (char)p.delimiter;
	memcpy(l->addr, p.addr.b, sizeof(l->addr));
}

/* What is behind the code, see tests/model. */
static void ref_address(struct seen *l, const char *line, size_t len, size_t at, int code)
{
	struct place p = { .start = 0 };
	enum reading reading = code == 227 ?
				       find_227((const uint8_t *)line, len, at, &p) :
				       find_229((const uint8_t *)line, len, at, &p);

	l->form = FTP_FORM_MALFORMED;
	if (reading == UNCLEAR || (reading == READ && len > FTP_LINE_MAX))
		l->form = FTP_FORM_AMBIGUOUS;
	if (reading != READ || len > FTP_LINE_MAX)
		return;
	l->form = FTP_FORM_ADDRESS;
	l->start = line + p.start;
	l->end = line + p.end;
	l->port = p.port;
	if (code == 227)
		memcpy(l->addr, p.addr.b, sizeof(l->addr));
	else
		l->delimiter = *l->end;
}

static int names_address(int code)
{
	return code == 227 || code == 229;
}

static void ref_reply(struct seen *l, const char *line, size_t len, int *open)
{
	size_t at = skip_telnet((const uint8_t *)line, len, false);
	const char *s = line + at;
	int code = 0, was = *open;

	if (at + 3 < len && *s != '0' && isdigit((unsigned char)s[0]) &&
	    isdigit((unsigned char)s[1]) && isdigit((unsigned char)s[2]))
		code = (s[0] - '0') * 100 + (s[1] - '0') * 10 + s[2] - '0';
	if (code && (!was || was == code) && s[3] != '-' &&
	    (blank((uint8_t)s[3]) || names_address(code))) {
		*open = 0;
		l->code = code;
		l->final = 1;
		if (!names_address(code))
			return;
		ref_address(l, line, len, at + 4, code);
		if (!blank((uint8_t)s[3]))
			l->form = FTP_FORM_AMBIGUOUS;
		return;
	}
	if (code && !was && s[3] == '-')
		l->code = *open = code;
	if (*open && (was || l->code) &&
	    find_stray((const uint8_t *)s, len - at, *open) < len - at)
		l->form = FTP_FORM_AMBIGUOUS;
}

/* ---- comparison ---- */

static void compare(const struct ftp_line *l, struct seen *r, const char *line,
		    size_t len)
{
	CHECK(l->command == r->command && l->command < FTP_COMMAND_MAX);
	CHECK(l->code == r->code);
	CHECK(l->final == r->final);
	CHECK(l->form == r->form);
	if (r->form == FTP_FORM_AMBIGUOUS) {
		CHECK(l->span_start + l->span_len == len && !l->port && !l->delimiter);
	} else if (r->form != FTP_FORM_ADDRESS) {
		CHECK(!l->port && !l->span_start && !l->span_len);
		CHECK(l->delimiter ==
		      (l->command == FTP_COMMAND_EPSV || l->command == FTP_COMMAND_ALGS ||
				       l->command == FTP_COMMAND_TRANSFER ?
			       (__u8)r->delimiter :
			       0));
	}
	if (r->form != FTP_FORM_ADDRESS)
		return;
	CHECK(l->port == r->port);
	CHECK(l->delimiter == (__u8)r->delimiter);
	CHECK(l->span_start == r->start - line);
	CHECK(l->span_len == r->end - r->start);
	CHECK(!memcmp(l->addr, r->addr, sizeof(l->addr)));
}

static int feed(struct ftp_parser *p, __u8 c, int reply)
{
	return reply ? ftp_feed_reply(p, c) : ftp_feed_command(p, c);
}

static int may(const struct ftp_parser *p, int reply)
{
	return reply ? ftp_may_become_reply_address(p) :
		       ftp_may_become_command_address(p);
}

/* The text that we would write in place of the span means the same. */
static void rewrite(const struct ftp_line *l, const char *line, size_t len, int reply)
{
	struct ftp_parser p = { 0 };
	__u8 text[FTP_TEXT_MAX];
	__u32 n, i;

	if (l->code == 229)
		n = ftp_write_epsv_port(text, l->port);
	else if (l->command == FTP_COMMAND_EPRT)
		n = ftp_write_eprt(text, l->addr, l->port, l->delimiter);
	else
		n = ftp_write_port(text, l->addr, l->port);
	CHECK(n <= l->span_len || n <= 45);
	if (reply && len - l->span_len + n > FTP_LINE_MAX)
		return;
	for (i = 0; i < l->span_start; i++)
		CHECK(!feed(&p, line[i], reply));
	for (i = 0; i < n; i++)
		CHECK(!feed(&p, text[i], reply));
	for (i = l->span_start + l->span_len; i < len; i++)
		CHECK(feed(&p, line[i], reply) == (i == len - 1));
	CHECK(p.line.form == FTP_FORM_ADDRESS && p.line.port == l->port);
	CHECK(p.line.span_start == l->span_start && p.line.span_len == n);
	CHECK(!memcmp(p.line.addr, l->addr, sizeof(l->addr)));
}

static void run(const char *data, size_t size, int reply)
{
	struct ftp_parser p = { 0 }, fast = { 0 };
	char *line = malloc(size + 4);
	size_t len = 0, held = 0;
	int open = 0, alive = 1;

	CHECK(line);
	for (size_t i = 0; i < size; i++) {
		struct seen r = { 0 };
		int over = feed(&p, data[i], reply);

		if (data[i] != '\n' && ftp_skips(&fast))
			ftp_skip(&fast, 1, data[i]);
		else
			feed(&fast, data[i], reply);
		CHECK(reply || p.unended == fast.unended);
		fast.unended = p.unended; /* of commands only */
		fast.word = p.word;	  /* skipping ends before it matters */
		CHECK(!memcmp(&p, &fast, sizeof(p)));
		line[len++] = data[i];
		CHECK(p.length == (len < 65535 ? len : 65535));
		CHECK(over == (data[i] == '\n'));
		if (!over) {
			CHECK(!may(&p, reply) || alive);
			alive = may(&p, reply);
			held += alive;
			continue;
		}
		CHECK(!may(&p, reply));
		if (reply) {
			for (size_t k = 0; k < len - 1; k++)
				if (!line[k])
					line[k] = 1;
			ref_reply(&r, line, len, &open);
		} else {
			ref_command(&r, line, len);
		}
		/* of Telnet commands in replies: tests/readings/passive */
		if (!reply || !memchr(line, 255, len))
			compare(&p.line, &r, line, len);
		/* what AUTH may become is only held where TLS is denied */
		if (p.line.form == FTP_FORM_AMBIGUOUS)
			CHECK(held == len - 1 || p.line.command == FTP_COMMAND_OTHER);
		if (p.line.form == FTP_FORM_ADDRESS) {
			CHECK(held == len - 1);
			line[len - 1] = '\n';
			rewrite(&p.line, line, len, reply);
		}
		ftp_line_start(&p);
		ftp_line_start(&fast);
		CHECK(p.reply == open);
		CHECK(!may(&p, reply));
		len = held = 0;
		alive = 1;
	}
	free(line);
}

/* Any address and port are written as the C library does. */
static void write_any(const uint8_t *data)
{
	char text[INET6_ADDRSTRLEN], want[80];
	__u8 buf[FTP_TEXT_MAX];
	__be32 addr[4];
	__u16 port;
	__u32 len;

	memcpy(addr, data, sizeof(addr));
	memcpy(&port, data + sizeof(addr), sizeof(port));
	if (!addr[0] && !addr[1] && addr[2] == htonl(0xffff))
		inet_ntop(AF_INET, &addr[3], text, sizeof(text));
	else
		inet_ntop(AF_INET6, addr, text, sizeof(text));
	len = ftp_write_eprt(buf, addr, port, '|');
	/* the library ends ::/96 in a dotted quad */
	if (!strncmp(text, "::", 2) && strchr(text, '.'))
		return;
	snprintf(want, sizeof(want), "%s|%u", text, port);
	CHECK(len == strlen(want) && !memcmp(buf, want, len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	run((const char *)data, size, 0);
	run((const char *)data, size, 1);
	if (size >= 18)
		write_any(data);
	return 0;
}
