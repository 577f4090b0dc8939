import { expect, it } from 'vitest'
import { type AlreadyPublishedOptions, alreadyPublished } from '../../src/messaging/kafka.ts'
import { tidily } from '../support/leftovers.ts'
import { describeWithFresh } from '../support/services.ts'
import { until } from '../support/waiting.ts'
import { openDesk, SOON } from './kafka-helpers.ts'
import { names } from './ledger.ts'

const LONG = { timeout: 180_000 }

const asks = (options: AlreadyPublishedOptions) =>
  tidily(alreadyPublished({ timeoutMs: 60_000, consumer: SOON, ...options }), (one) => one.close())

describeWithFresh('kafka', (start) => {
  it('while the broker is down nothing can be told; afterwards the old and the new are known', LONG, async () => {
    const broker = tidily(await start(), (one) => one.stop())
    const { topic, kafka, publish } = await openDesk(broker.url)
    await publish(names('m', 20))
    const isPublished = asks({ kafka, topic, timeoutMs: 2_000 })
    await until('it is read', () => isPublished('m119').catch(() => false))
    const [server] = broker.processes
    await server?.kill('SIGKILL')
    await expect(isPublished('m100')).rejects.toThrow()
    await server?.restart('immediate')
    await publish(['after'])
    await until('it is read again', () => isPublished('after').catch(() => false))
    expect([await isPublished('m100'), await isPublished('never')]).toEqual([true, false])
  })
})
