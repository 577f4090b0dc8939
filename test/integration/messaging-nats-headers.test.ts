import { once as happens } from 'node:events'
import { connect } from 'node:net'
import { expect, it } from 'vitest'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { describeWith } from '../support/services.ts'
import { until } from '../support/waiting.ts'
import { record } from './ledger-store.ts'
import { openDesk, start } from './nats-helpers.ts'

/** As a client of another language does, with whatever headers: that of JavaScript refuses some names. */
async function publishRaw(url: string, subject: string, lines: readonly string[], body: string): Promise<void> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  const head = `NATS/1.0\r\n${lines.join('\r\n')}\r\n\r\n`
  socket.write('CONNECT {"verbose":false,"pedantic":false,"headers":true}\r\n')
  socket.write(`HPUB ${subject} ${head.length} ${head.length + body.length}\r\n${head}${body}\r\nPING\r\n`)
  let heard = ''
  while (!heard.includes('PONG')) heard += (await happens(socket, 'data')).join('')
  socket.destroy()
}

describeWith('nats', (url) => {
  it('one whose headers the client cannot read is put aside, and those fetched with it go on', async () => {
    const desk = await openDesk(url)
    await desk.publish(['a'])
    await publishRaw(url, desk.subject, ['Nats-Msg-Id: b', 'order id: 7'], 'body of b')
    await desk.publish(['c', 'd'])
    const { settled, failures } = start(desk, ({ id }, tx: SqliteTx) => void record(id, tx))
    await expect
      .poll(() => [settled.toSorted(), failures], { timeout: 15_000 })
      .toEqual([[' dead-letter', 'a ack', 'c ack', 'd ack'], []])
    await until('the server has nothing left', desk.isDone)
    expect((await desk.effects()).toSorted()).toEqual(['a', 'c', 'd'])
    const [parked] = await desk.dead()
    expect(Buffer.from(parked?.data ?? []).toString()).toBe('body of b')
    expect(parked?.reason).toMatch(/^its headers cannot be read by the client: .*header name/)
    expect(parked?.header?.get('onlyonce-source')).toBe(`${desk.stream}/2`)
  })
})
