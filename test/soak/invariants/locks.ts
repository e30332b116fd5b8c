import { readFileSync, statSync } from 'node:fs'
import type { Invariant } from './invariant.ts'

/** Locks held on files of the two disks. */
export const locks: Invariant = {
  name: 'locks',
  observe: ({ storeDisk, runDisk }) => {
    const devices = [storeDisk, runDisk].map(path => deviceOf(path))
    return readFileSync('/proc/locks', 'utf8')
      .split('\n')
      .filter(line => devices.some(device => line.includes(` ${device}:`)))
      .map(line => line.replace(/^\d+: /, ''))
  },
}

/** As /proc/locks writes it. */
function deviceOf(path: string): string {
  const { dev } = statSync(path)
  // How glibc makes one number of two: makedev(3).
  const [major, minor] = [(dev >>> 8) & 0xfff, (dev & 0xff) | ((dev >>> 12) & 0xfff00)]
  return [major, minor].map(number => number.toString(16).padStart(2, '0')).join(':')
}
