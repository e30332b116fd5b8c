/** A PostgreSQL of its own for a test file, gone with it. */
import { GenericContainer, Wait } from 'utsuwa/testing'

export interface Database {
  /** Runs statements, and gives the rows of the last one as text: columns by `|`, rows by line. @throws Error of psql */
  query(sql: string): Promise<string>
}

/** @param after that of node:test: called with what is to be done when all tests of the file have ended */
export async function startDatabase(after: (stop: () => Promise<void>) => void): Promise<Database> {
  const { POSTGRES_IMAGE: image = 'postgres', UTSUWA_ROOT: root, UTSUWA_RUN_ROOT: runRoot } = process.env
  const container = await new GenericContainer({ image, ...(root && { root }), ...(runRoot && { runRoot }) })
    .withWaitStrategy(Wait.forLogMessage('ready to accept connections'))
    .start()
  after(() => container.stop())
  return {
    async query(sql) {
      const psql = ['psql', '--no-psqlrc', '--quiet', '--tuples-only', '--no-align', '--set=ON_ERROR_STOP=1']
      const { exitCode, stdout, stderr } = await container.exec([...psql, '--command', sql])
      if (exitCode !== 0) throw new Error(stderr.trim())
      return stdout.trim()
    },
  }
}
