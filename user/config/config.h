/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The configuration file as plain data. load.h gives one that is complete (defaults
 * filled in) and valid.
 */
#ifndef FTPNAT_CONFIG_H
#define FTPNAT_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/log.h"

#define CONFIG_DEFAULT_PATH   "/etc/ftpnat/ftpnat.yaml"
#define CONFIG_MAX_WEIGHT     1000
#define CONFIG_MAX_LIMIT      67108864
#define CONFIG_MAX_TIMEOUT    (30 * 86400)
#define CONFIG_MAX_LIST	      1024 /* items of a list that no map bounds */
#define CONFIG_MAX_FILE_BYTES (4 << 20)
#define CONFIG_MAX_PACE_TIME  86400
#define CONFIG_MAX_PREFIXES   (1 << 20) /* of one file of prefixes */

/* Where something stands in the file, both from 1. */
struct config_mark {
	uint32_t line;
	uint32_t column;
};

#define CONFIG_MAX_ERRORS 20 /* of a file that are shown */

struct config_error {
	struct config_mark at; /* line 0: the file as a whole */
	char file[256];	       /* "": the configuration itself */
	char text[1024];       /* "what is wrong; accepted: ..." */
};

/* All that is wrong with a file. Empty when all zero. */
struct config_errors {
	size_t n;				      /* found */
	struct config_error first[CONFIG_MAX_ERRORS]; /* by position */
};

static inline size_t config_errors_shown(const struct config_errors *errors)
{
	return errors->n < CONFIG_MAX_ERRORS ? errors->n : CONFIG_MAX_ERRORS;
}

enum config_source {
	CONFIG_SOURCE_KEEP,    /* the client's own address */
	CONFIG_SOURCE_GATEWAY, /* the gateway's address towards the server */
	CONFIG_SOURCE_ADDRESS, /* config_publish.source_address */
	CONFIG_SOURCE_MAX
};

struct config_interface {
	struct config_mark at;
	char name[FTPNAT_IFNAME_LEN];
};

struct config_listen {
	struct config_mark at;
	struct ftpnat_endpoint endpoint;
};

struct config_server {
	struct config_mark at;
	struct ftpnat_endpoint endpoint;
	uint32_t weight; /* 1..CONFIG_MAX_WEIGHT */
};

struct config_prefix {
	struct config_mark at;
	struct ftpnat_prefix prefix;
};

struct config_port {
	struct config_mark at;
	uint16_t port; /* host order */
};

struct config_ports {
	struct config_mark at;
	struct ftpnat_ports ports;
};

/* An address each of at most one per family; none (all zero) where not given. */
struct config_addresses {
	struct config_mark at; /* line 0: key absent */
	struct ftpnat_addr family[FTPNAT_FAMILY_MAX];
};

struct config_data_address_for {
	struct config_mark at;
	struct ftpnat_prefix clients;
	struct ftpnat_addr address;
};

/* A prefix, or a file of them. */
struct config_prefix_item {
	struct config_mark at;
	char *file; /* NULL: a single prefix */
	struct ftpnat_prefix *prefixes;
	size_t prefixes_n;
};

/* At most `number` in `seconds`; 0: no limit. */
struct config_pace {
	uint32_t number;
	uint32_t seconds;
};

/* Of one IPv4 address or IPv6 /64; 0: no limit. */
struct config_per_client {
	uint32_t sessions;
	struct config_pace new_sessions;
	uint32_t half_open;
	uint32_t expected;
	struct config_pace failed_logins;
	uint32_t ban; /* seconds, after failed_logins */
};

/* How a SYN is refused; unless set, silently, and with a reset when no server is left. */
enum config_refuse { CONFIG_REFUSE_DROP, CONFIG_REFUSE_RESET, CONFIG_REFUSE_UNSET };

/* Who may open a control connection. */
struct config_admission {
	struct config_prefix_item *clients; /* publish; none: everybody */
	size_t clients_n;
	struct config_prefix_item *deny;
	size_t deny_n;
	enum config_refuse refuse;
	uint32_t max_sessions;		  /* 0: no limit, as in the next */
	struct config_mark per_client_at; /* line 0: key absent */
	struct config_per_client per_client;
};

/* What the packets of a rule get. */
struct config_qos {
	uint32_t mark;
	uint32_t mark_mask; /* 0: no mark */
	bool has_dscp;
	uint8_t dscp;
	uint64_t rule_rate; /* bits per second; 0: no limit */
	uint64_t client_rate;
};

/* AUTH TLS and implicit TLS. */
enum config_tls { CONFIG_TLS_PASS, CONFIG_TLS_DENY, CONFIG_TLS_REQUIRE, CONFIG_TLS_MAX };

/* In upper case; `word`: the argument of SITE, or "". */
struct config_command {
	char verb[FTP_VERB_LEN + 1];
	char word[FTP_VERB_LEN + 1];
};

/* What clients may use: one of the three. */
struct config_commands {
	struct config_mark at; /* line 0: key absent */
	bool read_only;
	struct config_command *allow;
	size_t allow_n;
	struct config_command *deny;
	size_t deny_n;
};

/* Common to all kinds of rule. */
struct config_rule {
	struct config_mark at; /* of the name */
	char name[FTPNAT_NAME_LEN];
	bool broken; /* it has errors already */
};

/* Seconds, and checks in a row. */
struct config_health {
	uint32_t interval;
	uint32_t timeout;
	uint32_t rise;
	uint32_t fall;
};

