// Just enough of each wire protocol to detect a server: the launcher needs no client library.
import { connect } from 'node:net'

const PATIENCE_MS = 2_000

/**
 * Sends bytes; returns the reply as soon as `enough` accepts it.
 * @param {number} port
 * @param {Buffer | string} bytes
 * @param {(answer: Buffer) => boolean} enough
 * @returns {Promise<Buffer>}
 */
export function ask(port, bytes, enough) {
  return new Promise((resolve, reject) => {
    let answer = Buffer.alloc(0)
    const socket = connect({ port, host: '127.0.0.1' })
    const end = (/** @type {Error | undefined} */ error) => {
      socket.destroy()
      if (error === undefined) resolve(answer)
      else reject(error)
    }
    socket.setTimeout(PATIENCE_MS, () => end(new Error('no answer')))
    socket.on('error', end).on('close', () => reject(new Error('the connection was closed')))
    socket.on('data', (chunk) => {
      answer = Buffer.concat([answer, chunk])
      if (enough(answer)) end(undefined)
    })
    socket.write(bytes)
  })
}

/** Sends one Redis command; returns the raw reply. @param {number} port @param {...(string | number)} words */
export async function redis(port, ...words) {
  const command = `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(String(word))}\r\n${word}\r\n`).join('')}`
  const reply = (await ask(port, command, isWhole)).toString()
  if (reply.startsWith('-')) throw new Error(reply.slice(1).trim())
  return reply
}

/** Whether a simple reply, or one bulk string, is complete. @param {Buffer} reply */
function isWhole(reply) {
  const text = reply.toString()
  const line = text.indexOf('\r\n')
  if (line < 0) return false
  return text[0] !== '$' || reply.length >= line + 4 + Number(text.slice(1, line))
}

/** A server that requires a password counts too. @param {number} port */
export async function isRedis(port) {
  try {
    return (await redis(port, 'PING')).startsWith('+PONG')
  } catch (error) {
    return error instanceof Error && error.message.startsWith('NOAUTH')
  }
}

/** Whether PostgreSQL accepts the user: while starting up it refuses. @param {number} port */
export async function isPostgres(port) {
  const body = Buffer.from('\0\x03\0\0user\0postgres\0database\0postgres\0\0', 'latin1')
  const length = Buffer.alloc(4)
  length.writeInt32BE(body.length + 4)
  const answer = await ask(port, Buffer.concat([length, body]), () => true)
  return answer[0] === 'R'.charCodeAt(0)
}

/** Whether a server listens on the port. @param {number} port */
export async function isOpen(port) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => end(true))
    const end = (/** @type {boolean} */ open) => {
      socket.destroy()
      resolve(open)
    }
    socket.setTimeout(PATIENCE_MS, () => end(false)).on('error', () => end(false))
  })
}

/** An AMQP 0-9-1 server begins with a method frame. @param {number} port */
export async function isAmqp(port) {
  return (await ask(port, 'AMQP\0\0\x09\x01', (answer) => answer.length > 7))[0] === 1
}

/** Whether Kafka lists a registered broker, which takes a moment after it accepts connections. @param {number} port */
export async function isKafka(port) {
  // A Metadata request, version 1, without client id, for no topics.
  const request = Buffer.from('0000000e0003000100000001ffff00000000', 'hex')
  const answer = await ask(port, request, (bytes) => bytes.length >= 12)
  return answer.readInt32BE(8) > 0
}

/** @param {number} port */
export async function isHealthy(port) {
  const response = await fetch(`http://127.0.0.1:${port}/healthz`, { signal: AbortSignal.timeout(PATIENCE_MS) })
  return response.ok
}

/** A MySQL server sends the first packet, in protocol 10. @param {number} port */
export async function isMysql(port) {
  return (await ask(port, '', (answer) => answer.length > 4))[4] === 10
}
