import assert from 'node:assert/strict'
import { test } from 'node:test'
import { userNamespaceFix } from '../../../src/launch/user-namespace.ts'
import { errnos } from '../../../src/util/errno.ts'

const host =
  (settings: Readonly<Record<string, number>>) =>
  (name: string): number | undefined =>
    settings[name]

test('each setting that keeps user namespaces from users has its own fix', () => {
  for (const [settings, fix] of [
    [{ 'user.max_user_namespaces': 0 }, /^sysctl -w user\.max_user_namespaces=10000$/],
    [{ 'kernel.apparmor_restrict_unprivileged_userns': 1 }, /^echo kernel\.apparmor_restrict_unprivileged_userns=0 >/],
    [{ 'kernel.unprivileged_userns_clone': 0 }, /^echo kernel\.unprivileged_userns_clone=1 >.* && sysctl --system$/],
  ] as const)
    assert.match(userNamespaceFix(errnos.EPERM, host(settings)) ?? '', fix)
})

test('a full table of namespaces is known by its errno', () => {
  assert.match(userNamespaceFix(errnos.ENOSPC, host({ 'user.max_user_namespaces': 100 })) ?? '', /max_user_namespaces/)
})

test('where nothing that is known stands in the way, nothing is guessed', () => {
  const open = { 'kernel.apparmor_restrict_unprivileged_userns': 0, 'user.max_user_namespaces': 9 }
  assert.equal(userNamespaceFix(errnos.EPERM, host(open)), undefined)
})
