// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The key `cluster`: what it accepts, and what all members must have in common. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "config/load.h"
#include "config/print.h"
#include "lib/config_rows.h"

#define CLUSTER(keys) PUBLISHED "cluster: {" keys "}\n"

static const struct config_row rows[] = {
	{ "no slot", CLUSTER("group: a"),
	  "6:10: key 'slot' is missing in cluster; accepted: a mapping with at least slot" },
	{ "slot 0", CLUSTER("slot: 0"),
	  "6:17: slot: '0' is out of range; accepted: a number from 1 to 16" },
	{ "slot 17", CLUSTER("slot: 17"),
	  "6:17: slot: '17' is out of range; accepted: a number from 1 to 16" },
	{ "engine", CLUSTER("slot: 1, engine: etcd"),
	  "6:28: engine: 'etcd' is not one of the choices; accepted: corosync" },
	{ "commit", CLUSTER("slot: 1, commit: two"),
	  "6:28: commit: 'two' is not one of the choices; accepted: none, one, all" },
	{ "on_loss", CLUSTER("slot: 1, on_loss: stop"),
	  "6:29: on_loss: 'stop' is not one of the choices; accepted: wait, go_on, refuse" },
	{ "group", CLUSTER("slot: 1, group: a b"),
	  "6:27: group: 'a b' is not a name; accepted: 1 to 31 of A-Z a-z 0-9 _ . -" },
	{ "timeout without unit", CLUSTER("slot: 1, commit_timeout: 50"),
	  "6:36: commit_timeout: '50' is not a time; accepted: 1ms to 10s, with ms or s" },
	{ "timeout 0", CLUSTER("slot: 1, commit_timeout: 0ms"),
	  "6:36: commit_timeout: '0ms' is out of range; accepted: 1ms to 10s, with ms or s" },
	{ "timeout 11s", CLUSTER("slot: 1, commit_timeout: 11s"),
	  "6:36: commit_timeout: '11s' is out of range; accepted: 1ms to 10s, with ms or s" },
	{ "few ports", PUBLISH("data_ports: 50000-50014") "cluster: {slot: 1}\n",
	  "3:11: data_ports: rule 'files' has 15, too few for a cluster; accepted: 16 or "
	  "more, since each slot opens its own sixteenth of them" },
};

static struct config *load(const char *text)
{
	struct config_errors err = { 0 };
	struct config *cfg = NULL;

	assert_int_equal(config_load_text("rules.yaml", text, strlen(text), &cfg, &err),
			 0);
	return cfg;
}

static void test_defaults(void **state)
{
	_cleanup_config_ struct config *cfg = load(CLUSTER("slot: 16"));
	_cleanup_config_ struct config *none = load(PUBLISHED);

	(void)state;
	assert_int_equal(cfg->cluster.slot, 16);
	assert_string_equal(cfg->cluster.group, "ftpnat");
	assert_int_equal(cfg->cluster.commit, FTPNAT_COMMIT_ALL);
	assert_int_equal(cfg->cluster.commit_timeout, 50);
	assert_int_equal(cfg->cluster.on_loss, FTPNAT_ON_LOSS_WAIT);
	assert_int_equal(none->cluster.at.line, 0);
}

static void test_values(void **state)
{
	_cleanup_config_ struct config *cfg = load(CLUSTER(
		"engine: corosync, group: edge, slot: 3, commit: one, commit_timeout: "
		"2s, on_loss: go_on, peer_address: 10.99.0.1"));

	(void)state;
	assert_string_equal(cfg->cluster.group, "edge");
	assert_int_equal(cfg->cluster.slot, 3);
	assert_int_equal(cfg->cluster.commit, FTPNAT_COMMIT_ONE);
	assert_int_equal(cfg->cluster.commit_timeout, 2000);
	assert_int_equal(cfg->cluster.on_loss, FTPNAT_ON_LOSS_GO_ON);
	assert_int_equal(ntohl(cfg->cluster.peer_address.w[3]), 0x0a630001);
}

static void test_sixteen_ports_suffice(void **state)
{
	_cleanup_config_ struct config *cfg =
		load(PUBLISH("data_ports: 50000-50015") "cluster: {slot: 1}\n");

	(void)state;
	assert_int_equal(cfg->cluster.slot, 1);
}

static void form_of(const char *text, char form[static CONFIG_FORM_LEN])
{
	_cleanup_config_ struct config *cfg = load(text);

	assert_int_equal(config_form(cfg, form), 0);
}

/* Equal for what differs from gateway to gateway, different for all else. */
static void test_form(void **state)
{
	char one[CONFIG_FORM_LEN], other[CONFIG_FORM_LEN];

	(void)state;
	form_of(CLUSTER("slot: 1"), one);
	form_of(CLUSTER("slot: 2, peer_address: 10.99.0.2") "xdp: off\n"
							    "metrics: {listen: \"127.0.0.1:9821\"}\n",
		other);
	assert_string_equal(one, other);
	form_of(CLUSTER("slot: 1") "limits: {control: 7}\n", other);
	assert_string_not_equal(one, other);
	form_of(PUBLISH("tls: deny") "cluster: {slot: 1}\n", other);
	assert_string_not_equal(one, other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_sixteen_ports_suffice),
		cmocka_unit_test(test_form),
	};

	return cmocka_run_group_tests_name("cluster_config", tests, NULL, NULL) +
	       config_run_rows("cluster_config_errors", rows, ARRAY_SIZE(rows));
}
