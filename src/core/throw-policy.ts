import type { Call, EngineContext } from './context.ts'
import { report } from './events.ts'
import type { ThrowVerdict } from './options.ts'

/** What `onThrow` makes of this error. A policy that throws is reported, and the operation is given back. */
export function verdictOn({ options }: EngineContext, call: Call, error: unknown): ThrowVerdict {
  const policy = call.options.onThrow
  if (typeof policy !== 'function') return policy
  try {
    return policy(error)
  } catch (broken) {
    report(options.onListenerError, broken)
    return 'release'
  }
}

/** Whether `onThrow` makes this error the result. */
export function remembers(context: EngineContext, call: Call, error: unknown): boolean {
  return verdictOn(context, call, error) === 'remember'
}
