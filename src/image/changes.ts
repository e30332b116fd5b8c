/** `import --change`: the instructions of a Dockerfile that say how an image is run. */
import { UtsuwaError } from '../errors.ts'
import type { ImageRunConfig } from '../spec/image.ts'

type Apply = (config: ImageRunConfig, value: string, instruction: string) => void

const instructions: Readonly<Record<string, Apply>> = {
  CMD: (config, value, text) => {
    config.Cmd = commandOf(value, text)
  },
  ENTRYPOINT: (config, value, text) => {
    config.Entrypoint = commandOf(value, text)
  },
  ENV: (config, value, text) => {
    const pairs = pairsOf(value, text)
    const names = new Set(pairs.map(([name]) => name))
    const others = (config.Env ?? []).filter(entry => !names.has(entry.slice(0, entry.indexOf('='))))
    config.Env = [...others, ...pairs.map(pair => pair.join('='))]
  },
  EXPOSE: (config, value) => {
    const ports = value.split(/\s+/).map(port => [port.includes('/') ? port : `${port}/tcp`, {}])
    config.ExposedPorts = { ...config.ExposedPorts, ...Object.fromEntries(ports) }
  },
  LABEL: (config, value, text) => {
    config.Labels = { ...config.Labels, ...Object.fromEntries(pairsOf(value, text)) }
  },
  STOPSIGNAL: (config, value) => {
    config.StopSignal = value
  },
  USER: (config, value) => {
    config.User = value
  },
  VOLUME: (config, value, text) => {
    const paths = value.startsWith('[') ? arrayOf(value, text) : value.split(/\s+/)
    config.Volumes = { ...config.Volumes, ...Object.fromEntries(paths.map(path => [path, {}])) }
  },
  WORKDIR: (config, value) => {
    config.WorkingDir = value
  },
}

/** @throws UtsuwaError INVALID_ARGUMENT for an instruction that is unknown or malformed */
export function applyChanges(changes: readonly string[]): ImageRunConfig {
  const config: ImageRunConfig = {}
  for (const text of changes) {
    const [, keyword = '', value = ''] = /^\s*(\S+)\s+(.*?)\s*$/s.exec(text) ?? []
    const apply = Object.hasOwn(instructions, keyword.toUpperCase()) ? instructions[keyword.toUpperCase()] : undefined
    if (apply === undefined || value === '') {
      throw new UtsuwaError('INVALID_ARGUMENT', `change ${JSON.stringify(text)} is no instruction with a value`, {
        hint: `the instructions are ${Object.keys(instructions).join(', ')}`,
      })
    }
    apply(config, value, text)
  }
  return config
}

/** `["a", "b"]` is executed as it is, anything else by the shell, as in a Dockerfile. */
function commandOf(value: string, text: string): string[] {
  return value.startsWith('[') ? arrayOf(value, text) : ['/bin/sh', '-c', value]
}

function arrayOf(value: string, text: string): string[] {
  const malformed = (cause?: unknown): UtsuwaError =>
    new UtsuwaError('INVALID_ARGUMENT', `change ${JSON.stringify(text)}: an array of strings is expected`, { cause })
  let array: unknown
  try {
    array = JSON.parse(value)
  } catch (cause) {
    throw malformed(cause)
  }
  if (!Array.isArray(array) || !array.every(item => typeof item === 'string')) throw malformed()
  return array
}

/** `A=b C="d e"`, or in the old form `A b c` for one name. */
function pairsOf(value: string, text: string): [string, string][] {
  const old = /^([^\s=]+)\s+(.*)$/s.exec(value)
  if (old !== null) return [[old[1]!, unquote(old[2]!)]]
  const words = value.match(/(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+/gs) ?? []
  return words.map(word => {
    const equals = word.indexOf('=')
    if (equals <= 0) throw new UtsuwaError('INVALID_ARGUMENT', `change ${JSON.stringify(text)}: NAME=VALUE is expected`)
    return [unquote(word.slice(0, equals)), unquote(word.slice(equals + 1))]
  })
}

function unquote(text: string): string {
  return text.replaceAll(
    /"((?:\\.|[^"\\])*)"|'([^']*)'|\\(.)/gs,
    (_, double?: string, single?: string, escaped?: string) =>
      double === undefined ? (single ?? escaped ?? '') : double.replaceAll(/\\(["\\$])/g, '$1'),
  )
}