struct config_publish {
	struct config_rule rule;
	struct config_listen *listens;
	size_t listens_n;
	struct config_server *servers;
	size_t servers_n;
	enum ftpnat_balance balance;
	struct config_server fallback; /* line 0: none */
	enum config_source source;
	struct config_addresses source_address; /* for CONFIG_SOURCE_ADDRESS */
	struct ftpnat_ports data_ports;
	struct config_addresses data_address; /* none: what the client dialled */
	char *data_host;		      /* or a host name to resolve, else NULL */
	struct config_data_address_for *data_address_for;
	size_t data_address_for_n;
	uint8_t modes; /* bits 1 << enum ftpnat_mode */
	bool foreign_data;
	enum config_tls tls;
	struct config_commands commands;
	bool hide_banner;
	bool health_checks; /* health was given */
	struct config_health health;
	struct config_ports tls_data; /* min 0: none */
	struct config_admission admission;
	struct config_qos qos;
};

struct config_masquerade {
	struct config_rule rule;
	struct config_prefix *clients;
	size_t clients_n;
	bool to_interface;	       /* for the families that `to` does not name */
	struct config_addresses to;    /* none: the interface's own */
	struct config_prefix prefix64; /* line 0: none */
	struct config_port *control_ports;
	size_t control_ports_n;
	struct ftpnat_ports data_ports;
	uint8_t modes;
	bool foreign_data;
	enum config_tls tls;
	struct config_commands commands;
	struct config_ports tls_data; /* min 0: none */
	struct config_admission admission;
	struct config_qos qos;
};

struct config_track {
	struct config_rule rule;
	struct config_prefix *servers;
	size_t servers_n;
	struct config_prefix *clients;
	size_t clients_n;
	struct config_port *control_ports;
	size_t control_ports_n;
	struct config_ports tls_data; /* min 0: none */
	struct config_qos qos;
};

struct config_guard {
	struct config_mark at; /* of the interface's name */
	char interface[FTPNAT_IFNAME_LEN];
	struct config_ports *ports;
	size_t ports_n;
};

struct config_limits {
	uint32_t control;
	uint32_t data;
	uint32_t expected;
};

/* seconds */
struct config_timeouts {
	uint32_t control;
	uint32_t data;
	uint32_t closing;
	uint32_t expected;
};

enum config_engine { CONFIG_ENGINE_COROSYNC, CONFIG_ENGINE_MAX };

/* Several gateways that share the state of their connections. */
struct config_cluster {
	struct config_mark at; /* line 0: key absent */
	enum config_engine engine;
	char group[FTPNAT_NAME_LEN];
	uint32_t slot; /* 1..FTPNAT_SLOTS */
	enum ftpnat_commit commit;
	uint32_t commit_timeout; /* milliseconds */
	enum ftpnat_on_loss on_loss;
	struct ftpnat_addr peer_address; /* none: not given */
};

/* What is written down. */
enum config_format { CONFIG_FORMAT_JSON, CONFIG_FORMAT_XFERLOG, CONFIG_FORMAT_MAX };

struct config_records {
	struct config_mark at; /* line 0: key absent */
	char *transfers;       /* file; NULL: none */
	enum config_format format;
	char *nat;		      /* file; NULL: none */
	struct ftpnat_endpoint ipfix; /* of the collector; port 0: none */
	bool ipfix_tcp;
	bool destinations; /* in NAT records */
};

struct config {
	char *path; /* as given, for later messages about the same file */
	struct config_interface *interfaces;
	size_t interfaces_n;
	enum ftpnat_xdp_mode xdp;
	enum ftpnat_tcx tcx;
	struct config_publish *publish;
	size_t publish_n;
	struct config_masquerade *masquerade;
	size_t masquerade_n;
	struct config_track *track;
	size_t track_n;
	struct config_guard *guard;
	size_t guard_n;
	struct config_limits limits;
	struct config_timeouts timeouts;
	struct config_records records;
	bool metrics; /* metrics.listen was given */
	struct ftpnat_endpoint metrics_listen;
	struct config_cluster cluster;
};

struct config *config_free(struct config *cfg); /* always NULL */

static inline void config_freep(struct config **cfg)
{
	*cfg = config_free(*cfg);
}

#define _cleanup_config_ __attribute__((__cleanup__(config_freep)))

/* Names as the file spells them. */
extern const char *const config_xdp_names[FTPNAT_XDP_MODE_MAX];
extern const char *const config_tcx_names[FTPNAT_TCX_MAX];
extern const char *const config_source_names[CONFIG_SOURCE_MAX]; /* "address" for ADDRESS */
extern const char *const config_mode_names[FTPNAT_MODE_MAX];

extern const char *const config_balance_names[FTPNAT_BALANCE_MAX];
extern const char *const config_refuse_names[CONFIG_REFUSE_UNSET];
extern const char *const config_engine_names[CONFIG_ENGINE_MAX];
extern const char *const config_commit_names[FTPNAT_COMMIT_MAX];
extern const char *const config_on_loss_names[FTPNAT_ON_LOSS_MAX];
extern const char *const config_format_names[CONFIG_FORMAT_MAX];
extern const char *const config_tls_names[CONFIG_TLS_MAX];

const char *config_xdp_str(enum ftpnat_xdp_mode xdp);
const char *config_tcx_str(enum ftpnat_tcx tcx);
const char *config_source_str(enum config_source source);
const char *config_mode_str(enum ftpnat_mode mode);

/* Adds an error; returns `ret`. */
int config_error_at(struct config_errors *err, struct config_mark at, int ret,
		    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The same about another file, one that the configuration names. */
int config_error_in(struct config_errors *err, const char *file, struct config_mark at,
		    int ret, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* Reports something found wrong later, such as an interface that is missing. */
#define config_report_at(cfg, at, format, ...)                                           \
	log_error_at((cfg)->path, (at).line, (at).column, format, ##__VA_ARGS__)

#endif
