/*
 * init: turns itself into the container's process by carrying out a plan.
 *
 *     utsuwa-init PLAN_FD HOST_UTS_INODE
 *
 * Assumes: executed by libutsuwa from a sealed memfd, in the new namespaces, with descriptors 0–2 as the container
 * shall have them and the plan at PLAN_FD. Guarantees: the whole plan is checked before the first operation; the first
 * failure is reported with its place and errno and ends the process; after `exec` nothing of init is left.
 *
 * It is static and needs no memory but its stack until `exec`, so an idle created container costs a few pages.
 */
#include "init.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "init_check.h"
#include "sys.h"

void init_set_detail(struct init *init, const char *text) {
  size_t length = strnlen(text, sizeof init->detail - 1);
  memcpy(init->detail, text, length);
  init->detail[length] = '\0';
}

static int perform(struct init *init, const struct plan_record *r) {
  switch (r->op) {
  case PLAN_JOIN_NAMESPACE: return 0; /* all at once, by init_join_namespaces */
  case PLAN_JOIN_PROCESS: return init_join_process(init, &r->join_process);
  case PLAN_UNSHARE: return init_unshare(init, &r->unshare);
  case PLAN_SET_TIME_OFFSETS: return init_set_time_offsets(init, &r->set_time_offsets);
  case PLAN_FORK: return init_fork(init);
  case PLAN_SET_PARENT_DEATH_SIGNAL: return init_set_parent_death_signal(init, &r->set_parent_death_signal);
  case PLAN_NEW_SESSION: return init_new_session(init);
  case PLAN_OPEN_PROCFS: return init_open_procfs(init);
  case PLAN_BRING_UP_LOOPBACK: return init_bring_up_loopback(init);
  case PLAN_SET_PROPAGATION: return init_set_propagation(init, &r->set_propagation);
  case PLAN_BIND_ROOTFS: return init_bind_rootfs(init, &r->bind_rootfs);
  case PLAN_ATTACH_ROOTFS: return init_attach_rootfs(init, &r->attach_rootfs);
  case PLAN_MOUNT_AT: return init_mount_at(init, &r->mount_at);
  case PLAN_BIND_AT: return init_bind_at(init, &r->bind_at);
  case PLAN_REMOUNT_AT: return init_remount_at(init, &r->remount_at);
  case PLAN_MAKE_DEVICE: return init_make_device(init, &r->make_device);
  case PLAN_BIND_DEVICE: return init_bind_device(init, &r->bind_device);
  case PLAN_MAKE_SYMLINK: return init_make_symlink(init, &r->make_symlink);
  case PLAN_OPEN_CONSOLE: return init_open_console(init, &r->open_console);
  case PLAN_MASK_PATH: return init_mask_path(init, &r->mask_path);
  case PLAN_READONLY_PATH: return init_readonly_path(init, &r->readonly_path);
  case PLAN_PIVOT_ROOT: return init_pivot_root(init);
  case PLAN_MOVE_ROOT: return init_move_root(init);
  case PLAN_SET_ROOT_PROPAGATION: return init_set_root_propagation(init, &r->set_root_propagation);
  case PLAN_READONLY_ROOTFS: return init_readonly_rootfs(init);
  case PLAN_SET_HOSTNAME: return init_set_hostname(init, &r->set_hostname);
  case PLAN_SET_DOMAINNAME: return init_set_domainname(init, &r->set_domainname);
  case PLAN_SET_SYSCTL: return init_set_sysctl(init, &r->set_sysctl);
  case PLAN_SET_OOM_SCORE_ADJ: return init_set_oom_score_adj(init, &r->set_oom_score_adj);
  case PLAN_SET_RLIMIT: return init_set_rlimit(init, &r->set_rlimit);
  case PLAN_SET_SCHEDULER: return init_set_scheduler(init, &r->set_scheduler);
  case PLAN_SET_IO_PRIORITY: return init_set_io_priority(init, &r->set_io_priority);
  case PLAN_SET_CPU_AFFINITY: return init_set_cpu_affinity(init, &r->set_cpu_affinity);
  case PLAN_SET_PERSONALITY: return init_set_personality(init, &r->set_personality);
  case PLAN_SET_MEMORY_POLICY: return init_set_memory_policy(init, &r->set_memory_policy);
  case PLAN_NEW_KEYRING: return init_new_keyring(init, &r->new_keyring);
  case PLAN_CHANGE_DIRECTORY: return init_change_directory(init, &r->change_directory);
  case PLAN_FIND_EXECUTABLE: return init_find_executable(init, &r->find_executable);
  case PLAN_BARRIER: return init_barrier(init, &r->barrier);
  case PLAN_RUN_HOOK: return init_run_hook(init, &r->run_hook);
  case PLAN_WAIT_FOR_START: return init_wait_for_start(init, &r->wait_for_start);
  case PLAN_ANNOUNCE: return init_announce(init);
  case PLAN_SET_USER: return init_set_user(init, &r->set_user);
  case PLAN_SET_BOUNDING_CAPABILITIES: return init_set_bounding_capabilities(init, &r->set_bounding_capabilities);
  case PLAN_SET_CAPABILITIES: return init_set_capabilities(init, &r->set_capabilities);
  case PLAN_SET_EXEC_LABEL: return init_set_exec_label(init, &r->set_exec_label);
  case PLAN_SET_NO_NEW_PRIVS: return init_set_no_new_privs(init);
  case PLAN_LOAD_SECCOMP: return init_load_seccomp(init, &r->load_seccomp);
  case PLAN_EXEC: return init_exec(init, &r->exec);
  case PLAN_CREATE_CGROUP:
  case PLAN_OPEN_CGROUP:
  case PLAN_WRITE_CGROUP:
  case PLAN_OWN_CGROUP:
  case PLAN_ATTACH_DEVICE_PROGRAM:
  case PLAN_CLONE:
  case PLAN_WRITE_ID_MAP: break; /* the host's */
  }
  return -EINVAL;
}

