import { OnlyonceError } from '../../core/errors.ts'
import { quote } from '../../core/key.ts'
import { invalidOption, refuseUnknown } from '../../core/option-rules.ts'
import type { NatsJetStream } from './client.ts'
import { checkJetStream, checkName } from './options.ts'
import { isSubject } from './subject.ts'

/** Options of NATS' `alreadyPublished`. */
export interface AlreadyPublishedOptions {
  /** `jetstream(connection)` of `@nats-io/jetstream`. */
  readonly jetstream: Pick<NatsJetStream, 'jetstreamManager' | 'publish'>
  /** The stream that keeps the subject. */
  readonly stream: string
  /** The subject that only messages with this key are published to. */
  readonly subject: (key: string) => string
}

/**
 * Returns a function that asks the broker itself whether the stream holds a message with this key, by the last message
 * of its subject. A message that was purged, expired or deleted counts as not published.
 * @throws OnlyonceError OPTION_INVALID; the returned function KEY_INVALID for a key whose subject is not valid
 */
export function alreadyPublished(options: AlreadyPublishedOptions): (key: string) => Promise<boolean> {
  refuseUnknown(options, ['jetstream', 'stream', 'subject'])
  const { jetstream, stream, subject } = Object(options) as typeof options
  checkJetStream(jetstream)
  checkName('stream', stream)
  if (typeof subject !== 'function') throw invalidOption('subject', 'is required: a function', subject)
  return async (key) => {
    const at = subject(key)
    // With a wildcard, any message would match.
    if (!isSubject(at))
      throw new OnlyonceError('KEY_INVALID', `the subject of key ${quote(key)} is ${quote(String(at))}: encode the key`)
    const manager = await jetstream.jetstreamManager(false)
    return (await manager.streams.getMessage(stream, { last_by_subj: at })) !== null
  }
}
