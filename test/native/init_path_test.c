/* path.c against the links, loops and names that an image may hold. Needs no root. */
#include "path.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "sys.h"

static char base[] = "/tmp/utsuwa-path-XXXXXX";
static int outside; /* the parent of the root: nothing may be made or found in it */
static int root;

static void set_up(void) {
  CHECK(mkdtemp(base) != NULL);
  outside = open(base, O_PATH | O_DIRECTORY);
  CHECK(mkdirat(outside, "root", 0755) == 0 && mkdirat(outside, "secret", 0755) == 0);
  root = openat(outside, "root", O_PATH | O_DIRECTORY);
  CHECK(root >= 0);
  CHECK(mkdirat(root, "dir", 0755) == 0 && mkdirat(root, "dir/sub", 0755) == 0);
  CHECK(close(openat(root, "file", O_CREAT | O_WRONLY, 0644)) == 0);
  static const char *const links[][2] = {
      {"/dir", "absolute"},       {"dir/sub", "relative"},      {"../../secret", "escape"}, {"/secret", "escape-absolute"},
      {"/made/by/link", "dangling"}, {"made-beside", "dangling-beside"}, {"loop-b", "loop-a"},    {"loop-a", "loop-b"},
      {"../../../new", "dangling-escape"}, {"file", "to-file"}, {"/proc/self/root", "magic"},
  };
  for (size_t i = 0; i < sizeof links / sizeof *links; i++) CHECK(symlinkat(links[i][0], root, links[i][1]) == 0);
}

/* Two descriptors of the same file or directory. */
static bool same(int a, int b) {
  struct stat one, other;
  return fstat(a, &one) == 0 && fstat(b, &other) == 0 && one.st_ino == other.st_ino && one.st_dev == other.st_dev;
}

static bool opens(int fd, const char *expected) {
  int other = openat(root, expected, O_PATH | O_NOFOLLOW);
  bool result = fd >= 0 && other >= 0 && same(fd, other);
  if (fd >= 0) close(fd);
  if (other >= 0) close(other);
  return result;
}

static void opening(void) {
  CHECK(opens(path_open(root, "/dir/sub", true), "dir/sub"));
  CHECK(opens(path_open(root, "absolute/sub", true), "dir/sub"));
  CHECK(opens(path_open(root, "../../dir", true), "dir"));
  CHECK(opens(path_open(root, "/dir/../dir/./sub", true), "dir/sub"));
  CHECK_EQUAL(path_open(root, "escape", true), -ENOENT);
  CHECK_EQUAL(path_open(root, "escape-absolute", true), -ENOENT);
  CHECK_EQUAL(path_open(root, "../secret", true), -ENOENT);
  CHECK_EQUAL(path_open(root, "loop-a", true), -ELOOP);
  CHECK_EQUAL(path_open(root, "file/x", true), -ENOTDIR);
  /* refused on the way as at the end */
  CHECK_EQUAL(path_open(root, "absolute/sub", false), -ELOOP);
  CHECK_EQUAL(path_open(root, "relative", false), -ELOOP);
  CHECK(opens(path_open(root, "dir/sub", false), "dir/sub"));
  CHECK_EQUAL(path_open_file(root, "dangling", O_RDONLY), -ENOENT);
}

static void making_directories(void) {
  CHECK(opens(path_make_directory(root, "/dir"), "dir"));
  CHECK(opens(path_make_directory(root, ""), "."));
  CHECK(opens(path_make_directory(root, "/"), "."));
  CHECK(opens(path_make_directory(root, "//a///b/./c/"), "a/b/c"));
  CHECK(opens(path_make_directory(root, "absolute/new"), "dir/new"));
  CHECK(opens(path_make_directory(root, "../../../up/x"), "up/x"));
  struct stat info;
  CHECK(fstatat(root, "a/b", &info, 0) == 0 && (info.st_mode & 07777) == 0755);
  CHECK_EQUAL(path_make_directory(root, "file"), -ENOTDIR);
  CHECK_EQUAL(path_make_directory(root, "file/x"), -ENOTDIR);
  CHECK_EQUAL(path_make_directory(root, "to-file"), -ENOTDIR);
  CHECK_EQUAL(path_make_directory(root, "loop-a/x"), -ELOOP);
}

static void making_through_dangling_links(void) {
  CHECK(opens(path_make_directory(root, "dangling"), "made/by/link"));
  CHECK(opens(path_make_directory(root, "dir/../dangling-beside/x/y"), "made-beside/x/y"));
  CHECK(opens(path_make_directory(root, "dangling-escape/z"), "new/z"));
  CHECK(opens(path_make_directory(root, "escape/x"), "secret/x")); /* the root's own, made inside */
}

