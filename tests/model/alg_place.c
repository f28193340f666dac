// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "alg_place.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alg_line.h"

static bool set_place(struct place *p, size_t start, size_t end, unsigned port)
{
	p->start = start;
	p->end = end;
	p->port = port;
	return port >= 1 && port <= 65535;
}

/* Of separators, from the arguments to the end; a byte 255 in what is odd is enough, too. */
static enum reading odd(const uint8_t *s, size_t len, size_t args, size_t at,
			const char *separators, unsigned needed)
{
	unsigned n = 0;

	if (memchr(s + at, 255, len - at))
		return UNCLEAR;
	for (size_t i = args; i < len; i++)
		n += s[i] && strchr(separators, s[i]);
	return n >= needed ? UNCLEAR : UNREADABLE;
}

/*
 * A number as strtoul() and sscanf() take it: blanks, a plus, digits. *at is then behind
 * its digits, or where it goes wrong. No server's integer overflows below 10^9.
 */
static enum reading liberal_number(const uint8_t *s, size_t len, size_t *at, uint64_t *n)
{
	size_t i = skip_blanks(s, len, *at), digits;

	*n = 0;
	if (i < len && s[i] == '+')
		i++;
	for (digits = i; i < len && isdigit(s[i]); i++) {
		if (*n > 99999999)
			return UNCLEAR;
		*n = *n * 10 + s[i] - '0';
	}
	*at = i;
	return i > digits ? READ : UNREADABLE;
}

/* Of the number from offset `at` on. All servers' integers saturate at 22 of them. */
static size_t significant_digits(const uint8_t *s, size_t len, size_t at)
{
	size_t digits = 0;

	at = skip_blanks(s, len, at);
	while (at < len && (s[at] == '+' || s[at] == '0'))
		at++;
	for (; at < len && isdigit(s[at]); at++)
		digits++;
	return digits;
}

enum reading find_port(const uint8_t *s, size_t len, size_t at, struct place *p)
{
	size_t start = at = skip_blanks(s, len, at);
	enum reading reading;
	uint64_t n[6];

	p->start = start;
	p->end = len;
	for (int i = 0; i < 6; i++) {
		size_t begin = at;

		reading = liberal_number(s, len, &at, &n[i]);
		if (reading == UNCLEAR)
			return significant_digits(s, len, begin) > 21 ? UNREADABLE :
									UNCLEAR;
		if (i == 5 && skip_blanks(s, len, begin) == len)
			return UNCLEAR; /* 0 for vsftpd */
		if (reading == UNREADABLE)
			return odd(s, len, start, at < len ? at : len, ",", 5);
		if (i == 5)
			break;
		at = skip_blanks(s, len, at);
		if (at < len && isdigit(s[at]))
			return UNCLEAR;
		if (at == len || s[at] != ',')
			return odd(s, len, start, at, ",", 5);
		if (n[i] > 255)
			return UNREADABLE;
		at++;
	}
	if (s[at] == 255)
		return UNCLEAR;
	if ((n[4] << 8) + n[5] > 65535 || !(n[4] | n[5]))
		return UNREADABLE;
	p->end = at;
	p->port = (unsigned)((n[4] << 8) + n[5]);
	p->delimiter = 0;
	alg_addr_set_v4(&p->addr, (unsigned)n[0], (unsigned)n[1], (unsigned)n[2],
			(unsigned)n[3]);
	return READ;
}

/* Four numbers with dots; zeros in front mean nothing. [at, end) is followed by the delimiter. */
static enum reading eprt_v4(const uint8_t *s, size_t at, size_t end, size_t *wrong,
			    struct alg_addr *addr)
{
	uint64_t n[4];
	int i;

	for (i = 0;; i++) {
		*wrong = at;
		if (at < end && !isdigit(s[at]))
			return UNCLEAR;
		if (at == end)
			return UNREADABLE;
		if (liberal_number(s, end, &at, &n[i]) == UNCLEAR) {
			*wrong = SIZE_MAX; /* whatever follows */
			return UNCLEAR;
		}
		*wrong = at;
		if (at == end)
			break;
		if (s[at] != '.' || i == 3)
			return UNCLEAR;
		if (n[i] > 255)
			return UNREADABLE;
		at++;
	}
	if (i != 3 || n[3] > 255)
		return UNREADABLE;
	alg_addr_set_v4(addr, (unsigned)n[0], (unsigned)n[1], (unsigned)n[2],
			(unsigned)n[3]);
	return READ;
}

