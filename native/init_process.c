/*
 * Who the container's process is, what it may do, and the exec that makes it the user's.
 *
 * Assumes: the order of src/plan/compile.ts, which init_check.c has verified: bounding set, then user, then
 * capabilities, then no_new_privs, then seccomp; a seccomp filter without no_new_privs comes before the capabilities,
 * since loading it takes CAP_SYS_ADMIN. Guarantees: no capability is inherited but what the plan lists
 * (CVE-2022-29162), the working directory is inside the root (CVE-2024-21626), no descriptor passes exec unlisted.
 */
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "init.h"
#include "path.h"
#include "sys.h"
#include "text.h"

int init_set_parent_death_signal(struct init *init, const struct plan_set_parent_death_signal *op) {
  (void)init;
  return (int)sys2(__NR_prctl, PR_SET_PDEATHSIG, op->signal);
}

int init_new_session(struct init *init) {
  (void)init;
  long result = sys0(__NR_setsid);
  return result < 0 ? (int)result : 0;
}

int init_change_directory(struct init *init, const struct plan_change_directory *op) {
  char resolved[PATH_MAX];
  SCOPED_FD directory = path_make_directory(init->root_fd, op->path);
  if (directory < 0) return directory;
  long result = sys1(__NR_fchdir, directory);
  if (result < 0) return (int)result;
  /* A directory that is not below the root has no name: the kernel says "(unreachable)…". */
  result = sys2(__NR_getcwd, SYS_PTR(resolved), sizeof resolved);
  if (result < 0) return (int)result;
  if (resolved[0] == '/') return 0;
  init_set_detail(init, "the directory lies outside of the container");
  return -ENOENT;
}

int init_check_executable(const char *path) {
  struct stat info;
  if (stat(path, &info) < 0) return -errno;
  if (S_ISDIR(info.st_mode)) return -EISDIR;
  if (!S_ISREG(info.st_mode)) return -EACCES;
  long result = sys4(__NR_faccessat2, AT_FDCWD, SYS_PTR(path), 1 /* X_OK */, AT_EACCESS);
  return (int)result;
}

int init_find_executable(struct init *init, const struct plan_find_executable *op) {
  if (strchr(op->file, '/') != NULL) {
    int result = text_copy(init->executable, sizeof init->executable, op->file);
    return result < 0 ? result : init_check_executable(op->file);
  }
  int failure = -ENOENT;
  for (const char *at = op->search_path;; at++) {
    size_t length = strcspn(at, ":");
    /* An empty element means the working directory, as execvp(3) has it. */
    int written = snprintf(init->executable, sizeof init->executable, "%.*s%s%s", (int)length, at, length == 0 ? "./" : "/", op->file);
    if (written > 0 && (size_t)written < sizeof init->executable) {
      int result = init_check_executable(init->executable);
      if (result == 0) return 0;
      if (result == -EACCES) failure = result;
    }
    at += length;
    if (*at == '\0') break;
  }
  init_set_detail(init, op->search_path);
  return failure;
}

/* The user must be able to reopen its own stdio through /proc/self/fd, as `> /dev/stderr` does. */
static int own_stdio(uint32_t uid) {
  for (int fd = 0; fd <= 2; fd++) {
    struct stat info;
    if (fstat(fd, &info) < 0) {
      if (errno == EBADF) continue;
      return -errno;
    }
    if (info.st_uid == uid || (S_ISCHR(info.st_mode) && info.st_rdev == makedev(1, 3))) continue;
    long result = sys3(__NR_fchown, fd, uid, -1);
    /* Read-only file systems, ids without a mapping and pipes of others: the user then lives without reopening. */
    if (result < 0 && result != -EROFS && result != -EINVAL && result != -EPERM) return (int)result;
  }
  return 0;
}

static int raise_permitted(void) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2];
  long result = sys2(__NR_capget, SYS_PTR(&header), SYS_PTR(data));
  if (result < 0) return (int)result;
  for (int i = 0; i < 2; i++) data[i].effective = data[i].permitted;
  return (int)sys2(__NR_capset, SYS_PTR(&header), SYS_PTR(data));
}

int init_set_user(struct init *init, const struct plan_set_user *op) {
  (void)init;
  int result = own_stdio(op->uid);
  if (result < 0) return result;
  result = (int)sys2(__NR_prctl, PR_SET_KEEPCAPS, 1);
  if (result < 0) return result;
  /* setgroups(2) is denied in a user namespace whose gid map an unprivileged process wrote; it has none to drop. */
  result = (int)sys2(__NR_setgroups, op->groups.size / sizeof(gid_t), SYS_PTR(op->groups.data));
  if (result < 0 && !(result == -EPERM && op->groups.size == 0)) return result;
  result = (int)sys3(__NR_setresgid, op->gid, op->gid, op->gid);
  if (result < 0) return result;
  result = (int)sys3(__NR_setresuid, op->uid, op->uid, op->uid);
  if (result < 0) return result;
  sys1(__NR_umask, op->umask);
  return raise_permitted(); /* leaving uid 0 cleared the effective set; what follows still needs it */
}

