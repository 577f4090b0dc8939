import { expect, it } from 'vitest'
import type { OperationId, Step } from '../../core/record.ts'
import type { Renewal } from '../../core/store.ts'
import { renewalFields, requireNewestStep } from './fitting.ts'

const lease = { id: '0'.repeat(32) as OperationId, owner: 'o', fence: 1 }
const step = (name: string, bytes: number): Step => ({ name, result: new Uint8Array(bytes) })
const renewal = (...steps: Step[]): Renewal => ({ lease, leaseMs: 1, retentionMs: 1, steps })
/** The names whose results are kept, as the statement is given them. */
const kept = (of: Renewal, packet: number): string[] => {
  const stored = String(renewalFields(of, packet).at(-2)).slice(1)
  const steps = JSON.parse(Buffer.from(stored, 'base64').toString()) as [string, string][]
  return steps.filter(([, result]) => result !== '').map(([name]) => name)
}

it('a step that was kept is not given up for a later one', () => {
  const packet = 4_096
  let largest = 0
  while (kept(renewal(step('first', largest + 1)), packet).length === 1) largest++
  const first = step('first', largest)
  const both = renewal(first, step('second', 100))
  expect(kept(both, packet)).toEqual(['first'])
  expect(() => requireNewestStep(renewal(first), packet)).not.toThrow()
  expect(() => requireNewestStep(both, packet)).toThrow(/step "second" ran, but its result of 100 bytes is not stored/)
})
