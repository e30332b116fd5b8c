/** A host for tests of networks: a network namespace of their own, so that the machine's devices and rules stay as they are. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import {
  execute,
  makeBusyboxRoot,
  type Outcome,
  openWorkplace,
  utsuwaPath,
  type Workplace,
} from '../../support/command-line.ts'

/** Loopback, and one more device, as a host has one that leads somewhere. */
const SET_UP =
  'ip link set lo up; ip link add uplink type bridge; ip addr add 192.0.2.1/24 dev uplink; ip link set uplink up'

/** Serves its host name. */
export const SERVE = 'echo "from $(hostname)" >/tmp/index.html; exec httpd -f -p 80 -h /tmp'

/** Which of the two the host's `iptables` is, whatever it is on this machine. */
export type Iptables = 'nft' | 'legacy'

/** Programs of Debian's alternatives, both called by the names of the other one's commands. */
const multi = (iptables: Iptables): string => `/usr/sbin/xtables-${iptables}-multi`

const useIptables = (iptables: Iptables): string =>
  `mount --bind ${multi(iptables)} $(readlink -f /usr/sbin/iptables) && `

export class TestHost implements Disposable {
  readonly workplace: Workplace = openWorkplace({ connected: true })
  readonly rootfs: string = makeBusyboxRoot(this.workplace.directory)
  readonly #holder: ChildProcess

  private constructor(holder: ChildProcess) {
    this.#holder = holder
  }

  /** @param iptables default: this machine's */
  static async open(iptables?: Iptables): Promise<TestHost> {
    return new TestHost(await holdNamespaces(`${iptables === undefined ? '' : useIptables(iptables)}${SET_UP}`))
  }

  /** Its holder. */
  get pid(): number {
    return this.#holder.pid!
  }

  /** Words that run a command on this host. */
  words(...command: string[]): string[] {
    return ['nsenter', `--net=/proc/${this.pid}/ns/net`, `--mount=/proc/${this.pid}/ns/mnt`, ...command]
  }

  /** `utsuwa` on this host. @param env beside the caller's */
  utsuwa(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Outcome> {
    const assignments = Object.entries(env).map(([name, value]) => `${name}=${value}`)
    const [program = '', ...words] = this.words('env', ...assignments, utsuwaPath, ...this.workplace.argv(...args))
    return execute(program, words)
  }

  async succeed(...args: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.utsuwa(args)
    assert.equal(exitCode, 0, `${args.join(' ')}: ${stderr}`)
    return stdout
  }

  /** What a container prints. */
  run(flags: readonly string[], script: string): Promise<string> {
    return this.succeed('run', '--rm', ...flags, '--rootfs', this.rootfs, 'sh', '-c', script)
  }

  /** Resolves when the container's shell runs; it ends with this process. */
  async foreground(flags: readonly string[], script = 'sleep 1000'): Promise<ChildProcess> {
    const command = ['run', ...flags, '--rootfs', this.rootfs, 'sh', '-c', `echo ready; ${script}`]
    const [program = '', ...words] = this.words(utsuwaPath, ...this.workplace.argv(...command))
    const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] })
    const [text] = (await Promise.race([once(child.stdout, 'data'), once(child, 'close')])) as unknown[]
    assert.equal(String(text), 'ready\n')
    return child
  }

  /** On this host, a program of the machine. */
  execute(...command: string[]): string {
    const [program = '', ...words] = this.words(...command)
    return execFileSync(program, words, { encoding: 'utf8' })
  }

  /** What a web server at an address answers, asked until it listens. */
  fetch(url: string): string {
    const once = `timeout 5 busybox wget -q -O - ${url}`
    return this.execute('sh', '-c', `for i in $(seq 100); do ${once} 2>/dev/null && exit 0; sleep 0.1; done; ${once}`)
  }

  /** Rules of the kernel's firewall that are about single containers. */
  rulesOfContainers(): string[] {
    const rules = this.execute('iptables-save').split('\n')
    return rules.filter(rule => /^:CNI-DN|^-A CNI-(FORWARD -[sd]|HOSTPORT-DNAT)/.test(rule))
  }

  /** Addresses that are given out in a network. */
  addresses(network: string): string[] {
    const directory = join(this.workplace.runRoot, 'addresses', network)
    return existsSync(directory) ? readdirSync(directory).filter(name => /^\d/.test(name)) : []
  }

  async addressOf(name: string): Promise<string> {
    return JSON.parse(await this.succeed('inspect', name))[0].NetworkSettings.IPAddress
  }

  [Symbol.dispose](): void {
    this.#holder.kill('SIGKILL')
    this.workplace[Symbol.dispose]()
  }
}

/** A process in a network and a mount namespace of its own, which a script has set up. It ends when it is killed. */
export async function holdNamespaces(setUp: string): Promise<ChildProcess> {
  const script = `${setUp} && echo ready && exec sleep 100000`
  const holder = spawn('unshare', ['--net', '--mount', 'sh', '-c', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [text] = (await Promise.race([once(holder.stdout, 'data'), once(holder, 'close')])) as unknown[]
  assert.equal(String(text), 'ready\n')
  return holder
}

/** Kills it outright, and resolves when it is gone. */
export async function killOutright(child: ChildProcess): Promise<void> {
  const closed = once(child, 'close')
  child.kill('SIGKILL')
  await closed
}