static int run_stage(struct init *init, const uint8_t *at, const uint8_t *end, uint32_t first_index) {
  struct plan_record record;
  for (uint32_t index = first_index; at < end; index++) {
    int result = plan_decode(&at, end, &record);
    if (result == 0) {
      init->index = index;
      init->detail[0] = '\0';
      result = perform(init, &record);
    }
    if (result < 0) return result;
  }
  return 0;
}

/* Ignored signals pass an exec: Node ignores SIGPIPE, callers may ignore more, and a container must start clean. */
static void restore_signals(void) {
  for (int number = 1; number < _NSIG; number++) signal(number, SIG_DFL);
}

static int run(struct init *init) {
  struct stat info;
  if (fstat(init->plan_fd, &info) < 0) return -errno;
  const uint8_t *plan = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, init->plan_fd, 0);
  if (plan == MAP_FAILED) return -errno;
  sys_close(init->plan_fd);

  struct plan_stages stages;
  int result = init_check_plan(plan, (size_t)info.st_size, &stages, &init->index);
  init->report_fd = (int)stages.report_fd;
  init->preserve_fds = stages.preserve_fds;
  if (result < 0) return result;

  restore_signals();
  sys1(__NR_umask, 0); /* modes are what the plan says */
  sys2(__NR_prctl, PR_SET_NAME, SYS_PTR("utsuwa-init"));

  uint32_t joins = 0;
  struct plan_record record;
  for (const uint8_t *at = stages.join; at < stages.init; joins++) plan_decode(&at, stages.init, &record);
  result = init_join_namespaces(init, stages.join, stages.init);
  if (result == 0) result = run_stage(init, stages.join, stages.init, 0);
  if (result == 0) result = run_stage(init, stages.init, stages.end, joins);
  return result;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  struct init init = {.report_fd = -1, .root_fd = -1, .procfs_fd = -1, .time_offsets_fd = -1, .empty_fd = -1};
  init.plan_fd = (int)strtol(argv[1], NULL, 10);
  init.host_uts = strtoull(argv[2], NULL, 10);
  int result = run(&init);
  if (init.report_fd < 0) return 1;
  report_send(init.report_fd, PLAN_REPORT_FAILED, init.index, -result, init.detail, -1);
  if (init.exec_failed) init_describe_executable(&init);
  return 1;
}
