// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "talk.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>

#include <cmocka.h>

#include "base/addr.h"
#include "base/util.h"

static bool is_v6(const char *address)
{
	return strchr(address, ':') != NULL;
}

bool scene_crosses(const struct scene *scene)
{
	return is_v6(scene->client) != is_v6(scene->server);
}

void talk_init(struct talk *talk, const struct scene *scene)
{
	*talk = (struct talk){
		.scene = scene,
		.client_port = CLIENT_PORT,
		.seen_port = CLIENT_PORT,
		.isn = { 0xffffffe0, 0x7ffffff0 },
		.timestamps = true,
		.clock = { 1000000, 4294967290u },
	};
}

void talk_from_port(struct talk *talk, const struct scene *scene, uint16_t port)
{
	talk_init(talk, scene);
	talk->client_port = talk->seen_port = port;
}

const enum ftpnat_reason replaces_half_open[] = { FTPNAT_CONTROL_UNANSWERED,
						  FTPNAT_HALF_OPEN_RECLAIMED,
						  FTPNAT_REASON_MAX };
const enum ftpnat_reason tcp_ignored[] = { FTPNAT_IGNORED, FTPNAT_REASON_MAX };

static bool is_local(const struct talk *talk, enum end end)
{
	return end == CLIENT ? talk->scene->client_local : talk->scene->server_local;
}

enum hook talk_hook(const struct talk *talk, enum end from)
{
	return is_local(talk, from) ? EGRESS : INGRESS;
}

/* What the gateway itself sends is seen where it leaves. */
enum side talk_side(const struct talk *talk, enum end from)
{
	enum end end = is_local(talk, from) ? !from : from;

	return end == CLIENT ? talk->scene->client_side : talk->scene->server_side;
}

enum ftpnat_reason talk_reason(const struct talk *talk)
{
	if (talk->scene->kind == FTPNAT_TRACK)
		return FTPNAT_TRACKED;
	return is_local(talk, CLIENT) || is_local(talk, SERVER) ? FTPNAT_TRANSLATED :
								  FTPNAT_FORWARDED;
}

struct packet_spec talk_sent(const struct talk *talk, enum end from)
{
	const struct scene *scene = talk->scene;
	struct packet_spec spec = { .dst_mac = dataplane_mac(talk_side(talk, from)),
				    .tos = talk->tos };

	if (talk_hook(talk, from) == EGRESS) {
		spec.src_mac = spec.dst_mac;
		spec.dst_mac = NULL;
	}
	if (from == CLIENT) {
		spec.src = scene->client;
		spec.sport = talk->client_port;
		spec.dst = scene->dialled;
		spec.dport = scene->dialled_port;
		spec.window = CLIENT_WINDOW;
	} else {
		spec.src = scene->server;
		spec.sport = scene->server_port;
		spec.dst = scene->seen;
		spec.dport = talk->seen_port;
		spec.window = SERVER_WINDOW;
	}
	return spec;
}

struct packet_spec talk_heard(const struct talk *talk, enum end from)
{
	struct packet_spec spec = talk_sent(talk, from);
	const struct packet_spec answer = talk_sent(talk, !from);

	spec.tos = talk->tos_heard;
	spec.src = answer.dst;
	spec.sport = answer.dport;
	spec.dst = answer.src;
	spec.dport = answer.sport;
	/* it is a router that sends it on, and not from or to itself, nor the stack */
	spec.ttl = talk_reason(talk) == FTPNAT_FORWARDED ? 63 : 64;
	return spec;
}

/* ---- text ---- */

#define TEXTS	 8
#define TEXT_MAX 2048

