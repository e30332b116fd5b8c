/** A pull that shows how far it is. */
import { type Image, pull, type RegistryOptions, type Roots } from '../../index.ts'
import { openProgress, type ProgressMode } from './display.ts'

export interface PullImageOptions {
  readonly platform?: string
  readonly progress?: ProgressMode
  readonly quiet?: boolean
  readonly registry?: RegistryOptions
}

export async function pullImage(
  reference: string,
  { root }: Roots,
  { platform, progress = 'auto', quiet = false, registry = {} }: PullImageOptions = {},
): Promise<Image> {
  const display = quiet ? undefined : openProgress(progress, `${reference}: asking the registry`)
  try {
    return await pull(reference, {
      ...registry,
      ...(root === undefined ? {} : { root }),
      ...(platform === undefined ? {} : { platform }),
      ...(display === undefined ? {} : { onProgress: event => display.show(event) }),
    })
  } finally {
    display?.end()
  }
}
