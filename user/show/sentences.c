// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "show/sentences.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/hostaddr.h"
#include "cluster/note.h"
#include "dataplane/servers.h"
#include "dataplane/service_files.h"

#define PATIENCE 3 /* seconds without an answer to a SYN, which is sent again after one */

const char *fault_cause_str(enum fault_cause cause)
{
	static const char *const names[FAULT_MAX] = {
		[FAULT_INTERFACE] = "interface",
		[FAULT_FILTER] = "filter",
		[FAULT_XDP] = "xdp",
		[FAULT_ADDRESS] = "address",
		[FAULT_FORWARDING] = "forwarding",
		[FAULT_ROUTE] = "route",
		[FAULT_SERVER_DOWN] = "server_down",
		[FAULT_UNANSWERED] = "unanswered",
		[FAULT_REFUSED] = "refused",
		[FAULT_NO_SERVER] = "no_server",
		[FAULT_TABLE_FULL] = "table_full",
		[FAULT_RELOAD_FAILED] = "reload_failed",
		[FAULT_NO_RUN] = "no_run",
		[FAULT_INTERRUPTED] = "interrupted",
		[FAULT_PROGRAM] = "program",
		[FAULT_NAMESPACE] = "namespace",
		[FAULT_KERNEL] = "kernel",
		[FAULT_RATE] = "rate",
		[FAULT_CLUSTER] = "cluster",
	};

	return names[cause];
}

void fault(json_t *degraded, enum fault_cause cause, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	json_array_append_new(degraded,
			      json_pack("{s:i, s:o}", "cause", (int)cause, "sentence",
					json_vsprintf(format, args)));
	va_end(args);
}

/* ---- servers ---- */

/* What the connections of one server show. */
struct server_news {
	struct published_server published;
	__u32 unanswered; /* new sessions */
	__u32 refused;	  /* new sessions that it has reset */
	__u32 asked;	  /* when the first of both began */
	__u32 answered;	  /* when the last session began that it answered; 0: none */
};

struct server_check {
	const struct view *view;
	int flows_fd;
	__u32 now;
	size_t number;
	struct server_news server[FTPNAT_MAX_SERVERS];
};

static int add_server(const struct published_server *published, void *arg)
{
	struct server_check *check = arg;

	if (check->number < FTPNAT_MAX_SERVERS)
		check->server[check->number++].published = *published;
	return 0;
}

static struct server_news *server_of(struct server_check *check,
				     const struct ftpnat_flow *client)
{
	for (size_t i = 0; i < check->number; i++) {
		const struct published_server *published = &check->server[i].published;

		if (published->rule == client->rule &&
		    published->server.port == client->to.dport &&
		    ftpnat_addr_equal(&published->server.addr, &client->to.dst))
			return &check->server[i];
	}
	return NULL;
}

/* How a server took a new session. */
enum answer { ANSWER_NONE, ANSWER_RESET, ANSWER_GOOD };

/* The client's ACK shows it, else the server's own direction. */
static enum answer answer_to(const struct server_check *check,
			     const struct ftpnat_flow *client)
{
	const struct ftpnat_tuple key = { .src = client->to.dst,
					  .dst = client->to.src,
					  .sport = client->to.dport,
					  .dport = client->to.sport };
	struct ftpnat_flow server;

	if (client->tcp & FTPNAT_TCP_ACK ||
	    bpf_map_lookup_elem(check->flows_fd, &key, &server))
		return ANSWER_GOOD;
	if (!server.packets)
		return ANSWER_NONE;
	return server.tcp & FTPNAT_TCP_RST && !(server.tcp & FTPNAT_TCP_SYN) ?
		       ANSWER_RESET :
		       ANSWER_GOOD;
}

static void see_failed(struct server_news *server, const struct ftpnat_flow *client,
		       __u32 *number)
{
	if (!(server->unanswered + server->refused) || client->created < server->asked)
		server->asked = client->created;
	++*number;
}

