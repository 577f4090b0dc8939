import { Redis } from 'ioredis'
import { operationId } from '../../src/core/key.ts'
import type { Lease } from '../../src/core/record.ts'
import type { ClaimOutcome, ClaimRequest, Completion } from '../../src/core/store.ts'
import { type RedisClient, type RedisStore, type RedisStoreOptions, redisStore } from '../../src/stores/redis/index.ts'
import { later } from '../support/leftovers.ts'
import { newPrefix } from '../support/redis.ts'

interface ClientOptions {
  readonly username?: string
  readonly password?: string
  readonly keyPrefix?: string
  readonly autoResendUnfulfilledCommands?: boolean
  readonly maxRetriesPerRequest?: null
}

export function clientOf(port: number, options: ClientOptions = {}): Redis {
  const client = new Redis(port, '127.0.0.1', options)
  client.on('error', () => {})
  later(() => client.disconnect())
  return client
}

export function storeOn(client: RedisClient, options: Omit<RedisStoreOptions, 'client'> = {}): RedisStore {
  const store = redisStore({ client, prefix: newPrefix(), ...options })
  later(() => store[Symbol.asyncDispose]())
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

export const portOf = (url: string): number => Number(new URL(url).port)
