import { type AddressInfo, createServer, type Socket } from 'node:net'
import { expect, it } from 'vitest'
import { operationId } from '../../src/core/key.ts'
import { openStore } from '../../src/stores/open.ts'
import { later } from '../support/leftovers.ts'
import { until } from '../support/waiting.ts'

const SILENT = () => ''

/** A server that replies what `replyTo` gives for each command. */
async function server(replyTo: (command: string) => string) {
  const open = new Set<Socket>()
  let taken = 0
  const listening = createServer((socket) => {
    taken++
    open.add(socket)
    socket.on('error', () => {}).on('close', () => open.delete(socket))
    socket.on('data', (sent) => {
      for (const command of String(sent).split(/^\*/m).slice(1)) socket.write(replyTo(command))
    })
  })
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
  later(() => {
    for (const socket of open) socket.destroy()
    listening.close()
  })
  const { port } = listening.address() as AddressInfo
  return { port: String(port), place: `127.0.0.1:${port}`, open, taken: () => taken }
}

/** A sentinel that names the master at this port, and has a list of nothing for every other command. */
const naming = (port: string) => (command: string) =>
  command.includes('get-master-addr') ? `*2\r\n$9\r\n127.0.0.1\r\n$${port.length}\r\n${port}\r\n` : '*0\r\n'

it('passes over a sentinel that takes the connection and never says a word', async () => {
  const [silent, master] = [await server(SILENT), await server(SILENT)]
  const sentinel = await server(naming(master.port))
  await using store = await openStore(`redis+sentinel://${silent.place},${sentinel.place}/m`)
  const asked = store.find([operationId('s', 'k')]).catch(() => {})
  await until('the master is asked', () => master.taken() > 0, 4_500)
  await asked
})

it('leaves no connection to a silent sentinel behind, which would keep the process alive', async () => {
  const silent = await server(SILENT)
  const store = await openStore(`redis+sentinel://${silent.place}/m?commandTimeoutMs=200`)
  await expect(store.find([operationId('s', 'k')])).rejects.toThrow('within 200 ms')
  expect(silent.open.size).toBe(1)
  await store[Symbol.asyncDispose]()
  await until('the connection is closed', () => silent.open.size === 0, 4_000)
})
