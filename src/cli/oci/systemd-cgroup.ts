/** `slice:prefix:name`, in which engines name cgroups under `--systemd-cgroup`. */
import { UtsuwaError } from '../../errors.ts'

/**
 * Where systemd would put that scope: `system.slice:cri:x` → `/system.slice/cri-x.scope`. A dash in a slice's name is
 * a level: `a-b.slice` lies in `a.slice`. See systemd.slice(5).
 *
 * @param cgroupsPath of the runtime spec; absent or empty: a scope of its own in system.slice
 * @returns path below the cgroup mount
 * @throws UtsuwaError INVALID_SPEC
 */
export function systemdCgroupPath(cgroupsPath: string | undefined, id: string): string {
  const parts = (cgroupsPath || `system.slice:utsuwa:${id}`).split(':')
  const [slice, prefix, name] = parts
  if (parts.length !== 3 || slice === undefined || prefix === undefined || !name || cgroupsPath?.includes('/'))
    throw invalid(`must have the form slice:prefix:name, found ${JSON.stringify(cgroupsPath)}`)
  return `${slicePath(slice || 'system.slice')}/${unitName(prefix, name)}`
}

/** A name that is a slice's already stays one. */
function unitName(prefix: string, name: string): string {
  if (name.endsWith('.slice')) return name
  return prefix === '' ? `${name}.scope` : `${prefix}-${name}.scope`
}

function slicePath(slice: string): string {
  if (slice === '-.slice') return ''
  const levels = slice.replace(/\.slice$/, '').split('-')
  if (!slice.endsWith('.slice') || levels.includes('')) throw invalid(`${JSON.stringify(slice)} is not a slice`)
  return levels.map((_, index) => `/${levels.slice(0, index + 1).join('-')}.slice`).join('')
}

function invalid(requirement: string): UtsuwaError {
  return new UtsuwaError('INVALID_SPEC', `cgroupsPath ${requirement}`, { configPointer: '/linux/cgroupsPath' })
}
