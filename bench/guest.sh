#!/bin/bash
# bench/guest.sh runs one crier process with N connections, and bench/ against it, in a guest that allows more descriptors in a
# process than this machine does: user-mode Linux, a kernel that runs as an ordinary program. It needs no root and no image:
# the guest sees this machine's files. It has its loopback only and one CPU, several times slower than the machine's. So what it finds is
# about memory and correctness, never about speed.
#
# The guest ends by itself: when the run is over, at LIMIT, or when this script is stopped.
set -euo pipefail

usage() {
	cat <<-USAGE
	usage: bench/guest.sh [OUT.json]

	Writes what bin/bench found to OUT.json (bin/guest.json). Environment:
	  N       connections (200000)
	  ROUNDS  messages to all, and as many times 16 back to back (2)
	  SIZE    bytes of a message (128)
	  MEMORY  of the guest, in GiB (8); what is not used is not taken
	  LIMIT   seconds until the guest is ended (1500)
	  CRIER, BENCH  the programs (bin/crier, bin/bench)
	USAGE
}

die() { # CODE MESSAGE
	echo "guest: $2" >&2
	exit "$1"
}

# inside is what the guest's first process does. Its output is the guest's console.
inside() {
	mount -t proc proc /proc
	mount -t sysfs sys /sys
	mount -t tmpfs tmp /dev/shm 2>/dev/null || true
	ip link set lo up
	echo 4000000 >/proc/sys/fs/nr_open
	echo 8000000 >/proc/sys/fs/file-max
	echo 1024 65535 >/proc/sys/net/ipv4/ip_local_port_range
	echo 65535 >/proc/sys/net/core/somaxconn
	# One CPU: when many timers run out at once, keepalive probes of that many connections wait in the loopback's queue. Those above
	# its bound would be lost, and their connections with them.
	echo 1000000 >/proc/sys/net/core/netdev_max_backlog
	ulimit -n 4000000
	measure && rc=0 || rc=$?
	echo $rc >"$STATE/rc"
}

# measure starts a node and runs the generator against it.
measure() {
	local node url='' rc=0
	# A message to all may take a minute here, and so may an answer to a ping: bounds in time are off, those in bytes are not.
	"$CRIER" serve --listen 127.0.0.1:0 --admin 127.0.0.1:0 --max-lag-age=-1s --ping-after=-1s --shutdown-timeout 5m >"$STATE/node" 2>"$STATE/log" &
	node=$!
	for _ in $(seq 300); do # half a minute
		url=$(grep -o 'ws://[^ ]*' "$STATE/node" | head -1) && break
		kill -0 $node 2>/dev/null || break
		sleep 0.1
	done
	if [ -z "$url" ]; then
		echo "the node did not come up:"; tail -5 "$STATE/log"
		return 2
	fi
	# A source address has 64,512 ports here, but the kernel looks longer and longer for a free one once half of them are taken.
	"$BENCH" survey -n "$N" --size "$SIZE" --source "127.0.0.2-127.0.0.$((2 + N / 10000))" --connect-timeout 120s \
		--hold 5s --warmup 1 --rounds "$ROUNDS" --burst-rounds "$ROUNDS" --patience 300s --pid $node --json - "$url" >"$STATE/json" 2>"$PROGRESS" || rc=$?
	[ "$PROGRESS" = /dev/console ] || cat "$PROGRESS"
	kill $node
	wait $node || { echo "the node ended badly:"; tail -5 "$STATE/log"; rc=1; }
	return $rc
}

# repair writes the source of a library to stand between linux.uml and ptrace(2), to be preloaded. Before Linux 6.12 (or so) linux.uml
# knows of 2,696 bytes of processor state. On a host with AMX there are 11,008, the host wants all of them in PTRACE_SETREGSET,
# and the guest dies with "ptrace set fp regs failed, errno = 14". So what the guest does not know of is added as the host has it.
repair() {
	cat <<-'C'
	#define _GNU_SOURCE
	#include <elf.h>
	#include <stdarg.h>
	#include <string.h>
	#include <sys/ptrace.h>
	#include <sys/syscall.h>
	#include <sys/uio.h>
	#include <unistd.h>

	long ptrace(enum __ptrace_request request, ...)
	{
		va_list args;
		va_start(args, request);
		pid_t pid = va_arg(args, pid_t);
		void *addr = va_arg(args, void *), *data = va_arg(args, void *);
		va_end(args);

		if (request == PTRACE_SETREGSET && (long)addr == NT_X86_XSTATE) {
			static char whole[1 << 16];
			struct iovec all = {whole, sizeof whole}, *part = data;
			if (syscall(SYS_ptrace, PTRACE_GETREGSET, pid, addr, &all) == 0 && all.iov_len > part->iov_len) {
				memcpy(whole, part->iov_base, part->iov_len);
				return syscall(SYS_ptrace, request, pid, addr, &all);
			}
		}
		if (request >= PTRACE_PEEKTEXT && request <= PTRACE_PEEKUSER) { // the kernel stores the word, the C library returns it
			long word;
			return syscall(SYS_ptrace, request, pid, addr, &word) < 0 ? -1 : word;
		}
		return syscall(SYS_ptrace, request, pid, addr, data);
	}
	C
}

