import { describe, expect, it } from 'vitest'
import { type ConsumerEvent, consume } from '../../src/messaging/redis-streams.ts'
import { tidily } from '../support/leftovers.ts'
import { describeWith } from '../support/services.ts'
import { sleepMs, until } from '../support/waiting.ts'
import { openDesk } from './redis-streams-helpers.ts'

const LONG = { timeout: 60_000 }

describeWith('redis', (url) => {
  /** A desk with three messages of one ordering key, and consumers of it. */
  async function open() {
    const desk = await openDesk(url)
    const { client, stream, once } = desk
    await desk.publish(['a', 'b', 'c'], 'k')
    const begun: string[] = []
    const settled: string[] = []
    const onEvent = (event: ConsumerEvent) => {
      if (event.type === 'settled') settled.push(`${event.delivery.id} ${event.verdict.kind}`)
    }
    const start = (who: string, handle: (id: string) => unknown, visibilityMs = 10_000) => {
      const rules = { client, stream, once, name: 'ledger', delivers: 'at-least-once', onEvent, visibilityMs } as const
      const handling = ({ id }: { id: string }) => {
        begun.push(`${id} at ${who}`)
        return handle(id) as Promise<void>
      }
      const pauses = { backoffMs: 1_000_000, maxBackoffMs: 1_000_000 }
      return tidily(consume({ ...rules, ...pauses, handle: handling }), (one) => one.stop())
    }
    return { begun, settled, start }
  }

  describe('keeps the order of a key', () => {
    it('when one that failed waits for its next try', LONG, async () => {
      const { begun, settled, start } = await open()
      const first = start('first', () => Promise.reject(new Error('not yet')))
      await until('it failed', () => settled.length > 0)
      await first.stop()
      start('second', () => {})
      await until('the last is begun', () => begun.includes('c at second'))
      expect(begun).toEqual(['a at first', 'a at second', 'b at second', 'c at second'])
    })

    it('when one fails while the consumer stops', LONG, async () => {
      const { begun, start } = await open()
      let fail = (_: Error) => {}
      const failing = new Promise((_, reject) => {
        fail = reject
      })
      const first = start('first', () => failing)
      await until('it began', () => begun.length > 0)
      const stopped = first.stop()
      fail(new Error('not yet'))
      await stopped
      start('second', () => {})
      await until('the last is begun', () => begun.includes('c at second'))
      expect(begun).toEqual(['a at first', 'a at second', 'b at second', 'c at second'])
    })

    it('when a handler takes longer than others wait for a silent consumer', LONG, async () => {
      const { begun, start } = await open()
      let end = () => {}
      const ended = new Promise<void>((resolve) => {
        end = resolve
      })
      const first = start('first', () => ended, 1_000)
      tidily(undefined, () => end())
      await until('it began', () => begun.length > 0)
      const stopped = first.stop()
      start('second', () => {}, 1_000)
      // Others take over after twice 1 000 ms.
      await sleepMs(4_000)
      expect(begun).toEqual(['a at first'])
      end()
      await stopped
      await until('the last is begun', () => begun.includes('c at second'))
      expect(begun).toEqual(['a at first', 'b at second', 'c at second'])
    })
  })
})
