import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseMount } from '../../../../src/cli/flags/mount-flag.ts'

test('a volume, with and without a name', () => {
  assert.deepEqual(parseMount('type=volume,source=data,target=/data,readonly,volume-nocopy'), {
    type: 'volume',
    source: 'data',
    destination: '/data',
    options: ['ro', 'nocopy'],
  })
  assert.deepEqual(parseMount('dst=/data'), { type: 'volume', destination: '/data', options: [] })
})

test('a bind mount', () => {
  assert.deepEqual(parseMount('type=bind,src=/srv,dst=/data'), {
    type: 'bind',
    source: '/srv',
    destination: '/data',
    options: ['rbind', 'rprivate'],
  })
  assert.deepEqual(parseMount('type=bind,src=/srv,destination=/data,ro=true,bind-propagation=rslave').options, [
    'rbind',
    'ro',
    'rslave',
  ])
  assert.deepEqual(parseMount('type=bind,src=/srv,dst=/data,bind-nonrecursive,readonly=false').options, [
    'rprivate',
    'bind',
  ])
})

test('a tmpfs', () => {
  const { source, options } = parseMount('type=tmpfs,target=/run,tmpfs-size=64m,tmpfs-mode=755')
  assert.deepEqual([source, options], ['tmpfs', ['nosuid', 'nodev', 'noexec', 'size=64m', 'mode=755']])
})

test('what makes no sense is refused', () => {
  for (const [text, message] of [
    ['type=npipe,dst=/x', /bind, volume or tmpfs, not "npipe"/],
    ['type=bind,src=/x', /no target=DIRECTORY/],
    ['type=bind,dst=/x', /has a source=DIRECTORY/],
    ['type=tmpfs,dst=/x,src=/y', /no source/],
    ['type=bind,src=/x,dst=/y,tmpfs-size=1', /A bind has no "tmpfs-size"/],
    ['type=bind,src=/x,dst=/y,toString=1', /A bind has no "toString"/],
    ['type=bind,src=/x,dst=/y,ro=maybe', /"maybe" where true or false/],
  ] as const)
    assert.throws(() => parseMount(text), message, text)
})
