/** `node main.ts --image NAME [--port N]`: serves until SIGTERM, then lets the snippets that run come to their end. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { parseArgs } from 'node:util'
import { Runner } from './runner.ts'
import { createService } from './service.ts'

const { values } = parseArgs({
  options: {
    image: { type: 'string' },
    port: { type: 'string', default: '8080' },
    waiting: { type: 'string', default: '2' },
    parallel: { type: 'string', default: '8' },
    timeout: { type: 'string', default: '10000' },
    'cpu-timeout': { type: 'string', default: '5000' },
    root: { type: 'string', default: '/var/lib/utsuwa' },
    'run-root': { type: 'string', default: '/run/utsuwa' },
  },
})
if (values.image === undefined) throw new Error('--image: the image that snippets run in')

const runner = await Runner.open({
  image: values.image,
  waiting: Number(values.waiting),
  timeout: Number(values.timeout),
  cpuTimeout: Number(values['cpu-timeout']),
  root: values.root,
  runRoot: values['run-root'],
})
try {
  const service = createService(runner, { parallel: Number(values.parallel), log: console.log })
  service.listen(Number(values.port), '127.0.0.1')
  await once(service, 'listening')
  console.log(`listening on http://127.0.0.1:${(service.address() as AddressInfo).port}`)

  await new Promise<void>(resolve => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve)
  })
  service.close()
  await once(service, 'close')
} finally {
  await runner.close()
}
console.log('closed')