int init_set_bounding_capabilities(struct init *init, const struct plan_set_bounding_capabilities *op) {
  (void)init;
  for (int capability = 0; capability < 64; capability++) {
    if (op->bounding >> capability & 1) continue;
    long present = sys2(__NR_prctl, PR_CAPBSET_READ, capability);
    if (present == -EINVAL) return 0; /* beyond the last that this kernel knows */
    if (present == 0) continue;
    long result = sys2(__NR_prctl, PR_CAPBSET_DROP, capability);
    if (result < 0) return (int)result;
  }
  return 0;
}

int init_set_capabilities(struct init *init, const struct plan_set_capabilities *op) {
  (void)init;
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct held[2], data[2];
  long result = sys2(__NR_capget, SYS_PTR(&header), SYS_PTR(held));
  if (result < 0) return (int)result;
  /* What a restricted caller does not hold cannot be granted and is left out (config.md, "Linux Process"). */
  for (int i = 0; i < 2; i++) {
    data[i].permitted = (uint32_t)(op->permitted >> (32 * i)) & held[i].permitted;
    data[i].effective = (uint32_t)(op->effective >> (32 * i)) & held[i].permitted;
    data[i].inheritable = (uint32_t)(op->inheritable >> (32 * i)) & (held[i].permitted | held[i].inheritable);
  }
  result = sys2(__NR_capset, SYS_PTR(&header), SYS_PTR(data));
  if (result == 0) result = sys5(__NR_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  for (int capability = 0; result == 0 && capability < 64; capability++)
    if (op->ambient >> capability & data[capability / 32].permitted >> capability % 32 & 1)
      result = sys5(__NR_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0);
  if (result == 0) result = sys2(__NR_prctl, PR_SET_KEEPCAPS, 0);
  return (int)result;
}

int init_set_no_new_privs(struct init *init) {
  (void)init;
  return (int)sys5(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* What init opens itself it opens to end with the exec; what it inherited must be told. */
static int end_descriptors_with_exec(const struct init *init) { return sys_close_on_exec_from(3 + init->preserve_fds); }

int init_load_seccomp(struct init *init, const struct plan_load_seccomp *op) {
  if (op->program.size % sizeof(struct sock_filter) != 0) return -EINVAL;
  int ended = end_descriptors_with_exec(init); /* the filter may refuse close_range(2) */
  if (ended < 0) return ended;
  const struct sock_fprog program = {
      .len = (unsigned short)(op->program.size / sizeof(struct sock_filter)),
      .filter = (struct sock_filter *)(uintptr_t)op->program.data,
  };
  long result = sys3(__NR_seccomp, SECCOMP_SET_MODE_FILTER, op->flags, SYS_PTR(&program));
  init->filtered = result >= 0;
  if (result < 0 || !(op->flags & SECCOMP_FILTER_FLAG_NEW_LISTENER)) return result < 0 ? (int)result : 0;
  /* Before the exec, which the filter may already notify about. */
  SCOPED_FD listener = (int)result;
  return report_send(init->report_fd, PLAN_REPORT_SECCOMP_LISTENER, init->index, 0, "", listener);
}

static char **vector_of(const struct wire_strings *strings) {
  char **vector = calloc((size_t)strings->count + 1, sizeof *vector);
  const char *string = strings->first;
  for (uint32_t i = 0; vector != NULL && i < strings->count; i++, string = wire_next(string))
    vector[i] = (char *)(uintptr_t)string;
  return vector;
}

int init_exec(struct init *init, const struct plan_exec *op) {
  char **args = vector_of(&op->args);
  char **env = vector_of(&op->env);
  if (args == NULL || env == NULL) return -ENOMEM;
  int result = init->filtered ? 0 : end_descriptors_with_exec(init);
  if (result < 0) return result;
  const uint64_t none = 0;
  result = (int)sys4(__NR_rt_sigprocmask, SIG_SETMASK, SYS_PTR(&none), 0, sizeof none);
  if (result < 0) return result;
  init_set_detail(init, init->executable);
  result = (int)sys3(__NR_execve, SYS_PTR(init->executable), SYS_PTR(args), SYS_PTR(env));
  init->exec_failed = true;
  return result;
}
