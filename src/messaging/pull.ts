import { backoff } from '../core/backoff.ts'
import { type Cancel, type Runtime, sleep } from '../core/runtime.ts'
import { timeLimit } from '../core/time-limit.ts'
import type { Consumer, PullOptions } from './consumer.ts'
import type { Delivery, Verdict } from './delivery.ts'
import { gatherer } from './gather.ts'
import type { Inbox, InboxBatch } from './inbox.ts'
import { NOT_OURS, NOT_TOLD, retry } from './verdict.ts'

/** A delivery and how its verdict is carried out. */
export interface Pulled {
  readonly delivery: Delivery
  settle(verdict: Verdict): Promise<unknown>
  /** False when it is known, without asking the broker, that another consumer has the message: it is not started. */
  isOurs?(): boolean
  /**
   * Called when the broker did not say in time whether the message is still ours, so that it was not started. If this
   * process still holds it, it is handed out again after `ms`.
   */
  putOff?(ms: number): void
}

/** A broker that is asked for messages. It keeps the order itself: what it hands out may be handled concurrently. */
export interface PullSource {
  /**
   * Returns at once with what there is. `gathering` identifies a batch whose messages are handled in order: messages
   * handed out for the same batch may share an ordering key. A source without batches ignores it.
   */
  receive(max: number, gathering?: object): Promise<readonly Pulled[]>
  /** Whether `receive` would return anything; for sources where asking that is cheaper. */
  hasDue?(): Promise<boolean>
  /** Calls `wake` when there may be something to receive, until the returned function is called. A hint. */
  watch?(wake: () => void): () => void
  /**
   * For sources that get messages before they are asked: the consumer pauses, or resumes. Until it resumes, `receive`
   * returns only messages taken before. A source without this method is not asked.
   */
  setPaused?(paused: boolean): void
}

interface Waiting {
  readonly pulled: Pulled
  readonly receivedAt: number
}

const FIRST_POLL_MS = 5
const SETTLE_LIMIT_MS = 60_000

/** Returns the messages that can start, except those behind one with the same ordering key that cannot. */
function withoutOvertaking(
  together: readonly Waiting[],
  refused: readonly (Verdict | undefined)[],
): readonly Waiting[] {
  const missing = new Set<string>()
  return together.filter(({ pulled }, index) => {
    const { orderingKey } = pulled.delivery
    const begins = refused[index] === undefined
    if (orderingKey === undefined) return begins
    if (!begins) missing.add(orderingKey)
    return !missing.has(orderingKey)
  })
}

