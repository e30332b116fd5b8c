/* See libutsuwa.h. One function a system call; the launch is in libutsuwa_launch.c. */
#include "libutsuwa.h"

#include <asm/termbits.h>
#include <linux/memfd.h>
#include <linux/nsfs.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "report.h"
#include "sys.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020
#endif

/* src/sys/ffi.ts reads these structs by offset. */
_Static_assert(offsetof(struct utsuwa_launch_result, pidfd) == 4, "layout");
_Static_assert(offsetof(struct utsuwa_launch_result, failed_index) == 8, "layout");
_Static_assert(offsetof(struct utsuwa_launch_result, cgroup_created) == 12, "layout");
_Static_assert(offsetof(struct utsuwa_launch_result, cgroup_ready_ns) == 16, "layout");
_Static_assert(offsetof(struct utsuwa_launch_result, executed_ns) == 24, "layout");
_Static_assert(offsetof(struct utsuwa_launch_result, detail) == 32, "layout");
_Static_assert(sizeof(struct utsuwa_launch_result) == 288, "layout");
_Static_assert(offsetof(struct utsuwa_exit, signal) == 4, "layout");
_Static_assert(offsetof(struct utsuwa_exit, user_us) == 8, "layout");
_Static_assert(sizeof(struct utsuwa_exit) == 24, "layout");

int64_t utsuwa_sealed_memfd(const char *name, const uint8_t *data, uint64_t size) {
  SCOPED_FD fd = (int)sys2(__NR_memfd_create, SYS_PTR(name), MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
  /* Kernels before 6.3 do not know MFD_EXEC; there every memfd is executable. */
  if (fd == -EINVAL) fd = (int)sys2(__NR_memfd_create, SYS_PTR(name), MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return fd;
  for (uint64_t done = 0; done < size;) {
    ssize_t written = sys_write(fd, data + done, size - done);
    if (written < 0) return written;
    done += (uint64_t)written;
  }
  const int content = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  /* The mode too: who gets at init by /proc/PID/exe, as its owner, could make it a file that nobody may execute. */
  long result = sys3(__NR_fcntl, fd, F_ADD_SEALS, content | F_SEAL_EXEC);
  if (result == -EINVAL) result = sys3(__NR_fcntl, fd, F_ADD_SEALS, content); /* before Linux 6.3 */
  if (result < 0) return result;
  char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return sys_openat(AT_FDCWD, path, O_RDONLY, 0);
}

int64_t utsuwa_openat2(int32_t dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
  return sys_openat2(dir, path, flags, mode, resolve);
}

int64_t utsuwa_flock(int32_t fd, int32_t operation) {
  long result;
  do result = sys2(__NR_flock, fd, operation);
  while (result == -EINTR);
  return result;
}

int64_t utsuwa_open_tree(int32_t dir, const char *path, uint32_t flags) { return sys_open_tree(dir, path, flags); }
int64_t utsuwa_move_mount(int32_t mount, const char *path) {
  return sys_move_mount(mount, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH);
}
int64_t utsuwa_mount_setattr(int32_t mount, uint32_t flags, uint64_t set, uint64_t clear, uint64_t propagation,
                             int32_t userns_fd) {
  const struct mount_attr attr = {
      .attr_set = set, .attr_clr = clear, .propagation = propagation, .userns_fd = (uint64_t)userns_fd};
  return sys_mount_setattr(mount, "", AT_EMPTY_PATH | flags, &attr);
}

int64_t utsuwa_fsopen(const char *type) { return sys_fsopen(type); }
int64_t utsuwa_fsconfig(int32_t fs, uint32_t command, const char *key, const char *value, int32_t aux) {
  return sys_fsconfig(fs, command, key, value, aux);
}
int64_t utsuwa_fsmount(int32_t fs, uint32_t attributes) { return sys_fsmount(fs, attributes); }
int64_t utsuwa_mount(const char *source, const char *target, const char *type, uint64_t flags, const char *data) {
  return sys5(__NR_mount, SYS_PTR(source), SYS_PTR(target), SYS_PTR(type), flags, SYS_PTR(data));
}
int64_t utsuwa_umount2(const char *target, int32_t flags) { return sys_umount2(target, flags); }

int64_t utsuwa_owner_of_namespace(int32_t fd) { return sys3(__NR_ioctl, fd, NS_GET_USERNS, 0); }

int64_t utsuwa_pidfd_open(int32_t pid) { return sys2(__NR_pidfd_open, pid, 0); }
int64_t utsuwa_pidfd_send_signal(int32_t pidfd, int32_t signal) {
  return sys4(__NR_pidfd_send_signal, pidfd, signal, 0, 0);
}

static uint64_t microseconds(const struct timeval *time) {
  return (uint64_t)time->tv_sec * 1000000u + (uint64_t)time->tv_usec;
}

int64_t utsuwa_pidfd_wait(int32_t pidfd, struct utsuwa_exit *out) {
  siginfo_t info = {0};
  struct rusage usage = {0};
  long result;
  do result = sys5(__NR_waitid, P_PIDFD, pidfd, SYS_PTR(&info), WEXITED | WNOHANG, SYS_PTR(&usage));
  while (result == -EINTR);
  if (result < 0) return result;
  /* A child that has itself traced by us is also reported when it stops. */
  if (info.si_pid == 0 || info.si_code == CLD_TRAPPED || info.si_code == CLD_STOPPED) return 0;
  *out = (struct utsuwa_exit){
      .code = info.si_status,
      .signal = info.si_code != CLD_EXITED,
      .user_us = microseconds(&usage.ru_utime),
      .system_us = microseconds(&usage.ru_stime),
  };
  return 1;
}

int64_t utsuwa_reap_group(int32_t group) {
  for (;;) {
    siginfo_t info = {0};
    long result = sys5(__NR_waitid, P_PGID, group, SYS_PTR(&info), WEXITED | WNOHANG | __WALL, 0);
    if (result == -ECHILD) return 0;
    if (result == 0 && info.si_pid == 0) return 1;
    if (result < 0 && result != -EINTR) return result;
  }
}

int64_t utsuwa_socketpair(int32_t type, int32_t fds[2]) {
  return sys4(__NR_socketpair, AF_UNIX, type | SOCK_CLOEXEC, 0, SYS_PTR(fds));
}

int64_t utsuwa_syncfs(int32_t fd) { return sys1(__NR_syncfs, fd); }

int64_t utsuwa_pipe(int32_t fds[2]) { return sys2(__NR_pipe2, SYS_PTR(fds), O_CLOEXEC); }

int64_t utsuwa_listen(int32_t type, int32_t dir, const char *name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int length = snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", dir, name);
  if (length < 0 || (size_t)length >= sizeof address.sun_path) return -ENAMETOOLONG;
  SCOPED_FD fd = (int)sys3(__NR_socket, AF_UNIX, type | SOCK_CLOEXEC, 0);
  if (fd < 0) return fd;
  /* bind(2) makes the file with the socket's own mode: nobody else may connect, whatever the umask. */
  long result = sys2(__NR_fchmod, fd, 0600);
  if (result == 0) result = sys3(__NR_bind, fd, SYS_PTR(&address), sizeof address);
  if (result == 0 && type != SOCK_DGRAM) result = sys2(__NR_listen, fd, 8);
  return result < 0 ? result : sys_release(&fd);
}

int64_t utsuwa_connect(int32_t type, const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  SCOPED_FD target = sys_openat(AT_FDCWD, path, O_PATH, 0);
  if (target < 0) return target;
  snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", target);
  SCOPED_FD fd = (int)sys3(__NR_socket, AF_UNIX, type | SOCK_CLOEXEC, 0);
  if (fd < 0) return fd;
  long result = sys3(__NR_connect, fd, SYS_PTR(&address), sizeof address);
  return result < 0 ? result : sys_release(&fd);
}

int64_t utsuwa_route_socket(void) { return sys_route_socket(); }

int64_t utsuwa_receive(int32_t socket, uint8_t *buffer, uint64_t size, int32_t *fd) {
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(int))];
  } control;
  struct iovec part = {buffer, size};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.space};
  *fd = -1;
  long received;
  do received = sys3(__NR_recvmsg, socket, SYS_PTR(&message), MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  while (received == -EINTR);
  if (received < 0) return received;
  const struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
    memcpy(fd, CMSG_DATA(header), sizeof *fd);
  return received;
}

