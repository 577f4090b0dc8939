import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { encodeResult } from '../../src/core/codec.ts'
import { onlyonce } from '../../src/core/engine.ts'
import { operationId } from '../../src/core/key.ts'
import type { Operation } from '../../src/core/once.ts'
import type { Store } from '../../src/core/store.ts'
import { type CompleterEvent, completer } from '../../src/guards/completer.ts'
import { memoryStore } from '../../src/stores/memory/index.ts'
import { redisStore } from '../../src/stores/redis/index.ts'
import { sqliteStore } from '../../src/stores/sqlite/index.ts'
import { testDatabase as mysqlDatabase } from '../support/mysql.ts'
import { testDatabase as postgresDatabase } from '../support/postgres.ts'
import { newPrefix, openClient } from '../support/redis.ts'
import { describeWith } from '../support/services.ts'
import { sleepMs, until } from '../support/waiting.ts'

interface Opened {
  readonly store: Store
  close(): Promise<void>
}

const LEASE_MS = 60
/** Long enough to claim and to write steps on a machine that is slow. */
const LEFT_MS = 1_500

/** Claims and steps as a process leaves them that dies between two steps: written, and never spoken of again. */
async function leaveBehind(store: Store, scope: string, keys: readonly string[]): Promise<void> {
  const owner = () => randomUUID().replaceAll('-', '')
  const times = { leaseMs: LEFT_MS, retentionMs: 600_000 }
  const requests = keys.map((key) => ({
    id: operationId(scope, key),
    scope,
    key,
    fingerprint: '',
    owner: owner(),
    ...times,
  }))
  const claims = await store.claim(requests)
  const steps = [{ name: 'reserve', result: encodeResult('reserved before') }]
  const leases = claims.flatMap((claim) => (claim.kind === 'granted' ? [claim.lease] : []))
  expect(leases).toHaveLength(keys.length)
  await store.renew(leases.map((lease) => ({ lease, steps, ...times })))
}

function cases(open: () => Promise<Opened>): void {
  it('ends what was left behind, page by page, beside other completers, each handler once', async () => {
    const { store, close } = await open()
    try {
      const scope = 'payments'
      const keys = Array.from({ length: 23 }, (_, i) => `order:${i}`)
      await leaveBehind(store, scope, keys)
      await leaveBehind(store, 'mail', ['welcome'])
      await sleepMs(LEFT_MS + 40)
      const ran: string[] = []
      const pay = async (op: Operation) => {
        const reserved = await op.step('reserve', () => expect.fail('reserved twice'))
        ran.push(op.key)
        return `${reserved}, captured in attempt ${op.attempt}`
      }
      const events: CompleterEvent[] = []
      const engines = [1, 2, 3].map(() => onlyonce({ store, scope, retentionMs: 600_000 }))
      const completers = engines.map((once) =>
        completer({
          once,
          handlers: { [scope]: pay },
          maxPerRound: 5,
          everyMs: 20,
          onEvent: (event) => events.push(event),
        }),
      )
      for (const one of completers) one.start()
      await until('all have run', () => ran.length >= keys.length, 45_000)
      await Promise.all(completers.map((one) => one.stop()))
      expect(ran.toSorted()).toEqual(keys.toSorted())
      expect(events.filter(({ type }) => type === 'failed' || type === 'store-failed')).toEqual([])
      expect(await engines[0]?.('order:7', () => 'never')).toBe('reserved before, captured in attempt 2')
      const left = await store.list({ state: 'abandoned', limit: 9 })
      expect(left.items.map(({ key }) => key)).toEqual(['welcome'])
      for (const one of engines) await one.close()
    } finally {
      await close()
    }
  })

  it('comes back to a failed one when its lease and its pause are over, and gives it up in the end', async () => {
    const { store, close } = await open()
    try {
      await leaveBehind(store, 'payments', ['order:1'])
      const once = onlyonce({ store, scope: 'payments', leaseMs: LEASE_MS, retentionMs: 600_000 })
      const failed: number[] = []
      const handler = (op: Operation) => {
        failed.push(op.starts)
        throw new Error('gateway is down')
      }
      const options = { everyMs: 10, backoffMs: 5, maxStarts: 4 }
      const givenUp: CompleterEvent[] = []
      const onEvent = (event: CompleterEvent) => void (event.type === 'given-up' && givenUp.push(event))
      const running = completer({ once, handlers: { payments: handler }, ...options, onEvent })
      running.start()
      await until('it is given up', () => givenUp.length > 0, 45_000)
      await running.stop()
      expect(givenUp).toMatchObject([{ key: 'order:1', starts: 4, held: true }])
      expect(failed).toEqual([2, 3, 4])
      expect((await once.find('order:1'))?.state).toBe('unknown')
      await once.close()
    } finally {
      await close()
    }
  })
}

describe('a completer with memory', () => {
  cases(async () => ({ store: memoryStore(), close: async () => {} }))
})

describe('a completer with sqlite', () => {
  cases(async () => {
    const directory = mkdtempSync(join(tmpdir(), 'onlyonce-completer-'))
    const store = sqliteStore({ path: join(directory, 'records.db'), durability: 'normal' })
    const close = async () => {
      await store[Symbol.asyncDispose]()
      rmSync(directory, { recursive: true, force: true })
    }
    return { store, close }
  })
})

describe('a completer', () => {
  describeWith('postgres', (url) =>
    cases(async () => {
      const database = await postgresDatabase(url)
      return { store: database.store(), close: () => database.close() }
    }),
  )
  describeWith('mysql', (url) =>
    cases(async () => {
      const database = await mysqlDatabase(url)
      return { store: database.store(), close: () => database.close() }
    }),
  )
  describeWith('redis', (url) =>
    cases(async () => {
      const { client, close } = await openClient('ioredis', url)
      return { store: redisStore({ client, prefix: newPrefix() }), close }
    }),
  )
})
