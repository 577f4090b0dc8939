import { Batcher } from '../../core/batcher.ts'
import { invalidOption } from '../../core/options.ts'
import type { PublishResult } from '../../core/publisher.ts'
import type { Runtime } from '../../core/runtime.ts'
import { change, rows } from '../../embedded/statements.ts'
import { packText, unpackText } from '../../embedded/text.ts'
import { type DeadLetter, deadPositions, discard, listDead, redrive } from './dead-letters.ts'
import { queueFile } from './file.ts'
import { checkQueueName, type EmbeddedQueueOptions, resolveQueue } from './options.ts'
import { publishAll } from './publishing.ts'
import { messageOfRow, type QueueMessage } from './rows.ts'
import { type ReceiptOutcome, receiptOf, type Settling, settleOne } from './settling.ts'
import { ANY_DUE, MAKE_DUE, RECEIVE, STATS } from './sql.ts'

/** A message as a consumer gets it. */
export interface ReceivedMessage extends QueueMessage {
  readonly headers: Readonly<Record<string, string>>
  /** What every answer about this message carries. Useless once somebody else was given the message. */
  readonly receipt: string
  /** How often the message was handed out, this time included. */
  readonly deliveries: number
  /** When it was published first, in ms since the epoch; to be redriven changes nothing of it. */
  readonly publishedAt: number
}

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
  /** One transaction for all; one answer for each. Also a publisher for the outbox's relay. */
  publish(messages: readonly QueueMessage[]): Promise<readonly PublishResult[]>
  /** The oldest messages that may be handed out, at most `max`; never waits. Others do not get them for `visibilityMs`. */
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
  /** Puts dead letters back at the end of the queue, by `position`, or all; answers how many. */
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
      results.push(...(await publishings.submit({ number: String(publishes++), messages: some })))
    }
    for (const topic of new Set(messages.map((message) => message.topic))) subscriptions.get(topic)?.forEach(wake)
    return results
  }

  async function receive(queue: string, max: number, visibilityMs = options.visibilityMs) {
    checkQueueName('queue', queue)
    checkCount('max', max)
    checkCount('visibilityMs', visibilityMs)
    const token = runtime.token()
    const received = await file.write((db, now) => {
      change(db, MAKE_DUE, packText(queue), now)
      return rows(db, RECEIVE, now + visibilityMs, token, packText(queue), max)
    })
    return received
      .map(
        (row): ReceivedMessage => ({
          ...messageOfRow(row),
          receipt: receiptOf(Number(row.position), token),
          deliveries: Number(row.deliveries),
          publishedAt: Number(row.created_at),
        }),
      )
      .sort((a, b) => Number.parseInt(a.receipt, 10) - Number.parseInt(b.receipt, 10))
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
