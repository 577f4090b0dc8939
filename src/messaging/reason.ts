import { REASON_HEADER } from './headers.ts'

/** A reason as the value of a header, in one line and at most so many bytes; `undefined` where nothing is left of it. */
export function reasonWithin(limit: number, reason: string): string | undefined {
  return cutTo(limit, printable(reason)) || undefined
}

/** The value of a label on a message that is put aside, in at most so many bytes: a reason may be cut, a name may not. */
export function labelWithin(limit: number, label: string, value: string): string | undefined {
  if (label === REASON_HEADER) return reasonWithin(limit, value)
  const text = printable(value)
  return Buffer.byteLength(text) <= limit ? text : undefined
}

/** Brokers refuse a header with a control character, or take the end of a line for its end. */
function printable(text: string): string {
  return text
    .replaceAll(/\p{Cc}+/gu, ' ')
    .trim()
    .toWellFormed()
}

/** A cut may leave half of a character, which becomes a mark of three bytes. */
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
