import { once as event } from 'node:events'
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { Duplex } from 'node:stream'

/** What fits into one packet on any network: 1 500 bytes less the headers of IP and TCP. */
const ONE_PACKET = 1_460
const END_STREAM = 1
const DATA = 0

export interface Answered {
  readonly status: number
  readonly replayed: boolean
  readonly body: string
}

export interface PacketClient {
  /** Sends requests of which only the last byte is missing; that of all of them then goes out in one packet. */
  burst(count: number, headers: Readonly<Record<string, string>>, body: string): Promise<readonly Answered[]>
  close(): void
}

/** A client over HTTP/2 whose connection can keep what is written to it, and write it in one go. */
export async function packetClient(port: number): Promise<PacketClient> {
  const socket = connect(port, '127.0.0.1').setNoDelay(true)
  await event(socket, 'connect')
  let held: Buffer[] | undefined
  const line = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      if (held === undefined) socket.write(chunk, done)
      else {
        held.push(chunk)
        done()
      }
    },
  })
  socket.on('data', (chunk) => line.push(chunk))
  socket.on('close', () => line.destroy())
  const session = connectHttp2(`http://127.0.0.1:${port}`, { createConnection: () => line })
  // A burst that fails ends its test, which then closes the session in the middle.
  session.on('error', () => {})

  async function burst(count: number, headers: Readonly<Record<string, string>>, body: string) {
    const streams = Array.from({ length: count }, () => session.request(headers, { endStream: false }))
    const answers = streams.map(answerOf)
    for (const stream of streams) stream.write(body.slice(0, -1))
    // Answered behind everything that was sent before it.
    await pinged(session)
    held = []
    await Promise.all(streams.map((stream) => sent(stream, body.slice(-1))))
    const packet = Buffer.concat(held)
    held = undefined
    const ends = endsIn(packet)
    if (ends !== count || packet.length > ONE_PACKET)
      throw new Error(`${packet.length} bytes with ${ends} ends are not one packet that ends ${count} requests`)
    socket.write(packet)
    return Promise.all(answers)
  }

  return {
    burst,
    close() {
      session.destroy()
      socket.destroy()
    },
  }
}

function pinged(session: ClientHttp2Session): Promise<void> {
  return new Promise((resolve, reject) => session.ping((error) => (error === null ? resolve() : reject(error))))
}

async function sent(stream: ClientHttp2Stream, last: string): Promise<void> {
  const finished = event(stream, 'finish')
  stream.end(last)
  await finished
}

async function answerOf(stream: ClientHttp2Stream): Promise<Answered> {
  let body = ''
  stream.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
  const [[headers]] = await Promise.all([event(stream, 'response'), event(stream, 'end')])
  return { status: headers[':status'], replayed: headers['idempotency-replayed'] === 'true', body }
}

/** How many requests end in these bytes. RFC 9113 §4.1: length, type, flags, stream, then as many bytes as were said. */
function endsIn(bytes: Buffer): number {
  let ends = 0
  for (let at = 0; at < bytes.length; at += 9 + bytes.readUIntBE(at, 3)) {
    if (bytes[at + 3] === DATA && ((bytes[at + 4] ?? 0) & END_STREAM) !== 0) ends++
  }
  return ends
}
