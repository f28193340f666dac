// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "dataplane/kernel_lacks.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/util.h"

#define HELPER_NAME(name) "bpf_" #name

static const char *const helpers[] = { __BPF_FUNC_MAPPER(HELPER_NAME) };

bool kernel_is_old(void)
{
	struct utsname host;

	return !uname(&host) && strverscmp(host.release, KERNEL_LOWEST) < 0;
}

bool kernel_is_realtime(void)
{
	struct utsname host;

	return !uname(&host) && strstr(host.version, "PREEMPT_RT");
}

static bool lacks_map_type(const struct bpf_map *map, char *what, size_t size)
{
	if (libbpf_probe_bpf_map_type(bpf_map__type(map), NULL))
		return false;
	snprintf(what, size, "BPF maps of type %s",
		 libbpf_bpf_map_type_str(bpf_map__type(map)));
	return true;
}

static bool lacks_map(const struct bpf_object *object, char *what, size_t size)
{
	struct bpf_map *map, *inner;

	bpf_object__for_each_map(map, object) {
		inner = bpf_map__inner_map(map);
		if (lacks_map_type(map, what, size) ||
		    (inner && lacks_map_type(inner, what, size)))
			return true;
	}
	return false;
}

static bool is_helper_call(const struct bpf_insn *insn)
{
	return insn->code == (BPF_JMP | BPF_CALL) && !insn->src_reg && insn->imm > 0 &&
	       insn->imm < (int)ARRAY_SIZE(helpers);
}

static bool lacks_helper(const struct bpf_program *prog, char *what, size_t size)
{
	const struct bpf_insn *insns = bpf_program__insns(prog);
	bool known[ARRAY_SIZE(helpers)] = { false };

	for (size_t i = 0; i < bpf_program__insn_cnt(prog); i++) {
		int id = insns[i].imm;

		if (!is_helper_call(&insns[i]) || known[id])
			continue;
		known[id] = true;
		if (libbpf_probe_bpf_helper(bpf_program__type(prog), (enum bpf_func_id)id,
					    NULL))
			continue;
		snprintf(what, size, "the BPF helper %s", helpers[id]);
		return true;
	}
	return false;
}

bool kernel_lacks(const struct bpf_object *object, char *what, size_t size)
{
	struct bpf_program *prog;

	if (lacks_map(object, what, size))
		return true;
	bpf_object__for_each_program(prog, object)
		if (lacks_helper(prog, what, size))
			return true;
	return false;
}

const char *kernel_bpf_strerror(int err)
{
	switch (err) {
	case -ENOSYS:
		return "this kernel has no BPF (CONFIG_BPF_SYSCALL)";
	case -EACCES:
	case -EPERM:
		return "not permitted (root with CAP_SYS_ADMIN is needed, and the kernel not "
		       "locked down)";
	default:
		return strerror(-err);
	}
}
