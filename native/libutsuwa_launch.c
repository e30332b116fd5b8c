/*
 * The host stage of a plan: the cgroup (libutsuwa_cgroup.c), then the clone of native init.
 *
 * Assumes: called from any thread of a process that has many. Guarantees: the calling process is never forked (V8 marks
 * its memory MADV_DONTFORK: a fork crashes); the child shares its memory, runs on a stack of its own, makes raw system
 * calls only, and executes init at once. When a launch fails, no process of it is left.
 */
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "libutsuwa.h"
#include "libutsuwa_cgroup.h"
#include "plan_ops.h"
#include "sys.h"

#define STACK_SIZE (32 * 1024)
#define FDS_MAX 256
#define ID_MAPS_MAX 3

struct launch {
  struct utsuwa_launch_result *result;
  const int32_t *fds;
  uint32_t fd_count;
  uint32_t plan_fd;
  struct cgroup cgroup;
  uint64_t clone_flags;
  const struct plan_write_id_map *id_maps[ID_MAPS_MAX];
  uint32_t id_map_indices[ID_MAPS_MAX];
  size_t id_map_count;
};

/* What the child reads and writes in the memory it shares with its parent. */
struct child {
  const int32_t *fds;
  uint32_t fd_count;
  int id_maps_written; /* read end: data says that the id maps are there; −1 without id maps */
  int release;         /* its write end, of which the child has a copy */
  volatile int error;
  char plan_fd[12], host_uts[24];
  uint64_t old_mask;
};

/* ── the clone ── */

/*
 * Puts every descriptor where init shall find it. First all go above the targets, so that none is overwritten before
 * it was copied; what is left above is closed by the exec.
 */
static int arrange_fds(const int32_t *fds, uint32_t count, int *init) {
  int raised[FDS_MAX];
  for (uint32_t i = 0; i < count; i++) {
    int fd = fds[i] >= 0 ? fds[i] : sys_openat(AT_FDCWD, "/dev/null", O_RDWR, 0);
    if (fd < 0) return fd;
    raised[i] = (int)sys3(__NR_fcntl, fd, F_DUPFD_CLOEXEC, FDS_MAX);
    if (raised[i] < 0) return raised[i];
  }
  for (uint32_t i = 1; i < count; i++) {
    int result = (int)sys3(__NR_dup3, raised[i], i - 1, 0);
    if (result < 0) return result;
  }
  *init = raised[0];
  return sys_close_on_exec_from(count - 1);
}

static int become_init(struct child *child) {
  char word;
  int result = 0;
  if (child->id_maps_written >= 0) {
    sys_close(child->release); /* so that the pipe ends when the launcher fails, or is killed */
    if (sys_read(child->id_maps_written, &word, 1) != 1) return -ECANCELED;
    /* execve(2) keeps capabilities for the namespace's root only: become it first. */
    result = (int)sys3(__NR_setresgid, 0, 0, 0);
    if (result == 0) result = (int)sys3(__NR_setresuid, 0, 0, 0);
    if (result < 0) return result;
  }
  int init;
  result = arrange_fds(child->fds, child->fd_count, &init);
  if (result < 0) return result;
  const char *const args[] = {"utsuwa-init", child->plan_fd, child->host_uts, NULL};
  const char *const env[] = {NULL};
  return (int)sys5(__NR_execveat, init, SYS_PTR(""), SYS_PTR(args), SYS_PTR(env), AT_EMPTY_PATH);
}

static __attribute__((noreturn)) void child_main(void *argument) {
  struct child *child = argument;
  child->error = -become_init(child);
  sys1(__NR_exit_group, 127);
  __builtin_unreachable();
}

