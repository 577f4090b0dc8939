import { operationId } from '../../src/core/key.ts'
import type { ClaimRequest } from '../../src/core/store.ts'

let owners = 0

/** A claim with its own owner. */
export function request(key: string, change: Partial<ClaimRequest> = {}): ClaimRequest {
  const named = { id: operationId('test', key), scope: 'test', key, fingerprint: 'v1:one' }
  return { ...named, owner: `owner-${++owners}`, leaseMs: 60_000, retentionMs: 60_000, ...change }
}
