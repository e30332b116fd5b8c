/** The flags that say how a registry is spoken to, of `pull`, `push` and `login`. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { RegistryOptions } from '../../index.ts'

export interface RegistryFlags {
  readonly authfile?: string
  readonly hostsDir?: string
  readonly insecure?: boolean
  readonly retry?: number
  readonly retryDelay?: number
  readonly tlsVerify?: 'true' | 'false'
}

export function addRegistryFlags(command: Command): Command {
  return command
    .option('--authfile <FILE>', 'file with credentials (default: those of docker and podman)')
    .option('--hosts-dir <DIR>', 'mirrors and certificates by registry (default: /etc/utsuwa/certs.d, then others)')
    .option('--insecure', 'verify no certificate, and speak plain HTTP where there is no TLS')
    .addOption(new Option('--tls-verify <BOOLEAN>', 'false is the same as --insecure').choices(['true', 'false']))
    .option('--retry <NUMBER>', 'attempts after the first one that fails (default: 4)', parseCount)
    .option(
      '--retry-delay <SECONDS>',
      'before the second attempt; doubled for each after it (default: 0.25)',
      parseSeconds,
    )
}

export function registryOptions(flags: RegistryFlags): RegistryOptions {
  const { authfile, hostsDir, insecure, retry, retryDelay, tlsVerify } = flags
  return {
    ...(authfile === undefined ? {} : { authFile: authfile }),
    ...(hostsDir === undefined ? {} : { hostsDir }),
    ...(insecure || tlsVerify === 'false' ? { insecure: true } : {}),
    retry: {
      ...(retry === undefined ? {} : { retries: retry }),
      ...(retryDelay === undefined ? {} : { baseDelay: retryDelay * 1000 }),
    },
  }
}

function parseCount(text: string): number {
  if (/^\d{1,3}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('must be a number from 0 to 999.')
}

function parseSeconds(text: string): number {
  const [, number] = /^(\d+(?:\.\d+)?)s?$/.exec(text) ?? []
  if (number !== undefined) return Number(number)
  throw new InvalidArgumentError('must be a number of seconds.')
}
