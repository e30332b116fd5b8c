/* See path.h. */
#include "path.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "sys.h"
#include "text.h"

#define RESOLVE_ROOTED (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
#define LINKS_MAX 40 /* as MAXSYMLINKS in the kernel */

int path_open(int root, const char *path, bool follow) {
  return sys_openat2(root, path, O_PATH, 0, RESOLVE_ROOTED | (follow ? 0 : RESOLVE_NO_SYMLINKS));
}

int path_open_file(int root, const char *path, int flags) { return sys_openat2(root, path, (uint64_t)flags, 0, RESOLVE_ROOTED); }

static int open_directory(int root, const char *path) {
  return sys_openat2(root, path[0] == '\0' ? "." : path, O_PATH | O_DIRECTORY, 0, RESOLVE_ROOTED);
}

/*
 * `walked` ends in a link whose target is missing: puts the target in its place, followed by `rest`. The kernel
 * resolves the new path inside the root as it did the old one, so a `..` or an absolute target stays inside.
 */
static int follow_dangling_link(int parent, const char *name, const char *walked, size_t parent_length, const char *rest,
                                char *path, int *links) {
  char target[PATH_MAX], joined[PATH_MAX];
  long length = sys4(__NR_readlinkat, parent, SYS_PTR(name), SYS_PTR(target), sizeof target - 1);
  if (length < 0) return length == -EINVAL ? -EAGAIN : (int)length;
  target[length] = '\0';
  if (++*links > LINKS_MAX) return -ELOOP;
  int prefix = target[0] == '/' ? 0 : (int)parent_length;
  int written = snprintf(joined, sizeof joined, "%.*s/%s%s", prefix, walked, target, rest);
  if (written < 0 || (size_t)written >= sizeof joined) return -ENAMETOOLONG;
  memcpy(path, joined, (size_t)written + 1);
  return 0;
}

int path_make_directory(int root, const char *wanted) {
  int fd = open_directory(root, wanted);
  if (fd != -ENOENT) return fd;

  char path[PATH_MAX];
  if (text_copy(path, sizeof path, wanted) < 0) return -ENAMETOOLONG;
  int links = 0;

restart:;
  SCOPED_FD parent = open_directory(root, ".");
  size_t parent_length = 0;
  char *at = path;
  for (;;) {
    at += strspn(at, "/");
    if (*at == '\0') return sys_release(&parent);
    char *end = at + strcspn(at, "/");
    char saved = *end;
    *end = '\0'; /* path now ends in this component */
    int next = open_directory(root, path);
    if (next == -ENOENT) {
      long made = sys3(__NR_mkdirat, parent, SYS_PTR(at), 0755);
      if (made < 0 && made != -EEXIST) return (int)made;
      next = made == 0 ? sys_openat2(parent, at, O_PATH | O_DIRECTORY, 0, RESOLVE_ROOTED | RESOLVE_NO_SYMLINKS)
                       : open_directory(root, path);
      if (next == -ENOENT) { /* something is there, but leads nowhere */
        char rest[PATH_MAX], name[NAME_MAX + 1], walked[PATH_MAX];
        if (text_copy(name, sizeof name, at) < 0 || text_copy(walked, sizeof walked, path) < 0) return -ENAMETOOLONG;
        *end = saved;
        if (text_copy(rest, sizeof rest, end) < 0) return -ENAMETOOLONG;
        int result = follow_dangling_link(parent, name, walked, parent_length, rest, path, &links);
        if (result < 0 && result != -EAGAIN) return result;
        if (result == -EAGAIN && ++links > LINKS_MAX) return -ELOOP;
        sys_close(sys_release(&parent));
        goto restart;
      }
    }
    if (next < 0) return next;
    sys_close(parent);
    parent = next;
    parent_length = (size_t)(end - path);
    *end = saved;
    at = end;
  }
}

int path_make_parent(int root, const char *path, const char **name) {
  char directory[PATH_MAX];
  const char *slash = strrchr(path, '/');
  *name = slash == NULL ? path : slash + 1;
  if ((*name)[0] == '\0' || strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0) return -EINVAL;
  size_t length = slash == NULL ? 0 : (size_t)(slash - path);
  if (length >= sizeof directory) return -ENAMETOOLONG;
  memcpy(directory, path, length);
  directory[length] = '\0';
  return path_make_directory(root, directory);
}

int path_make_file(int root, const char *wanted) {
  char path[PATH_MAX], walked[PATH_MAX];
  if (text_copy(path, sizeof path, wanted) < 0) return -ENAMETOOLONG;
  for (int links = 0; links <= LINKS_MAX;) {
    int fd = path_open(root, path, true);
    if (fd != -ENOENT) return fd;
    const char *name;
    SCOPED_FD parent = path_make_parent(root, path, &name);
    if (parent < 0) return parent;
    int made = sys_openat(parent, name, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0644);
    if (made != -EEXIST) return made;
    /* Something is there, but leads nowhere: such as the /etc/resolv.conf of an image that expects systemd-resolved. */
    text_copy(walked, sizeof walked, path);
    const char *end = walked + (name - path);
    int result = follow_dangling_link(parent, end, walked, name == path ? 0 : (size_t)(end - walked - 1), "", path, &links);
    if (result < 0 && result != -EAGAIN) return result;
    if (result == -EAGAIN) links++;
  }
  return -ELOOP;
}
