/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What an FTP gateway must do, in terms of byte streams. It is fed what each end sends,
 * in the order in which the gateway receives it, and returns what the other end must get
 * and which data connection is expected. It knows nothing of packets and shares no code
 * with the programs.
 */
#ifndef FTPNAT_ALG_MODEL_H
#define FTPNAT_ALG_MODEL_H

#include "alg_addr.h"

enum alg_side { ALG_CLIENT, ALG_SERVER };

struct alg_config {
	bool publish; /* else masquerade */
	bool active;
	bool passive;
	bool foreign;	   /* lines may name other hosts than the peer */
	bool no_room;	   /* the table of expectations is full */
	uint16_t port_min; /* public data ports */
	uint16_t port_max;
	unsigned slots; /* gateways of a cluster, each with its slice of the ports; 0: one */
	uint16_t listen_port;	 /* control port of `dialled`, no data port; 0: none */
	struct alg_addr client;	 /* as it is */
	struct alg_addr seen;	 /* as the server sees it */
	struct alg_addr dialled; /* the server as the client sees it */
	struct alg_addr server;	 /* as it is */
	struct alg_addr data_address; /* named in 227; zero: what was dialled */
};

/* Are client and server of different families? */
bool alg_across(const struct alg_config *config);

/* An expected data connection: its peer, its destination, and how it is translated. */
struct alg_expectation {
	struct alg_addr peer;
	struct alg_addr public;
	struct alg_addr to_src;
	struct alg_addr to_dst;
	uint16_t public_port;
	uint16_t to_sport; /* 0: as it comes */
	uint16_t to_dport;
	bool active;
};

/*
 * If a port must change, the gateway is free to choose, and the model must ask for the
 * choice: the port that `reader` got, as `numbers` decimal numbers (2: high and low
 * byte) at `offset` of what it read. -1: it never read it.
 */
typedef int (*alg_port_fn)(void *arg, enum alg_side reader, size_t offset, int numbers);

#define ALG_STREAM   65536
#define ALG_COMMANDS 256

struct alg_stream {
	uint8_t line[ALG_STREAM]; /* without its end yet */
	size_t line_len;
	uint8_t out[ALG_STREAM + 4096]; /* what the other end gets */
	size_t out_len;
	bool unknown; /* from out_len on */
};

/* Has a line said where data go? */
enum alg_address {
	ADDRESS_NEVER,
	ADDRESS_SAID,
	ADDRESS_USED,
};

/* What the client reads instead of the reply to its command. */
enum alg_refusal {
	REFUSE_NONE = -1, /* as it came */
	REFUSE_NO_PORT,
	REFUSE_FULL,
	REFUSE_FOREIGN,
	REFUSE_POLICY,
	REFUSE_AMBIGUOUS,
	REFUSE_USE_V4,
	REFUSE_USE_V6,
	REFUSE_ARGUMENT,
	REFUSE_NO_CLEAR_ADDRESS,
	REFUSE_NO_CONNECT,
	ANSWER_ALGS_ON,
	ANSWER_ALGS_OFF,
	REFUSE_NO_ADDRESS,
};

struct alg_command {
	int verb;		  /* as the server read it */
	int said;		  /* as the client said it */
	enum alg_refusal refusal; /* that the client has to read */
	unsigned number;	  /* which command of the session */
	bool expectation;	  /* the expectation that stands open is this one's */
	bool transfer;		  /* over the default data port */
	bool alone;		  /* it was sent when no reply was missing */
	bool matters;		  /* something is done when its reply comes */
};

struct alg_model {
	struct alg_config config;
	struct alg_stream stream[2]; /* by sender */
	struct alg_command
		command[ALG_COMMANDS]; /* without their final reply, oldest first */
	unsigned commands;
	unsigned commands_seen;
	unsigned commands_before; /* seen when the server's line began */
	unsigned reply;		  /* code of the multi-line reply that is open */
	unsigned reply_told;	  /* the same as the client has read it; 0: as it is */
	bool greeted;
	struct alg_command
		again; /* that the newest reply refused, no command since; verb NONE: none */
	bool opaque;
	bool spoken;	   /* the client has said a line */
	bool alien;	   /* the client speaks another protocol */
	bool epsv_only;	   /* EPSV ALL was accepted */
	bool untranslated; /* ALGS DISABLE64 */
	enum alg_address address;
	uint16_t client_port, dialled_port, seen_port; /* of the control connection */
	bool expecting;
	struct alg_expectation expectation;
	alg_port_fn port_told;
	void *arg;
};

void alg_init(struct alg_model *m, const struct alg_config *config, alg_port_fn port_told,
	      void *arg);
/* `from` says these bytes. */
void alg_feed(struct alg_model *m, enum alg_side from, const uint8_t *bytes, size_t len);
/* `from` will say no more. */
void alg_finish(struct alg_model *m, enum alg_side from);
/* The control connection is over. */
void alg_close(struct alg_model *m);

#endif
