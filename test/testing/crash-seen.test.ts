import { describe, expect, it } from 'vitest'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { sqliteStore } from '../../src/stores/sqlite/index.ts'
import { crashEverywhere } from '../../src/testing/index.ts'
import { explore } from './crash-kit.ts'

describe('what is compared', () => {
  it('is the whole of a long column, also behind what is shown of it', async () => {
    const long = JSON.stringify({ address: 'x'.repeat(2_000), points: 10 })
    const report = await explore(
      (_, kit) => kit.sql("UPDATE customers SET doc = json_set(doc, '$.points', json_extract(doc, '$.points') + 5)"),
      {
        setup: async ({ sql }) => {
          await sql('CREATE TABLE customers (doc TEXT)')
          await sql('INSERT INTO customers VALUES (?)', long)
        },
      },
    )
    const duplicate = report.findings.find(({ trial }) => trial === 'duplicate')
    expect(duplicate?.differences[0]).toBe('customers: 1 row, as it should be, but not the same')
    for (const line of duplicate?.differences ?? []) expect(line.length).toBeLessThan(1_100)
    expect(report.volatile).toEqual([])
  })

  it('needs a snapshot where nothing is seen without one', async () => {
    const pool = { query: async () => ({ rows: [] }) }
    const run = (more: object) =>
      crashEverywhere((_: number, kit: { use: { pool: typeof pool } }) => kit.use.pool.query(), {
        store: () => memoryStore(),
        use: () => ({ pool }),
        message: 1,
        ...more,
      })
    await expect(run({})).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringMatching(/`snapshot` is required here/),
    })
    ;(await run({ snapshot: () => ({}) })).assertClean()
  })

  it('needs a snapshot where SQLite has no table, either', async () => {
    let charged = 0
    const gateway = { charge: async () => void charged++ }
    const blind = crashEverywhere((_: number, kit: { use: { gateway: typeof gateway } }) => kit.use.gateway.charge(), {
      store: () => sqliteStore({ path: ':memory:' }),
      use: () => ({ gateway }),
      message: 1,
    })
    await expect(blind).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringMatching(/`snapshot` is required here/),
    })
  })

  it('is a table of the name outbox, too', async () => {
    const report = await explore((_, kit) => kit.sql("INSERT INTO outbox (body) VALUES ('paid')"), {
      setup: ({ sql }) => sql('CREATE TABLE outbox (body TEXT)'),
    })
    expect(report.findings[0]?.differences[0]).toBe('outbox: 3 rows in place of 1')
  })
})

class Stock {
  amount = 10
  note?: string = 'full'
  count(): number {
    return this.amount
  }
}

/** A handler of a fresh `stock`, whose amount is compared. */
function withStock(handler: (stock: Stock) => unknown) {
  let real = new Stock()
  return crashEverywhere((_: number, kit: { use: { stock: Stock } }) => handler(kit.use.stock), {
    store: () => memoryStore(),
    use: () => {
      real = new Stock()
      return { stock: real }
    },
    snapshot: () => ({ stock: [{ amount: real.amount, note: real.note }] }),
    message: 1,
  })
}

describe('what is handed over by `use`', () => {
  it('keeps what is assigned to it', async () => {
    const report = await withStock((stock) => {
      const before = stock.count()
      stock.amount -= 1
      expect([stock.amount, stock.count()]).toEqual([before - 1, before - 1])
    })
    const duplicate = report.findings.find(({ trial }) => trial === 'duplicate')
    expect(duplicate?.differences).toContain("+ { amount: 7, note: 'full' }")
  })

  it('keeps nothing of a process that was stopped', async () => {
    const report = await withStock((stock) => {
      try {
        stock.count()
      } finally {
        stock.amount = stock.amount === 10 ? 9 : 0
      }
    })
    expect(report.findings.filter(({ trial }) => trial === 'crash')).toEqual([])
  })

  it('loses what is deleted from it, and has what replaces a method', async () => {
    const seen = new Set<unknown>()
    const report = await withStock((stock) => {
      stock.count()
      delete stock.note
      stock.count = () => 1
      seen.add(stock.count())
      seen.add('note' in stock)
    })
    report.assertClean()
    expect(seen).toEqual(new Set([1, false]))
  })

  it('shows its members, those of a function as well', async () => {
    const seen = new Set<string>()
    const sum = Object.assign((a: number, b: number) => a + b, { unit: 'EUR' })
    const report = await crashEverywhere(
      (_: number, { use }: { use: { stock: Stock; sum: typeof sum } }) => {
        const copy = { ...use.stock }
        use.sum.unit = 'USD'
        seen.add(JSON.stringify([Object.keys(use.stock), copy.amount, Object.keys(use.sum), use.sum(1, 2), sum.unit]))
        expect(Object.hasOwn(use.stock, 'count')).toBe(false)
      },
      {
        store: () => memoryStore(),
        use: () => ({ stock: Object.freeze(new Stock()), sum }),
        snapshot: () => 0,
        message: 1,
      },
    )
    report.assertClean()
    expect([...seen]).toEqual(['[["amount","note"],10,["unit"],3,"USD"]'])
  })
})

interface Row {
  readonly id: number
}

