/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Random FTP conversations: who says what when, through which rule, over which network. */
#ifndef FTPNAT_MODEL_CONVERSATION_H
#define FTPNAT_MODEL_CONVERSATION_H

#include "tcp_end.h"
#include "wire.h"

#define SCRIPT_EVENTS 256
#define SCRIPT_BYTES  49152

/* Said once so many lines of the other side have been read. */
struct script_event {
	unsigned wait;
	uint32_t start, len;
};

enum ending { ENDING_CLOSE, ENDING_OPEN, ENDING_ABORT };

struct script {
	struct script_event event[SCRIPT_EVENTS];
	unsigned events;
	uint8_t byte[SCRIPT_BYTES];
	uint32_t bytes;
	unsigned lines;
	/* how it is spoken: in writes of so many bytes with so long pauses */
	unsigned write_min, write_max;
	unsigned pause; /* milliseconds */
	enum ending ending;
	/* where the speaker is */
	unsigned spoken;
	uint32_t ready, written; /* offsets into `byte` */
	uint32_t heard, heard_lines;
	uint64_t at;
	bool ended;
};

/* Kinds that can be left out. */
enum feature {
	FEATURE_REFUSED_REPLIES =
		1,	       /* refused commands answered by replies of many lines */
	FEATURE_PIPELINED = 2, /* several announcements in flight */
	FEATURE_OPAQUE = 4,    /* AUTH TLS */
	FEATURE_GSO = 8,       /* segments above the MSS */
	FEATURE_PARTIAL = 16,  /* last words without a line end */
	FEATURE_ABORT = 32,    /* RST */
	FEATURE_LOSS = 64,
	FEATURE_REORDER = 128,
	FEATURE_PROBE_DATA = 256,     /* keepalives with a byte */
	FEATURE_CLOSED_WINDOW = 512,  /* receivers that read slowly */
	FEATURE_STALE_REFUSAL = 1024, /* 5xx of a command whose door has been replaced */
	FEATURE_UNASKED = 2048,	      /* 227 and 229 that answer no PASV or EPSV */
	FEATURE_EAGER = 4096,	      /* the client doesn't wait for the greeting */
	FEATURE_LATE = 8192, /* ... nor for the last replies before it says goodbye */
	FEATURE_FAMILIES = 16384,  /* addresses of the other family than the session's */
	FEATURE_PROMPT = 32768,	   /* nothing may be sent again when nothing was lost */
	FEATURE_KEEPALIVE = 65536, /* each keepalive has to be answered */
	FEATURE_ALL = 131071,
};

struct conversation {
	struct random random;
	unsigned features;
	unsigned steps; /* at most so many exchanges */
	struct alg_config config;
	uint16_t client_port, dialled_port, server_port;
	struct tcp_traits traits[2];
	struct wire_traits network;
	struct script script[2]; /* by speaker */
	bool clean;		 /* nothing is lost: nothing may be sent twice */
};

/* Everything follows from the seed. */
void conversation_make(struct conversation *c, uint64_t seed, unsigned steps,
		       unsigned features);

/* The speaker of a script, see struct wire_talker. */
void script_run(void *script, struct tcp_end *end);
uint64_t script_next(const void *script);

#endif
