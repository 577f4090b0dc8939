import { decodeResult, encodeResult } from '../src/core/codec.ts'
import { OnlyonceError } from '../src/core/errors.ts'

/** Property names that lead to a prototype. */
export const DANGEROUS = ['__proto__', 'constructor', 'prototype']

export function refusal(work: () => unknown): string {
  try {
    work()
  } catch (thrown) {
    if (OnlyonceError.is(thrown) && thrown.code === 'RESULT_UNSERIALIZABLE') return thrown.message
    throw thrown
  }
  throw new Error('was not refused')
}

export function roundTrip(value: unknown): unknown {
  return decodeResult(encodeResult(value))
}

/** Compares deeply, including the sign of zero, the order of members and entries, holes, and prototypes. */
export function same(one: unknown, other: unknown): boolean {
  if (typeof one !== 'object' || one === null) return Object.is(one, other)
  if (typeof other !== 'object' || other === null) return false
  if (Object.getPrototypeOf(one) !== Object.getPrototypeOf(other)) return false
  if (one instanceof Date) return Object.is(one.getTime(), (other as Date).getTime())
  const [parts, others] = [one, other].map((value) =>
    value instanceof Map ? [...value].flat() : value instanceof Set ? [...value] : Object.entries(value).flat(),
  )
  return parts?.length === others?.length && (parts ?? []).every((part, index) => same(part, others?.[index]))
}
