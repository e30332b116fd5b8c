/*
 * Where init waits for somebody: its parent at a barrier, a hook, the start.
 *
 * Assumes: report_fd is the parent's socket. Guarantees: when whoever must speak next is gone for good, init ends
 * instead of waiting for ever; a hook's time limit holds whatever the hook does.
 */
#include <linux/memfd.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "init.h"
#include "sys.h"

#define ANSWER_MAX (192 * 1024) /* below what one datagram on a Unix socket can hold by default */

static int wait_for_word(int socket) {
  char word;
  ssize_t size = report_receive(socket, &word, 1);
  return size == 1 ? 0 : size < 0 ? (int)size : -ECANCELED;
}

int init_barrier(struct init *init, const struct plan_barrier *op) {
  /* A socket belongs to the network namespace that it was made in: with this one the launcher is at work in ours. */
  SCOPED_FD lent = op->name == PLAN_BARRIER_NAME_NETWORK ? sys_route_socket() : -1;
  if (op->name == PLAN_BARRIER_NAME_NETWORK && lent < 0) return lent;
  int result = report_send(init->report_fd, PLAN_REPORT_BARRIER, init->index, 0, "", lent);
  if (result < 0) return result;
  if (op->name != PLAN_BARRIER_NAME_NAMESPACES) return wait_for_word(init->report_fd);
  uint8_t *answer = malloc(ANSWER_MAX);
  if (answer == NULL) return -ENOMEM;
  ssize_t size = report_receive(init->report_fd, answer, ANSWER_MAX);
  if (size <= 0) return size < 0 ? (int)size : -ECANCELED;
  init->hook_state = answer;
  init->hook_state_size = (size_t)size;
  return 0;
}

/*
 * The state as a file, so that a hook which never reads cannot block init. The answer at the barrier holds two: up to
 * its NUL that for hooks before the pivot (createContainer), behind it that for later ones (startContainer).
 */
static int state_file(const struct init *init) {
  SCOPED_FD fd = (int)sys2(__NR_memfd_create, SYS_PTR("state"), MFD_CLOEXEC);
  if (fd < 0) return fd;
  size_t size = strnlen((const char *)init->hook_state, init->hook_state_size);
  const uint8_t *state = init->hook_state;
  if (init->pivoted && size < init->hook_state_size) {
    state += size + 1;
    size = init->hook_state_size - size - 1;
  }
  ssize_t written = sys_write(fd, state, size);
  if (written < 0) return (int)written;
  long result = sys3(__NR_lseek, fd, 0, SEEK_SET);
  return result < 0 ? (int)result : sys_release(&fd);
}

static void exec_hook(const struct plan_run_hook *op, int state) {
  char **args = calloc((size_t)op->args.count + 2, sizeof *args);
  char **env = calloc((size_t)op->env.count + 1, sizeof *env);
  if (args == NULL || env == NULL) return;
  const char *string = op->args.first;
  for (uint32_t i = 0; i < op->args.count; i++, string = wire_next(string)) args[i] = (char *)(uintptr_t)string;
  if (op->args.count == 0) args[0] = (char *)(uintptr_t)op->path;
  string = op->env.first;
  for (uint32_t i = 0; i < op->env.count; i++, string = wire_next(string)) env[i] = (char *)(uintptr_t)string;
  const uint64_t none = 0;
  sys4(__NR_rt_sigprocmask, SIG_SETMASK, SYS_PTR(&none), 0, sizeof none);
  sys3(__NR_dup3, state, 0, 0);
  sys_close_on_exec_from(3);
  sys3(__NR_execve, SYS_PTR(op->path), SYS_PTR(args), SYS_PTR(env));
}

int init_run_hook(struct init *init, const struct plan_run_hook *op) {
  SCOPED_FD state = state_file(init);
  if (state < 0) return state;
  int pidfd_number = -1;
  struct clone_args args = {
      .flags = CLONE_PIDFD, .pidfd = (uint64_t)(uintptr_t)&pidfd_number, .exit_signal = SIGCHLD};
  int child = sys_clone3(&args);
  if (child < 0) return child;
  if (child == 0) {
    exec_hook(op, state);
    sys1(__NR_exit_group, 127);
  }
  SCOPED_FD pidfd = pidfd_number;
  struct pollfd ended = {.fd = pidfd, .events = POLLIN};
  const struct timespec limit = {op->timeout_ms / 1000, (long)(op->timeout_ms % 1000) * 1000000};
  long ready = sys5(__NR_ppoll, SYS_PTR(&ended), 1, op->timeout_ms == 0 ? 0 : SYS_PTR(&limit), 0, 8);
  if (ready <= 0) sys4(__NR_pidfd_send_signal, pidfd, SIGKILL, 0, 0);
  int status = 0;
  long waited;
  do waited = sys4(__NR_wait4, child, SYS_PTR(&status), 0, 0);
  while (waited == -EINTR);
  if (waited < 0) return (int)waited;
  if (ready == 0) return -ETIMEDOUT;
  if (ready < 0) return (int)ready;
  if (status == 0) return 0;
  snprintf(init->detail, sizeof init->detail, "%s %d", WIFEXITED(status) ? "exit" : "signal",
           WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
  return -ECHILD;
}

int init_wait_for_start(struct init *init, const struct plan_wait_for_start *op) {
  if (init->empty_fd >= 0) sys_close(init->empty_fd); /* it may wait for long, with nothing open that it does not need */
  int result = report_send(init->report_fd, PLAN_REPORT_READY, init->index, 0, "", -1);
  if (result < 0) return result;
  if (op->gate_fd < 0) return wait_for_word(init->report_fd);
  sys_close(init->report_fd);
  for (;;) {
    int starter;
    do starter = (int)sys4(__NR_accept4, op->gate_fd, 0, 0, SOCK_CLOEXEC);
    while (starter == -EINTR || starter == -ECONNABORTED);
    if (starter < 0) return starter;
    if (wait_for_word(starter) == 0) {
      init->report_fd = starter;
      sys_close(op->gate_fd); /* a second starter is refused from now on */
      return 0;
    }
    sys_close(starter); /* it died before it spoke: the next one may start */
  }
}

/* A starter that is gone has given its word nevertheless. */
int init_announce(struct init *init) {
  int result = report_send(init->report_fd, PLAN_REPORT_EXECUTING, init->index, 0, "", -1);
  return result == -EPIPE || result == -ECONNRESET ? 0 : result;
}
