import { backoff } from '../core/backoff.ts'
import { createPause } from '../core/pause.ts'
import type { Runtime } from '../core/runtime.ts'
import type { Consumer, PullOptions } from './consumer.ts'
import type { Verdict } from './delivery.ts'
import { gatherer } from './gather.ts'
import { createHandling, type Waiting } from './handling.ts'
import type { Inbox, InboxBatch } from './inbox.ts'
import type { Pulled, PullSource } from './pull-source.ts'
import { STOPPING } from './verdict.ts'

const FIRST_POLL_MS = 5

/** Pulls from a broker, asks the inbox, carries out its verdicts. */
export function pullConsumer(
  source: PullSource,
  inbox: Inbox,
  options: Required<PullOptions> & { readonly runtime: Runtime; readonly visibilityMs: number },
): Consumer {
  const { concurrency, prefetch, pollMs, onEvent, runtime } = options
  const stopping = new AbortController()
  const handling = createHandling(inbox, stopping.signal, options)
  const idling = createPause(runtime)
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
  let hinted = false

  /** Waits for `ms`, or until there is room, a hint, a resume or a stop. A hint given before counts too. */
  async function idle(ms: number): Promise<void> {
    if (!hinted && !stopping.signal.aborted) await idling.wait(ms)
    hinted = false
  }

  async function handle(one: Waiting): Promise<void> {
    const startedAt = runtime.elapsed()
    await carryOut(one.pulled, startedAt, await handling.alone(one))
  }

  async function handleTogether(together: readonly Waiting[], receive: InboxBatch['receive']): Promise<void> {
    const startedAt = runtime.elapsed()
    let isWhole = true
    whole += together.length
    const apart = () => {
      if (isWhole) whole -= together.length
      isWhole = false
    }
    const verdicts = await handling.together(together, receive)
    await Promise.all(
      together.map(async ({ pulled }, index) => {
        const verdict = (await verdicts[index]) as Verdict
        apart()
        await carryOut(pulled, startedAt, verdict)
      }),
    )
  }

  async function carryOut(pulled: Pulled, startedAt: number, verdict: Verdict): Promise<void> {
    // The next message need not wait for the broker's answer about this one.
    running--
    startWaiting()
    if (roomFor() > 0) idling.end()
    telling++
    await handling.settle(pulled, verdict)
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
        await idle(pollMs)
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
        else await idle(nextPollMs())
      } catch (error) {
        onEvent({ type: 'broker-failed', verb: 'receive', error })
        startWaiting()
        await idle(failurePauseMs())
      }
    }
  }

  const unwatch = source.watch?.(() => {
    hinted = true
    idling.end()
  })
  const pulling = pull()
  let stopped: Promise<void> | undefined

  async function end(): Promise<void> {
    stopping.abort()
    idling.end()
    unwatch?.()
    batch?.end()
    await pulling
    await Promise.all(waiting.splice(0).map(({ pulled }) => handling.settle(pulled, STOPPING)))
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
      idling.end()
    },
    readmit: inbox.readmit,
    get running() {
      return running
    },
    [Symbol.asyncDispose]: stop,
  }
}