static bool eprt_v6(const uint8_t *s, size_t len, struct alg_addr *addr)
{
	char text[64];

	if (len >= sizeof(text) || memchr(s, 0, len))
		return false;
	memcpy(text, s, len);
	text[len] = 0;
	return inet_pton(AF_INET6, text, addr) == 1 && !alg_addr_is_v4(addr);
}

/* Does a ninth group begin before anything that is not part of an IPv6 address? */
static bool nine_groups(const uint8_t *s, size_t len)
{
	size_t groups = 0, digits = 0, colons = 0;
	bool gap = false;

	for (size_t i = 0; i < len; i++) {
		if (isxdigit(s[i])) {
			if (groups == 8)
				return true;
			if (++digits > 4 || (colons == 1 && !groups))
				return false;
		} else if (s[i] != ':') {
			return false;
		} else if (digits) {
			groups++;
			digits = 0;
			colons = 1;
		} else if (++colons > 1) {
			if (gap)
				return false;
			gap = true;
		}
	}
	return false;
}

/* RFC 2428: <d>protocol<d>address<d>port<d>, and what servers make of what is not quite that */
enum reading find_eprt(const uint8_t *s, size_t len, size_t at, struct place *p)
{
	size_t args = at = skip_blanks(s, len, at), end, wrong;
	char separators[] = { 0, '|', 0 };
	enum reading reading;
	uint64_t n;
	uint8_t d;

	p->start = args;
	p->end = len;
	if (at == len)
		return UNREADABLE;
	d = s[at++];
	if (!d || d == 255 || isdigit(d))
		return UNCLEAR;
	separators[0] = (char)d;

	/* the protocol */
	end = at;
	if (d != '+' || s[at] != '+') {
		reading = liberal_number(s, len, &end, &n);
		if (reading == UNCLEAR)
			return UNCLEAR;
	} else {
		reading = UNREADABLE;
	}
	if (reading == UNREADABLE && (end == len || s[end] == d))
		return UNREADABLE;
	if (reading == UNREADABLE)
		return odd(s, len, args, end, separators, 3);
	end = skip_blanks(s, len, end);
	if (end < len && isdigit(s[end]))
		return UNCLEAR;
	if (end == len || s[end] != d)
		return odd(s, len, args, end, separators, 3);
	if (n != 1 && n != 2)
		return UNREADABLE;
	at = end + 1;
	p->start = at;

	/* the address */
	for (end = at; end < len && s[end] != d;)
		end++;
	if (n == 1) {
		size_t stop = end < len ? end : len - 1; /* LF is not part of it */

		reading = eprt_v4(s, at, stop, &wrong, &p->addr);
		if (reading == UNCLEAR && wrong == SIZE_MAX)
			return UNCLEAR;
		if (end == len && reading != UNREADABLE)
			return odd(s, len, args, wrong, separators, 3);
		if (reading == UNCLEAR)
			return odd(s, len, args, wrong, separators, 3);
		if (reading == UNREADABLE)
			return UNREADABLE;
	} else if (!isxdigit(d) && nine_groups(s + at, end - at)) {
		return UNREADABLE;
	} else if (isxdigit(d) || end == len || !eprt_v6(s + at, end - at, &p->addr)) {
		return odd(s, len, args, at, separators, 3);
	}

	/* the port */
	at = end + 1;
	if (at < len && s[at] == d)
		return UNREADABLE;
	reading = liberal_number(s, len, &at, &n);
	if (reading == UNCLEAR)
		return UNCLEAR;
	if (reading == UNREADABLE && at == len)
		return UNREADABLE;
	if (reading == UNREADABLE && s[at] == d)
		return UNREADABLE;
	if (reading == UNREADABLE)
		return UNCLEAR;
	if (s[at] == 255)
		return UNCLEAR;
	p->end = at;
	p->delimiter = d;
	p->port = (unsigned)n & 65535;
	return p->port && (n == p->port || p->port >= 1024) ? READ : UNREADABLE;
}

/* Commas from `at` on, with those before it: would a client that leaves bytes out find six numbers? */
static enum reading enough_commas(const uint8_t *s, size_t len, size_t at,
				  unsigned commas)
{
	for (; at < len; at++)
		commas += s[at] == ',';
	return commas >= 5 ? UNCLEAR : UNREADABLE;
}

/*
 * Numbers with commas between them, from *at on; behind it afterwards. READ, UNCLEAR: there
 * are six, and what clients make of them. CUT at a byte that some leave out: *commas.
 */
