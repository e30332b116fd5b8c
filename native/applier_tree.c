/*
 * Making the entries of a layer.
 *
 * Assumes: nobody else writes to the layer; paths may lead through symbolic links that the layer itself brought.
 * Guarantees: every lookup of a parent is openat2(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV); the last
 * component is never followed, so an entry replaces a planted link instead of writing through it (CVE-2021-32760).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "applier_tree.h"
#include "sys.h"

#define OPAQUE "trusted.overlay.opaque"
#define INSIDE (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV)

static int result(long returned) { return returned < 0 ? -errno : (int)returned; }

void tree_open(struct tree *tree, int root) { *tree = (struct tree){.root = root, .parent = -1}; }

static void forget_parent(struct tree *tree) {
  if (tree->parent >= 0) close(tree->parent);
  tree->parent = -1;
  tree->parent_valid = false;
}

void tree_close(struct tree *tree) { forget_parent(tree); }

static int copy_path(struct wire_bytes path, char out[APPLIER_PATH_MAX]) {
  if (path.size >= APPLIER_PATH_MAX) return -ENAMETOOLONG;
  if (memchr(path.data, 0, path.size) != NULL) return -EINVAL;
  memcpy(out, path.data, path.size);
  out[path.size] = 0;
  return 0;
}

/* Makes the missing directories of `path`, from the top. Only a plain name is ever given to mkdirat. */
static int make_directories(struct tree *tree, char *path) {
  for (char *end = path;;) {
    end = strchr(end, '/');
    if (end != NULL) *end = 0;
    int fd = sys_openat2(tree->root, path, O_PATH | O_DIRECTORY, 0, INSIDE);
    if (fd == -ENOENT) {
      char *slash = strrchr(path, '/');
      SCOPED_FD above = -1;
      if (slash != NULL) {
        *slash = 0;
        above = sys_openat2(tree->root, path, O_PATH | O_DIRECTORY, 0, INSIDE);
        *slash = '/';
        if (above < 0) return above;
      }
      const char *name = slash == NULL ? path : slash + 1;
      /* EEXIST: a dangling link. Nothing is made at its target, as GNU tar and the engines do not either. */
      if (mkdirat(slash == NULL ? tree->root : above, name, 0755) < 0) return -errno;
    } else if (fd < 0) {
      return fd;
    } else {
      close(fd);
    }
    if (end == NULL) return 0;
    *end++ = '/';
  }
}

/* Opens the parent directory of `path` as tree->parent, made when missing; *name is the last component, in `buffer`. */
static int enter_parent(struct tree *tree, struct wire_bytes path, char buffer[APPLIER_PATH_MAX], const char **name) {
  tree->step = APPLIER_STEP_PARENT;
  int error = copy_path(path, buffer);
  if (error < 0) return error;
  char *slash = strrchr(buffer, '/');
  *name = slash == NULL ? buffer : slash + 1;
  if (**name == 0 || strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0) return -EINVAL;
  if (slash != NULL) *slash = 0;
  char *parent_path = slash == NULL ? "" : buffer;
  if (tree->parent_valid && strcmp(parent_path, tree->parent_path) == 0) return 0;

  forget_parent(tree);
  const char *lookup = *parent_path == 0 ? "." : parent_path;
  int fd = sys_openat2(tree->root, lookup, O_RDONLY | O_DIRECTORY, 0, INSIDE);
  if (fd == -ENOENT) {
    error = make_directories(tree, parent_path);
    if (error < 0) return error;
    fd = sys_openat2(tree->root, lookup, O_RDONLY | O_DIRECTORY, 0, INSIDE);
  }
  if (fd < 0) return fd;
  tree->parent = fd;
  memcpy(tree->parent_path, parent_path, strlen(parent_path) + 1); /* both are APPLIER_PATH_MAX long */
  tree->parent_valid = true;
  return 0;
}

static int remove_tree(int parent, const char *name, int depth);

static int remove_children(int directory, int depth) {
  int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *entries = fd < 0 ? NULL : fdopendir(fd);
  if (entries == NULL) return -errno;
  int error = 0;
  for (struct dirent *entry; error == 0 && (errno = 0, entry = readdir(entries)) != NULL;)
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
      error = remove_tree(directory, entry->d_name, depth);
  closedir(entries);
  return error;
}

static int remove_tree(int parent, const char *name, int depth) {
  if (unlinkat(parent, name, 0) == 0) return 0;
  if (errno != EISDIR) return -errno;
  if (depth == 0) return -ELOOP;
  SCOPED_FD directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (directory < 0) return -errno;
  int error = remove_children(directory, depth - 1);
  return error < 0 ? error : result(unlinkat(parent, name, AT_REMOVEDIR));
}

