/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A cluster of gateways, see docs/cluster.md. */
#ifndef FTPNAT_CLUSTER_H
#define FTPNAT_CLUSTER_H

#define FTPNAT_SLOTS 16 /* gateways of a cluster; power of two */

/* `commit`: how many peers must know a change before anybody else sees it */
enum ftpnat_commit {
	FTPNAT_COMMIT_NONE,
	FTPNAT_COMMIT_ONE,
	FTPNAT_COMMIT_ALL,
	FTPNAT_COMMIT_MAX
};

/* `on_loss`: what happens while the peers can't be told */
enum ftpnat_on_loss {
	FTPNAT_ON_LOSS_WAIT,
	FTPNAT_ON_LOSS_GO_ON,
	FTPNAT_ON_LOSS_REFUSE,
	FTPNAT_ON_LOSS_MAX
};

#endif
