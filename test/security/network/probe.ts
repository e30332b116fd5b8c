/** Which of many ports answer, asked all at once: `probe.ts tcp://ADDRESS:PORT udp://ADDRESS:PORT …` prints those that do. */
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'

const PATIENCE_MS = 2000

function answersTcp(address: string, port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect(port, address, () => resolve(true)).on('error', () => resolve(false))
  setTimeout(resolve, PATIENCE_MS, false)
  return promise.finally(() => socket.destroy())
}

function answersUdp(address: string, port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = createSocket('udp4', () => resolve(true)).on('error', () => resolve(false))
  socket.connect(port, address, () => socket.send('who is there?'))
  setTimeout(resolve, PATIENCE_MS, false)
  return promise.finally(() => socket.close())
}

const answers = await Promise.all(
  process.argv.slice(2).map(async target => {
    const [, protocol, address = '', port] = /^(tcp|udp):\/\/([\d.]+):(\d+)$/.exec(target) ?? []
    const ask = protocol === 'tcp' ? answersTcp : answersUdp
    return (await ask(address, Number(port))) ? [`${target}\n`] : []
  }),
)
process.stdout.write(answers.flat().join(''))
