/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Lines of an FTP control connection, one byte at a time (RFC 959, 1123, 2428).
 *
 * LF ends a line wherever it stands; CR counts as a blank. Telnet commands are
 * skipped before a reply code, and before and inside of a verb.
 *
 * PORT and EPRT are read as vsftpd 3.0.3, proftpd 1.3.8, pure-ftpd 1.0.50 and pyftpdlib
 * read them: FTP_FORM_ADDRESS is a line that all read alike that take it, whatever
 * follows the address; FTP_FORM_AMBIGUOUS one that some may take, each in its own way;
 * FTP_FORM_MALFORMED one that none takes (but pyftpdlib, numbers above 255).
 * 227 and 229 are read in the same way as curl, lftp, tnftp, wget and Python's ftplib read
 * them. Clients differ in the lines in front of the last one, too, so an address there is
 * FTP_FORM_AMBIGUOUS.
 *
 * Every index into the parser is masked and all of its state is in the parser:
 * kept in a map value, the verifier sees unknown scalars and few paths.
 */
#ifndef FTPNAT_BPF_FTP_GRAMMAR_H
#define FTPNAT_BPF_FTP_GRAMMAR_H

#include "ftp_command.h"
#include "ftp_reply.h"
#include "ftp_unfinished.h"

#endif
