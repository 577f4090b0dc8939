import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { storedValue } from '../../src/core/result.ts'
import { systemRuntime } from '../../src/core/runtime.ts'
import { sqliteStore } from '../../src/stores/sqlite/index.ts'
import { abandoned, claim, cli, done, file, find, home, json, path, store, unknown, url } from './cli-kit.ts'

async function expired(count: number, agoMs: number): Promise<void> {
  const past = sqliteStore({ path, runtime: { ...systemRuntime, now: () => Date.now() - agoMs } })
  for (let n = 0; n < count; n++)
    await done(`old:${n}`, storedValue(n), { on: past, leaseMs: 1_000, retentionMs: 1_000 })
  await past[Symbol.asyncDispose]()
}

describe('sweep', () => {
  it('removes one batch, or all', async () => {
    await expired(25, 7_200_000)
    await claim('live')
    expect(json(await cli(['sweep', '--limit', '10', '--json', '--store', url]))).toEqual({ swept: 10, more: true })
    const rest = await cli(['sweep', '--limit', '4', '--all', '--store', url])
    expect(rest).toEqual({ code: 0, out: 'removed 15 records past retention\n', err: '' })
    expect(await find('live')).toBeDefined()
    expect((await cli(['sweep', '--store', url])).out).toBe('removed 0 records past retention\n')
  })

  it('shows progress on a terminal only', async () => {
    await expired(3, 7_200_000)
    const said = await cli(['sweep', '--limit', '1', '--all', '--store', url], { tty: true })
    expect(said.err).toContain('\r3 removed')
    expect(said.out).toBe('removed 3 records past retention\n')
  })
})

describe('migrate', () => {
  it('prints what it would do, does it, and then has nothing to do', async () => {
    const fresh = join(home, `fresh-${file}.db`)
    const migrate = (...argv: string[]) => cli(['migrate', '--store', `sqlite:${fresh}`, ...argv])
    const dry = await migrate('--dry-run')
    expect(dry.code).toBe(0)
    expect(dry.out).toMatch(/^CREATE TABLE [\s\S]*;\n$/)
    expect(dry.err).toContain('nothing was changed')
    expect(existsSync(fresh)).toBe(false)
    const wet = await migrate()
    expect(wet.out).toBe(dry.out)
    const again = await migrate('--json')
    expect(json(again)).toMatchObject({ dryRun: false, statements: [] })
    expect(again.err).toContain('up to date')
    expect((await cli(['doctor', '--store', `sqlite:${fresh}`])).code).toBe(0)
  })

  it('prints every migration without connecting to anything', async () => {
    const fresh = join(home, `never-${file}.db`)
    const printed = await cli(['migrate', 'print', '--store', `sqlite:${fresh}`])
    expect(printed.code).toBe(0)
    expect(printed.out).toMatch(/^-- 1: .*\nCREATE TABLE [\s\S]*;\n$/)
    expect(existsSync(fresh)).toBe(false)
    const nobody = await cli(['migrate', 'print', '--json', '--store', 'postgres://127.0.0.1:1/shop?schema=elsewhere'])
    expect(nobody.code).toBe(0)
    expect(json(nobody)).toMatchObject([
      { version: 1, statements: expect.arrayContaining([expect.stringContaining('"elsewhere".operations')]) },
    ])
    const redis = await cli(['migrate', 'print', '--store', 'redis://127.0.0.1:1'])
    expect(redis.err).toContain('no schema')
  })
})

describe('doctor', () => {
  const doctor = (...argv: string[]) => cli(['doctor', '--store', url, ...argv])
  const failed = async () => {
    const said = await doctor('--json')
    const { ok, checks } = json(said) as { ok: boolean; checks: { name: string; status: string; fix?: string }[] }
    expect(said.code).toBe(ok ? 0 : 1)
    return checks
      .filter(({ status }) => status === 'failed')
      .map(({ name, fix }) => [name, fix?.replace(` --store ${url}`, '')])
  }

  it('finds nothing wrong with a store at work', async () => {
    await claim('a')
    await done('b', storedValue(1))
    await expired(3, 50_000_000)
    expect(await failed()).toEqual([])
    const said = await doctor()
    expect(said).toMatchObject({ code: 0, err: '' })
    expect(said.out).toMatch(/^ok +schema +version \d+\n/)
    expect(said.out).toContain('3 records past retention')
  })

  it('names what is wrong and the command that helps', async () => {
    await abandoned('a')
    await unknown('b')
    await expired(2, 90_000_000)
    expect(await failed()).toEqual([
      ['abandoned', 'npx onlyonce keys ls --state abandoned'],
      ['unknown', 'npx onlyonce keys ls --state unknown'],
      ['retention', 'npx onlyonce sweep --all'],
    ])
    const said = await doctor()
    expect(said.out).toMatch(
      /failed +retention +2 records past retention, the oldest for 1 d\n +run: npx onlyonce sweep --all --store /,
    )
  })

  const waits = (id: string) =>
    store.transaction((tx) => store.outbox.append(tx, [{ id, topic: 'orders', body: new Uint8Array(), headers: {} }]))

  it('sees messages that were parked, and that wait with nobody to publish them', async () => {
    await waits('a')
    expect(await failed()).toEqual([])
    const [{ position = 0 } = {}] = (await store.outbox.take('r', 60_000, 1)) ?? []
    await store.outbox.settle([{ position, kind: 'parked', reason: 'too large', failures: 1 }])
    await waits('b')
    expect(await failed()).toEqual([['outbox', 'npx onlyonce outbox ls']])
    expect((await doctor()).out).toMatch(/\nfailed +outbox +1 message parked; 1 message waiting\n/)
    await store.outbox.discard([position])
    expect(await failed()).toEqual([])
    await store.transaction(async (tx) => tx.exec('UPDATE onlyonce_outbox SET created_at = created_at - 7200000'))
    expect(await failed()).toEqual([['outbox', 'npx onlyonce outbox ls']])
    expect((await doctor()).out).toContain('1 message waiting, the oldest for 2 h: does a relay run')
  })

  it('sees a table that somebody changed', async () => {
    await store.transaction(async (tx) => tx.exec('DROP INDEX onlyonce_operations_retention'))
    const said = await doctor()
    expect(said.code).toBe(1)
    expect(said.out).toContain('onlyonce_operations_retention is missing')
  })
})
