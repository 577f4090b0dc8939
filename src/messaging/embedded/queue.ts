import { Batcher } from '../../core/batcher.ts'
import { reasonOf } from '../../core/errors.ts'
import { checkEach, invalidOption, positive } from '../../core/option-rules.ts'
import type { PublishResult } from '../../core/publisher.ts'
import type { Runtime } from '../../core/runtime.ts'
import { packText, unpackText } from '../../core/stored-text.ts'
import { createUnderWay } from '../../core/under-way.ts'
import { createWatchers } from '../../core/watchers.ts'
import { rows } from '../../embedded/statements.ts'
import { checkedPage, checkMs, checkPositions, checkReason, checkReceipt, type DeadLetterPage } from './calls.ts'
import { type DeadLetter, deadPositions, discard, listDead, redrive } from './dead-letters.ts'
import { queueFile } from './file.ts'
import { checkQueueName, type EmbeddedQueueOptions, resolveQueue } from './options.ts'
import { publishAll } from './publishing.ts'
import { type ReceivedMessage, receiveDue } from './receiving.ts'
import type { QueueMessage } from './rows.ts'
import { type ReceiptOutcome, type Settling, settleOne } from './settling.ts'
import { ANY_DUE, STATS } from './sql.ts'

/** How many messages of one queue are in which state. `ready` ones can be received now; `dead` ones were put aside. */
export interface QueueStats {
  readonly ready: number
  /** Received and not settled, or waiting for a retry. */
  readonly out: number
  /** Behind an earlier message of the same ordering key. */
  readonly behind: number
  readonly dead: number
}

/** An at-least-once queue in an SQLite file, shared by the processes of one machine. */
export interface EmbeddedQueue extends AsyncDisposable {
  readonly visibilityMs: number
  readonly runtime: Runtime
  /** The queues that get the messages of some topic; empty without `subscriptions`. */
  readonly subscribers: ReadonlySet<string>
  /**
   * Returns one result per message; commits up to 1,000 messages at a time. Throws if the first 1,000 fail. If later
   * ones fail, they are `unknown`, and those behind them are not published. Also a publisher for the relay.
   */
  publish(messages: readonly QueueMessage[]): Promise<readonly PublishResult[]>
  /**
   * Returns at most `max` messages, the oldest first; never waits. Others do not get them for `visibilityMs`. One that
   * cannot be read becomes a dead letter.
   */
  receive(queue: string, max: number, visibilityMs?: number): Promise<readonly ReceivedMessage[]>
  /** Whether `receive` would return anything; cheaper than `receive`. */
  hasDue(queue: string): Promise<boolean>
  /** Removes the message: it was handled. */
  ack(receipt: string): Promise<ReceiptOutcome>
  /** Makes the message receivable again after `delayMs`. */
  retry(receipt: string, delayMs: number): Promise<ReceiptOutcome>
  /** Puts the message aside with the reason, until `redrive` or `discard`. `labels`: headers added to its own. */
  deadLetter(receipt: string, reason: string, labels?: Readonly<Record<string, string>>): Promise<ReceiptOutcome>
  /** Keeps the message from others for `ms` from now. */
  extend(receipt: string, ms: number): Promise<ReceiptOutcome>
  /** Returns dead letters of a queue, by position. `limit`: default 100. `after`: the last position seen. */
  deadLetters(queue: string, page?: DeadLetterPage): Promise<readonly DeadLetter[]>
  /** Moves dead letters that can be read to the end of the queue: by `position`, default all. Returns how many. */
  redrive(queue: string, positions?: readonly number[]): Promise<number>
  /** Removes dead letters for good. Returns how many. */
  discard(queue: string, positions: readonly number[]): Promise<number>
  /** Counts what each queue holds, by its name. */
  stats(): Promise<ReadonlyMap<string, QueueStats>>
  /** Calls `wake` after something was published to, or redriven in, the queue in this process. */
  watch(queue: string, wake: () => void): () => void
  /** Finishes what is under way and closes the file. Idempotent. */
  close(): Promise<void>
}

/** Enough to share the cost of a commit, few enough not to hold the event loop for long. */
const MOST_IN_ONE_COMMIT = 1_000
const EMPTY: QueueStats = Object.freeze({ ready: 0, out: 0, behind: 0, dead: 0 })

