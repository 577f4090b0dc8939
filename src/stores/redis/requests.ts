// What each script takes as ARGV[1]: one entry per operation; the head of its Lua file says what is in it.
import type { Lease } from '../../core/record.ts'
import type { ClaimRequest, Completion, Renewal } from '../../core/store.ts'
import { ByteWriter } from './bytes.ts'
import { KINDS, packSteps } from './format.ts'
import { writeFingerprint, writeNames, writeOwner } from './names.ts'

/** Far beyond any sensible time, and still six bytes when it is added to the clock. */
const LONGEST_MS = 2 ** 46
const USUAL_BYTES = 256

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

function packed<T>(all: readonly T[], write: (to: ByteWriter, one: T) => void): Buffer {
  const to = new ByteWriter(all.length * USUAL_BYTES)
  for (const one of all) write(to, one)
  return to.done()
}

/** Leaves room for the length of an owner that is written later. */
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
