import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { onlyonce } from '../../src/core/engine.ts'
import { OnlyonceError } from '../../src/core/errors.ts'
import { inbox } from '../../src/messaging/inbox.ts'
import { outbox } from '../../src/outbox/outbox.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { sqliteStore } from '../../src/stores/sqlite/index.ts'
import { crashEverywhere } from '../../src/testing/index.ts'
import { explore, INSERT } from './crash-kit.ts'

const passed: number[] = []

describe('crashEverywhere', () => {
  it('finds nothing wrong with a natural key', async () => {
    const report = await explore(async (n, kit) => {
      await kit.sql(INSERT, n)
      return n
    })
    report.assertClean()
    // Two clean runs, a duplicate, a stop and an error before and after the call, and a second delivery.
    expect(report).toMatchObject({ ok: true, trials: 8, leftOut: 0, volatile: [], findings: [] })
    expect(report.points).toMatchObject([
      {
        call: `sql ${INSERT}`,
        site: { file: 'test/testing/crash-everywhere.test.ts', source: 'await kit.sql(INSERT, n)' },
      },
    ])
  })

  it('tells the handler which delivery it is, and gives it a copy of the message', async () => {
    const seen: unknown[] = []
    await crashEverywhere(
      async (message: { list: number[] }, kit) => {
        seen.push([kit.delivery, message.list.length])
        message.list.push(1)
        await kit.outside('x', 1, 'key')
      },
      { store: () => memoryStore(), message: { list: [] } },
    )
    expect(new Set(seen.map((one) => JSON.stringify(one)))).toEqual(new Set(['[1,0]', '[2,0]']))
  })

  it('runs an engine of the handler, whose timers end with it', async () => {
    const report = await crashEverywhere(
      (key: string, kit) =>
        onlyonce({ store: kit.store, runtime: kit.runtime, scope: 'x' })(key, (op) =>
          kit.outside('pay', key, op.child('pay')),
        ),
      { store: () => memoryStore(), message: 'order:1', other: 'order:2' },
    )
    report.assertClean()
    expect(report.points.map(({ call }) => call)).toEqual(['store.claim', 'pay', 'store.complete'])
  })

  it('drives an inbox: a verdict that asks for another delivery gets one', async () => {
    const handle = (broken: boolean) =>
      explore(
        (n, kit) => {
          const ledger = inbox({
            once: kit.once({ scope: 'ledger' }),
            name: 'ledger',
            delivers: 'exactly-once-effect',
            handle: (message, tx) => void tx.prepare('INSERT INTO rows (n) VALUES (?)').run(Number(message.text())),
          })
          const id = broken ? randomUUID() : `m${n}`
          return ledger({ id, source: 'orders', body: Buffer.from('7'), headers: {}, redelivered: false })
        },
        { setup: ({ sql }) => sql('CREATE TABLE rows (n INTEGER)') },
      )
    ;(await handle(false)).assertClean()
    expect((await handle(true)).findings).not.toEqual([])
  })

  it('takes DUPLICATE for an answer', async () => {
    const report = await explore((n, kit) => {
      const once = kit.once({ scope: 'x', onDuplicate: 'reject' })
      return once.atomic(String(n), (tx) => void tx.prepare('INSERT INTO rows (n) VALUES (?)').run(n))
    })
    report.assertClean()
  })

  it('finds a handler that hangs after a crash, and does not wait for it', async () => {
    const report = await explore(
      async (n, kit) => {
        const [row] = await kit.sql('SELECT n FROM rows')
        if (row !== undefined) await new Promise(() => {})
        await kit.sql(INSERT, n)
      },
      { handlerTimeoutMs: 400, maxDeliveries: 2, patienceMs: 20 },
    )
    expect(report.findings[0]?.what).toMatch(/unhandled: its handler never ended/)
  })

  it('reports a handler that fails already when nothing disturbs it', async () => {
    const report = await explore(() => Promise.reject(new Error('no such order')), { maxDeliveries: 2 })
    expect(report.findings).toMatchObject([{ trial: 'clean', what: expect.stringMatching(/no such order/) }])
  })

  it.each<[string, Parameters<typeof explore>[0]]>([
    ['does nothing', () => {}],
    ['writes past the kit', async () => void passed.push(1)],
    ['does no more than acknowledge', (_, kit) => kit.ack()],
  ])('judges no handler that %s, as far as it can see', async (_, handler) => {
    await expect(explore(handler, { name: 'placeOrder' })).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringMatching(/^no call of placeOrder went through the kit, so nothing could be stopped/),
    })
  })

  it('tells how many trials were left out', async () => {
    const report = await explore((n, kit) => kit.sql(INSERT, n), { maxTrials: 2 })
    expect(report).toMatchObject({ trials: 4, leftOut: 4 })
    expect(report.text()).toMatch(/4 trials left out: raise maxTrials/)
  })

  it('leaves the calendar as it was, and moves it for one exploration at a time', async () => {
    const { Date: before } = globalThis
    const days = async () => {
      const seen = new Set<string>()
      await explore(async (n, kit) => {
        seen.add(new Date().toISOString().slice(0, 10))
        seen.add(new Date(Date.now()).toISOString().slice(0, 10))
        expect(new Date(5).getTime()).toBe(5)
        expect(new Date()).toBeInstanceOf(Date)
        await kit.sql(INSERT, n)
      })
      return seen.size
    }
    expect(await Promise.all([days(), days()])).toEqual([2, 2])
    expect(globalThis.Date).toBe(before)
  })
})

