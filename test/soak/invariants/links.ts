import { execFileSync } from 'node:child_process'
import type { Invariant } from './invariant.ts'

/** Network devices: bridges, and the ends of containers' pairs; and the routes to them. */
export const links: Invariant = {
  name: 'links',
  observe: () => {
    const devices = JSON.parse(execFileSync('ip', ['-json', 'link'], { encoding: 'utf8' })) as { ifname: string }[]
    const routes = execFileSync('ip', ['route'], { encoding: 'utf8' }).trim().split('\n')
    // Of a bridge without devices the route may be told as dead.
    return [...devices.map(({ ifname }) => `device ${ifname}`), ...routes.map(route => `route ${route.split(' ')[0]}`)]
  },
}
