/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The client's lines; see ftp_grammar.h. */
#ifndef FTPNAT_BPF_FTP_COMMAND_H
#define FTPNAT_BPF_FTP_COMMAND_H

#include "ftp_eprt.h"
#include "ftp_port.h"

static __always_inline __u8 ftp_transfer(__u32 verb)
{
	switch (verb) {
	case FTP_WORD('R', 'E', 'T', 'R'):
		return FTP_TRANSFER_RETR;
	case FTP_WORD('S', 'T', 'O', 'R'):
		return FTP_TRANSFER_STOR;
	case FTP_WORD('S', 'T', 'O', 'U'):
		return FTP_TRANSFER_STOU;
	case FTP_WORD('A', 'P', 'P', 'E'):
		return FTP_TRANSFER_APPE;
	default:
		return FTP_TRANSFER_NONE;
	}
}

/* Commands whose argument matters, but none of its bytes. */
static __always_inline bool ftp_has_argument(__u8 command)
{
	return command == FTP_COMMAND_USER || command == FTP_COMMAND_TRANSFER;
}

/* Offset in the line of the first byte behind the verb and its blank, of these commands. */
static __always_inline __u32 ftp_argument(const struct ftp_parser *p)
{
	return p->value;
}

static __always_inline bool ftp_is_letter(__u8 c)
{
	return ftp_upper(c) >= 'A' && ftp_upper(c) <= 'Z';
}

static __always_inline bool ftp_is_plain(__u8 c)
{
	return ftp_is_letter(c) || ftp_is_digit(c);
}

/* A byte of the first word, for policy. */
static __always_inline void ftp_verb_add(struct ftp_parser *p, __u8 c)
{
	if (!p->fields)
		__builtin_memset(p->verb, 0, sizeof(p->verb));
	if (!ftp_is_plain(c) || p->fields >= FTP_VERB_LEN) {
		p->odd |= FTP_ODD_VERB;
		return;
	}
	p->verb[p->fields & (FTP_VERB_LEN - 1)] = ftp_upper(c);
	p->fields++;
}

/* The argument of SITE or MDTM is next. */
static __always_inline void ftp_site_begin(struct ftp_parser *p)
{
	__builtin_memset(p->site, 0, sizeof(p->site));
	p->state = FTP_STATE_SITE;
}

/* The whole verb is in p->value. */
static __always_inline void ftp_verb(struct ftp_parser *p)
{
	__u8 command = FTP_COMMAND_OTHER;

	p->state = FTP_STATE_SKIP;
	switch (p->value) {
	case FTP_WORD('P', 'O', 'R', 'T'):
		command = FTP_COMMAND_PORT;
		p->state = FTP_STATE_PORT;
		p->line.form = FTP_FORM_MALFORMED;
		break;
	case FTP_WORD('E', 'P', 'R', 'T'):
		command = FTP_COMMAND_EPRT;
		p->state = FTP_STATE_EPRT;
		p->line.form = FTP_FORM_MALFORMED;
		break;
	case FTP_WORD('E', 'P', 'S', 'V'):
		command = FTP_COMMAND_EPSV;
		p->state = FTP_STATE_EPSV;
		break;
	case FTP_WORD('A', 'L', 'G', 'S'):
		command = FTP_COMMAND_ALGS;
		p->state = FTP_STATE_ALGS;
		break;
	case FTP_WORD('P', 'A', 'S', 'V'):
		command = FTP_COMMAND_PASV;
		break;
	case FTP_WORD('L', 'P', 'R', 'T'):
		command = FTP_COMMAND_LPRT;
		break;
	case FTP_WORD('L', 'P', 'S', 'V'):
		command = FTP_COMMAND_LPSV;
		break;
	case FTP_WORD('A', 'U', 'T', 'H'):
		command = FTP_COMMAND_AUTH;
		break;
	case FTP_WORD(0, 'C', 'C', 'C'):
		command = FTP_COMMAND_CCC;
		break;
	case FTP_WORD('R', 'E', 'I', 'N'):
		command = FTP_COMMAND_REIN;
		break;
	case FTP_WORD('A', 'B', 'O', 'R'):
		command = FTP_COMMAND_ABOR;
		break;
	case FTP_WORD('S', 'T', 'A', 'T'):
		command = FTP_COMMAND_STAT;
		break;
	case FTP_WORD('Q', 'U', 'I', 'T'):
		command = FTP_COMMAND_QUIT;
		break;
	case FTP_WORD('P', 'A', 'S', 'S'):
		command = FTP_COMMAND_PASS;
		break;
	case FTP_WORD('U', 'S', 'E', 'R'):
		command = FTP_COMMAND_USER;
		break;
	case FTP_WORD('R', 'E', 'T', 'R'):
	case FTP_WORD('S', 'T', 'O', 'R'):
	case FTP_WORD('S', 'T', 'O', 'U'):
	case FTP_WORD('A', 'P', 'P', 'E'):
		command = FTP_COMMAND_TRANSFER;
		p->line.delimiter = ftp_transfer(p->value);
		break;
	case FTP_WORD('S', 'I', 'T', 'E'):
	case FTP_WORD('M', 'D', 'T', 'M'):
		ftp_site_begin(p);
		break;
	case FTP_WORD(0, 'G', 'E', 'T'):
	case FTP_WORD('H', 'E', 'A', 'D'):
	case FTP_WORD('P', 'O', 'S', 'T'):
	case FTP_WORD(0, 'P', 'U', 'T'):
	case FTP_WORD(0, 'P', 'R', 'I'): /* RFC 9113 section 3.4 */
		command = FTP_COMMAND_ALIEN;
		break;
	}
	p->line.command = command;
	p->fields = 0;
	ftp_number_start(p);
	if (ftp_has_argument(command))
		p->value = p->length + 1;
}

