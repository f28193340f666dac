/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Random FTP conversations: what each end sends and when, through which rule, over which
 * network.
 */
#ifndef FTPNAT_MODEL_CONVERSATION_H
#define FTPNAT_MODEL_CONVERSATION_H

#include "script.h"
#include "wire.h"

/* Kinds that can be left out. */
enum feature {
	FEATURE_REFUSED_REPLIES =
		1,	       /* refused commands answered by replies of many lines */
	FEATURE_PIPELINED = 2, /* several address lines in flight */
	FEATURE_OPAQUE = 4,    /* AUTH TLS */
	FEATURE_GSO = 8,       /* segments above the MSS */
	FEATURE_PARTIAL = 16,  /* last words without a line end */
	FEATURE_ABORT = 32,    /* RST */
	FEATURE_LOSS = 64,
	FEATURE_REORDER = 128,
	FEATURE_PROBE_DATA = 256,    /* keepalives with a byte */
	FEATURE_CLOSED_WINDOW = 512, /* receivers that read slowly */
	FEATURE_STALE_REFUSAL =
		1024,		/* 5xx of a command whose expectation has been replaced */
	FEATURE_UNASKED = 2048, /* 227 and 229 that answer no PASV or EPSV */
	FEATURE_EAGER = 4096,	/* the client doesn't wait for the greeting */
	FEATURE_LATE = 8192,	/* ... nor for the last replies before it says goodbye */
	FEATURE_FAMILIES = 16384,  /* addresses of the other family than the session's */
	FEATURE_PROMPT = 32768,	   /* nothing may be sent again when nothing was lost */
	FEATURE_KEEPALIVE = 65536, /* each keepalive has to be answered */
	FEATURE_MISCOUNT = 131072, /* servers that answer too little or too much */
	FEATURE_FORGED = 262144,   /* an attacker who writes in the name of both ends */
	FEATURE_ACROSS = 524288,   /* client and server of different families */
	FEATURE_ALL = 1048575,
	FEATURE_ALL_ACROSS = 1048576, /* no others */
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

#endif