static int see_flow(const void *key, const void *value, void *arg)
{
	const struct ftpnat_flow *client = value;
	struct server_check *check = arg;
	struct server_news *server;
	enum answer answer;

	(void)key;
	if (!(client->flags & FTPNAT_FLOW_CLIENT) || client->kind != FTPNAT_CONTROL)
		return 0;
	server = server_of(check, client);
	if (!server)
		return 0;
	answer = answer_to(check, client);
	if (answer == ANSWER_GOOD && client->created > server->answered)
		server->answered = client->created;
	else if (answer == ANSWER_RESET)
		see_failed(server, client, &server->refused);
	else if (answer == ANSWER_NONE && client->created + PATIENCE <= check->now)
		see_failed(server, client, &server->unanswered);
	return 0;
}

static const char *plural(unsigned int number)
{
	return number == 1 ? "" : "s";
}

/* It may be reached, and is it? */
static void check_server(const struct server_check *check, const struct server_news *news,
			 json_t *degraded)
{
	const struct ftpnat_server *server = &news->published.server;
	const struct ftpnat_rule *rule = &check->view->rules[news->published.rule];
	const struct ftpnat_endpoint end = { .addr = server->addr, .port = server->port };
	struct ftpnat_addr source;
	char text[FTPNAT_ENDPOINT_STRLEN];
	int err = host_source_towards(&end, &source);

	ftpnat_endpoint_str(text, &server->addr, server->port);
	if (err)
		fault(degraded, FAULT_ROUTE,
		      "No route to server %s of rule %s (%s): look at `ip route`.", text,
		      rule->name, strerror(-err));
	if (server->drained & FTPNAT_DRAINED_BY_HEALTH)
		fault(degraded, FAULT_SERVER_DOWN,
		      "Server %s of rule %s fails its health checks: the log of "
		      "`ftpnat-load run` says why.",
		      text, rule->name);
	if (news->unanswered && news->answered <= news->asked)
		fault(degraded, FAULT_UNANSWERED,
		      "%u new session%s to server %s of rule %s without an answer: is it "
		      "up, does its firewall let them in%s?",
		      news->unanswered, plural(news->unanswered), text, rule->name,
		      rule->source == FTPNAT_SOURCE_KEEP ?
			      ", does its route to the clients lead through this gateway "
			      "(else `source: gateway`)" :
			      "");
	if (news->refused && news->answered <= news->asked)
		fault(degraded, FAULT_REFUSED,
		      "Server %s of rule %s has refused %u new session%s: does the FTP server "
		      "run and listen there, does its firewall let them in?",
		      text, rule->name, news->refused, plural(news->refused));
}

/* Is a server left for new connections of each family? */
static void check_rule(const struct server_check *check, __u16 id, json_t *degraded)
{
	const struct ftpnat_rule *rule = &check->view->rules[id];
	unsigned int all[FTPNAT_FAMILY_MAX] = { 0 }, down[FTPNAT_FAMILY_MAX] = { 0 };

	for (size_t i = 0; i < check->number; i++) {
		const struct ftpnat_server *server = &check->server[i].published.server;
		enum ftpnat_family family = ftpnat_addr_family(&server->addr);

		if (check->server[i].published.rule != id || !server->full_weight)
			continue;
		all[family]++;
		if (server->drained & FTPNAT_DRAINED_BY_HEALTH)
			down[family]++;
	}
	for (enum ftpnat_family family = 0; family < FTPNAT_FAMILY_MAX; family++)
		if (all[family] && !rule->weight[family] &&
		    /* else its clients get one of the other family */
		    (rule->source == FTPNAT_SOURCE_KEEP || !rule->weight[!family]))
			fault(degraded, FAULT_NO_SERVER,
			      "Rule %s has no %s server left for new connections%s, %u down "
			      "and %u drained: `ftpnat-load servers` lists them, `servers "
			      "resume %s ADDRESS` brings one back.",
			      rule->name, ftpnat_family_str(family),
			      rule->flags & FTPNAT_RULE_FALLBACK ? " but the fallback" :
								   "",
			      down[family], all[family] - down[family], rule->name);
}

