/*
 * The cgroup of a container: the operations of a host stage before the clone, and the same for a cgroup that exists.
 *
 * Assumes: the caller may write to the hierarchy. Guarantees: everything but the way there goes by the descriptor of one
 * cgroup; no symbolic link is followed.
 */
#include "libutsuwa_cgroup.h"

#include <limits.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <sys/file.h>

#include "sys.h"
#include "text.h"

static void set_detail(struct cgroup *cgroup, const char *where, const char *what) {
  snprintf(cgroup->result->detail, UTSUWA_DETAIL_MAX, "%.63s%s%.180s", what, what[0] ? " " : "", where);
}

static bool has_word(const char *list, const char *word) {
  size_t length = strlen(word);
  for (const char *at = list; (at = strstr(at, word)) != NULL; at += length)
    if ((at == list || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\n' || at[length] == '\0')) return true;
  return false;
}

/* Makes the controllers available to the children of `dir`. Writing one that is enabled would only wait for a lock. */
static int enable_controllers(struct cgroup *cgroup, int dir, const char *path, const struct wire_strings *controllers) {
  char enabled[512], change[64];
  if (controllers->count == 0) return 0;
  SCOPED_FD current = sys_openat(dir, "cgroup.subtree_control", O_RDONLY, 0);
  if (current < 0) return current;
  ssize_t size = sys_read(current, enabled, sizeof enabled - 1);
  if (size < 0) return (int)size;
  enabled[size] = '\0';
  SCOPED_FD fd = -1; /* for writing only if need be: the cgroups above one that was delegated belong to root */
  const char *controller = controllers->first;
  for (uint32_t i = 0; i < controllers->count; i++, controller = wire_next(controller)) {
    if (has_word(enabled, controller)) continue;
    int length = snprintf(change, sizeof change, "+%s", controller);
    if (length < 0 || (size_t)length >= sizeof change) return -EINVAL;
    if (fd < 0) fd = sys_openat(dir, "cgroup.subtree_control", O_WRONLY, 0);
    ssize_t written = fd < 0 ? fd : sys_write(fd, change, (size_t)length);
    if (written < 0) {
      set_detail(cgroup, path, controller);
      return (int)written;
    }
  }
  return 0;
}

static int refuse_populated(struct cgroup *cgroup, int directory, const char *path) {
  char pid[2];
  SCOPED_FD procs = sys_openat(directory, "cgroup.procs", O_RDONLY, 0);
  if (procs < 0) return procs;
  ssize_t size = sys_read(procs, pid, sizeof pid);
  if (size <= 0) return (int)size;
  set_detail(cgroup, path, "");
  return -EBUSY;
}

/*
 * Of several callers that create containers in one cgroup at once, only the first finds nobody in it: the lock holds
 * until its descriptor is closed, when the clone is in the cgroup, or the caller gone.
 */
static int take_alone(struct cgroup *cgroup, int directory, const char *path) {
  long result;
  do result = sys2(__NR_flock, directory, LOCK_EX);
  while (result == -EINTR);
  return result < 0 ? (int)result : refuse_populated(cgroup, directory, path);
}

static int create_cgroup(struct cgroup *cgroup, const struct plan_create_cgroup *op) {
  char path[PATH_MAX];
  if (text_copy(path, sizeof path, op->path) < 0) return -ENAMETOOLONG;
  SCOPED_FD dir = sys_openat(AT_FDCWD, op->mount, O_RDONLY | O_DIRECTORY, 0);
  if (dir < 0) return dir;
  char *at = path;
  for (;;) {
    at += strspn(at, "/");
    if (*at == '\0') break;
    char *name = at, *end = at + strcspn(at, "/");
    bool last = end[strspn(end, "/")] == '\0';
    if (name != path) name[-1] = '\0'; /* `path` is now that of `dir` */
    int result = enable_controllers(cgroup, dir, path, &op->controllers);
    if (result < 0) return result;
    if (name != path) name[-1] = '/';
    char saved = *end;
    *end = '\0';
    long made = sys3(__NR_mkdirat, dir, SYS_PTR(name), 0755);
    if (made < 0 && made != -EEXIST) {
      set_detail(cgroup, path, "");
      return (int)made;
    }
    int next = sys_openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (next < 0) return next;
    sys_close(dir);
    dir = next;
    if (last && op->processes == PLAN_PROCESSES_REFUSE && (result = take_alone(cgroup, dir, path)) < 0) return result;
    if (last && made == 0) cgroup->result->cgroup_created = 1;
    *end = saved;
    at = end;
  }
  cgroup->fd = sys_release(&dir);
  return 0;
}

static int open_cgroup(struct cgroup *cgroup, const struct plan_open_cgroup *op) {
  cgroup->fd = sys_openat(AT_FDCWD, op->path, O_RDONLY | O_DIRECTORY, 0);
  return cgroup->fd < 0 ? cgroup->fd : 0;
}

static int write_cgroup(struct cgroup *cgroup, const struct plan_write_cgroup *op) {
  int result = sys_write_file(cgroup->fd, op->file, op->value);
  if (result == -ENOENT && op->on_missing == PLAN_ON_MISSING_SKIP) return 0;
  return result;
}

/* config-linux.md, "Cgroup ownership": the directory, and what /sys/kernel/cgroup/delegate lists. */
static int own_cgroup(struct cgroup *cgroup, const struct plan_own_cgroup *op) {
  long result = sys3(__NR_fchown, cgroup->fd, op->uid, -1);
  if (result < 0) return (int)result;
  char list[1024] = "cgroup.procs\ncgroup.subtree_control\ncgroup.threads\n"; /* before Linux 4.15 */
  SCOPED_FD fd = sys_openat(AT_FDCWD, "/sys/kernel/cgroup/delegate", O_RDONLY, 0);
  ssize_t size = fd == -ENOENT ? (ssize_t)strlen(list) : fd < 0 ? fd : sys_read(fd, list, sizeof list - 1);
  if (size < 0) return (int)size;
  list[size] = '\0';
  for (char *name = list; *name != '\0';) {
    size_t length = strcspn(name, "\n");
    char *next = name + length + (name[length] == '\n');
    name[length] = '\0';
    result = sys5(__NR_fchownat, cgroup->fd, SYS_PTR(name), op->uid, -1, AT_SYMLINK_NOFOLLOW);
    if (result < 0 && result != -ENOENT) return (int)result; /* listed, but its controller is not enabled */
    name = next;
  }
  return 0;
}

/* The verifier gives up with EAGAIN when a signal waits for the thread, as those of a profiler do all the time. */
static int load_program(union bpf_attr *load) {
  int program;
  do program = (int)sys3(__NR_bpf, BPF_PROG_LOAD, SYS_PTR(load), sizeof *load);
  while (program == -EAGAIN);
  return program;
}

static int attach_device_program(struct cgroup *cgroup, const struct plan_attach_device_program *op) {
  union bpf_attr load;
  memset(&load, 0, sizeof load);
  load.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  load.insns = (uint64_t)(uintptr_t)op->program.data;
  load.insn_cnt = op->program.size / sizeof(struct bpf_insn);
  load.license = (uint64_t)(uintptr_t) "Apache-2.0";
  SCOPED_FD program = load_program(&load);
  if (program < 0) return program;
  union bpf_attr attach;
  memset(&attach, 0, sizeof attach);
  attach.target_fd = (uint32_t)cgroup->fd;
  attach.attach_bpf_fd = (uint32_t)program;
  attach.attach_type = BPF_CGROUP_DEVICE;
  attach.attach_flags = BPF_F_ALLOW_MULTI;
  return (int)sys3(__NR_bpf, BPF_PROG_ATTACH, SYS_PTR(&attach), sizeof attach);
}

int cgroup_perform(struct cgroup *cgroup, const struct plan_record *record) {
  switch (record->op) {
  case PLAN_CREATE_CGROUP: return create_cgroup(cgroup, &record->create_cgroup);
  case PLAN_OPEN_CGROUP: return open_cgroup(cgroup, &record->open_cgroup);
  case PLAN_WRITE_CGROUP: return write_cgroup(cgroup, &record->write_cgroup);
  case PLAN_OWN_CGROUP: return own_cgroup(cgroup, &record->own_cgroup);
  case PLAN_ATTACH_DEVICE_PROGRAM: return attach_device_program(cgroup, &record->attach_device_program);
  default: return -EINVAL;
  }
}

int64_t utsuwa_set_up_cgroup(const uint8_t *operations, uint64_t size, struct utsuwa_launch_result *result) {
  memset(result, 0, sizeof *result);
  struct cgroup cgroup = {.result = result, .fd = -1};
  struct plan_record record;
  const uint8_t *at = operations, *end = operations + size;
  int error = 0;
  for (uint32_t index = 0; error == 0 && at < end; index++) {
    result->failed_index = index;
    error = plan_decode(&at, end, &record);
    if (error == 0) error = cgroup_perform(&cgroup, &record);
  }
  if (cgroup.fd >= 0) sys_close(cgroup.fd);
  return error;
}
