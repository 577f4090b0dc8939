import type { Runtime } from '../core/runtime.ts'
import { timeLimit } from '../core/time-limit.ts'
import type { ConsumerEvent } from './consumer.ts'
import type { Verdict } from './delivery.ts'
import type { Inbox, InboxBatch } from './inbox.ts'
import type { Pulled } from './pull-source.ts'
import { NOT_OURS, NOT_TOLD, retry } from './verdict.ts'

/** A pulled message whose turn has not come. */
export interface Waiting {
  readonly pulled: Pulled
  readonly receivedAt: number
}

/** What becomes of pulled messages whose turn has come: the inbox is asked about those that are still ours. */
export interface Handling {
  alone(one: Waiting): Promise<Verdict>
  /** Resolves when they have begun: to a promise for each, so that one that is held does not delay the others. */
  together(all: readonly Waiting[], receive: InboxBatch['receive']): Promise<readonly Promise<Verdict>[]>
  /** Has the broker carry a verdict out. Never rejects: what it does not carry out it delivers again. */
  settle(pulled: Pulled, verdict: Verdict): Promise<void>
}

const SETTLE_LIMIT_MS = 60_000
const noAnswer = (limitMs: number) => () => new Error(`no answer within ${limitMs} ms`)

/** Returns the messages that can start, except those behind one with the same ordering key that cannot. */
function withoutOvertaking(all: readonly Waiting[], refused: readonly (Verdict | undefined)[]): readonly Waiting[] {
  const missing = new Set<string>()
  return all.filter(({ pulled }, index) => {
    const { orderingKey } = pulled.delivery
    const begins = refused[index] === undefined
    if (orderingKey === undefined) return begins
    if (!begins) missing.add(orderingKey)
    return !missing.has(orderingKey)
  })
}

export function createHandling(
  inbox: Inbox,
  signal: AbortSignal,
  options: { readonly runtime: Runtime; readonly visibilityMs: number; onEvent(event: ConsumerEvent): void },
): Handling {
  const { runtime, visibilityMs, onEvent } = options

  /** After a long wait the message may be another consumer's. Returns why it cannot start; `undefined` if it can. */
  async function refusal({ delivery, isOurs, putOff }: Pulled, receivedAt: number): Promise<Verdict | undefined> {
    if (isOurs?.() === false) return NOT_OURS
    if (delivery.extend === undefined || runtime.elapsed() - receivedAt < visibilityMs / 3) return undefined
    // A silent broker must not delay the messages taken together with this one.
    const limitMs = visibilityMs / 3
    try {
      const answer = await timeLimit(runtime, delivery.extend(visibilityMs), limitMs, noAnswer(limitMs))
      return answer === 'ok' ? undefined : NOT_OURS
    } catch (error) {
      onEvent({ type: 'broker-failed', verb: 'extend', error })
      putOff?.(limitMs)
      return NOT_TOLD
    }
  }

  return {
    async alone({ pulled, receivedAt }) {
      return (await refusal(pulled, receivedAt)) ?? inbox(pulled.delivery, signal)
    },
    async together(all, receive) {
      // All are checked as if they had waited as long as the first: asking for that one may take time the others need.
      const receivedAt = Math.min(...all.map((one) => one.receivedAt))
      const refused = await Promise.all(all.map(({ pulled }) => refusal(pulled, receivedAt)))
      const ridden = withoutOvertaking(all, refused)
      const deliveries = ridden.map(({ pulled }) => pulled.delivery)
      const verdicts = receive(deliveries, signal)
      const left = retry(0, 'an earlier message with its ordering key is not ours')
      return all.map(async (one, index) => verdicts[ridden.indexOf(one)] ?? refused[index] ?? left)
    },
    async settle(pulled, verdict) {
      if (verdict.kind === 'none') return
      try {
        await timeLimit(runtime, pulled.settle(verdict), SETTLE_LIMIT_MS, noAnswer(SETTLE_LIMIT_MS))
      } catch (error) {
        onEvent({ type: 'broker-failed', verb: 'settle', error })
      }
    },
  }
}
