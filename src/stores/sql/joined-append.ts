import { inTurn } from '../../core/turns.ts'

interface JoinableSession {
  /** True for the caller's own transaction, which may not be open, and may have other calls running in it. */
  readonly joined: boolean
  guard(): Promise<string>
  release(name: string): Promise<void>
  rollbackTo(name: string, reason: unknown): Promise<void>
}

/**
 * Adds messages, one call at a time per transaction, so that no concurrent call can undo them. In the caller's
 * transaction a savepoint proves that one is open (a message outside of it would survive a rollback), and keeps the
 * transaction usable when adding fails. Several statements need one in any transaction, so that all messages are added
 * or none. @throws OnlyonceError OPTION_INVALID where no transaction is open
 */
export function appendInside(
  tx: object,
  session: JoinableSession,
  append: () => Promise<unknown>,
  isOneStatement = true,
): Promise<unknown> {
  return inTurn(tx, () => (session.joined || !isOneStatement ? insideSavepoint(session, append) : append()))
}

async function insideSavepoint(session: JoinableSession, append: () => Promise<unknown>): Promise<void> {
  const name = await session.guard()
  try {
    await append()
  } catch (error) {
    // After a lost connection or a full rollback the savepoint is gone; the first error is the one to report.
    await session.rollbackTo(name, error).catch(() => {})
    await session.release(name).catch(() => {})
    throw error
  }
  await session.release(name)
}
