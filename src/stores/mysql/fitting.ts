import { OnlyonceError } from '../../core/errors.ts'
import { quote } from '../../core/key.ts'
import type { Steps } from '../../core/record.ts'
import type { ClaimRequest, Completion, Renewal } from '../../core/store.ts'
import { KINDS } from '../sql/rows.ts'
import { packSteps } from '../sql/steps.ts'
import { base64, type Field, leaseFields, micros, optionalField, sizeOf } from './packing.ts'

/** Allowance for the part of a packet that is not fields. */
const MARGIN_BYTES = 1_024
const NO_BYTES = new Uint8Array(0)

/** Bytes for the fields of a statement in one packet. The server refuses larger packets and closes the connection. */
export function roomIn(maxPacketBytes: number): number {
  return maxPacketBytes - MARGIN_BYTES
}

/** Upper bound of the size of a claim's fields: text with NUL is stored as JSON, six times as long, then as base64. */
export function claimSize({ scope = '', key = '', fingerprint, owner }: ClaimRequest): number {
  return 8 * Buffer.byteLength(scope + key + fingerprint + owner) + 512
}

/**
 * A result that does not fit is replaced by `unstorable` with the reason: its effect ran, and must not run again
 * because the server refuses its result.
 */
export function completionFields({ lease, result, retentionMs }: Completion, maxPacketBytes: number): readonly Field[] {
  const fields = (kind: (typeof KINDS)[number], body: Uint8Array | string) => {
    return [...leaseFields(lease), KINDS.indexOf(kind), micros(retentionMs), base64(body)]
  }
  const whole = fields(result.kind, result.body)
  if (sizeOf(whole) <= roomIn(maxPacketBytes)) return whole
  const size = `it has ${result.body.length} bytes, in base64 ${whole.at(-1)?.toString().length}`
  return fields('unstorable', `${size}, and ${whoseLimit(maxPacketBytes)}, or return a reference to it instead`)
}

export function renewalFields(renewal: Renewal, maxPacketBytes: number): readonly Field[] {
  const { steps = [] } = renewal
  return [...bareFields(renewal), optionalField(packSteps(fittingSteps(renewal, maxPacketBytes))), steps.length]
}

/** @throws OnlyonceError RESULT_UNSERIALIZABLE when the result of the newest step was left out */
export function requireNewestStep(renewal: Renewal, maxPacketBytes: number): void {
  const newest = renewal.steps?.at(-1)
  const size = newest?.result.length ?? 0
  if (newest === undefined || size === 0) return
  if (fittingSteps(renewal, maxPacketBytes).at(-1)?.result.length === size) return
  throw new OnlyonceError(
    'RESULT_UNSERIALIZABLE',
    `step ${quote(newest.name)} ran, but its result of ${size} bytes is not stored beside those of the steps before it: ` +
      `${whoseLimit(maxPacketBytes)}, or return less from it. It counts as run, and does not run again`,
  )
}

/**
 * Empties the results that do not fit: an empty one means that the step ran, see `core/operation.ts`. Whether a step
 * fits depends only on the steps before it, so that a later save keeps every result that an earlier one has stored.
 */
function fittingSteps(renewal: Renewal, maxPacketBytes: number): Steps {
  const { steps = [] } = renewal
  const room = roomIn(maxPacketBytes) - sizeOf([...bareFields(renewal), '', steps.length])
  // Base64 is applied twice: to each result, then to the whole list.
  let left = Math.floor(room / 4) * 3
  return steps.map((step) => {
    const bare = { ...step, result: NO_BYTES }
    left -= packedSize([bare])
    const more = Math.ceil(step.result.length / 3) * 4
    if (more > left) return bare
    left -= more
    return step
  })
}

function packedSize(steps: Steps): number {
  return Buffer.byteLength(packSteps(steps) ?? '')
}

function bareFields({ lease, leaseMs, retentionMs }: Renewal): readonly Field[] {
  return [...leaseFields(lease), micros(leaseMs), micros(retentionMs)]
}

function whoseLimit(maxPacketBytes: number): string {
  return `max_allowed_packet of the server is ${maxPacketBytes}: raise it`
}
