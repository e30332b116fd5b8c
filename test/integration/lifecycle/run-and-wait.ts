/** Runs `sleep` in a container until somebody kills this process: `node run-and-wait.ts ROOTFS RUN_ROOT USER`. */
import { writeSync } from 'node:fs'
import { create } from '../../../src/index.ts'

const [rootfs = '', runRoot = '', user = ''] = process.argv.slice(2)
const box = await create({
  rootfs,
  runRoot,
  user,
  args: ['sleep', '1000'],
  stdio: 'ignore',
  removeOnExit: true,
  name: 'left',
})
await box.start()
writeSync(1, String(box.pid))
await box.wait()
