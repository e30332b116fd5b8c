/**
 * The validating parser of config.json. Unknown members are ignored, wrong types and violated MUSTs of the
 * specification are errors that say where.
 */
import {
  absolutePath,
  array,
  boolean,
  integer,
  kernelString,
  nonEmptyString,
  numberList,
  object,
  oneOf,
  optional,
  type Reader,
  record,
  refuseDuplicates,
  specError,
  string,
  stringThat,
  uint32,
  uint64,
} from './readers.ts'
import { RLIMITS } from './rlimits.ts'
import type {
  Capabilities,
  ConsoleSize,
  ExecCpuAffinity,
  Hook,
  Hooks,
  IoPriority,
  LinuxResources,
  LinuxSeccomp,
  Mount,
  Process,
  Rlimit,
  Root,
  RuntimeSpec,
  Scheduler,
  User,
} from './runtime.ts'
import { checkAcrossMembers } from './runtime-check.ts'
import { linux, seccomp } from './runtime-parse-linux.ts'
import { idMappings, resources } from './runtime-parse-resources.ts'

/**
 * @param json what `parseJson` made of config.json
 * @returns a new object that holds only what the specification knows
 * @throws UtsuwaError INVALID_SPEC with `configPointer`
 */
export function parseRuntimeSpec(json: unknown): RuntimeSpec {
  return runtimeSpec.read(json, '')
}

/** `parseRuntimeSpec` for a document that is a process object, as engines pass it to `exec --process`. */
export function parseProcess(json: unknown): Process {
  return process.read(json, '')
}

/** `parseRuntimeSpec` for a document that is a resources object, as engines pass it to `update --resources`. */
export function parseLinuxResources(json: unknown): LinuxResources {
  return resources.read(json, '')
}

/** `parseRuntimeSpec` for a document that is a seccomp profile. */
export function parseLinuxSeccomp(json: unknown): LinuxSeccomp {
  return seccomp.read(json, '')
}

/** An id of a user or group. 4294967295 is (uid_t)−1, which system calls take for "leave it as it is". */
const id = integer(0, 0xffff_fffe)

/** What the specification requires, but runc, for which bundles are written, does without. */
function withDefault<T>({ expected, read }: Reader<T>, fallback: unknown): Reader<T> {
  return { expected, read: (value, pointer) => read(value === undefined ? fallback : value, pointer) }
}

const root = object<Root>({ path: nonEmptyString, readonly: optional(boolean) })

/**
 * The specification wants relative destinations, although deprecated, to be taken as relative to `/`.
 * https://github.com/opencontainers/runtime-spec/blob/main/config.md#mounts
 */
const destination: Reader<string> = {
  expected: 'an absolute path',
  read(value, pointer) {
    const path = stringThat(destination.expected, text => text !== '').read(value, pointer)
    return path.startsWith('/') ? path : `/${path}`
  },
}

const mount = object<Mount>(
  {
    destination,
    source: optional(kernelString),
    type: optional(kernelString),
    options: optional(array(kernelString)),
    uidMappings: optional(idMappings),
    gidMappings: optional(idMappings),
  },
  ({ uidMappings, gidMappings }, pointer) => {
    if ((uidMappings === undefined) !== (gidMappings === undefined)) {
      throw specError('must have both uidMappings and gidMappings, or neither', pointer)
    }
  },
)

const user = object<User>({
  uid: withDefault(id, 0),
  gid: withDefault(id, 0),
  umask: optional(integer(0, 0o7777)),
  additionalGids: optional(array(id)),
})

/** Unknown names are no error: the specification wants a warning from the code that applies them. */
const capabilities = object<Capabilities>({
  bounding: optional(array(string)),
  effective: optional(array(string)),
  inheritable: optional(array(string)),
  permitted: optional(array(string)),
  ambient: optional(array(string)),
})

const rlimit = object<Rlimit>(
  { type: oneOf(...Object.keys(RLIMITS)), soft: uint64, hard: uint64 },
  ({ soft, hard }, pointer) => {
    if (BigInt(soft) > BigInt(hard))
      throw specError(`has a soft limit (${soft}) above its hard limit (${hard})`, pointer)
  },
)

const scheduler = object<Scheduler>({
  policy: oneOf('SCHED_OTHER', 'SCHED_FIFO', 'SCHED_RR', 'SCHED_BATCH', 'SCHED_ISO', 'SCHED_IDLE', 'SCHED_DEADLINE'),
  nice: optional(integer(-20, 19)),
  priority: optional(integer(0, 99)),
  flags: optional(
    array(
      oneOf(
        'SCHED_FLAG_RESET_ON_FORK',
        'SCHED_FLAG_RECLAIM',
        'SCHED_FLAG_DL_OVERRUN',
        'SCHED_FLAG_KEEP_POLICY',
        'SCHED_FLAG_KEEP_PARAMS',
        'SCHED_FLAG_UTIL_CLAMP_MIN',
        'SCHED_FLAG_UTIL_CLAMP_MAX',
      ),
    ),
  ),
  runtime: optional(uint64),
  deadline: optional(uint64),
  period: optional(uint64),
})

const process = object<Process>(
  {
    terminal: optional(boolean),
    consoleSize: optional(object<ConsoleSize>({ height: uint32, width: uint32 })),
    user: withDefault(user, {}),
    args: array(kernelString, { nonEmpty: true }),
    env: optional(array(kernelString)),
    cwd: absolutePath,
    capabilities: optional(capabilities),
    rlimits: optional(array(rlimit)),
    noNewPrivileges: optional(boolean),
    apparmorProfile: optional(kernelString),
    oomScoreAdj: optional(integer(-1000, 1000)),
    scheduler: optional(scheduler),
    selinuxLabel: optional(kernelString),
    ioPriority: optional(
      object<IoPriority>({
        class: oneOf('IOPRIO_CLASS_RT', 'IOPRIO_CLASS_BE', 'IOPRIO_CLASS_IDLE'),
        priority: optional(integer(0, 7)),
      }),
    ),
    execCPUAffinity: optional(object<ExecCpuAffinity>({ initial: optional(numberList), final: optional(numberList) })),
  },
  ({ rlimits }, pointer) => refuseDuplicates(rlimits, ({ type }) => type, 'rlimit', `${pointer}/rlimits`),
)

const hook = object<Hook>({
  path: absolutePath,
  args: optional(array(kernelString)),
  env: optional(array(kernelString)),
  timeout: optional(integer(1, Number.MAX_SAFE_INTEGER)),
})

const hooks = object<Hooks>({
  prestart: optional(array(hook)),
  createRuntime: optional(array(hook)),
  createContainer: optional(array(hook)),
  startContainer: optional(array(hook)),
  poststart: optional(array(hook)),
  poststop: optional(array(hook)),
})

/** Semantic versioning 2.0.0, major version 1: within it the specification is compatible in both directions. */
const ociVersion = stringThat('a semantic version 1.x.y', version =>
  /^1\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/.test(version),
)

const runtimeSpec = object<RuntimeSpec>(
  {
    ociVersion,
    root: optional(root),
    process: optional(process),
    hostname: optional(stringThat('a string of at most 64 bytes', name => Buffer.byteLength(name) <= 64)),
    domainname: optional(stringThat('a string of at most 64 bytes', name => Buffer.byteLength(name) <= 64)),
    mounts: optional(array(mount)),
    hooks: optional(hooks),
    annotations: optional(record(string, { key: nonEmptyString })),
    linux: optional(linux),
  },
  checkAcrossMembers,
)
