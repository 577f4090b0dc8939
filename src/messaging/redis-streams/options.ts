import { checkedName, invalidOption } from '../../core/option-rules.ts'
import type { RedisStreamsClient } from './client.ts'

/** What to consume from Redis, and as which group. */
export interface RedisStreamsSource {
  /** A client of ioredis, node-redis or iovalkey; plain, Sentinel or Cluster. It stays yours and is not closed. */
  readonly client: RedisStreamsClient
  /** The stream to consume. One that is missing is created empty, with its group. */
  readonly stream: string
  /** Default: the consumer's `name`. The consumer group; if missing, created to begin with the first entry. */
  readonly group?: string
  /**
   * Default: a random name. With a stable one, which no other living process has, a process that is started again goes
   * on with the messages it had, in order.
   */
  readonly consumer?: string
  /**
   * Default twice `visibilityMs`; must be longer than `visibilityMs`. After this time without a sign of its consumer, a
   * message goes to another one.
   */
  readonly takeOverMs?: number
  /** Default false. Removes handled entries from the stream, also for other groups of it. */
  readonly deleteHandled?: boolean
}

export type ResolvedSource = Required<Omit<RedisStreamsSource, 'client'>>

/** Prefix of the consumer names that we generate. */
export const OUR_NAMES = 'onlyonce-'

/** The consumer that has entries given back. Nobody reads under this name. */
export const NOBODY = 'nobody'

/** A name in one cluster slot together with the names derived from it. */
const STREAM_NAME = /^(?:[^{}]+|[^{}]*\{[^{}]+\}[^{}]*)$/

/** @throws OnlyonceError OPTION_INVALID */
export function checkedSource(
  given: Partial<Record<keyof RedisStreamsSource, unknown>>,
  name: unknown,
  visibilityMs: number,
  token: () => string,
): ResolvedSource {
  const { stream, group = name, consumer = `${OUR_NAMES}${token()}`, deleteHandled = false } = given
  const { takeOverMs = 2 * visibilityMs } = given
  if (typeof stream !== 'string' || !STREAM_NAME.test(stream))
    throw invalidOption('stream', 'is required: a name without braces, or with one hash tag such as `{shop}`', stream)
  if (typeof group !== 'string' || group === '') throw invalidOption('group', 'must be a name', group)
  if (typeof consumer !== 'string' || consumer === '' || consumer === NOBODY)
    throw invalidOption('consumer', `must be a name, and not \`${NOBODY}\``, consumer)
  if (!Number.isSafeInteger(takeOverMs) || (takeOverMs as number) <= visibilityMs)
    throw invalidOption('takeOverMs', `must be an integer greater than visibilityMs (${visibilityMs})`, takeOverMs)
  if (typeof deleteHandled !== 'boolean') throw invalidOption('deleteHandled', 'must be true or false', deleteHandled)
  return { stream, group, consumer, takeOverMs: takeOverMs as number, deleteHandled }
}

/** Where messages of `stream` are put aside. In a cluster both are in one slot. */
export const deadStream = (stream: string): string => besides(checkedName('stream', stream), 'dead')

/** The key that records up to where a group of `stream` has delivered entries. */
export const givenKey = (stream: string, group: string): string => besides(stream, `given:${group}`)

function besides(stream: string, what: string): string {
  return stream.includes('{') ? `${stream}:${what}` : `{${stream}}:${what}`
}
