import type { FaultProxy } from '../../support/proxy.ts'

/** Class and method as they stand at the beginning of a frame. */
export const BASIC_ACK = Buffer.from([0, 60, 0, 80])
const BASIC_DELIVER = Buffer.from([0, 60, 0, 60])
const CHANNEL_CLOSE = Buffer.from([0, 20, 0, 40])

const METHOD = 1
/** Type, channel and size before the payload, one byte behind it. */
const BEFORE = 7
const AROUND = 8

/** Counts what the broker delivered through the proxy and what was acknowledged, each message by itself. */
export function watchDeliveries(proxy: FaultProxy): { readonly unsettled: number } {
  /** By connection, then by channel. */
  const held = new Map<number, Map<number, number>>()
  const add = (connection: number, channel: number, more: number) => {
    const own = held.get(connection) ?? new Map<number, number>()
    held.set(connection, own.set(channel, (own.get(channel) ?? 0) + more))
  }
  const replies = new Map<number, FrameReader>()
  const requests = new Map<number, FrameReader>()
  const readerOf = (readers: Map<number, FrameReader>, connection: number, skip: number) => {
    const found = readers.get(connection) ?? frameReader(skip)
    readers.set(connection, found)
    return found
  }

  proxy.onReply = (chunk, connection) => {
    for (const { channel, method } of readerOf(replies, connection, 0)(chunk))
      if (method.equals(BASIC_DELIVER)) add(connection, channel, 1)
    return undefined
  }
  proxy.onRequest = (chunk, connection) => {
    for (const { channel, method } of readerOf(requests, connection, 'AMQP0091'.length)(chunk)) {
      if (method.equals(BASIC_ACK)) add(connection, channel, -1)
      if (method.equals(CHANNEL_CLOSE)) held.get(connection)?.delete(channel)
    }
    return undefined
  }
  proxy.onEnd = (connection) => {
    for (const map of [held, replies, requests]) map.delete(connection)
  }
  return {
    get unsettled() {
      return [...held.values()].flatMap((own) => [...own.values()]).reduce((sum, one) => sum + one, 0)
    },
  }
}

interface MethodFrame {
  readonly channel: number
  readonly method: Buffer
}

type FrameReader = (chunk: Buffer) => readonly MethodFrame[]

/** Finds the frames in a stream that comes in pieces. */
function frameReader(skip: number): FrameReader {
  let rest: Buffer = Buffer.alloc(0)
  let toSkip = skip
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    if (rest.length < toSkip) return []
    rest = rest.subarray(toSkip)
    toSkip = 0
    const found: MethodFrame[] = []
    while (rest.length >= BEFORE) {
      const size = rest.readUInt32BE(3)
      if (rest.length < size + AROUND) break
      if (rest[0] === METHOD) found.push({ channel: rest.readUInt16BE(1), method: rest.subarray(BEFORE, BEFORE + 4) })
      rest = rest.subarray(size + AROUND)
    }
    return found
  }
}
