/** Calls a listener of the user. What it throws, at once or later, is reported and affects nothing else. */
export function tell<E>(listener: (event: E) => unknown, event: E, reporter: (error: unknown) => void): void {
  try {
    reportRejection(reporter, listener(event))
  } catch (error) {
    report(reporter, error)
  }
}

/** Calls a reporter supplied by the user. Errors of the reporter itself are ignored. */
export function report(reporter: (error: unknown) => void, error: unknown): void {
  try {
    reportRejection(() => {}, reporter(error))
  } catch {
    // Deliberately nothing: an operation must not fail because telemetry does.
  }
}

/** Returns what a function supplied by the user returns; `undefined` when it throws, which is only reported. */
export function tried<T>(reporter: (error: unknown) => void, ask: () => T): T | undefined {
  try {
    return ask()
  } catch (error) {
    report(reporter, error)
    return undefined
  }
}

/** The type of a callback without a result also allows an async function, whose rejection must not end the process. */
export function reportRejection(reporter: (error: unknown) => void, returned: unknown): void {
  if (returned instanceof Promise) returned.catch((error) => report(reporter, error))
}
