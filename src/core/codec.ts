// A stored value is two header bytes (format version, representation) and a body; see codec-format.ts.
export { decodeResult } from './codec-decode.ts'
export { encodeResult } from './codec-encode.ts'
export { decodeError, encodeError } from './codec-error.ts'
