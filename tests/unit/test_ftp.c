// SPDX-License-Identifier: GPL-2.0-only
/* The FTP grammar (bpf/ftp_grammar.h) and the writers (bpf/ftp_text.h). */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ftp_grammar.h"
#include "ftp_text.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define BYTES(s)      (s), sizeof(s) - 1

typedef int (*feed_fn)(struct ftp_parser *p, __u8 c);
typedef int (*may_fn)(const struct ftp_parser *p);

static int feed_command(struct ftp_parser *p, __u8 c)
{
	return ftp_feed_command(p, c);
}

static int feed_reply(struct ftp_parser *p, __u8 c)
{
	return ftp_feed_reply(p, c);
}

static int may_command(const struct ftp_parser *p)
{
	return ftp_may_become_command_address(p);
}

static int may_reply(const struct ftp_parser *p)
{
	return ftp_may_become_reply_address(p);
}

/* One line and what it says; `span` is the text that would be replaced. */
struct row {
	const char *text;
	size_t len;
	int command; /* of a reply: its code */
	int form;
	const char *addr;
	unsigned int port;
	const char *span;
};

#define PLAIN(text, command)                                                             \
	{                                                                                \
		BYTES(text), command, FTP_FORM_PLAIN, NULL, 0, NULL                      \
	}
#define BAD(text, command)                                                               \
	{                                                                                \
		BYTES(text), command, FTP_FORM_MALFORMED, NULL, 0, NULL                  \
	}
#define GOOD(text, command, addr, port, span)                                            \
	{                                                                                \
		BYTES(text), command, FTP_FORM_ADDRESS, addr, port, span                 \
	}

#define PORT(args, addr, port, span) GOOD("PORT" args, FTP_COMMAND_PORT, addr, port, span)
#define BAD_PORT(args)		     BAD("PORT" args, FTP_COMMAND_PORT)
#define EPRT(args, addr, port, span)                                                     \
	GOOD("EPRT " args "\r\n", FTP_COMMAND_EPRT, addr, port, span)
#define BAD_EPRT(args)		     BAD("EPRT" args "\r\n", FTP_COMMAND_EPRT)
#define R227(text, addr, port, span) GOOD("227" text "\r\n", 227, addr, port, span)
#define BAD_227(text)		     BAD("227" text "\r\n", 227)
#define R229(text, port, span)	     GOOD("229" text "\r\n", 229, NULL, port, span)
#define BAD_229(text)		     BAD("229" text "\r\n", 229)

#define X50  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X200 X50 X50 X50 X50
#define S50  "                                                  "
#define S200 S50 S50 S50 S50

