import { apart } from './apart.ts'
import { OnlyonceError } from './errors.ts'
import type { Cancel, Runtime } from './runtime.ts'

/** What a batcher calls. */
export interface BatcherVerb<Request, Answer> {
  /** One call to the store; answers in the order of the requests. */
  readonly send: (requests: readonly Request[]) => Promise<readonly Answer[]>
  /** Requests for the same id never share a call. Left out: they may. */
  readonly idOf?: (request: Request) => string
  /** Called with an answer that comes after its request was rejected, by a time limit or an error of the whole call. */
  readonly onLate?: (request: Request, answer: Answer) => void
}

export interface BatcherOptions {
  /** The most requests in one call. */
  readonly maxBatch: number
  /** Default time limit of a request, including its time in the queue. */
  readonly timeoutMs: number
  /** Default 1. Maximum number of concurrent calls. Pending requests are divided evenly between them. */
  readonly batches?: number
  readonly runtime: Runtime
}

interface Waiting<Request, Answer> {
  readonly request: Request
  readonly dueAt: number
  settled: boolean
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: unknown) => void
}

/** State kept while a failed batch is split and sent again. */
interface Trouble {
  /** Consecutive failures of calls with a single request. */
  alone: number
  /** Set when the store seems to be down: the rest of the batch is rejected without being sent. */
  down: { readonly error: unknown } | undefined
}

/**
 * Callers released by one batch usually submit again within the same microtask run. Flushing one microtask later puts
 * them all into one call; otherwise the first would leave alone and the rest would wait behind it.
 */
const NEXT = Promise.resolve()

const WHOLE_CALL: unique symbol = Symbol.for('onlyonce.whole-call') as never

/**
 * Marks an error as one about a whole call to the store: the batch is rejected, not split and sent again.
 * `answers`: what the call may still turn out to have done; each answer is passed to `onLate`.
 */
export function ofWholeCall<E extends Error>(error: E, answers?: Promise<readonly unknown[]>): E {
  return Object.defineProperty(error, WHOLE_CALL, { value: answers })
}

/**
 * Gathers concurrent requests while calls are in progress and sends them together; a lone request leaves at once. A
 * batch that fails is split in halves and sent again, so that one bad request fails alone: every verb of the store may
 * be repeated. It is not split further once the store seems to be down, or after an error `ofWholeCall`. A call without
 * an answer no longer counts as in progress once the last of its requests has timed out.
 */
export class Batcher<Request, Answer> {
  readonly #verb: BatcherVerb<Request, Answer>
  readonly #options: BatcherOptions
  readonly #batches: number
  #queue: Waiting<Request, Answer>[] = []
  /** The calls in progress. Few, and a list is faster than a set of objects, which must be hashed. */
  #underWay: (readonly Waiting<Request, Answer>[])[] = []
  #requestsUnderWay = 0
  /** A flush is scheduled. */
  #leaving = false
  /** When the single timer for all time limits fires; infinite while none is set. */
  #alarmAt = Number.POSITIVE_INFINITY
  #cancelAlarm: Cancel = () => {}

  constructor(verb: BatcherVerb<Request, Answer>, options: BatcherOptions) {
    this.#verb = verb
    this.#options = options
    this.#batches = options.batches ?? 1
  }

  submit(request: Request, limitMs = this.#options.timeoutMs): Promise<Answer> {
    return new Promise<Answer>((resolve, reject) => this.ask(request, resolve, reject, limitMs))
  }

  /** As `submit`, with callbacks instead of a promise. */
  ask(
    request: Request,
    resolve: (answer: Answer) => void,
    reject: (error: unknown) => void,
    limitMs = this.#options.timeoutMs,
  ): void {
    const dueAt = this.#options.runtime.elapsed() + limitMs
    this.#queue.push({ request, dueAt, settled: false, resolve, reject })
    this.#alarm(dueAt, limitMs)
    if (this.#leaving) return
    this.#leaving = true
    void NEXT.then(this.#leave)
  }

  readonly #leave = (): void => {
    this.#leaving = false
    this.#flush()
  }

  /**
   * The number of requests in the next call. One call with everybody would leave the store idle while callers work, and
   * callers idle while the store works. Each call takes 1/batches of all pending and running requests, at most
   * `maxBatch`; smaller groups wait.
   */
  #share(): number {
    return Math.min((this.#queue.length + this.#requestsUnderWay) / this.#batches, this.#options.maxBatch)
  }

  #mayLeave(): boolean {
    const waiting = this.#queue.length
    return waiting > 0 && this.#underWay.length < this.#batches && waiting >= Math.floor(this.#share())
  }

  #flush(): void {
    while (this.#mayLeave()) {
      const batch = this.#take()
      this.#underWay.push(batch)
      this.#requestsUnderWay += batch.length
      void this.#deliver(batch)
    }
  }

  #take(): readonly Waiting<Request, Answer>[] {
    const { idOf } = this.#verb
    const share = Math.ceil(this.#share())
    const waiting = this.#queue
    this.#queue = []
    if (waiting.length === 1) return waiting
    const batch: Waiting<Request, Answer>[] = []
    const ids = new Set<string>()
    for (const one of waiting) {
      const id = idOf?.(one.request)
      if (batch.length < share && !(id !== undefined && ids.has(id))) {
        if (id !== undefined) ids.add(id)
        batch.push(one)
      } else this.#queue.push(one)
    }
    return batch
  }