/* One more letter; false: no word of ours is so long. A NUL would pass for a shorter one. */
static __always_inline bool ftp_word_add(struct ftp_parser *p, __u8 c)
{
	if (!c || p->digits >= 4)
		return false;
	p->digits++;
	p->value = p->value << 8 | ftp_upper(c);
	return true;
}

/* RFC 9110 section 5.6.2, the part of it that names of header fields use */
static __always_inline bool ftp_is_token(__u8 c)
{
	return ftp_is_letter(c) || ftp_is_digit(c) || c == '-' || c == '_';
}

static __always_inline bool ftp_is_control(__u8 c)
{
	return c < ' ' || c >= 127;
}

/* The first word goes on in a way that none of ours does. */
static __always_inline void ftp_step_word(struct ftp_parser *p, __u8 c)
{
	bool banner = p->state == FTP_STATE_VERB && p->digits == 4 && ftp_is_digit(c) &&
		      p->value == FTP_WORD('S', 'S', 'H', '-'); /* RFC 4253 section 4.2 */
	bool header = c == ':' && p->digits;

	if (banner || header)
		p->line.command = FTP_COMMAND_ALIEN;
	else if (ftp_is_control(c) && !ftp_is_blank(c))
		p->line.command = FTP_COMMAND_BINARY;
	else
		p->line.command = FTP_COMMAND_OTHER;
	p->state = ftp_is_token(c) && p->line.command == FTP_COMMAND_OTHER ?
			   FTP_STATE_WORD :
			   FTP_STATE_SKIP;
}

/* proftpd ends a verb at NUL, too, and then sees no argument. */
static __always_inline void ftp_step_verb(struct ftp_parser *p, __u8 c)
{
	if (c == 255) {
		p->state = FTP_STATE_IAC;
		return;
	}
	if (ftp_is_blank(c)) {
		ftp_verb(p);
		return;
	}
	ftp_verb_add(p, c);
	if (!c && p->digits) {
		ftp_verb(p);
		p->state = FTP_STATE_SKIP;
	} else if (c == ':' || ftp_is_control(c) || !ftp_word_add(p, c)) {
		ftp_step_word(p, c);
	}
}

/* The first word goes on, longer than those of ours. */
static __always_inline void ftp_step_long(struct ftp_parser *p, __u8 c)
{
	if (!ftp_is_blank(c))
		ftp_verb_add(p, c);
	ftp_step_word(p, c);
}

