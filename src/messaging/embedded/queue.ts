import { Batcher } from '../../core/batcher.ts'
import { reasonOf } from '../../core/errors.ts'
import { invalidOption } from '../../core/options.ts'
import type { PublishResult } from '../../core/publisher.ts'
import type { Runtime } from '../../core/runtime.ts'
import { rows } from '../../embedded/statements.ts'
import { packText, unpackText } from '../../embedded/text.ts'
import { type DeadLetter, deadPositions, discard, listDead, redrive } from './dead-letters.ts'
import { queueFile } from './file.ts'
import { checkQueueName, type EmbeddedQueueOptions, resolveQueue } from './options.ts'
import { publishAll } from './publishing.ts'
import { type ReceivedMessage, receiveDue } from './receiving.ts'
import type { QueueMessage } from './rows.ts'
import { type ReceiptOutcome, type Settling, settleOne } from './settling.ts'
import { ANY_DUE, STATS } from './sql.ts'

export interface QueueStats {
  readonly ready: number
  /** Received and not settled, or put off. */
  readonly out: number
  /** Behind an earlier message of the same ordering key. */
  readonly behind: number
  readonly dead: number
}

/** An at-least-once queue in an SQLite file, shared by the processes of one machine. */
export interface EmbeddedQueue extends AsyncDisposable {
  readonly visibilityMs: number
  readonly runtime: Runtime
  /**
   * One answer for each, in a transaction for each 1,000 of them. It throws when the first 1,000 fail; of later ones that
   * do, whether they were published is unknown, and those behind them are not. Also a publisher for the outbox's relay.
   */
  publish(messages: readonly QueueMessage[]): Promise<readonly PublishResult[]>
  /**
   * The oldest messages that may be handed out, at most `max`; never waits. Others do not get them for `visibilityMs`.
   * One that cannot be read becomes a dead letter.
   */
  receive(queue: string, max: number, visibilityMs?: number): Promise<readonly ReceivedMessage[]>
  /** Whether `receive` would find something: cheaper than asking it. */
  hasDue(queue: string): Promise<boolean>
  ack(receipt: string): Promise<ReceiptOutcome>
  /** Hands it out again, not before `delayMs`. */
  retry(receipt: string, delayMs: number): Promise<ReceiptOutcome>
  /** `labels`: headers that it gets besides its own. */
  deadLetter(receipt: string, reason: string, labels?: Readonly<Record<string, string>>): Promise<ReceiptOutcome>
  /** Keeps it from others for `ms` from now. */
  extend(receipt: string, ms: number): Promise<ReceiptOutcome>
  deadLetters(
    queue: string,
    page?: { readonly limit?: number; readonly after?: number },
  ): Promise<readonly DeadLetter[]>
  /** Puts dead letters back at the end of the queue, by `position`, or all that can be read; answers how many. */
  redrive(queue: string, positions?: readonly number[]): Promise<number>
  /** Removes dead letters for good. */
  discard(queue: string, positions: readonly number[]): Promise<number>
  stats(): Promise<ReadonlyMap<string, QueueStats>>
  /** Calls `wake` after something was published to, or redriven in, the queue in this process. */
  watch(queue: string, wake: () => void): () => void
  /** Finishes what is under way and closes the file. Idempotent. */
  close(): Promise<void>
}

/** Enough to share a commit, few enough that the event loop is not held for long. */
const MOST_IN_ONE_COMMIT = 1_000
const EMPTY: QueueStats = Object.freeze({ ready: 0, out: 0, behind: 0, dead: 0 })

