/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Why a packet, a line or a connection was treated as it was. Each reason is a
 * counter, a metric label, a JSON key and the reason of an event; the numbers
 * are never reused, new ones go to the end.
 *
 * X(symbol, string, what it means, what the operator does about it)
 */
#ifndef FTPNAT_REASONS_H
#define FTPNAT_REASONS_H

// clang-format off
#define FTPNAT_REASONS(X) \
	X(PASS, "pass", \
	  "traffic that no rule is for, unchanged", \
	  "Nothing.") \
	X(SEEN, "already_translated", \
	  "already translated at an earlier hook, unchanged", \
	  "Nothing.") \
	X(TRANSLATED, "translated", \
	  "translated and handed to the stack", \
	  "Nothing.") \
	X(FORWARDED, "forwarded", \
	  "translated and sent to the next hop", \
	  "Nothing.") \
	X(HELD, "held", \
	  "start of an address line, held until the line is complete", \
	  "Nothing, unless a session hangs: then capture on both sides with tcpdump.") \
	X(ANSWERED, "answered", \
	  "held, and acknowledged in the receiver's place", \
	  "Nothing.") \
	X(TRUNCATED, "truncated_header", \
	  "TCP or IP header shorter than it claims", \
	  "If it rises, look for a broken sender or a tunnel that truncates packets.") \
	X(FRAGMENT, "fragment", \
	  "IP fragment, unchanged; if it begins a segment of a session, answered (see too_big)", \
	  "Nothing: routers cut packets without the DF flag. If transfers stall, check that ICMP errors reach the senders.") \
	X(VLAN, "vlan", \
	  "VLAN-tagged frame, unchanged", \
	  "Give the VLAN an interface of its own (ip link add link ... type vlan) and list that one.") \
	X(OTHER_HOST, "other_host", \
	  "frame for another host, unchanged", \
	  "Nothing: such frames are normal on a bridge or a promiscuous interface.") \
	X(CONTROL_FULL, "control_full", \
	  "new control connection refused: table full", \
	  "Raise limits.control (needs down and up), or find out which client opens so many: ftpnat-load flows.") \
	X(DATA_FULL, "data_full", \
	  "new data connection refused: table full", \
	  "Raise limits.data (needs down and up), or find out which client opens so many: ftpnat-load flows.") \
	X(NO_MEMORY, "no_memory", \
	  "new connection refused: the kernel had no memory", \
	  "Free memory on the gateway, or lower limits.") \
	X(NO_SERVER, "no_server", \
	  "new connection refused: no server of this family", \
	  "Add a server of the client's family to the rule.") \
	X(NO_PORT, "no_port", \
	  "new connection refused: no free port", \
	  "Too many connections between the same two addresses: add an address to the rule's source or to.") \
	X(NO_ADDRESS, "no_address", \
	  "new connection refused: no address to translate to", \
	  "Add an address of this family to the interface that the route uses, then reload; or set an address in the rule's source or to.") \
	X(NO_SESSION, "no_session", \
	  "control packet of a connection without session", \
	  "If it keeps rising, the session got no memory: see no_memory.") \
	X(AHEAD, "ahead", \
	  "control segment ahead of a lost one, left to retransmission", \
	  "Nothing: if it rises fast, the link loses packets.") \
	X(LOG_FULL, "edit_log_full", \
	  "control segment left to retransmission: too many unacknowledged edits", \
	  "Nothing. If it rises fast, a receiver does not acknowledge: look at it with tcpdump.") \
	X(SESSION_BUSY, "session_busy", \
	  "control packet left to retransmission: session locked", \
	  "Nothing.") \
	X(TTL, "ttl_exceeded", \
	  "TTL or hop limit exceeded, answered with an ICMP error", \
	  "Look for a routing loop, unless somebody runs traceroute.") \
	X(TOO_BIG, "too_big", \
	  "packet larger than the next link's MTU or in fragments, answered with an ICMP error", \
	  "Nothing: the sender reduces its packet size. If transfers stall, check that ICMP errors reach the sender.") \
	X(WRITE, "write_failed", \
	  "packet that could not be changed, dropped", \
	  "Report it with the kernel version: no known traffic causes it.") \
	X(LINE_MALFORMED, "line_malformed", \
	  "looks like an address line but can't be parsed, unchanged", \
	  "Look at the line in ftpnat-load events: a broken client or server sent it.") \
	X(LINE_FOREIGN, "line_foreign", \
	  "address line names another host, refused", \
	  "If transfers between two servers (FXP) are wanted: foreign_data: allow. If a server names an address that is not its own, correct its masquerade address.") \
	X(LINE_PRIVILEGED, "line_privileged", \
	  "address line names a port below 1024, refused", \
	  "Look in ftpnat-load events which client or server sent the line: no honest one does (RFC 2577).") \
	X(LINE_MODE, "line_mode", \
	  "transfer mode that the rule does not allow, refused", \
	  "Set the client to the other mode, or add the mode to the rule's modes.") \
	X(LINE_NO_PORT, "line_no_port", \
	  "no free data port, refused", \
	  "Widen the rule's data_ports.") \
	X(LINE_FULL, "line_full", \
	  "expectation table full, refused", \
	  "Raise limits.expected (needs down and up), or find out which client announces so many: ftpnat-load expected.") \
	X(LINE_UNASKED, "line_unasked", \
	  "227 or 229 that is not a reply to PASV or EPSV, unchanged", \
	  "If clients fail, look at the server in ftpnat-load events.") \
	X(EXPECTED, "expected", \
	  "data connection announced", \
	  "Nothing.") \
	X(EXPECTED_USED, "expected_used", \
	  "announced data connection arrived", \
	  "Nothing.") \
	X(EXPECTED_EXPIRED, "expected_expired", \
	  "announced data connection that never arrived", \
	  "If there are many: something between client and gateway drops data connections, or clients give up.") \
	X(EXPECTED_REPLACED, "expected_replaced", \
	  "expectation replaced by a newer one of the session", \
	  "Nothing: clients do so when they retry.") \
	X(EXPECTED_CLOSED, "expected_closed", \
	  "expectation removed with its session or by the server's refusal", \
	  "Nothing.") \
	X(CONTROL_OPENED, "control_opened", \
	  "control connection opened: both ends have answered", \
	  "Nothing.") \
	X(CONTROL_CLOSED, "control_closed", \
	  "control connection ended: closed by both ends, reset, or idle for its timeout", \
	  "Nothing.") \
	X(DATA_OPENED, "data_opened", \
	  "data connection opened: both ends have answered", \
	  "Nothing.") \
	X(DATA_CLOSED, "data_closed", \
	  "data connection ended: closed by both ends, reset, or idle for its timeout", \
	  "Nothing.") \
	X(LINE_LPRT, "line_lprt", \
	  "LPRT or LPSV (RFC 1639), unchanged", \
	  "Set the client to PASV, EPSV, PORT or EPRT: LPRT and LPSV are not translated.") \
	X(OPAQUE, "opaque", \
	  "session switched to TLS, no longer parsed", \
	  "Its data connections are not announced; those that need translation fail. See tls in ftpnat.yaml(5).") \
	X(ICMP, "icmp", \
	  "ICMP error for one of our connections, translated", \
	  "Nothing.") \
	X(LINE_REWRITTEN, "line_rewritten", \
	  "address line with a replaced address or port", \
	  "Nothing.") \
	X(LINE_UNCHANGED, "line_unchanged", \
	  "address line that needs no change", \
	  "Nothing.") \
	X(EVENTS_LOST, "events_lost", \
	  "events lost because a reader's ring buffer was full, each counted once per reader", \
	  "Make sure that what reads the output of ftpnat-load events, or the log of run, is fast enough.") \
	X(ICMP_DROPPED, "icmp_dropped", \
	  "ICMP error that can't be forwarded: hop limit, size, or, across families, its kind or checksum", \
	  "Nothing.") \
	X(XDP_PASS, "xdp_pass", \
	  "packet that XDP left to TC, which counts it again", \
	  "Nothing.") \
	X(XDP_FORWARDED, "xdp_forwarded", \
	  "data packet translated and forwarded by XDP", \
	  "Nothing.") \
	X(ACK_PASSED, "ack_passed", \
	  "acknowledgement of a held segment, forwarded without its data", \
	  "Nothing.") \
	X(SPLIT, "split", \
	  "part of a long frame with a changed line, sent as its own packet", \
	  "Nothing.") \
	X(REPEATED, "repeated", \
	  "segment sent twice so that it is acknowledged at once", \
	  "Nothing.") \
	X(LINE_TLS, "line_tls", \
	  "AUTH or a ClientHello refused because the rule denies TLS", \
	  "Nothing, or set tls: pass in the rule.") \
	X(CLEAR, "clear", \
	  "session that is read again after TLS (CCC)", \
	  "Nothing.") \
	X(TLS_DATA, "tls_data", \
	  "data connection of a session under TLS, opened by tls_data_ports", \
	  "Nothing.") \
	X(TRACKED, "tracked", \
	  "packet of a tracked connection, unchanged", \
	  "Nothing.") \
	X(GUARDED, "guarded", \
	  "new connection that nothing announced, dropped by guard", \
	  "If it should pass: add a track rule for its servers or clients, or remove its port from the guard.") \
	X(MARTIAN, "martian", \
	  "source address that is invalid: reserved, our own, or without a route; dropped", \
	  "Somebody forges packets: find the interface with tcpdump. If the sender is legitimate, add a route to it.") \
	X(SPOOFED, "spoofed", \
	  "source address that is not routed through that interface (rp_filter), dropped", \
	  "Somebody forges packets, or routes are asymmetric: then set rp_filter=2 for the interface and reload.") \
	X(SOURCE_ROUTED, "source_routed", \
	  "packet with a source route (LSRR, SSRR), left to the kernel", \
	  "Nothing: the kernel drops it unless accept_source_route is set.") \
	X(IGNORED, "tcp_ignored", \
	  "segment that its receiver will not accept, forwarded and otherwise ignored", \
	  "Nothing if there are few. If it rises fast, somebody forges segments: find out on which interface they arrive.") \
	X(BAD_CHECKSUM, "tcp_checksum", \
	  "control segment with a wrong checksum, dropped", \
	  "If it rises, look for a broken link or card; or somebody sends what the other end will not read.") \
	X(BAD_FLAGS, "tcp_flags", \
	  "control segment without ACK, dropped", \
	  "Look at its sender with tcpdump: no TCP sends such a segment.") \
	X(BAD_OPTION, "tcp_option", \
	  "control segment signed with TCP-MD5 or TCP-AO, dropped", \
	  "Nothing: no FTP server takes such a segment, and it can't be translated.") \
	X(BAD_TIMESTAMP, "tcp_timestamp", \
	  "control segment with an old timestamp, or without one that was agreed on, dropped", \
	  "Nothing, if it is few: a link delivers late. Else look at its sender with tcpdump.") \
	X(BAD_ACK, "tcp_ack", \
	  "control segment that acknowledges what was never sent, or what is long past, dropped", \
	  "Nothing, if it is few. If it rises fast, somebody sends segments in the name of others.") \
	X(BAD_SEQUENCE, "tcp_sequence", \
	  "control segment far from what its receiver waits for, dropped", \
	  "Nothing, if it is few. If it rises fast, somebody sends segments in the name of others.") \
	X(BAD_WINDOW, "tcp_window", \
	  "control segment beyond its receiver's window, dropped", \
	  "Nothing: its sender repeats it when the window opens.") \
	X(UNANSWERED, "unanswered", \
	  "packet dropped without the ICMP error that is due, because these are rationed", \
	  "If it rises, somebody floods: see ttl_exceeded and too_big.") \
	X(HALF_OPEN_RECLAIMED, "half_open_reclaimed", \
	  "half-open control connection removed for a new one, because the table was full, or over three quarters full and it was older than 10 s, or because its rule had max_sessions", \
	  "If it rises, somebody floods with SYNs: find the interface with tcpdump. Raise limits.control if clients are slow to connect.") \
	X(LINE_AMBIGUOUS, "line_ambiguous", \
	  "address line that its readers read differently, refused or taken out", \
	  "Look at the line in ftpnat-load events: no honest client or server writes such lines.") \
	X(NOT_FTP, "not_ftp", \
	  "client of a control connection speaks another protocol: opens nothing", \
	  "Look at the client in ftpnat-load events: a web page may have made its browser talk to an FTP port (NAT slipstreaming), or the port is not an FTP server's.") \
	X(CLIENT_DENIED, "client_denied", \
	  "new control connection refused: the client is in the rule's deny, or not in its clients", \
	  "Nothing, or correct the rule's clients and deny and reload.") \
	X(RESET, "reset", \
	  "refused control connection, answered with a reset (refuse: reset)", \
	  "Nothing: the refusal itself is counted under its own reason.") \
	X(CLIENT_SESSIONS, "client_sessions", \
	  "new control connection refused: the client has as many as per_client.sessions allows", \
	  "Nothing, or raise per_client.sessions of the rule: many users may share one address (NAT).") \
	X(CLIENT_NEW_SESSIONS, "client_new_sessions", \
	  "new control connection refused: the client opens them faster than per_client.new_sessions allows", \
	  "Nothing, or raise per_client.new_sessions of the rule: many users may share one address (NAT).") \
	X(CLIENT_HALF_OPEN, "client_half_open", \
	  "new control connection refused: the client has as many half-open ones as per_client.half_open allows", \
	  "Somebody floods with SYNs, or the client's link loses packets: look with tcpdump.") \
	X(CLIENT_EXPECTED, "client_expected", \
	  "data connection refused: the client has announced as many as per_client.expected allows", \
	  "Nothing, or raise per_client.expected of the rule: many users may share one address (NAT).") \
	X(CLIENT_SHARE, "client_share", \
	  "refused: the table is over three quarters full, and the client has its share of it", \
	  "Find out what the client does: ftpnat-load flows --client. Raise limits (needs down and up) if it is honest, or set per_client.") \
	X(RULE_SESSIONS, "rule_sessions", \
	  "new control connection refused: the rule has as many as max_sessions allows", \
	  "Nothing, or raise max_sessions of the rule.") \
	X(CLIENTS_FULL, "clients_full", \
	  "client that is not counted, because the table of clients is full: limits per client don't hold for it", \
	  "Somebody dials from very many addresses: see half_open_reclaimed. Raise limits.control (needs down and up) if they are honest.") \
	X(BANNED, "banned", \
	  "connection or expectation refused: the client is banned", \
	  "Nothing; ftpnat-load bans lists the bans, unban takes one back.") \
	X(CONTROL_UNANSWERED, "control_unanswered", \
	  "attempt at a control connection that was reset or got no answer in time", \
	  "Look at the server in ftpnat-load events: it refuses connections, or its answers take another way. From many clients at once: somebody floods with SYNs.") \
	X(DATA_UNANSWERED, "data_unanswered", \
	  "attempt at a data connection that was reset or got no answer in time", \
	  "Look at the server in ftpnat-load events: something drops the connections to its data ports, or to the client in active mode.") \
	X(LOGIN_FAILED, "login_failed", \
	  "login that the server refused (530), where per_client.failed_logins counts them", \
	  "Nothing if it is few: after too many the client is banned.") \
	X(LOGIN_BANNED, "login_banned", \
	  "client banned, and its session ended, because too many logins failed", \
	  "Nothing; if it is an honest client: ftpnat-load unban, or raise per_client.failed_logins.") \
	X(BANS_FULL, "bans_full", \
	  "client that should be banned, but the table of bans is full", \
	  "Take bans back with ftpnat-load unban, or ban prefixes: see ftpnat-load bans.") \
	X(ICMP_SEQUENCE, "icmp_sequence", \
	  "ICMP error dropped: it quotes a sequence number that its receiver doesn't have in flight (RFC 5927)", \
	  "Nothing: it came too late, or somebody invents errors to break connections.") \
	X(INCONSISTENT, "tcp_inconsistent", \
	  "control segment that repeats bytes not yet acknowledged and says something else, dropped", \
	  "Nothing, if it is few. If it rises, somebody tries to make the two ends of a session read different lines: look for the client in ftpnat-load events.") \
	X(LINE_FAMILY, "line_family", \
	  "EPSV, EPSV ALL or 227 across address families that can't be translated, refused (RFC 6384)", \
	  "Nothing: clients go on with EPSV.") \
	X(TRANSFER_DONE, "transfer_done", \
	  "a file was transferred, or tried to be (with records)", \
	  "Nothing.") \
	X(LINE_COMMAND, "line_command", \
	  "command that the rule's commands do not allow, refused", \
	  "Nothing, or change commands of the rule: the event shows the line.") \
	X(LINE_TLS_FIRST, "line_tls_first", \
	  "USER, PASS or ACCT before TLS, refused because the rule requires TLS", \
	  "Set the client to FTPS (AUTH TLS), or tls: pass in the rule.") \
	X(BANNER_HIDDEN, "banner_hidden", \
	  "220 or 215 whose text was replaced (banner: hide)", \
	  "Nothing.") \
	X(PARKED, "parked", \
	  "control segment or SYN-ACK that waits until the other gateways of the cluster know what it did", \
	  "Nothing; ftpnat_cluster_commit_seconds shows how long they wait.") \
	X(UNCOMMITTED, "uncommitted", \
	  "control segment dropped because the other gateways could not be informed: its sender repeats it", \
	  "Look at ftpnat-load cluster status: run or corosync is away. on_loss: go_on lets it pass.") \
	X(TAKEN_OVER, "taken_over", \
	  "connection of another gateway of the cluster whose packets come here now", \
	  "Nothing, if that gateway died or was drained.") \
	X(RATE, "rate", \
	  "data packet dropped: its rule or client is two seconds ahead of its rate", \
	  "Nothing: TCP slows down. If the rate isn't reached, see fq in ftpnat-load status.") \
	X(LINE_UNPROTECTED, "line_unprotected", \
	  "data connection refused because the other gateways of the cluster can't be informed", \
	  "Look at ftpnat-load cluster status: a peer, run or corosync is late or away. on_loss: wait and go_on refuse nothing.") \
	X(LINE_DEFAULT, "line_default", \
	  "transfer without PORT or PASV: the server may connect from its default data port (RFC 959 section 3.2)", \
	  "Nothing.") \
	X(SENT_ON, "sent_on", \
	  "packet of a connection of another gateway of the cluster, sent on to that gateway", \
	  "Nothing where packets come to any gateway. After a move of the addresses, ftpnat-load cluster take moves the sessions, too.")
enum ftpnat_reason {
#define X(symbol, string, meaning, advice) FTPNAT_##symbol,
	FTPNAT_REASONS(X)
#undef X
	FTPNAT_REASON_MAX
};
// clang-format on

#endif
