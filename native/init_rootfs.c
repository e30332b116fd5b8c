/*
 * The root file system: how it gets a mount of its own, and how it becomes "/".
 *
 * Assumes: a private mount namespace. Guarantees: after pivot_root nothing of the host's tree is reachable by path or
 * by working directory, and no unmount done here travels back to the host.
 */
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

int init_move_root(struct init *init) {
  long result = sys1(__NR_fchdir, init->root_fd);
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