/* RFC 854: after IAC. Only the commands of a Synch in front of a line are not odd. */
static __always_inline void ftp_step_command_iac(struct ftp_parser *p, __u8 c)
{
	if (p->digits || c >= FTP_TELNET_SB)
		p->odd |= FTP_ODD_VERB;
	if (ftp_step_iac(p, c))
		return;
	p->odd |= FTP_ODD_VERB;
	p->line.command = FTP_COMMAND_OTHER;
}

#define FTP_TIME_LEN 14 /* of MDTM's time, YYYYMMDDHHMMSS */

/* The word is over. Some servers set a file's time where one follows MDTM: "TIME". */
static __always_inline void ftp_site_end(struct ftp_parser *p)
{
	p->state = FTP_STATE_SKIP;
	if (p->verb[0] != 'M') {
		if (p->groups > FTP_VERB_LEN)
			p->odd |= FTP_ODD_WORD;
		return;
	}
	p->odd &= (__u8)~FTP_ODD_WORD;
	__builtin_memset(p->site, 0, sizeof(p->site));
	if (p->groups != FTP_TIME_LEN || p->digits != FTP_TIME_LEN)
		return;
	p->site[0] = 'T';
	p->site[1] = 'I';
	p->site[2] = 'M';
	p->site[3] = 'E';
}

static __always_inline void ftp_step_site(struct ftp_parser *p, __u8 c)
{
	if (ftp_is_blank(c)) {
		if (p->groups)
			ftp_site_end(p);
		return;
	}
	if (!ftp_is_plain(c))
		p->odd |= FTP_ODD_WORD;
	else if (p->groups < FTP_VERB_LEN)
		p->site[p->groups & (FTP_VERB_LEN - 1)] = ftp_upper(c);
	if (p->groups < FTP_ENOUGH)
		p->groups++;
	if (ftp_is_digit(c) && p->digits < FTP_ENOUGH)
		p->digits++;
}

static __always_inline void ftp_step_epsv(struct ftp_parser *p, __u8 c)
{
	if (!ftp_is_blank(c)) {
		if (!ftp_word_add(p, c)) {
			p->state = FTP_STATE_SKIP;
			p->line.delimiter = FTP_EPSV_OTHER;
		}
	} else if (p->digits) {
		p->state = FTP_STATE_SKIP;
		if (p->value == FTP_WORD(0, 'A', 'L', 'L')) {
			p->line.command = FTP_COMMAND_EPSV_ALL;
			p->state = FTP_STATE_TAIL;
		} else {
			p->line.delimiter = p->digits == 1 ? (__u8)p->value :
							     FTP_EPSV_OTHER;
		}
	}
}

static __always_inline bool ftp_argument_begins(const struct ftp_parser *p,
						const char *word)
{
	__u8 differs = 0;
	__u32 i;

	for (i = 0; i < sizeof(p->octet); i++)
		differs |= p->octet[i] ^ (__u8)word[i];
	return !differs;
}

/* What the argument asks for: its first eight characters are in `octet`. */
static __always_inline __u8 ftp_algs(const struct ftp_parser *p)
{
	if (p->digits == 8 && ftp_argument_begins(p, "STATUS64"))
		return FTP_ALGS_STATUS;
	if (p->digits == 8 && ftp_argument_begins(p, "ENABLE64"))
		return FTP_ALGS_ENABLE;
	return p->digits == 9 && p->value == '4' && ftp_argument_begins(p, "DISABLE6") ?
		       FTP_ALGS_DISABLE :
		       FTP_ALGS_UNKNOWN;
}

static __always_inline void ftp_step_algs(struct ftp_parser *p, __u8 c)
{
	if (!ftp_is_blank(c)) {
		if (p->digits < sizeof(p->octet))
			p->octet[p->digits & 7] = ftp_upper(c);
		p->value = ftp_upper(c);
		if (p->digits < 10)
			p->digits++;
	} else if (p->digits) {
		p->line.delimiter = ftp_algs(p);
		p->state = FTP_STATE_SKIP;
	}
}

