import { describe, expect, it } from 'vitest'
import {
  decideClaim,
  decideComplete,
  decideRelease,
  decideRenew,
  FOREVER,
  isAbandoned,
  isSweepable,
  retained,
} from './lifecycle.ts'
import type { OperationRecord, StoredResult } from './record.ts'
import type { ClaimRequest } from './store.ts'

const NOW = 1_000_000

const request: ClaimRequest = {
  id: 'id',
  scope: 's',
  key: 'k',
  fingerprint: 'f',
  owner: 'new',
  leaseMs: 100,
  retentionMs: 1_000,
}

/** A running record, claimed 50 ms ago. */
const record: OperationRecord = {
  id: 'id',
  scope: 's',
  key: 'k',
  fingerprint: 'f',
  state: 'running',
  owner: 'old',
  fence: 7,
  attempt: 2,
  starts: 5,
  leaseUntil: NOW + 50,
  retainUntil: NOW + 1_050,
  createdAt: NOW - 50,
  steps: [{ name: 'one', result: Uint8Array.of(1) }],
}
const abandoned: OperationRecord = { ...record, leaseUntil: NOW }
const idle: OperationRecord = { ...record, state: 'idle', attempt: 1, leaseUntil: NOW - 10 }
const value: StoredResult = { kind: 'value', body: Uint8Array.of(1) }
const unknown: StoredResult = { kind: 'unknown', body: Uint8Array.of(2) }
const done: OperationRecord = { ...record, state: 'done', result: value, leaseUntil: NOW - 10, steps: [] }
const lease = { id: 'id', owner: 'old', fence: 7 }

describe('decideClaim', () => {
  it('writes a new record with everything the request says', () => {
    const write = {
      id: 'id',
      scope: 's',
      key: 'k',
      fingerprint: 'f',
      state: 'running',
      owner: 'new',
      fence: NOW * 1000,
      attempt: 1,
      starts: 1,
      leaseUntil: NOW + 100,
      retainUntil: NOW + 1_100,
      createdAt: NOW,
      steps: [],
    }
    const granted = { id: 'id', owner: 'new', fence: NOW * 1000 }
    const outcome = { kind: 'granted', lease: granted, attempt: 1, starts: 1, steps: [] }
    expect(decideClaim(undefined, request, NOW)).toStrictEqual({ outcome, write })
  })

  it('leaves scope and key out when the request does', () => {
    const { scope: _, key: __, ...hashed } = request
    const { write } = decideClaim(undefined, hashed, NOW)
    expect(Object.keys(write ?? {})).not.toContain('scope')
    expect(Object.keys(write ?? {})).not.toContain('key')
  })

  it.each([
    ['the clock in microseconds', undefined, 0, NOW, NOW * 1000],
    ['the clock, without its fraction', undefined, 0, 5.0015, 5001],
    ['one more than a fence ahead of the clock', { ...idle, fence: NOW * 1000 + 9 }, 0, NOW, NOW * 1000 + 10],
    ['one more than a fence equal to the clock', { ...idle, fence: NOW * 1000 }, 0, NOW, NOW * 1000 + 1],
    ['the clock when the fence is just behind it', { ...idle, fence: NOW * 1000 - 1 }, 0, NOW, NOW * 1000],
    ['one more than the floor', undefined, NOW * 1000 + 5, NOW, NOW * 1000 + 6],
    ['one more than the floor, also of a known record', idle, NOW * 1000 + 5, NOW, NOW * 1000 + 6],
    ['one more than the floor, also in a takeover', abandoned, NOW * 1000 + 5, NOW, NOW * 1000 + 6],
    ['above an expired record not yet swept', { ...done, fence: NOW * 2000, retainUntil: NOW }, 0, NOW, NOW * 2000 + 1],
    ['above the floor and an expired record', { ...done, fence: 3, retainUntil: 1 }, NOW * 3000, NOW, NOW * 3000 + 1],
    ['1 at the beginning of time', undefined, 0, 0, 1],
  ])('gives as fence %s', (_, current, floor, now, fence) => {
    expect(decideClaim(current, request, now, floor).write?.fence).toBe(fence)
  })

  it('answers mismatch to another fingerprint in every state, and writes nothing', () => {
    const other = { ...request, fingerprint: 'g' }
    for (const current of [record, abandoned, idle, done]) {
      expect(decideClaim(current, other, NOW)).toStrictEqual({ outcome: { kind: 'mismatch' } })
      expect(decideClaim(current, { ...other, owner: 'old' }, NOW)).toStrictEqual({ outcome: { kind: 'mismatch' } })
    }
  })

  it('answers done with the result, and writes nothing', () => {
    const outcome = { kind: 'done', id: 'id', fence: 7, result: value }
    expect(decideClaim(done, request, NOW)).toStrictEqual({ outcome })
    expect(decideClaim(done, { ...request, owner: 'old' }, NOW)).toStrictEqual({ outcome })
  })

  it('grants an idle record as the next attempt and start, and keeps its steps and its birthday', () => {
    const { outcome, write } = decideClaim(idle, request, NOW)
    expect(outcome).toMatchObject({ kind: 'granted', attempt: 2, starts: 6, steps: record.steps })
    expect(write).toMatchObject({ state: 'running', createdAt: NOW - 50, leaseUntil: NOW + 100 })
  })

  it('grants nothing to a late copy of the claim that was given back', () => {
    const late = decideClaim(idle, { ...request, owner: 'old' }, NOW)
    expect(late).toStrictEqual({ outcome: { kind: 'running', retryAfterMs: 0 } })
  })

  it('grants an idle record while its last lease seems to go on', () => {
    const setBack = { ...idle, leaseUntil: NOW + 10 }
    expect(decideClaim(setBack, request, NOW).outcome).toMatchObject({ kind: 'granted', attempt: 2 })
  })

  it('answers running for the rest of a live lease, up to its last millisecond', () => {
    const answer = (retryAfterMs: number) => ({ outcome: { kind: 'running', retryAfterMs } })
    expect(decideClaim(record, request, NOW)).toStrictEqual(answer(50))
    expect(decideClaim(record, request, NOW + 49)).toStrictEqual(answer(1))
  })

  it('takes over from the moment the lease is over', () => {
    const { outcome, write } = decideClaim(record, request, NOW + 50)
    expect(outcome).toMatchObject({ kind: 'granted', attempt: 3, starts: 6, steps: record.steps })
    expect(write).toMatchObject({ owner: 'new', createdAt: NOW - 50, leaseUntil: NOW + 150, retainUntil: NOW + 1_150 })
  })

  it('grants the owner its own claim again, before and after its lease is over, and writes nothing', () => {
    const outcome = { kind: 'granted', lease, attempt: 2, starts: 5, steps: record.steps }
    for (const now of [NOW, NOW + 50, NOW + 1_049]) {
      expect(decideClaim(record, { ...request, owner: 'old' }, now)).toStrictEqual({ outcome })
    }
  })

  it('forgets everything but the fence when the retention is over', () => {
    for (const current of [record, idle, done]) {
      const other = { ...request, fingerprint: 'g' }
      expect(decideClaim(current, other, NOW + 1_049)).toStrictEqual({ outcome: { kind: 'mismatch' } })
      const { outcome, write } = decideClaim(current, other, NOW + 1_050)
      expect(outcome).toMatchObject({ kind: 'granted', attempt: 1, starts: 1, steps: [] })
      expect(write).toMatchObject({ fingerprint: 'g', createdAt: NOW + 1_050, steps: [] })
    }
  })
})

