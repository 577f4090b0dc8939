import type { SqlPort } from '../port/port.ts'
import type { SqlInput } from '../port/values.ts'

/** Collects the values of a statement in the order of their placeholders. */
export class Statement {
  readonly #port: SqlPort
  readonly values: SqlInput[] = []

  constructor(port: SqlPort) {
    this.#port = port
  }

  /** Binds `value` and returns its placeholder. */
  bind(value: SqlInput): string {
    this.values.push(value)
    return this.#port.placeholder(this.values.length)
  }
}
