/**
 * Seccomp profiles in files, as `--security-opt seccomp=FILE` takes them: those of the runtime specification, and
 * docker's, whose rules can depend on capabilities, architecture and kernel.
 */
import { release } from 'node:os'
import { UtsuwaError } from '../errors.ts'
import { parseJson } from '../spec/json.ts'
import { childPointer } from '../spec/pointer.ts'
import { array, integer, nonEmptyString, object, optional, string } from '../spec/readers.ts'
import { type LinuxSeccomp, parseLinuxSeccomp } from '../spec/runtime.ts'

export interface SeccompFileFacts {
  /** Capabilities of the container. */
  capabilities: readonly string[]
  /** Architecture of the machine, in Node's spelling. Default: that of this Node. */
  arch?: string
  /** `6.12.3-…`; that of this machine when absent. */
  kernelRelease?: string
}

/** When a rule of a docker profile applies. */
interface Condition {
  arches?: string[]
  caps?: string[]
  minKernel?: string
}

const condition = object<Condition>({
  arches: optional(array(string)),
  caps: optional(array(string)),
  minKernel: optional(string),
})

interface DockerRule {
  /** The spelling before docker 1.14, for a single call. */
  name?: string
  names?: string[]
  includes?: Condition
  excludes?: Condition
  errnoRet?: number
}

const dockerRule = object<DockerRule>({
  name: optional(string),
  names: optional(array(nonEmptyString)),
  includes: optional(condition),
  excludes: optional(condition),
  errnoRet: optional(integer(0, 0xffff)),
})

const archMap = array(
  object<{ architecture: string; subArchitectures?: string[] }>({
    architecture: string,
    subArchitectures: optional(array(string)),
  }),
)

/** Node's names to docker's and to libseccomp's. */
const ARCHES: Readonly<Record<string, { docker: string; scmp: string }>> = {
  x64: { docker: 'amd64', scmp: 'SCMP_ARCH_X86_64' },
  ia32: { docker: 'x86', scmp: 'SCMP_ARCH_X86' },
  arm64: { docker: 'arm64', scmp: 'SCMP_ARCH_AARCH64' },
  arm: { docker: 'arm', scmp: 'SCMP_ARCH_ARM' },
}

/**
 * @param text of the file
 * @param path names the file in errors
 * @throws UtsuwaError INVALID_SPEC
 */
export function parseSeccompFile(text: string, path: string, facts: SeccompFileFacts): LinuxSeccomp {
  try {
    const json = parseJson(text, path)
    return parseLinuxSeccomp(isObject(json) ? resolveDockerProfile(json, facts) : json)
  } catch (cause) {
    if (!(cause instanceof UtsuwaError) || cause.operation !== undefined) throw cause
    throw new UtsuwaError(cause.code, cause.message, { operation: `read seccomp profile ${path}`, path, cause })
  }
}

/** Only what applies here; a profile without docker's members comes out as it went in. */
function resolveDockerProfile(profile: Record<string, unknown>, facts: SeccompFileFacts): Record<string, unknown> {
  const { syscalls, archMap: map, ...rest } = profile
  return {
    ...rest,
    ...(map != null && { architectures: architecturesOf(archMap.read(map, '/archMap'), facts) }),
    ...(Array.isArray(syscalls) && {
      syscalls: syscalls.flatMap((rule, index) => resolveRule(rule, childPointer('/syscalls', index), facts)),
    }),
  }
}

function architecturesOf(map: ReturnType<typeof archMap.read>, { arch = process.arch }: SeccompFileFacts): string[] {
  const native = ARCHES[arch]?.scmp
  return map
    .filter(({ architecture }) => architecture === native)
    .flatMap(({ architecture, subArchitectures = [] }) => [architecture, ...subArchitectures])
}

function resolveRule(rule: unknown, pointer: string, facts: SeccompFileFacts): unknown[] {
  const { name, names, includes = {}, excludes = {}, errnoRet } = dockerRule.read(rule, pointer)
  if (!applies(includes, facts) || excluded(excludes, facts)) return []
  const all = [...(name ? [name] : []), ...(names ?? [])]
  const { errnoRet: _, ...rest } = rule as Record<string, unknown>
  // docker's generator writes 0 where nothing was said
  return [{ ...rest, names: all, ...(errnoRet && { errnoRet }) }]
}

/** Capabilities must all be there; of architectures, one. */
function applies({ arches, caps, minKernel }: Condition, facts: SeccompFileFacts): boolean {
  return (
    (!arches?.length || arches.includes(dockerArch(facts))) &&
    (caps ?? []).every(capability => facts.capabilities.includes(capability)) &&
    (!minKernel || kernelAtLeast(minKernel, facts))
  )
}

/** Any match excludes. */
function excluded({ arches = [], caps = [], minKernel }: Condition, facts: SeccompFileFacts): boolean {
  return (
    arches.includes(dockerArch(facts)) ||
    caps.some(capability => facts.capabilities.includes(capability)) ||
    (!!minKernel && kernelAtLeast(minKernel, facts))
  )
}

function dockerArch({ arch = process.arch }: SeccompFileFacts): string {
  return ARCHES[arch]?.docker ?? arch
}

function kernelAtLeast(minKernel: string, { kernelRelease = release() }: SeccompFileFacts): boolean {
  const [wanted, running] = [minKernel, kernelRelease].map(version => version.split(/[.-]/).map(Number))
  const [major, minor] = [0, 1].map(part => (running![part] ?? 0) - (wanted![part] ?? 0)) as [number, number]
  return major > 0 || (major === 0 && minor >= 0)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
