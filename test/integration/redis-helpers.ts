import { Redis } from 'ioredis'
import { afterEach } from 'vitest'
import { operationId } from '../../src/core/key.ts'
import type { Lease } from '../../src/core/record.ts'
import type { ClaimOutcome, ClaimRequest, Completion } from '../../src/core/store.ts'
import { type RedisStore, type RedisStoreOptions, redisStore } from '../../src/stores/redis/index.ts'
import { newPrefix } from '../support/redis.ts'

const leftovers: (() => unknown)[] = []

afterEach(async () => {
  for (const tidy of leftovers.splice(0).reverse()) await tidy()
})

/** Run after the test, last first. */
export function afterwards(tidy: () => unknown): void {
  leftovers.push(tidy)
}

interface ClientOptions {
  readonly password?: string
  readonly keyPrefix?: string
  readonly autoResendUnfulfilledCommands?: boolean
  readonly maxRetriesPerRequest?: null
}

export function clientOf(port: number, options: ClientOptions = {}): Redis {
  const client = new Redis(port, '127.0.0.1', options)
  client.on('error', () => {})
  afterwards(() => client.disconnect())
  return client
}

export function storeOn(client: Redis, options: Omit<RedisStoreOptions, 'client'> = {}): RedisStore {
  const store = redisStore({ client, prefix: newPrefix(), ...options })
  afterwards(() => store[Symbol.asyncDispose]())
  return store
}

let owners = 0
export function claimOf(key: string, change: Partial<ClaimRequest> = {}): ClaimRequest {
  const owner = `owner-${++owners}`
  return {
    id: operationId('s', key),
    scope: 's',
    key,
    fingerprint: '',
    owner,
    leaseMs: 60_000,
    retentionMs: 60_000,
    ...change,
  }
}

export async function granted(store: RedisStore, request: ClaimRequest): Promise<Lease> {
  const [outcome] = await store.claim([request])
  if (outcome?.kind !== 'granted') throw new Error(`${request.key} is ${outcome?.kind}`)
  return outcome.lease
}

export async function kindOf(store: RedisStore, request: ClaimRequest): Promise<ClaimOutcome['kind'] | undefined> {
  return (await store.claim([request]))[0]?.kind
}

export function completionOf(lease: Lease, text = 'v'): Completion {
  return { lease, result: { kind: 'value', body: Buffer.from(text) }, retentionMs: 60_000 }
}

export async function until(condition: () => boolean | Promise<boolean>, what: string, ms = 15_000): Promise<void> {
  for (const end = Date.now() + ms; !(await condition()); await new Promise((wake) => setTimeout(wake, 10))) {
    if (Date.now() > end) throw new Error(`${what} did not happen within ${ms} ms`)
  }
}

export const portOf = (url: string): number => Number(new URL(url).port)
