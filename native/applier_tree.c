/*
 * Making the entries of a layer.
 *
 * Assumes: nobody else writes to the layer; paths may lead through symbolic links that the layer itself brought.
 * Guarantees: every lookup of a parent is openat2(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV); the last
 * component is never followed, so an entry replaces a planted link instead of writing through it (CVE-2021-32760).
 *
 * Every entry made in a directory changes the directory's mtime, and nothing changes its atime, as the layer is mounted
 * noatime. So a directory gets both times when its entry comes, and its mtime is set to its atime again when it is left:
 * nothing has to be kept until the end, however many directories a layer has.
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

void tree_open(struct tree *tree, int root, uint32_t implied_directories) {
  *tree = (struct tree){.root = root, .parent = -1, .implied_left = implied_directories};
}

static int restore_times(int directory) {
  struct stat st;
  if (fstat(directory, &st) < 0) return -errno;
  if (st.st_mtim.tv_sec == st.st_atim.tv_sec && st.st_mtim.tv_nsec == st.st_atim.tv_nsec) return 0;
  return result(futimens(directory, (struct timespec[2]){st.st_atim, st.st_atim}));
}

static int leave_parent(struct tree *tree) {
  SCOPED_FD parent = tree->parent;
  tree->parent = -1;
  if (parent < 0 || !tree->changed) return 0;
  tree->step = APPLIER_STEP_TIMES;
  return restore_times(parent);
}

int tree_close(struct tree *tree) { return leave_parent(tree); }

static int copy_path(struct wire_bytes path, char out[APPLIER_PATH_MAX]) {
  if (path.size >= APPLIER_PATH_MAX) return -ENAMETOOLONG;
  if (memchr(path.data, 0, path.size) != NULL) return -EINVAL;
  memcpy(out, path.data, path.size);
  out[path.size] = 0;
  return 0;
}

static int open_directory(const struct tree *tree, const char *path) {
  return sys_openat2(tree->root, *path == 0 ? "." : path, O_RDONLY | O_DIRECTORY, 0, INSIDE);
}

/* Opens the first `length` bytes of `path`. */
static int open_beginning(const struct tree *tree, char *path, size_t length) {
  const char saved = path[length];
  path[length] = 0;
  int fd = open_directory(tree, path);
  path[length] = saved;
  return fd;
}

