import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { openStore } from '../../src/stores/open.ts'
import { CLIENT_HELLO, lookingServer, mysqlServer, trustedIdentity, unwrapped } from './tls-kit.ts'

const SOME_ID = '0'.repeat(32)

/** Asks the store something, which nobody here can answer. */
async function ask(url: string): Promise<void> {
  const store = await openStore(url)
  await expect(store.find([SOME_ID])).rejects.toThrow()
  await store[Symbol.asyncDispose]()
}

const bulk = (text: string | number) => `$${String(text).length}\r\n${text}\r\n`

/** Says where the master is, and `OK` or nothing to all else. */
function answerAsSentinel(socket: Socket, masterPort: number): void {
  socket.on('data', (bytes: Buffer) => {
    for (const command of bytes
      .toString('latin1')
      .toLowerCase()
      .split(/^\*\d+\r\n/m)
      .slice(1)) {
      if (command.includes('get-master-addr')) socket.write(`*2\r\n${bulk('127.0.0.1')}${bulk(masterPort)}`)
      else if (command.includes('sentinel')) socket.write('*0\r\n')
      else if (command.includes('hello')) socket.write('-NOPROTO unknown command\r\n')
      else socket.write('+OK\r\n')
    }
  })
}

/** The first bytes that a sentinel and the master it names get to see. */
async function firstBytes(scheme: string) {
  const identity = trustedIdentity('DNS:localhost,IP:127.0.0.1')
  const seen: { sentinel: number[]; master: number[] } = { sentinel: [], master: [] }
  const masterPort = await lookingServer((socket, first) => {
    seen.master.push(first)
    socket.destroy()
  })
  const sentinelPort = await lookingServer((socket, first) => {
    seen.sentinel.push(first)
    answerAsSentinel(first === CLIENT_HELLO ? unwrapped(socket, identity) : socket.resume(), masterPort)
  })
  await ask(`${scheme}://app:hunter2@127.0.0.1:${sentinelPort}/mymaster`)
  return { sentinel: new Set(seen.sentinel), master: new Set(seen.master) }
}

describe('redis by URL', () => {
  it('rediss+sentinel:// speaks TLS to the sentinel, and to the master that it names', async () => {
    expect(await firstBytes('rediss+sentinel')).toEqual({
      sentinel: new Set([CLIENT_HELLO]),
      master: new Set([CLIENT_HELLO]),
    })
  })

  it('redis+sentinel:// speaks to neither in TLS', async () => {
    const star = '*'.charCodeAt(0)
    expect(await firstBytes('redis+sentinel')).toEqual({ sentinel: new Set([star]), master: new Set([star]) })
  })

  it.each(['rediss', 'rediss+cluster'])('%s:// speaks TLS', async (scheme) => {
    const seen = new Set<number>()
    const port = await lookingServer((socket, first) => {
      seen.add(first)
      socket.destroy()
    })
    await ask(`${scheme}://app:hunter2@127.0.0.1:${port}?commandTimeoutMs=1000`)
    expect(seen).toEqual(new Set([CLIENT_HELLO]))
  })
})

describe('mysql by URL', () => {
  it('?ssl=true tells no server who it is whose certificate is for another host', async () => {
    const { port, heard } = await mysqlServer(trustedIdentity('DNS:elsewhere.example'))
    await ask(`mysql://me:hunter2@localhost:${port}/shop?ssl=true`)
    expect(heard.first).toContain(CLIENT_HELLO)
    expect(heard.logins).toEqual([])
  })

  it('?ssl=true goes on with one whose certificate is for the host', async () => {
    const { port, heard } = await mysqlServer(trustedIdentity('DNS:localhost'))
    await ask(`mysql://me:hunter2@localhost:${port}/shop?ssl=true`)
    expect(heard.logins[0]).toContain('me')
  })

  it.each(['127.0.0.1', '[::1]'])(
    '?ssl=true is refused with %s, for which mysql2 checks no certificate',
    async (host) => {
      await expect(openStore(`mysql://me:hunter2@${host}/shop?ssl=true`)).rejects.toMatchObject({
        code: 'OPTION_INVALID',
        message: expect.stringMatching(/name of the host/),
      })
      await (await openStore(`mysql://me:hunter2@${host}/shop`))[Symbol.asyncDispose]()
    },
  )
})
