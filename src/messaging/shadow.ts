import { reasonOf } from '../core/errors.ts'
import { type OperationKey, resolveKey } from '../core/key.ts'
import type { Operation } from '../core/once.ts'
import { childKey } from '../core/operation.ts'
import type { OperationId } from '../core/record.ts'
import type { TransactionalStore } from '../core/store.ts'
import type { Named } from './course.ts'
import type { Delivery, Observation, Verdict } from './delivery.ts'
import type { AtomicInboxOptions, InboxOptions, LeasedInboxOptions } from './inbox-options.ts'
import type { ResolvedInbox } from './inbox-settings.ts'
import { messageOf, Unprocessable } from './message.ts'
import { operationWith } from './operation-with.ts'
import type { Records } from './records.ts'
import { deadLetter, retry } from './verdict.ts'

const MOST_REMEMBERED = 10_000

/**
 * Hands every delivery to the handler, as if there were no inbox, and reports what one would have suppressed. Handled
 * messages are recorded under the keys used in `'enforce'` mode, so that none is handled again after the switch. A
 * store outage only prevents observing, unless the handler needs a transaction.
 */
export function shadowRun<Tx>(
  options: InboxOptions<Tx>,
  records: Records,
  { call }: Pick<ResolvedInbox, 'call'>,
  isLate: (delivery: Delivery) => boolean,
  pauseMs: (failures: number) => number,
): (delivery: Delivery, named: Named) => Promise<Verdict> {
  const { once } = options
  const { runtime, maxKeyLength } = once.options
  /** Recent failures of each operation in this process; they only determine its pauses. */
  const failures = new Map<OperationId, number>()

  function failedAgain(id: OperationId): number {
    const times = (failures.get(id) ?? 0) + 1
    const [oldest] = failures.keys()
    if (failures.size >= MOST_REMEMBERED && oldest !== undefined) failures.delete(oldest)
    failures.set(id, times)
    return times
  }

  async function observe(delivery: Delivery, { id, fingerprint }: OperationKey): Promise<Observation | undefined> {
    const [record] = await records.find([id])
    if (record === undefined) return isLate(delivery) ? 'late' : undefined
    if (record.fingerprint !== fingerprint) return 'mismatch'
    if (record.state === 'running') return 'in-flight'
    if (record.state === 'idle') return undefined
    return record.result?.kind === 'unknown' ? 'unknown' : 'duplicate'
  }

  /** Uses a lock with a random key: the handler gets an operation with a lease, and no delivery waits for another. */
  async function handle(delivery: Delivery, { id, scope, key }: OperationKey): Promise<void> {
    const message = messageOf(delivery)
    let handled = false
    const effect = async (lock: Operation) => {
      const op = operationWith(lock, { scope, key, child: (name) => childKey({ id }, name) })
      if (options.delivers === 'exactly-once-effect') {
        const store = once.store as TransactionalStore<Tx>
        await store.transaction(async (tx) => (options as AtomicInboxOptions<Tx>).handle(message, tx, op))
      } else await (options as LeasedInboxOptions).handle(message, op)
      handled = true
    }
    const { leaseMs, maxRunMs } = call
    try {
      await once.exclusive({ key: runtime.token(), scope }, effect, { leaseMs, maxRunMs, onStoreDown: 'run' })
    } catch (error) {
      // The handler has succeeded: a failure of the lock afterwards does not matter.
      if (!handled) throw error
    }
  }

  return async (delivery, named) => {
    let resolved: OperationKey
    try {
      resolved = resolveKey(named, named.scope, maxKeyLength)
    } catch (error) {
      // The key is invalid: there is no operation, and a retry would not make one.
      return deadLetter(reasonOf(error))
    }
    // If observing fails, nothing is reported.
    const shadow = await observe(delivery, resolved).catch(() => undefined)
    try {
      await handle(delivery, resolved)
    } catch (error) {
      const reason = reasonOf(error) || 'the handler threw an error without a message'
      return Unprocessable.is(error) ? deadLetter(reason) : retry(pauseMs(failedAgain(resolved.id)), reason)
    }
    failures.delete(resolved.id)
    await once.attempt(named, () => undefined, { ...call, onInFlight: 'reject' }).catch(() => {})
    return shadow === undefined ? { kind: 'ack' } : { kind: 'ack', shadow }
  }
}
