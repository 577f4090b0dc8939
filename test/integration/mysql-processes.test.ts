import { spawn } from 'node:child_process'
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { operationId } from '../../src/core/key.ts'
import { bundled } from '../support/bundle.ts'
import { type TestDatabase, testDatabase } from '../support/mysql.ts'
import { describeWith } from '../support/services.ts'

describeWith('mysql', (url) => {
  let worker = ''
  let database: TestDatabase

  beforeAll(async () => {
    worker = await bundled('test/integration/mysql-worker.ts')
  })
  beforeEach(async () => {
    database = await testDatabase(url)
    await database.sql('CREATE TABLE effects (kind TEXT)')
  })
  afterEach(() => database.close())

  /** What the worker printed. */
  function run(mode: string): Promise<string> {
    const child = spawn(process.execPath, [worker, mode, database.url])
    let said = ''
    child.stdout.on('data', (chunk) => (said += chunk))
    child.stderr.on('data', (chunk) => (said += chunk))
    return new Promise((resolve) => child.on('close', (code) => resolve(code === 0 ? said.trim() : `${code}: ${said}`)))
  }

  it('processes that migrate at once make the schema once', async () => {
    const said = await Promise.all([run('migrate'), run('migrate'), run('migrate'), run('migrate')])
    expect(said.sort()).toEqual(['0 1', '1 1', '1 1', '1 1'])
  }, 30_000)

  it.each(['leased', 'atomic'])(
    'of 102 %s callers in 3 processes one has the effect, and all have its answer',
    async (mode) => {
      const said = await Promise.all([run(mode), run(mode), run(mode)])
      expect(new Set(said).size, said.join(' | ')).toBe(1)
      expect(said[0]).toMatch(/^answers \d+$/)
      expect(await database.sql('SELECT kind FROM effects')).toEqual([{ kind: mode }])
    },
    60_000,
  )

  it.each(['READ COMMITTED', 'REPEATABLE READ'])(
    'batches over the same operations in opposite order never deadlock under %s, whatever the verbs',
    async (level) => {
      // The event is forwarded by mysql2 with the connection that knows callbacks.
      database.pool.pool.on('connection', (connection) =>
        connection.query(`SET SESSION TRANSACTION ISOLATION LEVEL ${level}`),
      )
      const store = database.store()
      const requests = Array.from({ length: 100 }, (_, index) => ({
        id: operationId('test', `key-${index}`),
        fingerprint: 'v1:one',
        leaseMs: 60_000,
        retentionMs: 60_000,
      }))
      const deadlocks = async () => {
        const [row] = await database.sql("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'")
        return Number(row?.Value)
      }
      await store.migrate()
      const before = await deadlocks()
      for (let round = 0; round < 8; round++) {
        const ids = requests.map(({ id }) => id)
        const claims = Array.from({ length: 8 }, (_, nth) => {
          const batch = requests.map((one) => ({ ...one, owner: `${round}-${nth}` }))
          return store.claim(nth % 2 === 0 ? batch : batch.reverse())
        })
        const leases = (await Promise.all(claims)).flat().flatMap((one) => (one.kind === 'granted' ? [one.lease] : []))
        expect(leases).toHaveLength(100)
        const renewals = leases.map((lease) => ({ lease, leaseMs: 60_000, retentionMs: 60_000 }))
        const completions = leases.map((lease) => ({
          lease,
          result: { kind: 'value', body: new Uint8Array(1) } as const,
          retentionMs: 60_000,
        }))
        await Promise.all([
          store.renew(renewals),
          store.renew([...renewals].reverse()),
          store.complete(completions),
          store.complete([...completions].reverse()),
          store.release([...leases].reverse()),
          store.forget(ids),
          store.forget([...ids].reverse()),
          store.claim(requests.map((one) => ({ ...one, owner: 'x' })).reverse()),
        ])
        await store.forget(ids)
      }
      expect((await deadlocks()) - before).toBe(0)
    },
    60_000,
  )
})
