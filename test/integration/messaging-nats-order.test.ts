import { expect, it } from 'vitest'
import { tidily } from '../support/leftovers.ts'
import { createProxy } from '../support/proxy.ts'
import { describeWith } from '../support/services.ts'
import { until } from '../support/waiting.ts'
import { record } from './ledger-store.ts'
import { open, openDesk, start } from './nats-helpers.ts'

describeWith('nats', (url) => {
  it('a message that was lost with the connection is waited for by those behind it with its key', async () => {
    const desk = await openDesk(url)
    const proxy = tidily(await createProxy(Number(new URL(url).port)), (one) => one.close())
    const connection = await open(`nats://127.0.0.1:${proxy.port}`)
    const { settled } = start({ ...desk, connection }, ({ id }, tx) => void record(id, tx), { visibilityMs: 3_000 })
    await desk.publish(['first'], 'k')
    await until('it works', () => settled.length === 1)
    let lost = 0
    proxy.onReply = (chunk) => (lost === 0 && chunk.includes('body of second') && ++lost ? 'cut' : undefined)
    await desk.publish(['second'], 'k')
    await until('it is lost', () => lost === 1)
    await desk.publish(['third'], 'k')
    await desk.publish(['free'])
    await until('all are handled', async () => (await desk.effects()).length === 4, 20_000)
    expect(await desk.effects()).toEqual(['first', 'free', 'second', 'third'])
  })
})
