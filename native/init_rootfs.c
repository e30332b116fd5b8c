/*
 * The root file system: how it gets a mount of its own, and how it becomes "/".
 *
 * Assumes: a private mount namespace. Guarantees: after pivot_root nothing of the host's tree is reachable by path or
 * by working directory, and no unmount done here travels back to the host.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "init.h"
#include "sys.h"

#define MNT_DETACH 2
#define MS_PROPAGATION (MS_SHARED | MS_SLAVE | MS_PRIVATE | MS_UNBINDABLE)

int init_set_propagation(struct init *init, const struct plan_set_propagation *op) {
  (void)init;
  return sys_mount(NULL, "/", op->flags);
}

/* pivot_root(2) wants the mount that the new root sits on to be not shared: EINVAL otherwise. */
static int make_parent_private(const char *path) {
  SCOPED_FD fd = sys_openat(AT_FDCWD, path, O_PATH, 0);
  const struct mount_attr private = {.propagation = MS_PRIVATE};
  while (fd >= 0) { /* only the root of a mount has a propagation to change, so climb to it */
    int result = sys_mount_setattr(fd, "", AT_EMPTY_PATH, &private);
    if (result != -EINVAL) return result;
    int parent = sys_openat(fd, "..", O_PATH, 0);
    sys_close(fd);
    fd = parent;
  }
  return fd;
}

int init_bind_rootfs(struct init *init, const struct plan_bind_rootfs *op) {
  int result = make_parent_private(op->path);
  if (result < 0) return result;
  SCOPED_FD tree = sys_open_tree(AT_FDCWD, op->path, OPEN_TREE_CLONE | AT_RECURSIVE);
  if (tree < 0) return tree;
  result = sys_move_mount(tree, "", AT_FDCWD, op->path, MOVE_MOUNT_F_EMPTY_PATH);
  if (result < 0) return result;
  init->root_fd = sys_release(&tree);
  return 0;
}

int init_attach_rootfs(struct init *init, const struct plan_attach_rootfs *op) {
  int result = make_parent_private(op->path);
  if (result < 0) return result;
  result = sys_move_mount((int)op->mount_fd, "", AT_FDCWD, op->path, MOVE_MOUNT_F_EMPTY_PATH);
  if (result < 0) return result;
  init->root_fd = (int)op->mount_fd;
  return 0;
}

int init_pivot_root(struct init *init) {
  SCOPED_FD old_root = sys_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0);
  if (old_root < 0) return old_root;
  long result = sys1(__NR_fchdir, init->root_fd);
  if (result == 0) result = sys2(__NR_pivot_root, SYS_PTR("."), SYS_PTR("."));
  /* The old root now lies on top of the new one. Slave first: a shared old root would unmount itself on the host. */
  if (result == 0) result = sys1(__NR_fchdir, old_root);
  if (result == 0) result = sys_mount(NULL, ".", MS_SLAVE | MS_REC);
  if (result == 0) result = sys_umount2(".", MNT_DETACH);
  if (result == 0) result = sys1(__NR_chdir, SYS_PTR("/"));
  init->pivoted = result == 0;
  return (int)result;
}

/* True for `root` and what lies below it. */
static bool is_within(const char *path, const char *root, size_t length) {
  return strncmp(path, root, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

/* Away with it, or, where that is forbidden, out of sight. */
static int hide_mount(const char *path) {
  int result = sys_mount(NULL, path, MS_SLAVE | MS_REC); /* or it would be unmounted on the host too */
  if (result == 0) result = sys_umount2(path, MNT_DETACH);
  if (result != -EINVAL && result != -EPERM) return result;
  return (int)sys5(__NR_mount, SYS_PTR("tmpfs"), SYS_PTR(path), SYS_PTR("tmpfs"), MS_RDONLY, 0);
}

/* Blanks and the like are written as \040 in proc_pid_mounts(5). */
static void unescape(char *text) {
  char *to = text;
  for (const char *at = text; *at != '\0'; to++) {
    const bool escaped = at[0] == '\\' && at[1] != '\0' && at[2] != '\0' && at[3] != '\0';
    *to = escaped ? (char)((at[1] - '0') << 6 | (at[2] - '0') << 3 | (at[3] - '0')) : at[0];
    at += escaped ? 4 : 1;
  }
  *to = '\0';
}

/* `line` is one of proc_pid_mounts(5): device, directory, type, and more. */
static int hide_kernel_mount(char *line, const char *root, size_t root_length) {
  char *rest = line;
  strsep(&rest, " ");
  char *directory = strsep(&rest, " ");
  const char *type = strsep(&rest, " ");
  if (directory == NULL || type == NULL || (strcmp(type, "proc") != 0 && strcmp(type, "sysfs") != 0)) return 0;
  unescape(directory);
  const int result = is_within(directory, root, root_length) ? 0 : hide_mount(directory);
  return result == -ENOENT ? 0 : result; /* it went with one above it */
}

/*
 * Without pivot_root(2) the host's mounts stay in the namespace. While a whole procfs or sysfs is among them the kernel
 * lets root of a user namespace made inside mount another, without the container's masks: mount_too_revealing().
 */
static int hide_kernel_mounts(const struct init *init) {
  char link[32], root[PATH_MAX], text[4 * PATH_MAX];
  snprintf(link, sizeof link, "self/fd/%d", init->root_fd);
  const long root_length = sys4(__NR_readlinkat, init->procfs_fd, SYS_PTR(link), SYS_PTR(root), sizeof root);
  if (root_length < 0) return (int)root_length;
  SCOPED_FD mounts = sys_openat(AT_FDCWD, "/proc/self/mounts", O_RDONLY, 0);
  if (mounts < 0) return mounts == -ENOENT ? 0 : mounts; /* no procfs, nothing to hide */
  for (size_t held = 0;;) {
    const ssize_t size = sys_read(mounts, text + held, sizeof text - 1 - held);
    if (size <= 0) return (int)size;
    text[held + (size_t)size] = '\0';
    char *line = text;
    for (char *end = strchr(line, '\n'); end != NULL; end = strchr(line, '\n')) {
      *end = '\0';
      const int result = hide_kernel_mount(line, root, (size_t)root_length);
      if (result < 0) return result;
      line = end + 1;
    }
    held = strlen(line);
    memmove(text, line, held);
    if (held == sizeof text - 1) return -ENAMETOOLONG;
  }
}

int init_move_root(struct init *init) {
  long result = hide_kernel_mounts(init);
  if (result == 0) result = sys1(__NR_fchdir, init->root_fd);
  if (result == 0) result = sys_mount(".", "/", MS_MOVE);
  if (result == 0) result = sys1(__NR_chroot, SYS_PTR("."));
  if (result == 0) result = sys1(__NR_chdir, SYS_PTR("/"));
  init->pivoted = result == 0;
  return (int)result;
}

int init_set_root_propagation(struct init *init, const struct plan_set_root_propagation *op) {
  const struct mount_attr attr = {.propagation = op->flags & MS_PROPAGATION};
  return sys_mount_setattr(init->root_fd, "", AT_EMPTY_PATH | (op->flags & MS_REC ? AT_RECURSIVE : 0), &attr);
}

int init_readonly_rootfs(struct init *init) {
  const struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
  return sys_mount_setattr(init->root_fd, "", AT_EMPTY_PATH, &attr);
}
