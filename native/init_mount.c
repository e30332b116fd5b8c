/*
 * Mounts at paths of the container.
 *
 * Assumes: root_fd is the container's root, still below the host's "/", and hostile. Guarantees: a mount lands on the
 * descriptor that was looked up and checked, with the new mount calls (fsopen … move_mount); no mount(2) by path, so
 * there is no moment between check and use (CVE-2021-30465). Nothing is mounted on a procfs unless the operation says
 * that this very path is harmless (CVE-2019-16884).
 */
#include <linux/magic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "copy.h"
#include "init.h"
#include "path.h"
#include "sys.h"

#define FSCONFIG_VALUE_MAX 255
#define MOUNT_DATA_MAX 4096

/* The file system's own words about what it refused: "e overlay: …" without the level. */
static void keep_fs_message(struct init *init, int fs) {
  char message[REPORT_DETAIL_MAX];
  ssize_t length = sys_read(fs, message, sizeof message - 1);
  if (length <= 2) return;
  message[length] = '\0';
  message[strcspn(message, "\n")] = '\0';
  init_set_detail(init, message + 2);
}

static int configure_fs(int fs, const char *option) {
  char key[256];
  const char *equals = strchr(option, '=');
  if (equals == NULL) return sys_fsconfig(fs, FSCONFIG_SET_FLAG, option, NULL, 0);
  size_t length = (size_t)(equals - option);
  if (length >= sizeof key) return -EINVAL;
  memcpy(key, option, length);
  key[length] = '\0';
  return sys_fsconfig(fs, FSCONFIG_SET_STRING, key, equals + 1, 0);
}

/* A detached mount of a new file system, or −errno. */
static int make_fs(struct init *init, const char *type, const char *source, const struct wire_strings *options, uint64_t attributes) {
  SCOPED_FD fs = sys_fsopen(type);
  if (fs < 0) {
    if (fs == -ENODEV) init_set_detail(init, "the kernel has no such file system");
    return fs;
  }
  int result = source[0] == '\0' ? 0 : sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0);
  const char *option = options->first;
  for (uint32_t i = 0; result == 0 && i < options->count; i++, option = wire_next(option)) {
    result = configure_fs(fs, option);
    if (result < 0) init_set_detail(init, option);
  }
  if (result == 0) result = sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
  if (result < 0) {
    keep_fs_message(init, fs);
    return result;
  }
  return sys_fsmount(fs, (unsigned)attributes);
}

