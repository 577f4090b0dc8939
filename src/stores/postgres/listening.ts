import { backoff } from '../../core/backoff.ts'
import { OnlyonceError } from '../../core/errors.ts'
import type { OperationId } from '../../core/record.ts'
import { sleep } from '../../core/runtime.ts'
import { timeLimit } from '../../core/time-limit.ts'
import { createWatchers, type Watchers } from '../../core/watchers.ts'
import { toId } from '../sql/rows.ts'
import type { Asking } from './asking.ts'
import type { Lender, Lent } from './lender.ts'
import { plainArray } from './literals.ts'
import type { ResolvedPostgresOptions } from './options.ts'
import { isBehindPooler } from './pooler.ts'
import type { Schema } from './schema.ts'
import type { Names } from './sql/names.ts'
import type { Statements } from './statements.ts'

/** Maximum time that the rows of a crashed process remain. */
const REGISTERED_FOR_MS = 3_600_000
/** The connection is kept this long after the last waiter has left, because the next one usually comes soon. */
const LINGER_MS = 500

/**
 * Wakes waiters of this process, also when another process settles. One connection of the pool listens while anybody
 * waits. Waiters are registered in a table; only they cause a NOTIFY. All of it is a hint: if anything fails, waiters
 * poll. They do so behind a pooler too, unless told otherwise: where transactions of others run on the connection that
 * has listened, these get the notifications, and nothing ever ends that.
 */
export function createListening(
  options: ResolvedPostgresOptions,
  lender: Lender,
  schema: Schema,
  asking: Asking,
  statements: Statements,
  { channel }: Names,
): Watchers & { close(): Promise<void> } {
  const { runtime, timeoutMs } = options
  const process = runtime.token()
  const watchers = createWatchers()
  const counts = new Map<OperationId, number>()
  let enabled = options.listen !== false && !lender.single
  let coming = new Set<OperationId>()
  let going = new Set<OperationId>()
  let lent: Lent | undefined
  let working: Promise<void> | undefined
  const ending = new AbortController()
  /** Aborted when a waiter arrives while lingering: it is registered at once, as its operation may settle meanwhile. */
  let lingering = new AbortController()
  const pauseMs = () => backoff(runtime, 100, 5_000)
  let nextPause = pauseMs()

  const onNotification = (given: unknown) => watchers.wake([toId(Object(given).payload)])
  const onError = (error: unknown) => {
    disconnect(error as Error)
    coming = new Set(counts.keys())
    if (coming.size > 0) work(nextPause())
  }

  /** Without a time limit a half-open connection would be listened to for ever. */
  function inTime<T>(answer: Promise<T>): Promise<T> {
    return timeLimit(runtime, answer, timeoutMs, () => new Error(`no answer within ${timeoutMs} ms`))
  }

  /** Returns `undefined` behind a pooler. */
  async function connect(): Promise<Lent | undefined> {
    if (lent !== undefined) return lent
    const opened = await lender.borrowToListen(timeoutMs)
    try {
      await inTime(schema.ready(opened.client))
      if (options.listen === undefined && (await inTime(isBehindPooler(opened.client)))) {
        opened.giveBack()
        return undefined
      }
      opened.client.on?.('notification', onNotification)
      opened.client.on?.('error', onError)
      await inTime(opened.client.query(`LISTEN "${channel}"`))
    } catch (error) {
      lent = opened
      disconnect(error as Error)
      throw error
    }
    lent = opened
    return opened
  }

  function disconnect(broken?: Error): void {
    const gone = lent
    lent = undefined
    gone?.client.removeListener?.('notification', onNotification)
    gone?.client.removeListener?.('error', onError)
    gone?.giveBack(broken)
  }

  async function exchange(): Promise<void> {
    const client = (await connect())?.client
    if (client === undefined) {
      enabled = false
      coming.clear()
      going.clear()
      return
    }
    while (coming.size + going.size > 0 && !ending.signal.aborted) {
      const [arriving, leaving] = [[...coming], [...going]]
      coming = new Set()
      going = new Set()
      if (arriving.length > 0) {
        const lifetime = String(REGISTERED_FOR_MS * 1000)
        const registered = asking.send(client, statements.register, [plainArray(arriving), process, lifetime])
        const rows = await inTime(registered)
        watchers.wake(rows.map(({ id }) => toId(id)))
      }
      const left = leaving.filter((id) => !counts.has(id))
      if (left.length > 0) await inTime(asking.send(client, statements.unregister, [plainArray(left), process]))
    }
    nextPause = pauseMs()
  }

  /** Serves arrivals and departures of waiters; lets the connection go when there are none left. */
  function work(afterMs: number): void {
    if (!enabled) return
    working ??= (async () => {
      await sleep(runtime, afterMs, ending.signal)
      try {
        while (!ending.signal.aborted && counts.size + coming.size + going.size > 0) {
          await exchange()
          if (counts.size > 0 || ending.signal.aborted) return
          lingering = new AbortController()
          await sleep(runtime, LINGER_MS, lingering.signal)
        }
        await stop()
      } catch (error) {
        disconnect(error as Error)
        coming = new Set(counts.keys())
      }
    })().finally(() => {
      working = undefined
      if (!ending.signal.aborted && coming.size + going.size > 0) work(lent === undefined ? nextPause() : 0)
    })
  }

  async function stop(): Promise<void> {
    if (lent === undefined) return
    await inTime(lent.client.query(`UNLISTEN "${channel}"`))
    disconnect()
  }

  return {
    ...watchers,
    watch(id, call) {
      if (ending.signal.aborted)
        throw new OnlyonceError('CLOSED', 'the postgres store was closed; nothing can be watched')
      const unwatch = watchers.watch(id, call)
      if (!enabled) return unwatch
      const first = !counts.has(id)
      counts.set(id, (counts.get(id) ?? 0) + 1)
      if (first) {
        coming.add(id)
        lingering.abort()
        work(0)
      }
      let over = false
      return () => {
        if (over) return
        over = true
        unwatch()
        const left = (counts.get(id) ?? 1) - 1
        if (left > 0) return void counts.set(id, left)
        counts.delete(id)
        if (!coming.delete(id)) going.add(id)
        work(0)
      }
    },
    async close() {
      ending.abort()
      lingering.abort()
      counts.clear()
      watchers.clear()
      await working
      await stop().catch((error) => disconnect(error as Error))
    },
  }
}
