import { inTurn } from '../../core/turns.ts'

let probes = 0

/**
 * Returns whether a transaction is open, by setting and releasing a savepoint. One call at a time per transaction:
 * savepoints nest, and releasing one also releases those set after it.
 */
export function probeWithSavepoint(
  tx: object,
  command: (sql: string) => Promise<unknown>,
  isRefusal: (error: unknown) => boolean,
): Promise<boolean> {
  const name = `onlyonce_probe_${++probes}`
  return inTurn(tx, async () => {
    try {
      await command(`SAVEPOINT ${name}`)
      await command(`RELEASE SAVEPOINT ${name}`)
      return true
    } catch (error) {
      if (isRefusal(error)) return false
      throw error
    }
  })
}
