/** Readers of `linux` in config.json, apart from its resources. */
import {
  absolutePath,
  array,
  boolean,
  int64,
  integer,
  kernelString,
  nonEmptyString,
  numberList,
  object,
  oneOf,
  optional,
  optionalText,
  record,
  refuseDuplicates,
  specError,
  string,
  stringThat,
  uint32,
  uint64,
} from './readers.ts'
import type {
  Linux,
  LinuxDevice,
  LinuxIntelRdt,
  LinuxMemoryPolicy,
  LinuxNamespace,
  LinuxNetDevice,
  LinuxPersonality,
  LinuxSeccomp,
  LinuxSeccompArg,
  LinuxSyscall,
  LinuxTimeOffset,
} from './runtime.ts'
import { idMappings, resources } from './runtime-parse-resources.ts'

const namespace = object<LinuxNamespace>({
  type: oneOf('pid', 'network', 'mount', 'ipc', 'uts', 'user', 'cgroup', 'time'),
  path: optionalText(absolutePath),
})

const timeOffset = object<LinuxTimeOffset>({ secs: optional(int64), nanosecs: optional(integer(0, 999_999_999)) })

/** Bits of a major and a minor number: makedev(3) of the kernel cuts off what is beyond, to those of another device. */
const majorNumber = integer(0, 2 ** 12 - 1)
const minorNumber = integer(0, 2 ** 20 - 1)

const device = object<LinuxDevice>(
  {
    type: oneOf('c', 'b', 'u', 'p'),
    path: absolutePath,
    major: optional(majorNumber),
    minor: optional(minorNumber),
    fileMode: optional(uint32),
    uid: optional(uint32),
    gid: optional(uint32),
  },
  ({ type, major, minor }, pointer) => {
    if (type !== 'p' && (major === undefined || minor === undefined)) {
      throw specError(`must have major and minor, because its type is ${type}`, pointer)
    }
  },
)

/** What the kernel's dev_valid_name accepts. */
const interfaceName = stringThat(
  'a string that can name a network interface',
  name => /^[^\s/:]{1,15}$/.test(name) && name !== '.' && name !== '..',
)

const intelRdt = object<LinuxIntelRdt>({
  closID: optionalText(stringThat('a string without /', name => !/^\.{0,2}$|\//.test(name))),
  schemata: optional(array(stringThat('a string of one line', line => !line.includes('\n')))),
  l3CacheSchema: optional(string),
  memBwSchema: optionalText(stringThat('a string of one line that starts with MB:', line => /^MB:[^\n]*$/.test(line))),
  enableMonitoring: optional(boolean),
})

const memoryPolicy = object<LinuxMemoryPolicy>({
  mode: oneOf(
    'MPOL_DEFAULT',
    'MPOL_BIND',
    'MPOL_INTERLEAVE',
    'MPOL_WEIGHTED_INTERLEAVE',
    'MPOL_PREFERRED',
    'MPOL_PREFERRED_MANY',
    'MPOL_LOCAL',
  ),
  nodes: optional(numberList),
  flags: optional(array(oneOf('MPOL_F_NUMA_BALANCING', 'MPOL_F_RELATIVE_NODES', 'MPOL_F_STATIC_NODES'))),
})

const seccompAction = oneOf(
  'SCMP_ACT_KILL',
  'SCMP_ACT_KILL_PROCESS',
  'SCMP_ACT_KILL_THREAD',
  'SCMP_ACT_TRAP',
  'SCMP_ACT_ERRNO',
  'SCMP_ACT_TRACE',
  'SCMP_ACT_ALLOW',
  'SCMP_ACT_LOG',
  'SCMP_ACT_NOTIFY',
)

const seccompArg = object<LinuxSeccompArg>({
  index: integer(0, 5),
  value: uint64,
  valueTwo: optional(uint64),
  op: oneOf(
    'SCMP_CMP_NE',
    'SCMP_CMP_LT',
    'SCMP_CMP_LE',
    'SCMP_CMP_EQ',
    'SCMP_CMP_GE',
    'SCMP_CMP_GT',
    'SCMP_CMP_MASKED_EQ',
  ),
})

const syscall = object<LinuxSyscall>({
  names: array(nonEmptyString, { nonEmpty: true }),
  action: seccompAction,
  errnoRet: optional(uint32),
  args: optional(array(seccompArg)),
})

export const seccomp = object<LinuxSeccomp>(
  {
    defaultAction: seccompAction,
    defaultErrnoRet: optional(uint32),
    architectures: optional(array(stringThat('a string SCMP_ARCH_…', name => /^SCMP_ARCH_[A-Z0-9_]+$/.test(name)))),
    flags: optional(
      array(
        oneOf(
          'SECCOMP_FILTER_FLAG_TSYNC',
          'SECCOMP_FILTER_FLAG_LOG',
          'SECCOMP_FILTER_FLAG_SPEC_ALLOW',
          'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV',
        ),
      ),
    ),
    listenerPath: optional(string),
    listenerMetadata: optional(string),
    syscalls: optional(array(syscall)),
  },
  ({ listenerPath, listenerMetadata }, pointer) => {
    if (listenerMetadata && !listenerPath)
      throw specError('must not have listenerMetadata without listenerPath', pointer)
  },
)

const personality = object<LinuxPersonality>(
  { domain: oneOf('LINUX', 'LINUX32'), flags: optional(array(string)) },
  ({ flags = [] }, pointer) => {
    if (flags.length > 0) throw specError('must be empty: the specification has no flags yet', `${pointer}/flags`)
  },
)

export const linux = object<Linux>(
  {
    namespaces: optional(array(namespace)),
    uidMappings: optional(idMappings),
    gidMappings: optional(idMappings),
    timeOffsets: optional(
      object<NonNullable<Linux['timeOffsets']>>({ boottime: optional(timeOffset), monotonic: optional(timeOffset) }),
    ),
    devices: optional(array(device)),
    netDevices: optional(record(object<LinuxNetDevice>({ name: optional(interfaceName) }), { key: interfaceName })),
    cgroupsPath: optional(kernelString),
    resources: optional(resources),
    intelRdt: optional(intelRdt),
    memoryPolicy: optional(memoryPolicy),
    sysctl: optional(record(kernelString)),
    seccomp: optional(seccomp),
    rootfsPropagation: optionalText(
      oneOf('shared', 'slave', 'private', 'unbindable', 'rshared', 'rslave', 'rprivate', 'runbindable'),
    ),
    maskedPaths: optional(array(absolutePath)),
    readonlyPaths: optional(array(absolutePath)),
    mountLabel: optional(kernelString),
    personality: optional(personality),
  },
  ({ namespaces }, pointer) => refuseDuplicates(namespaces, ({ type }) => type, 'namespace', `${pointer}/namespaces`),
)