static enum reading chain_of(const uint8_t *s, size_t len, size_t *at, unsigned *n,
			     unsigned *commas)
{
	bool clear = true, spaced = false;

	for (*commas = 0;; ++*at, ++*commas) {
		size_t start = *at;

		while (*at < len && *commas &&
		       (((spaced || *commas < 5) && blank(s[*at])) ||
			(*commas < 5 && (s[*at] == '+' || s[*at] == '-')))) {
			spaced |= blank(s[*at]);
			clear &= blank(s[*at]);
			start = ++*at;
		}
		n[*commas] = 0;
		for (; *at < len && isdigit(s[*at]); ++*at)
			if (*at - start < 4)
				n[*commas] = n[*commas] * 10 + s[*at] - '0';
		if (*at == start || *at - start > 3 || n[*commas] > 255 ||
		    (*commas < 4 && *at - start > 1 && s[start] == '0' && n[*commas] > 7))
			clear = false;
		if (*at < len && s[*at] == 255)
			return UNREADABLE;
		for (size_t i = *at; spaced && *commas == 5 && i < len; i++)
			clear &= !isdigit(s[i]) &&
				 s[*at] != ','; /* ftplib's six numbers */
		if (*commas == 5 && *at < len)
			return clear ? READ : UNCLEAR;
		if (*at >= len || s[*at] != ',')
			return UNREADABLE;
	}
}

/* RFC 1123: the first six numbers with commas between them. */
enum reading find_227(const uint8_t *s, size_t len, size_t at, struct place *p)
{
	unsigned n[6], commas = 0;

	while (at < len) {
		size_t start = at;
		enum reading reading;

		if (s[at] == 255)
			return enough_commas(s, len, at, 0);
		if (!isdigit(s[at])) {
			at++;
			continue;
		}
		reading = chain_of(s, len, &at, n, &commas);
		if (at < len && s[at] == 255)
			return enough_commas(s, len, at, commas);
		if (reading == UNREADABLE)
			continue;
		alg_addr_set_v4(&p->addr, n[0], n[1], n[2], n[3]);
		if (!set_place(p, start, at, n[4] << 8 | n[5]))
			return UNCLEAR;
		return reading;
	}
	return UNREADABLE;
}

/* RFC 2428: (<d><d><d>port<d>, the first parenthesis; or without any, the first digits. */
enum reading find_229(const uint8_t *s, size_t len, size_t at, struct place *p)
{
	const uint8_t *paren = memchr(s + at, '(', len - at);
	size_t port = paren ? (size_t)(paren - s) : at, end;
	bool any = false;

	for (size_t i = paren ? (size_t)(paren - s) : at; i < len; i++)
		any |= isdigit(s[i]) || (paren && s[i] > 126);
	for (size_t i = at; i < len; i++)
		any |= isdigit(s[i]) || s[i] == 255;
	/* four delimiters: wget reads port 0 between the last two */
	any |= paren && paren + 4 < s + len && paren[1] > 32 && paren[1] < 127 &&
	       !isdigit(paren[1]) && paren[2] == paren[1] && paren[3] == paren[1] &&
	       paren[4] == paren[1];
	while (port < len && !isdigit(s[port]))
		port++;
	if (port == len)
		return any ? UNCLEAR : UNREADABLE;
	if (!paren && memchr(s + port, 255, len - port))
		return UNCLEAR;
	for (end = port; end < len && isdigit(s[end]);)
		end++;
	if (port < at + 3 || end >= len || end - port > 5 || s[port - 1] < 33 ||
	    s[port - 1] > 126 || s[port - 2] != s[port - 1] ||
	    s[port - 3] != s[port - 1] || s[end] != s[port - 1] ||
	    memchr(s + at, 255, port - at) || (paren && paren + 4 != s + port))
		return UNCLEAR;
	if (!set_place(p, port, end, (unsigned)atoi((const char *)s + port)))
		return UNCLEAR;
	return READ;
}

/*
 * A line before the last one of a reply of code `open`: where clients may begin to read an
 * address, len: nowhere.
 */
size_t find_stray(const uint8_t *s, size_t len, unsigned open)
{
	bool address = open == 227 || open == 229;
	char code[4];

	snprintf(code, sizeof(code), "%u", open);
	if (len > 3 && s[0] == '2' && s[1] == '2' && (s[2] == '7' || s[2] == '9') &&
	    memcmp(s, code, 3))
		return 0;
	if (!address)
		return len;
	for (size_t at = len > 3 && !memcmp(s, code, 3) ? 3 : 0; at < len; at++)
		if (isdigit(s[at]) || s[at] == '(')
			return isdigit(s[0]) && memcmp(s, code, 3) ? 0 : at;
	return len;
}
