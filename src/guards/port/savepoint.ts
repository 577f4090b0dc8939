import { inTurn } from '../../core/turns.ts'

let probes = 0

/**
 * Sets a savepoint and releases it, which only works where a transaction is open. In turn with the savepoints of other calls:
 * they nest, and one that is released takes those inside with it.
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