if [ $$ = 1 ]; then # we are the guest's first process
	. "${BASH_SOURCE[0]%/*}/env"
	inside
	sync
	echo o >/proc/sysrq-trigger # off
	sleep 60
	exit
fi

case ${1-} in -*) usage; exit 2 ;; esac
out=${1:-bin/guest.json}
N=${N:-200000} ROUNDS=${ROUNDS:-2} SIZE=${SIZE:-128} MEMORY=${MEMORY:-8} LIMIT=${LIMIT:-1500}
CRIER=$(realpath -m "${CRIER:-bin/crier}") BENCH=$(realpath -m "${BENCH:-bin/bench}")
command -v linux.uml >/dev/null || die 2 "there is no linux.uml: install user-mode Linux (Debian: apt-get install user-mode-linux)"
command -v ip >/dev/null || die 2 "there is no ip: install iproute2"
for program in "$CRIER" "$BENCH"; do
	[ -x "$program" ] || die 2 "there is no $program: make build"
done
if [ "$MEMORY" -gt "$(($(awk '/^MemAvailable/ {print $2}' /proc/meminfo) >> 20))" ]; then
	echo "guest: less than $MEMORY GiB are free here; if the guest dies, set MEMORY and N lower" >&2
fi

rm -f "$out"
state=$(mktemp -d "${TMPDIR:-/tmp}/guest.XXXXXX")
pid=
stop() {
	if [ -n "$pid" ] && kill "$pid" 2>/dev/null; then # timeout ends the guest, by force after 5 s
		wait "$pid" || true
	fi
	rm -rf "$state"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# show passes the guest's console on, without what its kernel says of itself.
show() {
	if [ -t 2 ]; then cat; else grep -vE 'SELinux|mmapper_init|ubd device|sysrq: |reboot: '; fi >&2
}

# The guest's kernel starts a copy of this script.
cp "${BASH_SOURCE[0]}" "$state/init"
chmod +x "$state/init"
# Progress wants a terminal; the guest's console is one even when it leads into a pipe.
progress=$state/progress
[ ! -t 2 ] || progress=/dev/console
printf '%s=%q\n' PROGRESS "$progress" STATE "$state" N "$N" ROUNDS "$ROUNDS" SIZE "$SIZE" CRIER "$CRIER" BENCH "$BENCH" PATH "$PATH" HOME "$state" >"$state/env"
printf 'export PATH HOME\n' >>"$state/env"

preload=
if grep -qw amx_tile /proc/cpuinfo; then
	if command -v cc >/dev/null; then
		repair >"$state/ptrace.c"
		cc -O2 -shared -fPIC -o "$state/ptrace.so" "$state/ptrace.c"
		preload=$state/ptrace.so
	else
		echo "guest: there is no cc; if the guest dies of 'ptrace set fp regs failed', install a C compiler" >&2
	fi
fi

echo "guest: $N connections to one process; ends after $LIMIT s at the latest" >&2
LD_PRELOAD=$preload timeout -k 5 "$LIMIT" linux.uml mem="${MEMORY}G" rootfstype=hostfs rootflags=/ rw init="$state/init" con=null con0=null,fd:1 quiet \
	</dev/null > >(show) 2>/dev/null &
pid=$!
wait "$pid" || true
pid=

if [ -s "$state/json" ]; then
	mkdir -p "$(dirname "$out")"
	cp "$state/json" "$out"
	echo "guest: wrote $out" >&2
fi
[ -e "$state/rc" ] || die 1 "the guest ended before the run did (after $LIMIT s it is ended; see LIMIT and MEMORY)"
exit "$(cat "$state/rc")"
