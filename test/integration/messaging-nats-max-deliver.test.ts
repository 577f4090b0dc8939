import { expect, it } from 'vitest'
import { describeWith } from '../support/services.ts'
import { until } from '../support/waiting.ts'
import { openDesk, start } from './nats-helpers.ts'

describeWith('nats', (url) => {
  it('says so when its consumer is changed so that it would lose messages', { timeout: 90_000 }, async () => {
    const desk = await openDesk(url)
    const { failures, settled } = start(desk, () => {})
    await desk.publish(['a'])
    await until('it works', () => settled.length === 1)
    await desk.manager.consumers.update(desk.stream, 'ledger', { max_deliver: 2 })
    await until('it is noticed', () => failures.length > 0)
    expect(failures[0]).toContain('has max_deliver 2')
    await desk.manager.consumers.update(desk.stream, 'ledger', { max_deliver: -1 })
    await desk.publish(['b'])
    await until('it goes on', () => settled.includes('b ack'))
  })
})
