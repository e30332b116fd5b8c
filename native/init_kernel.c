/*
 * What a container asks of the kernel beside files: names, sysctls, limits, scheduling.
 *
 * Assumes: the namespaces are the container's. Guarantees: every write to procfs goes through procfs_fd, a procfs that
 * is attached nowhere, and stays on it, so nothing mounted over /proc can redirect it (CVE-2025-52881, CVE-2019-16884).
 */
#include <linux/if.h>
#include <linux/keyctl.h>
#include <linux/magic.h>
#include <linux/sched/types.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "init.h"
#include "sys.h"

#define PROC_ROOT_INO 1 /* fs/proc/internal.h */

#ifndef IOPRIO_WHO_PROCESS
#define IOPRIO_WHO_PROCESS 1
#endif

static int write_all(int fd, const char *value) {
  size_t length = strlen(value);
  ssize_t written = sys_write(fd, value, length);
  if (written < 0) return (int)written;
  return (size_t)written == length ? 0 : -EIO;
}

#define RESOLVE_PROCFS (RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS)

static int write_beneath(int directory, const char *path, const char *value) {
  SCOPED_FD fd = sys_openat2(directory, path, O_WRONLY, 0, RESOLVE_PROCFS);
  if (fd < 0) return fd;
  return write_all(fd, value);
}

static int write_procfs(struct init *init, const char *path, const char *value) {
  return write_beneath(init->procfs_fd, path, value);
}

/*
 * A user namespace that sees no procfs in full may not mount one. The one at /proc, of the host before the pivot, of the
 * container when joining it, does as well if it is the root of a procfs: writes stay on it (RESOLVE_NO_XDEV).
 */
static int open_visible_procfs(void) {
  SCOPED_FD fd = sys_openat(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
  if (fd < 0) return fd;
  struct statfs fs;
  struct stat info;
  if (fstatfs(fd, &fs) < 0 || fstat(fd, &info) < 0) return -errno;
  return fs.f_type == PROC_SUPER_MAGIC && info.st_ino == PROC_ROOT_INO ? sys_release(&fd) : -EPERM;
}

int init_open_procfs(struct init *init) {
  SCOPED_FD fs = sys_fsopen("proc");
  int result = fs < 0 ? fs : sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
  int mount = result < 0 ? result : sys_fsmount(fs, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  if (mount == -EPERM) mount = open_visible_procfs();
  if (mount < 0) return mount;
  init->procfs_fd = mount;
  return 0;
}

int init_bring_up_loopback(struct init *init) {
  (void)init;
  SCOPED_FD fd = (int)sys3(__NR_socket, AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return fd;
  struct ifreq request = {.ifr_name = "lo"};
  long result = sys3(__NR_ioctl, fd, SIOCGIFFLAGS, SYS_PTR(&request));
  if (result < 0) return (int)result;
  request.ifr_flags |= IFF_UP;
  return (int)sys3(__NR_ioctl, fd, SIOCSIFFLAGS, SYS_PTR(&request));
}

/* A plan that names the host by mistake must not rename it. */
static int refuse_host_names(struct init *init) {
  struct stat info;
  if (fstatat(init->procfs_fd, "self/ns/uts", &info, 0) < 0) return -errno;
  if (info.st_ino != init->host_uts) return 0;
  init_set_detail(init, "this is the host's UTS namespace");
  return -EPERM;
}

int init_set_hostname(struct init *init, const struct plan_set_hostname *op) {
  int result = refuse_host_names(init);
  if (result < 0) return result;
  return (int)sys2(__NR_sethostname, SYS_PTR(op->name), strlen(op->name));
}

int init_set_domainname(struct init *init, const struct plan_set_domainname *op) {
  int result = refuse_host_names(init);
  if (result < 0) return result;
  return (int)sys2(__NR_setdomainname, SYS_PTR(op->name), strlen(op->name));
}

int init_set_sysctl(struct init *init, const struct plan_set_sysctl *op) {
  /* A name with `..` must not lead from /proc/sys to the rest of procfs. */
  SCOPED_FD directory = sys_openat2(init->procfs_fd, "sys", O_PATH | O_DIRECTORY, 0, RESOLVE_PROCFS);
  return directory < 0 ? directory : write_beneath(directory, op->path, op->value);
}

int init_set_oom_score_adj(struct init *init, const struct plan_set_oom_score_adj *op) {
  char value[16];
  snprintf(value, sizeof value, "%d", op->value);
  return write_procfs(init, "self/oom_score_adj", value);
}

int init_set_exec_label(struct init *init, const struct plan_set_exec_label *op) {
  char value[PATH_MAX];
  if (op->lsm == PLAN_LSM_SELINUX) return write_procfs(init, "thread-self/attr/exec", op->label);
  int length = snprintf(value, sizeof value, "exec %s", op->label);
  if (length < 0 || (size_t)length >= sizeof value) return -ENAMETOOLONG;
  int result = write_procfs(init, "thread-self/attr/apparmor/exec", value);
  /* Kernels before 5.8 have no directory for each security module. */
  return result == -ENOENT ? write_procfs(init, "thread-self/attr/exec", value) : result;
}

int init_set_rlimit(struct init *init, const struct plan_set_rlimit *op) {
  (void)init;
  const struct {
    uint64_t soft, hard;
  } limit = {op->soft, op->hard};
  return (int)sys4(__NR_prlimit64, 0, op->resource, SYS_PTR(&limit), 0);
}

int init_set_scheduler(struct init *init, const struct plan_set_scheduler *op) {
  (void)init;
  struct sched_attr attr = {
      .size = sizeof attr,
      .sched_policy = op->policy,
      .sched_flags = op->flags,
      .sched_nice = op->nice,
      .sched_priority = op->priority,
      .sched_runtime = op->runtime,
      .sched_deadline = op->deadline,
      .sched_period = op->period,
  };
  return (int)sys3(__NR_sched_setattr, 0, SYS_PTR(&attr), 0);
}

int init_set_io_priority(struct init *init, const struct plan_set_io_priority *op) {
  (void)init;
  return (int)sys3(__NR_ioprio_set, IOPRIO_WHO_PROCESS, 0, op->value);
}

int init_set_cpu_affinity(struct init *init, const struct plan_set_cpu_affinity *op) {
  (void)init;
  return (int)sys3(__NR_sched_setaffinity, 0, op->mask.size, SYS_PTR(op->mask.data));
}

int init_set_personality(struct init *init, const struct plan_set_personality *op) {
  (void)init;
  long result = sys1(__NR_personality, op->persona);
  return result < 0 ? (int)result : 0;
}

int init_set_memory_policy(struct init *init, const struct plan_set_memory_policy *op) {
  (void)init;
  if (op->nodes.size == 0) return (int)sys3(__NR_set_mempolicy, op->mode, 0, 0);
  /* An aligned copy; and one bit more: the kernel takes its size to be that of a mask that begins with bit 1. */
  unsigned long mask[PATH_MAX / sizeof(unsigned long)] = {0};
  if (op->nodes.size > sizeof mask) return -EINVAL;
  memcpy(mask, op->nodes.data, op->nodes.size);
  return (int)sys3(__NR_set_mempolicy, op->mode, SYS_PTR(mask), op->nodes.size * 8 + 1);
}

int init_new_keyring(struct init *init, const struct plan_new_keyring *op) {
  (void)init;
  long result = sys2(__NR_keyctl, KEYCTL_JOIN_SESSION_KEYRING, SYS_PTR(op->name));
  return result < 0 && result != -ENOSYS ? (int)result : 0;
}