static const struct row commands[] = {
	PLAIN("\n", FTP_COMMAND_NONE),
	PLAIN("\r\n", FTP_COMMAND_NONE),
	PLAIN("  \t \r\n", FTP_COMMAND_NONE),
	PLAIN("\xff\xf2\r\n", FTP_COMMAND_NONE),
	PLAIN("\xff\xfb\n", FTP_COMMAND_NONE),
	PLAIN("\xff\n", FTP_COMMAND_OTHER),
	PLAIN("NOOP\r\n", FTP_COMMAND_OTHER),
	PLAIN("USER ftp\r\n", FTP_COMMAND_OTHER),
	PLAIN("P\r\n", FTP_COMMAND_OTHER),
	PLAIN("PORTX 10,0,0,1,4,1\r\n", FTP_COMMAND_OTHER),
	PLAIN("XPORT 10,0,0,1,4,1\r\n", FTP_COMMAND_OTHER),
	PLAIN("PORT,10,0,0,1,4,1\r\n", FTP_COMMAND_OTHER),
	PLAIN("PORT\0 10,0,0,1,4,1\r\n", FTP_COMMAND_OTHER),
	PLAIN("STOR PORT 10,0,0,1,4,1\r\n", FTP_COMMAND_OTHER),
	PLAIN("\xff\xffPORT 10,0,0,1,4,1\r\n", FTP_COMMAND_OTHER),
	PLAIN("\xff\x01PORT 10,0,0,1,4,1\r\n", FTP_COMMAND_OTHER),
	PLAIN("\0CCC\r\n", FTP_COMMAND_OTHER),
	PLAIN("CCC\0\r\n", FTP_COMMAND_OTHER),
	PLAIN("\x80\xfe\n", FTP_COMMAND_OTHER),
	PLAIN("MKD " X200 X200 "\r\n", FTP_COMMAND_OTHER),
	PLAIN("PASV\r\n", FTP_COMMAND_PASV),
	PLAIN("pAsV\n", FTP_COMMAND_PASV),
	PLAIN("PASV  \t \r\n", FTP_COMMAND_PASV),
	PLAIN(" \tPASV\r\n", FTP_COMMAND_PASV),
	PLAIN("PASV x\r\n", FTP_COMMAND_PASV),
	PLAIN("EPSV\r\n", FTP_COMMAND_EPSV),
	PLAIN("EPSV 1\r\n", FTP_COMMAND_EPSV),
	PLAIN("epsv 2\r\n", FTP_COMMAND_EPSV),
	PLAIN("EPSV AL\r\n", FTP_COMMAND_EPSV),
	PLAIN("EPSV ALLX\r\n", FTP_COMMAND_EPSV),
	PLAIN("EPSV ALLXXXX\r\n", FTP_COMMAND_EPSV),
	PLAIN("EPSV ALL X\r\n", FTP_COMMAND_EPSV),
	PLAIN("EPSV \0ALL\r\n", FTP_COMMAND_EPSV),
	PLAIN("EPSV ALL\r\n", FTP_COMMAND_EPSV_ALL),
	PLAIN("Epsv \t all  \n", FTP_COMMAND_EPSV_ALL),
	PLAIN("LPRT 4,4,10,0,0,1,2,4,1\r\n", FTP_COMMAND_LPRT),
	PLAIN("LPSV\r\n", FTP_COMMAND_LPSV),
	PLAIN("AUTH TLS\r\n", FTP_COMMAND_AUTH),
	PLAIN("auth\r\n", FTP_COMMAND_AUTH),
	PLAIN("CCC\r\n", FTP_COMMAND_CCC),
	PLAIN("ccc \r\n", FTP_COMMAND_CCC),
	PLAIN("REIN\r\n", FTP_COMMAND_REIN),
	PLAIN("ABOR\r\n", FTP_COMMAND_ABOR),
	PLAIN("\xff\xf4\xff\xf2"
	      "ABOR\r\n",
	      FTP_COMMAND_ABOR),
	PLAIN("\xff\xf2"
	      "ABOR\r\n",
	      FTP_COMMAND_ABOR),
	PLAIN("\xff\xfb\x01\xff\xfe\x06 ABOR\r\n", FTP_COMMAND_ABOR),
	PLAIN("\xf2"
	      "ABOR\r\n",
	      FTP_COMMAND_OTHER),
	PLAIN("AB\xff\xf2OR\r\n", FTP_COMMAND_OTHER),
	PLAIN("\xff\xf4\xff\xf2STAT\r\n", FTP_COMMAND_STAT),
	PLAIN("STAT /pub\r\n", FTP_COMMAND_STAT),
	PLAIN("QUIT\r\n", FTP_COMMAND_QUIT),

	PORT(" 10,0,0,1,4,1\r\n", "10.0.0.1", 1025, "10,0,0,1,4,1"),
	PORT(" 10,0,0,1,4,1\n", "10.0.0.1", 1025, "10,0,0,1,4,1"),
	PORT("  \t 10,0,0,1,4,1 \t \r\n", "10.0.0.1", 1025, "10,0,0,1,4,1"),
	PORT(" 255,255,255,255,255,255\r\n", "255.255.255.255", 65535,
	     "255,255,255,255,255,255"),
	PORT(" 0,0,0,0,0,1\r\n", "0.0.0.0", 1, "0,0,0,0,0,1"),
	PORT(" 010,000,00,001,004,001\r\n", "10.0.0.1", 1025, "010,000,00,001,004,001"),
	PORT(" 10,0,0,1,4,1" S200 "\r\n", "10.0.0.1", 1025, "10,0,0,1,4,1"),
	GOOD("port 10,0,0,1,4,1\r\n", FTP_COMMAND_PORT, "10.0.0.1", 1025, "10,0,0,1,4,1"),
	GOOD(" PoRt 10,0,0,1,4,1\r\n", FTP_COMMAND_PORT, "10.0.0.1", 1025,
	     "10,0,0,1,4,1"),
	GOOD("\xff\xf2PORT 10,0,0,1,4,1\r\n", FTP_COMMAND_PORT, "10.0.0.1", 1025,
	     "10,0,0,1,4,1"),
	GOOD("\xff\xfd\x06PORT 1,2,3,4,5,6\r\n", FTP_COMMAND_PORT, "1.2.3.4", 1286,
	     "1,2,3,4,5,6"),
	BAD_PORT("\r\n"),
	BAD_PORT("\n"),
	BAD_PORT(" \r\n"),
	BAD_PORT(" 10,0,0,1,4\r\n"),
	BAD_PORT(" 10,0,0,1,4,\r\n"),
	BAD_PORT(" 10,0,0,1,4,1,\r\n"),
	BAD_PORT(" 10,0,0,1,4,1,2\r\n"),
	BAD_PORT(" 10,0,0,1,0,0\r\n"),
	BAD_PORT(" 256,0,0,1,4,1\r\n"),
	BAD_PORT(" 10,0,0,1,256,1\r\n"),
	BAD_PORT(" 10,0,0,1,4,999\r\n"),
	BAD_PORT(" 0010,0,0,1,4,1\r\n"),
	BAD_PORT(" 4294967306,0,0,1,4,1\r\n"),
	BAD_PORT(" 10,,0,1,4,1,1\r\n"),
	BAD_PORT(" ,10,0,0,1,4,1\r\n"),
	BAD_PORT(" 10, 0,0,1,4,1\r\n"),
	BAD_PORT(" 10 ,0,0,1,4,1\r\n"),
	BAD_PORT(" 10,0,0,1,4,1 x\r\n"),
	BAD_PORT(" 10,0,0,1,4,1\0\r\n"),
	BAD_PORT(" 10,0,0,1,4,1)\r\n"),
	BAD_PORT(" (10,0,0,1,4,1)\r\n"),
	BAD_PORT(" 10.0.0.1.4.1\r\n"),
	BAD_PORT(" -1,0,0,1,4,1\r\n"),
	/* 255 bytes, and one too many */
	PORT(" 10,0,0,1,4,1" S200 "                                     \n", "10.0.0.1",
	     1025, "10,0,0,1,4,1"),
	BAD_PORT(" 10,0,0,1,4,1" S200 "                                      \n"),
	BAD_PORT(" " S200 S50 "10,0,0,1,4,1\r\n"),

	EPRT("|1|132.235.1.2|6275|", "132.235.1.2", 6275, "132.235.1.2|6275"),
	EPRT("|2|1080::8:800:200C:417A|5282|", "1080::8:800:200c:417a", 5282,
	     "1080::8:800:200C:417A|5282"),
	EPRT(" \t |1|10.0.0.1|00021|  ", "10.0.0.1", 21, "10.0.0.1|00021"),
	EPRT("!1!10.0.0.1!65535!", "10.0.0.1", 65535, "10.0.0.1!65535"),
	EPRT("~2~::~1~", "::", 1, "::~1"),
	EPRT("$2$::1$1$", "::1", 1, "::1$1"),
	EPRT("|2|1::|1|", "1::", 1, "1::|1"),
	EPRT("|2|2001:0db8:0001:0000:0000:0000:0000:0005|99|", "2001:db8:1::5", 99,
	     "2001:0db8:0001:0000:0000:0000:0000:0005|99"),
	EPRT("|2|1:2:3:4:5:6:7::|99|", "1:2:3:4:5:6:7:0", 99, "1:2:3:4:5:6:7::|99"),
	EPRT("|2|::2:3:4:5:6:7:8|99|", "0:2:3:4:5:6:7:8", 99, "::2:3:4:5:6:7:8|99"),
	EPRT("|2|1:2:3:4:5:6:7:8|99|", "1:2:3:4:5:6:7:8", 99, "1:2:3:4:5:6:7:8|99"),
	EPRT("|2|64:ff9b::192.0.2.33|99|", "64:ff9b::c000:221", 99,
	     "64:ff9b::192.0.2.33|99"),
	EPRT("|2|1:2:3:4:5:6:1.2.3.4|99|", "1:2:3:4:5:6:102:304", 99,
	     "1:2:3:4:5:6:1.2.3.4|99"),
	EPRT("|2|::255.10.100.0|99|", "::ff0a:6400", 99, "::255.10.100.0|99"),
	EPRT(".2.fe80::1.99.", "fe80::1", 99, "fe80::1.99"),
	EPRT(":1:10.0.0.1:99:", "10.0.0.1", 99, "10.0.0.1:99"),
	EPRT("g2g::aFg99g", "::af", 99, "::aFg99"),
	BAD_EPRT(""),
	BAD_EPRT(" "),
	BAD_EPRT(" |"),
	BAD_EPRT(" |1"),
	BAD_EPRT(" ||10.0.0.1|99|"),
	BAD_EPRT(" |0|10.0.0.1|99|"),
	BAD_EPRT(" |3|10.0.0.1|99|"),
	BAD_EPRT(" |11|10.0.0.1|99|"),
	BAD_EPRT(" |01|10.0.0.1|99|"),
	BAD_EPRT(" | 1|10.0.0.1|99|"),
	BAD_EPRT(" |x|10.0.0.1|99|"),
	BAD_EPRT(" 11110.0.0.11991"),
	BAD_EPRT(" |1|10.0.0.1|99"),
	BAD_EPRT(" |1|10.0.0.1|99|x"),
	BAD_EPRT(" |1|10.0.0.1|99||"),
	BAD_EPRT(" |1|10.0.0.1|99!"),
	BAD_EPRT(" |1!10.0.0.1|99|"),
	BAD_EPRT(" \x7f"
		 "1\x7f"
		 "10.0.0.1\x7f"
		 "99\x7f"),
	BAD_EPRT(" |1|10.0.0.1||"),
	BAD_EPRT(" |1|10.0.0.1|0|"),
	BAD_EPRT(" |1|10.0.0.1|65536|"),
	BAD_EPRT(" |1|10.0.0.1|65557|"),
	BAD_EPRT(" |1|10.0.0.1|000099|"),
	BAD_EPRT(" |1|10.0.0.1|4294967317|"),
	BAD_EPRT(" |1|10.0.0.1|-1|"),
	BAD_EPRT(" |1|10.0.0.1| 99|"),
	BAD_EPRT(" |1|10.0.0.1|99 |"),
	BAD_EPRT(" |1||99|"),
	BAD_EPRT(" |1|10.0.0|99|"),
	BAD_EPRT(" |1|10.0.0.1.2|99|"),
	BAD_EPRT(" |1|10.0.0.|99|"),
	BAD_EPRT(" |1|.10.0.0.1|99|"),
	BAD_EPRT(" |1|10..0.0.1|99|"),
	BAD_EPRT(" |1|10.0.0.256|99|"),
	BAD_EPRT(" |1|010.0.0.1|99|"),
	BAD_EPRT(" |1|10.0.0.1 |99|"),
	BAD_EPRT(" |1|::1|99|"),
	BAD_EPRT(" |2||99|"),
	BAD_EPRT(" |2|:|99|"),
	BAD_EPRT(" |2|:1|99|"),
	BAD_EPRT(" |2|1:|99|"),
	BAD_EPRT(" |2|:::|99|"),
	BAD_EPRT(" |2|:1::2|99|"),
	BAD_EPRT(" |2|1:::2|99|"),
	BAD_EPRT(" |2|1::2::3|99|"),
	BAD_EPRT(" |2|1:2:3:4:5:6:7|99|"),
	BAD_EPRT(" |2|1:2:3:4:5:6:7:|99|"),
	BAD_EPRT(" |2|1:2:3:4:5:6:7:8:|99|"),
	BAD_EPRT(" |2|1:2:3:4:5:6:7:8::|99|"),
	BAD_EPRT(" |2|1:2:3:4::5:6:7:8|99|"),
	BAD_EPRT(" |2|1:2:3:4:5:6:7:8:9|99|"),
	BAD_EPRT(" |2|12345::|99|"),
	BAD_EPRT(" |2|00001::|99|"),
	BAD_EPRT(" |2|g::|99|"),
	BAD_EPRT(" |2|fe80::1%eth0|99|"),
	BAD_EPRT(" |2|[::1]|99|"),
	BAD_EPRT(" |2|10.0.0.1|99|"),
	BAD_EPRT(" |2|::10.0.0|99|"),
	BAD_EPRT(" |2|::1.2.3.4:5|99|"),
	BAD_EPRT(" |2|::01.2.3.4|99|"),
	BAD_EPRT(" |2|::a.2.3.4|99|"),
	BAD_EPRT(" |2|::1a.2.3.4|99|"),
	BAD_EPRT(" |2|::256.2.3.4|99|"),
	BAD_EPRT(" |2|::300.2.3.4|99|"),
	BAD_EPRT(" |2|::1000.2.3.4|99|"),
	BAD_EPRT(" |2|::.2.3.4|99|"),
	BAD_EPRT(" |2|:1.2.3.4|99|"),
	BAD_EPRT(" |2|1:2:3:4:5:6:7:1.2.3.4|99|"),
	BAD_EPRT(" |2|1:2:3:4:5:6:7::1.2.3.4|99|"),
	BAD_EPRT(" |2|::ffff:10.0.0.1|99|"),
	BAD_EPRT(" |2|::ffff:a00:1|99|"),
	BAD_EPRT(" a2a::ba99a"),
	BAD_EPRT(" F1F10.0.0.1F99F"),
	BAD_EPRT(" .1.10.0.0.1.99."),
	BAD_EPRT(" :2:fe80::1:99:"),
	BAD_EPRT(" |1|10.0.0.1|99|" S200 S50),
};

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
	PLAIN("2270 (127,0,0,1,4,1)\r\n", 0),
	PLAIN("227(127,0,0,1,4,1)\r\n", 0),
	PLAIN("22 7 (127,0,0,1,4,1)\r\n", 0),
	PLAIN("027 (127,0,0,1,4,1)\r\n", 0),
	PLAIN("228 (127,0,0,1,4,1)\r\n", 228),
	PLAIN("227-Entering Passive Mode (127,0,0,1,4,1)\r\n", 227),
	PLAIN("229-Entering (|||99|)\r\n", 229),
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
	R227(" 256,0,0,1,4,1 127,0,0,1,4,1", "127.0.0.1", 1025, "127,0,0,1,4,1"),
	R227(" 0127,0,0,1,4,1 127,0,0,1,4,1", "127.0.0.1", 1025, "127,0,0,1,4,1"),
	R227(" 1,2,3,4,5,6,7 127,0,0,1,4,1", "127.0.0.1", 1025, "127,0,0,1,4,1"),
	R227(" 1,,127,0,0,1,4,1", "127.0.0.1", 1025, "127,0,0,1,4,1"),
	R227(" 127,0,0,1,4,1,", "127.0.0.1", 1025, "127,0,0,1,4,1"),
	R227(" 127,0,0,1,4,1,,2", "127.0.0.1", 1025, "127,0,0,1,4,1"),
	R227(" 1,2,3,4,5, 127,0,0,1,4,1", "127.0.0.1", 1025, "127,0,0,1,4,1"),
	R227(" x127,000,000,001,004,001y", "127.0.0.1", 1025, "127,000,000,001,004,001"),
	R227(" \xff\0(127,0,0,1,4,1)\0", "127.0.0.1", 1025, "127,0,0,1,4,1"),
	BAD_227(""),
	BAD_227(" "),
	BAD_227(" Entering Passive Mode"),
	BAD_227(" (127,0,0,1,4)"),
	BAD_227(" (127,0,0,1,0,0)"),
	BAD_227(" (127,0,0,1,4,256)"),
	BAD_227(" (1000,0,0,1,4,1)"),
	BAD_227(" (4294967423,0,0,1,4,1)"),
	BAD_227(" (1,2,3,4,5,6,7)"),
	BAD_227(" (1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20)"),
	BAD_227(" (127, 0, 0, 1, 4, 1)"),
	BAD_227(" (127.0.0.1.4.1)"),
	BAD_227(" (|||99|)"),
	BAD_227(" (127,0,0,1,4,1)" X200 X50),
	BAD_227(" " X200 X50 "(127,0,0,1,4,1)"),

	R229(" Entering Extended Passive Mode (|||6446|)", 6446, "6446"),
	R229(" Entering Extended Passive Mode (|||6446|).", 6446, "6446"),
	R229(" |||6446|", 6446, "6446"),
	R229(" (!!!65535!)", 65535, "65535"),
	R229(" ....1.", 1, "1"),
	R229(" (|||00021|)", 21, "00021"),
	R229(" (|||6446!) (|||99|)", 99, "99"),
	R229(" (|||) (||12|) ,,,34,", 34, "34"),
	R229(" 5 |||6446|||99|", 6446, "6446"),
	R229(" |||1|2|||3|", 1, "1"),
	R229(" x|||1!!!2!", 2, "2"),
	BAD_229(""),
	BAD_229(" Entering Extended Passive Mode"),
	BAD_229(" (||6446|)"),
	BAD_229(" (|||6446)"),
	BAD_229(" (|||6446"),
	BAD_229(" (||||)"),
	BAD_229(" (|1|127.0.0.1|6446|)"),
	BAD_229(" (|||0|)"),
	BAD_229(" (|||65536|)"),
	BAD_229(" (|||65557|)"),
	BAD_229(" (|||000021|)"),
	BAD_229(" (|||4294967317|)"),
	BAD_229(" (|||0|) (|||99|)"),
	BAD_229(" (||| 99|)"),
	BAD_229(" (|||99 |)"),
	BAD_229(" (| ||99|)"),
	BAD_229(" (|||6|4|4|)" X200 X50),
	BAD_229(" 11112341"),
	BAD_229(" \x7f\x7f\x7f"
		"99\x7f"),
};

