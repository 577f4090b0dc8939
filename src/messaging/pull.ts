import { setMaxListeners } from 'node:events'
import { invalidOption } from '../core/options.ts'
import { type Cancel, type Runtime, sleep } from '../core/runtime.ts'
import { backoff, timeLimit } from '../core/time-limit.ts'
import type { Delivery, Verdict } from './delivery.ts'
import { gatherer } from './gather.ts'
import type { Inbox, InboxBatch } from './inbox.ts'
import type { BatchRules } from './inbox-options.ts'
import { NOT_OURS, retry } from './verdict.ts'

/** A delivery and how its verdict is carried out. */
export interface Pulled {
  readonly delivery: Delivery
  settle(verdict: Verdict): Promise<unknown>
}

/** A broker that is asked for messages. Ordering is its own: it hands out what may be handled side by side. */
export interface PullSource {
  /**
   * Answers at once with what there is. `gathering` stands for a batch whose messages are handled in order: what is handed out for the same one may, in order,
   * have the same ordering key. A source that knows no such thing ignores it.
   */
  receive(max: number, gathering?: object): Promise<readonly Pulled[]>
  /** Whether `receive` would find something, where asking is cheaper. */
  hasDue?(): Promise<boolean>
  /** Calls `wake` when there may be something to receive, until the returned function is called. A hint. */
  watch?(wake: () => void): () => void
}

export type ConsumerEvent =
  | { readonly type: 'settled'; readonly delivery: Delivery; readonly verdict: Verdict; readonly tookMs: number }
  /** The broker did not answer; it is asked again, or delivers the message again. */
  | { readonly type: 'broker-failed'; readonly verb: 'receive' | 'settle' | 'extend'; readonly error: unknown }

export interface PullOptions {
  /** Default 16, or `batch.maxSize` where that is more. How many messages are handled side by side; those of a batch count one by one. */
  readonly concurrency?: number
  /** Default: as many as `concurrency`. How many more are fetched ahead. */
  readonly prefetch?: number
  /** Default 100. The longest wait before the broker is asked again. */
  readonly pollMs?: number
  readonly onEvent?: (event: ConsumerEvent) => void
}

export interface Consumer extends AsyncDisposable {
  /** Takes nothing new, lets running handlers finish, gives the rest back; resolves when all of it is told. */
  stop(): Promise<void>
  /** Takes nothing new until `resume`; what was taken is handled. */
  pause(): void
  resume(): void
  /**
   * Forgets what became of the message with this key, so that it is handled when it is delivered again. `part`: what the
   * option `scope` answers for it.
   */
  readmit(key: string, part?: string): Promise<boolean>
  /** Messages being handled now. */
  readonly running: number
}

interface Waiting {
  readonly pulled: Pulled
  readonly receivedAt: number
}

const FIRST_POLL_MS = 5
const SETTLE_LIMIT_MS = 60_000

/** @throws OnlyonceError OPTION_INVALID */
export function checkedPullOptions(
  given: { readonly [Name in keyof PullOptions]: PullOptions[Name] | undefined },
  batch?: Partial<BatchRules>,
) {
  // One that is no number is refused by the inbox.
  const maxSize = Number.isSafeInteger(batch?.maxSize) ? (batch?.maxSize as number) : 1
  const { concurrency = Math.max(maxSize, 16), prefetch = concurrency, pollMs = 100, onEvent = () => {} } = given
  for (const [name, value] of Object.entries({ concurrency, prefetch: prefetch + 1, pollMs })) {
    if (!Number.isSafeInteger(value) || value <= 0) throw invalidOption(name, 'must be a positive integer', value)
  }
  if (concurrency < maxSize)
    throw invalidOption('concurrency', `must not be smaller than batch.maxSize (${maxSize})`, concurrency)
  if (typeof onEvent !== 'function') throw invalidOption('onEvent', 'must be a function', onEvent)
  return { concurrency, prefetch, pollMs, onEvent }
}