const char *talk_text(const struct talk *talk, const char *text)
{
	static char buffers[TEXTS][TEXT_MAX];
	static size_t next;
	const struct scene *scene = talk->scene;
	char *buffer = buffers[next++ % TEXTS];
	size_t len = 0;

	while (*text && len + FTPNAT_ADDR_STRLEN < TEXT_MAX) {
		const char *known = "CcDdPpSs", *at;
		const char *address[] = { scene->client, scene->dialled, scene->seen,
					  scene->server };
		size_t start = len;

		at = text[0] == '$' && text[1] ? strchr(known, text[1]) : NULL;
		if (!at) {
			buffer[len++] = *text++;
			continue;
		}
		len += (size_t)sprintf(buffer + len, "%s", address[(at - known) / 2]);
		for (; text[1] >= 'a' && start < len; start++)
			if (buffer[start] == '.')
				buffer[start] = ',';
		text += 2;
	}
	buffer[len] = '\0';
	return buffer;
}

const char *talk_expectation(void)
{
	static char text[6 * FTPNAT_ADDR_STRLEN];
	char peer[FTPNAT_ADDR_STRLEN], expectation[FTPNAT_ADDR_STRLEN];
	char from[FTPNAT_ADDR_STRLEN], to[FTPNAT_ADDR_STRLEN];
	struct ftpnat_expected_key key;
	struct ftpnat_expected e;
	size_t expectations = dataplane_expectations();

	if (expectations != 1) {
		snprintf(text, sizeof(text), expectations ? "%zu expectations" : "none",
			 expectations);
		return text;
	}
	dataplane_expectation(&key, &e);
	snprintf(text, sizeof(text), "%s > %s %u = %s %u > %s %u %s",
		 ftpnat_addr_str(peer, &key.peer), ftpnat_addr_str(expectation, &key.dst),
		 ntohs(key.dport), ftpnat_addr_str(from, &e.src), ntohs(e.sport),
		 ftpnat_addr_str(to, &e.dst), ntohs(e.dport),
		 e.mode == FTPNAT_ACTIVE ? "active" : "passive");
	return text;
}

/* ---- steps ---- */

static struct options clock_options(struct talk *talk, enum end from)
{
	struct options options = { 0 };

	if (talk->timestamps)
		option_timestamps(&options, ++talk->clock[from], talk->clock[!from]);
	return options;
}

/* Replies of the gateway in the other end's place. */
static struct packet_spec answer_to(const struct talk *talk, enum end from,
				    const struct packet_spec *sent)
{
	struct packet_spec spec = *sent;

	spec.src = sent->dst;
	spec.dst = sent->src;
	spec.sport = sent->dport;
	spec.dport = sent->sport;
	spec.src_mac = sent->dst_mac ? sent->dst_mac : (const uint8_t *)"\2\0\0\0\0\xd5";
	spec.dst_mac = sent->src_mac ? sent->src_mac : (const uint8_t *)"\2\0\0\0\0\x5c";
	spec.seq = sent->ack;
	spec.ack = talk->isn[from] + talk->sent[from];
	spec.flags = ACK;
	spec.payload = NULL;
	spec.window = from == CLIENT ? SERVER_WINDOW : CLIENT_WINDOW;
	spec.shut = talk->shut[!from];
	spec.options.len = 0;
	if (talk->timestamps)
		option_timestamps(&spec.options, talk->clock[!from], talk->clock[from]);
	return spec;
}

static int action_of(enum ftpnat_reason reason)
{
	switch (reason) {
	case FTPNAT_FORWARDED:
	case FTPNAT_ANSWERED:
		return TC_REDIRECT;
	case FTPNAT_TRANSLATED:
	case FTPNAT_PASS:
	case FTPNAT_SEEN:
	case FTPNAT_TRACKED:
	case FTPNAT_FRAGMENT:
		return TC_UNSPEC;
	default:
		return TC_SHOT;
	}
}