static int attach(int mount, int destination) {
  return sys_move_mount(mount, "", destination, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

static int change_attributes(int mount, const struct mount_attr *attr, unsigned flags) {
  if (attr->attr_set == 0 && attr->attr_clr == 0 && attr->propagation == 0) return 0;
  return sys_mount_setattr(mount, "", AT_EMPTY_PATH | flags, attr);
}

/* Propagation flags with MS_REC, as mount(2) takes them, as mount_setattr(2) wants them. */
static int change_propagation(int mount, uint64_t flags) {
  const struct mount_attr attr = {.propagation = flags & ~(uint64_t)MS_REC};
  return change_attributes(mount, &attr, flags & MS_REC ? AT_RECURSIVE : 0);
}

int init_refuse_procfs(struct init *init, int destination) {
  struct statfs fs;
  long result = sys2(__NR_fstatfs, destination, SYS_PTR(&fs));
  if (result < 0) return (int)result;
  if (fs.f_type != PROC_SUPER_MAGIC) return 0;
  init_set_detail(init, "the destination lies in procfs");
  return -EPERM;
}

/* What lies at /proc must be a procfs: whoever trusts a fake is told that a write there did what it did not. */
static int refuse_false_procfs(struct init *init, const char *destination, int mount) {
  struct statfs fs;
  if (strcmp(destination, "/proc") != 0) return 0;
  long result = sys2(__NR_fstatfs, mount, SYS_PTR(&fs));
  if (result < 0) return (int)result;
  if (fs.f_type == PROC_SUPER_MAGIC) return 0;
  init_set_detail(init, "what is mounted at /proc must be a procfs");
  return -EPERM;
}

/* A tmpfs that does not say its mode takes that of the directory it covers, so that /tmp stays usable by everybody. */
static bool says_mode(const struct wire_strings *options) {
  const char *option = options->first;
  for (uint32_t i = 0; i < options->count; i++, option = wire_next(option))
    if (strncmp(option, "mode=", 5) == 0) return true;
  return false;
}

static int inherit_mode(int mount, int destination) {
  struct stat covered;
  if (fstat(destination, &covered) < 0) return -errno;
  long result = sys4(__NR_fchmodat, mount, SYS_PTR("."), covered.st_mode & 07777, 0);
  return (int)result;
}

/* fsconfig(2) takes values of up to 255 bytes; an overlay of some layers has longer ones. */
static bool has_long_option(const struct wire_strings *options) {
  const char *option = options->first;
  for (uint32_t i = 0; i < options->count; i++, option = wire_next(option))
    if (strlen(option) > FSCONFIG_VALUE_MAX) return true;
  return false;
}

/* The attributes of a new mount as flags of mount(2). */
static unsigned long mount_flags(uint64_t attributes) {
  static const struct {
    uint64_t attribute;
    unsigned long flag;
  } flags[] = {
      {MOUNT_ATTR_RDONLY, MS_RDONLY},           {MOUNT_ATTR_NOSUID, MS_NOSUID},
      {MOUNT_ATTR_NODEV, MS_NODEV},             {MOUNT_ATTR_NOEXEC, MS_NOEXEC},
      {MOUNT_ATTR_NOATIME, MS_NOATIME},         {MOUNT_ATTR_STRICTATIME, MS_STRICTATIME},
      {MOUNT_ATTR_NODIRATIME, MS_NODIRATIME},   {MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW},
  };
  unsigned long result = 0;
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
    if (attributes & flags[i].attribute) result |= flags[i].flag;
  return result;
}

/*
 * mount(2) on a descriptor, with all options in one page. It says the attributes too: what lies at the destination when
 * that is looked up once more may be another mount.
 */
static int mount_with_long_options(struct init *init, const struct plan_mount_at *op) {
  char data[MOUNT_DATA_MAX] = "", target[32];
  size_t length = 0;
  const char *option = op->options.first;
  for (uint32_t i = 0; i < op->options.count; i++, option = wire_next(option)) {
    int written = snprintf(data + length, sizeof data - length, "%s%s", length == 0 ? "" : ",", option);
    if (written < 0 || (size_t)written >= sizeof data - length) return -E2BIG;
    length += (size_t)written;
  }
  if (strcmp(op->destination, "/proc") == 0) return -EPERM; /* a procfs has no such options */
  SCOPED_FD destination = path_make_directory(init->root_fd, op->destination);
  if (destination < 0) return destination;
  int result = init_refuse_procfs(init, destination);
  if (result < 0) return result;
  snprintf(target, sizeof target, "/proc/self/fd/%d", destination);
  result = (int)sys5(__NR_mount, SYS_PTR(op->source), SYS_PTR(target), SYS_PTR(op->type), mount_flags(op->attributes),
                     SYS_PTR(data));
  if (result < 0 || op->propagation == 0) return result;
  SCOPED_FD mounted = path_open(init->root_fd, op->destination, true);
  return mounted < 0 ? mounted : change_propagation(mounted, op->propagation);
}

int init_mount_at(struct init *init, const struct plan_mount_at *op) {
  if (has_long_option(&op->options)) return mount_with_long_options(init, op);
  SCOPED_FD mount = make_fs(init, op->type, op->source, &op->options, op->attributes);
  if (mount < 0) return mount;
  bool existed = true;
  SCOPED_FD destination = path_open(init->root_fd, op->destination, op->symlinks == PLAN_SYMLINKS_FOLLOW);
  if (destination == -ENOENT) {
    existed = false;
    destination = path_make_directory(init->root_fd, op->destination);
  }
  if (destination < 0) return destination;
  int result = init_refuse_procfs(init, destination);
  if (result == 0) result = refuse_false_procfs(init, op->destination, mount);
  if (result == 0 && existed && op->copy_up) result = copy_tree(destination, mount);
  if (result == 0 && existed && strcmp(op->type, "tmpfs") == 0 && !says_mode(&op->options))
    result = inherit_mode(mount, destination);
  if (result == 0) result = attach(mount, destination);
  if (result == 0) result = change_propagation(mount, op->propagation);
  return result;
}

int init_bind_at(struct init *init, const struct plan_bind_at *op) {
  SCOPED_FD tree = op->tree_fd >= 0 ? op->tree_fd
                                    : sys_open_tree(AT_FDCWD, op->source, OPEN_TREE_CLONE | (op->recursive ? AT_RECURSIVE : 0));
  if (tree < 0) {
    init_set_detail(init, op->source);
    return tree;
  }
  struct stat source;
  if (fstat(tree, &source) < 0) return -errno;

  const struct mount_attr recursive = {.attr_set = op->set_recursive_attributes, .attr_clr = op->clear_recursive_attributes};
  int result = change_attributes(tree, &recursive, AT_RECURSIVE);
  const struct mount_attr top = {.attr_set = op->set_attributes, .attr_clr = op->clear_attributes};
  if (result == 0) result = change_attributes(tree, &top, 0);
  if (result == 0) result = change_propagation(tree, op->propagation);
  if (result < 0) return result;

  SCOPED_FD destination = path_open(init->root_fd, op->destination, op->symlinks == PLAN_SYMLINKS_FOLLOW);
  if (destination == -ENOENT)
    destination = S_ISDIR(source.st_mode) ? path_make_directory(init->root_fd, op->destination)
                                          : path_make_file(init->root_fd, op->destination);
  if (destination < 0) return destination;
  if (op->inside_proc == PLAN_INSIDE_PROC_REFUSE && (result = init_refuse_procfs(init, destination)) < 0) return result;
  if ((result = refuse_false_procfs(init, op->destination, tree)) < 0) return result;
  return attach(tree, destination);
}

/* As mount(2) with MS_REMOUNT and without MS_BIND: what the options do not say goes back to what it is by default. */
static int reconfigure_fs(struct init *init, int mounted, const struct plan_remount_at *op) {
  SCOPED_FD fs = sys_fspick(mounted);
  if (fs < 0) return fs;
  const char *option = op->options.first;
  int result = 0;
  for (uint32_t i = 0; result == 0 && i < op->options.count; i++, option = wire_next(option)) {
    result = configure_fs(fs, option);
    if (result < 0) init_set_detail(init, option);
  }
  if (result == 0) result = sys_fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0);
  if (result < 0) keep_fs_message(init, fs);
  return result;
}

int init_remount_at(struct init *init, const struct plan_remount_at *op) {
  SCOPED_FD mounted = path_open(init->root_fd, op->destination, true);
  if (mounted < 0) return mounted;
  /* First of all, since it tells whether something is mounted just here: EINVAL where it is not. */
  const struct mount_attr top = {.attr_set = op->set_attributes, .attr_clr = op->clear_attributes};
  int result = change_attributes(mounted, &top, 0);
  if (result == -EINVAL) init_set_detail(init, "nothing is mounted there");
  if (result == 0 && op->file_system) result = reconfigure_fs(init, mounted, op);
  const struct mount_attr recursive = {.attr_set = op->set_recursive_attributes, .attr_clr = op->clear_recursive_attributes};
  if (result == 0) result = change_attributes(mounted, &recursive, AT_RECURSIVE);
  if (result == 0) result = change_propagation(mounted, op->propagation);
  return result;
}

/* The host's /dev/null, proven to be it: a container's may be anything (CVE-2025-31133). */
static int open_null_device(void) {
  SCOPED_FD fd = sys_openat(AT_FDCWD, "/dev/null", O_PATH | O_NOFOLLOW, 0);
  if (fd < 0) return fd;
  struct stat info;
  if (fstat(fd, &info) < 0) return -errno;
  if (!S_ISCHR(info.st_mode) || info.st_rdev != makedev(1, 3)) return -ENODEV;
  return sys_release(&fd);
}

static int mask_directory(struct init *init, int target) {
  if (init->empty_fd >= 0) {
    SCOPED_FD clone = sys_open_tree(init->empty_fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE);
    return clone < 0 ? clone : attach(clone, target);
  }
  const struct wire_strings options = {.count = 2, .first = "nr_blocks=1\0nr_inodes=1"};
  int mount = make_fs(init, "tmpfs", "tmpfs", &options, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  if (mount < 0) return mount;
  init->empty_fd = mount; /* an attached mount can be cloned; a detached one cannot before Linux 6.15 */
  return attach(mount, target);
}

int init_mask_path(struct init *init, const struct plan_mask_path *op) {
  SCOPED_FD target = path_open(init->root_fd, op->path, true);
  if (target == -ENOENT && op->on_missing == PLAN_ON_MISSING_SKIP) return 0;
  if (target < 0) return target;
  struct stat info;
  if (fstat(target, &info) < 0) return -errno;
  if (S_ISDIR(info.st_mode)) return mask_directory(init, target);
  SCOPED_FD null = open_null_device();
  if (null < 0) return null;
  SCOPED_FD tree = sys_open_tree(null, "", AT_EMPTY_PATH | OPEN_TREE_CLONE);
  return tree < 0 ? tree : attach(tree, target);
}

int init_readonly_path(struct init *init, const struct plan_readonly_path *op) {
  SCOPED_FD target = path_open(init->root_fd, op->path, true);
  if (target == -ENOENT && op->on_missing == PLAN_ON_MISSING_SKIP) return 0;
  if (target < 0) return target;
  SCOPED_FD tree = sys_open_tree(target, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | AT_RECURSIVE);
  if (tree < 0) return tree;
  const struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
  int result = change_attributes(tree, &attr, AT_RECURSIVE);
  return result < 0 ? result : attach(tree, target);
}