/* clone3 with a stack of its own: the child must not return through this frame, so it is entered from assembly. */
static long clone_on_stack(struct clone_args *args, void (*child_entry)(void *), void *child) {
#if defined(__x86_64__)
  long result;
  register void *argument __asm__("r12") = child;
  register void (*entry)(void *) __asm__("r13") = child_entry;
  __asm__ volatile("syscall\n\t"
                   "test %%rax, %%rax\n\t"
                   "jnz 1f\n\t"
                   "xor %%ebp, %%ebp\n\t"
                   "mov %%r12, %%rdi\n\t"
                   "call *%%r13\n\t"
                   "ud2\n"
                   "1:"
                   : "=a"(result)
                   : "a"(__NR_clone3), "D"(args), "S"(sizeof *args), "r"(argument), "r"(entry)
                   : "rcx", "r11", "memory");
  return result;
#else
  register long x8 __asm__("x8") = __NR_clone3;
  register long x0 __asm__("x0") = (long)args;
  register long x1 __asm__("x1") = sizeof *args;
  register void *x20 __asm__("x20") = child;
  register void (*x21)(void *) __asm__("x21") = child_entry;
  __asm__ volatile("svc 0\n\t"
                   "cbnz x0, 1f\n\t"
                   "mov x29, xzr\n\t"
                   "mov x0, x20\n\t"
                   "blr x21\n\t"
                   "brk 1\n"
                   "1:"
                   : "+r"(x0)
                   : "r"(x8), "r"(x1), "r"(x20), "r"(x21)
                   : "x30", "memory");
  return x0;
#endif
}

/* The helper's arguments are the numbers of the map: newuidmap PID INSIDE OUTSIDE LENGTH … */
static char **helper_arguments(const char *helper, const char *pid, char *numbers) {
  char **args = calloc(strlen(numbers) / 2 + 4, sizeof *args);
  if (args == NULL) return NULL;
  size_t count = 0;
  args[count++] = (char *)(uintptr_t)helper;
  args[count++] = (char *)(uintptr_t)pid;
  char *rest;
  for (char *number = strtok_r(numbers, " \n", &rest); number != NULL; number = strtok_r(NULL, " \n", &rest))
    args[count++] = number;
  return args;
}

/* The first line of what the helper complains about. */
static void keep_complaint(struct launch *launch, int output) {
  char *detail = launch->result->detail;
  ssize_t size = sys_read(output, detail, UTSUWA_DETAIL_MAX - 1);
  detail[size < 0 ? 0 : size] = '\0';
  detail[strcspn(detail, "\n")] = '\0';
}

/* posix_spawn(3) shares the memory of this process until the exec, so it works where fork(2) does not. */
static int run_id_map_helper(struct launch *launch, const char *pid, const struct plan_write_id_map *op) {
  int ends[2];
  long result = sys2(__NR_pipe2, SYS_PTR(ends), O_CLOEXEC);
  if (result < 0) return (int)result;
  SCOPED_FD output = ends[0];
  SCOPED_FD complaints = ends[1];
  char *numbers = strdup(op->content);
  char **args = numbers == NULL ? NULL : helper_arguments(op->helper, pid, numbers);
  char *const env[] = {NULL};
  pid_t helper;
  posix_spawn_file_actions_t actions;
  int error = args == NULL ? ENOMEM : posix_spawn_file_actions_init(&actions);
  if (error == 0) {
    error = posix_spawn_file_actions_adddup2(&actions, complaints, 2);
    if (error == 0) error = posix_spawn(&helper, op->helper, &actions, NULL, args, env);
    posix_spawn_file_actions_destroy(&actions);
  }
  free(args);
  free(numbers);
  if (error != 0) return -error;
  sys_close(sys_release(&complaints));
  keep_complaint(launch, output);
  int status = 0;
  do result = sys4(__NR_wait4, helper, SYS_PTR(&status), 0, 0);
  while (result == -EINTR);
  return result < 0 ? (int)result : status == 0 ? 0 : -EPERM;
}

static int write_id_maps(struct launch *launch, int pid) {
  char number[16], path[64];
  static const char *const files[] = {"uid_map", "gid_map", "setgroups"};
  snprintf(number, sizeof number, "%d", pid);
  for (size_t i = 0; i < launch->id_map_count; i++) {
    const struct plan_write_id_map *op = launch->id_maps[i];
    launch->result->failed_index = launch->id_map_indices[i];
    snprintf(path, sizeof path, "/proc/%s/%s", number, files[op->file]);
    int result = op->helper[0] == '\0' ? sys_write_file(AT_FDCWD, path, op->content) : run_id_map_helper(launch, number, op);
    if (result < 0) return result;
  }
  return 0;
}

