import { isUtf8 } from 'node:buffer'
import { checkedName, invalidOption } from '../../core/option-rules.ts'
import { areHeaders } from '../../embedded/headers.ts'
import type { Delivery } from '../delivery.ts'
import type { BullJob } from './client.ts'

/** The name under which the job was added. */
export const JOB_NAME_HEADER = 'bullmq-name'

/** Data of a job that carries a message: JSON, so bytes that are not UTF-8 are written in base64. */
export interface JobData {
  readonly onlyonce: 1
  readonly id: string
  readonly body: string
  readonly encoding: 'utf8' | 'base64'
  readonly headers: Readonly<Record<string, string>>
  readonly orderingKey?: string
}

/** A message for a job: `id` is what consumers deduplicate by, `body` bytes or text. */
export interface JobMessage {
  readonly id: string
  readonly body: Uint8Array | string
  readonly headers?: Readonly<Record<string, string>>
  readonly orderingKey?: string | undefined
}

/** Returns the data of a job that carries a message, for `queue.add`. @throws OnlyonceError OPTION_INVALID */
export function jobData(message: JobMessage): JobData {
  const {
    id,
    body,
    headers = {},
    orderingKey = null,
  } = Object(message) as JobMessage & { readonly orderingKey?: unknown }
  checkedName('id', id)
  if (typeof body !== 'string' && !ArrayBuffer.isView(body))
    throw invalidOption('body', 'must be a text or bytes', body)
  if (!areHeaders(headers)) throw invalidOption('headers', 'must be a plain object of texts', headers)
  if (orderingKey !== null && typeof orderingKey !== 'string')
    throw invalidOption('orderingKey', 'must be a text', orderingKey)
  const bytes =
    typeof body === 'string' ? Buffer.from(body) : Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  const encoding = isUtf8(bytes) ? 'utf8' : 'base64'
  const order = orderingKey === null ? {} : { orderingKey }
  return { onlyonce: 1, id, body: bytes.toString(encoding), encoding, headers, ...order }
}

/** Returns the id of the message that a job carries. */
export function messageIdOf(data: unknown): string | undefined {
  const { onlyonce, id } = Object(data) as Partial<JobData>
  return onlyonce === 1 && typeof id === 'string' ? id : undefined
}

/** Returns a job's data with more headers; `undefined` if it is no message of ours and has no place for them. */
export function withHeaders(data: unknown, headers: Readonly<Record<string, string>>): JobData | undefined {
  return isJobData(data) ? { ...data, headers: { ...data.headers, ...headers } } : undefined
}

/** Returns the delivery for a job: the message in it, or the job itself. */
export function deliveryOf(job: BullJob): Delivery {
  const { id = '', queueName, queueQualifiedName, attemptsStarted, stalledCounter } = job
  return {
    ...contentOf(job),
    source: queueName,
    coordinates: `${queueQualifiedName}:${id}`,
    redelivered: attemptsStarted !== 1 || stalledCounter !== 0,
  }
}

function contentOf(job: BullJob): Pick<Delivery, 'id' | 'body' | 'headers' | 'orderingKey' | 'unreadable'> {
  const { name, data } = job
  // BullMQ writes a name with every job, and hands out an id whose job is gone as a job without anything.
  if (name === undefined) return { id: '', body: bytesOf(data), headers: {}, unreadable: GONE }
  const named = { [JOB_NAME_HEADER]: name }
  if ('onlyonce' in Object(data)) {
    if (!isJobData(data)) return { id: '', body: bytesOf(data), headers: named, unreadable: UNREADABLE }
    const order = typeof data.orderingKey === 'string' ? { orderingKey: data.orderingKey } : {}
    return {
      id: data.id,
      body: Buffer.from(data.body, data.encoding),
      headers: { ...named, ...data.headers },
      ...order,
    }
  }
  return { id: idOf(job), body: bytesOf(data), headers: named }
}

/**
 * Returns the id of a job that is no message of ours: its own, if somebody chose that. BullMQ's are unique in one queue
 * only. Those of schedulers have a time in them; others are numbers, which it refuses in chosen ids, and which begin
 * anew when Redis was flushed.
 */
function idOf({ id = '', queueQualifiedName, timestamp }: BullJob): string {
  if (String(Number.parseInt(id, 10)) === id) return `${queueQualifiedName}:${id}:${timestamp}`
  return id.startsWith('repeat:') ? `${queueQualifiedName}:${id}` : id
}

const GONE = 'the job was removed or evicted from Redis while it waited or ran: nothing of it is left but its id'
const UNREADABLE = 'the data of the job has the mark of a message of onlyonce, and is none that this version can read'

function bytesOf(data: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(data) ?? '')
}

function isJobData(data: unknown): data is JobData {
  const { onlyonce, id, body, encoding, headers, orderingKey } = Object(data) as Partial<Record<keyof JobData, unknown>>
  const texts = [id, body, orderingKey ?? '', ...Object.values(Object(headers) as object)]
  return (
    onlyonce === 1 && (encoding === 'utf8' || encoding === 'base64') && texts.every((one) => typeof one === 'string')
  )
}