/* Did the programs send this packet by themselves, and no other? NULL: they sent none. */
static bool check_copy(const char *says, const struct packet_spec *copy, bool translated)
{
	struct packet expected, sent;
	bool good = true;

	if (copy) {
		packet_build(&expected, copy);
		if (!dataplane_copy(&sent)) {
			printf("%s: no copy was sent\n", says);
			return false;
		}
		if (translated)
			packet_translated(&expected, &sent);
		good = packet_same(says, &expected, &sent);
	}
	if (dataplane_copy(&sent)) {
		printf("%s: a packet was sent that should not have been\n", says);
		good = false;
	}
	return good;
}

static bool check(const char *says, enum hook hook, enum side side, uint32_t gso_size,
		  const struct packet_spec *in, const struct packet_spec *out,
		  enum ftpnat_reason reason, const enum ftpnat_reason *also,
		  bool translated)
{
	int action = action_of(reason);
	struct packet packet, expected;
	struct counters before;
	struct run run;
	bool good = true;

	packet_build(&packet, in);
	dataplane_counters(&before);
	dataplane_run(&run, hook, side, &packet, gso_size);
	if (run.action != action) {
		printf("%s: returned %d, expected %d\n", says, run.action, action);
		good = false;
	}
	if (action != TC_SHOT && run.action == action) {
		packet_build(&expected, out);
		if (translated)
			packet_translated(&expected, &run.packet);
		good &= packet_same(says, &expected, &run.packet);
	}
	good &= dataplane_counted(says, &before, reason, also);
	return good;
}

bool check_packet(const char *says, enum hook hook, enum side side,
		  const struct packet_spec *in, const struct packet_spec *out,
		  enum ftpnat_reason reason, const enum ftpnat_reason *also)
{
	return check(says, hook, side, 0, in, out, reason, also,
		     is_v6(in->src) != is_v6(out->src));
}

/* Is this reason named in a step's `also`? */
static bool step_counts(const struct step *step, enum ftpnat_reason reason)
{
	for (size_t i = 0; i < STEP_ALSO && step->also[i]; i++)
		if (step->also[i] == reason)
			return true;
	return false;
}

static bool check_step(struct talk *talk, const char *says, const struct step *step,
		       const struct packet_spec *sent, const struct packet_spec *expected,
		       const struct packet_spec *copy, enum ftpnat_reason reason,
		       bool rewritten)
{
	bool good;
	enum end from = step->from == 'c' ? CLIENT : SERVER;
	enum ftpnat_reason also[2 * STEP_ALSO + 1];
	size_t n = 0;

	/* an expectation is also counted by its result */
	for (size_t i = 0; i < STEP_ALSO && step->also[i]; i++) {
		also[n++] = step->also[i];
		if (step->also[i] == FTPNAT_EXPECTED &&
		    !step_counts(step, FTPNAT_LINE_DEFAULT))
			also[n++] = rewritten ? FTPNAT_LINE_REWRITTEN :
						FTPNAT_LINE_UNCHANGED;
	}
	also[n] = FTPNAT_REASON_MAX;
	good = check(says, talk_hook(talk, from), talk_side(talk, from), step->gso_size,
		     sent, expected, reason, also,
		     /* an answer, too, if its ACK was sent on before */
		     scene_crosses(talk->scene) &&
			     (reason != FTPNAT_ANSWERED ||
			      step_counts(step, FTPNAT_ACK_PASSED)));
	if (is_local(talk, CLIENT) || is_local(talk, SERVER)) {
		struct packet ignored; /* copies go up the stack, which answers them */

		while (dataplane_copy(&ignored))
			;
		return good;
	}
	return check_copy(says, copy, scene_crosses(talk->scene)) && good;
}

/* Keeps what the other end has not got yet; does it get what was said in other words? */
static bool keep_unheard(struct talk *talk, enum end from, const struct packet_spec *sent,
			 const struct packet_spec *expected, bool goes_on)
{
	char *unheard = talk->unheard[from];
	size_t heard;
	bool rewritten;

	if (sent->payload)
		strncat(unheard, sent->payload,
			sizeof(talk->unheard[from]) - strlen(unheard) - 1);
	if (!goes_on)
		return false;
	heard = expected->payload ? strlen(expected->payload) : 0;
	rewritten = heard && strncmp(unheard, expected->payload, heard);
	if (rewritten || heard > strlen(unheard))
		heard = strlen(unheard);
	memmove(unheard, unheard + heard, strlen(unheard) - heard + 1);
	return rewritten;
}

