/** `Symbol.for`, so that two copies of the package in one process understand each other. */
const brand: unique symbol = Symbol.for('onlyonce.refused-commit') as never

/** Says of what the database answered to COMMIT that it is about what was written, such as by a deferred constraint. */
export function refusedAtCommit<E extends object>(error: E): E {
  return Object.defineProperty(error, brand, { value: true })
}

export function wasRefusedAtCommit(error: unknown): boolean {
  return brand in Object(error)
}