/** @throws OnlyonceError OPTION_INVALID */
export function embeddedQueue(given: EmbeddedQueueOptions): EmbeddedQueue {
  const options = resolveQueue(given)
  const { runtime, subscriptions, busyTimeoutMs } = options
  const file = queueFile(options)
  const watchers = new Map<string, Set<() => void>>()
  // A write ends by itself after busyTimeoutMs, and may have waited for one before it: the file has the last word.
  const batching = { runtime, timeoutMs: 3 * busyTimeoutMs }

  const settlings = new Batcher<Settling, ReceiptOutcome>(
    {
      send: (batch) => file.write((db, now) => batch.map((one) => settleOne(db, one, now))),
      idOf: ({ receipt }) => receipt,
    },
    { ...batching, maxBatch: MOST_IN_ONE_COMMIT },
  )
  let publishes = 0
  const publishings = new Batcher<PublishCall, readonly PublishResult[]>(
    {
      send: (calls) =>
        file.write((db, now) => calls.map(({ messages }) => publishAll(db, messages, subscriptions, now))),
      idOf: ({ number }) => number,
    },
    { ...batching, maxBatch: 16 },
  )

  function wake(queue: string): void {
    for (const call of watchers.get(queue) ?? []) call()
  }

  async function publish(messages: readonly QueueMessage[]): Promise<readonly PublishResult[]> {
    const results: PublishResult[] = []
    for (let from = 0; from < messages.length; from += MOST_IN_ONE_COMMIT) {
      const some = messages.slice(from, from + MOST_IN_ONE_COMMIT)
      try {
        results.push(...(await publishings.submit({ number: String(publishes++), messages: some })))
      } catch (error) {
        if (from === 0) throw error
        const reason = reasonOf(error)
        for (const _ of some) results.push({ ok: false, reason, unknown: true })
        // Not begun: they must not overtake those of their ordering keys.
        while (results.length < messages.length) results.push({ ok: false, reason })
        break
      }
    }
    for (const topic of new Set(messages.map((message) => message.topic))) subscriptions.get(topic)?.forEach(wake)
    return results
  }

  async function receive(
    queue: string,
    max: number,
    visibilityMs = options.visibilityMs,
  ): Promise<readonly ReceivedMessage[]> {
    checkQueueName('queue', queue)
    checkCount('max', max)
    checkCount('visibilityMs', visibilityMs)
    const receiving = { queue, max, visibilityMs, token: runtime.token() }
    return file.write((db, now) => receiveDue(db, receiving, now))
  }

  function watch(queue: string, call: () => void): () => void {
    const calls = watchers.get(queue) ?? new Set()
    watchers.set(queue, calls.add(call))
    return () => {
      calls.delete(call)
      if (calls.size === 0 && watchers.get(queue) === calls) watchers.delete(queue)
    }
  }

  async function stats(): Promise<ReadonlyMap<string, QueueStats>> {
    const counts = new Map<string, QueueStats>()
    for (const { queue, state, number } of await file.read((db) => rows(db, STATS))) {
      const name = unpackText(String(queue))
      counts.set(name, { ...(counts.get(name) ?? EMPTY), [String(state)]: Number(number) })
    }
    return counts
  }

  return {
    visibilityMs: options.visibilityMs,
    runtime,
    publish,
    receive,
    hasDue: (queue) => file.read((db, now) => rows(db, ANY_DUE, packText(queue), packText(queue), now).length > 0),
    ack: (receipt) => settlings.submit({ kind: 'ack', receipt }),
    retry: (receipt, delayMs) => settlings.submit({ kind: 'retry', receipt, ms: delayMs }),
    deadLetter: (receipt, reason, labels = {}) => settlings.submit({ kind: 'dead-letter', receipt, reason, labels }),
    extend: (receipt, ms) => settlings.submit({ kind: 'extend', receipt, ms }),
    deadLetters: (queue, { limit = 100, after = 0 } = {}) => file.read((db) => listDead(db, queue, after, limit)),
    async redrive(queue, positions) {
      const found = await file.write((db) =>
        redrive(db, queue, positions ?? deadPositions(db, queue, Number.MAX_SAFE_INTEGER)),
      )
      wake(queue)
      return found
    },
    discard: (queue, positions) => file.write((db) => discard(db, queue, positions)),
    stats,
    watch,
    close: () => file.close(),
    [Symbol.asyncDispose]: () => file.close(),
  }
}

interface PublishCall {
  readonly number: string
  readonly messages: readonly QueueMessage[]
}

function checkCount(name: string, value: unknown): void {
  if (!Number.isSafeInteger(value) || (value as number) <= 0)
    throw invalidOption(name, 'must be a positive integer', value)
}
