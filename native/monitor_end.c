/*
 * The end of a container, as seen by its monitor.
 *
 * Guarantees: `exit.json` is there whole or not at all, and before anybody is told; a restart that the policy wants
 * does not come about when somebody has stopped the container, or stops it while the monitor waits.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "monitor.h"
#include "sys.h"

#define LONG_RUN_MS 10000
#define FIRST_DELAY_MS 100
/* Made by whoever stops the container, before its processes get a signal. */
#define STOP_FILE "stopped"

static bool is_stopped(const struct monitor *monitor) {
  SCOPED_FD file = sys_openat((int)monitor->request->directory_fd, STOP_FILE, O_PATH | O_NOFOLLOW, 0);
  return monitor->is_stopping || file >= 0;
}

static bool wants_restart(const struct monitor *monitor) {
  const struct monitor_begin *request = monitor->request;
  if (!monitor->is_created || is_stopped(monitor)) return false;
  switch (request->restart) {
  case MONITOR_RESTART_NO: return false;
  case MONITOR_RESTART_ON_FAILURE: return monitor->exit_code != 0 && request->restarts_left > 0;
  case MONITOR_RESTART_ALWAYS: return true;
  }
  return false;
}

static void write_exit(const struct monitor *monitor, bool restarts, uint32_t delay) {
  char text[256];
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  int length = snprintf(text, sizeof text,
                        "{\"exitCode\":%d,\"signal\":%d,\"finished\":%lld,\"ran\":%lld,\"restarts\":%s,\"delay\":%u}\n",
                        monitor->exit_code, monitor->exit_signal, (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000,
                        (long long)(monitor->ended_ms - monitor->launched_ms), restarts ? "true" : "false", delay);
  int directory = (int)monitor->request->directory_fd;
  SCOPED_FD file = sys_openat(directory, "exit.json.new", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
  if (file < 0 || sys_write(file, text, (size_t)length) != length) return;
  sys4(__NR_renameat, directory, SYS_PTR("exit.json.new"), directory, SYS_PTR("exit.json"));
}

static void tell_everybody(struct monitor *monitor) {
  const int32_t how[2] = {monitor->exit_code, monitor->exit_signal};
  attach_tell(&monitor->attach, NULL, MONITOR_FRAME_EXIT, how, sizeof how);
  for (size_t i = 0; i < CLIENTS_MAX; i++)
    if (monitor->attach.clients[i].fd >= 0) attach_drop(&monitor->attach.clients[i]);
  sys_close(monitor->attach.listen_fd); /* who comes now reads exit.json */
  if (monitor->control_fd < 0) return;
  sys6(__NR_sendto, monitor->control_fd, SYS_PTR(how), sizeof how, MSG_NOSIGNAL | MSG_DONTWAIT, 0, 0);
  sys_close(sys_release(&monitor->control_fd));
}

/* False when somebody stops the container meanwhile. */
static bool wait_for_restart(struct monitor *monitor, uint32_t delay) {
  struct pollfd stop = {.fd = monitor->signal_fd, .events = POLLIN};
  for (int64_t end = sys_monotonic_ms() + delay, now; (now = sys_monotonic_ms()) < end;) {
    if (poll(&stop, 1, (int)(end - now)) <= 0) continue;
    struct signalfd_siginfo info;
    while (sys_read(monitor->signal_fd, &info, sizeof info) == sizeof info)
      if (info.ssi_signo != SIGCHLD) return false;
  }
  return !is_stopped(monitor);
}

static char **copy_strings(const struct wire_strings *strings, const char *more) {
  char **list = calloc((size_t)strings->count + 2, sizeof *list);
  if (list == NULL) return NULL;
  const char *string = strings->first;
  for (uint32_t i = 0; i < strings->count; i++, string = wire_next(string)) list[i] = (char *)(uintptr_t)string;
  list[strings->count] = (char *)(uintptr_t)more;
  return list;
}

static __attribute__((noreturn)) void become_cleaner(const struct monitor *monitor, bool restarts) {
  char **args = copy_strings(&monitor->request->ended, restarts ? "restart" : NULL);
  char **env = copy_strings(&monitor->request->environment, NULL);
  int complaints = sys_openat((int)monitor->request->directory_fd, "cleanup.log",
                              O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600);
  if (complaints >= 0) sys3(__NR_dup3, complaints, 2, 0);
  const uint64_t none = 0;
  sys4(__NR_rt_sigprocmask, SIG_SETMASK, SYS_PTR(&none), 0, sizeof none);
  sys_close_on_exec_from(3);
  if (args != NULL && env != NULL) sys3(__NR_execve, SYS_PTR(args[0]), SYS_PTR(args), SYS_PTR(env));
  sys1(__NR_exit_group, 1);
  __builtin_unreachable();
}

void monitor_end(struct monitor *monitor) {
  bool is_long = monitor->ended_ms - monitor->launched_ms >= LONG_RUN_MS;
  uint32_t delay = is_long ? FIRST_DELAY_MS : monitor->request->restart_delay;
  bool restarts = wants_restart(monitor);
  write_exit(monitor, restarts, delay);
  tell_everybody(monitor);
  /* Of a container that was never written down there is nothing but what its creator removes. */
  if (!monitor->is_created) sys1(__NR_exit_group, 0);
  become_cleaner(monitor, restarts && wait_for_restart(monitor, delay));
}