describe('decideRenew', () => {
  const renewal = { lease, leaseMs: 200, retentionMs: 3_000 }

  it('extends lease and retention from now, and changes nothing else', () => {
    const write = { ...record, leaseUntil: NOW + 200, retainUntil: NOW + 3_200 }
    expect(decideRenew(record, renewal, NOW)).toStrictEqual({ outcome: 'ok', write })
  })

  it('shortens neither', () => {
    const shorter = { lease, leaseMs: 49, retentionMs: 1_000 }
    expect(decideRenew(record, shorter, NOW)).toStrictEqual({ outcome: 'ok', write: record })
  })

  it('keeps the longer list of steps, and the stored one of two as long', () => {
    const step = { name: 'x', result: Uint8Array.of(9) }
    const stepsAfter = (steps: (typeof step)[]) => decideRenew(record, { ...renewal, steps }, NOW).write?.steps
    expect(stepsAfter([])).toBe(record.steps)
    expect(stepsAfter([step])).toBe(record.steps)
    expect(stepsAfter([step, step])).toEqual([step, step])
  })

  it('saves no steps when it brings none', () => {
    expect(decideRenew({ ...record, steps: [] }, renewal, NOW).write?.steps).toEqual([])
  })

  it('renews an abandoned record that nobody took over', () => {
    expect(decideRenew(record, renewal, NOW + 1_049).outcome).toBe('ok')
  })

  it('is lost once the retention is over, when not running, and without a record', () => {
    const lost = { outcome: 'lost' }
    expect(decideRenew(record, renewal, NOW + 1_050)).toStrictEqual(lost)
    expect(decideRenew(idle, renewal, NOW)).toStrictEqual(lost)
    expect(decideRenew(done, renewal, NOW)).toStrictEqual(lost)
    expect(decideRenew(undefined, renewal, NOW)).toStrictEqual(lost)
  })
})

