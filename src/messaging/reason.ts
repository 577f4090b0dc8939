/** A reason as the value of a header, in one line and at most so many bytes; `undefined` where nothing is left of it. */
export function reasonWithin(limit: number, reason: string): string | undefined {
  return cutTo(limit, printable(reason)) || undefined
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
