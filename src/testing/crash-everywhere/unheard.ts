import { types } from 'node:util'
import { MadeToFail, Stopped } from './process.ts'

/** A made-to-fail call that nobody awaits must not end the real process: the report tells of it. */
export function heard<T>(answer: T): T {
  if (types.isPromise(answer)) answer.catch(() => {})
  return answer
}

/** The same for the handler's `async` functions, which pass the error on. Returns a function that stops it. */
export function hearOurErrors(): () => void {
  const hear = (reason: unknown) => {
    // Node.js does the same without listeners. If a test runner listens too, it is notified.
    if (!isOurs(reason) && process.listenerCount('unhandledRejection') === 1) throw reason
  }
  process.on('unhandledRejection', hear)
  return () => void process.off('unhandledRejection', hear)
}

const MOST_CAUSES = 8

/** Looks through causes too, because drivers, engines and handlers wrap errors. */
function isOurs(reason: unknown): boolean {
  let error = reason
  for (let depth = 0; depth < MOST_CAUSES; depth++) {
    if (error instanceof MadeToFail || error instanceof Stopped) return true
    error = Object(error).cause
  }
  return false
}
