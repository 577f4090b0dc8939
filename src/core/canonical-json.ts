import { OnlyonceError, reasonOf } from './errors.ts'
import { describe, isPlainArray, isPlainObject, Trail } from './value-path.ts'

export interface CanonicalLimits {
  /** How many arrays and objects may be nested in one another. */
  readonly maxDepth: number
  /** The size of the text in UTF-8 bytes. */
  readonly maxBytes: number
}

const DEFAULT_LIMITS: CanonicalLimits = Object.freeze({ maxDepth: 100, maxBytes: 4 * 1024 * 1024 })

/** Characters that JSON escapes, and surrogates. Most texts have neither and can be quoted as they are. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: those are what it looks for
const NEEDS_CARE = /["\\\x00-\x1f\ud800-\udfff]/

/**
 * Gives two equal JSON values the same text, whatever the order of their members.
 *
 * Members whose value is `undefined`, symbol keys and non-enumerable members are absent, as in `JSON.stringify`. `-0` is `0`.
 * Default limits: 100 levels, 4 MiB.
 * @throws OnlyonceError `KEY_INVALID` naming the path of a value that is not JSON (`NaN`, bigint, a class instance, a
 * cycle, a lone surrogate, a member named `__proto__`, `undefined` or a hole in an array) or that is over a limit.
 * @see https://www.rfc-editor.org/rfc/rfc8785
 */
export function canonicalJson(value: unknown, limits: Partial<CanonicalLimits> = {}): string {
  const trail = new Trail('payload')
  try {
    return new CanonicalWriter(trail, { ...DEFAULT_LIMITS, ...limits }).write(value)
  } catch (thrown) {
    throw OnlyonceError.from(thrown, 'KEY_INVALID', `${trail} cannot be read: ${reasonOf(thrown)}`)
  }
}

class CanonicalWriter {
  readonly #trail: Trail
  readonly #limits: CanonicalLimits
  #out = ''

  constructor(trail: Trail, limits: CanonicalLimits) {
    this.#trail = trail
    this.#limits = limits
  }

  write(value: unknown): string {
    this.#value(value)
    const { maxBytes } = this.#limits
    // A UTF-16 code unit takes at most three bytes in UTF-8, so most texts need not be measured.
    if (this.#out.length * 3 > maxBytes && Buffer.byteLength(this.#out) > maxBytes) this.#refuseSize()
    return this.#out
  }

  #value(value: unknown): void {
    if (value === null || typeof value === 'boolean') this.#append(String(value))
    // ECMAScript's own number formatting is what RFC 8785 prescribes, and it writes -0 as 0.
    else if (Number.isFinite(value)) this.#append(String(value))
    else if (typeof value === 'string') this.#append(this.#quoted(value))
    else if (typeof value === 'object') this.#container(value)
    else this.#refuse(value)
  }

  #container(value: object): void {
    if (this.#trail.isInside(value)) this.#fail('contains itself; a cycle has no canonical form')
    if (this.#trail.depth === this.#limits.maxDepth) this.#fail(`is nested deeper than ${this.#limits.maxDepth} levels`)
    const isArray = isPlainArray(value)
    if (!isArray && !isPlainObject(value)) this.#refuse(value)
    this.#trail.enter(value)
    if (isArray) this.#array(value)
    else this.#object(value as Readonly<Record<string, unknown>>)
    this.#trail.leave()
  }

  #array(items: readonly unknown[]): void {
    this.#append('[')
    for (let index = 0; index < items.length; index++) {
      this.#trail.at(index)
      if (index > 0) this.#append(',')
      this.#value(items[index])
    }
    this.#append(']')
  }

  #object(members: Readonly<Record<string, unknown>>): void {
    let separator = '{'
    // Array.prototype.sort compares UTF-16 code units, which is the order RFC 8785 prescribes.
    for (const name of Object.keys(members).sort()) {
      this.#trail.at(name)
      const value = members[name]
      if (value === undefined) continue
      if (name === '__proto__') this.#fail('is a member named __proto__, which can change a prototype')
      this.#append(`${separator}${this.#quoted(name)}:`)
      this.#value(value)
      separator = ','
    }
    this.#append(separator === '{' ? '{}' : '}')
  }

  #quoted(text: string): string {
    if (!NEEDS_CARE.test(text)) return `"${text}"`
    if (!text.isWellFormed()) this.#fail('has a lone surrogate, which has no canonical form')
    return JSON.stringify(text)
  }

  #append(text: string): void {
    this.#out += text
    // Checked while writing: objects referenced many times can make the text of a small graph enormous.
    if (this.#out.length > this.#limits.maxBytes) this.#refuseSize()
  }

  #refuseSize(): never {
    throw new OnlyonceError('KEY_INVALID', `payload is larger than ${this.#limits.maxBytes} bytes as canonical JSON`)
  }

  #refuse(value: unknown): never {
    this.#fail(`is ${describe(value)}, which has no canonical form: give what JSON has, such as its text`)
  }

  #fail(what: string): never {
    throw new OnlyonceError('KEY_INVALID', `${this.#trail} ${what}`)
  }
}
