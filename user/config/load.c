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

#define WHOLE_FILE ((struct config_mark){ 0, 0 })

int config_load_text(const char *path, const char *text, size_t len, struct config **out,
		     struct config_errors *err)
{
	_cleanup_config_ struct config *cfg = calloc(1, sizeof(*cfg));
	_cleanup_yaml_document_ yaml_document_t doc = { 0 };
	struct config_parser parser = { .doc = &doc, .cfg = cfg, .err = err };
	const yaml_node_t *root;
	int ret;

	if (cfg)
		cfg->path = strdup(path);
	if (!cfg || !cfg->path)
		return config_error_at(err, WHOLE_FILE, -ENOMEM, "out of memory");
	ret = config_yaml_read(&parser, text, len, &root);
	if (ret)
		return ret;
	ret = config_schema_parse(&parser, root);
	if (ret == -ENOMEM)
		return ret;
	config_check_conflicts(cfg, err);
	if (err->n)
		return -EINVAL;
	*out = TAKE_PTR(cfg);
	return 0;
}

static int unreadable(struct config_errors *err, int error)
{
	return config_error_at(err, WHOLE_FILE, -error,
			       "can't be read: %s; use --config for another file",
			       strerror(error));
}

int config_load(const char *path, struct config **out, struct config_errors *err)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	_cleanup_free_ char *text = NULL;
	size_t len = 0, size = 0;

	if (!file)
		return unreadable(err, errno);
	/* no stat(): a pipe is fine too */
	for (;;) {
		size_t got;

		if (len == size) {
			char *more = realloc(text, size + 65536);

			if (!more)
				return unreadable(err, ENOMEM);
			text = more;
			size += 65536;
		}
		errno = 0;
		got = fread(text + len, 1, size - len, file);
		len += got;
		if (ferror(file))
			return unreadable(err, errno ? errno : EIO);
		if (got == 0)
			break;
		if (len > CONFIG_MAX_FILE_BYTES)
			return config_error_at(err, WHOLE_FILE, -EFBIG,
					       "is too long; accepted: at most %d bytes",
					       CONFIG_MAX_FILE_BYTES);
	}
	return config_load_text(path, text, len, out, err);
}

int config_load_or_report(const char *path, struct config **config)
{
	struct config_errors errors = { 0 };
	int err = config_load(path, config, &errors);
	size_t shown = config_errors_shown(&errors);

	if (!err)
		return 0;
	for (size_t i = 0; i < shown; i++) {
		const struct config_error *error = &errors.first[i];

		log_error_at(*error->file ? error->file : path, error->at.line,
			     error->at.column, "%s", error->text);
	}
	if (errors.n > shown)
		pr_err("%s: and %zu more errors", path, errors.n - shown);
	return err == -ENOMEM ? EXIT_RUNTIME : EXIT_USAGE;
}
