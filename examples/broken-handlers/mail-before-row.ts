import { type Example, first, type Kit, type Order, second } from './example.ts'

/** A crash between mail and row: the next delivery does not know of the mail, and sends another one. */
async function broken({ id, customer }: Order, kit: Kit) {
  const sent = await kit.sql('SELECT 1 FROM mails WHERE order_id = ?', id)
  if (sent.length > 0) return
  await kit.outside('mail', { to: customer, about: id })
  await kit.sql('INSERT INTO mails (order_id) VALUES (?)', id)
}

/** The wish to send commits with the row. A relay sends it, under an id that the mail service recognises. */
async function repaired({ id, customer }: Order, kit: Kit) {
  const once = kit.once({ scope: 'mails' })
  await once.atomic(`order:${id}`, async (tx) => {
    tx.prepare('INSERT INTO mails (order_id) VALUES (?)').run(id)
    await kit.use.outbox.add(tx, { id: `mail:${id}`, topic: 'mail', body: { to: customer, about: id } })
  })
}

export const mailBeforeRow: Example<Order> = {
  tables: ['CREATE TABLE mails (order_id TEXT NOT NULL)'],
  message: first,
  other: second,
  broken,
  repaired,
}
