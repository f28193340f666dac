// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>

#include "base/log.h"
#include "dataplane/bans_file.h"
#include "dataplane/change.h"
#include "dataplane/pin.h"
#include "dataplane/service_files.h"

int verb_down(const struct options *options)
{
	_cleanup_change_ struct change change = CHANGE_INIT;
	int err = change_begin(&change, options, false);

	if (err)
		return EXIT_RUNTIME;
	err = instance_open(&change.instance, options->pin, change.netns, change.bpffs);
	if (err == -ENOENT) {
		pin_remove_dir(options->pin);
		service_remove_lock(options->pin);
		pr_info("not up at %s: nothing to do", options->pin);
		return 0;
	}
	if (!err)
		err = change_check_namespace(&change);
	if (!err)
		err = instance_remove(&change.instance);
	if (err)
		return EXIT_RUNTIME;
	bans_remove_file(options->pin);
	service_remove_lock(options->pin);
	return 0;
}
