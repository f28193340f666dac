// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "config/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/options.h"
#include "base/util.h"
#include "config/conflicts.h"
#include "config/schema.h"

int config_load_text(const char *path, const char *text, size_t len, struct config **out,
		     struct config_error *err)
{
	_cleanup_config_ struct config *cfg = calloc(1, sizeof(*cfg));
	_cleanup_yaml_document_ yaml_document_t doc = { 0 };
	struct config_parser parser = { .doc = &doc, .cfg = cfg, .err = err };
	const yaml_node_t *root;
	int ret;

	if (cfg)
		cfg->path = strdup(path);
	if (!cfg || !cfg->path) {
		snprintf(err->text, sizeof(err->text), "%s: out of memory", path);
		return -ENOMEM;
	}
	ret = config_yaml_read(&parser, text, len, &root);
	if (!ret)
		ret = config_schema_parse(&parser, root);
	if (!ret)
		ret = config_check_conflicts(cfg, err);
	if (ret)
		return ret;
	*out = TAKE_PTR(cfg);
	return 0;
}

static int unreadable(struct config_error *err, const char *path, int error)
{
	snprintf(err->text, sizeof(err->text),
		 "%s: can't be read: %s; use --config for another file", path,
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

int config_load_or_report(const char *path, struct config **config)
{
	struct config_error error = { 0 };
	int err = config_load(path, config, &error);

	if (!err)
		return 0;
	pr_err("%s", error.text);
	return err == -ENOMEM ? EXIT_RUNTIME : EXIT_USAGE;
}
