/* See copy.h. */
#include "copy.h"

#include <dirent.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "sys.h"

#define DEPTH_MAX 64
#define CHUNK (1 << 20)

static int copy_directory(int from, int to, int depth);

static int copy_content(int from, int to) {
  for (;;) {
    long copied = sys4(__NR_sendfile, to, from, 0, CHUNK);
    if (copied <= 0) return (int)copied;
  }
}

static int copy_file(int from, const char *name, int to) {
  SCOPED_FD source = sys_openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
  if (source < 0) return source;
  struct stat info;
  if (fstat(source, &info) < 0) return -errno;
  if (!S_ISREG(info.st_mode)) return -ESTALE;
  SCOPED_FD copy = sys_openat(to, name, O_CREAT | O_EXCL | O_WRONLY, 0600);
  if (copy < 0) return copy;
  int result = copy_content(source, copy);
  if (result == 0) result = (int)sys3(__NR_fchown, copy, info.st_uid, info.st_gid);
  if (result == 0) result = (int)sys2(__NR_fchmod, copy, info.st_mode & 07777); /* after chown, which clears setuid */
  return result;
}

static int copy_link(int from, const char *name, int to, const struct stat *info) {
  char target[PATH_MAX];
  long length = sys4(__NR_readlinkat, from, SYS_PTR(name), SYS_PTR(target), sizeof target - 1);
  if (length < 0) return (int)length;
  target[length] = '\0';
  long result = sys3(__NR_symlinkat, SYS_PTR(target), to, SYS_PTR(name));
  if (result == 0) result = sys5(__NR_fchownat, to, SYS_PTR(name), info->st_uid, info->st_gid, AT_SYMLINK_NOFOLLOW);
  return (int)result;
}

static int copy_subdirectory(int from, const char *name, int to, int depth) {
  SCOPED_FD source = sys_openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
  if (source < 0) return source;
  struct stat info;
  if (fstat(source, &info) < 0) return -errno;
  long result = sys3(__NR_mkdirat, to, SYS_PTR(name), 0700);
  if (result < 0) return (int)result;
  SCOPED_FD copy = sys_openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
  if (copy < 0) return copy;
  result = copy_directory(source, copy, depth + 1);
  if (result == 0) result = sys3(__NR_fchown, copy, info.st_uid, info.st_gid);
  if (result == 0) result = sys2(__NR_fchmod, copy, info.st_mode & 07777);
  return (int)result;
}

/* What a name is now tells only how to open it: owner and mode are those of what was opened, with its content. */
static int copy_entry(int from, const char *name, int to, int depth) {
  struct stat info;
  if (fstatat(from, name, &info, AT_SYMLINK_NOFOLLOW) < 0) return -errno;
  if (S_ISREG(info.st_mode)) return copy_file(from, name, to);
  if (S_ISLNK(info.st_mode)) return copy_link(from, name, to, &info);
  if (S_ISDIR(info.st_mode)) return copy_subdirectory(from, name, to, depth);
  return 0;
}

/* A directory entry of getdents64(2). */
struct entry {
  uint64_t inode;
  int64_t next;
  uint16_t size;
  uint8_t type;
  char name[];
};

static int copy_directory(int from, int to, int depth) {
  if (depth > DEPTH_MAX) return -ELOOP;
  _Alignas(struct entry) char buffer[4096];
  for (;;) {
    long size = sys3(__NR_getdents64, from, SYS_PTR(buffer), sizeof buffer);
    if (size <= 0) return (int)size;
    for (long at = 0; at < size;) {
      const struct entry *entry = (const struct entry *)(buffer + at);
      at += entry->size;
      if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0) continue;
      int result = copy_entry(from, entry->name, to, depth);
      if (result < 0) return result;
    }
  }
}

int copy_tree(int from, int to) {
  SCOPED_FD source = sys_openat(from, ".", O_RDONLY | O_DIRECTORY, 0);
  if (source < 0) return source;
  SCOPED_FD copy = sys_openat(to, ".", O_RDONLY | O_DIRECTORY, 0);
  return copy < 0 ? copy : copy_directory(source, copy, 0);
}
