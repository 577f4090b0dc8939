import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type StateMachine, stateMachine, transition } from '../../src/guards/state-machine.ts'
import { type Database, onEveryDatabase } from '../guards/databases.ts'

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f']

/** A machine without cycles: arrows lead forward in the order of the names. */
const machines = fc
  .uniqueArray(
    fc.tuple(fc.nat(5), fc.nat(5)).filter(([from, to]) => from < to),
    { minLength: 1, maxLength: 10, selector: ([from, to]) => `${from} ${to}` },
  )
  .map((edges) => {
    const next = (from: number) => edges.filter((edge) => edge[0] === from).map((edge) => NAMES[edge[1]] as string)
    return stateMachine({
      name: 'thing',
      states: NAMES,
      transitions: Object.fromEntries(NAMES.map((name, nth) => [name, next(nth)])) as Record<string, string[]>,
    }) as StateMachine
  })

const scripts = machines.chain((machine) => {
  const targets = machine.states.filter((state) => machine.sources(state).length > 0)
  return fc.record({
    machine: fc.constant(machine),
    events: fc.array(fc.constantFrom(...targets), { maxLength: 10 }),
    /** Which events are delivered again, and how much later. */
    again: fc.array(fc.tuple(fc.nat(9), fc.nat(9)), { maxLength: 5 }),
  })
})

const isEdge = (machine: StateMachine, from: string, to: string) => machine.transitions[from]?.includes(to) === true

/** The end of the legal subsequence, found by the arrows alone. */
function endOf(machine: StateMachine, events: readonly string[]): string {
  return events.reduce((state, to) => (isEdge(machine, state, to) ? to : state), 'a')
}

/** Whether the arrows lead from one to the other, found by walking. */
function leads(machine: StateMachine, from: string, to: string): boolean {
  return isEdge(machine, from, to) || (machine.transitions[from] ?? []).some((next) => leads(machine, next, to))
}

describe('a state machine, whatever is delivered in whatever order', () => {
  onEveryDatabase((open, dialect) => {
    let db: Database
    let things = 0
    const runs = Number(process.env.ONLYONCE_PROPERTY_RUNS ?? (dialect === 'sqlite' ? 200 : 20))

    beforeAll(async () => {
      db = await open()
      await db.sql('CREATE TABLE {things} (id INT PRIMARY KEY, state VARCHAR(20))')
    })
    afterAll(() => db.close())

    async function thing() {
      const id = ++things
      await db.sql("INSERT INTO {things} VALUES (?, 'a')", [id])
      return {
        send: (machine: StateMachine, to: string) =>
          db.transaction((tx) => transition.attempt(tx, { machine, table: db.table('things'), id, to })),
        state: async () => (await db.sql('SELECT state FROM {things} WHERE id = ?', [id]))[0]?.state as string,
      }
    }

    it('ends in the state of the legal subsequence, and tells late from illegal', async () => {
      const seen = new Map<string, number>()
      const property = fc.asyncProperty(scripts, async ({ machine, events }) => {
        const { send, state } = await thing()
        let at = 'a'
        for (const to of events) {
          const expected = isEdge(machine, at, to)
            ? 'moved'
            : at === to || leads(machine, to, at)
              ? 'already'
              : 'illegal'
          const { kind } = await send(machine, to)
          expect(kind).toBe(expected)
          seen.set(kind, (seen.get(kind) ?? 0) + 1)
          if (kind === 'moved') at = to
        }
        expect(await state()).toBe(endOf(machine, events))
      })
      await fc.assert(property, { numRuns: runs })
      for (const kind of ['moved', 'already', 'illegal']) expect(seen.get(kind) ?? 0, kind).toBeGreaterThan(2)
    }, 60_000)

    it('absorbs every later duplicate of an event that moved it', async () => {
      const property = fc.asyncProperty(scripts, async ({ machine, events, again }) => {
        const { send, state } = await thing()
        const moved: boolean[] = []
        for (const [nth, to] of events.entries()) {
          moved[nth] = (await send(machine, to)).kind === 'moved'
          for (const [which, later] of again) {
            if (which + later !== nth || !moved[which]) continue
            expect((await send(machine, events[which] as string)).kind).toBe('already')
          }
        }
        expect(await state()).toBe(endOf(machine, events))
      })
      await fc.assert(property, { numRuns: runs })
    }, 60_000)

    it('delivered all at once, moves along one way through the machine', async () => {
      const property = fc.asyncProperty(scripts, async ({ machine, events }) => {
        const { send, state } = await thing()
        const outcomes = await Promise.all(events.map((to) => send(machine, to)))
        const moves = outcomes.flatMap(({ kind }, nth) => (kind === 'moved' ? [events[nth] as string] : [])).sort()
        // Names are in the order of the arrows, so the moves in that order are the way that was taken.
        const end = moves.reduce((at, to) => (isEdge(machine, at, to) ? to : expect.fail(`${at} to ${to}`)), 'a')
        expect(await state()).toBe(end)
        expect(new Set(moves).size).toBe(moves.length)
      })
      await fc.assert(property, { numRuns: Math.ceil(runs / 2) })
    }, 60_000)
  })
})
