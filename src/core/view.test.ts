import { describe, expect, it } from 'vitest'
import { encodeResult } from './codec.ts'
import type { ObservedRecord } from './record.ts'
import { viewOf } from './view.ts'

const named = { scope: 's', key: 'k' }
const record: ObservedRecord = {
  id: 'a'.repeat(32),
  ...named,
  fingerprint: '',
  state: 'running',
  owner: 'o',
  fence: 7,
  attempt: 2,
  starts: 3,
  leaseUntil: 100,
  retainUntil: 200,
  createdAt: 1,
  steps: [],
  readAt: 99,
}

describe('viewOf', () => {
  it('shows a running operation until its lease is over, then an abandoned one', () => {
    expect(viewOf(record, named)).toEqual({
      ...named,
      state: 'running',
      attempt: 2,
      starts: 3,
      fence: 7,
      createdAt: new Date(1),
      retainUntil: new Date(200),
    })
    expect(viewOf({ ...record, readAt: 100 }, named).state).toBe('abandoned')
    expect(viewOf({ ...record, state: 'idle', readAt: 100 }, named).state).toBe('idle')
  })

  it('shows results as values and errors, and what waits for a decision', () => {
    const done = (kind: 'value' | 'unknown' | 'unstorable', body: Uint8Array) =>
      viewOf({ ...record, state: 'done', readAt: 100, result: { kind, body } }, named)
    expect(done('value', encodeResult([1]))).toMatchObject({ state: 'done', result: { kind: 'value', value: [1] } })
    expect(done('unknown', new Uint8Array(0)).state).toBe('unknown')
    expect(done('unknown', new Uint8Array(0))).not.toHaveProperty('result')
    const unstorable = done('unstorable', new TextEncoder().encode('why'))
    expect(unstorable).toMatchObject({
      state: 'done',
      result: { kind: 'error', error: { code: 'RESULT_UNSERIALIZABLE' } },
    })
  })

  it.each([
    { scope: 'other', key: 'k' },
    { scope: 's', key: 'other' },
  ])('refuses the record of %j', (stranger) => {
    expect(() => viewOf(record, stranger)).toThrow(
      expect.objectContaining({
        code: 'OUTCOME_UNKNOWN',
        message: expect.stringContaining(`record ${record.id} belongs`),
      }),
    )
  })

  it('trusts the id where the readable key was left out', () => {
    const { scope: _, key: __, ...hashed } = record
    expect(viewOf(hashed, named)).toMatchObject(named)
  })
})