/* EPSV ALL, after which only blanks may follow; behind a whole address anything may. */
static __always_inline void ftp_step_tail(struct ftp_parser *p, __u8 c)
{
	if (ftp_is_blank(c) || p->line.command != FTP_COMMAND_EPSV_ALL)
		return;
	p->line.command = FTP_COMMAND_EPSV;
	p->line.delimiter = FTP_EPSV_OTHER;
	p->state = FTP_STATE_SKIP;
}

/* Does `verb` begin with the word read so far? It does if nothing is read yet. */
static __always_inline bool ftp_verb_begins(const struct ftp_parser *p, __u32 verb)
{
	return !p->digits || p->value == verb >> (8 * (4 - p->digits) & 31);
}

/* LF ends the line for all but proftpd, for which it is the option of a Telnet command. */
static __always_inline void ftp_step_option(struct ftp_parser *p, __u8 c)
{
	if (c == '\n' && p->digits) {
		p->line.command = FTP_COMMAND_OTHER;
		if (ftp_verb_begins(p, FTP_WORD('P', 'O', 'R', 'T')) ||
		    ftp_verb_begins(p, FTP_WORD('E', 'P', 'R', 'T')) ||
		    ftp_verb_begins(p, FTP_WORD('A', 'U', 'T', 'H')))
			p->line.form = FTP_FORM_AMBIGUOUS;
	}
	ftp_step_iac_over(p);
}

/*
 * pyftpdlib ends lines at CR LF only. More than 2048 bytes without it are discarded as
 * they have come by then, and what follows is read as a line.
 */
#define FTP_OVERLONG 2048

/*
 * The byte about to be fed: does it end a verb that matters, where pyftpdlib may take it for
 * the beginning of a line, and only pyftpdlib?
 */
static __always_inline bool ftp_overlong_verb(const struct ftp_parser *p, __u8 c)
{
	if (c != ' ' || p->unended < FTP_OVERLONG ||
	    (p->state == FTP_STATE_VERB && p->value == p->word))
		return false;
	return p->word == FTP_WORD('P', 'O', 'R', 'T') ||
	       p->word == FTP_WORD('E', 'P', 'R', 'T') ||
	       p->word == FTP_WORD('A', 'U', 'T', 'H') ||
	       p->word == FTP_WORD('P', 'A', 'S', 'S');
}

static __always_inline void ftp_unended(struct ftp_parser *p, __u8 c)
{
	if (c == '\n' && (p->word & 0xff) == '\r')
		p->unended = 0;
	else if (p->unended < FTP_LENGTH_MAX)
		p->unended++;
	p->word = p->word << 8 | ftp_upper(c);
}

/* One byte of the client's stream. True: it ended a line, which p->line now describes. */
static __always_inline bool ftp_feed_command(struct ftp_parser *p, __u8 c)
{
	bool ok = true;

	ftp_unended(p, c);
	switch (p->state) {
	case FTP_STATE_START:
		if (ftp_is_blank(c))
			break;
		if (c == 255) {
			p->state = FTP_STATE_IAC;
			break;
		}
		p->state = FTP_STATE_VERB;
		ftp_step_verb(p, c);
		break;
	case FTP_STATE_WORD:
		ftp_step_long(p, c);
		break;
	case FTP_STATE_IAC:
		ftp_step_command_iac(p, c);
		break;
	case FTP_STATE_SITE:
		ftp_step_site(p, c);
		break;
	case FTP_STATE_IAC_OPTION:
		ftp_step_option(p, c);
		break;
	case FTP_STATE_VERB:
		ftp_step_verb(p, c);
		break;
	case FTP_STATE_TAIL:
		ftp_step_tail(p, c);
		break;
	case FTP_STATE_PORT:
		ok = ftp_step_port(p, c);
		break;
	case FTP_STATE_EPSV:
		ftp_step_epsv(p, c);
		break;
	case FTP_STATE_ALGS:
		ftp_step_algs(p, c);
		break;
	case FTP_STATE_EPRT:
		ok = ftp_step_eprt(p, c);
		break;
	case FTP_STATE_EPRT_PROTOCOL:
		ok = ftp_step_eprt_protocol(p, c);
		break;
	case FTP_STATE_EPRT_V4:
		ok = ftp_step_eprt_v4(p, c);
		break;
	case FTP_STATE_EPRT_V6:
		ok = ftp_step_eprt_v6(p, c);
		break;
	case FTP_STATE_EPRT_PORT:
		ok = ftp_step_eprt_port(p, c);
		break;
	case FTP_STATE_ODD:
		ftp_step_odd(p, c);
		break;
	}
	if (!ok)
		p->state = FTP_STATE_SKIP;
	if (p->length < FTP_LENGTH_MAX)
		p->length++;
	if (c != '\n')
		return false;
	if (p->state == FTP_STATE_ODD && ftp_odd_is_ambiguous(p))
		p->line.form = FTP_FORM_AMBIGUOUS;
	return ftp_line_end(p);
}

