/** The flags of commands that are attached to a container. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from './detach-keys.ts'

export interface AttachFlags {
  readonly detachKeys: Buffer
  readonly sigProxy: 'true' | 'false'
}

export function addAttachFlags(command: Command): Command {
  return command
    .addOption(
      new Option('--detach-keys <KEYS>', 'keys that leave it running, on a terminal')
        .argParser(parse)
        .default(parse(DEFAULT_DETACH_KEYS), DEFAULT_DETACH_KEYS),
    )
    .addOption(sigProxyOption())
}

export function sigProxyOption(): Option {
  return new Option('--sig-proxy <BOOLEAN>', 'whether signals that reach this command go to the container')
    .choices(['true', 'false'])
    .default('true')
}

function parse(text: string): Buffer {
  const keys = parseDetachKeys(text)
  if (keys === undefined) throw new InvalidArgumentError('It must be keys such as ctrl-p,ctrl-q.')
  return keys
}
