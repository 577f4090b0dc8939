import pg from 'pg'
import { expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { later, tidily } from '../support/leftovers.ts'
import { testDatabase } from '../support/postgres.ts'
import { describeWith } from '../support/services.ts'

const asText = (value: unknown) => (value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : value)

/** As a client of `pg.native`, which needs a compiler: of bytes it makes text. */
class Native extends pg.Client {
  readonly native = {}
  override query(...given: unknown[]): never {
    const [config, values] = given
    const { text = config, values: own = values } = Object(config) as { text?: unknown; values?: unknown[] }
    const query = super.query as (...given: unknown[]) => unknown
    return query.call(this, text, (own as unknown[] | undefined)?.map(asText)) as never
  }
}

/** What an escape, and what is no UTF-8, would spoil. */
const VALUES = ['plain', 'say "hi"', 'C:\\dir\\123', 'x\\\\101', 'é€', new Uint8Array([0, 255, 128, 92])]

describeWith('postgres', (url) => {
  async function opened() {
    const database = tidily(await testDatabase(url), (it) => it.close())
    // Where `pg` pipelines, the store does not write to the connection by itself either.
    const pooling = { connectionString: url, Client: Native as never, pipeline: true }
    const pool = tidily(new pg.Pool(pooling), (it) => it.end())
    const store = database.store({ pool })
    later(() => store[Symbol.asyncDispose]())
    return { pool, store, once: onlyonce({ store, scope: 'test' }) }
  }

  it.each(VALUES.map((value) => [value]))('a client that sends text only keeps the result %j', async (value) => {
    const { once, pool } = await opened()
    expect(await once('leased', () => value)).toEqual(value)
    expect(await once('leased', () => 'again')).toEqual(value)
    expect(await once.atomic('atomic', async () => value)).toEqual(value)
    expect(await once.atomic('atomic', async () => 'again')).toEqual(value)
    const tx = tidily(await pool.connect(), (it) => it.release())
    await tx.query('BEGIN')
    expect(await once.atomic('joined', async () => value, { tx })).toEqual(value)
    await tx.query('COMMIT')
    expect(await once.atomic('joined', async () => 'again')).toEqual(value)
  })
})
