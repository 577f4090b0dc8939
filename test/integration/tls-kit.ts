import { spawnSync } from 'node:child_process'
import { once as event } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import { vi } from 'vitest'
import { later } from '../support/leftovers.ts'

export interface Identity {
  readonly key: Buffer
  readonly cert: Buffer
}

/** The first byte of what a TLS client says. */
export const CLIENT_HELLO = 0x16

/** A certificate for these names, such as `DNS:localhost,IP:127.0.0.1`, that this process takes for one of an authority. */
export function trustedIdentity(names: string): Identity {
  const directory = mkdtempSync(join(tmpdir(), 'onlyonce-tls-'))
  const [key, cert] = [join(directory, 'key.pem'), join(directory, 'cert.pem')]
  const made = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-keyout', key, '-out', cert, '-subj', '/CN=test', '-addext', `subjectAltName=${names}`],
  ])
  if (made.status !== 0) throw new Error(`openssl made no certificate: ${made.error?.message ?? made.stderr}`)
  const identity = { key: readFileSync(key), cert: readFileSync(cert) }
  rmSync(directory, { recursive: true })
  // Node reads authorities of the environment only when it starts.
  const { createSecureContext } = tls
  const trusting = vi.spyOn(tls, 'createSecureContext')
  trusting.mockImplementation((options) => createSecureContext({ ...options, ca: [identity.cert] }))
  later(() => trusting.mockRestore())
  return identity
}

/** A server on 127.0.0.1 that looks at the first byte of each connection, and then serves it; answers its port. */
export function lookingServer(serve: (socket: Socket, firstByte: number) => void): Promise<number> {
  return listening((socket) => {
    socket.once('data', (first: Buffer) => {
      socket.pause()
      socket.unshift(first)
      serve(socket, first[0] as number)
    })
  })
}

/** The other end of a connection on which the client begins TLS. */
export function unwrapped(socket: Socket, identity: Identity): tls.TLSSocket {
  const secure = new tls.TLSSocket(socket, { isServer: true, ...identity })
  return secure.on('error', () => {})
}

/** How long a client's request for TLS is, which it sends in the clear and does not wait for an answer to. */
const SSL_REQUEST_BYTES = 36

/** A MySQL server as far as the login: what a connection begins with after the request for TLS, and the logins inside. */
export async function mysqlServer(identity: Identity) {
  const heard = { first: [] as number[], logins: [] as string[] }
  const port = await listening((socket) => {
    socket.write(mysqlGreeting())
    let early = Buffer.alloc(0)
    const wait = (bytes: Buffer) => {
      early = Buffer.concat([early, bytes])
      if (early.length <= SSL_REQUEST_BYTES) return
      socket.off('data', wait).pause()
      const begun = early.subarray(SSL_REQUEST_BYTES)
      heard.first.push(begun[0] as number)
      socket.unshift(begun)
      unwrapped(socket, identity).once('data', (login: Buffer) => {
        heard.logins.push(login.toString('latin1'))
        socket.destroy()
      })
    }
    socket.on('data', wait)
  })
  return { port, heard }
}

/** Protocol 10, with the capability to go on in TLS. */
function mysqlGreeting(): Buffer {
  const body = Buffer.concat([
    Buffer.from('\x0a10.11.6-MariaDB\0\x01\0\0\x0012345678\0', 'latin1'),
    Buffer.from([0xff, 0xff, 45, 2, 0, 0x0f, 0, 21]),
    Buffer.alloc(10),
    Buffer.from('123456789012\0mysql_native_password\0', 'latin1'),
  ])
  return Buffer.concat([Buffer.from([body.length, 0, 0, 0]), body])
}

async function listening(serve: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    serve(socket)
  })
  server.listen(0, '127.0.0.1')
  await event(server, 'listening')
  later(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return (server.address() as AddressInfo).port
}
