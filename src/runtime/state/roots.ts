/** Where images and containers are kept. */

/** The directories of utsuwa. */
export interface Roots {
  /** Directory of images and snapshots. Default: /var/lib/utsuwa. */
  readonly root?: string
  /** Directory of what is known of containers, gone with a reboot. Default: /run/utsuwa. */
  readonly runRoot?: string
}

/** Where images, volumes and snapshots are kept unless said otherwise. */
export const DEFAULT_ROOT = '/var/lib/utsuwa'
/** Where containers are kept unless said otherwise. */
export const DEFAULT_RUN_ROOT = '/run/utsuwa'
