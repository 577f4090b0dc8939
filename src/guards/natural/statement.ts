import type { SqlPort } from '../port/port.ts'
import type { SqlInput } from '../port/values.ts'

/** A statement under construction: each value goes where its placeholder stands. */
export class Statement {
  readonly #port: SqlPort
  readonly values: SqlInput[] = []

  constructor(port: SqlPort) {
    this.#port = port
  }

  /** Binds `value` and answers its placeholder. */
  bind(value: SqlInput): string {
    this.values.push(value)
    return this.#port.placeholder(this.values.length)
  }
}
