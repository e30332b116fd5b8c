/**
 * Every system call of the table, sorted by what the default profile does with it. A test demands that each stands
 * in exactly one list, so that new ones are decided on when the table is renewed.
 */

export interface CallGroup {
  /** Why the calls of this group are treated as they are. */
  why: string
  /** Separated by white space. */
  calls: string
}

/** Allowed with any arguments, whatever the capabilities. */
export const ALLOWED: readonly CallGroup[] = [
  {
    why: 'files: open, read, write and map; the kernel checks permissions by path and descriptor',
    calls: `
      access close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2 fcntl fcntl64 flock
      ioctl lseek _llseek name_to_handle_at open openat openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read
      readahead readv sendfile sendfile64 splice tee vmsplice write writev
      fadvise64 fadvise64_64 arm_fadvise64_64 fallocate fdatasync fsync ftruncate ftruncate64 sync syncfs
      sync_file_range arm_sync_file_range sync_file_range2 truncate truncate64 cachestat`,
  },
  {
    why: 'files: names, directories and attributes',
    calls: `
      chdir fchdir getcwd getdents getdents64 readdir link linkat mkdir mkdirat mknod mknodat readlink readlinkat rename
      renameat renameat2 rmdir symlink symlinkat unlink unlinkat umask
      chmod fchmod fchmodat fchmodat2 chown chown32 fchown fchown32 fchownat lchown lchown32
      fstat fstat64 fstatat64 fstatfs fstatfs64 lstat lstat64 newfstatat oldfstat oldlstat oldstat stat stat64 statfs
      statfs64 statx utime utimensat utimensat_time64 utimes futimesat file_getattr file_setattr
      fgetxattr flistxattr fremovexattr fsetxattr getxattr getxattrat lgetxattr listxattr listxattrat llistxattr
      lremovexattr lsetxattr removexattr removexattrat setxattr setxattrat listmount statmount`,
  },
  {
    why: 'waiting for descriptors and events',
    calls: `
      epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 fanotify_mark
      inotify_add_watch inotify_init inotify_init1 inotify_rm_watch pipe pipe2 poll ppoll ppoll_time64 pselect6
      pselect6_time64 select _newselect signalfd signalfd4
      io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit`,
  },
  {
    why: 'sockets of the own network namespace; socket and socketcall are checked by address family',
    calls: `
      accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmmsg_time64
      recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socketpair`,
  },
  {
    why: 'System V and POSIX message queues, semaphores and shared memory of the own IPC namespace',
    calls: `
      ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64
      mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget`,
  },
  {
    why: 'own memory',
    calls: `
      brk madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall mmap mmap2 mprotect
      mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect process_mrelease remap_file_pages`,
  },
  {
    why: 'own processes and threads; clone and clone3 are checked for new namespaces',
    calls: `
      execve execveat exit exit_group fork vfork wait4 waitid waitpid kill tgkill tkill pidfd_open pidfd_send_signal
      futex futex_time64 futex_requeue futex_wait futex_waitv futex_wake get_robust_list set_robust_list
      get_thread_area set_thread_area set_tid_address set_tls get_tls arch_prctl modify_ldt rseq rseq_slice_yield
      breakpoint cacheflush uprobe uretprobe prctl
      getpgid getpgrp getpid getppid getsid gettid setpgid setsid
      sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler
      sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam
      sched_setscheduler sched_yield getcpu getpriority setpriority nice ioprio_get ioprio_set
      getrlimit setrlimit prlimit64 ugetrlimit getrusage times`,
  },
  {
    why: 'tracing own processes; since Linux 4.8 a tracer can no longer carry a call past the filter',
    calls: 'ptrace process_vm_readv process_vm_writev',
  },
  {
    why: 'signals',
    calls: `
      alarm pause restart_syscall rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend
      rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaction sigaltstack signal sigpending sigprocmask
      sigreturn sigsuspend sgetmask ssetmask`,
  },
  {
    why: 'clocks and timers; the kernel requires CAP_SYS_TIME to set a clock through them',
    calls: `
      adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64
      clock_nanosleep clock_nanosleep_time64 getitimer gettimeofday nanosleep setitimer time timer_create timer_delete
      timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime
      timerfd_gettime64 timerfd_settime timerfd_settime64`,
  },
  {
    why: 'own identity; the kernel requires CAP_SETUID, CAP_SETGID or CAP_SETPCAP to gain another',
    calls: `
      capget capset getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getresgid getresgid32
      getresuid getresuid32 getuid getuid32 setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups setgroups32
      setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 setuid setuid32`,
  },
  {
    why: 'locking oneself in further, or asking what one is locked in by',
    calls: `
      seccomp landlock_add_rule landlock_create_ruleset landlock_restrict_self lsm_get_self_attr lsm_list_modules`,
  },
  {
    why: 'harmless questions',
    calls: 'getrandom sysinfo uname olduname oldolduname',
  },
]

