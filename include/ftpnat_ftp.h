/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The FTP grammar, fed one byte at a time: one source for the BPF programs and
 * for the host (unit tests, fuzzer). It allocates nothing, loops over nothing
 * that a peer controls and keeps all its state in struct ftp_parser.
 */
#ifndef FTPNAT_FTP_H
#define FTPNAT_FTP_H

#include <linux/types.h>

#include "ftpnat_types.h"

#define FTP_VERB_LEN 8 /* longest command that policy can name */

#define FTP_FIRST_DATA_PORT 1024 /* RFC 2577 section 3: no data connection to one below */

/* Client's commands that matter to NAT; everything else is FTP_COMMAND_OTHER. */
enum ftp_command {
	FTP_COMMAND_NONE, /* empty line */
	FTP_COMMAND_OTHER,
	FTP_COMMAND_PORT,
	FTP_COMMAND_EPRT,
	FTP_COMMAND_PASV,
	FTP_COMMAND_EPSV,
	FTP_COMMAND_EPSV_ALL, /* RFC 2428 section 4 */
	FTP_COMMAND_LPRT,     /* RFC 1639 */
	FTP_COMMAND_LPSV,
	FTP_COMMAND_AUTH, /* RFC 4217 */
	FTP_COMMAND_CCC,
	FTP_COMMAND_REIN,
	FTP_COMMAND_ABOR,
	FTP_COMMAND_STAT,
	FTP_COMMAND_QUIT,
	FTP_COMMAND_PASS,
	FTP_COMMAND_ALIEN, /* another protocol's line: HTTP request, header, SSH banner */
	FTP_COMMAND_BINARY, /* first word with bytes that no text has */
	FTP_COMMAND_ALGS,   /* RFC 6384 section 11 */
	FTP_COMMAND_USER,
	FTP_COMMAND_TRANSFER, /* one of enum ftp_transfer */
	/* across families: what the client said, as what the server reads (RFC 6384) */
	FTP_COMMAND_EPSV_AS_PASV,
	FTP_COMMAND_PASV_AS_EPSV,
	FTP_COMMAND_LISTING, /* LIST, NLST, MLSD: a transfer without a file */
	FTP_COMMAND_MAX
};

/* Commands that transfer a file (RFC 959 section 4.1.3). */
enum ftp_transfer {
	FTP_TRANSFER_NONE,
	FTP_TRANSFER_RETR,
	FTP_TRANSFER_STOR,
	FTP_TRANSFER_STOU,
	FTP_TRANSFER_APPE,
	FTP_TRANSFER_MAX
};

/* The argument of ALGS. */
enum ftp_algs { FTP_ALGS_UNKNOWN, FTP_ALGS_STATUS, FTP_ALGS_ENABLE, FTP_ALGS_DISABLE };

#define FTP_EPSV_OTHER '?' /* an argument of EPSV that is longer than a character */
/* ftp_parser.odd of a client's line: a word that servers may read in different ways */
/* Other than FTP_VERB_LEN letters and digits, or a Telnet command. */
#define FTP_ODD_VERB 1
#define FTP_ODD_WORD 2 /* of SITE, its first argument */
#define FTP_ODD_CR   4 /* CR ended one: it is odd unless LF is next */

enum ftp_form {
	FTP_FORM_PLAIN,	    /* carries no address */
	FTP_FORM_ADDRESS,   /* PORT, EPRT, 227 or 229 with a valid address */
	FTP_FORM_MALFORMED, /* one of these that no known peer can parse */
	FTP_FORM_AMBIGUOUS, /* one of these that some peer may take, each in its way */
};

/* What a finished line says. Offsets count from the line's first byte. */
struct ftp_line {
	__u8 command;	/* enum ftp_command, client's lines */
	__u8 form;	/* enum ftp_form */
	__u8 final;	/* server's lines: last line of a reply */
	__u8 delimiter; /* EPRT, 229; EPSV: its argument, or FTP_EPSV_OTHER; ALGS: enum ftp_algs; TRANSFER: enum ftp_transfer */
	__u16 code; /* server's lines: reply code of a line that carries one, else 0 */
	/*
	 * The bytes to replace: from the first byte of the numbers (EPRT: of the address)
	 * to the last digit of the port; FTP_FORM_AMBIGUOUS: to the end of the line, of a
	 * server's line that is not final from the first byte that a client may read
	 */
	__u16 span_start;
	__u16 span_len;
	__u16 port; /* host order */
	union {
		__be32 addr[4]; /* FTP_FORM_ADDRESS: IPv4 as ::ffff:a.b.c.d; 229: not set */
		/* before, and of all other lines, private to the grammar and to policy */
		__be16 group[8];		 /* EPRT */
		struct {			 /* in upper case, the rest zero */
			__u8 verb[FTP_VERB_LEN]; /* of commands but PORT and EPRT */
			union {
				/* the first argument of SITE, MDTM and ALGS, see ftp_step_site() */
				__u8 site[FTP_VERB_LEN];
				__u8 octet[8]; /* see ftp_octet() */
			};
		};
	};
};

/*
 * Private to the grammar but for `line` (once a line is over) and `length`.
 * All zero is a line's start outside of any reply.
 */
struct ftp_parser {
	struct ftp_line line;
	__u32 value; /* number, IPv6 group or verb being read */
	__u32 word;  /* commands: the last four bytes, in capitals; outlives the line */
	__u16 length; /* bytes of the line so far, 0 at a line's start, saturating at 65535 */
	__u16 reply; /* code of the multi-line reply that is open, outlives the line; 0: none */
	__u16 unended; /* commands: bytes since the last CR LF, as `length`; outlives the line */
	__u8 state;
	__u8 digits;   /* letters or hex digits in `value` */
	__u8 number;   /* PORT, EPRT: enum ftp_number, how far `value` is read */
	__u8 fields;   /* numbers before this one; 229: delimiters in a row */
	__u8 protocol; /* EPRT: 1 or 2 */
	__u8 groups;   /* IPv6 groups before this one */
	__u8 gap; /* groups before the '::', plus one, 0: none seen; 227: blanks after commas */
	__u8 colons;	 /* colons since the last IPv6 group */
	__u8 separators; /* commas or delimiters; PORT, EPRT: once something odd was seen */
	__u8 odd; /* 227: clients differ in the numbers at hand; 229: '(' was seen; FTP_ODD_* */
};

_Static_assert(sizeof(struct ftp_line) == 28, "no padding");
_Static_assert(sizeof(struct ftp_parser) == 52, "no padding");

#endif