  async #deliver(batch: readonly Waiting<Request, Answer>[]): Promise<void> {
    try {
      this.#answer(batch, await this.#verb.send(batch.map(requestOf)))
    } catch (error) {
      await this.#takeApart(batch, error, { alone: 0, down: undefined })
    }
    this.#end(batch)
  }

  async #deliverPart(batch: readonly Waiting<Request, Answer>[], trouble: Trouble): Promise<void> {
    if (batch.length === 0) return
    if (trouble.down !== undefined) return rejectAll(batch, trouble.down.error)
    try {
      this.#answer(batch, await apart(() => this.#verb.send(batch.map(requestOf))))
      trouble.alone = 0
    } catch (error) {
      await this.#takeApart(batch, error, trouble)
    }
  }

  async #takeApart(batch: readonly Waiting<Request, Answer>[], error: unknown, trouble: Trouble): Promise<void> {
    if (WHOLE_CALL in Object(error)) {
      rejectAll(batch, error)
      return this.#answerLate(batch, error)
    }
    if (batch.length === 1) {
      // An OnlyonceError is about its request. Any other error, twice in a row, means that the store is down.
      if (!OnlyonceError.is(error) && ++trouble.alone === 2) trouble.down = { error }
      return rejectAll(batch, error)
    }
    const left = batch.filter(isOpen)
    const half = Math.max(left.length >> 1, 1)
    await this.#deliverPart(left.slice(0, half), trouble)
    // The rest, without requests that timed out while the first half was sent.
    await this.#deliverPart(left.filter(isOpen), trouble)
  }

  /** Passes on what a failed call turns out to have done, also if it then fails in the same way once more. */
  #answerLate(batch: readonly Waiting<Request, Answer>[], error: unknown): void {
    const { [WHOLE_CALL]: answers } = Object(error) as { readonly [WHOLE_CALL]?: Promise<readonly Answer[]> }
    answers
      ?.then(
        (late) => this.#answer(batch, late),
        (again) => this.#answerLate(batch, again),
      )
      .catch(() => {})
  }

  #answer(batch: readonly Waiting<Request, Answer>[], answers: readonly Answer[]): void {
    if (answers.length !== batch.length) {
      throw new Error(`the store gave ${answers.length} answers to ${batch.length} requests`)
    }
    for (let index = 0; index < batch.length; index++) {
      const one = batch[index] as Waiting<Request, Answer>
      const answer = answers[index] as Answer
      if (one.settled) this.#verb.onLate?.(one.request, answer)
      else settle(one).resolve(answer)
    }
  }

  /** Called when the call is over, and when all of its requests have timed out; only the first counts. */
  #end(batch: readonly Waiting<Request, Answer>[]): void {
    const at = this.#underWay.indexOf(batch)
    if (at === -1) return
    this.#underWay.splice(at, 1)
    this.#requestsUnderWay -= batch.length
    if (this.#queue.length > 0) apart(() => this.#flush())
    if (this.#underWay.length > 0) return
    this.#cancelAlarm()
    this.#alarmAt = Number.POSITIVE_INFINITY
  }

  #alarm(at: number, inMs: number): void {
    if (at >= this.#alarmAt) return
    this.#cancelAlarm()
    this.#alarmAt = at
    this.#cancelAlarm = this.#options.runtime.after(inMs, () => this.#giveUpWhatIsDue())
  }

  #giveUpWhatIsDue(): void {
    this.#alarmAt = Number.POSITIVE_INFINITY
    const now = this.#options.runtime.elapsed()
    let next = this.#giveUp(this.#queue, now)
    this.#queue = this.#queue.filter(isOpen)
    for (const batch of [...this.#underWay]) {
      const dueAt = this.#giveUp(batch, now)
      if (dueAt === Number.POSITIVE_INFINITY) this.#end(batch)
      else next = Math.min(next, dueAt)
    }
    this.#alarm(next, next - now)
  }

  /** Rejects requests that have timed out. Returns the earliest `dueAt` of the others, or infinity. */
  #giveUp(items: readonly Waiting<Request, Answer>[], now: number): number {
    let next = Number.POSITIVE_INFINITY
    for (const one of items) {
      if (one.settled) continue
      if (one.dueAt > now) next = Math.min(next, one.dueAt)
      else settle(one).reject(new Error(`no answer within ${this.#options.timeoutMs} ms`))
    }
    return next
  }
}

/** A request that timed out is settled only once: its caller retries on each rejection. */
function rejectAll(batch: readonly Waiting<unknown, never>[], error: unknown): void {
  for (const one of batch) if (isOpen(one)) settle(one).reject(error)
}

function requestOf<Request>({ request }: { readonly request: Request }): Request {
  return request
}

function isOpen(one: { readonly settled: boolean }): boolean {
  return !one.settled
}

function settle<W extends { settled: boolean }>(one: W): W {
  one.settled = true
  return one
}
