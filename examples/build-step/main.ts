/**
 * `node main.ts --image NAME --source DIRECTORY --output DIRECTORY -- COMMAND…`: runs a compiler from an image over a
 * checkout. It reads the checkout at /source, writes to /output, and reaches nothing else. Exits as the command does.
 */
import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { run } from 'utsuwa'

const { values, positionals: command } = parseArgs({
  allowPositionals: true,
  options: {
    image: { type: 'string' },
    source: { type: 'string', default: '.' },
    output: { type: 'string' },
    /** Seconds since 1970 that compilers and archivers write down in place of today. */
    epoch: { type: 'string', default: process.env.SOURCE_DATE_EPOCH ?? '0' },
    root: { type: 'string', default: '/var/lib/utsuwa' },
    'run-root': { type: 'string', default: '/run/utsuwa' },
  },
})
const { image, source, output } = values
if (image === undefined || output === undefined || command.length === 0)
  throw new Error('usage: main.ts --image NAME [--source DIRECTORY] --output DIRECTORY -- COMMAND…')

const interrupt = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => interrupt.abort(new Error(`ended by ${signal}`)))

// What is built belongs to whoever the output directory belongs to.
const { uid, gid } = statSync(output)
const bind = { type: 'bind', options: ['rbind', 'nosuid', 'nodev'] }
const { exitCode } = await run({
  image,
  args: command,
  cwd: '/source',
  user: `${uid}:${gid}`,
  mounts: [
    { ...bind, source: resolve(source), destination: '/source', options: [...bind.options, 'ro'] },
    { ...bind, source: resolve(output), destination: '/output' },
  ],
  network: 'none',
  readonlyRootfs: true,
  tmpfs: ['/tmp:mode=1777'],
  capDrop: ['ALL'],
  securityOpt: ['no-new-privileges'],
  // The same on every machine, on every day.
  hostname: 'build',
  env: { SOURCE_DATE_EPOCH: values.epoch, LC_ALL: 'C', TZ: 'UTC', HOME: '/tmp' },
  stdio: ['ignore', 'inherit', 'inherit'],
  signal: interrupt.signal,
  root: values.root,
  runRoot: values['run-root'],
})
process.exitCode = exitCode
