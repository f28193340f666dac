/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rows of `commands`, `tls` and `banner`: what is refused, and what each end gets in its place. */
#ifndef FTPNAT_TEST_POLICY_H
#define FTPNAT_TEST_POLICY_H

#include "told.h"

/* For rows: rules with `commands`, with `tls: require`. */
void read_only(struct ftpnat_rule *rule);
void deny(struct ftpnat_rule *rule);
void tls_first(struct ftpnat_rule *rule);

#define BLANKS50  "                                                  "
#define BLANKS300 BLANKS50 BLANKS50 BLANKS50 BLANKS50 BLANKS50 BLANKS50

#define ALL	 (IN_ALL | IN(NAT64) | IN(NAT46) | IN(MASQ64))
#define SOME	 (IN(KEEP4) | IN(FULL6) | IN(GROW4) | IN(MASQ6))
#define ONE	 (IN(KEEP4) | IN(MASQ4))
#define DENIED	 "DENIED\r\n"
#define R550	 "550 This command is refused here.\r\n"
#define R502	 "502 This command is refused here.\r\n"
#define R530	 "530 TLS is required here, AUTH TLS comes first.\r\n"
#define R534	 "534 TLS is refused here.\r\n"
#define REFUSED	 .also = { FTPNAT_LINE_COMMAND }
#define REFUSED2 .also = { FTPNAT_LINE_COMMAND, FTPNAT_LINE_COMMAND }
#define FIRST	 .also = { FTPNAT_LINE_TLS_FIRST }
#define NO	 S("500 What?\r\n", R550)
#define NO_VERB	 S("500 What?\r\n", R502)
/* The server has nothing new, all before is acknowledged. */
#define DROPPED .reason = FTPNAT_ANSWERED
#define HELD	.reason = FTPNAT_ANSWERED

/* After a refusal: the session is in step. */
#define STEP C("NOOP\r\n"), S("200 ok\r\n")

#endif
