import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import type { IoredisStreams, Word } from '../../src/messaging/redis-streams/client.ts'
import { SOURCE } from '../../src/messaging/redis-streams/scripts/source.ts'
import { consume } from '../../src/messaging/redis-streams.ts'
import { later, tidily } from '../support/leftovers.ts'
import { describeWith } from '../support/services.ts'
import { until } from '../support/waiting.ts'
import { record } from './ledger-store.ts'
import { openDesk } from './redis-streams-helpers.ts'

const shaOf = (name: 'ack' | 'fetch') =>
  createHash('sha1')
    .update(SOURCE.owner + SOURCE[name])
    .digest('hex')

describeWith('redis', (url) => {
  // As a client does that lost its connection: it sends again what was not answered.
  it.each([
    ['are not answered yet', false],
    ['were not answered', true],
  ])('messages whose read was not answered come first, also when acknowledgements %s', async (_, fails) => {
    const { client, stream, once, publish, effects } = await openDesk(url)
    let answerAcks = (): void => {}
    const answered = new Promise<void>((resolve) => {
      answerAcks = resolve
    })
    let acked = 0
    let sentAgain = false

    async function callBuffer(command: string, args: Word[]): Promise<unknown> {
      const ask = () => client.callBuffer(command, args)
      if (args[0] === shaOf('ack') && !sentAgain) {
        const answer = await ask()
        acked += args.length - 6
        if (fails) throw new Error('Connection is closed.')
        await answered
        return answer
      }
      // The second acknowledgement may be kept back until the first one is answered.
      const isTime = args[0] === shaOf('fetch') && !sentAgain && acked > 0 && (await effects()).length === 2
      if (!isTime) return ask()
      sentAgain = true
      await publish(['b', 'c'], 'k')
      await ask()
      await publish(['d'], 'k')
      return ask().finally(answerAcks)
    }

    await publish(['a1', 'a2'])
    const given: IoredisStreams = { callBuffer, isCluster: false }
    const rules = { name: 'ledger', delivers: 'exactly-once-effect', client: given, stream, once } as const
    tidily(consume({ ...rules, handle: ({ id }, tx) => void record(id, tx) }), (one) => one.stop())
    await until('all are handled', async () => (await effects()).length === 5)
    expect((await effects()).slice(2)).toEqual(['b', 'c', 'd'])
  })

  it('messages whose read was not answered come first, also when others are acknowledged before it is sent again', async () => {
    const { client, stream, once, publish } = await openDesk(url)
    let release = (): void => {}
    const released = new Promise<void>((resolve) => {
      release = resolve
    })
    later(release)
    const started: string[] = []
    let acked = 0
    let sentAgain = false

    async function callBuffer(command: string, args: Word[]): Promise<unknown> {
      const ask = () => client.callBuffer(command, args)
      if (args[0] === shaOf('ack')) return ask().finally(() => (acked += args.length - 6))
      if (args[0] !== shaOf('fetch') || started.length < 2 || sentAgain) return ask()
      sentAgain = true
      await publish(['b', 'c'], 'k')
      await ask()
      release()
      await until('the first are acknowledged', () => acked === 2)
      await publish(['d'], 'k')
      return ask()
    }

    async function handle({ id }: { readonly id: string }): Promise<void> {
      started.push(id)
      if (id.startsWith('a')) await released
    }

    await publish(['a1', 'a2'])
    const given: IoredisStreams = { callBuffer, isCluster: false }
    const rules = { name: 'ledger', delivers: 'at-least-once', client: given, stream, once } as const
    tidily(consume({ ...rules, handle }), (one) => one.stop())
    await until('all are handled', () => started.length === 5)
    expect(started.slice(2)).toEqual(['b', 'c', 'd'])
  })
})
