import { expect, it } from 'vitest'
import { delivery } from '../inbox-kit.ts'
import { tidily } from '../support/leftovers.ts'
import { createProxy } from '../support/proxy.ts'
import { type Handle, kindsOf, onEveryDatabase, openShopOn, PATIENCE_MS, several } from './batch-grounds.ts'

onEveryDatabase((ground) => {
  const { kind, url, urlOf, isCommit } = ground

  it('50 messages that touch the same rows, one of which fails: 49 effects, and the one is parked', {
    timeout: PATIENCE_MS,
  }, async () => {
    const { shop, consumer } = await openShopOn(ground)
    let calls = 0
    const receive = consumer(async (messages, tx) => {
      calls++
      for (const [index, { id }] of messages.entries()) {
        await shop.insert(tx, [id])
        await shop.pay(tx, [index % 5])
        if (id === 'm17') throw new Error('poison')
      }
    })
    const verdicts = await receive(several(50))
    expect(kindsOf(verdicts).filter((one) => one === 'ack')).toHaveLength(49)
    expect(verdicts[17]).toMatchObject({ kind: 'retry', reason: 'poison' })
    expect(calls).toBeLessThanOrEqual(14)
    for (const expected of ['retry', 'dead-letter', 'dead-letter'])
      expect((await receive([delivery({ id: 'm17', redelivered: true })]))[0]?.kind).toBe(expected)
    expect(await shop.effects()).toHaveLength(49)
    expect(await shop.paid()).toBe(49)
  })

  it('two batches of the same messages in opposite order, handled at once: each takes effect once', {
    timeout: PATIENCE_MS,
  }, async () => {
    const { shop, open, consumer } = await openShopOn(ground)
    const handle: Handle = async (messages, tx) => {
      await shop.insert(
        tx,
        messages.map(({ id }) => id),
      )
      await shop.pay(tx, messages.map((_, index) => index % 5).sort())
    }
    for (let round = 0; round < 5; round++) {
      const deliveries = several(40, `r${round}-`)
      const verdicts = await Promise.all([
        consumer(handle)(deliveries),
        consumer(handle, open())([...deliveries].reverse()),
      ])
      // Told to come back because of the other one, at most; never parked.
      for (const verdict of verdicts.flat()) expect(['ack', 'retry']).toContain(verdict.kind)
      expect(verdicts[0]?.some(({ kind }) => kind === 'ack')).toBe(true)
    }
    const effects = await shop.effects()
    expect([effects.length, new Set(effects).size]).toEqual([200, 200])
    expect(await shop.paid()).toBe(200)
  })

  // One writer at a time knows no deadlock.
  it.skipIf(kind === 'sqlite')(
    'handlers that deadlock are tried again, each with one effect',
    { timeout: PATIENCE_MS },
    async () => {
      const { shop, open, consumer } = await openShopOn(ground)
      let met = 0
      let meet = () => {}
      const both = new Promise<void>((resolve) => {
        meet = resolve
      })
      let failures = 0
      const handle =
        (first: number, second: number): Handle =>
        async (messages, tx) => {
          try {
            await shop.insert(
              tx,
              messages.map(({ id }) => id),
            )
            await shop.pay(tx, [first])
            if (++met === 2) meet()
            await both
            await shop.pay(tx, [second])
          } catch (error) {
            failures++
            throw error
          }
        }
      const verdicts = await Promise.all([
        consumer(handle(0, 1))(several(10, 'a')),
        consumer(handle(1, 0), open())(several(10, 'b')),
      ])
      expect(failures).toBeGreaterThan(0)
      expect(new Set(kindsOf(verdicts.flat()))).toEqual(new Set(['ack']))
      const effects = await shop.effects()
      expect([effects.length, new Set(effects).size]).toEqual([20, 20])
    },
  )

  it.skipIf(isCommit === undefined).each(['the answer', 'the commit itself'])(
    '%s is lost: each message takes effect once',
    { timeout: PATIENCE_MS },
    async (lost) => {
      const { place, shop, open, consumer } = await openShopOn(ground)
      const proxy = tidily(await createProxy(Number(new URL(url).port)), (one) => one.close())
      const through = new URL(urlOf(place))
      through.port = String(proxy.port)
      const receive = consumer(
        (messages, tx) =>
          shop.insert(
            tx,
            messages.map(({ id }) => id),
          ),
        open(through.href),
      )
      await receive(several(2, 'warm'))
      let commits = 0
      proxy.onRequest = (chunk) => {
        if (!isCommit?.(chunk) || commits++ > 0) return undefined
        if (lost !== 'the answer') return 'cut'
        proxy.dropReplies()
        return undefined
      }
      const verdicts = await receive(several(20))
      expect(commits).toBeGreaterThan(0)
      expect(new Set(kindsOf(verdicts))).toEqual(new Set([lost === 'the answer' ? 'ack' : 'retry']))
      const again = await receive(several(20).map((one) => ({ ...one, redelivered: lost === 'the answer' })))
      expect(new Set(kindsOf(again))).toEqual(new Set(['ack']))
      const effects = await shop.effects()
      expect([effects.length, new Set(effects).size]).toEqual([22, 22])
    },
  )
})
