/** What results depend on beside the experiment. */
import { cpus, hostname, version as kernelVersion, release, totalmem } from 'node:os'
import manifest from '../../package.json' with { type: 'json' }

/** The machine that an experiment ran on. */
export interface Machine {
  readonly date: string
  readonly hostname: string
  /** Such as `Linux 6.18.5`. */
  readonly kernel: string
  readonly kernelBuild: string
  readonly architecture: string
  readonly cpus: number
  readonly cpuModel: string
  readonly memoryBytes: number
  readonly utsuwa: string
  readonly node: string
}

export function describeMachine(): Machine {
  const processors = cpus()
  return {
    date: new Date().toISOString(),
    hostname: hostname(),
    kernel: `Linux ${release()}`,
    kernelBuild: kernelVersion(),
    architecture: process.arch,
    cpus: processors.length,
    cpuModel: processors[0]?.model.trim() ?? '',
    memoryBytes: totalmem(),
    utsuwa: manifest.version,
    node: process.versions.node,
  }
}
