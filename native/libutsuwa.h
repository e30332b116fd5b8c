/*
 * The C interface of libutsuwa: what Node cannot do itself, as plain functions for any foreign function interface.
 *
 * A function returns a value, or a negative errno; nothing else reports errors. Strings end in NUL. No function keeps
 * a pointer, calls back, starts a thread or uses global state, so all may run in any thread. File descriptors that are
 * returned have close-on-exec set.
 */
#ifndef UTSUWA_LIBUTSUWA_H
#define UTSUWA_LIBUTSUWA_H

#include <stdint.h>

#pragma GCC visibility push(default)

#define UTSUWA_DETAIL_MAX 256

/* What a launch gives back, also when it fails. The layout is checked in libutsuwa.c against src/sys/ffi.ts. */
struct utsuwa_launch_result {
  int32_t pid;
  int32_t pidfd;
  uint32_t failed_index;    /* of the host operation that failed */
  uint32_t cgroup_created;  /* 1 once the launch made the cgroup, so that a failed launch can be undone */
  uint64_t cgroup_ready_ns; /* CLOCK_MONOTONIC when the cgroup was made and its limits written */
  uint64_t executed_ns;     /* … when the new process had executed init */
  char detail[UTSUWA_DETAIL_MAX];
};

/* How a process ended. */
struct utsuwa_exit {
  int32_t code;   /* exit status, or signal number */
  int32_t signal; /* 1: `code` is a signal number */
  uint64_t user_us, system_us;
};

/*
 * Carries out a host stage: makes the cgroup, clones native init into new namespaces and into the cgroup.
 * fds[0] is init's executable (a sealed memfd); fds[1 + n] becomes descriptor n of the new process, −1: /dev/null.
 * `plan_fd` is the number under which the new process finds the plan. 0 or −errno.
 */
int64_t utsuwa_launch(const uint8_t *host_stage, uint64_t size, const int32_t *fds, uint32_t fd_count, uint32_t plan_fd,
                      struct utsuwa_launch_result *result);

/*
 * Carries out those operations of a host stage that concern the cgroup, for one that exists outside a launch. Of the
 * result, failed_index and detail are set. 0 or −errno.
 */
int64_t utsuwa_set_up_cgroup(const uint8_t *operations, uint64_t size, struct utsuwa_launch_result *result);

/* memfd_create(2), filled and sealed, reopened read-only: executing a file that is open for writing is ETXTBSY. */
int64_t utsuwa_sealed_memfd(const char *name, const uint8_t *data, uint64_t size);

int64_t utsuwa_openat2(int32_t dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
int64_t utsuwa_flock(int32_t fd, int32_t operation);

int64_t utsuwa_open_tree(int32_t dir, const char *path, uint32_t flags);
/* Attaches the mount behind a descriptor at a path of this mount namespace. */
int64_t utsuwa_move_mount(int32_t mount, const char *path);
/* mount_setattr(2) on the mount behind a descriptor; `userns_fd` counts with MOUNT_ATTR_IDMAP. */
int64_t utsuwa_mount_setattr(int32_t mount, uint32_t flags, uint64_t set, uint64_t clear, uint64_t propagation,
                             int32_t userns_fd);
/* Descriptor of a user namespace with these maps and no process in it, for id-mapped mounts. */
int64_t utsuwa_user_namespace(const char *uid_map, const char *gid_map);
int64_t utsuwa_fsopen(const char *type);
int64_t utsuwa_fsconfig(int32_t fs, uint32_t command, const char *key, const char *value, int32_t aux);
int64_t utsuwa_fsmount(int32_t fs, uint32_t attributes);
/* mount(2) in the caller's namespace, for overlays on kernels whose fsconfig(2) has no `lowerdir+` (before 6.8). */
int64_t utsuwa_mount(const char *source, const char *target, const char *type, uint64_t flags, const char *data);
int64_t utsuwa_umount2(const char *target, int32_t flags);

/* ioctl_nsfs(2): the user namespace that owns a namespace, or that is the parent of a user namespace. */
int64_t utsuwa_owner_of_namespace(int32_t fd);
int64_t utsuwa_pidfd_open(int32_t pid);
int64_t utsuwa_pidfd_send_signal(int32_t pidfd, int32_t signal);
/* Reaps the child behind a pidfd. 1 when it had ended, 0 when it still runs. */
int64_t utsuwa_pidfd_wait(int32_t pidfd, struct utsuwa_exit *exit);
/* Reaps the children in a process group that have ended. 1 while there are others, 0 when none is left. */
int64_t utsuwa_reap_group(int32_t group);

/* type: SOCK_STREAM 1, SOCK_DGRAM 2, SOCK_SEQPACKET 5. */
int64_t utsuwa_socketpair(int32_t type, int32_t fds[2]);
int64_t utsuwa_pipe(int32_t fds[2]);
/* A Unix socket in a directory, by descriptor, so that the length of its path does not matter. */
int64_t utsuwa_listen(int32_t type, int32_t dir, const char *name);
int64_t utsuwa_connect(int32_t type, const char *path);
/* A socket of rtnetlink(7) in the caller's network namespace. */
int64_t utsuwa_route_socket(void);
/* Bytes received without blocking, 0 at the end, −EAGAIN; *fd is the descriptor that came along, or −1. */
int64_t utsuwa_receive(int32_t socket, uint8_t *buffer, uint64_t size, int32_t *fd);
/* Sends one message, and `fd` with it if ≥ 0. */
int64_t utsuwa_send(int32_t socket, const uint8_t *data, uint64_t size, int32_t fd);

/* syncfs(2): blocks until all of the file system is on disk; fails with what failed since the descriptor was opened. */
int64_t utsuwa_syncfs(int32_t fd);

int64_t utsuwa_set_terminal_size(int32_t fd, uint32_t columns, uint32_t rows);
/* Clears ONLCR: a line feed that is written to the terminal comes out alone, without a carriage return. */
int64_t utsuwa_keep_line_feeds(int32_t fd);

/*
 * pread(2) of many small files from their beginning, one behind the other into `buffer`: results[n] is the size of what
 * was read from fds[n], or −errno. What does not fit is cut off. A sampler calls this each time instead of one call a file.
 */
int64_t utsuwa_read_files(const int32_t *fds, int32_t *results, uint32_t count, uint8_t *buffer, uint64_t size);

/*
 * The same several times, one interval after the other: results of the n-th time are at results[n × count], what was read
 * follows what the time before had read, and at_ns[n] is CLOCK_MONOTONIC. Returns how many times it was, `times` at most:
 * fewer when *stop has become other than 0, or `room` bytes are no longer left. Blocks meanwhile.
 * The first time is at `start_ns`; what is late is not made up for.
 */
struct utsuwa_sampling {
  const int32_t *fds;
  int32_t *results;
  uint64_t *at_ns;
  uint32_t count, times;
  uint64_t start_ns, interval_ns, size, room;
  uint8_t *buffer;
  const int32_t *stop;
};
int64_t utsuwa_sample_files(const struct utsuwa_sampling *sampling);

/* Hash of the plan vocabulary this build speaks. */
uint64_t utsuwa_plan_hash(void);

#pragma GCC visibility pop

#endif
