#!/bin/sh
# Runs a command in a machine of its own, as far as namespaces make one: mounts, processes, network and cgroups are its own,
# so that all that is left there has been left by the command, and all that is killed there is its. Usage: enter.sh DIR COMMAND...
#
# DIR gets two small file systems, `store` and `run`, that can be filled.
set -eu

directory=$1

case ${SOAK_STAGE:-mounts} in
mounts)
  SOAK_STAGE=outside exec unshare --mount --propagation private "$0" "$@"
  ;;

outside)
  # A hierarchy with controllers elsewhere does not matter: no limits are set that need one.
  mkdir -p "$directory/cgroup"
  mount -t cgroup2 none "$directory/cgroup"
  cgroup=$directory/cgroup/utsuwa-soak-$$
  mkdir "$cgroup"
  status=0
  SOAK_STAGE=namespaces SOAK_CGROUP=$cgroup unshare --net --uts --ipc --pid --fork --kill-child --mount-proc "$0" "$@" &
  # With it all processes of the namespace end.
  trap "kill -KILL $!" INT TERM
  wait $! || status=$?
  # They are dead by now; the kernel may still be about to take them out of their cgroups.
  for try in 1 2 3 4 5 6 7 8 9 10; do
    find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null && break
    sleep 0.5
  done
  exit $status
  ;;

namespaces)
  # The cgroup that it is in when it gets a namespace for them is the root of that, and must have no process itself.
  echo 0 >"$SOAK_CGROUP/cgroup.procs"
  SOAK_STAGE=inside exec unshare --cgroup "$0" "$@"
  ;;

inside)
  shift
  for mount in $(awk '$5 ~ "^/sys/fs/cgroup" { print $5 }' /proc/self/mountinfo | sort -r); do umount -l "$mount"; done
  umount -l "$directory/cgroup"
  mount -t cgroup2 none /sys/fs/cgroup
  mkdir /sys/fs/cgroup/soak
  echo 0 >/sys/fs/cgroup/soak/cgroup.procs
  # iptables has its lock in /run, and resolvers are found there.
  mount -t tmpfs -o mode=755 tmpfs /run
  for disk in store:96m run:8m; do
    mkdir -p "$directory/${disk%:*}"
    mount -t tmpfs -o "size=${disk#*:},mode=755" "${disk%:*}" "$directory/${disk%:*}"
  done
  ip link set lo up
  # As a host has one that leads somewhere.
  ip link add uplink type bridge
  ip addr add 192.0.2.1/24 dev uplink
  ip link set uplink up
  # The shell stays: it is the first process here, and waits for all that lose their parents.
  "$@"
  exit $?
  ;;
esac
