/** The flags before the command's name, and what each command has. */

export const helpFlags = { help: { short: 'h', help: 'show this help' } } as const

export const globalFlags = {
  root: { value: 'DIR', help: 'where the state of containers is kept; default: /run/utsuwa-oci' },
  log: { value: 'FILE', help: 'append log records to this file; default: standard error' },
  'log-format': { value: 'FORMAT', help: 'text or json; default: text' },
  debug: { help: 'log more' },
  'systemd-cgroup': { help: 'linux.cgroupsPath has the form slice:prefix:name' },
  'cgroup-manager': { value: 'NAME', help: 'cgroupfs, systemd (as --systemd-cgroup) or disabled; default: cgroupfs' },
  rootless: { value: 'BOOL', help: 'accepted: true, false or auto' },
  version: { short: 'v', help: 'print the version' },
  ...helpFlags,
} as const
