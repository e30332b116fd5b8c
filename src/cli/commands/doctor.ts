import type { Command } from 'commander'
import { doctor, type Finding } from '../../index.ts'
import { rootsOf } from '../flags/roots.ts'
import { writeAll } from '../print/write.ts'

export const examples = ['utsuwa doctor']

export function define(command: Command): void {
  command.option('--json', 'print the findings as JSON').action(async ({ json }: { json?: boolean }) => {
    const findings = await doctor(rootsOf(command))
    writeAll(1, json ? `${JSON.stringify(findings, undefined, 2)}\n` : findings.map(formatFinding).join(''))
    if (findings.some(({ status }) => status === 'fail')) process.exitCode = 1
  })
}

export function formatFinding({ status, message, fix }: Finding): string {
  return `${status.padEnd(4)}  ${message}${fix === undefined ? '' : `; fix: ${fix}`}\n`
}
