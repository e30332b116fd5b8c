/*
 * monitor: the parent of a container that outlives the command that made it.
 *
 *     utsuwa-monitor REQUEST_FD _
 *
 * Assumes: executed by utsuwa with /dev/null as descriptors 0–2, the request of src/launch/monitor-request.ts at
 * REQUEST_FD, and the descriptors that it names. Guarantees: it goes on in a session of its own, as the child of
 * whoever adopts orphans; it makes the container's first process, by the same code as libutsuwa does in Node; it keeps
 * the log, serves those who attach, writes down the end, and restarts by policy (docs/adr/0009-monitor.md).
 *
 * It is static, and does without memory from the heap while the container runs: it costs a few pages.
 */
#include "monitor.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libutsuwa.h"
#include "report.h"
#include "sys.h"

/* In a session of its own no terminal's hang-up reaches it; as an orphan it is nobody's zombie. */
static void detach(void) {
  pid_t child = fork();
  if (child != 0) sys1(__NR_exit_group, child < 0);
  setsid();
}

/* `utsuwa-monitor ID` for those who list processes, as much of it as there is room for in place of the arguments. */
static void show_id(char **argv, const char *id) {
  static const char name[] = "utsuwa-monitor";
  char *title = argv[0], *end = argv[2] + strlen(argv[2]);
  prctl(PR_SET_NAME, name);
  memset(title, 0, (size_t)(end - title));
  snprintf(title, (size_t)(end - title) + 1, "%s %s", name, id);
}

/* SIGHUP means nothing to it; what asks it to end is passed on to the container. */
static int open_signals(void) {
  signal(SIGHUP, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigprocmask(SIG_SETMASK, &set, NULL);
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void set_nonblocking(int fd, int access) {
  if (fd >= 0) sys3(__NR_fcntl, fd, F_SETFL, access | O_NONBLOCK);
}

static int launch(struct monitor *monitor) {
  const struct monitor_begin *request = monitor->request;
  struct {
    int32_t status, monitor;
    struct utsuwa_launch_result result;
  } answer = {.monitor = getpid()}; /* read by offset in src/launch/monitor.ts */
  int32_t fds[1024];
  uint32_t count = request->launch_fds.size / sizeof *fds;
  if (count > sizeof fds / sizeof *fds) return -EINVAL;
  memcpy(fds, request->launch_fds.data, request->launch_fds.size);
  monitor->launched_ms = sys_monotonic_ms();
  answer.status = (int32_t)utsuwa_launch(request->host_stage.data, request->host_stage.size, fds, count, request->plan_fd,
                                         &answer.result);
  /* What the container has now is its own: its pipes end with it. */
  for (uint32_t i = 0; i < count; i++)
    if (fds[i] >= (int32_t)request->first_launch_fd) sys_close(fds[i]);
  const struct wire_bytes bytes = {(const uint8_t *)&answer, sizeof answer};
  int sent = socket_send(monitor->control_fd, &bytes, 1, answer.result.pidfd);
  if (answer.result.pidfd >= 0) sys_close(answer.result.pidfd);
  return answer.status < 0 ? answer.status : sent;
}

/* Field by field: the buffer's pages stay untouched until there is something in them. */
static void open_source(struct source *source, int fd, enum monitor_frame frame, const char *name) {
  source->fd = fd;
  source->frame = frame;
  source->stream.name = name;
}

static int open_sources(struct monitor *monitor, const struct monitor_begin *request) {
  open_source(&monitor->sources[0], request->stdout_fd, MONITOR_FRAME_OUTPUT, "stdout");
  open_source(&monitor->sources[1], request->stderr_fd, MONITOR_FRAME_ERRORS, "stderr");
  set_nonblocking(request->stdout_fd, O_RDONLY);
  set_nonblocking(request->stderr_fd, O_RDONLY);
  set_nonblocking(request->stdin_fd, O_WRONLY);
  set_nonblocking((int)request->control_fd, O_RDWR);
  monitor->log = (struct log){
      .directory_fd = request->log_directory_fd,
      .name = request->log_name,
      .max_size = request->log_max_size,
      .max_files = request->log_max_files,
      .fd = -1,
  };
  return log_open(&monitor->log);
}

static int begin(struct monitor *monitor, const struct monitor_begin *request) {
  monitor->request = request;
  monitor->control_fd = (int)request->control_fd;
  monitor->console_fd = request->console_fd;
  monitor->stdin_fd = request->stdin_fd;
  monitor->master_fd = -1;
  int result = open_sources(monitor, request);
  if (result < 0) return result;
  int listening = (int)utsuwa_listen(SOCK_STREAM, (int)request->directory_fd, "attach.sock");
  if (listening < 0) return listening;
  attach_init(&monitor->attach, listening);
  monitor->signal_fd = open_signals();
  return monitor->signal_fd < 0 ? -errno : launch(monitor);
}

int main(int argc, char **argv) {
  static struct monitor monitor;
  static struct monitor_begin request;
  if (argc != 3) return 2;
  detach();
  int request_fd = (int)strtol(argv[1], NULL, 10);
  struct stat info;
  if (fstat(request_fd, &info) < 0) return 1;
  const uint8_t *bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, request_fd, 0);
  if (bytes == MAP_FAILED) return 1;
  sys_close(request_fd);
  int result = monitor_read_request(bytes, (size_t)info.st_size, &request);
  if (result < 0 || chdir("/") < 0) return 1;
  show_id(argv, request.id);
  result = begin(&monitor, &request);
  if (result < 0) return 1;
  monitor_relay(&monitor);
  monitor_end(&monitor);
}
