/**
 * The vocabulary of a plan: every kernel operation that starts a container, and nothing else.
 *
 * A plan has three stages. `host` runs in the caller (libutsuwa): the cgroup and the clone. `join` and `init` run in
 * the new process (native/init): existing namespaces first, then everything inside the container, ending with `exec`.
 * An operation is complete in itself: no variables, no jumps, closed choices. Whatever depends on the root filesystem
 * is decided by C at the moment of use, by file descriptor.
 *
 * This file is the single source of both sides: see util/wire.ts. docs/plan-format.md describes it for readers.
 */
import { choice, type RecordOf, type Vocabulary } from '../util/wire.ts'

/** What to do when the path that an operation names does not exist in the container. */
const onMissing = choice('on_missing', ['fail', 'skip'])
/** Whether symbolic links in a destination are followed (always inside the root) or refused. */
const symlinks = choice('symlinks', ['follow', 'refuse'])
/** Whether a destination may lie on a procfs: only a few harmless files may (CVE-2019-16884). */
const insideProc = choice('inside_proc', ['refuse', 'allow'])
/** namespaces(7), named as in config.json. */
const namespaceKind = choice('namespace_kind', ['user', 'cgroup', 'ipc', 'uts', 'network', 'pid', 'time', 'mount'])

/** What init tells its parent over the report socket: u32 kind, u32 index of the operation, i32 errno, detail. */
export const reportKind = choice('report', [
  'failed',
  'forked',
  'barrier',
  'ready',
  'executing',
  'seccomp_listener',
  'executable',
])

