import { OnlyonceError, reasonOf } from '../core/errors.ts'
import { fingerprintOf } from '../core/fingerprint.ts'
import { quote, resolveKey } from '../core/key.ts'
import { childKey } from '../core/operation.ts'
import type { OutboxMessage } from '../core/store.ts'
import { timeLimit } from '../core/time-limit.ts'
import { answersOf } from './answers.ts'
import { checkedMessage, type NewMessage } from './message.ts'
import { NotPublished } from './not-published.ts'
import { type PublishOnceOptions, resolvePublishOnce } from './publish-once-options.ts'

export type { PublishOnceOptions } from './publish-once-options.ts'

/** What a confirmed publication answers. */
export interface Published {
  /** The message's id: the same for the same key, however often it is sent. */
  readonly id: string
  /** The message was there already, or another call sent it: this call sent nothing. */
  readonly duplicate: boolean
}

/**
 * Publishes `message` unless that was done for `key` before; the same key with another message is refused.
 * @throws NotPublished when the broker did not confirm it
 * @throws OnlyonceError OPTION_INVALID for the message, KEY_REUSED, IN_FLIGHT, OUTCOME_UNKNOWN, STORE_UNAVAILABLE
 */
export type PublishOnce = (key: string, message: NewMessage) => Promise<Published>

/**
 * Returns a function that publishes each message once, for senders that cannot commit their own writes and the message
 * in one transaction; where they can, the outbox is better.
 *
 * If the process dies after the broker took a message and before that is recorded, the message may be published twice
 * under one id, with `once` as with `alreadyPublished`; consumers absorb the copy.
 * @throws OnlyonceError OPTION_INVALID
 */
export function publishOnce(options: PublishOnceOptions): PublishOnce {
  const settings = resolvePublishOnce(options)
  const { once, scope, alreadyPublished, publishTimeoutMs, maxBodyBytes, maxKeyLength, runtime, call } = settings
  /** Sends in progress without a record, by operation. */
  const underWay = new Map<string, { readonly fingerprint: string; readonly sent: Promise<boolean> }>()

  /** Returns whether the broker already has the message. Throws when it cannot tell, so that nothing is sent. */
  async function isThere(key: string, message: OutboxMessage): Promise<boolean> {
    if (alreadyPublished === undefined) return false
    try {
      const asked = (async () => alreadyPublished(key, message))()
      const silent = () => new Error(`no answer within ${publishTimeoutMs} ms`)
      return (await timeLimit(runtime, asked, publishTimeoutMs, silent)) === true
    } catch (cause) {
      const why = `whether the message of ${quote(key)} is there could not be asked (${reasonOf(cause)})`
      throw new NotPublished('REFUSED', `${why}: nothing was sent, call again`, { cause })
    }
  }

  /** Returns true when the broker already had the message and nothing was sent. */
  async function send(key: string, message: OutboxMessage, signal?: () => AbortSignal): Promise<boolean> {
    if (await isThere(key, message)) return true
    // Asking the broker takes time: an owner that was replaced meanwhile must not send.
    if (alreadyPublished !== undefined) signal?.().throwIfAborted()
    const [result] = await answersOf(settings, [message]).catch((cause) => {
      throw notKnown(key, reasonOf(cause), { cause })
    })
    if (result?.ok === true) return false
    if (result === undefined || result.unknown) throw notKnown(key, result?.reason ?? 'there was no answer')
    const { reason, permanent } = result
    throw permanent
      ? new NotPublished('REFUSED_FOR_GOOD', `the broker never takes the message of ${quote(key)}: ${reason}`)
      : new NotPublished('REFUSED', `the broker refused the message of ${quote(key)}: ${reason}: call again`)
  }

  /** Concurrent calls of this process share one question and one send. Calls of other processes are not known here. */
  function joined(key: string, operation: string, fingerprint: string, message: OutboxMessage): Promise<boolean> {
    const other = underWay.get(operation)
    if (other !== undefined) {
      if (other.fingerprint === fingerprint) return other.sent.then(() => true)
      throw new OnlyonceError('KEY_REUSED', `key ${quote(key)} is being used for another message: give each its own`)
    }
    const sent = send(key, message).finally(() => underWay.delete(operation))
    underWay.set(operation, { fingerprint, sent })
    return sent
  }

  return async (key, given) => {
    const { id: operation } = resolveKey({ key }, scope, maxKeyLength)
    const message = checkedMessage(given, () => childKey({ id: operation }, 'message'), maxBodyBytes)
    const { id, topic, orderingKey, body } = message
    // Headers are not part of it: they may differ between calls, e.g. trace headers.
    const fingerprint = fingerprintOf([id, topic, orderingKey ?? null, fingerprintOf(body)])
    if (once === undefined) return { id, duplicate: await joined(key, operation, fingerprint, message) }
    let duplicate = true
    // The stored value is not used: the id is part of the fingerprint, so any record, even one resolved by hand, is of
    // this message.
    await once(
      { key, scope, fingerprint },
      async (op) => {
        duplicate = await send(key, message, () => op.signal)
        return id
      },
      call,
    )
    return { id, duplicate }
  }
}

function notKnown(key: string, reason: string, options?: ErrorOptions): NotPublished {
  const why = `whether the broker took the message of ${quote(key)} is not known (${reason})`
  return new NotPublished('UNKNOWN', `${why}: it may be sent again, under the same id`, options)
}
