import type { Example, Kit } from './example.ts'

/** `orderId` was renamed to `id` one day; old code still asks for it. */
interface Paid {
  readonly id: string
  readonly orderId?: string
  readonly points: number
}

const ADD = 'INSERT INTO points (order_id, points) VALUES (?, ?)'

/** All messages share the key `order:undefined`: the first one takes effect, the others are taken for duplicates. */
async function broken({ id, orderId, points }: Paid, kit: Kit) {
  await kit.store.transaction(async (tx) => {
    const key = `order:${orderId}`
    if (Number(tx.prepare('INSERT INTO handled VALUES (?) ON CONFLICT DO NOTHING').run(key).changes) === 0) return
    tx.prepare(ADD).run(id, points)
  })
}

/** The right field; and `once` would refuse the other key, with KEY_INVALID, at the first message. */
async function repaired({ id, points }: Paid, kit: Kit) {
  const once = kit.once({ scope: 'points' })
  await once.atomic(`order:${id}`, (tx) => {
    tx.prepare(ADD).run(id, points)
  })
}

export const keyOfUndefined: Example<Paid> = {
  tables: [
    'CREATE TABLE handled (key TEXT PRIMARY KEY)',
    'CREATE TABLE points (order_id TEXT NOT NULL, points INTEGER NOT NULL)',
  ],
  message: { id: '1100', points: 42 },
  other: { id: '1101', points: 15 },
  broken,
  repaired,
}