static void fail_row(const struct row *r, const char *what)
{
	fail_msg("\"%.*s\": %s", (int)strcspn(r->text, "\r\n"), r->text, what);
}

static void addr_of(const char *text, __be32 addr[4])
{
	memset(addr, 0, 16);
	if (text && strchr(text, ':')) {
		assert_int_equal(inet_pton(AF_INET6, text, addr), 1);
	} else if (text) {
		addr[2] = htonl(0xffff);
		assert_int_equal(inet_pton(AF_INET, text, &addr[3]), 1);
	}
}

static void check_row(const struct row *r, const struct ftp_parser *p, int reply)
{
	const struct ftp_line *l = &p->line;
	__be32 addr[4];

	if (p->length != r->len)
		fail_row(r, "length");
	if ((reply ? l->code : l->command) != r->command)
		fail_row(r, "command or code");
	if (l->form != r->form)
		fail_row(r, "form");
	addr_of(r->addr, addr);
	if (memcmp(addr, l->addr, sizeof(addr)))
		fail_row(r, "address");
	if (l->port != r->port)
		fail_row(r, "port");
	if (l->span_len != (r->span ? strlen(r->span) : 0) ||
	    (r->span && memcmp(r->text + l->span_start, r->span, l->span_len)))
		fail_row(r, "span");
	if (reply && l->final != (r->command && r->text[3] != '-'))
		fail_row(r, "final");
}

