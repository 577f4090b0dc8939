/**
 * Encodes text for the store. It stays as it is, except that text with a NUL or a lone surrogate is stored as JSON:
 * libsql cuts text at a NUL when reading, and UTF-8 cannot encode a lone surrogate. Text that begins with a quote is
 * stored as JSON too, so that the two forms never collide.
 */
export function packText(text: string): string {
  return text.startsWith('"') || text.includes('\0') || !text.isWellFormed() ? JSON.stringify(text) : text
}

/** @throws SyntaxError when the stored text was damaged */
export function unpackText(stored: string): string {
  return stored.startsWith('"') ? String(JSON.parse(stored)) : stored
}

/** Returns the decoded text, or the stored text if it is damaged. */
export function textOrRaw(stored: unknown): string {
  try {
    return unpackText(String(stored))
  } catch {
    return String(stored)
  }
}
