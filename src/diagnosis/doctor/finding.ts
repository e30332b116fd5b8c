/** What `doctor` says of one thing that it looked at. */
/** Something that `doctor` looked at. */
export interface Finding {
  /** `cgroup.memory`: stable, for programs. */
  readonly id: string
  /** `fail`: containers do not start. `warn`: something is missing that some of them need. */
  readonly status: 'ok' | 'warn' | 'fail'
  /** What was looked at and what was found, one line. */
  readonly message: string
  /** A command to type or a file to write, when something is missing. One line. */
  readonly fix?: string
}