/* Makes one directory in `above`, and opens it. Only a plain name is ever given to mkdirat. */
static int imply_directory(struct tree *tree, int above, const char *name) {
  if (tree->implied_left == 0) {
    tree->step = APPLIER_STEP_IMPLY;
    return -E2BIG;
  }
  tree->implied_left--;
  /* EEXIST: a dangling link. Nothing is made at its target, as GNU tar and the engines do not either. */
  if (mkdirat(above, name, 0755) < 0) return -errno;
  int error = restore_times(above);
  return error < 0 ? error : result(openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

/*
 * Makes the directories that `path` lacks, and opens the last one.
 *
 * A lookup may lead through 40 links of the layer's choice, so it costs much more than its own components. What exists of
 * a path is therefore found by halving; below that everything is new, has no links, and is entered step by step.
 */
static int make_directories(struct tree *tree, char *path) {
  uint16_t ends[APPLIER_PATH_MAX];
  size_t count = 0, there = 0;
  for (const char *at = path;; at++) {
    at = strchrnul(at, '/');
    ends[count++] = (uint16_t)(at - path);
    if (*at == 0) break;
  }
  for (size_t missing = count; there + 1 < missing;) {
    const size_t middle = (there + missing) / 2;
    SCOPED_FD fd = open_beginning(tree, path, ends[middle - 1]);
    if (fd >= 0) there = middle;
    else if (fd == -ENOENT) missing = middle;
    else return fd;
  }
  SCOPED_FD directory = open_beginning(tree, path, there == 0 ? 0 : ends[there - 1]);
  for (size_t i = there; directory >= 0 && i < count; i++) {
    path[ends[i]] = 0;
    int next = imply_directory(tree, directory, path + (i == 0 ? 0 : ends[i - 1] + 1));
    if (i + 1 < count) path[ends[i]] = '/';
    close(sys_release(&directory));
    directory = next;
  }
  return sys_release(&directory);
}

/* Opens the parent directory of `path` as tree->parent, made when missing; tree->name is the last component. */
static int enter_parent(struct tree *tree, struct wire_bytes path) {
  tree->step = APPLIER_STEP_PARENT;
  char buffer[APPLIER_PATH_MAX];
  int error = copy_path(path, buffer);
  if (error < 0) return error;
  char *slash = strrchr(buffer, '/');
  const char *name = slash == NULL ? buffer : slash + 1;
  if (*name == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return -EINVAL;
  const size_t size = strlen(name) + 1;
  if (size > sizeof tree->name) return -ENAMETOOLONG;
  memcpy(tree->name, name, size);
  if (slash != NULL) *slash = 0;
  char *parent_path = slash == NULL ? strchr(buffer, 0) : buffer;
  if (tree->parent >= 0 && strcmp(parent_path, tree->parent_path) == 0) return 0;

  error = leave_parent(tree);
  if (error < 0) return error;
  tree->step = APPLIER_STEP_PARENT;
  int fd = open_directory(tree, parent_path);
  if (fd == -ENOENT) fd = make_directories(tree, parent_path);
  if (fd < 0) return fd;
  tree->parent = fd;
  tree->changed = false;
  memcpy(tree->parent_path, parent_path, strlen(parent_path) + 1); /* both are APPLIER_PATH_MAX long */
  return 0;
}

/* From here on, what is in tree->parent may have changed. */
static void begin_creation(struct tree *tree) {
  tree->step = APPLIER_STEP_CREATE;
  tree->changed = true;
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

/* Takes away what an earlier entry of the same layer left in the place of this one. */
static int clear_place(struct tree *tree) {
  tree->step = APPLIER_STEP_REMOVE;
  int error = remove_tree(tree->parent, tree->name, APPLIER_REMOVE_DEPTH);
  tree->step = APPLIER_STEP_CREATE;
  return error;
}

/* Makes a directory, or takes the one that is there; *was_whiteout if it replaces a whiteout. */
static int make_or_keep_directory(struct tree *tree, bool *was_whiteout) {
  begin_creation(tree);
  int error = result(mkdirat(tree->parent, tree->name, 0700));
  if (error != -EEXIST) return error;
  struct stat st;
  if (fstatat(tree->parent, tree->name, &st, AT_SYMLINK_NOFOLLOW) < 0) return -errno;
  if (S_ISDIR(st.st_mode)) return 0;
  *was_whiteout = is_whiteout(&st);
  error = clear_place(tree);
  return error < 0 ? error : result(mkdirat(tree->parent, tree->name, 0700));
}

/* The root of the layer is in itself, so to say: attributes are set by a name in tree->parent. */
static int enter_root(struct tree *tree) {
  int error = leave_parent(tree);
  if (error < 0) return error;
  tree->step = APPLIER_STEP_PARENT;
  tree->parent = open_directory(tree, "");
  tree->changed = false;
  tree->parent_path[0] = 0;
  memcpy(tree->name, ".", sizeof ".");
  return tree->parent < 0 ? tree->parent : 0;
}

int tree_directory(struct tree *tree, struct wire_bytes path, struct ownership owner, struct timespec mtime) {
  bool was_whiteout = false;
  int error = path.size == 0 ? enter_root(tree) : enter_parent(tree, path);
  if (error == 0 && path.size > 0) error = make_or_keep_directory(tree, &was_whiteout);
  if (error < 0) return error;
  SCOPED_FD fd = openat(tree->parent, tree->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return -errno;
  tree->step = APPLIER_STEP_OWN;
  if (fchown(fd, owner.uid, owner.gid) < 0) return -errno;
  /* After chown, which clears the set-id bits. */
  tree->step = APPLIER_STEP_MODE;
  if (fchmod(fd, owner.mode & 07777) < 0) return -errno;
  tree->step = APPLIER_STEP_TIMES;
  if (futimens(fd, (struct timespec[2]){mtime, mtime}) < 0) return -errno;
  tree->step = APPLIER_STEP_ATTRIBUTE;
  /* The whiteout hid what lower layers have here; the directory that takes its place must go on hiding it. */
  return was_whiteout ? result(fsetxattr(fd, OPAQUE, "y", 1, 0)) : 0;
}

int tree_create_file(struct tree *tree, struct wire_bytes path) {
  int error = enter_parent(tree, path);
  if (error < 0) return error;
  begin_creation(tree);
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  int fd = result(openat(tree->parent, tree->name, flags, 0600));
  if (fd != -EEXIST) return fd;
  error = clear_place(tree);
  return error < 0 ? error : result(openat(tree->parent, tree->name, flags, 0600));
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
static int finish_by_name(struct tree *tree, struct ownership owner, struct timespec mtime) {
  tree->step = APPLIER_STEP_OWN;
  if (fchownat(tree->parent, tree->name, owner.uid, owner.gid, AT_SYMLINK_NOFOLLOW) < 0) return -errno;
  tree->step = APPLIER_STEP_TIMES;
  return result(utimensat(tree->parent, tree->name, (struct timespec[2]){mtime, mtime}, AT_SYMLINK_NOFOLLOW));
}

int tree_symlink(struct tree *tree, struct wire_bytes path, struct wire_bytes target, struct ownership owner,
                 struct timespec mtime) {
  char target_path[APPLIER_PATH_MAX];
  int error = enter_parent(tree, path);
  if (error == 0) error = copy_path(target, target_path);
  if (error < 0) return error;
  begin_creation(tree);
  error = result(symlinkat(target_path, tree->parent, tree->name));
  if (error == -EEXIST) {
    error = clear_place(tree);
    if (error == 0) error = result(symlinkat(target_path, tree->parent, tree->name));
  }
  return error < 0 ? error : finish_by_name(tree, owner, mtime);
}

int tree_hardlink(struct tree *tree, struct wire_bytes path, struct wire_bytes target) {
  int error = enter_parent(tree, target);
  if (error < 0) return error;
  /* The parent of the path may be another one, so this one is kept; linkat() does not follow its last component. */
  SCOPED_FD target_parent = result(fcntl(tree->parent, F_DUPFD_CLOEXEC, 0));
  if (target_parent < 0) return target_parent;
  char target_name[sizeof tree->name];
  memcpy(target_name, tree->name, sizeof target_name);
  error = enter_parent(tree, path);
  if (error < 0) return error;
  tree->step = APPLIER_STEP_CREATE;
  struct stat from, to;
  if (fstatat(target_parent, target_name, &from, AT_SYMLINK_NOFOLLOW) < 0) return -errno;
  begin_creation(tree);
  if (fstatat(tree->parent, tree->name, &to, AT_SYMLINK_NOFOLLOW) == 0) {
    if (from.st_dev == to.st_dev && from.st_ino == to.st_ino) return 0;
    error = clear_place(tree);
    if (error < 0) return error;
  }
  return result(linkat(target_parent, target_name, tree->parent, tree->name, 0));
}

int tree_node(struct tree *tree, struct wire_bytes path, struct ownership owner, struct timespec mtime, dev_t device) {
  int error = enter_parent(tree, path);
  if (error < 0) return error;
  begin_creation(tree);
  error = result(mknodat(tree->parent, tree->name, owner.mode, device));
  if (error == -EEXIST) {
    error = clear_place(tree);
    if (error == 0) error = result(mknodat(tree->parent, tree->name, owner.mode, device));
  }
  if (error == 0) error = finish_by_name(tree, owner, mtime);
  if (error < 0) return error;
  tree->step = APPLIER_STEP_MODE;
  /* Follows links, but the name was made as a node above and nobody else is here. */
  return (int)sys3(__NR_fchmodat, tree->parent, SYS_PTR(tree->name), owner.mode & 07777);
}

static int set_opaque(struct tree *tree) {
  SCOPED_FD fd = openat(tree->parent, tree->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return -errno;
  tree->step = APPLIER_STEP_ATTRIBUTE;
  return result(fsetxattr(fd, OPAQUE, "y", 1, 0));
}

int tree_whiteout(struct tree *tree, struct wire_bytes path) {
  int error = enter_parent(tree, path);
  if (error < 0) return error;
  begin_creation(tree);
  error = result(mknodat(tree->parent, tree->name, S_IFCHR, 0));
  if (error != -EEXIST) return error;
  /* This layer has the name itself. Whatever is no directory hides the lower one anyway. */
  error = set_opaque(tree);
  return error == -ENOTDIR || error == -ELOOP || error == -ENXIO ? 0 : error;
}

int tree_opaque(struct tree *tree, struct wire_bytes path) {
  if (path.size == 0) return 0; /* The layer's root: decided by the caller, which leaves the lower layers out. */
  int error = enter_parent(tree, path);
  if (error < 0) return error;
  begin_creation(tree);
  if (mkdirat(tree->parent, tree->name, 0755) < 0 && errno != EEXIST) return -errno;
  return set_opaque(tree);
}

int tree_attribute(struct tree *tree, const char *name, struct wire_bytes value) {
  tree->step = APPLIER_STEP_ATTRIBUTE;
  if (tree->parent < 0) return -EINVAL;
  /* There is no fsetxattr() for links and devices, and no setxattrat() in the kernels supported: go there instead. */
  if (fchdir(tree->parent) < 0) return -errno;
  return result(lsetxattr(tree->name, name, value.data, value.size, 0));
}
