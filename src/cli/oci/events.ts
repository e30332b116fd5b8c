import * as runtime from '../../runtime/index.ts'
import { stringifyJson } from '../../spec/json.ts'
import { writeAll } from '../print/write.ts'
import { defineCommand } from './command.ts'
import { parseDuration } from './duration.ts'
import { formatStats } from './stats.ts'

const DEFAULT_INTERVAL = '5s'

export const command = defineCommand({
  summary: 'print statistics and OOM kills of a container, one JSON document a line, until it ends',
  usage: 'ID',
  arguments: [1, 1],
  flags: {
    interval: { value: 'DURATION', help: 'time between statistics: 500ms, 5s, 1m30s; default: 5s' },
    stats: { help: 'print statistics once' },
  },
  async run({ interval = DEFAULT_INTERVAL, stats }, [id = ''], { stateRoot }) {
    const print = (type: string, data?: object): void =>
      writeAll(1, `${stringifyJson({ type, id, ...(data === undefined ? {} : { data }) })}\n`)
    const intervalMs = parseDuration(interval, 'interval')
    if (stats) print('stats', formatStats(runtime.stats(stateRoot, id)))
    else
      await runtime.watchEvents(stateRoot, id, intervalMs, {
        onOom: () => print('oom'),
        onStats: statistics => print('stats', formatStats(statistics)),
      })
    return 0
  },
})
