import { expect, it } from 'vitest'
import { type TransformEvent, transform } from '../../src/messaging/kafka.ts'
import { tidily } from '../support/leftovers.ts'
import { describeWith } from '../support/services.ts'
import { until } from '../support/waiting.ts'
import { openDesk, SOON } from './kafka-helpers.ts'
import { names } from './ledger.ts'

const LONG = { timeout: 120_000 }

describeWith('kafka', (url) => {
  async function openPlant() {
    const desk = await openDesk(url, 1)
    const { topic, kafka, admin } = desk
    const out = `${topic}-out`
    await admin.createTopics({ waitForLeaders: true, topics: [{ topic: out, numPartitions: 1 }] })
    const events: TransformEvent[] = []
    const onEvent = (event: TransformEvent) => void events.push(event)
    const options = { kafka, topic, groupId: out, transactionalId: out, consumer: SOON, onEvent }
    const committed = () => events.reduce((sum, event) => sum + (event.type === 'committed' ? event.inputs : 0), 0)
    return { ...desk, out, events, options, committed }
  }

  it('inputs without outputs follow one another, and none is handled twice', LONG, async () => {
    const { publish, events, options, committed } = await openPlant()
    const ids = names('m', 30)
    await publish(ids)
    const handled: string[] = []
    const handle = ({ id }: { id: string }) => {
      handled.push(id)
      return []
    }
    const running = tidily(transform({ ...options, batchSize: 1, handle }), (one) => one.stop())
    await until('all is committed', () => committed() === ids.length)
    await running.stop()
    expect(events.filter(({ type }) => type === 'aborted')).toEqual([])
    expect(handled).toEqual(ids)
  })
})
