/**
 * One hostile layer for each known hole of programs that unpack archives: what it tries, and what must come of it. The
 * tests of unpacking apply them; the fuzzers start from them.
 */
import type { UtsuwaErrorCode } from '../../src/errors.ts'
import { encodePax, type TarEntry, writeTar } from './tar-writer.ts'

/** Names of a directory beside the layer, which must stay as it is. */
export interface Outside {
  /** Absolute. `secret` is in it. */
  readonly outside: string
  /** From the layer's root. */
  readonly wayOut: string
}

export interface HostileLayer {
  /** As in `CVE-2021-32760`, with the program that had the hole. */
  readonly hole: string
  /** What the layer tries. */
  readonly attempt: string
  archive(where: Outside): Buffer
  /** How it is refused; or, where it is harmless, the names that the layer has then. */
  readonly outcome: UtsuwaErrorCode | readonly string[]
}

const FILE = 'evil'

function layer(
  hole: string,
  attempt: string,
  entries: readonly TarEntry[] | ((where: Outside) => readonly TarEntry[]),
  outcome: HostileLayer['outcome'],
): HostileLayer {
  return {
    hole,
    attempt,
    archive: where => writeTar(typeof entries === 'function' ? entries(where) : entries),
    outcome,
  }
}

const link = (path: string, linkpath: string): TarEntry => ({ path, type: '2', linkpath })
const hardLink = (path: string, linkpath: string): TarEntry => ({ path, type: '1', linkpath })
const file = (path: string): TarEntry => ({ path, data: FILE, mode: 0o777 })

