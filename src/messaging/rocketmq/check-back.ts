import { type OperationKey, operationId } from '../../core/key.ts'
import type { Once } from '../../core/once.ts'
import type { ObservedRecord } from '../../core/record.ts'
import { recordsOf } from '../records.ts'
import type { RocketMessage } from './client.ts'

/** Scope, key and fingerprint of the operation a half message belongs to. */
const OPERATION_HEADER = 'onlyonce-operation'

/** The answers that `rocketmq-client-nodejs` accepts. */
export const RESOLUTION = { undecided: 0, commit: 1, rollback: 2 } as const
/** 0: undecided, ask again; 1: deliver it; 2: drop it. As `TransactionResolution` of `rocketmq-client-nodejs`. */
export type RocketResolution = (typeof RESOLUTION)[keyof typeof RESOLUTION]

/** Answers the broker about a half message whose outcome it has not heard: for the option `checker` of a `Producer`. */
export interface RocketChecker {
  /**
   * Asks the record of the message's operation. Rejects when the store cannot be read, and the broker asks again later.
   */
  check(message: Pick<RocketMessage, 'properties' | 'bornTimestamp'>): Promise<RocketResolution>
}

export function operationHeader({ scope, key, fingerprint }: Omit<OperationKey, 'id'>): readonly [string, string] {
  // A property must not have a control character; JSON escapes only some of them.
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  return [OPERATION_HEADER, JSON.stringify([scope, key, fingerprint]).replaceAll(/\p{Cc}/gu, escaped)]
}

/** Returns a checker that asks the record. If the store cannot be read, `check` rejects and the broker asks again. */
export function checker(once: Pick<Once, 'store' | 'options'>, rollbackAfterMs: number): RocketChecker {
  const { runtime, retentionMs } = once.options
  const records = recordsOf(once)
  return {
    async check({ properties, bornTimestamp }) {
      const operation = properties.get(OPERATION_HEADER)
      if (operation === undefined) return RESOLUTION.undecided
      const [scope, key, fingerprint] = JSON.parse(operation) as [string, string, string]
      const ageMs = runtime.now() - (bornTimestamp?.getTime() ?? runtime.now())
      const [record] = await records.find([operationId(scope, key)])
      // A record of another payload is what refused this one, and says nothing about it.
      const ours = record?.fingerprint === fingerprint ? record : undefined
      return resolutionOf(ours, ageMs, { rollbackAfterMs, retentionMs })
    },
  }
}

/** Returns what the record of an operation says about its half message. */
export function resolutionOf(
  record: Pick<ObservedRecord, 'state' | 'result'> | undefined,
  ageMs: number,
  { rollbackAfterMs, retentionMs }: { readonly rollbackAfterMs: number; readonly retentionMs: number },
): RocketResolution {
  if (record?.result !== undefined) return RESOLUTION_OF[record.result.kind]
  if (record?.state === 'running') return RESOLUTION.undecided
  // A record that is past its retention looks like none.
  return ageMs >= rollbackAfterMs && ageMs < retentionMs ? RESOLUTION.rollback : RESOLUTION.undecided
}

const RESOLUTION_OF = {
  value: RESOLUTION.commit,
  // The effect committed; only what it returned could not be kept.
  unstorable: RESOLUTION.commit,
  // A remembered error: the transaction left nothing but that.
  error: RESOLUTION.rollback,
  unknown: RESOLUTION.undecided,
} as const