/* Cut at every byte: the state is moved there, as it is between two segments. */
static void run_row(const struct row *r, feed_fn feed, may_fn may, int reply)
{
	struct ftp_parser p, first = { 0 };
	int alive = 1;
	size_t i;

	for (i = 0; i < r->len; i++) {
		memcpy(&p, &first, sizeof(p));
		if (feed(&p, r->text[i]) != (i == r->len - 1))
			fail_row(r, "line end");
		memcpy(&first, &p, sizeof(p));
		if (i == r->len - 1)
			break;
		if (may(&p) && !alive)
			fail_row(r, "may become an address line again");
		alive = may(&p);
		if (r->form == FTP_FORM_ADDRESS && !alive)
			fail_row(r, "released too early");
	}
	check_row(r, &p, reply);
	/* The parser is as good as new. */
	ftp_line_start(&p);
	p.reply = 0;
	for (i = 0; i < r->len; i++)
		feed(&p, r->text[i]);
	check_row(r, &p, reply);
}

static void test_commands(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		run_row(&commands[i], feed_command, may_command, 0);
}

static void test_replies(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(replies); i++)
		run_row(&replies[i], feed_reply, may_reply, 1);
}

struct may_row {
	const char *text;
	size_t len;
	int may;
};

static const struct may_row may_commands[] = {
	{ BYTES(""), 0 },
	{ BYTES(" "), 1 },
	{ BYTES("P"), 1 },
	{ BYTES("po"), 1 },
	{ BYTES("POR"), 1 },
	{ BYTES("PORT"), 1 },
	{ BYTES("PORT 1"), 1 },
	{ BYTES("PORT 1,2,3,4,5,6 \r"), 1 },
	{ BYTES("e"), 1 },
	{ BYTES("EPR"), 1 },
	{ BYTES("EPRT |1|1.2"), 1 },
	{ BYTES("EPRT |1|1.2.3.4|99|"), 1 },
	{ BYTES("\xff"), 1 },
	{ BYTES("\xff\xf4"), 1 },
	{ BYTES("\xff\xfb"), 1 },
	{ BYTES("\xff\xf4\xff\xf2P"), 1 },
	{ BYTES("\xff\xff"), 0 },
	{ BYTES("PA"), 0 },
	{ BYTES("EPS"), 0 },
	{ BYTES("EPSV"), 0 },
	{ BYTES("EPSV A"), 0 },
	{ BYTES("PORTX"), 0 },
	{ BYTES("N"), 0 },
	{ BYTES("NOOP"), 0 },
	{ BYTES("PORT x"), 0 },
	{ BYTES("PORT 256"), 0 },
	{ BYTES("PORT 1,2,3,4,0,0 "), 0 },
	{ BYTES("PORT 1,2,3,4,5,6 x"), 0 },
	{ BYTES("EPRT |3"), 0 },
	{ BYTES("EPRT |2|:::"), 0 },
	{ BYTES("PORT 1,2,3,4,5,6" S200 "                                      "), 1 },
	{ BYTES("PORT 1,2,3,4,5,6" S200 "                                       "), 0 },
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
	{ BYTES("2270"), 0 },
	{ BYTES("227-"), 0 },
	{ BYTES("227 (1,2,3,4,0,0)"), 0 },
	{ BYTES("229 (|||0|"), 0 },
	{ BYTES("227-a\r\n2"), 1 },
	{ BYTES("227-a\r\n227"), 1 },
	{ BYTES("227-a\r\n229"), 0 },
	{ BYTES("227-a\r\n227-"), 0 },
	{ BYTES("230-a\r\n2"), 0 },
	{ BYTES("230-a\r\n227"), 0 },
	{ BYTES("230-a\r\n230 b\r\n22"), 1 },
	{ BYTES("227 " X200 X50), 1 },
	{ BYTES("227 " X200 X50 "x"), 0 },
};

