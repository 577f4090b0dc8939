import { reasonOf } from '../core/errors.ts'
import { isAbandoned } from '../core/lifecycle.ts'
import type { ObservedRecord } from '../core/record.ts'
import { readResult } from '../core/result.ts'
import type { ShownState } from './states.ts'
import { iso } from './time.ts'
import { plainJson } from './value.ts'

export function stateOf(record: ObservedRecord): ShownState {
  if (record.result?.kind === 'unknown') return 'unknown'
  return isAbandoned(record, record.readAt) ? 'abandoned' : record.state
}

/** Converts a record without its value. Times are ISO 8601; `retainedUntil` is null for "for ever". */
export function recordJson(record: ObservedRecord): Record<string, unknown> {
  const { id, scope, key, attempt, starts, fence, owner, fingerprint, result } = record
  return {
    id,
    scope: scope ?? null,
    key: key ?? null,
    state: stateOf(record),
    attempt,
    starts,
    fence,
    owner,
    fingerprint,
    createdAt: iso(record.createdAt) ?? null,
    leaseUntil: iso(record.leaseUntil) ?? null,
    retainedUntil: iso(record.retainUntil) ?? null,
    readAt: iso(record.readAt) ?? null,
    steps: record.steps.map((step) => step.name),
    result: result === undefined ? null : { kind: result.kind, bytes: result.body.length },
  }
}

export type ReadableResult =
  | { readonly kind: 'none' }
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'error'; readonly error: unknown }
  | { readonly kind: 'unreadable'; readonly reason: string }

/** Decodes the result. Never throws, so that a damaged record can be shown. */
export function resultOf(record: ObservedRecord): ReadableResult {
  if (record.result === undefined || record.result.kind === 'unknown') return { kind: 'none' }
  try {
    const read = readResult(record.key ?? record.id, record.result)
    if (read === undefined) return { kind: 'none' }
    return 'error' in read ? { kind: 'error', error: read.error } : { kind: 'value', value: read.value }
  } catch (error) {
    return { kind: 'unreadable', reason: reasonOf(error) }
  }
}

export function resultJson(result: ReadableResult): Record<string, unknown> {
  switch (result.kind) {
    case 'value':
      return { value: plainJson(result.value) }
    case 'error':
      return { error: plainJson(result.error) }
    case 'unreadable':
      return { unreadable: result.reason }
    case 'none':
      return {}
  }
}
