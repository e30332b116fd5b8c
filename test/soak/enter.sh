#!/bin/sh
# Runs a command in a machine of its own, as far as namespaces make one: mounts, processes, network and cgroups are its own,
# so that all that is left there has been left by the command, and all that is killed there is its. Usage: enter.sh DIR COMMAND...
#
# DIR gets two small file systems, `store` and `run`, that can be filled. What is below is executed twice: outside, and in
# the namespaces.
set -eu

name=utsuwa-soak-$$
directory=$1

if [ -z "${SOAK_INSIDE:-}" ]; then
  # A hierarchy with controllers elsewhere does not matter: no limits are set that need one.
  exec unshare --mount --propagation private sh -eu -c '
    name=$1 script=$2 directory=$3
    mkdir -p "$directory/cgroup"
    mount -t cgroup2 none "$directory/cgroup"
    mkdir "$directory/cgroup/$name"
    home=$directory/cgroup$(sed -n "s/^0:://p" /proc/self/cgroup)
    echo $$ >"$directory/cgroup/$name/cgroup.procs"
    status=0
    shift 2
    SOAK_INSIDE=1 unshare --cgroup --net --uts --ipc --pid --fork --kill-child --mount-proc "$script" "$@" &
    # With it all processes of the namespace end.
    trap "kill -KILL $!" INT TERM
    wait $! || status=$?
    echo $$ >"$home/cgroup.procs"
    # Processes of the namespace are dead by now; the kernel may still be about to take them out of their cgroups.
    for try in 1 2 3 4 5 6 7 8 9 10; do
      find "$directory/cgroup/$name" -depth -type d -exec rmdir {} + 2>/dev/null && break
      sleep 0.5
    done
    exit $status
  ' sh "$name" "$(readlink -f "$0")" "$@"
fi

shift
for mount in $(awk '$5 ~ "^/sys/fs/cgroup" { print $5 }' /proc/self/mountinfo | sort -r); do umount -l "$mount"; done
umount -l "$directory/cgroup"
mount -t cgroup2 none /sys/fs/cgroup
mkdir /sys/fs/cgroup/soak
echo $$ >/sys/fs/cgroup/soak/cgroup.procs
# iptables has its lock in /run, and resolvers are found there.
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p "$directory/store" "$directory/run"
mount -t tmpfs -o "size=${SOAK_STORE_SIZE:-96m},mode=755" store "$directory/store"
mount -t tmpfs -o "size=${SOAK_RUN_SIZE:-8m},mode=755" run "$directory/run"
ip link set lo up
# As a host has one that leads somewhere.
ip link add uplink type bridge
ip addr add 192.0.2.1/24 dev uplink
ip link set uplink up
# The shell stays: it is the first process here, and waits for all that lose their parents.
"$@"
exit $?
