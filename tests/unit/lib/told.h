/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A row: a talk in steps, in several scenes, and the expectation at its end. */
#ifndef FTPNAT_TEST_TOLD_H
#define FTPNAT_TEST_TOLD_H

#include "talk.h"

#define STEPS 16

/* Held and answered; its acknowledgement is forwarded without it. */
#define HELD_WITH_ACK .reason = FTPNAT_ANSWERED, .also = { FTPNAT_ACK_PASSED }

struct row {
	const char *says;
	unsigned int scenes;
	void (*rule)(struct ftpnat_rule *rule);
	const char *expectation; /* at the end; NULL: none */
	struct step steps[STEPS];
};

#define ACTIVE_PUBLISH	  "$S > $P 2000 = $D 20 > $C 2000 active"
#define ACTIVE_MASQUERADE "$S > $P 2000 = $D 0 > $C 2000 active"
#define PASSIVE		  "$C > $D 2570 = $P 0 > $S 2570 passive"

#define OPENS .also = { FTPNAT_EXPECTED }

/* For rows: a rule with one data port. */
void one_port(struct ftpnat_rule *rule);

/* cmocka test of the row that is its state. */
void test_row(void **state);

/* Steps between families. */
#define PASV_IS_EPSV C("PASV\r\n", "EPSV\r\n", .also = { FTPNAT_LINE_REWRITTEN })
#define EPSV_IS_PASV C("EPSV\r\n", "PASV\r\n", .also = { FTPNAT_LINE_REWRITTEN })
#define ENTERS(port) "229 Entering Extended Passive Mode (|||" port "|)\r\n"

#endif