/** Allowed to a container that has the capability, which the kernel asks for as well; EPERM to others. */
export const ALLOWED_BY_CAPABILITY: Readonly<Record<string, CallGroup>> = {
  CAP_SYS_ADMIN: {
    why: 'namespaces, mounts and other administration of the kernel',
    calls: `
      bpf fanotify_init fsconfig fsmount fsopen fspick mount mount_setattr move_mount open_tree open_tree_attr
      perf_event_open pivot_root quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare`,
  },
  CAP_BPF: { why: 'loading programs into the kernel', calls: 'bpf' },
  CAP_DAC_READ_SEARCH: {
    why: 'opens files by inode number, also those outside the root directory (the shocker exploit of 2014)',
    calls: 'open_by_handle_at',
  },
  CAP_PERFMON: { why: 'profiling sees other processes and the kernel', calls: 'perf_event_open' },
  CAP_SYS_BOOT: { why: 'restarts the machine', calls: 'reboot' },
  CAP_SYS_CHROOT: { why: 'with a directory outside the new root it is a way out of it', calls: 'chroot' },
  CAP_SYS_MODULE: { why: 'code in the kernel', calls: 'delete_module finit_module init_module' },
  CAP_SYS_NICE: {
    why: 'where memory lies is shared among all containers',
    calls: 'get_mempolicy mbind set_mempolicy set_mempolicy_home_node',
  },
  CAP_SYS_PACCT: { why: 'accounting of all processes of the machine', calls: 'acct' },
  CAP_SYS_PTRACE: {
    why: 'reaches into processes of other users',
    calls: 'kcmp pidfd_getfd process_madvise',
  },
  CAP_SYS_RAWIO: { why: 'hardware ports', calls: 'ioperm iopl' },
  CAP_SYS_TIME: {
    why: 'the clock of the machine is not part of a namespace',
    calls: 'clock_settime clock_settime64 settimeofday stime',
  },
  CAP_SYS_TTY_CONFIG: { why: 'cuts off the terminal of others', calls: 'vhangup' },
  CAP_SYSLOG: { why: 'the kernel log tells addresses and what other containers do', calls: 'syslog' },
}

/** EPERM to everybody. */
export const DENIED: readonly CallGroup[] = [
  {
    why: 'kernel keyrings are not divided by containers',
    calls: 'add_key keyctl request_key',
  },
  {
    why: 'a new kernel',
    calls: 'kexec_file_load kexec_load',
  },
  {
    why: 'submits operations that this filter never sees, and has had many holes',
    calls: 'io_uring_enter io_uring_register io_uring_setup',
  },
  {
    why: 'halts a thread of the kernel at a moment of the caller’s choice, the tool of many exploits',
    calls: 'userfaultfd',
  },
  {
    why: 'moves memory of other processes between nodes',
    calls: 'migrate_pages move_pages',
  },
  {
    why: 'swap belongs to the machine',
    calls: 'swapoff swapon',
  },
  {
    why: 'real mode of x86, with a history of holes',
    calls: 'vm86 vm86old',
  },
  {
    why: 'tells of file systems and devices of the machine; long superseded',
    calls: 'sysfs ustat',
  },
]

/** Allowed or denied by argument, in default-profile.ts. */
export const BY_ARGUMENT = 'clone clone3 personality socket socketcall'

/** ENOSYS to everybody. */
export const UNKNOWN: readonly CallGroup[] = [
  {
    why: 'current kernels do not have them any more, or never had',
    calls: `
      _sysctl afs_syscall bdflush break create_module epoll_ctl_old epoll_wait_old ftime get_kernel_syms getpmsg gtty
      idle lock lookup_dcookie mpx nfsservctl pciconfig_iobase pciconfig_read pciconfig_write prof profil putpmsg
      query_module security stty tuxcall ulimit uselib usr26 usr32 vserver`,
  },
  {
    why: 'new, without users in containers yet: programs fall back',
    calls: 'listns lsm_set_self_attr',
  },
]
