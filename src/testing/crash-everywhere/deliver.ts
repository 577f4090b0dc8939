import { decodeResult, encodeResult } from '../../core/codec.ts'
import { OnlyonceError, reasonOf } from '../../core/errors.ts'
import type { Store } from '../../core/store.ts'
import type { MovedClock } from './clock.ts'
import type { CrashHandler, CrashOptions } from './contract.ts'
import { createKit } from './kit.ts'
import type { Limits } from './options.ts'
import { type Plan, PretendedProcess } from './process.ts'
import { within } from './waiting.ts'
import type { OpenWorld } from './world.ts'

/** How the handler ended one delivery. */
export type Ending =
  | { readonly kind: 'answered'; readonly answer: unknown }
  | { readonly kind: 'threw'; readonly error: unknown }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'hung' }

export interface Delivered {
  readonly process: PretendedProcess
  readonly ending: Ending
  readonly acked: boolean
}

/** The state of one `crashEverywhere`: the handler, and what is learnt about it. */
export interface Session<Message, S extends Store, Use extends object> {
  readonly handler: CrashHandler<Message, S, Use>
  readonly options: CrashOptions<Message, S, Use>
  readonly limits: Limits
  readonly clock: MovedClock
  /** Whether calls of a name return promises. */
  readonly kinds: Map<string, boolean>
  /** The handler acknowledges by itself, so its return does not. Learnt from the clean run. */
  manualAck: boolean
}

/** The outcome of a message that was delivered until it was handled. */
export interface Handled {
  readonly deliveries: readonly Delivered[]
  readonly answer: unknown
  /** Why the broker still holds the message. */
  readonly unhandled?: string
}

/** Begins one delivery in its own process. */
export function begin<Message, S extends Store, Use extends object>(
  session: Session<Message, S, Use>,
  world: OpenWorld<S, Use>,
  message: Message,
  delivery: number,
  plan?: Plan,
): { readonly process: PretendedProcess; readonly over: Promise<Delivered> } {
  const { handler, limits } = session
  const process = new PretendedProcess(session.kinds, plan)
  let acked = false
  const onAck = () => {
    acked = true
  }
  const kit = createKit({ world, process, delivery, onAck })
  const handling = (async () => handler(copied(message), kit))().then(
    (answer): Ending => ({ kind: 'answered', answer }),
    (error: unknown): Ending => (process.dead ? { kind: 'stopped' } : { kind: 'threw', error }),
  )
  const over = (async (): Promise<Delivered> => {
    const stopped = process.died.catch((): Ending => ({ kind: 'stopped' }))
    let ending = await within(Promise.race([handling, stopped]), limits.handlerTimeoutMs, { kind: 'hung' })
    if (ending.kind === 'answered' && !process.dead && !session.manualAck && !asksAgain(session, ending.answer)) onAck()
    // Work that the handler did not await continues until the process ends.
    if (ending.kind === 'hung') process.kill()
    await process.quiet(limits.handlerTimeoutMs)
    if (process.dead && ending.kind !== 'hung') ending = { kind: 'stopped' }
    process.kill()
    return { process, ending, acked }
  })()
  return { process, over }
}

/** Delivers as a broker does: repeatedly, each time later, until the message is acknowledged. */
export async function deliver<Message, S extends Store, Use extends object>(
  session: Session<Message, S, Use>,
  world: OpenWorld<S, Use>,
  message: Message,
  { plan, first = 1 }: { readonly plan?: Plan; readonly first?: number } = {},
): Promise<Handled> {
  const { clock, limits } = session
  const deliveries: Delivered[] = []
  for (let nth = first; deliveries.length < limits.maxDeliveries; nth++) {
    if (nth > 1) clock.later(limits.againAfterMs)
    const delivered = await begin(session, world, message, nth, nth === first ? plan : undefined).over
    deliveries.push(delivered)
    const { ending, acked } = delivered
    if (acked || isRefused(ending)) {
      return { deliveries, answer: ending.kind === 'answered' ? ending.answer : undefined }
    }
    await afterLease(session, ending)
  }
  const last = deliveries.at(-1)?.ending
  return { deliveries, answer: undefined, unhandled: last === undefined ? 'never delivered' : reasonFor(last) }
}

/** A DUPLICATE error ("already submitted") is an answer too. */
function isRefused(ending: Ending): boolean {
  return ending.kind === 'threw' && OnlyonceError.is(ending.error) && ending.error.code === 'DUPLICATE'
}

/** Waits for the lease of a stopped process, which a server counts by a clock that no test can move. */
async function afterLease<M, S extends Store, U extends object>(
  { limits }: Session<M, S, U>,
  ending: Ending,
): Promise<void> {
  if (ending.kind !== 'threw' || !OnlyonceError.is(ending.error)) return
  const ms = Math.min(ending.error.retryAfterMs ?? 0, limits.handlerTimeoutMs)
  if (ms > 0) await within(new Promise<void>(() => {}), ms + 1, undefined)
}

function reasonFor(ending: Ending): string {
  switch (ending.kind) {
    case 'threw':
      return `its handler failed each time: ${reasonOf(ending.error)}`
    case 'hung':
      return 'its handler never ended'
    case 'stopped':
      return 'its process was stopped each time'
    case 'answered':
      return 'it was never acknowledged'
  }
}

function asksAgain<M, S extends Store, U extends object>({ options }: Session<M, S, U>, answer: unknown): boolean {
  if (options.again !== undefined) return options.again(answer)
  return (Object(answer) as { kind?: unknown }).kind === 'retry'
}

/** A broker delivers a fresh copy each time. */
function copied<Message>(message: Message): Message {
  try {
    // Not `structuredClone` first: under jest its objects belong to another realm, where `instanceof Date` is false.
    return decodeResult(encodeResult(message, UNLIMITED), UNLIMITED) as Message
  } catch {
    return cloned(message)
  }
}

const UNLIMITED = { maxBytes: Number.MAX_SAFE_INTEGER }

/** For values that are more than data: copied if possible. */
function cloned<Message>(message: Message): Message {
  try {
    return structuredClone(message)
  } catch {
    return message
  }
}
