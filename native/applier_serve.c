/*
 * Starting one confined process a layer.
 *
 * A fork of this small program takes a tenth of a millisecond; one of a large one, such as Node, many of them.
 *
 * Assumes: started as root, single-threaded, with a SOCK_SEQPACKET socket to utsuwa, which names a layer by three
 * messages of one descriptor each: the layer's directory, where its records come from, where the report goes. Guarantees:
 * the process of a layer has those three and nothing else of this one; none of them outlives its input; a report says so
 * where a signal ended one.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "applier_tree.h"
#include "sys.h"

#define CONTROL_FD 3
/* Layers at once. With all of them busy, the next one waits in the socket. */
#define PROCESSES_MAX 16

struct process {
  int pidfd;
  int report;
};

/* Receives a descriptor; 0 at the end of the conversation. */
static int receive_fd(int control) {
  char byte;
  union {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(sizeof(int))];
  } ancillary;
  struct iovec data = {&byte, 1};
  struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = &ancillary, .msg_controllen = sizeof ancillary};
  ssize_t got;
  do got = recvmsg(control, &message, MSG_CMSG_CLOEXEC);
  while (got < 0 && errno == EINTR);
  if (got <= 0) return got == 0 ? 0 : -errno;
  const struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  if (head == NULL || head->cmsg_type != SCM_RIGHTS || head->cmsg_len != CMSG_LEN(sizeof(int))) return -EPROTO;
  int fd;
  memcpy(&fd, CMSG_DATA(head), sizeof fd);
  return fd;
}

/* What applier_confine() expects: nothing but the input, the report and, as descriptor 3, the layer's directory. */
static void arrange(int directory, int input, int report) {
  const int wanted[] = {input, report, STDERR_FILENO, directory};
  int above[4];
  for (int i = 0; i < 4; i++) above[i] = fcntl(wanted[i], F_DUPFD, 4);
  for (int i = 0; i < 4; i++)
    if (above[i] < 0 || dup2(above[i], i) < 0) _exit(EXIT_FAILURE);
  if (sys3(__NR_close_range, 4, ~0U, 0) < 0) _exit(EXIT_FAILURE);
}

/* The process of the next layer returns 1 from here, this one 0; `process` is then the other one. */
static int start(int control, struct process *process) {
  SCOPED_FD directory = receive_fd(control);
  if (directory <= 0) exit(directory == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
  SCOPED_FD input = receive_fd(control);
  SCOPED_FD report = receive_fd(control);
  if (input <= 0 || report <= 0) exit(EXIT_FAILURE);
  pid_t pid = fork();
  if (pid == 0) {
    arrange(directory, input, report);
    directory = input = report = -1;
    return 1;
  }
  *process = (struct process){pid < 0 ? -1 : (int)sys2(__NR_pidfd_open, pid, 0), sys_release(&report)};
  return 0;
}

static void reap(const struct process *process) {
  siginfo_t info = {0};
  if (waitid(P_PIDFD, (id_t)process->pidfd, &info, WEXITED) == 0 && info.si_code != CLD_EXITED) {
    const uint32_t head[3] = {APPLIER_BEGIN, APPLIER_STEP_DIED, (uint32_t)info.si_status};
    /* Whoever waited for the report may be gone. */
    (void)!write(process->report, head, sizeof head);
  }
  close(process->pidfd);
  close(process->report);
}

void applier_serve(void) {
  struct process processes[PROCESSES_MAX];
  struct pollfd polled[1 + PROCESSES_MAX] = {{.fd = CONTROL_FD, .events = POLLIN}};
  nfds_t count = 0;
  signal(SIGPIPE, SIG_IGN);
  for (;;) {
    for (nfds_t i = 0; i < count; i++) polled[1 + i] = (struct pollfd){.fd = processes[i].pidfd, .events = POLLIN};
    polled[0].fd = count < PROCESSES_MAX ? CONTROL_FD : -1;
    if (poll(polled, 1 + count, -1) < 0) {
      if (errno == EINTR) continue;
      exit(EXIT_FAILURE);
    }
    for (nfds_t i = count; i-- > 0;) {
      if (polled[1 + i].revents == 0) continue;
      reap(&processes[i]);
      processes[i] = processes[--count];
    }
    if (polled[0].fd < 0 || polled[0].revents == 0) continue;
    if (start(CONTROL_FD, &processes[count]) == 1) return;
    if (processes[count].pidfd >= 0) count++;
    else close(processes[count].report);
  }
}
