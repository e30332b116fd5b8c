/*
 * See monitor_log.h.
 *
 * Assumes: the directory is root's own. Guarantees: nothing between two lines is lost or torn, except where the kernel
 * does not take it (a full disk): then what one read brought is missing as a whole, and the container goes on.
 *
 * Who reads a file of the log holds a shared flock on it, so that the file is not removed before it was read: that is how
 * a reader who follows misses nothing, however fast the container prints.
 */
#include "monitor_log.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>

#include "sys.h"

#define LINES_AT_ONCE 64
#define PREFIX_SIZE 48
#define HOLD_SECONDS 10

int log_open(struct log *log) {
  if (log->directory_fd < 0) return 0;
  int fd = sys_openat(log->directory_fd, log->name, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0640);
  if (fd < 0) return fd;
  struct stat info;
  if (fstat(fd, &info) < 0) {
    int error = errno;
    sys_close(fd);
    return -error;
  }
  if (log->fd >= 0) sys_close(log->fd);
  log->fd = fd;
  log->size = (uint64_t)info.st_size;
  return 0;
}

/* `2026-01-02T03:04:05.123456789Z stdout F `; days are counted as in the proleptic Gregorian calendar, from 1 March. */
static size_t format_prefix(char *prefix, const char *stream, char tag) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  long days = now.tv_sec / 86400, seconds = now.tv_sec % 86400;
  long shifted = days + 719468, era = shifted / 146097, day_of_era = shifted % 146097;
  long year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  long day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  long month = (5 * day_of_year + 2) / 153, day = day_of_year - (153 * month + 2) / 5 + 1;
  month = month < 10 ? month + 3 : month - 9;
  long year = year_of_era + era * 400 + (month <= 2);
  int length = snprintf(prefix, PREFIX_SIZE, "%04ld-%02ld-%02ldT%02ld:%02ld:%02ld.%09ldZ %.6s %c ", year, month, day,
                        seconds / 3600, seconds / 60 % 60, seconds % 60, (long)now.tv_nsec, stream, tag);
  return (size_t)length;
}

/* All or nothing: what was written of a batch that failed is taken back. */
static void write_batch(struct log *log, struct iovec *parts, int count) {
  uint64_t begin = log->size;
  while (count > 0) {
    long written;
    do written = sys3(__NR_writev, log->fd, SYS_PTR(parts), count);
    while (written == -EINTR);
    if (written < 0) {
      sys2(__NR_ftruncate, log->fd, begin);
      log->size = begin;
      return;
    }
    log->size += (uint64_t)written;
    for (; count > 0 && (size_t)written >= parts->iov_len; parts++, count--) written -= (long)parts->iov_len;
    if (count == 0) return;
    parts->iov_base = (char *)parts->iov_base + written;
    parts->iov_len -= (size_t)written;
  }
}

size_t log_lines(struct log *log, const struct log_stream *stream, bool ends) {
  struct iovec parts[LINES_AT_ONCE * 2 + 3];
  char prefix[PREFIX_SIZE], partial[PREFIX_SIZE];
  static char newline = '\n';
  size_t prefix_length = format_prefix(prefix, stream->name, 'F'), done = 0;
  int count = 0;
  for (const uint8_t *end; (end = memchr(stream->bytes + done, '\n', stream->length - done)) != NULL;) {
    if (count == LINES_AT_ONCE * 2) {
      if (log->fd >= 0) write_batch(log, parts, count);
      count = 0;
    }
    size_t length = (size_t)(end - stream->bytes) + 1 - done;
    parts[count++] = (struct iovec){prefix, prefix_length};
    parts[count++] = (struct iovec){(uint8_t *)(uintptr_t)stream->bytes + done, length};
    done += length;
  }
  bool is_full = done == 0 && stream->length == sizeof stream->bytes;
  if ((is_full || ends) && stream->length > done) {
    parts[count++] = (struct iovec){partial, format_prefix(partial, stream->name, 'P')};
    parts[count++] = (struct iovec){(uint8_t *)(uintptr_t)stream->bytes + done, stream->length - done};
    parts[count++] = (struct iovec){&newline, 1};
    done = stream->length;
  }
  if (count > 0 && log->fd >= 0) write_batch(log, parts, count);
  return done;
}

static int name_of(const struct log *log, uint32_t number, char *name) {
  int length = number == 0 ? snprintf(name, NAME_MAX + 1, "%s", log->name)
                           : snprintf(name, NAME_MAX + 1, "%s.%u", log->name, number);
  return length <= NAME_MAX ? 0 : -ENAMETOOLONG;
}

/* False while somebody reads it. */
static bool remove_oldest(struct log *log, const char *name) {
  SCOPED_FD oldest = sys_openat(log->directory_fd, name, O_RDONLY | O_NOFOLLOW, 0);
  if (oldest < 0) return true;
  if (sys2(__NR_flock, oldest, LOCK_EX | LOCK_NB) == -EWOULDBLOCK) {
    int64_t now = sys_monotonic_ms() / 1000;
    if (log->held_since == 0) log->held_since = now;
    if (now - log->held_since < HOLD_SECONDS) return false;
  }
  sys3(__NR_unlinkat, log->directory_fd, SYS_PTR(name), 0);
  return true;
}

bool log_rotate(struct log *log) {
  if (log->fd < 0 || log->max_size == 0 || log->size < log->max_size) return true;
  char from[NAME_MAX + 1], to[NAME_MAX + 1];
  if (name_of(log, log->max_files - 1, to) < 0) return true;
  if (!remove_oldest(log, to)) return false;
  log->held_since = 0;
  for (uint32_t number = log->max_files - 1; number-- > 0;) {
    name_of(log, number, from);
    sys4(__NR_renameat, log->directory_fd, SYS_PTR(from), log->directory_fd, SYS_PTR(to));
    memcpy(to, from, sizeof to);
  }
  if (log_open(log) < 0) log->size = 0; /* on with the file that there is: it is tried again later */
  return true;
}
