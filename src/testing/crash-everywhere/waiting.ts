/** A promise that can be settled from outside. */
export interface Deferred<T> {
  readonly promise: Promise<T>
  resolve(value: T): void
  reject(reason: unknown): void
}

export function deferred<T = void>(): Deferred<T> {
  let resolve: (value: T) => void = () => {}
  let reject: (reason: unknown) => void = () => {}
  const promise = new Promise<T>((done, failed) => {
    resolve = done
    reject = failed
  })
  return { promise, resolve, reject }
}

/** The promise's value, or `otherwise` after `ms`. Keeps Node.js alive meanwhile: it may never settle. */
export async function within<T>(promise: Promise<T>, ms: number, otherwise: T): Promise<T> {
  const late = deferred<T>()
  const timer = setTimeout(() => late.resolve(otherwise), ms)
  try {
    return await Promise.race([promise, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
