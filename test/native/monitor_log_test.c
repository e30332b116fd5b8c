/* The log of a monitor: lines, parts of lines, rotation, and readers that hold a file. Needs no root. */
#include "monitor_log.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "sys.h"

static char base[] = "/tmp/utsuwa-log-XXXXXX";
static struct log_stream stream = {.name = "stdout"};
static struct log log_file;

static void open_log(uint64_t max_size, uint32_t max_files) {
  log_file = (struct log){.directory_fd = open(base, O_PATH | O_DIRECTORY), .name = "c.log", .max_size = max_size,
                          .max_files = max_files, .fd = -1};
  CHECK_EQUAL(log_open(&log_file), 0);
}

static void close_log(void) {
  close(log_file.fd);
  for (int i = 0; i < 5; i++) {
    char name[32];
    snprintf(name, sizeof name, i == 0 ? "c.log" : "c.log.%d", i);
    unlinkat(log_file.directory_fd, name, 0);
  }
  close(log_file.directory_fd);
}

/* The texts of a file, behind their times, which are checked for their form. */
static const char *texts_of(const char *name) {
  static char all[256 * 1024], texts[sizeof all];
  int fd = openat(log_file.directory_fd, name, O_RDONLY);
  if (fd < 0) return NULL;
  ssize_t size = read(fd, all, sizeof all - 1);
  CHECK(size >= 0);
  close(fd);
  all[size] = '\0';
  char *to = texts;
  for (char *line = all, *next; *line != '\0'; line = next) {
    next = strchr(line, '\n');
    CHECK(next != NULL);
    next++;
    static const char form[] = "dddd-dd-ddTdd:dd:dd.dddddddddZ ";
    for (size_t i = 0; i < sizeof form - 1; i++) CHECK(form[i] == 'd' ? line[i] >= '0' && line[i] <= '9' : line[i] == form[i]);
    line += sizeof form - 1;
    memcpy(to, line, (size_t)(next - line));
    to += next - line;
  }
  *to = '\0';
  return texts;
}

static size_t print(const char *text, bool ends) {
  size_t length = strlen(text);
  memcpy(stream.bytes + stream.length, text, length);
  stream.length += length;
  size_t logged = log_lines(&log_file, &stream, ends);
  memmove(stream.bytes, stream.bytes + logged, stream.length - logged);
  stream.length -= logged;
  return logged;
}

static void lines_wait_for_their_end(void) {
  open_log(0, 1);
  CHECK_EQUAL(print("one\ntwo\nth", false), 8);
  CHECK(strcmp(texts_of("c.log"), "stdout F one\nstdout F two\n") == 0);
  CHECK_EQUAL(print("ree", false), 0);
  CHECK_EQUAL(print("\n\nfour", false), 7);
  CHECK_EQUAL(print("", true), 4);
  CHECK_EQUAL(print("", true), 0);
  CHECK(strcmp(texts_of("c.log"), "stdout F one\nstdout F two\nstdout F three\nstdout F \nstdout P four\n") == 0);
  close_log();
}

static void many_lines_go_in_batches(void) {
  open_log(0, 1);
  char text[1001];
  for (int i = 0; i < 500; i++) memcpy(text + i * 2, "x\n", 2);
  text[1000] = '\0';
  CHECK_EQUAL(print(text, false), 1000);
  const char *texts = texts_of("c.log");
  CHECK_EQUAL(strlen(texts), 500 * strlen("stdout F x\n"));
  close_log();
}

static void a_line_that_is_too_long_is_parted(void) {
  open_log(0, 1);
  memset(stream.bytes, 'a', sizeof stream.bytes);
  stream.length = sizeof stream.bytes;
  CHECK_EQUAL(print("", false), LOG_LINE_MAX);
  CHECK_EQUAL(print("tail\n", false), 5);
  const char *texts = texts_of("c.log");
  CHECK(strncmp(texts, "stdout P aaa", 12) == 0);
  CHECK(strcmp(texts + strlen("stdout P ") + LOG_LINE_MAX, "\nstdout F tail\n") == 0);
  close_log();
}