int sentences_servers(const struct view *view, json_t *degraded)
{
	_cleanup_free_ struct server_check *check = calloc(1, sizeof(*check));
	_cleanup_close_ int flows_fd = view_map(view, FTPNAT_MAP_FLOWS);
	int err;

	if (!check || flows_fd < 0)
		return check ? flows_fd : -ENOMEM;
	check->view = view;
	check->flows_fd = flows_fd;
	check->now = view_now();
	err = servers_walk(view, add_server, check) ?:
		      view_walk(view, FTPNAT_MAP_FLOWS, see_flow, check);
	for (size_t i = 0; !err && i < check->number; i++)
		check_server(check, &check->server[i], degraded);
	for (__u16 id = 0; !err && id < FTPNAT_MAX_RULES; id++)
		if (view->rules[id].servers &&
		    !(view->rules[id].flags & FTPNAT_RULE_RETIRED))
			check_rule(check, id, degraded);
	return err;
}

/* ---- addresses ---- */

static void check_translated(const struct ftpnat_rule *rule, json_t *degraded)
{
	char text[FTPNAT_ADDR_STRLEN];

	for (int family = 0; family < FTPNAT_FAMILY_MAX; family++) {
		const struct ftpnat_addr *to = &rule->address[family];

		if (ftpnat_addr_is_none(to) || host_is_local(to))
			continue;
		ftpnat_addr_str(text, to);
		fault(degraded, FAULT_ADDRESS,
		      "Rule %s translates to %s, which is not an address of this host, so "
		      "answers don't come back: `ip address add %s dev INTERFACE`, or `to: "
		      "interface`.",
		      rule->name, text, text);
	}
}

struct listen_check {
	const struct view *view;
	json_t *hints;
};

static int see_listen(const void *key, const void *value, void *arg)
{
	const struct ftpnat_listen_key *listen = key;
	const struct ftpnat_listen *to = value;
	const struct listen_check *check = arg;
	char text[FTPNAT_ENDPOINT_STRLEN];

	if (listen->slot != (check->view->config.slot & 1) ||
	    host_is_local(&listen->addr))
		return 0;
	sentence(
		check->hints,
		"Rule %s listens at %s, which is not an address of this host: it must be "
		"routed here, or `ip address add`.",
		view_rule_name(check->view, to->rule),
		ftpnat_endpoint_str(text, &listen->addr, listen->port));
	return 0;
}

int sentences_addresses(const struct view *view, json_t *degraded, json_t *hints)
{
	struct listen_check check = { view, hints };

	for (int id = 0; id < FTPNAT_MAX_RULES; id++)
		if (view->rules[id].kind == FTPNAT_MASQUERADE &&
		    !(view->rules[id].flags & FTPNAT_RULE_RETIRED))
			check_translated(&view->rules[id], degraded);
	return view_walk(view, FTPNAT_MAP_LISTENS, see_listen, &check);
}

/* ---- run ---- */

void sentences_service(const struct view *view, json_t *degraded)
{
	__u32 wanted = view->config.service;
	struct service_state state;

	service_look(view->instance.dir, &state);
	if (state.reload_failed)
		fault(degraded, FAULT_RELOAD_FAILED,
		      "The last reload of `ftpnat-load run` failed, the configuration "
		      "before it is in force: its log says why, and so does `ftpnat-load "
		      "check`.");
	if (state.running)
		return;
	if (wanted & FTPNAT_SERVICE_HEALTH)
		fault(degraded, FAULT_NO_RUN,
		      "Nobody checks the servers, as `health` asks: start `ftpnat-load "
		      "run` (`systemctl start ftpnat`).");
	if (wanted & FTPNAT_SERVICE_METRICS)
		fault(degraded, FAULT_NO_RUN,
		      "Nobody serves `metrics`: start `ftpnat-load run` (`systemctl start "
		      "ftpnat`).");
	if (wanted & FTPNAT_SERVICE_RECORDS)
		fault(degraded, FAULT_NO_RUN,
		      "Nobody writes `records`: start `ftpnat-load run` (`systemctl start "
		      "ftpnat`).");
}

static void see_in_cluster(json_t *degraded, const char *said)
{
	fault(degraded, FAULT_CLUSTER, "In the cluster: %s", said);
}

