// The engine over each store, and requests for benchmarks that call a store directly.
import { existsSync } from 'node:fs'
import { onlyonce, operationId, systemRuntime } from 'onlyonce'
import { each, effect, KNOWN, LEASE_MS, newKeys, RETENTION_MS } from '../workload.mjs'

export const SCOPE = 'bench'

/** @template {import('onlyonce').Store} S @param {S} store @param {object} [options] */
export function onceOver(store, options = {}) {
  return onlyonce({ store, scope: SCOPE, onInFlight: 'wait', ...options })
}

/** Returns the keys of completed operations. @param {ReturnType<typeof onceOver>} once @param {unknown} [payload] */
export async function settled(once, payload) {
  const keys = newKeys(KNOWN)
  await each(keys, 64, (key) => once({ key, payload }, effect))
  return keys
}

/** @param {readonly string[]} keys */
export function claimsOf(keys) {
  return keys.map((key) => ({
    id: operationId(SCOPE, key),
    scope: SCOPE,
    key,
    fingerprint: '-',
    owner: systemRuntime.token(),
    leaseMs: LEASE_MS,
    retentionMs: RETENTION_MS,
  }))
}

/** @param {readonly import('onlyonce').ClaimOutcome[]} outcomes */
export function leasesOf(outcomes) {
  return outcomes.map((outcome) => {
    if (outcome.kind !== 'granted') throw new Error(`a fresh claim was answered ${outcome.kind}`)
    return outcome.lease
  })
}

/** Returns the module of a store, or `undefined` if this build lacks it. @param {string} name @returns {Promise<any>} */
export async function storeModule(name) {
  const file = new URL(`../../dist/stores/${name}/index.js`, import.meta.url)
  return existsSync(file) ? import(file.href) : undefined
}