static bool is_whiteout(const struct stat *st) { return S_ISCHR(st->st_mode) && st->st_rdev == 0; }

/* Takes away what an earlier entry of the same layer left at `name`. */
static int clear_place(struct tree *tree, const char *name) {
  tree->step = APPLIER_STEP_REMOVE;
  int error = remove_tree(tree->parent, name, APPLIER_REMOVE_DEPTH);
  tree->step = APPLIER_STEP_CREATE;
  return error;
}

int tree_directory(struct tree *tree, struct wire_bytes path, struct ownership owner) {
  char buffer[APPLIER_PATH_MAX];
  const char *name = ".";
  bool was_whiteout = false;
  if (path.size > 0) {
    int error = enter_parent(tree, path, buffer, &name);
    if (error < 0) return error;
    tree->step = APPLIER_STEP_CREATE;
    error = result(mkdirat(tree->parent, name, 0700));
    if (error == -EEXIST) {
      struct stat st;
      if (fstatat(tree->parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0) return -errno;
      error = 0;
      if (!S_ISDIR(st.st_mode)) {
        was_whiteout = is_whiteout(&st);
        error = clear_place(tree, name);
        if (error == 0) error = result(mkdirat(tree->parent, name, 0700));
      }
    }
    if (error < 0) return error;
  }
  SCOPED_FD fd = openat(path.size > 0 ? tree->parent : tree->root, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return -errno;
  tree->step = APPLIER_STEP_OWN;
  if (fchown(fd, owner.uid, owner.gid) < 0) return -errno;
  /* After chown, which clears the set-id bits. */
  tree->step = APPLIER_STEP_MODE;
  if (fchmod(fd, owner.mode & 07777) < 0) return -errno;
  tree->step = APPLIER_STEP_ATTRIBUTE;
  /* The whiteout hid what lower layers have here; the directory that takes its place must go on hiding it. */
  return was_whiteout ? result(fsetxattr(fd, OPAQUE, "y", 1, 0)) : 0;
}

int tree_create_file(struct tree *tree, struct wire_bytes path) {
  char buffer[APPLIER_PATH_MAX];
  const char *name;
  int error = enter_parent(tree, path, buffer, &name);
  if (error < 0) return error;
  tree->step = APPLIER_STEP_CREATE;
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  int fd = result(openat(tree->parent, name, flags, 0600));
  if (fd != -EEXIST) return fd;
  error = clear_place(tree, name);
  return error < 0 ? error : result(openat(tree->parent, name, flags, 0600));
}

int tree_finish_file(struct tree *tree, int fd, struct ownership owner, struct timespec mtime) {
  SCOPED_FD file = fd;
  tree->step = APPLIER_STEP_OWN;
  if (fchown(file, owner.uid, owner.gid) < 0) return -errno;
  tree->step = APPLIER_STEP_MODE;
  if (fchmod(file, owner.mode & 07777) < 0) return -errno;
  tree->step = APPLIER_STEP_TIMES;
  return result(futimens(file, (struct timespec[2]){mtime, mtime}));
}

/* Owner and times of something that cannot be opened without side effects: a link, a device, a pipe. */
static int finish_by_name(struct tree *tree, const char *name, struct ownership owner, struct timespec mtime) {
  tree->step = APPLIER_STEP_OWN;
  if (fchownat(tree->parent, name, owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW) < 0) return -errno;
  tree->step = APPLIER_STEP_TIMES;
  return result(utimensat(tree->parent, name, (struct timespec[2]){mtime, mtime}, AT_SYMLINK_NOFOLLOW));
}

int tree_symlink(struct tree *tree, struct wire_bytes path, struct wire_bytes target, struct ownership owner,
                 struct timespec mtime) {
  char buffer[APPLIER_PATH_MAX], target_path[APPLIER_PATH_MAX];
  const char *name;
  int error = enter_parent(tree, path, buffer, &name);
  if (error == 0) error = copy_path(target, target_path);
  if (error < 0) return error;
  tree->step = APPLIER_STEP_CREATE;
  error = result(symlinkat(target_path, tree->parent, name));
  if (error == -EEXIST) {
    error = clear_place(tree, name);
    if (error == 0) error = result(symlinkat(target_path, tree->parent, name));
  }
  return error < 0 ? error : finish_by_name(tree, name, owner, mtime);
}

int tree_hardlink(struct tree *tree, struct wire_bytes path, struct wire_bytes target) {
  char buffer[APPLIER_PATH_MAX];
  const char *name;
  int error = enter_parent(tree, target, buffer, &name);
  if (error < 0) return error;
  /* The parent of the path may be another one, so this one is kept; linkat() does not follow its last component. */
  SCOPED_FD target_parent = result(fcntl(tree->parent, F_DUPFD_CLOEXEC, 0));
  if (target_parent < 0) return target_parent;
  char target_name[NAME_MAX + 1];
  if (strlen(name) > NAME_MAX) return -ENAMETOOLONG;
  memcpy(target_name, name, strlen(name) + 1);
  error = enter_parent(tree, path, buffer, &name);
  if (error < 0) return error;
  tree->step = APPLIER_STEP_CREATE;
  struct stat from, to;
  if (fstatat(target_parent, target_name, &from, AT_SYMLINK_NOFOLLOW) < 0) return -errno;
  if (fstatat(tree->parent, name, &to, AT_SYMLINK_NOFOLLOW) == 0) {
    if (from.st_dev == to.st_dev && from.st_ino == to.st_ino) return 0;
    error = clear_place(tree, name);
    if (error < 0) return error;
  }
  return result(linkat(target_parent, target_name, tree->parent, name, 0));
}

int tree_node(struct tree *tree, struct wire_bytes path, struct ownership owner, struct timespec mtime, dev_t device) {
  char buffer[APPLIER_PATH_MAX];
  const char *name;
  int error = enter_parent(tree, path, buffer, &name);
  if (error < 0) return error;
  tree->step = APPLIER_STEP_CREATE;
  error = result(mknodat(tree->parent, name, owner.mode, device));
  if (error == -EEXIST) {
    error = clear_place(tree, name);
    if (error == 0) error = result(mknodat(tree->parent, name, owner.mode, device));
  }
  if (error == 0) error = finish_by_name(tree, name, owner, mtime);
  if (error < 0) return error;
  tree->step = APPLIER_STEP_MODE;
  /* Follows links, but `name` was made as a node above and nobody else is here. */
  return (int)sys3(__NR_fchmodat, tree->parent, SYS_PTR(name), owner.mode & 07777);
}

static int set_opaque(struct tree *tree, int directory, const char *name) {
  SCOPED_FD fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return -errno;
  tree->step = APPLIER_STEP_ATTRIBUTE;
  return result(fsetxattr(fd, OPAQUE, "y", 1, 0));
}

int tree_whiteout(struct tree *tree, struct wire_bytes path) {
  char buffer[APPLIER_PATH_MAX];
  const char *name;
  int error = enter_parent(tree, path, buffer, &name);
  if (error < 0) return error;
  tree->step = APPLIER_STEP_CREATE;
  error = result(mknodat(tree->parent, name, S_IFCHR, 0));
  if (error != -EEXIST) return error;
  /* This layer has the name itself. Whatever is no directory hides the lower one anyway. */
  error = set_opaque(tree, tree->parent, name);
  return error == -ENOTDIR || error == -ELOOP || error == -ENXIO ? 0 : error;
}

int tree_opaque(struct tree *tree, struct wire_bytes path) {
  if (path.size == 0) return 0; /* The layer's root: decided by the caller, which leaves the lower layers out. */
  char buffer[APPLIER_PATH_MAX];
  const char *name;
  int error = enter_parent(tree, path, buffer, &name);
  if (error < 0) return error;
  tree->step = APPLIER_STEP_CREATE;
  if (mkdirat(tree->parent, name, 0755) < 0 && errno != EEXIST) return -errno;
  return set_opaque(tree, tree->parent, name);
}

int tree_attribute(struct tree *tree, struct wire_bytes path, const char *name, struct wire_bytes value) {
  char buffer[APPLIER_PATH_MAX];
  const char *entry = ".";
  if (path.size > 0) {
    int error = enter_parent(tree, path, buffer, &entry);
    if (error < 0) return error;
  }
  tree->step = APPLIER_STEP_ATTRIBUTE;
  /* There is no fsetxattr() for links and devices, and no setxattrat() in the kernels supported: go there instead. */
  if (fchdir(path.size > 0 ? tree->parent : tree->root) < 0) return -errno;
  return result(lsetxattr(entry, name, value.data, value.size, 0));
}

int tree_times(struct tree *tree, struct wire_bytes path, struct timespec mtime) {
  char buffer[APPLIER_PATH_MAX];
  const char *name = ".";
  if (path.size > 0) {
    int error = enter_parent(tree, path, buffer, &name);
    if (error < 0) return error;
  }
  tree->step = APPLIER_STEP_TIMES;
  const struct timespec times[2] = {mtime, mtime};
  return result(utimensat(path.size > 0 ? tree->parent : tree->root, name, times, AT_SYMLINK_NOFOLLOW));
}