bool talk_step(struct talk *talk, const char *says, const struct step *step)
{
	enum end from = step->from == 'c' ? CLIENT : SERVER;
	struct packet_spec sent = talk_sent(talk, from);
	struct packet_spec expected = talk_heard(talk, from);
	enum ftpnat_reason reason = step->reason ? step->reason : talk_reason(talk);
	uint8_t flags = step->flags ? step->flags : PSH | ACK;
	uint32_t seq = step->seq ? step->seq : talk->sent[from];
	bool goes_on = reason == talk_reason(talk);
	bool copied = step_counts(step, FTPNAT_REPEATED);
	struct packet_spec copy;
	char title[512];
	bool rewritten;

	snprintf(title, sizeof(title), "%s [%s]: %s%.40s", says, talk->scene->name,
		 from == CLIENT ? "client: " : "server: ",
		 step->text ? talk_text(talk, step->text) : "(no data)");
	title[strcspn(title, "\r\n")] = '\0';

	talk->shut[from] |= step->shuts;
	sent.shut = expected.shut = talk->shut[from];
	sent.flags = flags;
	sent.seq = talk->isn[from] + seq;
	sent.options = step->options.len ? step->options : clock_options(talk, from);
	sent.payload = step->text ? talk_text(talk, step->text) : NULL;

	expected.flags = step->becomes_flags ? step->becomes_flags : flags;
	expected.seq = talk->isn[from] + (step->seq ? step->to_seq : talk->heard[from]);
	expected.options = step->becomes_options.len ? step->becomes_options :
						       sent.options;
	expected.payload = step->becomes ? talk_text(talk, step->becomes) : sent.payload;
	if (flags & ACK) {
		sent.ack =
			talk->isn[!from] + (step->ack ? step->ack : talk->heard[!from]);
		expected.ack =
			talk->isn[!from] + (step->ack ? step->to_ack : talk->sent[!from]);
	}

	copy = expected;
	if (step_counts(step, FTPNAT_ACK_PASSED)) {
		copied = true;
		copy.flags = ACK;
		copy.payload = NULL;
		copy.seq = talk->isn[from] + talk->heard[from];
	}

	if (!step->seq) {
		talk->sent[from] += sent.payload ? (uint32_t)strlen(sent.payload) : 0;
		talk->sent[from] += !!(flags & SYN) + !!(flags & FIN);
	}
	if (!step->seq && goes_on) {
		talk->heard[from] +=
			expected.payload ? (uint32_t)strlen(expected.payload) : 0;
		talk->heard[from] += !!(expected.flags & SYN) + !!(expected.flags & FIN);
	}
	rewritten = keep_unheard(talk, from, &sent, &expected, goes_on) ||
		    (reason == FTPNAT_PARKED && step->becomes);
	if (reason == FTPNAT_ANSWERED)
		expected = answer_to(talk, from, &sent);
	return check_step(talk, title, step, &sent, &expected, copied ? &copy : NULL,
			  reason, rewritten);
}

bool talk_steps(struct talk *talk, const char *says, const struct step *steps)
{
	for (; steps->from; steps++)
		if (!talk_step(talk, says, steps))
			return false; /* all that follows would only repeat it */
	return true;
}

void talk_open(struct talk *talk)
{
	static const struct step steps[] = {
		{ 'c', .flags = SYN },
		{ 's', .flags = SYN | ACK },
		{ 'c', .flags = ACK, .also = { FTPNAT_CONTROL_OPENED } },
		/* until it has shown its window, no answer can carry one */
		{ 's', .flags = ACK },
		{ 0 },
	};

	if (!talk_steps(talk, "opening", steps))
		fail_msg("the control connection doesn't open");
}

