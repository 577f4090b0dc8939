import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { describe, expect, it } from 'vitest'
import { operationId } from '../../src/core/key.ts'
import { onlyonce } from '../../src/index.ts'
import { createConnector } from '../../src/stores/sqlite/connect.ts'
import { type SqliteTx, sqliteStore } from '../../src/stores/sqlite/index.ts'
import { resolveSqliteOptions } from '../../src/stores/sqlite/options.ts'
import { request } from '../support/claims.ts'
import { all, granted, rawDatabase, storeOn, tempFile, value } from './sqlite-helpers.ts'

describe('a record that cannot be trusted', () => {
  const damages: Record<string, [sql: string, says: RegExp]> = {
    'of an unknown state': ["state = 'paused'", /state is "paused"/],
    'of a newer format': ['format = 2', /newer onlyonce, in format 2/],
    'of no format': ['format = 0', /its format is 0/],
    'with steps that are no JSON': ["steps = '[['", /JSON/],
    'with steps that are no list': ["steps = '{}'", /steps/],
    'with a damaged step': ["steps = '[[1, 2]]'", /step/],
    'with a fence beyond exact numbers': ['fence = 9007199254740993', /fence|number/],
    'with a negative attempt': ['attempt = -1', /attempt is -1/],
    'that is running and has a result': ["result_kind = 'value'", /running and has a result/],
    'that is done without a result': ["state = 'done'", /result_kind is null/],
    'that is done with a result of unknown kind': ["state = 'done', result_kind = 'maybe'", /"maybe"/],
    'that is done without a body': ["state = 'done', result_kind = 'value'", /result_body is no blob/],
    'with a damaged key': ["key = '\"cut'", /JSON/],
    'with a time that is not a number': ['lease_until = 9e999', /lease_until is Infinity/],
  }
  for (const [what, [damage, says]] of Object.entries(damages)) {
    it(`${what} is OUTCOME_UNKNOWN, naming it, and its neighbours are answered`, async () => {
      const path = tempFile()
      const store = storeOn(path)
      const db = await rawDatabase(path)
      const { lease } = granted((await store.claim([request('bad')]))[0])
      granted((await store.claim([request('good')]))[0])
      db.prepare(`UPDATE onlyonce_operations SET ${damage} WHERE id = ?`).run(lease.id)
      const calls = [
        () => store.claim([request('bad')]),
        () => store.renew([{ lease, leaseMs: 1_000, retentionMs: 1_000 }]),
        () => store.complete([{ lease, result: value('v'), retentionMs: 1_000 }]),
        () => store.release([lease]),
        () => store.find([lease.id]),
        () => store.transaction((tx) => store.within(tx).claim(request('bad'))),
      ]
      const refused = { code: 'OUTCOME_UNKNOWN' }
      for (const call of calls) await expect(call()).rejects.toMatchObject(refused)
      const error = await store.find([lease.id]).catch((thrown: Error) => thrown)
      expect(error).toHaveProperty('message', expect.stringMatching(says))
      const { items } = await store.list({ limit: 10 })
      const listed = items.map(({ id, key, result, readAt }) => [id, key, result?.kind, typeof readAt])
      expect(listed).toHaveLength(2)
      expect(listed).toContainEqual([request('good').id, 'good', undefined, 'number'])
      expect(listed).toContainEqual([lease.id, what === 'with a damaged key' ? undefined : 'bad', 'unknown', 'number'])
      // A batch with it fails as a whole and changes nothing; the engine then asks for each alone.
      await expect(store.claim([request('new'), request('bad')])).rejects.toMatchObject(refused)
      expect(await store.find([request('new').id])).toEqual([undefined])
      let ran = false
      const once = onlyonce({ store, scope: 'test' })
      const [bad, fine] = await Promise.allSettled([once('bad', () => (ran = true)), once('fine', () => 'fine')])
      expect(bad).toMatchObject({ status: 'rejected' })
      expect(fine).toEqual({ status: 'fulfilled', value: 'fine' })
      expect(ran).toBe(false)
      expect(await store.forget([lease.id])).toBe(1)
      granted((await store.claim([request('bad')]))[0])
    })
  }

  it('whose id is right and whose key or scope is not is never replayed', async () => {
    const path = tempFile()
    const store = storeOn(path)
    const db = await rawDatabase(path)
    await onlyonce({ store, scope: 'test' })('mine', () => 'secret')
    for (const change of ["key = 'other'", "key = 'mine', scope = 'tenant-b'"]) {
      db.exec(`UPDATE onlyonce_operations SET ${change}`)
      const said = { code: 'OUTCOME_UNKNOWN', message: expect.stringMatching(/was altered/) }
      await expect(store.claim([request('mine')])).rejects.toMatchObject(said)
      const within = store.transaction((tx) => store.within(tx).claim(request('mine')))
      await expect(within).rejects.toMatchObject(said)
    }
    // Under `keys: 'hashed'` there is nothing to compare with.
    const { scope: _, key: __, ...hashed } = request('mine', { fingerprint: 'v1:other' })
    expect((await store.claim([hashed]))[0]?.kind).toBe('mismatch')
  })
})

