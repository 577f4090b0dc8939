import { OnlyonceError } from './errors.ts'
import type { Cancel, Runtime } from './runtime.ts'

/** What a batcher calls. */
export interface BatcherVerb<Request, Answer> {
  /** One call to the store; answers in the order of the requests. */
  readonly send: (requests: readonly Request[]) => Promise<readonly Answer[]>
  /** Requests for the same id never share a call. Left out: they may. */
  readonly idOf?: (request: Request) => string
  /** Told of an answer that nobody waits for any more. */
  readonly onLate?: (request: Request, answer: Answer) => void
}

export interface BatcherOptions {
  /** The most requests in one call. */
  readonly maxBatch: number
  /** The longest a request waits for its answer, its time in the queue included, unless it says otherwise. */
  readonly timeoutMs: number
  /** Default 1. Among how many calls, under way side by side, all that is asked is shared out. */
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

/** What was learnt while a failed batch was taken apart. */
interface Trouble {
  /** Requests in a row that failed by themselves. */
  alone: number
  /** Set when the store itself seems to be gone: the rest of the batch is not sent any more. */
  down: { readonly error: unknown } | undefined
}

/**
 * Callers who were answered together ask again together, one microtask after the other: what leaves one microtask later
 * takes them all, where the first of them would have left by itself and held the others up.
 */
const NEXT = Promise.resolve()

const WHOLE_CALL = Symbol.for('onlyonce.whole-call')

/** Marks an error of a store as one about all that a call asked for, of which no part is to be asked for again. */
export function ofWholeCall<E extends Error>(error: E): E {
  return Object.defineProperty(error, WHOLE_CALL, { value: true })
}

/**
 * Gathers concurrent requests while calls are under way and sends them together; a lone request leaves at once.
 * A call that fails is split in halves and asked again, so that one bad request fails alone: every verb of the store
 * may be repeated. A store that is down is not asked once for each of them, nor one whose error is about them all. A call
 * that does not answer is given up when the last of its requests is due, and no longer holds the others back.
 */
export class Batcher<Request, Answer> {
  readonly #verb: BatcherVerb<Request, Answer>
  readonly #options: BatcherOptions
  readonly #batches: number
  #queue: Waiting<Request, Answer>[] = []
  readonly #underWay = new Set<readonly Waiting<Request, Answer>[]>()
  #requestsUnderWay = 0
  /** A flush is about to happen. */
  #leaving = false
  /** One alarm for all of them: when something is given up. Never, while there is nothing to wait for. */
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

  /** As `submit`, for a caller who has a promise of its own to settle. */
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
   * Callers who were answered together ask again together: one call that took them all would leave the store idle while
   * they work, and them while it does. So each call takes its share of all that is asked, and those who do not make up
   * one yet gather behind the calls that are under way.
   */
  #share(): number {
    return Math.min((this.#queue.length + this.#requestsUnderWay) / this.#batches, this.#options.maxBatch)
  }

  #mayLeave(): boolean {
    const waiting = this.#queue.length
    return waiting > 0 && this.#underWay.size < this.#batches && waiting >= Math.floor(this.#share())
  }

  #flush(): void {
    while (this.#mayLeave()) {
      const batch = this.#take()
      this.#underWay.add(batch)
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
      this.#answer(batch, await this.#verb.send(batch.map(requestOf)))
      trouble.alone = 0
    } catch (error) {
      await this.#takeApart(batch, error, trouble)
    }
  }

  async #takeApart(batch: readonly Waiting<Request, Answer>[], error: unknown, trouble: Trouble): Promise<void> {
    if (batch.length === 1) {
      // What the store says of a request is about that request. Any other error twice in a row is about the store.
      if (!OnlyonceError.is(error) && ++trouble.alone === 2) trouble.down = { error }
      return rejectAll(batch, error)
    }
    if (WHOLE_CALL in Object(error)) return rejectAll(batch, error)
    const left = batch.filter(isOpen)
    const half = Math.max(left.length >> 1, 1)
    await this.#deliverPart(left.slice(0, half), trouble)
    // The rest, without those that were given up while the first half was on its way.
    await this.#deliverPart(left.filter(isOpen), trouble)
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

  /** The call answered or was given up, whichever came first. */
  #end(batch: readonly Waiting<Request, Answer>[]): void {
    if (!this.#underWay.delete(batch)) return
    this.#requestsUnderWay -= batch.length
    this.#flush()
    if (this.#underWay.size > 0) return
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

  /** Rejects what is due; answers when the next of the others will be. */
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

/** One that was given up is told nothing more: its caller asks again at each rejection. */
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
