import type { Command } from 'commander'
import { login, UtsuwaError } from '../../index.ts'
import { addRegistryFlags, type RegistryFlags, registryOptions } from '../flags/registry-flags.ts'
import { writeAll } from '../print/write.ts'
import { prompt } from '../terminal/prompt.ts'

interface LoginFlags extends RegistryFlags {
  readonly password?: string
  readonly passwordStdin?: boolean
  readonly username?: string
}

export const examples = ['utsuwa login ghcr.io', 'utsuwa login -u me --password-stdin localhost:5000 <token']

export function define(command: Command): void {
  addRegistryFlags(
    command
      .argument('[REGISTRY]', 'such as ghcr.io, localhost:5000', 'docker.io')
      .option('-u, --username <NAME>', 'user name (default: it is asked for)')
      .option('-p, --password <PASSWORD>', 'password, which everybody sees in the list of processes')
      .option('--password-stdin', 'read the password from standard input'),
  ).action(async (name: string, flags: LoginFlags) => {
    const username = flags.username ?? (await ask('user name: ', '--username'))
    const password = await passwordFrom(flags)
    const { registry, storedIn } = await login(name, { kind: 'password', username, password }, registryOptions(flags))
    const plain = storedIn.startsWith('/') ? ', not encrypted' : ''
    writeAll(1, `Logged in to ${registry}. The password is kept in ${storedIn}${plain}.\n`)
  })
}

async function passwordFrom({ password, passwordStdin }: LoginFlags): Promise<string> {
  if (password !== undefined && passwordStdin)
    throw new UtsuwaError('INVALID_ARGUMENT', '--password and --password-stdin exclude each other')
  if (password !== undefined) return password
  if (!passwordStdin) return ask('password: ', '--password-stdin', true)
  const text = Buffer.concat(await Array.fromAsync(process.stdin as AsyncIterable<Buffer>)).toString('utf8')
  return text.replace(/\r?\n$/, '')
}

async function ask(question: string, flag: string, secret = false): Promise<string> {
  if (process.stdin.isTTY) return prompt(question, { secret })
  throw new UtsuwaError('INVALID_ARGUMENT', `${flag} is missing, and standard input is no terminal to ask on`)
}
