import { StorageType } from '@nats-io/jetstream'
import { expect, it } from 'vitest'
import { gate } from '../../src/testing/messaging-conformance/waiting.ts'
import { describeWith } from '../support/services.ts'
import { until } from '../support/waiting.ts'
import { openDesk, start } from './nats-helpers.ts'

describeWith('nats', (url) => {
  it('an old message says nothing about the one in its place in a stream that was made again', {
    timeout: 90_000,
  }, async () => {
    const desk = await openDesk(url)
    const door = gate()
    const begun: string[] = []
    const handle = async ({ id }: { id: string }) => {
      begun.push(id)
      if (id === 'old') return door.passed
      if (begun.length > 2) return
      door.open()
      await until('the old one is settled', () => settled.includes('old ack'))
      throw new Error('the first time')
    }
    const { settled } = start(desk, handle, { delivers: 'at-least-once' })
    await desk.publish(['old'])
    await until('it runs', () => begun.length === 1)
    await desk.manager.streams.delete(desk.stream)
    await desk.manager.streams.add({ name: desk.stream, subjects: [`${desk.stream}.>`], storage: StorageType.File })
    await desk.publish(['new'])
    await until('the new one is done', () => settled.includes('new ack'))
    expect(begun).toEqual(['old', 'new', 'new'])
    await until('the server has nothing left', desk.isDone)
  })
})
