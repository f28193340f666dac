// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Source ports on the gateway's own address: neither its sockets' nor those of connect(). */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/util.h"
#include "lib/talk.h"

#define LOCAL_MIN 32768
#define LOCAL_MAX 60999
#define DATA_MIN  50000

static void local_ports(uint16_t min, uint16_t max)
{
	dataplane_config()->local_port_min = min;
	dataplane_config()->local_port_max = max;
	dataplane_apply();
}

/* The source port that the server sees of a client that dials from `sport`; 0: refused. */
static uint16_t seen_port(enum scene_id id, uint16_t sport)
{
	const struct scene *scene = scene_get(id);
	struct packet_spec spec;
	struct packet packet;
	struct talk talk;
	struct run run;
	uint8_t *tcp;

	talk_init(&talk, scene);
	spec = talk_syn(&talk);
	spec.sport = sport;
	if (talk_hook(&talk, CLIENT) == INGRESS)
		spec.dst_mac = dataplane_mac(talk_side(&talk, CLIENT));
	packet_build(&packet, &spec);
	dataplane_run(&run, talk_hook(&talk, CLIENT), talk_side(&talk, CLIENT), &packet,
		      0);
	tcp = run.packet.byte + packet_tcp(&run.packet);
	return run.action == TC_SHOT ? 0 : (uint16_t)(tcp[0] << 8 | tcp[1]);
}

static const enum scene_id own_address[] = { MASQ4, MASQ6, IFACE4, IFACE6 };

/* What connect() of the host may take is left to it. */
static void test_local_range(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(own_address); i++) {
		scene_configure(scene_get(own_address[i]), NULL);
		local_ports(LOCAL_MIN, LOCAL_MAX);
		for (uint16_t n = 0; n < 30; n++) {
			uint16_t seen = seen_port(own_address[i], (uint16_t)(40000 + n));

			assert_in_range(seen, 1024, 65535);
			assert_true(seen < LOCAL_MIN || seen > LOCAL_MAX);
		}
		assert_int_equal(seen_port(own_address[i], LOCAL_MIN - 1), LOCAL_MIN - 1);
		assert_int_equal(seen_port(own_address[i], LOCAL_MAX + 1), LOCAL_MAX + 1);
	}
}

/*
 * A client that dials again from the port of a connection that has ended gets the port that it had: the server may
 * still remember that one (TIME-WAIT), and accept from nobody but this client what begins there (RFC 6191).
 */
static void test_same_port_again(void **state)
{
	static const struct step ends[] = {
		S(NULL, .flags = SYN | ACK),
		C(NULL, .flags = ACK, .also = { FTPNAT_CONTROL_OPENED }),
		S(NULL, .flags = FIN | ACK),
		C(NULL, .flags = FIN | ACK),
		S(NULL, .flags = ACK, .also = { FTPNAT_CONTROL_CLOSED }),
		{ 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(own_address); i++) {
		const struct scene *scene = scene_get(own_address[i]);
		uint16_t seen, other;
		struct talk talk;

		scene_configure(scene, NULL);
		local_ports(LOCAL_MIN, LOCAL_MAX);
		seen = seen_port(own_address[i], 40000);
		talk_init(&talk, scene);
		talk.seen_port = seen;
		talk.sent[CLIENT] = talk.heard[CLIENT] = 1;
		assert_true(talk_steps(&talk, "a connection that ends", ends));
		/* another client meanwhile: not there, and no port of its own is changed by it */
		other = seen_port(own_address[i], seen);
		assert_int_not_equal(other, seen);
		assert_int_equal(seen_port(own_address[i], 40000), seen);
		assert_int_equal(seen_port(own_address[i], LOCAL_MIN - 1), LOCAL_MIN - 1);
	}
}

/* Where the host's range is all that there is, it is used all the same. */
static void test_local_range_is_everything(void **state)
{
	(void)state;
	scene_configure(scene_get(MASQ4), NULL);
	local_ports(1024, 65535);
	for (uint16_t n = 0; n < 30; n++)
		assert_in_range(seen_port(MASQ4, (uint16_t)(40000 + n)), 1024, 65535);
}

/* A client that keeps its address keeps its port. */
static void test_source_is_kept(void **state)
{
	(void)state;
	scene_configure(scene_get(KEEP4), NULL);
	local_ports(LOCAL_MIN, LOCAL_MAX);
	assert_int_equal(seen_port(KEEP4, 40000), 40000);
	scene_configure(scene_get(KEEP6), NULL);
	local_ports(LOCAL_MIN, LOCAL_MAX);
	assert_int_equal(seen_port(KEEP6, 40000), 40000);
}

static socklen_t sockaddr_of(struct sockaddr_storage *sa, const char *text, uint16_t port)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)sa;
	struct sockaddr_in *in = (struct sockaddr_in *)sa;

	memset(sa, 0, sizeof(*sa));
	if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		return sizeof(*in6);
	}
	assert_int_equal(inet_pton(AF_INET, text, &in->sin_addr), 1);
	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	return sizeof(*in);
}

