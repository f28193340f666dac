// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "alg_line.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static size_t skip_blanks(const uint8_t *s, size_t len, size_t at)
{
	while (at < len && blank(s[at]))
		at++;
	return at;
}

/* Decimal number of at most `digits` digits and at most `max`; false: it is not. */
static bool number(const uint8_t *s, size_t len, size_t *at, unsigned digits,
		   unsigned max, unsigned *value)
{
	size_t i = *at;

	for (*value = 0; i < len && isdigit(s[i]); i++) {
		*value = *value * 10 + s[i] - '0';
		if (i - *at >= digits || *value > max)
			return false;
	}
	if (i == *at)
		return false;
	*at = i;
	return true;
}

static bool six_numbers(const uint8_t *s, size_t len, size_t *at, unsigned *n)
{
	for (int i = 0; i < 6; i++)
		if ((i && (*at >= len || s[(*at)++] != ',')) ||
		    !number(s, len, at, 3, 255, &n[i]))
			return false;
	return true;
}

static bool set_place(struct place *p, size_t start, size_t end, unsigned port)
{
	p->start = start;
	p->end = end;
	p->port = port;
	return port >= 1 && port <= 65535;
}

/* ---- what the client says ---- */

bool find_port(const uint8_t *s, size_t len, size_t at, struct place *p)
{
	unsigned n[6];
	size_t start = at = skip_blanks(s, len, at);

	if (!six_numbers(s, len, &at, n) || skip_blanks(s, len, at) != len ||
	    !blank(s[at]))
		return false;
	alg_addr_set_v4(&p->addr, n[0], n[1], n[2], n[3]);
	p->delimiter = 0;
	return set_place(p, start, at, n[4] << 8 | n[5]);
}

/* No octet with a leading zero, which some read as octal: as in inet_pton(). */
static bool eprt_address(int protocol, const uint8_t *s, size_t len,
			 struct alg_addr *addr)
{
	char text[64];
	uint8_t v4[4];

	if (len >= sizeof(text) || memchr(s, 0, len))
		return false;
	memcpy(text, s, len);
	text[len] = 0;
	if (protocol == '2')
		return inet_pton(AF_INET6, text, addr) == 1 && !alg_addr_is_v4(addr);
	if (inet_pton(AF_INET, text, v4) != 1)
		return false;
	alg_addr_set_v4(addr, v4[0], v4[1], v4[2], v4[3]);
	return true;
}

/* RFC 2428: <d>protocol<d>address<d>port<d> */
bool find_eprt(const uint8_t *s, size_t len, size_t at, struct place *p)
{
	size_t start, end;
	unsigned port;
	uint8_t d;

	at = skip_blanks(s, len, at);
	if (at + 3 >= len)
		return false;
	d = s[at];
	if (d < 33 || d > 126 || isxdigit(d) || (s[at + 1] != '1' && s[at + 1] != '2') ||
	    s[at + 2] != d)
		return false;
	start = end = at + 3;
	while (end < len && s[end] != d)
		end++;
	if (end == len || !eprt_address(s[at + 1], s + start, end - start, &p->addr))
		return false;
	at = end + 1;
	if (!number(s, len, &at, 5, 99999, &port) || at >= len || s[at] != d)
		return false;
	p->delimiter = d;
	return skip_blanks(s, len, at + 1) == len && set_place(p, start, at, port);
}

/* Blanks and Telnet commands before a verb. */
size_t skip_telnet(const uint8_t *s, size_t len, bool blanks)
{
	size_t at = 0;

	for (;;) {
		if (blanks)
			at = skip_blanks(s, len, at);
		if (at + 1 < len && s[at] == 255 && s[at + 1] >= 240 && s[at + 1] <= 250)
			at += 2;
		else if (at + 1 < len && s[at] == 255 && s[at + 1] > 250 &&
			 s[at + 1] < 255)
			at += at + 2 < len ? 3 : 2;
		else
			return at;
	}
}

static bool word_is(const uint8_t *s, size_t len, const char *word)
{
	return len == strlen(word) && !strncasecmp((const char *)s, word, len);
}

static size_t word_end(const uint8_t *s, size_t len, size_t at)
{
	while (at < len && !blank(s[at]))
		at++;
	return at;
}

int verb_of(const uint8_t *s, size_t len, size_t *args)
{
	size_t at = skip_telnet(s, len, true), end = word_end(s, len, at), all, all_end;

	*args = end;
	if (at == len)
		return NONE;
	if (word_is(s + at, end - at, "PORT"))
		return PORT;
	if (word_is(s + at, end - at, "EPRT"))
		return EPRT;
	if (word_is(s + at, end - at, "PASV"))
		return PASV;
	if (word_is(s + at, end - at, "AUTH"))
		return AUTH;
	if (word_is(s + at, end - at, "REIN"))
		return REIN;
	if (word_is(s + at, end - at, "ABOR"))
		return ABOR;
	if (!word_is(s + at, end - at, "EPSV"))
		return OTHER;
	all = skip_blanks(s, len, end);
	all_end = word_end(s, len, all);
	if (word_is(s + all, all_end - all, "ALL") && skip_blanks(s, len, all_end) == len)
		return EPSV_ALL;
	return EPSV;
}

/* ---- what the server says ---- */

/* RFC 1123: the first run of comma-separated numbers that has six of them, 0..255. */
bool find_227(const uint8_t *s, size_t len, size_t at, struct place *p)
{
	while (at < len) {
		size_t start = at, end = at, six;
		unsigned n[6];

		if (!isdigit(s[at])) {
			at++;
			continue;
		}
		while (end < len &&
		       (isdigit(s[end]) || (s[end] == ',' && isdigit(s[end - 1]))))
			end++;
		at = end;
		if (s[end - 1] == ',')
			end--;
		six = start;
		if (!six_numbers(s, end, &six, n) || six != end)
			continue;
		alg_addr_set_v4(&p->addr, n[0], n[1], n[2], n[3]);
		return set_place(p, start, end, n[4] << 8 | n[5]);
	}
	return false;
}

/* RFC 2428: <d><d><d>port<d> */
bool find_229(const uint8_t *s, size_t len, size_t at, struct place *p)
{
	for (; at + 4 < len; at++) {
		size_t end = at + 3;
		uint8_t d = s[at];

		if (d < 33 || d > 126 || isdigit(d) || s[at + 1] != d || s[at + 2] != d)
			continue;
		while (end < len && isdigit(s[end]))
			end++;
		if (end == at + 3 || end >= len || s[end] != d)
			continue;
		return end - at - 3 <= 5 &&
		       set_place(p, at + 3, end,
				 (unsigned)atoi((const char *)s + at + 3));
	}
	return false;
}