int64_t utsuwa_send(int32_t socket, const uint8_t *data, uint64_t size, int32_t fd) {
  const struct wire_bytes part = {data, (uint32_t)size};
  return socket_send(socket, &part, 1, fd);
}

int64_t utsuwa_read_files(const int32_t *fds, int32_t *results, uint32_t count, uint8_t *buffer, uint64_t size) {
  uint64_t used = 0;
  for (uint32_t i = 0; i < count; i++) {
    long result;
    do result = sys4(__NR_pread64, fds[i], SYS_PTR(buffer + used), size - used, 0);
    while (result == -EINTR);
    results[i] = (int32_t)result;
    if (result > 0) used += (uint64_t)result;
  }
  return (int64_t)used;
}

static uint64_t monotonic_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int64_t utsuwa_sample_files(const struct utsuwa_sampling *sampling) {
  uint64_t due = sampling->start_ns;
  uint64_t used = 0;
  uint32_t done = 0;
  while (done < sampling->times && sampling->size - used >= sampling->room) {
    const struct timespec until = {.tv_sec = (time_t)(due / 1000000000u), .tv_nsec = (long)(due % 1000000000u)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    if (__atomic_load_n(sampling->stop, __ATOMIC_ACQUIRE) != 0) break;
    const uint64_t now = monotonic_ns();
    sampling->at_ns[done] = now;
    used += (uint64_t)utsuwa_read_files(sampling->fds, sampling->results + (size_t)done * sampling->count,
                                        sampling->count, sampling->buffer + used, sampling->size - used);
    done++;
    due += sampling->interval_ns;
    if (due < now) due = now;
  }
  return done;
}

int64_t utsuwa_set_terminal_size(int32_t fd, uint32_t columns, uint32_t rows) {
  const struct winsize size = {.ws_col = (unsigned short)columns, .ws_row = (unsigned short)rows};
  return sys3(__NR_ioctl, fd, TIOCSWINSZ, SYS_PTR(&size));
}

int64_t utsuwa_keep_line_feeds(int32_t fd) {
  struct termios terminal;
  long result = sys3(__NR_ioctl, fd, TCGETS, SYS_PTR(&terminal));
  if (result < 0) return result;
  terminal.c_oflag &= ~(tcflag_t)ONLCR;
  return sys3(__NR_ioctl, fd, TCSETS, SYS_PTR(&terminal));
}
