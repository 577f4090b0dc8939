import { isExact, MAY_BE_ROUNDED } from './exact-number.ts'

const QUOTE = 0x22
const MINUS = 0x2d
const ZERO = 0x30
const COLON = 0x3a
const BACKSLASH = 0x5c

const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Returns the JSON value in `bytes`. `undefined` when it is no JSON, or parsers may read it differently: an object has
 * duplicate member names (RFC 8259 §4), or JavaScript rounds a number (§6). Two different such texts must not count as
 * equal.
 */
export function readJson(bytes: Uint8Array): { readonly value: unknown } | undefined {
  try {
    const text = utf8.decode(bytes)
    const value: unknown = JSON.parse(text)
    return membersWritten(text) === membersRead(value) && numbersAreExact(text) ? { value } : undefined
  } catch {
    return undefined
  }
}

/** In valid JSON every member is written with one colon outside of strings. */
function membersWritten(text: string): number {
  let members = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === COLON) members++
    else if (code === QUOTE) at = endOfString(text, at)
  }
  return members
}

function numbersAreExact(text: string): boolean {
  if (!MAY_BE_ROUNDED.test(text)) return true
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) at = endOfString(text, at)
    else if (code === MINUS || (code >= ZERO && code < COLON)) {
      const end = endOfNumber(text, at)
      if (!isExact(text.slice(at, end))) return false
      at = end
    }
  }
  return true
}

const IN_NUMBER: ReadonlySet<number> = new Set(Buffer.from('-0123456789.eE+'))

function endOfNumber(text: string, start: number): number {
  let at = start + 1
  while (IN_NUMBER.has(text.charCodeAt(at))) at++
  return at
}

function endOfString(text: string, start: number): number {
  let at = start + 1
  while (text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1
  return at
}

function membersRead(root: unknown): number {
  let members = 0
  const open = [root]
  while (open.length > 0) {
    const value = open.pop()
    if (typeof value !== 'object' || value === null) continue
    const within: unknown[] = Object.values(value)
    if (!Array.isArray(value)) members += within.length
    for (const one of within) open.push(one)
  }
  return members
}
