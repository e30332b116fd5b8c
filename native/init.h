/*
 * The state of native init and its handlers: one function for each operation of src/plan/ops.ts.
 *
 * A handler returns 0 or a negative errno, and may leave a detail (the path, or the file system's own message) in
 * init->detail. It acts on descriptors that the state holds, never on a path of the container that it looked up before.
 */
#ifndef UTSUWA_INIT_H
#define UTSUWA_INIT_H

#include <limits.h>

#include "plan_ops.h"
#include "report.h"

struct init {
  int plan_fd;
  uint64_t host_uts; /* inode of the UTS namespace that the launcher is in */
  int report_fd;   /* the parent's socket; from the start on, the starter's */
  int root_fd;     /* the container's root file system */
  int procfs_fd;   /* private procfs, attached nowhere (CVE-2025-52881) */
  int time_offsets_fd; /* of /proc/self, for a new time namespace */
  int empty_fd;    /* the first masked directory's mount, cloned for the others */
  bool pivoted;    /* "/" is the container's root */
  uint32_t index;  /* of the operation at work */
  uint32_t preserve_fds; /* that many from 3 on pass the exec */
  bool filtered;   /* by the container's seccomp profile */
  const uint8_t *hook_state; /* the container's states, as hooks read them on stdin: see state_file */
  size_t hook_state_size;
  char executable[PATH_MAX];
  bool exec_failed;
  char detail[REPORT_DETAIL_MAX];
};

void init_set_detail(struct init *init, const char *text);

/* init_join.c: namespaces */
int init_join_namespaces(struct init *init, const uint8_t *stage, const uint8_t *end);
int init_join_process(struct init *init, const struct plan_join_process *op);
int init_unshare(struct init *init, const struct plan_unshare *op);
int init_set_time_offsets(struct init *init, const struct plan_set_time_offsets *op);
int init_fork(struct init *init);

/* init_rootfs.c: the root file system and what becomes of the old one */
int init_set_propagation(struct init *init, const struct plan_set_propagation *op);
int init_bind_rootfs(struct init *init, const struct plan_bind_rootfs *op);
int init_attach_rootfs(struct init *init, const struct plan_attach_rootfs *op);
int init_pivot_root(struct init *init);
int init_move_root(struct init *init);
int init_set_root_propagation(struct init *init, const struct plan_set_root_propagation *op);
int init_readonly_rootfs(struct init *init);

/* init_mount.c: file systems and binds at container paths */
int init_mount_at(struct init *init, const struct plan_mount_at *op);
int init_bind_at(struct init *init, const struct plan_bind_at *op);
int init_remount_at(struct init *init, const struct plan_remount_at *op);
int init_mask_path(struct init *init, const struct plan_mask_path *op);
int init_readonly_path(struct init *init, const struct plan_readonly_path *op);
int init_refuse_procfs(struct init *init, int destination); /* −EPERM where it lies in one */

/* init_device.c: device nodes, links, the console */
int init_make_device(struct init *init, const struct plan_make_device *op);
int init_bind_device(struct init *init, const struct plan_bind_device *op);
int init_make_symlink(struct init *init, const struct plan_make_symlink *op);
int init_open_console(struct init *init, const struct plan_open_console *op);

/* init_kernel.c: names, procfs, sysctl, resource limits, scheduling */
int init_open_procfs(struct init *init);
int init_bring_up_loopback(struct init *init);
int init_set_hostname(struct init *init, const struct plan_set_hostname *op);
int init_set_domainname(struct init *init, const struct plan_set_domainname *op);
int init_set_sysctl(struct init *init, const struct plan_set_sysctl *op);
int init_set_oom_score_adj(struct init *init, const struct plan_set_oom_score_adj *op);
int init_set_rlimit(struct init *init, const struct plan_set_rlimit *op);
int init_set_scheduler(struct init *init, const struct plan_set_scheduler *op);
int init_set_io_priority(struct init *init, const struct plan_set_io_priority *op);
int init_set_cpu_affinity(struct init *init, const struct plan_set_cpu_affinity *op);
int init_set_personality(struct init *init, const struct plan_set_personality *op);
int init_set_memory_policy(struct init *init, const struct plan_set_memory_policy *op);
int init_new_keyring(struct init *init, const struct plan_new_keyring *op);

/* init_process.c: identity, privileges, exec */
int init_set_parent_death_signal(struct init *init, const struct plan_set_parent_death_signal *op);
int init_new_session(struct init *init);
int init_change_directory(struct init *init, const struct plan_change_directory *op);
int init_find_executable(struct init *init, const struct plan_find_executable *op);
int init_set_user(struct init *init, const struct plan_set_user *op);
int init_set_bounding_capabilities(struct init *init, const struct plan_set_bounding_capabilities *op);
int init_set_capabilities(struct init *init, const struct plan_set_capabilities *op);
int init_set_exec_label(struct init *init, const struct plan_set_exec_label *op);
int init_set_no_new_privs(struct init *init);
int init_load_seccomp(struct init *init, const struct plan_load_seccomp *op);
int init_exec(struct init *init, const struct plan_exec *op);
int init_check_executable(const char *path); /* 0 when this process may execute it, a regular file */

/* init_describe.c: why a command was not executed */
void init_describe_executable(struct init *init);

/* init_wait.c: the parent's turns, and the hooks that run between them */
int init_barrier(struct init *init, const struct plan_barrier *op);
int init_run_hook(struct init *init, const struct plan_run_hook *op);
int init_wait_for_start(struct init *init, const struct plan_wait_for_start *op);
int init_announce(struct init *init);

#endif
