#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Runs inside the kernel under test (scripts/kernel-run): loads each object, attaches all its
# programs to a veth pair, and detaches them.
# usage: load.sh KERNEL_LOAD OBJECT ...
# Prints lines "object FILE", "insns PROGRAM COUNT", "attach PROGRAM HOOK ok|failed",
# "result FILE ok|STEP failed".
set -u
load=$1
shift
pins=/sys/fs/bpf/x
status=0

# Programs of the pair's first end, at the hook of their name; tc ones all at the same time.
attach() {
	prio=0 bad=0
	for pin in "$pins"/tc/*; do
		[ -e "$pin" ] || continue
		prog=${pin##*/} hook=ingress prio=$((prio + 1))
		case $prog in *egress* | *_out) hook=egress ;; esac
		if tc filter add dev kt0 "$hook" prio $prio handle 1 bpf da pinned "$pin" &&
			tc filter show dev kt0 "$hook" | grep -q "pref $prio bpf.*direct-action"; then
			echo "attach $prog $hook ok"
		else
			echo "attach $prog $hook failed" && bad=1
		fi
	done
	for pin in "$pins"/xdp/*; do
		[ -e "$pin" ] || continue
		prog=${pin##*/}
		if ip link set dev kt0 xdpdrv pinned "$pin"; then
			echo "attach $prog xdp ok"
			ip link set dev kt0 xdpdrv off || bad=1
		else
			echo "attach $prog xdp failed" && bad=1
		fi
	done
	return $bad
}

detach() {
	tc filter del dev kt0 ingress && tc filter del dev kt0 egress || return 1
	[ -z "$(tc filter show dev kt0 ingress)$(tc filter show dev kt0 egress)" ] || return 1
	tc qdisc del dev kt0 clsact
}

# Ids of the pinned programs.
loaded() {
	for pin in "$pins"/*/*; do
		bpftool prog show pinned "$pin" | sed -n 's/^\([0-9]*\): .*/\1/p'
	done
}

# Unpinned and detached objects are freed, perhaps late: timers, RCU.
gone() {
	n=0
	for id in $ids; do
		while bpftool prog show id "$id" >/dev/null 2>&1; do
			n=$((n + 1))
			[ $n -lt 300 ] || return 1
			sleep 0.1
		done
	done
}

check() {
	step=load
	"$load" "$pins" "$1" || return
	ids=$(loaded)
	[ -n "$ids" ] || return
	step=veth
	ip link add kt0 type veth peer name kt1 && ip link set kt0 up && ip link set kt1 up || return
	step=clsact
	tc qdisc add dev kt0 clsact || return
	step=attach
	attach || return
	step=detach
	detach || return
	step=remove
	rm -r "$pins" && gone
}

for obj; do
	echo "object $obj"
	if check "$obj"; then
		echo "result $obj ok"
	else
		echo "result $obj $step failed"
		status=1
	fi
	ip link del kt0 2>/dev/null
	rm -rf "$pins"
done
exit $status