void sentences_cluster(const struct view *view, json_t *degraded)
{
	struct service_state state;
	json_t *note, *said;
	size_t i;

	if (!(view->config.service & FTPNAT_SERVICE_CLUSTER))
		return;
	service_look(view->instance.dir, &state);
	if (!state.running) {
		fault(degraded, FAULT_NO_RUN,
		      "This gateway is not in touch with its cluster: start `ftpnat-load "
		      "run` (`systemctl start ftpnat`).");
		return;
	}
	note = cluster_note_read(view->instance.dir);
	json_array_foreach(json_object_get(note, "degraded"), i, said)
		see_in_cluster(degraded, json_string_value(said));
	if (!note)
		see_in_cluster(
			degraded,
			"`run` can't tell of it, or not yet. Is there room in " RUN_DIR
			"? See its log.");
	json_decref(note);
}

/* ---- forwarding ---- */

static bool is_off(const char *sysctl)
{
	_cleanup_fclose_ FILE *file = fopen(sysctl, "re");

	return file && fgetc(file) == '0';
}

/* Which families the host has to forward. */
struct forwarded {
	const struct view *view;
	bool needed[FTPNAT_FAMILY_MAX];
	bool rule[FTPNAT_MAX_RULES]; /* it has a server that is not this host */
};

/* What clients dial may be of another family than the server. */
static int see_forwarded(const void *key, const void *value, void *arg)
{
	const struct ftpnat_listen_key *listen = key;
	const struct ftpnat_listen *to = value;
	struct forwarded *forwarded = arg;

	if (listen->slot == (forwarded->view->config.slot & 1) &&
	    to->rule < FTPNAT_MAX_RULES && forwarded->rule[to->rule])
		forwarded->needed[ftpnat_addr_family(&listen->addr)] = true;
	return 0;
}

static int forwarded_families(struct forwarded *forwarded)
{
	const struct view *view = forwarded->view;
	_cleanup_close_ int servers_fd = view_map(view, FTPNAT_MAP_SERVERS);
	_cleanup_close_ int select_fd = view_map(view, FTPNAT_MAP_SELECT);
	__u32 slot = view->config.slot & 1, key;

	if (servers_fd < 0 || select_fd < 0)
		return -ENOENT;
	for (int id = 0; id < FTPNAT_MAX_RULES; id++)
		for (__u32 i = 0; i < view->rules[id].servers; i++) {
			struct ftpnat_server server;

			key = slot * FTPNAT_MAX_SERVERS + view->rules[id].first_server +
			      i;
			if (bpf_map_lookup_elem(servers_fd, &key, &server) ||
			    (forwarded->rule[id] &&
			     forwarded->needed[ftpnat_addr_family(&server.addr)]) ||
			    host_is_local(&server.addr))
				continue;
			forwarded->needed[ftpnat_addr_family(&server.addr)] = true;
			forwarded->rule[id] = true;
		}
	for (__u32 i = 0; i < view->config.selectors[slot]; i++) {
		struct ftpnat_selector selector;

		key = slot * FTPNAT_MAX_SELECTORS + i;
		if (bpf_map_lookup_elem(select_fd, &key, &selector))
			continue;
		forwarded->needed[ftpnat_addr_family(&selector.addr)] = true;
		if (selector.rule < FTPNAT_MAX_RULES &&
		    view->rules[selector.rule].prefix64_len)
			forwarded->needed[FTPNAT_V4] = true;
	}
	return view_walk(view, FTPNAT_MAP_LISTENS, see_forwarded, forwarded);
}

int sentences_forwarding(const struct view *view, json_t *degraded)
{
	static const struct {
		const char *file;
		const char *sysctl;
	} forwarding[FTPNAT_FAMILY_MAX] = {
		[FTPNAT_V4] = { "/proc/sys/net/ipv4/ip_forward", "net.ipv4.ip_forward" },
		[FTPNAT_V6] = { "/proc/sys/net/ipv6/conf/all/forwarding",
				"net.ipv6.conf.all.forwarding" },
	};
	struct forwarded forwarded = { .view = view };
	int err = forwarded_families(&forwarded);

	for (enum ftpnat_family family = 0; family < FTPNAT_FAMILY_MAX; family++)
		if (forwarded.needed[family] && is_off(forwarding[family].file))
			fault(degraded, FAULT_FORWARDING,
			      "%s forwarding is off: `sysctl -w %s=1`.",
			      ftpnat_family_str(family), forwarding[family].sysctl);
	return err;
}
