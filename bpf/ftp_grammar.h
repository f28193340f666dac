/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Lines of an FTP control connection, one byte at a time (RFC 959, 1123, 2428).
 *
 * LF ends a line wherever it stands; CR counts as a blank. Telnet commands are
 * skipped before a verb or a reply code, and nowhere else. A line of PORT, EPRT,
 * 227 or 229 is FTP_FORM_MALFORMED until its address is complete, and again when
 * anything comes that must not follow. Where a peer might read it in two ways
 * (seven numbers in 227, octal-looking octets in EPRT), it is malformed.
 *
 * Every index into the parser is masked and all of its state is in the parser:
 * kept in a map value, the verifier sees unknown scalars and few paths.
 */
#ifndef FTPNAT_BPF_FTP_GRAMMAR_H
#define FTPNAT_BPF_FTP_GRAMMAR_H

#include "ftp_command.h"
#include "ftp_reply.h"

#endif
