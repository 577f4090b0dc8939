import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import { type EmbeddedQueueOptions, embeddedQueue } from '../src/messaging/embedded-queue.ts'
import { fakeRuntime } from '../src/testing/fake-runtime.ts'
import { later } from './support/leftovers.ts'

export const body = new TextEncoder().encode('{"cents":100}')

export function tempFile() {
  const directory = mkdtempSync(join(tmpdir(), 'onlyonce-queue-'))
  later(() => rmSync(directory, { recursive: true, force: true }))
  return join(directory, 'queue.db')
}

/** An id, with an ordering key where the test needs one. */
export type Named = string | readonly [id: string, orderingKey: string]

export const messagesOf = (ids: readonly Named[]) =>
  ids.map((one) => {
    const [id, orderingKey] = typeof one === 'string' ? [one] : one
    return { id, topic: 'audit', body, ...(orderingKey === undefined ? {} : { orderingKey }) }
  })

/** A queue in its own file, under virtual time. */
export function open(given: Partial<EmbeddedQueueOptions> = {}) {
  const runtime = fakeRuntime()
  const queue = embeddedQueue({
    path: tempFile(),
    subscriptions: { orders: ['coupons', 'mails'], audit: ['ledger'], dropped: [] },
    durability: 'normal',
    runtime,
    ...given,
  } as EmbeddedQueueOptions)
  later(() => queue.close())
  const add = async (...ids: readonly Named[]) => {
    for (const result of await queue.publish(messagesOf(ids))) expect(result).toEqual({ ok: true })
  }
  const take = async (max = 10, visibilityMs = 1_000) => queue.receive('ledger', max, visibilityMs)
  const ids = async (max = 10) => (await take(max)).map(({ id }) => id)
  return { queue, runtime, add, take, ids }
}