describe('decideComplete', () => {
  const completion = { lease, result: value, retentionMs: 500 }

  it('settles a running record: result, retention from now, no live lease, no steps', () => {
    const write = { ...record, state: 'done', result: value, leaseUntil: NOW, retainUntil: NOW + 500, steps: [] }
    expect(decideComplete(record, completion, NOW)).toStrictEqual({ outcome: 'ok', write })
  })

  it('settles an abandoned record that nobody took over, until its retention is over', () => {
    expect(decideComplete(record, completion, NOW + 1_049).write?.state).toBe('done')
    expect(decideComplete(record, completion, NOW + 1_050)).toStrictEqual({ outcome: 'lost' })
  })

  it('answers ok to a repeat and writes nothing, whatever it says', () => {
    expect(decideComplete(done, { ...completion, result: { ...value, body: Uint8Array.of(9) } }, NOW)).toStrictEqual({
      outcome: 'ok',
    })
    expect(decideComplete(done, { ...completion, result: unknown }, NOW)).toStrictEqual({ outcome: 'ok' })
  })

  it('keeps an unknown result for ever, and replaces it by a definite one', () => {
    const held = decideComplete(record, { ...completion, result: unknown }, NOW).write
    expect(held).toMatchObject({ state: 'done', result: unknown, retainUntil: FOREVER })
    expect(FOREVER).toBe(8.64e15)
    const resolved = decideComplete(held, completion, NOW + 10)
    expect(resolved.outcome).toBe('ok')
    expect(resolved.write).toMatchObject({ result: value, retainUntil: NOW + 510, leaseUntil: NOW + 10 })
  })

  it('is lost on an idle record, and without one', () => {
    expect(decideComplete(idle, completion, NOW)).toStrictEqual({ outcome: 'lost' })
    expect(decideComplete(undefined, completion, NOW)).toStrictEqual({ outcome: 'lost' })
  })
})

describe('decideRelease', () => {
  it('makes a running record idle, takes its own attempt back and keeps the rest', () => {
    const write = { ...record, state: 'idle', attempt: 1, leaseUntil: NOW }
    expect(decideRelease(record, lease, NOW)).toStrictEqual({ outcome: 'ok', write })
  })

  it('answers ok to a repeat and writes nothing', () => {
    expect(decideRelease(idle, lease, NOW)).toStrictEqual({ outcome: 'ok' })
  })

  it('releases an abandoned record that nobody took over, until its retention is over', () => {
    expect(decideRelease(record, lease, NOW + 1_049).outcome).toBe('ok')
    expect(decideRelease(record, lease, NOW + 1_050)).toStrictEqual({ outcome: 'lost' })
  })

  it('is lost on a done record, and without one', () => {
    expect(decideRelease(done, lease, NOW)).toStrictEqual({ outcome: 'lost' })
    expect(decideRelease(undefined, lease, NOW)).toStrictEqual({ outcome: 'lost' })
  })
})

describe('every write', () => {
  it.each([
    ['another owner', { ...lease, owner: 'new' }],
    ['a larger fence', { ...lease, fence: 8 }],
    ['a smaller fence', { ...lease, fence: 6 }],
  ])('is lost to %s', (_, stranger) => {
    const lost = { outcome: 'lost' }
    for (const current of [record, idle, done, { ...done, result: unknown }]) {
      expect(decideRenew(current, { lease: stranger, leaseMs: 1, retentionMs: 1 }, NOW)).toStrictEqual(lost)
      expect(decideComplete(current, { lease: stranger, result: value, retentionMs: 1 }, NOW)).toStrictEqual(lost)
      expect(decideRelease(current, stranger, NOW)).toStrictEqual(lost)
    }
  })
})

describe('isSweepable, retained and isAbandoned', () => {
  it('keep a record until both its retention and its lease are over', () => {
    const until = (retainUntil: number, leaseUntil: number) => ({ ...record, retainUntil, leaseUntil })
    expect(isSweepable(until(NOW, NOW), NOW)).toBe(true)
    expect(isSweepable(until(NOW + 1, NOW), NOW)).toBe(false)
    expect(isSweepable(until(NOW, NOW + 1), NOW)).toBe(false)
  })

  it('answer the record itself while it is retained', () => {
    expect(retained(record, NOW)).toBe(record)
    expect(retained(record, NOW + 1_050)).toBe(undefined)
    expect(retained(undefined, NOW)).toBe(undefined)
  })

  it('call a running record abandoned from the moment its lease is over, and no other', () => {
    expect(isAbandoned(record, NOW + 49)).toBe(false)
    expect(isAbandoned(record, NOW + 50)).toBe(true)
    expect(isAbandoned(idle, NOW)).toBe(false)
    expect(isAbandoned(done, NOW)).toBe(false)
  })
})
