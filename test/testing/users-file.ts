/**
 * A user's test file, for a runner whose `test` comes from there. Lines 19 and 20 are the two writes without a
 * transaction. Objects are of another realm than the message when a runner has one, as jest does.
 */
export const usersFile = (runner: string, onlyonce: { readonly testing: string; readonly sqlite: string }) =>
  `import { test } from '${runner}'
import { crashEverywhere } from '${onlyonce.testing}'
import { sqliteStore } from '${onlyonce.sqlite}'
const options = {
  store: () => sqliteStore({ path: ':memory:' }),
  setup: ({ sql }) => sql('CREATE TABLE rows (n INTEGER)'),
  message: 1,
}
test('repaired', async () => {
  const handler = async (n, kit) => {
    await kit.once({ scope: 'x', leaseMs: 600_000 })(String(n), (op) =>
      kit.outside('pay', n, op.child('pay')))
  }
  const report = await crashEverywhere(handler, options)
  report.assertClean()
})
test('broken', async () => {
  const report = await crashEverywhere(async (n, kit) => {
    await kit.outside('mail', n)
    await kit.sql('INSERT INTO rows VALUES (?)', n)
  }, options)
  report.assertClean()
})
test('hung', async () => {
  const hangs = () => new Promise(() => {})
  const { findings } = await crashEverywhere(hangs, { ...options, handlerTimeoutMs: 20, maxDeliveries: 1 })
  if (!/its handler never ended/.test(findings[0]?.what)) throw new Error('not found')
})
test('objects', async () => {
  const message = { id: '7', at: new Date(0), items: [{ n: 1 }], more: new Map([['a', new Set([1n])]]) }
  const handler = (order, kit) => {
    if (!(order.at instanceof Date && order.more instanceof Map && order.items instanceof Array)) throw new Error('realm')
    return kit.once({ scope: 'x' }).atomic({ key: order.id, payload: order.items }, (tx) => {
      tx.prepare('INSERT INTO rows VALUES (?)').run(order.items[0].n)
      return { order, cloned: structuredClone(order), rows: tx.prepare('SELECT * FROM rows').all() }
    })
  }
  const report = await crashEverywhere(handler, { ...options, message })
  report.assertClean()
})
`
