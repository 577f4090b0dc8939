import { createHash } from 'node:crypto'
import { OnlyonceError } from '../../core/errors.ts'
import { invalidOption, refuseUnknown } from '../../core/options.ts'
import { type Runtime, systemRuntime } from '../../core/runtime.ts'
import type { KafkaClient, KafkaConsumerConfig, KafkaRecord } from './client.ts'
import { idOf } from './message.ts'
import { checkedSource, type ResolvedSource } from './options.ts'
import { readTopic, type TopicReader } from './topic-reader.ts'

export interface AlreadyPublishedOptions {
  /** The client. Its consumer and its admin are made by us with the first question, and closed by `close`. */
  readonly kafka: KafkaClient
  readonly topic: string
  /**
   * Default `'id'`: a record with the message's id in its header `onlyonce-id`. `'key'`: a record with this key; one
   * without a value takes its key back.
   */
  readonly by?: 'id' | 'key'
  /**
   * Default 100 000. So many offsets of each partition, the last ones, are read and remembered; a message before them was
   * not published. `Infinity`: the whole topic.
   */
  readonly window?: number
  /** Default 10 000. A question that is not answered by then is refused; reading goes on meanwhile. */
  readonly timeoutMs?: number
  /** Default: `onlyonce-asks-` and a random name. A group that nobody else is in. Nothing is committed. */
  readonly groupId?: string
  /** As for `consume`. */
  readonly consumer?: KafkaConsumerConfig
  /** Default `systemRuntime`. */
  readonly runtime?: Runtime
}

/** Without a message, the key is the id that is asked for. */
export interface KafkaAlreadyPublished extends AsyncDisposable {
  (key: string, message?: { readonly id: string }): Promise<boolean>
  /** Ends the consumer. Every further question throws `CLOSED`. */
  close(): Promise<void>
}

/**
 * Makes a question to the broker itself: whether the topic holds a message, among the records up to the end that it has
 * when asked. The first question reads, further ones read what came since. What was deleted, compacted away, or is part
 * of a transaction that is not committed was not published, as far as the topic knows.
 * @throws OnlyonceError OPTION_INVALID; the answer CLOSED, and any error of Kafka or of time when that cannot be told
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
      // The topic was made anew, or lost its end with a broker, or has more partitions: what was read is not the answer.
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

/** Of one size, however long an id is: 128 bits, as an operation's own id has. */
const digest = (text: string | Buffer): string => createHash('sha256').update(text).digest('base64url').slice(0, 22)

const KNOWN: readonly string[] = ['kafka', 'topic', 'by', 'window', 'timeoutMs', 'groupId', 'consumer', 'runtime']

interface Resolved extends Required<Pick<AlreadyPublishedOptions, 'by' | 'window' | 'timeoutMs' | 'runtime'>> {
  readonly source: ResolvedSource
}

function checked(given: AlreadyPublishedOptions): Resolved {
  refuseUnknown(given, KNOWN)
  const { kafka, topic, by = 'id', window = 100_000, timeoutMs = 10_000, runtime = systemRuntime } = given
  const { groupId = `onlyonce-asks-${runtime.token()}`, consumer = {} } = given
  if (typeof topic !== 'string') throw invalidOption('topic', 'is required: the name of one topic', topic)
  if (by !== 'id' && by !== 'key') throw invalidOption('by', "must be 'id' or 'key'", by)
  if (window !== Number.POSITIVE_INFINITY && (!Number.isSafeInteger(window) || window <= 0))
    throw invalidOption('window', 'must be a positive integer (records of a partition) or Infinity', window)
  if (!Number.isSafeInteger(timeoutMs) || timeoutMs <= 0)
    throw invalidOption('timeoutMs', 'must be a positive integer (milliseconds)', timeoutMs)
  const place = { groupId, fromBeginning: true, order: undefined, declare: false, consumer }
  return { source: checkedSource({ kafka, topic, ...place }), by, window, timeoutMs, runtime }
}
