import type { OperationKey } from '../../core/key.ts'
import type { Once, OperationView } from '../../core/once.ts'
import type { RocketMessage } from './client.ts'

/** Scope and key of the operation a half message belongs to. */
const OPERATION_HEADER = 'onlyonce-operation'

/** What `rocketmq-client-nodejs` takes as an answer. */
export const RESOLUTION = { undecided: 0, commit: 1, rollback: 2 } as const
export type Resolution = (typeof RESOLUTION)[keyof typeof RESOLUTION]

/** Asked by the broker about a half message of which it has not heard. */
export interface Checker {
  check(message: Pick<RocketMessage, 'properties' | 'bornTimestamp'>): Promise<Resolution>
}

export function operationHeader({ scope, key }: Pick<OperationKey, 'scope' | 'key'>): readonly [string, string] {
  // A property must not have a control character; JSON escapes only some of them.
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  return [OPERATION_HEADER, JSON.stringify([scope, key]).replaceAll(/\p{Cc}/gu, escaped)]
}

/** Answers from the record. A store that cannot be read leaves the broker to ask again. */
export function checker(once: Pick<Once, 'find' | 'options'>, rollbackAfterMs: number): Checker {
  const { runtime, retentionMs } = once.options
  return {
    async check({ properties, bornTimestamp }) {
      const operation = properties.get(OPERATION_HEADER)
      if (operation === undefined) return RESOLUTION.undecided
      const [scope, key] = JSON.parse(operation) as [string, string]
      const ageMs = runtime.now() - (bornTimestamp?.getTime() ?? runtime.now())
      return resolutionOf(await once.find({ scope, key }), ageMs, { rollbackAfterMs, retentionMs })
    },
  }
}

/** What the record of an operation says about its half message. */
export function resolutionOf(
  record: Pick<OperationView, 'state' | 'result'> | undefined,
  ageMs: number,
  { rollbackAfterMs, retentionMs }: { readonly rollbackAfterMs: number; readonly retentionMs: number },
): Resolution {
  // A remembered error: the transaction left nothing but that.
  if (record?.state === 'done') return record.result?.kind === 'error' ? RESOLUTION.rollback : RESOLUTION.commit
  if (record !== undefined && record.state !== 'idle') return RESOLUTION.undecided
  // A record that is past its retention looks like none.
  return ageMs >= rollbackAfterMs && ageMs < retentionMs ? RESOLUTION.rollback : RESOLUTION.undecided
}
