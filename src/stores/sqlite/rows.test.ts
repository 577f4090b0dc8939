import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { OperationRecord } from '../../core/record.ts'
import { packText, unpackText } from '../../core/stored-text.ts'
import { toParams, toRecord } from './rows.ts'

const COLUMNS = [
  ...['format', 'id', 'scope', 'key', 'fingerprint', 'state', 'owner', 'fence', 'attempt', 'starts'],
  ...['lease_until', 'retain_until', 'created_at', 'steps', 'result_kind', 'result_body'],
]

const anyText = fc.string({
  unit: fc.oneof(fc.constantFrom('"', '\0', '\ud800', 'é', '\\'), fc.string({ maxLength: 1 })),
})
const bytes = fc.uint8Array({ maxLength: 20 })

const record = fc.record({
  id: fc.stringMatching(/^[0-9a-f]{32}$/),
  scope: anyText,
  key: anyText,
  fingerprint: anyText,
  owner: fc.stringMatching(/^[0-9a-f]{32}$/),
  fence: fc.maxSafeNat(),
  attempt: fc.nat(),
  starts: fc.nat(),
  leaseUntil: fc.double({ noDefaultInfinity: true, noNaN: true }),
  retainUntil: fc.maxSafeNat(),
  createdAt: fc.maxSafeNat(),
  steps: fc.array(fc.record({ name: anyText, result: bytes }), { maxLength: 3 }),
  ending: fc.oneof(
    fc.record({ state: fc.constantFrom('idle' as const, 'running' as const) }),
    fc.record({
      state: fc.constant('done' as const),
      result: fc.record({ kind: fc.constantFrom('value', 'error', 'unstorable', 'unknown'), body: bytes }),
    }),
  ),
})

it('a record comes back from its row as it was', () => {
  fc.assert(
    fc.property(record, fc.boolean(), ({ ending, ...rest }, hashed) => {
      const { scope, key, ...nameless } = rest
      const written = { ...(hashed ? nameless : rest), ...ending } as OperationRecord
      const values = toParams(written)
      expect(values).toHaveLength(COLUMNS.length)
      expect(toRecord(Object.fromEntries(COLUMNS.map((column, nth) => [column, values[nth]])))).toEqual(written)
    }),
  )
})

it('text is stored readable where it can be, and never as the text of another', () => {
  expect(packText('order:1100')).toBe('order:1100')
  expect(packText('a\0b')).toBe('"a\\u0000b"')
  fc.assert(
    fc.property(anyText, (text) => {
      const stored = packText(text)
      expect(stored.includes('\0')).toBe(false)
      expect(stored.isWellFormed()).toBe(true)
      expect(unpackText(stored)).toBe(text)
    }),
  )
})
