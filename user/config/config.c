// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The model: its names, its messages, its end. */
#include "config/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const config_xdp_names[FTPNAT_XDP_MODE_MAX] = {
	[FTPNAT_XDP_MODE_AUTO] = "auto",
	[FTPNAT_XDP_MODE_NATIVE] = "native",
	[FTPNAT_XDP_MODE_GENERIC] = "generic",
	[FTPNAT_XDP_MODE_OFF] = "off",
};

const char *const config_tcx_names[FTPNAT_TCX_MAX] = {
	[FTPNAT_TCX_OFF] = "off",
	[FTPNAT_TCX_FIRST] = "first",
	[FTPNAT_TCX_LAST] = "last",
};

const char *const config_source_names[CONFIG_SOURCE_MAX] = {
	[CONFIG_SOURCE_KEEP] = "keep",
	[CONFIG_SOURCE_GATEWAY] = "gateway",
	[CONFIG_SOURCE_ADDRESS] = "address",
};

const char *const config_mode_names[FTPNAT_MODE_MAX] = {
	[FTPNAT_PASSIVE] = "passive",
	[FTPNAT_ACTIVE] = "active",
};

const char *const config_balance_names[FTPNAT_BALANCE_MAX] = {
	[FTPNAT_BALANCE_WEIGHT] = "weight",
	[FTPNAT_BALANCE_SOURCE] = "source",
	[FTPNAT_BALANCE_LEAST] = "least_connections",
};

const char *const config_format_names[CONFIG_FORMAT_MAX] = {
	[CONFIG_FORMAT_JSON] = "json",
	[CONFIG_FORMAT_XFERLOG] = "xferlog",
};

const char *const config_refuse_names[CONFIG_REFUSE_UNSET] = {
	[CONFIG_REFUSE_DROP] = "drop",
	[CONFIG_REFUSE_RESET] = "reset",
};

const char *const config_tls_names[CONFIG_TLS_MAX] = {
	[CONFIG_TLS_PASS] = "pass",
	[CONFIG_TLS_DENY] = "deny",
	[CONFIG_TLS_REQUIRE] = "require",
};

const char *config_xdp_str(enum ftpnat_xdp_mode xdp)
{
	return config_xdp_names[xdp];
}

const char *config_tcx_str(enum ftpnat_tcx tcx)
{
	return config_tcx_names[tcx];
}

const char *config_source_str(enum config_source source)
{
	return config_source_names[source];
}

const char *config_mode_str(enum ftpnat_mode mode)
{
	return config_mode_names[mode];
}

/* Those of the configuration itself come first. */
static bool is_before(const struct config_error *a, const struct config_error *b)
{
	int file = strcmp(a->file, b->file);

	if (file)
		return file < 0;
	return a->at.line < b->at.line ||
	       (a->at.line == b->at.line && a->at.column < b->at.column);
}

static void add_error(struct config_errors *err, const char *file, struct config_mark at,
		      const char *format, va_list args)
{
	struct config_error *place = err->first + config_errors_shown(err);
	struct config_error error = { .at = at };

	snprintf(error.file, sizeof(error.file), "%s", file);
	if (vsnprintf(error.text, sizeof(error.text), format, args) >=
	    (int)sizeof(error.text))
		strcpy(error.text + sizeof(error.text) - 4, "...");
	err->n++;
	if (place == err->first + CONFIG_MAX_ERRORS) {
		place--;
		if (!is_before(&error, place))
			return;
	}
	for (; place > err->first && is_before(&error, place - 1); place--)
		*place = place[-1];
	*place = error;
}

int config_error_at(struct config_errors *err, struct config_mark at, int ret,
		    const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_error(err, "", at, format, args);
	va_end(args);
	return ret;
}

int config_error_in(struct config_errors *err, const char *file, struct config_mark at,
		    int ret, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add_error(err, file, at, format, args);
	va_end(args);
	return ret;
}

static void free_prefixes(struct config_prefix_item *items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(items[i].file);
		free(items[i].prefixes);
	}
	free(items);
}

static void free_admission(const struct config_admission *admission)
{
	free_prefixes(admission->clients, admission->clients_n);
	free_prefixes(admission->deny, admission->deny_n);
}

static void free_commands(const struct config_commands *commands)
{
	free(commands->allow);
	free(commands->deny);
}

struct config *config_free(struct config *cfg)
{
	if (!cfg)
		return NULL;
	for (size_t i = 0; i < cfg->publish_n; i++) {
		free(cfg->publish[i].listens);
		free(cfg->publish[i].servers);
		free(cfg->publish[i].data_host);
		free(cfg->publish[i].data_address_for);
		free_admission(&cfg->publish[i].admission);
		free_commands(&cfg->publish[i].commands);
	}
	for (size_t i = 0; i < cfg->masquerade_n; i++) {
		free(cfg->masquerade[i].clients);
		free(cfg->masquerade[i].control_ports);
		free_admission(&cfg->masquerade[i].admission);
		free_commands(&cfg->masquerade[i].commands);
	}
	for (size_t i = 0; i < cfg->track_n; i++) {
		free(cfg->track[i].servers);
		free(cfg->track[i].clients);
		free(cfg->track[i].control_ports);
	}
	for (size_t i = 0; i < cfg->guard_n; i++)
		free(cfg->guard[i].ports);
	free(cfg->publish);
	free(cfg->masquerade);
	free(cfg->track);
	free(cfg->guard);
	free(cfg->interfaces);
	free(cfg->records.transfers);
	free(cfg->records.nat);
	free(cfg->path);
	free(cfg);
	return NULL;
}
