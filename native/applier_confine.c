/*
 * The walls around the applier.
 *
 * Assumes: started as root, single-threaded, with the layer's directory open. Guarantees on success: the root and only
 * mount of this process is that directory, so no lookup can name anything of the host; no descriptor but 0 to 2 is left;
 * capabilities are the ones the operations need; and a seccomp filter leaves no system call that would make use of
 * CAP_SYS_ADMIN, which setting trusted.* attributes needs, for anything else.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "applier_tree.h"
#include "sys.h"

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#endif

/* What the applier and the C library under it call; a child, a socket, a mount or an exec is not among them. */
static const int allowed_calls[] = {
    __NR_read,       __NR_write,      __NR_close,      __NR_openat,     __NR_openat2,  __NR_newfstatat, __NR_fstat,
    __NR_fcntl,      __NR_mkdirat,    __NR_mknodat,    __NR_symlinkat,  __NR_linkat,   __NR_unlinkat,   __NR_fchownat,
    __NR_fchown,     __NR_fchmodat,   __NR_fchmod,     __NR_utimensat,  __NR_fsetxattr, __NR_lsetxattr, __NR_fchdir,
    __NR_getdents64, __NR_lseek,      __NR_mmap,       __NR_munmap,     __NR_brk,      __NR_mprotect,   __NR_exit,
    __NR_exit_group,
};
#define ALLOWED_COUNT (sizeof allowed_calls / sizeof *allowed_calls)

#define CAP(name) (1U << (name))
static const uint32_t kept_capabilities = CAP(CAP_CHOWN) | CAP(CAP_DAC_OVERRIDE) | CAP(CAP_FOWNER) | CAP(CAP_FSETID) |
                                          CAP(CAP_MKNOD) | CAP(CAP_SYS_ADMIN) | CAP(CAP_SETFCAP);

static int result(long returned) { return returned < 0 ? -errno : (int)returned; }

/* Makes the layer a mount of its own and the root of this process, and detaches everything else from it. */
static int enter_layer(int layer_fd) {
  /* unshare(2) takes the working directory along into the new namespace; a descriptor would stay in the old one. */
  if (fchdir(layer_fd) < 0 || unshare(CLONE_NEWNS) < 0) return -errno;
  /* Nothing done here may propagate to the host, and pivot_root(2) refuses a shared parent mount. */
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return -errno;
  SCOPED_FD tree = sys_open_tree(AT_FDCWD, ".", OPEN_TREE_CLONE);
  if (tree < 0) return tree;
  const struct mount_attr attr = {.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
                                              MOUNT_ATTR_NOATIME,
                                  .attr_clr = MOUNT_ATTR__ATIME};
  int error = sys_mount_setattr(tree, "", AT_EMPTY_PATH, &attr);
  if (error == 0) error = sys_move_mount(tree, "", AT_FDCWD, ".", MOVE_MOUNT_F_EMPTY_PATH);
  if (error == 0) error = result(fchdir(tree));
  /* pivot_root(".", ".") stacks the old root on the new one, from where it is detached (pivot_root(2), NOTES). */
  if (error == 0) error = (int)sys2(__NR_pivot_root, SYS_PTR("."), SYS_PTR("."));
  if (error == 0) error = result(umount2(".", MNT_DETACH));
  return error < 0 ? error : result(chdir("/"));
}

static int limit_resources(void) {
  const struct {
    int resource;
    rlim_t soft, hard;
  } limits[] = {{RLIMIT_CORE, 0, 0},
                {RLIMIT_NOFILE, 2048, 2048},
                {RLIMIT_NPROC, 0, 0},
                {RLIMIT_AS, 32UL << 20, 32UL << 20},
                /* A million entries take a minute or two. At the soft limit comes SIGXCPU, which says why. */
                {RLIMIT_CPU, 3600, 3601}};
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
    if (setrlimit(limits[i].resource, &(struct rlimit){limits[i].soft, limits[i].hard}) < 0) return -errno;
  return 0;
}

static int drop_capabilities(void) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2] = {{.effective = kept_capabilities, .permitted = kept_capabilities}};
  /* CAP_SETFCAP and those before it lie in the first word. */
  _Static_assert(CAP_SETFCAP < 32, "capability in the second word");
  return (int)sys2(__NR_capset, SYS_PTR(&header), SYS_PTR(data));
}

static int filter_system_calls(void) {
  struct sock_filter filter[ALLOWED_COUNT + 5], *at = filter;
  *at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
  *at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 0, ALLOWED_COUNT + 1);
  *at++ = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  for (size_t i = 0; i < ALLOWED_COUNT; i++) {
    const uint8_t to_allow = (uint8_t)(ALLOWED_COUNT - i);
    *at++ = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)allowed_calls[i], to_allow, 0);
  }
  *at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  *at++ = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  const struct sock_fprog program = {.len = (unsigned short)(at - filter), .filter = filter};
  return result(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}

int applier_confine(int layer_fd) {
  int error = enter_layer(layer_fd);
  if (error < 0) return error;
  /* The layer's descriptor refers to the host's mount, from where ".." would lead out. */
  if ((error = (int)sys3(__NR_close_range, 3, ~0U, 0)) < 0) return error;
  if ((error = limit_resources()) < 0) return error;
  if ((error = drop_capabilities()) < 0) return error;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -errno;
  return filter_system_calls();
}
