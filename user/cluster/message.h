/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What members send each other. A multicast is a row of messages; a message is a header
 * and fields: tag, length, value. A member that doesn't know a tag skips it, and a field
 * that is missing is zero, so members of different versions understand each other. All numbers are
 * in network order.
 */
#ifndef FTPNAT_MESSAGE_H
#define FTPNAT_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum message_type {
	MESSAGE_HELLO = 1, /* who the sender is, each second and when that changes */
	MESSAGE_SEEN = 2,  /* which messages of each member the sender has dealt with */
	MESSAGE_CONNECTION = 3, /* a connection as it is now, see wire.h */
	MESSAGE_END = 4,	/* a connection is gone */
	MESSAGE_ASK = 5,	/* of the member in TAG_SLOT: all that it knows */
	MESSAGE_ANSWERED = 6,	/* the member in TAG_SLOT has got all that it asked for */
	MESSAGE_GIVE = 7,	/* the member in TAG_SLOT owns the sessions of TAG_KEY */
	MESSAGE_FRAME = 8, /* a packet of a connection that the member in TAG_SLOT owns */
};

enum message_tag {
	TAG_SLOT = 1,
	TAG_NAME = 2,
	TAG_FORM = 3,	   /* of its configuration, see config_form() */
	TAG_SYNCED = 4,	   /* it has all that the others have */
	TAG_VERSION = 5,   /* of its ftpnat */
	TAG_SEEN = 6,	   /* member's number, its newest message */
	TAG_KEY = 7,	   /* of a session: the client's tuple */
	TAG_DRAINED = 8,   /* it gives its sessions away */
	TAG_INTERFACE = 9, /* by which the packet came in; name */
	TAG_GSO = 10,	   /* payload of a segment, see struct ftpnat_parked */
	TAG_FRAME = 11,
};

struct message_header {
	uint16_t magic;
	uint8_t version; /* of the header */
	uint8_t type;	 /* enum message_type */
	uint32_t len;	 /* of the fields behind it */
	uint64_t number; /* of the sender's messages, from 1; of MESSAGE_SEEN 0 */
};

/* A row of messages being written; grows. */
struct message_row {
	uint8_t *bytes;
	size_t len;
	size_t size;
	size_t begun; /* of the message at hand */
	bool failed;  /* no memory */
};

void message_begin(struct message_row *row, enum message_type type, uint64_t number);
void message_put(struct message_row *row, uint16_t tag, const void *value, size_t len);
void message_put_u8(struct message_row *row, uint16_t tag, uint8_t value);
void message_put_u32(struct message_row *row, uint16_t tag, uint32_t value);
/* Fields within a field, until message_group_end() with what this returns. */
size_t message_group(struct message_row *row, uint16_t tag);
void message_group_end(struct message_row *row, size_t group);
void message_end(struct message_row *row);
void message_row_free(struct message_row *row);

/* A message as it was read. */
struct message {
	uint8_t type;
	uint64_t number;
	const uint8_t *fields;
	size_t len;
};

/* The next message at *at, which moves behind it. False: the end, or it makes no sense. */
bool message_next(const uint8_t **at, const uint8_t *end, struct message *message);

struct message_field {
	uint16_t tag;
	uint16_t len;
	const uint8_t *value;
};

/* The next field at *at of a message, as above. */
bool message_field(const uint8_t **at, const uint8_t *end, struct message_field *field);

/* 0 if the field has another length. */
uint32_t message_u32(const struct message_field *field);
/* At most `size` - 1 printable characters, with a NUL. */
void message_text(const struct message_field *field, char *text, size_t size);

#endif
