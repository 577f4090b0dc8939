import { inTurn } from '../../core/turns.ts'

interface JoinableSession {
  /** The caller's own transaction, which may not be open, and has other calls beside this one. */
  readonly joined: boolean
  guard(): Promise<string>
  release(name: string): Promise<void>
  rollbackTo(name: string, reason: unknown): Promise<void>
}

/**
 * A message that is added outside of a transaction would stay when what it tells of is undone. Setting a savepoint shows that there
 * is one, and keeps it usable where adding fails. @throws OnlyonceError OPTION_INVALID where none is open
 */
export async function appendInside(tx: object, session: JoinableSession, append: () => Promise<unknown>) {
  if (!session.joined) return void (await append())
  await inTurn(tx, async () => {
    const name = await session.guard()
    try {
      await append()
    } catch (error) {
      await session.rollbackTo(name, error)
      // Where the server has undone the whole transaction it is gone: what was refused is the reason to tell.
      await session.release(name).catch(() => {})
      throw error
    }
    await session.release(name)
  })
}
