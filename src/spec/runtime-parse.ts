import type { LinuxResources, Process, RuntimeSpec } from './runtime.ts'

export function parseRuntimeSpec(json: unknown): RuntimeSpec {
  return json as RuntimeSpec
}

export function parseProcess(json: unknown): Process {
  return json as Process
}

export function parseLinuxResources(json: unknown): LinuxResources {
  return json as LinuxResources
}
