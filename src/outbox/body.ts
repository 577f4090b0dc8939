/**
 * The bytes of a message's body: bytes are copied, anything else becomes JSON.
 * @throws Error for what JSON would silently lose: `undefined`, `NaN`, functions, symbols, `Map`, `Set`, cycles, bigint
 */
export function encodeBody(body: unknown): Uint8Array {
  if (body instanceof Uint8Array) return Uint8Array.from(body)
  const text = JSON.stringify(body, refuseLoss)
  if (text === undefined) throw new Error('it has no JSON form')
  return new TextEncoder().encode(text)
}

/** Members that are `undefined` are left out, as everywhere in JavaScript. */
function refuseLoss(name: string, value: unknown): unknown {
  const lost =
    (typeof value === 'number' && !Number.isFinite(value)) ||
    typeof value === 'function' ||
    typeof value === 'symbol' ||
    value instanceof Map ||
    value instanceof Set ||
    ArrayBuffer.isView(value)
  if (lost) throw new Error(`its member \`${name}\` has no JSON form`)
  return value
}
