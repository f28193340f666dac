/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What an unfinished line of the client may turn out to be; see ftp_grammar.h. */
#ifndef FTPNAT_BPF_FTP_UNFINISHED_H
#define FTPNAT_BPF_FTP_UNFINISHED_H

#include "ftp_verb.h"

/* Is the verb of the line not complete, and not longer than any of ours yet? */
static __always_inline bool ftp_in_verb(const struct ftp_parser *p)
{
	return p->state == FTP_STATE_START || p->state == FTP_STATE_IAC ||
	       p->state == FTP_STATE_IAC_OPTION || p->state == FTP_STATE_VERB;
}

/*
 * May the unfinished line in p still turn out to be PORT or EPRT with an address that a
 * server takes, however long it is? Once false, it stays false for the rest of the line.
 */
static __always_inline bool ftp_may_become_command_address(const struct ftp_parser *p)
{
	if (!p->length)
		return false;
	if (ftp_in_verb(p))
		return ftp_verb_begins(p, FTP_WORD('P', 'O', 'R', 'T')) ||
		       ftp_verb_begins(p, FTP_WORD('E', 'P', 'R', 'T'));
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
	if (ftp_in_verb(p))
		return ftp_verb_begins(p, FTP_WORD('P', 'A', 'S', 'V')) ||
		       ftp_verb_begins(p, FTP_WORD('E', 'P', 'S', 'V')) ||
		       ftp_verb_begins(p, FTP_WORD('A', 'L', 'G', 'S'));
	return p->line.command == FTP_COMMAND_PASV ||
	       p->line.command == FTP_COMMAND_EPSV ||
	       p->line.command == FTP_COMMAND_EPSV_ALL ||
	       p->line.command == FTP_COMMAND_ALGS;
}

/* Does more of the unfinished line in p say which verb it has, or how servers read it? */
static __always_inline bool ftp_verb_is_open(const struct ftp_parser *p)
{
	return ftp_in_verb(p) || p->state == FTP_STATE_WORD || p->odd & FTP_ODD_CR;
}

/* Is the unfinished line in p AUTH, or may it turn out to be? Once false, it stays false. */
static __always_inline bool ftp_may_become_auth(const struct ftp_parser *p)
{
	if (!p->length)
		return false;
	if (ftp_in_verb(p))
		return ftp_verb_begins(p, FTP_WORD('A', 'U', 'T', 'H'));
	return p->line.command == FTP_COMMAND_AUTH;
}

#endif
