import type { Call, EngineContext } from './context.ts'
import type { ThrowVerdict } from './options.ts'
import { report, reportRejection } from './reporting.ts'

const isVerdict = (given: unknown): given is ThrowVerdict =>
  given === 'release' || given === 'remember' || given === 'abandon'

/** Applies `onThrow` to an error. An error of the policy itself is reported, and the verdict is `release`. */
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

/** Whether `onThrow` stores this error as the result. */
export function remembers(context: EngineContext, call: Call, error: unknown): boolean {
  return verdictOn(context, call, error) === 'remember'
}
