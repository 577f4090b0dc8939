import { operationId } from '../core/key.ts'
import type { ObservedRecord, OperationId } from '../core/record.ts'
import { failure, usage } from './exit.ts'
import { printable } from './text.ts'

/** An operation named on the command line. */
export interface Target {
  readonly id: OperationId
  readonly scope?: string
  readonly key?: string
}

export interface TargetOptions {
  readonly key?: string | undefined
  readonly scope?: string | undefined
  readonly id?: string | undefined
}

/** Reads KEY with --scope, or --id. Reserved scopes are allowed: an operator must be able to reach every record. */
export function targetOf({ key, scope, id }: TargetOptions): Target {
  if (id !== undefined) {
    if (key !== undefined || scope !== undefined) throw usage('give either --id ID or KEY with --scope S, not both')
    if (!/^[0-9a-f]{32}$/i.test(id)) {
      throw usage(`--id must be the 32 hexadecimal digits that \`onlyonce keys ls --json\` shows; got ${quoted(id)}`)
    }
    return { id: id.toLowerCase() }
  }
  if (key === undefined || key === '') throw usage('no operation was named: give KEY with --scope S, or --id ID')
  if (scope === undefined || scope === '') {
    throw usage(`key ${quoted(key)} needs its scope: give --scope S (\`onlyonce keys ls\` shows the scopes)`)
  }
  return { id: operationId(scope, key), scope, key }
}

/** @throws CliError when the record belongs to another operation than its id says, because it was altered */
export function requireSame(target: Target, record: ObservedRecord): void {
  const isStranger =
    (target.scope !== undefined && record.scope !== undefined && record.scope !== target.scope) ||
    (target.key !== undefined && record.key !== undefined && record.key !== target.key)
  if (!isStranger) return
  throw failure(
    `the record ${target.id} says it is ${labelOf(record)}, not ${labelOf(target)}: it was altered; not used`,
  )
}

/** Names an operation for a message. */
export function labelOf({ id, scope, key }: Target): string {
  return key === undefined ? `operation ${id}` : `${quoted(key)} in scope ${quoted(scope ?? '')}`
}

function quoted(text: string): string {
  return `"${printable(text)}"`
}
