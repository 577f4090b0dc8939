/**
 * Returns a blob as a plain Uint8Array; undefined for other values. node:sqlite returns that, better-sqlite3 a Buffer,
 * which prints and slices differently, libsql a Buffer from `get` and an ArrayBuffer from `all`.
 */
export function asBytes(value: unknown): Uint8Array | undefined {
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  return value instanceof ArrayBuffer ? new Uint8Array(value) : undefined
}

export function requireBytes(value: unknown, what: string): Uint8Array {
  const bytes = asBytes(value)
  if (bytes === undefined) throw new Error(`${what} is no blob`)
  return bytes
}

/** Converts the blobs of a row for an effect, which libsql returns as ArrayBuffer, to Uint8Array, in place. */
export function withPlainBlobs(row: unknown): unknown {
  if (typeof row !== 'object' || row === null) return row
  for (const [column, value] of Object.entries(row)) {
    if (value instanceof ArrayBuffer) (row as Record<string, unknown>)[column] = new Uint8Array(value)
  }
  return row
}
