import { reasonOf } from '../../core/errors.ts'
import { reportRejection } from '../../core/reporting.ts'
import type { Delivery } from '../delivery.ts'
import { ID_HEADER, type labelsOf, ORDERING_KEY_HEADER } from '../headers.ts'
import { labelWithin } from '../reason.ts'
import type { NatsHeaders, NatsHeadersFactory, NatsMessage } from './client.ts'

/** What JetStream deduplicates by, and therefore the message's id here. */
export const MSG_ID_HEADER = 'Nats-Msg-Id'
/** The subject a message was published to, on the copy that is put aside. */
export const SUBJECT_HEADER = 'onlyonce-subject'

/** Instructions to the server: to expect a sequence, to expire, to roll up. A copy must not repeat them. */
export const SERVERS_OWN = /^nats-/i

export interface ReadMessage {
  readonly message: NatsMessage
  readonly headers: NatsHeaders | undefined
  /** Why the headers could not be read. */
  readonly unreadable?: string
}

/** The client decodes headers when they are read, and throws on names that other clients send. */
export function readHeaders(message: NatsMessage): ReadMessage {
  try {
    return { message, headers: message.headers }
  } catch (error) {
    return { message, headers: undefined, unreadable: `its headers cannot be read by the client: ${reasonOf(error)}` }
  }
}

/** Returns header names with their values. Several values of one name are joined with commas. */
function headersOf(headers: NatsHeaders | undefined): Record<string, string> {
  return Object.fromEntries([...(headers ?? [])].map(([name, values]) => [name, values.join(',')]))
}

/** Returns the message's id, or `''`. Two different values count as none: either could be another message's. */
export function idOf(headers: NatsHeaders | undefined): string {
  for (const wanted of [MSG_ID_HEADER, ID_HEADER]) {
    const values = new Set([...(headers ?? [])].flatMap(([name, all]) => (name === wanted ? all : [])))
    const [id = ''] = values
    // Bytes that are not UTF-8 arrive as U+FFFD, so that different ids become equal.
    if (values.size > 0) return values.size === 1 && !id.includes('\ufffd') ? id : ''
  }
  return ''
}

/** Returns the delivery for a message; `seenBefore`: it may have been delivered before, whatever its count says. */
export function deliveryOf(
  stream: string,
  { message, headers, orderingKey }: ReadMessage & { readonly orderingKey?: string | undefined },
  seenBefore: Exclude<Delivery['redelivered'], 'unknown'>,
): Omit<Delivery, 'extend'> {
  const { subject, data, timestampNanos, info } = message
  return {
    id: idOf(headers),
    source: subject,
    coordinates: `${stream}/${info.streamSequence}`,
    publishedAt: publishedAt(timestampNanos),
    body: data,
    headers: headersOf(headers),
    ...(orderingKey === undefined ? {} : { orderingKey }),
    redelivered: info.deliveryCount > 1 || seenBefore,
  }
}

export const publishedAt = (nanos: bigint): number => Number(nanos / 1_000_000n)

export function orderingKeyOf(
  { message: { subject }, headers }: ReadMessage,
  bySubject: ((subject: string) => string | undefined) | undefined,
): string | undefined {
  try {
    const key: unknown = bySubject?.(subject)
    if (key === undefined || key === null) return headersOf(headers)[ORDERING_KEY_HEADER]
    if (typeof key === 'string' || Number.isSafeInteger(key)) return String(key)
    reportRejection(() => {}, key)
  } catch {
    // The same as an answer that is no key.
  }
  // Order within the subject is the most that can be kept.
  return subject
}

/**
 * Returns the headers of a copy that is put aside. Without `Nats-Msg-Id`: the stream there would drop a second message
 * with the same id, and a reused id is one of the reasons to put a message aside.
 */
export function copyOf(
  { message: { subject, data }, headers }: ReadMessage,
  labels: ReturnType<typeof labelsOf>,
  empty: NatsHeadersFactory,
  maxBytes = Number.POSITIVE_INFINITY,
): NatsHeaders {
  const copy = empty()
  const added = Object.entries({ [SUBJECT_HEADER]: subject, ...labels })
  const replaced = added.map(([name]) => name)
  const id = idOf(headers)
  for (const [name, values] of headers ?? []) {
    if (SERVERS_OWN.test(name) || replaced.includes(name) || (id !== '' && name === ID_HEADER)) continue
    for (const value of values) copy.append(name, value)
  }
  if (id !== '') copy.append(ID_HEADER, id)
  // Without the headers added here it is not longer than the original.
  const roomFor = (name: string) => maxBytes - data.byteLength - sizeOf(copy) - lineSize(name, '')
  for (const [name, value] of added) {
    const fitting = labelWithin(roomFor(name), name, value)
    if (fitting !== undefined) copy.append(name, fitting)
  }
  return copy
}

const lineSize = (name: string, value: string) => Buffer.byteLength(`${name}: ${value}\r\n`)

/** Size as sent, between the protocol version and an empty line. */
function sizeOf(headers: NatsHeaders): number {
  let size = Buffer.byteLength('NATS/1.0\r\n\r\n')
  for (const [name, values] of headers) for (const value of values) size += lineSize(name, value)
  return size
}
