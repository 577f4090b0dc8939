// The messages: the same on every side of every comparison. A body of 200 bytes, an id of 36 characters.
import { newKey, resultJson } from '../workload.mjs'

export const BATCH = 50
const body = Buffer.from(resultJson)

/** A message as a broker delivers it for the first time. */
export function newDelivery() {
  return { id: newKey(), source: 'orders', body, headers: {}, redelivered: false }
}

/** Messages as they are published. @param {number} count @param {string} topic */
export function newMessages(count, topic) {
  return Array.from({ length: count }, () => ({ id: newKey(), topic, body, headers: {} }))
}
