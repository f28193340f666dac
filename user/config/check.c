// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* check: what is in effect, or what is wrong with the file. */
#include "base/log.h"
#include "base/options.h"
#include "config/explain.h"
#include "config/load.h"
#include "config/print.h"

int verb_check(const struct options *options)
{
	_cleanup_config_ struct config *config = NULL;
	json_t *json;
	int err = config_load_or_report(options->config, &config);

	if (err)
		return err;
	if (!options->json) {
		config_print_text(stdout, config);
		config_explain_text(stdout, config);
		return 0;
	}
	json = config_to_json(config);
	if (!json)
		return err_r(EXIT_RUNTIME, "out of memory");
	json_object_set_new(json, "policy", config_explain(config));
	json_dumpf(json, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(json);
	return 0;
}
