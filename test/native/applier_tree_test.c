/* Making entries, under sanitizers and without privileges: every owner here is the one who runs the test. */
#include <errno.h>
#include <fcntl.h>
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
  CHECK(tree_directory(&tree, bytes("d"), mine(0711)) == 0 && mode_of("d") == (S_IFDIR | 0711));
  CHECK(make_file("d/keep", "x") == 0);
  CHECK(tree_directory(&tree, bytes("d"), mine(01755)) == 0 && mode_of("d/keep") != 0);
  CHECK(tree_directory(&tree, bytes("d/keep"), mine(0700)) == 0 && S_ISDIR(mode_of("d/keep")));
  CHECK(make_symlink("d/link", "..") == 0);
  CHECK(tree_directory(&tree, bytes("d/link"), mine(0700)) == 0 && S_ISDIR(mode_of("d/link")));
  CHECK(tree_directory(&tree, bytes(""), mine(0700)) == 0);
  CHECK(tree_times(&tree, bytes("d"), epoch) == 0);
  struct stat st;
  CHECK(fstatat(tree.root, "d", &st, 0) == 0 && st.st_mtim.tv_sec == 1000 && st.st_mtim.tv_nsec == 5);
}

static void test_replacing_a_tree(void) {
  char path[64] = "deep";
  for (int i = 0; i < 20; i++) {
    strcat(path, "/x");
    CHECK(make_file(path, "x") == 0);
    CHECK(tree_directory(&tree, bytes(path), mine(0700)) == 0);
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
  tree_open(&tree, root);
  test_files();
  test_names();
  test_links_stay_inside();
  test_hardlinks();
  test_directories();
  test_replacing_a_tree();
  test_nodes();
  test_whiteouts();
  tree_close(&tree);
  close(root);
  char command[64];
  snprintf(command, sizeof command, "rm -rf %s", directory);
  return system(command) == 0 ? 0 : 1;
}