/*
 * May the unfinished line in p still turn out to be PORT or EPRT with an address that a
 * server takes, however long it is? Once false, it stays false for the rest of the line.
 */
static __always_inline bool ftp_may_become_command_address(const struct ftp_parser *p)
{
	if (!p->length)
		return false;
	switch (p->state) {
	case FTP_STATE_SKIP:
	case FTP_STATE_OVER:
	case FTP_STATE_WORD:
	case FTP_STATE_EPSV:
	case FTP_STATE_ALGS:
	case FTP_STATE_SITE:
		return false;
	case FTP_STATE_TAIL:
		return p->line.form == FTP_FORM_ADDRESS;
	case FTP_STATE_START:
	case FTP_STATE_IAC:
	case FTP_STATE_IAC_OPTION:
	case FTP_STATE_VERB:
		return ftp_verb_begins(p, FTP_WORD('P', 'O', 'R', 'T')) ||
		       ftp_verb_begins(p, FTP_WORD('E', 'P', 'R', 'T'));
	}
	return true;
}

/*
 * Is the unfinished line in p one that is translated as a whole (PASV, EPSV, ALGS), or may it
 * turn out to be? Once false, it stays false.
 */
static __always_inline bool ftp_may_become_xlat(const struct ftp_parser *p)
{
	if (!p->length)
		return false;
	switch (p->state) {
	case FTP_STATE_START:
	case FTP_STATE_IAC:
	case FTP_STATE_IAC_OPTION:
	case FTP_STATE_VERB:
		return ftp_verb_begins(p, FTP_WORD('P', 'A', 'S', 'V')) ||
		       ftp_verb_begins(p, FTP_WORD('E', 'P', 'S', 'V')) ||
		       ftp_verb_begins(p, FTP_WORD('A', 'L', 'G', 'S'));
	}
	return p->line.command == FTP_COMMAND_PASV ||
	       p->line.command == FTP_COMMAND_EPSV ||
	       p->line.command == FTP_COMMAND_EPSV_ALL ||
	       p->line.command == FTP_COMMAND_ALGS;
}

/* Is the verb of the unfinished line in p not complete? */
static __always_inline bool ftp_verb_is_open(const struct ftp_parser *p)
{
	switch (p->state) {
	case FTP_STATE_START:
	case FTP_STATE_IAC:
	case FTP_STATE_IAC_OPTION:
	case FTP_STATE_VERB:
	case FTP_STATE_WORD:
		return true;
	}
	return false;
}

/* Is the unfinished line in p AUTH, or may it turn out to be? Once false, it stays false. */
static __always_inline bool ftp_may_become_auth(const struct ftp_parser *p)
{
	if (!p->length)
		return false;
	switch (p->state) {
	case FTP_STATE_START:
	case FTP_STATE_IAC:
	case FTP_STATE_IAC_OPTION:
	case FTP_STATE_VERB:
		return ftp_verb_begins(p, FTP_WORD('A', 'U', 'T', 'H'));
	}
	return p->line.command == FTP_COMMAND_AUTH;
}

#endif