static void old_files_go(void) {
  open_log(1, 3);
  for (char c = '1'; c <= '5'; c++) {
    const char line[] = {c, '\n', '\0'};
    print(line, false);
    CHECK(log_rotate(&log_file));
  }
  CHECK(strcmp(texts_of("c.log"), "") == 0);
  CHECK(strcmp(texts_of("c.log.1"), "stdout F 5\n") == 0);
  CHECK(strcmp(texts_of("c.log.2"), "stdout F 4\n") == 0);
  CHECK(texts_of("c.log.3") == NULL);
  close_log();
}

static void a_file_that_is_read_stays(void) {
  open_log(1, 2);
  print("1\n", false);
  CHECK(log_rotate(&log_file));
  print("2\n", false);
  int reader = openat(log_file.directory_fd, "c.log.1", O_RDONLY);
  CHECK_EQUAL(flock(reader, LOCK_SH), 0);
  CHECK(!log_rotate(&log_file));
  CHECK(!log_rotate(&log_file));
  CHECK(strcmp(texts_of("c.log"), "stdout F 2\n") == 0);
  close(reader);
  CHECK(log_rotate(&log_file));
  CHECK(strcmp(texts_of("c.log.1"), "stdout F 2\n") == 0);
  /* For ever it is not waited for. */
  print("3\n", false);
  reader = openat(log_file.directory_fd, "c.log.1", O_RDONLY);
  CHECK_EQUAL(flock(reader, LOCK_SH), 0);
  CHECK(!log_rotate(&log_file));
  log_file.held_since -= 100;
  CHECK(log_rotate(&log_file));
  CHECK(strcmp(texts_of("c.log.1"), "stdout F 3\n") == 0);
  close(reader);
  close_log();
}

static void one_file_is_begun_anew(void) {
  open_log(1, 1);
  print("1\n", false);
  CHECK(log_rotate(&log_file));
  print("2\n", false);
  CHECK(strcmp(texts_of("c.log"), "stdout F 2\n") == 0);
  CHECK(texts_of("c.log.1") == NULL);
  close_log();
}

static void a_file_that_was_moved_is_opened_anew(void) {
  open_log(0, 1);
  print("before\n", false);
  CHECK_EQUAL(renameat(log_file.directory_fd, "c.log", log_file.directory_fd, "c.log.1"), 0);
  print("moved\n", false);
  CHECK_EQUAL(log_open(&log_file), 0);
  print("after\n", false);
  CHECK(strcmp(texts_of("c.log.1"), "stdout F before\nstdout F moved\n") == 0);
  CHECK(strcmp(texts_of("c.log"), "stdout F after\n") == 0);
  close_log();
}

/* A batch that the kernel does not take leaves nothing of itself, and the log goes on. */
static void a_full_disk_leaves_whole_lines(void) {
  open_log(0, 1);
  print("before\n", false);
  int real = log_file.fd;
  log_file.fd = open("/dev/full", O_WRONLY);
  CHECK_EQUAL(print("lost\n", false), 5);
  close(log_file.fd);
  log_file.fd = real;
  print("after\n", false);
  CHECK(strcmp(texts_of("c.log"), "stdout F before\nstdout F after\n") == 0);
  close_log();
}

static void without_a_log_lines_go_nowhere(void) {
  log_file = (struct log){.directory_fd = -1, .fd = -1, .max_files = 1, .max_size = 1};
  CHECK_EQUAL(log_open(&log_file), 0);
  CHECK_EQUAL(print("a\nb", false), 2);
  CHECK_EQUAL(print("", true), 1);
  CHECK(log_rotate(&log_file));
}

int main(void) {
  CHECK(mkdtemp(base) != NULL);
  lines_wait_for_their_end();
  many_lines_go_in_batches();
  a_line_that_is_too_long_is_parted();
  old_files_go();
  a_file_that_is_read_stays();
  one_file_is_begun_anew();
  a_file_that_was_moved_is_opened_anew();
  a_full_disk_leaves_whole_lines();
  without_a_log_lines_go_nowhere();
  rmdir(base);
  return 0;
}
