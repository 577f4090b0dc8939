import { expect, it } from 'vitest'
import { audit } from './audit.ts'
import type { EffectValue, Fact, Line } from './history.ts'
import { LEASE_MS } from './plan.ts'

const first: EffectValue = { owner: 'a', fence: 1_000_000_000, attempt: 1 }
const second: EffectValue = { owner: 'b', fence: first.fence + LEASE_MS * 1_000, attempt: 2 }

const line = (fact: Fact): Line => ({ t: 0, who: 'test', ...fact })
const told = (key: string, value: EffectValue) => [
  line({ kind: 'ask', key }),
  line({ kind: 'answer', key, how: 'executed', value }),
]
const ended = (key: string, value: EffectValue | undefined, state = 'done') =>
  line({ kind: 'record', key, state, value })
const ran = (value: EffectValue) => line({ kind: 'effect', key: 'leased-1', ...value })
const row = (value: EffectValue) => ({ key: 'atomic-1', ...value })
const broken = (...given: Parameters<typeof audit>) => audit(...given).violations.map(({ rule }) => rule)

const atomic = [...told('atomic-1', first), ended('atomic-1', first)]
const leased = [...told('leased-1', second), ended('leased-1', second)]

it('finds nothing in what is right', () => {
  expect(broken(atomic, [row(first)])).toEqual([])
  expect(broken([ran(first), ran(second), ...leased], [])).toEqual([])
  expect(audit([ran(first), ran(second), ...leased], []).counts['runs repeated']).toBe(1)
})

it('two rows of one atomic key are a double', () => {
  expect(broken(atomic, [row(first), row(second)])).toEqual(['double'])
})

it('a row of a key that nobody asked for is not overlooked', () => {
  expect(broken([], [row(first)])).toEqual(['stuck'])
})

it('an answer without an effect is lost', () => {
  expect(broken(atomic, [])).toEqual(['lost'])
  expect(broken([ran(first), ...leased], [])).toEqual(['lost'])
})

it('a second run that nobody warned is a double', () => {
  const unwarned = { ...second, attempt: 1 }
  const lines = [ran(first), ran(unwarned), ...told('leased-1', unwarned), ended('leased-1', unwarned)]
  expect(broken(lines, [])).toEqual(['double'])
})

it('a takeover before the lease was over, and a fence that comes twice, are named', () => {
  const early = { ...second, fence: second.fence - 2_000 }
  const repeated = { ...second, fence: first.fence }
  for (const wrong of [early, repeated]) {
    const lines = [ran(first), ran(wrong), ...told('leased-1', wrong), ended('leased-1', wrong)]
    expect(broken(lines, [])).toEqual(['lease not kept'])
  }
})

it('two callers with different answers, and a record that says something else', () => {
  expect(broken([ran(first), ran(second), ...told('leased-1', first), ...leased], [])).toEqual(['answers differ'])
  const lines = [ran(first), ran(second), ...told('leased-1', second), ended('leased-1', first)]
  expect(broken(lines, [])).toEqual(['answers differ'])
})

it('what never ended is stuck', () => {
  expect(broken([line({ kind: 'ask', key: 'leased-1' }), ended('leased-1', undefined, 'running')], [])).toEqual([
    'stuck',
  ])
  expect(broken(told('atomic-1', first), [row(first)])).toEqual(['stuck'])
})

it('an answer that no call may have, and a worker that ended by itself', () => {
  const mismatch = line({ kind: 'refused', key: 'atomic-1', why: 'mismatch', message: '' })
  expect(broken([mismatch, ...atomic], [row(first)])).toEqual(['unexpected'])
  expect(broken([line({ kind: 'crash', key: '', message: 'oh' }), ...atomic], [row(first)])).toEqual(['unexpected'])
})
