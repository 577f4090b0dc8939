import { OnlyonceError } from './errors.ts'
import type { Runtime } from './runtime.ts'

export interface BatcherOptions<Request> {
  /** The most requests in one call. */
  readonly maxBatch: number
  /** A call that has not answered by then no longer holds the others back. */
  readonly timeoutMs: number
  readonly runtime: Runtime
  /** Requests for the same id never share a call. */
  readonly idOf: (request: Request) => string
}

interface Waiting<Request, Answer> {
  readonly request: Request
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
 * Gathers concurrent requests while one call is under way and sends them together; a lone request leaves at once.
 * A call that fails is split in halves and asked again, so that one bad request fails alone: every verb of the store
 * may be repeated. A store that is down is not asked once for each of them.
 */
export function createBatcher<Request, Answer>(
  send: (requests: readonly Request[]) => Promise<readonly Answer[]>,
  options: BatcherOptions<Request>,
): (request: Request) => Promise<Answer> {
  const { maxBatch, timeoutMs, runtime, idOf } = options
  let queue: Waiting<Request, Answer>[] = []
  let busy = false

  async function deliver(batch: readonly Waiting<Request, Answer>[], trouble: Trouble): Promise<void> {
    if (trouble.down !== undefined) return rejectAll(batch, trouble.down.error)
    let answers: readonly Answer[]
    try {
      answers = await send(batch.map((one) => one.request))
      if (answers.length !== batch.length) {
        throw new Error(`the store gave ${answers.length} answers to ${batch.length} requests`)
      }
    } catch (error) {
      if (batch.length === 1) {
        // What the store says of a request is about that request. Any other error twice in a row is about the store.
        if (!OnlyonceError.is(error) && ++trouble.alone === 2) trouble.down = { error }
        return rejectAll(batch, error)
      }
      const half = batch.length >> 1
      await deliver(batch.slice(0, half), trouble)
      await deliver(batch.slice(half), trouble)
      return
    }
    trouble.alone = 0
    for (const [index, one] of batch.entries()) one.resolve(answers[index] as Answer)
  }

  function rejectAll(batch: readonly Waiting<Request, Answer>[], error: unknown): void {
    for (const one of batch) one.reject(error)
  }

  function flush(): void {
    if (busy || queue.length === 0) return
    busy = true
    const batch = take()
    let over = false
    const next = () => {
      if (over) return
      over = true
      cancel()
      busy = false
      flush()
    }
    const cancel = runtime.after(timeoutMs, next)
    void deliver(batch, { alone: 0, down: undefined }).then(next)
  }

  function take(): readonly Waiting<Request, Answer>[] {
    if (queue.length === 1) {
      const lone = queue
      queue = []
      return lone
    }
    const batch: Waiting<Request, Answer>[] = []
    const rest: Waiting<Request, Answer>[] = []
    const ids = new Set<string>()
    for (const one of queue) {
      const id = idOf(one.request)
      if (batch.length < maxBatch && !ids.has(id)) {
        ids.add(id)
        batch.push(one)
      } else rest.push(one)
    }
    queue = rest
    return batch
  }

  return (request) =>
    new Promise<Answer>((resolve, reject) => {
      queue.push({ request, resolve, reject })
      flush()
    })
}
