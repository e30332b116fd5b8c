/*
 * System calls without a C library: each returns a value, or a negative errno.
 *
 * Assumes: Linux on x86_64 or aarch64, headers that know the calls. Guarantees: touches neither errno nor any other
 * thread-local state, so it may be used in a CLONE_VM child that shares its memory with a running thread.
 * Calls that fs/namei.c or a signal may interrupt are repeated here, once, and nowhere else.
 */
#ifndef UTSUWA_SYS_H
#define UTSUWA_SYS_H

#include <asm/unistd.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/netlink.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>

#define SYS_RETRIES 128

static inline long sys6(long nr, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
  long result;
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = nr;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
#else
#error "no system call convention for this machine"
#endif
}

#define SYS_PTR(p) ((long)(uintptr_t)(p))
#define sys0(nr) sys6(nr, 0, 0, 0, 0, 0, 0)
#define sys1(nr, a) sys6(nr, (long)(a), 0, 0, 0, 0, 0)
#define sys2(nr, a, b) sys6(nr, (long)(a), (long)(b), 0, 0, 0, 0)
#define sys3(nr, a, b, c) sys6(nr, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define sys4(nr, a, b, c, d) sys6(nr, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define sys5(nr, a, b, c, d, e) sys6(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)

/* CLOCK_MONOTONIC. */
static inline uint64_t sys_monotonic_ns(void) {
  struct timespec now;
  sys2(__NR_clock_gettime, CLOCK_MONOTONIC, SYS_PTR(&now));
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline int64_t sys_monotonic_ms(void) { return (int64_t)(sys_monotonic_ns() / 1000000); }

static inline int sys_close(int fd) { return (int)sys1(__NR_close, fd); }

/* Scope-bound descriptors: `SCOPED_FD fd = …` closes when it goes out of scope. */
static inline void sys_close_scoped(const int *fd) {
  if (*fd >= 0) sys_close(*fd);
}
#define SCOPED_FD __attribute__((cleanup(sys_close_scoped))) int

/* Hands a scoped descriptor on: the scope no longer closes it. */
static inline int sys_release(int *fd) {
  int kept = *fd;
  *fd = -1;
  return kept;
}

static inline int sys_openat(int dir, const char *path, int flags, mode_t mode) {
  long result;
  do result = sys4(__NR_openat, dir, SYS_PTR(path), flags | O_CLOEXEC, mode);
  while (result == -EINTR);
  return (int)result;
}

/* openat2(2). EAGAIN means that a rename or mount elsewhere disturbed a scoped lookup: tried again, but not for ever. */
static inline int sys_openat2(int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
  struct open_how how = {.flags = flags | O_CLOEXEC, .mode = mode, .resolve = resolve};
  long result = -EAGAIN;
  for (int i = 0; i < SYS_RETRIES && (result == -EAGAIN || result == -EINTR); i++)
    result = sys4(__NR_openat2, dir, SYS_PTR(path), SYS_PTR(&how), sizeof how);
  return (int)result;
}

static inline ssize_t sys_read(int fd, void *buffer, size_t size) {
  long result;
  do result = sys3(__NR_read, fd, SYS_PTR(buffer), size);
  while (result == -EINTR);
  return result;
}

static inline ssize_t sys_write(int fd, const void *buffer, size_t size) {
  long result;
  do result = sys3(__NR_write, fd, SYS_PTR(buffer), size);
  while (result == -EINTR);
  return result;
}

/* A file of the kernel takes a value whole, in one write. */
static inline int sys_write_file(int dir, const char *name, const char *value) {
  SCOPED_FD fd = sys_openat(dir, name, O_WRONLY | O_NOFOLLOW, 0);
  if (fd < 0) return fd;
  size_t length = strlen(value);
  ssize_t written = sys_write(fd, value, length);
  return written < 0 ? (int)written : (size_t)written == length ? 0 : -EIO;
}

static inline int sys_clone3(struct clone_args *args) { return (int)sys2(__NR_clone3, SYS_PTR(args), sizeof *args); }

static inline int sys_open_tree(int dir, const char *path, unsigned flags) {
  return (int)sys3(__NR_open_tree, dir, SYS_PTR(path), flags | OPEN_TREE_CLOEXEC);
}

static inline int sys_move_mount(int from, const char *from_path, int to, const char *to_path, unsigned flags) {
  return (int)sys5(__NR_move_mount, from, SYS_PTR(from_path), to, SYS_PTR(to_path), flags);
}

static inline int sys_fsopen(const char *type) { return (int)sys2(__NR_fsopen, SYS_PTR(type), FSOPEN_CLOEXEC); }

/* The file system that is mounted at `mounted`, to be reconfigured. */
static inline int sys_fspick(int mounted) {
  return (int)sys3(__NR_fspick, mounted, SYS_PTR(""), FSPICK_CLOEXEC | FSPICK_EMPTY_PATH);
}

static inline int sys_fsconfig(int fs, unsigned command, const char *key, const void *value, int aux) {
  return (int)sys5(__NR_fsconfig, fs, command, SYS_PTR(key), SYS_PTR(value), aux);
}

static inline int sys_fsmount(int fs, unsigned attributes) {
  return (int)sys3(__NR_fsmount, fs, FSMOUNT_CLOEXEC, attributes);
}

static inline int sys_mount_setattr(int dir, const char *path, unsigned flags, const struct mount_attr *attr) {
  return (int)sys5(__NR_mount_setattr, dir, SYS_PTR(path), flags, SYS_PTR(attr), sizeof *attr);
}

static inline int sys_mount(const char *source, const char *target, unsigned long flags) {
  return (int)sys5(__NR_mount, SYS_PTR(source), SYS_PTR(target), 0, flags, 0);
}

static inline int sys_umount2(const char *target, int flags) { return (int)sys2(__NR_umount2, SYS_PTR(target), flags); }

/* A socket of rtnetlink(7), in the network namespace of the caller for good. */
static inline int sys_route_socket(void) {
  return (int)sys3(__NR_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
}

/* From `first` on, every descriptor gets close-on-exec (CLOSE_RANGE_CLOEXEC), so nothing unlisted passes an exec. */
static inline int sys_close_on_exec_from(unsigned first) { return (int)sys3(__NR_close_range, first, ~0U, 1U << 2); }

#endif