/* A socket of the host at the address that clients get; NULL: it listens. */
static int host_socket(const char *own, uint16_t port, const char *server)
{
	struct sockaddr_storage sa;
	socklen_t len = sockaddr_of(&sa, own, port);
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
	if (!server) {
		assert_int_equal(listen(fd, 1), 0);
		return fd;
	}
	len = sockaddr_of(&sa, server, 21);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), -1);
	assert_int_equal(errno, EINPROGRESS);
	return fd;
}

/* The port of a connection that the host itself has to this server isn't given to a client. */
static void test_sockets(void **state)
{
	static const enum scene_id ids[] = { MASQ4, MASQ6 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		const struct scene *scene = scene_get(ids[i]);
		_cleanup_close_ int connected = -1, listening = -1;

		scene_configure(scene, NULL);
		assert_int_equal(seen_port(ids[i], 2000), 2000);
		dataplane_forget();
		connected = host_socket(scene->seen, 2000, scene->server);
		listening = host_socket(scene->seen, 3000, NULL);
		assert_int_not_equal(seen_port(ids[i], 2000), 2000);
		assert_int_equal(seen_port(ids[i], 3000), 3000);
		assert_int_equal(seen_port(ids[i], 2001), 2001);
	}
}

static void two_ports(struct ftpnat_rule *rule)
{
	rule->data_port_min = DATA_MIN;
	rule->data_port_max = DATA_MIN + 1;
}

/* Opens a control connection and says the lines: do they become these? */
static bool lines_become(const char *says, enum scene_id id, const struct step *steps)
{
	const struct scene *scene = scene_get(id);
	struct ftpnat_rule rule = scene_rule(scene);
	struct talk talk;

	two_ports(&rule);
	scene_configure(scene, &rule);
	talk_init(&talk, scene);
	talk_open(&talk);
	return talk_steps(&talk, says, steps);
}

/* A port on which the host itself listens is not a data port; on an address of another it is. */
static void test_listening(void **state)
{
	static const struct step kept[] = {
		C("EPSV\r\n"),
		S("229 (|||50000|)\r\n", .also = { FTPNAT_EXPECTED }),
		{ 0 },
	};
	static const struct step moved[] = {
		C("EPSV\r\n"),
		S("229 (|||50000|)\r\n", "229 (|||50001|)\r\n",
		  .also = { FTPNAT_EXPECTED }),
		{ 0 },
	};
	static const struct step port_moved[] = {
		C("EPRT |1|$C|50000|\r\n", "EPRT |1|$P|50001|\r\n",
		  .also = { FTPNAT_EXPECTED }),
		{ 0 },
	};
	static const struct {
		const char *says;
		enum scene_id id;
		const char *address; /* on which the host listens */
		const struct step *steps;
	} rows[] = {
		{ "another address", KEEP4, "203.0.113.7", kept },
		{ "the published address", KEEP4, "192.0.2.10", moved },
		{ "the published address", KEEP6, "2001:db8:2::10", moved },
		{ "all addresses", FULL4, "0.0.0.0", moved },
		{ "all addresses", FULL6, "::", moved },
		{ "all addresses, server on the gateway", SERVER4, "0.0.0.0", kept },
		{ "all addresses, server outside", MASQ4, "0.0.0.0", kept },
		{ "the public address", GROW4, "203.0.113.7", port_moved },
		{ "all addresses", GROW4, "::", port_moved },
	};
	bool good = true;

	(void)state;
	dataplane_sh("ip addr add 192.0.2.10/32 dev outer0 &&"
		     "ip addr add 2001:db8:2::10/128 dev outer0 nodad");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_close_ int fd = host_socket(rows[i].address, DATA_MIN, NULL);

		good &= lines_become(rows[i].says, rows[i].id, rows[i].steps);
	}
	dataplane_sh("ip addr del 192.0.2.10/32 dev outer0 &&"
		     "ip addr del 2001:db8:2::10/128 dev outer0");
	assert_true(good);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_local_range),
		cmocka_unit_test(test_same_port_again),
		cmocka_unit_test(test_local_range_is_everything),
		cmocka_unit_test(test_source_is_kept),
		cmocka_unit_test(test_sockets),
		cmocka_unit_test(test_listening),
	};

	return cmocka_run_group_tests_name("tc_host_ports", tests, dataplane_setup,
					   dataplane_teardown);
}
