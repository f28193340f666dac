/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The first word of a client's line; see ftp_grammar.h. */
#ifndef FTPNAT_BPF_FTP_VERB_H
#define FTPNAT_BPF_FTP_VERB_H

#include "ftp_number.h"

/* As ftp_parser.verb has it. */
#define FTP_VERB(a, b, c, d)                                                             \
	((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24)

/*
 * Is it more than STAT, ABOR or QUIT, and ends so? pyftpdlib takes such a word for them, since
 * a Synch may stand in front.
 */
static __always_inline bool ftp_verb_ends_synched(__u64 word)
{
	__u32 i;

	for (i = 1; i <= FTP_VERB_LEN - 4; i++)
		if (word >> 8 * i == FTP_VERB('S', 'T', 'A', 'T') ||
		    word >> 8 * i == FTP_VERB('A', 'B', 'O', 'R') ||
		    word >> 8 * i == FTP_VERB('Q', 'U', 'I', 'T'))
			return true;
	return false;
}

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

/* Does the command open a data connection? */
static __always_inline bool ftp_transfers(__u8 command)
{
	return command == FTP_COMMAND_TRANSFER || command == FTP_COMMAND_LISTING;
}

/* Does the command say where the next data connection goes? */
static __always_inline bool ftp_announces(__u8 command)
{
	switch (command) {
	case FTP_COMMAND_PORT:
	case FTP_COMMAND_EPRT:
	case FTP_COMMAND_PASV:
	case FTP_COMMAND_EPSV:
	case FTP_COMMAND_LPRT:
	case FTP_COMMAND_LPSV:
	case FTP_COMMAND_EPSV_AS_PASV:
	case FTP_COMMAND_PASV_AS_EPSV:
		return true;
	}
	return false;
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
	if (!ftp_is_plain(c) || p->fields >= FTP_VERB_LEN) {
		p->odd |= FTP_ODD_VERB;
		return;
	}
	p->line.verb[p->fields & (FTP_VERB_LEN - 1)] = ftp_upper(c);
	p->fields++;
}

/*
 * A blank ends a word for most servers, for pyftpdlib only a space does: it reads on, and
 * takes a word for STAT, ABOR or QUIT by its end.
 */
static __always_inline void ftp_word_ends(struct ftp_parser *p, __u8 c, __u8 odd)
{
	if (c == '\r')
		p->odd |= FTP_ODD_CR;
	else if (c != ' ' && c != '\n')
		p->odd |= odd;
}

/* The byte behind a CR that ended a word. */
static __always_inline void ftp_behind_cr(struct ftp_parser *p, __u8 c)
{
	if (!(p->odd & FTP_ODD_CR))
		return;
	p->odd &= (__u8)~FTP_ODD_CR;
	if (c != '\n')
		p->odd |= FTP_ODD_VERB;
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
	case FTP_WORD('L', 'I', 'S', 'T'):
	case FTP_WORD('N', 'L', 'S', 'T'):
	case FTP_WORD('M', 'L', 'S', 'D'):
		command = FTP_COMMAND_LISTING;
		break;
	case FTP_WORD('S', 'I', 'T', 'E'):
	case FTP_WORD('M', 'D', 'T', 'M'):
		p->state = FTP_STATE_SITE;
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
	if (c == FTP_TELNET_IAC) {
		p->state = FTP_STATE_IAC;
		return;
	}
	if (ftp_is_blank(c)) {
		ftp_word_ends(p, c, FTP_ODD_VERB);
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
	if (ftp_is_blank(c))
		ftp_word_ends(p, c, FTP_ODD_VERB);
	else
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

/* Does `verb` begin with the word read so far? It does if nothing is read yet. */
static __always_inline bool ftp_verb_begins(const struct ftp_parser *p, __u32 verb)
{
	return !p->digits || p->value == verb >> (8 * (4 - p->digits) & 31);
}

#endif
