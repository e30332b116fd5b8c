import assert from 'node:assert/strict'
import { test } from 'node:test'
import { selectKernelLines } from '../../../../src/engine/end/kernel-log.ts'

const at = (microseconds: number, text: string): string => `6,1,${microseconds},-;${text}\n SUBSYSTEM=mem\n`
const query = { pid: 70, cgroupPath: '/utsuwa/box', sinceMicroseconds: 1000 }

test('lines about the first process, and about victims in its cgroup', () => {
  const oom = 'oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/utsuwa,task_memcg=/utsuwa/box/below,task=dd,pid=81,uid=0'
  const lines = [
    'box[70]: segfault at 0 ip 1 sp 2 error 6 in box',
    'audit: type=1326 audit(1.2:3): auid=1 pid=70 comm="mkdir" sig=31 syscall=83',
    oom,
    'Memory cgroup out of memory: Killed process 81 (dd) total-vm:1kB',
  ]
  const others = [
    'box[700]: segfault at 0 ip 1 sp 2 error 6 in box',
    'oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/utsuwa/box2,task_memcg=/utsuwa/box2,task=dd,pid=90,uid=0',
    'Memory cgroup out of memory: Killed process 90 (dd) total-vm:1kB',
    'eth0: link 70 is up',
  ]
  const records = [...lines, ...others].map(text => at(2000, text))
  assert.deepEqual(selectKernelLines(records, query), lines)
})

test('what was said before the process began is about another of that number', () => {
  assert.deepEqual(selectKernelLines([at(999, 'box[70]: segfault at 0 ip 1')], query), [])
})
