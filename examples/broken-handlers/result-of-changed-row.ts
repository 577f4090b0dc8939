import type { Example, Kit } from './example.ts'

interface Withdrawal {
  readonly id: string
  readonly pence: number
}

const TAKE = "UPDATE accounts SET pence = pence - ? WHERE owner = 'ann'"
const LEFT = "SELECT pence FROM accounts WHERE owner = 'ann'"

/** The balance is read after the operation: a duplicate is told what others have made of it meanwhile. */
async function broken({ id, pence }: Withdrawal, kit: Kit) {
  const once = kit.once({ scope: 'withdrawals' })
  await once.atomic(`withdrawal:${id}`, (tx) => {
    tx.prepare(TAKE).run(pence)
  })
  const [account] = await kit.sql(LEFT)
  return account
}

/** The answer is made inside the operation and stored with it: every duplicate gets the same one. */
async function repaired({ id, pence }: Withdrawal, kit: Kit) {
  const once = kit.once({ scope: 'withdrawals' })
  return once.atomic(`withdrawal:${id}`, (tx) => {
    tx.prepare(TAKE).run(pence)
    const [account] = tx.prepare(LEFT).all() as { pence: number }[]
    return { pence: account?.pence }
  })
}

export const resultOfChangedRow: Example<Withdrawal> = {
  tables: [
    'CREATE TABLE accounts (owner TEXT PRIMARY KEY, pence INTEGER NOT NULL)',
    "INSERT INTO accounts VALUES ('ann', 10000)",
  ],
  message: { id: 'w1', pence: 2000 },
  other: { id: 'w2', pence: 500 },
  broken,
  repaired,
}