/** Pulls from a broker, asks the inbox, carries out its verdicts. */
export function pullConsumer(
  source: PullSource,
  inbox: Inbox,
  options: Required<PullOptions> & { readonly runtime: Runtime; readonly visibilityMs: number },
): Consumer {
  const { concurrency, prefetch, pollMs, onEvent, runtime, visibilityMs } = options
  const stopping = new AbortController()
  // One listener for each message that is handled: many are no leak.
  setMaxListeners(0, stopping.signal)
  const waiting: Waiting[] = []
  const batch = inbox.batch && gatherer(inbox.batch, runtime, () => startWaiting())
  /** What was received during a wait may belong to the batch that is being gathered, which must not start without it. */
  let receiving = false
  const active = new Set<Promise<void>>()
  let running = 0
  /** Messages whose verdict is being told. */
  let telling = 0
  let paused = false
  let changed: Cancel = () => {}
  let hinted = false

  const emit = (event: ConsumerEvent) => {
    try {
      onEvent(event)
    } catch {
      // A listener that throws must not change what happens to a message.
    }
  }

  /** Resolves after `ms`, or as soon as there is room, a hint, a resume or a stop. */
  async function pause(ms: number): Promise<void> {
    if (hinted || stopping.signal.aborted) {
      hinted = false
      return
    }
    const wait = new AbortController()
    // Without a reason of its own every wake would make an error with a stack.
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
      emit({ type: 'broker-failed', verb: 'settle', error })
    }
  }

  /** What waited for long may be somebody else's by now. */
  async function isStillOurs({ delivery }: Pulled, receivedAt: number): Promise<boolean> {
    if (delivery.extend === undefined || runtime.elapsed() - receivedAt < visibilityMs / 3) return true
    try {
      return (await delivery.extend(visibilityMs)) === 'ok'
    } catch (error) {
      emit({ type: 'broker-failed', verb: 'extend', error })
      return false
    }
  }

  async function handle({ pulled, receivedAt }: Waiting): Promise<void> {
    const startedAt = runtime.elapsed()
    const ours = await isStillOurs(pulled, receivedAt)
    await carryOut(pulled, startedAt, ours ? inbox(pulled.delivery, stopping.signal) : NOT_OURS)
  }

  async function handleTogether(together: readonly Waiting[], receive: InboxBatch['receive']): Promise<void> {
    const startedAt = runtime.elapsed()
    const ours = await Promise.all(together.map(({ pulled, receivedAt }) => isStillOurs(pulled, receivedAt)))
    const ridden = together.filter((_, index) => ours[index])
    const verdicts = receive(
      ridden.map(({ pulled }) => pulled.delivery),
      stopping.signal,
    )
    await Promise.all(together.map((one) => carryOut(one.pulled, startedAt, verdicts[ridden.indexOf(one)] ?? NOT_OURS)))
  }

  async function carryOut(pulled: Pulled, startedAt: number, verdictOf: Promise<Verdict> | Verdict): Promise<void> {
    const verdict = await verdictOf
    // The next message need not wait for the broker's answer about this one.
    running--
    startWaiting()
    if (roomFor() > 0) changed()
    telling++
    await settle(pulled, verdict)
    telling--
    emit({ type: 'settled', delivery: pulled.delivery, verdict, tookMs: runtime.elapsed() - startedAt })
  }

  function track(handled: Promise<void>): void {
    const over: Promise<void> = handled.finally(() => active.delete(over))
    active.add(over)
  }

  function startWaiting(): void {
    if (stopping.signal.aborted) return
    if (batch !== undefined) {
      if (receiving || !batch.isReady(waiting.length) || (running > 0 && running + waiting.length > concurrency)) return
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

  /** Asked for in portions, so that a broker is not asked for every single message. */
  function roomFor(): number {
    if (paused || telling > 4 * (concurrency + prefetch)) return 0
    if (batch !== undefined) return batch.maxSize - waiting.length
    const room = concurrency + prefetch - running - waiting.length
    return room < Math.ceil((concurrency + prefetch) / 4) ? 0 : room
  }

  async function receive(room: number): Promise<readonly Pulled[]> {
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
        const due: boolean = known || source.hasDue === undefined || (await source.hasDue())
        const pulled: readonly Pulled[] = due ? await receive(room) : []
        failurePauseMs = backoff(runtime, pollMs, 50 * pollMs)
        known = pulled.length > 0
        if (known) batch?.begun()
        for (const one of pulled) waiting.push({ pulled: one, receivedAt })
        startWaiting()
        if (known) nextPollMs = backoff(runtime, FIRST_POLL_MS, pollMs)
        else await pause(nextPollMs())
      } catch (error) {
        emit({ type: 'broker-failed', verb: 'receive', error })
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
    pause() {
      paused = true
    },
    resume() {
      paused = false
      changed()
    },
    readmit: inbox.readmit,
    get running() {
      return running
    },
    [Symbol.asyncDispose]: stop,
  }
}