static void run_may(const struct may_row *rows, size_t n, feed_fn feed, may_fn may)
{
	for (size_t i = 0; i < n; i++) {
		struct ftp_parser p = { 0 };

		for (size_t k = 0; k < rows[i].len; k++)
			if (feed(&p, rows[i].text[k]))
				ftp_line_start(&p);
		if (may(&p) != rows[i].may)
			fail_msg("\"%s\": may become an address line: %d", rows[i].text,
				 may(&p));
	}
}

static void test_may_become(void **state)
{
	(void)state;
	run_may(may_commands, ARRAY_SIZE(may_commands), feed_command, may_command);
	run_may(may_replies, ARRAY_SIZE(may_replies), feed_reply, may_reply);
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
	  "227-P 000-P 227!A " },
	{ "230-a\r\n227 b (127,0,0,1,4,1)\r\n229 (|||9|)\r\n230 c\r\n227 (1,2,3,4,5,6)\n",
	  "230-P 000-P 000-P 230!P 227!A " },
	{ "229-a\n229-(|||9|)\n227 (1,2,3,4,5,6)\n229 (|||9|)\n",
	  "229-P 000-P 000-P 229!A " },
	{ "227-a\r\n227\r\n227 b\r\n", "227-P 227!M 227!M " },
	{ "220-\n220\n", "220-P 220!P " },
};