describe('what is compared', () => {
  const STAMPED = 'INSERT INTO rows (n, at) VALUES (?, ?) ON CONFLICT DO NOTHING'

  it('leaves out what differs between two clean runs, and says so', async () => {
    const report = await explore((n, kit) => kit.sql(STAMPED, n, new Date().toISOString()))
    report.assertClean()
    expect(report.volatile).toEqual(['rows.at'])
    expect(report.text()).toMatch(/not compared, because two clean runs differ: rows.at/)
  })

  it('leaves out what it is told to', async () => {
    const handler = async (
      n: number,
      kit: { sql(text: string, ...values: unknown[]): Promise<unknown[]>; delivery: number },
    ) => {
      await kit.sql(`${STAMPED.replace('NOTHING', 'UPDATE SET at = excluded.at')}`, n, `delivery ${kit.delivery}`)
    }
    expect((await explore(handler)).ok).toBe(false)
    for (const name of ['at', 'rows.at', 'rows']) (await explore(handler, { ignore: [name] })).assertClean()
  })

  it('includes the messages that wait in the outbox', async () => {
    const report = await explore(async (n, kit) => {
      const messages = outbox(kit.store)
      await kit.store.transaction((tx) => messages.add(tx, { topic: 'placed', body: n }))
    })
    const duplicate = report.findings.find(({ trial }) => trial === 'duplicate')
    expect(duplicate?.differences[0]).toBe('outbox: 3 rows in place of 1')
    expect(duplicate?.differences[1]).toMatch(/body: '1'.*topic: 'placed'/)
  })

  it('may be anything that a snapshot answers', async () => {
    const handler = async (n: number, kit: { sql(text: string, ...values: unknown[]): Promise<unknown[]> }) => {
      await kit.sql('INSERT INTO rows (n) VALUES ((SELECT count(*) FROM rows) + ?)', n)
    }
    const snapshot = async ({ sql }: { sql(text: string): Promise<unknown[]> }) =>
      ((await sql('SELECT count(*) AS number FROM rows')) as { number: number }[])[0]?.number
    const report = await explore(handler, { snapshot })
    expect(report.findings[0]?.differences).toEqual(['expected 1', 'but is   3'])
  })

  it('must be the same in two clean runs', async () => {
    const refused = explore((n, kit) => kit.sql(INSERT, n), { snapshot: () => ({ chance: randomUUID() }) })
    await expect(refused).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringMatching(/two clean runs end differently/),
    })
  })

  it('is not the answer, where two clean runs answer differently', async () => {
    const report = await explore(async (n, kit) =>
      kit.once({ scope: 'x' }).atomic(String(n), (tx) => {
        tx.prepare(INSERT).run(n)
        return randomUUID()
      }),
    )
    report.assertClean()
    const changing = await explore(async (n, kit) => {
      await kit.sql(INSERT, n)
      return randomUUID()
    })
    expect(changing.findings.map(({ what }) => what)).toContain('A duplicate gets another answer.')
  })
})

describe('refuses', () => {
  const store = () => sqliteStore({ path: ':memory:' })
  it.each([
    ['no handler', undefined, { store, message: 1 }, /`handler` must be a function/],
    ['a store that is open', () => {}, { store: memoryStore(), message: 1 }, /`store` is required: a function/],
    ['a store that is none', () => {}, { store: () => {}, message: 1 }, /`store` must open a store/],
    ['no message', () => {}, { store }, /`message` is required/],
    ['an unknown option', () => {}, { store, message: 1, tables: [] }, /`tables` is not an option/],
    ['no patience', () => {}, { store, message: 1, patienceMs: 0 }, /`patienceMs` must be a positive integer/],
    ['a set-up that is none', () => {}, { store, message: 1, setup: 'CREATE' }, /`setup` must be a function/],
  ])('%s', async (_, handler, options, message) => {
    const refused = crashEverywhere(handler as never, options as never)
    await expect(refused).rejects.toSatisfy((error) => OnlyonceError.is(error) && message.test(error.message))
  })
})

it.each(['use', 'setup', 'close'])('closes every store that it opened, also where `%s` fails', async (member) => {
  let open = 0
  const store = () => {
    const opened = sqliteStore({ path: ':memory:' })
    open++
    return {
      ...opened,
      async [Symbol.asyncDispose]() {
        open--
        await opened[Symbol.asyncDispose]()
      },
    }
  }
  const fails = () => Promise.reject(new Error('as expected'))
  const handler = (_: unknown, kit: { outside(what: string, detail: unknown): unknown }) => kit.outside('mail', 1)
  await expect(crashEverywhere(handler as never, { store, message: 1, [member]: fails })).rejects.toThrow('as expected')
  expect(open).toBe(0)
})
