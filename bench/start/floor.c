/*
 * The floor of container starts: what the kernel needs for one, asked for directly. `make bench` builds it.
 *
 *     floor ROOTFS DEVICE_PROGRAM SECCOMP_PROGRAM COUNT [PARALLEL]
 *
 * Starts /bin/true COUNT times with the isolation of utsuwa's default (the same namespaces, mounts, devices, paths,
 * capabilities and filters), up to PARALLEL at once, and prints the microseconds from start to removed cgroup of each.
 * It has the whole container in one compiled function, checks nothing and reports nothing: no runtime can be faster.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CAPABILITIES 0xa80425fbULL
#define PARALLEL_MAX 64

static void must(long result, const char *what) {
  if (result < 0) err(1, "%s", what);
}

static void mount_at(const char *type, const char *path, unsigned long flags, const char *options) {
  must(mount(type, path, type, flags, options), path);
}

static void mask(const char *path) {
  struct stat status;
  if (stat(path, &status) < 0) return;
  if (S_ISDIR(status.st_mode)) mount_at("tmpfs", path, MS_RDONLY, "");
  else must(mount("/dev/null", path, NULL, MS_BIND, NULL), path);
}

static void readonly(const char *path) {
  if (access(path, F_OK) < 0) return;
  must(mount(path, path, NULL, MS_BIND | MS_REC, NULL), path);
  must(mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), path);
}

static void file_systems(void) {
  const unsigned long strict = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  mount_at("proc", "proc", strict, NULL);
  mount_at("tmpfs", "dev", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k");
  must(mkdir("dev/pts", 0755) | mkdir("dev/shm", 0755) | mkdir("dev/mqueue", 0755), "mkdir");
  mount_at("devpts", "dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5");
  mount_at("tmpfs", "dev/shm", strict, "mode=1777,size=65536k");
  mount_at("mqueue", "dev/mqueue", strict, NULL);
  mount_at("sysfs", "sys", strict | MS_RDONLY, NULL);
  mount_at("cgroup2", "sys/fs/cgroup", strict | MS_RDONLY, NULL);
}

static void devices(void) {
  static const struct { const char *path; unsigned major, minor; } nodes[] = {
    {"dev/null", 1, 3}, {"dev/zero", 1, 5}, {"dev/full", 1, 7}, {"dev/random", 1, 8}, {"dev/urandom", 1, 9}, {"dev/tty", 5, 0},
  };
  static const char *const links[][2] = {
    {"/proc/self/fd", "dev/fd"}, {"/proc/self/fd/0", "dev/stdin"}, {"/proc/self/fd/1", "dev/stdout"},
    {"/proc/self/fd/2", "dev/stderr"}, {"pts/ptmx", "dev/ptmx"},
  };
  umask(0);
  for (size_t at = 0; at < sizeof nodes / sizeof *nodes; at++)
    must(mknod(nodes[at].path, S_IFCHR | 0666, makedev(nodes[at].major, nodes[at].minor)), nodes[at].path);
  for (size_t at = 0; at < sizeof links / sizeof *links; at++) must(symlink(links[at][0], links[at][1]), links[at][1]);
  umask(022);
}

static void hide(void) {
  static const char *const readonly_paths[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
  static const char *const masked_paths[] = {
    "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug",
    "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap", "/sys/firmware",
  };
  for (size_t at = 0; at < sizeof readonly_paths / sizeof *readonly_paths; at++) readonly(readonly_paths[at]);
  for (size_t at = 0; at < sizeof masked_paths / sizeof *masked_paths; at++) mask(masked_paths[at]);
}

static void restrict_process(const struct sock_fprog *filter) {
  for (int capability = 0; capability <= 40; capability++)
    if (!(CAPABILITIES >> capability & 1)) must(prctl(PR_CAPBSET_DROP, capability), "drop capability");
  must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, filter), "seccomp");
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2] = {{.effective = (uint32_t)CAPABILITIES, .permitted = (uint32_t)CAPABILITIES}};
  must(syscall(SYS_capset, &header, data), "capset");
}

static _Noreturn void container(const char *rootfs, const struct sock_fprog *filter) {
  must(setsid(), "setsid");
  must(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL), "propagation");
  must(mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL), "bind rootfs");
  must(chdir(rootfs), "chdir");
  file_systems();
  devices();
  must(sethostname("floor", 5), "hostname");
  must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
  must(umount2(".", MNT_DETACH), "detach");
  must(chdir("/"), "chdir");
  hide();
  restrict_process(filter);
  execl("/bin/true", "/bin/true", (char *)NULL);
  err(1, "exec");
}

static struct sock_fprog read_program(const char *path) {
  static char buffers[2][64 * 1024];
  static int used;
  char *buffer = buffers[used++];
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  must(fd, path);
  ssize_t size = read(fd, buffer, sizeof buffers[0]);
  must(size, path);
  close(fd);
  return (struct sock_fprog){(unsigned short)(size / sizeof(struct sock_filter)), (struct sock_filter *)buffer};
}

static void attach_devices(int cgroup, const struct sock_fprog *program) {
  union bpf_attr load = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE};
  load.insns = (uint64_t)(uintptr_t)program->filter;
  load.insn_cnt = program->len;
  load.license = (uint64_t)(uintptr_t) "Apache-2.0";
  long fd = syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof load);
  must(fd, "load device program");
  union bpf_attr attach = {.target_fd = (uint32_t)cgroup, .attach_bpf_fd = (uint32_t)fd};
  attach.attach_type = BPF_CGROUP_DEVICE;
  attach.attach_flags = BPF_F_ALLOW_MULTI;
  must(syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof attach), "attach device program");
  close((int)fd);
}

struct start {
  pid_t pid;
  struct timespec begin;
  char cgroup[64];
};

static void start(struct start *start, int number, char **argv) {
  static struct sock_fprog devices_program, filter;
  if (filter.len == 0) {
    devices_program = read_program(argv[2]);
    filter = read_program(argv[3]);
  }
  clock_gettime(CLOCK_MONOTONIC, &start->begin);
  snprintf(start->cgroup, sizeof start->cgroup, "/sys/fs/cgroup/floor-%d-%d", getpid(), number);
  must(mkdir(start->cgroup, 0755), start->cgroup);
  int cgroup = open(start->cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  attach_devices(cgroup, &devices_program);
  struct clone_args clone = {
    .flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_INTO_CGROUP,
    .exit_signal = SIGCHLD,
    .cgroup = (uint64_t)cgroup,
  };
  long pid = syscall(SYS_clone3, &clone, sizeof clone);
  must(pid, "clone3");
  if (pid == 0) container(argv[1], &filter);
  start->pid = (pid_t)pid;
  close(cgroup);
}

static void finish(struct start *starts, int parallel) {
  int status;
  pid_t pid = wait(&status);
  must(pid, "wait");
  if (status != 0) errx(1, "a container ended with status %d", status);
  for (int at = 0; at < parallel; at++) {
    if (starts[at].pid != pid) continue;
    must(rmdir(starts[at].cgroup), starts[at].cgroup);
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%ld\n", (end.tv_sec - starts[at].begin.tv_sec) * 1000000 + (end.tv_nsec - starts[at].begin.tv_nsec) / 1000);
    starts[at].pid = 0;
  }
}

int main(int argc, char **argv) {
  if (argc < 5) errx(2, "usage: floor ROOTFS DEVICE_PROGRAM SECCOMP_PROGRAM COUNT [PARALLEL]");
  const int count = atoi(argv[4]), parallel = argc > 5 ? atoi(argv[5]) : 1;
  if (parallel < 1 || parallel > PARALLEL_MAX) errx(2, "PARALLEL is 1 to %d", PARALLEL_MAX);
  struct start starts[PARALLEL_MAX] = {0};
  for (int started = 0, ended = 0; ended < count;) {
    int slot = 0;
    while (slot < parallel && starts[slot].pid != 0) slot++;
    if (started < count && slot < parallel) start(&starts[slot], started++, argv);
    else finish(starts, parallel), ended++;
  }
}
