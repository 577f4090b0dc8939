import { types } from 'node:util'
import { type CodecLimits, isDangerousName } from './codec-format.ts'
import { OnlyonceError } from './errors.ts'
import { describe, isNativePrototype, isPlainArray, isPlainObject, Trail } from './value-path.ts'

// A subclass of Date, Map or Set would be decoded as its base class, so only the class itself is accepted.
export function isDate(value: object): value is Date {
  // By its own name: where a test runner has put a class of its own in the place of `Date`, those of both come along.
  const { prototype } = Date
  return types.isDate(value) && isNativePrototype({ name: 'Date', prototype }, Object.getPrototypeOf(value))
}

export function isMap(value: object): value is ReadonlyMap<unknown, unknown> {
  return types.isMap(value) && isNativePrototype(Map, Object.getPrototypeOf(value))
}

export function isSet(value: object): value is ReadonlySet<unknown> {
  return types.isSet(value) && isNativePrototype(Set, Object.getPrototypeOf(value))
}

/** Walks a value before it is encoded: refuses what cannot be stored, and finds out whether it needs extended JSON. */
export class Survey {
  readonly trail: Trail = new Trail('result')
  /** True once a value was found that plain JSON would lose. */
  needsExtension = false
  readonly #limits: CodecLimits
  #leastSize = 0

  constructor(limits: CodecLimits) {
    this.#limits = limits
  }

  /** @throws OnlyonceError `RESULT_UNSERIALIZABLE` with the path of what cannot be stored. */
  visit(value: unknown): void {
    this.#spend(1)
    if (value === null || typeof value === 'boolean') return
    if (typeof value === 'string') this.#spend(value.length)
    else if (typeof value === 'object') this.#visitObject(value)
    else if (typeof value === 'function' || typeof value === 'symbol') this.#refuse(describe(value))
    else if (!Number.isFinite(value) || Object.is(value, -0)) this.needsExtension = true
  }

  refuseSize(): never {
    const rule = `result is larger than ${this.#limits.maxBytes} bytes and cannot be stored`
    throw new OnlyonceError('RESULT_UNSERIALIZABLE', `${rule}; return a reference to it instead`)
  }

  #visitObject(value: object): void {
    if (isPlainArray(value)) {
      this.#enter(value)
      this.#visitItems(value)
      this.trail.leave()
      this.#refuseToJson(value)
    } else if (isPlainObject(value)) {
      if (Object.getOwnPropertySymbols(value).length > 0) this.#refuse('an object with symbol keys')
      this.#enter(value)
      this.#visitMembers(value)
      this.trail.leave()
      this.#refuseToJson(value)
    } else {
      this.needsExtension = true
      if (types.isUint8Array(value)) this.#spend(value.byteLength)
      else if (!isDate(value)) this.#visitCollection(value)
    }
  }

  /** `JSON.stringify` also calls a `toJSON` that is no member, such as an inherited one, and writes what it returns. */
  #refuseToJson(value: object): void {
    if (typeof (value as { readonly toJSON?: unknown }).toJSON === 'function')
      this.#refuse('an object with a toJSON that is no member')
  }

  #visitCollection(value: object): void {
    const entries = isMap(value) ? value : isSet(value) ? Array.from(value, single) : this.#refuse(describe(value))
    this.#enter(value)
    this.#visitEntries(entries)
    this.trail.leave()
  }

  #enter(container: object): void {
    if (this.trail.isInside(container)) this.#refuse('a reference to something it is inside of')
    if (this.trail.depth === this.#limits.maxDepth) this.#refuse(`nested deeper than ${this.#limits.maxDepth} levels`)
    this.trail.enter(container)
  }

  #visitItems(items: readonly unknown[]): void {
    for (let index = 0; index < items.length; index++) {
      this.trail.at(index)
      const item = items[index]
      if (item === undefined && !Object.hasOwn(items, index)) this.#refuse('a hole in a sparse array')
      this.visit(item)
    }
  }

  #visitMembers(members: Readonly<Record<string, unknown>>): void {
    for (const name of Object.keys(members)) {
      this.trail.at(name)
      if (isDangerousName(name)) this.#refuse('a member with a name that can reach a prototype')
      this.#spend(name.length)
      const { get, set, value } = Object.getOwnPropertyDescriptor(members, name)!
      if (get !== undefined || set !== undefined) this.#refuse('a getter or setter')
      this.visit(value)
    }
  }

  #visitEntries(entries: Iterable<readonly unknown[]>): void {
    let entry = 0
    for (const parts of entries) {
      this.trail.at({ entry })
      for (const part of parts) this.visit(part)
      entry++
    }
  }

  // A lower bound kept while walking: objects referenced many times can make the text of a small graph enormous.
  #spend(size: number): void {
    this.#leastSize += size
    if (this.#leastSize > this.#limits.maxBytes) this.refuseSize()
  }

  #refuse(what: string): never {
    throw new OnlyonceError(
      'RESULT_UNSERIALIZABLE',
      `${this.trail} is ${what}, which cannot be stored; return plain data`,
    )
  }
}

function single<T>(item: T): [T] {
  return [item]
}
