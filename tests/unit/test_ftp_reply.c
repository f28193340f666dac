// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The server's half of the FTP grammar (bpf/ftp_reply.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ftp_reply.h"
#include "lib/ftp_rows.h"
#include "base/util.h"

#define R227(text, addr, port, span) GOOD("227" text "\r\n", 227, addr, port, span)
#define BAD_227(text)		     BAD("227" text "\r\n", 227)
#define ODD_227(text)		     ODD("227" text "\r\n", 227)
#define R229(text, port, span)	     GOOD("229" text "\r\n", 229, NULL, port, span)
#define BAD_229(text)		     BAD("229" text "\r\n", 229)
#define ODD_229(text)		     ODD("229" text "\r\n", 229)

static const struct row replies[] = {
	PLAIN("200 ok\r\n", 200),
	PLAIN("200\r\n", 200),
	PLAIN("200\n", 200),
	PLAIN("226 done (127,0,0,1,4,1)\r\n", 226),
	PLAIN("\xff\xfc\x06"
	      "200 ok\r\n",
	      200),
	PLAIN("\r\n", 0),
	PLAIN("hello 227 (127,0,0,1,4,1)\r\n", 0),
	PLAIN(" 227 (127,0,0,1,4,1)\r\n", 0),
	PLAIN("2260 (127,0,0,1,4,1)\r\n", 0),
	PLAIN("22 7 (127,0,0,1,4,1)\r\n", 0),
	PLAIN("027 (127,0,0,1,4,1)\r\n", 0),
	PLAIN("228 (127,0,0,1,4,1)\r\n", 228),
	PLAIN("227-Entering Passive Mode\r\n", 227),
	PLAIN("229-\r\n", 229),
	ODD("227-Entering Passive Mode (127,0,0,1,4,1)\r\n", 227),
	ODD("229-Entering (|||99|)\r\n", 229),
	ODD("227-1\r\n", 227),
	PLAIN("234 AUTH TLS successful\r\n", 234),
	PLAIN("150 " X200 X200 "\r\n", 150),

	R227(" Entering Passive Mode (192,168,1,2,200,13).", "192.168.1.2", 51213,
	     "192,168,1,2,200,13"),
	R227(" Entering Passive Mode 192,168,1,2,200,13", "192.168.1.2", 51213,
	     "192,168,1,2,200,13"),
	R227(" =127,0,0,1,4,1", "127.0.0.1", 1025, "127,0,0,1,4,1"),
	R227(" 127,0,0,1,4,1", "127.0.0.1", 1025, "127,0,0,1,4,1"),
	R227(" 3 of 4,5 (1,2,3) 127,0,0,1,4,1 and 9,9,9,9,9,9", "127.0.0.1", 1025,
	     "127,0,0,1,4,1"),
	ODD_227(" 256,0,0,1,4,1 127,0,0,1,4,1"),
	ODD_227(" 0127,0,0,1,4,1 127,0,0,1,4,1"),
	R227(" 1,2,3,4,5,6,7 127,0,0,1,4,1", "1.2.3.4", 1286, "1,2,3,4,5,6"),
	ODD_227(" 1,,127,0,0,1,4,1"),
	R227(" 127,0,0,1,4,1,", "127.0.0.1", 1025, "127,0,0,1,4,1"),
	R227(" 127,0,0,1,4,1,,2", "127.0.0.1", 1025, "127,0,0,1,4,1"),
	ODD_227(" 1,2,3,4,5, 127,0,0,1,4,1"),
	R227(" x127,000,000,001,004,001y", "127.0.0.1", 1025, "127,000,000,001,004,001"),
	ODD_227(" \xff\0(127,0,0,1,4,1)\0"),
	BAD_227(""),
	BAD_227(" "),
	BAD_227(" Entering Passive Mode"),
	BAD_227(" (127,0,0,1,4)"),
	ODD_227(" (127,0,0,1,0,0)"),
	ODD_227(" (127,0,0,1,4,256)"),
	ODD_227(" (1000,0,0,1,4,1)"),
	ODD_227(" (4294967423,0,0,1,4,1)"),
	R227(" (1,2,3,4,5,6,7)", "1.2.3.4", 1286, "1,2,3,4,5,6"),
	R227(" (1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20)", "1.2.3.4", 1286,
	     "1,2,3,4,5,6"),
	R227(" (127, 0, 0, 1, 4, 1)", "127.0.0.1", 1025, "127, 0, 0, 1, 4, 1"),
	R227(" 127,0, 0,1,4,1 x", "127.0.0.1", 1025, "127,0, 0,1,4,1"),
	ODD_227(" (127, 0, 0, 1, 4, 1) 2"),
	ODD_227(" (127, 0,0,1,4,1,2)"),
	ODD_227(" (127, 0, 0, 1, 4, +1)"),
	ODD_227(" (127, 0, 0, 1, 4, 256)"),
	ODD_227(" (127,0,0,1,4, 1)"),
	BAD_227(" (127, 0, 0, 1, 4)"),
	BAD_227(" (127.0.0.1.4.1)"),
	BAD_227(" (|||99|)"),
	ODD_227(" (127,0,0,1,4,1)" X200 X50),
	ODD_227(" " X200 X50 "(127,0,0,1,4,1)"),
	BAD_227(" " X200 X50 "(127,0,0,1,4)"),
	ODD_227("(127,0,0,1,4,1)"),
	ODD_227("0 (127,0,0,1,4,1)"),
	ODD_227("x"),
	R227("\t(127,0,0,1,4,1)", "127.0.0.1", 1025, "127,0,0,1,4,1"),
	ODD_227(" 127,007,0,08,4,1"),
	R227(" 127,007,0,1,08,010", "127.7.0.1", 2058, "127,007,0,1,08,010"),
	ODD_227(" (010,0,0,1,4,1)"),
	ODD_227(" (127,0,0,1,4,+1)"),
	ODD_227(" (127,0,0,1,4,)"),
	ODD_227(" (127,0,0,1,-4,1)"),
	ODD_227(" 1,,,,,"),

	R229(" Entering Extended Passive Mode (|||6446|)", 6446, "6446"),
	R229(" Entering Extended Passive Mode (|||6446|).", 6446, "6446"),
	R229(" |||6446|", 6446, "6446"),
	R229(" (!!!65535!)", 65535, "65535"),
	R229(" ....1.", 1, "1"),
	R229(" (|||00021|)", 21, "00021"),
	ODD_229(" (|||6446!) (|||99|)"),
	ODD_229(" (|||) (||12|) ,,,34,"),
	ODD_229(" 5 |||6446|||99|"),
	R229(" Mode 2 of 3 (|||6446|)", 6446, "6446"),
	R229(" |||5|(|||6446|)", 6446, "6446"),
	R229(" |||5(|||6446|)", 6446, "6446"),
	ODD_229(" 5 |||6446|"),
	ODD_229(" 5 (no)"),
	ODD_229(" 5 (|||6446"),
	ODD_229(" 5 \xff\xf1(|||6446|)"),
	ODD_229(" |||5|\xff\xf1(|||6446|)"),
	R229(" |||000005 (|||6446|)", 6446, "6446"),
	R229(" |||0| (|||6446|)", 6446, "6446"),
	R229(" |||65536| (|||6446|)", 6446, "6446"),
	ODD_229(" |||000005 (no)"),
	R229(" |||1|2|||3|", 1, "1"),
	ODD_229(" x|||1!!!2!"),
	BAD_229(""),
	BAD_229(" Entering Extended Passive Mode"),
	ODD_229(" (||6446|)"),
	ODD_229(" (|||6446)"),
	ODD_229(" (|||6446"),
	ODD_229(" (||||)"),
	BAD_229(" (sorry)"),
	R229(" ((((6446(", 6446, "6446"),
	R229(" |||5| (|||6446|)", 6446, "6446"),
	ODD_229(" |||5| (no)"),
	ODD_229("(|||6446|)"),
	ODD_229(" (\xe9\xe9\xe9\xd9\xa3\xe9)"),
	ODD_229(" (|1|127.0.0.1|6446|)"),
	ODD_229(" (|||0|)"),
	ODD_229(" (|||65536|)"),
	ODD_229(" (|||65557|)"),
	ODD_229(" (|||000021|)"),
	ODD_229(" (|||4294967317|)"),
	ODD_229(" (|||0|) (|||99|)"),
	ODD_229(" (||| 99|)"),
	ODD_229(" (|||99 |)"),
	ODD_229(" (| ||99|)"),
	ODD_229(" (|||6|4|4|)" X200 X50),
	ODD_229(" 11112341"),
	ODD_229(" \x7f\x7f\x7f"
		"99\x7f"),
};