/* Without CLONE_VFORK the child still uses our memory: wait until its exec, or its end, has closed the pipe. */
static void wait_for_exec(int executed) {
  char byte;
  while (sys_read(executed, &byte, 1) > 0) continue;
}

static int finish_with_id_maps(struct launch *launch, int pid, int *release, int executed) {
  int result = write_id_maps(launch, pid);
  if (result == 0 && sys_write(*release, "", 1) != 1) result = -EPIPE;
  sys_close(sys_release(release));
  wait_for_exec(executed);
  return result;
}

static int clone_init(struct launch *launch) {
  SCOPED_FD release_read = -1;
  SCOPED_FD release_write = -1;
  SCOPED_FD executed_read = -1;
  SCOPED_FD executed_write = -1;
  int ends[2];
  bool maps = launch->id_map_count > 0;
  long result = 0;
  if (maps) {
    if ((result = sys2(__NR_pipe2, SYS_PTR(ends), O_CLOEXEC)) < 0) return (int)result;
    release_read = ends[0];
    release_write = ends[1];
    if ((result = sys2(__NR_pipe2, SYS_PTR(ends), O_CLOEXEC)) < 0) return (int)result;
    executed_read = ends[0];
    executed_write = ends[1];
  }
  struct child child = {.fds = launch->fds, .fd_count = launch->fd_count, .id_maps_written = release_read, .release = release_write};
  struct stat uts;
  if (stat("/proc/self/ns/uts", &uts) < 0) return -errno;
  snprintf(child.plan_fd, sizeof child.plan_fd, "%u", launch->plan_fd);
  snprintf(child.host_uts, sizeof child.host_uts, "%llu", (unsigned long long)uts.st_ino);

  void *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) return -errno;
  int pidfd = -1;
  struct clone_args args = {
      .flags = launch->clone_flags | CLONE_VM | CLONE_PIDFD | CLONE_CLEAR_SIGHAND | (maps ? 0 : CLONE_VFORK) |
               (launch->cgroup.fd >= 0 ? CLONE_INTO_CGROUP : 0),
      .pidfd = (uint64_t)(uintptr_t)&pidfd,
      .exit_signal = SIGCHLD,
      .stack = (uint64_t)(uintptr_t)stack,
      .stack_size = STACK_SIZE,
      .cgroup = launch->cgroup.fd >= 0 ? (uint64_t)launch->cgroup.fd : 0,
  };
  /* A signal handler of this process must not run in the child, on memory that both use. */
  const uint64_t all = ~UINT64_C(0);
  sys4(__NR_rt_sigprocmask, SIG_SETMASK, SYS_PTR(&all), SYS_PTR(&child.old_mask), sizeof all);
  long pid = clone_on_stack(&args, child_main, &child);
  sys4(__NR_rt_sigprocmask, SIG_SETMASK, SYS_PTR(&child.old_mask), 0, sizeof all);
  if (pid > 0 && maps) {
    sys_close(sys_release(&executed_write));
    result = finish_with_id_maps(launch, (int)pid, &release_write, executed_read);
  }
  munmap(stack, STACK_SIZE);
  if (pid < 0) return (int)pid;
  if (result == 0 && child.error != 0) result = -child.error;
  if (result < 0) {
    siginfo_t info;
    sys4(__NR_pidfd_send_signal, pidfd, SIGKILL, 0, 0);
    sys5(__NR_waitid, P_PIDFD, pidfd, SYS_PTR(&info), WEXITED, 0);
    sys_close(pidfd);
    return (int)result;
  }
  launch->result->pid = (int32_t)pid;
  launch->result->pidfd = pidfd;
  return 0;
}

/* ── user namespaces for id-mapped mounts ── */

/* Waits to be killed: the namespace needs somebody in it until it is open. */
static __attribute__((noreturn)) void wait_for_kill(void *argument) {
  (void)argument;
  for (;;) sys4(__NR_rt_sigsuspend, SYS_PTR(&(uint64_t){~UINT64_C(0)}), sizeof(uint64_t), 0, 0);
}

