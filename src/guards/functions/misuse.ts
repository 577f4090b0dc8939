import { OnlyonceError } from '../../core/errors.ts'
import { quote } from '../../core/key.ts'

export interface Decorated {
  readonly method: (...args: never[]) => unknown
  /** @throws OnlyonceError OPTION_INVALID for a method named by a symbol: it needs the option `scope` */
  name(): string
}

/**
 * Refuses `@Idempotent` without parentheses, which is called as the decorator itself, with the method and more.
 * @throws OnlyonceError OPTION_INVALID
 */
export function requireOptions(options: unknown, more: readonly unknown[]): void {
  if (typeof options === 'object' && options !== null && more.length === 0) return
  throw misuse('is called with its options: @Idempotent({ once, key: (order) => order.id })')
}

/**
 * Returns the decorated method in either mode: standard decorators get the method and a context, legacy ones the
 * prototype or class, a name and a descriptor.
 * @throws OnlyonceError OPTION_INVALID unless it is a method
 */
export function requireMethod(value: unknown, context: unknown, descriptor: PropertyDescriptor | undefined): Decorated {
  if (typeof context === 'object' && context !== null) {
    const { kind, name } = context as { kind?: unknown; name?: unknown }
    if (kind === 'method' && typeof value === 'function') return decorated(value, name)
    throw misuse(
      `is for methods, and ${quote(String(name))} is ${WORDS[String(kind)] ?? quote(String(kind))}. ${INSTEAD}`,
    )
  }
  if (context === undefined) throw misuse(`is for methods, and this is ${WORDS.class}. ${INSTEAD}`)
  if (typeof descriptor === 'number') throw misuse(`is for methods, and this is a parameter. ${INSTEAD}`)
  const shown = quote(String(context))
  if (descriptor === undefined) throw misuse(`is for methods, and ${shown} is a property. ${INSTEAD}`)
  if (typeof descriptor.value === 'function') return decorated(descriptor.value, context)
  throw misuse(
    `is for methods, and ${shown} is ${descriptor.get || descriptor.set ? WORDS.getter : WORDS.field}. ${INSTEAD}`,
  )
}

const WORDS: Readonly<Record<string, string>> = {
  class: 'a class',
  getter: 'a getter or setter',
  setter: 'a getter or setter',
  accessor: 'an accessor',
  field: 'a property',
}
const INSTEAD = 'For a function that is the value of a property, use idempotent(fn, options)'

function decorated(method: unknown, name: unknown): Decorated {
  return {
    method: method as Decorated['method'],
    name() {
      if (typeof name === 'string') return name
      throw misuse(`needs a \`scope\` on a method that is named by a symbol, such as ${quote(String(name))}`)
    },
  }
}

function misuse(rule: string): OnlyonceError {
  return new OnlyonceError('OPTION_INVALID', `@Idempotent ${rule}`)
}
