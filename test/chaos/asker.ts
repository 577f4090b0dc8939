import { setTimeout as sleep } from 'node:timers/promises'
import { type Once, OnlyonceError, type Operation, type Outcome } from 'onlyonce'
import { type AnyTx, writeRow } from './business.ts'
import type { EffectValue, Mode, Write } from './history.ts'
import { type Job, LEASED_MS, type Span } from './plan.ts'
import type { OpenStore } from './worker-store.ts'

/** Stores without transactions are only asked for leased keys. */
export type ChaosOnce = Once<AnyTx>

/** Thrown by an effect now and then: what failed is given back and asked for again. */
class Planned extends Error {}

const RARELY = 0.05
const FAILS = 0.02
const DIES = 0.1

/** Asks for a key once, and writes down what came of it. Answers whether that was an answer. */
export function createAsker(once: ChaosOnce, store: OpenStore, job: Job, write: Write) {
  const dollars = job.url.startsWith('postgres')
  const work = async ([usual, rare]: Span) => {
    const longest = Math.random() < RARELY ? rare : usual
    await sleep((Math.random() * longest) / 2)
    if (job.task === 'ask' && Math.random() < FAILS) throw new Planned()
  }
  const valueMadeBy = ({ owner, fence, attempt }: Operation): EffectValue => ({ owner, fence, attempt })

  async function atomicEffect(tx: AnyTx, op: Operation): Promise<EffectValue> {
    await work(job.transactionMs)
    await writeRow(tx, { key: op.key, ...valueMadeBy(op) }, dollars)
    await work(job.transactionMs)
    return valueMadeBy(op)
  }

  async function leasedEffect(op: Operation): Promise<EffectValue> {
    await work(LEASED_MS)
    write({ kind: 'effect', key: op.key, ...valueMadeBy(op) })
    // Between the effect and its record: whoever ends here has done it and cannot say so.
    await sleep((Math.random() * LEASED_MS[0]) / 2)
    return valueMadeBy(op)
  }

  /** A planted bug: the row commits in a transaction of its own. Now and then the worker ends right there, where it shows. */
  async function splitEffect(op: Operation): Promise<EffectValue> {
    const { transaction } = store as unknown as { transaction<T>(effect: (tx: AnyTx) => Promise<T>): Promise<T> }
    const value = await transaction((tx) => atomicEffect(tx, op))
    if (job.task === 'ask' && Math.random() < DIES) process.kill(process.pid, 'SIGKILL')
    return value
  }

  function attempt(key: string): Promise<Outcome<EffectValue>> {
    const mode: Mode = key.startsWith('atomic') ? 'atomic' : 'leased'
    const onInFlight = Math.random() < 0.5 ? 'wait' : 'reject'
    const options = { onInFlight, waitMs: 1_500 } as const
    if (mode === 'leased') return once.attempt(key, leasedEffect, options)
    if (job.sabotage === 'split') return once.attempt(key, splitEffect, options)
    return once.atomic.attempt(key, atomicEffect, options)
  }

  return async (key: string): Promise<boolean> => {
    write({ kind: 'ask', key })
    try {
      const outcome = await attempt(key)
      if (outcome.kind === 'executed' || outcome.kind === 'replayed') {
        write({ kind: 'answer', key, how: outcome.kind, value: outcome.value })
        return true
      }
      const planned = outcome.kind === 'failed' && outcome.error instanceof Planned
      const message = outcome.kind === 'failed' && !planned ? String(outcome.error) : ''
      write({ kind: 'refused', key, why: planned ? 'planned' : outcome.kind, message })
    } catch (error) {
      write({ kind: 'refused', key, why: OnlyonceError.is(error) ? error.code : 'thrown', message: String(error) })
    }
    return false
  }
}
