/** Every command of `utsuwa`, in the order of the help. */
import type { Command } from 'commander'

export interface CommandModule {
  /** Gives a command its arguments, flags and action. */
  define(command: Command): void
  /** Lines to type, for the help and the man page. */
  readonly examples: readonly string[]
}

/** Each is a part of the help and a man page, `utsuwa-GROUP(1)`. */
export const groups = {
  containers: 'Containers',
  images: 'Images',
  volumes: 'Volumes and networks',
  machine: 'This machine',
} as const

export interface CommandEntry {
  readonly group: keyof typeof groups
  readonly summary: string
  /** A command's module is loaded only when its name is among the words: start time is part of every command. */
  load(): Promise<CommandModule>
}

/** For processes of utsuwa, not for people. */
export const internalCommands: Readonly<Record<string, () => Promise<Pick<CommandModule, 'define'>>>> = {
  __complete: () => import('./internal/complete-words.ts'),
  'container-ended': () => import('./internal/container-ended.ts'),
  'start-at-boot': () => import('./internal/start-at-boot.ts'),
  'stop-at-shutdown': () => import('./internal/stop-at-shutdown.ts'),
}

export const commands: Readonly<Record<string, CommandEntry>> = {
  run: {
    group: 'containers',
    summary: 'run a command in a new container',
    load: () => import('./commands/run.ts'),
  },
  create: {
    group: 'containers',
    summary: 'make a container, to be started later',
    load: () => import('./commands/create.ts'),
  },
  start: {
    group: 'containers',
    summary: 'start containers that are created or have ended',
    load: () => import('./commands/start.ts'),
  },
  restart: {
    group: 'containers',
    summary: 'stop containers and start them again',
    load: () => import('./commands/restart.ts'),
  },
  attach: {
    group: 'containers',
    summary: 'connect to the input and output of a container',
    load: () => import('./commands/attach.ts'),
  },
  logs: {
    group: 'containers',
    summary: 'print what a container has printed',
    load: () => import('./commands/logs.ts'),
  },
  exec: {
    group: 'containers',
    summary: 'run one more command in a container that runs',
    load: () => import('./commands/exec.ts'),
  },
  stop: {
    group: 'containers',
    summary: 'ask containers to end, and kill those that do not',
    load: () => import('./commands/stop.ts'),
  },
  kill: {
    group: 'containers',
    summary: 'send a signal to containers',
    load: () => import('./commands/kill.ts'),
  },
  wait: {
    group: 'containers',
    summary: 'wait for containers to end, and print their exit status',
    load: () => import('./commands/wait.ts'),
  },
  pause: {
    group: 'containers',
    summary: 'stop all processes of containers where they are',
    load: () => import('./commands/pause.ts'),
  },
  unpause: {
    group: 'containers',
    summary: 'let paused containers go on',
    load: () => import('./commands/unpause.ts'),
  },
  ps: {
    group: 'containers',
    summary: 'list containers',
    load: () => import('./commands/ps.ts'),
  },
  inspect: {
    group: 'containers',
    summary: 'print all that is known of containers and images',
    load: () => import('./commands/inspect.ts'),
  },
  why: {
    group: 'containers',
    summary: 'say what a container ended of, and what to change',
    load: () => import('./commands/why.ts'),
  },
  explain: {
    group: 'containers',
    summary: 'show where a container or any process is: namespaces, limits, and which of them bind',
    load: () => import('./commands/explain.ts'),
  },
  stats: {
    group: 'containers',
    summary: 'show what containers use, again and again',
    load: () => import('./commands/stats.ts'),
  },
  top: {
    group: 'containers',
    summary: 'list the processes of a container',
    load: () => import('./commands/top.ts'),
  },
  events: {
    group: 'containers',
    summary: 'print what happens to containers',
    load: () => import('./commands/events.ts'),
  },
  update: {
    group: 'containers',
    summary: 'change the limits of containers',
    load: () => import('./commands/update.ts'),
  },
  rename: {
    group: 'containers',
    summary: 'give a container another name',
    load: () => import('./commands/rename.ts'),
  },
  rm: {
    group: 'containers',
    summary: 'remove containers',
    load: () => import('./commands/rm.ts'),
  },
  cp: {
    group: 'containers',
    summary: 'copy files between a container and this machine',
    load: () => import('./commands/cp.ts'),
  },
  export: {
    group: 'containers',
    summary: 'write the file system of a container to an archive',
    load: () => import('./commands/export.ts'),
  },
  pull: {
    group: 'images',
    summary: 'fetch an image from a registry',
    load: () => import('./commands/pull.ts'),
  },
  push: {
    group: 'images',
    summary: 'send an image to a registry',
    load: () => import('./commands/push.ts'),
  },
  manifest: {
    group: 'images',
    summary: 'show what a registry has under a name',
    load: () => import('./commands/manifest.ts'),
  },
  login: {
    group: 'images',
    summary: 'keep credentials for a registry',
    load: () => import('./commands/login.ts'),
  },
  logout: {
    group: 'images',
    summary: 'forget the credentials for a registry',
    load: () => import('./commands/logout.ts'),
  },
  images: {
    group: 'images',
    summary: 'list the images of the store',
    load: () => import('./commands/images.ts'),
  },
  rmi: {
    group: 'images',
    summary: 'remove images',
    load: () => import('./commands/rmi.ts'),
  },
  tag: {
    group: 'images',
    summary: 'give an image another name',
    load: () => import('./commands/tag.ts'),
  },
  history: {
    group: 'images',
    summary: 'show the steps that made an image',
    load: () => import('./commands/history.ts'),
  },
  save: {
    group: 'images',
    summary: 'write images to an archive',
    load: () => import('./commands/save.ts'),
  },
  load: {
    group: 'images',
    summary: 'read images from an archive or a directory',
    load: () => import('./commands/load.ts'),
  },
  import: {
    group: 'images',
    summary: 'make an image of a root file system',
    load: () => import('./commands/import.ts'),
  },
  prune: {
    group: 'images',
    summary: 'remove images and data that nothing uses',
    load: () => import('./commands/prune.ts'),
  },
  volume: {
    group: 'volumes',
    summary: 'make, list and remove volumes',
    load: () => import('./commands/volume.ts'),
  },
  network: {
    group: 'volumes',
    summary: 'make, list and remove networks',
    load: () => import('./commands/network.ts'),
  },
  port: {
    group: 'volumes',
    summary: 'print the published ports of a container',
    load: () => import('./commands/port.ts'),
  },
  lab: {
    group: 'machine',
    summary: 'run experiments with limits',
    load: () => import('./commands/lab.ts'),
  },
  plan: {
    group: 'machine',
    summary: 'print the kernel operations of a container',
    load: () => import('./commands/plan.ts'),
  },
  doctor: {
    group: 'machine',
    summary: 'check what this machine has and what is missing',
    load: () => import('./commands/doctor.ts'),
  },
  info: {
    group: 'machine',
    summary: 'show what is there: containers, images, the machine',
    load: () => import('./commands/info.ts'),
  },
  version: {
    group: 'machine',
    summary: 'print versions',
    load: () => import('./commands/version.ts'),
  },
  completion: {
    group: 'machine',
    summary: 'print a script that lets a shell complete command lines',
    load: () => import('./commands/completion.ts'),
  },
}
