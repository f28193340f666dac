/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A control connection through the gateway, described by what each end sends and what
 * the other receives. The library keeps the sequence and acknowledgement numbers that
 * both ends should see, by adding up lengths, and compares every packet byte by byte.
 */
#ifndef FTPNAT_TEST_TALK_H
#define FTPNAT_TEST_TALK_H

#include "dataplane.h"

enum scene_id {
	KEEP4, /* publish, source: keep */
	KEEP6,
	FULL4, /* publish, full NAT */
	FULL6,
	MASQ4,	 /* masquerade, public address as long as the client's */
	GROW4,	 /* the same, longer */
	SHRINK4, /* the same, shorter */
	MASQ6,
	IFACE4, /* masquerade, to: interface */
	IFACE6,
	SERVER4, /* publish, the server is the gateway itself */
	SERVER6,
	CLIENT4, /* masquerade, the client is the gateway itself */
	CLIENT6,
	NAT64, /* publish, the server is of the other family */
	NAT46,
	MASQ64, /* masquerade with prefix64 */
	SCENES
};

#define IN(scene) (1u << (scene))
#define IN_PUBLISH                                                                       \
	(IN(KEEP4) | IN(KEEP6) | IN(FULL4) | IN(FULL6) | IN(SERVER4) | IN(SERVER6))
#define IN_MASQUERADE                                                                    \
	(IN(MASQ4) | IN(GROW4) | IN(SHRINK4) | IN(MASQ6) | IN(IFACE4) | IN(IFACE6) |     \
	 IN(CLIENT4) | IN(CLIENT6))
#define IN_V6  (IN(KEEP6) | IN(FULL6) | IN(MASQ6) | IN(IFACE6) | IN(SERVER6) | IN(CLIENT6))
#define IN_ALL ((1u << NAT64) - 1) /* of one family */
#define IN_V4  (IN_ALL & ~IN_V6)

/* One of each kind whose packets are forwarded, in both families. */
#define SCENES_ROUTED 6
extern const enum scene_id scenes_routed[SCENES_ROUTED];

struct scene {
	const char *name;
	enum ftpnat_rule_kind kind;
	const char *client;  /* $C, as PORT writes it $c */
	const char *dialled; /* $D $d */
	const char *seen;    /* what the server sees as the client: $P $p */
	const char *server;  /* $S $s */
	uint16_t dialled_port;
	uint16_t server_port;
	const char *prefix;   /* masquerade: clients */
	const char *to;	      /* masquerade: NULL: interface */
	const char *prefix64; /* its /96 */
	enum side client_side;
	enum side server_side;
	bool client_local; /* on the gateway itself */
	bool server_local;
};

#define CLIENT_PORT   40000 /* and what the server sees as it */
#define CLIENT_WINDOW 1111
#define SERVER_WINDOW 1222

/* Are client and server of different families? */
bool scene_crosses(const struct scene *scene);
const struct scene *scene_get(enum scene_id id);
const char *scene_name(enum scene_id id);

/* The rule of the scene, number 0, for all that a row wants otherwise. */
struct ftpnat_rule scene_rule(const struct scene *scene);
/* Fresh maps with the scene's configuration; NULL rule: scene_rule(). */
void scene_configure(const struct scene *scene, const struct ftpnat_rule *rule);

enum end { CLIENT, SERVER };

struct talk {
	const struct scene *scene;
	uint16_t client_port;
	uint16_t seen_port;
	uint32_t isn[2];
	/* offsets from the ISN: next byte of each end as itself and as the other counts it */
	uint32_t sent[2];
	uint32_t heard[2];
	char unheard[2][2048]; /* said, and kept back on its way */
	bool timestamps;
	uint32_t clock[2];
	bool shut[2];		/* the window is closed */
	uint8_t tos, tos_heard; /* of all packets, as sent and as received */
};

#define STEP_ALSO 6

/* A transfer that nothing was announced for: the server may connect from L-1. */
#define DEFAULT_PORT .also = { FTPNAT_LINE_DEFAULT, FTPNAT_EXPECTED }
#define DEFAULT_OVER .also = { FTPNAT_EXPECTED_CLOSED }

