import { inTurn } from '../../core/turns.ts'

interface JoinableSession {
  /** The caller's own transaction, which may not be open, and has other calls beside this one. */
  readonly joined: boolean
  guard(): Promise<string>
  release(name: string): Promise<void>
  rollbackTo(name: string, reason: unknown): Promise<void>
}

/**
 * Adds messages in turn with the calls beside it, none of which may undo them. A message that is added outside of a
 * transaction would stay when what it tells of is undone: in the caller's own, setting a savepoint shows that there is
 * one, and keeps it usable where adding fails. @throws OnlyonceError OPTION_INVALID where none is open
 */
export function appendInside(tx: object, session: JoinableSession, append: () => Promise<unknown>): Promise<unknown> {
  return inTurn(tx, () => (session.joined ? insideSavepoint(session, append) : append()))
}

async function insideSavepoint(session: JoinableSession, append: () => Promise<unknown>): Promise<void> {
  const name = await session.guard()
  try {
    await append()
  } catch (error) {
    // Where the connection is lost, or the whole transaction undone, it is gone: what was refused is the reason to tell.
    await session.rollbackTo(name, error).catch(() => {})
    await session.release(name).catch(() => {})
    throw error
  }
  await session.release(name)
}