export const planVocabulary = {
  name: 'plan',
  choices: [reportKind],
  types: {
    // ── host ──
    /**
     * mkdir of each missing component below the cgroup2 mount, enabling `controllers` for the children on the way.
     * `processes` says whether it may have some already, as a scope of systemd has.
     */
    create_cgroup: {
      mount: 'string',
      path: 'string',
      controllers: 'strings',
      processes: choice('processes', ['refuse', 'accept']),
    },
    /** Takes a cgroup that exists, for a process that joins a container. */
    open_cgroup: { path: 'string' },
    /** Writes one interface file of the created cgroup. */
    write_cgroup: { file: 'string', value: 'string', onMissing },
    /** Gives the created cgroup, and the files in it that may be delegated, to the root of the container. */
    own_cgroup: { uid: 'u32' },
    /** Loads and attaches a cgroup device program (struct bpf_insn[]) to the created cgroup. */
    attach_device_program: { program: 'bytes' },
    /** clone3 of native init with these CLONE_NEW* flags, born in the created cgroup. */
    clone: { flags: 'u64' },
    /**
     * Writes /proc/PID/{setgroups,uid_map,gid_map} of the new process before it executes init. `helper` is '' or the host
     * path of a setuid program that does it for a user without privileges: newuidmap(1), newgidmap(1).
     */
    write_id_map: { file: choice('id_map', ['uid_map', 'gid_map', 'setgroups']), content: 'string', helper: 'string' },

    // ── join ──
    /** setns(2) into a namespace given by path. All paths of the stage are opened before the first is joined. */
    join_namespace: { kind: namespaceKind, path: 'string' },
    /** setns(2) into several namespaces (CLONE_NEW* flags) of the process behind an inherited pidfd. */
    join_process: { pidfd: 'u32', flags: 'u64' },
    /** unshare(2), for namespaces that must be made after another one was joined. */
    unshare: { flags: 'u64' },
    /** /proc/self/timens_offsets of the time namespace that the next fork enters: lines of `clock seconds nanoseconds`. */
    set_time_offsets: { offsets: 'string' },
    /** Becomes a child of the same parent (CLONE_PARENT), as joining a PID or time namespace takes effect in children. */
    fork: {},

    // ── init: what surrounds the container ──
    /** PR_SET_PDEATHSIG: this signal when the process that launched the container ends. */
    set_parent_death_signal: { signal: 'u32' },
    /** setsid(2). */
    new_session: {},
    /** A procfs of the container's PID namespace, attached nowhere, through which all of /proc/… is written. */
    open_procfs: {},
    /** Sets lo up in a new network namespace. */
    bring_up_loopback: {},

    // ── init: the file system ──
    /** Propagation (MS_*) of the whole tree as inherited from the host, before anything is mounted. */
    set_propagation: { flags: 'u64' },
    /** A directory becomes the root file system: a recursive bind of it onto itself. */
    bind_rootfs: { path: 'string' },
    /** A detached mount, inherited as a file descriptor, becomes the root file system at `path`. */
    attach_rootfs: { mountFd: 'u32', path: 'string' },
    /** A new file system of `type` (fsopen) at a container path. `options` are `key` or `key=value`; `attributes` MOUNT_ATTR_*. */
    mount_at: {
      type: 'string',
      source: 'string',
      destination: 'string',
      options: 'strings',
      attributes: 'u64',
      propagation: 'u64',
      symlinks,
      /** Copies what the destination holds into the new file system first: the option `tmpcopyup`. */
      copyUp: 'u32',
    },
    /** A host file or directory at a container path: open_tree, mount_setattr, move_mount. */
    bind_at: {
      source: 'string',
      destination: 'string',
      recursive: 'u32',
      setAttributes: 'u64',
      clearAttributes: 'u64',
      setRecursiveAttributes: 'u64',
      clearRecursiveAttributes: 'u64',
      propagation: 'u64',
      /** An inherited descriptor of the tree, detached, and id-mapped already where that is wanted; −1: it is opened at `source`. */
      treeFd: 'i32',
      symlinks,
      insideProc,
    },
    /**
     * Changes what is mounted at a container path: its attributes (all that change, as by mount(2): see `remount`), and,
     * where `fileSystem` is 1, the file system itself, by `options`.
     */
    remount_at: {
      destination: 'string',
      fileSystem: 'u32',
      options: 'strings',
      setAttributes: 'u64',
      clearAttributes: 'u64',
      setRecursiveAttributes: 'u64',
      clearRecursiveAttributes: 'u64',
      propagation: 'u64',
    },
    /** mknod(2) of a device, with its owner and its mode whatever the umask. */
    make_device: { path: 'string', mode: 'u32', major: 'u32', minor: 'u32', uid: 'u32', gid: 'u32' },
    /** The host's node, where mknod(2) is not allowed (user namespaces), if it is the device of `type` (S_IFMT) and number. */
    bind_device: { source: 'string', path: 'string', type: 'u32', major: 'u32', minor: 'u32' },
    /** A symbolic link unless something is there. */
    make_symlink: { target: 'string', path: 'string' },
    /** A pseudo-terminal of the container's devpts: the master is sent over `socketFd`, the slave becomes /dev/console. */
    open_console: { socketFd: 'u32', width: 'u32', height: 'u32' },
    /** Hides a path: a directory behind an empty read-only tmpfs, anything else behind /dev/null. */
    mask_path: { path: 'string', onMissing },
    /** Makes a path, and what is mounted below it, read-only. */
    readonly_path: { path: 'string', onMissing },
    /** pivot_root(2) into the root file system and detaching of the old one. */
    pivot_root: {},
    /** `pivot_root` without pivot_root(2), for a root on ramfs (`--no-pivot`): MS_MOVE and chroot(2). */
    move_root: {},
    /** Propagation (MS_*) of the container's root mount. */
    set_root_propagation: { flags: 'u64' },
    /** The container's root mount becomes read-only. */
    readonly_rootfs: {},

    // ── init: the process ──
    set_hostname: { name: 'string' },
    set_domainname: { name: 'string' },
    /** Writes /proc/sys/… by the private procfs; `path` is relative to it, as in `net/ipv4/ip_forward`. */
    set_sysctl: { path: 'string', value: 'string' },
    set_oom_score_adj: { value: 'i32' },
    set_rlimit: { resource: 'u32', soft: 'u64', hard: 'u64' },
    /** sched_setattr(2), all of struct sched_attr but its size. */
    set_scheduler: {
      policy: 'u32',
      flags: 'u64',
      nice: 'i32',
      priority: 'u32',
      runtime: 'u64',
      deadline: 'u64',
      period: 'u64',
    },
    /** ioprio_set(2) of this process. */
    set_io_priority: { value: 'u32' },
    /** sched_setaffinity(2): a little-endian bit mask. */
    set_cpu_affinity: { mask: 'bytes' },
    set_personality: { persona: 'u64' },
    /** set_mempolicy(2): a mode with its flags, and a little-endian bit mask of nodes. */
    set_memory_policy: { mode: 'u32', nodes: 'bytes' },
    /** A fresh session keyring, so that none is shared with the caller; skipped where the kernel has no keyrings. */
    new_keyring: { name: 'string' },
    /** chdir(2), verified to be inside the root (CVE-2024-21626); made when it does not exist. */
    change_directory: { path: 'string' },
    /** Resolves args[0] as execvpe(3) would, with the PATH of the container's own environment. */
    find_executable: { file: 'string', searchPath: 'string' },
    /**
     * Tells the parent and waits for its word to go on: `cgroup`, in the join stage, until the process has been moved to
     * its cgroup; `network` until the devices of the host that it gets are there, for which it lends a netlink
     * socket; `namespaces` until the hooks of the host have run.
     */
    barrier: { name: choice('barrier_name', ['cgroup', 'network', 'namespaces']) },
    /** Runs a hook of the container in the namespaces it is in; `state` arrives with the answer of the last barrier. */
    run_hook: { path: 'string', args: 'strings', env: 'strings', timeoutMs: 'u32' },
    /** Ready: all but what follows is done. The start comes over the first connection to the listening socket `gateFd`,
     *  or, where that is −1, over the report socket. */
    wait_for_start: { gateFd: 'i32' },
    /** Tells the launcher that the command is next: a socket that ends before was not ended by an exec. */
    announce: {},
    /** setgroups(2), setgid(2), setuid(2), umask(2); capabilities are kept for set_capabilities. `groups`: u32[]. */
    set_user: { uid: 'u32', gid: 'u32', groups: 'bytes', umask: 'u32' },
    /** Drops the bounding set. Before the user changes: PR_CAPBSET_DROP wants CAP_SETPCAP. */
    set_bounding_capabilities: { bounding: 'u64' },
    set_capabilities: { effective: 'u64', permitted: 'u64', inheritable: 'u64', ambient: 'u64' },
    /** Writes an LSM label for the next exec: /proc/self/attr/{apparmor/exec,exec}. */
    set_exec_label: { lsm: choice('lsm', ['apparmor', 'selinux']), label: 'string' },
    set_no_new_privs: {},
    /** seccomp(2) SECCOMP_SET_MODE_FILTER with a struct sock_filter[]. A listener, where the flags ask for one, is
     *  reported to the launcher of the process. */
    load_seccomp: { program: 'bytes', flags: 'u32' },
    /** execve(2) of what find_executable found. File descriptors 3 to 2 + preserveFds stay open, all others close. */
    exec: { args: 'strings', env: 'strings', preserveFds: 'u32' },
  },
} as const satisfies Vocabulary

type PlanRecord = RecordOf<typeof planVocabulary>

/** One operation, with the JSON pointer into the runtime spec that asked for it; '' when utsuwa itself does. */
export type Operation = PlanRecord & { readonly pointer: string }
export type OperationName = PlanRecord['op']
export type OperationOf<Name extends OperationName> = Extract<Operation, { op: Name }>

export interface Plan {
  readonly host: readonly Operation[]
  readonly join: readonly Operation[]
  readonly init: readonly Operation[]
}