static int open_user_namespace(int pid, const char *uid_map, const char *gid_map) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/uid_map", pid);
  int result = sys_write_file(AT_FDCWD, path, uid_map);
  if (result < 0) return result;
  snprintf(path, sizeof path, "/proc/%d/gid_map", pid);
  if ((result = sys_write_file(AT_FDCWD, path, gid_map)) < 0) return result;
  snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
  return sys_openat(AT_FDCWD, path, O_RDONLY, 0);
}

int64_t utsuwa_user_namespace(const char *uid_map, const char *gid_map) {
  void *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) return -errno;
  int pidfd = -1;
  struct clone_args args = {
      .flags = CLONE_NEWUSER | CLONE_VM | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
      .pidfd = (uint64_t)(uintptr_t)&pidfd,
      .exit_signal = SIGCHLD,
      .stack = (uint64_t)(uintptr_t)stack,
      .stack_size = STACK_SIZE,
  };
  const uint64_t all = ~UINT64_C(0);
  uint64_t old_mask;
  sys4(__NR_rt_sigprocmask, SIG_SETMASK, SYS_PTR(&all), SYS_PTR(&old_mask), sizeof all);
  long pid = clone_on_stack(&args, wait_for_kill, NULL);
  sys4(__NR_rt_sigprocmask, SIG_SETMASK, SYS_PTR(&old_mask), 0, sizeof all);
  int result = (int)pid;
  if (pid > 0) {
    result = open_user_namespace((int)pid, uid_map, gid_map);
    siginfo_t info;
    sys4(__NR_pidfd_send_signal, pidfd, SIGKILL, 0, 0);
    sys5(__NR_waitid, P_PIDFD, pidfd, SYS_PTR(&info), WEXITED, 0);
    sys_close(pidfd);
  }
  munmap(stack, STACK_SIZE);
  return result;
}

/* ── the stage ── */

int64_t utsuwa_launch(const uint8_t *host_stage, uint64_t size, const int32_t *fds, uint32_t fd_count, uint32_t plan_fd,
                      struct utsuwa_launch_result *result) {
  memset(result, 0, sizeof *result);
  result->pidfd = -1;
  if (fd_count < 4 || fd_count > FDS_MAX || plan_fd + 1 >= fd_count) return -EINVAL;
  struct launch launch = {
      .result = result,
      .fds = fds,
      .fd_count = fd_count,
      .plan_fd = plan_fd,
      .cgroup = {.result = result, .fd = -1},
  };
  struct plan_record record, maps[ID_MAPS_MAX];
  const uint8_t *at = host_stage, *end = host_stage + size;
  uint32_t clone_index = 0;
  bool cloned = false;
  int error = 0;
  for (uint32_t index = 0; error == 0 && at < end; index++) {
    result->failed_index = index;
    error = plan_decode(&at, end, &record);
    if (error < 0) break;
    if (record.op == PLAN_CLONE && !cloned) {
      launch.clone_flags = record.clone.flags;
      clone_index = index;
      cloned = true;
    } else if (record.op == PLAN_WRITE_ID_MAP && cloned && launch.id_map_count < ID_MAPS_MAX) {
      maps[launch.id_map_count] = record;
      launch.id_maps[launch.id_map_count] = &maps[launch.id_map_count].write_id_map;
      launch.id_map_indices[launch.id_map_count] = index;
      launch.id_map_count++;
    } else error = cloned ? -EINVAL : cgroup_perform(&launch.cgroup, &record);
  }
  result->cgroup_ready_ns = sys_monotonic_ns();
  if (error == 0) {
    result->failed_index = clone_index;
    error = cloned ? clone_init(&launch) : -EINVAL;
  }
  result->executed_ns = sys_monotonic_ns();
  if (launch.cgroup.fd >= 0) sys_close(launch.cgroup.fd);
  return error;
}

uint64_t utsuwa_plan_hash(void) { return PLAN_HASH; }