/* A chain of dangling links is as long as the kernel's own limit, and no longer. */
static void long_chains(void) {
  for (int i = 0; i < 60; i++) {
    char name[32], target[32];
    snprintf(name, sizeof name, "chain-%d", i);
    snprintf(target, sizeof target, "chain-%d/deeper", i + 1);
    CHECK(symlinkat(target, root, name) == 0);
  }
  CHECK_EQUAL(path_make_directory(root, "chain-0"), -ELOOP);
  CHECK(opens(path_make_directory(root, "chain-55"), "chain-60/deeper/deeper/deeper/deeper/deeper"));
}

static void making_files(void) {
  CHECK(opens(path_make_file(root, "/etc/hosts"), "etc/hosts"));
  struct stat info;
  CHECK(fstatat(root, "etc/hosts", &info, 0) == 0 && S_ISREG(info.st_mode) && (info.st_mode & 07777) == 0644);
  CHECK(opens(path_make_file(root, "to-file"), "file"));
  CHECK(opens(path_make_file(root, "absolute"), "dir"));
  CHECK_EQUAL(path_make_file(root, "new-dir/"), -EINVAL);
  CHECK_EQUAL(path_make_file(root, "/x/.."), -EINVAL);

  CHECK(symlinkat("/new-a/b/file", root, "dangling-file") == 0);
  CHECK(opens(path_make_file(root, "dangling-file"), "new-a/b/file"));
  CHECK(symlinkat("../../../up/out", root, "dir/dangling-file") == 0 && symlinkat("dangling-file", root, "dir/chained") == 0);
  CHECK(opens(path_make_file(root, "/dir/chained"), "up/out")); /* the root's own, made inside */
  CHECK(symlinkat("itself", root, "itself") == 0);
  CHECK_EQUAL(path_make_file(root, "itself"), -ELOOP);
}

static void parents(void) {
  const char *name;
  CHECK(opens(path_make_parent(root, "/dev/null", &name), "dev"));
  CHECK(strcmp(name, "null") == 0);
  CHECK(opens(path_make_parent(root, "null", &name), "."));
  CHECK(strcmp(name, "null") == 0);
  CHECK_EQUAL(path_make_parent(root, "/", &name), -EINVAL);
  CHECK_EQUAL(path_make_parent(root, "dir/.", &name), -EINVAL);
  CHECK_EQUAL(path_make_parent(root, "dir/..", &name), -EINVAL);
  CHECK_EQUAL(path_make_parent(root, "dir/", &name), -EINVAL);
}

static void long_names(void) {
  char long_name[NAME_MAX + 2], long_path[PATH_MAX + 64], deep[PATH_MAX];
  memset(long_name, 'n', sizeof long_name - 1);
  long_name[sizeof long_name - 1] = '\0';
  CHECK_EQUAL(path_make_directory(root, long_name), -ENAMETOOLONG);
  long_name[NAME_MAX] = '\0';
  CHECK(opens(path_make_directory(root, long_name), long_name));
  memset(long_path, '/', sizeof long_path - 1);
  long_path[sizeof long_path - 1] = '\0';
  CHECK_EQUAL(path_make_directory(root, long_path), -ENAMETOOLONG);
  const char *name;
  CHECK_EQUAL(path_make_parent(root, long_path, &name), -EINVAL);
  long_path[sizeof long_path - 2] = 'x';
  CHECK_EQUAL(path_make_parent(root, long_path, &name), -ENAMETOOLONG);
  /* 200 components of two bytes are made one by one */
  char *at = deep;
  for (int i = 0; i < 200; i++) at += snprintf(at, (size_t)(deep + sizeof deep - at), "/d");
  CHECK(opens(path_make_directory(root, deep), deep + 1));
}

static void nothing_left_the_root(void) {
  CHECK(faccessat(outside, "new", F_OK, AT_SYMLINK_NOFOLLOW) != 0);
  CHECK(faccessat(outside, "up", F_OK, AT_SYMLINK_NOFOLLOW) != 0);
  CHECK(faccessat(outside, "secret/x", F_OK, AT_SYMLINK_NOFOLLOW) != 0);
  CHECK(faccessat(AT_FDCWD, "/made", F_OK, AT_SYMLINK_NOFOLLOW) != 0);
}

/* By descriptor, since the directories are nested deeper than a path may be long. */
static void remove_tree(void) {
  char command[64];
  snprintf(command, sizeof command, "rm -rf '%s'", base);
  CHECK_EQUAL(system(command), 0);
}

int main(void) {
  umask(0);
  set_up();
  opening();
  making_directories();
  making_through_dangling_links();
  long_chains();
  making_files();
  parents();
  long_names();
  nothing_left_the_root();
  remove_tree();
  close(root);
  close(outside);
  return 0;
}
