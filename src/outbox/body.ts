import { types } from 'node:util'
import { isPlainArray, isPlainObject } from '../core/value-path.ts'

/**
 * Returns the bytes of a message's body: bytes are copied, anything else becomes JSON.
 * @throws Error for what JSON would lose or cannot express: `undefined` in an array, `NaN`, infinities, invalid dates,
 * functions, symbols, bigint, cycles, errors, and objects whose contents are not own properties: `Map`, buffers, a
 * promise that was not awaited
 */
export function encodeBody(body: unknown): Uint8Array {
  if (body instanceof Uint8Array) return Uint8Array.from(body)
  if (types.isAnyArrayBuffer(body)) return new Uint8Array(body).slice()
  const text = JSON.stringify(body, refuseLoss)
  if (text === undefined) throw new Error('it has no JSON form')
  return new TextEncoder().encode(text)
}

/** Members that are `undefined` may be omitted, as usual in JavaScript. `value` is already the result of `toJSON`. */
function refuseLoss(this: unknown, name: string, value: unknown): unknown {
  const lost =
    (typeof value === 'number' && !Number.isFinite(value)) ||
    typeof value === 'function' ||
    typeof value === 'symbol' ||
    (value === undefined && Array.isArray(this)) ||
    (value === null && types.isDate((this as Record<string, unknown>)[name])) ||
    (typeof value === 'object' && value !== null && isOpaque(value))
  if (lost) throw new Error(name === '' ? 'it has no JSON form' : `its member \`${name}\` has no JSON form`)
  return value
}

function isOpaque(value: object): boolean {
  if (isPlainArray(value) || isPlainObject(value)) return false
  if (types.isMap(value) || types.isSet(value) || types.isNativeError(value) || ArrayBuffer.isView(value)) return true
  return !Array.isArray(value) && Object.keys(value).length === 0
}
