/** The version of both command lines. */
import manifest from '../../package.json' with { type: 'json' }

export const version: string = manifest.version

/** The commit that it was built from; the bundler puts it in. */
export const commit: string = process.env.UTSUWA_COMMIT ?? 'unknown'
