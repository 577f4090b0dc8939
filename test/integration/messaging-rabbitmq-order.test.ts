import { expect, it } from 'vitest'
import { type ConsumerEvent, consume } from '../../src/messaging/rabbitmq.ts'
import { later, tidily } from '../support/leftovers.ts'
import { describeWith } from '../support/services.ts'
import { sleepMs, until } from '../support/waiting.ts'
import { names } from './ledger.ts'
import { open, openDesk } from './rabbitmq-helpers.ts'

const rules = { name: 'ledger', delivers: 'at-least-once', concurrency: 12, prefetch: 0 } as const

function door() {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  later(open)
  return { open, opened }
}

describeWith('rabbitmq', (url) => {
  // Acknowledgements make room: when the stop comes, RabbitMQ is sending as many messages again.
  it('what is on its way when a consumer stops does not come before what that consumer holds', async () => {
    const { once, queue, publish } = await openDesk(url)
    const first = door()
    const second = door()
    const started: string[] = []
    const effects: string[] = []
    const handle = async ({ id }: { id: string }) => {
      started.push(id)
      if (id.startsWith('free')) await first.opened
      if (id === 'k100') await second.opened
      effects.push(id)
    }
    let settled = 0
    let stopped: Promise<void> | undefined
    const onEvent = ({ type }: ConsumerEvent) => {
      if (type === 'settled' && ++settled === 8) stopped = leaving.stop()
    }
    const options = { ...rules, connection: () => open(url), once, queue, handle }
    await publish(names('free', 8))
    await publish(names('k', 12), 'key')
    const leaving = tidily(consume({ ...options, onEvent }), (one) => one.stop())
    await until('nine began', () => started.length === 9)
    first.open()
    await until('it stops', () => stopped !== undefined)
    await sleepMs(200)
    second.open()
    await stopped
    tidily(consume(options), (one) => one.stop())
    await until('all are handled', () => effects.length === 20)
    expect(effects.filter((id) => id.startsWith('k'))).toEqual(names('k', 12))
  })
})