/** Pulls from a broker, asks the inbox, carries out its verdicts. */
export function pullConsumer(
  source: PullSource,
  inbox: Inbox,
  options: Required<PullOptions> & { readonly runtime: Runtime; readonly visibilityMs: number },
): Consumer {
  const { concurrency, prefetch, pollMs, onEvent, runtime, visibilityMs } = options
  const stopping = new AbortController()
  const waiting: Waiting[] = []
  const batch = inbox.batch && gatherer(inbox.batch, runtime, () => startWaiting())
  /** A `receive` is running. Its messages may belong to the batch being gathered, which must not start without them. */
  let receiving = false
  const active = new Set<Promise<void>>()
  let running = 0
  /** Number of messages in batches without a verdict yet. */
  let whole = 0
  /** Number of messages whose verdict is being sent to the broker. */
  let telling = 0
  let paused = false
  /** Resolves when the broker has answered what it was asked last. */
  let asked: Promise<unknown> = Promise.resolve()
  let changed: Cancel = () => {}
  let hinted = false

  /** Resolves after `ms`, or as soon as there is room, a hint, a resume or a stop. */
  async function pause(ms: number): Promise<void> {
    if (hinted || stopping.signal.aborted) {
      hinted = false
      return
    }
    const wait = new AbortController()
    // With an explicit reason: without one, every wake-up would create an error with a stack.
    changed = () => wait.abort('woken')
    await sleep(runtime, ms, wait.signal)
    hinted = false
  }

  async function settle(pulled: Pulled, verdict: Verdict): Promise<void> {
    if (verdict.kind === 'none') return
    try {
      const silent = () => new Error(`no answer within ${SETTLE_LIMIT_MS} ms`)
      await timeLimit(runtime, pulled.settle(verdict), SETTLE_LIMIT_MS, silent)
    } catch (error) {
      onEvent({ type: 'broker-failed', verb: 'settle', error })
    }
  }

  /** After a long wait the message may be another consumer's. Returns why it cannot start; `undefined` if it can. */
  async function refusal({ delivery, isOurs, putOff }: Pulled, receivedAt: number): Promise<Verdict | undefined> {
    if (isOurs?.() === false) return NOT_OURS
    if (delivery.extend === undefined || runtime.elapsed() - receivedAt < visibilityMs / 3) return undefined
    // A silent broker must not delay the messages taken together with this one.
    const limitMs = visibilityMs / 3
    const silent = () => new Error(`no answer within ${limitMs} ms`)
    try {
      const answer = await timeLimit(runtime, delivery.extend(visibilityMs), limitMs, silent)
      return answer === 'ok' ? undefined : NOT_OURS
    } catch (error) {
      onEvent({ type: 'broker-failed', verb: 'extend', error })
      putOff?.(limitMs)
      return NOT_TOLD
    }
  }

  async function handle({ pulled, receivedAt }: Waiting): Promise<void> {
    const startedAt = runtime.elapsed()
    const refused = await refusal(pulled, receivedAt)
    await carryOut(pulled, startedAt, refused ?? inbox(pulled.delivery, stopping.signal))
  }

  async function handleTogether(together: readonly Waiting[], receive: InboxBatch['receive']): Promise<void> {
    const startedAt = runtime.elapsed()
    let isWhole = true
    whole += together.length
    const apart = () => {
      if (isWhole) whole -= together.length
      isWhole = false
    }
    // All are checked as if they had waited as long as the first: asking for that one may take time the others need.
    const receivedAt = Math.min(...together.map((one) => one.receivedAt))
    const refused = await Promise.all(together.map(({ pulled }) => refusal(pulled, receivedAt)))
    const ridden = withoutOvertaking(together, refused)
    const verdicts = receive(
      ridden.map(({ pulled }) => pulled.delivery),
      stopping.signal,
    )
    const left = (index: number) => refused[index] ?? retry(0, 'an earlier message with its ordering key is not ours')
    await Promise.all(
      together.map((one, index) =>
        carryOut(one.pulled, startedAt, verdicts[ridden.indexOf(one)] ?? left(index), apart),
      ),
    )
  }

  async function carryOut(
    pulled: Pulled,
    startedAt: number,
    verdictOf: Promise<Verdict> | Verdict,
    decided?: () => void,
  ): Promise<void> {
    const verdict = await verdictOf
    decided?.()
    // The next message need not wait for the broker's answer about this one.
    running--
    startWaiting()
    if (roomFor() > 0) changed()
    telling++
    await settle(pulled, verdict)
    telling--
    onEvent({ type: 'settled', delivery: pulled.delivery, verdict, tookMs: runtime.elapsed() - startedAt })
  }

  function track(handled: Promise<void>): void {
    const over: Promise<void> = handled.finally(() => active.delete(over))
    active.add(over)
  }

  /** What is left of earlier batches may be held for minutes, and must not keep a whole batch waiting for so long. */
  function hasPlaceFor(size: number): boolean {
    return running === 0 || (running < concurrency && whole + size <= concurrency)
  }

  function startWaiting(): void {
    if (stopping.signal.aborted) return
    if (batch !== undefined) {
      if (receiving || !batch.isReady(waiting.length) || !hasPlaceFor(waiting.length)) return
      batch.next()
      running += waiting.length
      track(handleTogether(waiting.splice(0), batch.receive))
      return
    }
    while (running < concurrency && waiting.length > 0) {
      running++
      track(handle(waiting.shift() as Waiting))
    }
  }

  /** Returns how many messages to ask for: in portions, so that the broker is not asked for every single message. */
  function roomFor(): number {
    if ((paused && source.setPaused === undefined) || telling > 4 * (concurrency + prefetch)) return 0
    const room = concurrency + prefetch - running - waiting.length
    if (batch !== undefined) return Math.min(batch.maxSize - waiting.length, room)
    // A portion is worth waiting for only while every handler has work.
    const isIdle = running + waiting.length < concurrency
    return isIdle || room >= Math.ceil((concurrency + prefetch) / 4) ? room : 0
  }

  async function receive(room: number, known: boolean): Promise<readonly Pulled[]> {
    if (!known && source.hasDue !== undefined && !(await source.hasDue())) return []
    // The consumer may have been paused meanwhile.
    if (roomFor() === 0) return []
    receiving = true
    try {
      return await source.receive(room, batch?.gathering)
    } finally {
      receiving = false
    }
  }

  async function pull(): Promise<void> {
    let nextPollMs = backoff(runtime, FIRST_POLL_MS, pollMs)
    let failurePauseMs = backoff(runtime, pollMs, 50 * pollMs)
    let known = true
    while (!stopping.signal.aborted) {
      const room = roomFor()
      if (room === 0) {
        await pause(pollMs)
        continue
      }
      try {
        const receivedAt = runtime.elapsed()
        const answer = receive(room, known)
        asked = answer.catch(() => {})
        const pulled = await answer
        failurePauseMs = backoff(runtime, pollMs, 50 * pollMs)
        known = pulled.length > 0
        if (known) batch?.begun()
        for (const one of pulled) waiting.push({ pulled: one, receivedAt })
        startWaiting()
        if (known) nextPollMs = backoff(runtime, FIRST_POLL_MS, pollMs)
        else await pause(nextPollMs())
      } catch (error) {
        onEvent({ type: 'broker-failed', verb: 'receive', error })
        startWaiting()
        await pause(failurePauseMs())
      }
    }
  }

  const unwatch = source.watch?.(() => {
    hinted = true
    changed()
  })
  const pulling = pull()
  let stopped: Promise<void> | undefined

  async function end(): Promise<void> {
    stopping.abort()
    changed()
    unwatch?.()
    batch?.end()
    await pulling
    const back = retry(0, 'the consumer is stopping')
    await Promise.all(waiting.splice(0).map(({ pulled }) => settle(pulled, back)))
    await Promise.all(active)
  }

  const stop = () => {
    stopped ??= end()
    return stopped
  }
  return {
    stop,
    async pause() {
      paused = true
      source.setPaused?.(true)
      await asked
    },
    resume() {
      paused = false
      source.setPaused?.(false)
      changed()
    },
    readmit: inbox.readmit,
    get running() {
      return running
    },
    [Symbol.asyncDispose]: stop,
  }
}
