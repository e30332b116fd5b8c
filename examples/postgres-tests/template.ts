/** An image with a PostgreSQL that has been set up once, from which every database begins. */
import { PassThrough } from 'node:stream'
import { create, exportContainer, type Image, images, importImage, inspectImage, type Roots } from 'utsuwa'

const settings = ['-c', 'listen_addresses=', '-c', 'unix_socket_directories=/tmp', '-c', 'fsync=off']

/**
 * Runs initdb in a container of the image, and makes an image of what it left; unless there is that image already.
 * @param image has PostgreSQL's programs in its PATH, a user `postgres`, and a directory /data of that user
 */
export async function makeTemplate(image: string, roots: Roots): Promise<Image> {
  const base = await inspectImage(image, roots)
  // By the image that it is made of, so that another one has another template.
  const name = `postgres-template:${base.id.replace('sha256:', '')}`
  const made = (await images(roots)).find(({ reference }) => reference.endsWith(name))
  if (made !== undefined) return made
  const args = ['initdb', '--pgdata=/data', '--auth=trust', '--locale=C.UTF-8', '--no-sync', '--wal-segsize=1']
  const box = await create({ ...roots, image, args, user: 'postgres', stdio: 'capture' })
  try {
    await box.start()
    const { exitCode, stderr } = await box.wait()
    if (exitCode !== 0) throw new Error(`initdb ended with ${exitCode}: ${stderr}`)
    const changes = [
      ...(base.config.config?.Env ?? []).map(entry => `ENV ${entry.replace('=', ' ')}`),
      'ENV PGHOST=/tmp',
      'USER postgres',
      `CMD ${JSON.stringify(['postgres', '-D', '/data', ...settings])}`,
    ]
    const archive = new PassThrough()
    const [template] = await Promise.all([
      importImage(archive, { ...roots, name, changes }),
      exportContainer(box.id, archive, roots),
    ])
    return template
  } finally {
    await box.delete()
  }
}
