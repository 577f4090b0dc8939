import { describe, expect, it } from 'vitest'
import type { Example } from '../../examples/broken-handlers/example.ts'
import { examples } from '../../examples/broken-handlers/index.ts'
import { outbox } from '../../src/outbox/outbox.ts'
import { type SqliteStore, sqliteStore } from '../../src/stores/sqlite/index.ts'
import { type CrashFinding, type CrashReport, type CrashTrial, crashEverywhere } from '../../src/testing/index.ts'

function explore(name: Name, version: 'broken' | 'repaired'): Promise<CrashReport> {
  // Each has a message of its own type, which only its own handlers look into.
  const example = examples[name] as Example<unknown>
  return crashEverywhere(example[version], {
    name: `${name}, ${version}`,
    store: () => sqliteStore({ path: ':memory:' }),
    use: (store: SqliteStore) => ({ outbox: outbox(store) }),
    setup: async ({ sql }) => {
      for (const statement of example.tables) await sql(statement)
    },
    message: example.message,
    other: example.other,
  })
}

type Name = keyof typeof examples

interface Expected {
  readonly trial: CrashTrial
  /** Part of the source line of the last call that was done, and of the next one. */
  readonly after?: string
  readonly before?: string
  /** Part of what differs. */
  readonly differs?: string
}

/** The finding that names the mistake. There may be others: most mistakes show in more than one way. */
const EXPECTED: Readonly<Record<Name, Expected>> = {
  'ack-before-commit': { trial: 'crash', after: 'kit.ack()', before: 'kit.sql(INSERT', differs: 'orders: 0 rows' },
  'charge-without-key': { trial: 'crash', after: "kit.outside('charge'", differs: 'outside: charge: 2 rows' },
  'check-then-insert': { trial: 'together', after: 'SELECT 1 FROM', before: 'INSERT INTO', differs: 'coupons: 2 rows' },
  'counter-increment': { trial: 'duplicate', differs: "{ name: 'ann', points: 126 }" },
  'key-of-undefined': { trial: 'other' },
  'mail-before-row': {
    trial: 'crash',
    after: "kit.outside('mail'",
    before: 'INSERT INTO mails',
    differs: 'mail: 2 rows',
  },
  'not-awaited': { trial: 'crash', before: 'kit.sql(INSERT', differs: 'orders: 0 rows in place of 1' },
  'publish-in-transaction': {
    trial: 'crash',
    after: "kit.outside('publish'",
    before: 'once.atomic(',
    differs: 'publish: 2 rows',
  },
  'result-of-changed-row': { trial: 'other', differs: '+ { pence: 7500 }' },
  'swallowed-error': { trial: 'failure', before: 'tx.prepare(', differs: 'orders: 0 rows in place of 1' },
  'time-dependent-key': { trial: 'duplicate', differs: 'bills: 2 rows in place of 1' },
  'two-writes': {
    trial: 'crash',
    after: 'kit.sql(ORDER',
    before: 'kit.sql(STOCK)',
    differs: "{ amount: 10, sku: 'mug' }",
  },
}

function names({ trial, after, before, differences }: CrashFinding, expected: Expected): boolean {
  return (
    trial === expected.trial &&
    (after?.site?.source ?? '').includes(expected.after ?? '') &&
    (before?.site?.source ?? '').includes(expected.before ?? '') &&
    differences.join('\n').includes(expected.differs ?? '')
  )
}

describe('crashEverywhere', () => {
  it('is tried on at least ten mistakes', () => {
    expect(Object.keys(EXPECTED)).toEqual(Object.keys(examples))
    expect(Object.keys(examples).length).toBeGreaterThanOrEqual(10)
  })

  it.each(Object.keys(examples) as Name[])(
    'names what is wrong with %s, and nothing once it is repaired',
    async (name) => {
      const broken = await explore(name, 'broken')
      expect(
        broken.findings.filter((finding) => names(finding, EXPECTED[name])),
        broken.text(),
      ).not.toEqual([])
      expect(() => broken.assertClean()).toThrow(broken.text())
      for (const { site } of broken.points) expect(site?.file).toBe(`examples/broken-handlers/${name}.ts`)
      const repaired = await explore(name, 'repaired')
      repaired.assertClean()
      expect(repaired.points.length).toBeGreaterThan(0)
      expect(repaired.trials).toBeGreaterThan(4 * repaired.points.length)
    },
  )
})
