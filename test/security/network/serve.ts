/** Answers at ports of a network namespace, and prints a line for each datagram: `serve.ts ADDRESS tcp/80 udp/53 …`. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'

const [address = '', ...ports] = process.argv.slice(2)
for (const [protocol, text] of ports.map(port => port.split('/'))) {
  const port = Number(text)
  if (protocol === 'tcp') {
    const server = createServer(socket => socket.on('error', () => undefined).end('here\n')).listen(port, address)
    await once(server, 'listening')
  } else {
    const socket = createSocket('udp4').on('message', (_, from) => {
      console.log(`udp/${port} from ${from.address}`)
      socket.send('here\n', from.port, from.address)
    })
    await once(socket.bind(port, address), 'listening')
  }
}
console.log('ready')