static const struct may_row may_replies[] = {
	{ BYTES(""), 0 },
	{ BYTES("2"), 1 },
	{ BYTES("22"), 1 },
	{ BYTES("227"), 1 },
	{ BYTES("229"), 1 },
	{ BYTES("227 "), 1 },
	{ BYTES("227 Entering"), 1 },
	{ BYTES("227 (1,2,3,4,5,6)"), 1 },
	{ BYTES("229 (|||99|"), 1 },
	{ BYTES("\xff\xfb"), 1 },
	{ BYTES("\xff\xfb\x01"), 1 },
	{ BYTES("1"), 0 },
	{ BYTES("21"), 0 },
	{ BYTES("221"), 0 },
	{ BYTES("2270"), 1 },
	{ BYTES("227-"), 1 },
	{ BYTES("227 (1,2,3,4,0,0)"), 1 },
	{ BYTES("229 (|||0|"), 1 },
	{ BYTES("227-a\r\n2"), 1 },
	{ BYTES("227-a\r\n227"), 1 },
	{ BYTES("227-a\r\n229"), 1 },
	{ BYTES("227-a\r\n227-"), 1 },
	{ BYTES("227-a\r\n5"), 1 },
	{ BYTES("227-a\r\nx"), 1 },
	{ BYTES("230-a\r\n2"), 1 },
	{ BYTES("230-a\r\n23"), 0 },
	{ BYTES("230-a\r\nx"), 0 },
	{ BYTES("230-a\r\n227"), 1 },
	{ BYTES("230-a\r\n230 b\r\n22"), 1 },
	{ BYTES("227 " X200 X50), 1 },
	{ BYTES("227 " X200 X50 "x"), 1 },
};

