// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/up.h"

#include <errno.h>

#include "base/log.h"
#include "config/load.h"
#include "dataplane/change.h"
#include "dataplane/map_names.h"
#include "dataplane/pin.h"
#include "dataplane/reload.h"

static void undo_up(struct instance **instance)
{
	if (*instance)
		instance_remove(*instance);
}

static int fresh_up(struct change *change, const struct options *options)
{
	_cleanup_(undo_up) struct instance *undo = NULL;
	struct instance *instance = &change->instance;
	int err = change_check_claims(change);

	if (!err)
		err = change_load(change, NULL);
	if (!err)
		err = change_record(change, options);
	if (!err)
		err = apply_prepare(&change->apply, &change->dataplane, change->config);
	if (!err)
		err = apply_commit(&change->apply);
	if (!err)
		err = instance_save(instance);
	if (err)
		return err;
	undo = instance;
	err = pin_make_dir(options->pin);
	if (!err)
		err = pin_new(options->pin, map_name(FTPNAT_MAP_STATE),
			      instance->state_fd);
	if (!err)
		err = dataplane_pin_maps(&change->dataplane, options->pin);
	if (!err)
		err = change_pin_programs(change, options->pin);
	if (err)
		return err;
	instance->state.complete = 1; /* from here on it is as a reload finds it */
	err = instance_save(instance) ?: change_attach(change);
	if (err)
		return err;
	TAKE_PTR(undo);
	change_fast_path(change);
	return instance_save(instance);
}

int up_apply(const struct options *options, const struct config *config)
{
	_cleanup_change_ struct change change = CHANGE_INIT;
	int err;

	change.config = config;
	if (change_begin(&change, options, true))
		return EXIT_RUNTIME;
	err = change_open(&change, options);
	if (err == -ENOENT)
		err = fresh_up(&change, options);
	else if (!err)
		err = reload_change(&change, options);
	return err ? EXIT_RUNTIME : 0;
}

int verb_up(const struct options *options)
{
	_cleanup_config_ struct config *config = NULL;

	return config_load_or_report(options->config, &config) ?:
								 up_apply(options, config);
}
