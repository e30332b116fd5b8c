/*
 * Between a container and those who care what it prints: its log, and whoever is attached.
 *
 * Assumes: every descriptor that is read or written here is non-blocking. Guarantees: what comes from one stream keeps
 * its order; nothing is read while what was read before is not passed on, so a container that prints faster than the
 * disk, or than those who are attached, waits; the log's file is the only thing that is waited for without a limit.
 */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libutsuwa.h"
#include "monitor.h"
#include "sys.h"
#include "traced.h"

#define HELD_POLL_MS 5
/* FIONREAD does not count what a terminal has not processed yet. */
#define TERMINAL_REST_MAX (1024 * 1024)

enum { SLOT_SIGNAL, SLOT_CONTROL, SLOT_CONSOLE, SLOT_LISTEN, SLOT_STDIN, SLOT_SOURCES, SLOT_CLIENTS = SLOT_SOURCES + 2 };
#define SLOTS (SLOT_CLIENTS + CLIENTS_MAX)

static void close_source(struct monitor *monitor, struct source *source) {
  log_lines(&monitor->log, &source->stream, true);
  source->stream.length = 0;
  if (source->fd == monitor->stdin_fd) monitor->stdin_fd = -1;
  if (source->fd == monitor->master_fd) monitor->master_fd = -1;
  sys_close(sys_release(&source->fd));
}

/* What is logged, and on its way to nobody any more, makes room. */
static void make_room(struct source *source) {
  struct log_stream *stream = &source->stream;
  memmove(stream->bytes, stream->bytes + source->logged, stream->length - source->logged);
  stream->length -= source->logged;
  source->logged = 0;
}

static void read_source(struct monitor *monitor, struct source *source) {
  struct log_stream *stream = &source->stream;
  uint8_t *fresh = stream->bytes + stream->length;
  ssize_t size = sys_read(source->fd, fresh, sizeof stream->bytes - stream->length);
  if (size == -EAGAIN) return;
  if (size <= 0) { /* EIO: nobody has the terminal open any more */
    close_source(monitor, source);
    return;
  }
  stream->length += (size_t)size;
  source->logged = log_lines(&monitor->log, stream, false);
  attach_output(&monitor->attach, source->frame, fresh, (size_t)size);
}

static void send_input(struct monitor *monitor) {
  struct attach *attach = &monitor->attach;
  ssize_t written = monitor->stdin_fd < 0
                        ? -EPIPE
                        : sys_write(monitor->stdin_fd, attach->input + attach->input_at, attach->input_size);
  if (written == -EAGAIN) return;
  if (written < 0) { /* it reads no more */
    attach->input_size = 0;
    return;
  }
  attach->input_at += (size_t)written;
  attach->input_size -= (size_t)written;
}

/* When what came before the end has been passed on. */
static void end_input(struct monitor *monitor) {
  if (!monitor->is_input_over || monitor->attach.input_size > 0) return;
  if (monitor->request->stdin_once == MONITOR_STDIN_ONCE_NO || monitor->stdin_fd < 0 || monitor->master_fd >= 0) return;
  sys_close(sys_release(&monitor->stdin_fd));
}

static void take_master(struct monitor *monitor) {
  uint8_t name[64];
  int32_t master = -1;
  if (utsuwa_receive(monitor->console_fd, name, sizeof name, &master) == -EAGAIN) return;
  sys_close(sys_release(&monitor->console_fd));
  if (master < 0) return;
  sys3(__NR_fcntl, master, F_SETFL, O_RDWR | O_NONBLOCK);
  monitor->master_fd = monitor->stdin_fd = monitor->sources[0].fd = master;
}

/* The creator says when the container is written down, with its PID; when it goes, it is just gone. */
static void hear_creator(struct monitor *monitor) {
  uint32_t pid;
  ssize_t size = sys_read(monitor->control_fd, &pid, sizeof pid);
  if (size == sizeof pid) {
    monitor->is_created = true;
    monitor->pid = (int32_t)pid;
  } else if (size != -EAGAIN) sys_close(sys_release(&monitor->control_fd));
}

/*
 * Whether the container is known is decided here once: what the creator sends later fails, and it then records nothing.
 * Otherwise a message that no one reads any more would leave a container that has a monitor in its record and none alive.
 */
static void hear_last_of_creator(struct monitor *monitor) {
  sys2(__NR_shutdown, monitor->control_fd, SHUT_RD);
  uint32_t pid;
  monitor->is_created = sys_read(monitor->control_fd, &pid, sizeof pid) == sizeof pid;
}

/* The last child that ends is the container: init may have gone on in a sibling of its own, before which it ends. */
static void reap(struct monitor *monitor) {
  for (;;) {
    siginfo_t info = {0};
    long result = sys5(__NR_waitid, P_ALL, 0, SYS_PTR(&info), WEXITED | WNOHANG | __WALL, 0);
    if (result == -EINTR) continue;
    if (result == -ECHILD) {
      monitor->has_ended = true;
      monitor->ended_ms = sys_monotonic_ms();
      return;
    }
    if (result < 0 || info.si_pid == 0) return;
    if (info.si_code == CLD_TRAPPED || info.si_code == CLD_STOPPED) {
      traced_let_go(info.si_pid, info.si_status & 0x7f);
      continue;
    }
    bool exited = info.si_code == CLD_EXITED;
    monitor->exit_code = exited ? info.si_status : 128 + info.si_status;
    monitor->exit_signal = exited ? 0 : info.si_status;
  }
}