/**
 * Makes a queue in an SQLite file. Opened, and its tables created, at the first use: a file that cannot be used is
 * reported by the calls as STORE_UNAVAILABLE.
 * @throws OnlyonceError OPTION_INVALID
 */
export function embeddedQueue(given: EmbeddedQueueOptions): EmbeddedQueue {
  const options = resolveQueue(given)
  const { runtime, subscriptions, busyTimeoutMs } = options
  const file = queueFile(options)
  const watchers = createWatchers()
  // A write ends by itself after `busyTimeoutMs` and may have waited for another one: its own error must come first.
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

  /** For `close`: calls gathered for the next commit have not reached the file yet. */
  const underWay = createUnderWay()
  function settle(settling: Settling): Promise<ReceiptOutcome> {
    checkReceipt(settling.receipt)
    return underWay.add(settlings.submit(settling))
  }

  let closing: Promise<void> | undefined
  const close = () => {
    closing ??= underWay.ended().then(() => file.close())
    return closing
  }

  async function publish(messages: readonly QueueMessage[]): Promise<readonly PublishResult[]> {
    if (!Array.isArray(messages)) throw invalidOption('messages', 'must be a list, also of one', messages)
    const results: PublishResult[] = []
    for (let from = 0; from < messages.length; from += MOST_IN_ONE_COMMIT) {
      const some = messages.slice(from, from + MOST_IN_ONE_COMMIT)
      try {
        results.push(...(await publishings.submit({ number: String(publishes++), messages: some })))
      } catch (error) {
        if (from === 0) throw error
        const reason = reasonOf(error)
        for (const _ of some) results.push({ ok: false, reason, unknown: true })
        // Not begun, so that they do not overtake those of their ordering keys.
        while (results.length < messages.length) results.push({ ok: false, reason })
        break
      }
    }
    for (const topic of new Set(messages.map((message) => Object(message).topic)))
      watchers.wake(subscriptions.get(topic) ?? [])
    return results
  }

  async function receive(
    queue: string,
    max: number,
    visibilityMs = options.visibilityMs,
  ): Promise<readonly ReceivedMessage[]> {
    checkQueueName('queue', queue)
    if (positive(max) !== undefined) throw invalidOption('max', 'is required: a positive integer', max)
    checkEach(positive, { visibilityMs })
    const receiving = { queue, max, visibilityMs, token: runtime.token() }
    return file.write((db, now) => receiveDue(db, receiving, now))
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
    subscribers: new Set([...subscriptions.values()].flat()),
    publish: (messages) => underWay.add(publish(messages)),
    receive,
    async hasDue(queue) {
      checkQueueName('queue', queue)
      return file.read((db, now) => rows(db, ANY_DUE, packText(queue), packText(queue), now).length > 0)
    },
    ack: async (receipt) => settle({ kind: 'ack', receipt }),
    async retry(receipt, delayMs) {
      checkMs('delayMs', delayMs)
      return settle({ kind: 'retry', receipt, ms: delayMs })
    },
    async deadLetter(receipt, reason, labels = {}) {
      checkReason(reason, labels)
      return settle({ kind: 'dead-letter', receipt, reason, labels })
    },
    async extend(receipt, ms) {
      checkMs('ms', ms)
      return settle({ kind: 'extend', receipt, ms })
    },
    async deadLetters(queue, page) {
      checkQueueName('queue', queue)
      const { limit, after } = checkedPage(page)
      return file.read((db) => listDead(db, queue, after, limit))
    },
    async redrive(queue, positions) {
      checkQueueName('queue', queue)
      if (positions !== undefined) checkPositions(positions)
      const found = await file.write((db) =>
        redrive(db, queue, positions ?? deadPositions(db, queue, Number.MAX_SAFE_INTEGER)),
      )
      watchers.wake([queue])
      return found
    },
    async discard(queue, positions) {
      checkQueueName('queue', queue)
      checkPositions(positions)
      return file.write((db) => discard(db, queue, positions))
    },
    stats,
    watch: watchers.watch,
    close,
    [Symbol.asyncDispose]: close,
  }
}

interface PublishCall {
  readonly number: string
  readonly messages: readonly QueueMessage[]
}
