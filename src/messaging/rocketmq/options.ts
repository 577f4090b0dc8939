import { checkedName, invalidOption } from '../../core/option-rules.ts'
import type { RocketConsumer, RocketProducer } from './client.ts'

/** The clients that a consumer of RocketMQ receives and puts aside with. */
export interface RocketSource {
  /**
   * A `SimpleConsumer` that was started, or a function that starts one, which is called until it succeeds. What the
   * function started is shut down by `stop`.
   */
  readonly consumer: RocketConsumer | (() => Promise<RocketConsumer>)
  /** A `Producer` that was started: it sends messages that are put aside. Shut it down yourself, after `stop`. */
  readonly producer: RocketProducer
  /** Default: `deadTopic`. The topic for messages of `topic` that are put aside. It must exist, of type NORMAL. */
  readonly deadTopic?: (topic: string) => string
}

/** Where messages of `topic` are put aside. RocketMQ's names cannot have a dot. */
export const deadTopic = (topic: string): string => `${checkedName('topic', topic)}_dead`

/** The shortest and the longest invisible time that the proxy accepts. */
export const MIN_INVISIBLE_MS = 10_000
const MAX_INVISIBLE_MS = 12 * 60 * 60 * 1_000

/** @throws OnlyonceError OPTION_INVALID */
export function checkedSource(given: { readonly [Name in keyof RocketSource]: unknown }): Required<RocketSource> {
  const { consumer, producer, deadTopic: named = deadTopic } = given
  const { receive, changeInvisibleDuration } = Object(consumer)
  if (
    typeof consumer !== 'function' &&
    (typeof receive !== 'function' || typeof changeInvisibleDuration !== 'function')
  )
    throw invalidOption('consumer', 'is required: a SimpleConsumer, or a function that starts one', consumer)
  if (typeof Object(producer).send !== 'function')
    throw invalidOption('producer', 'is required: a Producer, for the messages that are put aside', producer)
  if (typeof named !== 'function') throw invalidOption('deadTopic', 'must be a function from topic to topic', named)
  return { consumer, producer, deadTopic: named } as Required<RocketSource>
}

/** @throws OnlyonceError OPTION_INVALID for a time that the proxy refuses */
export function checkedTimes(times: {
  readonly visibilityMs: number
  readonly maxBackoffMs?: number | undefined
}): void {
  const rule = `must not be longer than the 12 h (${MAX_INVISIBLE_MS}) that RocketMQ keeps a message from others`
  for (const [name, value] of Object.entries(times)) {
    if (value !== undefined && value > MAX_INVISIBLE_MS) throw invalidOption(name, rule, value)
  }
}