static void hear_signals(struct monitor *monitor) {
  struct signalfd_siginfo info;
  while (sys_read(monitor->signal_fd, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGCHLD) continue; /* several may have come as one */
    monitor->is_stopping = true;
    if (monitor->pid > 0 && !monitor->has_ended) sys2(__NR_kill, monitor->pid, info.ssi_signo);
  }
  reap(monitor);
}

static void hear_client(struct monitor *monitor, struct client *client) {
  struct attach_event event = attach_receive(&monitor->attach, client);
  switch (event.kind) {
  case ATTACH_NOTHING: break;
  case ATTACH_INPUT_END: monitor->is_input_over = true; break;
  case ATTACH_RESIZE:
    if (monitor->master_fd >= 0) utsuwa_set_terminal_size(monitor->master_fd, event.columns, event.rows);
    break;
  case ATTACH_REOPEN:
    log_open(&monitor->log);
    attach_tell(&monitor->attach, client, MONITOR_FRAME_REOPEN, NULL, 0);
    break;
  }
  if (monitor->attach.input_size > 0) send_input(monitor);
}

/* Until the last output is with those who are attached, and the log is ready for more. */
static void settle(struct monitor *monitor) {
  while (attach_is_busy(&monitor->attach) || !log_rotate(&monitor->log)) {
    poll(NULL, 0, HELD_POLL_MS);
    attach_send(&monitor->attach);
  }
  for (size_t i = 0; i < 2; i++) make_room(&monitor->sources[i]);
}

/*
 * After the end: what is in a stream now, and no more. Somebody else may have its other end, and would keep the monitor
 * for as long as he has it.
 */
static void drain(struct monitor *monitor) {
  if (monitor->control_fd >= 0 && !monitor->is_created) hear_last_of_creator(monitor);
  if (monitor->console_fd >= 0) take_master(monitor);
  settle(monitor);
  for (size_t i = 0; i < 2; i++) {
    struct source *source = &monitor->sources[i];
    int left = TERMINAL_REST_MAX;
    if (source->fd >= 0 && source->fd != monitor->master_fd) sys3(__NR_ioctl, source->fd, FIONREAD, SYS_PTR(&left));
    while (source->fd >= 0 && left > 0) {
      size_t before = source->stream.length;
      read_source(monitor, source);
      if (source->fd < 0 || source->stream.length == before) break;
      left -= (int)(source->stream.length - before);
      settle(monitor);
    }
    if (source->fd >= 0) close_source(monitor, source);
  }
}

static void handle(struct monitor *monitor, const struct pollfd *polled) {
  if (polled[SLOT_SIGNAL].revents != 0) hear_signals(monitor);
  if (polled[SLOT_CONTROL].revents != 0) hear_creator(monitor);
  if (polled[SLOT_CONSOLE].revents != 0) take_master(monitor);
  if (polled[SLOT_STDIN].revents != 0) send_input(monitor);
  attach_send(&monitor->attach);
  for (size_t i = 0; i < CLIENTS_MAX; i++)
    if ((polled[SLOT_CLIENTS + i].revents & ~POLLOUT) != 0 && monitor->attach.clients[i].fd == polled[SLOT_CLIENTS + i].fd)
      hear_client(monitor, &monitor->attach.clients[i]);
  end_input(monitor);
  if (polled[SLOT_LISTEN].revents != 0) attach_accept(&monitor->attach);
  for (size_t i = 0; i < 2 && !attach_is_busy(&monitor->attach); i++) {
    struct source *source = &monitor->sources[i];
    if (source->logged > 0) make_room(source);
    if (polled[SLOT_SOURCES + i].revents != 0 && source->fd == polled[SLOT_SOURCES + i].fd) read_source(monitor, source);
  }
}

void monitor_relay(struct monitor *monitor) {
  static struct pollfd polled[SLOTS];
  while (!monitor->has_ended) {
    bool is_busy = attach_is_busy(&monitor->attach);
    bool is_held = !is_busy && !log_rotate(&monitor->log);
    polled[SLOT_SIGNAL] = (struct pollfd){.fd = monitor->signal_fd, .events = POLLIN};
    polled[SLOT_CONTROL] = (struct pollfd){.fd = monitor->control_fd, .events = POLLIN};
    polled[SLOT_CONSOLE] = (struct pollfd){.fd = monitor->console_fd, .events = POLLIN};
    polled[SLOT_LISTEN] = (struct pollfd){.fd = monitor->attach.listen_fd, .events = POLLIN};
    polled[SLOT_STDIN] = (struct pollfd){.fd = monitor->attach.input_size > 0 ? monitor->stdin_fd : -1, .events = POLLOUT};
    for (size_t i = 0; i < 2; i++)
      polled[SLOT_SOURCES + i] = (struct pollfd){.fd = is_busy || is_held ? -1 : monitor->sources[i].fd, .events = POLLIN};
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
      const struct client *client = &monitor->attach.clients[i];
      polled[SLOT_CLIENTS + i] = (struct pollfd){.fd = client->fd, .events = attach_events(&monitor->attach, client)};
    }
    int timeout = is_held ? HELD_POLL_MS : attach_timeout(&monitor->attach);
    if (poll(polled, SLOTS, timeout) < 0) continue;
    handle(monitor, polled);
  }
  drain(monitor);
}
