import type { Call, EngineContext } from './context.ts'
import { report } from './events.ts'

/** Whether `onThrow` makes this error the result. A policy that throws is reported, and the operation is given back. */
export function remembers({ options }: EngineContext, call: Call, error: unknown): boolean {
  const policy = call.options.onThrow
  if (typeof policy !== 'function') return policy === 'remember'
  try {
    return policy(error) === 'remember'
  } catch (broken) {
    report(options.onListenerError, broken)
    return false
  }
}