describe('text that databases cut or change', () => {
  it('comes back as it was', async () => {
    const path = tempFile()
    const store = storeOn(path)
    for (const text of ['a\0b', '\0', '"quoted"', '"', 'half \ud800 pair', 'é', '💥', "'; DROP TABLE x; --"]) {
      const id = operationId('odd', text)
      const asked = request('x', { id, scope: `s${text}`, key: text, fingerprint: `f${text}` })
      granted((await store.claim([asked]))[0])
      const [found] = await store.find([id])
      expect(found).toMatchObject({ scope: `s${text}`, key: text, fingerprint: `f${text}` })
      expect((await store.claim([{ ...asked, owner: 'else' }]))[0]?.kind).toBe('running')
      expect((await store.list({ limit: 9, scope: `s${text}` })).items).toHaveLength(1)
    }
  })
})

describe('a file that cannot be used', () => {
  it('in a directory that is not there is refused, and used once it is', async () => {
    const path = tempFile('sub/operations.db')
    const store = storeOn(path)
    await expect(store.claim([request('a')])).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringMatching(/directory exists/),
      cause: expect.anything(),
    })
    mkdirSync(dirname(path))
    granted((await store.claim([request('a')]))[0])
  })

  it('that is not a database is refused and left alone, and used once it is gone', async () => {
    const path = tempFile()
    writeFileSync(path, 'not a database, but a diary '.repeat(200))
    const store = storeOn(path)
    await expect(store.find([])).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringMatching(/not an SQLite database/),
    })
    rmSync(path)
    expect(await store.find([])).toEqual([])
  })

  it('of another database, told by an effect, costs a store in memory nothing', async () => {
    const store = storeOn(':memory:')
    granted((await store.claim([request('a')]))[0])
    const cause = Object.assign(new Error('attempt to write a readonly database'), { code: 'SQLITE_READONLY' })
    const failing = store.transaction(() => Promise.reject(new Error('no report was written', { cause })))
    await expect(failing).rejects.toThrow('no report was written')
    expect((await store.claim([request('a')]))[0]?.kind).toBe('running')
  })

  it('that was deleted or replaced while it was open is refused, until it is back', async () => {
    const path = tempFile()
    const store = storeOn(path)
    granted((await store.claim([request('a')]))[0])
    renameSync(path, `${path}.away`)
    const said = { code: 'STORE_UNAVAILABLE', message: expect.stringMatching(/deleted or replaced/) }
    for (const call of [
      () => store.claim([request('b')]),
      () => store.find([]),
      () => store.transaction(async () => 1),
    ]) {
      await expect(call()).rejects.toMatchObject(said)
    }
    expect(existsSync(path)).toBe(false)
    renameSync(`${path}.away`, path)
    expect((await store.claim([request('a')]))[0]?.kind).toBe('running')
  })

  it('that cannot be written is refused, and reading it works', async () => {
    const mine = await rawDatabase(tempFile())
    const store = sqliteStore({ database: mine })
    granted((await store.claim([request('a')]))[0])
    mine.exec('PRAGMA query_only = 1')
    const said = { code: 'STORE_UNAVAILABLE', message: expect.stringMatching(/cannot be written/) }
    await expect(store.claim([request('b')])).rejects.toMatchObject(said)
    await expect(store.transaction(async () => 1)).rejects.toMatchObject(said)
    expect((await store.find([request('a').id]))[0]?.key).toBe('a')
    mine.exec('PRAGMA query_only = 0')
    granted((await store.claim([request('b')]))[0])
  })

  it('whose mode forbids writing is refused, also to claim what is not there', async () => {
    const path = tempFile()
    const first = storeOn(path)
    await first.claim([request('a')])
    await first[Symbol.asyncDispose]()
    const store = storeOn(path)
    // The driver is loaded while it can be read; root may write anywhere, so it steps down for a moment.
    await storeOn(tempFile()).sweep(1)
    const wasRoot = process.geteuid?.() === 0
    chmodSync(path, 0o444)
    chmodSync(dirname(path), 0o555)
    if (wasRoot) process.seteuid?.(65_534)
    const call = store.claim([request('b')]).catch((thrown: unknown) => thrown)
    const error = await call
    if (wasRoot) process.seteuid?.(0)
    chmodSync(dirname(path), 0o755)
    chmodSync(path, 0o644)
    expect(error).toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringMatching(/cannot be (written|opened)/),
    })
    granted((await store.claim([request('b')]))[0])
  })

  it('is not taken for another one of the same name when its connection is opened anew', async () => {
    const path = tempFile()
    const options = resolveSqliteOptions({ path })
    const connect = createConnector(options, (step) => Promise.resolve().then(step))
    const first = await connect(0)
    first.close()
    ;(await connect(0)).close()
    renameSync(path, `${path}.away`)
    writeFileSync(path, '')
    await expect(connect(0)).rejects.toMatchObject({ message: expect.stringMatching(/deleted or replaced/) })
    renameSync(`${path}.away`, path)
    ;(await connect(0)).close()
  })

  it('whose tables were dropped is refused, naming the command, and does not start afresh', async () => {
    const path = tempFile()
    const store = storeOn(path)
    await store.claim([request('a')])
    const db = await rawDatabase(path)
    db.exec('DROP VIEW onlyonce_operations_v; DROP TABLE onlyonce_operations')
    await expect(store.claim([request('a')])).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining(`npx onlyonce migrate --store sqlite:${path}`),
    })
  })
})

