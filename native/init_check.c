/* See init_check.h. */
#include "init_check.h"

#include <linux/sched.h>

/* How far a plan has come; each operation may only move it forward. */
struct progress {
  bool joined_mounts, rooted, pivoted, user_set, capabilities_set, no_new_privs, filtered, done;
};

static bool belongs_to_join(enum plan_op op) {
  return op == PLAN_JOIN_NAMESPACE || op == PLAN_JOIN_PROCESS || op == PLAN_UNSHARE || op == PLAN_SET_TIME_OFFSETS ||
         op == PLAN_FORK || op == PLAN_BARRIER;
}

static bool belongs_to_host(enum plan_op op) {
  return op == PLAN_CREATE_CGROUP || op == PLAN_OPEN_CGROUP || op == PLAN_WRITE_CGROUP ||
         op == PLAN_OWN_CGROUP || op == PLAN_ATTACH_DEVICE_PROGRAM || op == PLAN_CLONE || op == PLAN_WRITE_ID_MAP;
}

static bool needs_root(enum plan_op op) {
  switch (op) {
  case PLAN_MOUNT_AT:
  case PLAN_BIND_AT:
  case PLAN_REMOUNT_AT:
  case PLAN_MAKE_DEVICE:
  case PLAN_BIND_DEVICE:
  case PLAN_MAKE_SYMLINK:
  case PLAN_MASK_PATH:
  case PLAN_READONLY_PATH:
  case PLAN_OPEN_CONSOLE:
  case PLAN_PIVOT_ROOT:
  case PLAN_MOVE_ROOT:
  case PLAN_SET_ROOT_PROPAGATION:
  case PLAN_READONLY_ROOTFS:
    return true;
  default:
    return false;
  }
}

static bool follows_the_rules(struct progress *p, enum plan_op op) {
  if (p->done || (needs_root(op) && !p->rooted && !p->joined_mounts)) return false;
  switch (op) {
  case PLAN_BIND_ROOTFS:
  case PLAN_ATTACH_ROOTFS:
    if (p->rooted || p->joined_mounts) return false;
    return p->rooted = true;
  case PLAN_MOUNT_AT: /* by path of the container, so only while its root lies below the host's */
  case PLAN_BIND_AT:
  case PLAN_REMOUNT_AT:
  case PLAN_BIND_DEVICE:
    return !p->pivoted;
  case PLAN_PIVOT_ROOT:
  case PLAN_MOVE_ROOT:
    if (p->pivoted) return false;
    return p->pivoted = true;
  case PLAN_CHANGE_DIRECTORY:
  case PLAN_FIND_EXECUTABLE:
    return p->pivoted;
  case PLAN_SET_BOUNDING_CAPABILITIES: /* dropping needs CAP_SETPCAP, which the user may not have */
    return !p->user_set;
  case PLAN_SET_USER:
    return p->user_set = true;
  case PLAN_SET_CAPABILITIES:
    if (!p->user_set || p->no_new_privs) return false;
    return p->capabilities_set = true;
  case PLAN_SET_NO_NEW_PRIVS:
    if (!p->capabilities_set || p->filtered) return false;
    return p->no_new_privs = true;
  case PLAN_LOAD_SECCOMP: /* with no_new_privs last of all; without it, while CAP_SYS_ADMIN is still held */
    if (!p->user_set || p->capabilities_set != p->no_new_privs) return false;
    return p->filtered = true;
  case PLAN_EXEC:
    if (!p->pivoted || !p->user_set || !p->capabilities_set) return false;
    return p->done = true;
  default:
    return !belongs_to_host(op) && (op == PLAN_BARRIER || !belongs_to_join(op));
  }
}

int init_check_plan(const uint8_t *data, size_t size, struct plan_stages *stages, uint32_t *index) {
  struct plan_file file;
  *index = 0;
  if (size < sizeof file) return -EBADMSG;
  memcpy(&file, data, sizeof file);
  if (file.hash != PLAN_HASH) return -EPROTO;
  if (size - sizeof file != (size_t)file.join_size + file.init_size) return -EBADMSG;
  stages->join = data + sizeof file;
  stages->init = stages->join + file.join_size;
  stages->end = stages->init + file.init_size;
  stages->report_fd = file.report_fd;

  struct plan_record record;
  struct progress progress = {0};
  for (const uint8_t *at = stages->join; at < stages->init; ++*index) {
    if (plan_decode(&at, stages->init, &record) < 0) return -EBADMSG;
    if (!belongs_to_join(record.op)) return -EINVAL;
    /* Without its mounts the root is still the host's. */
    if (record.op == PLAN_JOIN_PROCESS && record.join_process.flags & CLONE_NEWNS)
      progress.joined_mounts = progress.pivoted = true;
  }
  for (const uint8_t *at = stages->init; at < stages->end; ++*index) {
    if (plan_decode(&at, stages->end, &record) < 0) return -EBADMSG;
    if (!follows_the_rules(&progress, record.op)) return -EINVAL;
    if (record.op == PLAN_EXEC) stages->preserve_fds = record.exec.preserve_fds;
  }
  return progress.done ? 0 : -EINVAL;
}
