import type { Example, Kit } from './example.ts'

interface Bill {
  readonly customer: string
  readonly month: string
  readonly pence: number
}

const INSERT = 'INSERT INTO bills (customer, pence) VALUES (?, ?)'

/** A message that comes again after midnight has another key. */
async function broken({ customer, pence }: Bill, kit: Kit) {
  const today = new Date().toISOString().slice(0, 10)
  const once = kit.once({ scope: 'bills' })
  await once.atomic(`${customer}:${today}`, (tx) => {
    tx.prepare(INSERT).run(customer, pence)
  })
}

/** The key says what is billed, and so it is in the message. */
async function repaired({ customer, month, pence }: Bill, kit: Kit) {
  const once = kit.once({ scope: 'bills' })
  await once.atomic(`${customer}:${month}`, (tx) => {
    tx.prepare(INSERT).run(customer, pence)
  })
}

export const timeDependentKey: Example<Bill> = {
  tables: ['CREATE TABLE bills (customer TEXT NOT NULL, pence INTEGER NOT NULL)'],
  message: { customer: 'ann', month: '2026-10', pence: 990 },
  other: { customer: 'ben', month: '2026-10', pence: 1490 },
  broken,
  repaired,
}
