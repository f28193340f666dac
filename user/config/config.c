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

const char *const config_source_names[CONFIG_SOURCE_MAX] = {
	[CONFIG_SOURCE_KEEP] = "keep",
	[CONFIG_SOURCE_GATEWAY] = "gateway",
	[CONFIG_SOURCE_ADDRESS] = "address",
};

const char *const config_mode_names[FTPNAT_MODE_MAX] = {
	[FTPNAT_PASSIVE] = "passive",
	[FTPNAT_ACTIVE] = "active",
};

const char *config_xdp_str(enum ftpnat_xdp_mode xdp)
{
	return config_xdp_names[xdp];
}

const char *config_source_str(enum config_source source)
{
	return config_source_names[source];
}

const char *config_mode_str(enum ftpnat_mode mode)
{
	return config_mode_names[mode];
}

static void error_text(struct config_error *err, const char *path, struct config_mark at,
		       const char *format, va_list args)
{
	char what[sizeof(err->text)];

	vsnprintf(what, sizeof(what), format, args);
	/* the path may be longer than the room: then the message is cut, not the memory */
	if (snprintf(err->text, sizeof(err->text), "%s:%u:%u: %s", path, at.line,
		     at.column, what) >= (int)sizeof(err->text))
		memcpy(err->text + sizeof(err->text) - 4, "...", 4);
}

int config_error_at(struct config_error *err, const struct config *cfg,
		    struct config_mark at, int ret, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	error_text(err, cfg->path, at, format, args);
	va_end(args);
	return ret;
}

int config_error_in(struct config_error *err, const char *path, struct config_mark at,
		    int ret, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	error_text(err, path, at, format, args);
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
	}
	for (size_t i = 0; i < cfg->masquerade_n; i++) {
		free(cfg->masquerade[i].clients);
		free(cfg->masquerade[i].control_ports);
		free_admission(&cfg->masquerade[i].admission);
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
	free(cfg->path);
	free(cfg);
	return NULL;
}
