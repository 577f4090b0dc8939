import { decodeResult, encodeResult } from './codec.ts'
import { OnlyonceError } from './errors.ts'
import type { OperationKey } from './key.ts'
import { operationId, quote } from './key.ts'
import type { Operation } from './once.ts'
import type { Step, Steps } from './record.ts'

export interface OperationParts {
  readonly named: OperationKey
  readonly attempt: number
  readonly starts: number
  readonly fence: number
  readonly owner: string
  readonly steps: Steps
  /** Stores all steps so far; left out where the effect is one transaction and steps need no place of their own. */
  readonly saveSteps?: (steps: Steps) => Promise<void>
}

export interface OperationControl {
  readonly op: Operation
  /** Aborts `op.signal`. */
  abort(reason: OnlyonceError): void
}

/** An empty body marks a step that ran but whose result could not be stored: it must not run again either. */
const UNSTORABLE = new Uint8Array(0)

export function createOperation(parts: OperationParts): OperationControl {
  const { named, saveSteps } = parts
  const steps: Step[] = [...parts.steps]
  const begun = new Set<string>()
  let controller: AbortController | undefined
  let aborted: OnlyonceError | undefined

  async function step<T>(name: string, fn: () => Promise<T> | T): Promise<T> {
    if (typeof name !== 'string' || name === '') throw new OnlyonceError('OPTION_INVALID', 'a step needs a name')
    if (begun.has(name)) {
      throw new OnlyonceError(
        'OPTION_INVALID',
        `step ${quote(name)} of ${quote(named.key)} was used twice; step names are unique`,
      )
    }
    begun.add(name)
    const finished = steps.find((one) => one.name === name)
    if (finished !== undefined) return replayStep<T>(finished)
    if (aborted !== undefined) throw aborted
    const made: Step = { name, result: encodeStep(await fn()) }
    steps.push(made)
    await saveSteps?.([...steps])
    return replayStep<T>(made)
  }

  function replayStep<T>({ name, result }: Step): T {
    if (result.length > 0) return decodeResult(result) as T
    throw new OnlyonceError(
      'RESULT_UNSERIALIZABLE',
      `step ${quote(name)} of ${quote(named.key)} ran, but its result cannot be stored: return plain data from it`,
    )
  }

  const op: Operation = {
    scope: named.scope,
    key: named.key,
    attempt: parts.attempt,
    starts: parts.starts,
    fence: parts.fence,
    owner: parts.owner,
    get signal() {
      // Made on demand: most effects never look at it, and it costs more than the rest of the operation.
      if (controller === undefined) {
        controller = new AbortController()
        if (aborted !== undefined) controller.abort(aborted)
      }
      return controller.signal
    },
    step,
    child: (name) => childKey(named, name),
  }

  return {
    op,
    abort(reason) {
      aborted ??= reason
      controller?.abort(reason)
    },
  }
}

/** A fixed-length key that names one part of one operation: safe to send to systems that limit length or alphabet. */
export function childKey({ id }: Pick<OperationKey, 'id'>, name: string): string {
  return operationId(id, name)
}

function encodeStep(value: unknown): Uint8Array {
  try {
    return encodeResult(value)
  } catch (error) {
    if (OnlyonceError.is(error)) return UNSTORABLE
    throw error
  }
}
