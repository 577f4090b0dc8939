import { isUtf8 } from 'node:buffer'
import type { Delivery } from '../delivery.ts'
import type { Word } from './client.ts'

/** An entry of a stream: its id, and its fields and values in turn, as bytes. */
export interface Entry {
  readonly at: string
  readonly fields: readonly Buffer[]
}

/** The fields of a message. Others are taken for headers. */
export const FIELDS = Object.freeze({ id: 'id', body: 'body', headers: 'headers', orderingKey: 'orderingKey' })

type Parts = Pick<Delivery, 'id' | 'body' | 'headers' | 'orderingKey' | 'unreadable'>

/** Smaller ids are not times but somebody's own numbers: this was in 2001. */
const FIRST_TIME = 1_000_000_000_000

/** Returns the delivery for an entry. A malformed entry gets `unreadable`, and is therefore put aside. */
export function deliveryOf(stream: string, { at, fields }: Entry): Omit<Delivery, 'extend' | 'redelivered'> {
  const publishedAt = Number(at.slice(0, at.indexOf('-')))
  return {
    ...(partsOf(fields) ?? { id: '', body: bodyOf(fields), headers: {}, unreadable: UNREADABLE }),
    source: stream,
    coordinates: `${stream}:${at}`,
    ...(publishedAt < FIRST_TIME ? {} : { publishedAt }),
  }
}

const UNREADABLE = `the entry has one of the fields ${Object.keys(FIELDS).join(', ')} twice, or one that cannot be read`

function bodyOf(fields: readonly Buffer[]): Uint8Array {
  const index = fields.findIndex((field, i) => i % 2 === 0 && field.toString() === FIELDS.body)
  return (index < 0 ? undefined : fields[index + 1]) ?? new Uint8Array()
}

/** Returns `undefined` when one of our fields is given twice, is not UTF-8, or is malformed. */
function partsOf(fields: readonly Buffer[]): Parts | undefined {
  const known = new Map<string, Buffer>()
  const others: [string, string][] = []
  for (let i = 0; i < fields.length; i += 2) {
    const name = (fields[i] as Buffer).toString()
    const value = fields[i + 1] as Buffer
    if (!Object.hasOwn(FIELDS, name)) others.push([name, value.toString()])
    else if (known.has(name) || (name !== FIELDS.body && !isUtf8(value))) return undefined
    else known.set(name, value)
  }
  const headers = headersOf(known.get(FIELDS.headers))
  if (headers === undefined) return undefined
  const orderingKey = known.get(FIELDS.orderingKey)?.toString()
  return {
    id: known.get(FIELDS.id)?.toString() ?? '',
    body: known.get(FIELDS.body) ?? new Uint8Array(),
    headers: Object.fromEntries([...others, ...headers]),
    ...(orderingKey === undefined ? {} : { orderingKey }),
  }
}

function headersOf(json: Buffer | undefined): readonly [string, string][] | undefined {
  if (json === undefined) return []
  try {
    const entries = Object.entries(JSON.parse(json.toString()) as object)
    return entries.every(([, value]) => typeof value === 'string') ? entries : undefined
  } catch {
    return undefined
  }
}

export interface StreamMessage {
  readonly id: string
  readonly body: Uint8Array
  readonly headers: Readonly<Record<string, string>>
  readonly orderingKey?: string | undefined
}

/** Returns fields and values for `XADD`. */
export function fieldsOf({ id, body, headers, orderingKey }: StreamMessage): Word[] {
  const order = orderingKey === undefined ? [] : [FIELDS.orderingKey, orderingKey]
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength)
  return [FIELDS.id, id, FIELDS.body, bytes, FIELDS.headers, JSON.stringify(headers), ...order]
}