describe('a full disk', () => {
  async function almostFull() {
    const mine = await rawDatabase(tempFile())
    const store = sqliteStore({ database: mine })
    await store.transaction(async (tx) => tx.exec('CREATE TABLE effects (body BLOB)'))
    const pages = Number(all(mine, 'PRAGMA page_count')[0]?.page_count)
    mine.exec(`PRAGMA max_page_count = ${pages + 2}`)
    const makeRoom = () => mine.exec('PRAGMA max_page_count = 100000')
    return { store, mine, makeRoom, once: onlyonce({ store, scope: 'test' }) }
  }
  const big = new Uint8Array(200_000)
  const fill = (tx: SqliteTx) => tx.prepare("INSERT INTO effects VALUES (?), (x'00')").run(big)

  it('refuses a result and keeps the lease, and takes it when there is room', async () => {
    const { store, makeRoom } = await almostFull()
    const { lease } = granted((await store.claim([request('a')]))[0])
    const completion = { lease, result: { kind: 'value', body: big } as const, retentionMs: 1_000 }
    await expect(store.complete([completion])).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringMatching(/full/),
    })
    expect((await store.find([lease.id]))[0]).toMatchObject({ state: 'running', owner: lease.owner })
    makeRoom()
    expect(await store.complete([completion])).toEqual(['ok'])
  })

  it('undoes claim and effect together, says that nothing was changed, and the store goes on', async () => {
    const { store, mine, once, makeRoom } = await almostFull()
    const effect = async (tx: SqliteTx) => {
      tx.prepare('INSERT INTO effects VALUES (?)').run(new Uint8Array(8))
      fill(tx)
    }
    await expect(once.atomic('a', effect)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    await expect(store.transaction(effect)).rejects.toThrow(/full/)
    expect(all(mine, 'SELECT count(*) AS n FROM effects')).toEqual([{ n: 0 }])
    expect(await store.find([operationId('test', 'a')])).toEqual([undefined])
    makeRoom()
    await once.atomic('a', effect)
    expect(all(mine, 'SELECT count(*) AS n FROM effects')).toEqual([{ n: 3 }])
  })
})
