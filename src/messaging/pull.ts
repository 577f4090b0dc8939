import { setMaxListeners } from 'node:events'
import { invalidOption } from '../core/options.ts'
import { type Cancel, type Runtime, sleep } from '../core/runtime.ts'
import { backoff, timeLimit } from '../core/time-limit.ts'
import type { Delivery, Verdict } from './delivery.ts'
import type { Inbox } from './inbox.ts'
import { NOT_OURS, retry } from './verdict.ts'

/** A delivery and how its verdict is carried out. */
export interface Pulled {
  readonly delivery: Delivery
  settle(verdict: Verdict): Promise<unknown>
}

/** A broker that is asked for messages. Ordering is its own: it hands out what may be handled side by side. */
export interface PullSource {
  receive(max: number): Promise<readonly Pulled[]>
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
  /** Default 16. How many messages are handled side by side. */
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

const FIRST_POLL_MS = 5
const SETTLE_LIMIT_MS = 60_000

/** @throws OnlyonceError OPTION_INVALID */
export function checkedPullOptions(given: { readonly [Name in keyof PullOptions]: PullOptions[Name] | undefined }) {
  const { concurrency = 16, prefetch = concurrency, pollMs = 100, onEvent = () => {} } = given
  for (const [name, value] of Object.entries({ concurrency, prefetch: prefetch + 1, pollMs })) {
    if (!Number.isSafeInteger(value) || value <= 0) throw invalidOption(name, 'must be a positive integer', value)
  }
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
  const waiting: { readonly pulled: Pulled; readonly receivedAt: number }[] = []
  /** Messages that are handled, or whose verdict is being told. */
  const active = new Set<Promise<void>>()
  let running = 0
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

  async function handle(pulled: Pulled, receivedAt: number): Promise<void> {
    const { delivery } = pulled
    const startedAt = runtime.elapsed()
    const ours = await isStillOurs(pulled, receivedAt)
    const verdict = ours ? await inbox(delivery, stopping.signal) : NOT_OURS
    // The next message need not wait for the broker's answer about this one.
    running--
    startWaiting()
    if (roomFor() > 0) changed()
    await settle(pulled, verdict)
    emit({ type: 'settled', delivery, verdict, tookMs: runtime.elapsed() - startedAt })
  }

  function startWaiting(): void {
    while (running < concurrency && waiting.length > 0 && !stopping.signal.aborted) {
      const { pulled, receivedAt } = waiting.shift() as (typeof waiting)[number]
      running++
      const handled = handle(pulled, receivedAt).finally(() => active.delete(handled))
      active.add(handled)
    }
  }

  /** Asked for in portions, so that a broker is not asked for every single message. */
  function roomFor(): number {
    const room = concurrency + prefetch - running - waiting.length
    const untold = active.size - running
    return paused || untold > 4 * (concurrency + prefetch) || room < Math.ceil((concurrency + prefetch) / 4) ? 0 : room
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
        const pulled: readonly Pulled[] = due ? await source.receive(room) : []
        failurePauseMs = backoff(runtime, pollMs, 50 * pollMs)
        known = pulled.length > 0
        for (const one of pulled) waiting.push({ pulled: one, receivedAt })
        startWaiting()
        if (known) nextPollMs = backoff(runtime, FIRST_POLL_MS, pollMs)
        else await pause(nextPollMs())
      } catch (error) {
        emit({ type: 'broker-failed', verb: 'receive', error })
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
