import type { Call, EngineContext } from './context.ts'
import { report, reportRejection } from './events.ts'
import type { ThrowVerdict } from './options.ts'

const isVerdict = (given: unknown): given is ThrowVerdict =>
  given === 'release' || given === 'remember' || given === 'abandon'

/** What `onThrow` makes of this error. A policy that throws is reported, and the operation is given back. */
export function verdictOn({ options }: EngineContext, call: Call, error: unknown): ThrowVerdict {
  const policy = call.options.onThrow
  if (typeof policy !== 'function') return policy
  try {
    const verdict: unknown = policy(error)
    if (isVerdict(verdict)) return verdict
    reportRejection(options.onListenerError, verdict)
    throw new TypeError("onThrow must answer 'release', 'remember' or 'abandon', and not later")
  } catch (broken) {
    report(options.onListenerError, broken)
    return 'release'
  }
}

/** Whether `onThrow` makes this error the result. */
export function remembers(context: EngineContext, call: Call, error: unknown): boolean {
  return verdictOn(context, call, error) === 'remember'
}
