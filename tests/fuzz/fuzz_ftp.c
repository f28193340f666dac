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

#include "ftp_grammar.h"
#include "ftp_text.h"

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

static const char blanks[] = " \t\r";

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

static void ref_port(struct seen *l, const char *args)
{
	unsigned long v[6];
	const char *end;

	l->form = FTP_FORM_MALFORMED;
	if (isdigit((unsigned char)*args) && octets(args, &end, v) == 6 &&
	    !end[strspn(end, blanks)])
		take_octets(l, args, end, v);
}

static void ref_eprt(struct seen *l, const char *args)
{
	char d = *args, text[256];
	const char *bar[4];

	l->form = FTP_FORM_MALFORMED;
	if (d <= ' ' || d > '~' || isxdigit((unsigned char)d))
		return;
	bar[0] = args;
	for (int i = 1; i < 4; i++)
		if (!(bar[i] = strchr(bar[i - 1] + 1, d)))
			return;
	if (bar[1] != args + 2 || bar[2] - bar[1] > 100 ||
	    bar[3][1 + strspn(bar[3] + 1, blanks)])
		return;
	snprintf(text, sizeof(text), "%.*s", (int)(bar[2] - bar[1] - 1), bar[1] + 1);
	if (args[1] == '1') {
		l->addr[2] = htonl(0xffff);
		if (inet_pton(AF_INET, text, &l->addr[3]) != 1)
			return;
	} else if (args[1] != '2' || inet_pton(AF_INET6, text, l->addr) != 1 ||
		   (!l->addr[0] && !l->addr[1] && l->addr[2] == htonl(0xffff))) {
		return;
	}
	l->start = bar[1] + 1;
	l->end = bar[3];
	l->delimiter = d;
	if (strspn(bar[2] + 1, "0123456789") == (size_t)(bar[3] - bar[2] - 1) &&
	    number(bar[2] + 1, bar[3] - bar[2] - 1, 5, 65535, &l->port) && l->port)
		l->form = FTP_FORM_ADDRESS;
}

static const char *skip_telnet(const char *s, const char *skipped)
{
	const unsigned char *u;

	for (;;) {
		s += strspn(s, skipped);
		u = (const unsigned char *)s;
		if (u[0] == 255 && u[1] >= 240 && u[1] <= 250)
			s += 2;
		else if (u[0] == 255 && u[1] >= 251 && u[1] <= 254)
			s += u[2] ? 3 : 2;
		else
			return s;
	}
}

static void ref_command(struct seen *l, const char *line)
{
	static const struct {
		const char *verb;
		int command;
	} verbs[] = {
		{ "PORT", FTP_COMMAND_PORT }, { "EPRT", FTP_COMMAND_EPRT },
		{ "PASV", FTP_COMMAND_PASV }, { "EPSV", FTP_COMMAND_EPSV },
		{ "LPRT", FTP_COMMAND_LPRT }, { "LPSV", FTP_COMMAND_LPSV },
		{ "AUTH", FTP_COMMAND_AUTH }, { "CCC", FTP_COMMAND_CCC },
		{ "REIN", FTP_COMMAND_REIN }, { "ABOR", FTP_COMMAND_ABOR },
		{ "STAT", FTP_COMMAND_STAT }, { "QUIT", FTP_COMMAND_QUIT },
	};
	const char *verb = skip_telnet(line, blanks);
	size_t len = strcspn(verb, blanks);
	const char *args = verb + len + strspn(verb + len, blanks);

	l->command = len ? FTP_COMMAND_OTHER : FTP_COMMAND_NONE;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strlen(verbs[i].verb) == len &&
		    !strncasecmp(verbs[i].verb, verb, len))
			l->command = verbs[i].command;
	if (l->command == FTP_COMMAND_PORT)
		ref_port(l, args);
	else if (l->command == FTP_COMMAND_EPRT)
		ref_eprt(l, args);
	else if (l->command == FTP_COMMAND_EPSV && !strncasecmp(args, "ALL", 3) &&
		 !args[3 + strspn(args + 3, blanks)])
		l->command = FTP_COMMAND_EPSV_ALL;
}

static void ref_227(struct seen *l, const char *text)
{
	unsigned long v[6];
	const char *end;

	while (*(text += strcspn(text, "0123456789"))) {
		if (octets(text, &end, v) == 6) {
			take_octets(l, text, end, v);
			return;
		}
		text = end;
	}
}

static void ref_229(struct seen *l, const char *text)
{
	for (; *text; text++) {
		size_t digits;

		if (*text <= ' ' || *text > '~' || isdigit((unsigned char)*text) ||
		    text[1] != *text || text[2] != *text)
			continue;
		digits = strspn(text + 3, "0123456789");
		if (!digits || text[3 + digits] != *text)
			continue;
		l->start = text + 3;
		l->end = text + 3 + digits;
		l->delimiter = *text;
		if (number(l->start, digits, 5, 65535, &l->port) && l->port)
			l->form = FTP_FORM_ADDRESS;
		return;
	}
}

static void ref_reply(struct seen *l, const char *line, int *open)
{
	const char *s = skip_telnet(line, "");
	char *end;
	int code;

	if (strspn(s, "0123456789") != 3 || *s == '0')
		return;
	code = strtol(s, &end, 10);
	if (*end == '-' && !*open) {
		l->code = *open = code;
		return;
	}
	if ((*end && !strchr(blanks, *end)) || (*open && *open != code))
		return;
	*open = 0;
	l->code = code;
	l->final = 1;
	if (code != 227 && code != 229)
		return;
	l->form = FTP_FORM_MALFORMED;
	if (code == 227)
		ref_227(l, end);
	else
		ref_229(l, end);
}

/* ---- comparison ---- */

static void compare(const struct ftp_line *l, struct seen *r, const char *line,
		    size_t len)
{
	if (r->form == FTP_FORM_ADDRESS && len > FTP_LINE_MAX)
		r->form = FTP_FORM_MALFORMED;
	CHECK(l->command == r->command && l->command < FTP_COMMAND_MAX);
	CHECK(l->code == r->code);
	CHECK(l->final == r->final);
	CHECK(l->form == r->form);
	if (r->form != FTP_FORM_ADDRESS) {
		CHECK(!l->port && !l->span_start && !l->span_len && !l->delimiter);
		CHECK(!l->addr[0] && !l->addr[1] && !l->addr[2] && !l->addr[3]);
		return;
	}
	CHECK(l->port == r->port);
	CHECK(l->delimiter == r->delimiter);
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
	if (len - l->span_len + n > FTP_LINE_MAX)
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
			ftp_skip(&fast, 1);
		else
			feed(&fast, data[i], reply);
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
		/* the two bytes after keep the reference's look-ahead inside */
		memset(line + len - 1, 0, 3);
		for (size_t k = 0; k < len - 1; k++)
			if (!line[k])
				line[k] = 1;
		if (reply)
			ref_reply(&r, line, &open);
		else
			ref_command(&r, line);
		compare(&p.line, &r, line, len);
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
