import { createHash } from 'node:crypto'
import { OnlyonceError } from '../../core/errors.ts'
import { checkEach, invalidOption, positive, refuseUnknown } from '../../core/option-rules.ts'
import { type Runtime, systemRuntime } from '../../core/runtime.ts'
import type { KafkaClient, KafkaConsumerConfig, KafkaRecord } from './client.ts'
import { idOf } from './message.ts'
import { checkedSource, type ResolvedSource } from './options.ts'
import { readTopic, type TopicReader } from './topic-reader.ts'

/** Options of Kafka's `alreadyPublished`. */
export interface AlreadyPublishedOptions {
  /** The client. Its consumer and admin are created at the first call and closed by `close`. */
  readonly kafka: KafkaClient
  /** The topic that is searched: the one that the message would be published to. */
  readonly topic: string
  /**
   * Default `'id'`: looks for the message's id in the header `onlyonce-id`. `'key'`: looks for a record with this key;
   * a record without a value deletes its key.
   */
  readonly by?: 'id' | 'key'
  /**
   * Default 100 000. How many of the last offsets of each partition are read and remembered; a message before them
   * counts as not published. `Infinity`: the whole topic.
   */
  readonly window?: number
  /** Default 10 000. A call without an answer by then throws; reading goes on meanwhile. */
  readonly timeoutMs?: number
  /** Default: `onlyonce-asks-` and a random name. Nobody else may use this group. Nothing is committed. */
  readonly groupId?: string
  /** Default: the client's own. Session and heartbeat of the group, sizes of a fetch, as for `consume`. */
  readonly consumer?: KafkaConsumerConfig
  /** Default `systemRuntime`. */
  readonly runtime?: Runtime
}

/** Without `message`, `key` is the id to look for. */
export interface KafkaAlreadyPublished extends AsyncDisposable {
  (key: string, message?: { readonly id: string }): Promise<boolean>
  /** Ends the consumer. Every further call throws `CLOSED`. */
  close(): Promise<void>
}

/**
 * Returns a function that asks the broker itself whether the topic holds a message, up to the topic's end at the time
 * of the call. The first call reads the topic, further ones what came since. A message that was deleted, compacted
 * away, or is part of a transaction that is not committed counts as not published.
 * @throws OnlyonceError OPTION_INVALID; the returned function CLOSED, and any error of Kafka or timeout when it cannot
 * tell
 */
export function alreadyPublished(options: AlreadyPublishedOptions): KafkaAlreadyPublished {
  const { source, by, window, timeoutMs, runtime } = checked(options)
  let reader: TopicReader | undefined
  let closed: Promise<void> | undefined

  const nameOf = (record: KafkaRecord): string | undefined => {
    const text = by === 'id' ? idOf(record) : record.key
    return text === null || text === '' ? undefined : digest(text)
  }

  async function ask(key: string, message?: { readonly id: string }): Promise<boolean> {
    const endsAt = runtime.elapsed() + timeoutMs
    for (;;) {
      if (closed !== undefined)
        throw new OnlyonceError('CLOSED', `alreadyPublished of topic ${options.topic} is closed`)
      reader ??= readTopic(source, window, nameOf, runtime)
      const asked = reader
      if (await asked.catchUp(Math.max(1, endsAt - runtime.elapsed())))
        return asked.has(digest(by === 'id' ? (message?.id ?? key) : key))
      // The topic was recreated, lost its end with a broker, or has more partitions: what was read does not count.
      if (reader === asked) reader = undefined
      void asked.close()
    }
  }

  const close = () => {
    closed ??= reader?.close() ?? Promise.resolve()
    return closed
  }
  return Object.assign(ask, { close, [Symbol.asyncDispose]: close })
}

/** Fixed size for ids of any length: at least 128 bits, like an operation's id. */
const digest = (text: string | Buffer): string => createHash('sha256').update(text).digest('base64url').slice(0, 22)

const KNOWN: readonly string[] = ['kafka', 'topic', 'by', 'window', 'timeoutMs', 'groupId', 'consumer', 'runtime']

interface Resolved extends Required<Pick<AlreadyPublishedOptions, 'by' | 'window' | 'timeoutMs' | 'runtime'>> {
  readonly source: ResolvedSource
}

function checked(options: AlreadyPublishedOptions): Resolved {
  refuseUnknown(options, KNOWN)
  const given = Object(options) as AlreadyPublishedOptions
  const { kafka, topic, by = 'id', window = 100_000, timeoutMs = 10_000, runtime = systemRuntime } = given
  const { groupId = `onlyonce-asks-${runtime.token()}`, consumer = {} } = given
  if (typeof topic !== 'string') throw invalidOption('topic', 'is required: the name of one topic', topic)
  if (by !== 'id' && by !== 'key') throw invalidOption('by', "must be 'id' or 'key'", by)
  if (window !== Number.POSITIVE_INFINITY && positive(window) !== undefined)
    throw invalidOption('window', 'must be a positive integer (records of a partition) or Infinity', window)
  checkEach(positive, { timeoutMs })
  const place = { groupId, fromBeginning: true, order: undefined, declare: false, consumer }
  return { source: checkedSource({ kafka, topic, ...place }), by, window, timeoutMs, runtime }
}
