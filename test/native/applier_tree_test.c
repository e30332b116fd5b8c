/* Making entries, under sanitizers and without privileges: every owner here is the one who runs the test. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "applier_tree.h"

#define CHECK(condition)                                                                                               \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                                  \
      exit(1);                                                                                                         \
    }                                                                                                                  \
  } while (0)

static struct tree tree;
static const struct timespec epoch = {.tv_sec = 1000, .tv_nsec = 5};

static struct wire_bytes bytes(const char *text) {
  return (struct wire_bytes){(const uint8_t *)text, (uint32_t)strlen(text)};
}

static struct ownership mine(uint32_t mode) { return (struct ownership){mode, geteuid(), getegid()}; }

static int make_file(const char *path, const char *content) {
  int fd = tree_create_file(&tree, bytes(path));
  if (fd < 0) return fd;
  CHECK(write(fd, content, strlen(content)) == (ssize_t)strlen(content));
  return tree_finish_file(&tree, fd, mine(0640), epoch);
}

static int make_symlink(const char *path, const char *target) {
  return tree_symlink(&tree, bytes(path), bytes(target), mine(0), epoch);
}

static int make_directory(const char *path, uint32_t mode) {
  return tree_directory(&tree, bytes(path), mine(mode), epoch);
}

static mode_t mode_of(const char *path) {
  struct stat st;
  return fstatat(tree.root, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : st.st_mode;
}

static void test_files(void) {
  CHECK(make_file("a/b/c", "one") == 0);
  CHECK(mode_of("a/b/c") == (S_IFREG | 0640));
  CHECK(make_file("a/b/c", "again") == 0);
  struct stat st;
  CHECK(fstatat(tree.root, "a/b/c", &st, 0) == 0 && st.st_size == 5 && st.st_mtim.tv_sec == 1000);
  CHECK(make_file("a/b/c/d", "below a file") == -ENOTDIR && tree.step == APPLIER_STEP_PARENT);
}

static void test_names(void) {
  static const char *const wrong[] = {"", ".", "..", "a/", "a/.", "a/.."};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) CHECK(make_file(wrong[i], "") == -EINVAL);
  const struct wire_bytes with_nul = {(const uint8_t *)"a\0b", 3};
  CHECK(tree_create_file(&tree, with_nul) == -EINVAL);
  char longest[APPLIER_PATH_MAX + 1];
  memset(longest, 'x', APPLIER_PATH_MAX);
  longest[APPLIER_PATH_MAX] = 0;
  CHECK(make_file(longest, "") == -ENAMETOOLONG);
  longest[APPLIER_PATH_MAX - 1] = 0;
  CHECK(make_file(longest, "") == -ENAMETOOLONG);
}

static void test_links_stay_inside(void) {
  CHECK(make_symlink("up", "../../..") == 0 && make_file("up/inside", "x") == 0);
  CHECK(mode_of("inside") == (S_IFREG | 0640));
  CHECK(make_symlink("root", "/") == 0 && make_file("root/also", "x") == 0);
  CHECK(mode_of("also") == (S_IFREG | 0640));
  CHECK(make_symlink("magic", "/proc/self/root") == 0 && make_file("magic/x", "x") < 0);
  CHECK(make_symlink("loop", "loop") == 0 && make_file("loop/x", "x") == -ELOOP);
  CHECK(make_symlink("target", "inside") == 0 && make_file("target", "own") == 0);
  CHECK(S_ISREG(mode_of("target")));
}

static void test_hardlinks(void) {
  CHECK(make_file("h/one", "1") == 0);
  CHECK(tree_hardlink(&tree, bytes("h2/two"), bytes("h/one")) == 0);
  CHECK(tree_hardlink(&tree, bytes("h2/two"), bytes("h/one")) == 0);
  CHECK(tree_hardlink(&tree, bytes("h2/three"), bytes("h/none")) == -ENOENT);
  CHECK(make_symlink("h/link", "one") == 0);
  CHECK(tree_hardlink(&tree, bytes("h/link2"), bytes("h/link")) == 0 && S_ISLNK(mode_of("h/link2")));
}

static void test_directories(void) {
  CHECK(make_directory("d", 0711) == 0 && mode_of("d") == (S_IFDIR | 0711));
  CHECK(make_file("d/keep", "x") == 0);
  CHECK(make_directory("d", 01755) == 0 && mode_of("d/keep") != 0);
  CHECK(make_directory("d/keep", 0700) == 0 && S_ISDIR(mode_of("d/keep")));
  CHECK(make_symlink("d/link", "..") == 0);
  CHECK(make_directory("d/link", 0700) == 0 && S_ISDIR(mode_of("d/link")));
  CHECK(make_directory("", 0700) == 0);
}

static bool has_epoch(const char *path) {
  struct stat st;
  return fstatat(tree.root, path, &st, 0) == 0 && st.st_mtim.tv_sec == 1000 && st.st_mtim.tv_nsec == 5;
}

/* Whatever is made, linked, replaced or removed in a directory later, it keeps the times of its entry once it is left. */
static void test_times_of_directories(void) {
  CHECK(make_directory("", 0700) == 0 && make_directory("t", 0700) == 0 && make_directory("t/u", 0700) == 0);
  CHECK(make_file("t/f", "x") == 0 && make_file("t/implied/f", "x") == 0 && make_symlink("t/u/l", "../implied") == 0);
  CHECK(make_file("t/u/l/g", "x") == 0 && tree_hardlink(&tree, bytes("t/u/h"), bytes("t/f")) == 0);
  CHECK(make_directory("t/f", 0700) == 0 && make_file("t/implied", "replaced") == 0 && make_file("t/v/w/x/f", "x") == 0);
  CHECK(make_directory("t/v", 0700) == 0 && tree_whiteout(&tree, bytes("t/v/w/y")) == 0);
  CHECK(tree_close(&tree) == 0);
  static const char *const told[] = {".", "t", "t/u", "t/f", "t/v"};
  for (size_t i = 0; i < sizeof told / sizeof *told; i++) CHECK(has_epoch(told[i]));
}

