import { describe, expect, it } from 'vitest'
import { idempotency } from '../../src/http/fetch.ts'
import { txOf } from '../../src/http/operation-of.ts'
import { onlyonce } from '../../src/index.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import type { SqliteTx } from '../../src/stores/sqlite/index.ts'
import { storeOn, tempFile } from '../integration/sqlite-helpers.ts'
import { byHand, engine, gated, request, sleep, until } from './fetch-kit.ts'

describe('an answer of fetch that is there at once', () => {
  it('is held until its record is durable', async () => {
    const { store, completing, open } = gated(memoryStore())
    const handler = idempotency(engine({ store }), { scope: 'public' })(() => Response.json({ a: 1 }, { status: 201 }))
    let answered = false
    const answer = handler(request('k')).finally(() => {
      answered = true
    })
    await until(completing)
    await sleep(20)
    expect(answered).toBe(false)
    open()
    expect(await (await answer).json()).toEqual({ a: 1 })
  })

  it('is replaced when another owner has done the work meanwhile', async () => {
    const store = memoryStore()
    // Its heartbeat does not reach the store, so its lease runs out while it works.
    const deaf = Object.assign(Object.create(store), { renew: () => new Promise(() => {}) }) as typeof store
    let finish = () => {}
    const finished = new Promise<void>((resolve) => {
      finish = resolve
    })
    const stalled = idempotency(engine({ store: deaf, leaseMs: 60, storeTimeoutMs: 50 }), { scope: 'public' })(
      async () => {
        await finished
        return new Response('stale')
      },
    )
    const first = stalled(request('k'))
    await sleep(90)
    const other = idempotency(engine({ store, leaseMs: 60 }), { scope: 'public' })(() => new Response('winner'))
    expect(await (await other(request('k'))).text()).toBe('winner')
    finish()
    expect(await (await first).text()).not.toBe('stale')
    expect(await (await stalled(request('k'))).text()).toBe('winner')
  })
})

describe('fetch with atomic: true', () => {
  it('sends nothing before the commit, and commits record and writes together', async () => {
    const store = storeOn(tempFile())
    await store.transaction(async (tx) => tx.exec('CREATE TABLE orders (id INTEGER PRIMARY KEY) STRICT'))
    const once = onlyonce({ store, scope: 'test' })
    const hands = [byHand(), byHand()]
    let runs = 0
    const handler = idempotency(once, { scope: 'public', atomic: true })((given) => {
      const hand = hands[runs++]
      txOf<SqliteTx>(given)?.exec('INSERT INTO orders DEFAULT VALUES')
      return new Response(hand?.stream)
    })
    const rows = () => store.transaction(async (tx) => tx.prepare('SELECT id FROM orders').all().length)
    hands[0]?.write('half')
    const broken = handler(request('k'))
    await sleep(20)
    hands[0]?.fail(new Error('on purpose'))
    await expect(broken).rejects.toThrow('on purpose')
    expect(await rows()).toBe(0)
    const answer = handler(request('k'))
    let answered = false
    void answer.then(() => {
      answered = true
    })
    await until(() => runs === 2)
    hands[1]?.write('one ')
    await sleep(20)
    expect(answered).toBe(false)
    hands[1]?.write('two')
    hands[1]?.end()
    expect(await (await answer).text()).toBe('one two')
    expect(await rows()).toBe(1)
    expect(await (await handler(request('k'))).text()).toBe('one two')
    expect([runs, await rows()]).toEqual([2, 1])
  })
})
