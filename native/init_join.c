/*
 * Entering namespaces that exist.
 *
 * Assumes: a single thread, as native init is. Guarantees: every namespace file is opened before the first is entered,
 * since entering a mount namespace changes what a path means; paths of the init stage are those of the joined one.
 */
#include <linux/nsfs.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "init.h"
#include "sys.h"

static uint64_t clone_flag(enum plan_namespace_kind kind) {
  static const uint64_t flags[] = {
      [PLAN_NAMESPACE_KIND_USER] = CLONE_NEWUSER,       [PLAN_NAMESPACE_KIND_CGROUP] = CLONE_NEWCGROUP,
      [PLAN_NAMESPACE_KIND_IPC] = CLONE_NEWIPC,         [PLAN_NAMESPACE_KIND_UTS] = CLONE_NEWUTS,
      [PLAN_NAMESPACE_KIND_NETWORK] = CLONE_NEWNET,     [PLAN_NAMESPACE_KIND_PID] = CLONE_NEWPID,
      [PLAN_NAMESPACE_KIND_TIME] = CLONE_NEWTIME,       [PLAN_NAMESPACE_KIND_MOUNT] = CLONE_NEWNS,
  };
  return flags[kind];
}

#define NAMESPACES_MAX 8

static bool is_namespace(const struct stat *info, const char *path) {
  struct stat other;
  return stat(path, &other) == 0 && info->st_dev == other.st_dev && info->st_ino == other.st_ino;
}

/*
 * The container's root becomes that of everybody in the mount namespace whose root is the old one (pivot_root(2)). In
 * that of the launcher, or of the host's first process, it would be taken from under the machine.
 */
static int refuse_host_mounts(struct init *init, int namespace) {
  struct stat info;
  if (fstat(namespace, &info) < 0) return -errno;
  if (!is_namespace(&info, "/proc/self/ns/mnt") && !is_namespace(&info, "/proc/1/ns/mnt")) return 0;
  init_set_detail(init, "the mount namespace is the host's own");
  return -EPERM;
}

int init_join_namespaces(struct init *init, const uint8_t *stage, const uint8_t *end) {
  struct plan_record record;
  struct {
    int fd;
    uint32_t index;
    uint64_t flag;
  } opened[NAMESPACES_MAX];
  size_t count = 0;
  int result = 0;
  for (uint32_t index = 0; result == 0 && stage < end; index++) {
    if (plan_decode(&stage, end, &record) < 0) return -EBADMSG;
    init->index = index;
    if (record.op == PLAN_SET_TIME_OFFSETS) {
      init->time_offsets_fd = sys_openat(AT_FDCWD, "/proc/self/timens_offsets", O_WRONLY, 0);
      if (init->time_offsets_fd < 0) result = init->time_offsets_fd;
    }
    if (record.op != PLAN_JOIN_NAMESPACE) continue;
    int fd = count == NAMESPACES_MAX ? -E2BIG : sys_openat(AT_FDCWD, record.join_namespace.path, O_RDONLY, 0);
    if (fd < 0) {
      result = fd;
      break;
    }
    opened[count].fd = fd;
    opened[count].index = index;
    opened[count++].flag = clone_flag(record.join_namespace.kind);
    if (record.join_namespace.kind == PLAN_NAMESPACE_KIND_MOUNT) result = refuse_host_mounts(init, fd);
  }
  /* Processes of the namespaces may try to look into this one, which still has the host's root (CVE-2016-9962). */
  if (result == 0 && count > 0) result = (int)sys2(__NR_prctl, PR_SET_DUMPABLE, 0);
  for (size_t i = 0; result == 0 && i < count; i++) {
    init->index = opened[i].index;
    result = (int)sys2(__NR_setns, opened[i].fd, opened[i].flag);
    /* Joining a user namespace leaves the ids of the old one: become its root, to be allowed to go on. */
    if (result == 0 && opened[i].flag == CLONE_NEWUSER) result = (int)sys3(__NR_setresgid, 0, 0, 0);
    if (result == 0 && opened[i].flag == CLONE_NEWUSER) result = (int)sys3(__NR_setresuid, 0, 0, 0);
  }
  for (size_t i = 0; i < count; i++) sys_close(opened[i].fd);
  return result;
}

int init_join_process(struct init *init, const struct plan_join_process *op) {
  /* From here on a process of the container may try to look into this one (CVE-2016-9962). */
  long result = sys2(__NR_prctl, PR_SET_DUMPABLE, 0);
  if (result == 0) result = sys2(__NR_setns, op->pidfd, op->flags);
  if (result < 0) return (int)result;
  if (op->flags & CLONE_NEWUSER) {
    result = sys3(__NR_setresgid, 0, 0, 0);
    if (result == 0) result = sys3(__NR_setresuid, 0, 0, 0);
    if (result < 0) return (int)result;
  }
  if (!(op->flags & CLONE_NEWNS)) return 0;
  init->root_fd = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
  init->pivoted = true;
  return init->root_fd < 0 ? init->root_fd : 0;
}

int init_unshare(struct init *init, const struct plan_unshare *op) {
  (void)init;
  return (int)sys1(__NR_unshare, op->flags);
}

int init_set_time_offsets(struct init *init, const struct plan_set_time_offsets *op) {
  SCOPED_FD fd = init->time_offsets_fd;
  size_t length = strlen(op->offsets);
  ssize_t written = sys_write(fd, op->offsets, length);
  return written < 0 ? (int)written : (size_t)written == length ? 0 : -EIO;
}

/*
 * The child goes on when its parent has told of it: what it reports itself must not come first. Both are in a process group
 * of their own until the child has a session: the launcher reaps by it a child of which nothing could be told.
 */
int init_fork(struct init *init) {
  sys2(__NR_setpgid, 0, 0);
  int ends[2], pidfd = -1;
  long made = sys2(__NR_pipe2, SYS_PTR(ends), O_CLOEXEC);
  if (made < 0) return (int)made;
  SCOPED_FD told = ends[0];
  SCOPED_FD tell = ends[1];
  struct clone_args args = {.flags = CLONE_PARENT | CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&pidfd};
  int child = sys_clone3(&args);
  if (child < 0) return child;
  if (child == 0) {
    char byte;
    sys_close(sys_release(&tell));
    return sys_read(told, &byte, 1) == 1 ? 0 : -EPIPE;
  }
  int result = report_send(init->report_fd, PLAN_REPORT_FORKED, init->index, 0, "", pidfd);
  if (result == 0 && sys_write(tell, "", 1) != 1) result = -EPIPE;
  sys1(__NR_exit_group, result == 0 ? 0 : 1);
  __builtin_unreachable();
}
