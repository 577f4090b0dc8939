const IDENTIFIER = /^[A-Za-z_$][\w$]*$/
const MAX_KEY_SHOWN = 60

/** A member name, an array index, or the position of an entry in a `Map` or `Set`. */
export type Step = string | number | { readonly entry: number }

/** The position of a walk over a value: the open containers, and the current member of each. */
export class Trail {
  readonly #root: string
  readonly #open: object[] = []
  readonly #steps: (Step | undefined)[] = []

  constructor(root: string) {
    this.#root = root
  }

  get depth(): number {
    return this.#open.length
  }

  enter(container: object): void {
    this.#open.push(container)
    this.#steps.push(undefined)
  }

  at(step: Step): void {
    this.#steps[this.#steps.length - 1] = step
  }

  leave(): void {
    this.#open.pop()
    this.#steps.pop()
  }

  /** True when this container is open, so that entering it again would never end. */
  isInside(container: object): boolean {
    return this.#open.includes(container)
  }

  /** The path from the root in JavaScript syntax: `payload.items[3].price`. Long names are shortened. */
  toString(): string {
    return this.#root + this.#steps.map(stepText).join('')
  }
}

function stepText(step: Step | undefined): string {
  if (step === undefined) return ''
  if (typeof step === 'object') return `<entry ${step.entry}>`
  const text = String(step)
  if (text.length > MAX_KEY_SHOWN) return `[${JSON.stringify(text.slice(0, MAX_KEY_SHOWN))}…]`
  return IDENTIFIER.test(text) ? `.${text}` : `[${JSON.stringify(step)}]`
}

export function isPlainArray(value: object): value is readonly unknown[] {
  return Array.isArray(value) && isNativePrototype(Array, Object.getPrototypeOf(value))
}

/** True for an object literal or one without prototype: anything else may have behaviour that data cannot carry. */
export function isPlainObject(value: object): value is Readonly<Record<string, unknown>> {
  const prototype: unknown = Object.getPrototypeOf(value)
  return (prototype === null || isNativePrototype(Object, prototype)) && !Array.isArray(value)
}

/**
 * Whether `prototype` is that of the built-in class, in this realm or in another one: Jest runs tests in a realm of its
 * own, where objects from `fetch` and `structuredClone` belong to another realm.
 */
export function isNativePrototype(
  builtIn: { readonly name: string; readonly prototype: object },
  prototype: unknown,
): boolean {
  if (prototype === builtIn.prototype) return true
  if (typeof prototype !== 'object' || prototype === null) return false
  if (Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value?.name !== builtIn.name) return false
  // A subclass with the same name is one level further from the end of the prototype chain.
  const root: unknown = builtIn === Object ? prototype : Object.getPrototypeOf(prototype)
  return root !== null && Object.getPrototypeOf(root) === null
}

/** Describes a refused value for a message: `NaN`, `a function`, `an instance of Money`. */
export function describe(value: unknown): string {
  if (typeof value === 'object') return `an instance of ${value?.constructor?.name || 'an unnamed class'}`
  return typeof value === 'number' || value === undefined ? String(value) : `a ${typeof value}`
}
