import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mysql from 'mysql2/promise'
import pg from 'pg'
import { describe } from 'vitest'
import { onlyonce } from '../../src/index.ts'
import { type BatchInboxOptions, inbox, type Verdict } from '../../src/messaging/inbox.ts'
import { delivery } from '../inbox-kit.ts'
import { later, tidily } from '../support/leftovers.ts'
import { isCommit } from '../support/mysql.ts'
import { describeWith } from '../support/services.ts'
import { type BatchShop, openBatchShop, type ShopKind, type ShopTx } from './batch-shop.ts'

export const PATIENCE_MS = 90_000

export const several = (count: number, prefix = 'm') =>
  Array.from({ length: count }, (_, index) => delivery({ id: `${prefix}${index}` }))
export const kindsOf = (verdicts: readonly Verdict[]) => verdicts.map(({ kind }) => kind)
export type Handle = BatchInboxOptions<ShopTx>['handle']

/** Where the databases differ: how a place for one test is made, and how a COMMIT looks on the wire. */
export interface Ground {
  readonly kind: ShopKind
  readonly url: string
  place(): Promise<string>
  urlOf(place: string): string
  readonly isCommit?: (chunk: Buffer) => boolean
}

/** A shop in a place of its own, and inboxes that hand their batches to it. */
export async function openShopOn({ kind, place: newPlace, urlOf }: Ground) {
  const place = await newPlace()
  const open = (through = urlOf(place)): BatchShop => tidily(openBatchShop(kind, through, place), (one) => one.close())
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

const newName = () => `t_${randomBytes(6).toString('hex')}`

/** Declares the tests of `suite` once for each database. */
export function onEveryDatabase(suite: (ground: Ground) => void): void {
  describe('with sqlite', () => {
    suite({
      kind: 'sqlite',
      url: '',
      async place() {
        const directory = mkdtempSync(join(tmpdir(), 'onlyonce-batches-'))
        later(() => rmSync(directory, { recursive: true, force: true }))
        return directory
      },
      urlOf: () => '',
    })
  })

  describeWith('postgres', (url) => {
    suite({
      kind: 'postgres',
      url,
      async place() {
        const schema = newName()
        const client = new pg.Client({ connectionString: url })
        await client.connect()
        later(async () => {
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
        later(async () => {
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
      isCommit,
    })
  })
}
