/*
 * The log of a container: what it prints, in the format of Kubernetes' container runtime interface.
 *
 *     2026-01-02T03:04:05.123456789Z stdout F a whole line
 *     2026-01-02T03:04:05.123456789Z stderr P the beginning of a line, or one without an end
 */
#ifndef UTSUWA_MONITOR_LOG_H
#define UTSUWA_MONITOR_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A line that is longer is logged in parts. */
#define LOG_LINE_MAX (16 * 1024)

struct log {
  int directory_fd; /* −1: nothing is logged */
  const char *name;
  uint64_t max_size; /* bytes after which a new file begins; 0: never */
  uint32_t max_files;
  int fd;
  uint64_t size;
  int64_t held_since; /* seconds of CLOCK_MONOTONIC; 0: the oldest file is not waited for */
};

/* Bytes of one stream that are not logged yet. */
struct log_stream {
  const char *name;
  size_t length;
  uint8_t bytes[LOG_LINE_MAX];
};

/* Opens the file to append to it, also when it was moved away meanwhile. 0 or −errno. */
int log_open(struct log *log);

/*
 * Logs the whole lines at the beginning of the stream, or all of it when it is full or `ends`.
 * Returns how many bytes were logged: the caller takes them out of the stream.
 */
size_t log_lines(struct log *log, const struct log_stream *stream, bool ends);

/*
 * Begins a new file if the present one is full. False: not yet, because somebody reads the oldest file, which would go;
 * to be called again soon, and before anything more is logged. After some seconds the reader has lost.
 */
bool log_rotate(struct log *log);

#endif
