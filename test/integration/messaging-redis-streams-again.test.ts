import { createHash } from 'node:crypto'
import { expect, it } from 'vitest'
import { SOURCE } from '../../src/messaging/redis-streams/scripts/source.ts'
import { type ConsumerEvent, consume } from '../../src/messaging/redis-streams.ts'
import { tidily } from '../support/leftovers.ts'
import { describeWith } from '../support/services.ts'
import { sleepMs, until } from '../support/waiting.ts'
import { record } from './ledger-store.ts'
import { openDesk } from './redis-streams-helpers.ts'

const LONG = { timeout: 60_000 }
/** How the script that keeps entries is called. */
const KEEP = createHash('sha1')
  .update(SOURCE.owner + SOURCE.keep)
  .digest('hex')

describeWith('redis', (url) => {
  /** A desk, and a consumer that says of each delivery whether it was handed out before. */
  async function open() {
    const desk = await openDesk(url)
    const seen: string[] = []
    const onEvent = (event: ConsumerEvent) => {
      if (event.type === 'settled') seen.push(`${event.delivery.id} ${event.delivery.redelivered}`)
    }
    const { client, stream, once } = desk
    const rules = { client, stream, once, name: 'ledger', delivers: 'exactly-once-effect', onEvent } as const
    const start = () => tidily(consume({ ...rules, handle: ({ id }, tx) => void record(id, tx) }), (one) => one.stop())
    const settled = (count: number) => until(`${count} are settled`, () => seen.length >= count)
    return { ...desk, seen, start, settled }
  }

  it('is sure of a group that is the first of its name', LONG, async () => {
    const { publish, start, settled, seen } = await open()
    await publish(['a', 'b'])
    start()
    await settled(2)
    expect(seen.toSorted()).toEqual(['a false', 'b false'])
  })

  it('knows what a group handed out that was removed and made again, by whomever', LONG, async () => {
    const { publish, start, settled, seen, effects, client, stream } = await open()
    await publish(['a', 'b'])
    const first = start()
    await settled(2)
    await first.stop()
    await client.xgroup('DESTROY', stream, 'ledger')
    await client.xgroup('CREATE', stream, 'ledger', '0')
    await publish(['c'])
    const second = start()
    await settled(5)
    expect(seen.slice(2).toSorted()).toEqual(['a true', 'b true', 'c false'])
    await second.stop()
    await client.xgroup('DESTROY', stream, 'ledger')
    start()
    await settled(8)
    expect(seen.slice(5).toSorted()).toEqual(['a true', 'b true', 'c true'])
    expect((await effects()).toSorted()).toEqual(['a', 'b', 'c'])
  })

  it('knows it also when the group was set back while it consumed', LONG, async () => {
    const { publish, start, settled, seen, client, stream } = await open()
    await publish(['a', 'b'])
    start()
    await settled(2)
    await client.xgroup('SETID', stream, 'ledger', '0')
    await settled(4)
    await publish(['c'])
    await settled(5)
    expect([seen.slice(2, 4).toSorted(), seen[4]]).toEqual([['a true', 'b true'], 'c false'])
  })

  it('cannot tell what others handed out before it came', LONG, async () => {
    const { publish, start, settled, seen, client, stream } = await open()
    await publish(['a', 'b'])
    await client.xgroup('CREATE', stream, 'ledger', '0')
    const first = start()
    await settled(2)
    await publish(['c'])
    await settled(3)
    expect([seen.slice(0, 2).toSorted(), seen[2]]).toEqual([['a maybe', 'b maybe'], 'c false'])
    await first.stop()
  })

  it('knows places beyond what a number of Lua holds', LONG, async () => {
    const { start, settled, seen, client, stream } = await open()
    const add = (place: string) => client.xadd(stream, place, 'id', place, 'body', place)
    for (const place of ['9-1', '10-9', '10-10', '18446744073709551613-1', '18446744073709551614-0']) await add(place)
    start()
    await settled(5)
    await client.xgroup('SETID', stream, 'ledger', '10-9')
    await settled(8)
    await add('18446744073709551615-0')
    await settled(9)
    expect(seen.slice(5)).toEqual([
      '10-10 true',
      '18446744073709551613-1 true',
      '18446744073709551614-0 true',
      '18446744073709551615-0 false',
    ])
  })

  it('begins later, and as it came, what Redis did not say in time is still ours', LONG, async () => {
    const { publish, client, stream, once, pending } = await openDesk(url)
    let silent = 0
    /** Says nothing, once, of the message that waits. */
    const library = {
      isCluster: false,
      callBuffer(command: string, words: (string | Buffer)[]) {
        const asksForOne = words[0] === KEEP && words.length === 6 && words[5] === waiting
        return asksForOne && begun.length === 1 && silent++ === 0
          ? new Promise<never>(() => {})
          : client.callBuffer(command, words)
      },
    }
    const begun: string[] = []
    const handle = async ({ id, redelivered }: { id: string; redelivered: boolean }) => {
      begun.push(`${id} ${redelivered}`)
      if (begun.length === 1) await sleepMs(400)
    }
    const rules = {
      once,
      name: 'ledger',
      delivers: 'at-least-once',
      stream,
      concurrency: 1,
      visibilityMs: 900,
    } as const
    await publish(['a', 'b'])
    const [, [waiting = ''] = []] = await client.xrange(stream, '-', '+')
    tidily(consume({ ...rules, client: library, handle }), (one) => one.stop())
    await until('both are handled', async () => begun.length >= 2 && (await pending()) === 0)
    expect(silent).toBeGreaterThan(0)
    expect(begun).toEqual(['a false', 'b false'])
  })
})