/** Does nothing until it is waited for, as Knex does. */
class Builder implements PromiseLike<Row[]> {
  readonly #rows: Row[]
  #write: Row | undefined
  constructor(rows: Row[]) {
    this.#rows = rows
  }
  insert(row: Row): this {
    this.#write = row
    return this
  }
  unlessKnown(): this {
    if (this.#rows.some(({ id }) => id === this.#write?.id)) this.#write = undefined
    return this
  }
  where(narrow: (builder: Builder) => unknown): this {
    narrow(new Builder(this.#rows).insert({ id: -1 }))
    return this
  }
  // biome-ignore lint/suspicious/noThenProperty: this is what is tested
  then<A = Row[], B = never>(
    done?: ((rows: Row[]) => A | PromiseLike<A>) | null,
    failed?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return Promise.resolve()
      .then(() => {
        if (this.#write !== undefined) this.#rows.push(this.#write)
        return [...this.#rows]
      })
      .then(done, failed)
  }
  catch<B>(failed: (error: unknown) => B) {
    return this.then(undefined, failed)
  }
}

/** A handler of an empty table behind a query builder. */
function withBuilder(handler: (table: (name: string) => Builder, id: number) => unknown) {
  let rows: Row[] = []
  return crashEverywhere((id: number, kit: { use: { knex(name: string): Builder } }) => handler(kit.use.knex, id), {
    store: () => memoryStore(),
    use: () => {
      rows = []
      return { knex: () => new Builder(rows) }
    },
    snapshot: () => ({ orders: [...rows] }),
    message: 1,
  })
}

describe('a query builder', () => {
  it('does nothing until it is waited for, and then once', async () => {
    const report = await withBuilder(async (table, id) => {
      table('orders').insert({ id: 99 })
      const rows = await table('orders').insert({ id }).unlessKnown()
      expect(rows).toEqual([{ id: 1 }])
    })
    expect(report.findings.filter(({ trial }) => trial !== 'together')).toEqual([])
    expect(report.points.map(({ call }) => call).at(-1)).toBe('knex.then orders')
    expect(report.points.at(-1)?.site?.source).toMatch(/await table\('orders'\)/)
  })

  it('is a place to stop at', async () => {
    const report = await withBuilder(async (table, id) => {
      await table('orders').insert({ id })
      await table('orders')
        .insert({ id: id + 1 })
        .unlessKnown()
    })
    const crash = report.findings.find(({ trial }) => trial === 'crash')
    expect(crash?.after?.call).toBe('knex.then orders')
    expect(crash?.differences).toContain('+ { id: 1 }')
  })

  it('loses its answer where it is told by catch', async () => {
    const report = await withBuilder((table, id) =>
      table('orders')
        .insert({ id })
        .unlessKnown()
        .catch(() => 'lost'),
    )
    expect(report.findings.map(({ trial }) => trial)).toContain('failure')
  })

  it('is not run when a callback answers it', async () => {
    const report = await withBuilder((table, id) =>
      table('orders')
        .where((builder) => builder)
        .insert({ id })
        .unlessKnown(),
    )
    expect(report.findings.map(({ trial }) => trial)).not.toContain('duplicate')
    expect(report.points.map(({ call }) => call).at(-1)).toBe('knex.then orders')
  })
})

/** Begins by itself, as Knex's transactions do. */
class Transaction {
  readonly isolation = () => 'serializable'
  readonly #done: Promise<unknown>
  constructor(work: () => unknown) {
    this.#done = new Promise((resolve) => void setImmediate(resolve)).then(work)
  }
  // biome-ignore lint/suspicious/noThenProperty: this is what is tested
  then: Promise<unknown>['then'] = (done, failed) => this.#done.then(done, failed)
}

it('a transaction that begins after its process was stopped ends, and nobody has to hear of it', async () => {
  const unheard: unknown[] = []
  const hear = (reason: unknown) => void unheard.push(reason)
  process.on('unhandledRejection', hear)
  const rows = new Set<number>()
  const report = await crashEverywhere(
    async (id: number, { use }) => {
      const add = async () => void use.table.insert(id)
      expect(await use.knex.transaction(add)).toBe(undefined)
    },
    {
      store: () => memoryStore(),
      use: () => {
        rows.clear()
        return {
          knex: { transaction: (work: () => unknown) => new Transaction(work) },
          table: { insert: (id: number) => void rows.add(id) },
        }
      },
      snapshot: () => [...rows],
      message: 1,
    },
  )
  await new Promise((resolve) => void setImmediate(resolve))
  process.off('unhandledRejection', hear)
  report.assertClean()
  expect(unheard).toEqual([])
})

describe('a second delivery at the same time', () => {
  it('comes between the answer of a call and a write that is made at once', async () => {
    let rows: Row[] = []
    const report = await crashEverywhere(
      async (id: number, { use }) => {
        if (await use.cache.has(id)) return
        use.table.insert(id)
      },
      {
        store: () => memoryStore(),
        use: () => {
          rows = []
          const cache = { has: async (id: number) => rows.some((row) => row.id === id) }
          return { cache, table: { insert: (id: number) => void rows.push({ id }) } }
        },
        snapshot: () => ({ rows: [...rows] }),
        message: 1,
      },
    )
    expect(report.findings).toMatchObject([
      { trial: 'together', after: { call: 'cache.has' }, before: { call: 'table.insert' } },
    ])
  })
})
