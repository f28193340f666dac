/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Arguments of the client's commands, but for addresses; see ftp_grammar.h. */
#ifndef FTPNAT_BPF_FTP_ARGUMENT_H
#define FTPNAT_BPF_FTP_ARGUMENT_H

#include "ftp_verb.h"

#define FTP_TIME_LEN 14 /* of MDTM's time, YYYYMMDDHHMMSS */

/* The word is over. Some servers set a file's time where one follows MDTM: "TIME". */
static __always_inline void ftp_site_end(struct ftp_parser *p)
{
	p->state = FTP_STATE_SKIP;
	if (p->line.verb[0] != 'M') {
		if (p->groups > FTP_VERB_LEN)
			p->odd |= FTP_ODD_WORD;
		return;
	}
	p->odd &= (__u8)~FTP_ODD_WORD;
	__builtin_memset(p->line.site, 0, sizeof(p->line.site));
	if (p->groups != FTP_TIME_LEN || p->digits != FTP_TIME_LEN)
		return;
	p->line.site[0] = 'T';
	p->line.site[1] = 'I';
	p->line.site[2] = 'M';
	p->line.site[3] = 'E';
}

static __always_inline void ftp_step_site(struct ftp_parser *p, __u8 c)
{
	if (ftp_is_blank(c)) {
		if (p->groups) {
			ftp_word_ends(p, c, FTP_ODD_WORD);
			ftp_site_end(p);
		}
		return;
	}
	if (!ftp_is_plain(c))
		p->odd |= FTP_ODD_WORD;
	else if (p->groups < FTP_VERB_LEN)
		p->line.site[p->groups & (FTP_VERB_LEN - 1)] = ftp_upper(c);
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

	for (i = 0; i < sizeof(p->line.site); i++)
		differs |= p->line.site[i] ^ (__u8)word[i];
	return !differs;
}

/* What the argument asks for: its first eight characters are in `site`. */
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
		if (p->digits < sizeof(p->line.site))
			p->line.site[p->digits & (FTP_VERB_LEN - 1)] = ftp_upper(c);
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

#endif
