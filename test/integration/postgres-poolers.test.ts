import pg from 'pg'
import { expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { later, tidily } from '../support/leftovers.ts'
import { testDatabase } from '../support/postgres.ts'
import { describeWith } from '../support/services.ts'

/** As a pooler that carries names across: those of the protocol it renames, those inside SQL it does not see. */
class Renaming extends pg.Client {
  executed = 0

  override query(...given: unknown[]): never {
    const [config, ...rest] = given as [unknown, ...unknown[]]
    const { name } = Object(config) as { readonly name?: string }
    if (typeof config === 'string' && config.includes('EXECUTE ')) this.executed++
    const passed = name === undefined ? config : { ...(config as object), name: `pooler ${name}`.slice(0, 60) }
    return (super.query as (...given: unknown[]) => unknown)(passed, ...rest) as never
  }
}

describeWith('postgres', (url) => {
  async function behindPooler() {
    const database = tidily(await testDatabase(url), (it) => it.close())
    const pool = tidily(new pg.Pool({ connectionString: url, max: 1, Client: Renaming }), (it) => it.end())
    const seen: Renaming[] = []
    pool.on('connect', (client) => seen.push(client as never))
    const store = database.store({ pool })
    later(() => store[Symbol.asyncDispose]())
    const once = onlyonce({ store, scope: 'test' })
    const executed = () => seen.reduce((sum, one) => sum + one.executed, 0)
    return { store, once, executed }
  }

  it('behind a pooler that renames statements a name is given to SQL once for each connection', async () => {
    const { once, executed } = await behindPooler()
    for (const key of ['a', 'b', 'c', 'd']) expect(await once.atomic(key, async () => key)).toBe(key)
    expect(executed()).toBe(1)
  })

  it('several claims in one transaction work behind such a pooler from the first on', async () => {
    const { store, once } = await behindPooler()
    for (const round of [1, 2]) {
      await store.transaction(async (tx) => {
        for (const key of ['a', 'b', 'c']) await once.atomic(`${key}${round}`, async () => key, { tx })
      })
      for (const key of ['a', 'b', 'c']) expect(await once.atomic(`${key}${round}`, async () => 'again')).toBe(key)
    }
  })

  it('an error that is remembered is so behind such a pooler', async () => {
    const { once } = await behindPooler()
    await once.atomic('warm', async () => {})
    const declined = () => Promise.reject(new Error('declined'))
    const options = { onThrow: 'remember' } as const
    expect(await once.atomic.attempt('key', declined, options)).toMatchObject({ kind: 'failed', replayed: false })
    expect(await once.atomic.attempt('key', declined, options)).toMatchObject({ kind: 'failed', replayed: true })
  })
})