static int feed(struct ftp_parser *p, __u8 c)
{
	return ftp_feed_reply(p, c);
}

static int may(const struct ftp_parser *p)
{
	return ftp_may_become_reply_address(p);
}

static void test_replies(void **state)
{
	(void)state;
	ftp_run_rows(replies, ARRAY_SIZE(replies), feed, may, 1);
}

static void test_may_become(void **state)
{
	(void)state;
	ftp_run_may(may_replies, ARRAY_SIZE(may_replies), feed, may);
}

/* Of each line: code, final, form as "227!A" or "000-P". */
static const struct {
	const char *stream;
	const char *lines;
} streams[] = {
	{ "220 a\r\n230 b\r\n", "220!P 230!P " },
	{ "230-a\r\n 230 b\r\nc\r\n\r\n231 d\r\n230-e\r\n230 f\r\n200 g\r\n",
	  "230-P 000-P 000-P 000-P 000-P 000-P 230!P 200!P " },
	{ "211-Features:\r\n EPSV\r\n UTF8\r\n211 End\r\n", "211-P 000-P 000-P 211!P " },
	{ "227-a (1,2,3,4,5,6)\r\n(1,2,3,4,5,6)\r\n227 b (127,0,0,1,4,1)\r\n",
	  "227-? 000-? 227!A " },
	{ "230-a\r\n227 b (127,0,0,1,4,1)\r\n229 (|||9|)\r\n230 c\r\n227 (1,2,3,4,5,6)\n",
	  "230-P 000-? 000-? 230!P 227!A " },
	{ "229-a\n229-(|||9|)\n227 (1,2,3,4,5,6)\n229 (|||9|)\n",
	  "229-P 000-? 000-? 229!A " },
	{ "227-a\r\n227\r\n227 b\r\n", "227-P 227!M 227!M " },
	{ "220-\n220\n", "220-P 220!P " },
};

static void test_multi_line(void **state)
{
	static const char form[] = "PAM?";

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(streams); i++) {
		struct ftp_parser p = { 0 };
		char said[256] = "";

		for (const char *s = streams[i].stream; *s; s++) {
			if (!ftp_feed_reply(&p, *s))
				continue;
			snprintf(said + strlen(said), sizeof(said) - strlen(said),
				 "%03u%c%c ", p.line.code, p.line.final ? '!' : '-',
				 form[p.line.form]);
			ftp_line_start(&p);
		}
		assert_string_equal(said, streams[i].lines);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_may_become),
		cmocka_unit_test(test_multi_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
