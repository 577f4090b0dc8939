import { connect } from 'node:net'
import { onTestFinished } from 'vitest'

export interface RawConnection {
  /** A guarded request, whose body is `{}`. */
  post(key: string, fields?: string): void
  get(): void
  send(text: string): void
  /** Everything that was heard, once `text` is in it. */
  heard(text: string): Promise<string>
  soFar(): string
  /** Everything that was heard, once the server has ended the connection. */
  ended(): Promise<string>
  leave(): Promise<void>
}

/** One connection that is kept, and whose bytes are looked at as they are. */
export function rawConnection(url: string): RawConnection {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
  let all = ''
  let listen = () => {}
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    all += String(chunk)
    listen()
  })
  const send = (text: string) => void socket.write(text)
  return {
    send,
    post: (key, fields = '') =>
      send(
        `POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nIdempotency-Key: ${key}\r\n${fields}Content-Length: 2\r\n\r\n{}`,
      ),
    get: () => send('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    heard: (text) =>
      new Promise((resolve, reject) => {
        listen = () => all.includes(text) && resolve(all)
        listen()
        void closed.then(() => reject(new Error(`the connection ended before ${text}: ${all}`)))
      }),
    soFar: () => all,
    ended: () => closed.then(() => all),
    leave: () => {
      socket.destroy()
      return closed
    },
  }
}
