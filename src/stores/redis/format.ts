import { FOREVER, retained } from '../../core/lifecycle.ts'
import type { ObservedRecord, OperationId, OperationState, Steps, StoredResult } from '../../core/record.ts'
import { packText, unpackText } from '../../core/stored-text.ts'
import { readFingerprint, readNames, readOwner } from './names.ts'

/** Format of a record, whose layout is described in scripts/record.lua. */
const FORMAT = 1
const HEAD_BYTES = 38

/** The largest time in six bytes stands for "never". */
const NEVER = 2 ** 48 - 1

const AWAITED = 3
const STATES: Readonly<Record<number, OperationState>> = { 1: 'idle', 2: 'running', [AWAITED]: 'running' }
export const KINDS = { value: 4, error: 5, unstorable: 6, unknown: 7 } as const
const KIND_OF = Object.fromEntries(Object.entries(KINDS).map(([kind, code]) => [code, kind])) as Readonly<
  Record<number, StoredResult['kind']>
>

/** Converts the body of a done record. The bytes are copied, because a client may reuse its buffer. */
export function toResult(state: number, body: Uint8Array): StoredResult {
  const kind = KIND_OF[state]
  if (kind === undefined) throw new Error(`there is no state ${state}`)
  return { kind, body: new Uint8Array(body) }
}

/** Decodes a record; `undefined` when its retention is over. @throws Error when the bytes are not a record */
export function toRecord(id: OperationId, bytes: Buffer, readAt: number): ObservedRecord | undefined {
  if (bytes.length < HEAD_BYTES) throw new Error(`it has ${bytes.length} bytes`)
  if (bytes[0] !== FORMAT) throw new Error(`its format is ${bytes[0]}, and this onlyonce reads ${FORMAT}`)
  const state = bytes[1] as number
  const names = HEAD_BYTES + (bytes[33] as number) + bytes.readUInt16BE(34)
  const body = names + bytes.readUInt16BE(36)
  if (body > bytes.length) throw new Error('it is cut short')
  const fingerprint = HEAD_BYTES + (bytes[33] as number)
  const isDone = STATES[state] === undefined
  const retention = bytes.readUIntBE(15, 6)
  const record = {
    id,
    ...readNames(bytes.subarray(names, body)),
    fingerprint: readFingerprint(bytes.subarray(fingerprint, names)),
    state: STATES[state] ?? 'done',
    owner: readOwner(bytes.subarray(HEAD_BYTES, fingerprint)),
    fence: bytes[2] === undefined ? 0 : bytes[2] * 2 ** 48 + bytes.readUIntBE(3, 6),
    leaseUntil: bytes.readUIntBE(9, 6),
    retainUntil: retention === NEVER ? FOREVER : retention,
    createdAt: bytes.readUIntBE(21, 6),
    attempt: bytes.readUIntBE(27, 3),
    starts: bytes.readUIntBE(30, 3),
    steps: isDone ? [] : readSteps(bytes.subarray(body)),
    ...(isDone ? { result: toResult(state, bytes.subarray(body)) } : {}),
  }
  return retained(record, readAt) && { ...record, readAt }
}

/** Encodes the number of steps, then each name and result with its length. Empty without steps. */
export function packSteps(steps: Steps): Buffer {
  if (steps.length === 0) return Buffer.alloc(0)
  const parts = [lengthOf(steps.length)]
  for (const { name, result } of steps) {
    const text = Buffer.from(packText(name))
    parts.push(lengthOf(text.length), text, lengthOf(result.length), Buffer.from(result))
  }
  return Buffer.concat(parts)
}

export function readSteps(bytes: Buffer): Steps {
  if (bytes.length === 0) return []
  let at = 4
  const next = () => {
    const start = at + 4
    at = start + bytes.readUInt32BE(at)
    if (at > bytes.length) throw new Error('its steps are cut short')
    return bytes.subarray(start, at)
  }
  return Array.from({ length: bytes.readUInt32BE(0) }, () => ({
    name: unpackText(next().toString()),
    result: new Uint8Array(next()),
  }))
}

function lengthOf(count: number): Buffer {
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(count)
  return bytes
}
