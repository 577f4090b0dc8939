import { type ChildProcess, spawn } from 'node:child_process'
import { once as event } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { TransactionalStore } from '../../src/core/store.ts'
import { openStore } from '../../src/stores/open.ts'
import { bundled } from '../support/bundle.ts'
import { testDatabase as mysqlDatabase } from '../support/mysql.ts'
import { newSchema } from '../support/postgres.ts'
import { newPrefix } from '../support/redis.ts'
import { describeWith } from '../support/services.ts'
import { type AnyTx, counted, makeLedger, readLedger } from './orders-ledger.ts'

let worker = ''
const LONG = 60_000
const leftovers: (() => unknown)[] = []

beforeAll(async () => {
  worker = await bundled('test/http/orders-server.ts')
})

afterEach(async () => {
  for (const tidy of leftovers.splice(0).reverse()) await tidy()
})

type Way = 'atomic' | 'leased'
interface Place {
  readonly url: string
  /** The table of effects is there. MySQL ends a transaction that makes one. */
  readonly made?: boolean
  close?(): Promise<void>
}

/** Three servers behind one name, and what took effect. */
async function openShop({ url, made = false, close }: Place, way: Way) {
  const directory = mkdtempSync(join(tmpdir(), 'onlyonce-http-'))
  const file = join(directory, 'effects')
  if (close !== undefined) leftovers.push(close)
  leftovers.push(() => rmSync(directory, { recursive: true, force: true }))
  const store = (await openStore(url as 'memory:')) as unknown as TransactionalStore<AnyTx>
  leftovers.push(() => store[Symbol.asyncDispose]())
  // The first one to come makes the tables.
  await store.find(['0'.repeat(32)])
  if (way === 'atomic' && !made) await makeLedger(store)

  async function start(env: Record<string, string> = {}) {
    const child: ChildProcess = spawn(process.execPath, ['--no-warnings', worker, url, way, file], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, ...env },
    })
    leftovers.push(() => child.kill('SIGKILL'))
    const [line] = await event(child.stdout as NodeJS.ReadableStream, 'data')
    return `http://127.0.0.1:${Number(String(line))}/orders`
  }
  const effects = async () => {
    if (way === 'atomic') return readLedger(store)
    return counted(existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [])
  }
  return { start, effects }
}

async function post(
  url: string,
  id: string,
  then?: 'die' | 'fail',
): Promise<{ status: number; body: string } | undefined> {
  const headers = { 'content-type': 'application/json', 'idempotency-key': id }
  try {
    const reply = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ id, then }) })
    return { status: reply.status, body: await reply.text() }
  } catch {
    return undefined
  }
}

const ways = (place: () => Promise<Place>, all: readonly Way[]) => {
  for (const way of all) {
    it(
      `three servers answer 20 requests under each of 5 keys alike, and each has one effect (${way})`,
      LONG_OPTIONS,
      async () => {
        const { start, effects } = await openShop(await place(), way)
        const urls = await Promise.all([start(), start(), start()])
        const ids = ['a', 'b', 'c', 'd', 'e']
        const answers = await Promise.all(
          ids.map((id) => Promise.all(Array.from({ length: 20 }, (_, nth) => post(urls[nth % 3] as string, id)))),
        )
        for (const same of answers) {
          expect(new Set(same.map((one) => `${one?.status} ${one?.body}`)).size).toBe(1)
          expect(same[0]?.status).toBe(201)
        }
        expect(await effects()).toEqual(Object.fromEntries(ids.map((id) => [id, 1])))
      },
    )

    it(
      `a server that dies in its handler leaves ${way === 'atomic' ? 'nothing' : 'an operation that is taken over'} (${way})`,
      LONG_OPTIONS,
      async () => {
        const { start, effects } = await openShop(await place(), way)
        const [mortal, other] = await Promise.all([start({ MAY_DIE: 'yes' }), start()])
        expect(await post(mortal, 'a', 'die')).toBeUndefined()
        expect((await post(other, 'a', 'die'))?.status).toBe(201)
        expect((await post(other, 'a', 'die'))?.status).toBe(201)
        // What a leased handler did before it died is out of reach of any record: the handler is run again.
        expect(await effects()).toEqual({ a: way === 'atomic' ? 1 : 2 })
      },
    )
  }
}
const LONG_OPTIONS = { timeout: LONG }

it('an answer that is not kept undoes what an atomic handler wrote', LONG_OPTIONS, async () => {
  const { start, effects } = await openShop({ url: sqliteUrl() }, 'atomic')
  const url = await start()
  expect((await post(url, 'a', 'fail'))?.status).toBe(503)
  expect(await effects()).toEqual({})
  expect((await post(url, 'a', 'fail'))?.status).toBe(503)
  expect((await post(url, 'b'))?.status).toBe(201)
  expect(await effects()).toEqual({ b: 1 })
})

function sqliteUrl(): string {
  const directory = mkdtempSync(join(tmpdir(), 'onlyonce-http-'))
  leftovers.push(() => rmSync(directory, { recursive: true, force: true }))
  return `sqlite:${join(directory, 'shop.db')}`
}

describe('with sqlite', () => ways(async () => ({ url: sqliteUrl() }), ['leased', 'atomic']))

describeWith('redis', (url) => ways(async () => ({ url: `${url}?prefix=${newPrefix()}` }), ['leased']))

describeWith('postgres', (url) =>
  ways(async () => {
    const schema = newSchema()
    const place = new URL(url)
    const settings = { schema, migrate: 'auto', max: '10', options: `-c search_path=${schema}` }
    for (const [name, value] of Object.entries(settings)) place.searchParams.set(name, value)
    return { url: place.href }
  }, ['leased', 'atomic']),
)

describeWith('mysql', (url) =>
  ways(async () => {
    const database = await mysqlDatabase(url)
    await database.sql('CREATE TABLE effects (id VARCHAR(50))')
    return { url: database.url, made: true, close: database.close }
  }, ['leased', 'atomic']),
)
