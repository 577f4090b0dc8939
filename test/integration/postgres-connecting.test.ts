import { type AddressInfo, createServer } from 'node:net'
import pg from 'pg'
import { expect, it } from 'vitest'
import { operationId } from '../../src/core/key.ts'
import { postgresStore } from '../../src/stores/postgres/index.ts'
import { later, tidily } from '../support/leftovers.ts'

const AUTHENTICATED = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0])
const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49])
const FIELDS = Buffer.from('SFATAL\0C57P01\0Mterminating connection due to administrator command\0\0')
const LENGTH = Buffer.alloc(4)
LENGTH.writeUInt32BE(FIELDS.length + 4)
const SHUT_DOWN = Buffer.concat([Buffer.from('E'), LENGTH, FIELDS])

/** A server that is shut down just as it has let somebody in: both are told in one piece. */
async function shuttingDown(): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end(Buffer.concat([AUTHENTICATED, READY, SHUT_DOWN])))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  later(() => server.close())
  return `postgres://somebody@127.0.0.1:${(server.address() as AddressInfo).port}/shop`
}

it('a connection that is ended in the moment it is made fails the call, and not the process', async () => {
  const pool = tidily(new pg.Pool({ connectionString: await shuttingDown() }), (it) => it.end())
  const heardBy: number[] = []
  pool.on('connect', (client) => {
    const emit = client.emit.bind(client) as (event: string, ...given: unknown[]) => boolean
    client.emit = (event: string, ...given: unknown[]) => {
      if (event === 'error') heardBy.push(client.listenerCount('error'))
      // An error that nobody hears is thrown, and ends the process.
      return event === 'error' && client.listenerCount('error') === 0 ? false : emit(event, ...given)
    }
  })
  const store = tidily(postgresStore({ pool }), (it) => it[Symbol.asyncDispose]())
  await expect(store.find([operationId('s', 'k')])).rejects.toThrow(/did not answer/)
  expect(heardBy.length).toBeGreaterThan(0)
  expect(heardBy).not.toContain(0)
  // Somebody else's connection is not listened to for longer than that.
  const own = await pool.connect()
  await new Promise((resolve) => setImmediate(resolve))
  expect(own.listenerCount('error')).toBe(0)
  own.release(true)
})
