/** IPv4 subnets: which are in use on this host, and which are free. */
import { isIPv4 } from 'node:net'

/** Numbers of 32 bits, the first address and the length of the prefix. */
export interface Subnet {
  readonly address: number
  readonly prefix: number
}

/** Undefined for what is none; bits behind the prefix are dropped. */
export function parseSubnet(text: string): Subnet | undefined {
  const [, address = '', prefix] = /^([\d.]+)\/(\d{1,2})$/.exec(text) ?? []
  if (!isIPv4(address) || Number(prefix) > 32) return undefined
  return { address: masked(parseAddress(address), Number(prefix)), prefix: Number(prefix) }
}

export function formatSubnet({ address, prefix }: Subnet): string {
  return `${formatAddress(address)}/${prefix}`
}

/** @param text a valid address */
export function parseAddress(text: string): number {
  return text.split('.').reduce((number, byte) => number * 256 + Number(byte), 0)
}

export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map(shift => (address >>> shift) & 255).join('.')
}

function masked(address: number, prefix: number): number {
  const size = 2 ** (32 - prefix)
  return Math.floor(address / size) * size
}

export function overlaps(a: Subnet, b: Subnet): boolean {
  const prefix = Math.min(a.prefix, b.prefix)
  return masked(a.address, prefix) === masked(b.address, prefix)
}

export function contains(subnet: Subnet, address: number): boolean {
  return masked(address, subnet.prefix) === subnet.address
}

/** Destinations in /proc/net/route, without the default route: numbers in the machine's byte order. */
export function parseRoutes(text: string): Subnet[] {
  return text
    .trim()
    .split('\n')
    .slice(1)
    .map(line => line.split('\t'))
    .map(([, destination = '', , , , , , mask = '']) => ({
      address: Buffer.from(destination, 'hex').readUInt32LE(),
      prefix: Buffer.from(mask, 'hex')
        .toString('hex')
        .split('')
        .reduce((bits, digit) => bits + ones(digit), 0),
    }))
    .filter(({ prefix }) => prefix > 0)
}

const ones = (digit: string): number => [...Number.parseInt(digit, 16).toString(2)].filter(bit => bit === '1').length

/** Subnets for the default network: large enough for every container that a machine can hold. */
export const LARGE: readonly Subnet[] = Array.from({ length: 40 }, (_, index) => ({
  address: parseAddress(`10.${87 + index}.0.0`),
  prefix: 16,
}))

/** Subnets for the networks that users create. */
export const SMALL: readonly Subnet[] = [
  ...Array.from({ length: 256 }, (_, index) => ({ address: parseAddress(`10.187.${index}.0`), prefix: 24 })),
  ...Array.from({ length: 128 }, (_, index) => ({ address: parseAddress(`192.168.${index + 128}.0`), prefix: 24 })),
]

/** The first that overlaps with none of those that are taken. */
export function freeSubnet(candidates: readonly Subnet[], taken: readonly Subnet[]): Subnet | undefined {
  return candidates.find(candidate => !taken.some(other => overlaps(candidate, other)))
}
