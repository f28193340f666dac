// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The configuration's life: reading the file, freeing. */
#include "config/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "config/internal.h"

const char *const config_xdp_names[CONFIG_XDP_MAX] = {
	[CONFIG_XDP_AUTO] = "auto",
	[CONFIG_XDP_NATIVE] = "native",
	[CONFIG_XDP_GENERIC] = "generic",
	[CONFIG_XDP_OFF] = "off",
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

const char *config_xdp_str(enum config_xdp xdp)
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

int config_error_at(struct config_error *err, const struct config *cfg,
		    struct config_mark at, int ret, const char *format, ...)
{
	char what[sizeof(err->text)];
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	/* the path may be longer than the room: then the message is cut, not the memory */
	if (snprintf(err->text, sizeof(err->text), "%s:%u:%u: %s", cfg->path, at.line,
		     at.column, what) >= (int)sizeof(err->text))
		memcpy(err->text + sizeof(err->text) - 4, "...", 4);
	return ret;
}

int config_load_text(const char *path, const char *text, size_t len, struct config **out,
		     struct config_error *err)
{
	_cleanup_config_ struct config *cfg = calloc(1, sizeof(*cfg));
	int ret;

	if (cfg)
		cfg->path = strdup(path);
	if (!cfg || !cfg->path) {
		snprintf(err->text, sizeof(err->text), "%s: out of memory", path);
		return -ENOMEM;
	}
	cfg->limits = (struct config_limits){ 65536, 1048576, 65536 };
	cfg->timeouts = (struct config_timeouts){ 7440, 7440, 240, 60 };

	ret = config_yaml_parse(cfg, text, len, err);
	if (!ret)
		ret = config_check(cfg, err);
	if (ret)
		return ret;
	*out = TAKE_PTR(cfg);
	return 0;
}

static int unreadable(struct config_error *err, const char *path, int error)
{
	snprintf(err->text, sizeof(err->text),
		 "%s: can't be read: %s; --config names another file", path,
		 strerror(error));
	return -error;
}

int config_load(const char *path, struct config **out, struct config_error *err)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	_cleanup_free_ char *text = NULL;
	size_t len = 0, size = 0;

	if (!file)
		return unreadable(err, path, errno);
	/* no stat(): a pipe is fine too */
	for (;;) {
		size_t got;

		if (len == size) {
			char *more = realloc(text, size + 65536);

			if (!more)
				return unreadable(err, path, ENOMEM);
			text = more;
			size += 65536;
		}
		errno = 0;
		got = fread(text + len, 1, size - len, file);
		len += got;
		if (ferror(file))
			return unreadable(err, path, errno ? errno : EIO);
		if (got == 0)
			break;
		if (len > CONFIG_MAX_FILE_BYTES) {
			snprintf(err->text, sizeof(err->text),
				 "%s: is too long; accepted: at most %d bytes", path,
				 CONFIG_MAX_FILE_BYTES);
			return -EFBIG;
		}
	}
	return config_load_text(path, text, len, out, err);
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
	}
	for (size_t i = 0; i < cfg->masquerade_n; i++) {
		free(cfg->masquerade[i].clients);
		free(cfg->masquerade[i].control_ports);
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
