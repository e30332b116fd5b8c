/** `features`: what this runtime implements, whatever the kernel it runs on can do (runtime-spec, features.md). */

import { CRIU_CONFIG_ANNOTATION } from '../criu/external.ts'
import { mountOptionNames } from '../plan/mount-options.ts'
import { cloneFlags } from '../plan/namespaces.ts'
import { memoryPolicyFlags, memoryPolicyModes } from '../plan/process.ts'
import { ARCH_NAMES } from '../seccomp/compile.ts'
import { CAPABILITIES } from '../spec/capabilities.ts'
import { type Hooks, OCI_VERSION, type SeccompAction, type SeccompFlag, type SeccompOperator } from '../spec/runtime.ts'

/** The oldest version of the specification whose documents are accepted. */
const OCI_VERSION_MIN = '1.0.0'

// A member for each name of the type, or it does not compile.
const hooks: Record<keyof Hooks, true> = {
  prestart: true,
  createRuntime: true,
  createContainer: true,
  startContainer: true,
  poststart: true,
  poststop: true,
}

const actions: Record<SeccompAction, true> = {
  SCMP_ACT_ALLOW: true,
  SCMP_ACT_ERRNO: true,
  SCMP_ACT_KILL: true,
  SCMP_ACT_KILL_PROCESS: true,
  SCMP_ACT_KILL_THREAD: true,
  SCMP_ACT_LOG: true,
  SCMP_ACT_NOTIFY: true,
  SCMP_ACT_TRACE: true,
  SCMP_ACT_TRAP: true,
}

const operators: Record<SeccompOperator, true> = {
  SCMP_CMP_EQ: true,
  SCMP_CMP_GE: true,
  SCMP_CMP_GT: true,
  SCMP_CMP_LE: true,
  SCMP_CMP_LT: true,
  SCMP_CMP_MASKED_EQ: true,
  SCMP_CMP_NE: true,
}

const flags: Record<SeccompFlag, true> = {
  SECCOMP_FILTER_FLAG_LOG: true,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: true,
  SECCOMP_FILTER_FLAG_TSYNC: true,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: true,
}

/** The document, in the order of the specification. */
export function features(): object {
  return {
    ociVersionMin: OCI_VERSION_MIN,
    ociVersionMax: OCI_VERSION,
    hooks: Object.keys(hooks),
    mountOptions: mountOptionNames(),
    linux: {
      namespaces: Object.keys(cloneFlags).sort(),
      capabilities: CAPABILITIES,
      cgroup: { v1: false, v2: true, systemd: true, systemdUser: false, rdma: true },
      seccomp: {
        enabled: true,
        actions: Object.keys(actions),
        operators: Object.keys(operators),
        archs: Object.keys(ARCH_NAMES).sort(),
        knownFlags: Object.keys(flags),
        supportedFlags: Object.keys(flags),
      },
      apparmor: { enabled: true },
      selinux: { enabled: true },
      memoryPolicy: { modes: Object.keys(memoryPolicyModes), flags: Object.keys(memoryPolicyFlags) },
      intelRdt: { enabled: false },
      mountExtensions: { idmap: { enabled: true } },
      netDevices: { enabled: true },
    },
    // The last is the beginning of many.
    potentiallyUnsafeConfigAnnotations: [CRIU_CONFIG_ANNOTATION, 'org.systemd.property.'],
  }
}
