import { OnlyonceError } from './errors.ts'
import type { Runtime } from './runtime.ts'

export interface BatcherOptions<Request, Answer> {
  /** The most requests in one call. */
  readonly maxBatch: number
  /** The longest a request waits for its answer, its time in the queue included, unless it says otherwise. */
  readonly timeoutMs: number
  /** Default 1. How many calls may be under way while others gather behind them. */
  readonly batches?: number
  /** Default 0. While no more requests than this are waiting in all, none of them is held back. */
  readonly lone?: number
  readonly runtime: Runtime
  /** Requests for the same id never share a call. */
  readonly idOf: (request: Request) => string
  /** Told of an answer that nobody waits for any more. */
  readonly onLate?: (request: Request, answer: Answer) => void
}

interface Waiting<Request, Answer> {
  readonly request: Request
  readonly dueAt: number
  settled: boolean
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: unknown) => void
}

/** What was learnt while a failed batch was taken apart. */
interface Trouble {
  /** Requests in a row that failed by themselves. */
  alone: number
  /** Set when the store itself seems to be gone: the rest of the batch is not sent any more. */
  down: { readonly error: unknown } | undefined
}

/**
 * Gathers concurrent requests while calls are under way and sends them together; a lone request leaves at once.
 * A call that fails is split in halves and asked again, so that one bad request fails alone: every verb of the store
 * may be repeated. A store that is down is not asked once for each of them. A call that does not answer is given up
 * when the last of its requests is due, and no longer holds the others back.
 */
export function createBatcher<Request, Answer>(
  send: (requests: readonly Request[]) => Promise<readonly Answer[]>,
  options: BatcherOptions<Request, Answer>,
): (request: Request, limitMs?: number) => Promise<Answer> {
  type Item = Waiting<Request, Answer>
  const { maxBatch, timeoutMs, batches = 1, lone = 0, runtime, idOf, onLate } = options
  let queue: Item[] = []
  const underWay = new Set<readonly Item[]>()
  let requestsUnderWay = 0
  /** One timer for all of them: when something is given up, or nothing is left to wait for. */
  let alarmAt = Number.POSITIVE_INFINITY
  let cancelAlarm = () => {}

  function answer(batch: readonly Item[], answers: readonly Answer[]): void {
    if (answers.length !== batch.length) {
      throw new Error(`the store gave ${answers.length} answers to ${batch.length} requests`)
    }
    for (let index = 0; index < batch.length; index++) {
      const one = batch[index] as Item
      const given = answers[index] as Answer
      if (one.settled) onLate?.(one.request, given)
      else settle(one).resolve(given)
    }
  }

  function rejectAll(batch: readonly Item[], error: unknown): void {
    for (const one of batch) if (!one.settled) settle(one).reject(error)
  }

  async function deliver(batch: readonly Item[], trouble: Trouble): Promise<void> {
    if (batch.length === 0) return
    if (trouble.down !== undefined) return rejectAll(batch, trouble.down.error)
    try {
      answer(batch, await send(batch.map((one) => one.request)))
      trouble.alone = 0
    } catch (error) {
      if (batch.length === 1) {
        // What the store says of a request is about that request. Any other error twice in a row is about the store.
        if (!OnlyonceError.is(error) && ++trouble.alone === 2) trouble.down = { error }
        return rejectAll(batch, error)
      }
      const left = batch.filter((one) => !one.settled)
      const half = Math.max(left.length >> 1, 1)
      await deliver(left.slice(0, half), trouble)
      await deliver(left.slice(half), trouble)
    }
  }

  function mayLeave(): boolean {
    if (queue.length === 0) return false
    return underWay.size < batches || requestsUnderWay + queue.length <= lone
  }

  function flush(): void {
    while (mayLeave()) {
      const batch = take()
      if (batch.length === 0) continue
      underWay.add(batch)
      requestsUnderWay += batch.length
      void deliver(batch, { alone: 0, down: undefined }).then(() => end(batch))
    }
  }

  /** The call answered or was given up, whichever came first. */
  function end(batch: readonly Item[]): void {
    if (!underWay.delete(batch)) return
    requestsUnderWay -= batch.length
    flush()
    if (underWay.size > 0) return
    cancelAlarm()
    alarmAt = Number.POSITIVE_INFINITY
  }

  function alarm(at: number, inMs: number): void {
    if (at >= alarmAt) return
    cancelAlarm()
    alarmAt = at
    cancelAlarm = runtime.after(inMs, giveUpWhatIsDue)
  }

  function giveUpWhatIsDue(): void {
    alarmAt = Number.POSITIVE_INFINITY
    const now = runtime.elapsed()
    let next = giveUp(queue, now)
    for (const batch of [...underWay]) {
      const dueAt = giveUp(batch, now)
      if (dueAt === Number.POSITIVE_INFINITY) end(batch)
      else next = Math.min(next, dueAt)
    }
    if (underWay.size > 0) alarm(next, next - now)
  }

  /** Rejects what is due; answers when the next of the others will be. */
  function giveUp(items: readonly Item[], now: number): number {
    let next = Number.POSITIVE_INFINITY
    for (const one of items) {
      if (one.settled) continue
      if (one.dueAt > now) next = Math.min(next, one.dueAt)
      else settle(one).reject(new Error(`no answer within ${timeoutMs} ms`))
    }
    return next
  }

  function take(): readonly Item[] {
    const waiting = queue
    queue = []
    const [first] = waiting
    if (waiting.length === 1 && first?.settled === false) return waiting
    const batch: Item[] = []
    const ids = new Set<string>()
    for (const one of waiting) {
      if (one.settled) continue
      const id = idOf(one.request)
      if (batch.length < maxBatch && !ids.has(id)) {
        ids.add(id)
        batch.push(one)
      } else queue.push(one)
    }
    return batch
  }

  return (request, limitMs = timeoutMs) =>
    new Promise<Answer>((resolve, reject) => {
      const dueAt = runtime.elapsed() + limitMs
      queue.push({ request, dueAt, settled: false, resolve, reject })
      alarm(dueAt, limitMs)
      flush()
    })
}

function settle<Request, Answer>(one: Waiting<Request, Answer>): Waiting<Request, Answer> {
  one.settled = true
  return one
}
