/** What is known of a pull while it goes on: how far each layer is, and how fast. */
import type { PullProgress, RateLimit } from '../../index.ts'

export type LayerState = 'waiting' | 'downloading' | 'verifying' | 'downloaded' | 'unpacking' | 'done' | 'already here'

const FINAL: ReadonlySet<LayerState> = new Set(['done', 'already here', 'downloaded'])

export const isFinal = ({ state }: Pick<LayerProgress, 'state'>): boolean => FINAL.has(state)

export interface LayerProgress {
  readonly digest: string
  state: LayerState
  /** It was here before. */
  present: boolean
  /** It is being unpacked, perhaps while it still comes. */
  unpacking: boolean
  /** Bytes as they are stored. */
  current: number
  readonly total: number
  readonly rate: Rate
}

/** Rates are means over this time: shorter ones flicker, longer ones lie about a connection that has stalled. */
const RATE_WINDOW_MS = 3000
const SAMPLE_MS = 100

/** Bytes per second of late. */
export class Rate {
  #samples: { time: number; bytes: number }[] = []

  /** @param bytes all bytes so far */
  add(bytes: number, now: number): void {
    const last = this.#samples.at(-1)
    if (last !== undefined && now - last.time < SAMPLE_MS) last.bytes = bytes
    else this.#samples.push({ time: now, bytes })
  }

  at(now: number): number | undefined {
    while (this.#samples.length > 1 && this.#samples[1]!.time <= now - RATE_WINDOW_MS) this.#samples.shift()
    const [first] = this.#samples
    const last = this.#samples.at(-1)
    if (first === undefined || last === undefined || now - first.time < SAMPLE_MS) return undefined
    return ((last.bytes - first.bytes) * 1000) / (now - first.time)
  }
}

export class PullState {
  /** Until there is a digest, what is being done. */
  reference = ''
  digest: string | undefined
  rateLimit: RateLimit | undefined
  /** In the order of the image, each once. */
  readonly layers: LayerProgress[] = []
  readonly rate = new Rate()
  readonly #byDigest = new Map<string, LayerProgress>()

  /** Of how many layers nothing is left to do, as far as can be seen: one that is unpacked already is downloaded alone. */
  get done(): number {
    return this.layers.filter(isFinal).length
  }

  /** Takes note of an event; @returns the layer it is about, when its state has changed */
  update(event: PullProgress, now: number): LayerProgress | undefined {
    if (event.kind === 'resolved') {
      this.#resolve(event, now)
      return undefined
    }
    const layer = this.#byDigest.get(event.digest)
    if (layer === undefined) return undefined
    const before = layer.state
    if (event.kind === 'unpacking') layer.unpacking = true
    else if (event.kind === 'present') {
      layer.present = true
      layer.current = layer.total
    } else if (event.kind === 'downloading') {
      layer.current = event.current
      layer.rate.add(event.current, now)
      this.rate.add(this.#transferred(), now)
    }
    layer.state = stateAfter(layer, event.kind)
    return layer.state === before ? undefined : layer
  }

  #resolve({ reference, digest, layers, rateLimit }: PullProgress & { kind: 'resolved' }, now: number): void {
    this.reference = reference
    this.rateLimit = rateLimit
    this.digest = digest
    for (const { digest, size } of layers) {
      if (this.#byDigest.has(digest)) continue
      const layer: LayerProgress = {
        digest,
        state: 'waiting',
        present: false,
        unpacking: false,
        current: 0,
        total: size,
        rate: new Rate(),
      }
      this.#byDigest.set(digest, layer)
      this.layers.push(layer)
    }
    this.rate.add(0, now)
  }

  /** Bytes that have come, without those that were here before. */
  #transferred(): number {
    return this.layers.reduce((sum, { present, current }) => sum + (present ? 0 : current), 0)
  }
}

/** A layer is unpacked while it comes; what is to be seen is what keeps it from being done. */
function stateAfter({ state, unpacking }: LayerProgress, kind: Exclude<PullProgress['kind'], 'resolved'>): LayerState {
  if (state === 'done') return state
  switch (kind) {
    case 'present':
      return 'already here'
    case 'unpacking':
      return state === 'downloaded' || state === 'already here' ? 'unpacking' : state
    case 'downloaded':
      return unpacking ? 'unpacking' : 'downloaded'
    case 'unpacked':
      return 'done'
    default:
      return kind
  }
}
