import type { WhileBusy } from '../../embedded/busy.ts'
import { type Connection, createConnection } from '../../embedded/connection.ts'
import { loadDriver } from '../../embedded/driver.ts'
import { unavailable } from '../../embedded/faults.ts'
import { checkSameFile, fileIdentity } from '../../embedded/file.ts'
import { openFile, setDurability } from '../../embedded/open-file.ts'
import type { ResolvedSqliteOptions } from './options.ts'

/** Returns a function that opens a new connection at each call. @throws OnlyonceError STORE_UNAVAILABLE */
export function createConnector(
  { source, label, durability }: ResolvedSqliteOptions,
  whileBusy: WhileBusy,
): (deadline: number) => Promise<Connection> {
  /** Identity of the file that was opened first: another file under the same name is refused. */
  let file: string | undefined

  return async (deadline) => {
    try {
      if ('database' in source) {
        const { database } = source
        if (durability !== undefined) await whileBusy(() => setDurability(database, durability), deadline)
        return createConnection({ db: database, label, whileBusy, lent: true })
      }
      const { path } = source
      const open = await loadDriver()
      if (file !== undefined) checkSameFile(path, file)
      const db = await whileBusy(() => openFile(open, path, durability ?? 'full'), deadline)
      file ??= fileIdentity(path)
      return createConnection({ db, label, whileBusy, path, lent: false })
    } catch (error) {
      throw unavailable(label, error)
    }
  }
}
