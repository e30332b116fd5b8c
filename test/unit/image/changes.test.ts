import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applyChanges } from '../../../src/image/changes.ts'

test('instructions of a Dockerfile become an image config', () => {
  assert.deepEqual(
    applyChanges([
      'CMD ["sh", "-c", "echo \\"hi\\""]',
      'entrypoint exec top -b',
      'ENV A=1 B="two words" C=back\\ slash',
      "ENV A=again D='single $x'",
      'ENV OLD form of it',
      'EXPOSE 80 53/udp',
      'LABEL a.b=c "d e"=f',
      'STOPSIGNAL SIGINT',
      'USER 1000:1000',
      'VOLUME ["/data", "/with space"]',
      'VOLUME /one /two',
      'WORKDIR /srv',
    ]),
    {
      Cmd: ['sh', '-c', 'echo "hi"'],
      Entrypoint: ['/bin/sh', '-c', 'exec top -b'],
      Env: ['B=two words', 'C=back slash', 'A=again', 'D=single $x', 'OLD=form of it'],
      ExposedPorts: { '80/tcp': {}, '53/udp': {} },
      Labels: { 'a.b': 'c', 'd e': 'f' },
      StopSignal: 'SIGINT',
      User: '1000:1000',
      Volumes: { '/data': {}, '/with space': {}, '/one': {}, '/two': {} },
      WorkingDir: '/srv',
    },
  )
})

test('what is no such instruction is refused, with a list of those there are', () => {
  for (const text of ['RUN true', 'CMD', '', 'constructor x', 'CMD [1]', 'CMD ["a"', 'ENV', 'LABEL =x', 'ENV novalue'])
    assert.throws(() => applyChanges([text]), { code: 'INVALID_ARGUMENT' }, text)
  assert.throws(() => applyChanges(['COPY a b']), { hint: /CMD, ENTRYPOINT, ENV/ })
})

test('a name from a change is a name like any other', () => {
  const { Labels } = applyChanges(['LABEL __proto__=x'])
  assert.deepEqual(Object.keys(Labels!), ['__proto__'])
})
