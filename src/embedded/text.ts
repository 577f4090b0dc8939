/**
 * Text as it is stored. Readable as it is, except that text with a NUL or half a surrogate pair is kept as JSON:
 * libsql cuts text at a NUL when it reads, and UTF-8 has no form for half a pair. Text that begins with a quote is kept
 * as JSON too, so that the two never meet.
 */
export function packText(text: string): string {
  return text.startsWith('"') || text.includes('\0') || !text.isWellFormed() ? JSON.stringify(text) : text
}

/** @throws SyntaxError when the stored text was damaged */
export function unpackText(stored: string): string {
  return stored.startsWith('"') ? String(JSON.parse(stored)) : stored
}
