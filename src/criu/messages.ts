/** What criu is asked, and what it answers: rpc.proto of criu, whose field numbers stand here. */
import { MessageWriter, readFields } from './protobuf.ts'

const requestTypes = { dump: 1, restore: 2, 'pre-dump': 4, notify: 6 } as const

export type CriuRequestType = Exclude<keyof typeof requestTypes, 'notify'>

/** enum criu_cg_mode */
export const cgroupModes = { ignore: 0, none: 1, props: 2, soft: 3, full: 4, strict: 5 } as const

export type CgroupMode = keyof typeof cgroupModes

/** Members that a command line may have, for dump and restore alike. */
export interface CriuFlags {
  readonly tcpEstablished?: boolean
  readonly externalUnixSockets?: boolean
  readonly shellJob?: boolean
  readonly fileLocks?: boolean
  readonly autoDedup?: boolean
  /** CLONE_NEW* of namespaces that are restored empty. */
  readonly emptyNamespaces?: number
  /** What criu does about cgroups beside what the runtime does. Default: ignore. */
  readonly cgroupMode?: CgroupMode
  readonly tcpSkipInFlight?: boolean
  readonly linkRemap?: boolean
  readonly lsmProfile?: string
  readonly lsmMountContext?: string
  /** Where criu reads more options, which win over all of these; host path. */
  readonly configFile?: string
}

export interface PageServer {
  readonly address: string
  readonly port: number
}

export interface CriuOptions extends CriuFlags {
  /** Numbers in this process, which criu opens by way of /proc. */
  readonly imagesDirFd: number
  readonly workDirFd: number
  readonly logFile: string
  /** Host path of the root file system. */
  readonly root: string
  /** PID of the first process to dump. */
  readonly pid?: number
  readonly leaveRunning?: boolean
  /** Takes the memory, which then is not in the images: `criu page-server`, at an IP address. */
  readonly pageServer?: PageServer
  /** Relative to the images. */
  readonly parentImages?: string
  readonly trackMemory?: boolean
  readonly freezeCgroup?: string
  /** The restored process becomes a child of this one. */
  readonly restoreSibling?: boolean
  readonly evasiveDevices?: boolean
  /** At a dump mount point and name, at a restore name and host path. */
  readonly externalMounts?: readonly (readonly [string, string])[]
  /** `net[INODE]:NAME` */
  readonly external?: readonly string[]
  /** Name, and number in criu's process. */
  readonly inheritedFds?: readonly (readonly [string, number])[]
  readonly joinNamespaces?: readonly { readonly type: string; readonly path: string }[]
}

const LOG_EVERYTHING = 4

export function encodeRequest(type: CriuRequestType, options: CriuOptions): Buffer {
  return new MessageWriter().number(1, requestTypes[type]).message(2, encodeOptions(options)).take()
}

/** The answer to a notification: go on. */
export function encodeNotified(): Buffer {
  return new MessageWriter().number(1, requestTypes.notify).boolean(3, true).take()
}

function encodeOptions(options: CriuOptions): MessageWriter {
  const writer = new MessageWriter()
    .number(1, options.imagesDirFd)
    .number(2, options.pid)
    .boolean(3, options.leaveRunning)
    .boolean(4, options.externalUnixSockets)
    .boolean(5, options.tcpEstablished)
    .boolean(6, options.evasiveDevices)
    .boolean(7, options.shellJob)
    .boolean(8, options.fileLocks)
    .number(9, LOG_EVERYTHING)
    .text(10, options.logFile)
    .boolean(12, true) // notify_scripts
    .text(13, options.root)
    .text(14, options.parentImages)
    .boolean(15, options.trackMemory)
    .boolean(16, options.autoDedup)
    .number(17, options.workDirFd)
    .boolean(18, options.linkRemap)
    .boolean(26, options.restoreSibling)
    .number(34, cgroupModes[options.cgroupMode ?? 'ignore'])
    .number(38, options.emptyNamespaces)
    .text(44, options.freezeCgroup)
    .boolean(46, options.tcpSkipInFlight)
    .boolean(50, true) // orphan_pts_master: the master of a container's terminal is held outside of it
    .text(51, options.configFile)
    .text(53, options.lsmProfile)
    .text(63, options.lsmMountContext)
  if (options.pageServer !== undefined)
    writer.message(11, new MessageWriter().text(1, options.pageServer.address).number(2, options.pageServer.port))
  for (const [key, value] of options.externalMounts ?? [])
    writer.message(23, new MessageWriter().text(1, key).text(2, value))
  for (const [key, fd] of options.inheritedFds ?? []) writer.message(27, new MessageWriter().text(1, key).number(2, fd))
  for (const external of options.external ?? []) writer.text(37, external)
  for (const { type, path } of options.joinNamespaces ?? [])
    writer.message(39, new MessageWriter().text(1, type).text(2, path))
  return writer
}

export interface CriuResponse {
  /** A step that criu has come to, which waits for an answer. */
  readonly notification: { readonly script: string; readonly pid: number } | undefined
  readonly success: boolean
  /** PID of the restored first process. */
  readonly pid: number
  readonly errno: number
  readonly message: string
}

/** @throws RangeError for what is no message */
export function parseResponse(data: Buffer): CriuResponse {
  const fields = readFields(data)
  const part = (field: number): ReturnType<typeof readFields> => readFields(bytesOf(fields.get(field)))
  const notify = part(5)
  return {
    notification:
      fields.get(1) === requestTypes.notify
        ? { script: bytesOf(notify.get(1)).toString(), pid: numberOf(notify.get(2)) }
        : undefined,
    success: numberOf(fields.get(2)) === 1,
    pid: numberOf(part(4).get(1)),
    errno: numberOf(fields.get(7)),
    message: bytesOf(fields.get(9)).toString(),
  }
}

function numberOf(value: number | Buffer | undefined): number {
  return typeof value === 'number' ? value : 0
}

function bytesOf(value: number | Buffer | undefined): Buffer {
  return value instanceof Buffer ? value : Buffer.alloc(0)
}
