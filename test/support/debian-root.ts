/** A small Debian root filesystem as a tar archive, made once by mmdebstrap and kept outside the checkout. */
import { execFile } from 'node:child_process'
import { access, mkdir, rename } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const EXCLUDED = ['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/locale/*', '/usr/share/info/*']
/** Needed to install packages and by nothing that tests run. */
const REMOVED = ['/usr/share/perl*', '/usr/lib/*/perl*', '/usr/bin/perl*', '/usr/lib/*/gconv', '/var/lib/dpkg/info/*']

/** Path of the archive: Debian bookworm's essential packages, without what only their installation needs. The first call needs root and a Debian mirror. */
export async function debianRoot(): Promise<string> {
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'utsuwa-test')
  const archive = join(cache, 'debian-small.tar')
  const exists = await access(archive).then(
    () => true,
    () => false,
  )
  if (exists) return archive
  await mkdir(cache, { recursive: true })
  // By process, so that two test runs that start together both end with a whole archive.
  const partial = join(cache, `debian-small.${process.pid}.tar`)
  const excludes = EXCLUDED.map(path => `--dpkgopt=path-exclude=${path}`)
  const removal = `--customize-hook=rm -rf ${REMOVED.map(path => `"$1"${path}`).join(' ')}`
  const options = ['--quiet', '--variant=essential', ...excludes, removal]
  await run('mmdebstrap', [...options, 'bookworm', partial], { timeout: 600_000 })
  await rename(partial, archive)
  return archive
}
