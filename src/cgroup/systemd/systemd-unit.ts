/** `slice:prefix:name`: how engines name a container's unit in linux.cgroupsPath when systemd manages cgroups. */
import { UtsuwaError } from '../../errors.ts'

export interface SystemdUnit {
  /** `cri-x.scope` */
  readonly name: string
  /** `kubepods-burstable.slice` */
  readonly slice: string
  /** Where systemd puts it, below the cgroup mount: `/kubepods.slice/kubepods-burstable.slice/cri-x.scope`. */
  readonly cgroupPath: string
}

/** systemd.unit(5): 255 characters with the suffix. */
const UNIT_NAME = /^[\w:.\\@-]{1,249}\.scope$/

/**
 * The unit of a container. Empty parts mean what they mean to runc: no slice is system.slice, no prefix is a name that
 * begins with a dash. Without a cgroupsPath it is `utsuwa-ID.scope`.
 *
 * @throws UtsuwaError INVALID_SPEC, UNSUPPORTED for a container that is to be a slice
 */
export function systemdUnit(cgroupsPath: string | undefined, id: string): SystemdUnit {
  const parts = (cgroupsPath || `:utsuwa:${id}`).split(':')
  const [slice, prefix, name] = parts
  if (parts.length !== 3 || slice === undefined || !name)
    throw invalid(`expected the form slice:prefix:name for systemd, found ${JSON.stringify(cgroupsPath)}`)
  if (name.endsWith('.slice'))
    throw new UtsuwaError(
      'UNSUPPORTED',
      `a container runs in a scope, and ${name} is a slice, which has no processes`,
      {
        configPointer: '/linux/cgroupsPath',
      },
    )
  const unit = `${prefix}-${name}.scope`
  if (!UNIT_NAME.test(unit)) throw invalid(`${JSON.stringify(unit)} is not the name of a unit`)
  const parent = slice || 'system.slice'
  return { name: unit, slice: parent, cgroupPath: `${slicePath(parent)}/${unit}` }
}

/** systemd.slice(5): a dash in a slice's name is a level, so `a-b.slice` lies in `a.slice`; `-.slice` is the root. */
function slicePath(slice: string): string {
  if (slice === '-.slice') return ''
  const levels = slice.replace(/\.slice$/, '').split('-')
  if (!/^[\w:.\\@-]+\.slice$/.test(slice) || levels.includes(''))
    throw invalid(`${JSON.stringify(slice)} is not the name of a slice`)
  return levels.map((_, index) => `/${levels.slice(0, index + 1).join('-')}.slice`).join('')
}

function invalid(reason: string): UtsuwaError {
  return new UtsuwaError('INVALID_SPEC', reason, { configPointer: '/linux/cgroupsPath' })
}
