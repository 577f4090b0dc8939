// Encodes ARGV[1] of each script: a mark of the call, then one entry per operation, as described in the head of its Lua
// file.
import { randomInt } from 'node:crypto'
import { OnlyonceError } from '../../core/errors.ts'
import type { Lease } from '../../core/record.ts'
import type { ClaimRequest, Completion, Renewal } from '../../core/store.ts'
import { ByteWriter } from './bytes.ts'
import { KINDS, packSteps } from './format.ts'
import { writeFingerprint, writeNames, writeOwner } from './names.ts'

/** Cap of durations: far beyond any sensible one, and still six bytes when added to the clock. */
const LONGEST_MS = 2 ** 46
const USUAL_BYTES = 256
export const MARK_BYTES = 4
const MARKS = 2 ** (8 * MARK_BYTES)
/**
 * Starts at random in each process, because a proxy may share one connection between several; and with the first call,
 * because Workers draw nothing while a module is loaded.
 */
let calls: number | undefined
/** The length of the names has two bytes. */
const MOST_NAME_BYTES = 65_535

export function packClaims(requests: readonly ClaimRequest[]): Buffer {
  return packed(requests, (to, { owner, fingerprint, scope, key, leaseMs, retentionMs }) => {
    ms(to, leaseMs)
    ms(to, retentionMs)
    const lengths = to.length
    to.number(0, 4)
    to.number(0, 1)
    to.number(0, 4)
    const marks = [to.length]
    writeOwner(to, owner)
    marks.push(to.length)
    writeFingerprint(to, fingerprint)
    marks.push(to.length)
    writeNames(to, scope, key)
    const [start, print, names] = marks as [number, number, number]
    to.number(to.length - start + 5, 4, lengths)
    to.number(print - start, 1, lengths + 4)
    to.number(names - print, 2, lengths + 5)
    if (to.length - names > MOST_NAME_BYTES) throw tooLong(to.length - names)
    to.number(to.length - names, 2, lengths + 7)
  })
}

export function packRenewals(renewals: readonly Renewal[]): Buffer {
  return packed(renewals, (to, { lease, leaseMs, retentionMs, steps = [] }) => {
    const saved = packSteps(steps)
    to.number(lease.fence, 7)
    ms(to, leaseMs)
    ms(to, retentionMs)
    const length = ownerLength(to)
    to.number(saved.length, 4)
    length(lease.owner)
    to.bytes(saved)
  })
}

export function packCompletions(completions: readonly Completion[]): Buffer {
  return packed(completions, (to, { lease, result, retentionMs }) => {
    to.number(lease.fence, 7)
    ms(to, retentionMs)
    to.number(KINDS[result.kind], 1)
    const length = ownerLength(to)
    to.number(result.body.length, 4)
    length(lease.owner)
    to.bytes(result.body)
  })
}

export function packLeases(leases: readonly Lease[]): Buffer {
  return packed(leases, (to, { owner, fence }) => {
    to.number(fence, 7)
    ownerLength(to)(owner)
  })
}

function tooLong(bytes: number): OnlyonceError {
  return new OnlyonceError(
    'KEY_INVALID',
    `the redis store has 65,535 bytes for scope and key together; got ${bytes}: lower maxKeyLength`,
  )
}

/** For a script that needs only the keys. */
export function packNothing(): Buffer {
  return packed([], () => {})
}

function packed<T>(all: readonly T[], write: (to: ByteWriter, one: T) => void): Buffer {
  const to = new ByteWriter(MARK_BYTES + all.length * USUAL_BYTES)
  calls = ((calls ?? randomInt(MARKS)) + 1) % MARKS
  to.number(calls, MARK_BYTES)
  for (const one of all) write(to, one)
  return to.done()
}

/** Reserves a byte for the owner's length. Returns the function that writes the owner and fills that byte in. */
function ownerLength(to: ByteWriter): (owner: string) => void {
  const at = to.length
  to.number(0, 1)
  return (owner) => {
    const start = to.length
    writeOwner(to, owner)
    to.number(to.length - start, 1, at)
  }
}

function ms(to: ByteWriter, value: number): void {
  to.number(Math.min(Math.max(Math.ceil(value), 0), LONGEST_MS), 6)
}
