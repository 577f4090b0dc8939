/**
 * A blob as a plain Uint8Array. node:sqlite gives that, better-sqlite3 a Buffer, which prints and slices differently,
 * libsql a Buffer from `get` and an ArrayBuffer from `all`. Undefined for what is no blob.
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

/** A row for an effect, the same with every driver. */
export function withPlainBlobs(row: unknown): unknown {
  if (typeof row !== 'object' || row === null) return row
  for (const [column, value] of Object.entries(row)) {
    if (value instanceof ArrayBuffer) (row as Record<string, unknown>)[column] = new Uint8Array(value)
  }
  return row
}