static void test_multi_line(void **state)
{
	static const char form[] = "PAM";

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

static void test_endless_line(void **state)
{
	struct ftp_parser p = { 0 };

	(void)state;
	for (int i = 0; i < 200000; i++)
		assert_int_equal(ftp_feed_command(&p, 'x'), 0);
	assert_int_equal(p.length, 65535);
	assert_int_equal(ftp_feed_command(&p, '\n'), 1);
	assert_int_equal(p.line.command, FTP_COMMAND_OTHER);
	assert_int_equal(p.length, 65535);
}

/* ---- writers ---- */

static void test_write_port(void **state)
{
	__u8 buf[FTP_TEXT_MAX];
	char want[FTP_TEXT_MAX];

	(void)state;
	srandom(959);
	for (int i = 0; i < 100000; i++) {
		__u32 a = random() * 3, port = random() & 0xffff;
		__be32 addr[4] = { 0, 0, htonl(0xffff), htonl(a) };
		__u32 len = ftp_write_port(buf, addr, port);

		snprintf(want, sizeof(want), "%u,%u,%u,%u,%u,%u", a >> 24, a >> 16 & 255,
			 a >> 8 & 255, a & 255, port >> 8, port & 255);
		assert_int_equal(len, strlen(want));
		assert_memory_equal(buf, want, len);
	}
}

static void test_write_epsv_port(void **state)
{
	__u8 buf[FTP_TEXT_MAX];
	char want[FTP_TEXT_MAX];

	(void)state;
	for (__u32 port = 0; port < 65536; port++) {
		snprintf(want, sizeof(want), "%u", port);
		assert_int_equal(ftp_write_epsv_port(buf, port), strlen(want));
		assert_memory_equal(buf, want, strlen(want));
	}
}

static void check_eprt(const __be32 addr[4], __u16 port, char delimiter, const char *text)
{
	__u8 buf[FTP_TEXT_MAX];
	char want[80];
	__u32 len = ftp_write_eprt(buf, addr, port, delimiter);

	snprintf(want, sizeof(want), "%s%c%u", text, delimiter, port);
	if (len != strlen(want) || memcmp(buf, want, len))
		fail_msg("wrote %.*s, not %s", (int)len, buf, want);
}

static const char *const rfc5952[][2] = {
	{ "::", "::" },
	{ "::1", "::1" },
	{ "1::", "1::" },
	{ "::1.2.3.4", "::102:304" },
	{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" }, /* the first of two equal runs */
	{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },	 /* the longer run */
	{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" }, /* a single zero stays */
	{ "0:1:0:1:0:1:0:0", "0:1:0:1:0:1::" },
	{ "2001:DB8:A00:B0:C:ABCD:EF01:FFFF", "2001:db8:a00:b0:c:abcd:ef01:ffff" },
	{ "::ffff:10.20.30.255", "10.20.30.255" },
	{ "::ffff:0:0", "0.0.0.0" },
	{ "::1:ffff:a14:1eff", "::1:ffff:a14:1eff" },
};

static void test_write_eprt(void **state)
{
	char text[INET6_ADDRSTRLEN];
	__be32 addr[4];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rfc5952); i++) {
		assert_int_equal(inet_pton(AF_INET6, rfc5952[i][0], addr), 1);
		check_eprt(addr, 65535, '|', rfc5952[i][1]);
	}
	srandom(2428);
	for (int i = 0; i < 200000; i++) {
		__u16 group[8];
		long zeros = random(), small = random();

		for (int k = 0; k < 8; k++)
			group[k] = zeros >> k & 1 ? 0 :
						    htons((__u16)random() >>
							  (small >> 2 * k & 3) * 4);
		memcpy(addr, group, sizeof(addr));
		if (!addr[0] && !addr[1] &&
		    !group[4]) /* inet_ntop ends such in a dotted quad */
			continue;
		inet_ntop(AF_INET6, addr, text, sizeof(text));
		check_eprt(addr, random(), '!', text);

		addr[0] = addr[1] = 0;
		addr[2] = htonl(0xffff);
		inet_ntop(AF_INET, &addr[3], text, sizeof(text));
		check_eprt(addr, random(), '|', text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands),	cmocka_unit_test(test_replies),
		cmocka_unit_test(test_may_become),	cmocka_unit_test(test_multi_line),
		cmocka_unit_test(test_endless_line),	cmocka_unit_test(test_write_port),
		cmocka_unit_test(test_write_epsv_port), cmocka_unit_test(test_write_eprt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
