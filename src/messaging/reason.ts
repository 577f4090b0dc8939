import { REASON_HEADER } from './headers.ts'

/** Returns a reason as a header value: one line of at most `limit` bytes; `undefined` when nothing is left of it. */
export function reasonWithin(limit: number, reason: string): string | undefined {
  return cutTo(limit, printable(reason)) || undefined
}

/** Returns the value of a label in at most `limit` bytes: a reason may be cut, others are left out if too long. */
export function labelWithin(limit: number, label: string, value: string): string | undefined {
  if (label === REASON_HEADER) return reasonWithin(limit, value)
  const text = printable(value)
  return Buffer.byteLength(text) <= limit ? text : undefined
}

/** Brokers refuse a header with a control character, or take a line break for the end of the header. */
function printable(text: string): string {
  return text
    .replaceAll(/\p{Cc}+/gu, ' ')
    .trim()
    .toWellFormed()
}

/** Cutting may split a character, which decodes to U+FFFD: three bytes. */
function cutTo(limit: number, text: string): string {
  if (Buffer.byteLength(text) <= limit) return text
  return limit < 3
    ? ''
    : Buffer.from(text)
        .subarray(0, limit - 2)
        .toString()
        .replace(/\uFFFD$/, '')
        .trim()
}
