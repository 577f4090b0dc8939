// Creates many settled records through the store port, for any store.
import { newKeys } from '../workload.mjs'
import { claimsOf, leasesOf } from './ours.mjs'

const BATCH = 500
const AT_ONCE = 2

/** @param {import('onlyonce').Store} store @param {number} count @param {number} retentionMs @param {Uint8Array} body */
export async function fill(store, count, retentionMs, body) {
  const result = { kind: /** @type {const} */ ('value'), body }
  let left = count
  const worker = async () => {
    while (left > 0) {
      const size = Math.min(BATCH, left)
      left -= size
      const claims = claimsOf(newKeys(size)).map((one) => ({ ...one, retentionMs }))
      const leases = leasesOf(await store.claim(claims))
      await store.complete(leases.map((lease) => ({ lease, result, retentionMs })))
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}
