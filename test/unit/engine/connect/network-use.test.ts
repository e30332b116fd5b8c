import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseNetworkUse, readNetworkUse } from '../../../../src/engine/connect/network-use.ts'
import { readProcessStat } from '../../../../src/runtime/state/status.ts'

const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       1    0    0    0     0          0         0      100       1    0    0    0     0       0          0
  eth0: 1234567      10    0    0    0     0          0         0      890       9    0    0    0     0       0          0
eth1:10 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0
`

test('interfaces are summed up, without loopback', () => {
  assert.deepEqual(parseNetworkUse(text), { receivedBytes: 1_234_577, sentBytes: 910 })
})

test('nothing is known of our own network, or of nobody', () => {
  assert.equal(readNetworkUse({ pid: process.pid, pidStartTime: readProcessStat(process.pid)!.startTime }), undefined)
  assert.equal(readNetworkUse({ pid: 2 ** 22 + 1, pidStartTime: 1 }), undefined)
})