static void test_implied_directories(void) {
  const uint64_t before = tree.implied_left;
  tree.implied_left = 3;
  CHECK(make_file("i/j/f", "x") == 0 && make_file("i/j/g", "x") == 0 && make_file("i/k/f", "x") == 0);
  CHECK(tree.implied_left == 0 && make_file("i/j/new", "x") == 0);
  CHECK(make_file("i/l/f", "x") == -E2BIG && tree.step == APPLIER_STEP_IMPLY && mode_of("i/l") == 0);
  tree.implied_left = before;
  /* Behind a link, and where a link leads nowhere, in the middle. */
  CHECK(make_symlink("i/to", "k") == 0 && make_file("i/to/a/b/c/f", "x") == 0 && S_ISREG(mode_of("i/k/a/b/c/f")));
  CHECK(make_symlink("i/nowhere", "missing") == 0 && make_file("i/nowhere/a/b/f", "x") == -EEXIST);
  CHECK(tree.implied_left == before - 3 - 1);
}

static void test_replacing_a_tree(void) {
  char path[64] = "deep";
  for (int i = 0; i < 20; i++) {
    strcat(path, "/x");
    CHECK(make_file(path, "x") == 0);
    CHECK(make_directory(path, 0700) == 0);
  }
  CHECK(make_file("deep", "flat") == 0 && S_ISREG(mode_of("deep")));
}

static void test_nodes(void) {
  CHECK(tree_node(&tree, bytes("pipe"), mine(S_IFIFO | 0622), epoch, 0) == 0);
  CHECK(mode_of("pipe") == (S_IFIFO | 0622));
  CHECK(make_file("pipe", "no longer") == 0 && S_ISREG(mode_of("pipe")));
}

static void test_whiteouts(void) {
  CHECK(tree_whiteout(&tree, bytes("w/gone")) == 0 && S_ISCHR(mode_of("w/gone")));
  CHECK(tree_whiteout(&tree, bytes("w/gone")) == 0);
  CHECK(make_file("w/gone", "back") == 0 && S_ISREG(mode_of("w/gone")));
  CHECK(tree_whiteout(&tree, bytes("w/gone")) == 0 && S_ISREG(mode_of("w/gone")));
}

int main(void) {
  char directory[] = "/tmp/utsuwa-applier-XXXXXX";
  CHECK(mkdtemp(directory) != NULL);
  int root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  CHECK(root >= 0);
  umask(0);
  tree_open(&tree, root, 1000);
  test_files();
  test_names();
  test_links_stay_inside();
  test_hardlinks();
  test_directories();
  test_times_of_directories();
  test_implied_directories();
  test_replacing_a_tree();
  test_nodes();
  test_whiteouts();
  CHECK(tree_close(&tree) == 0);
  close(root);
  char command[64];
  snprintf(command, sizeof command, "rm -rf %s", directory);
  return system(command) == 0 ? 0 : 1;
}
