import { invalidOption } from '../../core/options.ts'
import type { RedisStreamsClient } from './client.ts'

export interface RedisStreamsSource {
  /** A client of ioredis, node-redis or iovalkey; plain, Sentinel or Cluster. It stays yours and is not closed. */
  readonly client: RedisStreamsClient
  readonly stream: string
  /** Default: the consumer's `name`. The consumer group; made before the first entry when it is not there. */
  readonly group?: string
  /**
   * Default: a random name. Give one that stays, and that no other living process has, and a process that is started
   * again goes on with what it had, in order.
   */
  readonly consumer?: string
  /**
   * Default twice `visibilityMs`. Messages of a consumer that was silent for so long go to another one. Longer than
   * `visibilityMs`.
   */
  readonly takeOverMs?: number
  /** Default false. Removes handled entries from the stream, also for other groups of it. */
  readonly deleteHandled?: boolean
}

export type ResolvedSource = Required<Omit<RedisStreamsSource, 'client'>>

/** How the names begin that we give consumers. */
export const OUR_NAMES = 'onlyonce-'

/** Who has what was given back. Nobody reads under this name. */
export const NOBODY = 'nobody'

/** A name that leads to one slot of a cluster, together with the name of the dead stream. */
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
export const deadStream = (stream: string): string => besides(stream, 'dead')

/** Where it is written which entries a group of `stream` handed out. */
export const givenKey = (stream: string, group: string): string => besides(stream, `given:${group}`)

function besides(stream: string, what: string): string {
  return stream.includes('{') ? `${stream}:${what}` : `{${stream}}:${what}`
}