export const hostileLayers: readonly HostileLayer[] = [
  layer(
    'containerd CVE-2021-32760',
    'changes the mode of a file behind a link, through a hard link to the link',
    ({ outside }) => [
      link('a', `${outside}/secret`),
      { ...hardLink('b', 'a'), mode: 0o7777 },
      { path: 'a', mode: 0o7777 },
    ],
    ['', 'a', 'b'],
  ),
  layer(
    'containerd CVE-2025-47290',
    'puts a link in the place of a directory that later entries go into',
    ({ outside }) => [{ path: 'd/' }, file('d/one'), link('d', outside), file('d/two')],
    'CORRUPT_LAYER',
  ),
  layer(
    'umoci CVE-2021-29136',
    'makes the root a link',
    ({ outside }) => [link('.', outside), file('x')],
    'UNSAFE_LAYER',
  ),
  layer(
    'umoci CVE-2021-29136',
    'makes the root a link, called /',
    ({ outside }) => [link('/', outside), file('x')],
    'UNSAFE_LAYER',
  ),
  layer(
    'node-tar CVE-2018-20834',
    'writes to a hard link of a file of the host',
    ({ outside }) => [hardLink('x', `${outside}/secret`), file('x')],
    'CORRUPT_LAYER',
  ),
  layer(
    'node-tar CVE-2018-20834',
    'writes to a hard link of a link to a file of the host',
    ({ outside }) => [link('l', `${outside}/secret`), hardLink('x', 'l'), file('x')],
    ['', 'l', 'x'],
  ),
  layer(
    'node-tar CVE-2021-32803',
    'replaces a directory that is known to be one by a link, and writes into it',
    ({ wayOut }) => [{ path: 'd/' }, file('d/f'), link('d', wayOut), file('d/f')],
    'CORRUPT_LAYER',
  ),
  {
    hole: 'node-tar CVE-2021-32804',
    attempt: 'has several slashes before a name, and again a way out behind them',
    archive: ({ wayOut }) => writeTar([file(`////${wayOut}/x`)]),
    outcome: 'UNSAFE_LAYER',
  },
  layer('node-tar CVE-2021-32804', 'has several slashes before an absolute name', [file('////x')], ['', 'x']),
  layer(
    'node-tar CVE-2021-37701',
    'calls the same place by backslashes and by slashes',
    ({ outside }) => [{ path: 'a\\b/' }, link('a\\b', outside), { path: 'a/b/' }, file('a/b/x'), file('a\\b\\x')],
    ['', 'a', 'a/b', 'a/b/x', 'a\\b', 'a\\b\\x'],
  ),
  layer(
    'node-tar CVE-2021-37712',
    'calls a link and a directory by two Unicode forms of one name',
    ({ outside }) => [{ path: 'caf\u00e9/' }, link('cafe\u0301', outside), file('caf\u00e9/x')],
    ['', 'cafe\u0301', 'caf\u00e9', 'caf\u00e9/x'],
  ),
  layer('node-tar CVE-2021-37713', 'has a name relative to a drive', [file('C:../x')], ['', 'C:..', 'C:../x']),
  layer('node-tar CVE-2024-28863', 'nests directories without end', [{ path: 'd/'.repeat(2000) }], 'LIMIT_EXCEEDED'),
  layer(
    'node-tar CVE-2026-23745',
    'has a hard link with an absolute target',
    ({ outside }) => [hardLink('x', `${outside}/secret`)],
    'CORRUPT_LAYER',
  ),
  layer(
    'node-tar CVE-2026-23745',
    'writes through a link with an absolute target',
    ({ outside }) => [link('x', `${outside}/secret`), file('x')],
    ['', 'x'],
  ),
  layer(
    'node-tar CVE-2026-23950',
    'calls a link and a file by names that are the same without case, or in a ligature',
    ({ outside }) => [link('stra\u00dfe', outside), file('strasse/x'), link('\ufb01', outside), file('FI/x')],
    ['', 'FI', 'FI/x', 'strasse', 'strasse/x', 'stra\u00dfe', '\ufb01'],
  ),
  layer(
    'node-tar CVE-2026-24842',
    'has a hard link whose target is inside from where it stands, and outside from the root',
    ({ wayOut }) => [{ path: 'a/b/c/' }, hardLink('a/b/c/x', `${wayOut}/secret`)],
    'UNSAFE_LAYER',
  ),
  layer(
    'node-tar CVE-2026-26960',
    'reaches a file of the host by a hard link through a chain of links',
    ({ wayOut }) => [
      link('one', '..'),
      link('two', 'one/..'),
      link('three', `two/${wayOut}`),
      hardLink('x', 'three/secret'),
    ],
    'CORRUPT_LAYER',
  ),
  layer(
    'node-tar CVE-2026-29786',
    'has a hard link to what is relative to a drive',
    ({ wayOut }) => [hardLink('x', `C:${wayOut}/secret`)],
    'UNSAFE_LAYER',
  ),
  layer(
    'node-tar CVE-2026-31802',
    'writes through a link to what is relative to a drive',
    ({ wayOut }) => [link('x', `C:${wayOut}/secret`), file('x')],
    ['', 'x'],
  ),
  layer(
    'node-tar CVE-2026-59873',
    'claims more content than there is',
    [{ path: 'f', data: 'x', claimedSize: 2 ** 50 }],
    'CORRUPT_LAYER',
  ),
  layer(
    'node-tar CVE-2026-59874',
    'has a negative size, so that a reader goes back and never ends',
    [{ path: 'f', data: 'x', claimedSize: -1024 }, file('g')],
    'CORRUPT_LAYER',
  ),
  layer(
    'node-tar CVE-2026-59875',
    'has a NUL in the name of an extended header',
    [{ path: 'f', pax: { path: 'visible\0hidden' }, data: '' }],
    'UNSAFE_LAYER',
  ),
  layer(
    'node-tar CVE-2026-59875',
    'has a NUL in the target of an extended header',
    [{ path: 'f', type: '2', linkpath: 'x', pax: { linkpath: 'visible\0hidden' } }],
    'UNSAFE_LAYER',
  ),
  {
    hole: 'node-tar CVE-2026-73566',
    attempt: 'has a size in an extended header before a long name, so that readers part',
    archive: () =>
      Buffer.concat([
        writeTar([{ path: 'pax', type: 'x', data: encodePax({ size: '1536' }) }], { end: false }),
        writeTar([{ path: '././@LongLink', type: 'L', data: 'long\0' }, { path: 'a', data: FILE }, file('b')]),
      ]),
    outcome: ['', 'long'],
  },
  layer('whiteouts, a name that is none', 'removes what is outside', [{ path: '.wh...', data: '' }], 'UNSAFE_LAYER'),
  layer(
    'overlayfs, redirect by an attribute',
    'shows a directory of the host under a name of its own',
    [{ path: 'd/', pax: { 'SCHILY.xattr.trusted.overlay.redirect': '/etc' } }],
    'UNSAFE_LAYER',
  ),
  layer(
    'overlayfs, device 0:0',
    'hides what is below without saying so',
    [{ path: 'x', type: '3', device: { major: 0, minor: 0 } }],
    'UNSAFE_LAYER',
  ),
]
