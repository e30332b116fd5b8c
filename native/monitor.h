/* The state of a monitor, and what its parts do: monitor.c is the table of contents. */
#ifndef UTSUWA_MONITOR_STATE_H
#define UTSUWA_MONITOR_STATE_H

#include "monitor_attach.h"
#include "monitor_log.h"
#include "monitor_request.h"

struct source {
  int fd; /* −1: it has ended */
  enum monitor_frame frame;
  struct log_stream stream;
  size_t logged; /* bytes at the beginning of the stream that go when the clients have them */
};

struct monitor {
  const struct monitor_begin *request;
  int control_fd; /* to the creator; −1 when it is gone */
  int signal_fd;
  int console_fd; /* the socket that the master comes over; −1 when it has come */
  int stdin_fd;   /* the container's standard input, or the terminal's master; −1: none */
  int master_fd;  /* the terminal's, or −1 */
  struct source sources[2];
  struct log log;
  struct attach attach;
  int32_t pid;    /* of the container's first process, to pass signals on to */
  bool is_created; /* the creator has said that it records the container, or has done so */
  bool has_ended;
  bool is_stopping; /* somebody wants it to end: no restart */
  bool is_input_over; /* an attached client has said so */
  int32_t exit_code, exit_signal;
  int64_t launched_ms, ended_ms;
};

/* monitor_request.c: the request, checked. 0 or −errno. */
int monitor_read_request(const uint8_t *bytes, size_t size, struct monitor_begin *request);

/* monitor_relay.c: passes on what the container prints and reads, until it has ended and all of it is passed on. */
void monitor_relay(struct monitor *monitor);

/* monitor_end.c: records how the container ended, and runs the command that cleans up until it succeeds. Does not return. */
void monitor_end(struct monitor *monitor) __attribute__((noreturn));

#endif
