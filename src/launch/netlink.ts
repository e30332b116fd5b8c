/** rtnetlink(7): requests about network devices and their addresses, which the kernel answers at once. */
import { UtsuwaError } from '../errors.ts'
import { sys } from '../sys/index.ts'

const HEADER_SIZE = 16
const NLMSG_ERROR = 2
const NLMSG_DONE = 3
const NLM_F_REQUEST = 0x1
const NLM_F_ACK = 0x4
const NLM_F_REPLACE = 0x100
const NLM_F_DUMP = 0x300
const NLM_F_CREATE = 0x400

const RTM_NEWLINK = 16
const RTM_DELLINK = 17
const RTM_GETLINK = 18
const RTM_SETLINK = 19
const RTM_NEWADDR = 20
const RTM_GETADDR = 22

/** struct ifinfomsg, struct ifaddrmsg: what stands before the attributes. */
const LINK_HEADER_SIZE = 16
const ADDRESS_HEADER_SIZE = 8

const IFLA_IFNAME = 3
const IFLA_NET_NS_FD = 28
const IFF_UP = 1

const IFA_ADDRESS = 1
const IFA_LOCAL = 2
const IFA_BROADCAST = 4
const IFA_FLAGS = 8
const IFA_RT_PRIORITY = 9
const keptAttributes = [IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST, IFA_FLAGS, IFA_RT_PRIORITY]
const IFA_F_PERMANENT = 0x80
const RT_SCOPE_UNIVERSE = 0

export interface NetworkLink {
  readonly index: number
  readonly name: string
}

export interface NetworkAddress {
  /** Index of the device that has it. */
  readonly index: number
  /** AF_INET or AF_INET6. */
  readonly family: number
  readonly prefixLength: number
  /** The first eight of IFA_F_*. */
  readonly flags: number
  readonly isPermanent: boolean
  readonly isGlobal: boolean
  /** Those worth keeping, as the kernel wrote them. */
  readonly attributes: readonly Attribute[]
}

export type Attribute = readonly [type: number, value: Buffer]

/** About one network namespace: that which the socket was made in. */
export class RouteSocket {
  readonly #fd: number
  #sequence = 0

  /** @param fd stays the caller's to close */
  constructor(fd: number) {
    this.#fd = fd
  }

  links(): NetworkLink[] {
    return this.#dump(RTM_GETLINK, Buffer.alloc(LINK_HEADER_SIZE)).map(body => ({
      index: body.readInt32LE(4),
      name: decodeAttributes(body.subarray(LINK_HEADER_SIZE)).get(IFLA_IFNAME)!.toString('utf8').replace('\0', ''),
    }))
  }

  addresses(): NetworkAddress[] {
    return this.#dump(RTM_GETADDR, Buffer.alloc(ADDRESS_HEADER_SIZE)).map(decodeAddress)
  }

  /** Moves a device into the namespace behind a descriptor, where it is called `name`. It is set down by the move. */
  move(index: number, namespaceFd: number, name: string): void {
    const namespace = Buffer.alloc(4)
    namespace.writeUInt32LE(namespaceFd)
    const attributes: Attribute[] = [
      [IFLA_NET_NS_FD, namespace],
      [IFLA_IFNAME, Buffer.from(`${name}\0`)],
    ]
    this.#request(RTM_SETLINK, 0, [linkHeader(index, 0), ...attributes.map(encodeAttribute)])
  }

  setUp(index: number): void {
    this.#request(RTM_NEWLINK, 0, [linkHeader(index, IFF_UP)])
  }

  remove(index: number): void {
    this.#request(RTM_DELLINK, 0, [linkHeader(index, 0)])
  }

  addAddress(index: number, { family, prefixLength, flags, attributes }: NetworkAddress): void {
    const header = Buffer.of(family, prefixLength, flags, RT_SCOPE_UNIVERSE, 0, 0, 0, 0)
    header.writeUInt32LE(index, 4)
    this.#request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, [header, ...attributes.map(encodeAttribute)])
  }

  #dump(type: number, body: Buffer): Buffer[] {
    this.#send(type, NLM_F_DUMP, [body])
    for (const found: Buffer[] = []; ; ) {
      for (const message of this.#receive()) {
        if (message.type === NLMSG_DONE) return found
        found.push(message.body)
      }
    }
  }

  #request(type: number, flags: number, body: readonly Buffer[]): void {
    this.#send(type, flags | NLM_F_ACK, body)
    this.#receive()
  }

  #send(type: number, flags: number, body: readonly Buffer[]): void {
    this.#sequence++
    sys.send(this.#fd, encodeMessage(type, NLM_F_REQUEST | flags, this.#sequence, Buffer.concat(body)))
  }

  /** @throws UtsuwaError with the errno of an answer that is one */
  #receive(): NetlinkMessage[] {
    const messages = decodeMessages(sys.receive(this.#fd)?.data ?? Buffer.alloc(0))
    for (const { type, body } of messages) {
      const errno = type === NLMSG_ERROR ? -body.readInt32LE(0) : 0
      if (errno !== 0) throw new UtsuwaError('KERNEL_OPERATION_FAILED', undefined, { errno })
    }
    if (messages.length === 0) throw new UtsuwaError('KERNEL_OPERATION_FAILED', 'no answer over netlink')
    return messages
  }
}

