/*
 * Device nodes, the links of /dev, and the console.
 *
 * Assumes: umask 0. Guarantees: a device is made in a directory held by descriptor and given to its owner by
 * descriptor; a node that is bound is the device that was asked for; the console is the very terminal that was opened,
 * not what /dev/pts/N names later (CVE-2025-52565).
 */
#include <linux/magic.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "init.h"
#include "path.h"
#include "sys.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

int init_make_device(struct init *init, const struct plan_make_device *op) {
  const char *name;
  SCOPED_FD directory = path_make_parent(init->root_fd, op->path, &name);
  if (directory < 0) return directory;
  unsigned long device = makedev(op->major, op->minor);
  long result = sys4(__NR_mknodat, directory, SYS_PTR(name), op->mode, device);
  if (result < 0 && result != -EEXIST) return (int)result;
  SCOPED_FD node = sys_openat(directory, name, O_PATH | O_NOFOLLOW, 0);
  if (node < 0) return node;
  struct stat info;
  if (fstat(node, &info) < 0) return -errno;
  if ((info.st_mode & S_IFMT) != (op->mode & S_IFMT) || (!S_ISFIFO(op->mode) && info.st_rdev != device)) return -EEXIST;
  if (info.st_uid == op->uid && info.st_gid == op->gid) return 0;
  return (int)sys5(__NR_fchownat, node, SYS_PTR(""), op->uid, op->gid, AT_EMPTY_PATH);
}

static int attach_node(struct init *init, int node, const char *path) {
  SCOPED_FD tree = sys_open_tree(node, "", AT_EMPTY_PATH | OPEN_TREE_CLONE);
  if (tree < 0) return tree;
  SCOPED_FD target = path_make_file(init->root_fd, path);
  if (target < 0) return target;
  /* A link in the image may lead to a file of procfs, which must stay what it is (CVE-2025-52565). */
  int result = init_refuse_procfs(init, target);
  if (result < 0) return result;
  return sys_move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

int init_bind_device(struct init *init, const struct plan_bind_device *op) {
  SCOPED_FD node = sys_openat(AT_FDCWD, op->source, O_PATH, 0);
  if (node < 0) return node;
  struct stat info;
  if (fstat(node, &info) < 0) return -errno;
  if ((info.st_mode & S_IFMT) != op->type || info.st_rdev != makedev(op->major, op->minor)) {
    init_set_detail(init, op->source);
    return -ENODEV;
  }
  return attach_node(init, node, op->path);
}

int init_make_symlink(struct init *init, const struct plan_make_symlink *op) {
  const char *name;
  SCOPED_FD directory = path_make_parent(init->root_fd, op->path, &name);
  if (directory < 0) return directory;
  long result = sys3(__NR_symlinkat, SYS_PTR(op->target), directory, SYS_PTR(name));
  return result == -EEXIST ? 0 : (int)result;
}

/* The master of a new terminal in the container's own devpts, proven to be one. */
static int open_master(int root) {
  SCOPED_FD master = path_open_file(root, "/dev/pts/ptmx", O_RDWR | O_NOCTTY);
  if (master < 0) return master;
  struct statfs fs;
  struct stat info;
  if (fstatfs(master, &fs) < 0 || fstat(master, &info) < 0) return -errno;
  if (fs.f_type != DEVPTS_SUPER_MAGIC || info.st_rdev != makedev(5, 2)) return -ENODEV;
  int unlocked = 0;
  long result = sys3(__NR_ioctl, master, TIOCSPTLCK, SYS_PTR(&unlocked));
  return result < 0 ? (int)result : sys_release(&master);
}

int init_open_console(struct init *init, const struct plan_open_console *op) {
  SCOPED_FD master = open_master(init->root_fd);
  if (master < 0) return master;
  SCOPED_FD slave = (int)sys3(__NR_ioctl, master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (slave < 0) return slave;
  if (op->width != 0 && op->height != 0) {
    const struct winsize size = {.ws_col = (unsigned short)op->width, .ws_row = (unsigned short)op->height};
    long result = sys3(__NR_ioctl, slave, TIOCSWINSZ, SYS_PTR(&size));
    if (result < 0) return (int)result;
  }
  int number = 0;
  char name[32];
  long result = sys3(__NR_ioctl, master, TIOCGPTN, SYS_PTR(&number));
  if (result < 0) return (int)result;
  const struct wire_bytes payload = {(const uint8_t *)name, (uint32_t)snprintf(name, sizeof name, "/dev/pts/%d", number)};
  result = socket_send((int)op->socket_fd, &payload, 1, master);
  /* /dev/console only where the root is being built: a process that joins a container finds it made. */
  if (result == 0 && !init->pivoted) result = attach_node(init, slave, "/dev/console");
  if (result == 0) result = sys3(__NR_ioctl, slave, TIOCSCTTY, 0);
  for (int fd = 0; result >= 0 && fd <= 2; fd++) result = sys3(__NR_dup3, slave, fd, 0);
  return result < 0 ? (int)result : 0;
}
