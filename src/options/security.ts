import { invalidOption } from './invalid-option.ts'
import type { ContainerOptions } from './options.ts'

export interface SecurityChoice {
  noNewPrivileges: boolean
  /** Which filter: utsuwa's own, none, or a profile in a file of the host. */
  seccomp: { kind: 'default' } | { kind: 'unconfined' } | { kind: 'file'; hostPath: string }
  apparmorProfile?: string
  /** Whether parts of /proc and /sys are masked and read-only. */
  protectSystemPaths: boolean
}

/** Reads `--security-opt`. @throws UtsuwaError INVALID_ARGUMENT for what utsuwa does not know */
export function chooseSecurity({
  securityOpt = [],
  privileged = false,
}: Pick<ContainerOptions, 'securityOpt' | 'privileged'>): SecurityChoice {
  const choice: SecurityChoice = {
    noNewPrivileges: false,
    seccomp: { kind: privileged ? 'unconfined' : 'default' },
    protectSystemPaths: !privileged,
  }
  for (const option of securityOpt) apply(option, choice)
  return choice
}

function apply(option: string, choice: SecurityChoice): void {
  // docker's older spelling has a colon
  const [, key, value] = /^([a-z-]+)(?:[=:](.*))?$/.exec(option) ?? []
  if (key === 'no-new-privileges') choice.noNewPrivileges = readFlag(value ?? 'true', option)
  else if (key === 'seccomp' && value === 'unconfined') choice.seccomp = { kind: 'unconfined' }
  else if (key === 'seccomp' && value) choice.seccomp = { kind: 'file', hostPath: value }
  else if (key === 'apparmor' && value) choice.apparmorProfile = value
  else if (key === 'systempaths' && value === 'unconfined') choice.protectSystemPaths = false
  // no SELinux labels is what every container here has
  else if (!(key === 'label' && value === 'disable')) {
    throw invalidOption('--security-opt', `cannot do ${JSON.stringify(option)}`)
  }
}

function readFlag(value: string, option: string): boolean {
  if (value !== 'true' && value !== 'false') {
    throw invalidOption('--security-opt', `${JSON.stringify(option)} is neither true nor false`)
  }
  return value === 'true'
}
