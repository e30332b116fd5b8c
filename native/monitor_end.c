/*
 * The end of a container, as seen by its monitor.
 *
 * Assumes: the creator has left `exit.json.new` in the container's directory, with room for what is written here, so
 * that an end can be recorded on a file system that is full by then. Guarantees: `exit.json` is there whole or not at
 * all, and before anybody is told; a restart that the policy wants does not come about when somebody has stopped the
 * container, or stops it while the monitor waits; a restart that fails, in whichever way, is tried again.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "monitor.h"
#include "sys.h"

#define LONG_RUN_MS 10000
#define FIRST_DELAY_MS 100
#define LONGEST_DELAY_MS 60000
/* How often a clean-up that fails is tried when no restart follows: then it is left to the next `utsuwa ps`. */
#define CLEAN_UPS_MAX 5
/* Made by whoever stops the container, before its processes get a signal. */
#define STOP_FILE "stopped"
/* Made by the command that removes the container. */
#define REMOVAL_FILE "removed"
/* In a container's directory for as long as that is known under its id. */
#define STATE_FILE "state.json"

static bool has_file(const struct monitor *monitor, const char *name) {
  SCOPED_FD file = sys_openat((int)monitor->request->directory_fd, name, O_PATH | O_NOFOLLOW, 0);
  return file >= 0;
}

static bool is_stopped(const struct monitor *monitor) { return monitor->is_stopping || has_file(monitor, STOP_FILE); }

static bool is_removed(const struct monitor *monitor) {
  return has_file(monitor, REMOVAL_FILE) || !has_file(monitor, STATE_FILE);
}

/* `failed`: restarts after this end that came to nothing; they count as restarts, as with docker. */
static bool wants_restart(const struct monitor *monitor, uint32_t failed) {
  const struct monitor_begin *request = monitor->request;
  if (!monitor->is_created || is_stopped(monitor)) return false;
  switch (request->restart) {
  case MONITOR_RESTART_NO: return false;
  case MONITOR_RESTART_ON_FAILURE: return monitor->exit_code != 0 && request->restarts_left > failed;
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
  /* Not truncated before: the pages that it has are the ones that a full file system still gives. */
  SCOPED_FD file = sys_openat(directory, "exit.json.new", O_WRONLY | O_CREAT | O_NOFOLLOW, 0600);
  if (file < 0 || sys_write(file, text, (size_t)length) != length) return;
  if (sys2(__NR_ftruncate, file, length) < 0) return;
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

/* What asks the monitor to end asks it not to start the container again. */
static void hear_stop(struct monitor *monitor) {
  struct signalfd_siginfo info;
  while (sys_read(monitor->signal_fd, &info, sizeof info) == sizeof info)
    if (info.ssi_signo != SIGCHLD) monitor->is_stopping = true;
}

/* Ends early when somebody stops or removes the container. */
static void wait_for_turn(struct monitor *monitor, uint32_t delay) {
  struct pollfd signals = {.fd = monitor->signal_fd, .events = POLLIN};
  for (int64_t end = sys_monotonic_ms() + delay, now; (now = sys_monotonic_ms()) < end && !monitor->is_stopping;)
    if (poll(&signals, 1, (int)(end - now)) > 0) hear_stop(monitor);
}

static char **copy_strings(const struct wire_strings *strings, char *const more[3]) {
  char **list = calloc((size_t)strings->count + 4, sizeof *list);
  if (list == NULL) return NULL;
  const char *string = strings->first;
  for (uint32_t i = 0; i < strings->count; i++, string = wire_next(string)) list[i] = (char *)(uintptr_t)string;
  for (uint32_t i = 0; i < 3; i++) list[strings->count + i] = more[i];
  return list;
}

/* `attempt`: the number of the restart that it is to try, 0 when it only cleans up. */
static __attribute__((noreturn)) void become_cleaner(const struct monitor *monitor, uint32_t attempt, uint32_t delay) {
  static char restart[] = "restart";
  char number[16], milliseconds[16];
  snprintf(number, sizeof number, "%u", attempt);
  snprintf(milliseconds, sizeof milliseconds, "%u", delay);
  char *const more[3] = {attempt > 0 ? restart : NULL, number, milliseconds}, *const none_more[3] = {NULL, NULL, NULL};
  char **args = copy_strings(&monitor->request->ended, more);
  char **env = copy_strings(&monitor->request->environment, none_more);
  /* Of the last attempt alone: there is no limit to how many there are. */
  int complaints = sys_openat((int)monitor->request->directory_fd, "cleanup.log",
                              O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
  if (complaints >= 0) sys3(__NR_dup3, complaints, 2, 0);
  const uint64_t none = 0;
  sys4(__NR_rt_sigprocmask, SIG_SETMASK, SYS_PTR(&none), 0, sizeof none);
  sys_close_on_exec_from(3);
  if (args != NULL && env != NULL) sys3(__NR_execve, SYS_PTR(args[0]), SYS_PTR(args), SYS_PTR(env));
  sys1(__NR_exit_group, 1);
  __builtin_unreachable();
}

/* False when it fails, is killed, or cannot even begin. A stop that comes meanwhile is for the next turn. */
static bool clean_up(struct monitor *monitor, uint32_t attempt, uint32_t delay) {
  pid_t child = fork();
  if (child == 0) become_cleaner(monitor, attempt, delay);
  if (child < 0) return false;
  struct pollfd signals = {.fd = monitor->signal_fd, .events = POLLIN};
  for (int status;;) {
    long ended = sys4(__NR_wait4, child, SYS_PTR(&status), WNOHANG, 0);
    if (ended == child) return WIFEXITED(status) && WEXITSTATUS(status) == 0;
    if (ended < 0 && ended != -EINTR) return false;
    if (poll(&signals, 1, -1) > 0) hear_stop(monitor);
  }
}

void monitor_end(struct monitor *monitor) {
  bool is_long = monitor->ended_ms - monitor->launched_ms >= LONG_RUN_MS;
  uint32_t delay = is_long ? FIRST_DELAY_MS : monitor->request->restart_delay;
  bool restarts = wants_restart(monitor, 0);
  /* Of a container that was never written down there is nothing but what its creator removes. */
  if (monitor->is_created) write_exit(monitor, restarts, delay);
  tell_everybody(monitor);
  if (!monitor->is_created) sys1(__NR_exit_group, 0);
  for (uint32_t attempt = 1, clean_ups = 0; clean_ups < CLEAN_UPS_MAX; attempt++) {
    if (restarts || clean_ups > 0) wait_for_turn(monitor, delay);
    restarts = restarts && wants_restart(monitor, attempt - 1);
    if (is_removed(monitor) || clean_up(monitor, restarts ? attempt : 0, delay)) sys1(__NR_exit_group, 0);
    if (!restarts) clean_ups++;
    delay = delay < LONGEST_DELAY_MS / 2 ? delay * 2 : LONGEST_DELAY_MS;
  }
  sys1(__NR_exit_group, 1);
  __builtin_unreachable();
}