void talk_begin(struct talk *talk, enum scene_id id)
{
	scene_configure(scene_get(id), NULL);
	talk_init(talk, scene_get(id));
	talk_open(talk);
}

struct packet_spec talk_syn(const struct talk *talk)
{
	struct packet_spec spec = talk_sent(talk, CLIENT);

	spec.flags = SYN;
	spec.seq = talk->isn[CLIENT];
	return spec;
}

struct packet_spec talk_syn_heard(const struct talk *talk)
{
	struct packet_spec spec = talk_heard(talk, CLIENT);

	spec.flags = SYN;
	spec.seq = talk->isn[CLIENT];
	return spec;
}

bool check_from(const char *says, const struct talk *talk, enum end from,
		const struct packet_spec *in, const struct packet_spec *out,
		enum ftpnat_reason reason, const enum ftpnat_reason *also)
{
	return check_packet(says, talk_hook(talk, from), talk_side(talk, from), in, out,
			    reason, also);
}

/* ---- a data connection ---- */

const enum ftpnat_reason data_arrives[] = { FTPNAT_EXPECTED_USED, FTPNAT_REASON_MAX };
const enum ftpnat_reason data_opens[] = { FTPNAT_DATA_OPENED, FTPNAT_REASON_MAX };

/* Sequence numbers of the first byte, which soon wrap. */
static const uint32_t data_first[2] = { 0xffffff00, 0x7fffff00 };

static struct packet_spec data_packet(struct packet_spec spec, enum end from)
{
	spec.seq = data_first[from];
	spec.ack = data_first[!from];
	spec.sport = from == CLIENT ? DATA_PORT : 2570;
	spec.dport = from == CLIENT ? 2570 : DATA_PORT;
	spec.flags = ACK;
	return spec;
}

struct packet_spec data_sent(const struct talk *talk, enum end from)
{
	return data_packet(talk_sent(talk, from), from);
}

struct packet_spec data_heard(const struct talk *talk, enum end from)
{
	return data_packet(talk_heard(talk, from), from);
}

void data_announce(struct talk *talk)
{
	static const struct step steps[] = {
		{ 'c', .text = "EPSV\r\n" },
		{ 's', .text = "229 (|||2570|)\r\n", .also = { FTPNAT_EXPECTED } },
		{ 0 },
	};
	static const struct step to_v4[] = {
		{ 'c', .text = "EPSV\r\n", .becomes = "PASV\r\n",
		  .also = { FTPNAT_LINE_REWRITTEN } },
		{ 's', .text = "227 ($s,10,10)\r\n",
		  .becomes = "229 Entering Extended Passive Mode (|||2570|)\r\n",
		  .also = { FTPNAT_EXPECTED } },
		{ 0 },
	};
	bool translated = scene_crosses(talk->scene) && !is_v6(talk->scene->server);

	assert_true(talk_steps(talk, "EPSV", translated ? to_v4 : steps));
}

bool data_check(const char *says, const struct talk *talk, enum end from, uint8_t flags,
		const char *payload, const enum ftpnat_reason *also)
{
	struct packet_spec in = data_sent(talk, from), out = data_heard(talk, from);

	in.flags = out.flags = flags;
	if (flags & SYN)
		in.seq = out.seq = data_first[from] - 1;
	in.payload = out.payload = payload;
	return check_from(says, talk, from, &in, &out, talk_reason(talk), also);
}

void data_open(struct talk *talk, enum scene_id id)
{
	talk_begin(talk, id);
	data_announce(talk);
	assert_true(data_check("data SYN", talk, CLIENT, SYN, NULL, data_arrives));
	assert_true(data_check("SYN-ACK", talk, SERVER, SYN | ACK, NULL, NULL));
	assert_true(data_check("ACK", talk, CLIENT, ACK, NULL, data_opens));
}
