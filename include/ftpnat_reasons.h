/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Why a packet, a line or a connection was treated as it was. Each reason is a
 * counter, a metric label, a JSON key and the reason of an event; the numbers
 * are never reused, new ones go to the end.
 *
 * X(symbol, string, what it means for the operator)
 */
#ifndef FTPNAT_REASONS_H
#define FTPNAT_REASONS_H

// clang-format off
#define FTPNAT_REASONS(X)                                                                       \
	X(PASS, "pass", "traffic that is no business of ours, untouched")                       \
	X(SEEN, "already_translated", "translated at an earlier hook, untouched here")          \
	X(TRANSLATED, "translated", "translated and handed to the stack")                       \
	X(FORWARDED, "forwarded", "translated and sent to the next hop")                        \
	X(HELD, "held", "start of an address line kept until the line is complete")             \
	X(ANSWERED, "answered", "held, and acknowledged in the receiver's place")               \
	X(TRUNCATED, "truncated_header", "TCP or IP header shorter than it says")               \
	X(FRAGMENT, "fragment", "IP fragment, untouched")                                       \
	X(VLAN, "vlan", "VLAN-tagged frame, untouched")                                         \
	X(OTHER_HOST, "other_host", "frame for another host, untouched")                        \
	X(CONTROL_FULL, "control_full", "new control connection refused: table full")           \
	X(DATA_FULL, "data_full", "new data connection refused: table full")                    \
	X(NO_MEMORY, "no_memory", "new connection refused: kernel had no memory")               \
	X(NO_SERVER, "no_server", "new connection refused: no server of this family")           \
	X(NO_PORT, "no_port", "new connection refused: no free port")                           \
	X(NO_ADDRESS, "no_address", "new connection refused: no address to translate to")       \
	X(NO_SESSION, "no_session", "control packet of a connection that has no session")       \
	X(AHEAD, "ahead", "control segment ahead of a lost one, left to retransmission")        \
	X(LOG_FULL, "edit_log_full", "control segment left to retransmission: too many edits unacknowledged") \
	X(SESSION_BUSY, "session_busy", "control packet left to retransmission: session locked") \
	X(TTL, "ttl_exceeded", "hop limit used up, answered with an ICMP error")                \
	X(TOO_BIG, "too_big", "packet larger than the next link's MTU, answered with an ICMP error") \
	X(WRITE, "write_failed", "packet could not be changed, dropped")                        \
	X(LINE_MALFORMED, "line_malformed", "looks like an address line but can't be parsed, unchanged") \
	X(LINE_FOREIGN, "line_foreign", "address line names another host, refused")             \
	X(LINE_PRIVILEGED, "line_privileged", "address line names a port below 1024, refused")  \
	X(LINE_MODE, "line_mode", "mode that the rule doesn't allow, refused")                  \
	X(LINE_NO_PORT, "line_no_port", "no free data port, refused")                           \
	X(LINE_FULL, "line_full", "expectation table full, refused")                            \
	X(LINE_UNASKED, "line_unasked", "227 or 229 that answers no PASV or EPSV, unchanged")   \
	X(EXPECTED, "expected", "data connection announced")                                    \
	X(EXPECTED_USED, "expected_used", "announced data connection arrived")                  \
	X(EXPECTED_EXPIRED, "expected_expired", "announced data connection never came")         \
	X(EXPECTED_REPLACED, "expected_replaced", "session announced another")                  \
	X(EXPECTED_CLOSED, "expected_closed", "closed with its session or by the server's refusal") \
	X(CONTROL_OPENED, "control_opened", "control connection opened")                        \
	X(CONTROL_CLOSED, "control_closed", "control connection ended or expired")              \
	X(DATA_OPENED, "data_opened", "data connection opened")                                 \
	X(DATA_CLOSED, "data_closed", "data connection ended or expired")                       \
	X(LINE_LPRT, "line_lprt", "LPRT or LPSV (RFC 1639), unchanged")                         \
	X(OPAQUE, "opaque", "session went to TLS, no longer parsed")                            \
	X(ICMP, "icmp", "ICMP error about a connection of ours, translated")                    \
	X(LINE_REWRITTEN, "line_rewritten", "address line whose address or port was replaced")  \
	X(LINE_UNCHANGED, "line_unchanged", "address line that is right for the other side as it is") \
	X(EVENTS_LOST, "events_lost", "events that found the ring buffer full")                 \
	X(ICMP_DROPPED, "icmp_dropped", "ICMP error that can't go on: hop limit or size")       \
	X(XDP_PASS, "xdp_pass", "XDP left the packet to TC, which counts it again")             \
	X(XDP_FORWARDED, "xdp_forwarded", "data packet translated and sent on by XDP")          \
	X(ACK_PASSED, "ack_passed", "acknowledgement of a held segment, sent on without it")    \
	X(SPLIT, "split", "part of a long frame with a changed line, sent on by itself")        \
	X(REPEATED, "repeated", "segment sent twice, so that it is acknowledged at once")
enum ftpnat_reason {
#define X(symbol, string, help) FTPNAT_##symbol,
	FTPNAT_REASONS(X)
#undef X
	FTPNAT_REASON_MAX
};
// clang-format on

#endif
