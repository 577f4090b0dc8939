import { describe, expect, it } from 'vitest'
import { operationHeader, RESOLUTION, resolutionOf } from './check-back.ts'

const times = { rollbackAfterMs: 1_000, retentionMs: 5_000 }

describe('what the record says about a half message', () => {
  it.each([
    ['done', 'value', 0, 'commit'],
    ['done', 'value', 9_000, 'commit'],
    ['done', 'unstorable', 0, 'commit'],
    ['done', 'error', 0, 'rollback'],
    ['done', 'unknown', 9_000, 'undecided'],
    ['running', undefined, 9_000, 'undecided'],
    ['idle', undefined, 999, 'undecided'],
    ['idle', undefined, 1_000, 'rollback'],
  ] as const)('%s, %s, %d ms old: %s', (state, kind, ageMs, answer) => {
    const record = { state, ...(kind === undefined ? {} : { result: { kind, body: new Uint8Array() } }) }
    expect(resolutionOf(record, ageMs, times)).toBe(RESOLUTION[answer])
  })

  it('no record: dropped when the effect can no longer commit, and not when its record may be gone', () => {
    expect([0, 999, 1_000, 4_999, 5_000].map((ageMs) => resolutionOf(undefined, ageMs, times))).toEqual([
      ...[RESOLUTION.undecided, RESOLUTION.undecided, RESOLUTION.rollback, RESOLUTION.rollback, RESOLUTION.undecided],
    ])
  })

  it('carries any key through a property without control characters', () => {
    const key = 'a\u0000b\u0085c\n"é😀'
    const [, value] = operationHeader({ scope: 'shop', key, fingerprint: 'f' })
    expect(value).not.toMatch(/\p{Cc}/u)
    expect(JSON.parse(value)).toEqual(['shop', key, 'f'])
  })
})
