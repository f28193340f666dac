// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "alg_line.h"

#include <ctype.h>
#include <string.h>

bool blank(uint8_t c)
{
	return isspace(c);
}

size_t skip_blanks(const uint8_t *s, size_t len, size_t at)
{
	while (at < len && blank(s[at]))
		at++;
	return at;
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

static bool token(uint8_t c)
{
	return isalnum(c) || c == '-' || c == '_';
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

#define VERB_MAX 4

/*
 * The first word in capitals, without the Telnet commands in it; *at: what ends it. Or
 * what else the line is: ALIEN, BINARY, CUT, OTHER (no verb), else NONE.
 */
static int first_word(const uint8_t *s, size_t len, size_t *at, char word[VERB_MAX + 1])
{
	size_t n = 0;

	memset(word, 0, VERB_MAX + 1);
	for (; *at < len; (*at)++) {
		uint8_t c = s[*at];

		if (blank(c) || (!c && n && n <= VERB_MAX))
			return n > VERB_MAX ? OTHER : NONE;
		if (c == 255 && n <= VERB_MAX) {
			if (*at + 2 >= len || s[*at + 1] < 240 || s[*at + 1] == 255)
				return OTHER;
			if (s[*at + 1] > 250 && s[*at + 2] == '\n')
				return !strncmp(word, "PORT", n) ||
						       !strncmp(word, "EPRT", n) ||
						       !strncmp(word, "AUTH", n) ?
					       CUT :
					       OTHER;
			*at += s[*at + 1] > 250 ? 2 : 1;
			continue;
		}
		if (c == ':')
			return n ? ALIEN : OTHER;
		if (c < ' ' || c > 126)
			return BINARY;
		if (n == VERB_MAX && isdigit(c) && !strcmp(word, "SSH-"))
			return ALIEN;
		if (n >= VERB_MAX && !token(c))
			return OTHER;
		if (n < VERB_MAX)
			word[n] = (char)toupper(c);
		n += n <= VERB_MAX;
	}
	return OTHER;
}

int verb_of(const uint8_t *s, size_t len, size_t *args)
{
	static const struct {
		const char *word;
		int verb;
	} verbs[] = {
		{ "PORT", PORT },    { "EPRT", EPRT },	  { "PASV", PASV },
		{ "EPSV", EPSV },    { "AUTH", AUTH },	  { "REIN", REIN },
		{ "ABOR", ABOR },    { "LPRT", LPRT },	  { "LPSV", LPSV },
		{ "CCC", CCC },	     { "STAT", STAT },	  { "QUIT", QUIT },
		{ "GET", ALIEN },    { "HEAD", ALIEN },	  { "POST", ALIEN },
		{ "PUT", ALIEN },    { "PRI", ALIEN },	  { "PASS", PASS },
		{ "ALGS", ALGS },    { "USER", USER },	  { "RETR", RETR },
		{ "STOR", STOR },    { "STOU", STOU },	  { "APPE", APPE },
		{ "LIST", LISTING }, { "NLST", LISTING }, { "MLSD", LISTING },
	};
	size_t at = skip_telnet(s, len, true), all, all_end;
	char word[VERB_MAX + 1];
	int verb = OTHER, kind;

	*args = at;
	if (at == len)
		return NONE;
	kind = first_word(s, len, args, word);
	if (kind != NONE)
		return kind;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (!strcmp(word, verbs[i].word))
			verb = verbs[i].verb;
	if (!s[*args])
		*args = len; /* NUL: proftpd sees no arguments */
	if (verb != EPSV)
		return verb;
	all = skip_blanks(s, len, *args);
	all_end = word_end(s, len, all);
	if (word_is(s + all, all_end - all, "ALL") && skip_blanks(s, len, all_end) == len)
		return EPSV_ALL;
	return EPSV;
}

char epsv_argument(const uint8_t *s, size_t len, size_t args)
{
	size_t at = skip_blanks(s, len, args);

	if (at == len)
		return 0;
	return word_end(s, len, at) == at + 1 && s[at] ? (char)toupper(s[at]) : '?';
}

bool argument_is(const uint8_t *s, size_t len, size_t args, const char *word)
{
	size_t at = skip_blanks(s, len, args);

	return word_is(s + at, word_end(s, len, at) - at, word);
}