export interface NetlinkMessage {
  readonly type: number
  readonly body: Buffer
}

/** netlink(7), struct nlmsghdr. */
export function encodeMessage(type: number, flags: number, sequence: number, body: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_SIZE)
  header.writeUInt32LE(HEADER_SIZE + body.length, 0)
  header.writeUInt16LE(type, 4)
  header.writeUInt16LE(flags, 6)
  header.writeUInt32LE(sequence, 8)
  return Buffer.concat([header, body])
}

export function decodeMessages(data: Buffer): NetlinkMessage[] {
  const messages: NetlinkMessage[] = []
  for (let at = 0; at + HEADER_SIZE <= data.length; ) {
    const size = Math.max(data.readUInt32LE(at), HEADER_SIZE)
    messages.push({ type: data.readUInt16LE(at + 4), body: data.subarray(at + HEADER_SIZE, at + size) })
    at += aligned(size)
  }
  return messages
}

/** rtnetlink(7), struct rtattr: size, type, value, and zeros up to four bytes. */
export function encodeAttribute([type, value]: Attribute): Buffer {
  const encoded = Buffer.alloc(aligned(4 + value.length))
  encoded.writeUInt16LE(4 + value.length, 0)
  encoded.writeUInt16LE(type, 2)
  value.copy(encoded, 4)
  return encoded
}

export function decodeAttributes(data: Buffer): Map<number, Buffer> {
  const attributes = new Map<number, Buffer>()
  for (let at = 0; at + 4 <= data.length; ) {
    const size = Math.max(data.readUInt16LE(at), 4)
    attributes.set(data.readUInt16LE(at + 2), data.subarray(at + 4, at + size))
    at += aligned(size)
  }
  return attributes
}

function decodeAddress(body: Buffer): NetworkAddress {
  const flags = body.readUInt8(2)
  return {
    index: body.readUInt32LE(4),
    family: body.readUInt8(0),
    prefixLength: body.readUInt8(1),
    flags,
    isPermanent: (flags & IFA_F_PERMANENT) !== 0,
    isGlobal: body.readUInt8(3) === RT_SCOPE_UNIVERSE,
    attributes: [...decodeAttributes(body.subarray(ADDRESS_HEADER_SIZE))].filter(([type]) =>
      keptAttributes.includes(type),
    ),
  }
}

/** struct ifinfomsg: `flags` get set, and no other is touched. */
function linkHeader(index: number, flags: number): Buffer {
  const header = Buffer.alloc(LINK_HEADER_SIZE)
  header.writeInt32LE(index, 4)
  header.writeUInt32LE(flags, 8)
  header.writeUInt32LE(flags, 12)
  return header
}

function aligned(size: number): number {
  return (size + 3) & ~3
}
