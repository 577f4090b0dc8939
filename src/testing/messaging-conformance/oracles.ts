import assert from 'node:assert/strict'
import type { LedgerRow, RawMessage } from './harness.ts'

/** One start of a handler: the message, and what it would send on. */
export type Attempt = Pick<LedgerRow, 'id' | 'output'>

/** How many writes make up one effect. */
export const PARTS = 2

const CONSUMER = 'ledger'

/** Returns one consumer's writes by message, in the order of first writes. */
export function effectsOf(rows: readonly LedgerRow[], consumer = CONSUMER): ReadonlyMap<string, readonly LedgerRow[]> {
  const found = new Map<string, LedgerRow[]>()
  for (const row of rows) {
    if (row.consumer !== consumer) continue
    const own = found.get(row.id)
    if (own === undefined) found.set(row.id, [row])
    else own.push(row)
  }
  return found
}

/** E1 and L0: each of `ids` has exactly one complete effect, and nothing else has any. */
export function oneEffectEach(rows: readonly LedgerRow[], ids: readonly string[], consumer = CONSUMER): void {
  const effects = effectsOf(rows, consumer)
  const wanted = new Set(ids)
  const wrong: string[] = []
  for (const id of wanted) {
    const parts = (effects.get(id) ?? []).map(({ part }) => part)
    if (parts.length !== PARTS || new Set(parts).size !== PARTS) wrong.push(`${show(id)} wrote [${parts}]`)
  }
  for (const id of effects.keys()) if (!wanted.has(id)) wrong.push(`${show(id)} took effect, and should not`)
  assert.deepEqual(wrong, [], 'each message takes effect once, whole')
}

/** L0 alone: each has at least one complete effect. */
export function noneLost(rows: readonly LedgerRow[], ids: readonly string[], consumer = CONSUMER): void {
  const effects = effectsOf(rows, consumer)
  const whole = (id: string) => new Set(effects.get(id)?.map(({ part }) => part)).size === PARTS
  assert.deepEqual(
    ids.filter((id) => !whole(id)),
    [],
    'no message is lost',
  )
}

/** O1: messages with the same ordering key took effect in the order in which they were published. */
export function inOrder(rows: readonly LedgerRow[], published: readonly RawMessage[]): void {
  const seen = [...effectsOf(rows).keys()]
  const byKey = new Map<string, string[]>()
  for (const { id, orderingKey } of published) {
    if (id === undefined || orderingKey === undefined) continue
    byKey.set(orderingKey, [...(byKey.get(orderingKey) ?? []), id])
  }
  for (const [key, ids] of byKey) {
    const own = new Set(ids)
    const took = seen.filter((id) => own.has(id))
    assert.deepEqual(
      took,
      ids.filter((id) => took.includes(id)),
      `the order of ${show(key)}`,
    )
  }
}

/** S1: all attempts at a message, including those undone, would send the same outputs. */
export function oneOutputSet(attempts: readonly Attempt[]): void {
  const outputs = new Map<string, Set<string>>()
  for (const { id, output } of attempts) outputs.set(id, (outputs.get(id) ?? new Set()).add(output))
  const different = [...outputs].filter(([, set]) => set.size > 1).map(([id]) => show(id))
  assert.deepEqual(different, [], 'all attempts send the same outputs')
  const all = [...outputs.values()].flatMap((set) => [...set])
  assert.equal(new Set(all).size, outputs.size, 'no two messages send the same outputs')
}

const show = (id: string) => JSON.stringify(id.length > 60 ? `${id.slice(0, 60)}…` : id)