/* One packet. Offsets count as the sender (seq) and the receiver (to_seq) see them. */
struct step {
	char from;			    /* 'c' or 's' */
	const char *text;		    /* $C etc. are replaced; NULL: none */
	const char *becomes;		    /* NULL: as it is */
	enum ftpnat_reason reason;	    /* 0: it goes on */
	enum ftpnat_reason also[STEP_ALSO]; /* counted with it, ends with 0 */
	uint8_t flags;			    /* 0: PSH and ACK */
	uint8_t becomes_flags;		    /* 0: the same */
	/* 0: the next; the connection's count stays as it is when one is named */
	uint32_t seq, to_seq;
	uint32_t ack, to_ack;
	struct options options, becomes_options; /* in place of timestamps */
	uint32_t gso_size;
	bool shuts; /* the sender's window closes, and stays so */
};

/*
 * What the client or the server sends, what the other end receives, and other fields of
 * a step.
 */
#define C(...)                                                                           \
	{                                                                                \
		.from = 'c', .text = __VA_ARGS__                                         \
	}
#define S(...)                                                                           \
	{                                                                                \
		.from = 's', .text = __VA_ARGS__                                         \
	}

/* A connection of the scene, not yet open, with ISNs that soon wrap. */
void talk_init(struct talk *talk, const struct scene *scene);
/* The same from another port than CLIENT_PORT. */
void talk_from_port(struct talk *talk, const struct scene *scene, uint16_t port);
/* SYN, SYN-ACK, ACK; the test fails when they don't come out as they should. */
void talk_open(struct talk *talk);
/* Fresh maps and an open connection of the scene. */
void talk_begin(struct talk *talk, enum scene_id id);
bool talk_step(struct talk *talk, const char *says, const struct step *step);
/* Until a step with from == 0. */
bool talk_steps(struct talk *talk, const char *says, const struct step *steps);

/* A packet of the talk: as `from` sends it, or as the other end gets it. */
struct packet_spec talk_sent(const struct talk *talk, enum end from);
struct packet_spec talk_heard(const struct talk *talk, enum end from);
/*
 * Counted with a SYN that takes the place of a half-open connection, and with a packet that
 * its receiver would not accept.
 */
extern const enum ftpnat_reason replaces_half_open[], tcp_ignored[];

/* The client's SYN. */
struct packet_spec talk_syn(const struct talk *talk);
struct packet_spec talk_syn_heard(const struct talk *talk);
enum hook talk_hook(const struct talk *talk, enum end from);
enum side talk_side(const struct talk *talk, enum end from);
/* FORWARDED, TRANSLATED when the gateway itself is one of the ends, or TRACKED. */
enum ftpnat_reason talk_reason(const struct talk *talk);

/*
 * Runs `in`: does it leave as `out` (ignored when it is dropped), for this reason,
 * counted with `also`? The return value of the programs follows from the reason.
 */
bool check_packet(const char *says, enum hook hook, enum side side,
		  const struct packet_spec *in, const struct packet_spec *out,
		  enum ftpnat_reason reason, const enum ftpnat_reason *also);

/* The same where `from` of the talk is seen. */
bool check_from(const char *says, const struct talk *talk, enum end from,
		const struct packet_spec *in, const struct packet_spec *out,
		enum ftpnat_reason reason, const enum ftpnat_reason *also);

/* ---- a passive data connection of the talk, with ports 41000 and 2570 ---- */

#define DATA_PORT 41000

/* What is counted with its SYN, and with the ACK that completes its handshake. */
extern const enum ftpnat_reason data_arrives[], data_opens[];

/* One of its packets, with ACK only: as `from` sends it, or as the other end gets it. */
struct packet_spec data_sent(const struct talk *talk, enum end from);
struct packet_spec data_heard(const struct talk *talk, enum end from);
/* EPSV and 229: an expectation. */
void data_announce(struct talk *talk);
bool data_check(const char *says, const struct talk *talk, enum end from, uint8_t flags,
		const char *payload, const enum ftpnat_reason *also);
/* talk_begin(), and the data connection established. */
void data_open(struct talk *talk, enum scene_id id);

/* Text with $C etc. replaced, in one of a few static buffers. */
const char *talk_text(const struct talk *talk, const char *text);

/*
 * The only expectation as "peer > address port = address port > address port mode",
 * before and after translation, "none" or "N expectations"; a static buffer.
 */
const char *talk_expectation(void);

#endif
