import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mysql from 'mysql2/promise'
import pg from 'pg'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { embeddedQueue } from '../../src/messaging/embedded-queue.ts'
import { type BatchInboxOptions, inbox, type Verdict } from '../../src/messaging/inbox.ts'
import { delivery } from '../inbox-kit.ts'
import { createProxy } from '../support/proxy.ts'
import { describeWith } from '../support/services.ts'
import { type BatchShop, openBatchShop, type ShopKind, type ShopTx } from './batch-shop.ts'
import { bundled, until } from './messaging-helpers.ts'

const PATIENCE_MS = 90_000
const leftovers: (() => unknown)[] = []
afterEach(async () => {
  for (const tidy of leftovers.splice(0).reverse()) await tidy()
})

const several = (count: number, prefix = 'm') =>
  Array.from({ length: count }, (_, index) => delivery({ id: `${prefix}${index}` }))
const kindsOf = (verdicts: readonly Verdict[]) => verdicts.map(({ kind }) => kind)
type Handle = BatchInboxOptions<ShopTx>['handle']

/** Where the databases differ: how a place for one test is made, and how a COMMIT looks on the wire. */
interface Ground {
  readonly kind: ShopKind
  readonly url: string
  place(): Promise<string>
  urlOf(place: string): string
  readonly isCommit?: (chunk: Buffer) => boolean
}

function suite({ kind, url, place: newPlace, urlOf, isCommit }: Ground): void {
  let worker: string
  beforeAll(async () => {
    worker = await bundled('batch-worker')
  })

  async function setup() {
    const place = await newPlace()
    const open = (through = urlOf(place)): BatchShop => {
      const shop = openBatchShop(kind, through, place)
      leftovers.push(() => shop.close())
      return shop
    }
    const shop = open()
    await shop.createTables()
    const consumer = (handle: Handle, of = shop) => {
      const receive = inbox({
        once: onlyonce({ store: of.store, scope: 'shop', leaseMs: 5_000, storeTimeoutMs: 20_000 }),
        name: 'ledger',
        delivers: 'exactly-once-effect',
        batch: { maxSize: 100 },
        backoffMs: 5,
        maxAttempts: 3,
        handle,
      })
      return (deliveries: Parameters<NonNullable<typeof receive.batch>['receive']>[0]) =>
        Promise.all(receive.batch?.receive(deliveries) ?? [])
    }
    return { place, shop, open, consumer }
  }

  it('50 messages that touch the same rows, one of which fails: 49 effects, and the one is parked', {
    timeout: PATIENCE_MS,
  }, async () => {
    const { shop, consumer } = await setup()
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
    const { shop, open, consumer } = await setup()
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
      const { shop, open, consumer } = await setup()
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
      const { place, shop, open, consumer } = await setup()
      const proxy = await createProxy(Number(new URL(url).port))
      leftovers.push(() => proxy.close())
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

  it('a message that kills its process is parked; the others of its batches take effect once', {
    timeout: PATIENCE_MS,
  }, async () => {
    const { place, shop } = await setup()
    const directory = mkdtempSync(join(tmpdir(), 'onlyonce-batches-'))
    const path = join(directory, 'queue.db')
    const queue = embeddedQueue({
      path,
      subscriptions: { orders: ['orders'] },
      durability: 'normal',
      busyTimeoutMs: 20_000,
    })
    leftovers.push(async () => {
      await queue.close()
      rmSync(directory, { recursive: true, force: true })
    })
    const ids = [...several(60).map(({ id }) => id), 'killer', 'poison', ...several(38, 'n').map(({ id }) => id)]
    await queue.publish(ids.map((id) => ({ id, topic: 'orders', body: Buffer.from(id), headers: {} })))
    let lives = 0
    let over = false
    const living = new Set<ReturnType<typeof spawn>>()
    leftovers.push(() => {
      over = true
      for (const child of living) child.kill('SIGKILL')
    })
    const live = () => {
      lives++
      const child = spawn(process.execPath, [worker, kind, urlOf(place), place, path], { stdio: 'inherit' })
      living.add(child)
      child.once('exit', () => {
        living.delete(child)
        if (!over && lives < 20) live()
      })
    }
    live()
    await until(
      'the queue is empty',
      async () => {
        const { ready = 0, out = 0 } = (await queue.stats()).get('orders') ?? {}
        return ready + out === 0
      },
      PATIENCE_MS - 30_000,
    )
    expect(lives).toBeGreaterThan(2)
    const effects = await shop.effects()
    expect([effects.length, new Set(effects).size]).toEqual([98, 98])
    expect((await queue.deadLetters('orders')).map(({ id, reason }) => [id, reason]).sort()).toEqual([
      ['killer', expect.stringContaining('the process died')],
      ['poison', 'poison'],
    ])
  })
}

describe('with sqlite', () => {
  suite({
    kind: 'sqlite',
    url: '',
    async place() {
      const directory = mkdtempSync(join(tmpdir(), 'onlyonce-batches-'))
      leftovers.push(() => rmSync(directory, { recursive: true, force: true }))
      return directory
    },
    urlOf: () => '',
  })
})

const newName = () => `t_${randomBytes(6).toString('hex')}`

describeWith('postgres', (url) => {
  suite({
    kind: 'postgres',
    url,
    async place() {
      const schema = newName()
      const client = new pg.Client({ connectionString: url })
      await client.connect()
      leftovers.push(async () => {
        await client.query(`DROP SCHEMA "${schema}" CASCADE`)
        await client.end()
      })
      await client.query(`CREATE SCHEMA "${schema}"`)
      return schema
    },
    urlOf: () => url,
    isCommit: (chunk) => chunk.includes('; COMMIT'),
  })
})

describeWith('mysql', (url) => {
  suite({
    kind: 'mysql',
    url,
    async place() {
      const database = newName()
      const client = await mysql.createConnection({ uri: url })
      leftovers.push(async () => {
        await client.query(`DROP DATABASE ${database}`)
        await client.end()
      })
      await client.query(`CREATE DATABASE ${database}`)
      return database
    },
    urlOf(database) {
      const own = new URL(url)
      own.pathname = `/${database}`
      return own.href
    },
    isCommit: (chunk) => chunk.subarray(5).toString('latin1') === 'COMMIT',
  })
})
