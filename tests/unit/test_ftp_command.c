// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The client's half of the FTP grammar (bpf/ftp_command.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ftp_command.h"
#include "ftp_unfinished.h"
#include "lib/ftp_rows.h"
#include "base/util.h"

#define PORT(args, addr, port, span) GOOD("PORT" args, FTP_COMMAND_PORT, addr, port, span)
#define BAD_PORT(args)		     BAD("PORT" args, FTP_COMMAND_PORT)
#define EPRT(args, addr, port, span)                                                     \
	GOOD("EPRT " args "\r\n", FTP_COMMAND_EPRT, addr, port, span)
#define ODD_PORT(args) ODD("PORT" args, FTP_COMMAND_PORT)
#define ODD_EPRT(args) ODD("EPRT" args "\r\n", FTP_COMMAND_EPRT)
#define BAD_EPRT(args) BAD("EPRT" args "\r\n", FTP_COMMAND_EPRT)

static const struct row commands[] = {
	PLAIN("\n", FTP_COMMAND_NONE),
	PLAIN("\r\n", FTP_COMMAND_NONE),
	PLAIN("  \t \r\n", FTP_COMMAND_NONE),
	PLAIN("\xff\xf2\r\n", FTP_COMMAND_NONE),
	PLAIN("\xff\xfb\n", FTP_COMMAND_NONE),
	PLAIN("\xff\n", FTP_COMMAND_OTHER),
	PLAIN("NOOP\r\n", FTP_COMMAND_OTHER),
	PLAIN("USER ftp\r\n", FTP_COMMAND_USER),
	PLAIN("P\r\n", FTP_COMMAND_OTHER),
	PLAIN("PORTX 10,0,0,1,4,1\r\n", FTP_COMMAND_OTHER),
	PLAIN("XPORT 10,0,0,1,4,1\r\n", FTP_COMMAND_OTHER),
	PLAIN("PORT,10,0,0,1,4,1\r\n", FTP_COMMAND_OTHER),
	BAD_PORT("\0 10,0,0,1,4,1\r\n"),
	PLAIN("STOR PORT 10,0,0,1,4,1\r\n", FTP_COMMAND_TRANSFER),
	PLAIN("\xff\xffPORT 10,0,0,1,4,1\r\n", FTP_COMMAND_OTHER),
	PLAIN("\xff\x01PORT 10,0,0,1,4,1\r\n", FTP_COMMAND_OTHER),
	PLAIN("\0CCC\r\n", FTP_COMMAND_BINARY),
	PLAIN("CCC\0\r\n", FTP_COMMAND_CCC),
	PLAIN("PASV\0x\r\n", FTP_COMMAND_PASV),
	PLAIN("\x80\xfe\n", FTP_COMMAND_BINARY),
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
	      FTP_COMMAND_BINARY),
	PLAIN("AB\xff\xf2OR\r\n", FTP_COMMAND_ABOR),
	PLAIN("AUTH\vTLS\r\n", FTP_COMMAND_AUTH),
	PLAIN("AU\xff\xfb\x01TH TLS\r\n", FTP_COMMAND_AUTH),
	PLAIN("AU\xff\xffTH TLS\r\n", FTP_COMMAND_OTHER),

	/* other protocols */
	PLAIN("POST / HTTP/1.1\r\n", FTP_COMMAND_ALIEN),
	PLAIN("GET /?\r\n", FTP_COMMAND_ALIEN),
	PLAIN("get / HTTP/1.1\n", FTP_COMMAND_ALIEN),
	PLAIN("HEAD / HTTP/1.1\r\n", FTP_COMMAND_ALIEN),
	PLAIN("PUT /x HTTP/1.1\r\n", FTP_COMMAND_ALIEN),
	PLAIN("PRI * HTTP/2.0\r\n", FTP_COMMAND_ALIEN),
	PLAIN("Host: gw:2121\r\n", FTP_COMMAND_ALIEN),
	PLAIN("host:gw\r\n", FTP_COMMAND_ALIEN),
	PLAIN("X_Y-1: z\r\n", FTP_COMMAND_ALIEN),
	PLAIN("Access-Control-Request-Method: PORT\r\n", FTP_COMMAND_ALIEN),
	PLAIN("Via: SIP/2.0/TCP\r\n", FTP_COMMAND_ALIEN),
	PLAIN("SSH-2.0-x\r\n", FTP_COMMAND_ALIEN),
	PLAIN("\x16\x03\x01\x02\n", FTP_COMMAND_BINARY),
	PLAIN("\0\x03\0\x18\n", FTP_COMMAND_BINARY),
	PLAIN("USER\x01 x\n", FTP_COMMAND_BINARY),
	PLAIN("OPTIONS / HTTP/1.1\r\n", FTP_COMMAND_OTHER), /* its header tells */
	PLAIN("HOST ftp.example.com\r\n", FTP_COMMAND_OTHER),
	PLAIN("USER a:b\r\n", FTP_COMMAND_USER),
	PLAIN("USER\r\n", FTP_COMMAND_USER),
	PLAIN("P@SW x\r\n", FTP_COMMAND_OTHER),
	PLAIN("XCUP\r\n", FTP_COMMAND_OTHER),
	PLAIN(": x\r\n", FTP_COMMAND_OTHER),
	PLAIN("CLNT NcFTP:3\r\n", FTP_COMMAND_OTHER),
	PLAIN("GETX\r\n", FTP_COMMAND_OTHER),
	PLAIN("SSH\r\n", FTP_COMMAND_OTHER),
	PLAIN("SSH-\r\n", FTP_COMMAND_OTHER),
	PLAIN("\xff\xf4\xff\xf2STAT\r\n", FTP_COMMAND_STAT),
	PLAIN("STAT /pub\r\n", FTP_COMMAND_STAT),
	PLAIN("QUIT\r\n", FTP_COMMAND_QUIT),
	PLAIN("pass PASV\r\n", FTP_COMMAND_PASS),

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
	/* proftpd leaves Telnet commands out, and takes LF for the option of one */
	GOOD("PO\xff\xf2RT 10,0,0,1,4,1\r\n", FTP_COMMAND_PORT, "10.0.0.1", 1025,
	     "10,0,0,1,4,1"),
	GOOD("EP\xff\xfb\x01RT |1|10.0.0.1|99|\r\n", FTP_COMMAND_EPRT, "10.0.0.1", 99,
	     "10.0.0.1|99"),
	ODD("PO\xff\xfb\n", FTP_COMMAND_OTHER),
	PORT("\v10,0,0,1,4,1\r\n", "10.0.0.1", 1025, "10,0,0,1,4,1"),
	PORT("\r10,0,0,1,4,1\r\n", "10.0.0.1", 1025, "10,0,0,1,4,1"),
	PORT(" +10,+0, +0,1,4,1\r\n", "10.0.0.1", 1025, "+10,+0, +0,1,4,1"),
	ODD_PORT(" 10,0,0,1,4, \n"),
	ODD_PORT(" 10,0,0,1,4,1\xff\xfb\x01\r\n"),
	ODD_PORT(" \xff\xf2"
		 "10,0,0,1,4,1\r\n"),
	ODD_PORT(" \"10,0,0,1,4,1\"\r\n"),
	ODD_PORT(" 10x,0,0,1,4,1\r\n"),
	BAD_PORT(" 10x,0,0,1,4\r\n"),
	BAD_PORT("\r\n"),
	BAD_PORT("\n"),
	BAD_PORT(" \r\n"),
	BAD_PORT(" 10,0,0,1,4\r\n"),
	ODD_PORT(" 10,0,0,1,4,\r\n"),
	PORT(" 10,0,0,1,4,1,\r\n", "10.0.0.1", 1025, "10,0,0,1,4,1"),
	PORT(" 10,0,0,1,4,1,2\r\n", "10.0.0.1", 1025, "10,0,0,1,4,1"),
	BAD_PORT(" 10,0,0,1,0,0\r\n"),
	BAD_PORT(" 256,0,0,1,4,1\r\n"),
	BAD_PORT(" 10,0,0,1,256,1\r\n"),
	PORT(" 10,0,0,1,4,256\r\n", "10.0.0.1", 1280, "10,0,0,1,4,256"),
	PORT(" 10,0,0,1,0,65535\r\n", "10.0.0.1", 65535, "10,0,0,1,0,65535"),
	BAD_PORT(" 10,0,0,1,1,65280\r\n"),
	PORT(" 10,0,0,1,4,999\r\n", "10.0.0.1", 2023, "10,0,0,1,4,999"),
	PORT(" 0010,0,0,1,4,1\r\n", "10.0.0.1", 1025, "0010,0,0,1,4,1"),
	ODD_PORT(" 4294967306,0,0,1,4,1\r\n"),
	ODD_PORT(" 10,,0,1,4,1,1\r\n"),
	ODD_PORT(" ,10,0,0,1,4,1\r\n"),
	PORT(" 10, 0,0,1,4,1\r\n", "10.0.0.1", 1025, "10, 0,0,1,4,1"),
	PORT(" 10 ,0,0,1,4,1\r\n", "10.0.0.1", 1025, "10 ,0,0,1,4,1"),
	PORT(" 10,0,0,1,4,1 x\r\n", "10.0.0.1", 1025, "10,0,0,1,4,1"),
	PORT(" 10,0,0,1,4,1\0\r\n", "10.0.0.1", 1025, "10,0,0,1,4,1"),
	PORT(" 10,0,0,1,4,1)\r\n", "10.0.0.1", 1025, "10,0,0,1,4,1"),
	ODD_PORT(" (10,0,0,1,4,1)\r\n"),
	BAD_PORT(" 10.0.0.1.4.1\r\n"),
	ODD_PORT(" -1,0,0,1,4,1\r\n"),
	/* 255 bytes, and one too many */
	PORT(" 10,0,0,1,4,1" S200 "                                     \n", "10.0.0.1",
	     1025, "10,0,0,1,4,1"),
	PORT(" 10,0,0,1,4,1" S200 "                                      \n", "10.0.0.1",
	     1025, "10,0,0,1,4,1"),
	PORT(" " S200 S50 "10,0,0,1,4,1\r\n", "10.0.0.1", 1025, "10,0,0,1,4,1"),

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
	EPRT("|1|10.0.0.1|116737|", "10.0.0.1", 51201, "10.0.0.1|116737"),
	ODD_EPRT(" |1|10.0.0.1|9900000099|"),
	ODD_EPRT(" |1|10.0.0.1|99\xff\xf2|"),
	ODD_EPRT("  1 10.0.0.1 99 "),
	BAD_EPRT(""),
	BAD_EPRT(" "),
	BAD_EPRT(" |"),
	BAD_EPRT(" |1"),
	BAD_EPRT(" ||10.0.0.1|99|"),
	BAD_EPRT(" |0|10.0.0.1|99|"),
	BAD_EPRT(" |3|10.0.0.1|99|"),
	BAD_EPRT(" |11|10.0.0.1|99|"),
	EPRT("|01|10.0.0.1|99|", "10.0.0.1", 99, "10.0.0.1|99"),
	EPRT("| 1|10.0.0.1|99|", "10.0.0.1", 99, "10.0.0.1|99"),
	ODD_EPRT(" |x|10.0.0.1|99|"),
	ODD_EPRT(" 11110.0.0.11991"),
	EPRT("|1|10.0.0.1|99", "10.0.0.1", 99, "10.0.0.1|99"),
	EPRT("|1|10.0.0.1|99|x", "10.0.0.1", 99, "10.0.0.1|99"),
	EPRT("|1|10.0.0.1|99||", "10.0.0.1", 99, "10.0.0.1|99"),
	EPRT("|1|10.0.0.1|99!", "10.0.0.1", 99, "10.0.0.1|99"),
	ODD_EPRT(" |1!10.0.0.1|99|"),
	EPRT("\x7f"
	     "1\x7f"
	     "10.0.0.1\x7f"
	     "99\x7f",
	     "10.0.0.1", 99,
	     "10.0.0.1\x7f"
	     "99"),
	BAD_EPRT(" |1|10.0.0.1||"),
	BAD_EPRT(" |1|10.0.0.1|0|"),
	BAD_EPRT(" |1|10.0.0.1|65536|"),
	BAD_EPRT(" |1|10.0.0.1|65557|"),
	EPRT("|1|10.0.0.1|000099|", "10.0.0.1", 99, "10.0.0.1|000099"),
	ODD_EPRT(" |1|10.0.0.1|4294967317|"),
	ODD_EPRT(" |1|10.0.0.1|-1|"),
	EPRT("|1|10.0.0.1| 99|", "10.0.0.1", 99, "10.0.0.1| 99"),
	EPRT("|1|10.0.0.1|99 |", "10.0.0.1", 99, "10.0.0.1|99"),
	BAD_EPRT(" |1||99|"),
	BAD_EPRT(" |1|10.0.0|99|"),
	ODD_EPRT(" |1|10.0.0.1.2|99|"),
	BAD_EPRT(" |1|10.0.0.|99|"),
	ODD_EPRT(" |1|.10.0.0.1|99|"),
	ODD_EPRT(" |1|10..0.0.1|99|"),
	BAD_EPRT(" |1|10.0.0.256|99|"),
	EPRT("|1|010.0.0.1|99|", "10.0.0.1", 99, "010.0.0.1|99"),
	ODD_EPRT(" |1|10.0.0.1 |99|"),
	ODD_EPRT(" |1|::1|99|"),
	ODD_EPRT(" |2||99|"),
	ODD_EPRT(" |2|:|99|"),
	ODD_EPRT(" |2|:1|99|"),
	ODD_EPRT(" |2|1:|99|"),
	ODD_EPRT(" |2|:::|99|"),
	ODD_EPRT(" |2|:1::2|99|"),
	ODD_EPRT(" |2|1:::2|99|"),
	ODD_EPRT(" |2|1::2::3|99|"),
	ODD_EPRT(" |2|1:2:3:4:5:6:7|99|"),
	ODD_EPRT(" |2|1:2:3:4:5:6:7:|99|"),
	ODD_EPRT(" |2|1:2:3:4:5:6:7:8:|99|"),
	ODD_EPRT(" |2|1:2:3:4:5:6:7:8::|99|"),
	ODD_EPRT(" |2|1:2:3:4::5:6:7:8|99|"),
	BAD_EPRT(" |2|1:2:3:4:5:6:7:8:9|99|"),
	ODD_EPRT(" |2|12345::|99|"),
	ODD_EPRT(" |2|00001::|99|"),
	ODD_EPRT(" |2|g::|99|"),
	ODD_EPRT(" |2|fe80::1%eth0|99|"),
	ODD_EPRT(" |2|[::1]|99|"),
	ODD_EPRT(" |2|10.0.0.1|99|"),
	ODD_EPRT(" |2|::10.0.0|99|"),
	ODD_EPRT(" |2|::1.2.3.4:5|99|"),
	ODD_EPRT(" |2|::01.2.3.4|99|"),
	ODD_EPRT(" |2|::a.2.3.4|99|"),
	ODD_EPRT(" |2|::1a.2.3.4|99|"),
	ODD_EPRT(" |2|::256.2.3.4|99|"),
	ODD_EPRT(" |2|::300.2.3.4|99|"),
	ODD_EPRT(" |2|::1000.2.3.4|99|"),
	ODD_EPRT(" |2|::.2.3.4|99|"),
	ODD_EPRT(" |2|:1.2.3.4|99|"),
	ODD_EPRT(" |2|1:2:3:4:5:6:7:1.2.3.4|99|"),
	ODD_EPRT(" |2|1:2:3:4:5:6:7::1.2.3.4|99|"),
	ODD_EPRT(" |2|::ffff:10.0.0.1|99|"),
	ODD_EPRT(" |2|::ffff:a00:1|99|"),
	ODD_EPRT(" a2a::ba99a"),
	EPRT("F1F10.0.0.1F99F", "10.0.0.1", 99, "10.0.0.1F99"),
	BAD_EPRT(" .1.10.0.0.1.99."),
	ODD_EPRT(" :2:fe80::1:99:"),
	EPRT("|1|10.0.0.1|99|" S200 S50, "10.0.0.1", 99, "10.0.0.1|99"),
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
	{ BYTES("HOST"), 0 },
	{ BYTES("Host:"), 0 },
	{ BYTES("PORT x"), 1 },
	{ BYTES("PO\xff"), 1 },
	{ BYTES("PO\xff\xfb"), 1 },
	{ BYTES("XO\xff\xfb"), 0 },
	{ BYTES("PORT 256,"), 0 },
	{ BYTES("PORT 1,2,3,4,0,0 "), 0 },
	{ BYTES("PORT 1,2,3,4,5,6 x"), 1 },
	{ BYTES("EPRT |3|"), 0 },
	{ BYTES("EPRT |2|:::"), 1 },
	{ BYTES("PORT " S200 S200), 1 },
	{ BYTES("PORT 1,2,3,4,5,6" S200 S200), 1 },
};

static int feed(struct ftp_parser *p, __u8 c)
{
	return ftp_feed_command(p, c);
}

static int may(const struct ftp_parser *p)
{
	return ftp_may_become_command_address(p);
}

static void test_commands(void **state)
{
	(void)state;
	ftp_run_rows(commands, ARRAY_SIZE(commands), feed, may, 0);
}

static void test_may_become(void **state)
{
	(void)state;
	ftp_run_may(may_commands, ARRAY_SIZE(may_commands), feed, may);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_may_become),
		cmocka_unit_test(test_endless_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
