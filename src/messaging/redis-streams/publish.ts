import { reasonOf } from '../../core/errors.ts'
import { quote } from '../../core/key.ts'
import { aFunction, checkEach, invalidOption, refuseUnknown } from '../../core/option-rules.ts'
import type { Publisher, PublishResult } from '../../core/publisher.ts'
import { systemRuntime } from '../../core/runtime.ts'
import type { OutboxMessage } from '../../core/store.ts'
import type { RedisStreamsClient, Word } from './client.ts'
import { fieldsOf } from './entry.ts'
import { type Send, sendWith } from './port.ts'
import { failureOf } from './publish-failure.ts'

/** Options of `publisher` for Redis Streams. */
export interface RedisStreamsPublisherOptions {
  /** A client of ioredis, node-redis or iovalkey. It stays yours and is not closed. */
  readonly client: RedisStreamsClient
  /** Default: the message's topic. The stream that a message goes to. */
  readonly stream?: (message: OutboxMessage) => string
  /**
   * Default `'onlyonce'`. Redis 8.6 and later remembers the last ids of each producer and stores a repeated message
   * once; older versions store it twice. Use the same name in all processes that may send the same message.
   */
  readonly producer?: string
}

const KNOWN: readonly string[] = ['client', 'stream', 'producer']

/**
 * Appends messages to streams. `ok` when Redis returned the id of the entry: as durable as that Redis is.
 * @throws OnlyonceError OPTION_INVALID
 */
export function publisher(options: RedisStreamsPublisherOptions): Publisher {
  refuseUnknown(options, KNOWN)
  const { client, stream = ({ topic }) => topic, producer = 'onlyonce' } = Object(options) as typeof options
  checkEach(aFunction, { stream })
  if (typeof producer !== 'string' || producer === '') throw invalidOption('producer', 'must be a name', producer)
  const send = sendWith(client, systemRuntime)
  let asked: Promise<boolean> | undefined

  /** Asks the server until it has answered once. */
  function deduplicates(key: string): Promise<boolean> {
    asked ??= serverDeduplicates(send, key)
    asked.catch(() => {
      asked = undefined
    })
    return asked
  }

  async function publish(message: OutboxMessage): Promise<PublishResult> {
    let to: string
    let words: Word[]
    try {
      to = stream(message)
      // Not left to the client: one writes to the stream '' for `undefined`, and says that it did.
      if (typeof to !== 'string' || to === '') return { ok: false, reason: noStream(message, to) }
      words = addition(to, message, (await deduplicates(to)) ? producer : undefined)
    } catch (error) {
      return { ok: false, reason: reasonOf(error) }
    }
    try {
      const place = await send(to, words)
      if (/^\d+-\d+$/.test(String(place))) return { ok: true }
      return { ok: false, reason: `redis did not say where it put the message, but ${String(place)}`, unknown: true }
    } catch (error) {
      return failureOf(error)
    }
  }

  // Commands of one turn of the event loop go out together.
  return (batch) => Promise.all(batch.map(publish))
}

/** Returns the `XADD` command. `producer`: the server stores a message that this producer repeats only once. */
export function addition(stream: string, message: OutboxMessage, producer: string | undefined): Word[] {
  const once = producer === undefined ? [] : ['IDMP', producer, message.id]
  return ['XADD', stream, ...once, '*', ...fieldsOf(message)]
}

const noStream = ({ topic }: OutboxMessage, got: unknown) =>
  `\`stream\` must answer the name of a stream for the topic ${quote(topic)}; got ${quote(got)}`

const FIRST_WITH_IDMP = [8, 6] as const

async function serverDeduplicates(send: Send, key: string): Promise<boolean> {
  try {
    return hasIdmp(String(await send(key, ['INFO', 'server'])))
  } catch (error) {
    // The user may not ask. The consumer recognises the duplicate.
    if (reasonOf(error).includes('NOPERM')) return false
    throw error
  }
}

/** Valkey reports the version of Redis it is compatible with, and a version of its own. */
export function hasIdmp(info: string): boolean {
  const [, major = '0', minor = '0'] = /^redis_version:(\d+)\.(\d+)/m.exec(info) ?? []
  if (/^server_name:valkey/m.test(info)) return false
  const [firstMajor, firstMinor] = FIRST_WITH_IDMP
  return Number(major) > firstMajor || (Number(major) === firstMajor && Number(minor) >= firstMinor)
}
